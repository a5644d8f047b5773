"""Experience upload: the fine-tuning itself. It knows nothing of interviews.

Runs as a child process, `python -m charlib.upload spec.json` or `accelerate launch -m
charlib.upload spec.json`, and writes one row a step to training.jsonl, one folder an epoch to
checkpoints/, and at the end adapter/ in PEFT's layout. `follow` starts it and yields the rows.

The loop, checkpoints, resume and trackers are transformers' Trainer; the fast parts are here and
small: rows packed around one shared system prompt, head and loss on supervised positions only, LoRA
in the compute type with float32 master weights, lower layers computed once when only the top ones
are trained. `tests/bench` measures each of them.
"""

import json
import math
import os
import random
import shutil
import signal
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

from charlib import models, run
from charlib.records import Example
from charlib.upload.fast import (
    collate_tensors,
    hidden,
    loss,
    optimizer,
    remember_lower,
    to_device,
    wrap,
)
from charlib.upload.process import FINISHED, clear_finished, made_of, newest, planned
from charlib.upload.recipes import Recipe
from charlib.upload.rows import Row, Rows, pack

_BEGAN = time.monotonic()  # a time budget counts from the start of the process


MIXED = 300  # conversations among which the wordings of one fact are spread


def main(path: str) -> int:
    """Read spec.json and train. Exit code 0 only when adapter/ (or model/) is there; an error is
    one line.
    """
    _end_with_parent()
    try:
        train(Path(path).resolve())
    except (run.RunError, models.TemplateError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def train(path: Path) -> Path:
    """Fine-tune as spec.json says; resume from the newest complete checkpoint. Returns the folder
    of the product.
    """
    import torch
    import transformers

    spec = json.loads(path.read_text(encoding="utf-8"))
    folder = path.parent
    recipe = Recipe(**spec["recipe"])
    together = _together()
    if not together.is_main_process:
        # the first process prepares; the others find its plan and read it
        together.wait_for_everyone()
    base = models.find_base(spec["base"])
    checkpoints = folder / "checkpoints"
    clear_finished(folder)
    checkpoints.mkdir(exist_ok=True)
    _same_as_before(checkpoints, spec, base, folder)
    transformers.set_seed(spec["seed"])
    dtype = recipe.dtype or models.fast_dtype()
    estimate = models.estimate_memory(base, method=recipe.method, rank=recipe.rank, tokens=recipe.row_length * recipe.rows_per_step, dtype=dtype)
    if not estimate.fits:
        needed, free = estimate.needed / 1e9, estimate.free / 1e9
        raise run.RunError(f"This training needs about {needed:.1f} GB and {free:.1f} GB are free: lower rows_per_step, or use LoRA.")
    model, tokenizer = models.load_base(base, "float32" if recipe.method == "full" else dtype)
    examples = run.read_jsonl(folder / spec["examples"], Example)
    tokens, held_out, coverage = prepare(examples, tokenizer, recipe)
    _log(folder, {"event": "start", "dtype": dtype, "base": base.name, **coverage, "device": str(model.device)})
    plan = planned(checkpoints)
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
        run.write_atomic(checkpoints / FINISHED, made_of(folder))
        _log(folder, {"event": "end", "peak_gb": round(_peak_memory(), 2), "kept": product.name})
        return product
    return folder


def prepare(examples: list[Example], tokenizer, recipe: Recipe):
    """Tokenise. Returns (training conversations, held-out rows, counts). Raises RunError when
    nothing is supervised (fault F23).

    The conversations keep the order of the examples, which is their priority: what a time budget
    cuts is cut from the end.
    """
    parts: dict[str, list[models.Tokens]] = {"train": [], "validation": []}
    prefixes: dict[str, str] = {}
    for example in examples:
        messages = [message.model_dump() for message in example.messages]
        system = messages[0]["content"] if messages[0]["role"] == "system" else ""
        if system not in prefixes:
            prefixes[system] = models.system_prefix(tokenizer, messages)
        tokens = models.encode(tokenizer, messages, speakers=recipe.speakers, prefix=prefixes[system])
        parts["train" if example.split == "train" else "validation"].append(tokens)
    supervised = sum(item.supervised for item in parts["train"])
    if not supervised:
        raise run.RunError("Every token of the training data is masked: no example holds a reply of the protagonist. Check examples.jsonl.")
    rows = pack(parts["train"], recipe.row_length)
    counts = {
        "examples": len(parts["train"]),
        "tokens": int(sum(len(item.ids) for item in parts["train"])),
        "supervised": supervised,
        "rows": len(rows),
        "computed": int(sum(row.real for row in rows)),
    }
    return parts["train"], pack(parts["validation"], recipe.row_length), counts


def _mix(tokens: list[models.Tokens], recipe: Recipe, seed: int) -> list[Row]:
    """All conversations packed, the most needed still first, each moved a little: the wordings of
    one fact, neighbours in the data, part.
    """
    chooser = random.Random(seed)
    return pack(tokens, recipe.row_length, order=sorted(range(len(tokens)), key=lambda index: index + chooser.uniform(0, MIXED)))


def _plan(checkpoints: Path, model, data: Rows, recipe: Recipe) -> dict:
    """How much of it fits the time, written once.

    All rows for as many epochs as fit, the last one in part, up to those asked for; where not even
    the least number fits, fewer rows, the first ones.
    """
    rows, epochs, step = min(recipe.rows or len(data), len(data)), recipe.epochs, 0.0
    if recipe.seconds:
        # the rest: checkpoints, replies to the probes
        end, least = _BEGAN + 0.95 * recipe.seconds, min(recipe.least_epochs, recipe.epochs)
        rows, step = _affordable_rows(model, data, rows, recipe, least, end)
        fitting = math.floor(10 * (end - time.monotonic()) / (rows * step)) / 10
        epochs = max(least, min(recipe.epochs, fitting))
    kept = data.first(rows).conversations
    plan = {"asked_epochs": recipe.epochs, "epochs": epochs, "examples": kept, "rows": rows, "left_out": data.conversations - kept,
            "top_layers": recipe.top_layers, "step_seconds": round(step, 3)}  # fmt: skip
    run.write_atomic(checkpoints / "plan.json", json.dumps(plan))
    return plan


def _affordable_rows(model, data: Rows, most: int, recipe: Recipe, least: float, end: float) -> tuple[int, float]:
    """How many rows, at most `most`, can be trained `least` times before `end`, and the seconds of
    a step.

    Where only top layers train, their input is cached on the way, and a step measured again every
    few rows: half a minute says more about a machine's speed than one moment does.
    """
    work = _idle_step(model, recipe)
    if not recipe.top_layers:
        step = _seconds(work, model, data.rows)
        return max(1, min(most, int((end - time.monotonic()) / (least * step)))), step
    paces: list[float] = []
    for number, count in enumerate(remember_lower(model, data, recipe.top_layers)):
        if number % 4 == 0:
            batch = to_device(collate_tensors([data[count - 1]]), model)
            if not paces:
                work(batch)  # warm-up
            paces.append(_time_of(work, batch))
        if count >= most or time.monotonic() + count * least * statistics.mean(paces) >= end:
            break
    return min(count, most), statistics.mean(paces)


def _affordable_layers(model, tokens: list[models.Tokens], recipe: Recipe) -> int:
    """`top_layers`, or `top_when_slow` where a time budget cannot pay for all epochs on all layers:
    more epochs taught more than more layers.

    A training step costs about three forward passes: one forward, one backward for the activations,
    and the adapters' own.
    """
    layers = model.config.num_hidden_layers
    if recipe.top_layers or not recipe.seconds or recipe.method != "lora" or not 0 < recipe.top_when_slow < layers:
        return recipe.top_layers
    rows = pack(tokens, recipe.row_length)
    once = _seconds(lambda batch: hidden(model, batch), model, rows)
    return recipe.top_when_slow if 3.2 * once * len(rows) * recipe.epochs > recipe.seconds else 0


def _idle_step(model, recipe: Recipe):
    """A training step as a function of a batch, at a learning rate of 0: a step's work, the weights
    stay as they are.
    """
    import torch

    trained = [values for values in model.parameters() if values.requires_grad]
    still = optimizer(model, recipe, 0.0)

    def step(batch):
        loss(model, batch, recipe.top_layers).backward()
        torch.nn.utils.clip_grad_norm_(trained, recipe.clip)
        still.step()
        still.zero_grad()

    return step


def _seconds(work, model, rows: list[Row]) -> float:
    """Seconds of `work` on one row after a warm-up, on rows spread over the data: the lower
    quartile of eight, as a busy moment only ever slows.
    """
    batches = [to_device(collate_tensors([{"row": rows[number * len(rows) // 9], "lower": None}]), model) for number in range(9)]
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
        bf16=recipe.method == "full" and (recipe.dtype or models.fast_dtype()) == "bfloat16",
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
            # through the wrapper of several processes
            value = model(charlib_batch=inputs, top=recipe.top_layers, count=num_items_in_batch)
            if num_items_in_batch is not None:
                # gradients are averaged over processes, and the count is everyone's
                value = value * self.accelerator.num_processes
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
        model=model, args=arguments, train_dataset=data, eval_dataset=evaluation, data_collator=collate_tensors,
        callbacks=[_journal(folder, data, spec, recipe, tokenizer)],
    )  # fmt: skip
    trainer.model_accepts_loss_kwargs = True
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
    return trainer


def _answer_with_loss(model) -> None:
    """Let a call with a packed batch give its loss: what DDP and FSDP wrap is the call, and only
    through it do gradients meet.
    """
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
    """The callback that writes training.jsonl, names checkpoints by epoch, and stops for STOP, NaN,
    time or a gone parent.
    """
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
            # not the state's, which counts a part as an epoch
            steps_an_epoch = state.max_steps / max(1, args.num_train_epochs)
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
            # a step may spoil the weights after a loss that was still a number
            if _any(self.failed or not _finite(model)):
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
        ids = torch.from_numpy(models.encode(tokenizer, messages).ids)[None].to(next(model.parameters()).device)
        with torch.inference_mode():
            out = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, do_sample=False, repetition_penalty=1.1,
                pad_token_id=tokenizer.pad_token_id,
            )  # fmt: skip
        replies.append({"question": probe["question"], "reply": tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True).strip()})
    model.train()
    return replies


def _same_as_before(checkpoints: Path, spec: dict, base: models.Base, folder: Path) -> None:
    """Refuse to resume with other data, base or settings, and say what differs (fault F25)."""
    facts = {
        "base": base.fingerprint,
        "examples": run.sha256(folder / spec["examples"]),
        "seed": spec["seed"],
        **{f"recipe.{name}": value for name, value in spec["recipe"].items()},
    }
    path = checkpoints / "made_of.json"
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        changed = [f"{name}: {before.get(name)} -> {value}" for name, value in facts.items() if before.get(name) != value]
        if changed:
            raise run.RunError(f"checkpoints/ was made of something else ({'; '.join(changed)}): delete checkpoints/ or undo the change.")
    run.write_atomic(path, json.dumps(facts))


def _keep(trainer, folder: Path, recipe: Recipe, base: models.Base, plan: dict) -> Path:
    """Write adapter/ (or model/) whole, without a path of this machine in it. The checkpoint is the
    one the declared rule names.
    """
    chosen = "last"
    scores = [row for row in trainer.state.log_history if "eval_loss" in row]
    if recipe.checkpoint == "best" and scores:
        best = min(scores, key=lambda row: row["eval_loss"])
        chosen = f"epoch-{math.ceil(best['epoch'] - 1e-6)}"
    target = folder / ("adapter" if recipe.method == "lora" else "model")
    temporary = folder / f".{target.name}.part"
    shutil.rmtree(temporary, ignore_errors=True)
    failed = any(getattr(callback, "failed", False) for callback in trainer.callback_handler.callbacks)
    # of sharded weights this process holds a part; the checkpoint holds them all
    kept = failed or (_sharded() and chosen == "last")
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
        config = json.loads((temporary / "adapter_config.json").read_text(encoding="utf-8"))
        config["base_model_name_or_path"] = "HuggingFaceTB/SmolLM2-135M-Instruct" if base.name == "bundled" else Path(base.name).name
        config["target_modules"] = sorted(config["target_modules"])
        (temporary / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True), encoding="utf-8")
    facts = {
        "base": base.name,
        "fingerprint": base.fingerprint,
        "note": base.note,
        "checkpoint": chosen,
        "plan": plan,
        "made_of": made_of(folder),
    }
    (temporary / "base.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    card = f"# Adapter of a character simulacrum\n\nA simulation made from a text; not the person's words.\n\nBase: {base.note or base.name}.\n"
    (temporary / "README.md").write_text(card, encoding="utf-8")
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
    with (folder / "training.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _peak_memory() -> float:
    """Peak resident memory of this process in GB."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 1e9
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)


def _end_with_parent() -> None:
    """Ask Linux to end this process when its parent ends; elsewhere the journal callback notices at
    the next step.
    """
    if sys.platform == "linux" and not os.environ.get("CHARLIB_DETACHED"):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
