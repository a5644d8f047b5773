"""How much of the data a time budget pays for on this machine, measured before the first step."""

import json
import math
import random
import statistics
import time
from pathlib import Path

from charlib import models, run
from charlib.upload.fast import (collate_tensors, hidden, loss, optimizer, remember_lower,
                                 to_device)
from charlib.upload.recipes import Recipe
from charlib.upload.rows import Row, Rows, pack

MIXED = 300  # conversations among which the wordings of one fact are spread


def mix(tokens: list[models.Tokens], recipe: Recipe, seed: int) -> list[Row]:
    """All conversations packed, the most needed still first, each moved a little: the wordings of
    one fact, neighbours in the data, part."""
    chooser = random.Random(seed)
    order = sorted(range(len(tokens)), key=lambda index: index + chooser.uniform(0, MIXED))
    return pack(tokens, recipe.row_length, order=order)


def make_plan(checkpoints: Path, model, data: Rows, recipe: Recipe, began: float) -> dict:
    """How much of it fits the time since `began` (time.monotonic), written once.

    All rows for as many epochs as fit, the last one in part, up to those asked for; where not even
    the least number fits, fewer rows, the first ones."""
    rows, epochs, step = min(recipe.rows or len(data), len(data)), recipe.epochs, 0.0
    if recipe.seconds:
        # the rest: checkpoints, replies to the probes
        end, least = began + 0.95 * recipe.seconds, min(recipe.least_epochs, recipe.epochs)
        rows, step = affordable_rows(model, data, rows, recipe, least, end)
        fitting = math.floor(10 * (end - time.monotonic()) / (rows * step)) / 10
        epochs = max(least, min(recipe.epochs, fitting))
    kept = data.first(rows).conversations
    plan = {"asked_epochs": recipe.epochs, "epochs": epochs, "examples": kept, "rows": rows,
            "left_out": data.conversations - kept, "top_layers": recipe.top_layers,
            "step_seconds": round(step, 3)}
    run.write_atomic(checkpoints / "plan.json", json.dumps(plan))
    return plan


def affordable_rows(model, data: Rows, most: int, recipe: Recipe, least: float, end: float
                    ) -> tuple[int, float]:
    """How many rows, at most `most`, can be trained `least` times before `end`, and the seconds of
    a step.

    Where only top layers train, their input is cached on the way, and a step measured again every
    few rows: half a minute says more about a machine's speed than one moment does."""
    work = _idle_step(model, recipe)
    if not recipe.top_layers:
        step = seconds(work, model, data.rows)
        return max(1, min(most, int((end - time.monotonic()) / (least * step)))), step
    paces: list[float] = []
    for number, count in enumerate(remember_lower(model, data, recipe.top_layers)):
        if number % 4 == 0:
            batch = to_device(collate_tensors([data[count - 1]]), model)
            if not paces:
                work(batch)  # warm-up
            paces.append(time_of(work, batch))
        pace = statistics.mean(paces)
        if count >= most or time.monotonic() + count * least * pace >= end:
            break
    return min(count, most), pace


def affordable_layers(model, tokens: list[models.Tokens], recipe: Recipe) -> int:
    """`top_layers`, or `top_when_slow` where a time budget cannot pay for all epochs on all layers:
    more epochs taught more than more layers.

    A training step costs about three forward passes: one forward, one backward for the activations,
    and the adapters' own."""
    less = 0 < recipe.top_when_slow < model.config.num_hidden_layers
    if recipe.top_layers or not recipe.seconds or recipe.method != "lora" or not less:
        return recipe.top_layers
    rows = pack(tokens, recipe.row_length)
    once = seconds(lambda batch: hidden(model, batch), model, rows)
    late = 3.2 * once * len(rows) * recipe.epochs > recipe.seconds
    return recipe.top_when_slow if late else 0


def _idle_step(model, recipe: Recipe):
    """A training step as a function of a batch, at a learning rate of 0: a step's work, the weights
    stay as they are."""
    import torch
    trained = [values for values in model.parameters() if values.requires_grad]
    still = optimizer(model, recipe, 0.0)

    def step(batch):
        loss(model, batch, recipe.top_layers).backward()
        torch.nn.utils.clip_grad_norm_(trained, recipe.clip)
        still.step()
        still.zero_grad()

    return step


def seconds(work, model, rows: list[Row]) -> float:
    """Seconds of `work` on one row after a warm-up, on rows spread over the data: the lower
    quartile of eight, as a busy moment only ever slows."""
    chosen = [{"row": rows[number * len(rows) // 9], "lower": None} for number in range(9)]
    times = [time_of(work, to_device(collate_tensors([item]), model)) for item in chosen]
    return statistics.quantiles(times[1:], n=4)[0]


def time_of(work, batch: dict) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    work(batch)
    return time.perf_counter() - began
