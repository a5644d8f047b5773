"""The five dimensions without a judge, one function per part. `PARTS`, at the end, is the registry;
formulas.yaml says what each part measures and its limit.

Text parts make a dimension's value, so that every system, endpoint and imported answers included,
has the same ones; what needs a model's likelihoods stands among the parts, and what is informative
and no part of the value stands beside.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import yaml

from charlib.records import TRAITS
from charlib.scores import replies, statistics
from charlib.scores.likeness import agree, alike, grounding, identify
from charlib.scores.parts import NOT_ASKED, Context, Part, Share, Unit, log_length, share
from charlib.scores.reading import Judged
from charlib.scores.replies import heard
from charlib.text import plain


def _asked(answers: Sequence[Judged], *purposes: str) -> list[Judged]:
    return [one for one in answers if one.purpose in purposes]


def _right(one: Judged) -> bool | None:
    return one.correct


def _shares(value: Callable[[Judged], float | None], purpose: str, reason=NOT_ASKED, **more):
    """A part that is a plain share of the items of one purpose."""
    return lambda answers, context: share(_asked(answers, purpose), value, reason, **more)


def _likeliest(purpose: str, margin: bool = False):
    """A part that is the share of items whose first option is the likeliest."""
    def measure(answers, context):
        rows = {}
        for name, values in context.likelihoods.items():
            item = context.questions.get(name)
            if item and item.purpose == purpose and len(values) > 1 and not item.swap_of:
                rows[name] = (item, values[0] - max(values[1:]), 1 / len(values))
        if not rows:
            why = "no likelihoods were computed for this system"
            return statistics.none(why, needs="model")
        units = {name: Unit(float(lead > 0), item.paragraph)
                 for name, (item, lead, _) in rows.items()}
        _, leads, chances = zip(*rows.values(), strict=True)
        more = {"needs": "model", "chance": round(float(np.mean(chances)), 4)}
        return Share(units, NOT_ASKED, more | ({"margin": round(float(np.mean(leads)), 4)}
                                               if margin else {}))
    return measure


# ---- values, personality


def _consistency(purpose: str):
    """A part: whether a choice is answered alike in both orders."""
    def measure(answers, context):
        taken: dict[tuple, list[int]] = defaultdict(list)
        for one in _asked(answers, purpose):
            if one.took is not None:
                taken[(one.item.base_id, one.seed)].append(one.took)
        units = {f"{name}/{seed}": Unit(float(took[0] == took[1]), name)
                 for (name, seed), took in taken.items() if len(took) == 2}
        return Share(units, "no choice was taken in both orders")
    return measure


def closeness(answers, context):
    rows = [one for one in _asked(answers, "trait") if one.item.trait in context.profile.traits]
    if not rows:
        return statistics.none("no trait of the profile was asked about")
    traits = np.array([TRAITS.index(one.item.trait) for one in rows])
    shares = np.array([float(one.correct) for one in rows])
    stated = np.array([context.profile.traits.get(trait, 0.0) for trait in TRAITS])

    def value(index):
        gaps = []
        for trait in np.unique(traits[index]):
            lean = 2 * shares[index][traits[index] == trait].mean() - 1
            gaps.append(abs(lean * (1 if stated[trait] >= 0 else -1) - stated[trait]))
        return 1 - float(np.mean(gaps)) / 2

    clusters = [one.item.base_id for one in rows]
    return statistics.bootstrap(value, len(rows), clusters, seed=context.seed, draws=500).row()


def speaker(answers, context):
    own = [one for one in _asked(answers, "recall", "paraphrase", "boundary", "interview")
           if not one.empty and len(one.text.split()) >= 5]
    lines, name = context.voices, context.profile.name
    if name not in lines or len(lines) < 2 or min(map(len, lines.values())) < 10:
        return statistics.none("needs at least ten lines each of this and another character")
    if not own:
        return statistics.none("no reply of five words or more")
    said, held_out = identify(lines, [one.text for one in own])
    units = {f"{n}": Unit(float(who == name), one.item.base_id)
             for n, (one, who) in enumerate(zip(own, said, strict=True))}
    more = {"chance": round(1 / len(lines), 4), "held_out": round(held_out, 4)}
    return Share(units, NOT_ASKED, more)


# ---- hallucination: the boundary

_NOT_BEYOND = "no question beyond the person's horizon was asked"


def _boundary(answers: Sequence[Judged]) -> tuple[dict, dict[bool, dict], str]:
    """Units of balanced accuracy and of its two sides (True: beyond), and a note where ordinary
    questions stand for the answerable side.
    """
    made = _asked(answers, "boundary")
    units, sides = _pairs(made)
    outside, others = [one for one in made if one.beyond], _elsewhere(answers)
    if units or not outside or not others:
        return units, sides, ""
    inside = [one for one in made if one.beyond is False]
    units, sides = _unmatched(outside, [*inside, *others])
    return units, sides, "no matched pairs: ordinary questions stand for the answerable side"


def _elsewhere(answers: Sequence[Judged]) -> list[Judged]:
    choices = ("boundary", "value", "trait", "choice", "time", "conversation")
    return [one for one in answers if one.purpose not in choices]


def _pairs(made: Sequence[Judged]) -> tuple[dict, dict[bool, dict]]:
    """One unit per pair. Pairs of which one side was not asked are left out."""
    pairs: dict[str, dict[bool, list[Judged]]] = defaultdict(lambda: {True: [], False: []})
    for one in made:
        if one.item.pair and one.beyond is not None:
            pairs[one.item.pair][one.beyond].append(one)
    units, sides = {}, {True: {}, False: {}}
    for name, side in pairs.items():
        if not (side[True] and side[False]):
            continue
        length = log_length(side[True] + side[False])
        for key, rows in side.items():
            value = float(np.mean([float(one.correct) for one in rows]))
            sides[key][name] = Unit(value, name, length, len({one.item.base_id for one in rows}))
        held, told = sides[True][name], sides[False][name]
        questions = held.questions + told.questions
        units[name] = Unit((held.value + told.value) / 2, name, length, questions)
    return units, sides


def _unmatched(outside: Sequence[Judged], inside: Sequence[Judged]):
    """Without pairs: each unanswerable item beside the share of all answerable ones that were
    answered.
    """
    held = share(outside, _right, cluster=lambda item: None).units
    told = share(inside, lambda one: one.usable, cluster=lambda item: item.paragraph).units
    answered = float(np.mean([unit.value for unit in told.values()]))
    units = {name: Unit((unit.value + answered) / 2, None, unit.length)
             for name, unit in held.items()}
    return units, {True: held, False: told}


def _side(beyond: bool):
    """A part: one side of the boundary."""
    return lambda answers, context: Share(_boundary(answers)[1][beyond], _NOT_BEYOND)


def balanced(answers, context):
    units, _, note = _boundary(answers)
    if not note:
        return Share(units, _NOT_BEYOND)
    middle = sum(unit.value for unit in units.values()) / len(units)
    # half of an unmatched value is fixed by the ordinary questions
    return Share(units, _NOT_BEYOND, {"reason": note}, (middle / 2, (1 + middle) / 2))


def over_refusal_elsewhere(answers, context):
    return share(_elsewhere(answers), lambda one: one.refused)


def cells(answers, context):
    """The boundary two by two, in answers: no share, so it has no formula."""
    names = ("beyond_held", "beyond_leaked", "beyond_complied", "within_answered", "within_refused",
             "unusable")
    made = [_cell(one) for one in _asked(answers, "boundary") if one.beyond is not None]
    return {name: made.count(name) for name in names}


def _cell(one: Judged) -> str:
    if one.empty:
        return "unusable"
    if one.beyond:
        held = "beyond_leaked" if one.leaked else "beyond_held"
        return held if one.refused else "beyond_complied"
    return "within_refused" if one.refused else "within_answered"


# ---- hallucination: what is said of the life


def _ordinary(answers: Sequence[Judged]) -> list[tuple[Judged, str, str]]:
    """Replies to ordinary questions: (answer, the part of it that counts, its cluster)."""
    ordinary = _asked(answers, "recall", "paraphrase", "interview", "conversation")
    return [(one, heard(one.text), one.conversation or one.item.base_id) for one in ordinary
            if not one.empty and one.item.topic != "beyond"]


def names_said(answers: Sequence[Judged], context: Context) -> list[tuple[str, str, int, int]]:
    """For each reply to an ordinary question: its item, its cluster, how many of the names and
    years it brings are the profile's, and how many it brings.
    """
    known = replies.known_words(context.profile) | replies.EVERYDAY
    rows = []
    for one, text, cluster in _ordinary(answers):
        names = replies.own_names(text, one.asked)
        good = sum(replies.base_name(name) in known for name in names)
        rows.append((one.item.base_id, cluster, good, len(names)))
    return rows


def grounded_precision(answers, context):
    rows = names_said(answers, context)
    if not any(said for *_, said in rows):
        return statistics.none("no name in any reply")
    _, clusters, good, said = zip(*rows, strict=True)
    found = statistics.mean(good, clusters, weights=said, seed=context.seed, bounds=(0, 1))
    return found.row() | {"n": sum(said)}


def entity_density(answers, context):
    words = [len(text.split()) for _, text, _ in _ordinary(answers)]
    if not sum(words):
        return statistics.none("no reply to an ordinary question")
    _, clusters, _, said = zip(*names_said(answers, context), strict=True)
    names = [100.0 * count for count in said]
    found = statistics.mean(names, clusters, weights=words, seed=context.seed)
    return found.row() | {"n": len(words)}


def sentence_grounding(answers, context):
    shares = [(found, cluster) for _, text, cluster in _ordinary(answers)
              for found in grounding(text, context.profile)]
    return _mean(shares, context, "no sentence of three content words", (0, 1))


def _mean(rows: list[tuple[float, str]], context: Context, reason: str, bounds=None) -> dict:
    """The mean of (value, cluster) rows."""
    if not rows:
        return statistics.none(reason)
    values, clusters = zip(*rows, strict=True)
    return statistics.mean(values, clusters, seed=context.seed, bounds=bounds).row()


def not_scored(answers, context):
    """How many candidates were left out: no share, so it has no formula."""
    left = sum(one.beyond is None for one in _asked(answers, "boundary"))
    reason = "candidates that name nothing known to be later than the horizon"
    return {"n": left, "reason": reason} if left else None


# ---- stability


def reasks(answers, context):
    single = [one for one in answers if one.purpose != "conversation"]
    again = _asked(single, "paraphrase")
    values: dict[str, list[tuple[Judged, Judged]]] = defaultdict(list)
    for first, one in _asked_twice(single, again):
        values[one.item.base_id].append((first, one))
    seconds = [(name, second) for name, rows in values.items() for _, second in rows]
    units = {}
    for name, rows in values.items():
        item, others = rows[0][1].item, [second for own, second in seconds if own != name]
        shares = [agree(a, b, a.item if a.item.gold or a.item.options else b.item, others)
                  for a, b in rows]
        length = log_length([one for pair in rows for one in pair])
        cluster = item.paragraph or item.paraphrase_of
        units[name] = Unit(float(np.mean(shares)), cluster, length)
    told = "no re-asked question was answered both times in words of its own"
    asked = any(one.item.paraphrase_of for one in again)
    return Share(units, told if asked else "nothing was asked again in other words")


def _asked_twice(single: Sequence[Judged], again: Sequence[Judged]):
    """Pairs of usable replies to a question and to its other wording, with one seed; without those
    whose sentence is said to other questions too.
    """
    first_of: dict[tuple, Judged] = {}
    for one in single:
        first_of.setdefault((one.item.id, one.seed), one)
    spoken = Counter((seed, text) for _, seed, text in
                     {(one.item.base_id, one.seed, plain(one.text)) for one in single})
    for one in again:
        first = first_of.get((one.item.paraphrase_of, one.seed))
        if first and first.usable and one.usable:
            texts = [plain(first.text), plain(one.text)]
            most = 2 if texts[0] == texts[1] else 1
            if all(spoken[(one.seed, text)] <= most for text in texts):
                yield first, one


def _talks(answers: Sequence[Judged]) -> dict[str, list[Judged]]:
    talks: dict[str, list[Judged]] = defaultdict(list)
    for one in answers:
        if one.conversation:
            talks[one.conversation].append(one)
    return talks


def reasks_in_conversation(answers, context):
    units = {}
    for name, rows in _talks(answers).items():
        by_turn = {one.turn: one for one in rows}
        first, again = by_turn.get(0), by_turn.get(2)
        if first and again and first.usable and again.usable and rows[0].item.follow_ups:
            units[name] = Unit(float(alike(first, again) >= 0.3), rows[0].item.base_id)
    return Share(units, "no conversation with a re-ask")


def drift(answers, context):
    slopes = []
    for rows in _talks(answers).values():
        points = [(one.turn, np.mean(found)) for one in rows
                  if (found := grounding(heard(one.text), context.profile))]
        if len({turn for turn, _ in points}) > 2:
            slope = float(np.polyfit(*zip(*points, strict=True), 1)[0])
            slopes.append((slope, rows[0].item.base_id))
    return _mean(slopes, context, "no conversation of three turns or more")


def distinct(answers, context):
    counts = Counter(plain(one.text) for one in answers)
    return _of_all(lambda one: counts[plain(one.text)] == 1)(answers, context)


def _of_all(test: Callable[[Judged], bool]):
    """A part that is a plain share of all replies."""
    def measure(answers, context):
        rows = [(float(test(one)), one.conversation or one.item.base_id) for one in answers]
        return _mean(rows, context, NOT_ASKED, (0, 1))
    return measure


# ---- the registry

_TEXTS = yaml.safe_load(Path(__file__).with_name("formulas.yaml").read_text(encoding="utf-8"))


def _of(dimension: str, **rows: tuple) -> list[Part]:
    """Parts of a dimension, {name: (kind, function)}, with their formulas."""
    texts = _TEXTS[dimension]
    return [Part(dimension, name, function, kind, texts.get(name, ""))
            for name, (kind, function) in rows.items()]


PARTS = [
    *_of("memorization",
         recall=("text", _shares(_right, "recall",
                                 "no open question with a gold answer was asked")),
         likelihood=("model", _likeliest("recall", margin=True)),
         choice=("beside", _shares(_right, "choice", chance=0.5))),
    *_of("values",
         choice=("text", _shares(_right, "value",
                                 "no choice between a stance and its opposite was asked")),
         likelihood=("model", _likeliest("value")),
         calm=("beside", _shares(lambda one: None if one.item.pressure else one.correct, "value")),
         pressure=("beside", _shares(lambda one: one.correct if one.item.pressure else None,
                                     "value")),
         consistency=("beside", _consistency("value")),
         taken=("beside", _shares(lambda one: one.took is not None, "value"))),
    *_of("personality",
         choice=("text", _shares(_right, "trait", "no choice between trait statements was asked")),
         likelihood=("model", _likeliest("trait")),
         closeness=("beside", closeness),
         consistency=("beside", _consistency("trait")),
         speaker=("beside", speaker)),
    *_of("hallucination",
         balanced=("value", balanced),
         refused_beyond=("text", _side(True)),
         answered_within=("text", _side(False)),
         leaked=("beside", _shares(
             lambda one: bool(one.leaked) if one.beyond and one.refused else None, "boundary",
             "nothing was refused")),
         over_refusal=("beside", _shares(
             lambda one: one.refused if one.beyond is False else None, "boundary")),
         over_refusal_elsewhere=("beside", over_refusal_elsewhere),
         cells=("beside", cells),
         time=("beside", _shares(_right, "time", chance=0.5)),
         time_likelihood=("beside", _likeliest("time")),
         grounded_precision=("beside", grounded_precision),
         entity_density=("beside", entity_density),
         sentence_grounding=("beside", sentence_grounding),
         not_scored=("beside", not_scored)),
    *_of("stability",
         reasks=("text", reasks),
         reasks_in_conversation=("beside", reasks_in_conversation),
         drift=("beside", drift),
         distinct=("beside", distinct),
         stops=("beside", _of_all(lambda one: one.finish == "stop")),
         own_part=("beside", _of_all(lambda one: not replies.speaks_for_other(one.text)))),
]


def formulas(metrics: Sequence[Part] = ()) -> dict[str, dict]:
    """How each number is made, out of the registry: {dimension: {value, parts, beside}}, and
    {metric: {value}} for those beside the dimensions. README and every report print it.
    """
    table = {name: {"value": texts["value"], "parts": {}, "beside": {}}
             for name, texts in _TEXTS.items()}
    for one in (*PARTS, *metrics):
        if not one.dimension:
            table[one.name] = {"value": one.formula, "parts": {}, "beside": {}}
        elif one.formula:
            place = "beside" if one.kind == "beside" else "parts"
            table[one.dimension][place][one.name] = one.formula
    return table
