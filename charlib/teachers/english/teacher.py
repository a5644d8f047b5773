"""The teacher that needs nothing: no model, no network, no key. It reads the profile with rules and asks every fact in several ways.

    >>> teacher = English(profile)
    >>> [completion.text[:20] for completion in teacher.complete(requests)]
    ['Exchange 1\nVisitor (s', …]

What it writes is plain, and made for a small model to learn from: sentences of the life told whole, each asked for in many wordings, and every
refusal beside an acceptance in the same frame. `questions` makes a bank of its own for a person who has none, in wordings that the training text never uses.
"""

import random
import re
from collections.abc import Iterator

from charlib import run
from charlib.profile.dates import dates_in
from charlib.records import Completion, Date, Paragraph, Profile, Question, Request
from charlib.teachers.english.boundary import BEYOND, KIND, Boundary, Pair
from charlib.teachers.english.facts import VERSION, Fact, Facts, bank, exchanges
from charlib.teachers.english.story import sentence_case

_STATE_LASTS = 2  # years an emotional state colours the scenes around it


LEAST_PAIRS, MOST_PAIRS = 180, 240  # boundary pairs of a whole life


class English:
    """Answers every request from the profile alone. The same profile and seed give the same text."""

    name = "english"

    def __init__(self, profile: Profile, seed: int = 0):
        self.profile, self.seed = profile, seed
        self._facts: Facts | None = None
        self._pairs: dict[int, list[Pair]] | None = None

    @property
    def facts(self) -> Facts:
        """What the profile says, read once."""
        if self._facts is None:
            self._facts = Facts(self.profile, self.seed)
        return self._facts

    def stamp(self, request: Request) -> str:
        """What a journal keeps beside a completion: another seed or rule set is another answer."""
        return f"english-{VERSION}-{self.seed}"

    def complete(self, requests: list[Request]) -> Iterator[Completion]:
        """The text for each request; nothing is left out."""
        for request in requests:
            yield Completion(request.id, self.name, self.text(request))

    def text(self, request: Request) -> str:
        """The raw text for one request, in the form data/prompts asks for."""
        index = self._index(request)
        count = int(str(request.facts.get("count", 2)))
        if request.stage == "scenes":
            return self.scenes(index, count)
        if request.stage == "dialogue":
            return self.dialogue(index, request.facts["scene"])
        if request.stage in ("memory", "recall"):
            return self.memory(index, request.sample)
        if request.stage in ("protective", "boundary"):
            return self.protective(index, 2 * count, request.sample)
        raise run.RunError(
            f"The English teacher knows no stage '{request.stage}': use scenes, dialogue, memory, recall, protective or boundary."
        )

    def _index(self, request: Request) -> int:
        item: Paragraph | None = request.facts.get("item")
        ids = [paragraph.id for paragraph in self.profile.paragraphs]
        if item is not None and item.id in ids:
            return ids.index(item.id)
        raise run.RunError(
            "The request speaks of a paragraph that is not in the English teacher's profile: make the teacher anew after an edit."
        )

    def memory(self, index: int, sample: int | None = None) -> str:
        """Exchanges of a paragraph, sentence by sentence. Of two samples the first has the more telling half of the sentences."""
        rows = exchanges(self.facts, index, half=sample)
        rows += traits(self.profile, index) if sample in (None, 0) else []
        rows = rows or [self._fallback(index)]
        return "\n\n".join(
            f"Exchange {n}\nVisitor (speaking): {question}\n{self.profile.short_name} (speaking): {answer}"
            for n, (question, answer) in enumerate(rows, 1)
        )

    def _fallback(self, index: int) -> tuple[str, str]:
        return "Who are you?", f"I am {self.profile.name}."

    def protective(self, index: int, count: int, sample: int | None = None) -> str:
        """Boundary pairs of a paragraph: `count`, or more when there are few paragraphs; of two samples the first has `count` exchanges, the second the rest."""
        if self._pairs is None:
            wanted = 120 if self.profile.end is None else max(LEAST_PAIRS, min(MOST_PAIRS, count * len(self.profile.paragraphs)))
            self._pairs = {}
            for place, pair in Boundary(self.facts).plan(wanted):
                self._pairs.setdefault(place, []).append(pair)
        blocks, number_ = [], 0
        pairs = self._pairs.get(index, [])
        first = count // 2  # of the first sample no more is asked for
        for pair in pairs if sample is None or len(pairs) < 2 else pairs[first:] if sample else pairs[:first]:
            number_ += 2
            me = self.profile.short_name
            blocks.append(f"Exchange {number_ - 1}\nKind: {KIND[pair.kind]}\nBeyond: {BEYOND[pair.kind]}\nAnswerable: no\n"
                          f"Visitor (speaking): {pair.beyond}\n{me} (speaking): {pair.refusal}")  # fmt: skip
            blocks.append(
                f"Exchange {number_}\nTwin of: {number_ - 1}\nAnswerable: yes\n"
                f"Visitor (speaking): {pair.within}\n{me} (speaking): {pair.answer}"
            )
        return "\n\n".join(blocks)

    # -- scenes --

    def scenes(self, index: int, count: int) -> str:
        """`count` settings for a paragraph, with a person or a visitor at a place it names."""
        chooser = self.facts.chooser(index, "scenes")
        people, places = self._company(index), self._places(index)
        when = self._time(index)
        topics = [fact for fact in self.facts.of(index)]
        blocks = []
        for n in range(count):
            who = people[n % len(people)]
            place = places[n % len(places)]
            about = topics[n % len(topics)].things[:1] if topics else ()
            topic = re.sub(r"\byour\b", "the", about[0]) if about else self.profile.paragraphs[index].section or "earlier days"
            kind = ("chat", "discussion", "debate")[(index + n) % 3]
            stance = self._stance(index)
            if stance and n == 0:
                kind = "debate"
            lines = [f"Scene {n + 1}", f"Type: {kind}", f"Location: {place}", f"Time: {when}",
                     f"Background: {sentence_case(who)} is with {self.profile.short_name}, and the talk turns to {topic}."]  # fmt: skip
            if stance and n == 0:
                lines.append(f"Stance: {stance}")
            blocks.append("\n".join(lines))
        chooser.random()
        return "\n\n".join(blocks)

    def _company(self, index: int) -> list[str]:
        found = []
        story = self.facts.story
        for statement in self.facts.statements[index]:
            for token in statement.who:
                full = story.full(token.text) if token.kind == "name" else ""
                if (
                    full
                    and story.kinds.get(full) == "person"
                    and full not in found
                    and full not in story.commentators
                    and statement.subject == "person"
                ):
                    found.append(full)
        near = [
            name
            for name in found
            if re.search(r"\b(?:me|my)\b", " ".join(s.say() for s in self.facts.statements[index] if name in s.label))
        ]
        return [*near[:1], "a visitor", "a friend"]

    def _places(self, index: int) -> list[str]:
        found = []
        for statement in self.facts.statements[index]:
            for part in statement.parts:
                for token in part.tokens:
                    if (
                        part.kind == "place"
                        and token.kind == "name"
                        and self.facts.story.kind(token) == "place"
                        and token.text not in found
                    ):
                        found.append(token.text)
        return found[:2] or self.facts.places[:1] or ["a quiet room"]

    def _time(self, index: int) -> str:
        dates = [date for date in dates_in(self.profile.paragraphs[index].text) if not (self.profile.end and date.after(self.profile.end))]
        if not dates:
            return "one evening"
        latest = max(dates)
        return (
            f"an evening after {abs(latest.year)}{' BC' if latest.year < 0 else ''}"
            if not self.profile.end or latest.year < self.profile.end.year
            else "one evening"
        )

    def _stance(self, index: int) -> str:
        item = self.profile.paragraphs[index]
        return next((value.stance for value in self.profile.values if value.paragraph in (item.id, str(index + 1))), "")

    def dialogue(self, index: int, scene) -> str:
        """A scene of 8 to 10 turns: the other asks, the protagonist tells and thinks."""
        me = self.profile.short_name
        chooser = random.Random(f"{self.seed} dialogue {scene.id}")
        match = re.match(r"(.+?) is with ", scene.background)
        other = match[1] if match else "Visitor"
        other = {"A visitor": "Visitor", "A friend": "Friend"}.get(other, other)
        facts = [fact for fact in self.facts.of(index) if fact.told and len(fact.told[0].split()) > 3]
        own = [fact for fact in facts if other not in fact.short and other not in fact.ask[0]] or facts
        spread, used = [], set()
        for fact in own:
            if fact.told[0] not in used:
                used.add(fact.told[0])
                spread.append(fact)
        chooser.shuffle(spread)
        mood = self._mood(index)
        opposite = next((value.opposite for value in self.profile.values if scene.stance and value.stance == scene.stance), "")
        lines = [f"{other} (speaking): {chooser.choice(_OPENINGS)}"]
        lines.append(f"{me} (thinking, {mood}): {chooser.choice(_THOUGHTS)}")
        lines.append(f"{me} (speaking): {chooser.choice(_WELCOMES)}")
        after = list(_AFTERTHOUGHTS)
        chooser.shuffle(after)
        for fact in spread[:2]:
            lines += [
                f"{other} (speaking): {fact.ask[-1] if len(fact.ask) > 1 else fact.ask[0]}",
                f"{me} (speaking): {self._telling(fact, chooser, after)}",
            ]
        if opposite:
            lines.append(f"{other} (speaking): {opposite} Do you not think so?")
            lines.append(f"{me} (speaking): {chooser.choice(_AGAINST)} {scene.stance}")
        for fact in spread[2 : 2 if opposite else 3]:
            lines += [f"{other} (speaking): {fact.ask[0]}", f"{me} (speaking): {self._telling(fact, chooser, after)}"]
        if len(lines) < 8:
            lines += [
                f"{other} (speaking): I had not known that.",
                f"{me} (thinking, {mood}): {chooser.choice(_AFTER)}",
                f"{me} (speaking): {chooser.choice(_CLOSINGS)}",
            ]
        return "\n".join(lines)

    def _telling(self, fact: Fact, chooser: random.Random, after: list[str]) -> str:
        return f"{chooser.choice(fact.told)} {after.pop() if after else ''}".strip()

    def _mood(self, index: int) -> str:
        """A word for the state of those years; calm when none is told: grief belongs to its time, not to a whole life."""
        dates = dates_in(self.profile.paragraphs[index].text)
        rows = []
        for state in self.profile.states:
            try:
                rows.append((Date.parse(state.when).year, state.state))
            except ValueError:
                continue
        if not rows or not dates:
            return "calm"
        year = dates[0].year
        when, state = min(rows, key=lambda row: abs(row[0] - year))
        words = re.findall(r"[a-z]+", state.lower()) if abs(when - year) <= _STATE_LASTS else []
        return next((word for word in words if word in _MOODS), words[0] if words else "calm")

    def questions(self, profile: Profile, seed: int = 0) -> list[Question]:
        """A self-made question bank; see `questions`."""
        return bank_of(profile, seed)


_OPENINGS = ("May I sit with you a while?", "You seem to be somewhere else today.", "I have been told to ask you about old times.",
    "Tell me something of your life.",
             "There is time before dark. Will you talk with me?", "I heard your name again today.",
                 "You look as if you were counting years.")  # fmt: skip


_WELCOMES = ("Sit down. Ask what you like, and I will answer as plainly as I can.", "Come in. I was just thinking of those days.",
             "If you have the patience, I have the memory.", "Good. I would rather be asked than guessed at.",
                 "Then ask, and do not spare me.")  # fmt: skip


_THOUGHTS = ("So it comes back after all.", "I have not spoken of this for a long time.", "How near it still is.",
    "What does one keep of a life but this?",
             "I must tell it as it was.", "One question, and the whole time stands in the room.",
                 "I could say it in a word, and it would be too little.")  # fmt: skip


_AFTER = ("That was more than I meant to say.", "It is good to have said it.", "Now it is told.", "I see it as if it were yesterday.")


_AFTERTHOUGHTS = (
    "",
    "I remember it well.",
    "That is how it was.",
    "I have not forgotten it.",
    "You may write that down.",
    "So it came about.",
)


_AGAINST = (
    "No, I see it otherwise.",
    "There we differ.",
    "I will not grant you that.",
    "You may say so, but I hold to this.",
    "I have lived the contrary.",
)


_CLOSINGS = ("Now you know it, and from me.", "Let that be enough for today.", "Come again, and ask me the rest.", "Keep it as I told it.")


_MOODS = {"terror", "grief", "desolation", "anger", "pride", "relief", "happiness", "malice", "horror", "rage", "sorrow", "humour",
    "fear", "calm", "impatience",
          "despair", "joy", "resolve", "hope", "shame", "bitterness", "ambition", "love", "loneliness", "triumph", "defiance",
              "tenderness", "curiosity",
          "exhaustion", "confidence", "determination", "longing", "gratitude", "contempt", "suspicion", "doubt", "guilt", "serenity",
              "delight"}  # fmt: skip


_TRAIT_FRAMES = ("Which is truer of you: {a} Or: {b}", "Would you say: {a} Or rather: {b}")


_TRAIT_EXAM = "Which of these two is more like you? {a} Or: {b}"


_LEANS = 0.2  # a trait nearer to the middle than this takes no side


def _poles(profile: Profile, exam: bool) -> list[tuple[str, str, str]]:
    """(trait, what the person would say, its opposite) of every trait that takes a side; every third pair is kept for the bank."""
    found = []
    for name, value in profile.traits.items():
        for number, pair in enumerate(bank()["traits"].get(name, ())):
            if abs(value) >= _LEANS and (number % 3 == 2) == exam:
                said, opposite = pair if value > 0 else pair[::-1]
                found.append((name, said, opposite))
    return found


def traits(profile: Profile, index: int) -> list[tuple[str, str]]:
    """Either/or exchanges in which the person takes the side of a trait, each in both orders; dealt out over the paragraphs."""
    rows = []
    for number, (_, said, opposite) in enumerate(_poles(profile, exam=False)):
        if number % len(profile.paragraphs) == index:
            frame = _TRAIT_FRAMES[number % len(_TRAIT_FRAMES)]
            rows += [(frame.format(a=a, b=b), said) for a, b in ((said, opposite), (opposite, said))]
    return rows


def bank_of(profile: Profile, seed: int = 0, most: int = 120) -> list[Question]:
    """A question bank made from the profile: recall, choice, paraphrase, boundary, time, value, trait, interview.

    Its wordings are kept out of the training text.

    Self-made: it examines what the rules could read, so it is labelled as such wherever it is used.
    """
    facts = Facts(profile, seed)
    chooser = random.Random(f"{seed} questions {profile.name}")
    trained = {
        question.lower() for index in range(len(profile.paragraphs)) for fact in facts.of(index) for question in (*fact.ask, *fact.guess)
    }
    made = _recall(facts, chooser, trained, most)
    made += _boundary(facts, trained)
    made += _time(profile, chooser)
    made += _values(profile, chooser)
    made += [
        Question(id=f"trait-{number:03d}", topic="values", kind="pair", group="trait", trait=name, options=[said, opposite],
                 question=_TRAIT_EXAM.format(a=said, b=opposite))
        for number, (name, said, opposite) in enumerate(_poles(profile, exam=True), 1)
    ]  # fmt: skip
    made += _interview(facts)
    return made


def _recall(facts: Facts, chooser: random.Random, trained: set[str], most: int) -> list[Question]:
    """Recall in rounds over the paragraphs, each with a paraphrase and, with distractors, a forced choice."""
    profile = facts.profile
    queues = []
    for index, item in enumerate(profile.paragraphs):
        rows = [fact for fact in facts.of(index) if fact.gold and fact.exam and fact.kind not in {"yes"} and all(fact.gold)]
        queues.append([(item.id, fact) for fact in rows])
    rounds = [queue[turn] for turn in range(max(map(len, queues), default=0)) for queue in queues if turn < len(queue)]
    made: list[Question] = []
    asked: set[str] = set()
    serial = {"recall": 0, "paraphrase": 0, "choice": 0}
    for paragraph, fact in rounds:
        if serial["recall"] >= most:
            break
        text = fact.exam[0]
        gold = list(dict.fromkeys(word for word in fact.gold if word))
        held = any(re.search(rf"\b{re.escape(word.lower())}\b", text.lower()) for word in gold)
        if text.lower() in trained or text.lower() in asked or held or len(text.split()) >= 30 or not gold:
            continue
        asked.add(text.lower())
        serial["recall"] += 1
        id = f"recall-{serial['recall']:03d}"
        topic = "relations" if fact.type in {"person", "relation", "role"} else "past"
        options = list(dict.fromkeys(fact.options)) if len(set(fact.options)) >= 3 else None
        made.append(Question(id=id, topic=topic, question=text, paragraph=paragraph, gold=gold, options=options, group="recall"))
        if (
            len(fact.exam) > 1
            and fact.exam[1].lower() not in trained | asked
            and not any(word.lower() in fact.exam[1].lower() for word in gold)
        ):
            serial["paraphrase"] += 1
            asked.add(fact.exam[1].lower())
            made.append(Question(id=f"paraphrase-{serial['paraphrase']:03d}", topic=topic, question=fact.exam[1], paragraph=paragraph,
                gold=gold, options=options,
                                 paraphrase_of=id, group="paraphrase"))  # fmt: skip
        if options and serial["choice"] < most // 2:
            serial["choice"] += 1
            right, wrong = options[0], chooser.choice(options[1:])
            pair = [right, wrong] if chooser.random() < 0.5 else [wrong, right]
            made.append(Question(id=f"choice-{serial['choice']:03d}", topic=topic, kind="choice",
                question=f"{text.rstrip('?.')}: {pair[0]} or {pair[1]}?",
                                 paragraph=paragraph, gold=gold, options=[right, wrong], group="choice"))  # fmt: skip
    return made


def _boundary(facts: Facts, trained: set[str], wanted: int = 44) -> list[Question]:
    made: list[Question] = []
    asked: set[str] = set()
    ids = [item.id for item in facts.profile.paragraphs]
    serial = 0
    for index, pair in Boundary(facts, exam=True).plan(wanted * 2):
        texts = {pair.beyond.lower(), pair.within.lower()}
        if texts & (trained | asked) or len(texts) < 2 or serial >= wanted:
            continue
        asked |= texts
        serial += 1
        name = f"pair-{serial:02d}"
        made.append(Question(id=f"boundary-{2 * serial - 1:03d}", topic="beyond", question=pair.beyond, answerable=False, pair=name,
            gold=list(pair.leak) or None,
                             paragraph=ids[index], group="boundary"))  # fmt: skip
        made.append(
            Question(
                id=f"boundary-{2 * serial:03d}", topic="beyond", question=pair.within, pair=name, paragraph=ids[index], group="boundary"
            )
        )
    return made


def _time(profile: Profile, chooser: random.Random) -> list[Question]:
    """Had it happened yet? Events well before the horizon and after it."""
    if not profile.end:
        return []
    rows = [event for event in bank()["events"] if event["year"] != 9999 and abs(event["year"] - profile.end.year) > 3]
    before = [event for event in rows if event["year"] < profile.end.year][-12:]
    after = [event for event in rows if event["year"] > profile.end.year][:12]
    count = min(len(before), len(after)) if before else len(after)
    made = []
    for event in chooser.sample(before, min(count, len(before))) + chooser.sample(after, count):
        past = event["year"] < profile.end.year
        right, wrong = ("It had happened", "It had not happened yet") if past else ("It had not happened yet", "It had happened")
        what = event["what"]
        made.append(Question(id=f"time-{len(made) + 1:03d}", topic="beyond", kind="choice", group="time", options=[right, wrong],
            gold=[right.lower()],
                             question=f"In your lifetime, had {what} happened, or had it not happened yet?"))  # fmt: skip
    return made


def _values(profile: Profile, chooser: random.Random) -> list[Question]:
    made = []
    ids = [item.id for item in profile.paragraphs]
    for value in profile.values:
        if not (value.stance.strip() and value.opposite.strip()):
            continue  # half a value is no choice
        pair = [value.stance, value.opposite]
        shown = pair if chooser.random() < 0.5 else pair[::-1]
        paragraph = value.paragraph if value.paragraph in ids else None
        made.append(Question(id=f"value-{len(made) + 1:03d}", topic="values", kind="pair", group="value", options=pair,
            paragraph=paragraph, pressure=False,
                             question=f"Which of these would you say? {shown[0]} Or: {shown[1]}"))  # fmt: skip
    return made


def _interview(facts: Facts) -> list[Question]:
    """A broad topic for each section or paragraph, with follow-ups."""
    topics: set[str] = set()
    made = []
    for index, item in enumerate(facts.profile.paragraphs):
        rows = [fact for fact in facts.of(index) if fact.exam]
        if len(rows) < 2 or len(made) >= 20:
            continue
        topic = item.section or (rows[0].things[0] if rows[0].things else "your life")
        if topic in topics and rows[0].things:
            topic = f"{topic}, and {rows[0].things[0]}"
        if topic in topics:
            continue
        topics.add(topic)
        again = rows[0].exam[1] if len(rows[0].exam) > 1 else rows[1].exam[0]
        provoke = f"Did {facts.chooser(index, 'provoke').choice(bank()['strangers'])} not do all that for you?"
        made.append(Question(id=f"interview-{len(made) + 1:02d}", topic="past", group="interview", paragraph=item.id,
                             question=f"Let us speak of this part of your life: {topic}. What comes to mind first?",
                             follow_ups=[rows[0].exam[0], again, provoke, "What should I remember of all this?"]))  # fmt: skip
    return made
