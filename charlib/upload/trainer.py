"""Experience upload: the fine-tuning itself. It knows nothing of interviews.

Runs as a child process, `python -m charlib.upload spec.json` or `accelerate launch -m
charlib.upload spec.json`, and writes one row per step to training.jsonl, one folder per epoch to
checkpoints/, and at the end adapter/ in PEFT's layout. `follow` starts it and yields the rows.

The loop, checkpoints, resume and trackers are transformers' Trainer; the fast parts are here and
small: rows packed around one shared system prompt, head and loss on supervised positions only, LoRA
in the compute type with float32 master weights, lower layers computed once when only the top ones
are trained. `tests/bench` measures each of them."""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from charlib import models, run
from charlib.records import Example
from charlib.upload import fast, journal
from charlib.upload import plan as plans
from charlib.upload.process import FINISHED, clear_finished, made_of, newest, planned
from charlib.upload.recipes import Recipe
from charlib.upload.rows import Rows, pack

_BEGAN = time.monotonic()  # a time budget counts from the start of the process


def main(path: str) -> int:
    """Read spec.json and train. Exit code 0 only when adapter/ (or model/) is there; an error is
    one line."""
    _end_with_parent()
    try:
        train(Path(path).resolve())
    except (run.RunError, models.TemplateError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def train(path: Path) -> Path:
    """Fine-tune as spec.json says; resume from the newest complete checkpoint. Returns the folder
    of the product."""
    import torch
    import transformers
    spec, folder = json.loads(path.read_text(encoding="utf-8")), path.parent
    recipe, checkpoints = Recipe(**spec["recipe"]), folder / "checkpoints"
    team = journal.together()
    if not team.is_main_process:
        # the first process prepares; the others find its plan and read it
        team.wait_for_everyone()
    base = models.find_base(spec["base"])
    clear_finished(folder)
    checkpoints.mkdir(exist_ok=True)
    _same_as_before(checkpoints, spec, base, folder)
    transformers.set_seed(spec["seed"])
    dtype = recipe.dtype or models.fast_dtype()
    _refuse_too_large(base, recipe, dtype)
    model, tokenizer = models.load_base(base, "float32" if recipe.method == "full" else dtype)
    examples = run.read_jsonl(folder / spec["examples"], Example)
    tokens, held_out, coverage = prepare(examples, tokenizer, recipe)
    journal.log_row(folder, {"event": "start", "dtype": dtype, "base": base.name, **coverage,
                             "device": str(model.device)})
    plan = planned(checkpoints)
    top = plan["top_layers"] if plan else plans.affordable_layers(model, tokens, recipe)
    recipe = recipe.model_copy(update={"top_layers": top})
    model = fast.wrap(model, recipe)
    data = Rows(plans.mix(tokens, recipe, spec["seed"]))
    plan = plan or plans.make_plan(checkpoints, model, data, recipe, _BEGAN)
    journal.log_row(folder, {"event": "plan", **plan})
    data = data.first(plan["rows"])
    resume = newest(checkpoints)
    if team.is_main_process:
        team.wait_for_everyone()
    trainer = _trainer(model, tokenizer, data, Rows(held_out), recipe, plan, spec, folder)
    torch.set_flush_denormal(True)
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    if not trainer.is_world_process_zero():
        return folder
    product = _keep(trainer, tokenizer, folder, recipe, base, plan)
    run.write_atomic(checkpoints / FINISHED, made_of(folder))
    peak = round(_peak_memory(), 2)
    journal.log_row(folder, {"event": "end", "peak_gb": peak, "kept": product.name})
    return product


def _refuse_too_large(base: models.Base, recipe: Recipe, dtype: str) -> None:
    estimate = models.estimate_memory(base, method=recipe.method, rank=recipe.rank, dtype=dtype,
                                      tokens=recipe.row_length * recipe.rows_per_step)
    if estimate.needed >= estimate.free:
        raise run.RunError(f"This training needs about {estimate.needed / 1e9:.1f} GB and "
                           f"{estimate.free / 1e9:.1f} GB are free: lower rows_per_step, "
                           "or use LoRA.")


def prepare(examples: list[Example], tokenizer, recipe: Recipe):
    """Tokenise. Returns (training conversations, held-out rows, counts). Raises RunError when
    nothing is supervised (fault F23).

    The conversations keep the order of the examples, which is their priority: what a time budget
    cuts is cut from the end."""
    train, held_out, prefixes = [], [], {}
    for example in examples:
        messages = [message.model_dump() for message in example.messages]
        system = messages[0]["content"] if messages[0]["role"] == "system" else ""
        if system not in prefixes:
            prefixes[system] = models.system_prefix(tokenizer, messages)
        tokens = models.encode(tokenizer, messages, speakers=recipe.speakers,
                               prefix=prefixes[system])
        (train if example.split == "train" else held_out).append(tokens)
    supervised = sum(item.supervised for item in train)
    if not supervised:
        raise run.RunError("Every token of the training data is masked: no example holds a reply "
                           "of the protagonist. Check examples.jsonl.")
    rows = pack(train, recipe.row_length)
    counts = {"examples": len(train), "tokens": sum(len(item.ids) for item in train),
              "supervised": supervised, "rows": len(rows),
              "computed": sum(row.real for row in rows)}
    return train, pack(held_out, recipe.row_length), counts


def _trainer(model, tokenizer, data: Rows, evaluation: Rows, recipe: Recipe, plan: dict,
             spec: dict, folder: Path):
    import torch
    import transformers
    team, top = journal.together(), recipe.top_layers
    several = team.num_processes > 1
    for part in (data, evaluation) if top else ():
        list(fast.remember_lower(model, part, top))
    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "checkpoints"), num_train_epochs=plan["epochs"],
        per_device_train_batch_size=recipe.rows_per_step,
        per_device_eval_batch_size=recipe.rows_per_step,
        gradient_accumulation_steps=recipe.accumulate, learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine", warmup_steps=recipe.warmup, max_grad_norm=recipe.clip,
        bf16=recipe.method == "full" and (recipe.dtype or models.fast_dtype()) == "bfloat16",
        gradient_checkpointing=recipe.checkpointing, save_strategy="epoch",
        eval_strategy="epoch" if len(evaluation) else "no", prediction_loss_only=True,
        logging_steps=1, logging_nan_inf_filter=False, report_to=list(recipe.report_to) or "none",
        seed=spec["seed"], data_seed=spec["seed"], remove_unused_columns=False,
        dataloader_num_workers=0, disable_tqdm=True,
        use_cpu=several and team.device.type == "cpu",
        ddp_find_unused_parameters=False if several else None)

    class Uploader(transformers.Trainer):
        """The library's loop with our loss."""
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            # through the wrapper of several processes
            value = model(charlib_batch=inputs, top=top, count=num_items_in_batch)
            if num_items_in_batch is not None:
                # gradients are averaged over processes, and the count is everyone's
                value = value * self.accelerator.num_processes
            return (value, {}) if return_outputs else value

        def prediction_step(self, model, inputs, prediction_loss_only, ignore_keys=None):
            with torch.no_grad():
                return model(charlib_batch=self._prepare_inputs(inputs), top=top), None, None

        def create_optimizer(self, *args, **kwargs):
            if self.optimizer is None:
                self.optimizer = fast.optimizer(self.model, recipe, recipe.learning_rate)
            return self.optimizer

    _answer_with_loss(model)
    tell = journal.journal(folder, data, spec, recipe, tokenizer, _BEGAN)
    trainer = Uploader(
        model=model, args=arguments, train_dataset=data, data_collator=fast.collate_tensors,
        eval_dataset=evaluation if len(evaluation) else None, callbacks=[tell])
    trainer.model_accepts_loss_kwargs = True
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
    return trainer


def _answer_with_loss(model) -> None:
    """Let a call with a packed batch give its loss: what DDP and FSDP wrap is the call, and only
    through it do gradients meet."""
    plain = model.forward

    def forward(*args, charlib_batch=None, top=0, count=None, **given):
        if charlib_batch is None:
            return plain(*args, **given)
        return fast.loss(model, charlib_batch, top, count)

    model.forward = forward


def _same_as_before(checkpoints: Path, spec: dict, base: models.Base, folder: Path) -> None:
    """Refuse to resume with other data, base or settings, and say what differs (fault F25)."""
    facts = {"base": base.fingerprint, "examples": run.sha256(folder / spec["examples"]),
             "seed": spec["seed"],
             **{f"recipe.{name}": value for name, value in spec["recipe"].items()}}
    path = checkpoints / "made_of.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else facts
    changed = [f"{name}: {before.get(name)} -> {value}" for name, value in facts.items()
               if before.get(name) != value]
    if changed:
        raise run.RunError(f"checkpoints/ was made of something else ({'; '.join(changed)}): "
                           "delete checkpoints/ or undo the change.")
    run.write_atomic(path, json.dumps(facts))


def _keep(trainer, tokenizer, folder: Path, recipe: Recipe, base: models.Base, plan: dict) -> Path:
    """Write adapter/ (or model/) whole, without a path of this machine in it: the weights as they
    are at the end, or, when they are no numbers, the last good checkpoint's."""
    names = ("adapter", "model") if recipe.method == "lora" else ("model", "adapter")
    target, other = (folder / name for name in names)
    part = folder / f".{target.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    failed = any(getattr(told, "failed", False) for told in trainer.callback_handler.callbacks)
    # of sharded weights this process holds a part; the checkpoint holds them all
    source = newest(folder / "checkpoints") if failed or journal.sharded() else None
    if failed and source is None:
        raise run.RunError("The loss became not-a-number before any checkpoint: "
                           "lower the learning rate and start again.")
    if source:
        part.mkdir()
        for name in ("adapter_config.json", "adapter_model.safetensors", "model.safetensors",
                     "config.json", "generation_config.json"):
            if (source / name).is_file():
                shutil.copy2(source / name, part / name)
    elif not journal.finite(trainer.model):
        raise run.RunError("The trained weights are not numbers: "
                           "lower the learning rate and start again.")
    else:
        trainer.model.save_pretrained(part, safe_serialization=True)
    if recipe.method == "full":
        tokenizer.save_pretrained(part)
    else:
        config = json.loads((part / "adapter_config.json").read_text(encoding="utf-8"))
        published = "HuggingFaceTB/SmolLM2-135M-Instruct"
        config["base_model_name_or_path"] = published if base.name == "bundled" else base.name
        config["target_modules"] = sorted(config["target_modules"])
        text = json.dumps(config, indent=1, sort_keys=True)
        (part / "adapter_config.json").write_text(text, encoding="utf-8")
    facts = {"base": base.name, "fingerprint": base.fingerprint, "note": base.note, "plan": plan,
             "made_of": made_of(folder)}
    (part / "base.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    card = ("# Adapter of a character simulacrum\n\nA simulation made from a text; not the "
            f"person's words.\n\nBase: {base.note or base.name}.\n")
    (part / "README.md").write_text(card, encoding="utf-8")
    for before in (target, other):  # a run answers as what was trained last
        shutil.rmtree(before, ignore_errors=True)
    os.replace(part, target)
    return target


def _peak_memory() -> float:
    """Peak resident memory of this process in GB."""
    if sys.platform == "win32":
        import psutil
        return psutil.Process().memory_info().peak_wset / 1e9
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)


def _end_with_parent() -> None:
    """Ask Linux to end this process when its parent ends; elsewhere the journal notices at the next
    step."""
    if sys.platform == "linux":
        import ctypes
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
