"""The fast parts, each alone: head and loss on supervised positions, LoRA in the compute type,
cached lower layers, Muon."""

import functools
import math
from collections.abc import Iterator

from charlib import models
from charlib.upload.recipes import Recipe
from charlib.upload.rows import Rows, collate

# positions a product of the head: enough to be fast, few enough that their logits stay small
HEAD_ROWS = 256


def wrap(model, recipe: Recipe):
    """The model ready to train: frozen base with adapters, or all of it. LoRA weights are float32
    masters used in the compute type."""
    import peft
    import torch
    if recipe.method == "full":
        return model.train()
    dtype, layers = model.dtype, model.config.num_hidden_layers
    top = min(recipe.top_layers, layers)
    linear = {name.rsplit(".", 1)[-1] for name, part in model.named_modules()
              if isinstance(part, torch.nn.Linear) and ".layers." in name}
    config = peft.LoraConfig(
        r=recipe.rank, lora_alpha=recipe.alpha, target_modules=sorted(linear),
        task_type="CAUSAL_LM", layers_pattern="layers" if top else None,
        layers_to_transform=list(range(layers - top, layers)) if top else None)
    model = peft.get_peft_model(model, config, autocast_adapter_dtype=True)
    for part in models.lora_layers(model):
        models.fuse(part, ["default"])
    if dtype != torch.float32:
        _widen(model, dtype)
    return model.train()


def _widen(model, dtype) -> None:
    """Keep the stream that the layers add to in float32, and only the products in `dtype`.

    It costs no time that could be measured, and takes two thirds of the error off the gradient of a
    few conversations."""
    model.get_input_embeddings().register_forward_hook(lambda part, given, states: states.float())
    for name, part in model.named_modules():
        if "Norm" in type(part).__name__:
            part.register_forward_hook(lambda part, given, states: states.to(dtype))
        elif name.endswith("rotary_emb"):
            part.register_forward_hook(
                lambda part, given, waves: tuple(wave.to(dtype) for wave in waves))


def lower(model, batch: dict, top: int):
    """Hidden states after the frozen lower layers, shape (rows, length, hidden), for training the
    top `top` layers only."""
    import torch
    stack = models.decoder(model)
    with torch.no_grad():
        states = stack.embed_tokens(batch["input_ids"])
        return _layers(stack, states, batch, slice(len(stack.layers) - top))


def hidden(model, batch: dict, top: int = 0):
    """Last hidden states before the head, (rows, length, hidden). With `top`, starts from the
    cached `batch["lower"]`."""
    stack = models.decoder(model)
    if top:
        return stack.norm(_layers(stack, batch["lower"], batch, slice(-top, None)))
    mask = models.visible(batch["groups"], batch["segments"])
    return stack(input_ids=batch["input_ids"], attention_mask=mask,
                 position_ids=batch["positions"], use_cache=False).last_hidden_state


def _layers(stack, states, batch: dict, part: slice):
    mask = models.visible(batch["groups"], batch["segments"])
    rotary = stack.rotary_emb(states, position_ids=batch["positions"])
    for layer in stack.layers[part]:
        states = layer(states, attention_mask=mask, position_ids=batch["positions"],
                       position_embeddings=rotary)
    return states


def loss(model, batch: dict, top: int = 0, count=None):
    """Cross-entropy of the supervised positions: the head sees only those rows. Sum over `count`
    tokens, by default their own number."""
    import torch
    keep = batch["labels"] != models.IGNORE
    states, labels = hidden(model, batch, top)[keep], batch["labels"][keep]
    head = models.head(model)
    if head.weight.requires_grad or head.bias is not None:
        logits = head(states).float()
        total = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    else:
        total = head_loss().apply(states, head.weight, labels)
    return total / (count if count is not None else keep.sum().clamp(min=1))


@functools.cache
def head_loss():
    """Cross-entropy through a frozen head, its gradient made on the way: the logits, wide as the
    vocabulary, are written once and not kept.

    Exact; the idea is Liger's fused linear cross-entropy (arXiv 2410.10989), where a frozen head
    needs no gradient of its own."""
    import torch
    class HeadLoss(torch.autograd.Function):
        @staticmethod
        def forward(ctx, states, weight, labels):
            total = states.new_zeros((), dtype=torch.float32)
            gradient = torch.empty_like(states) if ctx.needs_input_grad[0] else None
            for first in range(0, len(states), HEAD_ROWS):
                part = slice(first, first + HEAD_ROWS)
                logits = torch.nn.functional.linear(states[part], weight).float()
                most = logits.max(-1, keepdim=True).values
                said = logits.gather(-1, labels[part, None]) - most
                # in place: new memory of this size costs more than the work
                shares = logits.sub_(most).exp_()
                sums = shares.sum(-1, keepdim=True)
                total += (sums.log() - said).sum()
                if gradient is not None:
                    mean = (shares.to(weight.dtype) @ weight) / sums.to(weight.dtype)
                    gradient[part] = mean - weight[labels[part]]
            ctx.save_for_backward(gradient)
            return total

        @staticmethod
        def backward(ctx, above):
            return ctx.saved_tensors[0] * above, None, None

    return HeadLoss


def collate_tensors(items: list[dict]) -> dict:
    """A batch for `loss`: input_ids, labels, positions, groups, segments, and `lower` where cached.
    """
    batch = collate([item["row"] for item in items])
    batch["input_ids"] = batch.pop("ids")
    if items[0]["lower"] is not None:
        wide = items[0]["lower"].shape[-1]
        batch["lower"] = items[0]["lower"].new_zeros(*batch["input_ids"].shape, wide)
        for states, item in zip(batch["lower"], items, strict=True):
            states[: len(item["lower"])] = item["lower"]
    return batch


def remember_lower(model, data: Rows, top: int, rows_at_once: int = 4) -> Iterator[int]:
    """Compute the frozen lower layers once for every row that lacks them, a few at a time, and
    yield how many rows have them.

    Exact: those layers have no dropout and never change."""
    for start in range(0, len(data), rows_at_once):
        end = min(start + rows_at_once, len(data))
        chosen = [index for index in range(start, end) if data.lower[index] is None]
        if chosen:
            batch = to_device(collate_tensors([data[index] for index in chosen]), model)
            for index, states in zip(chosen, lower(model, batch, top), strict=True):
                data.lower[index] = states[: len(data.rows[index].ids)].clone()
        yield end


def to_device(batch: dict, model) -> dict:
    device = next(model.parameters()).device
    return {name: value.to(device) for name, value in batch.items()}


def optimizer(model, recipe: Recipe, rate: float):
    """Muon over adapters, which are matrices: its updates are of equal size in every direction, so
    rare facts count too. Else AdamW."""
    import torch
    trained = [values for values in model.parameters() if values.requires_grad]
    if recipe.optimizer == "adamw" or recipe.method == "full":
        return torch.optim.AdamW(trained, lr=rate, weight_decay=recipe.weight_decay, fused=True)

    class Muon(torch.optim.Optimizer):
        """torch.optim.Muon for many small matrices: those of one shape are orthogonalised together,
        in float32 (tested to agree with it)."""
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
            gradients = [values.grad for values in members]
            before = [self.state[values]["momentum_buffer"] for values in members]
            torch._foreach_lerp_(before, gradients, 1 - group["momentum"])
            # Nesterov's look ahead
            ahead = torch._foreach_lerp(gradients, before, group["momentum"])
            ahead = torch.stack([update.T if _tall(update) else update for update in ahead])
            if group["weight_decay"]:
                torch._foreach_mul_(members, 1 - group["lr"] * group["weight_decay"])
            for values, update in zip(members, orthogonal(ahead.float()), strict=True):
                size = group["lr"] * math.sqrt(max(1.0, values.shape[0] / values.shape[1]))
                update = update.T if _tall(values) else update
                values.add_(update.to(values.dtype), alpha=-size)

    return Muon(trained, {"lr": rate, "momentum": 0.9, "weight_decay": recipe.weight_decay})


def _tall(matrix) -> bool:
    return matrix.shape[0] > matrix.shape[1]


def orthogonal(matrices, steps: int = 3):
    """The nearest orthogonal matrices, roughly: (n, rows, columns) with rows <= columns, by
    Newton-Schulz (Jordan 2024, Muon).

    A step is a polynomial of x x' before x, so the steps are taken on that small square, and x is
    multiplied once, at the end."""
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
