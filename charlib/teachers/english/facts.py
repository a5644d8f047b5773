"""What a life says, as facts that can be asked: every fact with several wordings, a short answer with its key first, and distractors.

`exchanges` puts them together for training: a sentence told whole, and all that asks for it.

>>> facts = Facts(profile)
>>> facts.of(0)[0].ask[0], facts.of(0)[0].short
('When were you born?', 'On 4 May 1931.')
"""

import itertools
import random
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

import yaml

from charlib import run
from charlib.profile.dates import dates_in
from charlib.records import Profile
from charlib.teachers.english.language import Part, Token, join
from charlib.teachers.english.simplify import NAME, names_a_person, sentences
from charlib.teachers.english.story import Statement, Story, is_human, sentence_case
from charlib.teachers.english.telling import tellings
from charlib.teachers.english.words import (
    DETERMINERS,
    KIN,
    POSSESSIVES,
    PREPOSITIONS,
    ROLES,
    is_gerund,
    is_participle,
    number,
    past_of,
    senses,
    spelled,
    words_of,
)

VERSION = "4"


_MONEY = {"pounds", "pound", "shillings", "dollars", "florins", "ducats", "guineas", "talents", "sesterces", "francs", "marks",
    "crowns", "pence", "thalers",
          "drachmas", "rupees", "roubles", "lire", "pesos", "euros", "cents", "ducat", "drachmae", "denarii", "carolins", "sous",
              "livres"}  # fmt: skip


_OF_INFINITIVE = {"begin", "hope", "learn", "want", "wish", "refuse", "try", "ask", "seem", "claim", "help", "use", "love", "decide",
    "have", "like", "offer",
                  "agree", "promise", "prefer", "plan", "intend", "fail", "manage", "continue", "be", "cease", "start", "allow",
                      "order", "force", "get",
                  "invite", "tell", "beg", "teach", "come", "threaten", "need", "expect", "happen", "mean", "dare", "choose",
                      "rise"}  # fmt: skip


@lru_cache(1)
def bank() -> dict:
    """The dated things, events, people, works, words and skills of data/prompts/english.yaml."""
    path = run.root() / "data" / "prompts" / "english.yaml"
    if not path.is_file():
        raise run.RunError("english.yaml is missing from data/prompts: restore it.")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Fact:
    """One thing that can be asked: `kind` says which question word; the texts are complete questions and answers.

    `ask`, `exam`: wordings for training and, disjoint from them, for the question bank. `short`, `told`: answers. `guess`: (question with a
    wrong guess, question with the right one). `things`: what it belongs to. `gold` proves a correct answer.
    """

    kind: str
    type: str
    ask: tuple[str, ...]
    exam: tuple[str, ...]
    short: str
    told: tuple[str, ...]
    gold: tuple[str, ...]
    guess: tuple[str, str] = ("", "")
    no: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    rank: float = 0
    paragraph: int = 0
    key: str = ""
    options: tuple[str, ...] = field(default=())


_VAGUE = {"all", "one", "most", "such", "that", "another", "both", "each", "many", "few", "the", "a"}


class Facts:
    """All facts of a profile, by paragraph. Choices are seeded by the paragraph's own text."""

    def __init__(self, profile: Profile, seed: int = 0):
        self.profile, self.seed = profile, seed
        self.story = Story(profile.name, profile.short_name, [item.text for item in profile.paragraphs], profile.end)
        self.tellings = [tellings(self.story, index) for index in range(len(profile.paragraphs))]
        self.statements = [self.story.read(index) for index in range(len(profile.paragraphs))]
        names = sorted(self.story.kinds.items())
        text = self.story
        self.people = [name for name, kind in names if kind == "person" and text.full(name) == name and not is_human(Token(name, "name"))
                       and not (name.endswith("s") and senses(name[:-1].lower()))]  # fmt: skip
        self.places = [name for name, kind in names if kind == "place"]
        self.years = sorted({abs(date.year) for item in profile.paragraphs for date in dates_in(item.text)})
        self.first_named: dict[str, int] = {}
        for index, item in enumerate(profile.paragraphs):
            for name in self.people:
                if name not in self.first_named and name in item.text:
                    self.first_named[name] = index

    def chooser(self, index: int, what: str = "") -> random.Random:
        """The random source of one paragraph and purpose."""
        text = self.profile.paragraphs[index].id if 0 <= index < len(self.profile.paragraphs) else str(index)
        return random.Random(f"{self.seed} {what} {text}")

    def of(self, index: int) -> list[Fact]:
        """The facts of a paragraph, the most telling first, without repetition."""
        chooser = self.chooser(index, "facts")
        found = self.opening(index, chooser) + self.relations(index, chooser) + particulars(self, index)
        for statement in self.statements[index]:
            found += self.from_statement(statement, chooser)
        seen, kept = set(), []
        for fact in sorted(found, key=lambda fact: -fact.rank):
            marks = {question.lower() for question in fact.ask[:1]}
            if marks & seen or not fact.short or len(fact.short.split()) > 14 or len(fact.ask[0].split()) > 20:
                continue
            seen |= marks
            kept.append(fact)
        return kept

    # -- who you are, and who belongs to you --

    def opening(self, index: int, chooser: random.Random) -> list[Fact]:
        if index:
            return []
        name, other = self.profile.name, chooser.choice(bank()["strangers"])
        return [
            *self.birth(),
            Fact("who", "name", ("What is your name?", "Who are you?", "Tell me your name.", "What do people call you?", "May I ask your name?"),
                ("How are you called?", "With whom am I speaking?"),
                 f"{name}.", (f"My name is {name}.", f"I am {name}.", f"You are speaking to {name}."), (self.profile.short_name,),
                 (f"Are you {other}?", f"Are you {name}?"), (f"No, my name is {name}.",), (), 6, 0, "name", (name,))
        ]  # fmt: skip

    def birth(self) -> list[Fact]:
        """The day or year of birth that stands in brackets behind the name."""
        life = re.search(r"\((?:born |b\. ?)?([^()]*?)(?:\)| ?[–—-] ?[^()]*\))", self.profile.paragraphs[0].text[:300])
        written = re.findall(r"(?:\d{1,2} )?(?:[A-Z][a-z]+ )?(?:\d{1,2}, )?\d{1,4}(?: BCE?| AD)?", life[1]) if life else []
        dates = dates_in(life[1]) if life else []
        if not dates or not written or len(life[1]) > 60 or (self.profile.end and not self.profile.end.after(dates[0])):
            return []
        text, year = written[0].strip(), str(abs(dates[0].year))
        if dates[0].year < 0 and "BC" not in text or self.profile.end and self.profile.end.year < 0 and "BC" not in text:
            return []
        prep, era = "on" if dates[0].day else "in", " BC" if dates[0].year < 0 else ""
        wrong = text.replace(year, str(int(year) + 7))
        return [
            Fact("when", "date", ("When were you born?", "What is the date of your birth?" if dates[0].day
                else "In what year were you born?",
                                  "In which year did you come into the world?", "Tell me when you were born.", "When did your life begin?"), ("When is your birthday?", "What year saw your birth?"),
                 f"{sentence_case(prep)} {text}.", (f"I was born {prep} {text}.", f"My birth was {prep} {text}.",
                     f"{sentence_case(prep)} {text} I was born."), (year,),
                 (f"Were you born {prep} {wrong}?", f"Were you born {prep} {text}?"), (f"No, {prep} {text}.",), (f"{year}{era}",), 6.5, 0, "birth",
                 tuple(f"{int(year) + shift}{era}" for shift in (0, -6, 4, 9)))
        ]  # fmt: skip

    def relations(self, index: int, chooser: random.Random) -> list[Fact]:
        """Kin and close people named for the first time in this paragraph, and what others were."""
        story, found = self.story, []
        by_kin: dict[str, list[str]] = {}
        for name, kin in story.kin.items():
            by_kin.setdefault(kin, []).append(name)
        for name, kin in story.kin.items():
            if self.first_named.get(name) != index:
                continue
            sex = {**KIN, **ROLES}.get(kin, "")
            alike = [other for other in self.people if sex in {"", self.story.genders.get(other) or sex}]  # no duke for a mother
            wrong = self.another(alike, name, chooser) or chooser.choice(bank()["strangers"])
            single = kin in {"father", "mother"}
            several = "" if single else {"wife": "wives", "child": "children"}.get(kin, f"{kin}s") if "-" not in kin else ""
            one = f"one of my {several}" if len(by_kin[kin]) > 1 and several else f"my {kin}"
            yours = f"one of your {several}" if len(by_kin[kin]) > 1 and several else f"your {kin}"
            what = story.appositions.get(name)
            more = f" {name} was {what}." if what and kin not in what else ""
            found.append(
                Fact("who", "person", (f"Who was {yours}?", f"What was the name of {yours}?", f"What was {yours} called?", f"Tell me who {yours} was.",
                         f"{sentence_case(yours)}: who was that?"),
                     (f"Whom would you name as {yours}?", f"By what name was {yours} known?"),
                     f"{name}.", (f"{sentence_case(one)} was {name}.{more}", f"{name} was {one}.", f"The name of {one} was {name}."),
                         self.gold_name(name),
                     (f"Was {wrong} {yours}?", f"Was {name} {yours}?"), (f"No, {one} was {name}.",), (name, yours), 5.5, index,
                         f"kin {name}",
                     (name, *self.some(self.people, name, chooser))))  # fmt: skip
            found.append(
                Fact("who", "relation", (f"Who was {name}?", f"What was {name} to you?", f"How did you know {name}?", f"{name}: who was that?"),
                     (f"In what relation did {name} stand to you?", f"Could you explain who {name} was?"),
                     f"{sentence_case(one)}.", (f"{sentence_case(one)} was {name}.{more}", f"{name} was {one}."),
                     (kin,), (f"Was {name} your {self.other_kin(kin, chooser)}?", f"Was {name} {yours}?"), (f"No, {one}.",), (), 4.6,
                         index, f"of {name}",
                     (kin, *self.other_kins(kin, chooser))))  # fmt: skip
        for name, what in story.appositions.items():
            if name in story.kin or self.first_named.get(name) != index or self.late(what) or name in story.commentators:
                continue
            head = Part("object", tuple(Token(word, "word") for word in re.findall(r"[\w'-]+", what))).head.text
            wrong = chooser.choice(
                [w for w in ("a baker", "a soldier", "a painter", "a priest", "a merchant", "a weaver") if w.split()[-1] not in what]
            )
            found.append(
                Fact("who", "role", (f"Who was {name}?", f"What was {name}?", f"{name}: who was that?", f"Tell me who {name} was.",
                         *((f"What was the work of {name}?", f"How did {name} earn a living?") if names_a_person(what) and what[:2] in ("a ", "an") else ())),
                     (f"Could you explain who {name} was?", f"What sort of person was {name}?"), f"{sentence_case(what)}.",
                     (f"{name} was {what}.", f"{sentence_case(what)}, and {name} was the name."), (head,),
                         (f"Was {name} {wrong}?", f"Was {name} {what}?"),
                     (f"No, {what}.",), (), 3.4, index, f"of {name}",
                         (what, *[w for w in ("a baker", "a soldier", "a painter", "a priest") if w != what][:3])))  # fmt: skip
        return found

    def late(self, text: str) -> bool:
        return bool(self.profile.end) and any(date.after(self.profile.end) for date in dates_in(text))

    def another(self, names: list[str], right: str, chooser: random.Random, near: str = "") -> str:
        """A name of the same kind that is not the right one, nor part of it, nor in `near`."""
        own = set(right.split())
        free = [name for name in names if not own & set(name.split()) and name not in near]
        return chooser.choice(free) if free else ""

    def some(self, names: list[str], right: str, chooser: random.Random, count: int = 3) -> list[str]:
        own = set(right.split())
        free = [name for name in names if not own & set(name.split())]
        chooser.shuffle(free)
        return free[:count]

    def other_kins(self, kin: str, chooser: random.Random) -> list[str]:
        gender = {**KIN, **ROLES}[kin]
        free = sorted(  # in one order in every process: the lists are sets
            word
            for word in (KIN if kin in KIN else ROLES)
            if word not in {kin, "fiancé", "fiancée"} and {**KIN, **ROLES}[word] == gender and "-" not in word and "god" not in word
        )
        chooser.shuffle(free)
        return free[:3]

    def other_kin(self, kin: str, chooser: random.Random) -> str:
        return (self.other_kins(kin, chooser) or ["cousin"])[0]

    def gold_name(self, name: str) -> tuple[str, ...]:
        """What proves a name: its last word, or its first when the last is the protagonist's own."""
        words = [word for word in name.split() if word[0].isupper()]
        last = words[-1] if words else name
        if last in self.story.self_words and len(words) > 1:
            return (words[0] if words[0] not in self.story.self_words else name,)
        if last in {"Great", "Younger", "Elder", "Second"} or re.fullmatch(r"[IVX]+", last):
            return (name,)
        return (last,)

    # -- what happened --

    def from_statement(self, statement: Statement, chooser: random.Random) -> list[Fact]:
        """One fact for each part of a statement that can be asked after, and one for its subject."""
        found = []
        me = statement.subject == "me"
        if any(part.kind == "adverb" and part.tokens[0].low in {"there", "then"} for part in statement.parts):
            return []
        shape = Shape(statement)
        if statement.clause.verb.form == "be" and self.ageless(statement):
            return []
        for part in statement.parts:
            fact = self.from_part(statement, shape, part, chooser)
            if fact:
                found.append(replace(fact, rank=fact.rank + (1.0 if me else 0.3 if statement.subject == "person" else 0)))
        if not me:
            fact = self.from_subject(statement, shape, chooser)
            if fact:
                found.append(fact)
        named = statement.clause.verb.form == "be" and any(token.kind == "name" for part in statement.parts for token in part.tokens)
        if not found and not named:
            fact = self.plain(statement, shape)
            if fact:
                found.append(fact)
        return found

    def ageless(self, statement: Statement) -> bool:
        """'I was fifteen' says nothing without its moment."""
        rest = [part for part in statement.parts if part.kind != "adverb"]
        text = join([token for part in rest for token in part.tokens])
        aged = (
            re.match(r"(?:about |nearly |only )?[\w-]+( years old)?$", text)
            and number(re.sub(r"^(?:about|nearly|only) | years old$", "", text)) is not None
        )
        return bool(aged)

    def made(
        self,
        kind: str,
        type: str,
        statement: Statement,
        shape: "Shape",
        ask,
        exam,
        short: str,
        gold,
        guess,
        no,
        things,
        rank,
        told=(),
        options=(),
    ) -> Fact:
        told = tuple(
            dict.fromkeys(
                [
                    *told,
                    statement.say(),
                    *(
                        statement.say(front=part)
                        for part in statement.parts
                        if part.kind in {"time", "span"}
                        and part.prep in {"in", "on", "from", "at", "during", "about"}
                        and any(token.kind == "date" for token in part.tokens)
                    ),
                ]
            )
        )
        ask = widened(list(ask), kind, statement)
        clean = tuple(dict.fromkeys(tidy(question) for question in ask if question and not _UNFINISHED.search(question)))
        short = " ".join(short.replace("“", "").replace("”", "").split())
        return Fact(kind, type, clean, tuple(tidy(question) for question in exam if question), sentence_case(short).rstrip(".") + ".",
            told, tuple(gold), guess,
                    tuple(no), tuple(things), rank, statement.paragraph, f"{statement.paragraph} {statement.say()} {short}",
                        tuple(options))  # fmt: skip

    def from_part(self, statement: Statement, shape: "Shape", part: Part, chooser: random.Random) -> Fact | None:
        text = statement.text(part)
        yes = statement.say()
        if not text or len(text.split()) > 22:
            return None
        if (
            statement.clause.verb.form == "be"
            and not shape.me
            and part.kind in {"other", "person", "place"}
            and statement.parts[0].kind == "complement"
        ):
            return None  # it belongs to what the subject was
        about = [piece for piece in (statement.text(other, "you") for other in statement.parts if other is not part
            and other.kind == "object")
                 if piece and len(piece.split()) < 9 and not piece.startswith("you ") and piece != "you"]  # fmt: skip
        if re.fullmatch(r"in the (?:morning|afternoon|evening)", text) and sum(p.kind in {"time", "span"} for p in statement.parts) > 1:
            return None  # "from eight in the morning until two in the afternoon"
        if part.kind in {"time", "when"} and part.prep not in {"for"}:
            return self.when(statement, shape, part, text, chooser, about, yes)
        if part.kind == "span":
            if part.prep == "for" or part.prep == "from" or not part.prep:
                return self.how_long(statement, shape, part, text, chooser, about)
            return self.when(statement, shape, part, text, chooser, about, yes)
        if part.kind == "place":
            return self.where(statement, shape, part, text, chooser, about)
        if part.kind == "person":
            return self.with_whom(statement, shape, part, text, chooser, about)
        if part.kind == "object" and part is next((p for p in statement.parts if p.kind == "object"), None):
            return self.what(statement, shape, part, text, chooser)
        if part.kind == "object":
            counted = part.tokens[0].kind == "number" and len(part.tokens) > 1 and "and" not in statement.clause.verb.words
            return self.what(statement, shape, part, text, chooser) if counted else None
        wherefore = re.match(
            r"(?:in protest|because of|out of|on account of|due to|thanks to|owing to|for fear|for lack|for want|for love)\b", text
        )
        if len(text.split()) <= 12 and (
            wherefore or part.kind == "other" and part.prep == "for" and len(part.tokens) > 2 and is_gerund(part.tokens[1].low)
        ):
            ask = [f"Why {shape.ask(part)}?", f"What was the reason that {shape.indirect(part)}?", f"For what {shape.ask(part)}?",
                   f"Tell me why {shape.indirect(part)}.", f"{sentence_case(shape.indirect(part))}: why was that?"]  # fmt: skip
            exam = [f"For what reason {shape.ask(part)}?", f"Can you explain why {shape.indirect(part)}?"]
            return (
                self.made("why", "reason", statement, shape, ask, exam, text, (), ("", ""), (), about, 2.4)
                if len(text.split()) > 2
                else None
            )
        if part.kind == "other" and part.prep in _STRANDED and len(part.tokens) > 1 and len(text.split()) <= 9 and not text.endswith(" it"):
            return self.stranded(statement, shape, part, text, about)
        if part.kind == "complement":
            return self.being(statement, shape, part, text, chooser)
        if part.kind == "reason" and part.prep in {"because", "since"}:
            ask = [
                f"Why {shape.ask(part)}?",
                f"What was the reason that {shape.indirect(part)}?",
                f"How is it that {shape.indirect(part)}?",
            ]
            exam = [f"For what reason {shape.ask(part)}?", f"Can you explain why {shape.indirect(part)}?"]
            return self.made(
                "why", "reason", statement, shape, ask, exam, re.sub(r"^since\b", "because", text), (), ("", ""), (), about, 2.2
            )
        if (
            part.kind == "to"
            and statement.clause.verb.lemma not in _OF_INFINITIVE | {"devote", "dedicate", "respond"}
            and len(statement.parts) > 1
        ):
            ask = [
                f"Why {shape.ask(part)}?",
                f"For what purpose {shape.ask(part)}?",
                f"What did you want when {shape.indirect(part)}?" if shape.me else "",
            ]
            exam = [f"With what aim {shape.ask(part)}?", f"Can you explain why {shape.indirect(part)}?"]
            return self.made("why", "reason", statement, shape, ask, exam, text, (), ("", ""), (), about, 2.0)
        return None

    def stranded(self, statement, shape, part, text, about) -> Fact | None:
        """A part that only its preposition describes: 'What did you spend the money on?', and where, of things that stand somewhere."""
        prep, head = part.prep, part.head
        rest = " ".join(text.split()[1:])
        if (
            head.kind in {"date", "mark"}
            or is_gerund(part.tokens[1].low)
            or part.tokens[1].low in {"that", "this", "which", "all", "his", "her"}
        ):
            return None
        placed = prep in {"in", "on", "at", "behind", "near", "above", "under", "beside"} and statement.clause.verb.lemma in _STANDING
        if placed:
            return self.where(statement, shape, replace(part, kind="place"), text, self.chooser(statement.paragraph, text), about)
        whom = (
            is_human(head)
            or names_a_person(rest)
            or any(self.story.kind(token) == "person" for token in part.tokens if token.kind == "name")
        )
        few = len([other for other in statement.parts if other.kind not in {"time", "adverb"}]) <= 2
        if not whom and (prep not in {"of", "on", "about", "with", "against", "from"} or not few):
            return None
        word = "Whom" if whom else "What"
        asked, told = shape.ask(part, 0), shape.indirect(part, 0)
        ask = [f"{word} {asked} {prep}?", f"{sentence_case(prep)} {word.lower()} {asked}?", f"Tell me {word.lower()} {told} {prep}.",
               f"Do you remember {word.lower()} {told} {prep}?", f"{word} was it {told} {prep}?"]  # fmt: skip
        if whom and shape.me and prep == "from" and statement.clause.verb.lemma in {"learn", "study"}:
            ask[2:2] = ["Who taught you?", "Who was your teacher?"]
        exam = [f"Can you name {'the person' if whom else 'what'} {shape.indirect(part)} {prep}?"]
        return self.made(
            "who" if whom else "what",
            "person" if whom else "thing",
            statement,
            shape,
            ask,
            exam,
            rest,
            (head.text,) if len(head.text) > 3 else (),
            ("", ""),
            (),
            about,
            1.7,
        )

    def when(self, statement, shape, part, text, chooser, about, yes) -> Fact | None:
        dates = [token.text for token in part.tokens if token.kind == "date"]
        if len([other for other in statement.parts if any(token.kind == "date" for token in other.tokens)]) > 1:
            return None
        year = re.search(r"\b\d{1,4} BC\b|\b1\d{3}\b|\b20\d\d\b|\b\d{1,4} AD\b", " ".join(dates))
        if (
            part.kind == "time"
            and not dates
            and part.tokens[0].low in {"every", "each", "all", "on", "at"}
            and "night" not in text
            and part.prep != "at"
        ):
            return None
        if part.kind == "time" and not dates and part.prep == "at" and number(part.tokens[-1].text) is not None:
            age = part.tokens[-1].text
            ask = (
                [f"How old were you when {shape.indirect(part)}?", f"At what age {shape.ask(part)}?"]
                if shape.me
                else [f"At what age {shape.ask(part)}?"]
            )
            exam = (
                [f"How many years old were you when {shape.indirect(part)}?"]
                if shape.me
                else [f"What was the age at which {shape.indirect(part)}?"]
            )
            digits = str(number(age))
            return self.made(
                "how many",
                "number",
                statement,
                shape,
                ask,
                exam,
                sentence_case(age),
                {age, digits, spelled(int(digits))},
                ("", ""),
                (),
                about,
                3,
            )
        if len(part.tokens) < 2 or text.split()[0] in {"that", "this"}:
            return None
        lead = "Since when" if part.prep == "since" else "Until when" if part.prep in {"until", "till"} and part.kind == "time" else "When"
        ask = [f"{lead} {shape.ask(part)}?"]
        if year and lead == "When":
            ask.append(f"In what year {shape.ask(part)}?")
        ask += [f"Do you remember when {shape.indirect(part)}?", f"Tell me when {shape.indirect(part)}."]
        exam = [f"Can you name the {'year' if year else 'time'} {'in which' if year else 'when'} {shape.indirect(part)}?",
                f"At what {'date' if year else 'time'} was it that {shape.indirect(part)}?"]  # fmt: skip
        guess, no, options = ("", ""), (), ()
        gold = (year[0],) if year else tuple(dates[:1])
        if year:
            value = int(re.search(r"\d+", year[0])[0])
            shift = chooser.choice([-9, -7, -6, -4, -3, 3, 4, 5, 8])
            wrong = text.replace(year[0], year[0].replace(str(value), str(value + shift)), 1)
            guess = (shape.yes_no(part, wrong), shape.yes_no(part, text))
            no = (f"No, {text}.",)
            options = (year[0], *(year[0].replace(str(value), str(value + d)) for d in chooser.sample([-8, -5, -2, 3, 6, 9], 3)))
        told = (f"It was {text} that {shape.indirect_me(part)}.",) if part.kind == "time" and part.prep else ()
        things = [year[0] if year else "", *about]
        born = statement.clause.verb.main == "born" and shape.me and bool(dates)
        if born:
            ask = ["When were you born?", "What is the date of your birth?" if len(dates[0].split()) > 1 else "In what year were you born?",
                   "In which year did you come into the world?", "Tell me when you were born.", "When did your life begin?"]  # fmt: skip
            exam = ["When is your birthday?", "What year saw your birth?"]
        kin = next((word for word in KIN if re.search(rf"\b{word}\b", shape.subject)), "")
        if statement.clause.verb.lemma == "die" and kin and year:
            ask.insert(1, f"In what year did you lose {shape.subject}?")
        return self.made("when", "date", statement, shape, ask, exam, text, gold, guess, no, [thing for thing in things if thing],
                         (3.5 if year else 2.0 if dates else 1.2) + (2.5 if born else 0), told, options)  # fmt: skip

    def how_long(self, statement, shape, part, text, chooser, about) -> Fact | None:
        if part.prep == "for" and any(token.low in {"the", "that", "my", "next"} for token in part.tokens[1:2]) or not any(
            token.kind in {"number", "date"} or token.low in {"years", "months", "weeks", "days", "hours"} for token in part.tokens
        ):  # fmt: skip
            return None
        if part.prep == "from":
            ask = [f"From when to when {shape.ask(part)}?", f"When {shape.ask(part)}?", f"In which years {shape.ask(part)}?"]
        else:
            ask = [f"How long {shape.ask(part)}?", f"For how long {shape.ask(part)}?", f"Tell me how long {shape.indirect(part)}.",
                   f"What length of time was it that {shape.indirect(part)}?", f"How much time was it that {shape.indirect(part)}?"]  # fmt: skip
        exam = [f"Over what length of time {shape.ask(part)}?", f"Can you say how long it was that {shape.indirect(part)}?"]
        gold = [token.text for token in part.tokens if token.kind in {"number", "date"}]
        gold += [str(number(word)) for word in gold if number(word) is not None and not word.isdigit()]
        return self.made("how long", "span", statement, shape, ask, exam, text, gold, ("", ""), (), about, 2.6)

    def where(self, statement, shape, part, text, chooser, about) -> Fact | None:
        lemma = statement.clause.verb.lemma
        head = part.head
        if part.prep == "by" or part.prep in {"above", "under", "behind", "through"} and head.kind != "name" and lemma not in _STANDING:
            return None
        if part.prep == "for" and lemma not in {"leave", "sail", "depart", "embark", "head", "start", "set"}:
            return None
        if len(part.tokens) < 2 or text in {"at home"}:
            return None
        towards = part.prep in {"to", "into", "towards", "onto"}
        if part.prep == "from" and lemma not in {"come"}:
            ask = [f"From where {shape.ask(part)}?", f"From what place {shape.ask(part)}?"]
        elif part.prep == "from":
            ask = [f"Where {shape.ask(part)} from?", f"From what place {shape.ask(part)}?"]
        elif towards:
            moved = lemma in words_of("go come move travel return sail walk ride ship send carry march emigrate flee retire")
            ask = [f"Where {shape.ask(part)}?" if moved else f"To what place {shape.ask(part)}?", f"To which place {shape.ask(part)}?"]
        else:
            ask = [
                f"Where {shape.ask(part)}?",
                f"In what place {shape.ask(part)}?" if part.prep == "in" else "",
                f"Do you remember where {shape.indirect(part)}?",
            ]
        ask.append(f"Tell me where {shape.indirect(part)}." if not towards else f"Tell me to what place {shape.indirect(part)}.")
        exam = [f"Can you name the place {'to' if towards else 'from' if part.prep == 'from' else 'at'} which {shape.indirect(part)}?",
                f"What was the place where {shape.indirect(part)}?" if not towards and part.prep != "from" else ""]  # fmt: skip
        named = next((token.text for token in part.tokens if token.kind == "name" and not self.story.is_self(token)), "")
        guess, no, options = ("", ""), (), ()
        if named:
            wrong = self.another(self.places, named, chooser, statement.sentence) or chooser.choice(bank()["places"])
            if self.story.kinds.get(named) == "place" and len(part.tokens) == 2:
                guess = (shape.yes_no(part, f"{part.tokens[0].low} {wrong}"), shape.yes_no(part, statement.text(part, "you")))
            no = (f"No, {text}.",)
            options = (named, *self.some(self.places, named, chooser))
        born = statement.clause.verb.main == "born" and shape.me
        if born:
            ask = [
                "Where were you born?",
                "What is your birthplace?",
                "In what place did your life begin?",
                "Where do you come from?",
                "In what place did you come into the world?",
                "Tell me where you were born.",
            ]
            exam = ["Which place do you call your birthplace?", "From what town or village do you hail?"]
        lived = shape.me and lemma in {"live", "settle", "move", "reside", "dwell", "lodge"} and not towards
        if lived:
            ask += ["Where did you live?" if not any(p.kind in {"time", "span"} for p in statement.parts) else ""]
        gold = (named.split()[-1] if named and named.split()[-1] not in {"Street", "House"} else named,) if named else (head.text,)
        return self.made("where", "place", statement, shape, ask, exam, text, gold, guess, no, [named, *about] if named else about,
                         (3.2 if named else 1.8) + (2.5 if born else 0), (), options)  # fmt: skip

    def with_whom(self, statement, shape, part, text, chooser, about) -> Fact | None:
        prep = part.tokens[0].low
        name = next((token.text for token in part.tokens if token.kind == "name" and self.story.kind(token) == "person"), "")
        if prep not in {"with", "from", "by", "to", "for", "under", "against", "beside", "after"} or (not name and len(part.tokens) < 3):
            return None
        if text.split()[-1] in {"me", "mine"} or prep == "by" and not statement.clause.verb.passive:
            return None
        who = " ".join(text.split()[1:])
        ask = [f"{sentence_case(prep)} whom {shape.ask(part)}?", f"Who was it {prep} whom {shape.indirect(part)}?" if prep != "by" else "",
               f"Tell me {prep} whom {shape.indirect(part)}."]  # fmt: skip
        if prep == "by":
            past = past_of(statement.clause.verb.lemma)
            object_ = "you" if shape.me else shape.subject
            if past and statement.clause.verb.form == "aux" and "had" not in statement.clause.verb.words:
                ask = [f"Who {past} {object_} {shape.rest(part, 1)}?", *ask, f"Whom do you name as the one who {past} {object_}?"]
        learned = shape.me and statement.clause.verb.lemma in {"study", "learn", "train", "take"} and prep in {"from", "with", "under"}
        if learned:
            ask += ["Who taught you?" if statement.clause.verb.lemma != "take" else "", "Whose pupil were you?"]
        exam = [f"Can you name the person {prep} whom {shape.indirect(part)}?"]
        guess, no, options = ("", ""), (), ()
        if name:
            wrong = self.another(self.people, name, chooser, statement.sentence)
            if wrong:
                guess = (shape.yes_no(part, f"{prep} {wrong}"), shape.yes_no(part, statement.text(part, "you")))
                no = (f"No, {text}.",)
                options = (name, *self.some(self.people, name, chooser))
        gold = self.gold_name(name) if name else (part.head.text,)
        return self.made("who", "person", statement, shape, ask, exam, text if prep in {"with", "by", "from"} else who, gold, guess, no,
                         [name, *about] if name else about, 3.2 if name else 1.6, (), options)  # fmt: skip

    def what(self, statement, shape, part, text, chooser) -> Fact | None:
        first, head = part.tokens[0], part.head
        lemma = statement.clause.verb.lemma
        rest = shape.rest(part)
        clear = bool(rest.strip())
        if first.low in {"only", "about", "nearly", "almost", "some", "over"} and len(part.tokens) > 2 and part.tokens[1].kind == "number":
            # "only nineteen days" is counted as nineteen days
            first, after = part.tokens[1], part.tokens[2:]
        else:
            after = part.tokens[1:]
        counted = first.kind == "number" and bool(after)
        last = part.tokens[-1]
        dangling = len(part.tokens) > 1 and last.kind == "word" and (
            is_gerund(last.low) or set(senses(last.low)) == {"ADJ"} or is_participle(last.low) and "NOUN" not in senses(last.low))  # fmt: skip
        if part.head.text in {"me"} or text in {"me", "myself"} or dangling:
            return None
        if counted:
            words = after
            unit = words[0].low if words else ""
            value = number(first.text)
            if value is None or not words:
                return None
            cut = next((n for n, token in enumerate(words) if token.text == ","), len(words))
            noun = statement.story.shift(tuple(words[:cut]), statement, "you")
            if not noun:
                return None
            plural = value != 1
            if unit in _MONEY:
                ask = [f"How much {shape.ask(part)}?", f"What sum {shape.ask(part)}?"]
                exam = [f"Which sum of money {shape.ask(part)}?"]
                short = text
            else:
                if not plural:
                    return None
                ask = [
                    f"How many {noun} {shape.ask(part)}?",
                    f"Do you know how many {noun} {shape.indirect(part)}?",
                    f"Tell me how many {noun} {shape.indirect(part)}.",
                    f"What number of {noun} {shape.ask(part)}?",
                ]
                exam = [f"What was the number of {noun} that {shape.indirect(part)}?"]
                short = text if len(text.split()) < 8 else f"{first.text} of them"
            wrong = value + chooser.choice([-2, -1, 2, 3, 5, 7]) if value > 4 else value + chooser.choice([1, 2, 4])
            shown = f"{wrong:,}" if first.text[:1].isdigit() else spelled(wrong) if wrong < 10_000 else str(wrong)
            guess = (shape.yes_no(part, f"{shown} {noun}"), shape.yes_no(part, statement.text(part, "you")))
            gold = {first.text, str(value), f"{value:,}", spelled(value) if value < 10_000 else str(value)}
            options = (
                first.text,
                *(spelled(max(1, value + d)) if not first.text[:1].isdigit() else str(max(1, value + d)) for d in (-3, 2, 6)),
            )
            return self.made(
                "how many",
                "number",
                statement,
                shape,
                ask,
                exam,
                short,
                sorted(gold),
                guess,
                (f"No, {text}.",),
                [noun] if not noun.startswith("of ") else [],
                3.3,
                (),
                options,
            )
        if "and" in statement.clause.verb.words:
            return None
        named = next((token for token in part.tokens if token.kind in {"name", "title"} and not self.story.is_self(token)), None)
        kind = self.story.kind(head) if head.kind in {"name", "title"} else ""
        if kind == "person" or (head.kind == "word" and self.story.gender(head) and named is None and first.low in {"my"}):
            ask = [f"Whom {shape.ask(part)}?", f"Who was it that {shape.indirect(part)}?", f"Which person {shape.ask(part)}?"]
            exam = [f"Can you name the person whom {shape.indirect(part)}?", f"What is the name of the person that {shape.indirect(part)}?"]
            wrong = self.another(self.people, head.text, chooser, statement.sentence)
            guess = (shape.yes_no(part, wrong), shape.yes_no(part, statement.text(part, "you"))) if wrong else ("", "")
            options = (head.text, *self.some(self.people, head.text, chooser)) if head.kind == "name" else ()
            rank = 3.4
            if shape.me and lemma == "marry":
                spouse = {"m": "husband", "f": "wife"}.get(self.story.gender(head), "spouse")
                ask = [
                    "Whom did you marry?",
                    f"Who was your {spouse}?",
                    f"What was your {spouse}'s name?",
                    f"Tell me who your {spouse} was.",
                    "With whom did you share your life?",
                    f"What was your {spouse} called?",
                ]
                exam = ["To whom were you married?", f"Whom would you name as your {spouse}?"]
                rank = 5.4
            gold = self.gold_name(head.text) if head.kind == "name" else (head.text,)
            return self.made(
                "who", "person", statement, shape, ask, exam, text, gold, guess, (f"No, {text}.",), [head.text], rank, (), options
            )
        if (
            kind == "work"
            or (named is not None and named.kind == "title")
            or (head.kind == "name" and kind == "thing" and lemma in {"publish", "write", "compose"})
        ):
            ask = [
                f"What {shape.ask(part)}?",
                f"Which work {shape.ask(part)}?",
                f"What is the title of the work that {shape.indirect(part)}?",
            ]
            exam = [f"Can you name the work that {shape.indirect(part)}?", f"What was it called, the thing {shape.indirect(part)}?"]
            title = named.text if named is not None else text
            wrong = chooser.choice(bank()["false_works"])
            return self.made("what", "work", statement, shape, ask, exam, text, (title.strip('"“”*'),),
                             (shape.yes_no(part, wrong), shape.yes_no(part, statement.text(part, "you"))), (f"No, {text}.",), [title], 3.4,
                             (), (title, *bank()["false_works"][:3]))  # fmt: skip
        if kind == "place" and lemma not in {"design", "build", "draw", "make", "paint", "write", "print", "buy", "own", "sell"}:
            ask = [
                f"Which place {shape.ask(part)}?",
                f"What place was it that {shape.indirect(part)}?",
            ]
            exam = [f"Can you name the place that {shape.indirect(part)}?"]
            wrong = self.another(self.places, head.text, chooser, statement.sentence)
            guess = (shape.yes_no(part, wrong), shape.yes_no(part, statement.text(part, "you"))) if wrong else ("", "")
            options = (head.text, *self.some(self.places, head.text, chooser))
            return self.made(
                "where", "place", statement, shape, ask, exam, text, (head.text,), guess, (f"No, {text}.",), [head.text], 2.8, (), options
            )
        if (
            statement.clause.verb.main in {"called", "named", "nicknamed"}
            and statement.clause.verb.passive
            and head.kind not in {"name", "title"}
        ):
            return None
        if (
            head.kind == "name"
            and " " not in head.text
            and kind == "thing"
            and not is_human(head)
            or is_human(head)
            and head.kind == "word"
        ):
            return None
        if statement.parts and statement.parts[0].kind == "adverb" and lemma in {"come", "go", "sail", "walk", "ride", "travel", "march"}:
            return None
        if statement.clause.verb.main in {"called", "named", "nicknamed"} and statement.clause.verb.passive:
            ask = [f"What {shape.ask(part)}?", f"By what name {shape.ask(part)}?"]
            return self.made(
                "what",
                "thing",
                statement,
                shape,
                ask,
                [f"Which name {shape.ask(part)}?"],
                text,
                (head.text,),
                ("", ""),
                (),
                [shape.subject],
                3,
            )
        if lemma in {"have", "be", "take", "do", "get", "put"} and not clear or first.low in {"this", "that", "such",
            "all", "no", "the", "some"} and not clear and (
            named is None or head.kind != "name"
        ):  # fmt: skip
            return None
        specific = clear and any(p.kind in {"time", "place", "person", "span", "other"} for p in statement.parts if p is not part)
        if not specific and lemma in _PALE and lemma not in {"publish", "write", "compose", "invent", "found", "discover", "win", "receive", "study",
            "play", "teach", "learn",
                                          "become", "lose", "own", "paint", "sell", "inherit", "lead", "join", "design", "build",
                                              "draw", "enter", "attend", "buy"}:  # fmt: skip
            return None
        ask = [f"What {shape.ask(part)}?", f"What was it that {shape.indirect(part)}?", f"Tell me what {shape.indirect(part)}.",
               f"Can you say what {shape.indirect(part)}?", f"What thing {shape.ask(part)}?"]  # fmt: skip
        exam = [f"Which thing was it that {shape.indirect(part)}?", f"Can you name what {shape.indirect(part)}?"]
        if shape.me and lemma == "become":
            ask = [f"What {shape.ask(part)}?", "What did you become?" if not clear else "", "What was your work?"]
        things = [statement.text(part, "you")] if len(text.split()) < 8 else []
        return self.made("what", "thing", statement, shape, ask, exam, text, (head.text,) if len(head.text) > 3 else (), ("", ""), (),
            things,
                         2.0 if specific else 1.4)  # fmt: skip

    def being(self, statement, shape, part, text, chooser) -> Fact | None:
        first = part.tokens[0]
        rest = shape.rest(part)
        head = part.head
        if any(other.kind == "to" for other in statement.parts):
            return None  # "the first woman to be employed"
        label = statement.label.split(" ")
        if head.kind == "name" and (label[0] == "my" and head.text in self.story.kin and self.story.kin[head.text] == label[-1]
                                    or statement.who and statement.who[-1].kind == "name" and label[0] not in {"my", "the"}):  # fmt: skip
            return None
        was = statement.question_verb()[0]
        if not shape.me and any(other.kind == "adverb" for other in statement.parts) or text in {"enough", "alone"}:
            return None
        if shape.me:
            if first.low not in {"a", "an", "the"} and first.kind != "name":
                ask = [
                    f"What were you like {rest}?",
                    f"How would you describe yourself {rest}?" if not rest else "",
                    f"Is it true that you were {statement.text(part, 'you')}?",
                ]
                return self.made(
                    "what", "state", statement, shape, ask, [f"Which words fit you best {rest}?"], text, (), ("", ""), (), [], 1.3
                )
            if rest:
                ask = [
                    f"What were you {rest}?",
                    f"Tell me what you were {rest}.",
                    f"What was your work {rest}?" if first.low in {"a", "an"} else "",
                ]
                return self.made(
                    "what", "work", statement, shape, ask, [f"In what position were you {rest}?"], text, (head.text,), ("", ""), (), [], 3
                )
            if first.low in {"a", "an"} and statement.paragraph:
                ask = [f"Were you {text}?", f"Is it true that you were {text}?"]
                return self.made(
                    "yes", "yes", statement, shape, ask, [f"May one call you {text}?"], f"Yes, I was {text}", (), ("", ""), (), [], 1.5
                )
            if first.low in {"a", "an"}:
                ask = [
                    "What is your work?",
                    "What do you do in life?",
                    "How do you earn your bread?",
                    "What are you by trade?",
                    "What was your profession?",
                    "What did you do for a living?",
                ]
                exam = ["Which calling have you followed?", "What would you give as your profession?"]
                return self.made(
                    "what",
                    "work",
                    statement,
                    shape,
                    ask,
                    exam,
                    text,
                    (head.text,),
                    ("Are you a tailor?", ""),
                    (f"No, I was {text}.",),
                    [],
                    4,
                )
            return None
        if head.kind == "name" and self.story.kind(head) == "person" or (first.kind == "name" and statement.subject == "person"):
            many = was == "were"
            ask = [
                f"Who {was} {shape.subject}?",
                f"What {was} the name{'s' if many else ''} of {shape.subject}?",
                f"Tell me who {shape.subject} {was}.",
            ]
            ask += [f"What {was} {shape.subject} called?", f"{sentence_case(shape.subject)}: who {was} that?"]
            exam = [f"By what name {was} {shape.subject} known?", f"Can you name {shape.subject}?"]
            wrong = self.another(self.people, head.text, chooser, statement.sentence)
            guess = (
                (f"Was {wrong} {shape.subject}?", f"Was {statement.text(part, 'you')} {shape.subject}?") if wrong and not many else ("", "")
            )
            return self.made("who", "person", statement, shape, ask, exam, text, self.gold_name(head.text), guess, (f"No, {text}.",),
                [shape.subject], 4,
                             (), (head.text, *self.some(self.people, head.text, chooser)))  # fmt: skip
        if first.kind == "number" and len(part.tokens) > 1:
            much = part.tokens[1].low in _MONEY
            ask = [f"How much {was} {shape.subject}?" if much else f"What {was} {shape.subject}?", f"Tell me what {shape.subject} {was}."]
            return self.made("how many", "number", statement, shape, ask,
                [f"What did {shape.subject} come to?" if much else f"Can you name {shape.subject}?"], text,
                             (first.text, str(number(first.text) or "")), ("", ""), (), [shape.subject], 2.6)  # fmt: skip
        if first.low in {"a", "an", "the", "my"} or head.kind == "name":
            belonging = tuple(p for p in statement.parts if p.kind in {"other", "person", "place", "to", "with"})
            whole = statement.tail("you", tuple(p for p in statement.parts if p is not part and p not in belonging)).strip()
            if belonging and len(whole.split()) <= 12:
                text, rest = whole.replace(" your ", " my "), ""
            ask = [
                f"What {was} {shape.subject} {rest}?",
                f"Who {was} {shape.subject} {rest}?",
                f"Tell me what {shape.subject} {was} {rest}.",
            ]
            if statement.subject == "person" and first.low in {"a", "an"} and not rest:
                ask[1:1] = [
                    f"What was the work of {shape.subject}?",
                    f"What did {shape.subject} do for a living?",
                    f"How did {shape.subject} earn money?",
                ]
            exam = [f"Can you explain what {shape.subject} {was} {rest}?"]
            return self.made(
                "what",
                "role",
                statement,
                shape,
                ask,
                exam,
                text,
                (head.text,) if len(head.text) > 3 else (),
                ("", ""),
                (),
                [shape.subject],
                2.6,
            )
        if text.startswith(("my ", "your ")):
            return None
        ask = [
            f"What {was} {shape.subject} like {rest}?",
            f"How {was} {shape.subject} {rest}?",
            f"How would you describe {shape.subject}?" if not rest else "",
        ]
        return self.made(
            "what",
            "state",
            statement,
            shape,
            ask,
            [f"Which words describe {shape.subject} {rest}?"],
            text,
            (),
            ("", ""),
            (),
            [shape.subject],
            1.2,
        )

    def from_subject(self, statement, shape, chooser) -> Fact | None:
        """Who did it: other people's deeds stay theirs."""
        verb, tail = statement.verb("you"), statement.tail("you", most=3)
        if not tail or statement.clause.verb.form == "be" or len(tail.split()) < 2:
            return None
        head = Part("object", statement.who).head if statement.who else Token("", "end")
        word = "Who" if statement.subject == "person" or is_human(head) else "What"
        label = statement.label
        if word == "What" and head.kind == "name" and " " not in head.text:
            return None
        named = any(token.kind == "name" for token in statement.clause.subject)
        if word == "What" and not named and label.split()[0].lower() in _VAGUE:
            return None
        aux = statement.question_verb()[0]
        did = "did" if statement.clause.verb.form == "simple" else aux
        ask = [f"{word} {verb} {tail}?", f"{word} was it that {verb} {tail}?", f"Do you remember {word.lower()} {verb} {tail}?"]
        exam = [f"Can you name the {'person' if word == 'Who' else 'thing'} that {verb} {tail}?"]
        named = next((token.text for token in statement.who if token.kind == "name" and not self.story.is_self(token)), "") or next(
            (name for name in self.people if name in label), ""
        )
        guess = ("", "")
        if named and word == "Who" and " and " not in label and statement.clause.verb.words[0] not in {"were", "have", "are"}:
            wrong = self.another(self.people, named, chooser, statement.sentence)
            if wrong:
                first, after = statement.question_verb()
                guess = (f"{sentence_case(first)} {wrong} {after} {tail}?", f"{sentence_case(first)} {statement.label_you} {after} {tail}?")
        taught = statement.clause.verb.lemma == "teach" and word == "Who" and re.search(r"\byou\b", tail)
        if taught:
            lesson = next(
                (statement.text(part, "you") for part in statement.parts if part.kind == "object" and statement.text(part) != "me"), ""
            )
            ask.insert(1, f"From whom did you learn {lesson}?" if lesson and len(lesson.split()) < 10 else "Who was your teacher?")
            exam.append("Who was it that gave you lessons?" if not lesson else f"Whom did you have to thank for teaching you {lesson}?")
        short = f"{label} {did}" if word == "Who" and did in {"did", "was", "had", "were", "could", "would"} else label
        gold = self.gold_name(named) if named else (Part("object", statement.who).head.text,) if statement.who else ()
        rank = 3.3 if named and " you" in f" {tail}" else 2.4 if named else 0.9
        options = (
            (named, *self.some(self.people, named, chooser)) if named and self.story.kinds.get(self.story.full(named)) == "person" else ()
        )
        return self.made("who", "person" if word == "Who" else "thing", statement, shape, ask, exam, short, gold, guess,
            (f"No, {label} {did}." if word == "Who" else "",),
                         [named] if named else [], rank, (), options)  # fmt: skip

    def plain(self, statement, shape) -> Fact | None:
        """A statement that only bears a yes/no question and a telling."""
        if not statement.parts or len(statement.say().split()) < 4 or denies(statement):
            return None  # "Did you never learn to swim? Yes, I did." says the contrary
        first, after = statement.question_verb()
        question = f"{sentence_case(first)} {shape.subject} {after} {statement.tail('you')}?"
        ask = [question, f"Is it true that {shape.subject} {statement.verb('you')} {statement.tail('you')}?"]
        yes = "I" if shape.me else statement.label
        aux = "did" if statement.clause.verb.form == "simple" else statement.verb("I").split()[0]
        object_ = next((statement.text(part, "you") for part in statement.parts if part.kind in {"object", "place"}), "")
        short = f"Yes. {statement.say()}" if statement.clause.verb.form == "present" or not aux.isalpha() else f"Yes, {yes} {aux}"
        return self.made("yes", "yes", statement, shape, ask,
            [f"May one say that {shape.subject} {statement.verb('you')} {statement.tail('you')}?"], short, (),
                         ("", ""), (), [object_] if object_ and object_ != "you" and len(object_.split()) < 8 else [], 0.8)  # fmt: skip


def denies(statement: Statement) -> bool:
    """Whether a statement says what was not."""
    words = {token.low for part in statement.parts for token in part.tokens} | set(statement.clause.verb.words)
    return bool(words & {"never", "not", "no", "nor", "neither", "nothing", "nobody", "none"})


_STRANDED = {"of", "on", "for", "with", "about", "against", "in", "from", "at", "behind", "near", "above", "under", "beside"}


_STANDING = words_of(
    "bear live sleep bear work stand hang settle grow stay rent open build study serve meet hide sit teach learn dwell plant own lie keep found"
)


_PALE = words_of("""
    have be make take do get put give say see find use set go come begin start continue hold bring think know feel let show turn become ask
    follow call remain want need tell try seem leave mean
""")


class Shape:
    """The second person of a statement, with one part taken out: what questions are made of."""

    def __init__(self, statement: Statement):
        self.statement = statement
        self.me = statement.subject == "me"
        self.subject = "you" if self.me else statement.label_you

    def rest(self, part: Part | None, most: int = 2) -> str:
        """The other parts, at most `most` loose ones; without long side clauses."""
        loose = tuple(p for p in self.statement.parts if p.kind in {"reason", "clause"})
        loose += tuple(p for p in self.statement.parts if p.kind in {"when", "with"} and len(p.tokens) > 5)
        text = self.statement.tail("you", (*((part,) if part else ()), *loose), most)
        if len(text.split()) <= 9:
            return text
        text = self.statement.tail("you", (*((part,) if part else ()), *loose), 1)
        if len(text.split()) <= 12:
            return text
        side = tuple(p for p in self.statement.parts if p.kind in {"when", "reason", "clause", "with"})
        text = self.statement.tail("you", (*((part,) if part else ()), *side), most)
        return text if len(text.split()) <= 16 else self.statement.tail("you", (*((part,) if part else ()), *side), 1)

    def ask(self, part: Part, most: int = 2) -> str:
        """'did you move to Vienna'"""
        first, after = self.statement.question_verb()
        return " ".join(piece for piece in (first, self.subject, after, self.rest(part, most)) if piece)

    def indirect(self, part: Part, most: int = 2) -> str:
        """'you moved to Vienna'"""
        return " ".join(piece for piece in (self.subject, self.statement.verb("you"), self.rest(part, most)) if piece)

    def indirect_me(self, part: Part) -> str:
        """'I moved to Vienna'"""
        subject = "I" if self.me else self.statement.label
        return " ".join(piece for piece in (subject, self.statement.verb("I"), self.statement.tail("I", (part,), 2)) if piece)

    def yes_no(self, part: Part, instead: str) -> str:
        """A yes/no question with `instead` where the part stood."""
        first, after = self.statement.question_verb()
        pieces = []
        for other in self.statement.parts:
            if other is part:
                pieces.append(re.sub(r"\bmy\b", "your", instead))
            elif other.kind in {"object", "complement", "adverb", "to", "that", "rate"} or len(pieces) < 3:
                pieces.append(self.statement.text(other, "you"))
        return tidy(f"{sentence_case(first)} {self.subject} {after} {' '.join(pieces)}?")


_SYNONYMS = {
    "marry": "wed", "join": "enter", "publish": "bring out", "found": "set up", "buy": "purchase", "receive": "get", "build": "construct",
    "make": "create", "begin": "start", "leave": "depart from", "return": "come back", "retire": "stop working", "open": "start",
    "settle": "make a home", "meet": "get to know", "discover": "find", "own": "possess", "fear": "dread", "hate": "dislike", "invent": "think up",
    "write": "pen", "attend": "go to", "work": "earn a living", "win": "gain", "travel": "journey", "visit": "go to see", "drown": "perish",
    "love": "like best", "collect": "gather", "compose": "write", "design": "draw up", "enrol": "enter", "enroll": "register", "employ": "hire",
    "sail": "go by ship", "flee": "run away", "establish": "set up", "create": "make", "purchase": "buy", "obtain": "get", "refuse": "decline",
    "climb": "go up", "enlist": "join up", "perform": "play", "head": "lead", "quarrel": "fall out", "acquire": "get", "inherit": "come into",
}  # fmt: skip


_COLON = {"when": "when was that", "where": "where was that", "who": "who was it", "what": "what was it", "why": "why was that",
          "how long": "how long was that", "how many": "how many were there"}  # fmt: skip


def widened(ask: list[str], kind: str, statement: Statement) -> list[str]:
    """The questions with two more: the verb said otherwise, and the matter first with its question behind."""
    verb = statement.clause.verb
    if not ask or not ask[0] or len(ask[0].split()) < 3:
        return ask
    other = _SYNONYMS.get(verb.lemma, "")
    if other and verb.form == "simple" and " and " not in " ".join(verb.words):
        said = re.sub(rf"\b{re.escape(verb.lemma)}\b", other, ask[0], count=1)
        if said == ask[0] and not re.search(r"\bdid\b", ask[0]):
            head, _, tail = other.partition(" ")
            said = re.sub(rf"\b{re.escape(verb.main)}\b", f"{past_of(head) or head} {tail}".strip(), ask[0], count=1)
        if said != ask[0]:
            ask.insert(2, said)
    match = re.match(r"(?:Do you remember|Tell me|What was the reason|How is it that|Do you know) (?:when|where|who|whom|what|why|that|how many|to what place|by whom|with whom|from whom)? ?(.+?)[?.]$",
                     next((q for q in ask if q.startswith(("Do you remember", "Tell me", "Do you know"))), ""))  # fmt: skip
    if match and kind in _COLON and kind not in {"who", "what"} and match[1].startswith(("you ", "your ", "my ", "the ")):
        ask.append(f"{sentence_case(match[1])}: {_COLON[kind]}?")
    return ask


_UNFINISHED = re.compile(r"\b(?:when|while|that|where) (?:you|I|it|he|she|they) (?:were|was|had|did|could|would)\?$")


def tidy(question: str) -> str:
    """A question with single spaces, a capital, and one mark at its end."""
    question = re.sub(r"\s+([?.,])", r"\1", " ".join(question.split()))
    question = re.sub(r"[,.]+([?])", r"\1", question)
    return question[:1].upper() + question[1:]


# what readers ask of every life, told in few set ways: (pattern after the protagonist's name, kind, type, questions, exam questions, rank)
_PARTICULARS = (
    (r"(?:was|is) famous for (?:the |his |her |their |a |an )?(?P<x>[^,.;]+)", "what", "work",
     ("What are you famous for?", "What is your best known work?", "For what are you known?", "What made your name?", "What did you invent or make?",
      "What is your greatest work?"), ("For what will you be remembered?", "What brought you fame?"), 4.6),
    (r"(?:(?:was|is) (?:afraid|scared|terrified|frightened) of|feared|fears|dreaded|dreads) (?P<x>[^,.;]+?)(?= because| since|[,.;])", "what", "taste",
     ("What are you afraid of?", "What do you fear?", "What frightened you?", "Is there anything that you fear?", "What scares you?",
      "Tell me your fear."), ("What gives you a fright?", "Of what do you stand in dread?"), 3.2),
    (r"(?:hated|hates|disliked|dislikes|loathed|detested|despised|could not (?:abide|bear|stand)|couldn't (?:abide|bear|stand)|"
     r"refused (?:all (?:his|her) life )?to (?:eat|drink|wear)) (?P<x>[^,.;]+)", "what", "taste",
     ("What do you hate?", "What can you not bear?", "What did you dislike?", "Is there anything that you cannot stand?", "What do you refuse?",
      "Tell me what you hate."), ("What do you detest?", "What annoys you most?"), 3.0),
    (r"(?:loved|loves|adored|adores|enjoyed|enjoys|liked|likes|(?:was|is) (?:very |especially )?fond of) (?P<x>(?!to\b)[^,.;]+?)(?= more than| above| best|[,.;])",
     "what", "taste",
     ("What do you love?", "What do you like best?", "What gave you pleasure?", "What are you fond of?", "What do you enjoy?", "Tell me what you love."),
     ("What delights you?", "What is your favourite thing?"), 3.0),
    (r"(?:spoke|speaks) (?P<x>(?:fluent )?[A-Z]\w+(?:(?:, | and |, and )[A-Z]\w+)*)", "what", "language",
     ("Which languages do you speak?", "What languages did you know?", "In what tongues can you talk?", "Tell me which languages you speak."),
     ("How many tongues do you have, and which?",), 3.2),
    (r"(?:played|plays) the (?P<x>[a-z][a-z -]{2,24}?)(?= badly| well| and| in| at|[,.;])", "what", "instrument",
     ("Which instrument do you play?", "What do you play?", "On what instrument did you make music?", "Do you make music, and on what?",
      "Tell me which instrument you play."), ("With which instrument are you at home?",), 3.4),
    (r"(?:collected|collects) (?P<x>[^,.;]+)", "what", "taste",
     ("What do you collect?", "What did you gather for pleasure?", "Of what have you a collection?", "Tell me what you collect."),
     ("What fills your cabinets?",), 3.2),
    (r"(?:was|is) (?:called|nicknamed|known as|dubbed) (?P<x>(?:the |“|\")?[A-Z][^,.;]+)", "what", "name",
     ("What were you called?", "What was your nickname?", "By what other name are you known?", "What did people call you?"),
     ("Which nickname did they give you?",), 3.6),
    (r"signed (?:[a-z]+ ){0,4}(?:name|pseudonym|pen name) (?P<x>[A-Z][^,.;]+)", "what", "name",
     ("What name did you sign with?", "What was your pen name?", "Under what name did you write?", "How did you sign your letters?"),
     ("Which name stood below your letters?",), 3.4),
)  # fmt: skip


_MINE = (
    (r"(?P<of>favou?rite [a-z]+(?: [a-z]+)?) (?:was|is) (?P<x>[^,.;]+)", 3.8),
    (r"(?P<of>motto|nickname|pen name|hobby|greatest fear|dearest wish|best friend|most famous \w+|best known \w+|first \w+|last \w+|greatest \w+|boat|ship|car|"
     r"horse|dog|cat|pet) (?:was called|is called|was|is|shows|showed) (?P<x>[^,;]+?)(?=[,.;]|$)", 3.6),
)  # fmt: skip


_TITLE = rf"{NAME}(?: (?:(?:of|the|to|a|and|in|on|for|from|with) )+{NAME})?(?: \(\d{{4}}\))?"


_NAMED = re.compile(
    rf"\b(?:an?|the|his|her|their|my|two|three|four|one|five|six) (?P<what>(?:[a-z][a-z'-]* ){{0,3}}?(?P<head>[a-z][a-z-]+))(?: (?:which |that )?(?:he|she|they))? "
    rf"(?:named|called|nicknamed|christened|entitled|titled) (?P<name>“[^”]+”|(?:[Tt]he )?{NAME})"
    rf"|\b(?:an?|his|her) (?P<owned>(?:[A-Za-z][a-z'-]* ){{0,3}}?[A-Za-z][a-z-]+)(?: that| which)? (?:he|she|they) (?:named|called|nicknamed|christened) (?P<ownedname>{NAME})"
    rf"|\b(?P<each>[a-z]+), (?:all|both|each|every one) (?:of (?:them|which|whom) )?(?:called|named) (?P<eachname>{NAME})"
    rf"|\b(?:two|three|four|five|six) (?P<many>[a-z]+), (?P<names>{_TITLE}(?:, {_TITLE})*,? and {_TITLE})"
    rf"|\b[Tt]he (?P<ship>ship|whaler|schooner|brig|boat|barge|steamer|frigate|packet|yacht|trawler|programme|newspaper|magazine|opera|play|novel|song|poem|film|dog|horse) (?P<shipname>{NAME})"
    rf"|\b(?:[Tt]he|his|her|[A-Z]\w+'s) (?P<subject>(?:[a-z'-]+ ){{0,2}}?[a-z]+)(?: was [a-z]+ (?:in|on) [^,.]+? and)? (?:was|is|were) (?:called|named|christened) (?P<subjectname>“[^”]+”|(?:[Tt]he )?{NAME})"
)  # fmt: skip


def particulars(facts: Facts, index: int) -> list[Fact]:
    """Facts that are told in set ways: fame, fears, tastes, languages, nicknames, and the names of things and animals."""
    me, found = re.escape(facts.profile.short_name), []
    end = facts.profile.end
    for n, sentence in enumerate(sentences(facts.story.texts[index])):
        if end and any(date.after(end) for date in dates_in(sentence)):
            continue
        own = re.match(rf"(?:(?:[A-Z][a-z]+ )*{me}) (.+)$", sentence)
        for pattern, kind, type, ask, exam, rank in _PARTICULARS if own else ():
            match = re.match(pattern, own[1])
            if match and len(match["x"].split()) <= 10:
                found.append(_particular(facts, index, kind, type, ask, exam, match["x"], rank, f"{type} {n}"))
        mine = re.match(rf"(?:{me}'s|Her|His) (.+)$", sentence)
        for pattern, rank in _MINE if mine else ():
            match = re.match(pattern, mine[1])
            if match and len(match["x"].split()) <= 10:
                of = match["of"]
                ask = (
                    f"What is your {of}?",
                    f"What was your {of}?",
                    f"Tell me your {of}.",
                    f"Which was your {of}?",
                    f"Your {of}: what was it?",
                )
                found.append(_particular(facts, index, "what", "thing", ask, (f"Can you name your {of}?",), match["x"], rank, of))
        found += _names(facts, index, sentence)
        nick = re.match(r"[^.]{2,30} [\"“']([A-Z][\w-]+)[\"”'] ", sentence) if index == 0 and n == 0 else None
        if nick:
            ask, exam = _PARTICULARS[7][3:5]
            found.append(_particular(facts, index, "what", "name", ask, exam, nick[1], 4.4, "nickname"))
        if index == 0 and n < 2:
            match = re.match(
                rf"(?:{re.escape(facts.profile.name)}|[^,.()]*{me})(?: \([^)]*\))?, (?P<x>(?:an?|the) [^,;.]+?)(?= of |, )", sentence
            )
            if match and names_a_person(match["x"]):
                sentence = f"{facts.profile.name} was {re.sub('^the ', 'a ', match['x'])}."
            match = re.match(
                rf"(?:{re.escape(facts.profile.name)}|{me})(?: \([^)]*\))?,? (?:was|is) (?P<x>an? [^,;.]+?)(?= who | best | and was | and the |[,;.])",
                sentence,
            )
            if match and len(match["x"].split()) <= 12 and not re.search(r"\b(?:man|woman|person|daughter|son|figure) of\b", match["x"]):
                ask = ("What is your work?", "What was your profession?", "What do you do in life?", "What did you do for a living?", "How do you earn your bread?",
                       "What are you by trade?")  # fmt: skip
                exam = ("Which calling have you followed?", "What would you give as your profession?")
                found.append(_particular(facts, index, "what", "work", ask, exam, match["x"], 5.6, "work"))
    return [fact for fact in found if fact]


def _particular(facts: Facts, index: int, kind, type, ask, exam, text: str, rank: float, key: str) -> Fact | None:
    """A fact of set wording, or None when the text leans on somebody else's pronoun."""
    text = re.sub(r"[“”\"]", "", text).strip()
    own = {"he": "his", "she": "her", "they": "their"}[facts.story.pronoun]
    text = re.sub(rf"\b{own} (?=[a-z])", "my ", text)
    if re.search(r"\b(?:he|she|him|her|his|hers|they|them|it|its|their)\b", text):
        return None
    head = Part("object", tuple(Token(word, "word") for word in re.findall(r"[\w'-]+", text)) or (Token("", "end"),)).head.text
    return Fact(
        kind,
        type,
        tuple(ask),
        tuple(exam),
        f"{sentence_case(text)}.",
        (),
        (head,) if len(head) > 2 else (),
        rank=rank,
        paragraph=index,
        key=f"{index} {key}",
    )


def _names(facts: Facts, index: int, sentence: str) -> list[Fact]:
    """What things and animals were called: 'a donkey named Bishop', 'two dogs, Pip and Latch', 'the whaler Meridian'."""
    found = []
    for match in _NAMED.finditer(sentence):
        name = match["name"] or match["ownedname"] or match["eachname"] or match["names"] or match["shipname"] or match["subjectname"]
        what = match["what"] or match["owned"] or match["each"] or match["many"] or match["ship"] or match["subject"] or ""
        what = re.sub(r"^(?:new|small|big|large|young|old|own) ", "", what)
        name = re.sub(r"[“”]| \(\d{4}\)", "", name).strip()
        if (
            not what
            or not what.split()[-1:]
            or names_a_person(what)
            or is_human(Token(what.split()[-1], "word"))
            or what.split()[-1] in KIN
            or facts.story.is_self(Token(name, "name"))
        ):
            continue
        if "NOUN" not in senses(what.split()[-1].lower()) or what.split()[0] in {"was", "were", "is", "had", "and", "of", "in"}:
            continue
        many = bool(match["many"] or match["each"])
        verb, noun = ("were", "names") if many else ("was", "name")
        ask = (f"What {verb} the {what} called?", f"What {verb} the {noun} of the {what}?", f"Tell me the {noun} of the {what}.",
               f"By what {noun} did you call the {what}?", f"The {what}: what {verb} {'they' if many else 'it'} called?",
               f"What did you name your {what}?")  # fmt: skip
        exam = (f"Which {noun} did the {what} bear?", f"Can you name the {what}?")
        wrong = facts.chooser(index, name).choice(
            bank()["false_works"] if what.split()[-1] in {"book", "story", "poem", "play", "novel", "song"} else bank()["false_names"]
        )
        options = () if many else (name, wrong)
        guess = ("", "") if many else (f"Was the {what} called {wrong}?", f"Was the {what} called {name}?")
        found.append(Fact("what", "name", ask, exam, f"{sentence_case(name)}.", (f"{name} {'were' if many else 'was'} the {noun} of the {what}.",), (name.split()[0] if many else name.split()[-1],),
                          guess, (f"No, {name}.",), (), 3.7, index, f"{index} name {what}", options))  # fmt: skip
        if not many:
            a = f"{'an' if what[:1] in 'aeiou' else 'a'} {what}"
            found.append(Fact("what", "thing", (f"What was {name}?", f"What did the name {name} stand for?", f"{sentence_case(name)}: what was that?", f"Who or what was {name}?"),
                              (f"Could you explain what {name} was?",), f"{sentence_case(a)}.", (), (what.split()[-1],), rank=1.9, paragraph=index, key=f"{index} of {name}"))  # fmt: skip
    return found


MOST, LEAST = 12, 5  # wordings of a sentence; of one among very many


_WORDINGS = 700  # of a whole life, about


_LOOSE = set(words_of("i my me it there that was is am did had name and his her"))  # shared by any two sentences


_SAME = 0.7  # share of a fact's words that a sentence must hold to tell it


def exchanges(facts: Facts, index: int, half: int | None = None) -> list[tuple[str, str]]:
    """(question, answer) pairs of a paragraph: sentence by sentence, each asked in many wordings and answered whole; then guesses at its facts.

    A small model asked in words it never met finds a sentence by the things in it more surely than it cuts the right word out of one.
    `half` 0 or 1 takes the first or second half of the sentences.
    """
    told, seen = [], set()
    for rows in _told(facts, index):
        fresh = [row for row in rows if row[0].lower() not in seen]
        seen |= {question.lower() for question, _ in fresh}
        told.append(fresh)
    middle = (len(told) + 1) // 2
    halves = {None: told, 0: told[:middle], 1: told[middle:]}
    return [row for rows in halves[half] for row in rows]


def _told(facts: Facts, index: int) -> list[list[tuple[str, str]]]:
    """The exchanges of each sentence of a paragraph, the most telling sentence first."""
    chooser, rank = facts.chooser(index, "memory"), {}
    found = facts.tellings[index]
    asked: dict[str, list[list[str]]] = {telling.said: [] for telling in found}  # of each sentence: the wordings of each thing in it
    guessed: dict[str, list[tuple[str, str]]] = {}
    for turn, fact in enumerate(facts.of(index)):
        answer = telling_of(fact, list(asked)) or _whole(fact)
        rank.setdefault(answer, fact.rank)
        asked.setdefault(answer, []).append(_wordings(fact, chooser))
        guessed.setdefault(answer, []).extend(_guesses(fact, turn, chooser))
    for turn, telling in enumerate(found):
        named, echoes = telling.ask(turn), telling.echoes
        asked[telling.said] += [named, list(echoes)] if asked[telling.said] else [named[::2], list(echoes), named[1::2]]
    share = max(LEAST, min(MOST, _WORDINGS // max(1, sum(map(len, facts.tellings)))))
    rows = []
    for answer in sorted(asked, key=lambda answer: -rank.get(answer, 0)):
        most = share + 3 * max(0, len(asked[answer]) - 4) * (share == MOST)  # a sentence that holds much is asked for more
        mixed = [question for turn in itertools.zip_longest(*asked[answer]) for question in turn if question]
        rows.append([*((tidy(question), answer) for question in mixed[:most]), *guessed.get(answer, [])[:2]])
    return [row for row in rows if row]


def telling_of(fact: Fact, among: list[str]) -> str:
    """The sentence that tells a fact whole, among those of its paragraph; empty if none does."""
    need = _content(min(fact.told, key=len) if fact.told else fact.short)
    return next((said for said in among if need and len(need & _content(said)) >= _SAME * len(need)), "")


def _content(text: str) -> set[str]:
    words = set(re.findall(r"[^\W_]+", text.lower())) - _LOOSE - PREPOSITIONS - DETERMINERS
    return {word.removesuffix("s") for word in words}


def _whole(fact: Fact) -> str:
    """The fact as a sentence of its own."""
    return next((told for told in fact.told if 3 < len(told.split()) <= 16), fact.short)


def _wordings(fact: Fact, chooser: random.Random) -> list[str]:
    """The fact asked in different words, and offered beside another."""
    made = [question for question in fact.ask if len(question.split()) <= 20][:6]
    others = [option for option in fact.options[1:] if option and option != fact.options[0]]
    if others and len(fact.ask[0].split()) <= 12 and len(fact.options[0].split()) <= 5:
        pair = [fact.options[0], others[0]]
        chooser.shuffle(pair)
        made.insert(2, f"{fact.ask[0].rstrip('?.')}: {pair[0]} or {pair[1]}?")
    return made


def _guesses(fact: Fact, turn: int, chooser: random.Random) -> list[tuple[str, str]]:
    """A wrong guess corrected; of every second fact a right one granted."""
    wrong, right = fact.guess
    made = []
    if wrong and wrong != right and len(wrong.split()) <= 16:
        made.append((tidy(wrong), chooser.choice([no for no in fact.no if len(no.split()) <= 12] or [f"No. {fact.short}"])))
    if right and len(right.split()) <= 16 and turn % 2:
        made.append((tidy(right), fact.short if fact.short.startswith(("Yes", "No")) else f"Yes, {_lowered(fact.short)}"))
    return made


def _lowered(short: str) -> str:
    """The short answer after 'Yes,': its first letter small unless it is a name or 'I'."""
    first = short.split()[0].rstrip(".,")
    small = first != "I" and (first.lower() in DETERMINERS | POSSESSIVES | PREPOSITIONS or number(first) is not None and first.isalpha())
    return short[:1].lower() + short[1:] if small else short
