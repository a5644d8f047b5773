"""Blind ratings by people: tasks, ratings, agreement, Label Studio."""

import hashlib
import itertools
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import quoteattr

import numpy as np
from pydantic import BaseModel, ConfigDict

from charlib import run
from charlib.records import PREFERRED, SCALE, Judgement, Profile, Rating
from charlib.scores import statistics
from charlib.scores.judges import KEY, LETTERS, RATINGS, Exhibit, Passages, as_row, digest


class Task(BaseModel):
    """One question with the replies of several systems behind letters. `systems` and `exhibits` are
    the key, which no rater is shown.
    """

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


def prepare_ratings(here: run.Run, shown: Sequence[Exhibit], kind: Literal["likert", "pair"] = "likert", profile: Profile | None = None,
            seed: int = 0, systems: Sequence[str] | None = None) -> list[Task]:  # fmt: skip
    """Blind tasks from exhibits that all systems have; the key goes to ratings_key.jsonl, where
    tasks of earlier calls stay.

    Letters are shuffled for each question; a likert task shows all systems side by side, a pair
    task two. Equal exhibits give equal tasks. Raises RunError when fewer than two systems answered
    the same.
    """
    names = list(dict.fromkeys(systems or (one.system for one in shown)))
    groups: dict[tuple, dict[str, Exhibit]] = defaultdict(dict)
    for one in shown:
        if one.system in names:
            groups[one.key].setdefault(one.system, one)
    near = Passages(profile, 3) if profile else None
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
    before = rating_tasks(here)
    ids = {task.id for task in made}
    here.write_jsonl(KEY, [*(task for task in before if task.id not in ids), *made])
    return made


def _task(kind: str, group: list[Exhibit], near: Passages | None, seed: int) -> Task:
    order = sorted(group, key=lambda one: digest([seed, kind, one.id]))
    one, letters = order[0], LETTERS[: len(order)]
    shown = {letter: _to_read(made) for letter, made in zip(letters, order, strict=True)}
    return Task(
        id=digest([seed, kind, *(made.id for made in order)]), kind=kind, dimension=one.dimension, question=one.question, seed=one.seed,
        cluster=one.cluster, asked=one.exchanges[0][0], shown=shown, passages=near.of(one) if near else [], reference=one.reference,
        systems={letter: made.system for letter, made in zip(letters, order, strict=True)},
        exhibits={letter: made.id for letter, made in zip(letters, order, strict=True)},
    )  # fmt: skip


def _to_read(made: Exhibit) -> str:
    if len(made.exchanges) == 1:
        return made.exchanges[0][1] or "(nothing was said)"
    return "\n".join(f"– {asked}\n{reply or '(nothing was said)'}" for asked, reply in made.exchanges)


def rating_tasks(here: run.Run, kind: str = "") -> list[Task]:
    """The run's blind tasks; none where none were prepared."""
    found = here.read_jsonl(KEY, Task) if here.has(KEY) else []
    return [task for task in found if kind in ("", task.kind)]


def read_ratings(here: run.Run) -> list[Rating]:
    """What people rated in this run; none where nobody did."""
    return here.read_jsonl(RATINGS, Rating) if here.has(RATINGS) else []


def in_order(wanted: Sequence[Task], rater: str, seed: int = 0) -> list[Task]:
    """The tasks in a rater's own seeded order, so that weariness falls on other questions for each.
    """
    order = sorted(wanted, key=lambda task: task.id)
    random.Random(f"{seed}:{rater}").shuffle(order)
    return order


def rate(here: run.Run, task: Task, rater: str, given: dict[str, int | None] | str | None, *, order: int = 0, origin: str = "notebook",
         at: str = "") -> list[Rating]:  # fmt: skip
    """Keep what a rater gave one task: {letter: 1 to 7 or None} for likert, "A", "B", "tie" or None
    for pair.

    A later rating replaces an earlier. Raises RunError for a rater without a name, a letter or a
    value that is not on the menu.
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
        if given is not None and given not in PREFERRED:
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
        before = [row for row in read_ratings(here) if (row.rater, *row.item) not in new]
        here.write_jsonl(RATINGS, [row.model_dump(mode="json") for row in (*before, *new.values())])


def agreement(rows: Sequence[Rating], seed: int = 0) -> dict[str, dict]:
    """How far raters agree, by dimension (pairs apart, as `values: pair`): weighted kappa for two,
    else Krippendorff's alpha (ordinal).

    `n` counts items that two or more rated; `base` how often each value was given, for agreement
    means little where one value prevails.
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
        interval = statistics.weighted_kappa(*grid, clusters=[task for task, _ in items], seed=seed)
        return as_row(interval, "nothing varies") | {"coefficient": "weighted kappa (quadratic)", **facts}
    interval = statistics.alpha(grid, seed=seed)
    return as_row(interval, "nothing varies") | {"coefficient": "Krippendorff's alpha (ordinal)", **facts}


def people(here: run.Run, seed: int = 0) -> dict:
    """What people rated: `raters`, `agreement` first, then `systems` (mean from 1 to 7) and `pairs`
    (share won by the first, ties half).

    {} where nobody rated: a result of people is never made up.
    """
    rows, key = read_ratings(here), {task.id: task for task in rating_tasks(here)}
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
        found[system][dimension] = statistics.mean(list(means.values()), clusters, seed=seed, bounds=SCALE).row() | counted
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
        found[name][dimension] = statistics.mean(shares, [key[task].cluster for task in items], seed=seed, bounds=(0, 1)).row() | counted
    return dict(found)


def for_plot(result: dict) -> dict[str, dict]:
    """The ratings of `people` as `plots.ratings` takes them: rows by "system: dimension"."""
    cells = [(system, name, cell) for system, row in result.get("systems", {}).items() for name, cell in row.items()]
    return {f"{system}: {name}": cell | {"system": system} for system, name, cell in cells if cell["value"] is not None}


def against(judgements: Sequence[Judgement], here: run.Run, seed: int = 0) -> dict[str, dict]:
    """Judge against people, by judge and dimension, on exhibits that both rated: weighted kappa of
    the two medians.

    `lenience` is how much higher the judge is, on the scale of 1 to 7; `people` is how far the
    people agree among themselves, which no judge can be asked to exceed by much. {} where nobody
    rated.
    """
    key, rows = {task.id: task for task in rating_tasks(here)}, [row for row in read_ratings(here) if row.kind == "likert"]
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
        kappa = statistics.weighted_kappa(first, second, clusters=groups, seed=seed)
        found[judge][dimension] = as_row(kappa, "nothing varies") | {
            "coefficient": "weighted kappa (quadratic)",
            "lenience": statistics.mean(gaps, groups, seed=seed).row(),
            "people": among.get(dimension),
        }
    return found


def to_label_studio(here: run.Run, path: str | Path, kind: Literal["likert", "pair"] = "likert") -> Path:
    """Write the tasks of a kind as Label Studio's JSON, and the labelling interface beside it
    (`.xml`), to be pasted into a project.

    No system is named in either. What is rated already goes along as annotations, the rater's name
    in each result's `meta`. Raises RunError when there are no tasks, or they show different numbers
    of replies.
    """
    wanted, path = rating_tasks(here, kind), Path(path)
    letters = {tuple(task.shown) for task in wanted}
    if not wanted:
        raise run.RunError(f"No {kind} tasks in this run: prepare them first.")
    if len(letters) > 1:
        raise run.RunError("These tasks show different numbers of replies: prepare them anew in a fresh run with one set of systems.")
    rated: dict[str, dict[str, list[Rating]]] = defaultdict(lambda: defaultdict(list))
    for row in read_ratings(here):
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
        mark = {"id": digest([row.task, row.rater, row.letter])[:10], "meta": {"text": [row.rater]}}
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
    """Take the ratings of a Label Studio export (JSON, not JSON-MIN) into ratings.jsonl; returns
    counts of what came and what did not.

    The rater is the name in a result's `meta`, else a pseudonym of whoever completed the
    annotation. Cancelled annotations, tasks that are not this run's and values off the menu are
    counted, never made numbers. Raises RunError when the file is no such export.
    """
    path = Path(path)
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise run.RunError(f"{path.name} cannot be read as JSON ({error}): export from Label Studio as JSON.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) and isinstance(row.get("data"), dict) for row in rows):
        raise run.RunError(f"{path.name} is no Label Studio export: export as JSON, not as JSON-MIN or CSV.")
    key = {task.id: task for task in rating_tasks(here)}
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
    # their Pairwise control says left or right
    chosen = value.get("choices") or [{"left": "A", "right": "B"}.get(value.get("selected"))]
    return ("preferred", chosen[0]) if len(chosen) == 1 and chosen[0] in PREFERRED else (None, None)


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
