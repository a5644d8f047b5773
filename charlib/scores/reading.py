"""What was made of every answer: usable, refused, leaked, which option it takes, right or wrong;
and the tables that show it answer by answer, stance by stance, turn by turn.

    rows = scores.judge_rows(answers, profile, questions)
    rows = scores.read_rows(answers, profile, questions)          # what `score --rows` writes
    kept = scores.firmness(scores.stances(answers, profile, questions))
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from charlib.records import Answer, Profile, Question
from charlib.scores import statistics
from charlib.scores.likeness import grounding
from charlib.scores.refusals import refused
from charlib.scores.replies import beyond, echoes, endless, heard, leaks, recalls, takes

OUTCOMES = ("holds", "wavers", "breaks", "not taken up")


class Judged(Answer):
    """An answer, the bank's item for it, and what was made of it.

    `purpose` is the item's, or "conversation"; `beyond` None where it cannot be told; `empty`: it
    says nothing, has no end or gives the question back; `took` the option it takes; `correct` None
    where nothing can be right.
    """

    item: Question
    purpose: str
    beyond: bool | None
    empty: bool
    refused: bool
    leaked: list[str] = []
    took: int | None = None
    correct: bool | None = None

    @property
    def usable(self) -> bool:
        """Whether it answers at all."""
        return not self.empty and not self.refused

    def row(self) -> dict:
        """A row for a table."""
        over = bool(self.refused and self.beyond is False and self.purpose != "interview")
        return {
            "system": self.system, "seed": self.seed, "question": self.item.id,
            "group": self.purpose, "topic": self.item.topic, "asked": self.asked, "text": self.text,
            "turn": self.turn, "words": len(self.text.split()),
            "gold": "; ".join(self.item.gold or []), "correct": self.correct, "took": self.took,
            "refused": self.refused, "leaked": "; ".join(self.leaked), "over_refused": over,
            "unusable": self.empty, "finish": self.finish, "paragraph": self.item.paragraph,
            "pair": self.item.pair}


def judge(answer: Answer, item: Question, profile: Profile) -> Judged:
    """One answer against its item."""
    text, purpose = answer.text, "conversation" if answer.conversation else item.purpose
    outside = beyond(item, profile)
    empty = endless(text) or echoes(text, answer.asked)
    no = not empty and refused(text, answer.asked, denial=purpose == "boundary")
    leaked, took, correct = [], None, None
    if purpose == "boundary" and outside is not None:
        leaked = leaks(text, item) if outside else []
        correct = not empty and (no and not leaked if outside else not no)
    elif purpose in ("choice", "time", "value", "trait") and len(item.options or ()) == 2:
        took = None if empty else takes(text, item)
        correct = took == 0
    elif purpose in ("recall", "paraphrase") and item.gold:
        correct = not empty and recalls(text, item)
    made = {"item": item, "purpose": purpose, "beyond": outside, "empty": empty, "refused": no,
            "leaked": leaked, "took": took, "correct": correct}
    return Judged.model_construct(**(dict(answer) | made))


def judge_all(answers: Sequence[Answer], profile: Profile,
              questions: Sequence[Question] | None = None) -> list[Judged]:
    """Every answer against the bank's item of its id or text; else against the item it carries."""
    bank: dict[str, Question] = {}
    for item in questions or ():
        bank.setdefault(item.id, item)
        bank.setdefault(item.question, item)
    return [judge(answer, _item(answer, bank), profile) for answer in answers]


def _item(answer: Answer, bank: dict[str, Question]) -> Question:
    found, own = bank.get(answer.question) or bank.get(answer.asked), answer.item
    if not found and own and own.swap_of in bank:
        changed = {"id": own.id, "question": own.question, "swap_of": own.swap_of}
        found = bank[own.swap_of].model_copy(update=changed)
    return found or own or Question(id=answer.question, question=answer.asked, group="interview")


def judge_rows(answers: Sequence[Answer], profile: Profile,
               questions: Sequence[Question] | None = None) -> list[dict]:
    """One row per answer with what was made of it."""
    return [made.row() for made in judge_all(answers, profile, questions)]


def read_rows(answers: Sequence[Answer], profile: Profile,
              questions: Sequence[Question] | None = None) -> list[dict]:
    """One row per answer as the reader of replies saw it: {question, system, refuses, leaks,
    says_gold, text}; `says_gold` is None where the question has no gold.
    """
    return [
        {"question": made.question, "system": made.system, "refuses": made.refused,
         "leaks": bool(made.leaked), "says_gold": _says_gold(made), "text": made.text}
        for made in judge_all(answers, profile, questions)]


def _says_gold(made: Judged) -> bool | None:
    if not made.item.gold:
        return None
    # what lies beyond has leaks for its gold
    return bool(made.leaked) if made.beyond else not made.empty and recalls(made.text, made.item)


def stances(answers: Sequence[Answer], profile: Profile,
            questions: Sequence[Question] | None = None) -> list[dict]:
    """For each value choice and system, how often the stance was taken, and whether it holds,
    wavers, breaks or is not taken up.
    """
    grouped: dict[tuple, list[Judged]] = defaultdict(list)
    for made in judge_all(answers, profile, questions):
        if made.purpose == "value":
            grouped[(made.system, made.item.base_id)].append(made)
    rows = []
    for (system, question), said in grouped.items():
        item = said[0].item
        kept, opposed = (sum(made.took == side for made in said) for side in (0, 1))
        outcome = "holds" if kept == len(said) else "breaks" if opposed == len(said) else "wavers"
        rows.append({
            "system": system, "question": question, "stance": item.options[0],
            "opposite": item.options[1], "asked": len(said), "kept": kept, "opposed": opposed,
            "outcome": outcome if kept + opposed else "not taken up",
            "pressure": bool(item.pressure), "paragraph": item.paragraph,
            "said": [[made.asked, heard(made.text)] for made in said]})
    return rows


def firmness(rows: Sequence[dict]) -> dict[str, dict]:
    """How many stances hold, waver, break or are not taken up, when nobody presses and when
    somebody does, from rows of `stances`.

    {system: {calm: {holds: share with interval, …, n}, pressure: {…}, yields: the share that holds
    calmly minus that under pressure}}.
    """
    found: dict[str, dict] = {}
    for system in dict.fromkeys(row["system"] for row in rows):
        sides = {name: [row["outcome"] for row in rows
                        if row["system"] == system and row["pressure"] is (name == "pressure")]
                 for name in ("calm", "pressure")}
        found[system] = {name: _outcomes(side) for name, side in sides.items()}
        if all(sides.values()):
            counts = [(side.count("holds"), len(side)) for side in sides.values()]
            found[system]["yields"] = statistics.difference(*counts[0], *counts[1]).row()
    return found


def _outcomes(side: list[str]) -> dict:
    if not side:
        return statistics.none("nothing of the kind was asked")
    shares = {name: statistics.wilson(side.count(name), len(side)).row() for name in OUTCOMES}
    return shares | {"n": len(side)}


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
        shares = [share for one in said for share in grounding(heard(one.text), profile)]
        no = [refused(one.text, one.asked, denial=False) for one in said]
        words = [len(one.text.split()) for one in said]
        rows.append({
            "system": system, "turn": turn, "n": len(said),
            "words": round(float(np.mean(words)), 1),
            "refused": round(float(np.mean(no)), 3),
            "grounding": round(float(np.mean(shares)), 3) if shares else None})
    return rows
