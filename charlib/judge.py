"""Judge models and human raters; agreement between them. Beside the scores without a judge, never in their place.

A judge is any endpoint. It reads a reply, cut to its first 60 words like every other, and the profile's passages that bear on the question:

    shown = judge.exhibits(answers, person, count=20)
    judge.conduct(here, shown, endpoint.Client(endpoint.Settings.from_environment()), person)    # judgements.jsonl
    table = judge.table(here.read_jsonl("judgements.jsonl", judge.Judgement))    # self-consistency first, then systems with intervals

People rate the same exhibits blind, side by side, in the notebook (`widgets.blind_rating`) or in Label Studio:

    judge.prepare(here, shown)                                            # ratings_key.jsonl: which letter is which system
    judge.rate(here, task, "rater-1", {"A": 6, "B": 2})                   # ratings.jsonl: letters only
    judge.people(here), judge.against(judgements, here)                   # {} where nobody rated

A row of judgements.jsonl; a verdict that is missing says why, and is never a number:

    {"exhibit": "9f31…", "judge": "some-model at 127.0.0.1:8000/v1", "dimension": "values", "system": "simulacrum", "question": "value-003",
     "seed": 0, "sample": 1, "verdict": 6, "missing": null, "reasons": "…", "tampered": false, …}

A row of ratings.jsonl; a value of null means that the rater could not tell:

    {"task": "4be0…", "rater": "rater-1", "kind": "likert", "dimension": "values", "letter": "B", "value": 6, "preferred": null, …}
"""

import hashlib
import itertools
import json
import math
import random
import re
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import quoteattr

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from charlib import endpoint, interview, run, stats, teacher
from charlib.interview import Answer, Question
from charlib.profile import Profile
from charlib.replies import beyond, heard
from charlib.scores import DIMENSIONS

JUDGEMENTS, RATINGS, KEY = "judgements.jsonl", "ratings.jsonl", "ratings_key.jsonl"
SCALE = (1, 7)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SAMPLING = {"temperature": 0.7, "max_tokens": 600}  # some warmth, so that repeats can differ and self-consistency means something
NOTE = "verdicts of a model from 1 to 7; intervals are over questions, one training; read no result without the self-consistency above it"
_PREFERRED = {"A": -1, "tie": 0, "B": 1}


# ---- what is judged ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Exhibit:
    """What a judge or a rater is shown of one system: one exchange, or for stability several. `exchanges` hold (asked, reply heard).

    Replies are cut alike to their first 60 words; `words` is what is left. Systems are compared on equal `key`; `cluster` is what is
    resampled together.
    """

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
        return _digest([self.dimension, self.system, self.question, self.seed, self.exchanges, self.reference])

    @property
    def words(self) -> int:
        return sum(len(reply.split()) for _, reply in self.exchanges)


def exhibits(answers: Sequence[Answer], profile: Profile, questions: Sequence[Question] | None = None,
             dimensions: Sequence[str] = DIMENSIONS, count: int = 0, seed: int = 0) -> list[Exhibit]:  # fmt: skip
    """What of the answers bears on each dimension. With `count`, a seeded sample of so many items a dimension, the same for all systems.

    Memorization: recall, choices, talk of past and relations. Values: value choices, talk of values. Personality: trait choices, talk.
    Hallucination: boundary items, talk of what lies beyond. Stability: conversations, and questions asked again in other words.
    Raises RunError for an unknown dimension or when nothing bears on any.
    """
    unknown = [name for name in dimensions if name not in DIMENSIONS]
    if unknown:
        raise run.RunError(f"No dimension '{unknown[0]}': use {', '.join(DIMENSIONS)}.")
    bank = {key: item for item in questions or () for key in (item.id, item.question)}
    shown: dict[str, Exhibit] = {}
    for answer in answers:
        if answer.conversation is None:
            item = bank.get(answer.question) or bank.get(answer.asked) or answer.item or Question(id=answer.question, question=answer.asked)
            for dimension in _bears_on(item):
                made = _exhibit(dimension, item, answer, profile)
                shown.setdefault(made.id, made)
    for made in _steadiness(answers, bank):
        shown.setdefault(made.id, made)
    found = [made for made in shown.values() if made.dimension in dimensions]
    if not found:
        raise run.RunError("No answer here bears on these dimensions: interview first, or choose other dimensions.")
    return _sample(found, count, seed) if count else found


def _bears_on(item: Question) -> list[str]:
    by_purpose = {
        "recall": ["memorization"], "choice": ["memorization"], "time": ["memorization"], "paraphrase": ["memorization"],
        "value": ["values"], "trait": ["personality"], "boundary": ["hallucination"],
    }  # fmt: skip
    if item.purpose != "interview":
        return by_purpose.get(item.purpose, [])
    return {"values": ["values", "personality"], "beyond": ["hallucination"]}.get(item.topic, ["memorization", "personality"])


def _exhibit(dimension: str, item: Question, answer: Answer, profile: Profile) -> Exhibit:
    reference = _reference(dimension, item, profile)
    place = item.paragraph or item.paraphrase_of or item.base_id
    cluster = (item.pair or place) if dimension == "hallucination" else place
    pairs = ((answer.asked, heard(answer.text)),)
    return Exhibit(dimension, answer.system, item.id, answer.seed, pairs, answer.character, item.paragraph, cluster, reference)


def _reference(dimension: str, item: Question, profile: Profile) -> str:
    """What the bank knows of the right reply, in words: a judge with a reference agrees better with people than a larger one without."""
    if dimension == "memorization" and item.gold:
        return f"The right answer is: {'; or in other words: '.join(item.gold[:4])}."
    if dimension in ("values", "personality") and item.options and len(item.options) == 2:
        return f"This person would say: {item.options[0]} Not: {item.options[1]}"
    if dimension == "hallucination":
        outside = beyond(item, profile)
        if outside is not None:
            return f"What is asked lies {'beyond what the person could know' if outside else 'within what the person knew'}."
    return "none"


def _steadiness(answers: Sequence[Answer], bank: dict[str, Question]) -> list[Exhibit]:
    """Conversations as a whole, and each question together with its re-wordings, by system and seed."""
    talks: dict[tuple, list[Answer]] = defaultdict(list)
    wordings: dict[tuple, dict[str, Answer]] = defaultdict(dict)
    for answer in answers:
        item = bank.get(answer.question) or answer.item
        if answer.conversation is not None:
            talks[(answer.system, answer.conversation)].append(answer)
        elif item and (item.paraphrase_of or item.purpose in ("recall", "interview", "value", "trait")):
            wordings[(answer.system, item.paraphrase_of or item.id, answer.seed)].setdefault(item.id, answer)
    made = []
    for (system, _), rows in talks.items():
        rows = sorted(rows, key=lambda row: row.turn or 0)
        made.append(_several(system, f"talk:{rows[0].question}", rows, rows[0].question))
    for (system, question, _), rows in wordings.items():
        made.append(_several(system, f"again:{question}", list(rows.values()), question))
    return [one for one in made if len(one.exchanges) > 1]


def _several(system: str, name: str, rows: list[Answer], cluster: str) -> Exhibit:
    paragraph = next((row.item.paragraph for row in rows if row.item and row.item.paragraph), None)
    pairs = tuple((row.asked, heard(row.text)) for row in rows)
    return Exhibit("stability", system, name, rows[0].seed, pairs, rows[0].character, paragraph, paragraph or cluster)


def _sample(found: list[Exhibit], count: int, seed: int) -> list[Exhibit]:
    """So many items a dimension, those first that all systems answered; of the boundary whole pairs, so that both sides weigh alike."""
    systems: dict[tuple, set] = defaultdict(set)
    places: dict[tuple, str] = {}
    for made in found:
        systems[made.key].add(made.system)
        places[made.key] = str(made.cluster if made.dimension == "hallucination" else made.key)
    chosen: set = set()
    for dimension in dict.fromkeys(made.dimension for made in found):
        keys = sorted(key for key in systems if key[0] == dimension)
        order = sorted({places[key] for key in keys})
        random.Random(f"{seed}:{dimension}").shuffle(order)
        rank = {place: number for number, place in enumerate(order)}
        keys.sort(key=lambda key: (-len(systems[key]), rank[places[key]]))
        chosen |= set(keys[:count])
    return [made for made in found if made.key in chosen]


def _digest(value) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=True).encode()).hexdigest()[:16]


# ---- material for a judge ----------------------------------------------------------------------------------------------------------

_NUMBER = r"(?:\d+(?:\.\d+)?(?:\s*(?:/|out of)\s*\d+)?)"
_DEMAND = re.compile(
    r"\b(?:(?:final|overall|my|your|the)\s+)*(?:"
    r"(?:v\W?e\W?r\W?d\W?i\W?c\W?t|grade|score|rating|marks?)[\s\"'*_`\])]*[:=][\s\"'*_`\[(]*"
    rf"(?:{_NUMBER}|(?:one|two|three|four|five|six|seven|ten|full marks)\b|(?-i:[B-F][+-]?(?!\w)|A[+-](?!\w)|A(?=\s*(?:[.,;!\"'*_)\]]|$))))"
    rf"|(?:verdict|grade|rating)\s+(?:is|must be|should be|of)\s+{_NUMBER})"
    r"|\b(?:ignore|disregard|forget|override)\s+(?:all|any|every|the|your|these|previous|prior|earlier|above)\b[^.!?\n]{0,40}"
    r"\b(?:instructions?|rubrics?|prompts?|guidelines)\b"
    r"|\b(?:give|award|assign|rate|grade)\s+(?:this|the|my)\s+(?:reply|answer|response)\b[^.!?\n]{0,30}"
    rf"(?:{_NUMBER}|\b(?:seven|full marks|(?:highest|top)\s+(?:mark|score|grade|rating)))",
    re.IGNORECASE,
)


def neutral(text: str) -> tuple[str, bool]:
    """Material that can be shown to a judge, and whether it tried to set a verdict (fault F14).

    A demanded verdict and an order to the examiner become […], the word itself becomes `judgement`, and angle brackets change shape:
    nothing quoted from it can be read as a verdict or close the marks around it.
    """
    text = unicodedata.normalize("NFKC", text)
    text = "".join(mark for mark in text if mark in "\n\t" or unicodedata.category(mark) not in ("Cc", "Cf", "Cs", "Co"))
    text, demands = _DEMAND.subn("[…]", text)
    text = re.sub("verdict", "judgement", text, flags=re.IGNORECASE)
    return text.replace("<", "‹").replace(">", "›").strip(), bool(demands)


def _prompts(shown: Exhibit, profile: Profile, passages: list[str], repeats: int, seed: int) -> tuple[list[endpoint.Prompt], bool]:
    """The prompts of an exhibit, one a repeat, passages in another order each time; and whether its replies tried to set the verdict."""
    template, version = teacher.prompt(f"judge_{shown.dimension}")
    exchanges, tampered = [], False
    for asked, reply in shown.exchanges:
        said, tried = neutral(reply)
        tampered |= tried
        exchanges.append(f"Asked: {neutral(asked)[0]}\nReply: {said or '(nothing was said)'}")
    facts = teacher.describe(profile)
    temper = ", ".join(f"{name} {value:+.1f}" for name, value in profile.traits.items())
    facts |= {"traits": f"{temper} (from -1 to 1)" if temper else "not given"}
    facts = {name: neutral(text)[0] for name, text in facts.items()}
    facts |= {"exchange": "\n\n".join(exchanges), "reference": neutral(shown.reference)[0], "fence": _digest([shown.id, seed])[:8]}
    passages = [f"- {neutral(passage)[0]}" for passage in passages]
    made = []
    for sample in range(repeats):
        order = list(passages)
        random.Random(f"{seed}:{shown.id}:{sample}").shuffle(order)
        text = teacher.fill(template, facts | {"passages": "\n".join(order)})
        messages = ({"role": "user", "content": text},)
        made.append(endpoint.Prompt(f"{shown.id}:{sample}", messages, SAMPLING | {"seed": seed}, sample, version))
    return made, tampered


class _Passages:
    """The passages that bear on an exhibit: the paragraph its question was made from, and those nearest to what was asked.

    Nearest as by `interview.relevant`, with its search built once for all exhibits. They depend on the question alone, so are the same for
    all systems.
    """

    def __init__(self, profile: Profile, count: int):
        self.profile, self.count, self.known = profile, count, {}
        self.search = interview.Search([item.text for item in profile.paragraphs])

    def of(self, shown: Exhibit) -> list[str]:
        asked = " ".join(dict.fromkeys(asked for asked, _ in shown.exchanges))
        if (asked, shown.paragraph) not in self.known:
            own = self.profile.paragraph(shown.paragraph) if shown.paragraph else None
            near = [self.profile.paragraphs[index] for index, _ in self.search.nearest(asked, self.count)]
            found = [own, *near] if own else near
            self.known[(asked, shown.paragraph)] = list(dict.fromkeys(item.text for item in found))[: self.count]
        return self.known[(asked, shown.paragraph)]


# ---- verdicts ----------------------------------------------------------------------------------------------------------------------


class Judgement(BaseModel):
    """One verdict of one judge on one exhibit, or the reason why it is missing: no verdict, off the menu, no reasons, cut, filtered,
    no answer, not asked. `tampered`: the reply tried to set its verdict."""

    model_config = ConfigDict(frozen=True)
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


_VERDICT = re.compile(r"verdict\s*:\s*([1-7])(?:\s*/\s*7)?\s*\.?", re.IGNORECASE | re.ASCII)


def read_verdict(text: str) -> tuple[int | None, str]:
    """(verdict, "") or (None, why it is missing). Only the last line counts, only a whole number of the scale, and only after reasons."""
    lines = [line.strip() for line in text.replace("*", "").replace("`", "").split("\n") if line.strip()]
    if not lines or not any(re.search("verdict", line, re.IGNORECASE) for line in lines):
        return None, "no verdict"
    found = _VERDICT.fullmatch(lines[-1])
    if not found:
        return None, "off the menu"
    if sum(len(line.split()) for line in lines[:-1] if not _VERDICT.fullmatch(line)) < 3:
        return None, "no reasons"
    return int(found[1]), ""


def conduct(here: run.Run, shown: Sequence[Exhibit], client: endpoint.Client, profile: Profile, repeats: int = 3, seed: int = 0,
            say: Callable[[str], None] | None = None, *, passages: int = 3) -> list[Judgement]:  # fmt: skip
    """Have one judge read every exhibit `repeats` times, all systems mixed in a seeded order; writes judgements.jsonl.

    Each answer is kept in journal/judge.jsonl, so that an interrupted round goes on. A verdict that cannot be read is missing, and is not
    asked again until one can be. Rows of other judges, and of exhibits that are not shown now, stay. Raises RunError for fewer than two
    repeats, or when the endpoint refuses.
    """
    if repeats < 2:
        raise run.RunError("A judge's self-consistency comes before its results: use at least 2 repeats.")
    say, name = say or here.say, f"{client.settings.model} at {client.settings.place}"
    near = _Passages(profile, passages)
    made = {one.id: (one, *_prompts(one, profile, near.of(one), repeats, seed)) for one in shown}
    asked = [prompt for _, prompts, _ in made.values() for prompt in prompts]
    random.Random(seed).shuffle(asked)  # no system is read first, or in a block
    with endpoint.Journal(here.path("journal", "judge.jsonl")) as journal:
        answers = client.ask(asked, journal, label="judge")
        rows = [
            _judgement(one, name, prompt, answers.get(prompt.id), tampered, answers.stopped)
            for one, prompts, tampered in made.values()
            for prompt in prompts
        ]
    before = here.read_jsonl(JUDGEMENTS, Judgement) if here.has(JUDGEMENTS) else []
    others = [row for row in before if row.judge != name or row.exhibit not in made]
    here.write_jsonl(JUDGEMENTS, [row.model_dump(mode="json") for row in (*others, *rows)])
    missing = Counter(row.missing for row in rows if row.missing)
    own = _shown(consistency(rows)["all"]) if rows else "--"
    say(f"judge: {sum(row.verdict is not None for row in rows)} verdicts, {_counted(missing)}; self-consistency (kappa) {own}")
    return rows


def _judgement(
    shown: Exhibit, name: str, prompt: endpoint.Prompt, answer: endpoint.Answer | None, tampered: bool, stopped: str
) -> Judgement:
    verdict, detail, reasons = None, "", ""
    if answer is None:
        missing, detail = "not asked", stopped
    elif not answer.answered:
        missing, detail = "no answer", answer.finish
    elif not answer.whole:
        missing = "cut" if answer.finish == "length" else "filtered"
    else:
        verdict, missing = read_verdict(answer.text)
        reasons = answer.text.strip()
    return Judgement(
        exhibit=shown.id, judge=name, dimension=shown.dimension, system=shown.system, character=shown.character, question=shown.question,
        seed=shown.seed, cluster=shown.cluster, sample=prompt.sample, verdict=verdict, missing=missing or None, detail=detail[:300],
        reasons=reasons[:2000], tampered=tampered, words=shown.words, version=prompt.version,
    )  # fmt: skip


def _counted(counts: Counter) -> str:
    return ", ".join(f"{count} missing ({reason})" for reason, count in counts.most_common()) or "none missing"


# ---- what the verdicts say ---------------------------------------------------------------------------------------------------------


def consistency(judgements: Sequence[Judgement], seed: int = 0) -> dict[str, dict]:
    """How far one judge agrees with itself: quadratic-weighted kappa between repeats, over all pairs of repeats of an exhibit.

    By dimension and in `all`; the interval resamples exhibits. `same` is the share of pairs with the very same verdict; `n` counts pairs.
    """
    rows = {name: [row for row in judgements if row.dimension == name] for name in DIMENSIONS}
    return {name: _with_itself(rows.get(name, judgements), seed) for name in ("all", *DIMENSIONS) if rows.get(name, judgements)}


def _with_itself(judgements: Sequence[Judgement], seed: int) -> dict:
    said: dict[str, list[int]] = defaultdict(list)
    for row in sorted(judgements, key=lambda row: row.sample):
        if row.verdict is not None:
            said[row.exhibit].append(row.verdict)
    pairs = [(a, b, name) for name, verdicts in said.items() for a, b in itertools.combinations(verdicts, 2)]
    missing = Counter(row.missing for row in judgements if row.missing)
    counted = {"asked": len(judgements), "missing": dict(missing)}
    if not pairs:
        return {"value": None, "n": 0, "reason": "no exhibit has two verdicts", **counted}
    pairs += [(b, a, name) for a, b, name in pairs]  # repeats have no order, so neither may the table of their verdicts
    first, second, names = zip(*pairs, strict=True)
    row = _row(stats.weighted_kappa(first, second, clusters=names, seed=seed), "it always gives one and the same verdict")
    same = float(np.mean([a == b for a, b in zip(first, second, strict=True)]))
    return row | {"n": len(pairs) // 2, "exhibits": len(set(names)), "same": round(same, 4), **counted}


def _row(interval: stats.Interval, reason: str) -> dict:
    """An interval as a record; where it is undefined the value is None with the reason."""
    if math.isnan(interval.value) or math.isnan(interval.low):
        return {"value": None, "n": interval.n, "reason": reason}
    return interval.row()


def table(judgements: Sequence[Judgement], first: str = "simulacrum", seed: int = 0) -> dict[str, dict]:
    """By judge: `consistency` first, then `systems`: {system: {dimension: {value, ci_low, ci_high, n, asked, missing, tampered, words}}},
    and `paired`: what `first` (else the first system) has over each other on the exhibits that both have a verdict on, at equal length too.

    Values are means from 1 to 7 of each exhibit's mean verdict, intervals clustered by paragraph or pair. A dimension without any verdict
    has the value None and a reason. Raises RunError where no exhibit was asked twice: consistency comes before results.
    """
    judges: dict[str, list[Judgement]] = defaultdict(list)
    for row in judgements:
        judges[row.judge].append(row)
    return {name: _one_judge(rows, first, seed) for name, rows in judges.items()}


def _one_judge(rows: list[Judgement], first: str, seed: int) -> dict:
    if max(row.sample for row in rows) < 1:
        raise run.RunError("This judge read nothing twice: a judge's self-consistency comes before its results, so use at least 2 repeats.")
    systems = list(dict.fromkeys(row.system for row in rows))
    first = first if first in systems else systems[0]
    means = {system: {name: _means(rows, system, name) for name in DIMENSIONS} for system in systems}
    return {
        "note": NOTE,
        "scale": list(SCALE),
        "consistency": consistency(rows, seed),
        "systems": {system: {name: _cell(rows, system, name, means[system][name], seed) for name in DIMENSIONS} for system in systems},
        "paired": {f"{first}-{other}": _paired(means[first], means[other], seed) for other in systems if other != first},
    }


def _means(rows: list[Judgement], system: str, dimension: str) -> dict[tuple, tuple[float, str | None, int]]:
    """(mean verdict, cluster, words) of each exhibit of a system that has a verdict."""
    said: dict[tuple, list[Judgement]] = defaultdict(list)
    for row in rows:
        if row.system == system and row.dimension == dimension and row.verdict is not None:
            said[row.key].append(row)
    return {key: (float(np.mean([row.verdict for row in made])), made[0].cluster, made[0].words) for key, made in said.items()}


def _cell(rows: list[Judgement], system: str, dimension: str, means: dict, seed: int) -> dict:
    mine = [row for row in rows if row.system == system and row.dimension == dimension]
    missing = Counter(row.missing for row in mine if row.missing)
    counted = {
        "asked": len(mine),
        "missing": sum(missing.values()),
        "why": dict(missing),
        "tampered": len({r.exhibit for r in mine if r.tampered}),
    }
    if not means:
        return {
            "value": None,
            "n": 0,
            "reason": f"no verdict: {_counted(missing)}" if mine else "nothing of the kind was judged",
            **counted,
        }
    values, clusters, words = zip(*means.values(), strict=True)
    return stats.mean(values, clusters, seed=seed, bounds=SCALE).row() | counted | {"words": round(float(np.mean(words)), 1)}


def _paired(first: dict, second: dict, seed: int) -> dict[str, dict]:
    found = {}
    for name in DIMENSIONS:
        common = [key for key in first[name] if key in second[name]]
        if not common:
            found[name] = {"difference": None, "n": 0, "p": None, "reason": "no exhibit on which both have a verdict"}
            continue
        gaps = [first[name][key][0] - second[name][key][0] for key in common]
        clusters = [first[name][key][1] for key in common]
        longer = [math.log(max(1, first[name][key][2])) - math.log(max(1, second[name][key][2])) for key in common]
        row = stats.mean(gaps, clusters, seed=seed).row()
        found[name] = {"difference": row.pop("value"), **row, "p": round(stats.permutation(gaps, clusters, seed=seed), 5)}
        found[name]["at_equal_length"] = stats.at_equal_length(gaps, longer, clusters, seed=seed, draws=400)
    for name, p in stats.holm({name: row["p"] for name, row in found.items()}).items():
        if p is not None:
            found[name]["p_holm"] = round(p, 5)
    return found


def markdown(result: dict[str, dict]) -> str:
    """What `table` found, as Markdown: for each judge its self-consistency, then systems with intervals and what is missing."""
    lines = []
    for name, one in result.items():
        systems = list(one["systems"])
        head = ["dimension", "self-consistency (kappa)", *systems]
        lines += [f"Judge: {name}. {one['note'].capitalize()}.", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        for dimension in ("all", *DIMENSIONS):
            own = _shown(one["consistency"].get(dimension, {"value": None}))
            cells = [_shown(one["systems"][system][dimension]) if dimension != "all" else "" for system in systems]
            lines.append("| " + " | ".join([dimension, own, *cells]) + " |")
        lines.append("")
    return "\n".join(lines).strip()


def _shown(entry: dict) -> str:
    missing = entry.get("missing") or 0
    missing = missing if isinstance(missing, int) else sum(missing.values())
    lost = f"; {missing} of {entry['asked']} missing" if missing else ""
    if entry.get("value") is None:
        return f"-- (n 0{lost})" if lost else "--"
    return f"{entry['value']:.2f} [{entry['ci_low']:.2f}, {entry['ci_high']:.2f}] (n {entry['n']}{lost})"


# ---- people: tasks -----------------------------------------------------------------------------------------------------------------


class Task(BaseModel):
    """One question with the replies of several systems behind letters. `systems` and `exhibits` are the key, which no rater is shown."""

    model_config = ConfigDict(frozen=True)
    id: str
    kind: Literal["likert", "pair"]
    dimension: str
    question: str
    seed: int = 0
    cluster: str | None = None
    asked: str
    shown: dict[str, str]
    passages: list[str] = []
    reference: str = "none"
    systems: dict[str, str]
    exhibits: dict[str, str]


class Rating(BaseModel):
    """What one rater said of one task: for likert a value from 1 to 7 of one letter, for pair the preferred letter or `tie`.

    None means that the rater could not tell; that is counted as missing.
    """

    model_config = ConfigDict(frozen=True)
    task: str
    rater: str
    kind: Literal["likert", "pair"]
    dimension: str
    letter: str | None = None
    value: int | None = Field(default=None, ge=SCALE[0], le=SCALE[1])
    preferred: Literal["A", "B", "tie"] | None = None
    order: int = 0
    origin: str = "notebook"
    at: str = ""

    @property
    def item(self) -> tuple[str, str | None]:
        return self.task, self.letter

    @property
    def number(self) -> int | None:
        """The value on a line: 1 to 7, or -1 for A, 0 for a tie, 1 for B."""
        return self.value if self.kind == "likert" else _PREFERRED.get(self.preferred)


def prepare(here: run.Run, shown: Sequence[Exhibit], kind: Literal["likert", "pair"] = "likert", profile: Profile | None = None,
            seed: int = 0, systems: Sequence[str] | None = None) -> list[Task]:  # fmt: skip
    """Blind tasks from exhibits that all systems have; the key goes to ratings_key.jsonl, where tasks of earlier calls stay.

    Letters are shuffled for each question; a likert task shows all systems side by side, a pair task two. Equal exhibits give equal tasks.
    Raises RunError when fewer than two systems answered the same.
    """
    names = list(dict.fromkeys(systems or (one.system for one in shown)))
    groups: dict[tuple, dict[str, Exhibit]] = defaultdict(dict)
    for one in shown:
        if one.system in names:
            groups[one.key].setdefault(one.system, one)
    near = _Passages(profile, 3) if profile else None
    wanted = itertools.combinations(names, 2) if kind == "pair" else [tuple(names)]
    made = [_task(kind, [group[name] for name in chosen], near, seed)
            for chosen in wanted for group in groups.values() if len(chosen) > 1 and all(name in group for name in chosen)]  # fmt: skip
    if not made:
        raise run.RunError(
            "Blind rating needs questions that two systems or more answered: interview another system, or import its answers."
        )
    if len(names) > len(LETTERS):
        raise run.RunError(f"{len(names)} systems are too many to rate side by side: name up to {len(LETTERS)} in `systems`.")
    random.Random(f"{seed}:{kind}").shuffle(made)
    before = tasks(here)
    ids = {task.id for task in made}
    here.write_jsonl(KEY, [*(task for task in before if task.id not in ids), *made])
    return made


def _task(kind: str, group: list[Exhibit], near: _Passages | None, seed: int) -> Task:
    order = sorted(group, key=lambda one: _digest([seed, kind, one.id]))
    one, letters = order[0], LETTERS[: len(order)]
    shown = {letter: _to_read(made) for letter, made in zip(letters, order, strict=True)}
    return Task(
        id=_digest([seed, kind, *(made.id for made in order)]), kind=kind, dimension=one.dimension, question=one.question, seed=one.seed,
        cluster=one.cluster, asked=one.exchanges[0][0], shown=shown, passages=near.of(one) if near else [], reference=one.reference,
        systems={letter: made.system for letter, made in zip(letters, order, strict=True)},
        exhibits={letter: made.id for letter, made in zip(letters, order, strict=True)},
    )  # fmt: skip


def _to_read(made: Exhibit) -> str:
    if len(made.exchanges) == 1:
        return made.exchanges[0][1] or "(nothing was said)"
    return "\n".join(f"– {asked}\n{reply or '(nothing was said)'}" for asked, reply in made.exchanges)


def tasks(here: run.Run, kind: str = "") -> list[Task]:
    """The run's blind tasks; none where none were prepared."""
    found = here.read_jsonl(KEY, Task) if here.has(KEY) else []
    return [task for task in found if kind in ("", task.kind)]


def ratings(here: run.Run) -> list[Rating]:
    """What people rated in this run; none where nobody did."""
    return here.read_jsonl(RATINGS, Rating) if here.has(RATINGS) else []


def in_order(wanted: Sequence[Task], rater: str, seed: int = 0) -> list[Task]:
    """The tasks in a rater's own seeded order, so that weariness falls on other questions for each."""
    order = sorted(wanted, key=lambda task: task.id)
    random.Random(f"{seed}:{rater}").shuffle(order)
    return order


def rate(here: run.Run, task: Task, rater: str, given: dict[str, int | None] | str | None, *, order: int = 0, origin: str = "notebook",
         at: str = "") -> list[Rating]:  # fmt: skip
    """Keep what a rater gave one task: {letter: 1 to 7 or None} for likert, "A", "B", "tie" or None for pair.

    A later rating replaces an earlier. Raises RunError for a rater without a name, a letter or a value that is not on the menu.
    """
    made = _ratings(task, rater, given, order, origin, at)
    _keep(here, made)
    return made


def _ratings(task: Task, rater: str, given, order: int, origin: str, at: str) -> list[Rating]:
    rater = " ".join(str(rater).split())
    if not rater:
        raise run.RunError("A rating needs a rater: give a short name of your choice.")
    facts = {"task": task.id, "rater": rater, "kind": task.kind, "dimension": task.dimension, "order": order, "origin": origin}
    facts["at"] = at or time.strftime("%Y-%m-%dT%H:%M:%S%z")
    if task.kind == "pair":
        if given is not None and given not in _PREFERRED:
            raise run.RunError(f"A preference is A, B or tie, not {given!r}.")
        return [Rating(**facts, preferred=given)]
    if not isinstance(given, dict) or set(given) != set(task.shown):
        raise run.RunError(f"Rate each of {', '.join(task.shown)}, from {SCALE[0]} to {SCALE[1]}, or None where you cannot tell.")
    for value in given.values():
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not SCALE[0] <= value <= SCALE[1]):
            raise run.RunError(f"A rating is a whole number from {SCALE[0]} to {SCALE[1]}, not {value!r}.")
    return [Rating(**facts, letter=letter, value=given[letter]) for letter in task.shown]


def _keep(here: run.Run, made: Sequence[Rating]) -> None:
    with here.stage("rating"):
        new = {(row.rater, *row.item): row for row in made}
        before = [row for row in ratings(here) if (row.rater, *row.item) not in new]
        here.write_jsonl(RATINGS, [row.model_dump(mode="json") for row in (*before, *new.values())])


# ---- people: what they say ---------------------------------------------------------------------------------------------------------


def agreement(rows: Sequence[Rating], seed: int = 0) -> dict[str, dict]:
    """How far raters agree, by dimension (pairs apart, as `values: pair`): weighted kappa for two, else Krippendorff's alpha (ordinal).

    `n` counts items that two or more rated; `base` how often each value was given, for agreement means little where one value prevails.
    """
    groups: dict[str, list[Rating]] = defaultdict(list)
    for row in rows:
        groups[row.dimension if row.kind == "likert" else f"{row.dimension}: pair"].append(row)
    return {name: _agree(group, seed) for name, group in groups.items()}


def _agree(rows: list[Rating], seed: int) -> dict:
    raters, items = sorted({row.rater for row in rows}), list(dict.fromkeys(row.item for row in rows))
    said = {(row.rater, row.item): row.number for row in rows}
    grid = [[said.get((rater, item)) for item in items] for rater in raters]
    base = Counter((row.preferred or "?") if row.kind == "pair" else str(row.value or "?") for row in rows)
    facts = {"raters": len(raters), "missing": base.pop("?", 0), "base": dict(sorted(base.items()))}
    shared = [index for index in range(len(items)) if sum(line[index] is not None for line in grid) > 1]
    if not shared:
        return {"value": None, "n": 0, "reason": "no item that two people rated", "coefficient": None, **facts}
    if len(raters) == 2:
        interval = stats.weighted_kappa(*grid, clusters=[task for task, _ in items], seed=seed)
        return _row(interval, "nothing varies") | {"coefficient": "weighted kappa (quadratic)", **facts}
    interval = stats.alpha(grid, seed=seed)
    return _row(interval, "nothing varies") | {"coefficient": "Krippendorff's alpha (ordinal)", **facts}


def people(here: run.Run, seed: int = 0) -> dict:
    """What people rated: `raters`, `agreement` first, then `systems` (mean from 1 to 7) and `pairs` (share won by the first, ties half).

    {} where nobody rated: a result of people is never made up.
    """
    rows, key = ratings(here), {task.id: task for task in tasks(here)}
    rows = [row for row in rows if row.task in key]
    if not rows:
        return {}
    return {
        "raters": len({row.rater for row in rows}),
        "agreement": agreement(rows, seed),
        "systems": _liked(rows, key, seed),
        "pairs": _preferred(rows, key, seed),
    }


def _liked(rows: list[Rating], key: dict[str, Task], seed: int) -> dict[str, dict]:
    groups: dict[tuple, dict[tuple, list]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.kind == "likert" and row.letter in key[row.task].systems:
            groups[(key[row.task].systems[row.letter], row.dimension)][row.item].append(row.value)
    found: dict[str, dict] = defaultdict(dict)
    for (system, dimension), items in sorted(groups.items()):
        missing = sum(value is None for values in items.values() for value in values)
        counted = {"asked": sum(map(len, items.values())), "missing": missing}
        means = {item: [value for value in values if value is not None] for item, values in items.items()}
        means = {item: float(np.mean(values)) for item, values in means.items() if values}
        if not means:
            found[system][dimension] = {"value": None, "n": 0, "reason": "nobody could tell", **counted}
            continue
        clusters = [key[task].cluster for task, _ in means]
        found[system][dimension] = stats.mean(list(means.values()), clusters, seed=seed, bounds=SCALE).row() | counted
    return dict(found)


def _preferred(rows: list[Rating], key: dict[str, Task], seed: int) -> dict[str, dict]:
    groups: dict[tuple, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    missing: Counter = Counter()
    for row in rows:
        if row.kind != "pair":
            continue
        first, second = sorted(key[row.task].systems.values())
        place = (f"{first}-{second}", row.dimension)
        if row.preferred is None:
            missing[place] += 1
            continue
        win = 0.5 if row.preferred == "tie" else float(key[row.task].systems[row.preferred] == first)
        groups[place][row.task].append(win)
    found: dict[str, dict] = defaultdict(dict)
    for name, dimension in sorted({*groups, *missing}):
        items = groups.get((name, dimension), {})
        counted = {"missing": missing[(name, dimension)]}
        if not items:
            found[name][dimension] = {"value": None, "n": 0, "reason": "nobody could tell", **counted}
            continue
        shares = [float(np.mean(wins)) for wins in items.values()]
        found[name][dimension] = stats.mean(shares, [key[task].cluster for task in items], seed=seed, bounds=(0, 1)).row() | counted
    return dict(found)


def for_plot(result: dict) -> dict[str, dict]:
    """The ratings of `people` as `plots.ratings` takes them: rows by "system: dimension"."""
    cells = [(system, name, cell) for system, row in result.get("systems", {}).items() for name, cell in row.items()]
    return {f"{system}: {name}": cell | {"system": system} for system, name, cell in cells if cell["value"] is not None}


def against(judgements: Sequence[Judgement], here: run.Run, seed: int = 0) -> dict[str, dict]:
    """Judge against people, by judge and dimension, on exhibits that both rated: weighted kappa of the two medians.

    `lenience` is how much higher the judge is, on the scale of 1 to 7; `people` is how far the people agree among themselves, which no
    judge can be asked to exceed by much. {} where nobody rated.
    """
    key, rows = {task.id: task for task in tasks(here)}, [row for row in ratings(here) if row.kind == "likert"]
    theirs: dict[str, list[int]] = defaultdict(list)
    clusters: dict[str, str | None] = {}
    for row in rows:
        if row.value is not None and row.task in key and row.letter in key[row.task].exhibits:
            theirs[key[row.task].exhibits[row.letter]].append(row.value)
            clusters[key[row.task].exhibits[row.letter]] = key[row.task].cluster
    if not theirs:
        return {}
    among = agreement(rows, seed)
    said: dict[tuple, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in judgements:
        if row.verdict is not None and row.exhibit in theirs:
            said[(row.judge, row.dimension)][row.exhibit].append(row.verdict)
    found: dict[str, dict] = {judge: {} for judge in dict.fromkeys(row.judge for row in judgements)}
    for (judge, dimension), exhibits_ in said.items():
        first = [float(np.median(verdicts)) for verdicts in exhibits_.values()]
        second = [float(np.median(theirs[name])) for name in exhibits_]
        groups = [clusters[name] for name in exhibits_]
        gaps = [a - b for a, b in zip(first, second, strict=True)]
        kappa = stats.weighted_kappa(first, second, clusters=groups, seed=seed)
        found[judge][dimension] = _row(kappa, "nothing varies") | {
            "coefficient": "weighted kappa (quadratic)",
            "lenience": stats.mean(gaps, groups, seed=seed).row(),
            "people": among.get(dimension),
        }
    return found


# ---- Label Studio ------------------------------------------------------------------------------------------------------------------


def to_label_studio(here: run.Run, path: str | Path, kind: Literal["likert", "pair"] = "likert") -> Path:
    """Write the tasks of a kind as Label Studio's JSON, and the labelling interface beside it (`.xml`), to be pasted into a project.

    No system is named in either. What is rated already goes along as annotations, the rater's name in each result's `meta`. Raises
    RunError when there are no tasks, or they show different numbers of replies.
    """
    wanted, path = tasks(here, kind), Path(path)
    letters = {tuple(task.shown) for task in wanted}
    if not wanted:
        raise run.RunError(f"No {kind} tasks in this run: prepare them first.")
    if len(letters) > 1:
        raise run.RunError("These tasks show different numbers of replies: prepare them anew in a fresh run with one set of systems.")
    rated: dict[str, dict[str, list[Rating]]] = defaultdict(lambda: defaultdict(list))
    for row in ratings(here):
        rated[row.task][row.rater].append(row)
    rows = [{"data": _data(task), "annotations": [_annotation(rows) for rows in rated[task.id].values()]} for task in wanted]
    run.write_atomic(path.with_suffix(".xml"), _interface(kind, letters.pop()))
    return run.write_atomic(path, json.dumps(rows, ensure_ascii=False, indent=1) + "\n")


def _data(task: Task) -> dict:
    replies = {f"answer_{letter}": text for letter, text in task.shown.items()}
    passages = "\n\n".join(task.passages) or "none"
    return {
        "task": task.id,
        "dimension": task.dimension,
        "question": task.asked,
        "passages": passages,
        "reference": task.reference,
        **replies,
    }


def _annotation(rows: list[Rating]) -> dict:
    result = []
    for row in rows:
        mark = {"id": _digest([row.task, row.rater, row.letter])[:10], "meta": {"text": [row.rater]}}
        if row.kind == "pair" and row.preferred:
            result.append(
                mark | {"from_name": "preferred", "to_name": "question", "type": "choices", "value": {"choices": [row.preferred]}}
            )
        elif row.value is not None:
            place = {"from_name": f"rating_{row.letter}", "to_name": f"answer_{row.letter}", "type": "rating"}
            result.append(mark | place | {"value": {"rating": row.value}})
    return {"result": result, "was_cancelled": not result}


def _interface(kind: str, letters: Sequence[str]) -> str:
    guide = "Rate each reply from 1 (worst) to 7 (best)" if kind == "likert" else "Which reply is better"
    lines = ["<View>", f"  <Header value={quoteattr(f'{guide}, on the dimension named below and on nothing else.')}/>"]
    lines += [f'  <Text name="{name}" value="${name}"/>' for name in ("dimension", "question", "passages", "reference")]
    for letter in letters:
        lines += [f'  <Header value="{letter}"/>', f'  <Text name="answer_{letter}" value="$answer_{letter}"/>']
        if kind == "likert":
            lines.append(f'  <Rating name="rating_{letter}" toName="answer_{letter}" maxRating="{SCALE[1]}"/>')
    if kind == "pair":
        lines.append('  <Choices name="preferred" toName="question" choice="single" showInline="true">')
        lines += [f'    <Choice value="{name}"/>' for name in ("A", "tie", "B")] + ["  </Choices>"]
    return "\n".join([*lines, "</View>", ""])


def from_label_studio(here: run.Run, path: str | Path) -> dict[str, int]:
    """Take the ratings of a Label Studio export (JSON, not JSON-MIN) into ratings.jsonl; returns counts of what came and what did not.

    The rater is the name in a result's `meta`, else a pseudonym of whoever completed the annotation. Cancelled annotations, tasks that are
    not this run's and values off the menu are counted, never made numbers. Raises RunError when the file is no such export.
    """
    path = Path(path)
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise run.RunError(f"{path.name} cannot be read as JSON ({error}): export from Label Studio as JSON.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) and isinstance(row.get("data"), dict) for row in rows):
        raise run.RunError(f"{path.name} is no Label Studio export: export as JSON, not as JSON-MIN or CSV.")
    key = {task.id: task for task in tasks(here)}
    counts: Counter = Counter(ratings=0, cancelled=0, unknown=0, off_menu=0)
    made: list[Rating] = []
    for row in rows:
        task = key.get(str(row["data"].get("task")))
        for annotation in row.get("annotations") or ():
            if task is None or not isinstance(annotation, dict):
                counts["unknown"] += 1
            elif annotation.get("was_cancelled"):
                counts["cancelled"] += 1
            else:
                made += _imported(task, annotation, counts)
    if made:
        _keep(here, made)
    counts["ratings"] = sum(row.number is not None for row in made)
    return dict(counts)


def _imported(task: Task, annotation: dict, counts: Counter) -> list[Rating]:
    given: dict = dict.fromkeys(task.shown) if task.kind == "likert" else {"preferred": None}
    rater = ""
    for result in annotation.get("result") or ():
        value, name = (result.get("value") or {}, str(result.get("from_name", ""))) if isinstance(result, dict) else ({}, "")
        place, chosen = _read_result(task, name, value)
        if place is None:
            counts["off_menu"] += 1
            continue
        given[place] = chosen
        rater = rater or next(iter((result.get("meta") or {}).get("text") or ()), "")
    rater = rater or _pseudonym(annotation.get("completed_by"))
    return _ratings(
        task, rater, given if task.kind == "likert" else given["preferred"], 0, "label studio", str(annotation.get("created_at") or "")
    )


def _read_result(task: Task, name: str, value: dict) -> tuple[str | None, int | str | None]:
    """(letter or `preferred`, what was chosen), or (None, None) for what is not on the menu."""
    if task.kind == "likert":
        letter, number = name.removeprefix("rating_"), value.get("rating")
        if letter in task.shown and isinstance(number, int) and not isinstance(number, bool) and SCALE[0] <= number <= SCALE[1]:
            return letter, number
        return None, None
    chosen = value.get("choices") or [{"left": "A", "right": "B"}.get(value.get("selected"))]  # their Pairwise control says left or right
    return ("preferred", chosen[0]) if len(chosen) == 1 and chosen[0] in _PREFERRED else (None, None)


def _pseudonym(who) -> str:
    """A short name that stays the same for one person and gives no address away."""
    if isinstance(who, dict):
        who = who.get("id") or who.get("email")
    return f"annotator-{hashlib.sha256(str(who).encode()).hexdigest()[:6]}"


def raters(rows: Iterable[Rating]) -> dict[str, int]:
    """How many tasks each rater has done."""
    done: dict[str, set] = defaultdict(set)
    for row in rows:
        done[row.rater].add(row.task)
    return {name: len(found) for name, found in sorted(done.items())}
