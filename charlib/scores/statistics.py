"""Intervals, paired tests, agreement coefficients, and how many questions a claim needs.

    interval = stats.mean(values, clusters=paragraphs)      # clustered bootstrap
    interval.value, interval.low, interval.high, interval.n
    stats.mcnemar(right, also_right)                        # exact p
    stats.questions_needed(0.10)                            # for a difference of ten points

Questions drawn from one paragraph, or from one pair, are not independent: they are resampled
together.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95


DRAWS = 2000


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence limits; `n` counts items, `clusters` what was resampled."""

    value: float
    low: float
    high: float
    n: int
    clusters: int = 0

    def excludes(self, point: float = 0.0) -> bool:
        """Whether the interval lies wholly on one side of a point."""
        return self.low > point or self.high < point

    def row(self, digits: int = 4) -> dict:
        """As the records of scores.json: value, ci_low, ci_high, n."""
        return {"value": round(self.value, digits), "ci_low": round(self.low, digits), "ci_high": round(self.high, digits), "n": self.n}


def wilson(successes: int, n: int, level: float = LEVEL) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927). Raises ValueError for n < 1."""
    from scipy.stats import binomtest

    _need(n)
    limits = binomtest(successes, n).proportion_ci(level, method="wilson")
    return Interval(successes / n, float(limits.low), float(limits.high), n, n)


def beta(successes: int, n: int, level: float = LEVEL) -> Interval:
    """Equal-tailed interval of the Beta posterior under Jeffreys' prior (Brown, Cai and DasGupta
    2001); 0/n and n/n reach the edge.
    """
    from scipy.stats import beta as distribution

    _need(n)
    posterior = distribution(successes + 0.5, n - successes + 0.5)
    low = 0.0 if successes == 0 else float(posterior.ppf((1 - level) / 2))
    high = 1.0 if successes == n else float(posterior.ppf((1 + level) / 2))
    return Interval(successes / n, low, high, n, n)


def difference(first: int, n: int, second: int, m: int, level: float = LEVEL) -> Interval:
    """first/n minus second/m of two unpaired groups, with Newcombe's interval from their Wilson
    limits (Newcombe 1998, method 10).
    """
    a, b = wilson(first, n, level), wilson(second, m, level)
    gap = a.value - b.value
    low, high = math.hypot(a.value - a.low, b.high - b.value), math.hypot(a.high - a.value, b.value - b.low)
    return Interval(gap, gap - low, gap + high, n + m, n + m)


def _need(n: int) -> None:
    if n < 1:
        raise ValueError("an interval needs at least one observation")


def mean(values: Sequence[float], clusters: Sequence | None = None, *, weights: Sequence[float] | None = None, level: float = LEVEL,
         draws: int = DRAWS, seed: int = 0, bounds: tuple[float, float] | None = None) -> Interval:  # fmt: skip
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
        unseen = 1 - wilson(count, count, level).low
        low, high = estimate - (estimate - bounds[0]) * unseen, estimate + (bounds[1] - estimate) * unseen
        return Interval(estimate, low, high, len(values), count)
    picks = _resample(count, draws, seed)
    totals = bottom[picks].sum(1)
    drawn = np.divide(top[picks].sum(1), totals, out=np.full(draws, estimate), where=totals > 0)
    low, high = _limits(drawn, count, level)
    return Interval(estimate, low, high, len(values), count)


def bootstrap(statistic: Callable[[np.ndarray], float], n: int, clusters: Sequence | None = None, *, level: float = LEVEL,
              draws: int = DRAWS, seed: int = 0) -> Interval:  # fmt: skip
    """Any statistic of item indices, `statistic(indices) -> float`, with a clustered percentile
    interval; nan draws are left out.
    """
    _need(n)
    codes, count = _codes(clusters, n)
    members = [np.flatnonzero(codes == code) for code in range(count)]
    drawn = np.array([statistic(np.concatenate([members[code] for code in pick])) for pick in _resample(count, draws, seed)])
    drawn = drawn[~np.isnan(drawn)]
    estimate = float(statistic(np.arange(n)))
    low, high = _limits(drawn, count, level) if len(drawn) else (math.nan, math.nan)
    return Interval(estimate, low, high, n, count)


def _codes(clusters: Sequence | None, n: int) -> tuple[np.ndarray, int]:
    """Cluster numbers 0..k-1 in order of appearance; an item without a cluster (None) is one by
    itself.
    """
    if clusters is None:
        return np.arange(n), n
    if len(clusters) != n:
        raise ValueError(f"{len(clusters)} clusters for {n} items")
    seen: dict = {}
    codes = [seen.setdefault(("alone", index) if name is None else ("named", name), len(seen)) for index, name in enumerate(clusters)]
    return np.asarray(codes), len(seen)


def _resample(count: int, draws: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, count, (draws, count))


def _limits(drawn: np.ndarray, clusters: int, level: float) -> tuple[float, float]:
    from scipy.stats import norm, t

    tail = (1 - level) / 2
    if clusters > 1:
        tail = float(norm.cdf(math.sqrt(clusters / (clusters - 1)) * t.ppf(tail, clusters - 1)))
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
    only_first, only_second = int((a & ~b).sum()), int((b & ~a).sum())
    total = only_first + only_second
    return (float(binomtest(only_first, total).pvalue) if total else 1.0), only_first, only_second


def permutation(differences: Sequence[float], clusters: Sequence | None = None, *, draws: int = 9999, seed: int = 0) -> float:
    """Two-sided p of a paired permutation test: the signs of whole clusters of differences are
    flipped; exact for few clusters.
    """
    from scipy.stats import permutation_test

    values = np.asarray(differences, dtype=float)
    codes, count = _codes(clusters, len(values))
    sums = np.bincount(codes, values, count)
    sums = sums[sums != 0]  # flipping nothing changes nothing
    if not len(sums):
        return 1.0
    if len(sums) == 1:
        return 1.0  # both flips are equally far from nothing

    def statistic(a, b, axis):
        return (a - b).sum(axis=axis)

    result = permutation_test(
        (sums, np.zeros_like(sums)),
        statistic,
        permutation_type="samples",
        n_resamples=draws,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(min(1.0, result.pvalue))


def holm(values: dict[str, float | None]) -> dict[str, float | None]:
    """Holm's step-down adjustment of named p values; None stays None and does not count."""
    known = sorted((p, name) for name, p in values.items() if p is not None)
    adjusted, running = dict.fromkeys(values), 0.0
    for rank, (p, name) in enumerate(known):
        running = max(running, min(1.0, p * (len(known) - rank)))
        adjusted[name] = running
    return adjusted


def weighted_kappa(first: Sequence, second: Sequence, *, weights: str = "quadratic", clusters: Sequence | None = None, seed: int = 0,
                   draws: int = 500) -> Interval:  # fmt: skip
    """Cohen's kappa of two raters with "linear" or "quadratic" weights (or None for names), and a
    bootstrap interval over items.

    Pairs in which one is missing (None or nan) are left out. The value is nan where both always say
    one same thing.
    """
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if not (_missing(a) or _missing(b))]
    groups = None
    if clusters is not None:
        groups = [c for a, b, c in zip(first, second, clusters, strict=True) if not (_missing(a) or _missing(b))]
    _need(len(pairs))
    labels = sorted({value for pair in pairs for value in pair})
    place = {label: index for index, label in enumerate(labels)}
    a, b = (np.array([place[pair[side]] for pair in pairs]) for side in (0, 1))
    cost = _costs(labels, weights)

    def kappa(index):
        observed = cost[a[index], b[index]].mean()
        table = np.outer(np.bincount(a[index], minlength=len(labels)), np.bincount(b[index], minlength=len(labels)))
        expected = (cost * table).sum() / len(index) ** 2
        return 1 - observed / expected if expected else math.nan

    return bootstrap(kappa, len(pairs), groups, seed=seed, draws=draws)


def _costs(labels: list, weights: str | None) -> np.ndarray:
    """Disagreement weights between labels; numbers keep their true distances."""
    if weights is None:
        return 1.0 - np.eye(len(labels))
    numbers = labels if all(isinstance(label, int | float | np.number) for label in labels) else range(len(labels))
    distance = np.abs(np.subtract.outer(np.array(list(numbers), dtype=float), np.array(list(numbers), dtype=float)))
    if weights not in ("linear", "quadratic"):
        raise ValueError("weights are 'linear', 'quadratic' or None")
    return distance if weights == "linear" else distance**2


def alpha(ratings: Sequence[Sequence[float | None]], *, measurement: str = "ordinal", seed: int = 0, draws: int = 300) -> Interval:
    """Krippendorff's alpha of a table (raters, items), None or nan where missing, with a bootstrap
    interval over items.

    `measurement` is "nominal", "ordinal", "interval" or "ratio". The value is nan where nothing
    varies.
    """
    import krippendorff

    table = np.array([[math.nan if _missing(value) else float(value) for value in row] for row in ratings])
    rated = np.flatnonzero((~np.isnan(table)).sum(0) > 1)
    if len(table) < 2 or not len(rated):
        raise ValueError("agreement needs two raters who rated the same items")
    table = table[:, rated]

    def value(index):
        chosen = table[:, index]
        if len(np.unique(chosen[~np.isnan(chosen)])) < 2:
            return math.nan
        return float(krippendorff.alpha(reliability_data=chosen, level_of_measurement=measurement))

    return bootstrap(value, len(rated), seed=seed, draws=draws)


def _missing(value) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def questions_needed(difference: float, *, share: float = 0.5, correlation: float = 0.0, power: float = 0.8, level: float = LEVEL,
                     per_cluster: float = 1.0, similarity: float = 0.0) -> int:  # fmt: skip
    """How many questions two systems must both answer for a difference in shares to be seen
    (McNemar; Connor 1987).

    `share` is the weaker system's share right; `correlation` of the two systems' successes lowers
    the number; questions that come `per_cluster` to a paragraph with intra-class correlation
    `similarity` raise it. Raises ValueError for a difference that cannot be.
    """
    from scipy.stats import norm

    better = share + difference
    if not 0 < difference <= 1 or not 0 <= share <= 1 or better > 1 + 1e-9:
        raise ValueError(f"a difference of {difference} from a share of {share} cannot be: the better share must stay within 1")
    joint = correlation * math.sqrt(max(0.0, share * (1 - share) * better * (1 - better)))
    discordant = max(difference, share * (1 - better) + better * (1 - share) - 2 * joint)
    above, reach = norm.ppf((1 + level) / 2), norm.ppf(power)
    pairs = (above * math.sqrt(discordant) + reach * math.sqrt(max(0.0, discordant - difference**2))) ** 2 / difference**2
    return math.ceil(pairs * (1 + (per_cluster - 1) * similarity))


def difference_seen(questions: int, *, share: float = 0.5, **given) -> float | None:
    """The smallest difference in shares that so many questions would show, to half a point; None
    when not even the largest.
    """
    steps = [step / 200 for step in range(1, int((1 - share) * 200) + 1)]
    return next((step for step in steps if questions_needed(step, share=share, **given) <= questions), None)


def variance_split(table: Sequence[Sequence[float]]) -> dict[str, float]:
    """Variance of scores (seeds, items) split between seeds, items and the rest (two-way random
    effects, method of moments).

    Gives `seeds`, `items`, `rest` (variances, never below 0), and `se_seeds`, `se_items`: what each
    adds to the error of the grand mean. Raises ValueError for fewer than two seeds or items.
    """
    scores = np.asarray(table, dtype=float)
    if scores.ndim != 2 or min(scores.shape) < 2:
        raise ValueError("a split between seeds and items needs at least two of each")
    seeds, items = scores.shape
    grand, by_seed, by_item = scores.mean(), scores.mean(1), scores.mean(0)
    square_seeds = items * ((by_seed - grand) ** 2).sum() / (seeds - 1)
    square_items = seeds * ((by_item - grand) ** 2).sum() / (items - 1)
    residual = scores - by_seed[:, None] - by_item[None, :] + grand
    rest = (residual**2).sum() / ((seeds - 1) * (items - 1))
    found = {"seeds": max(0.0, (square_seeds - rest) / items), "items": max(0.0, (square_items - rest) / seeds), "rest": rest}
    found |= {"se_seeds": math.sqrt(found["seeds"] / seeds), "se_items": math.sqrt(found["items"] / items)}
    found["se_rest"] = math.sqrt(rest / (seeds * items))
    return {name: float(value) for name, value in found.items()}


def at_equal_length(differences: Sequence[float], log_lengths: Sequence[float], clusters: Sequence | None = None, *, seed: int = 0,
                    draws: int = DRAWS) -> dict:  # fmt: skip
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
        return {"value": None, "n": len(y), "slope": None, "reason": "too few items, or lengths that differ all alike"}

    def fit(index):
        chosen = x[index]
        spread = chosen.var()
        slope = np.cov(chosen, y[index], bias=True)[0, 1] / spread if spread > 1e-12 else 0.0
        return slope, y[index].mean() - slope * chosen.mean()

    interval = bootstrap(lambda index: fit(index)[1], len(y), clusters, seed=seed, draws=min(draws, 1000))
    return interval.row() | {"slope": round(float(fit(np.arange(len(y)))[0]), 4)}
