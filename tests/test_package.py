"""The package itself: importing it brings in nothing heavy."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "peft", "sklearn", "pandas", "matplotlib", "openai", "scipy")
LIGHT = (
    "charlib",
    "charlib.run",
    "charlib.profile",
    "charlib.models",
    "charlib.teachers",
    "charlib.experience",
    "charlib.upload",
    "charlib.playground",
    "charlib.__main__",
)


@pytest.mark.parametrize("name", LIGHT)
def test_an_import_brings_in_no_heavy_library(name, root):
    code = f"import sys, {name}; print(*[heavy for heavy in {HEAVY!r} if heavy in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_importing_the_package_brings_in_no_room(root):
    slow = "('charlib.', 'pydantic', 'yaml')"
    code = f"import sys, charlib; print(*[name for name in sys.modules if name.startswith({slow})])"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout == "\n"
