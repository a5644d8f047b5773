"""People rate the exhibits that a judge reads, blind and side by side; a result of people is never
made up.

    scores.prepare_ratings(here, shown)                        # ratings_key.jsonl: who is who
    scores.rate(here, task, "rater-1", {"A": 6, "B": None})    # ratings.jsonl: letters only
    scores.people(here), scores.against(judgements, here)      # {} where nobody rated

They do it in the notebook (`show.blind_rating`) or in Label Studio."""

import hashlib
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from charlib import run
from charlib.records import SCALE, Judgement, Profile, Rating, Record
from charlib.scores import statistics
from charlib.scores.judges import Exhibit, as_row, digest, grouped, nearest_passages

RATINGS, KEY = "ratings.jsonl", "ratings_key.jsonl"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Task(Record):
    """One question with the replies of several systems behind letters. `systems` and `exhibits` are
    the key, which no rater is shown."""
    id: str
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


def prepare_ratings(here: run.Run, shown: Sequence[Exhibit], profile: Profile | None = None,
                    seed: int = 0) -> list[Task]:
    """Blind tasks from the exhibits that all systems have, letters shuffled for each question; the
    key goes to ratings_key.jsonl, where tasks of earlier calls stay.

    Equal exhibits give equal tasks. Raises RunError when fewer than two systems answered the same.
    """
    systems = {one.system for one in shown}
    near = nearest_passages(profile) if profile else lambda one: []
    groups = [{one.system: one for one in reversed(group)}
              for group in grouped(shown, lambda one: one.key).values()]
    made = [_task(list(group.values()), near, seed) for group in groups if set(group) == systems]
    if len(systems) < 2 or not made:
        raise run.RunError("Blind rating needs questions that two systems or more answered: "
                           "interview another system, or import its answers.")
    if len(systems) > len(LETTERS):
        raise run.RunError(f"{len(systems)} systems are too many to rate side by side: show "
                           f"exhibits of up to {len(LETTERS)}.")
    random.Random(seed).shuffle(made)
    ids = {task.id for task in made}
    here.write_jsonl(KEY, [*(task for task in rating_tasks(here) if task.id not in ids), *made])
    return made


def _task(group: list[Exhibit], near, seed: int) -> Task:
    order = sorted(group, key=lambda one: digest([seed, one.id]))
    one, lettered = order[0], dict(zip(LETTERS, order, strict=False))
    return Task(
        id=digest([seed, *(made.id for made in order)]), dimension=one.dimension,
        question=one.question, seed=one.seed, cluster=one.cluster, asked=one.exchanges[0][0],
        passages=near(one), reference=one.reference,
        shown={letter: _to_read(made) for letter, made in lettered.items()},
        systems={letter: made.system for letter, made in lettered.items()},
        exhibits={letter: made.id for letter, made in lettered.items()})


def _to_read(made: Exhibit) -> str:
    said = [(asked, reply or "(nothing was said)") for asked, reply in made.exchanges]
    if len(said) == 1:
        return said[0][1]
    return "\n".join(f"– {asked}\n{reply}" for asked, reply in said)


def rating_tasks(here: run.Run) -> list[Task]:
    """The run's blind tasks; none where none were prepared."""
    return here.read_jsonl(KEY, Task) if here.has(KEY) else []


def read_ratings(here: run.Run) -> list[Rating]:
    """What people rated in this run; none where nobody did."""
    return here.read_jsonl(RATINGS, Rating) if here.has(RATINGS) else []


def in_order(wanted: Sequence[Task], rater: str, seed: int = 0) -> list[Task]:
    """The tasks in a rater's own seeded order, so that weariness falls on other questions for each.
    """
    order = sorted(wanted, key=lambda task: task.id)
    random.Random(f"{seed}:{rater}").shuffle(order)
    return order


def rate(here: run.Run, task: Task, rater: str, given: dict[str, int | None], *, order: int = 0
         ) -> list[Rating]:
    """Keep what a rater gave one task: {letter: 1 to 7, or None for "cannot tell"}.

    A later rating replaces an earlier. Raises RunError for a rater without a name, a letter or a
    value that is not on the menu."""
    return _keep(here, _ratings(task, rater, given, order=order))


def _ratings(task: Task, rater: str, given: dict[str, int | None], **facts) -> list[Rating]:
    rater = " ".join(str(rater).split())
    if not rater:
        raise run.RunError("A rating needs a rater: give a short name of your choice.")
    if set(given) != set(task.shown) or not all(map(_on_menu, given.values())):
        raise run.RunError(f"Rate each of {', '.join(task.shown)} with a whole number from "
                           f"{SCALE[0]} to {SCALE[1]}, or None where you cannot tell.")
    facts.setdefault("at", time.strftime("%Y-%m-%dT%H:%M:%S%z"))
    return [Rating(task=task.id, rater=rater, dimension=task.dimension, letter=letter,
                   value=given[letter], **facts) for letter in task.shown]


def _on_menu(value) -> bool:
    return value is None or (type(value) is int and SCALE[0] <= value <= SCALE[1])


def _keep(here: run.Run, made: list[Rating]) -> list[Rating]:
    with here.stage("rating"):
        new = {(row.rater, *row.item): row for row in made}
        before = [row for row in read_ratings(here) if (row.rater, *row.item) not in new]
        rows = [row.model_dump(mode="json") for row in (*before, *new.values())]
        here.write_jsonl(RATINGS, rows)
    return made


def agreement(rows: Sequence[Rating], seed: int = 0) -> dict[str, dict]:
    """How far raters agree, by dimension: weighted kappa for two, else Krippendorff's alpha
    (ordinal).

    `n` counts items that two or more rated; `base` how often each value was given, for agreement
    means little where one value prevails."""
    groups = grouped(rows, lambda row: row.dimension)
    return {name: _agree(group, seed) for name, group in groups.items()}


def _agree(rows: list[Rating], seed: int) -> dict:
    raters = sorted({row.rater for row in rows})
    items = list(dict.fromkeys(row.item for row in rows))
    said = {(row.rater, row.item): row.value for row in rows}
    grid = [[said.get((rater, item)) for item in items] for rater in raters]
    base = Counter(str(row.value or "?") for row in rows)
    facts = {"raters": len(raters), "missing": base.pop("?", 0), "base": dict(sorted(base.items()))}
    shared = any(sum(value is not None for value in given) > 1 for given in zip(*grid, strict=True))
    if not shared:
        return {"value": None, "n": 0, "reason": "no item that two people rated",
                "coefficient": None, **facts}
    if len(raters) == 2:
        name = "weighted kappa (quadratic)"
        clusters = [task for task, _ in items]
        interval = statistics.weighted_kappa(*grid, clusters=clusters, seed=seed)
    else:
        name = "Krippendorff's alpha (ordinal)"
        interval = statistics.alpha(grid, seed=seed)
    return as_row(interval, "nothing varies") | {"coefficient": name, **facts}


def people(here: run.Run, seed: int = 0) -> dict:
    """What people rated: `raters`, `agreement` first, then `systems` (mean from 1 to 7); {} where
    nobody rated."""
    key = {task.id: task for task in rating_tasks(here)}
    rows = [row for row in read_ratings(here) if row.task in key]
    if not rows:
        return {}
    found: dict[str, dict] = defaultdict(dict)
    groups = grouped(rows, lambda row: (key[row.task].systems[row.letter], row.dimension))
    for (system, dimension), mine in sorted(groups.items()):
        found[system][dimension] = _liked(mine, key, seed)
    return {"raters": len({row.rater for row in rows}), "agreement": agreement(rows, seed),
            "systems": dict(found)}


def _liked(rows: list[Rating], key: dict[str, Task], seed: int) -> dict:
    told = [row for row in rows if row.value is not None]
    counted = {"asked": len(rows), "missing": len(rows) - len(told)}
    if not told:
        return {"value": None, "n": 0, "reason": "nobody could tell", **counted}
    items = grouped(told, lambda row: row.item)
    means = [float(np.mean([row.value for row in given])) for given in items.values()]
    clusters = [key[task].cluster for task, _ in items]
    return statistics.mean(means, clusters, seed=seed, bounds=SCALE).row() | counted


def against(judgements: Sequence[Judgement], here: run.Run, seed: int = 0) -> dict[str, dict]:
    """Judge against people, by judge and dimension, on exhibits that both rated: weighted kappa of
    the two medians.

    `lenience` is how much higher the judge is, on the scale of 1 to 7; `people` is how far the
    people agree among themselves, which no judge can be asked to exceed by much. {} where nobody
    rated."""
    key, rows = {task.id: task for task in rating_tasks(here)}, read_ratings(here)
    told = [row for row in rows if row.value is not None and row.task in key]
    theirs = grouped(told, lambda row: key[row.task].exhibits[row.letter])
    if not theirs:
        return {}
    among = agreement(rows, seed)
    found: dict[str, dict] = {row.judge: {} for row in judgements}
    both = [row for row in judgements if row.verdict and row.exhibit in theirs]
    for (judge, dimension), mine in grouped(both, lambda row: (row.judge, row.dimension)).items():
        said = grouped(mine, lambda row: row.exhibit)
        first = [float(np.median([row.verdict for row in given])) for given in said.values()]
        second = [float(np.median([row.value for row in theirs[name]])) for name in said]
        clusters = [key[theirs[name][-1].task].cluster for name in said]
        kappa = statistics.weighted_kappa(first, second, clusters=clusters, seed=seed)
        gaps = np.subtract(first, second)
        found[judge][dimension] = as_row(kappa, "nothing varies") | {
            "coefficient": "weighted kappa (quadratic)",
            "lenience": statistics.mean(gaps, clusters, seed=seed).row(),
            "people": among.get(dimension)}
    return found


def to_label_studio(here: run.Run, path: str | Path) -> Path:
    """Write the run's tasks as Label Studio's JSON, and the labelling interface beside it (`.xml`),
    to be pasted into a project. No system is named in either.

    What is rated already goes along as annotations, the rater's name in each result's `meta`.
    Raises RunError when there are no tasks, or they show different numbers of replies."""
    wanted, path = rating_tasks(here), Path(path)
    letters = {tuple(task.shown) for task in wanted}
    if len(letters) != 1:
        raise run.RunError("Label Studio needs tasks that show equally many replies: prepare them "
                           "in a fresh run with one set of systems.")
    rated = grouped(read_ratings(here), lambda row: row.task)
    rows = []
    for task in wanted:
        data = {"task": task.id, "dimension": task.dimension, "question": task.asked,
                "passages": "\n\n".join(task.passages) or "none", "reference": task.reference}
        data |= {f"answer_{letter}": text for letter, text in task.shown.items()}
        raters = grouped(rated.get(task.id, ()), lambda row: row.rater).values()
        rows.append({"data": data, "annotations": [_annotation(given) for given in raters]})
    run.write_atomic(path.with_suffix(".xml"), _interface(letters.pop()))
    return run.write_atomic(path, json.dumps(rows, ensure_ascii=False, indent=1) + "\n")


def _annotation(rows: list[Rating]) -> dict:
    result = [{"id": digest([row.task, row.rater, row.letter])[:10], "meta": {"text": [row.rater]},
               "from_name": f"rating_{row.letter}", "to_name": f"answer_{row.letter}",
               "type": "rating", "value": {"rating": row.value}}
              for row in rows if row.value is not None]
    return {"result": result, "was_cancelled": not result}


def _interface(letters: Sequence[str]) -> str:
    guide = quoteattr("Rate each reply from 1 (worst) to 7 (best), on the dimension named below "
                      "and on nothing else.")
    lines = ["<View>", f"  <Header value={guide}/>"]
    lines += [f'  <Text name="{name}" value="${name}"/>'
              for name in ("dimension", "question", "passages", "reference")]
    for letter in letters:
        answer = f"answer_{letter}"
        lines += [f'  <Header value="{letter}"/>', f'  <Text name="{answer}" value="${answer}"/>',
                  f'  <Rating name="rating_{letter}" toName="{answer}" maxRating="{SCALE[1]}"/>']
    return "\n".join([*lines, "</View>", ""])


def from_label_studio(here: run.Run, path: str | Path) -> dict[str, int]:
    """Take the ratings of a Label Studio export (JSON, not JSON-MIN) into ratings.jsonl; returns
    counts of what came and what did not.

    The rater is the name in a result's `meta`, else a pseudonym of whoever completed the
    annotation. Cancelled annotations, tasks that are not this run's and values off the menu are
    counted, never made numbers. Raises RunError when the file is no such export."""
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8-sig"))
        annotated = [(row["data"].get("task"), row.get("annotations") or []) for row in rows]
        if not isinstance(rows, list):
            raise TypeError("not a list of tasks")
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise run.RunError(f"{Path(path).name} is no Label Studio export: export as JSON, not as "
                           "JSON-MIN or CSV.") from error
    key = {task.id: task for task in rating_tasks(here)}
    counts: Counter = Counter(ratings=0, cancelled=0, unknown=0, off_menu=0)
    made: list[Rating] = []
    for task, annotation in ((key.get(name), one) for name, given in annotated for one in given):
        if task is None:
            counts["unknown"] += 1
        elif annotation.get("was_cancelled"):
            counts["cancelled"] += 1
        else:
            made += _imported(task, annotation, counts)
    _keep(here, made)
    counts["ratings"] = sum(row.value is not None for row in made)
    return dict(counts)


def _imported(task: Task, annotation: dict, counts: Counter) -> list[Rating]:
    given: dict[str, int | None] = dict.fromkeys(task.shown)
    names = []
    for result in annotation.get("result") or ():
        letter = str(result.get("from_name")).removeprefix("rating_")
        value = (result.get("value") or {}).get("rating")
        if letter in given and value is not None and _on_menu(value):
            given[letter] = value
            names += (result.get("meta") or {}).get("text") or []
        else:
            counts["off_menu"] += 1
    rater = names[0] if names else _pseudonym(annotation.get("completed_by"))
    facts = {"origin": "label studio"}
    if annotation.get("created_at"):
        facts["at"] = str(annotation["created_at"])
    return _ratings(task, rater, given, **facts)


def _pseudonym(who) -> str:
    """A short name that stays the same for one person and gives no address away."""
    if isinstance(who, dict):
        who = who.get("id") or who.get("email")
    return f"annotator-{hashlib.sha256(str(who).encode()).hexdigest()[:6]}"
