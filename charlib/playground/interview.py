"""Question banks, single-turn and multi-turn interviews, and the answers files.

A question and an answer, as rows of questions.jsonl and answers.jsonl:

    {"id": "recall-001", "topic": "past", "kind": "open", "question": "Who …?", "gold": ["Neefe"], "options": ["Neefe", "Salieri", …],
     "answerable": true, "paragraph": "3f2a…", "group": "recall"}
    {"question": "recall-001", "asked": "Who …?", "item": {…}, "character": "Ludwig van Beethoven", "system": "simulacrum", "seed": 0,
     "text": "Neefe did.", "tokens": 6, "finish": "stop", "seconds": 0.1}

Whatever has a `name` and `reply(conversations, seed) -> list[Reply]` can be interviewed; a
conversation is a list of chat messages that ends with the questioner's. The three standard systems
stand on one base model:

    systems = interview.standard(sim, profile)            # simulacrum, prompted, prompted_profile
    answers = interview.conduct(here, interview.both_orders(questions), systems)
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from charlib import run
from charlib.models.decode import Reply
from charlib.playground.answers import ANSWERS
from charlib.playground.systems import System, split_thought
from charlib.records import Answer, Question


def likelihoods(
    systems: Iterable[System], questions: Iterable[Question], phrases: tuple[str, str] | None = None
) -> dict[str, dict[str, list[float]]]:
    """Mean log-probability a byte of each option, by system and question; with `phrases`
    (ignorance, compliance) of those for boundary items.

    Systems that cannot tell (no `option_likelihood`) are left out.
    """
    wanted = [(item, item.options) for item in questions if item.options and len(item.options) > 1 and item.purpose != "boundary"]
    if phrases:
        wanted += [(item, list(phrases)) for item in questions if item.purpose == "boundary"]
    found = {}
    for system in systems:
        if hasattr(system, "option_likelihood") and wanted:
            values = system.option_likelihood([ask_options(item.question) for item, _ in wanted], [options for _, options in wanted])
            found[system.name] = {item.id: [float(value) for value in row] for (item, _), row in zip(wanted, values, strict=True)}
    return found


def ask_options(question: str) -> list[dict]:
    return [{"role": "user", "content": question}]


def conduct(out: run.Run | str | Path, questions: Sequence[Question], systems: Sequence[System], seeds: Sequence[int] = (0,),
            say: Callable[[str], None] | None = None, *, character: str = "", batch: int = 192) -> list[Answer]:  # fmt: skip
    """Ask every system every question with every seed; one answer a question, system and seed, in
    the order of the questions.

    `out` is a run (its answers.jsonl) or a path. Answers are appended as each batch ends; a file
    that was left incomplete, even with a torn last line, is continued, and what other weights or
    another wording answered is asked again. Rows of other systems and of conversations stay. Raises
    RunError when the file holds something else, or a system answers fewer conversations than it was
    given.
    """
    path, say = _target(out, ANSWERS), say or (out.say if isinstance(out, run.Run) else lambda text: None)
    distinct(systems)
    known, others = {}, []
    makers = {system.name: getattr(system, "maker", None) for system in systems}
    wanted = _numbered(questions)
    places = {(key, system.name, seed) for key in wanted for system in systems for seed in seeds}
    counts: Counter = Counter()
    ours = {system.name for system in systems}
    asked_ids = {item.id for item in questions}
    for answer in go_on(path):
        plain = (answer.question, answer.asked, answer.system, answer.seed)
        key = ((answer.question, answer.asked, counts[plain]), answer.system, answer.seed)
        if answer.conversation is None and key in places and makers[answer.system] == answer.maker:
            known[key] = answer
            counts[plain] += 1
        elif answer.conversation is not None or answer.system not in ours or answer.question not in asked_ids or answer.seed not in seeds:
            others.append(answer)
    missing = len(places) - len(known)
    if known and missing:
        say(f"interview: {len(known)} answers are there, {missing} to go")
    run.write_jsonl(path, [*others, *known.values()])
    for system in systems:
        for seed in seeds:
            todo = [(key, item) for key, item in wanted.items() if (key, system.name, seed) not in known]
            for start in range(0, len(todo), batch):
                chosen = todo[start : start + batch]
                replies = replies_of(system, [ask_options(item.question) for _, item in chosen], seed)
                rows = [
                    as_answer(item, item.question, reply, system, seed, character, makers[system.name])
                    for (_, item), reply in zip(chosen, replies, strict=True)
                ]
                _append(path, rows)
                known |= {(key, system.name, seed): row for (key, _), row in zip(chosen, rows, strict=True)}
            if todo:
                say(f"interview: {system.name}, seed {seed}: {len(todo)} answers")
    ordered = [known[(key, system.name, seed)] for system in systems for seed in seeds for key in wanted]
    run.write_jsonl(path, [*ordered, *others])
    return ordered


def _numbered(questions: Sequence[Question]) -> dict[tuple, Question]:
    """Questions by (id, text, how often it came before): a bank may ask one thing twice."""
    counts: Counter = Counter()
    numbered = {}
    for item in questions:
        numbered[(item.id, item.question, counts[(item.id, item.question)])] = item
        counts[(item.id, item.question)] += 1
    return numbered


def _target(out: run.Run | str | Path, name: str) -> Path:
    return out.path(name) if isinstance(out, run.Run) else Path(out)


def distinct(systems: Sequence[System]) -> None:
    twice = [name for name, count in Counter(system.name for system in systems).items() if count > 1]
    if twice:
        raise run.RunError(f"Two systems are called {twice[0]}: give each its own name.")


def replies_of(system: System, conversations: list[list[dict]], seed: int) -> list[Reply]:
    replies = list(system.reply(conversations, seed))
    if len(replies) != len(conversations):
        raise run.RunError(f"{system.name} gave {len(replies)} replies to {len(conversations)} conversations: it must answer each.")
    return replies


def as_answer(item: Question, asked: str, reply: Reply, system: System, seed: int, character: str, maker: str | None, **place) -> Answer:
    spoken, thought = split_thought(reply.text)
    return Answer(
        question=item.id, asked=asked, item=item, character=getattr(system, "character", "") or character, system=system.name, seed=seed,
        text=spoken, thought=thought, tokens=reply.tokens, finish=reply.finish, seconds=reply.seconds, maker=maker, **place,
    )  # fmt: skip


def go_on(path: Path) -> list[Answer]:
    """The answers that are there; a last line that was torn is cut off."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    whole, _, last = text.rpartition("\n")
    if last.strip():
        try:
            json.loads(last)
        except ValueError:
            text = whole
    answers = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                answers.append(Answer.model_validate_json(line))
            except ValidationError as error:
                raise run.RunError(
                    f"{path.name}, line {number} is not an answer: mend or remove that line, or choose another --out."
                ) from error
    return answers


def _append(path: Path, rows: Sequence[BaseModel]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(run.to_json(row) + "\n" for row in rows))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise run.RunError(f"Could not write {path.name}: {error.strerror}. Free some space or choose another --out.") from error
