"""The house: rooms import downwards only, nothing private crosses a file, files and lines stay short."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENGLISH = ROOT / "charlib" / "teachers" / "english"  # moved as it was; made smaller later
FILES = sorted((ROOT / "charlib").rglob("*.py"))
OWN = [path for path in FILES if not path.is_relative_to(ENGLISH)]
LINES, COLUMNS = 600, 100


def place(path: Path, number: int) -> str:
    return f"{path.relative_to(ROOT)}:{number}"


def imports(tree: ast.AST) -> list[ast.Import | ast.ImportFrom]:
    """Every import of charlib in a tree."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return [node for node in names if any(
        name.split(".")[0] == "charlib"
        for name in ([node.module or "charlib"] if isinstance(node, ast.ImportFrom) else [item.name for item in node.names])
    )]


def test_a_room_imports_only_from_the_rooms_below_it():
    code = "import sys; from importlinter.cli import lint_imports_command; sys.argv = ['lint-imports', '--no-cache']; lint_imports_command()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_import_of_our_own_stands_inside_a_function():
    found = []
    for path in FILES:
        if path.name == "__main__.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found += [place(path, item.lineno) for item in imports(node)]
    assert not found, found


def private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def test_no_private_name_crosses_a_file():
    found = []
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        own = imports(tree)
        modules = {item.asname or item.name.split(".")[0] for node in own for item in node.names}
        found += [f"{place(path, node.lineno)} {item.name}" for node in own for item in node.names if private(item.name)]
        found += [
            f"{place(path, node.lineno)} {ast.unparse(node)}" for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and private(node.attr) and ast.unparse(node.value).split(".")[0] in modules
        ]
    assert not found, found


@pytest.mark.parametrize("path", OWN, ids=lambda path: str(path.relative_to(ROOT / "charlib")))
def test_a_file_is_read_in_one_sitting(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LINES, f"{len(lines)} lines"
    assert not [place(path, number) for number, line in enumerate(lines, 1) if len(line) > COLUMNS]


def test_every_text_file_is_read_and_written_as_utf8_by_name():
    found = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            modes = [item.value for item in node.args if isinstance(item, ast.Constant)]
            binary = node.func.attr == "open" and (modes and "b" in str(modes[0]) or ast.unparse(node.func) in ("run.open", "runs.open", "os.open"))
            named = any(word.arg == "encoding" for word in node.keywords)
            if node.func.attr in ("read_text", "write_text", "open") and not named and not binary:
                found.append(f"{place(path, node.lineno)} {ast.unparse(node)}")
    assert not found, found
