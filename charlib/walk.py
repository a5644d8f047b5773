"""The walk: the five notebooks in order through papermill, one progress line each, products checked
whatever papermill's metadata says.

walk.walk("beethoven", "beethoven", preset="workshop", say=print)
"""

import contextlib
import time
from pathlib import Path

from charlib import profile as profiles
from charlib import run

NOTEBOOKS = ("01_profile", "02_experience", "03_protective", "04_upload", "05_interview")


PRODUCTS = {
    "01_profile": ("profile.md",),
    "02_experience": ("scenes.jsonl", "dialogues.jsonl"),
    "03_protective": ("protective.jsonl",),
    "04_upload": ("examples.jsonl", "spec.json", "training.jsonl"),
    "05_interview": ("questions.jsonl", "answers.jsonl", "scores.json", "report.html"),
}


def walk(character: str, name: str, preset: str = "workshop", sets: dict[str, str] | None = None, outputs=None, say=print) -> run.Run:
    """Run notebooks 01 to 05 for a character into a run. Raises RunError when one fails or leaves a
    product out.
    """
    here = run.open(name, outputs)
    run.preset(preset)
    source = profiles.find(character)
    profiles.load(source)  # what cannot be read is refused before anything is written
    sets = dict(sets or {})
    if "IMPORTED" in sets:  # kernels work in the run's folder; paths are meant from here
        sets["IMPORTED"] = ",".join(str(run.home(part.strip()).resolve()) for part in sets["IMPORTED"].split(",") if part.strip())
    given = parameters({"RUN": name, "PRESET": preset, "OUTPUTS": str(here.folder.parent), "CHARACTER": _portable(character, source)}, sets)
    with here.stage("walk"):
        run.refuse_other_character(here, character)
        if here.elsewhere:
            say(here.elsewhere)
        started = time.monotonic()
        for notebook in NOTEBOOKS:
            execute(here, notebook, given[notebook], say)
        here.record("walk", seconds=time.monotonic() - started, preset=preset)
    return here


def _portable(character: str, source: Path) -> str:
    return character if character in profiles.shipped() else str(source.resolve())


def parameters(shared: dict, sets: dict[str, str]) -> dict[str, dict]:
    """The parameters each notebook is given, as the types its parameters cell declares. Raises
    RunError for unknown names (P5).
    """
    import papermill

    declared = {}
    for notebook in NOTEBOOKS:
        found = papermill.inspect_notebook(str(source(notebook)))
        declared[notebook] = {name: entry["default"] for name, entry in found.items()}
    known = {name for entries in declared.values() for name in entries}
    unknown = sorted(set(sets) - known)
    if unknown:
        raise run.RunError(f"No parameter '{unknown[0]}' in any notebook: use one of {', '.join(sorted(known))}.")
    wanted = {**shared, **sets}
    return {
        notebook: {name: typed(name, value, entries[name]) for name, value in wanted.items() if name in entries}
        for notebook, entries in declared.items()
    }


def typed(name: str, value, default: str):
    """A value as the type of the parameter's default (its source text): names like 007 stay text
    (fault F16).
    """
    if default.strip()[:1] in "\"'":
        return str(value)
    try:
        return float(value) if "." in default else int(value)
    except ValueError:
        raise run.RunError(f"{name}={value} is not a number: give one, or leave {name} out.") from None


def source(notebook: str) -> Path:
    return run.root() / "notebooks" / f"{notebook}.ipynb"


def execute(here: run.Run, notebook: str, values: dict, say=print) -> None:
    """Execute one notebook into notebooks/ of the run and check its products. Raises RunError that
    says which cell failed and why.
    """
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    out = here.path("notebooks", f"{notebook}.ipynb")
    out.parent.mkdir(parents=True, exist_ok=True)
    if "{" in str(out):
        raise run.RunError(f"The folder {here.folder} has a brace in its name, which papermill would fill in: choose another --outputs.")
    say(f"{notebook} …")
    started = time.monotonic()
    try:
        with _quiet():
            papermill.execute_notebook(
                str(source(notebook)), str(out), parameters=values, cwd=str(here.folder), progress_bar=False, kernel_name="python3",
                # the kernel's advice about transports is not for this reader
                extra_arguments=["--log-level=ERROR"],
            )  # fmt: skip
    except papermill.PapermillExecutionError as error:
        reason = f"{error.ename}: {str(error.evalue).splitlines()[0] if str(error.evalue) else ''}"
        if error.ename == "RunError":
            reason = str(error.evalue)
        raise run.RunError(f"{notebook} stopped: {reason} (cell {error.exec_count}; the notebook is kept in {out}).") from None
    except DeadKernelError:
        raise run.RunError(
            f"{notebook} stopped: its kernel died, most likely for want of memory; close programs or use a smaller preset."
        ) from None
    except CellTimeoutError:
        raise run.RunError(f"{notebook} stopped: a cell took too long; see {out}.") from None
    missing = [product for product in PRODUCTS[notebook] if not here.has(product)]
    if notebook == "04_upload" and not (here.has("adapter") or here.has("model")):
        missing.append("adapter")
    if missing:
        raise run.RunError(f"{notebook} ended without {', '.join(missing)}: open {out} and see which cell did not do its work.")
    seconds = time.monotonic() - started
    here.record(notebook, seconds=seconds, products=PRODUCTS[notebook])
    say(f"{notebook} done in {seconds:.0f} s")


@contextlib.contextmanager
def _quiet():
    """Bars off in kernels that write to a file, and warnings of the notebook tools kept out of the
    walk's lines.
    """
    import os
    import warnings

    names = {
        "TQDM_DISABLE": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def table(scores: dict, systems: list[str] | None = None) -> str:
    """The five dimensions as a plain text table, a system a column."""
    systems = systems or list(scores["systems"])
    lines = ["dimension       " + "".join(f"{system:>26}" for system in systems)]
    for dimension in next(iter(scores["systems"].values())):
        cells = []
        for system in systems:
            entry = scores["systems"][system][dimension]
            value = entry["value"]
            cells.append("not measured" if value is None else f"{value:.2f} [{entry['ci_low']:.2f}, {entry['ci_high']:.2f}] n={entry['n']}")
        lines.append(f"{dimension:<16}" + "".join(f"{cell:>26}" for cell in cells))
    return "\n".join(lines)
