"""Systems that can be interviewed: the simulacrum and its baselines on one base model, and endpoints."""

import hashlib
import re
import time
from collections.abc import Sequence
from typing import Protocol

from charlib import models, run, teachers
from charlib.models.decode import BASE, Reply, Sampling
from charlib.records import Paragraph, Profile
from charlib.text import Search


class System(Protocol):
    """Whatever can be interviewed. `option_likelihood(conversations, options)`, `character` and
    `maker` are welcome and not needed.
    """

    name: str

    def reply(self, conversations: list[list[dict]], seed: int = 0) -> list[Reply]: ...


class Trained:
    """The simulacrum: the base with its adapter, under the standard set-up (place, time and state
    may be given).
    """

    name, adapter = "simulacrum", "simulacrum"

    def __init__(self, sim, profile: Profile, *, name: str = "", adapter: str = "", sampling: Sampling | None = None, **setting: str):
        self.sim, self.profile, self.setting = sim, profile, setting
        self.character = profile.name
        self.name = name or self.name
        self.adapter = adapter or (self.name if self.name in sim.adapters else self.adapter)
        self.sampling = sampling or Sampling()
        self.prompt = models.system_prompt(profile.name, **setting)

    def reply(self, conversations: list[list[dict]], seed: int = 0) -> list[Reply]:
        """A reply to each conversation; the set-up goes before those that bring none."""
        self._use()
        return self.sim.answer(self._with_prompt(conversations), self.sampling, seed)

    def option_likelihood(self, conversations: list[list[dict]], options: list[list[str]]) -> list[list[float]]:
        """Mean log-probability a byte of each option as the reply to each conversation."""
        self._use()
        return self.sim.option_likelihood(self._with_prompt(conversations), options)

    def perplexity(self, texts: list[str]) -> float:
        """Perplexity of plain texts, without any prompt."""
        self._use()
        return self.sim.perplexity(texts)

    @property
    def maker(self) -> str:
        """A short name of the weights, the set-up and the sampling."""
        self._use()
        digest = hashlib.sha256(repr((self.name, self.prompt, self.sampling)).encode())
        wanted = f".{self.adapter}." if self.sim.adapters else ""
        for name, values in self.sim.model.named_parameters():
            if not wanted or (self._adapted and wanted in name):
                digest.update(f"{name}{float(values.detach().double().sum()):.6e}".encode())
        base = getattr(self.sim, "base", None)
        return hashlib.sha256(f"{getattr(base, 'fingerprint', '')}{digest.hexdigest()}".encode()).hexdigest()[:12]

    _adapted = True

    def _use(self) -> None:
        self.sim.use(self.adapter if self._adapted and self.sim.adapters else BASE)

    def system_text(self, conversation: list[dict]) -> str:
        """The system prompt of this conversation."""
        return self.prompt

    def _with_prompt(self, conversations: list[list[dict]]) -> list[list[dict]]:
        return [
            messages if messages[0]["role"] == "system" else [{"role": "system", "content": self.system_text(messages)}, *messages]
            for messages in conversations
        ]


class Prompted(Trained):
    """The same base under the same system prompt, without the adapter."""

    name, _adapted = "prompted", False


class PromptedProfile(Prompted):
    """The same base; after the same system prompt stand the profile's paragraphs that are nearest
    to the question.
    """

    name = "prompted_profile"

    def __init__(self, sim, profile: Profile, words: int = 120, **given):
        super().__init__(sim, profile, **given)
        self.words, self._search = words, Search([item.text for item in profile.paragraphs])

    def system_text(self, conversation: list[dict]) -> str:
        return _with_passages(self.prompt, self.profile, self._search, conversation, self.words)


class Served:
    """Any endpoint as a system: a baseline under the same set-up, with the profile's nearest
    passages when `words` says how many.

    Its completions are kept in journal/NAME.jsonl of the run, so that an interrupted interview pays
    for nothing twice.
    """

    name = "endpoint"

    def __init__(self, here: run.Run, client: teachers.Client, profile: Profile, *, name: str = "", words: int = 0,
                 sampling: Sampling | None = None, **setting: str):  # fmt: skip
        self.client, self.profile, self.character = client, profile, profile.name
        self.name = name or self.name
        self.sampling = sampling or Sampling()
        self.prompt = models.system_prompt(profile.name, **setting)
        self.words, self._journal = words, here.path("journal", f"{run.slug(self.name)}.jsonl")
        self._search = Search([item.text for item in profile.paragraphs]) if words else None

    def reply(self, conversations: list[list[dict]], seed: int = 0) -> list[Reply]:
        """A reply to each conversation. Raises RunError, to be called again, when a budget is spent
        or a question stays without an answer.
        """
        asked = [self._prompt(number, messages, seed) for number, messages in enumerate(conversations)]
        started = time.monotonic()
        with teachers.Journal(self._journal) as journal:
            answers = self.client.ask(asked, journal, label=self.name)
            found = [answers.get(prompt.id) for prompt in asked]
        missing = [answer for answer in found if answer is None or not answer.answered]
        if missing:
            why = answers.stopped or next((answer.finish for answer in missing if answer), "no answer")
            raise run.RunError(f"{self.name} left {len(missing)} of {len(asked)} questions unanswered ({why}): run this again to go on.")
        seconds = (time.monotonic() - started) / max(1, len(asked))
        return [Reply(one.text, one.usage.get("out", 0), "length" if one.finish == "length" else "stop", seconds) for one in found]

    def _prompt(self, number: int, messages: list[dict], seed: int) -> teachers.Prompt:
        if messages[0]["role"] != "system":
            messages = [{"role": "system", "content": self.system_text(messages)}, *messages]
        sampling = {"temperature": self.sampling.temperature, "max_tokens": self.sampling.max_new_tokens, "seed": seed}
        return teachers.Prompt(f"{self.name}:{number}", tuple(messages), sampling, sample=seed)

    def system_text(self, conversation: list[dict]) -> str:
        """The system prompt of this conversation."""
        if not self._search:
            return self.prompt
        return _with_passages(self.prompt, self.profile, self._search, conversation, self.words)

    @property
    def maker(self) -> str:
        """A short name of the endpoint, the model, the set-up and the sampling; never of the key.
        """
        facts = (self.client.settings.place, self.client.settings.model, self.prompt, self.words, self.sampling)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


class Interviewer(Served):
    """An endpoint that asks: it follows up, asks again in other words, doubts and closes, as the
    turn's note tells it.
    """

    name = "interviewer"

    def system_text(self, conversation: list[dict]) -> str:
        told = f"You interview {self.profile.name}. Ask one question of at most thirty words at a time, and say nothing else."
        return _with_passages(told, self.profile, self._search, conversation, self.words) if self._search else told


def _with_passages(prompt: str, profile: Profile, search: "Search", conversation: list[dict], words: int) -> str:
    """A system prompt followed by the profile's passages nearest to the last question, `words`
    words in all.
    """
    question = next(message["content"] for message in reversed(conversation) if message["role"] == "user")
    left, passages = words, []
    for index, _ in search.nearest(question, 5):
        chosen = profile.paragraphs[index].text.split()[:left]
        passages.append(" ".join(chosen))
        left -= len(chosen)
        if left <= 0:
            break
    return f"{prompt}\nFrom your life:\n" + "\n".join(passages)


def relevant(profile: Profile, question: str, count: int = 3) -> list[Paragraph]:
    """The profile's paragraphs nearest to a question."""
    search = Search([item.text for item in profile.paragraphs])
    return [profile.paragraphs[index] for index, _ in search.nearest(question, count)]


def setting(profile: Profile, number: int = 0) -> dict[str, str]:
    """Place, time and state of mind of the profile's state of that number, as the systems take
    them: `systems(..., **setting(person, 1))`.

    Raises RunError when the profile has no such state.
    """
    if not 0 <= number < len(profile.states):
        raise run.RunError(f"{profile.name} has {len(profile.states)} states in the profile: name one from 0, or write it there.")
    state = profile.states[number]
    return {"place": state.place, "time": str(state.when), "state": state.state}


def standard(sim, profile: Profile, **given) -> list[Trained]:
    """The three systems every run has: `simulacrum`, `prompted`, `prompted_profile`."""
    return [Trained(sim, profile, **given), Prompted(sim, profile, **given), PromptedProfile(sim, profile, **given)]


_TAG = re.compile(
    # a name only opens a line
    r"(?:(?:^|\n)[ \t]*(?:[A-Z][\w.’'-]*(?: (?:van|von|de|of|the|[A-Z][\w.’'-]*)){0,4} )?|(?<=[\s.!?…\"”’]))"
    r"\(\s*((?i:thinking|speaking))\s*(?:[,:;]\s*([^()\n]{0,60}))?\)\s*:?[ \t]*"
)


def split_thought(text: str) -> tuple[str, str | None]:
    """(spoken, thought) of a reply that may hold "(thinking, mood) …" and "(speaking) …" parts. A
    thought keeps its mood in parentheses.
    """
    parts = _TAG.split(text.strip())
    spoken, thoughts = [parts[0]], []
    for action, mood, said in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        if action.lower() == "speaking":
            spoken.append(said)
        elif said.strip():
            thoughts.append(f"({mood.strip()}) {said.strip()}" if mood and mood.strip() else said.strip())
    return "\n".join(part.strip() for part in spoken if part.strip()), "\n".join(thoughts) or None


def make_systems(sim, profile: Profile, names: str | Sequence[str], here: run.Run | None = None, **given) -> list[Trained]:
    """The systems of those names; ablations trained in the run are added by name. Raises RunError
    for an unknown one.
    """
    known = {"simulacrum": Trained, "prompted": Prompted, "prompted_profile": PromptedProfile}
    wanted = [name.strip() for name in (names.split(",") if isinstance(names, str) else names) if name.strip()]
    folder = here.path("ablations") if here else None
    trained = sorted(path.parent.name for path in folder.glob("*/adapter")) if folder and folder.is_dir() else []
    for name in trained:
        if name not in sim.adapters:
            sim.add(name, folder / name / "adapter")
    unknown = [name for name in wanted if name not in known and name not in trained]
    if unknown:
        raise run.RunError(f"No system '{unknown[0]}': use {', '.join([*known, *trained])}.")
    made = [known[name](sim, profile, **given) for name in wanted if name in known]
    return made + [Trained(sim, profile, name=name, adapter=name, **given) for name in trained]
