"""Experience upload: examples, recipes, and the fine-tuning process."""

from charlib.upload.examples import (
    DRILL,
    PLAIN,
    all_examples,
    build_examples,
    others_experience,
    select,
    show_mask,
    split,
    to_messages,
)
from charlib.upload.fast import (
    HEAD_ROWS,
    collate_tensors,
    hidden,
    lora_forward,
    loss,
    lower,
    optimizer,
    orthogonal,
    remember_lower,
    to_device,
    wrap,
)
from charlib.upload.process import (
    ABLATIONS,
    FINISHED,
    Interrupted,
    ablate,
    clear_finished,
    follow,
    made_of,
    newest,
    planned,
    probes,
    samples,
    write_spec,
)
from charlib.upload.recipes import RECIPES, Recipe, estimate, recipe
from charlib.upload.rows import Row, Rows, collate, pack
from charlib.upload.trainer import MIXED, main, prepare, train

__all__ = ["DRILL", "PLAIN", "all_examples", "build_examples", "others_experience", "select", "show_mask", "split", "to_messages", "Row", "Rows", "collate", "pack", "RECIPES", "Recipe", "estimate", "recipe", "MIXED", "main", "prepare", "train", "ABLATIONS", "FINISHED", "Interrupted", "ablate", "clear_finished", "follow", "made_of", "newest", "planned", "probes", "samples", "write_spec", "HEAD_ROWS", "collate_tensors", "hidden", "lora_forward", "loss", "lower", "optimizer", "orthogonal", "remember_lower", "to_device", "wrap"]
