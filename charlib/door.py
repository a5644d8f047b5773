"""What the front door does: a stranger's paths, names and objects become calls of the rooms.

A run is named as it was made; `outputs` is the folder of runs (by default outputs/ of the project).
What is wrong is raised as `run.RunError`: one line, what it is and what to do.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from charlib import models, playground, run, scores, upload
from charlib import profile as profiles
from charlib.records import Answer, Profile, Question


def load(name: str, outputs: str | Path | None = None, *, visitor: str = "") -> playground.Talk:
    """A finished character to talk with: `.ask(question, place=, time=, state=)` gives a reply with
    its text, thought, tokens and seconds, `.stream(question)` the spoken words as they come.
    """
    here = opened(name, outputs)
    person = profiles.load(here.path("profile.md"))
    sim, prompt = models.load_simulacrum(here), playground.trained_prompt(here)
    return playground.Talk(sim, person, visitor, prompt=prompt)


def opened(name: str, outputs: str | Path | None = None) -> run.Run:
    """The run of that name. Raises RunError, with the runs there are, when there is none."""
    here = run.open(name, outputs)
    run.refuse_missing(here)
    return here


def interview(name: str, questions: str | Path | int | Sequence,
              systems: str | Sequence = "simulacrum", seeds: int = 1,
              out: str | Path | None = None, *, outputs: str | Path | None = None,
              say: Callable[[str], None] = print, **setting: str) -> list[Answer]:
    """Ask systems questions: one answer per question, system and seed (0 to `seeds` - 1; greedy
    where there is one).

    `questions` is a file, a list of questions (text, rows or records), or how many of the run's own
    bank. `systems` are names or objects, see `playground.make_systems`. The answers go to `out`, by
    default the run's answers.jsonl, as they come; the same call goes on where one stopped.
    """
    here = opened(name, outputs)
    person = profiles.load(here.path("profile.md"))
    sampling = models.Sampling(temperature=0.7 if seeds > 1 else 0.0)
    asked = _questions(questions, here, person)
    made = playground.make_systems(None, person, systems, here, sampling=sampling, **setting)
    with here.stage("interview"):
        target = Path(out) if out else here
        return playground.conduct(target, asked, made, range(seeds), say, character=person.name)


def _questions(given, here: run.Run, person: Profile) -> list[Question]:
    if isinstance(given, int):
        chosen = playground.sample(playground.bank(here, person), given)
        return playground.both_orders([item for item in chosen if item.purpose != "interview"])
    if isinstance(given, str | Path):
        return playground.load_questions(given)
    rows = [{"question": item} if isinstance(item, str) else item for item in given]
    return [Question.model_validate(row) for row in rows]


def score(answers: str | Path | Sequence[Answer], profile: str | Path | Profile,
          questions: str | Path | Sequence[Question] | None = None,
          metrics: str | Callable | Sequence = (), out: str | Path | None = None,
          rows: str | Path | None = None, *, system: str | None = None) -> dict:
    """The content of scores.json: every system's five dimensions without a judge, and `metrics` of
    your own, functions or `module:object`. It is written to `out`, and to `rows` one row per
    answer as the reader of replies saw it, where they are given.

    `profile` is a file or a shipped character; `answers` of a file that names no system are those
    of `system`, else of the file's name.
    """
    file = isinstance(answers, str | Path)
    said = playground.load_answers(answers, system) if file else list(answers)
    person = profile if isinstance(profile, Profile) else profiles.load(profiles.find(profile))
    bank = playground.load_questions(questions) if isinstance(questions, str | Path) else questions
    table = scores.score(said, person, bank, metrics=metrics)
    if out:
        run.write_atomic(Path(out), json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    if rows:
        run.write_jsonl(Path(rows), scores.read_rows(said, person, bank))
    return table


# a character from chat rows of one's own, without the notebooks
train = upload.train_rows
