"""Adapters on disk, and the layers they stand on."""

import json
from pathlib import Path

from charlib import run
from charlib.models.base import Base


def bare(model):
    """The transformers model itself, without PEFT's wrapper."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def decoder(model):
    """The stack of layers below the head: has embed_tokens, layers, norm, rotary_emb."""
    return bare(model).model


def head(model):
    """The layer that makes logits of the last hidden states."""
    return bare(model).get_output_embeddings()


def lora_layers(model) -> list:
    """Every layer that carries adapters."""
    import peft
    return [part for part in model.modules() if isinstance(part, peft.tuners.lora.Linear)]


def fuse(part, speaking: list[str]) -> None:
    """Make a LoRA layer add the adapters that `speaking` names (read at every call) within its last
    product, cast to the type of its input instead of the input to theirs.

    Exact up to rounding; PEFT's own path would compute the adapter in float32 and cast each layer's
    output up and down."""
    import torch
    def forward(x, *args, **kwargs):
        result = part.base_layer(x)
        for name in speaking:
            if name in part.lora_A:
                down, up = (side[name].weight.to(x.dtype) for side in (part.lora_A, part.lora_B))
                inner = torch.nn.functional.linear(x, down).reshape(-1, down.shape[0])
                rows = result.reshape(-1, up.shape[0])
                summed = torch.addmm(rows, inner, up.t(), alpha=part.scaling[name])
                result = summed.view(result.shape)
        return result

    part.forward = forward


def check_adapter(folder: Path, base: Base | None) -> dict:
    """What an adapter folder says of itself (its base.json). Raises RunError when it is missing,
    pickled, or made on another base."""
    folder = Path(folder)
    if not (folder / "adapter_config.json").is_file():
        raise run.RunError(f"{folder.name}/ holds no adapter: run notebook 04 first.")
    pickled = [path for ending in ("bin", "pt", "pth") for path in folder.glob(f"*.{ending}")]
    # a checkpoint of our own keeps its optimiser beside the weights
    if pickled and not (folder / "trainer_state.json").is_file():
        raise run.RunError(f"{folder.name}/ holds a pickled file (.bin, .pt, .pth): "
                           "only safetensors are loaded.")
    if not (folder / "adapter_model.safetensors").is_file():
        raise run.RunError(f"{folder.name}/ holds no adapter_model.safetensors: "
                           "run notebook 04 again.")
    told = folder / "base.json"
    facts = json.loads(told.read_text(encoding="utf-8")) if told.is_file() else {}
    if base and facts and facts["fingerprint"] != base.fingerprint:
        raise run.RunError(f"This adapter was trained on {facts['base']} ({facts['fingerprint']}), "
                           f"not on {base.name} ({base.fingerprint}).")
    return facts
