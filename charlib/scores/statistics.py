"""Intervals, paired tests, agreement coefficients, and how many questions a claim needs.

    interval = scores.mean(values, clusters=paragraphs)      # clustered bootstrap
    interval.value, interval.low, interval.high, interval.n
    scores.mcnemar(right, also_right)                        # exact p
    scores.questions_needed(0.10)                            # for a difference of ten points

Questions drawn from one paragraph, or from one pair, are not independent: they are resampled
together. All intervals are of 95%.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
DRAWS = 2000


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence limits; `n` counts items."""

    value: float
    low: float
    high: float
    n: int

    def row(self) -> dict:
        """As the records of scores.json: value, ci_low, ci_high, n."""
        value, low, high = (round(number, 4) for number in (self.value, self.low, self.high))
        return {"value": value, "ci_low": low, "ci_high": high, "n": self.n}


def none(reason: str, **more) -> dict:
    """The record of what could not be measured."""
    return {"value": None, "n": 0, **more, "reason": reason}


def wilson(successes: int, n: int) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927). Raises ValueError for n < 1."""
    from scipy.stats import binomtest

    _need(n)
    limits = binomtest(successes, n).proportion_ci(LEVEL, method="wilson")
    return Interval(successes / n, float(limits.low), float(limits.high), n)


def difference(first: int, n: int, second: int, m: int) -> Interval:
    """first/n minus second/m of two unpaired groups, with Newcombe's interval from their Wilson
    limits (Newcombe 1998, method 10).
    """
    a, b = wilson(first, n), wilson(second, m)
    gap = a.value - b.value
    low = math.hypot(a.value - a.low, b.high - b.value)
    return Interval(gap, gap - low, gap + math.hypot(a.high - a.value, b.value - b.low), n + m)


def _need(n: int) -> None:
    if n < 1:
        raise ValueError("an interval needs at least one observation")


def mean(values: Sequence[float], clusters: Sequence | None = None, *,
         weights: Sequence[float] | None = None, draws: int = DRAWS, seed: int = 0,
         bounds: tuple[float, float] | None = None) -> Interval:
    """The mean of `values` with a bootstrap interval over whole clusters; with `weights` the ratio
    sum(values)/sum(weights).

    Percentile limits, widened to Student's t for few clusters (Hesterberg 2015, "expanded
    percentile"). `bounds` are the values' limits: where all values are equal resampling shows no
    spread, and the limits are what Wilson's interval leaves open to unseen clusters.
    """
    values = np.asarray(values, dtype=float)
    _need(len(values))
    sizes = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=float)
    codes, count = _codes(clusters, len(values))
    top, bottom = np.bincount(codes, values, count), np.bincount(codes, sizes, count)
    estimate = float(top.sum() / bottom.sum()) if bottom.sum() else math.nan
    shares = np.divide(values, sizes, out=np.zeros_like(values), where=sizes > 0)[sizes > 0]
    if bounds and len(shares) and np.all(shares == shares[0]):
        # the share of clusters that may differ although none did
        unseen = 1 - wilson(count, count).low
        low = estimate - (estimate - bounds[0]) * unseen
        return Interval(estimate, low, estimate + (bounds[1] - estimate) * unseen, len(values))
    picks = _resample(count, draws, seed)
    totals = bottom[picks].sum(1)
    drawn = np.divide(top[picks].sum(1), totals, out=np.full(draws, estimate), where=totals > 0)
    return Interval(estimate, *_limits(drawn, count), len(values))


def bootstrap(statistic: Callable[[np.ndarray], float], n: int, clusters: Sequence | None = None,
              *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Any statistic of item indices, `statistic(indices) -> float`, with a clustered percentile
    interval; nan draws are left out. (scipy's bootstrap knows no clusters.)
    """
    _need(n)
    codes, count = _codes(clusters, n)
    members = [np.flatnonzero(codes == code) for code in range(count)]
    drawn = np.array([statistic(np.concatenate([members[code] for code in pick]))
                      for pick in _resample(count, draws, seed)])
    drawn = drawn[~np.isnan(drawn)]
    limits = _limits(drawn, count) if len(drawn) else (math.nan, math.nan)
    return Interval(float(statistic(np.arange(n))), *limits, n)


def _codes(clusters: Sequence | None, n: int) -> tuple[np.ndarray, int]:
    """Cluster numbers 0..k-1 in order of appearance; an item without a cluster (None) is one by
    itself.
    """
    names = [None] * n if clusters is None else clusters
    if len(names) != n:
        raise ValueError(f"{len(names)} clusters for {n} items")
    seen: dict = {}
    codes = [seen.setdefault((index, "alone") if name is None else (name,), len(seen))
             for index, name in enumerate(names)]
    return np.asarray(codes), len(seen)


def _resample(count: int, draws: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, count, (draws, count))


def _limits(drawn: np.ndarray, clusters: int) -> tuple[float, float]:
    from scipy.stats import norm, t

    tail = (1 - LEVEL) / 2
    if clusters > 1:
        wider = math.sqrt(clusters / (clusters - 1)) * t.ppf(tail, clusters - 1)
        tail = float(norm.cdf(wider))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> tuple[float, int, int]:
    """Exact McNemar test of paired yes/no outcomes: (two-sided p, only the first right, only the
    second right).
    """
    from scipy.stats import binomtest

    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.shape != b.shape:
        raise ValueError("paired outcomes need the same items in the same order")
    ours, theirs = int((a & ~b).sum()), int((b & ~a).sum())
    total = ours + theirs
    return (float(binomtest(ours, total).pvalue) if total else 1.0), ours, theirs


def permutation(differences: Sequence[float], clusters: Sequence | None = None, *,
                draws: int = 9999, seed: int = 0) -> float:
    """Two-sided p of a paired permutation test: the signs of whole clusters of differences are
    flipped; exact for few clusters.
    """
    from scipy.stats import permutation_test

    values = np.asarray(differences, dtype=float)
    sums = np.bincount(_codes(clusters, len(values))[0], values)
    sums = sums[sums != 0]  # flipping nothing changes nothing
    if len(sums) < 2:  # both flips of one are equally far from nothing
        return 1.0
    result = permutation_test(
        (sums, np.zeros_like(sums)), lambda a, b, axis: (a - b).sum(axis=axis), vectorized=True,
        permutation_type="samples", n_resamples=draws, rng=np.random.default_rng(seed))
    return float(min(1.0, result.pvalue))


def holm(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Holm's step-down adjustment of named p values; None stays None and does not count."""
    known = sorted((p, name) for name, p in values.items() if p is not None)
    adjusted, running = dict.fromkeys(values), 0.0
    for rank, (p, name) in enumerate(known):
        running = max(running, min(1.0, p * (len(known) - rank)))
        adjusted[name] = running
    return adjusted


def weighted_kappa(first: Sequence, second: Sequence, *, clusters: Sequence | None = None,
                   seed: int = 0, draws: int = 500) -> Interval:
    """Cohen's kappa of two raters with quadratic weights, and a bootstrap interval over items.
    Numbers keep their true distances, unlike in scikit-learn; names are as far apart as they sort.

    Pairs in which one is missing (None or nan) are left out. The value is nan where both always say
    one same thing.
    """
    groups = clusters if clusters is not None else [None] * len(first)
    rows = [row for row in zip(first, second, groups, strict=True)
            if not (_missing(row[0]) or _missing(row[1]))]
    _need(len(rows))
    labels = sorted({value for row in rows for value in row[:2]})
    place = {label: index for index, label in enumerate(labels)}
    a, b = (np.array([place[row[side]] for row in rows]) for side in (0, 1))
    plain = all(isinstance(label, int | float | np.number) for label in labels)
    numbers = np.array(labels if plain else range(len(labels)), dtype=float)
    cost = np.subtract.outer(numbers, numbers) ** 2

    def kappa(index):
        table = np.outer(*(np.bincount(x[index], minlength=len(labels)) for x in (a, b)))
        expected = (cost * table).sum() / len(index) ** 2
        return 1 - cost[a[index], b[index]].mean() / expected if expected else math.nan

    return bootstrap(kappa, len(rows), [row[2] for row in rows], seed=seed, draws=draws)


def alpha(ratings: Sequence[Sequence], *, seed: int = 0, draws: int = 300) -> Interval:
    """Krippendorff's alpha for ordinal ratings, a table (raters, items), None or nan where missing,
    with a bootstrap interval over items. The value is nan where nothing varies.
    """
    import krippendorff

    table = np.array([[math.nan if _missing(x) else float(x) for x in row] for row in ratings])
    rated = np.flatnonzero((~np.isnan(table)).sum(0) > 1)
    if len(table) < 2 or not len(rated):
        raise ValueError("agreement needs two raters who rated the same items")
    table = table[:, rated]

    def value(index):
        chosen = table[:, index]
        if len(np.unique(chosen[~np.isnan(chosen)])) < 2:
            return math.nan
        return float(krippendorff.alpha(chosen, level_of_measurement="ordinal"))

    return bootstrap(value, len(rated), seed=seed, draws=draws)


def _missing(value) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def questions_needed(difference: float, *, share: float = 0.5, correlation: float = 0.0,
                     power: float = 0.8) -> int:
    """How many questions two systems must both answer for a difference in shares to be seen
    (McNemar; Connor 1987).

    `share` is the weaker system's share right; `correlation` of the two systems' successes lowers
    the number. Raises ValueError for a difference that cannot be.
    """
    from scipy.stats import norm

    better = share + difference
    if not 0 < difference <= 1 or not 0 <= share <= 1 or better > 1 + 1e-9:
        raise ValueError(f"a difference of {difference} from a share of {share} cannot be: the "
                         "better share must stay within 1")
    joint = correlation * math.sqrt(max(0.0, share * (1 - share) * better * (1 - better)))
    discordant = max(difference, share * (1 - better) + better * (1 - share) - 2 * joint)
    above, reach = norm.ppf((1 + LEVEL) / 2), norm.ppf(power)
    spread = math.sqrt(max(0.0, discordant - difference**2))
    return math.ceil((above * math.sqrt(discordant) + reach * spread) ** 2 / difference**2)


def variance_split(table: Sequence[Sequence[float]]) -> dict[str, float]:
    """Variance of scores (seeds, items) split between seeds, items and the rest (two-way random
    effects, method of moments).

    Gives `seeds`, `items`, `rest` (variances, never below 0), and `se_seeds`, `se_items`,
    `se_rest`: what each adds to the error of the grand mean. Raises ValueError for fewer than two
    seeds or items.
    """
    scores = np.asarray(table, dtype=float)
    if scores.ndim != 2 or min(scores.shape) < 2:
        raise ValueError("a split between seeds and items needs at least two of each")
    seeds, items = scores.shape
    grand, by_seed, by_item = scores.mean(), scores.mean(1), scores.mean(0)
    square_seeds = items * ((by_seed - grand) ** 2).sum() / (seeds - 1)
    square_items = seeds * ((by_item - grand) ** 2).sum() / (items - 1)
    residual = scores - by_seed[:, None] - by_item[None, :] + grand
    rest = float((residual**2).sum() / ((seeds - 1) * (items - 1)))
    of_seeds = max(0.0, float(square_seeds - rest) / items)
    of_items = max(0.0, float(square_items - rest) / seeds)
    return {"seeds": of_seeds, "items": of_items, "rest": rest,
            "se_seeds": math.sqrt(of_seeds / seeds), "se_items": math.sqrt(of_items / items),
            "se_rest": math.sqrt(rest / (seeds * items))}


def at_equal_length(differences: Sequence[float], log_lengths: Sequence[float],
                    clusters: Sequence | None = None, *, seed: int = 0, draws: int = DRAWS) -> dict:
    """Paired score differences regressed on differences of log length: the difference that is left
    at equal length, with its interval.

    As in length-controlled AlpacaEval (Dubois et al. 2024), linear instead of logistic. `slope` is
    the gain of a reply e times as long. Where lengths never differ the slope is None and the plain
    difference is given; where they differ all alike nothing can be told apart, and `value` is None
    with a reason.
    """
    y, x = np.asarray(differences, dtype=float), np.asarray(log_lengths, dtype=float)
    if np.allclose(x, 0):
        return mean(y, clusters, seed=seed, draws=draws).row() | {"slope": None}
    if len(y) < 8 or float(np.ptp(x)) < 1e-6:
        return {"value": None, "n": len(y), "slope": None,
                "reason": "too few items, or lengths that differ all alike"}

    def fit(index):
        chosen = x[index]
        spread = chosen.var()
        slope = np.cov(chosen, y[index], bias=True)[0, 1] / spread if spread > 1e-12 else 0.0
        return slope, y[index].mean() - slope * chosen.mean()

    interval = bootstrap(lambda index: fit(index)[1], len(y), clusters, seed=seed,
                         draws=min(draws, 1000))
    return interval.row() | {"slope": round(float(fit(np.arange(len(y)))[0]), 4)}
