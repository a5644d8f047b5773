"""English sentences read with rules: sentences, tokens (names, dates and numbers whole), clauses with their parts.

    >>> [join(clause.subject) for clause in clauses(tokens("He moved to Hull and she stayed."))]
    ['He', 'she']

What is doubtful is dropped; nothing is guessed.
"""

import re
from dataclasses import dataclass, replace

from charlib.teachers.english.words import (
    ADVERBS,
    AUXILIARIES,
    BE,
    DAYS,
    DETERMINERS,
    FEMALE_NAMES,
    HAVE,
    MALE_NAMES,
    MODALS,
    MONTHS,
    MOVING,
    PARTICLES,
    PERSON_MARKS,
    PLACE_MARKS,
    PLACE_NOUNS,
    POSSESSIVES,
    PREPOSITIONS,
    PRONOUNS,
    RELATIVES,
    SUBJECT_PRONOUNS,
    SUBORDINATORS,
    TIME_NOUNS,
    base,
    is_base,
    is_gerund,
    is_participle,
    is_past,
    is_verb_s,
    number,
    senses,
    words_of,
)


@dataclass(frozen=True)
class Token:
    """A word, a whole name, a whole date, a number, a title or a mark. `kind`: word, name, date, number, title, mark, of (the 's)."""

    text: str
    kind: str
    glued: bool = False

    @property
    def low(self) -> str:
        return self.text.lower()


_MONTH = "|".join(MONTHS)


_DAY = "|".join(DAYS)


_DATE = (
    rf"(?:(?:(?:{_DAY}),? )?\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTH})(?:,? (?:\d{{3,4}}|\d{{1,2}}(?= (?:BC|AD))))?"
    rf"|(?:{_MONTH}) \d{{1,2}}(?:st|nd|rd|th)?(?:, \d{{4}})?(?!\d)"
    rf"|(?:{_MONTH}),? \d{{3,4}}|\d{{1,4}}(?:/\d{{1,2}})?(?= (?:BC|AD))|1\d{{3}}(?:[/–-]\d{{2,4}})?s?(?!\d|,\d)|20\d\d(?!\d|,\d)"
    rf"|(?:{_MONTH})(?![a-z])|(?:{_DAY})(?: Eve| Day)?(?![a-z]))(?: (?:BCE?|AD))?"
)


_SCAN = re.compile(
    rf"(?P<date>(?<![\d,.]){_DATE})|(?P<title>[\"“][A-Z][^\"“”.]{{1,70}}[\"”]|\*[^*]{{2,70}}\*)|(?P<number>\d[\d,.]*\d|\d+)(?:st|nd|rd|th)?"
    r"|(?P<word>(?:Mr|Mrs|Ms|Dr|St|Prof|Rev)\.|(?:[A-Z]\.)+(?=\s?[A-Z])|[^\W\d_]+(?:[-'’][^\W\d_]+)*['’]?)|(?P<mark>[^\w\s])"
)


_PARTICLE = words_of("""
    van von de der den du la le di da del della ibn al bin ten zu af dos do
""")  # fmt: skip


def tokens(sentence: str, known: frozenset[str] = frozenset(), self_names: frozenset[str] = frozenset()) -> list[Token]:
    """Tokens of a sentence; names, dates and titles are one token each. `known` are words seen as names elsewhere."""
    raw: list[Token] = []
    for match in _SCAN.finditer(sentence):
        kind, text = match.lastgroup, match[0]
        glued = match.start() > 0 and not sentence[match.start() - 1].isspace()
        if (
            kind == "date"
            and text == "May"
            and (not raw or raw[-1].low not in {"in", "of", "that", "by", "until", "late", "early", "mid", "last"})
        ):
            kind = "word"
        if kind == "date" and text == "March" and raw and raw[-1].low in {"the", "a", "to"}:
            kind = "word"
        if kind == "word":
            owned = re.fullmatch(r"(.+?)['’]s|(.+s)['’]", text)
            if owned and text.lower() not in {"it's", "that's", "he's", "she's"}:
                raw += [Token(owned[1] or owned[2], "word", glued), Token("'s" if owned[1] else "'", "of", True)]
                continue
            text = text.rstrip("'’")
        raw.append(Token(text, kind, glued))
    return _split_self(_join_names(_join_numbers(raw), known), self_names)


def _join_numbers(raw: list[Token]) -> list[Token]:
    """Numbers in words become one token: two hundred and six."""
    made: list[Token] = []
    index = 0
    while index < len(raw):
        end = index
        while end < len(raw) and raw[end].kind in ("word", "number") and (
            number(raw[end].text) is not None and raw[end].text[:1].islower() or raw[end].text.isdigit()
            or (end == index and number(raw[end].text) is not None and raw[end].low != "one")
            or (raw[end].low in {"hundred", "thousand", "dozen", "million"} and end > index)
            or (raw[end].low == "and" and end > index and end + 1 < len(raw) and raw[end - 1].low in {"hundred", "thousand"}
                and number(raw[end + 1].text) is not None)
        ):  # fmt: skip
            if end > index and raw[end].text.isdigit():
                break
            end += 1
        if end > index:
            made.append(Token(" ".join(token.text for token in raw[index:end]), "number", raw[index].glued))
            index = end
        else:
            made.append(raw[index])
            index += 1
    return made


def _capital(token: Token) -> bool:
    return token.kind == "word" and token.text[:1].isupper()


def _join_names(raw: list[Token], known: frozenset[str]) -> list[Token]:
    made: list[Token] = []
    index = 0
    while index < len(raw):
        token = raw[index]
        start = not made or made[-1].text in {".", "“", '"', ":"} and len(made) < 2
        if not _capital(token) or (start and not _opens_name(raw, index, known)):
            made.append(token)
            index += 1
            continue
        article = token.text in {"A", "An", "The"} and not start
        end = index + 1
        while end < len(raw):
            following = raw[end]
            after = raw[end + 1] if end + 1 < len(raw) else None
            if _capital(following) and following.text not in {"A", "An"}:
                end += 1
            elif following.kind == "of" and after is not None and _capital(after) and (
                article or after.text in PLACE_MARKS | {"Loft", "Ledge", "Farm", "End", "Field", "Wood"}
            ):  # fmt: skip
                end += 2
            elif after is None:
                break
            elif (
                following.low in _PARTICLE
                and (_capital(after) or (after.low in _PARTICLE and end + 2 < len(raw) and _capital(raw[end + 2])))
                or following.low == "an"
                and after.low == "der"
            ):
                end += 1
            elif following.low == "the" and after.text in {"Great", "Younger", "Elder", "Second", "Third", "First", "Fat", "Bald"}:
                end += 2
            elif following.low in ("of", "on", "upon") and is_common(raw[end - 1].text):
                reach = end + 1 + (after.low in {"the", "a", "an", "my", "his", "her"})
                if reach < len(raw) and _capital(raw[reach]) and (article or following.low == "of" or token.text.endswith("s")):
                    end = reach + 1
                else:
                    break
            elif article and following.low in PREPOSITIONS | {"and", "or"}:
                reach = end + 1 + (after.low in {"the", "a", "an"})
                if reach < len(raw) and (_capital(raw[reach]) or raw[reach].kind == "date"):
                    end = reach + 1
                else:
                    break
            else:
                break
        text = raw[index].text
        for piece in raw[index + 1 : end]:
            text += ("" if piece.glued else " ") + piece.text
        kind = "title" if article and end > index + 1 else "word" if article else "name"
        made.append(Token(text, kind, token.glued))
        index = end
    return made


def is_common(text: str) -> bool:
    return bool(senses(text.split()[-1].lower()))


def _opens_name(raw: list[Token], index: int, known: frozenset[str]) -> bool:
    token = raw[index]
    if token.low in DETERMINERS | POSSESSIVES | PREPOSITIONS | SUBORDINATORS | PRONOUNS | ADVERBS | AUXILIARIES | words_of(
        "and but or nor yet two"
    ):
        return False
    following = raw[index + 1] if index + 1 < len(raw) else None
    if token.text in known or token.text.rstrip(".") in PERSON_MARKS:
        return True
    if following is not None and (_capital(following) or following.low in _PARTICLE and index + 2 < len(raw) and _capital(raw[index + 2])):
        return not token.low.endswith("ly")
    return not senses(token.low)


def _split_self(made: list[Token], self_names: frozenset[str]) -> list[Token]:
    """'In Vienna Beethoven met …': a place and the protagonist's name are two tokens."""
    out: list[Token] = []
    for token in made:
        words = token.text.split()
        joined = token.kind == "name" and len(words) > 1 and words[-1] in self_names and not set(words[:-1]) & self_names
        if joined and words[0].rstrip(".") not in PERSON_MARKS and (
            not {words[0]} & (MALE_NAMES | FEMALE_NAMES)
        ) and out and out[-1].low in {
            "in", "at", "from", "near"
        }:  # fmt: skip
            out += [Token(" ".join(words[:-1]), "name", token.glued), Token(words[-1], "name")]
        else:
            out.append(token)
    return out


def join(parts: list[Token] | tuple[Token, ...]) -> str:
    """Tokens as text."""
    text = ""
    for token in parts:
        tight = (
            not text or token.kind == "of" or token.text in {",", ".", ";", ":", ")", "!", "?", "%"} or text.endswith(("(", "£", "$", "€"))
        )
        text += token.text if tight else f" {token.text}"
    return text.strip()


@dataclass(frozen=True)
class Part:
    """A piece of a clause. `kind`: object, complement, place, time, span, person, to, reason, that, adverb, other."""

    kind: str
    tokens: tuple[Token, ...]
    prep: str = ""

    @property
    def head(self) -> Token:
        """The last token of the part's first noun phrase."""
        body = self.tokens[1:] if self.prep and self.tokens[0].low == self.prep else self.tokens
        for index, token in enumerate(body):
            if index and (token.low in PREPOSITIONS or token.text == "," or token.low in {"and", "or"} or token.low in {"called", "named"}):
                return body[index - 1]
        return body[-1] if body else self.tokens[-1]


@dataclass(frozen=True)
class Verb:
    """A verb group: `words` as written, `form`: simple, be, aux or present; `main` the last verb."""

    words: tuple[str, ...]
    form: str
    main: str

    @property
    def lemma(self) -> str:
        return base(self.main)

    @property
    def passive(self) -> bool:
        return self.form == "aux" and bool({"was", "were", "been", "is", "are"} & set(self.words[:-1])) and is_participle(self.main)


@dataclass(frozen=True)
class Clause:
    """Subject, verb, parts, as they stand in the third person. `lead` parts stood before the subject."""

    subject: tuple[Token, ...]
    verb: Verb
    parts: tuple[Part, ...]
    lead: tuple[Part, ...] = ()
    relative: bool = False


def clauses(words: list[Token]) -> list[Clause]:
    """Clauses of a tokenised sentence that the rules can read with confidence, in order."""
    words = [token for token in _without_brackets(words) if token.text not in {"“", "”", '"', "*"}]
    while words and words[-1].text in {".", "!", "?", ","}:
        words = words[:-1]
    found: list[Clause] = []
    part: list[Token] = []
    for token in [*words, Token(";", "mark")]:
        if token.text in {";", ":", "—", "–"}:
            found += _Reader(part).read()
            part = []
            if token.text == ":":
                break
        else:
            part.append(token)
    return found


def _without_brackets(words: list[Token]) -> list[Token]:
    depth, kept = 0, []
    for token in words:
        depth += token.text in {"(", "["}
        if not depth:
            kept.append(token)
        depth -= token.text in {")", "]"} and depth > 0
    return kept


_BEFORE_THE = words_of("all both half such many")


_INSIDE = words_of("most other few many such half more one others several")


_ADJECTIVAL = words_of("own first best next only home both long hard well one least further")


_LY_ADJECTIVES = words_of(
    "own other early daily yearly only elderly holy ugly lonely monthly weekly first best next least kindly lively likely friendly costly"
)


class _Reader:
    """Reads one stretch of tokens between semicolons."""

    def __init__(self, words: list[Token]):
        self.words = words
        self.found: list[Clause] = []

    def read(self) -> list[Clause]:
        words = self.words
        while words and (
            words[0].text == "," or words[0].low in {"and", "but", "yet", "so", "then", "thus", "however", "therefore", "indeed"}
        ):
            words = words[1:]
        self.words = words
        if words:
            self.sentence(0, ())
        return self.found

    def at(self, index: int) -> Token:
        return self.words[index] if 0 <= index < len(self.words) else Token("", "end")

    def skip_adverbs(self, index: int) -> int:
        while (
            self.at(index).kind == "word"
            and is_adverb(self.at(index))
            and self.at(index).low not in {"by", "on", "in", "over", "off", "round", "once"}
        ):
            index += 1
        return index

    def finite(self, index: int) -> bool:
        """Whether a finite verb stands at `index`."""
        token = self.at(index)
        if token.kind != "word" or token.text[:1].isupper():
            return False
        if token.low in AUXILIARIES:
            return True
        before = self.at(index - 1)
        if (
            before.low
            in DETERMINERS - {"that", "all", "both", "many", "some", "few"}
            | POSSESSIVES - {"her"}
            | PREPOSITIONS - {"on", "in", "over", "off"}
            or before.kind == "of"
        ):
            return False
        if is_past(token.low):
            follows = self.at(index + 1)
            if "NOUN" in senses(token.low) and before.kind == "word" and "ADJ" in senses(before.low) and not is_past(token.low):
                return False
            adjective = follows.kind == "word" and "NOUN" in senses(follows.low) and not is_adverb(follows) and token.low.endswith("ed")
            if adjective and before.low in {"numbered", "and", ","} and before.low == "numbered":
                return False
            return not (before.low == "to" or before.low in AUXILIARIES and before.low not in BE)
        return False

    def present(self, index: int) -> bool:
        token, before = self.at(index), self.at(index - 1)
        subject = before.low in {"he", "she", "it"} or before.kind == "name"
        return token.kind == "word" and is_verb_s(token.low) and subject

    def sentence(self, start: int, lead: tuple[Part, ...]) -> None:
        """Read from `start`: lead, subject, verb group, parts, and what follows."""
        first = self.at(start)
        if first.low in SUBORDINATORS - {"so", "once"} or is_gerund(first.text) or is_participle(first.low) and first.kind == "word":
            comma = self.lead_end(start)
            if comma:
                self.words[start] = replace(first, text=first.low)
                kind = "when" if first.low in {"when", "after", "before", "while", "until", "since", "as", "once"} else "other"
                self.sentence(comma + 1, (*lead, Part(kind, tuple(self.words[start:comma]), first.low)))
                return
            if first.low not in PREPOSITIONS:
                return
        if first.low in {"that", "what", "how", "whether"} | RELATIVES:
            return
        begin = start
        while self.at(begin).low in PREPOSITIONS and self.noun_phrase(begin + 1):
            begin = self.noun_phrase(begin + 1)
            while self.at(begin).low == "of" and self.noun_phrase(begin + 1):
                begin = self.noun_phrase(begin + 1)
            begin += self.at(begin).text == ","
        aside = (
            self.apposed(begin)
            if begin == start or self.at(begin).kind == "name" or self.at(begin).low in DETERMINERS | POSSESSIVES
            else None
        )
        if aside:
            (begin, end), opening, verb = aside
            if begin > start:
                lead = (*lead, *self.lead_parts(start, begin))
            noun = tuple(self.words[begin:end])
            other = self.noun_phrase(opening)
            if self.at(opening).low in {"who", "which"} and self.finite(self.skip_adverbs(opening + 1)):
                close = next(i for i in range(opening, verb) if self.at(i).text == "," and self.skip_adverbs(i + 1) == verb)
                self.verb_phrase(opening + 1, noun, (), limit=close, relative=True)
            elif other and self.at(other).text == "," and self.at(opening).kind == "name" and self.at(end - 1).kind != "name":
                noun = (self.at(opening),)  # the father of X, Johann van X, was …
            self.verb_phrase(verb if not is_adverb(self.at(verb - 1)) else self.skip_back(verb), noun, lead)
            return
        verb = next((i for i in range(start + 1, len(self.words)) if self.finite(i) or self.present(i)), None)
        if verb is None:
            return
        while verb > start + 1 and is_adverb(self.at(verb - 1)) and self.at(verb - 1).low not in PARTICLES | {"one"}:
            verb -= 1
        relative = self.at(verb - 1)
        subject = None
        if relative.low in RELATIVES and self.at(verb - 2).text == ",":
            close = self.close_relative(verb)
            subject = self.subject_before(start, verb - 2)
            if subject is not None and relative.low in {"who", "which"}:
                noun = tuple(self.words[subject[0] : subject[1]])
                self.verb_phrase(verb, noun, (), limit=close, relative=True)
            if subject is None or close is None:
                return
            verb = close + 1
        elif relative.low in RELATIVES | {"that"} or self.at(verb - 2).low in RELATIVES | {"that"}:
            return  # a restrictive clause inside the subject: too deep for rules
        elif self.reduced(start, verb):
            later = next(
                (
                    i
                    for i in range(verb + 1, len(self.words))
                    if (self.finite(i) or self.present(i)) and self.at(i - 1).low not in RELATIVES
                ),
                None,
            )
            if later is None or any(self.at(i).text == "," for i in range(verb, later)):
                return
            subject = self.subject_before(start, verb)
            if subject is None:
                return
            subject = (subject[0], later)
            while subject[1] > verb + 1 and is_adverb(self.at(subject[1] - 1)):
                subject = (subject[0], subject[1] - 1)
            verb = subject[1]
        if subject is None:
            subject = self.subject_before(start, verb)
        if subject is None:
            return
        lead = (*lead, *self.lead_parts(start, subject[0]))
        noun = tuple(self.words[subject[0] : subject[1]])
        self.verb_phrase(verb, noun, lead)

    def reduced(self, start: int, verb: int) -> bool:
        """'A lodger named Tobias Pfeiffer also taught him': a participle that is no finite verb."""
        token, after = self.at(verb), self.at(verb + 1)
        common = self.at(verb - 1).kind == "word" and self.at(verb - 1).low not in PRONOUNS and not is_adverb(self.at(verb - 1))
        if not common or not is_participle(token.low) or token.low in AUXILIARIES:
            return False
        if token.low in {"named", "called", "born", "known", "entitled", "nicknamed", "titled"}:
            return True
        if after.low not in PREPOSITIONS:
            return False
        for index in range(verb + 2, len(self.words)):
            here = self.at(index)
            if self.finite(index) or self.present(index):
                return True
            if here.text == ",":
                return any(self.at(i).text == "," and self.finite(self.skip_adverbs(i + 1)) for i in range(index, len(self.words)))
            if here.low in {"and", "but", "or", "that", "when", "while", "because", "where"} | RELATIVES:
                return False
        return False

    def apposed(self, start: int) -> tuple[tuple[int, int], int, int] | None:
        """'Neefe, a musician trained in Leipzig, came …': (subject, first token after its comma, main verb), else None."""
        end = self.noun_phrase(start)
        while end and self.at(end).low == "of" and self.noun_phrase(end + 1):
            end = self.noun_phrase(end + 1)
        if not end or self.at(end).text != "," or self.words[start].low in PREPOSITIONS or self.at(end - 1).kind == "date":
            return None
        opening = self.at(end + 1)
        if self.at(end - 1).low in TIME_NOUNS or opening.low in {"and", "but", "or", "he", "she", "they", "it", "so"}:
            return None
        for index in range(end + 2, len(self.words)):
            verb = self.skip_adverbs(index + 1)
            if self.at(index).text == "," and (self.finite(verb) or self.present(verb)):
                inner = range(end + 1, index)
                clause = any(self.finite(i) and self.clause_ends(i) for i in inner)
                if clause and opening.low not in RELATIVES and opening.low != "whose":
                    return None
                return (start, end), end + 1, verb
            if self.at(index).low in {"but"}:
                return None
        return None

    def clause_ends(self, verb: int) -> bool:
        """Whether a pronoun or a name directly before this finite verb makes it a clause of its own."""
        before = self.at(self.skip_back(verb) - 1)
        return before.low in SUBJECT_PRONOUNS or before.kind == "name" and self.at(verb).low in AUXILIARIES

    def skip_back(self, index: int) -> int:
        while is_adverb(self.at(index - 1)):
            index -= 1
        return index

    def close_relative(self, verb: int) -> int | None:
        """The comma that ends a relative clause and is followed by the main verb."""
        for index in range(verb + 1, len(self.words)):
            if self.at(index).text == "," and self.finite(self.skip_adverbs(index + 1)):
                return index
        return None

    def lead_end(self, start: int) -> int | None:
        """The comma that ends a leading subordinate clause or participle phrase."""
        clause = self.at(start).low in SUBORDINATORS
        seen = not clause
        for index in range(start + 1, len(self.words)):
            seen = seen or self.finite(index)
            if self.at(index).text == "," and seen:
                after = index + 1
                verb = next((i for i in range(after + 1, min(after + 12, len(self.words))) if self.finite(i)), None)
                if verb and self.subject_before(after, verb) and not any(self.at(i).text == "," for i in range(after, verb)):
                    return index
        return None

    def subject_before(self, start: int, verb: int) -> tuple[int, int] | None:
        """(from, to) of the last noun phrase before the verb that hangs on no preposition, with what hangs on it."""
        phrases = []
        index = start
        while index < verb:
            end = self.noun_phrase(index, verb)
            if end:
                before = self.at(index - 1) if index > start else Token("", "end")
                if before.low in {"and", "or"} and phrases and phrases[-1][1] == index - 1:
                    phrases[-1] = (phrases[-1][0], end, phrases[-1][2])
                else:
                    phrases.append((index, end, before.low in PREPOSITIONS))
                index = end
            else:
                index += 1
        bare = [phrase for phrase in phrases if not phrase[2]]
        if not bare:
            return None
        first, end, _ = bare[-1]
        if self.at(first - 1).low in {"but", "than"}:
            return None
        commas = [i for i in range(start, verb) if self.at(i).text == ","]
        if len(bare) > 1 and self.at(first - 1).text == "," and self.at(verb - 1).text == ",":
            other = bare[-2]  # apposition: the one that is a name
            if self.words[other[1] - 1].kind == "name" and self.words[end - 1].kind != "name":
                return other[0], other[1]
            return first, end
        if any(end <= i for i in commas) and self.at(verb - 1).text != ",":
            return None
        stop = verb
        while stop > end and self.at(stop - 1).text == ",":
            stop -= 1
        return first, stop

    def noun_phrase(self, index: int, limit: int | None = None) -> int | None:
        """End of the simple noun phrase that begins at `index`, or None."""
        limit = len(self.words) if limit is None else limit
        start = index
        token = self.at(index)
        if index >= limit:
            return None
        if token.kind == "date" or token.kind == "title":
            return index + 1
        if token.kind == "word" and token.low in PRONOUNS - RELATIVES:
            return index + 1
        while index < limit:
            token = self.at(index)
            if token.low in {"only", "about", "nearly", "almost", "some", "around", "over"} and index == start and (
                self.at(index + 1).kind in ("number", "name") or self.at(index + 1).low in DETERMINERS
            ):  # fmt: skip
                index += 1
            elif token.kind == "number" and index > start and not token.text[:1].isdigit() and self.at(index - 1).kind == "word" and (
                "NOUN" in senses(self.at(index - 1).low) and "ADJ" not in senses(self.at(index - 1).low)
            ):  # fmt: skip
                break
            elif token.low in {"more", "less", "fewer"} and index == start and self.at(index + 1).low == "than":
                index += 2
            elif token.kind == "name" and index > start and (self.at(index - 1).low in TIME_NOUNS or self.at(index - 1).kind == "name"):
                break
            elif token.kind in {"number", "name", "of", "title"}:
                index += 1
                if token.kind == "name" and self.at(index).kind not in {"of"} and not (
                    self.at(index).kind == "word" and "NOUN" in senses(self.at(index).low) and not self.finite(index)
                    and not is_function(self.at(index))
                ):  # fmt: skip
                    break
            elif token.text == "," and index > start + 1 and self.adjectives(index):
                index += 2
            elif token.kind == "date":
                if (
                    index > start
                    and self.at(index - 1).kind == "word"
                    and self.at(index - 1).low in {"the", "a", "early", "late", "that", "next"}
                ):
                    index += 1
                    continue
                break
            elif (
                token.kind == "word"
                and token.low in DETERMINERS | POSSESSIVES
                and (index == start or self.at(index - 1).low in _BEFORE_THE)
            ):
                index += 1
            elif (
                token.kind == "word"
                and index > start
                and token.low in (DETERMINERS | POSSESSIVES | PRONOUNS) - _INSIDE
                or token.kind == "word"
                and token.low in ADVERBS - _ADJECTIVAL
                and not ("NOUN" in senses(token.low) and index > start)
            ):
                break
            elif token.kind == "word" and not is_function(token) and not _ly(token.low) or token.low in _LY_ADJECTIVES:
                before = self.at(index - 1)
                determined = index > start
                if index > start and self.finite(index) and not (
                    before.kind == "word" and ("ADJ" in senses(before.low) and "NOUN" not in senses(before.low)) or self.modifies(index)
                ):  # fmt: skip
                    break
                if not determined and self.finite(index) and not self.modifies(index):
                    return None
                if is_gerund(token.text) and index == start:
                    return None
                index += 1
            else:
                break
        if index == start:
            return None
        last = self.at(index - 1)
        if last.kind == "word" and last.low in DETERMINERS | POSSESSIVES - {"her"} and last.low not in {"this", "that", "these",
            "those", "all", "both",
                "some", "many", "few", "much", "most", "another", "several", "more", "his", "enough", "less", "each", "one"}:  # fmt: skip
            return None
        if last.kind == "of":
            return None
        return index

    def adjectives(self, comma: int) -> bool:
        """'a dark, untidy boy': a comma between two adjectives before their noun."""
        first, second, noun = self.at(comma - 1), self.at(comma + 1), self.at(comma + 2)
        opened = "ADJ" in senses(first.low) and self.at(comma - 2).low in DETERMINERS | POSSESSIVES
        adjective = second.kind == "word" and "ADJ" in senses(second.low) and not is_function(second)
        return opened and adjective and noun.kind == "word" and "NOUN" in senses(noun.low) and not is_function(noun)

    def modifies(self, index: int) -> bool:
        """'a torn seine', 'numbered piano sonatas': a participle before its noun."""
        follows, before = self.at(index + 1), self.at(index - 1)
        noun = follows.kind == "word" and bool({"NOUN", "ADJ"} & set(senses(follows.low))) and not is_function(follows)
        opens = before.low in DETERMINERS | POSSESSIVES or before.kind in {"number", "of"}
        return noun and opens and is_participle(self.at(index).low)

    def phrase(self, index: int) -> int | None:
        """End of a noun phrase with its of-phrases, names in apposition and lists."""
        end = self.noun_phrase(index)
        if not end:
            return None
        while True:
            token, after = self.at(end), self.at(end + 1)
            if token.low == "of" and self.noun_phrase(end + 1):
                end = self.noun_phrase(end + 1)
            elif token.low in {"called", "named", "entitled", "titled"} and after.kind in {"name", "title"}:
                end += 2
            elif token.kind == "name" and self.at(end - 1).kind == "word":
                end += 1
            elif (
                token.low in {"and", "or"} and self.coordinate(end) and (self.at(end - 1).kind != "date" or self.at(end + 1).kind == "date")
            ):
                end = self.coordinate(end)
            elif token.text == "," and self.listed(end):
                end = self.listed(end)
            elif (
                token.kind == "date"
                and self.at(end - 1).low in TIME_NOUNS
                or self.at(end - 1).low in TIME_NOUNS
                and token.low in {"later", "earlier", "ago", "afterwards"}
            ):
                end += 1
            else:
                return end

    def coordinate(self, index: int) -> int | None:
        """End of 'and <noun phrase>' at `index` when no new clause begins there."""
        start = index + 1
        if self.finite(start) or self.at(start).low in AUXILIARIES or self.at(start).low in {"he", "she", "they", "it", "who"}:
            return None
        end = self.noun_phrase(start)
        if not end:
            return None
        probe = end
        while self.at(probe).low in PREPOSITIONS and self.noun_phrase(probe + 1):
            probe = self.noun_phrase(probe + 1)
        probe = self.skip_adverbs(probe)
        if self.finite(probe) or self.present(probe) or self.at(probe).low in RELATIVES and self.at(probe - 1).text == ",":
            return None
        if self.at(probe).text == "," and self.at(probe + 1).low in RELATIVES | {"the", "a"}:
            return None
        return end

    def listed(self, comma: int) -> int | None:
        """End of ', X, Y and Z' from the comma, or None when it is no list."""
        end = comma
        for _ in range(8):
            if self.at(end).text == ",":
                if self.at(end + 1).low in {"and", "or"}:
                    return self.coordinate(end + 1) if end > comma else None
                nxt = self.noun_phrase(end + 1)
                if not nxt or self.finite(self.skip_adverbs(nxt)):
                    return None
                while self.at(nxt).low == "of" and self.noun_phrase(nxt + 1):
                    nxt = self.noun_phrase(nxt + 1)
                end = nxt
            elif self.at(end).low in {"and", "or"}:
                return self.coordinate(end) if end > comma else None
            else:
                return None
        return None

    def lead_parts(self, start: int, end: int) -> tuple[Part, ...]:
        """Prepositional phrases, dates and adverbs before the subject."""
        found: list[Part] = []
        index = start
        if self.at(start).kind == "word":
            self.words[start] = replace(self.at(start), text=self.at(start).low)
        while index < end:
            token = self.at(index)
            if token.low in PREPOSITIONS:
                stop = self.noun_phrase(index + 1, end)
                while stop and self.at(stop).low == "of" and self.noun_phrase(stop + 1, end):
                    stop = self.noun_phrase(stop + 1, end)
                if not stop:
                    return _merged(found)
                found.append(prepositional(tuple(self.words[index:stop])))
                index = stop
            elif token.text == ",":
                index += 1
            else:
                stop = self.noun_phrase(index, end)
                if (
                    stop
                    and self.at(stop - 1).low in TIME_NOUNS
                    and self.at(stop).low in {"later", "earlier", "after", "before", "afterwards"}
                ):
                    index = stop + 1  # counted from something said before
                    continue
                phrase = tuple(self.words[index : stop or index + 1])
                if stop and phrase[-1].low in TIME_NOUNS and len(phrase) > 1 and phrase[0].low != "the":
                    found.append(Part("time", phrase))
                elif stop and phrase[-1].kind != "date":
                    return _merged(found)
                index = stop or index + 1
        return _merged(found)

    def verb_phrase(self, index: int, subject: tuple[Token, ...], lead: tuple[Part, ...], limit: int | None = None, relative: bool = False,
                    passive: bool = False) -> None:  # fmt: skip
        """Read the verb group at `index` and its parts; then what is coordinated with it."""
        group = self.group(index)
        if group is None:
            return
        verb, after = group
        if passive and verb.form == "simple":
            follows = self.at(after)
            if follows.low == "by" and verb.main.endswith("ed"):
                verb = Verb(("was", *verb.words), "aux", verb.main)
            elif not (follows.kind in {"name", "title", "number"} or follows.low in DETERMINERS | POSSESSIVES | {"him", "them", "it"}
                      or verb.lemma in MOVING or not is_participle(verb.main)):  # fmt: skip
                return
        parts, index = self.parts(after, limit, verb)
        self.found.append(Clause(subject, verb, _merged(parts), lead, relative))
        if limit is not None:
            return
        self.follow(index, subject, passive or verb.passive, lead if not parts else ())

    def follow(self, index: int, subject: tuple[Token, ...], passive: bool, lead: tuple[Part, ...]) -> None:
        """What comes after a verb phrase: a coordinate verb, a new clause, a relative clause; anything else ends the reading."""
        token = self.at(index)
        comma = token.text == ","
        if comma:
            index += 1
            token = self.at(index)
        if token.low in {"and", "but", "or", "yet", "then", "so", "nor"}:
            index += 1
            if self.at(index).low == "then":
                index += 1
        elif token.low in {"who", "which"} and comma:
            noun = self.noun_ending(index - 1)
            if noun and token.low == "who" and self.finite(self.skip_adverbs(index + 1)):
                stop = next((i for i in range(index + 2, len(self.words)) if self.at(i).text == ","), None)
                self.verb_phrase(index + 1, noun, (), limit=stop if stop else len(self.words), relative=True)
                if stop:
                    self.follow(stop, subject, passive, ())
            return
        elif not (comma and (self.finite(index) and not self.hanging(index))):
            if comma:
                later = next(
                    (i for i in range(index, len(self.words) - 1) if self.at(i).text == "," and self.at(i + 1).low in {"and", "but"}), None
                )
                if later:
                    self.follow(later, subject, passive, ())
            return
        after = self.noun_phrase(index + 1) if self.at(index).low in PREPOSITIONS else None
        if after and self.finite(after):
            self.verb_phrase(after, subject, (prepositional(tuple(self.words[index:after])),), passive=passive)
            return
        begin = self.skip_adverbs(index)
        if self.finite(begin) or self.finite(index):
            self.verb_phrase(index if self.finite(index) else begin if begin == index else index, subject, (), passive=passive)
        elif self.at(index).text or index < len(self.words):
            self.sentence(index, ())

    def hanging(self, index: int) -> bool:
        """', painted black with …': a participle phrase, unless a list of verbs ends with 'and <verb>'."""
        if not is_participle(self.at(index).low) or not self.at(index).low.endswith("ed"):
            return False
        if not self.noun_phrase(index + 1):
            return True
        return not any(self.at(i).low == "and" and self.finite(i + 1) for i in range(index, len(self.words)))

    def noun_ending(self, end: int) -> tuple[Token, ...] | None:
        """The name just before `end`, for a relative clause that hangs on it."""
        token = self.at(end - 1)
        return (token,) if token.kind == "name" and self.at(end - 2).low != "of" else None

    def group(self, index: int) -> tuple[Verb, int] | None:
        """The verb group at `index`: (verb, index after it)."""
        words: list[str] = []
        while is_adverb(self.at(index)) and not self.finite(index):
            words.append(self.at(index).text)
            index += 1
        token = self.at(index)
        if token.low in AUXILIARIES:
            words.append(token.low)
            first = token.low
            index += 1
            mark = len(words), index
            while self.at(index).kind == "word":
                nxt = self.at(index)
                if (
                    nxt.low in {"been", "be", "being", "have"}
                    and first not in {"did"}
                    or (
                        is_adverb(nxt)
                        and nxt.low not in PARTICLES | {"there", "here"}
                        and (is_participle(self.at(index + 1).low) or is_base(self.at(index + 1).low) or is_adverb(self.at(index + 1)))
                    )
                ):
                    words.append(nxt.low)
                else:
                    break
                index += 1
            nxt = self.at(index)
            before = words[-1] if words else ""
            plain = first in MODALS or "be" in words[mark[0] - 1 :]
            follows = self.at(index + 1)
            if nxt.kind == "word" and first in MODALS and is_base(nxt.low) and "be" not in words and "have" not in words:
                return Verb((*words, nxt.low), "aux", nxt.low), index + 1
            if nxt.kind == "word" and (plain or first in BE | HAVE) and is_participle(nxt.low) and not self.adjectival(index, follows):
                return Verb((*words, nxt.low), "aux", nxt.low), index + 1
            if nxt.kind == "word" and is_gerund(nxt.low) and first in BE:
                return Verb((*words, nxt.low), "aux", nxt.low), index + 1
            if first in HAVE and before == first:
                return Verb(tuple(words), "simple", first), index
            if first in HAVE and len(words) == mark[0]:
                return Verb(tuple(words), "simple", first), index
            if first in MODALS and "be" not in words:
                return None
            words, index = (
                words[: mark[0]] if not {"been", "be"} & set(words) else words,
                mark[1] if not {"been", "be"} & set(words) else index,
            )
            return Verb(tuple(words), "be", "be"), index
        if self.finite(index):
            words.append(token.low)
            index += 1
            if self.at(index).low == "and" and self.finite(index + 1) and self.at(index + 1).low not in AUXILIARIES and (
                base(self.at(index + 1).low) not in SAYING
            ) and (
                self.noun_phrase(index + 2) or self.at(index + 2).low in PREPOSITIONS
            ):  # fmt: skip
                words += ["and", self.at(index + 1).low]
                return Verb(tuple(words), "simple", token.low), index + 2
            return Verb(tuple(words), "simple", token.low), index
        if self.present(index):
            return Verb((*words, token.low), "present", token.low), index + 1
        return None

    def adjectival(self, index: int, follows: Token) -> bool:
        """'was tired', 'had broken windows': a participle that is an adjective here."""
        token, before = self.at(index), self.at(index - 1)
        if token.low in {"tired", "married", "interested", "widowed", "aged", "left"} and before.low in BE:
            return True
        noun = follows.kind == "word" and "NOUN" in senses(follows.low) and "ADV" not in senses(follows.low) and not is_function(follows)
        return before.low in HAVE and noun and token.low in {"broken", "mixed", "divided", "limited", "left"}

    def parts(self, index: int, limit: int | None, verb: Verb) -> tuple[list[Part], int]:
        """Parts after a verb, and where they end."""
        stop = len(self.words) if limit is None else limit
        found: list[Part] = []
        while index < stop:
            token, after = self.at(index), self.at(index + 1)
            if token.low == "to" and after.kind == "word" and (
                after.low in {"be", "have", "do"} or (is_base(after.low) or is_adverb(after)) and not is_function(after)
            ):  # fmt: skip
                end = self.stretch(index, stop)
                found.append(Part("to", tuple(self.words[index:end])))
                index = end
            elif not found and verb.lemma in SAYING and token.low not in PREPOSITIONS | {"that"} and self.clause_at(index):
                end = self.stretch(index, stop)
                found.append(Part("that", tuple(self.words[index:end])))
                index = end
            elif token.low in {"because", "since"} and self.has_verb(index, stop):
                end = self.stretch(index, stop)
                found.append(Part("reason", tuple(self.words[index:end]), token.low))
                index = end
            elif (
                token.low in {"that", "how", "why", "what", "whether"}
                and self.has_verb(index, stop)
                and (token.low != "that" or verb.form != "be")
            ):
                end = self.stretch(index, stop)
                found.append(Part("that", tuple(self.words[index:end]), token.low))
                index = end
            elif token.low in {"when", "while", "until", "before", "after", "where", "as", "although", "though", "so",
                "if"} and self.has_verb(index, stop) and (
                token.low not in {"as", "until", "before", "after"} or self.clause_at(index + 1)
            ):  # fmt: skip
                end = self.stretch(index, stop)
                kind = "when" if token.low in {"when", "while", "until", "before", "after"} else "clause"
                found.append(Part(kind, tuple(self.words[index:end]), token.low))
                index = end
            elif token.low in PREPOSITIONS and not (token.low in PARTICLES and self.at(index + 1).low in PREPOSITIONS):
                end = self.phrase(index + 1)
                if not end and is_gerund(after.text):
                    end = self.stretch(index + 1, stop)
                if not end:
                    if token.low in PARTICLES or token.low == "by" and after.text in {",", ""}:
                        found.append(Part("adverb", (token,)))
                        index += 1
                        continue
                    break
                end = min(end, stop)
                part = prepositional(tuple(self.words[index:end]))
                if token.low == "of" and found:
                    found[-1] = replace(found[-1], tokens=found[-1].tokens + part.tokens)
                else:
                    found.append(part)
                index = end
            elif token.text == ",":
                reason = after.low in {"because", "since", "for", "so", "although", "though"} and self.has_verb(index + 1, stop)
                timely = after.low in {"when", "while", "until", "before", "after"} and self.has_verb(index + 1, stop)
                if (reason or timely) and found:
                    end = self.stretch(index + 1, stop)
                    kind = "when" if timely else "reason" if after.low in {"because", "since", "for"} else "clause"
                    found.append(Part(kind, tuple(self.words[index + 1 : end]), after.low))
                    index = end
                    continue
                if after.low in {"a", "an", "the"} and found and self.noun_phrase(index + 1):
                    skip = self.phrase(index + 1)
                    probe = skip
                    while probe < stop and self.at(probe).low in PREPOSITIONS and self.phrase(probe + 1):
                        probe = self.phrase(probe + 1)
                    if probe == stop or self.at(probe).text == ",":
                        index = probe
                        continue
                if (
                    after.kind == "name"
                    and found
                    and (self.at(index - 1).kind == "word" or self.at(index - 1).text in PERSON_MARKS)
                    and (index + 2 >= stop or self.at(index + 2).text == ",")
                ):
                    found[-1] = replace(found[-1], tokens=(*found[-1].tokens, after))
                    index += 3 if index + 2 < stop and not self.clause_at(index + 3) and self.at(index + 3).low not in {"and", "but"} else 2
                    continue
                if after.low in PREPOSITIONS - {"of"} and found and self.noun_phrase(index + 2):
                    end = self.phrase(index + 2)
                    probe = self.skip_adverbs(end)
                    if not self.finite(probe) and not (self.at(probe).text == "," and self.noun_phrase(probe + 1)
                        and self.clause_at(probe + 1)) and (
                        not self.clause_at(end)
                    ):  # fmt: skip
                        found.append(prepositional(tuple(self.words[index + 1 : end])))
                        index = end
                        continue
                break
            elif token.kind == "word" and token.low in {"and", "or", "but", "nor", "yet"}:
                break
            elif token.kind == "word" and token.low in RELATIVES | {"that"} and found:
                if (
                    self.has_verb(index, stop)
                    and token.low in {"who", "which", "that", "where"}
                    and found[-1].kind in {"object", "complement", "person", "other", "place"}
                ):
                    end = self.stretch(index, stop)
                    found[-1] = replace(found[-1], tokens=found[-1].tokens + tuple(self.words[index:end]))
                    index = end
                    continue
                break
            elif is_adverb(token) and not (self.noun_phrase(index) and token.low in {"only", "first", "both", "next", "best", "home"}
                and not is_function(after)
                                         and after.kind in ("number", "word", "name") and not is_adverb(after)):  # fmt: skip
                found.append(Part("adverb", (token,)))
                index += 1
            elif is_gerund(token.text) and found:
                end = self.stretch(index, stop)
                found.append(Part("with", tuple(self.words[index:end])))
                index = end
            elif token.kind == "word" and is_participle(token.low) and found and not self.noun_phrase(index):
                end = self.stretch(index, stop)
                found[-1] = replace(found[-1], tokens=found[-1].tokens + tuple(self.words[index:end]))
                index = end
            else:
                end = self.phrase(index)
                if not end:
                    if token.kind == "word" and (verb.form == "be" or "ADJ" in senses(token.low)) and not is_function(token):
                        end = index + 1
                    else:
                        break
                end = min(end, stop)
                found.append(nominal(tuple(self.words[index:end]), verb))
                index = end
        return found, index

    def clause_at(self, index: int) -> bool:
        end = self.noun_phrase(index)
        return bool(end) and self.finite(self.skip_adverbs(end))

    def has_verb(self, index: int, stop: int) -> bool:
        for i in range(index + 1, min(stop, index + 14)):
            if self.at(i).text == ",":
                return False
            if self.finite(i) or self.present(i):
                return True
        return False

    def stretch(self, index: int, stop: int) -> int:
        """End of a clause or infinitive: a comma, or 'and/but' before a finite verb or a new clause."""
        inner = self.at(index).low in SUBORDINATORS | {"that", "what", "how", "why", "whether", "who", "which"}
        for i in range(index + 1, stop):
            token = self.at(i)
            if token.text == ",":
                if self.listed(i):
                    continue
                return i
            if token.low in {"and", "but", "yet"} and not inner and (self.finite(self.skip_adverbs(i + 1)) or self.clause_at(i + 1)):
                return i
            if not inner and token.low in {"because", "when", "while", "until", "although", "though"} and self.has_verb(i, stop):
                return i
        return stop


def _merged(parts: list[Part]) -> tuple[Part, ...]:
    """'from 1765' and 'to 1772' are one part."""
    made: list[Part] = []
    for part in parts:
        last = made[-1] if made else None
        if last and last.prep == "from" and part.prep in {"to", "until", "till"} and last.kind in {part.kind, "other"}:
            made[-1] = replace(last, tokens=last.tokens + part.tokens, kind="span" if part.kind == "time" else part.kind)
        elif last and last.prep == "between" and part.kind == "other":
            made.append(part)
        else:
            made.append(part)
    return tuple(made)


SAYING = words_of("""
    say think believe write report complain add claim hope fear know feel swear declare note tell find remember explain answer
""")  # fmt: skip


GIVING = words_of("""
    give send offer pay bring teach tell lend leave show hand sell buy promise owe grant
""")  # fmt: skip


def is_adverb(token: Token) -> bool:
    if token.kind != "word" or token.text[:1].isupper() and token.low not in ADVERBS:
        return False
    if token.low in ADVERBS:
        return True
    found = senses(token.low)
    return token.low.endswith("ly") and "NOUN" not in found and ("ADJ" not in found or "ADV" in found)


def _ly(word: str) -> bool:
    return word.endswith("ly") and "NOUN" not in senses(word)


def is_function(token: Token) -> bool:
    return token.kind == "word" and token.low in (PREPOSITIONS | AUXILIARIES | SUBORDINATORS | RELATIVES | {"and", "or", "but", "nor",
        "than", "that",
        "not", "never", "because", "however", "whether", "how", "why", "what", "to", "been", "be", "being"})  # fmt: skip


def prepositional(words: tuple[Token, ...]) -> Part:
    """The part a preposition and its noun phrase make: time, span, place, person or other (before names are typed)."""
    prep = words[0].low
    part = Part("other", words, prep)
    head = part.head
    inner = words[1:]
    place = inner.index(head) if head in inner else 0
    if head.low in {"spring", "fall"} and place and inner[place - 1].low not in {"the", "that", "next", "late", "early", "last"}:
        return part  # a clock spring
    if is_gerund(inner[0].low) and len(inner) > 1:
        return part
    if any(token.kind == "date" for token in inner) and (head.kind == "date" or head.low in TIME_NOUNS
        or inner[0].low in {"the", "early", "late", "about"}
                                                         and any(token.low in TIME_NOUNS for token in inner)):  # fmt: skip
        return replace(part, kind="time")
    if head.low in TIME_NOUNS:
        return replace(part, kind="span" if prep in {"for", "over", "within"} else "time")
    if head.kind == "number" and len(inner) == 1 and prep == "at" and (number(head.text) or 0) < 100:
        return replace(part, kind="time")
    if head.kind == "word" and head.low in PLACE_NOUNS and prep in {"in", "at", "near", "to", "into", "from", "on", "under", "outside",
        "inside",
                                                                    "behind", "beside", "through", "across", "by", "above"}:  # fmt: skip
        return replace(part, kind="place")
    return part


def nominal(words: tuple[Token, ...], verb: Verb) -> Part:
    """A noun phrase after the verb: object, complement, or a time such as 'every day'."""
    part = Part("complement" if verb.form == "be" else "object", words)
    if words[0].low in {"a", "an", "each", "every", "all"} and words[-1].low in TIME_NOUNS | {"life", "quarter", "piece", "pound",
        "copy", "head"} or join(
        words
    ) in ("each other", "one another", "each", "day and night", "night and day"):  # fmt: skip
        return replace(part, kind="rate")
    if part.head.low in TIME_NOUNS and (words[0].low in {"every", "each", "that", "one", "this", "the", "next", "all", "twice"}
                                        or words[0].kind == "number" and verb.form != "be") and "of" not in {t.low
                                            for t in words}:  # fmt: skip
        return replace(part, kind="time" if words[0].kind != "number" else "span")
    return part
