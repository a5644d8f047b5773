"""The upload seen from outside: its spec, the child process and its rows, ablations."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from charlib import models, run
from charlib.records import Example
from charlib.upload.examples import others_experience
from charlib.upload.recipes import Recipe

ABLATIONS = ("no_protective", "shuffled")
FINISHED = "finished"  # in checkpoints/: what the training that ended there was made of

# Freed activations stay with the process, in huge pages: asking the system for them again at every
# step costs about a tenth of it.
_ALLOCATOR = ":".join(f"glibc.malloc.{name}" for name in (
    "hugetlb=1", "mmap_threshold=33554432", "trim_threshold=2000000000", "top_pad=67108864"))


class Interrupted(RuntimeError):
    """The upload process ended before it was done."""


def probes(profile) -> list[dict]:
    """Three questions whose replies are shown while training: about the self, about a conviction,
    and one from beyond."""
    conviction = "What matters most to you?"
    if profile.values:
        conviction = f"Do you agree with this: {profile.values[0].stance}"
    return [{"question": text} for text in (
        "Who are you, and where were you born?", conviction, "Have you ever used a computer?")]


def write_spec(folder: Path, base: str, recipe: Recipe, name: str, probes: list[dict] = (),
               seed: int = 0, system: str = "") -> Path:
    """Tell the upload process what to do: spec.json in `folder`, beside examples.jsonl. A base that
    is a local folder is written with its whole path, since the process works elsewhere; `system` is
    the set-up of the probes, by default the standard one of the person called `name`."""
    spec = {"base": run.place(base), "recipe": recipe.model_dump(mode="json"), "seed": seed,
            "examples": "examples.jsonl", "probes": list(probes),
            "system": system or models.system_prompt(name), "character": name}
    text = json.dumps(spec, indent=1, ensure_ascii=False)
    return run.write_atomic(folder / "spec.json", text + "\n")


def follow(folder: Path) -> Iterator[dict]:
    """Run the upload in `folder` as a child process and yield its rows as they are written; a
    finished one is not trained again.

    The child ends with this process; the file STOP asks it to stop and keep what it has. Raises
    Interrupted with the reason when it fails."""
    rows, log = folder / "training.jsonl", folder / "upload.log"
    if _finished(folder):
        yield from run.read_jsonl(rows)
        return
    (folder / "STOP").unlink(missing_ok=True)
    clear_finished(folder)
    if newest(folder / "checkpoints") is None:
        rows.unlink(missing_ok=True)
    environment = os.environ | {"TQDM_DISABLE": "1", "TOKENIZERS_PARALLELISM": "false"}
    environment.setdefault("GLIBC_TUNABLES", _ALLOCATOR)
    command = [sys.executable, "-m", "charlib.upload", str(folder / "spec.json")]
    with log.open("w", encoding="utf-8") as errors:
        child = subprocess.Popen(command, stdout=errors, stderr=errors, env=environment, cwd=folder)
    shown, ended = 0, False
    try:
        while not ended:
            ended = child.poll() is not None
            text = rows.read_text(encoding="utf-8") if rows.exists() else ""
            lines = text.split("\n")[:-1]
            for line in lines[shown:]:
                yield json.loads(line)
            shown = len(lines)
            if not ended:
                time.sleep(0.3)
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait(timeout=30)
    if child.returncode:
        said = log.read_text(encoding="utf-8", errors="replace").split("\n")
        said = [line for line in said if line.strip()]
        reason = said[-1] if said else "it was killed; too little memory is the usual cause"
        raise Interrupted(f"The upload ended with code {child.returncode}: {reason}")


def _finished(folder: Path) -> bool:
    """Whether the product there was made by this very spec from these very examples."""
    made = [folder / name / "base.json" for name in ("adapter", "model")]
    made = [path for path in made if path.is_file()]
    facts = json.loads(made[0].read_text(encoding="utf-8")) if made else {}
    return bool(made) and facts.get("made_of") == made_of(folder)


def clear_finished(folder: Path) -> None:
    """Make room when a finished training's spec or examples have changed: it is done again, not
    resumed. An unfinished one is left alone."""
    mark = folder / "checkpoints" / FINISHED
    if mark.is_file() and mark.read_text(encoding="utf-8") != made_of(folder):
        shutil.rmtree(folder / "checkpoints")
        (folder / "training.jsonl").unlink(missing_ok=True)


def made_of(folder: Path) -> str:
    """What a training in this folder is made of: the sha256 of its spec and examples."""
    parts = [(folder / name).read_bytes() for name in ("spec.json", "examples.jsonl")]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def samples(rows: list[dict]) -> list[dict]:
    """The replies to the probe questions as they changed: rows of {question, epoch, reply}; the
    last ones of an epoch that was trained again."""
    found = {(reply["question"], row["epoch"]): reply["reply"]
             for row in rows if row.get("event") == "sample" for reply in row["replies"]}
    return [{"question": question, "epoch": epoch, "reply": reply}
            for (question, epoch), reply in found.items()]


def ablate(here: run.Run, profile, settings, recipe: Recipe, seed: int) -> list[str]:
    """Train what `settings.ablations` names, each in ablations/<name>/, for as many rows, epochs
    and layers as the simulacrum had. RunError for an unknown name.

    no_protective: without the boundary pairs. shuffled: the same name on another shipped
    character's experience."""
    names = [name.strip() for name in settings.ablations.split(",") if name.strip()]
    unknown = sorted(set(names) - set(ABLATIONS))
    if unknown:
        raise run.RunError(f"No ablation '{unknown[0]}': use {', '.join(ABLATIONS)}.")
    plan = planned(here.path("checkpoints"))
    # not a time budget of its own: the speed of the moment would decide how much each has seen
    if names and plan:
        same = {part: plan[part] for part in ("epochs", "rows", "top_layers")}
        recipe = recipe.model_copy(update={"seconds": 0, **same})
    for name in names:
        folder = here.path("ablations", name)
        folder.mkdir(parents=True, exist_ok=True)
        mine = here.read_jsonl("examples.jsonl", Example)
        if name == "no_protective":
            chosen = [item for item in mine if item.kind != "protective"]
        else:
            count = sum(item.kind == "memory" for item in mine)
            chosen = others_experience(here.character, profile, count, seed)
        run.write_jsonl(folder / "examples.jsonl", chosen)
        write_spec(folder, settings.base, recipe, profile.name, seed=seed)
        here.say(f"ablation {name}: training on {len(chosen)} examples")
        for _ in follow(folder):
            pass
    return names


def planned(checkpoints: Path) -> dict | None:
    """The plan an interrupted training began with: resumed, it trains the same."""
    path = checkpoints / "plan.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def newest(checkpoints: Path) -> Path | None:
    """The newest complete checkpoint. An incomplete one is passed over with a warning (fault F24).
    """
    for path in sorted(checkpoints.glob("epoch-*"), key=lambda path: -int(path.name[6:])):
        if (path / "trainer_state.json").is_file() and any(path.glob("*.safetensors")):
            return path
        print(f"{path.name} is incomplete: going back to the one before.", file=sys.stderr)
    for path in checkpoints.glob("checkpoint-*"):
        shutil.rmtree(path, ignore_errors=True)  # cut while being written; it never got its name
    return None
