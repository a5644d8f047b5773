"""Records: everything that lasts in a file, as pydantic models; the ground every room stands on.

The person (profile.md), experience (scenes, dialogues, rejects), what teachers are asked, examples
to train on, interviews (questions, answers), judgements and ratings. All are frozen.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator


class Record(BaseModel):
    """What lasts in a file: frozen; fields it does not know are left out when it is read."""
    model_config = ConfigDict(frozen=True, defer_build=True)  # built at first use


# 007 and 1822 stay text, and nothing is an empty one
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value).strip())]


def digest(text: str, digits: int = 10) -> str:
    """The first hex digits of the sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def content_id(*parts: str) -> str:
    """Ten hex digits made of the content, so that what depends on changed text gets another id."""
    return digest("\x1f".join(" ".join(part.split()) for part in parts))


# ---- the person

TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
_DATE = re.compile(r"(-?)(\d{1,4})(?:/(\d{1,4}))?(?:-(\d{2}))?(?:-(\d{2}))?")


@dataclass(frozen=True, order=True)
class Date:
    """A date as historians write it: a negative year is BC; month and day may be unknown (0)."""
    year: int
    month: int = 0
    day: int = 0

    @classmethod
    def parse(cls, text: str) -> "Date":
        """Read `[-]YYYY[-MM[-DD]]`; `1726/27` is its later year. Raises ValueError otherwise."""
        match = _DATE.fullmatch(str(text).strip())
        if not match or int(match[2]) == 0:
            form = "write [-]YYYY[-MM[-DD]], a minus for BC, for example -44-03-15"
            raise ValueError(f"'{text}' is not a date: {form}.")
        sign, year, second, month, day = match.groups()
        if second:
            year = year[: len(year) - len(second)] + second
        date = cls((-1 if sign else 1) * int(year), int(month or 0), int(day or 0))
        if date.month > 12 or date.day > 31:
            raise ValueError(f"'{text}' has no such month or day: write [-]YYYY[-MM[-DD]].")
        return date

    def __str__(self) -> str:
        text = f"{'-' if self.year < 0 else ''}{abs(self.year)}"
        return text + "".join(f"-{part:02d}" for part in (self.month, self.day) if part)

    def after(self, other: "Date") -> bool:
        """True when this date is certainly later: an unknown month or day settles nothing."""
        mine, theirs = (self.year, self.month, self.day), (other.year, other.month, other.day)
        for a, b in zip(mine, theirs, strict=True):
            if not a or not b:
                return False
            if a != b:
                return a > b
        return False


class Value(Record):
    """A conviction and its opposite, and the paragraph it rests on."""
    stance: str
    opposite: str
    paragraph: str = ""


class State(Record):
    """An emotional state at a time and place of the life."""
    when: Text = ""
    place: str = ""
    state: str


class Voice(Record):
    """How the person speaks, with sample lines."""
    manner: str = ""
    lines: list[str] = []


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of the profile's body and its section. Its id is made of its words: white space
    does not matter, every other change gives another id."""
    text: str
    section: str = ""

    @property
    def id(self) -> str:
        return content_id(self.text)


class Profile(Record):
    """A person: front matter and paragraphs. `profile.edit` gives a new one."""
    model_config = ConfigDict(extra="forbid")
    name: Text
    short_name: Text
    horizon: str | None = Field(default=None, description="the last date the person can know")
    traits: dict[str, float] = {}
    trait_reasons: dict[str, str] = {}
    values: list[Value] = []
    states: list[State] = []
    voice: Voice = Voice()
    period: list[str] = Field(default=[], description="names and places known besides")
    sources: list[str] = []
    license: str = ""
    invented: bool = False
    paragraphs: tuple[Paragraph, ...] = Field(default=(), exclude=True)
    warnings: tuple[str, ...] = Field(default=(), exclude=True)

    @field_validator("horizon", mode="before")
    @classmethod
    def _date(cls, value):
        return value if value is None else Date.parse(value) and str(value).strip()

    @field_validator("traits")
    @classmethod
    def _traits(cls, value):
        for trait, score in value.items():
            if trait not in TRAITS or not -1 <= score <= 1:
                known = f"is not one of {', '.join(TRAITS)} between -1 and 1"
                raise ValueError(f"trait {trait}: {score} {known}")
        return value

    @property
    def end(self) -> Date | None:
        """The horizon as a date: the last day the person can know."""
        return Date.parse(self.horizon) if self.horizon else None

    @property
    def text(self) -> str:
        return "\n\n".join(paragraph.text for paragraph in self.paragraphs)

    def paragraph(self, id: str) -> Paragraph | None:
        return next((item for item in self.paragraphs if item.id == id), None)


# ---- experience
class Scene(Record):
    """Where and when something is lived, drawn from one or more paragraphs. `stance` is a value put
    under pressure there."""
    id: str
    paragraphs: list[str]
    type: Literal["chat", "debate", "discussion", "speech", "monologue"] = "chat"
    location: str = ""
    time: str = ""
    background: str = ""
    stance: str | None = None


class Turn(Record):
    """One turn of a dialogue: who, speaking or thinking, what; a thought may carry an emotion."""
    role: str
    action: Literal["speaking", "thinking"] = "speaking"
    text: str
    emotion: str | None = None


class Dialogue(Record):
    """A dialogue with its provenance. Protective ones say what lies beyond, and name their twin."""
    id: str
    scene: str | None = None
    paragraphs: list[str] = []
    kind: Literal["experience", "memory", "protective"]
    turns: list[Turn]
    teacher: str = ""
    request: str = ""
    attempts: int = 1
    flags: list[str] = []
    topic: str | None = None
    beyond: str | None = None
    answerable: bool | None = None
    twin: str | None = None


class Reject(Record):
    """What was not kept, from which request, and why; the raw text stays readable."""
    stage: str
    reason: str
    paragraph: str = ""
    scene: str = ""
    request: str = ""
    detail: str = ""
    text: str = ""


# ---- what a teacher is asked

STAGES = {"scenes": "scenes", "dialogue": "dialogue", "memory": "dialogue", "recall": "dialogue",
          "protective": "protective", "boundary": "protective"}  # asked: as recordings call it


@dataclass(frozen=True)
class Request:
    """What is asked of a teacher: a stage for a paragraph or a scene. `facts` fill the prompt;
    `messages` is what an endpoint is sent."""
    character: str
    stage: str
    subject: str
    sample: int
    version: str
    messages: tuple = ()
    facts: dict = field(default_factory=dict)

    @property
    def key(self) -> dict:
        """The key recordings match on. Memory and recall exchanges are dialogues asked for a
        paragraph instead of a scene, samples 0 and 1."""
        kind = "scene" if self.stage == "dialogue" else "paragraph"
        return {"character": self.character, "stage": STAGES[self.stage], kind: self.subject,
                "sample": self.sample}

    @property
    def id(self) -> str:
        """Names what was asked: another paragraph, prompt or prompt version has another id."""
        asked = [self.key, self.version, list(self.messages)]
        return digest(json.dumps(asked, sort_keys=True, ensure_ascii=False), 16)


@dataclass(frozen=True)
class Completion:
    """A raw answer to the request (or prompt) of that id. `finish`: stop, length, filter, or the
    reason why there is none; `usage`: tokens {in, out}, estimated?, model?.
    """
    request: str
    teacher: str
    text: str
    finish: str = "stop"
    attempts: int = 1
    usage: dict = field(default_factory=dict)

    @property
    def answered(self) -> bool:
        """Whether there is an answer, be it cut or filtered."""
        return self.finish in ("stop", "length", "filter")

    @property
    def whole(self) -> bool:
        """Whether it came to its own end, so may be trained on or counted (fault F10)."""
        return self.finish == "stop"


# ---- examples to train on
class Message(Record):
    """One message of a conversation as chat templates take it: system, user or assistant."""
    role: str
    content: str


class Example(Record):
    """One conversation to train on, with where it came from."""
    id: str
    dialogue: str
    paragraphs: list[str]
    split: str = "train"
    kind: str = "memory"
    messages: list[Message]


# ---- interviews
class Question(Record):
    """One item of a bank. `group` says what it is for: recall, choice, boundary, time, value,
    trait, paraphrase, interview.

    `candidate` marks an imported item that is unanswerable only if the person died early enough.
    `swap_of` names the item whose two options this one asks in the other order. Other fields of a
    row are ignored; an item without an id has its text for one."""
    id: str
    topic: Literal["past", "relations", "values", "beyond"] = "past"
    question: str
    kind: Literal["open", "choice", "pair"] = "open"
    paragraph: str | None = None
    gold: list[str] | None = None
    options: list[str] | None = None
    answerable: bool = True
    pair: str | None = None
    paraphrase_of: str | None = None
    group: str | None = None
    trait: str | None = None
    pressure: bool | None = None
    follow_ups: list[str] | None = None
    candidate: bool | None = None
    swap_of: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, row):
        if not isinstance(row, dict):
            return row
        row = {name: value for name, value in row.items() if value is not None}
        for name in ("id", "paragraph", "pair", "paraphrase_of"):
            if name in row:
                row[name] = str(row[name])
        if "question" in row:
            row["question"] = " ".join(str(row["question"]).split())
            row.setdefault("id", row["question"])
        return row

    @property
    def purpose(self) -> str:
        """The group, or what the other fields say it is for."""
        if self.group:
            return self.group
        if self.paraphrase_of:
            return "paraphrase"
        if self.kind == "pair":
            return "trait" if self.trait else "value"
        if self.kind == "choice":
            return "time" if self.topic == "beyond" else "choice"
        if self.pair or not self.answerable:
            return "boundary"
        return "recall" if self.gold else "interview"

    @property
    def base_id(self) -> str:
        """The item this is a wording of: its own id, or that of the item whose options it swaps."""
        return self.swap_of or self.id


class Answer(Record):
    """One reply of one system. `text` holds spoken words only; `finish` is "length" when the token
    limit cut it. `maker` names the weights and settings that answered: answers of other weights are
    asked again."""
    question: str
    asked: str
    item: Question | None = None
    character: str
    system: str
    seed: int = 0
    conversation: str | None = None
    turn: int | None = None
    text: str
    thought: str | None = None
    tokens: int = 0
    finish: Literal["stop", "length"] = "stop"
    seconds: float = 0.0
    maker: str | None = None


# ---- judgements and ratings

SCALE = (1, 7)


class Judgement(Record):
    """One verdict of one judge on one exhibit, or the reason why it is missing: no verdict, off the
    menu, no reasons, cut, filtered, no answer, not asked. `tampered`: the reply tried to set its
    verdict."""
    exhibit: str
    judge: str
    dimension: str
    system: str
    character: str = ""
    question: str
    seed: int = 0
    cluster: str | None = None
    sample: int = 0
    verdict: int | None = Field(default=None, ge=SCALE[0], le=SCALE[1])
    missing: str | None = None
    detail: str = ""
    reasons: str = ""
    tampered: bool = False
    words: int = 0
    version: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        return self.dimension, self.question, self.seed


class Rating(Record):
    """What one rater said of one reply of a task: a value from 1 to 7, or None where the rater
    could not tell; that is counted as missing."""
    task: str
    rater: str
    dimension: str
    letter: str
    value: int | None = Field(default=None, ge=SCALE[0], le=SCALE[1])
    order: int = 0
    origin: str = "notebook"
    at: str = ""

    @property
    def item(self) -> tuple[str, str]:
        return self.task, self.letter
