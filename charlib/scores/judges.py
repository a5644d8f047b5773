"""Judge models and human raters; agreement between them. Beside the scores without a judge, never
in their place.

A judge is any endpoint. It reads a reply, cut to its first 60 words like every other, and the
profile's passages that bear on the question:

    shown = judge.exhibits(answers, person, count=20)
    judge.conduct(here, shown, endpoint.Client(endpoint.Settings.from_environment()), person)    # judgements.jsonl
    table = judge.table(here.read_jsonl("judgements.jsonl", judge.Judgement))    # self-consistency first, then systems with intervals

People rate the same exhibits blind, side by side, in the notebook (`widgets.blind_rating`) or in
Label Studio:

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
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from charlib import run, teachers
from charlib import text as texts
from charlib.records import SCALE, Answer, Completion, Judgement, Profile, Question
from charlib.scores import statistics
from charlib.scores.parts import DIMENSIONS
from charlib.scores.replies import beyond, heard

JUDGEMENTS, RATINGS, KEY = "judgements.jsonl", "ratings.jsonl", "ratings_key.jsonl"


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


# some warmth, so that repeats can differ and self-consistency means something
SAMPLING = {"temperature": 0.7, "max_tokens": 600}


JUDGES_NOTE = "verdicts of a model from 1 to 7; intervals are over questions, one training; read no result without the self-consistency above it"


@dataclass(frozen=True)
class Exhibit:
    """What a judge or a rater is shown of one system: one exchange, or for stability several.
    `exchanges` hold (asked, reply heard).

    Replies are cut alike to their first 60 words; `words` is what is left. Systems are compared on
    equal `key`; `cluster` is what is resampled together.
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
        return digest([self.dimension, self.system, self.question, self.seed, self.exchanges, self.reference])

    @property
    def words(self) -> int:
        return sum(len(reply.split()) for _, reply in self.exchanges)


def exhibits(answers: Sequence[Answer], profile: Profile, questions: Sequence[Question] | None = None,
             dimensions: Sequence[str] = DIMENSIONS, count: int = 0, seed: int = 0) -> list[Exhibit]:  # fmt: skip
    """What of the answers bears on each dimension. With `count`, a seeded sample of so many items a
    dimension, the same for all systems.

    Memorization: recall, choices, talk of past and relations. Values: value choices, talk of
    values. Personality: trait choices, talk. Hallucination: boundary items, talk of what lies
    beyond. Stability: conversations, and questions asked again in other words. Raises RunError for
    an unknown dimension or when nothing bears on any.
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
    """What the bank knows of the right reply, in words: a judge with a reference agrees better with
    people than a larger one without.
    """
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
    """Conversations as a whole, and each question together with its re-wordings, by system and
    seed.
    """
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
    """So many items a dimension, those first that all systems answered; of the boundary whole
    pairs, so that both sides weigh alike.
    """
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


def digest(value) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=True).encode()).hexdigest()[:16]


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

    A demanded verdict and an order to the examiner become […], the word itself becomes `judgement`,
    and angle brackets change shape: nothing quoted from it can be read as a verdict or close the
    marks around it.
    """
    text = unicodedata.normalize("NFKC", text)
    text = "".join(mark for mark in text if mark in "\n\t" or unicodedata.category(mark) not in ("Cc", "Cf", "Cs", "Co"))
    text, demands = _DEMAND.subn("[…]", text)
    text = re.sub("verdict", "judgement", text, flags=re.IGNORECASE)
    return text.replace("<", "‹").replace(">", "›").strip(), bool(demands)


def _prompts(shown: Exhibit, profile: Profile, passages: list[str], repeats: int, seed: int) -> tuple[list[teachers.Prompt], bool]:
    """The prompts of an exhibit, one a repeat, passages in another order each time; and whether its
    replies tried to set the verdict.
    """
    template, version = teachers.prompt(f"judge_{shown.dimension}")
    exchanges, tampered = [], False
    for asked, reply in shown.exchanges:
        said, tried = neutral(reply)
        tampered |= tried
        exchanges.append(f"Asked: {neutral(asked)[0]}\nReply: {said or '(nothing was said)'}")
    facts = teachers.describe(profile)
    temper = ", ".join(f"{name} {value:+.1f}" for name, value in profile.traits.items())
    facts |= {"traits": f"{temper} (from -1 to 1)" if temper else "not given"}
    facts = {name: neutral(text)[0] for name, text in facts.items()}
    facts |= {"exchange": "\n\n".join(exchanges), "reference": neutral(shown.reference)[0], "fence": digest([shown.id, seed])[:8]}
    passages = [f"- {neutral(passage)[0]}" for passage in passages]
    made = []
    for sample in range(repeats):
        order = list(passages)
        random.Random(f"{seed}:{shown.id}:{sample}").shuffle(order)
        text = teachers.fill(template, facts | {"passages": "\n".join(order)})
        messages = ({"role": "user", "content": text},)
        made.append(teachers.Prompt(f"{shown.id}:{sample}", messages, SAMPLING | {"seed": seed}, sample, version))
    return made, tampered


class Passages:
    """The passages that bear on an exhibit: the paragraph its question was made from, and those
    nearest to what was asked.

    Nearest as by `interview.relevant`, with its search built once for all exhibits. They depend on
    the question alone, so are the same for all systems.
    """

    def __init__(self, profile: Profile, count: int):
        self.profile, self.count, self.known = profile, count, {}
        self.search = texts.Search([item.text for item in profile.paragraphs])

    def of(self, shown: Exhibit) -> list[str]:
        asked = " ".join(dict.fromkeys(asked for asked, _ in shown.exchanges))
        if (asked, shown.paragraph) not in self.known:
            own = self.profile.paragraph(shown.paragraph) if shown.paragraph else None
            near = [self.profile.paragraphs[index] for index, _ in self.search.nearest(asked, self.count)]
            found = [own, *near] if own else near
            self.known[(asked, shown.paragraph)] = list(dict.fromkeys(item.text for item in found))[: self.count]
        return self.known[(asked, shown.paragraph)]


_VERDICT = re.compile(r"verdict\s*:\s*([1-7])(?:\s*/\s*7)?\s*\.?", re.IGNORECASE | re.ASCII)


def read_verdict(text: str) -> tuple[int | None, str]:
    """(verdict, "") or (None, why it is missing). Only the last line counts, only a whole number of
    the scale, and only after reasons.
    """
    lines = [line.strip() for line in text.replace("*", "").replace("`", "").split("\n") if line.strip()]
    if not lines or not any(re.search("verdict", line, re.IGNORECASE) for line in lines):
        return None, "no verdict"
    found = _VERDICT.fullmatch(lines[-1])
    if not found:
        return None, "off the menu"
    if sum(len(line.split()) for line in lines[:-1] if not _VERDICT.fullmatch(line)) < 3:
        return None, "no reasons"
    return int(found[1]), ""


def ask_judges(here: run.Run, shown: Sequence[Exhibit], client: teachers.Client, profile: Profile, repeats: int = 3, seed: int = 0,
            say: Callable[[str], None] | None = None, *, passages: int = 3) -> list[Judgement]:  # fmt: skip
    """Have one judge read every exhibit `repeats` times, all systems mixed in a seeded order;
    writes judgements.jsonl.

    Each answer is kept in journal/judge.jsonl, so that an interrupted round goes on. A verdict that
    cannot be read is missing, and is not asked again until one can be. Rows of other judges, and of
    exhibits that are not shown now, stay. Raises RunError for fewer than two repeats, or when the
    endpoint refuses.
    """
    if repeats < 2:
        raise run.RunError("A judge's self-consistency comes before its results: use at least 2 repeats.")
    say, name = say or here.say, f"{client.settings.model} at {client.settings.place}"
    near = Passages(profile, passages)
    made = {one.id: (one, *_prompts(one, profile, near.of(one), repeats, seed)) for one in shown}
    asked = [prompt for _, prompts, _ in made.values() for prompt in prompts]
    random.Random(seed).shuffle(asked)  # no system is read first, or in a block
    with teachers.Journal(here.path("journal", "judge.jsonl")) as journal:
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
    shown: Exhibit, name: str, prompt: teachers.Prompt, answer: Completion | None, tampered: bool, stopped: str
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


def consistency(judgements: Sequence[Judgement], seed: int = 0) -> dict[str, dict]:
    """How far one judge agrees with itself: quadratic-weighted kappa between repeats, over all
    pairs of repeats of an exhibit.

    By dimension and in `all`; the interval resamples exhibits. `same` is the share of pairs with
    the very same verdict; `n` counts pairs.
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
    # repeats have no order, so neither may the table of their verdicts
    pairs += [(b, a, name) for a, b, name in pairs]
    first, second, names = zip(*pairs, strict=True)
    row = as_row(statistics.weighted_kappa(first, second, clusters=names, seed=seed), "it always gives one and the same verdict")
    same = float(np.mean([a == b for a, b in zip(first, second, strict=True)]))
    return row | {"n": len(pairs) // 2, "exhibits": len(set(names)), "same": round(same, 4), **counted}


def as_row(interval: statistics.Interval, reason: str) -> dict:
    """An interval as a record; where it is undefined the value is None with the reason."""
    if math.isnan(interval.value) or math.isnan(interval.low):
        return {"value": None, "n": interval.n, "reason": reason}
    return interval.row()


def judge_table(judgements: Sequence[Judgement], first: str = "simulacrum", seed: int = 0) -> dict[str, dict]:
    """By judge: `consistency` first, then `systems`: {system: {dimension: {value, ci_low, ci_high,
    n, asked, missing, tampered, words}}}, and `paired`: what `first` (else the first system) has
    over each other on the exhibits that both have a verdict on, at equal length too.

    Values are means from 1 to 7 of each exhibit's mean verdict, intervals clustered by paragraph or
    pair. A dimension without any verdict has the value None and a reason. Raises RunError where no
    exhibit was asked twice: consistency comes before results.
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
        "note": JUDGES_NOTE,
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
    return statistics.mean(values, clusters, seed=seed, bounds=SCALE).row() | counted | {"words": round(float(np.mean(words)), 1)}


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
        row = statistics.mean(gaps, clusters, seed=seed).row()
        found[name] = {"difference": row.pop("value"), **row, "p": round(statistics.permutation(gaps, clusters, seed=seed), 5)}
        found[name]["at_equal_length"] = statistics.at_equal_length(gaps, longer, clusters, seed=seed, draws=400)
    for name, p in statistics.holm({name: row["p"] for name, row in found.items()}).items():
        if p is not None:
            found[name]["p_holm"] = round(p, 5)
    return found


def judges_markdown(result: dict[str, dict]) -> str:
    """What `table` found, as Markdown: for each judge its self-consistency, then systems with
    intervals and what is missing.
    """
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
