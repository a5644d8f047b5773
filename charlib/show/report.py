"""report.html: one page of a run, whole in itself; no network, no script needed. Everything that a
model or a profile said is escaped. values.html is a page of its own: which stances hold, which
break, when nobody presses and when somebody does.

The pages are templates beside this file (`report.html.j2`, `values.html.j2`), fed with records.
"""

import base64
from collections.abc import Sequence
from pathlib import Path

import jinja2

from charlib import experience, run, scores
from charlib.records import Answer, Dialogue, Profile, Question, Scene
from charlib.show import plots

PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True,
    lstrip_blocks=True, undefined=jinja2.StrictUndefined)
# how many of the twenty questions are of which purpose
SHARES = {"recall": 9, "boundary": 6, "value": 2, "choice": 2, "time": 1}


def write_report(here: run.Run, person: Profile, result: dict, answers: Sequence[Answer],
                 questions: Sequence[Question], talks: Sequence[Sequence[Answer]] = ()) -> Path:
    """Write figures/ and report.html of a run, and values.html where values were asked about.
    Returns the page's path."""
    encoded = {}
    for name, fig in figures(here, person, result, answers, questions).items():
        picture = here.path("figures", f"{name}.png")
        plots.save(fig, picture)
        plots.save(fig, picture.with_suffix(".svg"))
        encoded[name] = f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"
    facts = _facts(here, person, result, answers, questions)
    text = PAGES.get_template("report.html.j2").render(
        facts, figures=encoded, talk=talks[0] if talks else ())
    pages = [run.write_atomic(here.path("report.html"), text)]
    if any(item.purpose == "value" for item in questions):
        pages.append(write_values(here, person, answers, questions))
    here.record("report", products=("scores.json", *(page.name for page in pages)))
    return pages[0]


def write_values(here: run.Run, person: Profile, answers: Sequence[Answer],
                 questions: Sequence[Question]) -> Path:
    """Write values.html: what became of every stance, calm and under pressure, with the replies and
    the passage it rests on. Returns its path. Raises RunError when no value was asked about."""
    rows = scores.stances(answers, person, questions)
    if not rows:
        raise run.RunError("No choice between a stance and its opposite was asked: interview with "
                           "value questions first.")
    groups = []
    for pressed, title in ((False, "When nobody presses"), (True, "Under pressure")):
        mine = [row for row in rows if row["pressure"] is pressed]
        stances = {row["question"]: row["paragraph"] for row in mine}
        groups.append((title, [
            (person.paragraph(paragraph),
             {row["system"]: row for row in mine if row["question"] == question})
            for question, paragraph in stances.items()]))
    text = PAGES.get_template("values.html.j2").render(
        person=person, outcomes=scores.OUTCOMES, counts=scores.firmness(rows), groups=groups,
        systems=list(dict.fromkeys(row["system"] for row in rows)))
    return run.write_atomic(here.path("values.html"), text)


def figures(here: run.Run, person: Profile, result: dict, answers: Sequence[Answer],
            questions: Sequence[Question]) -> dict:
    """Every figure of a run by name; what was not asked or measured has none."""
    told = [row for name in ("dialogues.jsonl", "protective.jsonl")
            for row in here.read_jsonl(name, Dialogue)]
    scenes = here.read_jsonl("scenes.jsonl", Scene)
    made = {
        "dimensions": plots.dimensions(result),
        "forest": plots.forest(result),
        "boundary": plots.boundary(result),
        "training": plots.training(here.read_jsonl("training.jsonl")),
        "coverage": plots.coverage(experience.coverage(person, scenes, told)),
        "length": plots.score_against_length(scores.judge_rows(answers, person, questions)),
    }
    if stances := scores.stances(answers, person, questions):
        made["value_map"] = plots.value_map(stances)
    if here.has("trajectory.jsonl"):
        made["trajectory"] = plots.trajectory(here.read_jsonl("trajectory.jsonl"))
    over_turns = scores.by_turn(answers, person)
    if len({row["turn"] for row in over_turns}) > 2:
        made["turns"] = plots.turns(over_turns)
    return made


def _facts(here: run.Run, person: Profile, result: dict, answers: Sequence[Answer],
           questions: Sequence[Question]) -> dict:
    """What the page is fed with."""
    dialogues = here.read_jsonl("dialogues.jsonl", Dialogue)
    protective = here.read_jsonl("protective.jsonl", Dialogue)
    scenes = {scene.id: scene for scene in here.read_jsonl("scenes.jsonl", Scene)}
    rows = here.read_jsonl("training.jsonl")
    judged = here.read_json("judged.json") if here.has("judged.json") else {}
    origin = here.manifest.get("stages", {}).get("questions", {}).get("origin", "")
    shown = list(result["systems"])[:4]
    return {
        "person": person, "result": result, "dimensions": plots.DIMENSIONS, "answers": answers,
        "dialogues": dialogues, "protective": protective, "scenes": scenes,
        "full": [row for row in dialogues if row.kind == "experience" and row.scene in scenes],
        "matched": experience.matched_pairs(protective),
        "examples": len(here.read_jsonl("examples.jsonl")),
        "start": next((row for row in rows if row.get("event") == "start"), {}),
        "plan": next((row for row in rows if row.get("event") == "plan"), {}),
        "end": next((row for row in reversed(rows) if "tokens_per_second" in row), {}),
        "lead": lead(result), "cost": cost(result),
        "shown": shown, "side": _side_by_side(answers, questions, shown),
        "judges": [(name, one["note"], *verdict_table(one))
                   for name, one in judged.get("judges", {}).items()],
        "people": judged.get("people"), "self_made": origin.endswith("self-made"),
    }


def lead(result: dict) -> str:
    """One honest sentence of what training changed, taken from the paired differences."""
    paired = result["paired"].get("simulacrum-prompted", {})
    above = [name for name, entry in paired.items() if entry.get("above")]
    below = [name for name, entry in paired.items() if entry.get("difference") is not None
             and entry["ci_high"] < 0 and entry["p_holm"] < 0.05]
    where = (f"above the same base model merely prompted on {', '.join(above)}" if above else
             "not clearly above the same base model merely prompted on any dimension")
    but = f", and below it on {', '.join(below)}" if below else ""
    return f"Trained on scenes of this life, the simulacrum is {where}{but}."


def cost(result: dict) -> str:
    """What training cost in general English, beside what it gained, in words that the numbers
    allow."""
    kept = result.get("retention") or {}
    mine, base = kept.get("simulacrum"), kept.get("prompted")
    if not mine or not base:
        return "What was lost of general English was not measured."
    before, after = f"{base['perplexity']:.0f}", f"{mine['perplexity']:.0f}"
    harder = "harder" if mine["perplexity"] > base["perplexity"] else "easier"
    change = f"became {harder} to read: perplexity {before} before, {after} after"
    if before == after:
        change = f"is as hard to read as before: perplexity {before} before and after"
    told = f"General English {change}, on {mine['n']} short texts."
    named = {name: row for name, row in result.get("contrast", {}).items()
             if row.get("value") is not None}
    return f"{told} {_contrast(named)}" if "simulacrum" in named else told


def _contrast(named: dict[str, dict]) -> str:
    row = named["simulacrum"]
    likelier = "neither clearly likelier nor less likely"
    if row["n"] > 1 and (row["ci_low"] > 0 or row["ci_high"] < 0):
        likelier = "likelier" if row["value"] > 0 else "less likely"
    was = f" ({named['prompted']['value']:+.3f} before)" if "prompted" in named else ""
    return (f"Replies held out of training are {likelier} under this name than under "
            f"{row['other']}'s: {row['value']:+.3f} nats per byte{was}, 95% interval "
            f"{row['ci_low']:+.3f} to {row['ci_high']:+.3f}, n {row['n']}.")


def _side_by_side(answers: Sequence[Answer], questions: Sequence[Question], systems: list[str]
                  ) -> list[tuple[Question, list[str]]]:
    """Twenty questions with every system's reply, shared out over their purposes."""
    first = min((row.seed for row in answers), default=0)
    replies: dict[tuple, str] = {}
    for row in answers:
        if row.conversation is None and row.seed == first:
            replies.setdefault((row.question, row.system), row.text)
    asked = {question for question, _ in replies}
    chosen = [item for purpose, share in SHARES.items() for item in
              [item for item in questions if item.purpose == purpose and item.id in asked][:share]]
    return [(item, [" ".join(replies.get((item.id, name), "").split()[:60]) for name in systems])
            for item in chosen]


def cell(entry: dict) -> str:
    """A value with its interval; -- where there is none."""
    if entry.get("value") is None:
        return "--"
    return f"{entry['value']:.2f} [{entry['ci_low']:.2f}, {entry['ci_high']:.2f}]"


def counted_cell(entry: dict) -> str:
    """A value with its interval, its n and what is missing; -- where there is neither."""
    missing = entry.get("missing") or 0
    missing = missing if isinstance(missing, int) else sum(missing.values())
    lost = f"; {missing} of {entry['asked']} missing" if missing else ""
    return f"{cell(entry)} (n {entry['n']}{lost})" if lost or cell(entry) != "--" else "--"


def verdict_table(one: dict) -> tuple[list[str], list[list[str]]]:
    """What one judge said (of `scores.judge_table`), as a head and rows of cells: its
    self-consistency first, then systems with intervals and what is missing."""
    systems, own = one["systems"], one["consistency"]
    rows = [[name, counted_cell(own.get(name, {})),
             *("" if name == "all" else counted_cell(systems[system][name]) for system in systems)]
            for name in ("all", *scores.DIMENSIONS)]
    return ["dimension", "self-consistency (kappa)", *systems], rows
