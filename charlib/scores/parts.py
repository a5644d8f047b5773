"""What a score part is: a function of one system's judged answers and a context.

`dimensions.PARTS` is the registry. A *metric* is a part given from outside,
`(answers, context) -> {question id: number in 0..1}`; its docstring is its formula:

    @scores.metric("values")                # without the decorator it stands beside the dimensions
    def irony(answers, context):
        '''Share of replies that mean the opposite. Limit: counts marks alone.'''
        return {answer.question: float("!" in answer.text) for answer in answers}

    charlib.score(answers, profile="page.md", metrics=[irony, "my_metrics:wit"])
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from numbers import Real

import numpy as np

from charlib import run
from charlib.records import Profile, Question
from charlib.scores import statistics
from charlib.scores.reading import Judged

DIMENSIONS = ("memorization", "values", "personality", "hallucination", "stability")
NOT_ASKED = "nothing of the kind was asked"


@dataclass(frozen=True)
class Context:
    """What a part may know beside the answers: the profile, the bank by id, the system's
    likelihoods {question id: one per option}, lines of characters by name, the seed of its draws.
    """

    profile: Profile
    questions: Mapping[str, Question] = field(default_factory=dict)
    likelihoods: Mapping[str, Sequence[float]] = field(default_factory=dict)
    voices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class Unit:
    """What one item gives to a part: its mean over seeds and orders, the cluster it is resampled
    with, its mean log length in words, and how many questions it stands for.
    """

    value: float
    cluster: str | None
    length: float = 0.0
    questions: int = 1


@dataclass(frozen=True)
class Share:
    """A part's number as the mean of units; `reason` says why there are none, `more` stands beside
    the number.
    """

    units: Mapping[str, Unit]
    reason: str = NOT_ASKED
    more: Mapping = field(default_factory=dict)
    bounds: tuple[float, float] = (0.0, 1.0)

    def record(self, seed: int) -> dict:
        """{value, ci_low, ci_high, n, …} with an interval over whole clusters."""
        if not self.units:
            return statistics.none(self.reason)
        units = self.units.values()
        clusters = [unit.cluster for unit in units]
        found = statistics.mean([u.value for u in units], clusters, seed=seed, bounds=self.bounds)
        return found.row() | {"n": sum(unit.questions for unit in units)} | self.more


@dataclass(frozen=True)
class Part:
    """A registered part. `function` gives a Share, a ready record, or None where there is nothing
    to say. `kind`: "text" counts for the dimension's value, "model" needs likelihoods, "beside" is
    informative, "value" is the value itself where that is not the one text part. A part whose
    `dimension` is "" stands beside the dimensions.
    """

    dimension: str
    name: str
    function: Callable[[Sequence[Judged], Context], Share | dict | None]
    kind: str = "beside"
    formula: str = ""

    @property
    def measures(self) -> str:
        """What it measures."""
        return self.formula.partition(" Limit: ")[0]

    @property
    def limit(self) -> str:
        """Where it fails."""
        return self.formula.partition(" Limit: ")[2]


def share(answers: Iterable[Judged], value: Callable[[Judged], float | None],
          reason: str = NOT_ASKED, cluster: Callable[[Question], str | None] | None = None,
          **more) -> Share:
    """A share over items: `value(answer)` averaged over seeds and orders; None is left out."""
    grouped: dict[str, list[tuple[float, Judged]]] = defaultdict(list)
    for one in answers:
        if (found := value(one)) is not None:
            grouped[one.item.base_id].append((float(found), one))
    units = {name: Unit(float(np.mean([found for found, _ in rows])),
                        (cluster or cluster_of)(rows[0][1].item), log_length(o for _, o in rows))
             for name, rows in grouped.items()}
    return Share(units, reason, more)


def cluster_of(item: Question) -> str | None:
    """What an item is resampled with: its pair, or its paragraph; trait items stand alone."""
    return {"boundary": item.pair, "trait": None}.get(item.purpose, item.paragraph)


def log_length(said: Iterable[Judged]) -> float:
    """Mean log of the replies' words."""
    return float(np.mean([math.log(max(1, len(one.text.split()))) for one in said]))


def metric(dimension: str) -> Callable:
    """Put a metric under a dimension: its number then stands beside that dimension's parts."""
    def mark(function):
        function.dimension = dimension
        return function
    return mark


def as_metrics(given: Callable | str | Iterable[Callable | str], parts: Sequence[Part]
               ) -> list[Part]:
    """Metrics as parts: callables, or text `module:object`, one or several. Raises RunError for
    what is neither, for an unknown dimension and for a name that is taken.
    """
    made: list[Part] = []
    if isinstance(given, str):
        given = filter(None, map(str.strip, given.split(",")))
    for one in [given] if callable(given) else given:
        function = run.named(one) if isinstance(one, str) else one
        name = getattr(function, "__name__", type(function).__name__)
        under = getattr(function, "dimension", "")
        if not callable(function):
            raise run.RunError(f"The metric {one} is no function: write one of (answers, context).")
        if under not in ("", *DIMENSIONS):
            raise run.RunError(f"The metric {name} is put under '{under}', which is no dimension: "
                               f"use {', '.join(DIMENSIONS)}, or none.")
        taken = {known.name for known in parts if known.dimension == under}
        if name in taken.union(DIMENSIONS, (known.name for known in made)):
            raise run.RunError(f"There is a number called {name} already: rename the metric.")
        formula = " ".join((function.__doc__ or "").split())
        made.append(Part(under, name, partial(_ask, function, name), formula=formula))
    return made


def _ask(function: Callable, name: str, answers: Sequence[Judged], context: Context) -> Share:
    """A metric's numbers as a share. It is called with one answer per question at a time: seed by
    seed, turn by turn; the mean over these calls counts.
    """
    calls: dict[tuple, list[Judged]] = defaultdict(list)
    counts: Counter = Counter()
    for one in answers:
        calls[(one.seed, counts[(one.question, one.seed)])].append(one)
        counts[(one.question, one.seed)] += 1
    numbers = {}
    for said in calls.values():
        ids = {key: one for one in said for key in (one.item.base_id, one.item.id, one.question)}
        numbers |= {id(ids[key]): number for key, number in
                    _checked(function, name, said, context, ids).items()}
    return share(answers, lambda one: numbers.get(id(one)), f"{name} gave no number")


def _checked(function: Callable, name: str, said: list[Judged], context: Context, ids) -> Mapping:
    """What a metric gives. Raises RunError for what is no mapping {question id: number in 0..1}."""
    try:
        found = function(said, context)
    except Exception as error:
        raise run.RunError(f"The metric {name} failed: {type(error).__name__}: {error}") from error
    if not isinstance(found, Mapping):
        raise run.RunError(f"The metric {name} gave {type(found).__name__}: it must give a mapping "
                           "{question id: number in 0..1}.")
    for key, number in found.items():
        if key not in ids:
            raise run.RunError(f"The metric {name} names '{key}', which is no question that it was "
                               "given: use answer.question.")
        if number is not None and not (isinstance(number, Real | np.bool_) and 0 <= number <= 1):
            raise run.RunError(f"The metric {name} gave {number!r} for '{key}': a number in 0..1, "
                               "or None where it cannot tell.")
    return found
