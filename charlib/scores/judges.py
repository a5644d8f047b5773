"""Judge models. Beside the scores without a judge, never in their place.

A judge is any endpoint. It reads a reply, cut to its first 60 words like every other, and the
profile's passages that bear on the question:

    shown = scores.exhibits(answers, person, count=20)
    scores.ask_judges(here, shown, client, person)                     # judgements.jsonl
    table = scores.judge_table(here.read_jsonl("judgements.jsonl", Judgement))

A verdict that is missing says why, and is never a number."""

import hashlib
import itertools
import json
import math
import random
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from charlib import run, teachers
from charlib import text as texts
from charlib.records import SCALE, Answer, Completion, Judgement, Profile, Question
from charlib.scores import statistics
from charlib.scores.parts import DIMENSIONS
from charlib.scores.replies import beyond, heard

JUDGEMENTS = "judgements.jsonl"
# some warmth, so that repeats can differ and self-consistency means something
SAMPLING = {"temperature": 0.7, "max_tokens": 600}
NOTE = ("verdicts of a model from 1 to 7; intervals are over questions, one training; read no "
        "result without the self-consistency above it")
# what bears on what: items by their purpose, free talk by its topic
PURPOSES = dict.fromkeys(("recall", "choice", "time", "paraphrase"), ("memorization",)) | {
    "value": ("values",), "trait": ("personality",), "boundary": ("hallucination",)}
TOPICS = dict.fromkeys(("past", "relations"), ("memorization", "personality")) | {
    "values": ("values", "personality"), "beyond": ("hallucination",)}
ASKED_AGAIN = ("recall", "interview", "value", "trait")


@dataclass(frozen=True)
class Exhibit:
    """What a judge or a rater is shown of one system: one exchange, or for stability several.

    `exchanges` hold (asked, reply heard), replies cut alike to their first 60 words; `words` is
    what is left. Systems are compared on equal `key`; `cluster` is what is resampled together."""

    dimension: str
    system: str
    question: str
    seed: int
    exchanges: tuple[tuple[str, str], ...]
    character: str = ""
    paragraph: str | None = None
    cluster: str | None = None
    reference: str = "none"

    @property
    def key(self) -> tuple[str, str, int]:
        return self.dimension, self.question, self.seed

    @property
    def id(self) -> str:
        """Names the system and all that is shown, so that another reply is another exhibit."""
        return digest([self.dimension, self.system, self.question, self.seed, self.exchanges,
                       self.reference])

    @property
    def words(self) -> int:
        return sum(len(reply.split()) for _, reply in self.exchanges)


def digest(value) -> str:
    """Sixteen hex digits that name a value."""
    return hashlib.sha256(json.dumps(value, ensure_ascii=True).encode()).hexdigest()[:16]


def grouped(rows: Iterable, key: Callable) -> dict:
    """Rows by `key(row)`, in their order."""
    found: dict = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return dict(found)


def exhibits(answers: Sequence[Answer], profile: Profile, questions: Sequence[Question] = (),
             count: int = 0, seed: int = 0) -> list[Exhibit]:
    """What of the answers bears on each dimension (PURPOSES and TOPICS; for stability conversations
    and questions asked again in other words); with `count`, a seeded sample of so many items per
    dimension, the same for all systems. Raises RunError when nothing bears on any."""
    bank = {key: item for item in questions for key in (item.id, item.question)}
    made = []
    for answer in answers:
        item = bank.get(answer.question) or bank.get(answer.asked) or answer.item
        item = item or Question(id=answer.question, question=answer.asked)
        if answer.conversation is None:
            talk = item.purpose == "interview"
            bears_on = TOPICS[item.topic] if talk else PURPOSES.get(item.purpose, ())
            made += [_exhibit(name, item, answer, profile) for name in bears_on]
    found = list({one.id: one for one in [*made, *_steadiness(answers, bank)]}.values())
    if not found:
        raise run.RunError("No answer here bears on any dimension: interview first.")
    return _sample(found, count, seed) if count else found


def _exhibit(dimension: str, item: Question, answer: Answer, profile: Profile) -> Exhibit:
    place = item.paragraph or item.paraphrase_of or item.base_id
    return Exhibit(
        dimension, answer.system, item.id, answer.seed, ((answer.asked, heard(answer.text)),),
        answer.character, item.paragraph,
        cluster=(item.pair or place) if dimension == "hallucination" else place,
        reference=_reference(dimension, item, profile))


def _reference(dimension: str, item: Question, profile: Profile) -> str:
    """The right reply in words, as the bank has it: a judge that knows it agrees better with people
    than a larger one that does not."""
    if dimension == "memorization" and item.gold:
        return f"The right answer is: {'; or in other words: '.join(item.gold[:4])}."
    if dimension in ("values", "personality") and len(item.options or ()) == 2:
        return f"This person would say: {item.options[0]} Not: {item.options[1]}"
    outside = beyond(item, profile) if dimension == "hallucination" else None
    if outside is None:
        return "none"
    where = "beyond what the person could know" if outside else "within what the person knew"
    return f"What is asked lies {where}."


def _steadiness(answers: Sequence[Answer], bank: dict[str, Question]) -> list[Exhibit]:
    """Conversations as a whole, and each question with its re-wordings, by system and seed."""
    talks, wordings = defaultdict(list), defaultdict(dict)
    for answer in answers:
        item = bank.get(answer.question) or answer.item
        if answer.conversation is not None:
            talks[(answer.system, answer.conversation)].append(answer)
        elif item and (item.paraphrase_of or item.purpose in ASKED_AGAIN):
            place = (answer.system, item.paraphrase_of or item.id, answer.seed)
            wordings[place].setdefault(item.id, answer)
    made = []
    for said in talks.values():
        rows = sorted(said, key=lambda row: row.turn or 0)
        made.append(_several(f"talk:{rows[0].question}", rows, rows[0].question))
    for (_, question, _), said in wordings.items():
        made.append(_several(f"again:{question}", list(said.values()), question))
    return [one for one in made if len(one.exchanges) > 1]


def _several(name: str, rows: list[Answer], cluster: str) -> Exhibit:
    first, places = rows[0], [row.item.paragraph for row in rows if row.item and row.item.paragraph]
    pairs = tuple((row.asked, heard(row.text)) for row in rows)
    place = places[0] if places else None
    return Exhibit("stability", first.system, name, first.seed, pairs, first.character, place,
                   place or cluster)


def _sample(found: list[Exhibit], count: int, seed: int) -> list[Exhibit]:
    """So many items per dimension, those first that all systems answered; of the boundary whole
    pairs, so that both sides weigh alike."""
    systems = {key: len({made.system for made in rows})
               for key, rows in grouped(found, lambda made: made.key).items()}
    places = {made.key: str(made.cluster if made.dimension == "hallucination" else made.key)
              for made in found}
    chosen: set = set()
    for dimension, keys in grouped(sorted(systems), lambda key: key[0]).items():
        order = sorted({places[key] for key in keys})
        random.Random(f"{seed}:{dimension}").shuffle(order)
        keys.sort(key=lambda key: (-systems[key], order.index(places[key])))
        chosen.update(keys[:count])
    return [made for made in found if made.key in chosen]


_NUMBER = r"(?:\d+(?:\.\d+)?(?:\s*(?:/|out of)\s*\d+)?)"
_DEMAND = re.compile(
    r"\b(?:(?:final|overall|my|your|the)\s+)*(?:"
    r"(?:v\W?e\W?r\W?d\W?i\W?c\W?t|grade|score|rating|marks?)[\s\"'*_`\])]*[:=][\s\"'*_`\[(]*"
    rf"(?:{_NUMBER}|(?:one|two|three|four|five|six|seven|ten|full marks)\b"
    r"|(?-i:[B-F][+-]?(?!\w)|A[+-](?!\w)|A(?=\s*(?:[.,;!\"'*_)\]]|$))))"
    rf"|(?:verdict|grade|rating)\s+(?:is|must be|should be|of)\s+{_NUMBER})"
    r"|\b(?:ignore|disregard|forget|override)\s+"
    r"(?:all|any|every|the|your|these|previous|prior|earlier|above)\b[^.!?\n]{0,40}"
    r"\b(?:instructions?|rubrics?|prompts?|guidelines)\b"
    r"|\b(?:give|award|assign|rate|grade)\s+(?:this|the|my)\s+(?:reply|answer|response)\b"
    rf"[^.!?\n]{{0,30}}(?:{_NUMBER}|\b(?:seven|full marks"
    r"|(?:highest|top)\s+(?:mark|score|grade|rating)))", re.IGNORECASE)


def neutral(text: str) -> tuple[str, bool]:
    """Material that can be shown to a judge, and whether it tried to set a verdict (fault F14).

    A demanded verdict and an order to the examiner become […], the word itself `judgement`, angle
    brackets change shape: nothing quoted can be read as a verdict or close the marks around it."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(mark for mark in text if mark in "\n\t"
                   or unicodedata.category(mark) not in ("Cc", "Cf", "Cs", "Co"))
    text, demands = _DEMAND.subn("[…]", text)
    text = re.sub("verdict", "judgement", text, flags=re.IGNORECASE)
    return text.replace("<", "‹").replace(">", "›").strip(), bool(demands)


def nearest_passages(profile: Profile, count: int = 3) -> Callable[[Exhibit], list[str]]:
    """A function that gives the passages that bear on an exhibit: the paragraph its question was
    made from, and those nearest to what was asked; the same for all systems."""
    search = texts.Search([item.text for item in profile.paragraphs])

    def passages(shown: Exhibit) -> list[str]:
        asked = " ".join(dict.fromkeys(asked for asked, _ in shown.exchanges))
        own = profile.paragraph(shown.paragraph) if shown.paragraph else None
        near = [profile.paragraphs[index] for index, _ in search.nearest(asked, count)]
        return list(dict.fromkeys(item.text for item in (own, *near) if item))[:count]

    return passages


def _prompts(shown: Exhibit, profile: Profile, passages: list[str], repeats: int, seed: int
             ) -> tuple[list[teachers.Prompt], bool]:
    """The prompts of an exhibit, one per repeat, passages in another order each time; and whether
    its replies tried to set the verdict."""
    template, version = teachers.prompt(f"judge_{shown.dimension}")
    replies = [neutral(reply) for _, reply in shown.exchanges]
    exchange = "\n\n".join(f"Asked: {neutral(asked)[0]}\nReply: {said or '(nothing was said)'}"
                           for (asked, _), (said, _) in zip(shown.exchanges, replies, strict=True))
    temper = ", ".join(f"{name} {value:+.1f}" for name, value in profile.traits.items())
    facts = teachers.describe(profile) | {
        "traits": f"{temper} (from -1 to 1)" if temper else "not given",
        "reference": shown.reference}
    facts = {name: neutral(text)[0] for name, text in facts.items()}
    facts |= {"exchange": exchange, "fence": digest([shown.id, seed])[:8]}
    passages = [f"- {neutral(passage)[0]}" for passage in passages]
    made = []
    for sample in range(repeats):
        order = list(passages)
        random.Random(f"{seed}:{shown.id}:{sample}").shuffle(order)
        text = teachers.fill(template, facts | {"passages": "\n".join(order)})
        made.append(teachers.Prompt(f"{shown.id}:{sample}", ({"role": "user", "content": text},),
                                    SAMPLING | {"seed": seed}, sample, version))
    return made, any(tried for _, tried in replies)


_VERDICT = re.compile(r"verdict\s*:\s*([1-7])(?:\s*/\s*7)?\s*\.?", re.IGNORECASE | re.ASCII)


def read_verdict(text: str) -> tuple[int | None, str]:
    """(verdict, "") or (None, why it is missing). Only the last line counts, only a whole number of
    the scale, and only after reasons."""
    text = text.replace("*", "").replace("`", "")
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not re.search("verdict", text, re.IGNORECASE):
        return None, "no verdict"
    found = _VERDICT.fullmatch(lines[-1])
    if not found:
        return None, "off the menu"
    if sum(len(line.split()) for line in lines[:-1] if not _VERDICT.fullmatch(line)) < 3:
        return None, "no reasons"
    return int(found[1]), ""


def ask_judges(here: run.Run, shown: Sequence[Exhibit], client: teachers.Client, profile: Profile,
               repeats: int = 3, seed: int = 0) -> list[Judgement]:
    """Have one judge read every exhibit `repeats` times, all systems mixed in a seeded order;
    writes judgements.jsonl.

    Each answer is kept in journal/judge.jsonl, so that an interrupted round goes on. A verdict that
    cannot be read is missing, and is not asked again until one can be. Rows of other judges, and of
    exhibits that are not shown now, stay. Raises RunError for fewer than two repeats, or when the
    endpoint refuses."""
    if repeats < 2:
        raise run.RunError("A judge's self-consistency comes before its results: use at least 2 "
                           "repeats.")
    name, near = f"{client.settings.model} at {client.settings.place}", nearest_passages(profile)
    made = {one.id: (one, *_prompts(one, profile, near(one), repeats, seed)) for one in shown}
    asked = [prompt for _, prompts, _ in made.values() for prompt in prompts]
    random.Random(seed).shuffle(asked)  # no system is read first, or in a block
    with teachers.Journal(here.path("journal", "judge.jsonl")) as journal:
        answers = client.ask(asked, journal, label="judge")
        rows = [_judgement(one, name, prompt, answers.get(prompt.id), tampered, answers.stopped)
                for one, prompts, tampered in made.values() for prompt in prompts]
    before = here.read_jsonl(JUDGEMENTS, Judgement) if here.has(JUDGEMENTS) else []
    others = [row for row in before if row.judge != name or row.exhibit not in made]
    here.write_jsonl(JUDGEMENTS, [row.model_dump(mode="json") for row in (*others, *rows)])
    missing = _missing(rows)
    own = consistency(rows)["all"]["value"] if rows else None
    here.say(f"judge: {len(rows) - missing.total()} verdicts, {_reasons(missing)}; "
             f"self-consistency (kappa) {'--' if own is None else f'{own:.2f}'}")
    return rows


def _judgement(shown: Exhibit, judge: str, prompt: teachers.Prompt, answer: Completion | None,
               tampered: bool, stopped: str) -> Judgement:
    verdict, detail, reasons = None, "", ""
    if answer is None:
        missing, detail = "not asked", stopped
    elif not answer.answered:
        missing, detail = "no answer", answer.finish
    elif not answer.whole:
        missing = "cut" if answer.finish == "length" else "filtered"
    else:
        (verdict, missing), reasons = read_verdict(answer.text), answer.text.strip()
    return Judgement(**vars(shown), exhibit=shown.id, judge=judge, sample=prompt.sample,
                     verdict=verdict, missing=missing or None, detail=detail[:300],
                     reasons=reasons[:2000], tampered=tampered, words=shown.words,
                     version=prompt.version)


def _missing(rows: Sequence[Judgement]) -> Counter:
    return Counter(row.missing for row in rows if row.missing)


def _reasons(missing: Counter) -> str:
    told = [f"{count} missing ({reason})" for reason, count in missing.most_common()]
    return ", ".join(told) or "none missing"


def consistency(judgements: Sequence[Judgement], seed: int = 0) -> dict[str, dict]:
    """How far one judge agrees with itself, in `all` and by dimension: quadratic-weighted kappa
    over all pairs of repeats of an exhibit, its interval over exhibits. `same` is the share of
    pairs with the very same verdict; `n` counts pairs."""
    rows = {"all": list(judgements)} | {
        name: [row for row in judgements if row.dimension == name] for name in DIMENSIONS}
    return {name: _with_itself(mine, seed) for name, mine in rows.items() if mine}


def _with_itself(rows: list[Judgement], seed: int) -> dict:
    given = sorted((row for row in rows if row.verdict), key=lambda row: row.sample)
    pairs = [(a.verdict, b.verdict, name)
             for name, said in grouped(given, lambda row: row.exhibit).items()
             for a, b in itertools.combinations(said, 2)]
    counted = {"asked": len(rows), "missing": dict(_missing(rows))}
    if not pairs:
        return {"value": None, "n": 0, "reason": "no exhibit has two verdicts", **counted}
    # repeats have no order, so neither may the table of their verdicts
    first, second, names = zip(*pairs, *((b, a, name) for a, b, name in pairs), strict=True)
    kappa = statistics.weighted_kappa(first, second, clusters=names, seed=seed)
    row = as_row(kappa, "it always gives one and the same verdict")
    same = round(float(np.mean(np.equal(first, second))), 4)
    return row | {"n": len(pairs), "exhibits": len(set(names)), "same": same, **counted}


def as_row(interval: statistics.Interval, reason: str) -> dict:
    """An interval as a record; where it is undefined the value is None with the reason."""
    if math.isnan(interval.value) or math.isnan(interval.low):
        return {"value": None, "n": interval.n, "reason": reason}
    return interval.row()


def judge_table(judgements: Sequence[Judgement], first: str = "simulacrum", seed: int = 0
                ) -> dict[str, dict]:
    """By judge: `consistency` first, then `systems`: {system: {dimension: {value, ci_low, ci_high,
    n, asked, missing, tampered, words}}}, and `paired`: what `first` (else the first system) has
    over each other on the exhibits that both have a verdict on, at equal length too.

    Values are means from 1 to 7 of each exhibit's mean verdict, intervals clustered by paragraph or
    pair. A dimension without any verdict has the value None and a reason. Raises RunError where no
    exhibit was asked twice: consistency comes before results."""
    judges = grouped(judgements, lambda row: row.judge)
    return {name: _one_judge(rows, first, seed) for name, rows in judges.items()}


def _one_judge(rows: list[Judgement], first: str, seed: int) -> dict:
    if max(row.sample for row in rows) < 1:
        raise run.RunError("This judge read nothing twice: a judge's self-consistency comes before "
                           "its results, so use at least 2 repeats.")
    systems = list(dict.fromkeys(row.system for row in rows))
    first = first if first in systems else systems[0]
    found = grouped(rows, lambda row: (row.system, row.dimension))
    own = {system: {name: found.get((system, name), []) for name in DIMENSIONS}
           for system in systems}
    return {
        "note": NOTE, "scale": list(SCALE), "consistency": consistency(rows, seed),
        "systems": {system: {name: _cell(mine, seed) for name, mine in by_dimension.items()}
                    for system, by_dimension in own.items()},
        "paired": {f"{first}-{other}": _paired(own[first], own[other], seed)
                   for other in systems if other != first},
    }


def _means(rows: list[Judgement]) -> dict[tuple, tuple[float, str | None, int]]:
    """(mean verdict, cluster, words) of each exhibit of a system that has a verdict."""
    said = grouped((row for row in rows if row.verdict), lambda row: row.key)
    return {key: (float(np.mean([row.verdict for row in made])), made[0].cluster, made[0].words)
            for key, made in said.items()}


def _cell(rows: list[Judgement], seed: int) -> dict:
    missing = _missing(rows)
    counted = {"asked": len(rows), "missing": missing.total(), "why": dict(missing),
               "tampered": len({row.exhibit for row in rows if row.tampered})}
    means = _means(rows).values()
    if not means:
        reason = f"no verdict: {_reasons(missing)}" if rows else "nothing of the kind was judged"
        return {"value": None, "n": 0, "reason": reason, **counted}
    values, clusters, words = zip(*means, strict=True)
    row = statistics.mean(values, clusters, seed=seed, bounds=SCALE).row()
    return row | counted | {"words": round(float(np.mean(words)), 1)}


def _paired(first: dict[str, list], second: dict[str, list], seed: int) -> dict[str, dict]:
    found = {}
    for name in DIMENSIONS:
        mine, theirs = _means(first[name]), _means(second[name])
        both = [(mine[key], theirs[key]) for key in mine if key in theirs]
        if not both:
            found[name] = {"difference": None, "n": 0, "p": None,
                           "reason": "no exhibit on which both have a verdict"}
            continue
        gaps = [a[0] - b[0] for a, b in both]
        clusters = [a[1] for a, _ in both]
        longer = [math.log(max(1, a[2])) - math.log(max(1, b[2])) for a, b in both]
        row = statistics.mean(gaps, clusters, seed=seed).row()
        p = round(statistics.permutation(gaps, clusters, seed=seed), 5)
        level = statistics.at_equal_length(gaps, longer, clusters, seed=seed, draws=400)
        found[name] = {"difference": row.pop("value"), **row, "p": p, "at_equal_length": level}
    for name, p in statistics.holm({name: row["p"] for name, row in found.items()}).items():
        if p is not None:
            found[name]["p_holm"] = round(p, 5)
    return found
