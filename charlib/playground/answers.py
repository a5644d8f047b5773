"""Answers files: ours and the original project's."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from charlib import run
from charlib.playground.banks import TOPICS, original_question, read_rows
from charlib.playground.thoughts import split_thought
from charlib.records import Answer, Question

ANSWERS = "answers.jsonl"
_CUT = "<|NONSTOP|>"  # the original project's mark of a reply that the token limit cut


def load_answers(path: str | Path, system: str | None = None) -> list[Answer]:
    """Answers: ours, or the original project's single-turn list and multi-turn JSONL.

    The system is the row's `system` or `model`, else `system`, else the file's stem. Raises
    RunError when the file is none of these.
    """
    path = Path(path)
    give = "give an answers.jsonl or the original project's files"
    answers: list[Answer] = []
    for number, row in enumerate(read_rows(path), 1):
        try:
            name = row.get("system") or row.get("model") or system or path.stem
            answers += _read(row, name, path.stem)
        except (ValidationError, KeyError, TypeError, AttributeError) as error:
            what = str(error).splitlines()[0]
            raise run.RunError(f"{path.name}, row {number} is no answer of a known form ({what}): "
                               f"{give}.") from error
    if not answers:
        raise run.RunError(f"{path.name} holds no answer: {give}.")
    return answers


def _read(row: dict, system: str, stem: str) -> list[Answer]:
    """One row of any form. Raises what a wrong row raises when it is read."""
    if "reply" in row:
        asked = " ".join(str(row["question"]).split())
        known = row.get("topic_id") in TOPICS
        more = original_question(row, Path(system), 0) if known else {"group": "interview"}
        item = Question.model_validate({"question": asked, **more})
        return [Answer(question=asked, asked=asked, item=item, system=system,
                       **_said(row["reply"]))]
    if isinstance(row.get("content"), list):
        return _several(row, system, stem)
    spoken, thought = split_thought(str(row["text"] or ""))
    id = str(row["question"])
    item = row.get("item") or {"question": row.get("asked") or id, "id": id, "group": "interview"}
    own = {"question": id, "system": system, "text": spoken, "item": item,
           "thought": row.get("thought") or thought}
    return [Answer.model_validate({"asked": id, "character": "", "finish": "stop"} | row | own)]


def _several(row: dict, system: str, stem: str) -> list[Answer]:
    topic = " ".join(str(row["topic"]).split())
    item = Question(id=topic, question=topic, group="interview")
    place = f"{stem}:{row.get('qid', topic)}"
    asked, rows = topic, []
    for turn in row["content"]:
        said = _said(turn["turn_content"])
        if turn["turn_role"] == "interviewer":
            asked = said["text"]
            continue
        said["character"] = row.get("character") or said["character"]
        number = int(turn.get("turn_id", len(rows)))
        rows.append(Answer(question=topic, asked=asked, item=item, system=system,
                           conversation=place, turn=number, **said))
    return rows


def _said(reply: list | dict | str) -> dict:
    """Fields of an Answer from a reply of the original project: a list of turns, one turn, or plain
    text.
    """
    turns = reply if isinstance(reply, list) else [reply]
    turns = [{"content": turn} if isinstance(turn, str) else turn for turn in turns]
    spoken, thoughts, cut = [], [], False
    for turn in turns:
        text = str(turn.get("content") or "")
        cut |= _CUT in text
        if text := text.replace(_CUT, "").replace("<|eot|>", "").strip():
            (thoughts if "think" in str(turn.get("action", "")) else spoken).append(text)
    who = next((str(turn["role"]) for turn in turns if turn.get("role")), "")
    return {"text": "\n".join(spoken), "thought": "\n".join(thoughts) or None, "character": who,
            "finish": "length" if cut else "stop"}


def kept_answers(path: Path) -> list[Answer]:
    """The answers that are in a file of ours, if it is there; a last line that was torn is cut off.
    Raises RunError where it holds something else.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else []
    answers = []
    for number, line in enumerate(lines, 1):
        try:
            answers += [Answer.model_validate_json(line)] if line.strip() else []
        except ValidationError as error:
            if number == len(lines) and error.errors()[0]["type"] == "json_invalid":
                break
            raise run.RunError(f"{path.name}, line {number} is not an answer: mend or remove that "
                               "line, or choose another --out.") from error
    return answers


def side_by_side(answers: Sequence[Answer], questions: Sequence[Question], count: int = 6):
    """A table of questions and every system's reply, taken in turn from recall and boundary."""
    import pandas as pd

    recall, boundary = ([item for item in questions if item.purpose == name]
                        for name in ("recall", "boundary"))
    chosen = [item for pair in zip(recall, boundary, strict=False) for item in pair]
    rows = []
    for item in (chosen or questions)[:count]:
        replies = {row.system: row.text for row in reversed(answers)
                   if row.question == item.id and row.conversation is None}
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
    who = {row.system: (row.character or row.system).split()[-1] for row in rows}
    return "\n".join(f"Interviewer: {row.asked}\n{who[row.system]}: {row.text or '(nothing)'}"
                     for row in rows)
