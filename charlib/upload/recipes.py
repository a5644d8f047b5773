"""Recipes: how to train, and what it needs."""

from typing import Annotated, Literal

from pydantic import (BaseModel, BeforeValidator, ConfigDict, NonNegativeFloat, NonNegativeInt,
                      PositiveFloat, PositiveInt, ValidationError)

from charlib import models, run


def _words(value):
    return tuple(value.split()) if isinstance(value, str) else value


class Recipe(BaseModel):
    """How to train. `seconds` 0 means no time budget; `top_layers` 0 means adapters on all layers;
    `rows` 0 means all packed rows, else the first; `dtype` "" the type that is fast here;
    `report_to` names transformers' trackers.

    With a time budget, at least `least_epochs` are trained, on fewer rows if need be, and at most
    `epochs`, the last in part; and if all layers are too slow for `epochs` on this machine,
    adapters go on the `top_when_slow` top layers, whose input is computed once: a stated trade-off,
    written to training.jsonl. Adapters of the small model learn with Muon (arXiv 2502.16982): at
    equal steps it remembers more of facts met a few times than AdamW, which wants about a thirtieth
    of its learning rate."""
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    method: Literal["lora", "full"] = "lora"
    rank: PositiveInt = 64
    alpha: PositiveInt = 64
    learning_rate: PositiveFloat = 0.014
    optimizer: Literal["muon", "adamw"] = "muon"
    epochs: PositiveFloat = 5
    seconds: NonNegativeFloat = 0
    least_epochs: PositiveInt = 2
    top_layers: NonNegativeInt = 0
    top_when_slow: NonNegativeInt = 10
    row_length: PositiveInt = 256
    rows: NonNegativeInt = 0
    rows_per_step: PositiveInt = 1
    accumulate: PositiveInt = 1
    warmup: NonNegativeFloat = 0.05
    weight_decay: NonNegativeFloat = 0.0
    clip: NonNegativeFloat = 1.0
    speakers: Literal["protagonist", "all"] = "protagonist"
    dtype: Literal["", "float32", "bfloat16"] = ""
    checkpointing: bool = False
    report_to: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()


RECIPES = {
    "tiny": Recipe(rank=8, alpha=8, epochs=1, top_layers=4, warmup=0.0),
    "workshop": Recipe(epochs=4, seconds=228),
    "full": Recipe(epochs=4),
    # Shao et al. 2023, section 4.2: batches of 64 sequences of 2048 tokens
    "paper": Recipe(method="full", optimizer="adamw", learning_rate=2e-5, epochs=10, warmup=0.04,
                    weight_decay=0.1, row_length=2048, rows_per_step=8, accumulate=8,
                    speakers="all", checkpointing=True),
    "gpu-lora": Recipe(rank=16, alpha=32, optimizer="adamw", learning_rate=2e-4, epochs=4,
                       row_length=2048, rows_per_step=8),
}


def resolve_recipe(name: str, **fields) -> Recipe:
    """A named recipe with some of its fields changed, values as numbers or text. A new `rank`
    brings an `alpha` in the recipe's own ratio, unless that is given too. Raises RunError naming
    what there is."""
    if name not in RECIPES:
        raise run.RunError(f"No recipe '{name}': use one of {', '.join(RECIPES)}.")
    before = RECIPES[name]
    try:
        made = Recipe.model_validate(before.model_dump() | fields)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            known = ", ".join(Recipe.model_fields)
            raise run.RunError(f"A recipe has no field '{field}': it has {known}.") from None
        raise run.RunError(f"Recipe field {field}={first['input']}: {first['msg']}.") from None
    if made.method == "full" and made.optimizer == "muon":
        raise run.RunError("Muon trains adapters only: with method=full give optimizer=adamw and a "
                           "learning_rate for it, as 2e-5, or take the recipe 'paper'.")
    if "rank" in fields and "alpha" not in fields:
        ratio = before.alpha / before.rank
        made = made.model_copy(update={"alpha": max(1, round(ratio * made.rank))})
    return made


def parse_fields(text: str) -> dict[str, str]:
    """Recipe fields as people write them, `rank=16, learning_rate=2e-4`, as a mapping. Raises
    RunError for a part without a value."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    wrong = [name.strip() for name, _, value in pairs if not value.strip()]
    if wrong:
        raise run.RunError(f"Recipe field '{wrong[0]}' has no value: "
                           "write name=value, name=value, as in rank=16, epochs=2.")
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def recipe(settings) -> Recipe:
    """The recipe of a stage's settings: the named one, and of its fields those that were given, as
    `epochs`, `seconds`, `train_on` (None or "": as the recipe says) or in the text `recipe_fields`,
    which may say any. Raises RunError in one line."""
    train_on = settings.train_on or ""
    if train_on not in ("", "protagonist", "all", "without_thoughts"):
        raise run.RunError(f"TRAIN_ON cannot be '{train_on}': "
                           "use protagonist, all or without_thoughts.")
    speakers = "protagonist" if train_on == "without_thoughts" else train_on
    given = {"epochs": settings.epochs, "seconds": settings.seconds, "speakers": speakers}
    fields = {name: value for name, value in given.items() if value not in (None, "")}
    return resolve_recipe(settings.recipe, **fields | parse_fields(settings.recipe_fields or ""))


def estimate(base: models.Base, recipe: Recipe) -> list[dict]:
    """What a training needs and what there is, as rows of {what, GB}."""
    memory = models.estimate_memory(base, method=recipe.method, rank=recipe.rank,
                                    tokens=recipe.row_length * recipe.rows_per_step)
    parts = {"base model": memory.weights, "optimiser and gradients": memory.training,
             "activations of a step": memory.activations, "needed together": memory.needed,
             "free here": memory.free}
    return [{"what": name, "GB": round(size / 1e9, 2)} for name, size in parts.items()]
