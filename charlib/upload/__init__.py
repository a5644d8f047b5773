"""Experience upload: examples, recipes, and the fine-tuning process."""

from charlib.upload.examples import (all_examples, build_examples, others_experience, select,
                                     show_mask, split, to_messages)
from charlib.upload.outside import train_rows
from charlib.upload.process import (ABLATIONS, Interrupted, ablate, follow, newest, planned, probes,
                                    samples, write_spec)
from charlib.upload.recipes import (RECIPES, Recipe, estimate, parse_fields, recipe,
                                    resolve_recipe)
from charlib.upload.rows import Row, Rows, collate, pack
from charlib.upload.trainer import main, prepare, train

__all__ = ["ABLATIONS", "RECIPES", "Interrupted", "Recipe", "Row", "Rows", "ablate", "all_examples",
           "build_examples", "collate", "estimate", "follow", "main", "newest",
           "others_experience", "pack", "parse_fields", "planned", "prepare", "probes", "recipe",
           "resolve_recipe", "samples", "select", "show_mask", "split", "to_messages", "train",
           "train_rows", "write_spec"]
