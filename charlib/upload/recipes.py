"""Recipes: how to train, and what it needs."""

from dataclasses import dataclass, field, replace

from charlib import models, run


@dataclass(frozen=True)
class Recipe:
    """How to train. `seconds` 0 means no time budget; `top_layers` 0 means adapters on all layers;
    `rows` 0 means all packed rows, else the first.

    With a time budget, at least `least_epochs` are trained, on fewer rows if need be, and at most
    `epochs`, the last in part; and if all layers are too slow for `epochs` on this machine,
    adapters go on the `top_when_slow` top layers, whose input is computed once: a stated trade-off,
    written to training.jsonl. Adapters of the small model learn with Muon (arXiv 2502.16982): at
    equal steps it remembers more of facts met a few times than AdamW.
    """

    method: str = "lora"
    rank: int = 64
    alpha: int = 64
    learning_rate: float = 0.014
    optimizer: str = "muon"
    epochs: float = 5
    seconds: float = 0
    least_epochs: int = 2
    top_layers: int = 0
    top_when_slow: int = 10
    row_length: int = 256
    rows: int = 0
    rows_per_step: int = 1
    accumulate: int = 1
    warmup: float = 0.05
    weight_decay: float = 0.0
    clip: float = 1.0
    speakers: str = "protagonist"
    checkpoint: str = "last"
    dtype: str = ""
    compile: bool = False
    checkpointing: bool = False
    report_to: list[str] = field(default_factory=list)


RECIPES = {
    "tiny": Recipe(rank=8, alpha=8, epochs=1, top_layers=4, rows_per_step=1, warmup=0.0),
    "workshop": Recipe(epochs=4, seconds=228),
    "full": Recipe(epochs=4),
    "paper": Recipe(
        method="full", optimizer="adamw", learning_rate=2e-5, epochs=10, warmup=0.04, weight_decay=0.1, row_length=2048, rows_per_step=8, accumulate=8,
        speakers="all", checkpointing=True,
    ),
    "gpu-lora": Recipe(rank=16, alpha=32, optimizer="adamw", learning_rate=2e-4, epochs=4, row_length=2048, rows_per_step=8),
}  # fmt: skip


def recipe(settings) -> Recipe:
    """The recipe of a stage's settings: the named one, with the epochs, seconds and speakers that
    were given, else its own. Raises RunError naming the recipes there are.
    """
    if settings.recipe not in RECIPES:
        raise run.RunError(f"No recipe '{settings.recipe}': use one of {', '.join(RECIPES)}.")
    given = {"epochs": settings.epochs, "seconds": settings.seconds}
    if settings.train_on is not None:
        given["speakers"] = "all" if settings.train_on == "all" else "protagonist"
    given = {name: value for name, value in given.items() if value is not None}
    return replace(RECIPES[settings.recipe], **given)


def estimate(base: models.Base, recipe: Recipe) -> list[dict]:
    """What a training needs and what there is, as rows of {what, GB}."""
    memory = models.estimate_memory(base, method=recipe.method, rank=recipe.rank, tokens=recipe.row_length * recipe.rows_per_step)
    parts = {"base model": memory.weights, "optimiser and gradients": memory.training, "activations of a step": memory.activations,
             "needed together": memory.needed, "free here": memory.free}  # fmt: skip
    return [{"what": name, "GB": round(size / 1e9, 2)} for name, size in parts.items()]
