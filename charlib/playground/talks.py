"""Longer talks: scripted conversations, a dinner of several simulacra, and a person's own talk."""

import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from charlib import models, run
from charlib.models import BASE, Reply, Sampling
from charlib.playground.answers import ANSWERS, by_conversation, kept_answers
from charlib.playground.interview import makers_of, put
from charlib.playground.systems import System, set_up
from charlib.playground.thoughts import split_thought, spoken_pieces
from charlib.records import Answer, Profile, Question

FOLLOW_UPS = (
    "Go on. What stays with you most of that?",
    "Forgive me, let me ask once more in other words: {topic}",
    "I have been told it was quite otherwise. Are you sure?",
    "What would you have people remember of it?",
)  # a follow-up, a re-ask, a provocation, a closing: for a topic that brings none of its own

_REWORDED = (
    (r"(?:please )?tell me (?:something )?(?:about|of) (?P<x>.+?)[.?!]*",
     "What is there to say of {x}?"),
    (r"(?:please )?tell me (?P<x>how|why|when) (?P<y>.+?)[.?!]*",
     "I should like to hear {x} {y}. How was it?"),
    (r"what do you (?:think|make) of (?P<x>.+?)[.?!]*", "How do you look upon {x}?"),
    (r"what (?:was|is) (?P<x>.+?) like(?P<y>\b.*?)[.?!]*", "How would you describe {x}{y}?"),
    (r"what (?:did|do) you (?P<x>feel|value|want|fear|love|hope)(?P<y> .+?)?[.?!]*",
     "If somebody asked what you {x}{y}, what would you say?"),
)


def conversations(here: run.Run, topics: Sequence[Question], systems: Sequence[System],
                  turns: int = 5, seeds: Sequence[int] = (0,),
                  say: Callable[[str], None] | None = None,
                  batch: int = 32) -> list[Answer]:
    """Interviews of several turns over every topic: the topic, a follow-up, the topic again in
    other words, a provocation, a closing; all topics of a batch turn by turn together. Saves
    conversations/<name>.jsonl and puts their rows into answers.jsonl in place of older ones; a
    conversation that is there from the same weights is kept.
    """
    say, found = say or here.say, []
    makers = makers_of(systems)
    for system in systems:
        for seed in seeds:
            names = {item.id: run.slug(f"{system.name}-{item.id}-{seed}".lower().replace("_", "-"))
                     for item in topics}
            paths = {id: here.path("conversations", f"{name}.jsonl") for id, name in names.items()}
            saved = {id: _saved(path, makers[system.name], turns) for id, path in paths.items()}
            todo = [item for item in topics if not saved[item.id]]
            for start in range(0, len(todo), batch):
                chosen = todo[start : start + batch]
                talks = _talk_through(system, chosen, turns, seed, makers[system.name])
                for item, rows in zip(chosen, talks, strict=True):
                    name = {"conversation": names[item.id]}
                    saved[item.id] = [row.model_copy(update=name) for row in rows]
                    run.write_jsonl(paths[item.id], saved[item.id])
            if todo:
                say(f"conversations: {system.name}, seed {seed}: {len(todo)} talks, {turns} turns")
            found += [row for item in topics for row in saved[item.id]]
    names = {row.conversation for row in found}
    others = [row for row in kept_answers(here.path(ANSWERS)) if row.conversation not in names]
    here.write_jsonl(ANSWERS, [*others, *found])
    return found


def converse_run(here: run.Run, questions: Sequence[Question], systems: Sequence[System],
                 settings) -> list[list[Answer]]:
    """Interviews of several turns on the first `settings.conversations` topics; those of the first
    system come first.
    """
    topics = [item for item in questions if item.purpose == "interview"][: settings.conversations]
    if not topics:
        life = "Tell me about your life."
        topics = [Question(id="interview-001", question=life, group="interview")]
    return by_conversation(conversations(here, topics, systems, settings.turns))


def _saved(path: Path, maker: str | None, turns: int) -> list[Answer]:
    rows = run.read_jsonl(path, Answer) if path.is_file() else []
    return rows if len(rows) == turns and all(row.maker == maker for row in rows) else []


def _talk_through(system: System, topics: Sequence[Question], turns: int, seed: int,
                  maker: str | None) -> list[list[Answer]]:
    said: list[list[Answer]] = [[] for _ in topics]
    for turn in range(turns):
        asked = [(item, _scripted(item, turn), _lived(rows))
                 for item, rows in zip(topics, said, strict=True)]
        for rows, row in zip(said, put(system, asked, seed, turn=turn, maker=maker), strict=True):
            rows.append(row)
    return said


def _scripted(item: Question, turn: int) -> str:
    script = [item.question, *(item.follow_ups or [])]
    if turn < len(script):
        return script[turn]
    return FOLLOW_UPS[(turn - 1) % len(FOLLOW_UPS)].replace("{topic}", reworded(item.question))


def reworded(question: str) -> str:
    """An opening question in other words, by its form; one of no known form as it stands."""
    for form, words in _REWORDED:
        if match := re.fullmatch(form, question.strip(), re.IGNORECASE):
            return words.format(**{name: part or "" for name, part in match.groupdict().items()})
    return question


def _lived(rows: Sequence[Answer]) -> list[dict]:
    """A conversation so far: questions are the user's, spoken replies the person's own."""
    return [message for row in rows for message in (
        {"role": "user", "content": row.asked}, {"role": "assistant", "content": row.text or "…"})]


def dinner(companions: Sequence[System], topic: str, turns: int = 6, seed: int = 0,
           here: run.Run | None = None,
           on_reply: Callable[[str, str], None] | None = None) -> list[Answer]:
    """Two or more at one table, who speak in turn, `turns` replies in all; each hears the spoken
    words of the others since it last spoke.

    With two, a reply is heard as it stands; with more, beside the name of who said it.
    `on_reply(name, spoken)` hears each as it comes. With a run the talk is kept reply by reply in
    its conversations/, and one that was broken off, by the same weights, goes on.
    """
    item = Question(id=topic, question=topic, group="interview")
    names = [getattr(one, "character", "") or one.name for one in companions]
    makers = [getattr(one, "maker", None) for one in companions]
    told = repr((topic, names, [one.name for one in companions], seed))
    place = f"dinner-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
    path = here.path("conversations", f"{place}.jsonl") if here else None
    rows = run.read_jsonl(path, Answer)[:turns] if path and path.is_file() else []
    if any(row.maker != makers[row.turn % len(makers)] for row in rows):
        rows = []
    kept = len(rows)
    for turn in range(turns):
        who = turn % len(companions)
        if turn >= kept:
            asked = item, _heard(rows, names, who, topic), _lived(rows[who :: len(companions)])
            (row,) = put(companions[who], [asked], seed, names[who], turn, makers[who])
            rows.append(row.model_copy(update={"conversation": place}))
            if path:
                run.write_jsonl(path, rows)
        if on_reply:
            on_reply(names[who], rows[turn].text)
    return rows


def _heard(rows: Sequence[Answer], names: Sequence[str], who: int, topic: str) -> str:
    """What the next to speak has heard since it last spoke; in the first round also where it is."""
    since = rows[max(0, len(rows) - len(names) + 1) :]
    bare = len(names) == 2 and len(rows) > 1
    said = [("" if bare else f"{row.character} says: ") + (row.text or "…") for row in since]
    if len(rows) < len(names):
        others = " and ".join(name for number, name in enumerate(names) if number != who)
        said.insert(0, f"You sit at table with {others}. {topic}")
    return "\n".join(said)


class Talk:
    """A talk that a person has with a character, always under its set-up; what was said is
    remembered. `system` is the name of an adapter, or "prompted" for the base without one;
    `visitor` is who speaks to it, as others do in its experience; `prompt` a training's own set-up.
    """

    def __init__(self, sim: models.Simulacrum, profile: Profile, visitor: str = "",
                 system: str = "simulacrum", prompt: str = ""):
        self.sim, self.profile, self.visitor, self.system = sim, profile, visitor, system
        self.name, self.prompt = profile.name, prompt
        self.setting: dict[str, str] = {}
        self.messages: list[dict] = []
        self.seed = 0

    def ask(self, question: str, **setting: str) -> Reply:
        """The reply to `question`: its spoken text, its thought apart. A place, time or state that
        is given holds from now on.
        """
        self._hear(question, setting)
        reply = self.sim.reply(*self._heard())
        spoken, thought = split_thought(reply.text)
        self.messages.append({"role": "assistant", "content": spoken})
        return dataclasses.replace(reply, text=spoken, thought=thought)

    def stream(self, question: str, **setting: str) -> Iterator[str]:
        """The spoken words of the reply as they come."""
        self._hear(question, setting)
        yield from self._reply()

    def again(self) -> Iterator[str]:
        """Answer the last words anew, with another seed and some temperature."""
        if self.messages and self.messages[-1]["role"] == "assistant":
            self.messages.pop()
        self.seed += 1
        yield from self._reply()

    def forget(self) -> None:
        """Begin anew: nothing has been said."""
        self.messages.clear()

    def _hear(self, question: str, setting: dict[str, str]) -> None:
        set_up(self.name, self.prompt, **setting)  # refused before anything is remembered
        self.setting |= setting
        words = f"{self.visitor}: {question}" if self.visitor else question
        self.messages.append({"role": "user", "content": words})

    def _heard(self) -> tuple[list[dict], Sampling, int]:
        self.sim.use(BASE if self.system == "prompted" or not self.sim.adapters else self.system)
        setting = {name: text for name, text in self.setting.items() if text}
        prompt = set_up(self.name, self.prompt, **setting)
        sampling = Sampling(max_new_tokens=90, temperature=0.7 if self.seed else 0.0)
        return [{"role": "system", "content": prompt}, *self.messages[-9:]], sampling, self.seed

    def _reply(self) -> Iterator[str]:
        heard = self._heard()
        reply = {"role": "assistant", "content": ""}
        self.messages.append(reply)
        for piece in spoken_pieces(self.sim.stream(*heard)):
            reply["content"] += piece
            yield piece
