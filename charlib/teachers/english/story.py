"""A life read with rules: who is who, which pronoun is the protagonist, and the turn from third to first person.

    >>> story = Story("Nell Gray", "Gray", ["Nell Gray was born in Hull in 1801. She moved to York in 1822."])
    >>> [statement.say() for statement in story.read(0)]
    ['I was born in Hull in 1801.', 'I moved to York in 1822.']

Everything doubtful is dropped: a pronoun that could mean somebody else costs the statement, never the truth.
"""

import re
from collections import Counter
from dataclasses import dataclass, field, replace

from charlib.profile.dates import dates_in
from charlib.teachers.english.language import (
    GIVING,
    SAYING,
    Clause,
    Part,
    Token,
    Verb,
    clauses,
    is_adverb,
    is_common,
    is_function,
    join,
    tokens,
)
from charlib.teachers.english.simplify import linked, names_a_person, plain, prose, sentences
from charlib.teachers.english.words import (
    ADVERBS,
    AUXILIARIES,
    BE,
    BODIES,
    COUNTRIES,
    DETERMINERS,
    FEMALE_NAMES,
    HAVE,
    KIN,
    MALE_NAMES,
    MONTHS,
    MOVING,
    PERSON_MARKS,
    PLACE_MARKS,
    POSSESSIVES,
    PREPOSITIONS,
    PRONOUNS,
    RELATIVES,
    ROLES,
    SHIPS,
    SUBORDINATORS,
    TIME_NOUNS,
    UNITS,
    base,
    is_gerund,
    is_participle,
    is_past,
    past_of,
    senses,
    words_of,
)


@dataclass(frozen=True)
class Statement:
    """A clause told by the protagonist. `subject`: me, person or thing; texts are made by `say` and the asking functions."""

    clause: Clause
    subject: str
    label: str
    label_you: str
    story: "Story" = field(repr=False, compare=False)
    paragraph: int = 0
    sentence: str = ""
    parts: tuple[Part, ...] = ()
    front: Part | None = None
    who: tuple[Token, ...] = ()
    earlier: tuple[Token, ...] = ()
    focused: bool = True

    def verb(self, person: str) -> str:
        """The verb group after I, you or the other subject."""
        words = list(self.clause.verb.words)
        if self.subject == "me":
            forms = {"was": "was", "were": "was", "is": "am", "are": "am", "has": "have", "does": "do"}
            if person == "you":
                forms = {"was": "were", "were": "were", "is": "are", "has": "have", "does": "do"}
            words = [forms.get(word, word) if index == self._finite() else word for index, word in enumerate(words)]
            if self.clause.verb.form == "present":
                words[-1] = base(words[-1])
        return " ".join(words)

    def _finite(self) -> int:
        return next((i for i, word in enumerate(self.clause.verb.words) if word in AUXILIARIES), len(self.clause.verb.words) - 1)

    def question_verb(self) -> tuple[str, str]:
        """(what stands before the subject, what stands after it) in a question: ('did', 'move'), ('were', 'born')."""
        words = list(self.clause.verb.words)
        verb = self.clause.verb
        if verb.form == "simple":
            bare = [base(word) if is_past(word) and word not in {"and"} and not is_adverb(Token(word, "word")) else word for word in words]
            return "did", " ".join("have" if word in HAVE else word for word in bare)
        if verb.form == "present":
            return ("do", base(words[-1])) if self.subject == "me" else ("does", base(words[-1]))
        spot = self._finite()
        first = words.pop(spot)
        if self.subject == "me":
            first = {"was": "were", "is": "are", "has": "have", "does": "do"}.get(first, first)
        return first, " ".join(words)

    def text(self, part: Part, person: str = "I") -> str:
        """A part in the first ("I") or second ("you") person."""
        return self.story.shift(part.tokens, self, person)

    def tail(self, person: str = "I", without: tuple[Part, ...] = (), most: int = 99) -> str:
        """The parts as text, without some of them; objects and complements always stay, of the others at most `most`."""
        kept, extra = [], 0
        core = {"object", "complement", "adverb", "to", "that", "rate"}
        for part in self.parts:
            if part in without:
                continue
            if part.kind not in core:
                extra += 1
                if extra > most:
                    continue
            kept.append(
                ("," if part.prep in {"although", "though", "so", "where"} and kept else "")
                + (" " if kept else "")
                + self.text(part, person)
            )
        return "".join(kept)

    def say(self, front: Part | None = None, most: int = 99, label: str = "") -> str:
        """The statement as a sentence in the first person; `front` is put first ("In 1782 I …")."""
        subject = "I" if self.subject == "me" else label or self.label
        front = front or (self.front if self.front in self.parts else None)
        rest = self.tail("I", (front,) if front else (), most)
        text = f"{subject} {self.verb('I')} {rest}".strip()
        if front:
            lead = self.text(front)
            text = f"{lead}{',' if len(front.tokens) > 3 else ''} {text if self.subject == 'me' else text}"
        return sentence_case(text) + "."


def sentence_case(text: str) -> str:
    """The text with a capital first letter and single spaces."""
    text = re.sub(r"\s+([,.;])", r"\1", " ".join(text.split()))
    return text[:1].upper() + text[1:]


META = re.compile(
    r"\b(historians?|scholars?|biograph\w+|legacy|posthumous\w*|is (?:considered|regarded|remembered|known|thought|believed|"
    r"said|often|widely|still)|are (?:preserved|held|kept|still|thought|believed|said)|statues?|named (?:after|for) (?:him|"
    r"her|them)|commemorat\w+|according to|today|nowadays|modern|uncertain|doubtful|disputed|legend\w*|perhaps|may have|"
    r"might have|it is|there is|no (?:source|record|proof|text|document)|survives?|sources?|unknown|not recorded|scholarly|"
    r"critics have|influenced generations|(?:after|since|upon) (?:his|her|their) (?:own )?death|(?:is|are|was|were) (?:said|"
    r"reported|supposed|rumoured|alleged) to|(?:is|was) quoted|likely|centenary|memorial (?:plaque|stone|service|to)|"
    r"in (?:his|her|their) honour|honor of (?:him|her)|encyclop\w+|this article|citation|supposedly|allegedly|"
    r"tradition (?:says|holds)|later (?:tellers|writers|authors|generations)|has been|have been|(?:has|have) (?:\w+ly )?(?:identified|suggested|argued|noted|described|called|proposed|claimed|questioned)|"
    r"musicologists|commentators|opinions? (?:differ|vary))\b",
    re.IGNORECASE,
)


_HEDGE = re.compile(
    r",? ?\b(?:most |very )?(?:probably|almost certainly|apparently|reportedly|presumably|it seems|it is said)\b,?|"
    r"\b(?:[A-Z][a-z]+(?: and [A-Z][a-z]+)?) (?:says?|writes?|reports?|tells?|adds?|records?|notes?) that\b|"
    r", (?:says|writes|wrote|said) [A-Z][a-z]+(?: [A-Z][a-z]+)*,|,? by [A-Z][a-z]+(?: [A-Z][a-z]+)*'s (?:account|telling),?|"
    r"(?<=\w), (?:then )?aged (?:about |only )?[a-z0-9-]+(?=,)"
)


DEATH = re.compile(r"\b(died|dead|buried|funeral|burial|tomb|grave|deathbed|suicide|assassinated|murdered|executed|beheaded|last words)\b")


_FILLING = words_of("also later then soon instead rather already subsequently eventually initially finally afterwards thus therefore")


_BORN_INTO = words_of("father mother brother sister grandfather grandmother uncle aunt")


def _birth_names(names: list[str], texts: list[str]) -> set[str]:
    """The name before a marriage: "Clara Schumann, born Clara Josephine Wieck", "Clara Josephine Wieck was born in Leipzig"."""
    if len(names) < 2:
        return set()
    full = rf"{re.escape(names[0])}(?: [^\W\d_a-z][\w’'-]+){{1,3}}"
    return {found for text in texts[:3] for pair in re.findall(rf"\bborn ({full})|({full}) was born", text) for found in pair if found}


class Story:
    """A life to be read: knows the protagonist's names and pronoun, who the others are, and turns sentences into statements.

    `texts` are the paragraphs. Deterministic; reading a paragraph needs no other paragraph's statements.
    """

    def __init__(self, name: str, short_name: str, texts: list[str], end=None):
        self.name, self.short_name, self.end = name, short_name, end
        names = [word for word in re.findall(r"[^\W\d_][\w'’-]*", name) if word[0].isupper() and not re.fullmatch(r"[IVX]+", word)]
        called = _short_forms(names[0], " ".join(texts)) if names else set()
        self.self_words = frozenset([*names, *short_name.split(), *called])
        self.alone = {name, short_name, names[0] if names else name, *called, *_birth_names(names, texts)}
        self.pronoun = self._pronoun(" ".join(texts))
        self._look([prose(" ".join(text.split()), short_name) for text in texts])
        self.sentences = [
            [(sentence, not other) for sentence, (_, _, _, other) in zip(sentences(text), plans, strict=True)]
            for text, plans in zip(self.texts, self.plans, strict=True)
        ]  # as they were written, and whether the protagonist's pronoun may mean the protagonist at the start of each
        for _ in range(2):  # now that it is known whose every "his" is; and again, since plain sentences tell more
            self._look(self._plain())

    def _look(self, texts: list[str]) -> None:
        """Read the texts: names, pronoun, sentences, who is who."""
        self.texts = texts
        whole = " ".join(texts)
        self.words = frozenset(
            word
            for word in re.findall(r"(?<=[a-z,;’'\d] )([A-Z][\w’-]+)", re.sub(r"['’]s\b", "", whole))
            if word not in {"The", "A", "An", "I", *MONTHS}
        )
        self.words |= self.self_words
        self.cut = [[tokens(self._unhedged(s), self.words, self.self_words) for s in sentences(text)] for text in self.texts]
        self.kinds, self.genders = self._types()
        self.kin: dict[str, str] = {}
        self.plans = [self._plan(index) for index in range(len(self.texts))]
        self.commentators = self._commentators()
        self.kin = self._kin()
        self.kinds.update(dict.fromkeys(self.kin, "person"))
        self.appositions = self._appositions()

    def _plain(self) -> list[str]:
        """The texts in plain sentences, the protagonist named where a pronoun surely means that person."""
        made, before = [], ""
        for text, plans in zip(self.texts, self.plans, strict=True):
            pieces = []
            for sentence, (_, _, mine, _) in zip(sentences(text), plans, strict=True):
                known = f"{text} {' '.join(pieces)}"
                so_far = f"{' '.join(made[-4:])} {' '.join(pieces)}"
                pieces += plain(linked(sentence, before, self.short_name, self.pronoun, so_far), self.short_name, mine, self.pronoun, known)
                before = sentence
            made.append(" ".join(pieces))
        return made

    # -- who --

    def _pronoun(self, text: str) -> str:
        counts = Counter(word.lower() for word in re.findall(r"\b(?:[Hh]e|[Ss]he|[Hh]is|[Hh]er|[Tt]hey|[Tt]heir)\b", text))
        opening = Counter(word.lower() for word in re.findall(r"(?:^|[.!?] )(He|She|They)\b", text))
        male, female = counts["he"] + counts["his"], counts["she"] + counts["her"]
        if opening["they"] > 2 * max(opening["he"], opening["she"]) and counts["they"] > max(male, female) / 2:
            return "they"
        named = len(re.findall(rf"\b{re.escape(self.short_name)}\b[^.]{{0,80}}\b(?:his|he)\b", text))
        named_f = len(re.findall(rf"\b{re.escape(self.short_name)}\b[^.]{{0,80}}\b(?:her|she)\b", text))
        return "she" if female + 2 * named_f > male + 2 * named else "he"

    @property
    def forms(self) -> dict[str, str]:
        """The protagonist's pronoun forms: form -> role (subject, object, possessive, reflexive; her is both)."""
        return {
            "he": {"he": "subject", "him": "object", "his": "possessive", "himself": "reflexive"},
            "she": {"she": "subject", "her": "her", "hers": "mine", "herself": "reflexive"},
            "they": {
                "they": "subject",
                "them": "object",
                "their": "possessive",
                "themselves": "reflexive",
                "themself": "reflexive",
                "theirs": "mine",
            },
        }[self.pronoun]

    def is_self(self, token: Token) -> bool:
        """Whether a name token is the protagonist's own."""
        if token.kind != "name":
            return False
        if token.text in self.alone:
            return True
        words = token.text.split()
        if len(words) > 1 and words[0] == self.name.split()[0] and words[-1] == self.name.split()[-1] and " " in self.name:
            return True  # with a middle name that the title leaves out
        return len(words) > 1 and (set(words) <= self.self_words and self.short_name in words
                                   or (self.name in token.text and token.text.endswith(self.short_name)
                                       and len(words) <= len(self.name.split()) + 2)
                                   or (token.text.startswith(self.name)))  # fmt: skip

    def _types(self) -> tuple[dict[str, str], dict[str, str]]:
        votes: dict[str, Counter] = {}
        genders: dict[str, Counter] = {}
        for words in (words for text in self.cut for words in text):
            for index, token in enumerate(words):
                if token.kind != "name" or self.is_self(token):
                    continue
                vote = votes.setdefault(token.text, Counter())
                gender = genders.setdefault(token.text, Counter())
                before = words[index - 1] if index else Token("", "end")
                earlier = words[index - 2] if index > 1 else Token("", "end")
                after = words[index + 1] if index + 1 < len(words) else Token("", "end")
                own = token.text.split()
                if own[-1] in PLACE_MARKS or own[0] in {"Mount", "Cape", "Port", "Lake", "Fort", "Camp", "University", "College", "Monte"}:
                    vote["place"] += 3
                if set(own) & BODIES:
                    vote["thing"] += 5
                if token.text in COUNTRIES:
                    vote["place"] += 8
                if before.low in SHIPS or before.low in {"called", "named"} and earlier.low in SHIPS:
                    vote["thing"] += 4
                if own[0].rstrip(".") in PERSON_MARKS and len(own) > 1:
                    vote["person"] += 4
                    mark = PERSON_MARKS[own[0].rstrip(".")]
                    gender[mark or "?"] += 3
                first = own[1] if own[0].rstrip(".") in PERSON_MARKS and len(own) > 1 else own[0]
                if first in MALE_NAMES | FEMALE_NAMES:
                    vote["person"] += 2
                    gender["m" if first in MALE_NAMES else "f"] += 2
                elif first.endswith("a") and len(own) > 1:
                    gender["f"] += 1
                if before.low in {"in", "at", "near", "into", "outside"}:
                    vote["place"] += 3 if len(own) == 1 else 2
                elif before.low in {"to", "from"} and any(
                    base(w.low) in MOVING for w in words[max(0, index - 5) : index] if w.kind == "word"
                ):
                    vote["place"] += 1
                elif before.low in {"met", "married", "taught", "by", "told", "asked", "befriended", "and"}:
                    vote["person"] += 1 if before.low != "and" else 0
                if before.kind == "word" and before.low in KIN | ROLES or earlier.low in KIN and before.text == ",":
                    vote["person"] += 3
                    kin = before.low if before.low in KIN else earlier.low
                    gender[(KIN | ROLES).get(kin, "") or "?"] += 3
                if before.low in {"was", "were"} and earlier.low in KIN | ROLES or before.low == "named" and earlier.kind == "word":
                    vote["person"] += 3
                    gender[(KIN | ROLES).get(earlier.low, "") or "?"] += 3
                if after.kind == "word" and (is_past(after.low) and after.low not in BE and before.low not in PREPOSITIONS):
                    vote["person"] += 1
                whose = before.low in {"from", "of", "in", "at"}  # "a dealer from Sonneberg, who": the dealer is who
                if after.text == "," and index + 2 < len(words) and words[index + 2].low in {"who"} and not whose:
                    vote["person"] += 2
                if before.low in {"from", "to", "of", "towards"} and len(own) == 1:
                    vote["place"] += 0.4
                if own[0] in {"St", "Saint", "San"} and before.low in PREPOSITIONS:
                    vote["place"] += 2
                if all(is_common(word) for word in own) and own[0] not in PERSON_MARKS and not MALE_NAMES.union(FEMALE_NAMES) & set(own):
                    vote["thing"] += 1.2
                if (after.kind == "of" or len(own) > 1) and before.low not in PREPOSITIONS - {"with", "by", "under"}:
                    vote["person"] += 0.5
                if before.low == "the":
                    vote["thing"] += 3
        kinds = {}
        for name, vote in votes.items():
            best = vote.most_common(1)
            if best and best[0][1] < 1 and " " not in name and not senses(name.lower()) and vote["person"] >= max(vote["place"], 0.5):
                kinds[name] = "person"
                continue
            kinds[name] = best[0][0] if best and best[0][1] >= 1 else best[0][0] if best and len(name.split()) > 1 else "thing"
        return kinds, {name: _clear(count) for name, count in genders.items()}

    def kind(self, token: Token) -> str:
        """person, place or thing for a name; a surname alone is what the full name is."""
        if token.kind == "title":
            return "work"
        if token.kind != "name":
            return ""
        if self.is_self(token):
            return "self"
        full = self.full(token.text)
        return self.kinds.get(full, self.kinds.get(token.text, "thing"))

    def full(self, name: str) -> str:
        """The longest known name that a shorter one ends, when there is exactly one."""
        if " " in name or name in MALE_NAMES | FEMALE_NAMES or self.kinds.get(name) == "place":
            return name
        longer = [other for other in self.kinds if other.split()[-1] == name and other != name and self.kinds[other] == "person"]
        return longer[0] if len(longer) == 1 else name

    def gender(self, token: Token) -> str:
        """m, f or "" (unknown) of a named person or of a kinship word."""
        if token.kind == "name":
            return self.genders.get(self.full(token.text)) or self.genders.get(token.text) or ""
        singular = token.low
        return {**KIN, **ROLES, "man": "m", "woman": "f", "boy": "m", "girl": "f", "king": "m", "queen": "f", "widow": "f", "nun": "f",
            "priest": "m",
                "lady": "f", "gentleman": "m", "actress": "f"}.get(singular, "")  # fmt: skip

    def _kin(self) -> dict[str, str]:
        """Names of kin and close people, from 'his brother Karl', 'Karl, his brother', 'his father was Karl': name -> my word for it."""
        found: dict[str, str] = {}
        own = set(self.forms) - {"he", "she", "they"}
        pairs = {**KIN, **ROLES}
        rows = [(words, plan) for text, plans in zip(self.cut, self.plans, strict=True) for words, plan in zip(text, plans, strict=True)]
        for words, (clauses_of, _, own_focus, _) in rows:
            subject = clauses_of[0][1] if clauses_of else None
            his = subject is not None and subject[0] == "me" or own_focus
            if subject is not None and subject[0] == "me":
                found.update({name: kin for name, kin in self._parents(words).items() if name not in found})
            for index, token in enumerate(words):
                if token.kind != "word" or token.low not in pairs:
                    continue
                back = index - 1
                while back >= 0 and words[back].kind in {"word", "number"} and ("ADJ" in senses(words[back].low)
                    or words[back].low in UNITS) and (
                    words[back].low not in own
                ):  # fmt: skip
                    back -= 1
                owner = words[back] if back >= 0 else Token("", "end")
                earlier = [t for n, t in enumerate(words[:back]) if self.could_be(t)]
                beside = token.low in {"mother", "father"} and all(
                    t.low in KIN or n and words[words.index(t) - 1].low in KIN for n, t in enumerate(earlier, 1)
                )
                mine = (
                    his and owner.low in own and (not earlier or beside) or (owner.kind == "of" and back and self.is_self(words[back - 1]))
                )
                after = words[index + 1] if index + 1 < len(words) else Token("", "end")
                later = words[index + 2] if index + 2 < len(words) else Token("", "end")
                if not mine and after.low == "of" and self.is_self(later):
                    mine = True
                    after, later = (words[i] if i < len(words) else Token("", "end") for i in (index + 3, index + 4))
                if not mine:
                    continue
                name = ""
                if after.kind == "name":
                    name = after.text
                elif after.text in {",", "was", "were"} and later.kind == "name":
                    name = later.text
                elif index >= 2 and words[back - 1].text == "," and words[back - 2].kind == "name" and after.text in {",", ".", ""}:
                    name = words[back - 2].text
                if name and not self.is_self(Token(name, "name")) and name not in found and self.kinds.get(name) == "person":
                    found[name] = token.low
        return found

    def _parents(self, words: list[Token]) -> dict[str, str]:
        """'born … to Thomas Verghese, a schoolteacher, and Annamma Kurian', 'daughter of X and Y' -> father and mother."""
        for index, token in enumerate(words[:-1]):
            opens = (
                token.low == "to"
                and any(t.low == "born" for t in words[:index])
                or token.low == "of"
                and words[index - 1].low in {"son", "daughter", "child"}
            )
            if not opens or words[index + 1].kind != "name":
                continue
            names = []
            for token in words[index + 1 :]:
                if token.kind == "name":
                    names.append(token)
                elif token.low in PREPOSITIONS or token.kind == "date" or len(names) == 2 or token.low in AUXILIARIES:
                    break
            genders = [self.gender(token) for token in names[:2]]
            if len(names) == 2 and (genders[0] == "f" or genders[1] == "m"):
                genders = [genders[0] or "f", genders[1] or "m"]
            elif len(names) == 2:
                genders = [genders[0] or "m", genders[1] or "f"]
            known = {"m": "father", "f": "mother"}
            return {token.text: known[gender] for token, gender in zip(names, genders, strict=False) if gender and not self.is_self(token)}
        return {}

    def _commentators(self) -> set[str]:
        """Those who only ever say something about the life: later writers, not people in it."""
        said, did = Counter(), Counter()
        for clause, who in (row for plans in self.plans for rows, *_ in plans for row in rows):
            if who and who[0] == "person" and len(who[1]) == 1 and who[1][0].kind == "name":
                telling = clause.verb.lemma in SAYING - {"find", "hope", "fear", "know", "feel", "remember", "answer"} | {
                    "call", "praise", "describe", "quote", "attribute", "mention", "date", "place", "judge", "paint", "count", "reckon",
                        "give", "put"}  # fmt: skip
                (said if telling else did)[self.full(who[1][0].text)] += 1
        known = {
            "Plutarch",
            "Suetonius",
            "Appian",
            "Cassius Dio",
            "Dio",
            "Josephus",
            "Galen",
            "Philostratus",
            "Livy",
            "Vasari",
            "Florus",
            "Wikipedia",
        }
        return {name for name in said if said[name] > 1 and not did[name]} | known

    def could_be(self, token: Token) -> bool:
        """Whether the protagonist's pronoun could mean this token instead."""
        wanted = {"he": "m", "she": "f", "they": "?"}[self.pronoun]
        if token.kind == "name":
            return self.kind(token) == "person" and (self.gender(token) in {"", wanted})
        person = token.kind == "word" and token.low in {**KIN, **ROLES, "man": 1, "woman": 1, "boy": 1, "girl": 1, "king": 1,
            "queen": 1, "clerk": 1,
            "merchant": 1, "governor": 1, "prince": 1, "emperor": 1, "priest": 1, "child": 1, "baby": 1, "widow": 1, "poet": 1,
                "officer": 1}  # fmt: skip
        if self.pronoun == "they":
            return (
                token.kind == "word"
                and token.low.endswith("s")
                and "NOUN" in senses(token.low)
                and len(token.low) > 3
                and token.low not in TIME_NOUNS
            )
        return person and self.gender(token) in {"", wanted}

    def _appositions(self) -> dict[str, str]:
        """'Barnabas Fitch, a retired naval master with a wooden leg' -> what he was."""
        found: dict[str, str] = {}
        for words in (words for text in self.cut for words in text):
            for index, token in enumerate(words[:-3]):
                if (
                    token.kind == "name"
                    and self.kind(token) == "person"
                    and words[index + 1].text == ","
                    and words[index + 2].low in {"a", "an", "the"}
                ):
                    rest = words[index + 2 :]
                    end = next(
                        (i for i, word in enumerate(rest) if word.text in {",", ".", ";", ")"} or word.low in RELATIVES | {"and", "that"}),
                        len(rest),
                    )
                    piece = rest[:end]
                    head = Part("object", tuple(piece)).head.low if piece else ""
                    if 2 <= len(piece) <= 12 and token.text not in found and "NOUN" in senses(head) and head not in {"first", "second",
                        "third", "elder",
                            "younger", "last", "eldest", "youngest", "other", *TIME_NOUNS} and not any(
                        word.low in PRONOUNS | POSSESSIVES or self.is_self(word) or word.kind == "word" and word.low in AUXILIARIES
                            for word in piece
                    ):  # fmt: skip
                        found[token.text] = join(piece)
        return found

    def known_as(self, name: str, person: str = "I") -> str:
        """A name with what it is to the protagonist: my brother Hannibal."""
        word = self.kin.get(name)
        shared = " " not in name and any(other.startswith(f"{name} ") and self.kinds[other] == "person" for other in self.kinds)
        if not word or shared:  # a grandson Anton, and Anton Heller: who "Anton" is cannot be told
            return name
        given = [part for part in name.split() if part not in self.self_words or part == name.split()[0]]
        short = given[0] if len(given) == 1 else " ".join(given) if len(given) < len(name.split()) and given else name
        alone = list(self.kin.values()).count(word) == 1
        return f"your {word}{'' if alone else ' ' + short}" if person == "you" else f"my {word} {short}"

    # -- reading --

    def _unhedged(self, sentence: str) -> str:
        return re.sub(
            r"\s+", " ", _HEDGE.sub(lambda m: " " if m[0].startswith((" ", ",")) or not m[0][0].isupper() else "", sentence)
        ).strip()

    def _plan(self, index: int) -> list[tuple[list[tuple], bool, bool, bool]]:
        """For every sentence of a paragraph: its clauses with whom each is about; whether "his" at its start is the protagonist's; and so for kin;
        and whether it is surely somebody else's."""
        own = {"he": "m", "she": "f", "they": "t"}[self.pronoun]
        focus: dict[str, tuple | None] = {"m": None, "f": None, own: ("me", None)}
        plan = []
        family = False  # "Her mother was Hester. Her brother …": a family told in a row is one person's
        for words in self.cut[index]:
            mine = focus[own] is not None and focus[own][0] == "me"
            other = focus[own] is not None and not mine
            rows, previous, first = [], None, True
            heard: list[Token] = []
            for clause in clauses(words):
                who = self.who(clause, None if first else previous, focus, own, heard)
                heard += [token for part in clause.parts for token in part.tokens]
                rows.append((clause, who))
                said = clause.verb.lemma in SAYING and any(part.kind == "that" for part in clause.parts)
                plural = any(token.low == "and" for token in clause.subject)
                if who and not clause.relative and not said and not plural and (first or who[0] == "me"):
                    self._attend(who, focus, own, any(token.low in self.forms for part in clause.parts for token in part.tokens))
                if own == "f" and who and who[0] == "thing" and any(set(token.low.split()) & SHIPS for token in clause.subject):
                    focus[own] = None  # a ship is "she" too
                if not clause.relative:
                    previous = who
                first = False
            self._mentions(words, rows, focus, own)
            opening = words[0].low in self.forms and any(token.low in _BORN_INTO for token in words[1:4])
            plan.append((rows, mine, mine or (family and opening), other))
            named = bool(rows) and rows[0][0].verb.form == "be" and opening
            family = (mine or family) and opening and (named or family) if rows else False
        return plan

    def _attend(self, who: tuple, focus: dict, own: str, mentioned: bool) -> None:
        """The subject of a sentence is whom the next pronoun means."""
        if who[0] == "me":
            focus[own] = who
        elif who[0] == "person":
            gender = self._head_gender(who[1])
            if gender:
                focus[gender] = who
                return
            focus.update({slot: None for slot in ("m", "f") if slot != own})
            if own != "t" and (own == "m" or not mentioned):  # an unknown name who does something to "her" is rarely the next "she"
                focus[own] = who

    def _mentions(self, words: list[Token], rows: list, focus: dict, own: str) -> None:
        """Whoever else a sentence names makes a pronoun doubtful, or is meant by the other pronoun."""
        if rows and rows[0][0].verb.lemma in SAYING and rows[0][1] and rows[0][1][0] == "person":
            return  # "Strabo complained that he …" speaks of whom the text spoke before
        subject = rows[0][1] if rows else None
        subject_words = set(subject[1] or ()) if subject else set()
        named = [token for token in words if token.kind == "name" and self.kind(token) == "person" and token not in subject_words]
        if not rows:
            if any(self.could_be(token) for token in named):
                focus[own] = None
            elif any(self.is_self(token) for token in words):
                focus[own] = ("me", None)
        elif (subject is None or subject[0] == "thing") and any(self.could_be(token) for token in named):
            focus[own] = None
        for slot in {"m", "f"} - {own}:
            others = {token.text: token for token in named if self.gender(token) in {slot, ""}}
            if subject and subject[0] == "person" and self._head_gender(subject[1]) in {slot, ""}:
                focus[slot] = subject if not others else None
            elif others:
                focus[slot] = ("person", tuple(others.values())) if len(others) == 1 and self.gender(*others.values()) == slot else None

    def read(self, index: int) -> list[Statement]:
        """The statements of paragraph `index`, in order; what is doubtful, posthumous or about the telling itself is left out."""
        found: list[Statement] = []
        for raw, words, (rows, mine, _, _) in zip(sentences(self.texts[index]), self.cut[index], self.plans[index], strict=True):
            if any(self.end and date.after(self.end) for date in dates_in(raw)) or META.search(self._unhedged(raw)):
                continue
            for clause, who in rows:
                statement = self.statement(clause, who, index, raw, words, mine) if who else None
                if statement:
                    found.append(statement)
        return found

    def who(self, clause: Clause, previous, focus: dict, own: str, heard: list[Token]):
        """(me|person|thing, tokens) for a subject, or None when it cannot be told. `heard`: what the sentence said before."""
        subject = clause.subject
        if not subject:
            return None
        first, last = subject[0], subject[-1]
        bare = [
            token
            for token in subject
            if token.low not in {"the", "young", "little", "old", "boy", "girl", "child", "new", "future", "elder"}
        ]
        if len(bare) == 1 and self.is_self(bare[0]):
            return "me", None
        if len(subject) == 1 and first.kind == "word" and first.low in PRONOUNS:
            if first.low == self.pronoun:
                if previous and previous[0] == "person" and self._head_gender(previous[1]) in {own, ""}:
                    return None
                return focus[own] if focus[own] and focus[own][0] == "me" else None
            if first.low in {"he", "she"}:
                slot = "m" if first.low == "he" else "f"
                if previous and previous[0] == "person" and self._head_gender(previous[1]) == slot:
                    return previous
                if any(token.kind == "word" and names_a_person(token.low) and self.gender(token) in {"", slot} for token in heard):
                    return None  # "she told her master, and he": hardly the man of the sentence before
                return focus.get(slot)
            children = any(
                token.low in {"children", "sons", "daughters", "son", "daughter", "child"} for part in clause.parts for token in part.tokens
            )
            if first.low == "they" and clause.verb.words == ("had",) and children:
                return "me", None
            return ("thing", subject) if first.low in {"nobody", "everyone", "everybody"} else None
        if any(token.low in {"they", "it", "them", "who", "which", "he", "she"} for token in subject):
            return None
        if any(self.is_self(token) and not (n + 1 < len(subject) and subject[n + 1].kind == "of" or n and subject[n - 1].low == "of")
               for n, token in enumerate(subject)):  # fmt: skip
            return None
        head = Part("object", subject).head
        if head.kind == "word" and not {"NOUN"} & set(senses(head.low)) and senses(head.low) and head.low not in DETERMINERS:
            return None
        if clause.relative and head.kind == "name" and self.kind(head) != "person":
            return None
        if head.low in {
            "boy",
            "girl",
            "child",
            "youth",
            "latter",
            "former",
            "young",
            "elder",
            "queen",
            "king",
            "princess",
            "prince",
            "emperor",
            "dictator",
            "composer",
            "poet",
            "author",
            "artist",
            "captive",
            "consul",
        } and (subject[0].low == "the" and not any(token.kind == "name" for token in subject)):
            return None
        if any(token.kind == "name" and self.kind(token) == "person" for token in subject) and (
            head.kind == "name" and self.kind(head) == "person" or last.kind == "name" and self.kind(last) == "person"
                and not PREPOSITIONS & {t.low for t in subject}
        ):  # fmt: skip
            return "person", subject
        if head.kind == "name":
            return ("person" if self.kind(head) == "person" else "thing"), subject
        if head.kind == "word" and head.low in {**KIN, **ROLES} or self.gender(head):
            return "person", subject
        return "thing", subject

    def _head_gender(self, subject: tuple[Token, ...]) -> str:
        for token in (subject[-1], Part("object", subject).head, *subject):
            gender = self.gender(token)
            if gender:
                return gender
        return ""

    def statement(self, clause: Clause, who, paragraph: int, raw: str, words: list[Token], focused: bool) -> Statement | None:
        """A clause as the protagonist's statement, or None: death, doubt, or nothing said."""
        kind, subject = who
        verb = clause.verb
        if kind == "me" and (verb.lemma in {"die", "bury"} or DEATH.search(" ".join(verb.words))
            or verb.words[-1] in {"killed", "poisoned", "survived"}
                             and verb.passive):  # fmt: skip
            return None
        if verb.lemma == "survive" and kind != "me" or verb.form == "present" and kind != "me" and self.end:
            return None
        if kind != "me" and verb.words[0] in {"is", "are", "has"} and self.end:
            return None
        if kind == "person" and any(self.full(token.text) in self.commentators for token in subject if token.kind == "name"):
            return None
        if (
            kind == "me"
            and self.end
            and verb.form == "present"
            and verb.lemma not in MOVING | {"teach", "own", "keep", "love", "make", "speak", "run", "use", "sell"}
        ):
            return None
        lowered, wanted = [token.low for token in words], [token.low for token in clause.subject]
        spot = next((n for n in range(len(words)) if lowered[n : n + len(wanted)] == wanted), 0)
        earlier = tuple(words[:spot])
        bare = Statement(clause, kind, "", "", self, paragraph, raw, who=subject or (), earlier=earlier, focused=focused or kind == "me")
        label = label_you = ""
        if kind != "me":
            label, label_you = self.label(subject, bare, "I"), self.label(subject, bare, "you")
            if not label:
                return None
            if re.match(r"(?:me|you)\b", label):
                return None
        bare = replace(bare, label=label, label_you=label_you)
        if kind == "me" and any(self.is_self(token) and not (n + 1 < len(part.tokens) and part.tokens[n + 1].kind == "of")
                                for part in clause.parts for n, token in enumerate(part.tokens)
                                    if part.kind in {"object", "person", "other"}):  # fmt: skip
            return None
        front, parts, dropped = [], [], False
        for part in clause.lead:
            part = self.typed(part)
            if part.kind in {"time", "span", "place"} and self.shift(part.tokens, bare, "I"):
                front.append(part)
        for part in clause.parts:
            part = self.typed(part)
            who_at = next((n for n, token in enumerate(part.tokens) if n and token.low == "who"), None)
            if part.kind == "complement" and kind == "me" and who_at and any(token.kind == "date" for token in part.tokens[who_at:]):
                part = replace(part, tokens=part.tokens[:who_at])
            vague = part.kind == "object" and len(part.tokens) < 3 and part.head.low in {"both", "all", "some", "others", "one", "many",
                "none", "it", "them",
                                                                                         "several", "most", "two", "this", "that",
                                                                                             "him", "her"}  # fmt: skip
            if vague and self.shift(part.tokens, bare, "I") not in {"me"}:
                return None
            if not self.shift(part.tokens, bare, "I"):
                first = part is not None and not parts and part.kind not in {"when", "reason", "clause", "with", "time"}
                weak = verb.lemma in words_of("take bring put send make see find lead have set go come return get")
                if part.kind in {"object", "complement", "that", "to"} or first or verb.form == "be" or weak and len(parts) < 2:
                    return None
                while (
                    parts
                    and parts[-1].kind == "adverb"
                    and parts[-1].tokens[0].low in {"soon", "shortly", "just", "even", "only", "long", "immediately"}
                ):
                    parts.pop()
                dropped = True
                continue
            if dropped and part.kind not in {"reason", "when"}:
                continue
            if part.kind == "time" and not part.prep and len(part.tokens) == 2 and part.tokens[0].low == "the":
                dropped = True
                continue
            if part.kind == "adverb" and part.tokens[0].low in {"there", "however", "too", *_FILLING}:
                continue
            parts.append(part)
        parts = self.places_merged(parts)
        joined = [*parts, *[part for part in front if part.kind != "other"]]
        if not joined or not parts and verb.lemma not in MOVING | {"marry", "retire", "bear", "drown", "fall", "sleep", "smoke", "laugh"}:
            return None
        if all(part.kind == "adverb" for part in joined):
            return None
        length = sum(len(part.tokens) for part in joined)
        if length > 40 or (verb.form == "be" and not parts):
            return None
        if verb.lemma in {"order", "ask", "tell", "let", "make", "have", "force", "allow", "want", "persuade", "help", "get", "see",
            "call", "name", "beg", "urge", "advise",
                              "invite", "press", "warn", "remind", "promise", "show", "lead", "find", "leave", "keep"} and (
            len(parts) == 1 and parts[0].kind == "object" and self.shift(parts[0].tokens, bare, "I") == "me"
        ):  # fmt: skip
            return None
        alone = len([part for part in parts if part.kind not in {"time", "adverb"}]) == 1 and parts and parts[0].kind == "object"
        if (
            alone
            and self._person(parts[0].head)
            and verb.lemma in GIVING | {"ask", "order", "keep", "beg", "make", "let", "put", "have", "warn"}
        ):
            return None
        if verb.form == "simple" and verb.main in {"named", "called"} and kind != "me" and subject[0].low in {"the", "a", "an"}:
            return None
        if parts and all(part.kind in {"adverb", "time"} for part in parts) and any(part.tokens[0].low in {"on", "in", "off"}
            for part in parts
                                                                                    if part.kind == "adverb"):  # fmt: skip
            return None
        if any(re.search(r"\bthe (?:[a-z]+ )?(?:boy|girl|child|youth|queen|princess|king|young man|young woman|composer)\b(?! of)",
            join(part.tokens))
               for part in parts):  # fmt: skip
            return None
        if (
            verb.lemma in {"make", "give", "take", "buy", "build", "use", "see", "find", "keep", "have", "call", "put", "bring", "hold"}
            and verb.form == "simple"
        ) and not any(part.kind in {"object", "that", "to", "number"} for part in parts):
            return None
        if (
            kind == "me"
            and DEATH.search(join([t for p in joined for t in p.tokens]))
            and re.search(rf"\b(?:{'|'.join(self.forms)}) (?:own )?(?:death|funeral|burial|grave|tomb)\b", raw)
        ):
            return None
        return replace(
            bare,
            parts=tuple(joined),
            front=front[0] if front else None,
            clause=replace(clause, verb=self.plain_past(verb, kind, subject, joined)),
        )

    def plain_past(self, verb: Verb, kind: str, subject, parts: list[Part]) -> Verb:
        """'had kept … since' is 'have kept … since' when I speak of myself; 'had met' is 'met'."""
        if len(verb.words) > 1:
            verb = replace(verb, words=tuple(word for word in verb.words if word not in _FILLING))
        words = list(verb.words)
        if verb.form != "aux" or "had" not in words or any(word in {"not", "better", "to"} for word in words):
            return verb
        spot = words.index("had")
        if any(part.prep == "since" for part in parts):
            return replace(verb, words=tuple("have" if word == "had" else word for word in words)) if kind == "me" else verb
        plural = kind != "me" and (any(token.low == "and" for token in subject) or Part("object", tuple(subject)).head.low.endswith("s")
                                   and Part("object", tuple(subject)).head.kind == "word")  # fmt: skip
        if "been" in words:
            if words.index("been") == len(words) - 1 or plural:
                return verb
            words[words.index("been")] = "was"
            return replace(verb, words=tuple(words[:spot] + words[spot + 1 :]))
        past = past_of(base(verb.main))
        if not past or words[-1] != verb.main:
            return verb
        return Verb((*words[:spot], *words[spot + 1 : -1], past), "simple", past)

    def places_merged(self, parts: list[Part]) -> list[Part]:
        """'at Mechelen', 'in Brabant' are one place."""
        made: list[Part] = []
        for part in parts:
            if (
                made
                and made[-1].kind == part.kind == "place"
                and part.prep in {"in", "near", "on", "off", "outside", "of", "at"}
                and made[-1].prep not in {"from"}
            ):
                made[-1] = replace(made[-1], tokens=made[-1].tokens + part.tokens)
            else:
                made.append(part)
        return made

    def label(self, subject: tuple[Token, ...], statement: Statement, person: str) -> str:
        """How the protagonist names another subject: my brother Hannibal Harrow, Captain Garland, the orchestra."""
        own = statement.clause.subject
        if subject is not own and len(subject) > 6:
            subject = (Part("object", subject).head,)
        if [token.low for token in subject] in (["the", "father"], ["the", "mother"]):
            return f"{'my' if person == 'I' else 'your'} {subject[1].low}"
        named = [token for token in subject if token.kind == "name"]
        person_head = next((n for n, token in enumerate(subject) if token.kind == "name" and self.kind(token) == "person"), None)
        if person_head is not None and any(token.low in PREPOSITIONS - {"of"} or token.text == "," for token in subject[person_head + 1 :]):
            subject = subject[: person_head + 1]
        while subject and subject[-1].text == ",":
            subject = subject[:-1]
        if len(subject) == 1 and named:
            return self.known_as(self.full(named[0].text) if len(named[0].text.split()) == 1 else named[0].text, person)
        if subject[0].kind == "word":
            subject = (replace(subject[0], text=subject[0].low), *subject[1:])
        text = self.shift(subject, replace(statement, subject="label"), person)
        return text if len(subject) <= 14 and not text.startswith(("there", "what")) else ""

    def typed(self, part: Part) -> Part:
        """The part with its kind settled by what its names are."""
        head = part.head
        if part.kind == "other" and head.kind in {"name", "title"}:
            kind = self.kind(head)
            if kind == "place" and part.prep in {"in", "at", "near", "to", "into", "from", "on", "outside", "off", "across", "through",
                "around", "above",
                                                 "for", "towards", "under", "by", "round", "between", "beside", "opposite"}:  # fmt: skip
                return replace(part, kind="place")
            if kind == "person":
                return replace(part, kind="person")
        if part.kind == "other" and head.kind == "word" and self.gender(head) and part.prep in {"with", "from", "to", "by", "for", "under"}:
            return replace(part, kind="person")
        return part

    # -- person --

    def shift(self, words: tuple[Token, ...], statement: Statement, person: str) -> str:
        """The words with the protagonist as I or you. Empty when a pronoun might be somebody else."""
        out: list[Token] = []
        mine = statement.subject == "me"
        forms = self.forms
        before = [token for token in statement.clause.subject] if not mine and statement.subject != "label" else []
        flat = [token for part in statement.clause.parts for token in part.tokens]
        if words and words[0] in flat:
            spot = next((i for i in range(len(flat)) if tuple(flat[i : i + len(words)]) == tuple(words)), 0)
            before += flat[:spot]
        subject_tokens = set(statement.clause.subject) if words[0].low not in SUBORDINATORS | {"that", "to"} else set()
        skip = False
        for index, token in enumerate(words):
            if skip:
                skip = False
                continue
            after = words[index + 1] if index + 1 < len(words) else Token("", "end")
            seen = [*before, *words[:index]]
            if self.is_self(token):
                if after.kind == "of":
                    while out and out[-1].low in {"young", "old", "little", "the"}:
                        out.pop()
                    out.append(Token("my" if person == "I" else "your", "word"))
                    skip = True
                else:
                    subject = after.kind == "word" and (after.low in AUXILIARIES or is_past(after.low)) and index > 0 and (
                        words[index - 1].low in SUBORDINATORS | RELATIVES | {"that", "and", "what", "how", "why", "whether"}
                    )  # fmt: skip
                    out.append(Token(("I" if person == "I" else "you") if subject else "me" if person == "I" else "you", "self"))
                continue
            low = token.low if token.kind == "word" else ""
            if low in forms:
                role = forms[low]
                if role == "her":
                    giving = (
                        out and out[-1].kind == "word" and base(out[-1].low) in GIVING or not out and statement.clause.verb.lemma in GIVING
                    )
                    role = "possessive" if opens_noun(after) and not (giving and after.kind == "number") else "object"
                    plain = after.kind == "word" and "ADJ" not in senses(after.low) and after.low not in KIN
                    if giving and role == "possessive" and plain and after.low.endswith("s"):
                        return ""  # "gave her lessons"
                if not self._means_me(role, seen, mine, statement, words, index):
                    return ""
                table = {"subject": ("I", "you"), "object": ("me", "you"), "possessive": ("my", "your"),
                    "reflexive": ("myself", "yourself"),
                         "mine": ("mine", "yours")}  # fmt: skip
                out.append(Token(table[role][person != "I"], "self"))
            elif low in {"he", "she", "him", "her", "his", "hers", "himself", "herself"}:
                wanted = "m" if low in {"he", "him", "his", "himself"} else "f"
                others = (
                    [t for t in seen if t not in subject_tokens]
                    if low in {"him", "her"} and not (low == "her" and opens_noun(after))
                    else seen
                )
                if not any(self._person(t) and self.gender(t) == wanted for t in others):
                    return ""
                out.append(token)
            elif low in {"they", "them", "their", "themselves", "theirs"}:
                if not any(t.kind == "word" and t.low.endswith("s") and "NOUN" in senses(t.low) or t.low == "and" for t in seen):
                    return ""
                out.append(token)
            elif low in {"it", "its", "itself"}:
                if not any(t.kind == "title" or t.kind == "name" and self.kind(t) not in {"person", "self"} or t.kind == "word" and n
                           and "NOUN" in senses(t.low) and "ADJ" not in senses(t.low) and not is_function(t) and not self.gender(t)
                           and (seen[n - 1].low in DETERMINERS | POSSESSIVES or "ADJ" in senses(seen[n - 1].low)
                               or seen[n - 1].kind in {"of", "number"})
                           for n, t in enumerate(seen)):  # fmt: skip
                    return ""
                out.append(token)
            elif low in {"these", "those"} and after.low in TIME_NOUNS:
                return ""
            elif low in {"these", "those"} and after.kind == "word" and not is_function(after):
                out.append(Token("the", "word"))
            elif low in {"former", "latter", "thereby", "same"} or (
                low in {"this", "these", "those", "such"} and (after.kind in {"end", "mark"} or low == "these")
            ):
                return ""
            elif out and out[-1].kind == "self" and out[-1].text in {"I", "you"} and low in {"was", "were", "is", "has", "are"}:
                forms_i = (
                    {"were": "was", "is": "am", "has": "have", "are": "am"}
                    if person == "I"
                    else {"was": "were", "is": "are", "has": "have"}
                )
                out.append(Token(forms_i.get(low, low), "word"))
            else:
                out.append(token)
        text = re.sub(r"\b(?:[Tt]he|[Aa]n?) (?:(?:young|old|little|boy|girl|child|future|new) )*(?=(?:me|you)\b)", "", join(out))
        text = re.sub(
            r"\b[Tt]he ((?:[a-z-]+ ){1,3})of (?:me|you)\b(?! and)", lambda m: f"{'my' if person == 'I' else 'your'} {m[1]}".rstrip(), text
        )
        return "" if re.search(r"\bof (?:me|you)\b", text) and "one of" not in text else text

    def _person(self, token: Token) -> bool:
        return token.kind == "name" and self.kind(token) == "person" or token.kind == "word" and bool(self.gender(token))

    def _means_me(self, role: str, seen: list[Token], mine: bool, statement: Statement, words, index: int) -> bool:
        """Whether the protagonist's pronoun at this place can only be the protagonist."""
        if not mine and not statement.focused and role != "object":
            return False
        rival = [token for token in (seen if mine else [*statement.earlier, *seen]) if self.could_be(token)]
        if statement.subject == "label":
            return not rival
        if mine:
            if role == "object":  # "he showed him": never oneself, unless somebody else acts ("he asked Neefe to teach him")
                acted = any(t.low == "to" for t in words[:index]) or words[0].low in SUBORDINATORS | {"that", "who", "which"}
                return acted and len(rival) <= 1 and any(self._person(t) for t in seen)
            if role == "possessive" and rival:
                return len(rival) == 1 and rival[0].low in KIN and words[index + 1 : index + 2] != () and False
            return not rival
        subject = statement.who or statement.clause.subject
        theirs = any(self.could_be(token) for token in subject)
        rival += [token for token in subject if self.could_be(token) and token not in rival]
        if role == "object":
            return len({self.full(token.text) for token in rival if token.kind == "name" or not theirs}) <= (1 if theirs else 0)
        if role == "reflexive":
            return False
        if role == "possessive" and theirs and index == 0 and words[index + 1 : index + 2] and words[index + 1].low in KIN:
            return False
        return not rival


def _short_forms(first: str, text: str) -> set[str]:
    """What a first name is cut to when the text uses it again and again: Ben for Benjamin; "known as Con" for Cornelius."""
    counts = Counter(re.findall(r"\b[A-ZÀ-Þ][a-zà-ÿ]{2,}\b", text))
    known = set(re.findall(r"\bknown\b[^.;]{0,60}?\bas [\"“]?([A-ZÀ-Þ][a-zà-ÿ]+)", text[:2_000]))
    return {
        word for word, count in counts.items()
        if count > 2 and word[0] == first[0] and len(word) < len(first) and (first.startswith(word) or word in known)
    }  # fmt: skip


_HUMAN = words_of("""
    people men women children friends soldiers pirates cooks maids nobles guests boys girls neighbours kings troops citizens workers
    students pupils critics monks nuns priests thieves crowd family parents wits council senate knights peasants slaves jurors
    guild board society company doctors nurses police committee couple villagers knight slave crew gang noblemen clerk clerks chief chiefs cousins brothers
    sisters sons daughters
""")  # fmt: skip


def is_human(head: Token) -> bool:
    """Whether a common noun, or a people's name in the plural, means persons."""
    if head.kind == "name":
        return " " not in head.text and head.text.endswith(("ans", "ese"))
    return head.low in _HUMAN or names_a_person(head.low) or head.low.endswith("s") and names_a_person(head.low[:-1])


def _clear(count: Counter) -> str:
    known = {name: count[name] for name in ("m", "f") if count[name]}
    return max(known, key=known.get) if known and (len(known) == 1 or abs(known.get("m", 0) - known.get("f", 0)) > 1) else ""


def opens_noun(token: Token) -> bool:
    """Whether what follows 'her' makes it a possessive."""
    if token.kind in {"name", "number", "title"}:
        return token.kind != "name"
    if token.kind != "word" or is_function(token) or token.low in DETERMINERS | PRONOUNS | POSSESSIVES:
        return token.low in {"own", "other", "first", "many", "half", "few"}
    found = set(senses(token.low))
    if is_gerund(token.low):
        return True
    if token.low in ADVERBS and token.low not in {"own", "first", "best", "home"}:
        return False
    return bool(found & {"NOUN", "ADJ"}) or is_participle(token.low) or not found
