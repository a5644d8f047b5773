"""Who writes the experience: Recorded, Offline, Endpoint. Each answers the same requests with raw
text; parsing is a layer above.

A recording, as a row of data/recordings/<slug>/*.jsonl, is matched on its key:

    {"key": {"character": "beethoven", "stage": "dialogue", "scene": "5d0c…", "sample": 0}, "completion": "…", "written_for": "1"}
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from charlib import run
from charlib.records import Completion, Profile, Request
from charlib.teachers.endpoint import EndpointTeacher
from charlib.teachers.english.teacher import English


class Teacher(Protocol):
    """Answers requests in any order; yields one completion for each it can answer and nothing for
    what it cannot.

    `stamp` names what beside the request determines the answer (a recording's text, a model, a
    seed); "" when it has no answer.
    """

    name: str

    def stamp(self, request: Request) -> str: ...

    def complete(self, requests: list[Request]) -> Iterable[tuple[Request, Completion]]: ...


class Recorded:
    """The completions that data/recordings holds for a shipped character."""

    name = "recorded"

    def __init__(self, character: str, folder: Path | None = None):
        folder = folder or run.root() / "data" / "recordings" / character
        self.completions = {}
        for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
            for row in run.read_jsonl(path):
                self.completions[json.dumps(row["key"], sort_keys=True)] = row["completion"]

    def stamp(self, request: Request) -> str:
        """The sha of the recorded completion, so that a rewritten recording counts as another
        answer; "" when there is none.
        """
        text = self.completions.get(json.dumps(request.key, sort_keys=True))
        return hashlib.sha256(text.encode()).hexdigest()[:16] if text is not None else ""

    def complete(self, requests: list[Request]) -> Iterable[tuple[Request, Completion]]:
        for request in requests:
            text = self.completions.get(json.dumps(request.key, sort_keys=True))
            if text is not None:
                yield request, Completion(request.id, self.name, text)


class Chain:
    """Several teachers: what the first cannot answer goes to the next. The default is recorded,
    then offline.
    """

    def __init__(self, *teachers: Teacher):
        self.teachers = teachers
        self.name = "+".join(teacher.name for teacher in teachers)

    def stamp(self, request: Request) -> str:
        """The stamp of the first teacher that has an answer."""
        return next((stamp for teacher in self.teachers if (stamp := teacher.stamp(request))), "")

    def complete(self, requests: list[Request]) -> Iterable[tuple[Request, Completion]]:
        for teacher in self.teachers:
            answered = set()
            for request, completion in teacher.complete(requests):
                answered.add(request.id)
                yield request, completion
            requests = [request for request in requests if request.id not in answered]
            if not requests:
                return


def make_teacher(name: str, character: str, profile: Profile, seed: int = 0, say: Callable = print) -> Teacher:
    """The teacher of that name: recorded, offline, endpoint; "" is recorded, then offline for what
    has no recording.
    """

    if name in ("", "default", "recorded+offline"):
        return Chain(Recorded(character), English(profile, seed))
    if name == "recorded":
        if not (run.root() / "data" / "recordings" / character).is_dir():
            raise run.RunError(f"No recordings for '{character}' in data/recordings: use TEACHER offline or endpoint, or leave it empty.")
        return Recorded(character)
    if name == "offline":
        return English(profile, seed)
    if name == "endpoint":

        return EndpointTeacher.from_environment(say=say)
    raise run.RunError(f"No teacher '{name}': use recorded, offline or endpoint.")
