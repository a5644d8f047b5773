"""Who writes the experience: recordings, English rules, an endpoint, or a teacher of your own.

A teacher has `complete(requests)`. It gives one answer for each request, in their order: a text, or
None where it has none. It may also give Completions, in any order, and leave requests out.

    class Brief:
        def complete(self, requests):
            for request in requests:        # request.stage, request.messages, request.facts
                yield my_model(request.messages[0]["content"])

A recording, as a row of data/recordings/<slug>/*.jsonl, is matched on its key:

    {"key": {"character": "beethoven", "stage": "dialogue", "scene": "5d0c…", "sample": 0},
     "completion": "…", "written_for": "1"}
"""

import hashlib
import inspect
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from charlib import run
from charlib.records import Completion, Profile, Request
from charlib.teachers.endpoint import EndpointTeacher
from charlib.teachers.english import English
from charlib.teachers.settings import Settings


class Teacher(Protocol):
    """Whoever can write experience. `name` and `stamp(request)` are welcome and not needed: a stamp
    says what beside the request determines the answer (a model, a seed); another stamp, and the
    request is asked again.
    """

    def complete(self, requests: list[Request]) -> Iterable[Completion | str | None]: ...


def make_teacher(given: "str | Teacher", character: str, profile: Profile, seed: int = 0,
                 say: Callable = print) -> Teacher:
    """The teacher that was given: an object, or the text recorded, english, endpoint or
    `module:object`; several joined by + help out in that order; "" is recorded+english.

    Raises RunError for what is no teacher, and for recordings that a character does not have.
    """
    if not isinstance(given, str):
        return _checked(given)
    names = [name.strip() for name in (given or "recorded+english").split("+")]
    made = [_one(name, character, profile, seed, say) for name in names]
    if names == ["recorded"] and not made[0].completions:
        raise run.RunError(f"No recordings for '{character}' in data/recordings: use TEACHER "
                           "english or endpoint, or leave it empty.")
    return made[0] if len(made) == 1 else Chain(*made)


def _one(name: str, character: str, profile: Profile, seed: int, say: Callable) -> Teacher:
    if name == "recorded":
        return Recorded(character)
    if name == "english":
        return English(profile, seed)
    if name == "endpoint":
        return EndpointTeacher(Settings.from_environment(), say=say)
    if ":" not in name:
        raise run.RunError(f"No teacher '{name}': use recorded, english, endpoint, or "
                           "module:object for code of your own.")
    found = run.named(name)
    return _checked(found() if isinstance(found, type) else found)


def _checked(teacher: object) -> Teacher:
    if not callable(getattr(teacher, "complete", None)):
        raise run.RunError(f"{name_of(teacher)} is no teacher: give it complete(requests), which "
                           "returns one text for each request.")
    return teacher


def name_of(teacher: Teacher) -> str:
    """What the counts and the records call a teacher."""
    return getattr(teacher, "name", "") or type(teacher).__name__


def stamp(teacher: Teacher, request: Request) -> str:
    """What beside the request determines the answer; "" when the teacher has none. Of a teacher
    that does not say, its class and the source of `complete`.
    """
    if hasattr(teacher, "stamp"):
        return teacher.stamp(request)
    kind = type(teacher)
    try:
        source = inspect.getsource(kind.complete)
    except (OSError, TypeError, AttributeError):  # typed at a prompt, or compiled
        source = ""
    return _digest(f"{kind.__module__}.{kind.__qualname__}\n{source}")


def complete(teacher: Teacher, requests: list[Request]) -> Iterator[Completion]:
    """What the teacher answers, as completions: texts belong to the requests in their order, None
    is a failure. Raises RunError when an answer belongs to no request.
    """
    answers = teacher.complete(requests) if requests else ()
    if isinstance(answers, str) or not isinstance(answers, Iterable):
        raise run.RunError(f"complete() of {name_of(teacher)} must return or yield one text for "
                           f"each request, not {type(answers).__name__}.")
    ids = [request.id for request in requests]
    known = set(ids)
    for answer, place in zip(answers, itertools.chain(ids, itertools.repeat("")), strict=False):
        if answer is None:
            answer = Completion(place, name_of(teacher), "", "no answer")
        elif isinstance(answer, str):
            answer = Completion(place, name_of(teacher), answer)
        elif not isinstance(answer, Completion):
            raise run.RunError(f"{name_of(teacher)} gave a {type(answer).__name__}: an answer is a "
                               "text, a Completion, or None.")
        if answer.request not in known:
            raise run.RunError(f"{name_of(teacher)} gave an answer that belongs to none of the "
                               f"{len(ids)} requests: give one for each, in their order.")
        yield answer


class Recorded:
    """The completions that data/recordings holds for a shipped character."""

    name = "recorded"

    def __init__(self, character: str, folder: Path | None = None):
        folder = folder or run.root() / "data" / "recordings" / character
        rows = [row for path in sorted(folder.glob("*.jsonl")) for row in run.read_jsonl(path)]
        self.completions = {_key(row["key"]): row["completion"] for row in rows}

    def stamp(self, request: Request) -> str:
        """The sha of the recorded completion, so that a rewritten recording counts as another
        answer; "" when there is none.
        """
        text = self.completions.get(_key(request.key))
        return _digest(text) if text is not None else ""

    def complete(self, requests: list[Request]) -> Iterator[Completion]:
        for request in requests:
            if (text := self.completions.get(_key(request.key))) is not None:
                yield Completion(request.id, self.name, text)


class Chain:
    """Several teachers: what the first does not answer goes to the next."""

    def __init__(self, *teachers: Teacher):
        self.teachers = teachers
        self.name = "+".join(name_of(teacher) for teacher in teachers)

    def stamp(self, request: Request) -> str:
        """The stamp of the first teacher that has an answer."""
        return next((found for item in self.teachers if (found := stamp(item, request))), "")

    def complete(self, requests: list[Request]) -> Iterator[Completion]:
        for teacher in self.teachers:
            answered = set()
            for completion in complete(teacher, requests):
                if completion.answered or teacher is self.teachers[-1]:
                    answered.add(completion.request)
                    yield completion
            requests = [request for request in requests if request.id not in answered]


def _key(key: dict) -> str:
    return json.dumps(key, sort_keys=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
