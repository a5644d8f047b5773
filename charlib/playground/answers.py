"""Answers files: ours and the original project's."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from charlib import run
from charlib.playground.banks import TOPICS, original_question, read_rows
from charlib.playground.systems import split_thought
from charlib.records import Answer, Question

ANSWERS = "answers.jsonl"


CUT = "<|NONSTOP|>"  # its mark of a reply that the token limit cut


def load_answers(path: str | Path, system: str | None = None) -> list[Answer]:
    """Answers: ours, or the original project's single-turn list and multi-turn JSONL.

    The system is the row's `system` or `model`, else `system`, else the file's stem. Raises
    RunError when the file is none of these.
    """
    path = Path(path)
    answers: list[Answer] = []
    for number, row in enumerate(read_rows(path), 1):
        try:
            answers += _read_answer(row, row.get("system") or row.get("model") or system or path.stem, path.stem)
        except (ValidationError, KeyError, TypeError, AttributeError) as error:
            what = str(error).splitlines()[0]
            raise run.RunError(
                f"{path.name}, row {number} is no answer of a known form ({what}): give an answers.jsonl or the original project's files."
            ) from error
    if not answers:
        raise run.RunError(f"{path.name} holds no answer: give an answers.jsonl or the original project's files.")
    return answers


def _read_answer(row: dict, system: str, stem: str) -> list[Answer]:
    if "reply" in row:
        return [_original_single(row, system)]
    if isinstance(row.get("content"), list):
        return _original_multi(row, system, stem)
    spoken, thought = split_thought(str(row["text"] or ""))
    item = row.get("item") or {"question": row.get("asked") or row["question"], "id": row["question"], "group": "interview"}
    filled = {"asked": str(row["question"]), "character": "", "finish": "stop"} | row
    filled |= {"question": str(row["question"]), "system": system, "text": spoken, "thought": row.get("thought") or thought, "item": item}
    return [Answer.model_validate(filled)]


def _original_single(row: dict, system: str) -> Answer:
    spoken, thought, who, finish = _turns(row["reply"])
    question = " ".join(str(row["question"]).split())
    topic = row.get("topic_id")
    item = {"question": question, **(original_question(row, Path(system), 0) if topic in TOPICS else {"group": "interview"})}
    return Answer(question=question, asked=question, item=Question.model_validate(item), character=who, system=system, text=spoken,
                  thought=thought, finish=finish)  # fmt: skip


def _original_multi(row: dict, system: str, stem: str) -> list[Answer]:
    topic = " ".join(str(row["topic"]).split())
    item = Question(id=topic, question=topic, group="interview")
    asked, rows = topic, []
    for turn in row["content"]:
        spoken, thought, who, finish = _turns(turn["turn_content"])
        if turn["turn_role"] == "interviewer":
            asked = spoken
            continue
        rows.append(
            Answer(question=topic, asked=asked, item=item, character=row.get("character") or who, system=system, text=spoken, thought=thought,
                   finish=finish, conversation=f"{stem}:{row.get('qid', topic)}", turn=int(turn.get("turn_id", len(rows))))
        )  # fmt: skip
    return rows


def _turns(reply) -> tuple[str, str | None, str, str]:
    """(spoken, thought, who, finish) of a reply of the original project: a list of turns, one turn,
    or plain text.
    """
    turns = reply if isinstance(reply, list) else [reply]
    turns = [{"role": "", "action": "(speaking)", "content": turn} if isinstance(turn, str) else turn for turn in turns]
    spoken, thoughts, cut = [], [], False
    for turn in turns:
        text = str(turn.get("content") or "")
        cut |= CUT in text
        text = text.replace(CUT, "").replace("<|eot|>", "").strip()
        if text:
            (thoughts if "think" in str(turn.get("action", "")) else spoken).append(text)
    who = next((str(turn.get("role") or "") for turn in turns if turn.get("role")), "")
    return "\n".join(spoken), "\n".join(thoughts) or None, who, "length" if cut else "stop"


def side_by_side(answers: Sequence[Answer], questions: Sequence[Question], count: int = 6):
    """A table of questions and every system's reply, taken in turn from recall and boundary."""
    import pandas as pd

    by_purpose = [[item for item in questions if item.purpose == name] for name in ("recall", "boundary")]
    chosen = [item for pair in zip(*by_purpose, strict=False) for item in pair][:count] or list(questions)[:count]
    rows = []
    for item in chosen:
        replies = {row.system: row.text for row in reversed(answers) if row.question == item.id and row.conversation is None}
        rows.append({"question": item.question, **replies})
    return pd.DataFrame(rows).set_index("question")


def by_conversation(rows: Sequence[Answer]) -> list[list[Answer]]:
    """Rows of conversations, grouped and in order."""
    groups: dict[str, list[Answer]] = {}
    for row in rows:
        groups.setdefault(row.conversation or "", []).append(row)
    return [sorted(group, key=lambda row: row.turn or 0) for group in groups.values()]


def transcript(rows: Sequence[Answer]) -> str:
    """A conversation as plain text."""
    return "\n".join(f"Interviewer: {row.asked}\n{row.character.split()[-1]}: {row.text or '(nothing)'}" for row in rows)
