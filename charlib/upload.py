"""Experience upload: the fine-tuning itself. It knows nothing of interviews.

Runs as a child process, `python -m charlib.upload spec.json` or `accelerate launch -m charlib.upload spec.json`, and writes one row a step to
training.jsonl, one folder an epoch to checkpoints/, and at the end adapter/ in PEFT's layout. `follow` starts it and yields the rows.

The loop, checkpoints, resume and trackers are transformers' Trainer; the fast parts are here and small: rows packed around one shared
system prompt, head and loss on supervised positions only, LoRA in the compute type with float32 master weights, lower layers computed once
when only the top ones are trained. `tests/bench` measures each of them.
"""

import functools
import hashlib
import json
import math
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from charlib import base as bases
from charlib import dataset, run


@dataclass(frozen=True)
class Recipe:
    """How to train. `seconds` 0 means no time budget; `top_layers` 0 means adapters on all layers; `rows` 0 means all packed rows, else the first.

    With a time budget, at least `least_epochs` are trained, on fewer rows if need be, and at most `epochs`, the last in part; and if all
    layers are too slow for `epochs` on this machine, adapters go on the `top_when_slow` top layers, whose input is computed once: a stated
    trade-off, written to training.jsonl.
    Adapters of the small model learn with Muon (arXiv 2502.16982): at equal steps it remembers more of facts met a few times than AdamW.
    """

    method: str = "lora"
    rank: int = 64
    alpha: int = 64
    learning_rate: float = 0.014
    optimizer: str = "muon"
    epochs: float = 5
    seconds: float = 0
    least_epochs: int = 2
    top_layers: int = 0
    top_when_slow: int = 10
    row_length: int = 256
    rows: int = 0
    rows_per_step: int = 1
    accumulate: int = 1
    warmup: float = 0.05
    weight_decay: float = 0.0
    clip: float = 1.0
    speakers: str = "protagonist"
    checkpoint: str = "last"
    dtype: str = ""
    compile: bool = False
    checkpointing: bool = False
    report_to: list[str] = field(default_factory=list)


RECIPES = {
    "tiny": Recipe(rank=8, alpha=8, epochs=1, top_layers=4, rows_per_step=1, warmup=0.0),
    "workshop": Recipe(epochs=4, seconds=228),
    "full": Recipe(epochs=4),
    "paper": Recipe(
        method="full", optimizer="adamw", learning_rate=2e-5, epochs=10, warmup=0.04, weight_decay=0.1, row_length=2048, rows_per_step=8, accumulate=8,
        speakers="all", checkpointing=True,
    ),
    "gpu-lora": Recipe(rank=16, alpha=32, optimizer="adamw", learning_rate=2e-4, epochs=4, row_length=2048, rows_per_step=8),
}  # fmt: skip


_BEGAN = time.monotonic()  # a time budget counts from the start of the process
# Freed activations stay with the process, in huge pages: asking the system for them again at every step costs about a tenth of it.
_ALLOCATOR = ":".join(
    f"glibc.malloc.{name}" for name in ("hugetlb=1", "mmap_threshold=33554432", "trim_threshold=2000000000", "top_pad=67108864")
)
MIXED = 300  # conversations among which the wordings of one fact are spread
HEAD_ROWS = 256  # positions a product of the head: enough to be fast, few enough that their logits stay small
_FINISHED = "finished"  # in checkpoints/: what the training that ended there was made of


class Interrupted(RuntimeError):
    """The upload process ended before it was done."""


def recipe(settings) -> Recipe:
    """The recipe of a stage's settings: a named one with its epochs, seconds and speakers. Raises RunError naming the recipes there are."""
    if settings.recipe not in RECIPES:
        raise run.RunError(f"No recipe '{settings.recipe}': use one of {', '.join(RECIPES)}.")
    if settings.train_on not in ("protagonist", "all", "without_thoughts"):
        raise run.RunError(f"TRAIN_ON cannot be '{settings.train_on}': use protagonist, all or without_thoughts.")
    speakers = "all" if settings.train_on == "all" else "protagonist"
    return replace(RECIPES[settings.recipe], epochs=settings.epochs, seconds=settings.seconds, speakers=speakers)


def estimate(base: bases.Base, recipe: Recipe) -> list[dict]:
    """What a training needs and what there is, as rows of {what, GB}."""
    memory = bases.memory(base, method=recipe.method, rank=recipe.rank, tokens=recipe.row_length * recipe.rows_per_step)
    parts = {"base model": memory.weights, "optimiser and gradients": memory.training, "activations of a step": memory.activations,
             "needed together": memory.needed, "free here": memory.free}  # fmt: skip
    return [{"what": name, "GB": round(size / 1e9, 2)} for name, size in parts.items()]


def probes(here: run.Run, profile) -> list[dict]:
    """Three questions whose replies are shown while training: about the self, about a conviction, and one from beyond."""
    stance = profile.values[0].stance if profile.values else "What matters most to you?"
    conviction = f"Do you agree with this: {stance}" if profile.values else stance
    return [{"question": text} for text in ("Who are you, and where were you born?", conviction, "Have you ever used a computer?")]


def write_spec(folder: Path, settings, recipe: Recipe, profile, probes: list[dict], seed: int = 0) -> Path:
    """Tell the upload process what to do: spec.json in `folder`, beside examples.jsonl. Nothing in it is a path of this machine."""
    spec = {
        "base": settings.base, "recipe": asdict(recipe), "seed": seed, "examples": "examples.jsonl", "probes": probes,
        "system": dataset.system_prompt(profile.name), "character": profile.name,
    }  # fmt: skip
    return run.write_atomic(folder / "spec.json", json.dumps(spec, indent=1, ensure_ascii=False) + "\n")


def follow(folder: Path, *, detached: bool = False) -> Iterator[dict]:
    """Run the upload in `folder` as a child process and yield its rows as they are written; a finished one is not trained again.

    The child ends with this process unless `detached`; the file STOP asks it to stop and keep what it has. Raises Interrupted with the
    reason when it fails.
    """
    rows, log, stop = folder / "training.jsonl", folder / "upload.log", folder / "STOP"
    if _finished(folder):
        yield from run.read_jsonl(rows)
        return
    stop.unlink(missing_ok=True)
    _clear_finished(folder)
    if newest(folder / "checkpoints") is None:
        rows.unlink(missing_ok=True)
    environment = os.environ | {"TQDM_DISABLE": "1", "TOKENIZERS_PARALLELISM": "false", "CHARLIB_DETACHED": "1" if detached else ""}
    environment.setdefault("GLIBC_TUNABLES", _ALLOCATOR)
    with log.open("w") as errors:
        command = [sys.executable, "-m", "charlib.upload", str(folder / "spec.json")]
        child = subprocess.Popen(command, stdout=errors, stderr=errors, env=environment, cwd=folder)
    shown = 0
    try:
        while True:
            ended = child.poll() is not None
            lines = rows.read_text(encoding="utf-8").split("\n")[:-1] if rows.exists() else []
            for line in lines[shown:]:
                yield json.loads(line)
            shown = len(lines)
            if ended:
                break
            time.sleep(0.3)
    finally:
        if child.poll() is None and not detached:
            child.terminate()
            child.wait(timeout=30)
    if child.returncode:
        said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        reason = said[-1] if said else "it was killed; too little memory is the usual cause"
        raise Interrupted(f"The upload ended with code {child.returncode}: {reason}")


def _finished(folder: Path) -> bool:
    """Whether the product there was made by this very spec from these very examples."""
    for name in ("adapter", "model"):
        made = folder / name / "base.json"
        if made.is_file():
            return json.loads(made.read_text()).get("made_of") == _made_of(folder)
    return False


def _clear_finished(folder: Path) -> None:
    """Make room when a finished training's spec or examples have changed: it is done again, not resumed. An unfinished one is left alone."""
    mark = folder / "checkpoints" / _FINISHED
    if mark.is_file() and mark.read_text() != _made_of(folder):
        shutil.rmtree(folder / "checkpoints")
        (folder / "training.jsonl").unlink(missing_ok=True)


def _made_of(folder: Path) -> str:
    return hashlib.sha256((folder / "spec.json").read_bytes() + (folder / "examples.jsonl").read_bytes()).hexdigest()


def samples(rows: list[dict]) -> list[dict]:
    """The replies to the probe questions as they changed: rows of {question, epoch, reply}; the last ones of an epoch that was trained again."""
    found = {
        (reply["question"], row["epoch"]): {"question": reply["question"], "epoch": row["epoch"], "reply": reply["reply"]}
        for row in rows if row.get("event") == "sample" for reply in row["replies"]
    }  # fmt: skip
    return list(found.values())


ABLATIONS = ("no_protective", "shuffled")


def ablate(here: run.Run, profile, settings, recipe: Recipe, seed: int) -> list[str]:
    """Train what `settings.ablations` names, each in ablations/<name>/, for as many rows, epochs and layers as the simulacrum had. RunError for an unknown name.

    no_protective: without the boundary pairs. shuffled: the same name on another shipped character's experience.
    """
    names = [name.strip() for name in settings.ablations.split(",") if name.strip()]
    unknown = sorted(set(names) - set(ABLATIONS))
    if unknown:
        raise run.RunError(f"No ablation '{unknown[0]}': use {', '.join(ABLATIONS)}.")
    plan = _planned(here.path("checkpoints"))
    if names and plan:  # not a time budget of its own: the speed of the moment would decide how much each has seen
        recipe = replace(recipe, seconds=0, **{part: plan[part] for part in ("epochs", "rows", "top_layers")})
    for name in names:
        folder = here.path("ablations", name)
        folder.mkdir(parents=True, exist_ok=True)
        mine = here.read_jsonl("examples.jsonl", dataset.Example)
        if name == "no_protective":
            chosen = [item for item in mine if item.kind != "protective"]
        else:
            chosen = dataset.others_experience(here.character, profile, sum(item.kind == "memory" for item in mine), seed)
        run.write_jsonl(folder / "examples.jsonl", chosen)
        write_spec(folder, settings, recipe, profile, [], seed)
        here.say(f"ablation {name}: training on {len(chosen)} examples")
        for _ in follow(folder):
            pass
    return names


# ---- the child process -------------------------------------------------------------------------------------------------------------


def main(path: str) -> int:
    """Read spec.json and train. Exit code 0 only when adapter/ (or model/) is there; an error is one line."""
    _end_with_parent()
    try:
        train(Path(path).resolve())
    except (run.RunError, dataset.TemplateError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def train(path: Path) -> Path:
    """Fine-tune as spec.json says; resume from the newest complete checkpoint. Returns the folder of the product."""
    import torch
    import transformers

    spec = json.loads(path.read_text())
    folder = path.parent
    recipe = Recipe(**spec["recipe"])
    together = _together()
    if not together.is_main_process:
        together.wait_for_everyone()  # the first process prepares; the others find its plan and read it
    base = bases.find(spec["base"])
    checkpoints = folder / "checkpoints"
    _clear_finished(folder)
    checkpoints.mkdir(exist_ok=True)
    _same_as_before(checkpoints, spec, base, folder)
    transformers.set_seed(spec["seed"])
    dtype = recipe.dtype or bases.fast_dtype()
    estimate = bases.memory(base, method=recipe.method, rank=recipe.rank, tokens=recipe.row_length * recipe.rows_per_step, dtype=dtype)
    if not estimate.fits:
        needed, free = estimate.needed / 1e9, estimate.free / 1e9
        raise run.RunError(f"This training needs about {needed:.1f} GB and {free:.1f} GB are free: lower rows_per_step, or use LoRA.")
    model, tokenizer = bases.load(base, "float32" if recipe.method == "full" else dtype)
    examples = run.read_jsonl(folder / spec["examples"], dataset.Example)
    tokens, held_out, coverage = prepare(examples, tokenizer, recipe)
    _log(folder, {"event": "start", "dtype": dtype, "base": base.name, **coverage, "device": str(model.device)})
    plan = _planned(checkpoints)
    recipe = replace(recipe, top_layers=plan["top_layers"] if plan else _affordable_layers(model, tokens, recipe))
    model = wrap(model, recipe)
    data = Rows(_mix(tokens, recipe, spec["seed"]))
    plan = plan or _plan(checkpoints, model, data, recipe)
    _log(folder, {"event": "plan", **plan})
    data = data.first(plan["rows"])
    resume = newest(checkpoints)
    if together.is_main_process:
        together.wait_for_everyone()
    trainer = _trainer(model, tokenizer, data, held_out, recipe, plan, spec, folder)
    torch.set_flush_denormal(True)
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    if trainer.is_world_process_zero():
        product = _keep(trainer, folder, recipe, base, plan)
        run.write_atomic(checkpoints / _FINISHED, _made_of(folder))
        _log(folder, {"event": "end", "peak_gb": round(_peak_memory(), 2), "kept": product.name})
        return product
    return folder


def prepare(examples: list[dataset.Example], tokenizer, recipe: Recipe):
    """Tokenise. Returns (training conversations, held-out rows, counts). Raises RunError when nothing is supervised (fault F23).

    The conversations keep the order of the examples, which is their priority: what a time budget cuts is cut from the end.
    """
    parts: dict[str, list[dataset.Tokens]] = {"train": [], "validation": []}
    prefixes: dict[str, str] = {}
    for example in examples:
        messages = [message.model_dump() for message in example.messages]
        system = messages[0]["content"] if messages[0]["role"] == "system" else ""
        if system not in prefixes:
            prefixes[system] = dataset.system_prefix(tokenizer, messages)
        tokens = dataset.encode(tokenizer, messages, speakers=recipe.speakers, prefix=prefixes[system])
        parts["train" if example.split == "train" else "validation"].append(tokens)
    supervised = sum(item.supervised for item in parts["train"])
    if not supervised:
        raise run.RunError("Every token of the training data is masked: no example holds a reply of the protagonist. Check examples.jsonl.")
    rows = dataset.pack(parts["train"], recipe.row_length)
    counts = {
        "examples": len(parts["train"]),
        "tokens": int(sum(len(item.ids) for item in parts["train"])),
        "supervised": supervised,
        "rows": len(rows),
        "computed": int(sum(row.real for row in rows)),
    }
    return parts["train"], dataset.pack(parts["validation"], recipe.row_length), counts


def _mix(tokens: list[dataset.Tokens], recipe: Recipe, seed: int) -> list[dataset.Row]:
    """All conversations packed, the most needed still first, each moved a little: the wordings of one fact, neighbours in the data, part."""
    chooser = random.Random(seed)
    return dataset.pack(tokens, recipe.row_length, order=sorted(range(len(tokens)), key=lambda index: index + chooser.uniform(0, MIXED)))


def wrap(model, recipe: Recipe):
    """The model ready to train: frozen base with adapters, or all of it. LoRA weights are float32 masters used in the compute type."""
    import peft
    import torch

    if recipe.method == "full":
        return model.train()
    dtype, layers = model.dtype, model.config.num_hidden_layers
    top = min(recipe.top_layers, layers)
    linear = {name.rsplit(".", 1)[-1] for name, part in model.named_modules() if isinstance(part, torch.nn.Linear) and ".layers." in name}
    config = peft.LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        target_modules=sorted(linear),
        task_type="CAUSAL_LM",
        layers_to_transform=list(range(layers - top, layers)) if top else None,
        layers_pattern="layers" if top else None,
    )
    model = peft.get_peft_model(model, config, autocast_adapter_dtype=True)
    for part in model.modules():
        if isinstance(part, peft.tuners.lora.Linear):
            part.forward = lora_forward.__get__(part)
    if dtype != torch.float32:
        _widen(model, dtype)
    return model.train()


def _widen(model, dtype) -> None:
    """Keep the stream that the layers add to in float32, and only the products in `dtype`.

    It costs no time that could be measured, and takes two thirds of the error off the gradient of a few conversations.
    """
    model.get_input_embeddings().register_forward_hook(lambda part, given, states: states.float())
    for name, part in model.named_modules():
        if "Norm" in type(part).__name__:
            part.register_forward_hook(lambda part, given, states: states.to(dtype))
        elif name.endswith("rotary_emb"):
            part.register_forward_hook(lambda part, given, waves: tuple(wave.to(dtype) for wave in waves))


def lora_forward(self, x, *args, **kwargs):
    """PEFT's LoRA layer with its sum fused into the last product, adapters cast to the type of `x` instead of `x` to theirs.

    Exact up to rounding; PEFT's own path would compute the adapter in float32 and cast each layer's output up and down.
    """
    import torch

    result = self.base_layer(x)
    for name in self.active_adapters:
        if name not in self.lora_A or self.disable_adapters:
            continue
        down, up = self.lora_A[name].weight.to(x.dtype), self.lora_B[name].weight.to(x.dtype)
        inner = torch.nn.functional.linear(x, down).reshape(-1, down.shape[0])
        result = torch.addmm(result.reshape(-1, up.shape[0]), inner, up.t(), alpha=self.scaling[name]).view(result.shape)
    return result


def decoder(model):
    """The stack of layers below the head: has embed_tokens, layers, norm, rotary_emb."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return inner.model


def lower(model, batch: dict, top: int):
    """Hidden states after the frozen lower layers, shape (rows, length, hidden), for training the top `top` layers only."""
    import torch

    stack = decoder(model)
    with torch.no_grad():
        return _layers(stack, stack.embed_tokens(batch["input_ids"]), batch, 0, len(stack.layers) - top)


def hidden(model, batch: dict, top: int = 0):
    """Last hidden states before the head, (rows, length, hidden). With `top`, starts from the cached `batch["lower"]`."""
    stack = decoder(model)
    if top:
        states = _layers(stack, batch["lower"], batch, len(stack.layers) - top, len(stack.layers))
        return stack.norm(states)
    mask = dataset.visible(batch["groups"], batch["segments"])
    return stack(input_ids=batch["input_ids"], attention_mask=mask, position_ids=batch["positions"], use_cache=False).last_hidden_state


def _layers(stack, states, batch: dict, first: int, last: int):
    mask = dataset.visible(batch["groups"], batch["segments"])
    rotary = stack.rotary_emb(states, position_ids=batch["positions"])
    for layer in stack.layers[first:last]:
        states = layer(states, attention_mask=mask, position_ids=batch["positions"], position_embeddings=rotary)
    return states


def loss(model, batch: dict, top: int = 0, count=None):
    """Cross-entropy of the supervised positions: the head sees only those rows. Sum over `count` tokens, by default their own number."""
    import torch

    states = hidden(model, batch, top)
    keep = batch["labels"] != dataset.IGNORE
    head = (model.get_base_model() if hasattr(model, "get_base_model") else model).get_output_embeddings()
    if head.weight.requires_grad or head.bias is not None:
        total = torch.nn.functional.cross_entropy(head(states[keep]).float(), batch["labels"][keep], reduction="sum")
    else:
        total = _head_loss().apply(states[keep], head.weight, batch["labels"][keep])
    return total / (count if count is not None else keep.sum().clamp(min=1))


@functools.cache
def _head_loss():
    """Cross-entropy through a frozen head, its gradient made on the way: the logits, wide as the vocabulary, are written once and not kept.

    Exact; the idea is Liger's fused linear cross-entropy (arXiv 2410.10989), where a frozen head needs no gradient of its own.
    """
    import torch

    class HeadLoss(torch.autograd.Function):
        @staticmethod
        def forward(ctx, states, weight, labels):
            total, wanted = states.new_zeros((), dtype=torch.float32), ctx.needs_input_grad[0]
            gradient = torch.empty_like(states) if wanted else None
            for first in range(0, len(states), HEAD_ROWS):
                part = slice(first, first + HEAD_ROWS)
                logits = torch.nn.functional.linear(states[part], weight).float()
                most = logits.max(-1, keepdim=True).values
                said = logits.gather(-1, labels[part, None]) - most
                shares = logits.sub_(most).exp_()  # in place: new memory of this size costs more than the work
                sums = shares.sum(-1, keepdim=True)
                total += (sums.log() - said).sum()
                if wanted:
                    gradient[part] = (shares.to(weight.dtype) @ weight) / sums.to(weight.dtype) - weight[labels[part]]
            ctx.save_for_backward(gradient)
            return total

        @staticmethod
        def backward(ctx, above):
            return ctx.saved_tensors[0] * above, None, None

    return HeadLoss


class Rows:
    """Packed rows as a data set; holds the cached lower activations of each row when only top layers train."""

    def __init__(self, rows: list[dataset.Row]):
        self.rows, self.lower = rows, [None] * len(rows)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index: int) -> dict:
        return {"row": self.rows[index], "lower": self.lower[index]}

    def first(self, count: int) -> "Rows":
        """The first rows alone, with what is cached of them."""
        chosen = Rows(self.rows[:count])
        chosen.lower = self.lower[:count]
        return chosen

    @property
    def conversations(self) -> int:
        return sum(len(row.examples) for row in self.rows)


def collate(items: list[dict]) -> dict:
    """A batch for `loss`: input_ids, labels, positions, groups, segments, and `lower` where cached."""
    batch = dataset.collate([item["row"] for item in items])
    batch["input_ids"] = batch.pop("ids")
    if items[0]["lower"] is not None:
        rows, length = batch["input_ids"].shape
        states = items[0]["lower"].new_zeros(rows, length, items[0]["lower"].shape[-1])
        for index, item in enumerate(items):
            states[index, : len(item["lower"])] = item["lower"]
        batch["lower"] = states
    return batch


def remember_lower(model, data: Rows, top: int, rows_at_once: int = 4) -> Iterator[int]:
    """Compute the frozen lower layers once for every row that lacks them, a few at a time, and yield how many rows have them.

    Exact: those layers have no dropout and never change.
    """
    for start in range(0, len(data), rows_at_once):
        chosen = [index for index in range(start, min(start + rows_at_once, len(data))) if data.lower[index] is None]
        if chosen:
            batch = _move(collate([{"row": data.rows[index], "lower": None} for index in chosen]), model)
            states = lower(model, batch, top)
            for place, index in enumerate(chosen):
                data.lower[index] = states[place, : len(data.rows[index].ids)].clone()
        yield min(start + rows_at_once, len(data))


def _move(batch: dict, model) -> dict:
    device = next(model.parameters()).device
    return {name: value.to(device) for name, value in batch.items()}


def _planned(checkpoints: Path) -> dict | None:
    """The plan an interrupted training began with: resumed, it trains the same."""
    path = checkpoints / "plan.json"
    return json.loads(path.read_text()) if path.is_file() else None


def _plan(checkpoints: Path, model, data: Rows, recipe: Recipe) -> dict:
    """How much of it fits the time, written once.

    All rows for as many epochs as fit, the last one in part, up to those asked for; where not even the least number fits, fewer rows, the
    first ones.
    """
    rows, epochs, step = min(recipe.rows or len(data), len(data)), recipe.epochs, 0.0
    if recipe.seconds:
        end, least = _BEGAN + 0.95 * recipe.seconds, min(recipe.least_epochs, recipe.epochs)  # the rest: checkpoints, replies to the probes
        rows, step = _affordable_rows(model, data, rows, recipe, least, end)
        fitting = math.floor(10 * (end - time.monotonic()) / (rows * step)) / 10
        epochs = max(least, min(recipe.epochs, fitting))
    kept = data.first(rows).conversations
    plan = {"asked_epochs": recipe.epochs, "epochs": epochs, "examples": kept, "rows": rows, "left_out": data.conversations - kept,
            "top_layers": recipe.top_layers, "step_seconds": round(step, 3)}  # fmt: skip
    run.write_atomic(checkpoints / "plan.json", json.dumps(plan))
    return plan


def _affordable_rows(model, data: Rows, most: int, recipe: Recipe, least: float, end: float) -> tuple[int, float]:
    """How many rows, at most `most`, can be trained `least` times before `end`, and the seconds of a step.

    Where only top layers train, their input is cached on the way, and a step measured again every few rows: half a minute says more
    about a machine's speed than one moment does.
    """
    work = _idle_step(model, recipe)
    if not recipe.top_layers:
        step = _seconds(work, model, data.rows)
        return max(1, min(most, int((end - time.monotonic()) / (least * step)))), step
    paces: list[float] = []
    for number, count in enumerate(remember_lower(model, data, recipe.top_layers)):
        if number % 4 == 0:
            batch = _move(collate([data[count - 1]]), model)
            if not paces:
                work(batch)  # warm-up
            paces.append(_time_of(work, batch))
        if count >= most or time.monotonic() + count * least * statistics.mean(paces) >= end:
            break
    return min(count, most), statistics.mean(paces)


def _affordable_layers(model, tokens: list[dataset.Tokens], recipe: Recipe) -> int:
    """`top_layers`, or `top_when_slow` where a time budget cannot pay for all epochs on all layers: more epochs taught more than more layers.

    A training step costs about three forward passes: one forward, one backward for the activations, and the adapters' own.
    """
    layers = model.config.num_hidden_layers
    if recipe.top_layers or not recipe.seconds or recipe.method != "lora" or not 0 < recipe.top_when_slow < layers:
        return recipe.top_layers
    rows = dataset.pack(tokens, recipe.row_length)
    once = _seconds(lambda batch: hidden(model, batch), model, rows)
    return recipe.top_when_slow if 3.2 * once * len(rows) * recipe.epochs > recipe.seconds else 0


def _idle_step(model, recipe: Recipe):
    """A training step as a function of a batch, at a learning rate of 0: a step's work, the weights stay as they are."""
    import torch

    trained = [values for values in model.parameters() if values.requires_grad]
    still = optimizer(model, recipe, 0.0)

    def step(batch):
        loss(model, batch, recipe.top_layers).backward()
        torch.nn.utils.clip_grad_norm_(trained, recipe.clip)
        still.step()
        still.zero_grad()

    return step


def _seconds(work, model, rows: list[dataset.Row]) -> float:
    """Seconds of `work` on one row after a warm-up, on rows spread over the data: the lower quartile of eight, as a busy moment only ever slows."""
    batches = [_move(collate([{"row": rows[number * len(rows) // 9], "lower": None}]), model) for number in range(9)]
    times = [_time_of(work, batch) for batch in batches]
    return statistics.quantiles(times[1:], n=4)[0]


def _time_of(work, batch: dict) -> float:
    began = time.perf_counter()
    work(batch)
    return time.perf_counter() - began


def _trainer(model, tokenizer, data: Rows, held_out, recipe: Recipe, plan: dict, spec: dict, folder: Path):
    import transformers

    together = _together()
    evaluation = Rows(held_out) if held_out else None
    if recipe.top_layers:
        for part in (data, evaluation):
            if part:
                list(remember_lower(model, part, recipe.top_layers))
    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        num_train_epochs=plan["epochs"],
        per_device_train_batch_size=recipe.rows_per_step,
        per_device_eval_batch_size=recipe.rows_per_step,
        gradient_accumulation_steps=recipe.accumulate,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warmup,
        max_grad_norm=recipe.clip,
        bf16=recipe.method == "full" and (recipe.dtype or bases.fast_dtype()) == "bfloat16",
        gradient_checkpointing=recipe.checkpointing,
        save_strategy="epoch",
        eval_strategy="epoch" if evaluation else "no",
        prediction_loss_only=True,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=recipe.report_to or "none",
        seed=spec["seed"],
        data_seed=spec["seed"],
        remove_unused_columns=False,
        dataloader_num_workers=0,
        disable_tqdm=True,
        torch_compile=recipe.compile,
        use_cpu=together.num_processes > 1 and together.device.type == "cpu",
        ddp_find_unused_parameters=False if together.num_processes > 1 else None,
    )

    class Uploader(transformers.Trainer):
        """The library's loop with our loss."""

        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            value = model(charlib_batch=inputs, top=recipe.top_layers, count=num_items_in_batch)  # through the wrapper of several processes
            if num_items_in_batch is not None:
                value = value * self.accelerator.num_processes  # gradients are averaged over processes, and the count is everyone's
            return (value, {}) if return_outputs else value

        def prediction_step(self, model, inputs, prediction_loss_only, ignore_keys=None):
            import torch

            inputs = self._prepare_inputs(inputs)
            with torch.no_grad():
                return model(charlib_batch=inputs, top=recipe.top_layers), None, None

        def create_optimizer(self, *args, **kwargs):
            if self.optimizer is None:
                self.optimizer = optimizer(self.model, recipe, recipe.learning_rate)
            return self.optimizer

    _answer_with_loss(model)
    trainer = Uploader(
        model=model, args=arguments, train_dataset=data, eval_dataset=evaluation, data_collator=collate,
        callbacks=[_journal(folder, data, spec, recipe, tokenizer)],
    )  # fmt: skip
    trainer.model_accepts_loss_kwargs = True
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
    return trainer


def optimizer(model, recipe: Recipe, rate: float):
    """Muon over adapters, which are matrices: its updates are of equal size in every direction, so rare facts count too. Else AdamW."""
    import torch

    trained = [values for values in model.parameters() if values.requires_grad]
    if recipe.optimizer == "adamw" or recipe.method == "full":
        return torch.optim.AdamW(trained, lr=rate, weight_decay=recipe.weight_decay, fused=True)

    class Muon(torch.optim.Optimizer):
        """torch.optim.Muon for many small matrices: those of one shape are orthogonalised together, in float32 (tested to agree with it)."""

        def __init__(self, params):
            super().__init__(params, {"lr": rate, "momentum": 0.9, "weight_decay": recipe.weight_decay})

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                alike: dict[tuple, list] = {}
                for values in group["params"]:
                    if values.grad is not None:
                        alike.setdefault(tuple(sorted(values.shape)), []).append(values)
                for members in alike.values():
                    self._move(members, group)

        def _move(self, members, group):
            for values in members:
                if "momentum_buffer" not in self.state[values]:
                    self.state[values]["momentum_buffer"] = torch.zeros_like(values.grad)
            gradients, before = [values.grad for values in members], [self.state[values]["momentum_buffer"] for values in members]
            torch._foreach_lerp_(before, gradients, 1 - group["momentum"])
            ahead = torch._foreach_lerp(gradients, before, group["momentum"])  # Nesterov's look ahead
            updates = orthogonal(torch.stack([update.T if _tall(update) else update for update in ahead]).float())
            if group["weight_decay"]:
                torch._foreach_mul_(members, 1 - group["lr"] * group["weight_decay"])
            for values, update in zip(members, updates, strict=True):
                size = group["lr"] * math.sqrt(max(1.0, values.shape[0] / values.shape[1]))
                values.add_((update.T if _tall(values) else update).to(values.dtype), alpha=-size)

    return Muon(trained)


def _tall(matrix) -> bool:
    return matrix.shape[0] > matrix.shape[1]


def orthogonal(matrices, steps: int = 3):
    """The nearest orthogonal matrices, roughly: (n, rows, columns) with rows <= columns, by Newton-Schulz (Jordan 2024, Muon).

    A step is a polynomial of x x' before x, so the steps are taken on that small square, and x is multiplied once, at the end.
    """
    import torch

    square = matrices @ matrices.mT
    norm = square.diagonal(dim1=1, dim2=2).sum(-1).sqrt()[:, None, None] + 1e-7
    square = square / norm**2
    whole = None
    for number in range(steps):
        step = torch.baddbmm(square, square, square, beta=-4.775, alpha=2.0315)
        step.diagonal(dim1=1, dim2=2).add_(3.4445)
        whole = step if whole is None else step @ whole
        if number < steps - 1:
            square = step @ square @ step
    return (whole / norm) @ matrices


def _answer_with_loss(model) -> None:
    """Let a call with a packed batch give its loss: what DDP and FSDP wrap is the call, and only through it do gradients meet."""
    plain = model.forward

    def forward(*args, charlib_batch=None, top=0, count=None, **given):
        return plain(*args, **given) if charlib_batch is None else loss(model, charlib_batch, top, count)

    model.forward = forward


def _together():
    """The processes that train together; one alone is a team too."""
    import accelerate
    import torch

    return accelerate.PartialState(cpu=not torch.cuda.is_available())


def _sharded() -> bool:
    """Whether the processes hold a part of the weights each (FSDP), as accelerate says it."""
    return os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"


def _any(flag: bool) -> bool:
    """Whether it holds for any of the processes: they must stop at the same step."""
    import accelerate
    import torch

    if accelerate.PartialState().num_processes == 1:
        return flag
    return bool(accelerate.utils.reduce(torch.tensor(float(flag), device=accelerate.PartialState().device), "sum") > 0)


def _journal(folder: Path, data: Rows, spec: dict, recipe: Recipe, tokenizer):
    """The callback that writes training.jsonl, names checkpoints by epoch, and stops for STOP, NaN, time or a gone parent."""
    import transformers

    parent = os.getppid()

    class Journal(transformers.TrainerCallback):
        failed = False

        def fail(self, control, row: dict) -> None:
            """Stop, and let nothing that is not a number become a checkpoint (fault F28)."""
            if not self.failed:
                _log(folder, row | {"event": "nan", "loss": None, "hint": "the loss is not a number: lower the learning rate"})
            self.failed = control.should_training_stop = True
            control.should_save = control.should_evaluate = False

        def on_train_begin(self, args, state, control, **_):
            self.started, self.first = time.monotonic(), state.global_step
            steps_an_epoch = state.max_steps / max(1, args.num_train_epochs)  # not the state's, which counts a part as an epoch
            self.useful = sum(row.real for row in data.rows) / max(1, steps_an_epoch)

        def on_log(self, args, state, control, logs=None, **_):
            if "loss" not in logs and "eval_loss" not in logs:
                return
            seconds = time.monotonic() - self.started
            row = {"step": state.global_step, "steps": state.max_steps, "epoch": round(state.epoch or 0, 3), "seconds": round(seconds, 2)}
            if "loss" in logs:
                rate = self.useful * (state.global_step - self.first) / max(seconds, 1e-6)
                row |= {"loss": round(logs["loss"], 4), "learning_rate": logs["learning_rate"], "tokens_per_second": round(rate, 1)}
                if not math.isfinite(logs["loss"]):
                    self.fail(control, row)
                    return
            else:
                row |= {"validation_loss": round(logs["eval_loss"], 4)}
            _log(folder, row)

        def on_step_end(self, args, state, control, **_):
            gone = os.getppid() != parent and not os.environ.get("CHARLIB_DETACHED")
            late = _any(bool(recipe.seconds and time.monotonic() - _BEGAN > recipe.seconds))
            gone = _any(gone)
            if _any((folder / "STOP").exists()) or gone or late:
                reason = "STOP" if not (gone or late) else ("parent ended" if gone else "time budget")
                _log(folder, {"event": "stop", "step": state.global_step, "reason": reason})
                control.should_training_stop = True
                control.should_save = bool(not gone)

        def on_epoch_end(self, args, state, control, model=None, **_):
            if _any(self.failed or not _finite(model)):  # a step may spoil the weights after a loss that was still a number
                self.fail(control, {"step": state.global_step})
                return
            if spec["probes"] and state.is_world_process_zero and not _sharded():
                replies = _sample(model, tokenizer, spec["probes"], spec["system"])
                epoch = round(state.epoch, 2)  # not whole when the training was stopped
                _log(
                    folder,
                    {
                        "event": "sample",
                        "step": state.global_step,
                        "epoch": int(epoch) if epoch == int(epoch) else epoch,
                        "replies": replies,
                    },
                )

        def on_save(self, args, state, control, **_):
            _together().wait_for_everyone()  # every process has put its part there
            if not state.is_world_process_zero:
                return
            written = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            named = Path(args.output_dir) / f"epoch-{max(1, math.ceil((state.epoch or 0) - 1e-6))}"
            if written.is_dir():
                if named.exists():
                    shutil.rmtree(named)
                os.replace(written, named)  # the name is the mark of a complete checkpoint

    return Journal()


def _sample(model, tokenizer, probes: list[dict], system: str) -> list[dict]:
    """A reply to each probe question as the model stands, greedy, 40 tokens at most."""
    import torch

    model.eval()
    replies = []
    for probe in probes:
        messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": probe["question"]}]
        ids = torch.from_numpy(dataset.encode(tokenizer, messages).ids)[None].to(next(model.parameters()).device)
        with torch.inference_mode():
            out = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, do_sample=False, repetition_penalty=1.1,
                pad_token_id=tokenizer.pad_token_id,
            )  # fmt: skip
        replies.append({"question": probe["question"], "reply": tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True).strip()})
    model.train()
    return replies


def newest(checkpoints: Path) -> Path | None:
    """The newest complete checkpoint. An incomplete one is passed over with a warning (fault F24)."""
    found = sorted(checkpoints.glob("epoch-*"), key=lambda path: int(path.name.split("-")[1]), reverse=True)
    for path in found:
        if (path / "trainer_state.json").is_file() and any(path.glob("*.safetensors")):
            return path
        print(f"{path.name} is incomplete: going back to the one before.", file=sys.stderr)
    for path in checkpoints.glob("checkpoint-*"):
        shutil.rmtree(path, ignore_errors=True)  # cut while being written; it never got its name
    return None


def _same_as_before(checkpoints: Path, spec: dict, base: bases.Base, folder: Path) -> None:
    """Refuse to resume with other data, base or settings, and say what differs (fault F25)."""
    facts = {
        "base": base.fingerprint,
        "examples": run.sha256(folder / spec["examples"]),
        "seed": spec["seed"],
        **{f"recipe.{name}": value for name, value in spec["recipe"].items()},
    }
    path = checkpoints / "made_of.json"
    if path.is_file():
        before = json.loads(path.read_text())
        changed = [f"{name}: {before.get(name)} -> {value}" for name, value in facts.items() if before.get(name) != value]
        if changed:
            raise run.RunError(f"checkpoints/ was made of something else ({'; '.join(changed)}): delete checkpoints/ or undo the change.")
    run.write_atomic(path, json.dumps(facts))


def _keep(trainer, folder: Path, recipe: Recipe, base: bases.Base, plan: dict) -> Path:
    """Write adapter/ (or model/) whole, without a path of this machine in it. The checkpoint is the one the declared rule names."""
    chosen = "last"
    scores = [row for row in trainer.state.log_history if "eval_loss" in row]
    if recipe.checkpoint == "best" and scores:
        best = min(scores, key=lambda row: row["eval_loss"])
        chosen = f"epoch-{math.ceil(best['epoch'] - 1e-6)}"
    target = folder / ("adapter" if recipe.method == "lora" else "model")
    temporary = folder / f".{target.name}.part"
    shutil.rmtree(temporary, ignore_errors=True)
    failed = any(getattr(callback, "failed", False) for callback in trainer.callback_handler.callbacks)
    kept = failed or (_sharded() and chosen == "last")  # of sharded weights this process holds a part; the checkpoint holds them all
    source = newest(folder / "checkpoints") if kept else folder / "checkpoints" / chosen
    if failed and source is None:
        raise run.RunError("The loss became not-a-number before any checkpoint: lower the learning rate and start again.")
    if (kept or chosen != "last") and source.is_dir():
        wanted = ("adapter_config.json", "adapter_model.safetensors", "model.safetensors", "config.json", "generation_config.json")
        temporary.mkdir()
        for name in wanted:
            if (source / name).is_file():
                shutil.copy2(source / name, temporary / name)
    else:
        trainer.model.save_pretrained(temporary, safe_serialization=True)
    if recipe.method == "lora":
        config = json.loads((temporary / "adapter_config.json").read_text())
        config["base_model_name_or_path"] = "HuggingFaceTB/SmolLM2-135M-Instruct" if base.name == "bundled" else Path(base.name).name
        config["target_modules"] = sorted(config["target_modules"])
        (temporary / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True))
    facts = {
        "base": base.name,
        "fingerprint": base.fingerprint,
        "note": base.note,
        "checkpoint": chosen,
        "plan": plan,
        "made_of": _made_of(folder),
    }
    (temporary / "base.json").write_text(json.dumps(facts, indent=1))
    card = f"# Adapter of a character simulacrum\n\nA simulation made from a text; not the person's words.\n\nBase: {base.note or base.name}.\n"
    (temporary / "README.md").write_text(card)
    if not failed and not _sharded() and not _finite(trainer.model):
        raise run.RunError("The trained weights are not numbers: lower the learning rate and start again.")
    shutil.rmtree(target, ignore_errors=True)
    os.replace(temporary, target)
    return target


def _finite(model) -> bool:
    """Whether every trained weight is a number."""
    return all(bool(values.isfinite().all()) for values in model.parameters() if values.requires_grad)


def _log(folder: Path, row: dict) -> None:
    if int(os.environ.get("RANK", 0)):
        return  # one process writes
    with (folder / "training.jsonl").open("a") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _peak_memory() -> float:
    """Peak resident memory of this process in GB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6 * (1 if sys.platform != "darwin" else 1e-3)


def _end_with_parent() -> None:
    """Ask Linux to end this process when its parent ends; elsewhere the journal callback notices at the next step."""
    if sys.platform == "linux" and not os.environ.get("CHARLIB_DETACHED"):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
