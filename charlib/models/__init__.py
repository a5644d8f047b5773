"""Base models and adapters: find, load, conversations as tokens, replies."""

from charlib.models.adapters import bare, check_adapter, decoder, fuse, head, lora_layers
from charlib.models.base import (BUNDLED_NAME, Base, count_parameters, estimate_memory,
                                 fast_dtype, find_base, load_base, load_tokenizer,
                                 matmul_rate)
from charlib.models.batch import Batch, Sampling, pick
from charlib.models.chat import (IGNORE, TemplateError, Tokens, encode, fold_system, render,
                                 system_prefix, system_prompt, visible)
from charlib.models.decode import BASE, Reply, Simulacrum, load_simulacrum

__all__ = ["BASE", "BUNDLED_NAME", "IGNORE", "Base", "Batch", "Reply", "Sampling", "Simulacrum",
           "TemplateError", "Tokens", "bare", "check_adapter", "count_parameters",
           "decoder", "encode", "estimate_memory", "fast_dtype", "find_base", "fold_system",
           "fuse", "head", "load_base", "load_simulacrum", "load_tokenizer",
           "lora_layers", "matmul_rate", "pick", "render", "system_prefix", "system_prompt",
           "visible"]
