"""Who can be interviewed: the simulacrum, its baselines on the same base, endpoints, other runs,
files of answers, and whatever has a `name` and `reply(conversations) -> replies`.
"""

import functools
import hashlib
import inspect
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from charlib import models, run, teachers
from charlib import profile as profiles
from charlib.models import BASE, Reply, Sampling, Simulacrum
from charlib.playground.answers import load_answers
from charlib.records import Answer, Profile
from charlib.text import Search

WORDS = 120  # of the profile's passages in a prompt


class System(Protocol):
    """Whatever can be interviewed. A conversation is a list of chat messages that ends with the
    questioner's; a reply is a string or a `Reply`. `seed`, `character`, `sampling`, `maker` (names
    the weights and settings) and `option_likelihood(conversations, options)` are welcome.
    """

    name: str

    def reply(self, conversations: list[list[dict]]) -> Sequence[str | Reply]: ...


class SetUp:
    """What stands before every conversation: who speaks, where and when; with `words`, so many of
    the profile's passages nearest to the last question.
    """

    def __init__(self, profile: Profile, words: int = 0, prompt: str = "", **setting: str):
        self.prompt, self.words = set_up(profile.name, prompt, **setting), words
        self._passages = [item.text for item in profile.paragraphs]
        self._search = Search(self._passages) if words else None

    def before(self, conversations: Sequence[list[dict]]) -> list[list[dict]]:
        """The conversations, each under the set-up unless it brings its own."""
        return [talk if talk[0]["role"] == "system"
                else [{"role": "system", "content": self._text(talk)}, *talk]
                for talk in conversations]

    def _text(self, conversation: list[dict]) -> str:
        if not self._search:
            return self.prompt
        asked = [message["content"] for message in conversation if message["role"] == "user"]
        near = [self._passages[index].split() for index, _ in self._search.nearest(asked[-1], 5)]
        kept, left = [], self.words
        for passage in near:
            kept.append(" ".join(passage[:max(0, left)]))
            left -= len(passage)
        return f"{self.prompt}\nFrom your life:\n" + "\n".join(filter(None, kept))


def set_up(name: str, prompt: str = "", **setting: str) -> str:
    """The standard set-up, or a training's own `prompt` with the place, time and state. Raises
    RunError for a setting that is none of these."""
    if unknown := set(setting) - {"place", "time", "state", "background"}:
        raise run.RunError(f"No setting '{min(unknown)}': give place, time or state.")
    standard, whole = models.system_prompt(name), models.system_prompt(name, **setting)
    return (prompt or standard) + whole[len(standard):]


def short_hash(text: str) -> str:
    """The first 12 hex digits of the sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def trained_prompt(here: run.Run) -> str:
    """The set-up that a run was trained under, if it has been trained."""
    return here.read_json("spec.json").get("system", "") if here.has("spec.json") else ""


class Local:
    """A model in this process under the standard set-up (place, time and state may be given): the
    simulacrum, or its base without an adapter (`BASE`), with the profile's `words` in the prompt.
    """

    def __init__(self, sim: Simulacrum, profile: Profile, *, name: str = "simulacrum",
                 adapter: str = "simulacrum", words: int = 0, sampling: Sampling | None = None,
                 **setting: str):
        self.sim, self.character, self.name, self.adapter = sim, profile.name, name, adapter
        self.sampling, self.setup = sampling or Sampling(), SetUp(profile, words, **setting)

    def reply(self, conversations: list[list[dict]], seed: int = 0) -> list[Reply]:
        """A reply to each conversation."""
        self._use()
        return self.sim.answer(self.setup.before(conversations), self.sampling, seed)

    def option_likelihood(self, conversations: list[list[dict]],
                          options: list[list[str]]) -> list[list[float]]:
        """Mean log-probability per byte of each option as the reply to each conversation."""
        self._use()
        return self.sim.option_likelihood(self.setup.before(conversations), options)

    def perplexity(self, texts: list[str]) -> float:
        """Perplexity of plain texts, without any prompt."""
        self._use()
        return self.sim.perplexity(texts)

    @property
    def maker(self) -> str:
        """A short name of the weights, the set-up and the sampling."""
        self._use()
        digest = hashlib.sha256(repr((self.name, self.setup.prompt, self.sampling)).encode())
        for name, values in self.sim.model.named_parameters():
            if not self.sim.adapters or f".{self.adapter}." in name:
                digest.update(f"{name}{float(values.detach().double().sum()):.6e}".encode())
        base = getattr(self.sim.base, "fingerprint", "")
        return short_hash(f"{base}{digest.hexdigest()}")

    def _use(self) -> None:
        self.sim.use(self.adapter if self.sim.adapters else BASE)


class Served:
    """Any endpoint as a system under the same set-up. Its completions are kept in the run's
    journal/NAME.jsonl, so that an interrupted interview pays for nothing twice.
    """

    def __init__(self, here: run.Run, client: teachers.Client, profile: Profile, *,
                 name: str = "endpoint", words: int = 0,
                 sampling: Sampling | None = None, **setting: str):
        self.client, self.name, self.character = client, name, profile.name
        self.sampling, self.setup = sampling or Sampling(), SetUp(profile, words, **setting)
        self._journal = here.path("journal", f"{run.slug(name)}.jsonl")

    def reply(self, conversations: list[list[dict]], seed: int = 0) -> list[Reply]:
        """A reply to each conversation. Raises RunError, to be called again, when a budget is spent
        or a question stays without an answer.
        """
        sampling = {"temperature": self.sampling.temperature,
                    "max_tokens": self.sampling.max_new_tokens, "seed": seed}
        asked = [teachers.Prompt(f"{self.name}:{number}", tuple(talk), sampling, sample=seed)
                 for number, talk in enumerate(self.setup.before(conversations))]
        started = time.monotonic()
        with teachers.Journal(self._journal) as journal:
            answers = self.client.ask(asked, journal, label=self.name)
            found = [answers.get(prompt.id) for prompt in asked]
        missing = [answer for answer in found if answer is None or not answer.answered]
        if missing:
            why = answers.stopped or next((one.finish for one in missing if one), "no answer")
            raise run.RunError(f"{self.name} left {len(missing)} of {len(asked)} questions "
                               f"unanswered ({why}): run this again to go on.")
        seconds = (time.monotonic() - started) / max(1, len(asked))
        return [Reply(one.text, one.usage.get("out", 0), one.finish, seconds) for one in found]

    @property
    def maker(self) -> str:
        """A short name of endpoint, model, set-up and sampling; never of the key."""
        settings = self.client.settings
        return short_hash(repr((settings.place, settings.model, self.setup.prompt,
                                self.setup.words, self.sampling)))


class Stored:
    """The answers of one system in a file: asked what stands there, it says what it said."""

    def __init__(self, name: str, rows: Sequence[Answer]):
        self.name, self.character = name, rows[0].character
        self.maker = short_hash(repr([(row.asked, row.text) for row in rows]))
        self._said = {" ".join(row.asked.split()): row for row in reversed(rows)}
        self._said |= {(" ".join(row.asked.split()), row.seed): row for row in rows}

    def reply(self, conversations: list[list[dict]], seed: int = 0) -> list[Reply]:
        """The stored reply to each last question, that of the seed where there is one. Raises
        RunError when the file lacks one.
        """
        asked = [" ".join(talk[-1]["content"].split()) for talk in conversations]
        rows = [self._said.get((words, seed)) or self._said.get(words) for words in asked]
        if None in rows:
            raise run.RunError(f"{self.name} has no answer to {rows.count(None)} of {len(rows)} "
                               f"questions, such as “{asked[rows.index(None)]}”: "
                               "ask only what it was asked.")
        return [Reply(row.text, row.tokens, row.finish, row.seconds, row.thought) for row in rows]


class Brought:
    """Somebody's own object as a system under the standard set-up."""

    def __init__(self, given: object, profile: Profile, name: str = "", **setting: str):
        given = given() if inspect.isclass(given) else given
        if not callable(getattr(given, "reply", None)):
            raise run.RunError(f"{name or type(given).__name__} is no system: it needs "
                               "reply(conversations).")
        self.given, self.setup = given, SetUp(profile, **setting)
        self.name = str(getattr(given, "name", "") or name or type(given).__name__)
        self.character = getattr(given, "character", "") or profile.name
        self.maker = getattr(given, "maker", None)

    def reply(self, conversations: list[list[dict]], seed: int = 0) -> list[Reply]:
        """What the object replies to each conversation."""
        return replies_of(self.given, self.setup.before(conversations), seed)


def replies_of(system: System, conversations: list[list[dict]], seed: int = 0) -> list[Reply]:
    """A system's replies, strings as `Reply` with their share of the time. Raises RunError when it
    does not answer each conversation, or with something that is no text.
    """
    started = time.monotonic()
    seeded = {"seed": seed} if "seed" in inspect.signature(system.reply).parameters else {}
    replies = list(system.reply(conversations, **seeded))
    if len(replies) != len(conversations):
        raise run.RunError(f"{system.name} gave {len(replies)} replies to {len(conversations)} "
                           "conversations: it must answer each.")
    if wrong := [one for one in replies if not isinstance(one, str | Reply)]:
        raise run.RunError(f"{system.name} replied with a {type(wrong[0]).__name__}: a reply is a "
                           "string.")
    share = (time.monotonic() - started) / max(1, len(replies))
    return [Reply(one, seconds=share) if isinstance(one, str) else one for one in replies]


# what can be made of a run's base and its adapter, by name
LOCAL = {"simulacrum": {}, "prompted": {"adapter": BASE},
         "prompted_profile": {"adapter": BASE, "words": WORDS}}


def make_systems(sim: Simulacrum | None, profile: Profile, wanted: str | Sequence, here: run.Run,
                 **given) -> list[System]:
    """The systems that `wanted` says, names or objects, in a list or separated by commas; `given`
    is their set-up (place, time, state) and `sampling`. One object needs no list.

    Names are simulacrum, prompted, prompted_profile (of `sim`, else the run's is loaded), an
    ablation trained in the run or `ablations` for all of them, `endpoint:<model>` (with the
    profile's passages `endpoint_profile:<model>`), `run:<other run>`, a file of answers,
    `module:object`. Raises RunError for what is none of them.
    """
    given = {"prompt": trained_prompt(here), **given}
    model = functools.cache(lambda: sim or models.load_simulacrum(here))
    wanted = [wanted] if hasattr(wanted, "reply") else wanted
    names = wanted.split(",") if isinstance(wanted, str) else wanted
    names = [one.strip() if isinstance(one, str) else one for one in names]
    return [made for one in names if one != "" for made in _made(one, model, profile, here, given)]


def _made(one, model: Callable, profile: Profile, here: run.Run, given: dict) -> list[System]:
    setting = {name: value for name, value in given.items() if name != "sampling"}
    if not isinstance(one, str):
        ours = isinstance(one, Local | Served | Stored | Brought)
        return [one if ours else Brought(one, profile, **setting)]
    kind, colon, rest = one.partition(":")
    trained = {path.parent.name: path for path in sorted(here.path("ablations").glob("*/adapter"))}
    if one in LOCAL:
        return [Local(model(), profile, name=one, **LOCAL[one], **given)]
    if one == "ablations" or one in trained:
        return [Local(model(), profile, name=name, adapter=_adapter(model(), name, path), **given)
                for name, path in trained.items() if one in ("ablations", name)]
    if Path(one).is_file():
        return _stored(Path(one))
    if colon and kind in ("endpoint", "endpoint_profile"):
        client = teachers.Client(teachers.Settings.from_environment(rest), here.say)
        words = WORDS if kind == "endpoint_profile" else 0
        return [Served(here, client, profile, name=one, words=words, **given)]
    if colon and kind == "run":
        return [_other(model, run.open(rest, here.folder.parent), one, given)]
    if colon:
        return [Brought(run.named(one), profile, one, **setting)]
    raise run.RunError(f"No system '{one}': use {', '.join([*LOCAL, *trained])}, endpoint:<model>, "
                       "run:<run>, a file of answers or module:object.")


def _adapter(sim: Simulacrum, name: str, folder: Path) -> str:
    """The adapter's name, loaded into the simulacrum once."""
    if name not in sim.adapters:
        sim.add(name, folder)
    return name


def _stored(path: Path) -> list[Stored]:
    """A system per system of the file, named after file and system."""
    found: dict[str, list[Answer]] = {}
    for row in load_answers(path):
        name = path.stem if row.system == path.stem else f"{path.stem}:{row.system}"
        found.setdefault(name, []).append(row)
    return [Stored(name, rows) for name, rows in found.items()]


def _other(model: Callable, other: run.Run, name: str, given: dict) -> Local:
    """Another run's simulacrum as its own character: an adapter more where this run stands on the
    same base, else on its own base."""
    run.refuse_missing(other)
    try:
        sim = model()
        adapter, person = invite(sim, other)
    except run.RunError:
        sim, adapter = models.load_simulacrum(other), "simulacrum"
        person = profiles.load(other.path("profile.md"))
    given = given | {"prompt": trained_prompt(other)}
    return Local(sim, person, name=name, adapter=adapter, **given)


def invite(sim: Simulacrum, guest: run.Run) -> tuple[str, Profile]:
    """Load another run's adapter into a simulacrum, once. Returns its name there and whom it plays.
    Raises RunError where it stands on another base.
    """
    name = f"run {guest.name}".replace(".", "_")  # a dot would part the names of the weights
    return _adapter(sim, name, guest.path("adapter")), profiles.load(guest.path("profile.md"))
