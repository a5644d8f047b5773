"""Tables for a paper: Markdown, LaTeX, vector figures."""

from charlib import playground, run, scores
from charlib import profile as profiles
from charlib.records import Answer, Question
from charlib.show.plots import DIMENSIONS, save
from charlib.show.report import cell, figures


def _difference(entry: dict) -> str:
    if entry.get("difference") is None:
        return "--"
    p = "" if entry.get("p_holm") is None else ", p < .001" if entry["p_holm"] < 0.001 else f", p = {entry['p_holm']:.3f}"
    return f"{entry['difference']:+.2f} [{entry['ci_low']:+.2f}, {entry['ci_high']:+.2f}]{p}"


def comparison_tables(result: dict) -> dict[str, list[list[str]]]:
    """The tables of a paper, each a head and rows of cells: dimensions, parts (with n), differences
    (paired, Holm), equal_length.
    """
    systems = list(result["systems"])
    found = {"dimensions": [["dimension", *systems]], "parts": [["part", *systems]]}
    for name in DIMENSIONS:
        found["dimensions"].append([name, *(cell(result["systems"][system][name]) for system in systems)])
        for place in ("parts", "beside"):
            keys = dict.fromkeys(key for system in systems for key in result["systems"][system][name].get(place, {}))
            for key in keys:
                entries = [result["systems"][system][name].get(place, {}).get(key) or {"value": None} for system in systems]
                if any(entry.get("value") is not None and "ci_low" in entry for entry in entries):
                    cells = [f"{cell(entry)}, n {entry['n']}" if entry.get("value") is not None else "--" for entry in entries]
                    found["parts"].append([f"{name}: {key.replace('_', ' ')}", *cells])
    pairs = list(result.get("paired", {}))
    if pairs:
        found["differences"] = [["dimension", *(pair.replace("-", " minus ", 1) for pair in pairs)]]
        found["equal_length"] = [["dimension", *(pair.replace("-", " minus ", 1) for pair in pairs)]]
        for name in DIMENSIONS:
            found["differences"].append([name, *(_difference(result["paired"][pair][name]) for pair in pairs)])
            found["equal_length"].append([name, *(cell(result["length"]["paired"][pair][name]) for pair in pairs)])
    return found


def markdown(result: dict, name: str = "dimensions") -> str:
    """A table of `tables` as Markdown."""
    head, *rows = ([cell.replace("|", "\\|") for cell in row] for row in comparison_tables(result)[name])
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


_LATEX = {
    "\\": r"\textbackslash{}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "<": "$<$",
    ">": "$>$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def latex(result: dict, name: str = "dimensions") -> str:
    """A table of `tables` as a LaTeX tabular; needs no package."""
    head, *rows = (["".join(_LATEX.get(mark, mark) for mark in cell) for cell in row] for row in comparison_tables(result)[name])
    lines = [r"\begin{tabular}{l" + "r" * (len(head) - 1) + "}", " & ".join(head) + r" \\ \hline"]
    return "\n".join([*lines, *(" & ".join(row) + r" \\" for row in rows), r"\end{tabular}"])


CAPTIONS = {
    "dimensions": "Five dimensions scored without a judge, with 95\\% intervals over questions.",
    "parts": "Every part with its 95\\% interval and number of questions.",
    "differences": "Paired differences with 95\\% intervals; p after Holm over the five dimensions.",
    "equal_length": "The same differences at equal length of replies.",
}


def export_tables(here: run.Run, folder: str = "export") -> list:
    """Write the tables of a finished run as Markdown and LaTeX and its figures as PDF and SVG into
    a folder of the run; returns the paths.

    Other projects' answers and judges' verdicts go along where the run has them.
    """

    person, result = profiles.load(here.path("profile.md")), here.read_json("scores.json")
    answers, questions = here.read_jsonl("answers.jsonl", Answer), here.read_jsonl("questions.jsonl", Question)
    asked = {item.id for item in playground.both_orders(questions)}
    # not those of an earlier, larger choice
    answers = [row for row in answers if row.question in asked or row.conversation]
    texts: dict[str, str] = {}
    for prefix, table in (("", result), ("imported_", here.read_json("imported.json") if here.has("imported.json") else None)):
        for name in comparison_tables(table) if table else ():
            texts[f"{prefix}{name}.md"] = markdown(table, name) + "\n"
            label = f"tab:{prefix}{name}".replace("_", "-")
            lines = [
                r"\begin{table}",
                r"\centering",
                latex(table, name),
                rf"\caption{{{CAPTIONS[name]}}}",
                rf"\label{{{label}}}",
                r"\end{table}",
            ]
            texts[f"{prefix}{name}.tex"] = "\n".join(lines) + "\n"
    if here.has("judged.json"):
        texts["judges.md"] = scores.judges_markdown(here.read_json("judged.json")["judges"]) + "\n"
    here.path(folder).mkdir(exist_ok=True)
    written = [run.write_atomic(here.path(folder, name), text) for name, text in texts.items()]
    for name, fig in figures(here, person, result, answers, questions).items():
        for kind in ("pdf", "svg"):
            path = here.path(folder, f"{name}.{kind}")
            save(fig, path)
            written.append(path)
    return written
