"""The notebooks keep to the house style, so that a class can read them: short cells, typed parameters, figures announced, no outputs in git."""

import ast
import json
import re
from pathlib import Path
from statistics import median

import papermill
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SHARED = {"RUN", "PRESET", "SEED", "OUTPUTS"}


def test_the_five_notebooks_are_there_and_no_stub():
    assert [path.stem for path in NOTEBOOKS][:5] == ["01_profile", "02_experience", "03_protective", "04_upload", "05_interview"]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param, json.loads(request.param.read_text(encoding="utf-8"))


def code(book) -> list[dict]:
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def text(cell) -> str:
    return "".join(cell["source"])


def prose(book) -> str:
    return "\n\n".join(text(cell) for cell in book["cells"] if cell["cell_type"] == "markdown")


def test_twenty_to_thirty_cells_and_never_more_than_35(notebook):
    path, book = notebook
    assert 20 <= len(book["cells"]) <= 35, path.name


def test_what_is_made_to_be_seen_is_seen(notebook):
    """A table or a figure shows itself only as the last expression of its cell."""
    path, book = notebook
    for cell in code(book):
        for line in ast.parse(text(cell)).body[:-1]:
            named = ast.unparse(line.value.func) if isinstance(line, ast.Expr) and isinstance(line.value, ast.Call) else ""
            assert named != "widgets.table" and not named.startswith("plots."), f"{path.name}: {named} is not shown"


def test_files_are_small_and_hold_no_outputs(notebook):
    path, book = notebook
    assert path.stat().st_size < 60_000
    for cell in code(book):
        assert cell["outputs"] == [] and cell["execution_count"] is None
    assert "widgets" not in book["metadata"]
    assert not [cell for cell in book["cells"] if set(cell["metadata"]) - {"tags"}]


def test_cells_are_short_and_narrow(notebook):
    path, book = notebook
    sizes = [len(text(cell).splitlines()) for cell in code(book)]
    assert median(sizes) <= 6 and max(sizes) <= 15, f"{path.name}: {sizes}"
    wide = [
        line
        for cell in code(book)
        for line in text(cell).splitlines()
        if len(line) > 80 and "parameters" not in cell["metadata"].get("tags", [])
    ]
    assert not wide, f"{path.name}: {wide}"


def test_no_machinery_stands_between_the_reader_and_the_matter(notebook):
    path, book = notebook
    for cell in code(book):
        words = text(cell)
        assert not re.search(r"^\s*[!%]|sys\.path|\binput\(|\bgetpass\b", words, re.MULTILINE), words
        for node in ast.walk(ast.parse(words)):
            assert not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda | ast.Try), (
                f"{path.name}: {words}"
            )
            assert not (isinstance(node, ast.ImportFrom) and any(name.name == "*" for name in node.names))


def test_one_parameters_cell_of_typed_literals_that_papermill_sees(notebook):
    path, book = notebook
    tagged = [cell for cell in book["cells"] if "parameters" in cell["metadata"].get("tags", [])]
    assert len(tagged) == 1 and book["cells"].index(tagged[0]) <= 2
    lines = text(tagged[0]).splitlines()
    assert 0 < len(lines) <= 12
    for line in lines:
        match = re.fullmatch(r"([A-Z][A-Z_]*): (str|int|float|bool) = (.+?)  # (\S.*)", line)
        assert match, line
        assert type(ast.literal_eval(match[3])).__name__ == match[2], line
        assert line.count("=") == 1 and "|" not in match[2], line
    seen = papermill.inspect_notebook(str(path))
    assert set(seen) == {line.split(":")[0] for line in lines} and set(seen) >= SHARED
    assert all(entry["help"] and entry["inferred_type_name"] in ("str", "int", "float", "bool") for entry in seen.values())


def test_the_title_asks_and_the_head_says_what_for_how_long_and_with_what(notebook):
    _, book = notebook
    head = text(book["cells"][0])
    number = int(NOTEBOOKS.index(notebook[0])) + 1
    assert re.match(rf"# {number} · .+\?\n", head)
    assert 3 <= len(re.findall(r"^- ", head, re.MULTILINE)) <= 5
    assert re.search(r"\*\*Time:\*\* .*tiny.*workshop.*full", head) and "| in | out |" in head


def test_sections_are_numbered_in_order(notebook):
    path, book = notebook
    number = path.stem[1]
    found = re.findall(r"^## (\d+)\.(\d+) ", prose(book), re.MULTILINE)
    assert [int(minor) for _, minor in found] == list(range(1, len(found) + 1)) and {major for major, _ in found} == {number}
    assert len(found) >= 4


def test_what_is_shown_is_announced_and_the_end_is_a_checkpoint_and_exercises(notebook):
    _, book = notebook
    assert len(re.findall(r"You should see", prose(book))) >= 4
    last = text(code(book)[-1])
    assert re.match(r"here\.check\(.+\)$", last.strip(), re.DOTALL)
    end = text(book["cells"][-1])
    assert end.startswith("## Exercises") and "**Next:**" in end
    tasks = re.findall(r"^\d\. \*\*(Predict|Change|Explain)\*\* \((\d+) min", end, re.MULTILINE)
    assert 2 <= len(tasks) <= 3


def test_the_setup_cell_opens_the_run_and_shows_versions(notebook):
    _, book = notebook
    setup = text(code(book)[1])
    assert "run.open(RUN, OUTPUTS)" in setup and "run.environment()" in setup


def test_every_call_into_charlib_exists(notebook):
    import importlib

    _, book = notebook
    for cell in code(book):
        for module, name in re.findall(
            r"\b(run|profile|models|teachers|experience|upload|playground|scores|show)\.(\w+)\(",
            text(cell),
        ):
            assert hasattr(importlib.import_module(f"charlib.{module}"), name), f"{module}.{name}"


def test_links_between_notebooks_lead_somewhere(notebook):
    path, book = notebook
    for target in re.findall(r"\]\(([^)#]+\.ipynb)\)", prose(book)):
        assert (path.parent / target).is_file(), target


# ---- exercises and the workshop

EXERCISES = ROOT / "notebooks" / "exercises"


def test_every_notebook_has_an_exercise_generated_from_its_solution(capsys):
    import runpy

    maker = runpy.run_path(str(EXERCISES / "generate.py"))
    assert [path.name for path in sorted((EXERCISES / "solutions").glob("*.ipynb"))] == [path.name for path in NOTEBOOKS[:5]]
    assert maker["main"](check=True) == 0, capsys.readouterr().out


def test_an_exercise_holds_the_task_and_none_of_the_answer():
    for solution in sorted((EXERCISES / "solutions").glob("*.ipynb")):
        solved, blank = (json.loads(path.read_text(encoding="utf-8"))["cells"] for path in (solution, EXERCISES / solution.name))
        assert len(solved) == len(blank)
        found = [(one, other) for one, other in zip(solved, blank, strict=True) if "solution" in one["metadata"].get("tags", [])]
        assert len(found) == 2, "two tasks each"
        for one, other in found:
            assert text(other).startswith("#") and text(other).endswith("# Write your code here.")
            assert all(line.startswith("#") for line in text(other).splitlines()) and len(text(one)) > len(text(other)) / 2
        assert all(cell.get("outputs", []) == [] for cell in (*solved, *blank)) and re.search(r"\d+ min", text(solved[0]))


def test_an_exercise_uses_only_names_that_it_gives_or_asks_for():
    import builtins

    for path in sorted(EXERCISES.glob("*.ipynb")):
        known = set(dir(builtins))
        for cell in code(json.loads(path.read_text(encoding="utf-8"))):
            if "exercise" in cell["metadata"].get("tags", []):
                known |= set(re.findall(r"`(\w+)", text(cell)))
                continue
            nodes = list(ast.walk(ast.parse(text(cell))))
            known |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
            known |= {name.asname or name.name for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for name in node.names}
            missing = {node.id for node in nodes if isinstance(node, ast.Name)} - known
            assert not missing, f"{path.name}: {missing}"


def test_the_plan_of_the_workshop_fills_ninety_minutes_without_a_gap():
    words = (ROOT / "notebooks" / "WORKSHOP.md").read_text(encoding="utf-8")
    spans = [(int(start), int(end)) for start, end in re.findall(r"^\| (0|[1-9]\d*) to (\d+) \|", words, re.MULTILINE)]
    assert spans[0][0] == 0 and spans[-1][1] == 90
    assert all(before[1] == after[0] for before, after in zip(spans, spans[1:], strict=False))
    for name in ("exercises/", "wheels", "STOP", "memory", "consent"):
        assert name in words
