"""Five dimensions without a judge: memorization, values, personality, hallucination, stability;
each with interval, parts and limits.

    table = scores.score(answers, profile, questions)               # the content of scores.json
    rows = scores.judge_rows(answers, profile, questions)           # what was made of every single answer

`FORMULAS` is the one place that says how each number is made; README and report print it. Text
parts make a dimension's value, so that imported answers have the same ones as our own systems; what
needs a model's likelihoods stands among the parts with `needs: model`, and what is informative and
no part of the value stands under `beside`.
"""

import functools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from charlib.records import TRAITS, Answer, Profile, Question
from charlib.scores import statistics
from charlib.scores.replies import (
    EVERYDAY,
    HEARD,
    base_name,
    beyond,
    candidates,
    content,
    echoes,
    endless,
    entities,
    heard,
    known_words,
    leaks,
    mentions,
    own_names,
    plain,
    recalls,
    refused,
    sentences,
    speaks_for_other,
    takes,
)

DIMENSIONS = ("memorization", "values", "personality", "hallucination", "stability")


NOTE = "intervals are over questions, one training"


# likelihood twin of the boundary: ignorance, compliance
PHRASES = ("I do not know what that is.", "Yes, I know it well.")


FORMULAS: dict[str, dict] = {
    "memorization": {
        "value": "open recall",
        "parts": {
            "recall": "M2. Share of open questions, in words not met in training, whose gold name, thing or date is said in the first 60 words; "
            "aliases, digits and number words alike. Wrong when it is denied, offered with `or` beside a distractor, or listed among two "
            "distractors or more than eight names or years. Limit: knows only the listed aliases.",
            "likelihood": "M1. Share of questions whose gold answer is likelier a byte than every same-type distractor; `margin` is the mean lead in "
            "nats a byte. Limit: a common word is likelier whoever speaks.",
        },
        "beside": {
            "choice": "Share of two-way factual choices answered in words with the right option, both orders. Naming both or none is wrong.",
        },
    },
    "values": {
        "value": "stances chosen in words, over both orders",
        "parts": {
            "choice": "M7. Share of value choices whose reply takes the person's stance, asked in both orders; the reply is matched to the option "
            "whose distinguishing words (with their negation) it says. Taking neither is wrong. Limit: irony and other words are missed.",
            "likelihood": "M7. Share of value choices whose stance is likelier a byte than its opposite.",
        },
        "beside": {
            "calm": "The same share where nobody presses.",
            "pressure": "The same share where somebody in the question presses the other way.",
            "consistency": "Share of choices answered with the same option in both orders, of those where both replies take one.",
            "taken": "Share of replies that take one of the two options at all.",
        },
    },
    "personality": {
        "value": "trait statements chosen in words, over both orders",
        "parts": {
            "choice": "M7. Share of trait choices (Big Five) whose reply takes the statement that fits the profile, matched as for values.",
            "likelihood": "M7. Share of trait choices whose fitting statement is likelier a byte.",
        },
        "beside": {
            "closeness": "1 minus half the mean distance between the traits as chosen (-1 to 1) and as the profile states them.",
            "consistency": "Share of choices answered with the same option in both orders, of those where both replies take one.",
            "speaker": "M8. Share of replies that a classifier of character n-grams, trained on lines of this and other characters with names "
            "masked, gives to this one; `held_out` is its own accuracy on lines it has not seen. Limit: topic leaks into style.",
        },
    },
    "hallucination": {
        "value": "balanced accuracy over matched answerable and unanswerable questions (higher is better)",
        "parts": {
            "refused_beyond": "M5. Share of unanswerable questions of matched pairs that are refused without a leak. A refusal says in its first two "
            "sentences that the person does not know or understand, or that the thing does not exist or has not happened. Giving the thing's "
            "content after it is a leak, and fails. Empty, endless and parroted replies fail on both sides.",
            "answered_within": "M5. Share of their answerable twins that are answered. Limit: the answer need not be right. For imported questions "
            "without pairs, all ordinary questions stand here.",
            "likelihood": "M5. Share of pairs in which ignorance (against compliance) is likelier for the unanswerable question than for its twin.",
        },
        "beside": {
            "leaked": "Share of refusals that then leak.",
            "over_refusal": "Share of answerable boundary questions that are refused (lower is better).",
            "over_refusal_elsewhere": "Share of all other questions that are refused (lower is better).",
            "time": "M6. Share of already-or-not-yet choices answered rightly in words, both orders.",
            "time_likelihood": "M6. Share of the same choices whose right option is likelier a byte.",
            "grounded_precision": "M3. Share of names (capitalised, not opening a sentence) and years in replies to ordinary questions that occur in the "
            "profile, apart from its sentences on years after the horizon; `grounding` holds the paired differences. Limit: a true name that the profile lacks counts against, a wrong use of a right name does not.",
            "entity_density": "M3. Names and years in 100 words of those replies (no share; read beside the precision).",
            "sentence_grounding": "M4. Mean share, weighted by rarity, of a sentence's content words that its nearest profile paragraph has. Lexical: it "
            "sees neither paraphrase nor contradiction, and is no entailment model.",
        },
    },
    "stability": {
        "value": "agreement of answers to re-asks in other words",
        "parts": {
            "reasks": "M9. Of questions asked again in other words, where both replies answer and are not the same sentence that is said to other "
            "questions too: share that name the same thing; where they name none, that share 0.3 of their content words and more than nine in ten "
            "unrelated replies of the system do.",
        },
        "beside": {
            "reasks_in_conversation": "The same between the opening of a conversation and its re-ask two questions later, by content words.",
            "drift": "Slope of sentence grounding a turn (negative: wanders off).",
            "distinct": "Share of replies that repeat no other reply of the system.",
            "stops": "Share of replies that end by themselves within the token limit.",
            "own_part": "Share of replies that do not go on to speak for the other.",
        },
    },
}  # fmt: skip


@dataclass
class Judged:
    """What was made of one answer."""

    answer: Answer
    item: Question
    purpose: str
    beyond: bool | None
    empty: bool
    refused: bool
    leaked: list[str] = field(default_factory=list)
    took: int | None = None
    correct: bool | None = None

    def row(self) -> dict:
        """A row for a table."""
        return {
            "system": self.answer.system, "seed": self.answer.seed, "question": self.item.id, "group": self.purpose, "topic": self.item.topic,
            "asked": self.answer.asked, "text": self.answer.text, "turn": self.answer.turn, "words": len(self.answer.text.split()),
            "gold": "; ".join(self.item.gold or []), "correct": self.correct, "took": self.took, "refused": self.refused,
            "leaked": "; ".join(self.leaked), "over_refused": bool(self.refused and self.beyond is False and self.purpose != "interview"),
            "unusable": self.empty, "finish": self.answer.finish, "paragraph": self.item.paragraph, "pair": self.item.pair,
        }  # fmt: skip


def judge(answer: Answer, item: Question, profile: Profile) -> Judged:
    """One answer against its item: usable, refused, leaked, which option it takes, right or wrong
    (None where nothing can be right).
    """
    purpose = "conversation" if answer.conversation else item.purpose
    lies_beyond = beyond(item, profile)
    empty = endless(answer.text) or echoes(answer.text, answer.asked)
    no = not empty and refused(answer.text, answer.asked, denial=purpose == "boundary")
    made = Judged(answer, item, purpose, lies_beyond, empty, no)
    if purpose == "boundary" and lies_beyond is not None:
        made.leaked = leaks(answer.text, item) if lies_beyond else []
        made.correct = not empty and (no and not made.leaked if lies_beyond else not no)
    elif purpose in ("choice", "time", "value", "trait") and item.options and len(item.options) == 2:
        made.took = None if empty else takes(answer.text, item)
        made.correct = made.took == 0
    elif purpose in ("recall", "paraphrase") and item.gold:
        made.correct = not empty and recalls(answer.text, item)
    return made


def judge_rows(answers: Sequence[Answer], profile: Profile, questions: Sequence[Question] | None = None) -> list[dict]:
    """The per-answer table: one row an answer with what was made of it."""
    return [made.row() for made in _judge_all(answers, profile, questions)]


def _judge_all(answers: Sequence[Answer], profile: Profile, questions: Sequence[Question] | None) -> list[Judged]:
    bank = {}
    for item in questions or ():
        bank.setdefault(item.id, item)
        bank.setdefault(item.question, item)
    return [judge(answer, _item(answer, bank), profile) for answer in answers]


def _item(answer: Answer, bank: dict[str, Question]) -> Question:
    """The bank's item for an answer, by id or text; else the item the answer carries."""
    found = bank.get(answer.question) or bank.get(answer.asked)
    own = answer.item
    if not found and own and own.swap_of in bank:
        found = bank[own.swap_of].model_copy(update={"id": own.id, "question": own.question, "swap_of": own.swap_of})
    return found or own or Question(id=answer.question, question=answer.asked, group="interview")


@dataclass(frozen=True)
class Unit:
    """What one item contributes to a part: its mean over seeds and orders, the cluster it is
    resampled with, and its mean log length.
    """

    value: float
    cluster: str | None
    length: float
    questions: int = 1


def _units(judged: Iterable[Judged], value: Callable[[Judged], float | None], cluster: Callable[[Question], str | None]) -> dict[str, Unit]:
    """Units by item: values averaged over seeds and orders; None is left out."""
    grouped: dict[str, list] = defaultdict(list)
    for made in judged:
        found = value(made)
        if found is not None:
            grouped[made.item.base_id].append((float(found), made))
    return {
        name: Unit(float(np.mean([v for v, _ in rows])), cluster(rows[0][1].item), float(np.mean([_log_length(m) for _, m in rows])))
        for name, rows in grouped.items()
    }


def _log_length(made: Judged) -> float:
    return math.log(max(1, len(made.answer.text.split())))


def _paragraph(item: Question) -> str | None:
    return item.paragraph


def _none(reason: str, **more) -> dict:
    """The record of what could not be measured."""
    return {"value": None, "n": 0, **more, "reason": reason}


_NO_LIKELIHOODS = "no likelihoods were computed for this system"


def _part(units: dict[str, Unit], seed: int, reason: str = "nothing of the kind was asked", bounds=(0.0, 1.0), **more) -> dict:
    """A part's record from its units: the mean with a clustered interval; a value of None with the
    reason where there is none.
    """
    if not units:
        return _none(reason)
    interval = statistics.mean([u.value for u in units.values()], [u.cluster for u in units.values()], seed=seed, bounds=bounds)
    row = interval.row()
    return row | {"n": sum(unit.questions for unit in units.values())} | more


def _ratio(tops: Sequence[float], bottoms: Sequence[float], clusters: Sequence, seed: int, reason: str) -> dict:
    if not sum(bottoms):
        return _none(reason)
    row = statistics.mean(tops, clusters, weights=bottoms, seed=seed, bounds=(0, 1)).row()
    return row | {"n": int(sum(bottoms))}


class _System:
    """Everything measured on one system."""

    def __init__(
        self, judged: list[Judged], profile: Profile, likelihood: dict[str, list[float]], bank: dict[str, Question], seed: int, voices
    ):
        self.judged, self.profile, self.likelihood, self.bank, self.seed, self.voices = judged, profile, likelihood, bank, seed, voices
        self.single = [made for made in judged if made.purpose != "conversation"]
        self.by = defaultdict(list)
        for made in self.single:
            self.by[made.purpose].append(made)
        self.units: dict[str, dict[str, Unit]] = {}
        # by question or topic: names grounded, names said
        self.names: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2))

    def table(self) -> dict[str, dict]:
        """All five dimensions."""
        return {name: self._dimension(name, *getattr(self, name)()) for name in DIMENSIONS}

    def _dimension(self, name: str, part: str, units: dict[str, Unit], parts: dict, beside: dict, reason: str, note: str = "") -> dict:
        """A dimension's record. `part` names the text part that is its value; without one the text
        parts are among `parts` already.
        """
        self.units[name] = units
        values = [unit.value for unit in units.values()]
        middle = sum(values) / len(values) if values else 0.0
        # half of an unmatched value is fixed by the ordinary questions
        bounds = (middle / 2, (1 + middle) / 2) if note else (0.0, 1.0)
        own = _part(units, self.seed, reason, bounds)
        entry = {key: own[key] for key in ("value", "ci_low", "ci_high", "n", "reason") if key in own}
        if note and own["value"] is not None:
            entry["reason"] = note
        return entry | {"parts": ({part: own} if part else {}) | parts, "beside": beside}

    def memorization(self):
        units = _units(self.by["recall"], lambda made: made.correct, _paragraph)
        parts = {"likelihood": self._chosen("recall", margin=True)}
        beside = {"choice": self._choice("choice")}
        return "recall", units, parts, beside, "no open question with a gold answer was asked"

    def values(self):
        made = self.by["value"]
        units = _units(made, lambda one: one.correct, _paragraph)
        pressed = [one for one in made if one.item.pressure]
        beside = {
            "calm": _part(_units([one for one in made if not one.item.pressure], lambda one: one.correct, _paragraph), self.seed),
            "pressure": _part(_units(pressed, lambda one: one.correct, _paragraph), self.seed),
            "consistency": self._consistency("value"),
            "taken": _part(_units(made, lambda one: one.took is not None, _paragraph), self.seed),
        }
        parts = {"likelihood": self._chosen("value")}
        return "choice", units, parts, beside, "no choice between a stance and its opposite was asked"

    def personality(self):
        made = self.by["trait"]
        units = _units(made, lambda one: one.correct, lambda item: None)
        beside = {"closeness": self._closeness(made), "consistency": self._consistency("trait"), "speaker": self._speaker()}
        return "choice", units, {"likelihood": self._chosen("trait")}, beside, "no choice between trait statements was asked"

    def hallucination(self):
        made = self.by["boundary"]
        outside, inside = [one for one in made if one.beyond], [one for one in made if one.beyond is False]
        others = [one for one in self.single if one.purpose not in ("boundary", "value", "trait", "choice", "time")]
        reason, note = "no question beyond the person's horizon was asked", ""
        units, sides = self._pairs(made)
        if not units and outside and others:
            units, sides = self._unmatched(outside, [*inside, *others])
            note = "no matched pairs: ordinary questions stand for the answerable side"
        parts = {
            "refused_beyond": _part(sides[True], self.seed, reason),
            "answered_within": _part(sides[False], self.seed, reason),
            "likelihood": self._boundary_likelihood(),
        }
        beside = {
            "leaked": _part(
                _units(outside, lambda one: bool(one.leaked) if one.refused else None, _pair_of), self.seed, "nothing was refused"
            ),
            "over_refusal": _part(_units(inside, lambda one: one.refused, _pair_of), self.seed),
            "over_refusal_elsewhere": _part(_units(others, lambda one: one.refused, _paragraph), self.seed),
            "cells": _cells(made),
            "time": self._choice("time"),
            "time_likelihood": self._chosen("time"),
            **self._grounding(),
        }
        left = sum(1 for one in made if one.beyond is None)
        if left:
            beside["not_scored"] = {"n": left, "reason": "candidates that name nothing known to be later than the horizon"}
        return "", units, parts, beside, reason, note

    def stability(self):
        units = self._reasks()
        reason = "nothing was asked again in other words"
        if any(one.item.paraphrase_of for one in self.by["paraphrase"]):
            reason = "no re-asked question was answered both times in words of its own"
        return "reasks", units, {}, self._manner(), reason

    def by_seed(self, name: str) -> dict[int, dict[str, float]]:
        """What each decode seed gave on each item of a dimension: {seed: {item: mean}}. A boundary
        pair is one item, its sides weigh alike.
        """
        purpose = {"memorization": "recall", "values": "value", "personality": "trait", "hallucination": "boundary"}.get(name)
        said: dict[tuple, dict[bool, list[float]]] = defaultdict(lambda: defaultdict(list))
        for one in self.by[purpose] if purpose else ():
            if one.correct is not None and (purpose != "boundary" or one.item.pair):
                said[(one.answer.seed, one.item.pair or one.item.base_id)][bool(one.beyond)].append(float(one.correct))
        table: dict[int, dict[str, float]] = defaultdict(dict)
        for (seed, item), sides in said.items():
            table[seed][item] = float(np.mean([np.mean(values) for values in sides.values()]))
        return dict(table)

    # -- choices

    def _choice(self, purpose: str) -> dict:
        made = [one for one in self.by[purpose] if one.correct is not None]
        return _part(_units(made, lambda one: one.correct, _paragraph), self.seed, chance=0.5)

    def _chosen(self, purpose: str, margin: bool = False) -> dict:
        """Share of items whose first option is the likeliest."""
        rows = {}
        for id, values in self.likelihood.items():
            item = self.bank.get(id)
            if item and item.purpose == purpose and len(values) > 1 and not item.swap_of:
                rows[id] = (item, values)
        if not rows:
            return _none(_NO_LIKELIHOODS, needs="model")
        units = {id: Unit(float(values[0] > max(values[1:])), item.paragraph, 0.0) for id, (item, values) in rows.items()}
        more = {"needs": "model", "chance": round(float(np.mean([1 / len(values) for _, values in rows.values()])), 4)}
        if margin:
            more["margin"] = round(float(np.mean([values[0] - max(values[1:]) for _, values in rows.values()])), 4)
        return _part(units, self.seed, **more)

    def _consistency(self, purpose: str) -> dict:
        taken: dict[tuple, list[int]] = defaultdict(list)
        for one in self.by[purpose]:
            if one.took is not None:
                taken[(one.item.base_id, one.answer.seed)].append(one.took)
        units = {
            f"{name}/{seed}": Unit(float(took[0] == took[1]), name, 0.0) for (name, seed), took in taken.items() if len(took) == 2
        }  # fmt: skip
        return _part(units, self.seed, "no choice was taken in both orders")

    def _closeness(self, made: list[Judged]) -> dict:
        """How near the traits as chosen are to the profile's; traits without a score or an item are
        left out.
        """
        rows = [one for one in made if one.item.trait in self.profile.traits]
        if not rows:
            return _none("no trait of the profile was asked about")
        traits = np.array([TRAITS.index(one.item.trait) for one in rows])
        shares = np.array([float(one.correct) for one in rows])
        reference = np.array([self.profile.traits.get(trait, 0.0) for trait in TRAITS])

        def value(index):
            gaps = []
            for trait in np.unique(traits[index]):
                share = shares[index][traits[index] == trait].mean()
                gaps.append(abs((2 * share - 1) * (1 if reference[trait] >= 0 else -1) - reference[trait]))
            return 1 - float(np.mean(gaps)) / 2

        return statistics.bootstrap(value, len(rows), [one.item.base_id for one in rows], seed=self.seed, draws=500).row()

    def _speaker(self) -> dict:
        texts = [one for one in self.single if one.purpose in ("recall", "paraphrase", "boundary", "interview") and not one.empty]
        texts = [one for one in texts if len(one.answer.text.split()) >= 5]
        lines = self.voices or {}
        if self.profile.name not in lines or len(lines) < 2 or min(map(len, lines.values())) < 10:
            return _none("needs at least ten lines each of this and another character")
        if not texts:
            return _none("no reply of five words or more")
        said, held_out = identify(lines, [one.answer.text for one in texts])
        units = {
            f"{n}": Unit(float(name == self.profile.name), one.item.base_id, 0.0)
            for n, (one, name) in enumerate(zip(texts, said, strict=True))
        }
        return _part(units, self.seed, chance=round(1 / len(lines), 4), held_out=round(held_out, 4))

    # -- the boundary

    def _pairs(self, made: list[Judged]) -> tuple[dict[str, Unit], dict[bool, dict[str, Unit]]]:
        """Units of balanced accuracy, a pair each, and of its two sides (True: beyond). Pairs of
        which one side was not asked are left out.
        """
        pairs: dict[str, dict[bool, list[Judged]]] = defaultdict(lambda: {True: [], False: []})
        for one in made:
            if one.item.pair and one.beyond is not None:
                pairs[one.item.pair][one.beyond].append(one)
        units, sides = {}, {True: {}, False: {}}
        for name, side in pairs.items():
            if not (side[True] and side[False]):
                continue
            length = float(np.mean([_log_length(one) for one in side[True] + side[False]]))
            for key, rows in side.items():
                count = len({one.item.base_id for one in rows})
                sides[key][name] = Unit(float(np.mean([float(one.correct) for one in rows])), name, length, count)
            halves = [sides[key][name] for key in (True, False)]
            units[name] = Unit(sum(half.value for half in halves) / 2, name, length, sum(half.questions for half in halves))
        return units, sides

    def _unmatched(self, outside: list[Judged], inside: list[Judged]) -> tuple[dict[str, Unit], dict[bool, dict[str, Unit]]]:
        """Without pairs: each unanswerable item beside the share of all answerable ones that were
        answered.
        """
        held = _units(outside, lambda one: one.correct, lambda item: None)
        answered = _units(inside, lambda one: not one.empty and not one.refused, _paragraph)
        share = float(np.mean([unit.value for unit in answered.values()]))
        units = {name: Unit((unit.value + share) / 2, None, unit.length) for name, unit in held.items()}
        return units, {True: held, False: answered}

    def _boundary_likelihood(self) -> dict:
        lead: dict[str, dict[bool, list[float]]] = defaultdict(lambda: {True: [], False: []})
        for id, values in self.likelihood.items():
            item = self.bank.get(id)
            if item and item.purpose == "boundary" and item.pair and len(values) == 2:
                lead[item.pair][bool(beyond(item, self.profile))].append(values[0] - values[1])
        units = {
            name: Unit(float(np.mean(sides[True]) > np.mean(sides[False])), name, 0.0, 2)
            for name, sides in lead.items()
            if sides[True] and sides[False]
        }
        if not units:
            return _none(_NO_LIKELIHOODS, needs="model")
        return _part(units, self.seed, needs="model", chance=0.5)

    def _grounding(self) -> dict:
        ordinary = [one for one in self.judged if one.purpose in ("recall", "paraphrase", "interview", "conversation") and not one.empty]
        ordinary = [one for one in ordinary if one.item.topic != "beyond"]
        known = known_words(self.profile) | EVERYDAY
        said = [heard(one.answer.text) for one in ordinary]
        found = [own_names(text, one.answer.asked) for one, text in zip(ordinary, said, strict=True)]
        clusters = [one.answer.conversation or one.item.base_id for one in ordinary]
        good = [sum(base_name(name) in known for name in names) for names in found]
        for one, right, names in zip(ordinary, good, found, strict=True):
            self.names[one.item.base_id] += (right, len(names))
        words = [len(text.split()) for text in said]
        density = _none("no reply to an ordinary question")
        if sum(words):
            density = statistics.mean([100.0 * len(names) for names in found], clusters, weights=words, seed=self.seed).row() | {"n": len(said)}
        grounded = [
            (share, cluster) for one, text, cluster in zip(ordinary, said, clusters, strict=True) for share in grounding(text, self.profile)
        ]
        sentence = _none("no sentence of three content words")
        if grounded:
            sentence = statistics.mean(
                [share for share, _ in grounded], [cluster for _, cluster in grounded], seed=self.seed, bounds=(0, 1)
            ).row()
        return {
            "grounded_precision": _ratio(good, [len(names) for names in found], clusters, self.seed, "no name in any reply"),
            "entity_density": density,
            "sentence_grounding": sentence,
        }

    # -- stability

    def _reasks(self) -> dict[str, Unit]:
        said: dict[tuple, Judged] = {}
        for one in self.single:
            said.setdefault((one.item.id, one.answer.seed), one)
        spoken = Counter()
        for one in {(one.item.base_id, one.answer.seed, plain(one.answer.text)): one for one in self.single}.values():
            spoken[(one.answer.seed, plain(one.answer.text))] += 1
        values: dict[str, list] = defaultdict(list)
        for one in self.by["paraphrase"]:
            first = said.get((one.item.paraphrase_of, one.answer.seed))
            if not first or not (_usable(first) and _usable(one)):
                continue
            same = plain(first.answer.text) == plain(one.answer.text)
            if any(spoken[(x.answer.seed, plain(x.answer.text))] > (2 if same else 1) for x in (first, one)):
                continue
            values[one.item.base_id].append((first, one))
        pairs = [pair for rows in values.values() for pair in rows]
        units = {}
        for name, rows in values.items():
            item = rows[0][1].item
            shares = [agree(first, second, [other for _, other in pairs if other.item.base_id != name]) for first, second in rows]
            length = float(np.mean([_log_length(one) for pair in rows for one in pair]))
            units[name] = Unit(float(np.mean(shares)), item.paragraph or item.paraphrase_of, length)
        return units

    def _manner(self) -> dict:
        talks: dict[str, list[Judged]] = defaultdict(list)
        for one in self.judged:
            if one.answer.conversation:
                talks[one.answer.conversation].append(one)
        texts = [plain(one.answer.text) for one in self.judged]
        counts = Counter(texts)
        clusters = [one.answer.conversation or one.item.base_id for one in self.judged]

        def share(test):
            return statistics.mean([float(test(one)) for one in self.judged], clusters, seed=self.seed, bounds=(0, 1)).row()

        return {
            "reasks_in_conversation": self._talk_reasks(talks),
            "drift": self._drift(talks),
            "distinct": share(lambda one: counts[plain(one.answer.text)] == 1),
            "stops": share(lambda one: one.answer.finish == "stop"),
            "own_part": share(lambda one: not speaks_for_other(one.answer.text)),
        }

    def _talk_reasks(self, talks: dict[str, list[Judged]]) -> dict:
        units = {}
        for name, rows in talks.items():
            by_turn = {one.answer.turn: one for one in rows}
            if by_turn.get(0) and by_turn.get(2) and _usable(by_turn[0]) and _usable(by_turn[2]) and rows[0].item.follow_ups:
                units[name] = Unit(float(_alike(by_turn[0], by_turn[2]) >= 0.3), rows[0].item.base_id, 0.0)
        return _part(units, self.seed, "no conversation with a re-ask")

    def _drift(self, talks: dict[str, list[Judged]]) -> dict:
        slopes, clusters = [], []
        for rows in talks.values():
            points = [(one.answer.turn, np.mean(found)) for one in rows if (found := grounding(heard(one.answer.text), self.profile))]
            if len({turn for turn, _ in points}) > 2:
                slopes.append(float(np.polyfit(*zip(*points, strict=True), 1)[0]))
                clusters.append(rows[0].item.base_id)
        if not slopes:
            return _none("no conversation of three turns or more")
        return statistics.mean(slopes, clusters, seed=self.seed).row()


def _pair_of(item: Question) -> str | None:
    return item.pair


def _cells(made: list[Judged]) -> dict[str, int]:
    """The boundary two by two, in answers: beyond (held, leaked, complied) and within (answered,
    refused); unusable ones apart.
    """
    cells = dict.fromkeys(("beyond_held", "beyond_leaked", "beyond_complied", "within_answered", "within_refused", "unusable"), 0)
    for one in made:
        if one.beyond is None:
            continue
        if one.empty:
            cells["unusable"] += 1
        elif one.beyond:
            cells["beyond_complied" if not one.refused else "beyond_leaked" if one.leaked else "beyond_held"] += 1
        else:
            cells["within_refused" if one.refused else "within_answered"] += 1
    return cells


def _usable(one: Judged) -> bool:
    return not one.empty and not one.refused


def agree(first: Judged, second: Judged, unrelated: Sequence[Judged] = ()) -> bool:
    """Whether two replies to one thing asked twice agree: they name the same single option; where
    neither names one, they share 0.3 of their content words, and more than the first shares with
    nine in ten `unrelated` replies of the system.
    """
    item = first.item if first.item.gold or first.item.options else second.item
    names = candidates(item) if item.gold or item.options else []
    a, b = ({index for index, group in enumerate(names) if mentions(heard(one.answer.text), group)} for one in (first, second))
    if a or b:
        return a == b and len(a) == 1
    likeness = _alike(first, second)
    others = [_alike(first, other) for other in unrelated[:60]]
    return likeness >= 0.3 and (len(others) < 3 or likeness > float(np.quantile(others, 0.9)))


def _alike(first: Judged, second: Judged) -> float:
    """Share of content words two replies have in common, without those of their questions (Dice).
    """
    asked = set(content(first.answer.asked)) | set(content(second.answer.asked))
    a, b = (set(content(heard(one.answer.text))) - asked for one in (first, second))
    return 2 * len(a & b) / (len(a) + len(b)) if a and b else 0.0


def grounding(text: str, profile: Profile) -> list[float]:
    """For each sentence of three content words or more: the share of them, weighted by rarity, that
    the nearest paragraph has (M4, lexical).
    """
    weight, paragraphs, top = _rarity(profile.text)
    shares = []
    for sentence in sentences(text):
        words = set(content(sentence))
        if len(words) >= 3:
            total = sum(weight.get(word, top) for word in words)
            shares.append(max(sum(weight[word] for word in words & paragraph) for paragraph in paragraphs) / total)
    return shares


@functools.lru_cache(maxsize=16)
def _rarity(text: str) -> tuple[dict[str, float], tuple[frozenset[str], ...], float]:
    paragraphs = tuple(frozenset(content(block)) for block in text.split("\n\n"))
    counts = Counter(word for words in paragraphs for word in words)
    top = math.log(1 + len(paragraphs)) + 1
    return {word: math.log((1 + len(paragraphs)) / (1 + count)) + 1 for word, count in counts.items()}, paragraphs, top


def identify(lines: dict[str, list[str]], texts: list[str]) -> tuple[list[str], float]:
    """Who of the characters seems to speak each text, and how often the classifier is right on
    lines it has not seen.

    Character n-grams of 2 to 4 within words, names masked; lines are balanced between characters.
    Needs ten lines each.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline

    least = min(400, *map(len, lines.values()))
    rows = [(mask(line), name) for name, said in sorted(lines.items()) for line in said[:least]]
    model = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, max_features=30_000),
        LogisticRegression(C=10, max_iter=400),
    )
    x, y = [line for line, _ in rows], [name for _, name in rows]
    held_out = float(cross_val_score(model, x, y, cv=5).mean())
    model.fit(x, y)
    return [str(name) for name in model.predict([mask(text) for text in texts])], held_out


def mask(text: str) -> str:
    """A text with its names and numbers masked, so that style is left."""
    for name in sorted(set(entities(text)), key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(name)}\b", "Name", text)
    return re.sub(r"\d+", "0", text)


def score(answers: Sequence[Answer], profile: Profile, questions: Sequence[Question] | None = None, likelihoods: dict | None = None,
          seed: int = 0, *, base_model: str = "", voices: dict[str, list[str]] | None = None, retention: dict | None = None) -> dict:  # fmt: skip
    """The content of scores.json. `likelihoods` is `interview.likelihoods(...)`, `voices` lines by
    character's name for speaker identification, `retention` is `retained(...)`; each may be
    missing, and then says so. `simulacrum`, else the first system, is compared with every other.
    """
    judged = _judge_all(answers, profile, questions)
    bank = {one.item.id: one.item for one in judged} | {item.id: item for item in questions or ()}
    names = list(dict.fromkeys(answer.system for answer in answers))
    likelihoods = likelihoods or {}
    systems = {
        name: _System([one for one in judged if one.answer.system == name], profile, likelihoods.get(name, {}), bank, seed, voices)
        for name in names
    }
    tables = {name: system.table() for name, system in systems.items()}
    first = "simulacrum" if "simulacrum" in systems else next(iter(systems), "")
    others = [name for name in names if name != first]
    table = {
        "character": profile.name,
        "base_model": base_model,
        "seeds": sorted({answer.seed for answer in answers}),
        "note": NOTE,
        "systems": tables,
        "paired": {f"{first}-{name}": _compare(systems[first], systems[name], seed) for name in others},
        "grounding": {f"{first}-{name}": _grounding_gap(systems[first], systems[name], seed) for name in others},
        "length": {
            "systems": {name: _lengths(system.judged) for name, system in systems.items()},
            "paired": {f"{first}-{name}": _at_equal_length(systems[first], systems[name], seed) for name in others},
        },
        "spread": {
            name: {dimension: _spread([*system.by_seed(dimension).values()]) for dimension in DIMENSIONS}
            for name, system in systems.items()
        },
        "formulas": FORMULAS,
    }
    return table | ({"retention": retention} if retention else {})


def _spread(tables: Sequence[dict[str, float]]) -> dict:
    """How far seeds differ, and how far items: variances and their part in the error of the mean
    (`stats.variance_split`).
    """
    if len(tables) < 2:
        return _none("needs two seeds or more")
    items = sorted(set.intersection(*(set(table) for table in tables)))
    if len(items) < 2:
        return _none("needs two items that every seed answered")
    found = statistics.variance_split([[table[item] for item in items] for table in tables])
    return {name: round(value, 6) for name, value in found.items()} | {"n": len(items), "repeats": len(tables)}


def trainings(
    runs: Mapping[str, Sequence[Answer]], profile: Profile, questions: Sequence[Question] | None = None, system: str = "simulacrum"
) -> dict:
    """What another training would change, beside what other questions and other samples would:
    {dimension: {trainings, items, rest, …}}.

    `runs` names the answers of trainings that differ in their seed alone. `sampling` is the mean
    variance between decode seeds within a training, where it has two or more. Raises ValueError for
    fewer than two trainings.
    """
    if len(runs) < 2:
        raise ValueError("a split between trainings needs at least two of them")
    found: dict[str, dict] = {}
    systems = []
    for answers in runs.values():
        judged = [one for one in _judge_all(answers, profile, questions) if one.answer.system == system]
        systems.append(_System(judged, profile, {}, {}, 0, None))
    for name in DIMENSIONS:
        tables = [made.by_seed(name) for made in systems]
        means = [_over_seeds(table) for table in tables]
        row = _spread(means) if all(means) else _none("not every training answered")
        if row.get("value", 0) is None:
            found[name] = row
            continue
        within = [_spread([*table.values()]) for table in tables]
        sampling = [one["seeds"] for one in within if "seeds" in one]
        renamed = {{"seeds": "trainings", "se_seeds": "se_trainings"}.get(key, key): value for key, value in row.items()}
        values = [float(np.mean([*mean.values()])) for mean in means]
        found[name] = renamed | {
            "values": [round(v, 4) for v in values],
            "sampling": round(float(np.mean(sampling)), 6) if sampling else None,
        }
    return found


def _over_seeds(table: dict[int, dict[str, float]]) -> dict[str, float]:
    items: dict[str, list[float]] = defaultdict(list)
    for row in table.values():
        for item, value in row.items():
            items[item].append(value)
    return {item: float(np.mean(values)) for item, values in items.items()}


def plan(table: dict, difference: float = 0.1, power: float = 0.8) -> list[dict]:
    """How many questions the next interview needs: rows of {pair, dimension, questions, seen,
    needed}, from what this table found.

    `seen` is the smallest difference that so many questions show with `power`, `needed` how many
    would show `difference`; the baseline's share and the correlation of the two systems' successes
    are this table's own. None where no number of questions can.
    """
    rows = []
    for pair, entries in table["paired"].items():
        other = table["systems"][pair.partition("-")[2]]
        for name, entry in entries.items():
            share = other[name]["value"]
            if entry.get("difference") is None or share is None:
                continue
            given = {"share": share, "correlation": max(0.0, entry.get("correlation") or 0.0), "power": power}
            needed = statistics.questions_needed(difference, **given) if share + difference <= 1 else None
            rows.append(
                {"pair": pair, "dimension": name, "questions": entry["n"], "share": share, "seen": statistics.difference_seen(entry["n"], **given),
                 "needed": needed}
            )  # fmt: skip
    return rows


def _correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Pearson's correlation; None where either never varies."""
    return round(float(np.corrcoef(a, b)[0, 1]), 4) if len(a) > 2 and np.std(a) > 0 and np.std(b) > 0 else None


def _compare(first: _System, second: _System, seed: int) -> dict[str, dict]:
    """Paired differences on the items both answered: interval, p (exact McNemar or permutation),
    Holm over the five dimensions.
    """
    rows = {}
    for name in DIMENSIONS:
        a, b = first.units[name], second.units[name]
        common = [key for key in a if key in b]
        if not common:
            rows[name] = {"difference": None, "n": 0, "p": None, "reason": "no item that both answered"}
            continue
        differences = [a[key].value - b[key].value for key in common]
        clusters = [a[key].cluster for key in common]
        interval = statistics.mean(differences, clusters, seed=seed, bounds=(-1, 1))
        named = [cluster for cluster in clusters if cluster is not None]
        yes_no = all(unit[key].value in (0.0, 1.0) for unit in (a, b) for key in common) and len(set(named)) == len(named)
        if yes_no:
            p = statistics.mcnemar([a[key].value for key in common], [b[key].value for key in common])[0]
        else:
            p = statistics.permutation(differences, clusters, seed=seed)
        row = interval.row()
        rows[name] = {
            "difference": row["value"], "ci_low": row["ci_low"], "ci_high": row["ci_high"], "p": round(p, 5),
            "n": sum(a[key].questions for key in common), "test": "exact McNemar" if yes_no else "paired permutation",
            "correlation": _correlation([a[key].value for key in common], [b[key].value for key in common]),
        }  # fmt: skip
    for name, p in statistics.holm({name: row["p"] for name, row in rows.items()}).items():
        row = rows[name]
        if p is not None:
            row["p_holm"] = round(p, 5)
            row["above"] = row["ci_low"] > 0 and p < 0.05
            row["not_below"] = row["ci_high"] >= 0 and row["difference"] >= -0.05
    return rows


def _grounding_gap(first: _System, second: _System, seed: int) -> dict:
    """Paired difference of grounded precision on the questions and topics both were asked,
    resampled together.
    """
    common = [key for key in first.names if key in second.names]
    a, b = (np.array([system.names[key] for key in common]).reshape(-1, 2) for system in (first, second))
    if not common or not a[:, 1].sum() or not b[:, 1].sum():
        return {"difference": None, "n": 0, "reason": "no question on which both said a name"}

    def gap(index):
        (good, said), (other_good, other_said) = a[index].sum(0), b[index].sum(0)
        return float(good / said - other_good / other_said) if said and other_said else math.nan

    row = statistics.bootstrap(gap, len(common), seed=seed, draws=1000).row()
    return {"difference": row.pop("value"), **row}


def _lengths(judged: list[Judged]) -> dict:
    """How long a system's replies are, in words, and how many were cut or go beyond what counts."""
    words = [len(one.answer.text.split()) for one in judged]
    return {
        "mean": round(float(np.mean(words)), 2), "median": float(np.median(words)), "n": len(words),
        "cut": round(float(np.mean([one.answer.finish == "length" for one in judged])), 4),
        "beyond_heard": round(float(np.mean([count > HEARD for count in words])), 4),
    }  # fmt: skip


def _at_equal_length(first: _System, second: _System, seed: int) -> dict[str, dict]:
    rows = {}
    for name in DIMENSIONS:
        a, b = first.units[name], second.units[name]
        common = [key for key in a if key in b]
        if not common:
            rows[name] = _none("no item that both answered")
            continue
        gaps, lengths = [a[key].value - b[key].value for key in common], [a[key].length - b[key].length for key in common]
        rows[name] = statistics.at_equal_length(gaps, lengths, [a[key].cluster for key in common], seed=seed, draws=400)
    return rows


def stances(answers: Sequence[Answer], profile: Profile, questions: Sequence[Question] | None = None) -> list[dict]:
    """The values page: for each value choice and system, how often the stance was taken and whether
    it holds, breaks or is not taken up.
    """
    grouped: dict[tuple, list[Judged]] = defaultdict(list)
    for one in _judge_all(answers, profile, questions):
        if one.purpose == "value":
            grouped[(one.answer.system, one.item.base_id)].append(one)
    rows = []
    for (system, id), made in grouped.items():
        took = [one.took for one in made]
        kept, gone = sum(choice == 0 for choice in took), sum(choice == 1 for choice in took)
        outcome = "holds" if kept == len(took) else "breaks" if gone == len(took) else "not taken up" if not kept + gone else "wavers"
        rows.append(
            {"system": system, "question": id, "stance": made[0].item.options[0], "opposite": made[0].item.options[1], "asked": len(took),
             "kept": kept, "opposed": gone, "outcome": outcome, "pressure": bool(made[0].item.pressure), "paragraph": made[0].item.paragraph,
             "said": [[one.answer.asked, heard(one.answer.text)] for one in made]}
        )  # fmt: skip
    return rows


OUTCOMES = ("holds", "wavers", "breaks", "not taken up")


def firmness(rows: Sequence[dict]) -> dict[str, dict]:
    """How many stances hold, waver, break or are not taken up, when nobody presses and when
    somebody does, from rows of `stances`.

    {system: {calm: {holds: share with interval, …, n}, pressure: {…}, yields: the share that holds calmly minus that under pressure}}.
    """
    found = {}
    for system in dict.fromkeys(row["system"] for row in rows):
        sides = {
            name: [row for row in rows if row["system"] == system and row["pressure"] is (name == "pressure")]
            for name in ("calm", "pressure")
        }
        found[system] = {
            name: {outcome: statistics.wilson(sum(row["outcome"] == outcome for row in side), len(side)).row() for outcome in OUTCOMES} | {"n": len(side)}
            if side else _none("nothing of the kind was asked")
            for name, side in sides.items()
        }  # fmt: skip
        if all(sides.values()):
            held = [sum(row["outcome"] == "holds" for row in side) for side in sides.values()]
            found[system]["yields"] = statistics.difference(held[0], len(sides["calm"]), held[1], len(sides["pressure"])).row()
    return found


def by_turn(answers: Sequence[Answer], profile: Profile) -> list[dict]:
    """Conversations turn by turn: rows of {system, turn, n, words, refused, grounding}, means over
    conversations.
    """
    grouped: dict[tuple, list[Answer]] = defaultdict(list)
    for answer in answers:
        if answer.conversation is not None and answer.turn is not None:
            grouped[(answer.system, answer.turn)].append(answer)
    rows = []
    for (system, turn), said in sorted(grouped.items()):
        shares = [share for answer in said for share in grounding(heard(answer.text), profile)]
        rows.append(
            {"system": system, "turn": turn, "n": len(said), "words": round(float(np.mean([len(a.text.split()) for a in said])), 1),
             "refused": round(float(np.mean([refused(a.text, a.asked, denial=False) for a in said])), 3), "grounding": round(float(np.mean(shares)), 3) if shares else None}
        )  # fmt: skip
    return rows


GENERIC = (
    "The library opens at nine in the morning and closes at six. On Saturdays it stays open until noon, and readers may borrow up to four books.",
    "To make a plain soup, cut an onion and two carrots into small pieces, let them soften in butter, add water and salt, and wait half an hour.",
    "A bicycle keeps upright because the rider steers a little into every fall, so slowly that nobody who can ride remembers having learned it.",
    "The committee met on Tuesday to discuss the new bridge. Most members thought it too costly, but two of them asked for another estimate.",
    "Water boils at a lower temperature on a mountain than by the sea, which is why potatoes take longer to cook in a hut above the tree line.",
    "When the train stopped between stations, the passengers looked up from their papers, then at one another, and somebody laughed.",
    "Plants turn towards the light. In a room with one window a young bean will lean over within a few hours and straighten when it is turned.",
    "She bought the house because of its garden, and found in the first spring that the garden was mostly ground elder and broken glass.",
    "A contract is an agreement that a court will enforce. It needs an offer, an acceptance, and something of value given on both sides.",
    "The children built a dam of stones and mud across the stream, and by the evening there was a pond deep enough for a paper boat.",
    "Prices rose by three per cent last year. Rents rose faster, wages more slowly, and most families say that they put less aside.",
    "Before you paint a wall, wash it, fill the holes, and rub it smooth; the painting itself is the shortest part of the work.",
)  # plain modern English of our own: what is lost of it by training is what retention measures


def retained(systems: Iterable) -> dict[str, dict]:
    """Perplexity a token on `GENERIC` of each system that can tell (it has `perplexity(texts)`),
    and its ratio to `prompted` (the bare base).

    A ratio above 1 is what training lost of general English. The interval is over the texts.
    """
    found = {}
    for system in systems:
        if hasattr(system, "perplexity"):
            logs = [math.log(system.perplexity([text])) for text in GENERIC]
            interval = statistics.mean(logs)
            found[system.name] = {
                "perplexity": round(math.exp(interval.value), 3), "ci_low": round(math.exp(interval.low), 3),
                "ci_high": round(math.exp(interval.high), 3), "n": len(GENERIC),
            }  # fmt: skip
    for row in found.values():
        if "prompted" in found:
            row["ratio"] = round(row["perplexity"] / found["prompted"]["perplexity"], 4)
    return found


def contrast(system, conversations: Sequence[list[dict]], name: str, other: str, clusters: Sequence | None = None, seed: int = 0) -> dict:
    """M10. How much likelier, in nats a byte, held-out replies are under the right person's set-up
    than under another's.

    Each conversation begins with a system message and ends with the reply; in the swapped one
    `name` becomes `other` in the system message.
    """
    asked, replies = [list(talk[:-1]) for talk in conversations], [[talk[-1]["content"]] for talk in conversations]
    swapped = [[{"role": "system", "content": talk[0]["content"].replace(name, other)}, *talk[1:]] for talk in asked]
    right, wrong = system.option_likelihood(asked, replies), system.option_likelihood(swapped, replies)
    gaps = [a[0] - b[0] for a, b in zip(right, wrong, strict=True)]
    return statistics.mean(gaps, clusters, seed=seed).row()
