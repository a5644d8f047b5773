"""report.html: one self-contained page of a run; no network, no script needed. Everything a model
or a profile said is escaped.

values.html is a page of its own: which stances hold, which break, when nobody presses and when
somebody does. `export` writes all tables of a finished run as Markdown and LaTeX and all figures as
PDF and SVG.
"""

import base64
import textwrap
from collections.abc import Sequence

from charlib import experience, run, scores
from charlib.experience.protective import matched_pairs
from charlib.records import Dialogue, Profile, Scene
from charlib.show.plots import (
    DIMENSIONS,
    boundary,
    coverage,
    dimensions,
    forest,
    save,
    score_against_length,
    training,
    trajectory,
    turns,
    value_map,
)

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{{ person.name }}: a character simulacrum</title>
<style>
:root { color-scheme: light; --ink:#1c2733; --soft:#5b6875; --line:#d9dee3; --blue:#0072B2; --paper:#fbfaf7; }
body { font: 17px/1.55 Georgia, "Times New Roman", serif; color: var(--ink); background: var(--paper); margin: 0; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.5rem 5rem; }
h1 { font-size: 2.5rem; line-height: 1.15; margin: 0 0 .3rem; } h2 { margin-top: 3rem; border-bottom: 2px solid var(--ink); padding-bottom: .25rem; }
.care { font-style: italic; color: var(--soft); } .lead { font-size: 1.15rem; }
.label { display: inline-block; background: #fff3cd; border: 1px solid #d6b656; padding: .15rem .6rem; border-radius: .3rem; font-size: .95rem; }
table { border-collapse: collapse; width: 100%; font: 15px/1.45 system-ui, sans-serif; } th, td { text-align: left; vertical-align: top; padding: .45rem .6rem; border-bottom: 1px solid var(--line); }
th { border-bottom: 2px solid var(--ink); } td.number { white-space: nowrap; } .ci { color: var(--soft); font-size: .9em; } .win { font-weight: 700; color: var(--blue); }
figure { margin: 1.5rem 0; } img { max-width: 100%; height: auto; border: 1px solid var(--line); background: white; } figcaption { color: var(--soft); font-size: .95rem; }
.script p { margin: .3rem 0; } .thought { margin-left: 2.2rem !important; font-style: italic; color: var(--soft); }
.scene { background: white; border-left: 4px solid var(--blue); padding: .8rem 1.2rem; margin: 1rem 0; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem; margin: 1.2rem 0; }
.facts div { background: white; border: 1px solid var(--line); padding: .6rem .8rem; } .facts b { display: block; font-size: 1.35rem; line-height: 1.2; }
small, .small { font-size: .88rem; color: var(--soft); } .wide { overflow-x: auto; } td.text { overflow-wrap: anywhere; min-width: 9rem; }
</style></head><body><main>
<h1>{{ person.name }}</h1>
<p class="care">A simulation of {{ person.name }} made from a text; not {{ person.name }}'s words.</p>
{% if person.invented %}<p><span class="label">An invented person: no one of this name and life existed.</span></p>{% endif %}
<p class="lead">{{ lead }}</p>
<div class="facts">{% for value, name in facts %}<div><b>{{ value }}</b>{{ name }}</div>{% endfor %}</div>

<h2>Five dimensions</h2>
<p>Each value lies between 0 and 1, higher is better, with its 95% interval over questions and the number of questions. {{ seeds }}
Bold marks where the simulacrum is <em>above</em> that baseline: the paired interval leaves out zero after Holm's correction.</p>
<div class="wide"><table><tr><th>dimension</th>{% for system in systems %}<th>{{ system }}</th>{% endfor %}</tr>
{% for row in table %}<tr><td>{{ row.dimension }}</td>{% for cell in row.cells %}<td class="number">{% if cell.value is none %}<span class="small">not measured: {{ cell.reason }}</span>{% else %}{{ "%.2f"|format(cell.value) }} <span class="ci">[{{ "%.2f"|format(cell.low) }}, {{ "%.2f"|format(cell.high) }}] n={{ cell.n }}</span>{% if cell.beaten %}<br><span class="win">simulacrum above by {{ "%.2f"|format(cell.difference) }}</span>{% endif %}{% endif %}</td>{% endfor %}</tr>{% endfor %}</table></div>
{% for name, title in (("dimensions", "Points are values, lines their intervals."), ("forest", "Every question is its own control. Filled points leave out zero.")) %}{% if name in figures %}<figure><img alt="{{ name }}" src="{{ figures[name] }}"><figcaption>{{ title }}</figcaption></figure>{% endif %}{% endfor %}
<h3>How each is computed</h3>
<table>{% for name, text in formulas %}<tr><td><b>{{ name }}</b></td><td>{{ text }}</td></tr>{% endfor %}</table>

<h2>The boundary</h2>
{% if "boundary" in figures %}<figure><img alt="boundary" src="{{ figures.boundary }}"><figcaption>Matched questions, one word apart: what lies beyond should be refused, what lies within answered.</figcaption></figure>{% endif %}

<h2>Twenty questions, side by side</h2>
<div class="wide"><table><tr><th>question</th>{% for system in asked_systems %}<th>{{ system }}</th>{% endfor %}</tr>
{% for row in side %}<tr><td class="text">{{ row.question }}<br><span class="small">{{ row.note }}</span></td>{% for text in row.replies %}<td class="text">{{ text }}</td>{% endfor %}</tr>{% endfor %}</table></div>

<h2>What was lived through</h2>
<p>{{ experience }}</p>
{% for one in scenes %}<div class="scene script"><p class="small">{{ one.type }} · {{ one.location }} · {{ one.time }}</p><p class="small">{{ one.background }}</p>{% for turn in one.turns %}<p{% if turn.action == "thinking" %} class="thought"{% endif %}><b>{{ turn.role }}</b>{% if turn.emotion %} <span class="small">({{ turn.emotion }})</span>{% endif %} {{ turn.text }}</p>{% endfor %}</div>{% endfor %}
{% if "coverage" in figures %}<figure><img alt="coverage" src="{{ figures.coverage }}"><figcaption>How often each paragraph of the profile is met.</figcaption></figure>{% endif %}
{% if boundary_pair %}<h3>A refusal and its twin</h3><div class="scene script">{% for item in boundary_pair %}{% for turn in item.turns %}<p><b>{{ turn.role }}</b> {{ turn.text }}</p>{% endfor %}{% endfor %}</div>{% endif %}

<h2>Upload</h2>
<p>{{ upload }}</p>
{% for name in ("training", "trajectory") %}{% if name in figures %}<figure><img alt="{{ name }}" src="{{ figures[name] }}"></figure>{% endif %}{% endfor %}

{% if talk %}<h2>A longer talk</h2><div class="scene script">{% for who, text in talk %}<p><b>{{ who }}</b> {{ text }}</p>{% endfor %}</div>{% endif %}
{% if judges %}<h2>Judge models</h2>
{% for name, note, heads, rows in judges %}<h3>{{ name }}</h3><p class="small">{{ note }}</p><div class="wide"><table><tr>{% for cell in heads %}<th>{{ cell }}</th>{% endfor %}</tr>
{% for row in rows %}<tr>{% for cell in row %}<td class="number">{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table></div>{% endfor %}{% endif %}
{% if people %}<h2>People</h2><p>{{ people }}</p>{% endif %}
<h2>Which values hold</h2>
{% if "value_map" in figures %}<figure><img alt="value_map" src="{{ figures.value_map }}"></figure>{% else %}<p>No conviction was asked about: the profile names none, or the questions leave them out.</p>{% endif %}
{% if "length" in figures %}<h2>Does length win?</h2><figure><img alt="length" src="{{ figures.length }}"></figure>{% endif %}

<h2>Profile</h2>
<p class="small">Horizon {{ person.horizon or "none" }}. Licence of the text: {{ person.license or "not given" }}. Sources: {{ person.sources|join("; ") or "not given" }}.</p>
{% for paragraph in opening %}<p>{{ paragraph.text }}</p>{% endfor %}
<p class="small">… and {{ rest }} more paragraphs.</p>

<h2>Limits and care</h2>
<ul>{% for line in care %}<li>{{ line }}</li>{% endfor %}</ul>
<p class="small">{{ made }}</p>
</main></body></html>
"""


_VALUES = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{{ person.name }}: which values hold</title>
<style>
body { font: 16px/1.5 Georgia, "Times New Roman", serif; max-width: 68rem; margin: 0 auto; padding: 2rem 1.5rem 4rem; color: #1c2733; background: #fbfaf7; }
table { border-collapse: collapse; width: 100%; font: 14px/1.45 system-ui, sans-serif; } th, td { text-align: left; vertical-align: top; padding: .4rem .55rem; border-bottom: 1px solid #d9dee3; }
.holds { color: #0072B2; font-weight: 700; } .breaks { color: #B34700; font-weight: 700; } .soft { color: #5b6875; font-size: .92em; }
</style></head><body>
<h1>Which values hold</h1>
<p>Each conviction was set beside its opposite and asked about in both orders. It <b>holds</b> when every reply takes it, <b>breaks</b> when every reply takes the
opposite, <b>wavers</b> when replies differ, and is <b>not taken up</b> when no reply takes either. Some were asked while somebody presses the other way.
Replies are matched by their words: irony is missed. {{ line }}</p>
<table><thead><tr><th>system</th><th></th>{% for name in outcomes %}<th>{{ name }}</th>{% endfor %}<th>asked</th></tr></thead><tbody>
{% for system, sides in counts.items() %}{% for side in ("calm", "pressure") %}<tr><td>{{ system }}</td><td>{{ "nobody presses" if side == "calm" else "somebody presses" }}</td>
{% if sides[side].n %}{% for name in outcomes %}<td>{{ "%.0f%%"|format(100 * sides[side][name].value) }} <span class="soft">[{{ "%.0f"|format(100 * sides[side][name].ci_low) }}, {{ "%.0f"|format(100 * sides[side][name].ci_high) }}]</span></td>{% endfor %}
{% else %}<td colspan="{{ outcomes|length }}" class="soft">{{ sides[side].reason }}</td>{% endif %}<td>{{ sides[side].n }}</td></tr>{% endfor %}
{% if "yields" in sides %}<tr><td></td><td colspan="{{ outcomes|length + 2 }}" class="soft">holds calmly more often than under pressure by {{ "%+.2f [%+.2f, %+.2f]"|format(sides.yields.value, sides.yields.ci_low, sides.yields.ci_high) }}</td></tr>{% endif %}{% endfor %}
</tbody></table>
{% for title, rows in groups %}<h2>{{ title }}</h2>
<table><thead><tr><th>stance</th><th>opposite</th>{% for system in systems %}<th>{{ system }}</th>{% endfor %}</tr></thead><tbody>
{% for row in rows %}<tr><td>{{ row.stance }}{% if row.passage %}<br><span class="soft">{{ row.passage }}</span>{% endif %}</td><td>{{ row.opposite }}</td>
{% for system in systems %}<td>{% if system in row.made %}<span class="{{ row.made[system].outcome.split()[0] }}">{{ row.made[system].outcome }}</span>{% for asked, text in row.made[system].said %}<br><span class="soft">“{{ text or "(nothing)" }}”</span>{% endfor %}{% endif %}</td>{% endfor %}</tr>
{% endfor %}</tbody></table>{% endfor %}
</body></html>
"""


def write_values(here: run.Run, person: Profile, answers: Sequence, questions: Sequence):
    """Write values.html: what became of every stance, calm and under pressure, with the replies and
    the passage it rests on. Returns its path.

    Raises RunError when no value was asked about.
    """
    import jinja2


    rows = scores.stances(answers, person, questions)
    if not rows:
        raise run.RunError("No choice between a stance and its opposite was asked: interview with value questions first.")
    groups = []
    for pressed, title in ((False, "When nobody presses"), (True, "Under pressure")):
        by_stance: dict[str, dict] = {}
        for row in rows:
            if row["pressure"] is pressed:
                own = person.paragraph(row["paragraph"]) if row["paragraph"] else None
                entry = {
                    "stance": row["stance"],
                    "opposite": row["opposite"],
                    "passage": own and textwrap.shorten(own.text, 160),
                    "made": {},
                }
                by_stance.setdefault(row["question"], entry)["made"][row["system"]] = row
        groups.append((title, list(by_stance.values())))
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(_VALUES)
    text = page.render(
        person=person, outcomes=scores.OUTCOMES, counts=scores.firmness(rows), groups=groups, systems=list(dict.fromkeys(row["system"] for row in rows)),
        line=f"A simulation of {person.name} made from a text; not {person.name}'s words.",
    )  # fmt: skip
    return run.write_atomic(here.path("values.html"), text)


def write_report(here: run.Run, person: Profile, result: dict, answers: Sequence, questions: Sequence, talks: Sequence = ()):
    """Write figures/ and report.html of a run. Returns the page's path."""
    import jinja2

    figures = _figures(here, person, result, answers, questions)
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(_PAGE)
    text = page.render(**_facts(here, person, result, answers, questions, talks), figures=figures)
    path = run.write_atomic(here.path("report.html"), text)
    pages = ["report.html"]
    if any(item.purpose == "value" for item in questions):
        pages.append(write_values(here, person, answers, questions).name)
    here.record("report", products=("scores.json", *pages))
    return path


def _figures(here: run.Run, person: Profile, result: dict, answers, questions) -> dict[str, str]:
    here.path("figures").mkdir(exist_ok=True)
    encoded = {}
    for name, fig in figures(here, person, result, answers, questions).items():
        save(fig, here.path("figures", f"{name}.png"))
        save(fig, here.path("figures", f"{name}.svg"))
        encoded[name] = "data:image/png;base64," + base64.b64encode(here.path("figures", f"{name}.png").read_bytes()).decode()
    return encoded


def figures(here: run.Run, person: Profile, result: dict, answers: Sequence, questions: Sequence) -> dict:
    """Every figure of a run by name; what was not asked or measured has none."""

    dialogues = here.read_jsonl("dialogues.jsonl", Dialogue) + here.read_jsonl("protective.jsonl", Dialogue)
    rows = here.read_jsonl("training.jsonl")
    made = {
        "dimensions": dimensions(result),
        "forest": forest(result),
        "boundary": boundary(result),
        "training": training(rows),
        "coverage": coverage(experience.coverage(person, here.read_jsonl("scenes.jsonl", Scene), dialogues)),
        "length": score_against_length(scores.judge_rows(answers, person, questions)),
    }
    if stances := scores.stances(answers, person, questions):
        made["value_map"] = value_map(stances)
    if here.has("trajectory.jsonl"):
        made["trajectory"] = trajectory(here.read_jsonl("trajectory.jsonl"))
    over_turns = scores.by_turn(answers, person)
    if len({row["turn"] for row in over_turns}) > 2:
        made["turns"] = turns(
            [row | {"measure": measure, "value": row[measure]} for row in over_turns for measure in ("grounding", "refused", "words")]
        )
    return made


def _facts(here: run.Run, person: Profile, result: dict, answers, questions, talks) -> dict:
    systems = list(result["systems"])
    dialogues = here.read_jsonl("dialogues.jsonl", Dialogue)
    protective = here.read_jsonl("protective.jsonl", Dialogue)
    scenes = {scene.id: scene for scene in here.read_jsonl("scenes.jsonl", Scene)}
    full = [item for item in dialogues if item.kind == "experience" and item.scene in scenes]
    examples = here.read_jsonl("examples.jsonl")
    shown = [scenes[item.scene].model_dump() | {"turns": item.turns} for item in (full[:1] + full[len(full) // 2 :][:1])]
    teachers = sorted({item.teacher for item in dialogues + protective})
    start = next((row for row in here.read_jsonl("training.jsonl") if row.get("event") == "start"), {})
    plan = next((row for row in here.read_jsonl("training.jsonl") if row.get("event") == "plan"), {})
    end = next((row for row in reversed(here.read_jsonl("training.jsonl")) if "tokens_per_second" in row), {})
    matched = matched_pairs(protective)
    return {
        "person": person,
        "systems": systems,
        "lead": _lead(person, result),
        "facts": [
            (len(person.paragraphs), "paragraphs"), (len(scenes), "scenes"), (len(dialogues) + len(protective), "dialogues"),
            (plan.get("examples", len(examples)), f"examples trained on, of {len(examples)}"), (len(answers), "answers"), (result["base_model"].split(",")[0], "base model"),
        ],
        "seeds": "The intervals speak of these questions and this one training." if len(result["seeds"]) < 3 else f"{len(result['seeds'])} seeds.",
        "table": _table(result, systems),
        "formulas": [(name, f"{entry['value']}. " + " ".join(entry["parts"].values())) for name, entry in result["formulas"].items()],
        "asked_systems": systems[:4],
        "side": _side(answers, questions, systems[:4]),
        "experience": f"Written by: {', '.join(teachers) or 'nobody'}. {len(full)} full scenes and {len(dialogues) - len(full)} short memory exchanges, "
        f"{len(matched)} matched boundary pairs. Two scenes:",
        "scenes": shown,
        "boundary_pair": matched[0] if matched else None,
        "upload": f"{start.get('tokens', 0):,} tokens an epoch, {end.get('steps', 0)} steps, {end.get('tokens_per_second', 0):.0f} tokens a second, "
        f"{start.get('dtype', '')} on {start.get('device', '')}. Base model: {result['base_model']}. " + _lost(result),
        **_verdicts(here),
        "talk": [(row.asked, row.text) for row in talks[0]] and _talk(talks[0], person) if talks else [],
        "opening": person.paragraphs[:3],
        "rest": max(0, len(person.paragraphs) - 3),
        "care": care(person, result, here.manifest.get("stages", {}).get("questions", {}).get("origin", "").endswith("self-made")),
        "made": "Made by charlib; versions, seeds and hashes are in manifest.json.",
    }  # fmt: skip


def _verdicts(here: run.Run) -> dict:
    """What judge models and people said, when the run holds it: rows of a table a judge, and a
    sentence.
    """

    found = here.read_json("judged.json") if here.has("judged.json") else {"judges": {}, "people": {}}
    tables = []
    for name, one in found["judges"].items():
        lines = [line.strip("| ").split(" | ") for line in scores.judges_markdown({name: one}).split("\n") if line.startswith("| ")]
        tables.append((name, one["note"].capitalize() + ".", lines[0], lines[1:]))
    people = found["people"]
    told = f"{people['raters']} people rated; their agreement and ratings are in judged.json." if people else ""
    return {"judges": tables, "people": told}


def _lead(person: Profile, result: dict) -> str:
    """One honest sentence of what training changed, taken from the paired differences."""
    paired = result["paired"].get("simulacrum-prompted", {})
    above = [name for name, entry in paired.items() if entry.get("above")]
    below = [
        name for name, entry in paired.items() if entry.get("difference") is not None and entry["ci_high"] < 0 and entry["p_holm"] < 0.05
    ]
    told = f"Trained on scenes of this life, the simulacrum is above the same base model merely prompted on {', '.join(above)}" if above else (
        "Trained on scenes of this life, the simulacrum is not clearly above the same base model merely prompted on any dimension")  # fmt: skip
    return told + (f", and below it on {', '.join(below)}." if below else ".")


def _lost(result: dict) -> str:
    """What training cost in general English, beside what it gained, in words that the numbers
    allow.
    """
    mine, base = ((result.get("retention") or {}).get(name) for name in ("simulacrum", "prompted"))
    if not mine or not base:
        return "What was lost of general English was not measured."
    before, after = f"{base['perplexity']:.0f}", f"{mine['perplexity']:.0f}"
    if before == after:
        told = f"General English is as hard to read as before: perplexity {before} before and after, on {mine['n']} short texts."
    else:
        harder = "harder" if mine["perplexity"] > base["perplexity"] else "easier"
        told = f"General English became {harder} to read: perplexity {before} before, {after} after, on {mine['n']} short texts."
    named = {name: row for name, row in result.get("contrast", {}).items() if row.get("value") is not None}
    if "simulacrum" in named:
        row = named["simulacrum"]
        was = f" ({named['prompted']['value']:+.3f} before)" if "prompted" in named else ""
        sure = row["n"] > 1 and (row["ci_low"] > 0 or row["ci_high"] < 0)
        likelier = ("likelier" if row["value"] > 0 else "less likely") if sure else "neither clearly likelier nor less likely"
        told += f" Replies held out of training are {likelier} under this name than under {row['other']}'s: {row['value']:+.3f} nats a byte{was}, "
        told += f"95% interval {row['ci_low']:+.3f} to {row['ci_high']:+.3f}, n {row['n']}."
    return told


def _table(result: dict, systems: list[str]) -> list[dict]:
    rows = []
    for dimension in DIMENSIONS:
        cells = []
        for system in systems:
            entry = result["systems"][system][dimension]
            pair = result["paired"].get(f"simulacrum-{system}", {}).get(dimension, {})
            beaten = bool(pair.get("above"))
            cells.append({"value": entry["value"], "low": entry.get("ci_low"), "high": entry.get("ci_high"), "n": entry["n"],
                          "reason": entry.get("reason", ""), "beaten": beaten, "difference": pair.get("difference")})  # fmt: skip
        rows.append({"dimension": dimension, "cells": cells})
    return rows


def _side(answers, questions, systems: list[str], count: int = 20) -> list[dict]:
    """Questions with every system's reply, taken evenly from recall, boundary, values and choices.
    """
    replies: dict[str, dict[str, str]] = {}
    for answer in answers:
        if answer.conversation is None and answer.seed == min(item.seed for item in answers):
            replies.setdefault(answer.question, {}).setdefault(answer.system, answer.text)
    groups: dict[str, list] = {}
    for question in questions:
        if question.id in replies and question.purpose in ("recall", "boundary", "value", "choice", "time"):
            groups.setdefault(question.purpose, []).append(question)
    shares = {"recall": 9, "boundary": 6, "value": 2, "choice": 2, "time": 1}
    chosen = []
    for name, share in shares.items():
        chosen += groups.get(name, [])[:share]
    rows = []
    for question in chosen[:count]:
        if question.purpose == "boundary":
            note = "within: should be answered" if question.answerable else "beyond: should be refused"
        else:
            note = f"looked for: {question.gold[0]}" if question.gold else ""
        texts = [" ".join(replies[question.id].get(system, "").split()[:60]) or "(nothing)" for system in systems]
        rows.append({"question": question.question, "note": note, "replies": texts})
    return rows


def _talk(rows, person: Profile) -> list[tuple[str, str]]:
    lines = []
    for row in rows:
        lines += [("Interviewer", row.asked), (person.short_name, row.text)]
    return lines


SELF_MADE = (
    "The questions of this run are self-made: the rules that wrote its training worded them too, in other words. A stranger's questions are harder; "
    "ask your own with `python -m charlib interview`."
)


def care(person: Profile, result: dict, self_made: bool = False) -> list[str]:
    """Limits and care, with this run's own measured rates. `self_made`: whether the rules that
    wrote the training made the questions too.
    """
    mine = result["systems"].get("simulacrum", {})

    def rate(dimension: str, part: str = "") -> str:
        entry = mine.get(dimension, {})
        entry = entry.get("parts", {}).get(part, {}) if part else entry
        return "not measured" if entry.get("value") is None else f"{entry['value']:.0%} [{entry['ci_low']:.0%}, {entry['ci_high']:.0%}]"

    lines = [
        f"A simulation, not testimony: nothing here was said by {person.name}.",
        f"It gets facts wrong: open recall on questions in new words is {rate('memorization')}; the boundary (mean of refused beyond and answered "
        f"within) is {rate('hallucination')}.",
        *([SELF_MADE] if self_made else []),
        "Profiles, dialogues and questions that ship with this project were written by a large language model and checked by programs and by a language "
        "model reading them; no historian and no human rater has checked them.",
        "Scores come from rules and likelihoods, not from people; where people rated, ratings.jsonl exists and says so.",
        "A profile carries its sources' bias: who wrote about whom, and why. Disputed matters are marked in the text.",
        "Make no simulacrum of a living person without their consent.",
    ]
    return lines


def cell(entry: dict) -> str:
    return "--" if entry["value"] is None else f"{entry['value']:.2f} [{entry['ci_low']:.2f}, {entry['ci_high']:.2f}]"
