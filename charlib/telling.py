"""What a life says in whole sentences: each as the person would tell it, and what one asks to hear it.

    >>> story = Story("Nell Gray", "Gray", ["Nell Gray kept a shop in Hull. Her clocks, cased in oak, were sold to masters of brigs."])
    >>> tellings(story, 0)[1].said
    'My clocks, cased in oak, were sold to masters of brigs.'
    >>> tellings(story, 0)[1].of
    ('your clocks', 'oak', 'masters', 'brigs')

Facts are taken out of sentences by rules, and dense prose holds more than rules find. A sentence told whole keeps the rest: a question about any
thing in it is answered with it. Like a statement, a sentence whose pronouns could mean somebody else is left out.
"""

import re
from dataclasses import dataclass

from charlib.language import Token, is_adverb, is_function, join, tokens
from charlib.profile import dates_in
from charlib.story import DEATH, META, Story, opens_noun, sentence_case
from charlib.words import (
    ADVERBS,
    AUXILIARIES,
    DETERMINERS,
    POSSESSIVES,
    PREPOSITIONS,
    PRONOUNS,
    TIME_NOUNS,
    base,
    is_gerund,
    is_participle,
    is_past,
    senses,
)

LONGEST = 34  # words of a telling: a reply counts in its first 60
_OTHERS = {"he": "m", "him": "m", "his": "m", "himself": "m", "she": "f", "her": "f", "hers": "f", "herself": "f"}
_THINGS = {"it", "its", "itself", "they", "them", "their", "theirs", "themselves", "this", "these", "those", "that", "there"}
_US = {"they": "we", "them": "us", "their": "our", "theirs": "ours", "themselves": "ourselves"}
_MINE = {"subject": "I", "object": "me", "possessive": "my", "reflexive": "myself", "mine": "mine"}
_BEFORE_VERBS = AUXILIARIES | {"to", "i", "who", "which", "that", "me", "not", "never"}
_LIFE = re.compile(r" \([^()]*\d{3}[^()]*\)")  # the dates behind a name
_BE = {"were": "was", "is": "am", "are": "am", "has": "have"}
_FRAMES = (
    "Tell me about {x}.",
    "What can you say of {x}?",
    "What do you remember of {x}?",
    "What of {x}?",
    "I should like to hear of {x}.",
)
_FRAMES_OF_TWO = ("What had {x} to do with {y}?", "What do you say of {x} and {y}?")
_CONNECTED = {
    "person": ("Whom do you connect with {x}?", "Who comes to your mind when you think of {x}?"),
    "place": ("What place do you connect with {x}?", "Where were you, or where was it, with {x}?"),
    "date": ("What year do you connect with {x}?", "When was that, with {x}?"),
    "count": ("How many, or how much, was it with {x}?", "What number do you connect with {x}?"),
}  # what such a question asks for stands in the sentence that answers it


@dataclass(frozen=True)
class Telling:
    """A sentence in the first person, the things in it that one can ask about, in the second person, and what else it
    tells, as (person, place, date or count; the thing to ask by)."""

    said: str
    of: tuple[str, ...]
    tells: tuple[tuple[str, str], ...] = ()

    def ask(self, turn: int = 0) -> list[str]:
        """Questions about its things, about two of them together, and for what it tells; `turn` starts the round of frames elsewhere."""
        made = [_FRAMES[(turn + place) % len(_FRAMES)].format(x=thing) for place, thing in enumerate(self.of[:4])]
        if len(self.of) > 1:
            made.append(_FRAMES_OF_TWO[turn % 2].format(x=self.of[0], y=self.of[1]))
        made += [_CONNECTED[kind][turn % 2].format(x=thing) for kind, thing in self.tells[:2]]
        return list(dict.fromkeys(sentence_case(question) for question in made))


def tellings(story: Story, index: int) -> list[Telling]:
    """The sentences of paragraph `index` that can be told whole, in order."""
    found = []
    for sentence, mine in story.sentences[index]:
        if META.search(sentence) or any(story.end and date.after(story.end) for date in dates_in(sentence)):
            continue
        whole = first_person(story, sentence, mine)
        if whole:
            pieces = [whole]
        else:  # what leans on nobody stands alone
            pieces = (
                [first_person(story, piece, mine and not place) for place, piece in enumerate(re.split(r"; ", sentence))]
                if ";" in sentence
                else []
            )
        for piece in pieces:
            telling = _telling(story, piece) if piece and len(join(piece).split()) <= LONGEST else None
            if telling:
                found.append(telling)
    return found


def first_person(story: Story, sentence: str, mine: bool) -> list[Token]:
    """The words of a sentence as the protagonist says them; none when a pronoun is doubtful or the sentence is of the own death.

    `mine`: whether the protagonist's pronoun at its start means the protagonist.
    """
    words = tokens(_LIFE.sub("", sentence), story.words, story.self_words)
    told: list[Token] = []
    rivals: list[Token] = []
    people: set[str] = set()
    about_me = skip = present = False
    for index, token in enumerate(words):
        if skip:
            skip = False
            continue
        after = words[index + 1] if index + 1 < len(words) else Token("", "end")
        low = token.low if token.kind == "word" else ""
        role = story.forms.get(low, "")
        if story.is_self(token) and told and told[-1].low in DETERMINERS:
            told.append(token)  # the Marsh barometer
        elif story.is_self(token) and after.low == "of":
            return []  # Timon of Lindros
        elif story.is_self(token):
            mine, about_me, skip = True, True, after.kind == "of"
            acts = after.kind == "word" and (after.low in AUXILIARIES or is_past(after.low) or is_adverb(after)) or after.text == ","
            told.append(
                Token(
                    "my" if skip else "I" if not told or acts and told[-1].low not in {"of", "to", "for", "with", "by", "from"} else "me",
                    "self",
                )
            )
        elif role:
            if role == "her":
                role = "possessive" if opens_noun(after) or not told or after.low == "back" and told[-1].low in PREPOSITIONS else "object"
            if not mine or rivals and not (role == "object" and len(rivals) == 1):
                return []
            about_me = about_me or role == "subject"
            if role == "possessive" and after.kind == "number" and told:
                role = "object"  # "offered her three hundred francs"
            if role == "possessive" and after.low == "death":
                return []
            told.append(Token(_MINE[role], "self"))
        elif low in _OTHERS:
            if _OTHERS[low] not in people:
                return []
            told.append(token)
        elif low in _THINGS and not told:
            return []
        elif low in _US and not any(_plural(word) for word in told):
            if not (about_me and people):
                return []
            told.append(Token(_US[low], "self"))  # "She married Holm, and they settled in Karlskrona"
        elif told and told[-1].text == "I" and low in _BE:
            told.append(Token(_BE[low], "word"))
        elif (
            low.endswith("s")
            and low not in AUXILIARIES
            and not is_past(low)
            and "VERB" in senses(low)
            and (_acts(told) or present and told[-1].low == "and")
        ):
            present = True
            told.append(Token(base(low), "word"))  # "she sings"
        else:
            if token.kind == "word" and token.low in {"i", "me", "my", "we", "us", "our"}:
                return []  # speech that is quoted
            gender = story.gender(token)
            people |= {gender} if gender else {"m", "f"} if token.kind == "name" and story.kind(token) == "person" else set()
            if story.could_be(token):
                rivals.append(token)
            told.append(token)
    if DEATH.search(sentence) if about_me else re.search(r"\b(?:is|are)\b", sentence):
        return []  # the own death; what is so today
    return told


def _telling(story: Story, told: list[Token]) -> Telling | None:
    text = sentence_case(re.sub(r"[“”\"]", "", join(told)).rstrip(".!?;, ")) + "."
    things = _things(told)
    kinds = {story.kind(token) for token in told if token.kind == "name"} | {token.kind for token in told}
    names = {token.text: story.kind(token) for token in told if token.kind == "name"}
    tells = []
    for kind, mark in (("person", "person"), ("date", "date"), ("place", "place"), ("count", "number")):
        by = [thing for thing in things if names.get(thing) != kind and not re.search(r"\d", thing)]
        if mark in kinds and by:
            tells.append((kind, by[0]))
    return Telling(text, tuple(things), tuple(tells)) if things and len(text.split()) > 3 else None


def _things(told: list[Token]) -> list[str]:
    """Things named in a sentence, as the asker calls them: what is the person's own, names, what has an article, dates, and bare nouns last."""
    own, named, plain, dated, bare = [], [], [], [], []
    start = 0
    while start < len(told):
        token, before = told[start], told[start - 1].low if start else ""
        end = start
        while end < len(told) and _nominal(told[end], told[end - 1].low if end else ""):
            end += 1
        last = told[end - 1].low if end else ""
        if token.kind in {"name", "title"}:
            while end + 1 < len(told) and end - start < 2 and _nominal(told[end + 1], ""):
                end += 1
            name = join(told[start : end + 1])
            named.append(f"{before} {name}" if before in {"the", "a", "an"} else name)
            end += 1
        elif token.kind == "date":
            dated.append(token.text)
        elif 0 < end - start < 4 and _names_a_thing(last, alone=end - start == 1):
            text = join(told[start:end]).lower()
            if before == "my":
                own.append(f"your {text}")
            elif before in {"the", "a", "an"} or start and told[start - 1].kind == "number":
                plain.append(f"{before} {text}")
            elif len(text) > 2:
                bare.append(text)
        start = max(end, start + 1)
    return [thing for thing in dict.fromkeys([*own, *named, *plain, *dated, *bare]) if '"' not in thing]


def _names_a_thing(last: str, alone: bool) -> bool:
    """Whether a bare noun phrase that ends in `last` is a thing to ask about: no stretch of time, no gerund, no lone adjective."""
    kinds = senses(last) or {"NOUN": ()}
    return "NOUN" in kinds and not (alone and "ADJ" in kinds) and not {last, last.removesuffix("s")} & TIME_NOUNS and not is_gerund(last)


def _nominal(token: Token, before: str) -> bool:
    """Whether a word can stand in a bare noun phrase: no function word, no verb after "to" or an auxiliary, none in the past without an article."""
    if token.kind != "word" or not token.text[0].isalpha() or is_function(token):
        return False
    if token.low in DETERMINERS | POSSESSIVES | PRONOUNS | ADVERBS | AUXILIARIES or is_adverb(token):
        return False
    kinds = senses(token.low)
    if (
        "VERB" in kinds
        and before in _BEFORE_VERBS
        or (is_past(token.low) or is_participle(token.low))
        and before not in DETERMINERS | POSSESSIVES
    ):
        return False
    return bool({"NOUN", "ADJ"} & set(kinds)) or not kinds and before in {"my", "the", "a", "an"}


def _acts(told: list[Token]) -> bool:
    """Whether a verb that comes now is the protagonist's own: after "I", or "I" and an adverb."""
    return bool(told) and (told[-1].text == "I" or len(told) > 1 and told[-2].text == "I" and is_adverb(told[-1]))


def _plural(token: Token) -> bool:
    return token.kind == "word" and token.low.endswith("s") and "NOUN" in senses(token.low)
