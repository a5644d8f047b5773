"""Adapters on disk and the layers they stand on."""

import json
from pathlib import Path

from charlib import run
from charlib.models.base import Base


def decoder(model):
    """The stack of layers below the head: has embed_tokens, layers, norm, rotary_emb."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return inner.model


def check_adapter(folder: Path, base: Base | None) -> dict:
    """What an adapter folder says of itself. Raises RunError when it is missing, pickled, or made
    on another base.
    """
    folder = Path(folder)
    if not (folder / "adapter_config.json").is_file():
        raise run.RunError(f"{folder.name}/ holds no adapter: run notebook 04 first.")
    pickled = [path for ending in ("bin", "pt", "pth") for path in folder.glob(f"*.{ending}")]
    # a checkpoint of our own keeps its optimiser beside the weights
    if pickled and not (folder / "trainer_state.json").is_file():
        raise run.RunError(f"{folder.name}/ holds a pickled file (.bin, .pt, .pth): only safetensors are loaded.")
    if not (folder / "adapter_model.safetensors").is_file():
        raise run.RunError(f"{folder.name}/ holds no adapter_model.safetensors: run notebook 04 again.")
    facts = json.loads((folder / "base.json").read_text(encoding="utf-8")) if (folder / "base.json").is_file() else {}
    if base and facts and facts["fingerprint"] != base.fingerprint:
        raise run.RunError(
            f"This adapter was trained on {facts['base']} ({facts['fingerprint']}), not on {base.name} ({base.fingerprint})."
        )
    return facts
