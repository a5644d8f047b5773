"""Evidence: where an answer came from, and whether a question was seen in training.

`explain` puts each answer beside the nearest training exchange and its paragraph; `contamination`
finds word runs that the bank shares with the training text.
"""

from collections.abc import Sequence

from charlib import run
from charlib.records import Answer, Example, Question
from charlib.text import RUN_OF_WORDS, Search, word_runs, words


class Nearest:
    """The run's training exchanges, searchable: what an answer most resembles, with provenance back
    to the profile's paragraph."""

    def __init__(self, here: run.Run):
        self.rows = []
        for example in here.read_jsonl("examples.jsonl", Example):
            asked = ""
            for message in example.messages:
                if message.role == "user":
                    asked = message.content
                elif message.role == "assistant":
                    self.rows.append((example, asked, message.content))
        self.search = Search([f"{asked} {said}" for _, asked, said in self.rows])

    def of(self, asked: str, answer: str) -> dict:
        """{experience, example, dialogue, paragraph, similarity} of the nearest exchange;
        similarity 0 when nothing is shared."""
        index, likeness = self.search.nearest(f"{asked} {answer}", 1)[0]
        example, question, said = self.rows[index]
        return {"experience": f"{question} / {said}", "example": example.id,
                "dialogue": example.dialogue, "paragraph": next(iter(example.paragraphs), ""),
                "similarity": round(likeness, 2)}


def explain(here: run.Run, answers: Sequence[Answer], questions: Sequence[Question],
            count: int = 5, system: str = "simulacrum") -> list[dict]:
    """Rows of {question, answer, nearest experience, paragraph, similarity} for the first `count`
    open answers of a system."""
    near = Nearest(here)
    open_ids = {item.id for item in questions if item.purpose in ("recall", "boundary")}
    chosen = [row for row in answers if row.system == system and row.question in open_ids
              and row.conversation is None]
    return [{"asked": row.asked, "answer": row.text, **near.of(row.asked, row.text)}
            for row in chosen[:count]]


def contamination(here: run.Run, questions: Sequence[Question]) -> dict:
    """Whether the bank shares wording with the training text: {shared: rows of {question, run} with
    a run of RUN_OF_WORDS words in common, highest: the largest share of a question's 4-word runs
    that one training message holds, summary: one line}."""
    seen: set[tuple[str, ...]] = set()
    fours: dict[tuple[str, ...], set[int]] = {}
    number = 0
    for example in here.read_jsonl("examples.jsonl", Example):
        for message in example.messages:
            if message.role == "system":
                continue
            number += 1
            found = words(message.content)
            seen |= word_runs(message.content)
            for gram in zip(*(found[start:] for start in range(4)), strict=False):
                fours.setdefault(gram, set()).add(number)
    shared, highest, worst = [], 0.0, ""
    for question in questions:
        found = words(question.question)
        longest = zip(*(found[start:] for start in range(RUN_OF_WORDS)), strict=False)
        if common := next((gram for gram in longest if gram in seen), None):
            shared.append({"question": question.question, "run": " ".join(common)})
        grams = list(zip(*(found[start:] for start in range(4)), strict=False))
        hits: dict[int, int] = {}
        for gram in grams:
            for place in fours.get(gram, ()):
                hits[place] = hits.get(place, 0) + 1
        share = max(hits.values(), default=0) / len(grams) if grams else 0.0
        if share > highest:
            highest, worst = share, question.question
    nearest = f" ({worst!r})" if worst else ""
    summary = (f"{len(questions)} questions: {len(shared)} share a run of {RUN_OF_WORDS} words "
               f"with training text; the nearest shares {highest:.0%} of its 4-word runs{nearest}")
    return {"shared": shared, "highest": round(highest, 3), "summary": summary}
