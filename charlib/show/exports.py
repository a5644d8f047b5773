"""Tables for a paper: Markdown, LaTeX, vector figures."""

from pathlib import Path

from charlib import playground, run
from charlib import profile as profiles
from charlib.records import Answer, Question
from charlib.show.plots import DIMENSIONS, save
from charlib.show.report import cell, figures, verdict_table

CAPTIONS = {
    "dimensions": "Five dimensions scored without a judge, with 95\\% intervals over questions.",
    "parts": "Every part with its 95\\% interval and number of questions.",
    "differences": "Paired differences with 95\\% intervals; p after Holm over five dimensions.",
    "equal_length": "The same differences at equal length of replies.",
}


def _difference(entry: dict) -> str:
    if entry.get("difference") is None:
        return "--"
    p = entry.get("p_holm")
    told = "" if p is None else ", p < .001" if p < 0.001 else f", p = {p:.3f}"
    return f"{entry['difference']:+.2f} [{entry['ci_low']:+.2f}, {entry['ci_high']:+.2f}]{told}"


def comparison_tables(result: dict) -> dict[str, list[list[str]]]:
    """The tables of a paper, each a head and rows of cells: dimensions, parts (with n), differences
    (paired, Holm), equal_length."""
    systems, pairs = result["systems"], result.get("paired", {})
    found = {
        "dimensions": [["dimension", *systems], *(
            [name, *(cell(entries[name]) for entries in systems.values())] for name in DIMENSIONS)],
        "parts": [["part", *systems], *(row for name in DIMENSIONS
                                        for row in _parts(name, list(systems.values())))]}
    if pairs:
        head = ["dimension", *(pair.replace("-", " minus ", 1) for pair in pairs)]
        level = result["length"]["paired"]
        found["differences"] = [head, *(
            [name, *(_difference(pairs[pair][name]) for pair in pairs)] for name in DIMENSIONS)]
        found["equal_length"] = [head, *(
            [name, *(cell(level[pair][name]) for pair in pairs)] for name in DIMENSIONS)]
    return found


def _parts(dimension: str, systems: list[dict]) -> list[list[str]]:
    """A row of cells for each part of a dimension, and for each number beside it, of any system."""
    rows = []
    for place in ("parts", "beside"):
        mine = [entries[dimension].get(place, {}) for entries in systems]
        for key in dict.fromkeys(key for parts in mine for key in parts):
            entries = [parts.get(key) or {} for parts in mine]
            if any(entry.get("value") is not None and "ci_low" in entry for entry in entries):
                cells = ["--" if entry.get("value") is None else f"{cell(entry)}, n {entry['n']}"
                         for entry in entries]
                rows.append([f"{dimension}: {key.replace('_', ' ')}", *cells])
    return rows


def as_markdown(head: list[str], rows: list[list[str]]) -> str:
    """A head and rows of cells as a Markdown table."""
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in (head, *rows)]
    first, *others = (f"| {line} |" for line in lines)
    return "\n".join([first, "|---" * len(head) + "|", *others])


def markdown(result: dict, name: str = "dimensions") -> str:
    """A table of `comparison_tables` as Markdown."""
    head, *rows = comparison_tables(result)[name]
    return as_markdown(head, rows)


def latex(result: dict, name: str = "dimensions", **place) -> str:
    """A table of `comparison_tables` as a LaTeX tabular, or as a table where `place` gives a
    caption and a label; needs no package."""
    import pandas as pd

    head, *rows = comparison_tables(result)[name]
    made = pd.DataFrame(rows, columns=head).style.hide(axis="index").format(escape="latex")
    made = made.format_index(escape="latex", axis="columns")
    made = made.set_table_styles([{"selector": "midrule", "props": ":hline;"}])
    columns = "l" + "r" * (len(head) - 1)
    return made.to_latex(column_format=columns, position_float="centering" if place else None,
                         **place).strip()


def export_tables(here: run.Run, folder: str = "export") -> list[Path]:
    """Write the tables of a finished run as Markdown and LaTeX and its figures as PDF and SVG into
    a folder of the run; returns the paths. Other projects' answers and judges' verdicts go along
    where the run has them."""
    person, result = profiles.load(here.path("profile.md")), here.read_json("scores.json")
    questions = here.read_jsonl("questions.jsonl", Question)
    asked = {item.id for item in playground.both_orders(questions)}
    # not those of an earlier, larger choice
    answers = [row for row in here.read_jsonl("answers.jsonl", Answer)
               if row.question in asked or row.conversation]
    tables = {"": result}
    if here.has("imported.json"):
        tables["imported_"] = here.read_json("imported.json")
    texts: dict[str, str] = {}
    for prefix, table in tables.items():
        for name in comparison_tables(table):
            texts[f"{prefix}{name}.md"] = markdown(table, name)
            label = f"tab:{prefix}{name}".replace("_", "-")
            texts[f"{prefix}{name}.tex"] = latex(table, name, caption=CAPTIONS[name], label=label)
    if here.has("judged.json"):
        texts["judges.md"] = judges_markdown(here.read_json("judged.json")["judges"])
    written = [run.write_atomic(here.path(folder, name), f"{text}\n")
               for name, text in texts.items()]
    for name, fig in figures(here, person, result, answers, questions).items():
        for kind in ("pdf", "svg"):
            written.append(here.path(folder, f"{name}.{kind}"))
            save(fig, written[-1])
    return written


def judges_markdown(judges: dict[str, dict]) -> str:
    """What `scores.judge_table` found, as Markdown: each judge's note, then its table."""
    return "\n\n".join(f"Judge: {name}. {one['note'].capitalize()}.\n\n"
                       f"{as_markdown(*verdict_table(one))}" for name, one in judges.items())
