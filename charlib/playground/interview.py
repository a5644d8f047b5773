"""Interviews of one turn: every system is asked every question, and what is answered is kept.

A question and an answer, as rows of questions.jsonl and answers.jsonl:

    {"id": "recall-001", "topic": "past", "kind": "open", "question": "Who …?", "gold": ["Neefe"],
     "answerable": true, "paragraph": "3f2a…", "group": "recall"}
    {"question": "recall-001", "asked": "Who …?", "item": {…}, "character": "Nell Gray", "seed": 0,
     "system": "simulacrum", "text": "Neefe did.", "tokens": 6, "finish": "stop", "seconds": 0.1}
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from charlib import models, run
from charlib.playground.answers import ANSWERS, kept_answers
from charlib.playground.banks import both_orders
from charlib.playground.systems import System, replies_of
from charlib.playground.thoughts import split_thought
from charlib.records import Answer, Profile, Question

Asked = tuple[Question, str, list[dict]]  # an item, the words it is asked in, what was said before


def put(system: System, asked: Sequence[Asked], seed: int, character: str = "",
        turn: int | None = None, maker: str | None = None) -> list[Answer]:
    """What a system answers: one turn of as many talks as there are, of one turn or of several."""
    talks = [[*before, {"role": "user", "content": words}] for _, words, before in asked]
    replies = replies_of(system, talks, seed if turn is None else seed * 1000 + turn)
    character = getattr(system, "character", "") or character
    rows = []
    for (item, words, _), reply in zip(asked, replies, strict=True):
        spoken, thought = split_thought(reply.text)
        rows.append(Answer(
            question=item.id, asked=words, item=item, character=character, system=system.name,
            seed=seed, turn=turn, text=spoken, thought=reply.thought or thought,
            tokens=reply.tokens, finish=reply.finish, seconds=reply.seconds, maker=maker))
    return rows


def conduct(out: run.Run | str | Path, questions: Sequence[Question], systems: Sequence[System],
            seeds: Sequence[int] = (0,), say: Callable[[str], None] | None = None, *,
            character: str = "", batch: int = 192) -> list[Answer]:
    """Ask every system every question with every seed; one answer per question, system and seed, in
    the order of the questions.

    `out` is a run (its answers.jsonl) or a path. It is written as each batch ends; a file that was
    left incomplete is continued, and what other weights or another wording answered is asked again.
    Rows of other systems and of conversations stay. Raises RunError when the file holds something
    else, or a system answers fewer conversations than it was given.
    """
    path = out.path(ANSWERS) if isinstance(out, run.Run) else Path(out)
    say = say or (out.say if isinstance(out, run.Run) else lambda text: None)
    makers, wanted = makers_of(systems), _numbered(questions)
    places = [(name, seed, key) for name in makers for seed in seeds for key in wanted]
    known, others = _known(kept_answers(path), set(places), makers)
    if known and len(known) < len(places):
        say(f"interview: {len(known)} answers are there, {len(places) - len(known)} to go")
    for system in systems:
        for seed in seeds:
            todo = [key for key in wanted if (system.name, seed, key) not in known]
            for start in range(0, len(todo), batch):
                keys = todo[start : start + batch]
                asked = [(wanted[key], wanted[key].question, []) for key in keys]
                rows = put(system, asked, seed, character, maker=makers[system.name])
                for key, row in zip(keys, rows, strict=True):
                    known[system.name, seed, key] = row
                run.write_jsonl(path, [*known.values(), *others])
            if todo:
                say(f"interview: {system.name}, seed {seed}: {len(todo)} answers")
    ordered = [known[place] for place in places]
    run.write_jsonl(path, [*ordered, *others])
    return ordered


def interview_run(here: run.Run, profile: Profile, questions: Sequence[Question],
                  systems: Sequence[System], settings) -> list[Answer]:
    """Ask every system everything but the interview topics, choices in both orders; answers.jsonl.
    Seeds 0 to `settings.samples` - 1, greedy where there is one.
    """
    for system in systems:
        if hasattr(system, "sampling"):
            system.sampling = models.Sampling(max_new_tokens=settings.max_new_tokens,
                                              temperature=0.0 if settings.samples == 1 else 0.7)
    asked = both_orders([item for item in questions if item.purpose != "interview"])
    started = time.monotonic()
    answers = conduct(here, asked, systems, range(settings.samples), character=profile.name)
    here.record("interview", products=(ANSWERS,), seconds=time.monotonic() - started)
    return answers


def makers_of(systems: Sequence[System]) -> dict[str, str | None]:
    """Who answers under each system's name. Raises RunError for two of one name."""
    makers: dict[str, str | None] = {}
    for system in systems:
        if system.name in makers:
            raise run.RunError(f"Two systems are called {system.name}: give each its own name.")
        makers[system.name] = getattr(system, "maker", None)
    return makers


def _numbered(questions: Sequence[Question]) -> dict[tuple, Question]:
    """Questions by (id, text, how often it came before): a bank may ask one thing twice."""
    counts: Counter = Counter()
    numbered = {}
    for item in questions:
        numbered[(item.id, item.question, counts[item.id, item.question])] = item
        counts[item.id, item.question] += 1
    return numbered


def _known(rows: Sequence[Answer], places: set[tuple], makers: dict) -> tuple[dict, list[Answer]]:
    """The rows that answer one of the `places`, by place, and those that are of something else."""
    known, others, counts = {}, [], Counter()
    ours = {(name, seed, key[0]) for name, seed, key in places}
    for row in rows:
        said = row.system, row.seed, row.question, row.asked
        place = row.system, row.seed, (row.question, row.asked, counts[said])
        if row.conversation is not None or said[:3] not in ours:
            others.append(row)
        elif place in places and row.maker == makers[row.system]:
            known[place] = row
            counts[said] += 1
    return known, others


def likelihoods(systems: Iterable[System],
                questions: Sequence[Question]) -> dict[str, dict[str, list[float]]]:
    """Mean log-probability per byte of each option, by system and question. Systems that cannot
    tell (no `option_likelihood`) are left out.
    """
    wanted = [item for item in questions
              if len(item.options or []) > 1 and item.purpose != "boundary"]
    talks = [[{"role": "user", "content": item.question}] for item in wanted]
    found = {}
    for system in systems:
        if hasattr(system, "option_likelihood") and wanted:
            values = system.option_likelihood(talks, [item.options for item in wanted])
            found[system.name] = {item.id: [float(value) for value in row]
                                  for item, row in zip(wanted, values, strict=True)}
    return found
