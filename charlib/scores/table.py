"""The content of scores.json: every part of every system, paired differences to the first system,
lengths and spread.

    table = scores.score(answers, profile, questions)
    table = scores.score(answers, profile, metrics=["my_metrics:irony"])
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from charlib.records import Answer, Profile, Question
from charlib.scores import statistics
from charlib.scores.dimensions import PARTS, formulas, names_said
from charlib.scores.parts import DIMENSIONS, Context, Part, Share, Unit, as_metrics
from charlib.scores.reading import Judged, judge_all
from charlib.scores.replies import HEARD

NOTE = "intervals are over questions, one training"


@dataclass
class _Measured:
    """One system: its answers, its records, and the units that its paired differences are of."""

    said: list[Judged]
    table: dict[str, dict]
    units: dict[str, Mapping[str, Unit]]
    names: dict[str, np.ndarray]


def score(answers: Sequence[Answer], profile: Profile, questions: Sequence[Question] | None = None,
          likelihoods: dict | None = None, seed: int = 0, *, metrics: Iterable[Callable | str] = (),
          base_model: str = "", voices: dict[str, list[str]] | None = None,
          retention: dict | None = None) -> dict:
    """The content of scores.json. `likelihoods` is `playground.likelihoods(...)`, `voices` lines by
    character's name for speaker identification, `retention` is `retained(...)`; each may be
    missing, and then says so. `simulacrum`, else the first system, is compared with every other.

    `metrics` are functions `(answers, context) -> {question id: number in 0..1}` or text
    `module:object` (`parts.metric` says more). Raises RunError for a metric that gives anything
    else.
    """
    own = as_metrics(metrics, PARTS)
    said = judge_all(answers, profile, questions)
    bank = {one.item.id: one.item for one in said} | {item.id: item for item in questions or ()}
    systems = {}
    for name in dict.fromkeys(answer.system for answer in answers):
        told = (likelihoods or {}).get(name, {})
        context = Context(profile, bank, told, voices or {}, seed)
        systems[name] = _measure([one for one in said if one.system == name], context, own)
    first = "simulacrum" if "simulacrum" in systems else next(iter(systems), "")
    pairs = {f"{first}-{name}": (systems[first], system)
             for name, system in systems.items() if name != first}
    table = {
        "character": profile.name, "base_model": base_model,
        "seeds": sorted({answer.seed for answer in answers}), "note": NOTE,
        "systems": {name: system.table for name, system in systems.items()},
        "paired": {name: _compare(*pair, seed) for name, pair in pairs.items()},
        "grounding": {name: _grounding_gap(*pair, seed) for name, pair in pairs.items()},
        "length": {
            "systems": {name: _lengths(system.said) for name, system in systems.items()},
            "paired": {name: _at_equal_length(*pair, seed) for name, pair in pairs.items()}},
        "spread": {name: {dimension: _spread(system.said, dimension) for dimension in DIMENSIONS}
                   for name, system in systems.items()},
        "formulas": formulas(own)}
    return table | ({"retention": retention} if retention else {})


def _measure(said: list[Judged], context: Context, metrics: Sequence[Part]) -> _Measured:
    """All parts of one system; metrics under a dimension stand beside its parts, the others beside
    the dimensions.
    """
    table: dict[str, dict] = {name: {"parts": {}, "beside": {}} for name in DIMENSIONS}
    units: dict[str, Mapping[str, Unit]] = {}
    for part in (*PARTS, *metrics):
        found = part.function(said, context)
        record = found.record(context.seed) if isinstance(found, Share) else found
        entry = table.setdefault(part.dimension or part.name, {"parts": {}, "beside": {}})
        if part.kind == "value" or not part.dimension:
            entry |= record
        elif record is not None:
            entry["beside" if part.kind == "beside" else "parts"][part.name] = record
        if part.kind == "value":
            units[part.dimension] = found.units
        elif part.kind == "text":
            units.setdefault(part.dimension, found.units)
            if "value" not in entry:
                entry |= record
        elif part in metrics:
            units[part.name] = found.units
    names: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2))
    for item, _, good, count in names_said(said, context):
        names[item] += (good, count)
    order = ("value", "ci_low", "ci_high", "n", "reason", "parts", "beside")
    table = {name: {key: entry[key] for key in order if key in entry}
             for name, entry in table.items()}
    return _Measured(said, table, units, names)


def _compare(first: _Measured, second: _Measured, seed: int) -> dict[str, dict]:
    """Paired differences on the items both answered: interval, p (exact McNemar or permutation),
    Holm over the five dimensions; and over the metrics, if any.
    """
    rows = {name: _difference(first.units[name], second.units[name], seed) for name in first.units}
    for family in (DIMENSIONS, [name for name in rows if name not in DIMENSIONS]):
        for name, p in statistics.holm({name: rows[name]["p"] for name in family}).items():
            row = rows[name]
            if p is not None:
                row["p_holm"] = round(p, 5)
                row["above"] = row["ci_low"] > 0 and p < 0.05
                row["not_below"] = row["ci_high"] >= 0 and row["difference"] >= -0.05
    return rows


def _difference(a: Mapping[str, Unit], b: Mapping[str, Unit], seed: int) -> dict:
    common = [key for key in a if key in b]
    if not common:
        return {"difference": None, "n": 0, "p": None, "reason": "no item that both answered"}
    ours, theirs = [a[key].value for key in common], [b[key].value for key in common]
    gaps = [mine - other for mine, other in zip(ours, theirs, strict=True)]
    clusters = [a[key].cluster for key in common]
    row = statistics.mean(gaps, clusters, seed=seed, bounds=(-1, 1)).row()
    named = [cluster for cluster in clusters if cluster is not None]
    yes_no = {*ours, *theirs} <= {0.0, 1.0} and len(set(named)) == len(named)
    if yes_no:
        p = statistics.mcnemar(ours, theirs)[0]
    else:
        p = statistics.permutation(gaps, clusters, seed=seed)
    varies = len(ours) > 2 and np.std(ours) > 0 and np.std(theirs) > 0
    return {
        "difference": row["value"], "ci_low": row["ci_low"], "ci_high": row["ci_high"],
        "p": round(p, 5), "n": sum(a[key].questions for key in common),
        "test": "exact McNemar" if yes_no else "paired permutation",
        "correlation": round(float(np.corrcoef(ours, theirs)[0, 1]), 4) if varies else None}


def _grounding_gap(first: _Measured, second: _Measured, seed: int) -> dict:
    """Paired difference of grounded precision on the questions and topics both were asked,
    resampled together.
    """
    common = [key for key in first.names if key in second.names]
    a, b = (np.array([system.names[key] for key in common]).reshape(-1, 2)
            for system in (first, second))
    if not common or not a[:, 1].sum() or not b[:, 1].sum():
        return {"difference": None, "n": 0, "reason": "no question on which both said a name"}

    def gap(index):
        (good, said), (other_good, other_said) = a[index].sum(0), b[index].sum(0)
        return float(good / said - other_good / other_said) if said and other_said else math.nan

    row = statistics.bootstrap(gap, len(common), seed=seed, draws=1000).row()
    return {"difference": row.pop("value"), **row}


def _lengths(said: Sequence[Judged]) -> dict:
    """How long replies are, in words, and how many were cut or go beyond what counts."""
    words = np.array([len(one.text.split()) for one in said])
    cut = np.mean([one.finish == "length" for one in said])
    return {"mean": round(float(words.mean()), 2), "median": float(np.median(words)),
            "n": len(words), "cut": round(float(cut), 4),
            "beyond_heard": round(float((words > HEARD).mean()), 4)}


def _at_equal_length(first: _Measured, second: _Measured, seed: int) -> dict[str, dict]:
    rows = {}
    for name, units in first.units.items():
        both = [(a, b) for key, a in units.items() if (b := second.units[name].get(key))]
        gaps = [(a.value - b.value, a.length - b.length, a.cluster) for a, b in both]
        rows[name] = statistics.none("no item that both answered")
        if gaps:
            rows[name] = statistics.at_equal_length(*zip(*gaps, strict=True), seed=seed, draws=400)
    return rows


def _spread(said: Sequence[Judged], dimension: str) -> dict:
    """How far seeds differ, and how far items: variances and their part in the error of the mean
    (`statistics.variance_split`). A boundary pair is one item, its sides weigh alike.
    """
    purpose = {"memorization": "recall", "values": "value", "personality": "trait",
               "hallucination": "boundary"}.get(dimension)
    given: dict[tuple, dict] = defaultdict(lambda: defaultdict(list))
    for one in said:
        own = one.purpose == purpose and (purpose != "boundary" or one.item.pair)
        if own and one.correct is not None:
            item = one.item.pair or one.item.base_id
            given[(one.seed, item)][bool(one.beyond)].append(float(one.correct))
    seeds: dict[int, dict[str, float]] = defaultdict(dict)
    for (seed, item), sides in given.items():
        seeds[seed][item] = float(np.mean([np.mean(values) for values in sides.values()]))
    if len(seeds) < 2:
        return statistics.none("needs two seeds or more")
    items = sorted(set.intersection(*(set(row) for row in seeds.values())))
    if len(items) < 2:
        return statistics.none("needs two items that every seed answered")
    found = statistics.variance_split([[row[item] for item in items] for row in seeds.values()])
    rounded = {name: round(value, 6) for name, value in found.items()}
    return rounded | {"n": len(items), "repeats": len(seeds)}
