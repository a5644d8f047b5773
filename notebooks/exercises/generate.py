"""The exercises, generated from their solutions: in a cell tagged `solution` the comment lines at its top stay, the rest is for the learner.

python notebooks/exercises/generate.py            # write notebooks/exercises/*.ipynb
python notebooks/exercises/generate.py --check    # exit 1 where one is out of date
"""

import copy
import sys
from itertools import takewhile
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
YOURS = "# Write your code here."


def exercise(solution: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The exercise of a solution: the same cells, without what the learner is to find."""
    made = copy.deepcopy(solution)
    for cell in made.cells:
        if "solution" in cell.metadata.get("tags", []):
            task = list(takewhile(lambda line: line.startswith("#"), cell.source.splitlines()))
            cell.source = "\n".join([*task, YOURS])
            cell.metadata.tags = ["exercise"]
    return made


def written(solution: Path) -> str:
    """The text of the exercise that belongs to a solution."""
    return nbformat.writes(exercise(nbformat.read(solution, as_version=4))) + "\n"


def main(check: bool) -> int:
    """Write every exercise, or with `check` only name those that are out of date."""
    stale = []
    for solution in sorted((HERE / "solutions").glob("*.ipynb")):
        target, text = HERE / solution.name, written(solution)
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            stale.append(target.name)
            if not check:
                target.write_text(text, encoding="utf-8")
    print(f"{'out of date' if check else 'written'}: {', '.join(stale) or 'none'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
