"""Longer talks: scripted conversations, a dinner of several simulacra, and a person's own talk."""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from charlib import models, run
from charlib.models.decode import BASE, Sampling
from charlib.playground.answers import ANSWERS
from charlib.playground.interview import as_answer, ask_options, distinct, go_on, replies_of
from charlib.playground.systems import System, split_thought
from charlib.records import Answer, Profile, Question

FOLLOW_UPS = (
    "Go on. What stays with you most of that?",
    "Forgive me, let me ask once more in other words: {topic}",
    "I have been told it was quite otherwise. Are you sure?",
    "What would you have people remember of it?",
)  # a follow-up, a re-ask, a provocation, a closing: for a topic that brings none of its own


RE_ASK = 2  # the turn in which the topic is asked again in other words


NOTES = (
    "Follow up on what was just said.",
    "Ask the opening question again in quite other words, as if it were new.",
    "Doubt it politely: say that you have heard the contrary, and ask whether that is not so.",
    "Close with a question about what should be remembered of it.",
)  # the same four turns, as a model that asks is told them


_REWORDED = (
    (r"(?:please )?tell me (?:something )?(?:about|of) (?P<x>.+?)[.?!]*", "What is there to say of {x}?"),
    (r"(?:please )?tell me (?P<x>how|why|when) (?P<y>.+?)[.?!]*", "I should like to hear {x} {y}. How was it?"),
    (r"what do you (?:think|make) of (?P<x>.+?)[.?!]*", "How do you look upon {x}?"),
    (r"what (?:was|is) (?P<x>.+?) like(?P<y>\b.*?)[.?!]*", "How would you describe {x}{y}?"),
    (
        r"what (?:did|do) you (?P<x>feel|value|want|fear|love|hope)(?P<y> .+?)?[.?!]*",
        "If somebody asked what you {x}{y}, what would you say?",
    ),
)


def converse(system: System, topic: Question | str, follow_ups: Sequence[str] | None = None, turns: int = 5, seed: int = 0,
             interviewer: System | None = None) -> list[Answer]:  # fmt: skip
    """A conversation of `turns` questions: the topic, a follow-up, the topic again in other words,
    a provocation, a closing.

    The questioner is scripted (`follow_ups`, else the topic's own, else general ones), or an
    `interviewer` that replies to the person.
    """
    item = topic if isinstance(topic, Question) else Question(id=topic, question=topic, group="interview")
    if follow_ups is not None:
        item = item.model_copy(update={"follow_ups": list(follow_ups)})
    return _talk_through(system, [item], turns, seed, interviewer)[0]


def conversations(here: run.Run, topics: Sequence[Question], systems: Sequence[System], turns: int = 5, seeds: Sequence[int] = (0,),
                  say: Callable[[str], None] | None = None, interviewer: System | None = None, batch: int = 32) -> list[Answer]:  # fmt: skip
    """Multi-turn interviews over every topic, all topics of a batch turn by turn together. Saves
    conversations/<name>.jsonl and adds their rows to answers.jsonl; a conversation that is there
    from the same weights is kept.
    """
    distinct(systems)
    say, found = say or here.say, []
    for system in systems:
        maker = getattr(system, "maker", None)
        for seed in seeds:
            names = {item.id: run.slug(f"{system.name}-{item.id}-{seed}".lower().replace("_", "-")) for item in topics}
            saved = {id: _saved(here.path("conversations", f"{name}.jsonl"), turns, maker) for id, name in names.items()}
            todo = [item for item in topics if not saved[item.id]]
            for start in range(0, len(todo), batch):
                chosen = todo[start : start + batch]
                for item, rows in zip(chosen, _talk_through(system, chosen, turns, seed, interviewer), strict=True):
                    saved[item.id] = [row.model_copy(update={"conversation": names[item.id], "maker": maker}) for row in rows]
                    run.write_jsonl(here.path("conversations", f"{names[item.id]}.jsonl"), saved[item.id])
            if todo:
                say(f"conversations: {system.name}, seed {seed}: {len(todo)} talks of {turns} turns")
            found += [row for item in topics for row in saved[item.id]]
    _keep_rows(here, found)
    return found


def _keep_rows(here: run.Run, rows: list[Answer]) -> None:
    """Put conversation rows into answers.jsonl in place of older rows of the same conversations."""
    names = {row.conversation for row in rows}
    kept = [row for row in go_on(here.path(ANSWERS)) if row.conversation not in names]
    here.write_jsonl(ANSWERS, [*kept, *rows])


def _saved(path: Path, turns: int, maker: str | None) -> list[Answer]:
    rows = run.read_jsonl(path, Answer) if path.is_file() else []
    return rows if len(rows) == turns and all(row.maker == maker for row in rows) else []


def _talk_through(system: System, topics: Sequence[Question], turns: int, seed: int, interviewer: System | None) -> list[list[Answer]]:
    said: list[list[Answer]] = [[] for _ in topics]
    for turn in range(turns):
        asked = _next_questions(topics, said, turn, seed, interviewer)
        history = [[*_messages(rows), *ask_options(words)] for rows, words in zip(said, asked, strict=True)]
        for rows, item, words, reply in zip(said, topics, asked, replies_of(system, history, seed * 1000 + turn), strict=True):
            name = f"{system.name}:{item.id}:{seed}"
            rows.append(as_answer(item, words, reply, system, seed, "", None, conversation=name, turn=turn))
    return said


def _next_questions(topics, said, turn: int, seed: int, interviewer) -> list[str]:
    if turn == 0:
        return [item.question for item in topics]
    if interviewer:
        flipped = [_flip(item.question, rows) for item, rows in zip(topics, said, strict=True)]
        return [split_thought(reply.text)[0] or FOLLOW_UPS[0] for reply in replies_of(interviewer, flipped, seed * 1000 + turn)]
    return [_scripted(item, turn) for item in topics]


def _scripted(item: Question, turn: int) -> str:
    own = item.follow_ups or []
    if turn <= len(own):
        return own[turn - 1]
    return FOLLOW_UPS[(turn - 1) % len(FOLLOW_UPS)].replace("{topic}", reworded(item.question))


def reworded(question: str) -> str:
    """An opening question in other words, by its form; one of no known form as it stands."""
    for form, words in _REWORDED:
        if match := re.fullmatch(form, question.strip(), re.IGNORECASE):
            return words.format(**{name: part or "" for name, part in match.groupdict().items()})
    return question


def _messages(rows: list[Answer]) -> list[dict]:
    """A conversation so far as the person lived it: questions are the user's, spoken replies its
    own.
    """
    messages = []
    for row in rows:
        messages += [{"role": "user", "content": row.asked}, {"role": "assistant", "content": row.text or "…"}]
    return messages


def _flip(topic: str, rows: list[Answer]) -> list[dict]:
    """The same conversation as the interviewer lived it, what this turn is for said at its head."""
    note = NOTES[(len(rows) - 1) % len(NOTES)]
    messages = [{"role": "user", "content": f"Interview the person about this, one short question at a time: {topic}\n(Now: {note})"}]
    for row in rows:
        messages += [{"role": "assistant", "content": row.asked}, {"role": "user", "content": row.text or "…"}]
    return messages


def dinner(
    companions: Sequence[System], topic: str, turns: int = 6, seed: int = 0, here: run.Run | None = None, on_reply: Callable | None = None
) -> list[Answer]:
    """Two or more at one table, who speak in turn, `turns` replies in all; each hears the spoken
    words of the others since it last spoke.

    With two, a reply is heard as it stands; with more, beside the name of who said it.
    `on_reply(name, spoken)` hears each as it comes. With a run the talk is kept reply by reply in
    its conversations/, and one that was broken off, by the same weights, goes on.
    """
    item = Question(id=topic, question=topic, group="interview")
    names = [getattr(one, "character", "") or one.name for one in companions]
    makers = [getattr(one, "maker", None) for one in companions]
    systems = [one.name for one in companions]
    digest = hashlib.sha256(repr((topic, names, systems, seed)).encode()).hexdigest()[:8]
    place = f"dinner-{digest}"
    path = here.path("conversations", f"{place}.jsonl") if here else None
    kept = run.read_jsonl(path, Answer)[:turns] if path and path.is_file() else []
    if [row.maker for row in kept] != [makers[row.turn % len(makers)] for row in kept]:
        kept = []
    talks: list[list[dict]] = [[] for _ in companions]
    rows: list[Answer] = []
    for turn in range(turns):
        who = turn % len(companions)
        since = rows[max(0, turn - len(companions) + 1) :]
        said = [(row.text or "…") if len(companions) == 2 and turn > 1 else f"{row.character} says: {row.text or '…'}" for row in since]
        others = " and ".join(name for number, name in enumerate(names) if number != who)
        opening = [f"You sit at table with {others}. {topic}"] if turn < len(companions) else []
        asked = "\n".join([*opening, *said])
        if turn < len(kept):
            rows.append(kept[turn])
        else:
            reply = replies_of(companions[who], [[*talks[who], *ask_options(asked)]], seed * 1000 + turn)[0]
            rows.append(as_answer(item, asked, reply, companions[who], seed, names[who], makers[who], conversation=place, turn=turn))
            if path:
                run.write_jsonl(path, rows)
        talks[who] += [*ask_options(asked), {"role": "assistant", "content": rows[-1].text or "…"}]
        if on_reply:
            on_reply(names[who], rows[-1].text)
    return rows


class Talk:
    """A conversation that a person has with one system; `say` streams the reply and remembers it.
    """

    def __init__(self, sim, profile: Profile, visitor: str = "", system: str = "simulacrum"):
        self.sim, self.profile, self.visitor, self.system = sim, profile, visitor, system
        self.setting: dict[str, str] = {}
        self.messages: list[dict] = []
        self.seed = 0

    def say(self, words: str):
        """Yield the pieces of the reply to `words`; thoughts are kept out of what is heard."""
        self.messages.append({"role": "user", "content": words})
        yield from self._reply()

    def again(self):
        """Answer the last words anew, with another seed and some temperature."""
        if self.messages and self.messages[-1]["role"] == "assistant":
            self.messages.pop()
        self.seed += 1
        yield from self._reply()

    def _reply(self):
        self.sim.use(BASE if self.system == "prompted" else self.system)
        prompt = models.system_prompt(self.profile.name, **{name: text for name, text in self.setting.items() if text})
        heard = [{"role": "system", "content": prompt}, *self.messages[-9:]]
        sampling = Sampling(max_new_tokens=90, temperature=0.7 if self.seed else 0.0)
        self.messages.append({"role": "assistant", "content": ""})
        said = ""
        for piece in self.sim.stream(heard, sampling, self.seed):
            said += piece
            self.messages[-1]["content"] = split_thought(said)[0]
            yield piece
