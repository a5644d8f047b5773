"""Base models and adapters: find, load, conversations as tokens, replies."""

from charlib.models.adapters import check_adapter, decoder
from charlib.models.base import (
    BUNDLED_NAME,
    Base,
    Memory,
    cache,
    count_parameters,
    estimate_memory,
    fast_dtype,
    find_base,
    load_base,
    load_tokenizer,
    matmul_rate,
)
from charlib.models.chat import (
    IGNORE,
    TemplateError,
    Tokens,
    encode,
    fold_system,
    pieces,
    render,
    system_prefix,
    system_prompt,
    visible,
)
from charlib.models.decode import (
    BASE,
    BATCH,
    MERGE_FROM,
    Reply,
    Sampling,
    Simulacrum,
    load_simulacrum,
    pick,
    places,
)
from charlib.models.prefill import ROW, First, alike, common, heaps, tree_batch, trees

__all__ = ["IGNORE", "TemplateError", "Tokens", "encode", "fold_system", "pieces", "render", "system_prefix", "system_prompt", "visible", "BUNDLED_NAME", "Base", "Memory", "cache", "count_parameters", "estimate_memory", "fast_dtype", "find_base", "load_base", "load_tokenizer", "matmul_rate", "check_adapter", "decoder", "BASE", "BATCH", "MERGE_FROM", "Reply", "Sampling", "Simulacrum", "load_simulacrum", "pick", "places", "First", "ROW", "alike", "common", "heaps", "tree_batch", "trees"]
