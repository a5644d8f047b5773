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

from charlib.profile.dates import dates_in
from charlib.teachers.english.language import Token, is_adverb, is_function, join, tokens
from charlib.teachers.english.story import DEATH, META, Story, opens_noun, sentence_case
from charlib.teachers.english.words import (
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

MOST_ECHOES = 6  # a sentence


LONGEST = 34  # words of a telling: a reply counts in its first 60


_OTHERS = {"he": "m", "him": "m", "his": "m", "himself": "m", "she": "f", "her": "f", "hers": "f", "herself": "f"}


_THINGS = {"it", "its", "itself", "they", "them", "their", "theirs", "themselves", "this", "these", "those", "that", "there"}


_US = {"they": "we", "them": "us", "their": "our", "theirs": "ours", "themselves": "ourselves"}


_BORDERS = {"and", "but", "who", "whom", "which", "where", "when", "while", "so", "because", "although", "until", "after"}


_SUBORDINATE = {"when", "as", "while", "since", "because", "although", "though", "if", "after", "before", "until", "where", "whereas"}


_GIVING = {"named", "called", "made", "appointed", "elected", "crowned", "gave", "sent", "lent"}  # "named her Chancellor"


_QUOTED = {"i", "me", "my", "we", "us", "our"}


_MINE = {"subject": "I", "object": "me", "possessive": "my", "reflexive": "myself", "mine": "mine"}


_BEFORE_VERBS = AUXILIARIES | {"to", "i", "who", "which", "that", "me", "not", "never"}


_LIFE = re.compile(r" \([^()]*\d{3}[^()]*\)")  # the dates behind a name


_ITALIC = re.compile(r"\*([^*]+)\*")  # a title as Markdown writes it


_BE = {"were": "was", "is": "am", "are": "am", "has": "have"}


_FRAMES = (
    "Tell me about {x}.",
    "What can you say of {x}?",
    "What do you remember of {x}?",
    "What of {x}?",
    "I should like to hear of {x}.",
    "What was there about {x}?",
    "How was it with {x}?",
    "And {x}?",
    "What came of {x}?",
)


_FRAMES_OF_TWO = ("What had {x} to do with {y}?", "What do you say of {x} and {y}?", "{x} and {y}: how do they belong together?")


_CONNECTED = {
    "person": (
        "Whom do you connect with {x}?",
        "Who was it, with {x}?",
        "Who had to do with {x}?",
        "Which person comes to your mind at {x}?",
    ),
    "place": ("What place do you connect with {x}?", "Where was it, with {x}?", "In which town or house or street was it, with {x}?"),
    "date": ("What year do you connect with {x}?", "When was that, with {x}?", "In which year was it, with {x}?"),
    "count": (
        "How many, or how much, was it with {x}?",
        "What number do you connect with {x}?",
        "What was the sum, or the number, with {x}?",
    ),
}  # what such a question asks for stands in the sentence that answers it


@dataclass(frozen=True)
class Telling:
    """A sentence in the first person, and the things in it that one can ask about, in the second person.

    `tells`: what else it answers, as (person, place, date or count; the thing to ask by). `echoes`: parts of it with one thing left out.
    """

    said: str
    of: tuple[str, ...]
    tells: tuple[tuple[str, str], ...] = ()
    echoes: tuple[str, ...] = ()

    def ask(self, turn: int = 0) -> list[str]:
        """Questions about its things, about two of them together, and for what it tells; `turn` starts the round of frames elsewhere."""
        made = [_FRAMES[(turn + place) % len(_FRAMES)].format(x=thing) for place, thing in enumerate(self.of[:4])]
        if len(self.of) > 1:
            made.append(_FRAMES_OF_TWO[turn % len(_FRAMES_OF_TWO)].format(x=self.of[0], y=self.of[1]))
        for place, (kind, thing) in enumerate(self.tells[:3]):
            made.append(_CONNECTED[kind][(turn + place) % len(_CONNECTED[kind])].format(x=thing))
        return list(dict.fromkeys(sentence_case(question) for question in made))


def tellings(story: Story, index: int) -> list[Telling]:
    """The sentences of paragraph `index` that can be told whole, in order; of one that cannot, the parts between semicolons."""
    found = []
    before = ""
    for sentence, mine in story.sentences[index]:
        previous, before = before, sentence
        if META.search(sentence) or any(story.end and date.after(story.end) for date in dates_in(sentence)):
            continue
        told = [first_person(story, sentence, mine, previous)]
        if not told[0] and ";" in sentence:
            told = [first_person(story, piece, mine and not place) for place, piece in enumerate(sentence.split("; "))]
        found += [_telling(story, words) for words in told if words]
    return [telling for telling in found if telling]


def first_person(story: Story, sentence: str, mine: bool, before: str = "") -> list[Token]:
    """The words of a sentence as the protagonist says them, as far as they are sure and no more than `LONGEST`; none of the own death.

    `mine`: whether the protagonist's pronoun at its start may mean the protagonist. `before`: the sentence before it, which says who "they" are.
    """
    words = tokens(_ITALIC.sub(r"“\1”", _LIFE.sub("", sentence)), story.words, story.self_words)
    teller, borders = _Teller(story, mine, before), []
    for token, after in zip(words, [*words[1:], Token("", "end")], strict=True):
        if token.text == ";" or token.text == "," and after.low in _BORDERS:
            borders.append(len(teller.told))
        try:
            teller.hear(token, after)
        except _Doubtful:
            teller.told = _until(teller.told, borders, len(words))
            break
    told = teller.told
    if len(join(told).split()) > LONGEST:
        told = _until(told, borders, LONGEST)
    text = join(told)
    if DEATH.search(text) if teller.about_me else re.search(r"\b(?:is|are)\b", text):
        return []  # the own death; what is so today
    return told


def _until(told: list[Token], borders: list[int], most: int) -> list[Token]:
    """The longest part that ends at a border, has at most `most` words and is a sentence; none if there is none."""
    if told and told[0].low in _SUBORDINATE:
        return []
    for border in reversed(borders):
        if len(join(told[:border]).split()) <= most and any(_finite(token) for token in told[:border]):
            return told[:border]
    return []


def _finite(token: Token) -> bool:
    return token.kind == "word" and (token.low in AUXILIARIES or is_past(token.low))


class _Doubtful(Exception):
    """A word might mean somebody else."""


class _Teller:
    """One sentence on its way into the first person: what is told so far, who has been named, and whom the protagonist's pronoun may mean."""

    def __init__(self, story: Story, mine: bool, before: str):
        self.story, self.mine, self.before = story, mine, before
        self.told: list[Token] = []
        self.rivals: list[Token] = []  # named in this sentence, and of the protagonist's sex
        self.people: set[str] = set()  # sexes of those named
        self.about_me = self.present = False

    def hear(self, token: Token, after: Token) -> None:
        """Take the next word. Raises _Doubtful."""
        low = token.low if token.kind == "word" else ""
        if token.kind == "of" and self.told and self.told[-1].text == "my":
            return  # the 's of the own name
        if self.story.is_self(token):
            self._own_name(token, after)
        elif low in self.story.forms:
            self._own_pronoun(self.story.forms[low], after)
        elif low in _OTHERS:
            self._require(_OTHERS[low] in self.people or self.told)
            self.told.append(token)
        elif low in _US and not self.told and self._with_me():
            self.about_me = True
            self._say(_US[low])  # "She married Holm. They settled in Karlskrona"
        elif low in _THINGS and not self.told:
            raise _Doubtful
        elif low in _US and not any(_plural(word) for word in self.told):
            self._require(self.about_me and self.people or self._with_me())
            self._say(_US[low])  # "She married Holm, and they settled in Karlskrona"
        elif low in _BE and self.told and self.told[-1].text == "I":
            self._say(_BE[low])
        elif self._my_verb(low):
            self.present = True
            self._say(base(low))  # "she sings"
        else:
            self._require(low not in _QUOTED)
            self._meet(token)
            self.told.append(token)

    def _with_me(self) -> bool:
        """Whether the sentence before speaks of the protagonist and one other, and of nobody and nothing else that is many."""
        words = tokens(self.before, self.story.words, self.story.self_words)
        me = any(self.story.is_self(word) or word.low in self.story.forms for word in words)
        others = {word.text for word in words if word.kind == "name" and self.story.kind(word) == "person" and not self.story.is_self(word)}
        return me and len(others) == 1 and not any(_plural(word) for word in words)

    def _require(self, sure) -> None:
        if not sure:
            raise _Doubtful

    def _say(self, text: str) -> None:
        self.told.append(Token(text, "self"))

    def _own_name(self, token: Token, after: Token) -> None:
        before = self.told[-1].low if self.told else ""
        if before in DETERMINERS or before == "as":
            self.told.append(token)  # the Marsh barometer; known as Con
            return
        self._require(after.low != "of")  # Timon of Lindros
        self.mine = self.about_me = True
        acts = after.text == "," or after.kind == "word" and (after.low in AUXILIARIES or is_past(after.low) or is_adverb(after))
        subject = not self.told or acts and before not in {"of", "to", "for", "with", "by", "from"}
        self._say("my" if after.kind == "of" else "I" if subject else "me")

    def _own_pronoun(self, role: str, after: Token) -> None:
        if role == "her":
            role = self._role_of_her(after)
        self._require(self.mine and (not self.rivals or role == "object" and len(self.rivals) == 1))
        self._require(role != "possessive" or after.low != "death")
        self.about_me = self.about_me or role == "subject"
        self._say(_MINE[role])

    def _role_of_her(self, after: Token) -> str:
        if not self.told:
            return "possessive"
        if after.kind == "number":
            return "object"  # "offered her three hundred francs"
        given = self.told[-1].low in _GIVING
        if not given and (after.kind == "title" or after.kind == "name" and self.story.kind(after) != "person"):
            return "possessive"  # "began her Piano Concerto"
        own = opens_noun(after) or after.low == "back" and self.told[-1].low in PREPOSITIONS
        return "possessive" if own else "object"

    def _my_verb(self, low: str) -> bool:
        """Whether this is a verb in the present whose subject is the protagonist."""
        if not low.endswith("s") or low in AUXILIARIES or is_past(low) or "VERB" not in senses(low) or not self.told:
            return False
        last = self.told[-1]
        mine = last.text == "I" or is_adverb(last) and len(self.told) > 1 and self.told[-2].text == "I"
        return mine or self.present and last.low == "and"

    def _meet(self, token: Token) -> None:
        gender = self.story.gender(token)
        if gender:
            self.people.add(gender)
        elif token.kind == "name" and self.story.kind(token) == "person":
            self.people |= {"m", "f"}
        wedded = self.told and self.told[-1].low in {"married", "wed"}  # by "she", so no "she"
        herself = len(self.told) < 4 and self.told and self.told[0].low == "as"  # "As a widow she …"
        if self.story.could_be(token) and not wedded and not herself:
            self.rivals.append(token)


def _telling(story: Story, told: list[Token]) -> Telling | None:
    text = sentence_case(re.sub(r"[“”\"]", "", join(told)).rstrip(".!?;, ")) + "."
    things = _things(told)
    names = {token.text: story.kind(token) for token in told if token.kind == "name"}
    held = {*names.values(), *(token.kind for token in told)}
    tells = []
    for kind, mark in (("person", "person"), ("date", "date"), ("place", "place"), ("count", "number")):
        by = [thing for thing in things if names.get(thing) != kind and not re.search(r"\d", thing)]
        if mark in held:
            tells += [(kind, thing) for thing in by[:2]]
    return (
        Telling(text, tuple(things), tuple(tells), tuple(map(sentence_case, _echoes(story, told))))
        if things and len(text.split()) > 3
        else None
    )


_YOU = {"I": "you", "me": "you", "my": "your", "myself": "yourself", "mine": "yours", "we": "you", "us": "you", "our": "your"}


_YOU_BE = {"am": "are", "was": "were"}


def _echoes(story: Story, told: list[Token]) -> list[str]:
    """Questions that repeat a part of the sentence with one thing left out: "An instrument maker from what place?"."""
    if any(re.search(r"[“”\"]" if token.kind != "title" else r"\b(?:I|[Mm]e|[Mm]y|[Yy]ou)\b", token.text) for token in told):
        return []  # a part of what was said is no question
    borders = [-1, *[n for n, token in enumerate(told) if token.text in {",", ";", ":"}], len(told)]
    made, start = [], 0
    while start < len(told):
        end, word = _gap(story, told, start)
        if word:
            opening = max(border for border in borders if border < start)
            closing = min(border for border in borders if border >= end)
            first = start - 1 if start and word == "what" and told[start - 1].low in {"the", "a", "an", "my"} else start
            before, after = told[opening + 1 : first], told[end:closing]
            if opening > 0 and len(before) + len(after) < 3:
                before = [*told[max(border for border in borders if border < opening) + 1 : opening], *before]
                if word in {"who", "what place"} and not after and first == opening + 1:
                    word = "called what"
            if 3 <= len(before) + len(after) <= 16:
                text = join([*_to_you(before), Token(word, "self"), *_to_you(after)])
                made.append(re.sub(r"^(?:and|but|so|then) ", "", text.strip(" ,;:.?")) + "?")
        start = max(end, start + 1)
    return list(dict.fromkeys(made))[:MOST_ECHOES]


def _gap(story: Story, told: list[Token], start: int) -> tuple[int, str]:
    """Where the thing that begins at `start` ends, and the words that ask for it; no words where nothing can be asked."""
    token, before = told[start], told[start - 1].low if start else ""
    if token.kind in {"name", "title"}:
        end = start + 1
        while end < len(told) and told[end].kind == "name":
            end += 1
        whose = end < len(told) and told[end].kind == "of"
        kind = story.kind(token)
        if kind == "person":
            return end + whose, "whose" if whose else "whom" if before in PREPOSITIONS or start and is_past(before) else "who"
        return end + whose, "what place" if kind == "place" and not whose else "what"
    if token.kind == "date":
        return start + 1, "what day" if re.match(r"\d{1,2} [A-Z]", token.text) else "what year"
    if token.kind == "number":
        return start + 1, "what age" if before in {"at", "aged"} else "" if token.low == "one" else "how many"
    end = start
    while end < len(told) and _nominal(told[end], told[end - 1].low if end else ""):
        end += 1
    if 0 < end - start < 4 and _names_a_thing(told[end - 1].low, alone=end - start == 1) and before != "no":
        return end, "what"
    return end, ""


def _to_you(part: list[Token]) -> list[Token]:
    turned = []
    for place, token in enumerate(part):
        text = token.text
        if text in _YOU:
            text = _YOU[text]
        elif text in _YOU_BE and place and part[place - 1].text == "I":
            text = _YOU_BE[text]
        turned.append(token if text == token.text else Token(text, "self"))
    return turned


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


def _plural(token: Token) -> bool:
    return token.kind == "word" and token.low.endswith("s") and not token.low.endswith(("ss", "us", "is")) and "NOUN" in senses(token.low)
