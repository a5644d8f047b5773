"""Any OpenAI-compatible chat endpoint: as a teacher, and for whoever else asks (judges, baselines).

    client = Client(Settings.from_environment())             # CHARLIB_ENDPOINT, CHARLIB_MODEL, …
    with Journal(here.path("journal", "judge.jsonl")) as journal:
        answers = client.ask([Prompt("q1", ({"role": "user", "content": "…"},))], journal)
        answers["q1"].text
"""

import asyncio
import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from charlib import run
from charlib.records import Completion, Request
from charlib.teachers.journal import Journal
from charlib.teachers.session import Session
from charlib.teachers.settings import Settings

_SAMPLING = {"temperature": 0.7, "top_p": 0.95, "max_tokens": 3000}


@dataclass(frozen=True)
class Prompt:
    """One thing to ask; `sample` counts repeats of a prompt."""

    id: str
    messages: tuple[dict, ...]
    sampling: dict = field(default_factory=dict)
    sample: int = 0
    version: str = ""


class Answers(dict):
    """Completions by prompt id, failures too. `stopped` says why some are missing, if any are."""

    stopped = ""


class Client:
    """Asks an endpoint, many prompts at a time; it works under a notebook's running loop too."""

    def __init__(self, settings: Settings, say: Callable = print):
        self.settings, self.say = settings, say
        if settings.key.get_secret_value() and settings.url[:5] == "http:" and not settings.local:
            say(f"Warning: the key goes to {settings.place} unencrypted (http); use https if the "
                "endpoint has it.")

    def entry(self, prompt: Prompt) -> str:
        """Journal key: what determines the answer (endpoint, model, messages, sampling, sample,
        version), never the API key.
        """
        return digest(self.settings.place, self.settings.model, list(prompt.messages),
                      prompt.sampling, prompt.sample, prompt.version)

    def ask(self, prompts: Iterable[Prompt], journal: Journal, label: str = "endpoint") -> Answers:
        """Ask for what the journal lacks, and keep each answer there as it comes.

        Stops early, to be continued by calling again, when a budget is spent or the endpoint asks
        for too long a wait; `.stopped` says why. Raises RunError when the endpoint refuses (401,
        402, 403, 404) or the journal cannot be written.
        """
        named: dict[str, Prompt] = {}
        for prompt in prompts:
            if named.setdefault(prompt.id, prompt) != prompt:
                raise run.RunError(f"Two different prompts are named '{prompt.id}': give each its "
                                   "own id.")
        entries = {id: self.entry(prompt) for id, prompt in named.items()}
        # prompts that are alike are asked once
        fresh = {entry: named[id] for id, entry in entries.items() if entry not in journal.offsets}
        failed: dict[str, Completion] = {}

        session = Session(self.settings, label, self.say)
        with contextlib.closing(_in_thread(session, [*fresh.values()])) as found:
            for completion in found:
                prompt, value = named[completion.request], asdict(completion)
                about = {"id": prompt.id, "sample": prompt.sample, "version": prompt.version}
                if not completion.answered:
                    failed[entries[prompt.id]], value = completion, None
                    about |= {"failed": completion.finish, "attempts": completion.attempts,
                              "text": completion.text[:2000]}
                journal.put(entries[prompt.id], value, about)
        answers = Answers()
        for id, entry in entries.items():
            value = journal.get(entry)
            found = Completion(**value) if value else failed.get(entry)
            if found:
                answers[id] = replace(found, request=id)
        answers.stopped = session.budget.stopped
        return answers

    def stream(self, prompts: list[Prompt], label: str = "endpoint") -> Iterator[Completion]:
        """Completions and failures as they come, for a caller that keeps them itself."""
        yield from _in_thread(Session(self.settings, label, self.say), prompts)


def _in_thread(session: Session, prompts: list[Prompt]) -> Iterator[Completion]:
    """What the session finds, as it comes, from a loop in a thread of its own, which ends when the
    caller turns away.
    """
    if not prompts:
        return
    loop = asyncio.new_event_loop()

    def end(_) -> None:
        session.found.put(None)
        loop.stop()

    task = loop.create_task(session.work(prompts))
    task.add_done_callback(end)
    thread = threading.Thread(target=loop.run_forever, name=session.label, daemon=True)
    try:
        thread.start()
        while (completion := session.found.get()) is not None:
            yield completion
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.close()
    task.result()


def digest(*parts: Any) -> str:
    """A short name of what can be written as JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


class EndpointTeacher:
    """A teacher behind an endpoint. A failure is a completion whose `finish` is the reason; it is
    counted, never kept as an answer.
    """

    name = "endpoint"

    def __init__(self, settings: Settings, sampling: dict | None = None, say: Callable = print):
        self.client = Client(settings, say)
        self.sampling = dict(_SAMPLING if sampling is None else sampling)

    def stamp(self, request: Request) -> str:
        """What beside the request's messages determines the answer: endpoint, model, sampling;
        never the key.
        """
        settings = self.client.settings
        return digest(settings.place, settings.model, self.sampling)[:16]

    def complete(self, requests: list[Request]) -> Iterator[Completion]:
        """Completions as they come, in any order; nothing for what a spent budget left out. Raises
        RunError when the endpoint refuses.
        """
        prompts = [Prompt(item.id, item.messages, self.sampling, item.sample, item.version)
                   for item in requests]
        yield from self.client.stream(prompts, self.name)
