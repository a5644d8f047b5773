"""What a training tells while it runs: rows of training.jsonl, checkpoints by epoch, replies to the
probes; and when it stops."""

import json
import math
import os
import shutil
import time
from pathlib import Path

from charlib import models
from charlib.upload.recipes import Recipe
from charlib.upload.rows import Rows


def journal(folder: Path, data: Rows, spec: dict, recipe: Recipe, tokenizer, began: float):
    """The callback that writes training.jsonl, names checkpoints by epoch, and stops for STOP, NaN,
    the time since `began`, or a gone parent."""
    import transformers
    parent = os.getppid()

    class Journal(transformers.TrainerCallback):
        failed = False

        def fail(self, control, row: dict) -> None:
            """Stop, and let nothing that is not a number become a checkpoint (fault F28)."""
            if not self.failed:
                log_row(folder, row | {"event": "nan", "loss": None, "hint":
                                       "the loss is not a number: lower the learning rate"})
            self.failed = control.should_training_stop = True
            control.should_save = control.should_evaluate = False

        def on_train_begin(self, args, state, control, **_):
            self.started, self.first = time.monotonic(), state.global_step
            # not the state's, which counts a part as an epoch
            steps_an_epoch = state.max_steps / max(1, args.num_train_epochs)
            self.useful = sum(row.real for row in data.rows) / max(1, steps_an_epoch)

        def on_log(self, args, state, control, logs=None, **_):
            seconds = time.monotonic() - self.started
            row = {"step": state.global_step, "steps": state.max_steps,
                   "epoch": round(state.epoch or 0, 3), "seconds": round(seconds, 2)}
            if "loss" in logs:
                rate = self.useful * (state.global_step - self.first) / max(seconds, 1e-6)
                row |= {"loss": round(logs["loss"], 4), "learning_rate": logs["learning_rate"],
                        "tokens_per_second": round(rate, 1)}
                if not math.isfinite(logs["loss"]):
                    self.fail(control, row)
                    return
            elif "eval_loss" in logs:
                row |= {"validation_loss": round(logs["eval_loss"], 4)}
            else:
                return
            log_row(folder, row)

        def on_step_end(self, args, state, control, **_):
            gone = _any(os.getppid() != parent)
            late = _any(bool(recipe.seconds and time.monotonic() - began > recipe.seconds))
            if _any((folder / "STOP").exists()) or gone or late:
                reason = "parent ended" if gone else "time budget" if late else "STOP"
                log_row(folder, {"event": "stop", "step": state.global_step, "reason": reason})
                control.should_training_stop, control.should_save = True, not gone

        def on_epoch_end(self, args, state, control, model=None, **_):
            # a step may spoil the weights after a loss that was still a number
            if _any(self.failed or not finite(model)):
                self.fail(control, {"step": state.global_step})
            elif spec["probes"] and state.is_world_process_zero and not sharded():
                replies = _sample(model, tokenizer, spec["probes"], spec["system"])
                epoch = round(state.epoch, 2)  # not whole when the training was stopped
                log_row(folder, {"event": "sample", "step": state.global_step, "replies": replies,
                                 "epoch": int(epoch) if epoch == int(epoch) else epoch})

        def on_save(self, args, state, control, **_):
            together().wait_for_everyone()  # every process has put its part there
            if not state.is_world_process_zero:
                return
            written = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            number = max(1, math.ceil((state.epoch or 0) - 1e-6))
            named = written.with_name(f"epoch-{number}")
            if written.is_dir():
                if named.exists():
                    shutil.rmtree(named)
                os.replace(written, named)  # the name is the mark of a complete checkpoint

    return Journal()


def _sample(model, tokenizer, probes: list[dict], system: str) -> list[dict]:
    """A reply to each probe question as the model stands, greedy, 40 tokens at most."""
    import torch
    model.eval()
    replies, device = [], next(model.parameters()).device
    for probe in probes:
        messages = [{"role": "system", "content": system},
                    {"role": "user", "content": probe["question"]}]
        ids = torch.from_numpy(models.encode(tokenizer, messages).ids)[None].to(device)
        with torch.inference_mode():
            out = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=40,
                do_sample=False, repetition_penalty=1.1, pad_token_id=tokenizer.pad_token_id)
        text = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True).strip()
        replies.append({"question": probe["question"], "reply": text})
    model.train()
    return replies


def log_row(folder: Path, row: dict) -> None:
    """Add a row to training.jsonl; of several processes the first one writes."""
    if not int(os.environ.get("RANK", 0)):
        with (folder / "training.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def finite(model) -> bool:
    """Whether every trained weight is a number."""
    trained = (values for values in model.parameters() if values.requires_grad)
    return all(bool(values.isfinite().all()) for values in trained)


def together():
    """The processes that train together; one alone is a team too."""
    import accelerate
    import torch
    return accelerate.PartialState(cpu=not torch.cuda.is_available())


def sharded() -> bool:
    """Whether the processes hold a part of the weights each (FSDP), as accelerate says it."""
    return os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"


def _any(flag: bool) -> bool:
    """Whether it holds for any of the processes: they must stop at the same step."""
    import accelerate
    import torch
    state = accelerate.PartialState()
    if state.num_processes == 1:
        return flag
    return bool(accelerate.utils.reduce(torch.tensor(float(flag), device=state.device), "sum") > 0)
