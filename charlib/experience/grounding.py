"""What a profile supports, what nearly repeats, and what is rejected with a reason."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from rapidfuzz import fuzz, process

from charlib import profile as profiles
from charlib.records import Date, Dialogue, Profile, Reject, Request

_NAME = re.compile(r"(?<![.!?:…\"“(]\s)(?<!^)\b([A-Z][\w’'-]{2,})")
_NUMBER = re.compile(r"\b\d{3,4}\b")
_BLOCK = 256  # texts compared at a time

EVERYDAY = frozenset({
    "God", "Lord", "Heaven", "Sir", "Madam", "Herr", "Frau", "Fräulein", "Monsieur", "Madame",
    "Maestro", "Mistress", "Master", "Majesty", "Highness", "Excellency", "Prince", "Princess",
    "Count", "Countess", "King", "Queen", "Emperor", "Doctor", "Captain", "English", "Latin",
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "January",
    "February", "March", "April", "June", "July", "August", "September", "October", "November",
    "December", "Visitor", "Your", "The", "And", "But", "You", "Nature", "Providence", "Europe",
    "Scripture", "Bible", "Christian", "Easter", "Christmas", "Christ", "Mother", "Father",
    "Mr", "Mrs", "Miss"})


@dataclass
class Result:
    """What a stage kept and what it rejected."""

    kept: list = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    attrition: Counter = field(default_factory=Counter)


def reject(rejects: list[Reject], item: Request | Dialogue, reason: str, text: str,
           detail: str = "") -> None:
    """Keep what was refused, with its reason: what a request gave, or a dialogue made of it."""
    if isinstance(item, Dialogue):
        stage, request, scene = item.kind, item.request, item.scene or ""
        paragraph = next(iter(item.paragraphs), "")
    else:
        stage, request, paragraph = item.stage, item.id, item.facts["item"].id
        scene = item.subject if stage == "dialogue" else ""
    rejects.append(Reject(stage=stage, reason=reason, paragraph=paragraph, scene=scene,
                          request=request, text=text[:2000], detail=detail))


class Support:
    """What the profile, its period list and the scenes' own set-up support: names and numbers."""

    def __init__(self, profile: Profile, settings: Sequence[str] = ()):
        states = [f"{state.when} {state.place}" for state in profile.states]
        text = " ".join([profile.text, profile.name, *profile.period, *states, *settings])
        names = {*re.findall(r"[A-Z][\w’'-]+", text), *EVERYDAY}
        self.words = {stem_name(word) for word in names}
        self.numbers = set(re.findall(r"\d+", text))

    def missing(self, text: str) -> list[str]:
        """Names and numbers of a text that are not supported, in order, once each."""
        names = [word for word in _NAME.findall(text)
                 if stem_name(word) not in self.words and not word.startswith(("I'", "I’"))]
        numbers = [number for number in _NUMBER.findall(text) if number not in self.numbers]
        return list(dict.fromkeys(names + numbers))


def stem_name(word: str) -> str:
    """A name without possessive and plural, so that Neefe's and the Breunings are found."""
    word = re.sub(r"[’']s?$", "", word)
    return word[:-1].lower() if word.endswith("s") and len(word) > 4 else word.lower()


def later(text: str, profile: Profile) -> list[Date]:
    """The dates in a text that lie after the person's horizon."""
    return [date for date in profiles.dates_in(text) if profile.end and date.after(profile.end)]


def ground(dialogue: Dialogue, profile: Profile, support: Support, result: Result,
           most: int = 4) -> Dialogue | None:
    """The dialogue with a flag for each name or number that nothing supports; None, rejected, when
    too many or later than the horizon."""
    own = profile.short_name
    said = " ".join(turn.text for turn in dialogue.turns
                    if turn.role == own or dialogue.kind == "experience")
    late, missing = later(said, profile), support.missing(said)
    reason = f"speaks of {late[0]}" if late else "not grounded" if len(missing) > most else ""
    if reason:
        text = "\n".join(f"{turn.role} ({turn.action}): {turn.text}" for turn in dialogue.turns)
        reject(result.rejects, dialogue, reason, text, ", ".join(missing[:8]))
        return None
    flags = [f"unsupported: {name}" for name in missing]
    return dialogue.model_copy(update={"flags": flags}) if flags else dialogue


def deduplicate(dialogues: list[Dialogue], result: Result, threshold: float = 93) -> list[Dialogue]:
    """Without dialogues that nearly repeat an earlier one (normalised edit similarity of the whole
    text, in percent).

    Exchanges with one answer are compared by what is asked: a fact met in many wordings has the
    same long answer to each."""
    texts = [" ".join(turn.text.lower() for turn in dialogue.turns) for dialogue in dialogues]
    dropped: set[int] = set()
    for first, second in _alike(texts, threshold):
        pair = dialogues[first], dialogues[second]
        if not {first, second} & dropped and not _asked_otherwise(*pair, threshold):
            dropped.add(second)
            reject(result.rejects, pair[1], "near duplicate", texts[second], pair[0].id)
    return [dialogue for index, dialogue in enumerate(dialogues) if index not in dropped]


def _alike(texts: list[str], threshold: float) -> Iterator[tuple[int, int]]:
    """(earlier, later) places of texts that are alike. Only texts of like length can be, so each
    block is compared with its neighbours in length."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    for start in range(0, len(order), _BLOCK):
        mine, end = order[start : start + _BLOCK], start + _BLOCK
        longest = len(texts[mine[-1]]) * 1.16 + 2
        while end < len(order) and len(texts[order[end]]) <= longest:
            end += 1
        others = order[start:end]
        scores = process.cdist([texts[i] for i in mine], [texts[i] for i in others],
                               scorer=fuzz.ratio, score_cutoff=threshold, dtype=np.uint8)
        for row, column in zip(*np.nonzero(scores), strict=True):
            first, second = sorted((mine[row], others[column]))
            if first != second:
                yield first, second


def _asked_otherwise(first: Dialogue, second: Dialogue, threshold: float) -> bool:
    """Whether two exchanges give one answer to different questions."""
    if first.turns[-1].text != second.turns[-1].text or first.kind == "experience":
        return False
    asked = [" ".join(turn.text.lower() for turn in dialogue.turns[:-1])
             for dialogue in (first, second)]
    return fuzz.ratio(*asked) < threshold
