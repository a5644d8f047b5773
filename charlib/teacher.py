"""Who writes the experience: Recorded, Offline, Endpoint. Each answers the same requests with raw text; parsing is a layer above.

A recording, as a row of data/recordings/<slug>/*.jsonl, is matched on its key:

    {"key": {"character": "beethoven", "stage": "dialogue", "scene": "5d0c…", "sample": 0}, "completion": "…", "written_for": "1"}
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from charlib import run
from charlib.profile import Profile

STAGES = {
    "scenes": "scenes",
    "dialogue": "dialogue",
    "memory": "dialogue",
    "recall": "dialogue",
    "protective": "protective",
    "boundary": "protective",
}


@dataclass(frozen=True)
class Request:
    """What is asked of a teacher: a stage for a paragraph or a scene. `facts` fill the prompt; `messages` is what an endpoint is sent."""

    character: str
    stage: str
    subject: str
    sample: int
    version: str
    messages: tuple = ()
    facts: dict = field(default_factory=dict)

    @property
    def key(self) -> dict:
        """The key recordings match on. Memory and recall exchanges are dialogues asked for a paragraph instead of a scene, samples 0 and 1."""
        stage = STAGES[self.stage]
        kind = "scene" if self.stage == "dialogue" else "paragraph"
        return {"character": self.character, "stage": stage, kind: self.subject, "sample": self.sample}

    @property
    def id(self) -> str:
        """Names what was asked; changes with the prompt's text, so with the paragraph and the prompt version."""
        asked = json.dumps([self.key, self.version, list(self.messages)], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(asked.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Completion:
    """A teacher's raw answer. `finish` is stop, length, filter, or an error text when there is no answer."""

    request: str
    teacher: str
    text: str
    finish: str = "stop"
    attempts: int = 1
    usage: dict = field(default_factory=dict)


class Teacher(Protocol):
    """Answers requests in any order; yields one completion for each it can answer and nothing for what it cannot.

    `stamp` names what beside the request determines the answer (a recording's text, a model, a seed); "" when it has no answer.
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
        """The sha of the recorded completion, so that a rewritten recording counts as another answer; "" when there is none."""
        text = self.completions.get(json.dumps(request.key, sort_keys=True))
        return hashlib.sha256(text.encode()).hexdigest()[:16] if text is not None else ""

    def complete(self, requests: list[Request]) -> Iterable[tuple[Request, Completion]]:
        for request in requests:
            text = self.completions.get(json.dumps(request.key, sort_keys=True))
            if text is not None:
                yield request, Completion(request.id, self.name, text)


class Chain:
    """Several teachers: what the first cannot answer goes to the next. The default is recorded, then offline."""

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


def prompt(name: str) -> tuple[str, str]:
    """A prompt of data/prompts and its version (its first line is `version: N`)."""
    path = run.root() / "data" / "prompts" / f"{name}.md"
    if not path.is_file():
        raise run.RunError(f"The prompt {name}.md is missing from data/prompts: restore it.")
    first, _, text = path.read_text(encoding="utf-8").partition("\n")
    match = re.fullmatch(r"version:\s*(\S+)\s*", first)
    if not match:
        raise run.RunError(f"data/prompts/{name}.md must begin with a line 'version: N'.")
    return text.strip(), match[1]


def fill(template: str, values: dict[str, str]) -> str:
    """Put values in the template's `[[name]]` places, in one pass: braces, Jinja and placeholders inside a value stay text (fault F17)."""
    return re.sub(r"\[\[(\w+)\]\]", lambda match: str(values.get(match[1], match[0])), template)


def request(character: str, stage: str, subject: str, profile: Profile, facts: dict, sample: int = 0) -> Request:
    """The request for one subject, with the filled prompt as its message."""
    template, version = prompt(stage)
    described = describe(profile)
    text = fill(template, {**described, **{name: value for name, value in facts.items() if isinstance(value, str)}})
    return Request(character, stage, subject, sample, version, ({"role": "user", "content": text},), facts)


def describe(profile: Profile) -> dict[str, str]:
    """What every prompt may say of the person."""
    values = "\n".join(f"- {value.stance}" for value in profile.values[:40])
    states = "\n".join(f"- {state.when} {state.place}: {state.state}" for state in profile.states)
    return {
        "name": profile.name,
        "short_name": profile.short_name,
        "horizon": profile.horizon or "unknown",
        "voice": " ".join([profile.voice.manner, *profile.voice.lines]).strip() or "plain and direct",
        "values": values or "- (none given)",
        "states": states or "- (none given)",
    }


def make(name: str, character: str, profile: Profile, seed: int = 0, say: Callable = print) -> Teacher:
    """The teacher of that name: recorded, offline, endpoint; "" is recorded, then offline for what has no recording."""
    from charlib.offline import Offline

    if name in ("", "default", "recorded+offline"):
        return Chain(Recorded(character), Offline(profile, seed))
    if name == "recorded":
        if not (run.root() / "data" / "recordings" / character).is_dir():
            raise run.RunError(f"No recordings for '{character}' in data/recordings: use TEACHER offline or endpoint, or leave it empty.")
        return Recorded(character)
    if name == "offline":
        return Offline(profile, seed)
    if name == "endpoint":
        from charlib.endpoint import EndpointTeacher

        return EndpointTeacher.from_environment(say=say)
    raise run.RunError(f"No teacher '{name}': use recorded, offline or endpoint.")
