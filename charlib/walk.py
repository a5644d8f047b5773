"""The walk: the five notebooks in order through papermill, one progress line each, products checked
whatever papermill's metadata says: `walk("my_page.md", run="aunt", preset="workshop")`."""

import contextlib
import os
import tempfile
import time
import warnings
from pathlib import Path

from charlib import profile as profiles
from charlib import run as runs

PRODUCTS = {
    "01_profile": ("profile.md",),
    "02_experience": ("scenes.jsonl", "dialogues.jsonl"),
    "03_protective": ("protective.jsonl",),
    "04_upload": ("examples.jsonl", "spec.json", "training.jsonl"),
    "05_interview": ("questions.jsonl", "answers.jsonl", "scores.json", "report.html"),
}
NOTEBOOKS = tuple(PRODUCTS)
QUIET = {"TQDM_DISABLE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
         "TOKENIZERS_PARALLELISM": "false", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def walk(character: str, run: str, preset: str = "workshop", sets: dict[str, str] | None = None,
         outputs: str | Path | None = None, say=print) -> runs.Run:
    """Run notebooks 01 to 05 for a character (a shipped slug, or the path of a page) into a run;
    `sets` are further notebook parameters. Raises RunError when one fails or leaves a product out,
    and before anything is written for what cannot be read, set or written."""
    here, page = runs.open(run, outputs), profiles.find(str(character))
    profiles.load(page)
    known = character if character in profiles.shipped() else str(page.resolve())
    shared = {"RUN": run, "PRESET": preset, "OUTPUTS": str(here.folder.parent), "CHARACTER": known}
    given = parameters(shared, sets or {})
    if not any(runs.cache().glob("bases/*/DONE")):
        runs.writable(runs.cache(), "set CHARLIB_CACHE to a folder that can be written")
    with here.stage("walk"):
        runs.refuse_other_character(here, str(character))
        say(runs.heading(here, preset, Path(known).stem))
        started = time.monotonic()
        for notebook in NOTEBOOKS:
            execute(here, notebook, given[notebook], say)
        here.record("walk", seconds=time.monotonic() - started, preset=preset)
    return here


def parameters(shared: dict, sets: dict[str, str]) -> dict[str, dict]:
    """The parameters each notebook is given, as the types its parameters cell declares; local paths
    are meant from where the command was given, since kernels work in the run's folder. Raises
    RunError for unknown names (P5) and for what a stage cannot be set to."""
    import papermill

    declared = {name: papermill.inspect_notebook(str(source(name))) for name in NOTEBOOKS}
    known = sorted({name for entries in declared.values() for name in entries})
    if unknown := sorted(set(sets) - set(known)):
        raise runs.RunError(f"No parameter '{unknown[0]}' in any notebook: use one of "
                            f"{', '.join(known)}.")
    wanted = {**shared, **sets}
    if "IMPORTED" in wanted:
        files = [part.strip() for part in wanted["IMPORTED"].split(",") if part.strip()]
        wanted["IMPORTED"] = ",".join(str(runs.home(name).resolve()) for name in files)
    given = {}
    for notebook, entries in declared.items():
        given[notebook] = {name: typed(name, value, entries[name]["default"])
                           for name, value in wanted.items() if name in entries}
        if form := runs.STAGES.get(stage := notebook.split("_")[1]):
            said = {name.lower(): value for name, value in given[notebook].items()}
            fields = {name: said[name] for name in form.model_fields if name in said}
            found = runs.settings(stage, wanted.get("PRESET", "workshop"), **fields)
            given[notebook] |= {"BASE": found.base} if said.get("base") else {}
    return given


def typed(name: str, value, default: str):
    """A value as the type of the parameter's default (its source text): names like 007 stay text
    (fault F16)."""
    if default.strip()[:1] in "\"'":
        return str(value)
    try:
        return float(value) if "." in default else int(value)
    except ValueError:
        raise runs.RunError(f"{name}={value} is not a number: give one, or leave {name} "
                            "out.") from None


def source(notebook: str) -> Path:
    """The file of a notebook of the walk."""
    return runs.root() / "notebooks" / f"{notebook}.ipynb"


def execute(here: runs.Run, notebook: str, values: dict, say=print) -> None:
    """Execute one notebook into notebooks/ of the run and check its products. Raises RunError that
    says which cell failed and why."""
    import papermill
    from nbclient.exceptions import DeadKernelError

    out = here.path("notebooks", f"{notebook}.ipynb")
    if "{" in str(out):
        raise runs.RunError(f"The folder {here.folder} has a brace in its name, which papermill "
                            "would fill in: choose another --outputs.")
    runs.writable(out.parent, "choose another --outputs")
    say(f"{notebook} …")
    started = time.monotonic()
    try:
        with kernels():
            papermill.execute_notebook(
                str(source(notebook)), str(out), parameters=values, cwd=str(here.folder),
                progress_bar=False, kernel_name="python3", extra_arguments=["--log-level=ERROR"])
    except papermill.PapermillExecutionError as error:
        reason = str(error.evalue)
        if error.ename != "RunError":
            reason = " ".join([f"{error.ename}:", *reason.splitlines()[:1]])
        raise runs.RunError(f"{notebook} stopped: {reason} (cell {error.exec_count}; the notebook "
                            f"is kept in {out}).") from None
    except DeadKernelError:
        raise runs.RunError(f"{notebook} stopped: its kernel died, most likely for want of memory; "
                            "close programs or use a smaller preset.") from None
    missing = [product for product in PRODUCTS[notebook] if not here.has(product)]
    if notebook == "04_upload" and not (here.has("adapter") or here.has("model")):
        missing.append("adapter")
    if missing:
        raise runs.RunError(f"{notebook} ended without {', '.join(missing)}: open {out} and see "
                            "which cell did not do its work.")
    seconds = time.monotonic() - started
    here.record(notebook, seconds=seconds, products=PRODUCTS[notebook])
    say(f"{notebook} done in {seconds:.0f} s")


@contextlib.contextmanager
def kernels():
    """Kernels of this interpreter, whatever `python3` a kernelspec of this machine points to, with
    their connection files where they can be written; no bars, and no warnings of notebook tools."""
    from ipykernel.kernelspec import write_kernel_spec

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_kernel_spec(Path(folder, "kernels", "python3"))
        paths = [folder, *filter(None, [os.environ.get("JUPYTER_PATH")])]
        # code is named from where the command was given, while kernels work in the run's folder
        code = os.pathsep.join([os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])])
        own = {"JUPYTER_PATH": os.pathsep.join(paths), "JUPYTER_RUNTIME_DIR": folder,
               "PYTHONPATH": code, **QUIET}
        before = {name: os.environ[name] for name in own if name in os.environ}
        os.environ.update(own)
        try:
            yield
        finally:
            for name in own:
                os.environ.pop(name, None)
            os.environ.update(before)


def table(scores: dict) -> str:
    """The five dimensions as a plain text table, one column per system."""
    def cell(entry: dict) -> str:
        return "not measured" if entry["value"] is None else (
            "{value:.2f} [{ci_low:.2f}, {ci_high:.2f}] n={n}".format(**entry))

    systems = scores["systems"]
    lines = ["dimension       " + "".join(f"{system:>26}" for system in systems)]
    for dimension in next(iter(systems.values())):
        cells = "".join(f"{cell(entries[dimension]):>26}" for entries in systems.values())
        lines.append(f"{dimension:<16}{cells}")
    return "\n".join(lines)
