"""The upload: exact gradients, exact shortcuts, interruption that leaves no trace, and refusals before anything is trained."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch

from charlib import models, profile, run, upload
from charlib.models.chat import IGNORE
from charlib.records import Example
from charlib.upload import fast, journal, outside
from charlib.upload import plan as plans

RECIPE = upload.Recipe(rank=4, alpha=8, learning_rate=5e-3, epochs=3, row_length=160, dtype="float32")


def replace(recipe, **fields):
    return recipe.model_copy(update=fields)


def tokens_of(tokenizer, examples, speakers="protagonist"):
    return [models.encode(tokenizer, [message.model_dump() for message in item.messages], speakers=speakers) for item in examples]


def batch_of(rows):
    return fast.collate_tensors([{"row": row, "lower": None} for row in rows])


def gradients(model) -> np.ndarray:
    return np.concatenate([p.grad.double().flatten().numpy() for p in model.parameters() if p.grad is not None])


def cosine(a, b) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def shake(model, scale=0.05):
    """Random adapters, so that what they add can be seen."""
    import torch

    generator = torch.Generator().manual_seed(3)
    for name, values in model.named_parameters():
        if "lora_" in name:
            values.data = torch.randn(values.shape, generator=generator) * scale
    return model


# ---- exactness


@pytest.mark.parametrize("speakers", ["protagonist", "all"])
@pytest.mark.parametrize("length", [160, 4096])
def test_a_packed_batch_has_the_gradient_of_one_by_one(model, small, tokenizer, examples, speakers, length):
    """Against the plain way: the library's own attention, one padded conversation a row, loss over all logits."""
    import torch
    import transformers

    items = tokens_of(tokenizer, examples, speakers)
    count = sum(int((item.labels[1:] != IGNORE).sum()) for item in items)
    packed = fast.loss(model, batch_of(upload.pack(items, length)))
    packed.backward()

    plain = transformers.AutoModelForCausalLM.from_pretrained(small.folder, dtype=torch.float32, attn_implementation="eager")
    longest = max(len(item.ids) for item in items)
    total = 0.0
    for item in items:
        gap = longest - len(item.ids)
        ids = torch.tensor([[*item.ids, *[0] * gap]])
        seen = torch.tensor([[1] * len(item.ids) + [0] * gap])
        labels = torch.tensor([*item.labels, *[IGNORE] * gap])
        logits = plain(input_ids=ids, attention_mask=seen).logits[0]
        part = torch.nn.functional.cross_entropy(logits[:-1], labels[1:], ignore_index=IGNORE, reduction="sum") / count
        part.backward()
        total += part.item()
    assert packed.item() == pytest.approx(total, rel=1e-5)
    mine, theirs = gradients(model), gradients(plain)
    assert cosine(mine, theirs) >= 0.999
    np.testing.assert_allclose(mine, theirs, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("top", [0, 10])
def test_the_bundled_model_has_the_float32_gradient_in_either_type(person, dtype, top):
    """The claim of the bench, on a dozen conversations of a shipped character: compute type, packing, cached layers, head on supervised rows."""
    import torch
    import transformers


    found = models.find_base("bundled")
    ours, words = models.load_base(found, dtype)
    recipe = replace(RECIPE, rank=8, row_length=256, top_layers=top)
    ours = shake(fast.wrap(ours, recipe), 0.02)
    items = tokens_of(words, upload.others_experience("", person, 12, seed=1))
    data = upload.Rows(upload.pack(items, 256))
    if top:
        list(fast.remember_lower(ours, data, top))
    count = sum(item.supervised for item in items)
    for number in range(len(data)):
        fast.loss(ours, fast.collate_tensors([data[number]]), top, count).backward()
    import peft

    plain = transformers.AutoModelForCausalLM.from_pretrained(found.folder, dtype=torch.float32, attn_implementation="eager")
    plain = shake(peft.get_peft_model(plain, ours.peft_config["default"]), 0.02)
    for item in items:
        logits = plain(input_ids=torch.tensor(item.ids)[None]).logits[0]
        (
            torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(item.labels)[1:], ignore_index=IGNORE, reduction="sum") / count
        ).backward()
    assert cosine(gradients(ours), gradients(plain)) >= (0.999 if dtype == "bfloat16" else 0.99999)


def test_lora_forward_is_pefts_own_forward_and_gradient(model):
    import peft
    import torch

    wrapped = shake(fast.wrap(model, RECIPE))
    layers = [part for part in wrapped.modules() if isinstance(part, peft.tuners.lora.Linear)]
    assert len(layers) == 14  # seven linear layers in each of two
    for layer in layers:
        x = torch.randn(2, 5, layer.in_features, requires_grad=True)
        again = x.detach().clone().requires_grad_()
        mine, theirs = layer.forward(x), type(layer).forward(layer, again)
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
        pull = torch.randn_like(mine)
        parameters = [layer.lora_A["default"].weight, layer.lora_B["default"].weight]
        for one, two in zip(
            torch.autograd.grad(mine, [x, *parameters], pull), torch.autograd.grad(theirs, [again, *parameters], pull), strict=True
        ):
            torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)
    models.fuse(layers[0], [])  # nobody speaks
    x = torch.randn(1, 3, layers[0].in_features)
    torch.testing.assert_close(layers[0].forward(x), layers[0].base_layer(x))


def test_lora_weights_are_float32_masters_used_in_the_compute_type(small):
    import torch


    wrapped = shake(fast.wrap(models.load_base(small.base, "bfloat16")[0], RECIPE))
    adapters = {name: values for name, values in wrapped.named_parameters() if values.requires_grad}
    assert adapters and all("lora_" in name and values.dtype == torch.float32 for name, values in adapters.items())
    assert wrapped.get_base_model().model.layers[0].self_attn.q_proj(torch.randn(1, 2, 64, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_cached_lower_layers_give_the_uncached_loss_and_gradient(small, tokenizer, examples):

    rows = upload.pack(tokens_of(tokenizer, examples), 160)
    assert len(rows) > 2
    recipe = replace(RECIPE, top_layers=1)
    wrapped = shake(fast.wrap(models.load_base(small.base, "float32")[0], recipe))
    assert {name.split(".layers.")[1][0] for name, values in wrapped.named_parameters() if values.requires_grad} == {"1"}
    data = upload.Rows(rows)
    assert list(fast.remember_lower(wrapped, data, 1, rows_at_once=2))[-1] == len(rows)
    plain = fast.loss(wrapped, batch_of(rows))
    plain.backward()
    theirs = gradients(wrapped)
    wrapped.zero_grad()
    cached = fast.loss(wrapped, fast.collate_tensors([data[index] for index in range(len(data))]), top=1)
    cached.backward()
    assert cached.item() == pytest.approx(plain.item(), rel=1e-5)
    assert cosine(gradients(wrapped), theirs) >= 0.99999


@pytest.mark.parametrize("count", [0, 1, 700])
@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_the_frozen_heads_loss_is_the_librarys_cross_entropy(count, scale):
    torch.manual_seed(count)
    states = (scale * torch.randn(count, 24)).requires_grad_()
    weight, labels = torch.randn(90, 24), torch.randint(0, 90, (count,))
    ours = fast.head_loss().apply(states, weight, labels)
    (mine,) = torch.autograd.grad(3 * ours, states)
    theirs = torch.nn.functional.cross_entropy(states @ weight.t(), labels, reduction="sum")
    (other,) = torch.autograd.grad(3 * theirs, states)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-3)
    with torch.no_grad():
        assert torch.equal(fast.head_loss().apply(states, weight, labels), ours.detach())


def test_a_state_that_is_not_a_number_makes_the_frozen_heads_loss_none():
    states = torch.full((2, 24), float("nan"), requires_grad=True)
    assert fast.head_loss().apply(states, torch.randn(90, 24), torch.tensor([1, 2])).isnan()


def test_full_fine_tuning_trains_everything(model):
    wrapped = fast.wrap(model, replace(RECIPE, method="full"))
    assert all(values.requires_grad for values in wrapped.parameters())


def settings(**given):
    """An upload stage's settings as a preset leaves them that says only the recipe."""
    return SimpleNamespace(**{"recipe": "workshop", "train_on": None, "epochs": None, "seconds": None, "recipe_fields": ""} | given)


def test_recipes_are_declared_and_others_refused():
    assert set(upload.RECIPES) == {"tiny", "workshop", "full", "paper", "gpu-lora"}
    assert upload.recipe(settings(recipe="tiny", train_on="all")).speakers == "all"
    with pytest.raises(run.RunError, match="No recipe 'huge': use one of tiny"):
        upload.recipe(settings(recipe="huge"))
    with pytest.raises(run.RunError, match="TRAIN_ON cannot be 'nobody'"):
        upload.recipe(settings(train_on="nobody"))


@pytest.mark.parametrize("preset", ["tiny", "workshop", "full"])
def test_the_papers_recipe_is_the_papers_under_every_preset(here, preset):
    """Shao et al. 2023: whole model, 10 epochs, all speakers, AdamW at 2e-5, batches of 64 rows of 2048 tokens, no clock."""
    made = upload.recipe(run.resolve(here, "upload", preset, recipe="paper"))
    assert made == upload.RECIPES["paper"]
    assert (made.method, made.optimizer, made.learning_rate, made.epochs) == ("full", "adamw", 2e-5, 10)
    assert (made.speakers, made.warmup, made.weight_decay, made.row_length) == ("all", 0.04, 0.1, 2048)
    assert made.rows_per_step * made.accumulate == 64 and made.seconds == 0
    changed = upload.recipe(run.resolve(here, "upload", preset, recipe="paper", epochs=3, train_on="protagonist"))
    assert changed == replace(made, epochs=3, speakers="protagonist")


def test_a_preset_alone_is_its_own_recipe(here):
    resolved = {name: upload.recipe(run.resolve(here, "upload", name)) for name in ("tiny", "workshop", "full")}
    assert resolved == {name: upload.RECIPES[name] for name in resolved}
    assert [(made.epochs, made.seconds) for made in resolved.values()] == [(1, 0), (4, 228), (4, 0)]


def test_any_field_of_a_recipe_can_be_said_in_text(here):
    text = "rank=16, LEARNING_RATE=2e-4, optimizer=adamw, top_layers=3, seconds=0, report_to=tensorboard wandb"
    made = upload.recipe(run.resolve(here, "upload", "workshop", recipe_fields=text, epochs=2))
    assert (made.rank, made.learning_rate, made.optimizer, made.top_layers, made.epochs) == (16, 2e-4, "adamw", 3, 2)
    assert made.alpha == 16, "in the recipe's own ratio to the rank"
    assert made.seconds == 0 and made.report_to == ("tensorboard", "wandb")
    assert upload.resolve_recipe("gpu-lora", rank=8).alpha == 16 and upload.resolve_recipe("full", rank=8, alpha=5).alpha == 5
    assert upload.parse_fields("") == {} and upload.parse_fields(" rank = 4 ,") == {"rank": "4"}


@pytest.mark.parametrize(("text", "says"), [
    ("rnak=16", "A recipe has no field 'rnak': it has method, rank"), ("rank=x", "rank=x: .*valid integer"),
    ("rank=0", "rank=0: .*greater than 0"), ("optimizer=sgd", "optimizer=sgd: .*'muon' or 'adamw'"),
    ("method=full", "Muon trains adapters only: with method=full give optimizer=adamw"),
    ("epochs=nan", "epochs=nan: "), ("rank", "'rank' has no value: write name=value"), ("rank=", "'rank' has no value"),
])  # fmt: skip
def test_a_wrong_recipe_field_is_one_line(text, says):
    with pytest.raises(run.RunError, match=says) as error:
        upload.recipe(settings(recipe_fields=text))
    assert "\n" not in str(error.value)


def test_the_estimate_says_what_is_needed_and_what_is_free(small):
    rows = {row["what"]: row["GB"] for row in upload.estimate(small.base, RECIPE)}
    assert rows["needed together"] == pytest.approx(sum(list(rows.values())[:3]), abs=0.02)
    assert rows["free here"] > 0
    full = {row["what"]: row["GB"] for row in upload.estimate(small.base, replace(RECIPE, method="full"))}
    assert full["optimiser and gradients"] >= rows["optimiser and gradients"]


# ---- a whole training


def folder_of(path, small, examples, recipe=RECIPE, probes=(), validation=1):
    """A folder with examples.jsonl and spec.json, ready to train."""
    path.mkdir(parents=True, exist_ok=True)
    held = [item.model_copy(update={"split": "validation"}) for item in examples[:validation]]
    run.write_jsonl(path / "examples.jsonl", held + list(examples[validation:]))
    upload.write_spec(path, str(small.folder), recipe, "Nell Gray", list(probes), seed=11)
    return path


def weights(folder) -> dict:
    from safetensors.numpy import load_file

    return load_file(folder / "adapter_model.safetensors")


def assert_same(one, two):
    first, second = weights(one), weights(two)
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_allclose(values, second[name], atol=1e-6, err_msg=name)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, small, examples):
    """An uninterrupted training of three epochs."""
    folder = folder_of(tmp_path_factory.mktemp("whole"), small, examples)
    upload.train(folder / "spec.json")
    return folder


class Cut(Exception):
    """Stands for whatever ends the process."""


def cut_at(monkeypatch, step: int, when: str = "row"):
    """End the training at a step: when its row is to be logged, or while its checkpoint is being written."""
    import transformers

    real = journal.log_row

    def log(folder, row):
        if when == "row" and row.get("step") == step and "loss" in row:
            raise Cut
        real(folder, row)

    monkeypatch.setattr(journal, "log_row", log)
    if when == "save":
        save = transformers.Trainer._save_checkpoint

        def half(self, *args, **kwargs):
            if self.state.global_step >= step:
                self.save_model(str(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"))
                raise Cut
            return save(self, *args, **kwargs)

        monkeypatch.setattr(transformers.Trainer, "_save_checkpoint", half)


def steps_an_epoch(folder) -> int:
    rows = run.read_jsonl(folder / "training.jsonl")
    last = next(row for row in reversed(rows) if "steps" in row)
    return last["steps"] // RECIPE.epochs


def test_a_training_leaves_adapter_rows_and_checkpoints_without_a_path_of_this_machine(trained, small):
    assert {path.name for path in (trained / "checkpoints").glob("epoch-*")} == {"epoch-1", "epoch-2", "epoch-3"}
    assert not list((trained / "checkpoints").glob("checkpoint-*"))
    names = {path.name for path in (trained / "adapter").iterdir()}
    assert names == {"adapter_config.json", "adapter_model.safetensors", "README.md", "base.json"}
    assert json.loads((trained / "adapter" / "adapter_config.json").read_text())["r"] == 4
    told = [path.read_text() for path in [*(trained / "adapter").glob("[!a]*"), trained / "adapter" / "adapter_config.json", trained / "training.jsonl"]]
    assert not [text for text in told if str(small.folder.parent) in text] and small.base.name in told[0]
    rows = run.read_jsonl(trained / "training.jsonl")
    losses = [row["loss"] for row in rows if row.get("loss") is not None]
    assert rows[0]["event"] == "start" and rows[-1]["event"] == "end" and losses[-1] < losses[0]
    assert len([row for row in rows if "validation_loss" in row]) == 3
    assert rows[0]["supervised"] > 0 and rows[0]["dtype"] == "float32"


def test_the_same_spec_gives_the_same_adapter(trained, tmp_path, small, examples):
    again = folder_of(tmp_path / "again", small, examples)
    upload.train(again / "spec.json")
    assert_same(trained / "adapter", again / "adapter")


@pytest.mark.parametrize("at", ["first step", "second epoch", "end of the second epoch", "last step"])
def test_an_interrupted_training_resumed_equals_the_uninterrupted_one(trained, tmp_path, small, examples, monkeypatch, at):
    each = steps_an_epoch(trained)
    step = {"first step": 1, "second epoch": each + 1, "end of the second epoch": 2 * each, "last step": 3 * each}[at]
    folder = folder_of(tmp_path / "cut", small, examples)
    with monkeypatch.context() as patch:
        cut_at(patch, step)
        with pytest.raises(Cut):
            upload.train(folder / "spec.json")
    assert not (folder / "adapter").exists()
    upload.train(folder / "spec.json")
    assert_same(trained / "adapter", folder / "adapter")


def test_a_training_cut_while_a_checkpoint_is_written_resumes_from_the_one_before(trained, tmp_path, small, examples, monkeypatch):
    folder = folder_of(tmp_path / "cut", small, examples)
    with monkeypatch.context() as patch:
        cut_at(patch, 2 * steps_an_epoch(trained), when="save")
        with pytest.raises(Cut):
            upload.train(folder / "spec.json")
    assert [path.name for path in (folder / "checkpoints").glob("epoch-*")] == ["epoch-1"]
    upload.train(folder / "spec.json")
    assert_same(trained / "adapter", folder / "adapter")


def test_training_the_top_layer_only_resumes_to_the_same(tmp_path, small, examples, monkeypatch):
    recipe = replace(RECIPE, top_layers=1, epochs=2)
    whole, cut = folder_of(tmp_path / "a", small, examples, recipe), folder_of(tmp_path / "b", small, examples, recipe)
    upload.train(whole / "spec.json")
    with monkeypatch.context() as patch:
        cut_at(patch, steps_of(whole) // 2 + 1)
        with pytest.raises(Cut):
            upload.train(cut / "spec.json")
    upload.train(cut / "spec.json")
    assert_same(whole / "adapter", cut / "adapter")


def steps_of(folder) -> int:
    return next(row for row in reversed(run.read_jsonl(folder / "training.jsonl")) if "steps" in row)["steps"]


def copied(trained, tmp_path):
    """The finished training as it was before its product was written."""
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    shutil.rmtree(folder / "adapter")
    (folder / "checkpoints" / "finished").unlink(missing_ok=True)
    return folder


@pytest.mark.parametrize("lost", ["trainer_state.json", "adapter_model.safetensors"])
def test_f24_an_incomplete_newest_checkpoint_falls_back_with_a_warning(trained, tmp_path, lost, capsys):
    folder = copied(trained, tmp_path)
    (folder / "checkpoints" / "epoch-3" / lost).unlink()
    assert upload.newest(folder / "checkpoints").name == "epoch-2"
    assert "epoch-3 is incomplete: going back to the one before." in capsys.readouterr().err
    upload.train(folder / "spec.json")
    assert_same(trained / "adapter", folder / "adapter")


def test_f24_nothing_complete_begins_again(tmp_path):
    (tmp_path / "epoch-1").mkdir()
    (tmp_path / "checkpoint-7").mkdir()
    assert upload.newest(tmp_path) is None
    assert not (tmp_path / "checkpoint-7").exists()


@pytest.mark.parametrize("changed", ["recipe.learning_rate", "seed", "examples", "base"])
def test_f25_changed_data_base_or_settings_refuse_to_resume_and_say_what_differs(trained, tmp_path, changed, model, tokenizer):
    folder = copied(trained, tmp_path)
    spec = json.loads((folder / "spec.json").read_text())
    if changed == "examples":
        rows = run.read_jsonl(folder / "examples.jsonl")
        run.write_jsonl(folder / "examples.jsonl", rows[:-1])
    elif changed == "base":
        other = tmp_path / "other-base"
        model.model.norm.weight.data += 1
        model.save_pretrained(other)
        tokenizer.save_pretrained(other)
        spec["base"] = str(other)
    elif changed == "seed":
        spec["seed"] = 12
    else:
        spec["recipe"]["learning_rate"] = 1e-3
    run.write_atomic(folder / "spec.json", json.dumps(spec))
    with pytest.raises(run.RunError, match=rf"made of something else \(.*{changed}: .* -> ") as error:
        upload.train(folder / "spec.json")
    assert "\n" not in str(error.value) and not (folder / "adapter").exists()
    assert (folder / "checkpoints" / "epoch-3" / "trainer_state.json").is_file()


def test_after_a_finished_training_changed_data_trains_afresh(trained, tmp_path, small, examples):
    """A finished training is not resumed: an edited profile trains again, and its old checkpoints do not stand in the way."""
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    before = weights(folder / "adapter")
    folder_of(folder, small, examples[:-1])
    upload.train(folder / "spec.json")
    rows = run.read_jsonl(folder / "training.jsonl")
    assert [row.get("event") for row in rows].count("start") == 1 and rows[-1]["event"] == "end"
    after = weights(folder / "adapter")
    assert any(np.abs(after[name] - values).max() > 1e-4 for name, values in before.items())


@pytest.mark.parametrize("case", ["empty", "only validation", "no reply"])
def test_f23_data_whose_every_token_is_masked_is_refused_before_training(tmp_path, small, examples, case):
    chosen = {
        "empty": [],
        "only validation": [item.model_copy(update={"split": "validation"}) for item in examples],
        "no reply": [item.model_copy(update={"messages": item.messages[:2]}) for item in examples],
    }[case]
    folder = folder_of(tmp_path / "a", small, chosen, validation=0)
    with pytest.raises(run.RunError, match="Every token of the training data is masked"):
        upload.train(folder / "spec.json")
    assert not (folder / "adapter").exists() and not list((folder / "checkpoints").glob("epoch-*"))


def test_f28_not_a_number_stops_and_keeps_the_last_good_checkpoint(trained, tmp_path, small, examples, monkeypatch):
    folder = folder_of(tmp_path / "a", small, examples)
    real, calls = fast.loss, []

    def loss(model, batch, top=0, count=None):
        value = real(model, batch, top, count)
        if model.training:
            calls.append(1)
        return value * float("nan") if model.training and len(calls) > steps_an_epoch(trained) + 1 else value

    monkeypatch.setattr(fast, "loss", loss)
    upload.train(folder / "spec.json")
    rows = run.read_jsonl(folder / "training.jsonl")
    (bad,) = [row for row in rows if row.get("event") == "nan"]
    assert "lower the learning rate" in bad["hint"] and bad["loss"] is None
    assert not [row for row in rows if row.get("step", 0) > bad["step"]]
    assert all(np.isfinite(values).all() for values in weights(folder / "adapter").values())
    for path in (folder / "checkpoints").glob("epoch-*"):
        assert all(np.isfinite(values).all() for values in weights(path).values()), path.name


def test_f28_not_a_number_before_any_checkpoint_is_one_line(tmp_path, small, examples, monkeypatch):
    folder = folder_of(tmp_path / "a", small, examples)
    real = fast.loss
    monkeypatch.setattr(fast, "loss", lambda model, *rest: real(model, *rest) * float("nan"))
    with pytest.raises(run.RunError, match="not-a-number before any checkpoint: lower the learning rate"):
        upload.train(folder / "spec.json")
    assert not (folder / "adapter").exists()


def test_f28_a_training_that_does_not_fit_is_refused_before_it_starts(tmp_path, small, examples, monkeypatch):

    free = SimpleNamespace(available=1000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    folder = folder_of(tmp_path / "a", small, examples)
    with pytest.raises(run.RunError, match=r"needs about \d+\.\d GB and 0.0 GB are free: lower rows_per_step, or use LoRA"):
        upload.train(folder / "spec.json")


@pytest.mark.parametrize("top", [0, 1])
def test_a_whole_training_in_bfloat16_learns_and_resumes_to_the_same(tmp_path, small, examples, monkeypatch, top):
    """As a machine with fast bfloat16 trains, on any machine."""
    recipe = replace(RECIPE, dtype="bfloat16", top_layers=top, epochs=2)
    whole, cut = (folder_of(tmp_path / name, small, examples, recipe, probes=[{"question": "Who are you?"}]) for name in "ab")
    upload.train(whole / "spec.json")
    rows = run.read_jsonl(whole / "training.jsonl")
    losses = [row["loss"] for row in rows if row.get("loss") is not None]
    assert rows[0]["dtype"] == "bfloat16" and losses[-1] < losses[0] and len(upload.samples(rows)) == 2
    with monkeypatch.context() as patch:
        cut_at(patch, steps_of(whole) // 2 + 1)
        with pytest.raises(Cut):
            upload.train(cut / "spec.json")
    upload.train(cut / "spec.json")
    assert_same(whole / "adapter", cut / "adapter")


def test_full_fine_tuning_writes_a_model_that_answers_in_place_of_an_adapter_before_it(tmp_path, small, examples):
    recipe = replace(RECIPE, method="full", learning_rate=1e-3, epochs=1)
    folder = folder_of(tmp_path / "a", small, examples, recipe)
    (folder / "adapter").mkdir()
    assert upload.train(folder / "spec.json").name == "model" and not (folder / "adapter").exists()
    found = models.find_base(str(folder / "model"))
    assert models.count_parameters(found) == models.count_parameters(small.base)
    sim = models.load_simulacrum(run.Run("a", folder))
    assert isinstance(sim.reply([{"role": "user", "content": "Who?"}]).text, str)


def test_samples_show_the_reply_of_every_epoch(tmp_path, small, examples):
    folder = folder_of(tmp_path / "a", small, examples, replace(RECIPE, epochs=2), probes=[{"question": "Who are you?"}])
    upload.train(folder / "spec.json")
    shown = upload.samples(run.read_jsonl(folder / "training.jsonl"))
    assert [(row["question"], row["epoch"]) for row in shown] == [("Who are you?", 1), ("Who are you?", 2)]


def test_an_epoch_that_was_trained_again_has_its_last_replies():
    rows = [{"event": "sample", "epoch": epoch, "replies": [{"question": "Who are you?", "reply": reply}]}
            for epoch, reply in ((1, "first"), (1, "again"), (1.33, "stopped"))]  # fmt: skip
    assert [(row["epoch"], row["reply"]) for row in upload.samples(rows)] == [(1, "again"), (1.33, "stopped")]


def test_a_time_budget_is_planned_once_and_what_it_leaves_out_is_said(tmp_path, model, tokenizer, examples, monkeypatch):
    tokens = tokens_of(tokenizer, examples * 4)
    recipe = replace(RECIPE, seconds=30, epochs=6, least_epochs=3, top_when_slow=1, top_layers=0, row_length=160)
    monkeypatch.setattr(plans, "seconds", lambda *given: 10.0)
    assert plans.affordable_layers(model, tokens, recipe) == 1
    data = upload.Rows(plans.mix(tokens, recipe, 0))
    model = fast.wrap(model, recipe)
    monkeypatch.setattr(plans, "seconds", lambda *given: 2.0)
    plan = plans.make_plan(tmp_path, model, data, recipe, time.monotonic())
    assert 3 <= plan["epochs"] < 4 and plan["examples"] + plan["left_out"] == len(tokens) and plan["left_out"] > 0
    assert plan["rows"] * 3 * 2.0 <= 0.95 * 30 and upload.planned(tmp_path) == plan  # a resumed training follows the plan it began with
    monkeypatch.setattr(plans, "seconds", lambda *given: 1e-6)
    ample = plans.make_plan(tmp_path, model, data, recipe, time.monotonic())
    assert (ample["epochs"], ample["examples"], ample["left_out"]) == (6, len(tokens), 0)


def test_a_plan_of_top_layers_follows_the_pace_seen_while_their_input_is_computed(tmp_path, model, tokenizer, examples, monkeypatch):
    """All rows where the least epochs fit, and then as much of further epochs as fits; fewer rows where not."""
    recipe = replace(RECIPE, seconds=40, epochs=6, least_epochs=2, top_layers=1, row_length=160)
    data = upload.Rows(plans.mix(tokens_of(tokenizer, examples * 12), recipe, 0))
    assert len(data) > 12
    model = fast.wrap(model, recipe)

    def plan_at(pace: float, data) -> dict:
        monkeypatch.setattr(plans, "time_of", lambda work, batch: pace)
        return plans.make_plan(tmp_path, model, data, recipe, time.monotonic())

    plan = plan_at(0.95 * 40 / (3.5 * len(data)), data)
    assert 3 < plan["epochs"] <= 3.5 and (plan["rows"], plan["left_out"]) == (len(data), 0), "the last epoch in part, no time left over"
    assert data.conversations == plan["examples"] and all(states is not None for states in data.first(plan["rows"]).lower), "computed once"
    assert plan_at(1e-6, data)["epochs"] == 6, "no more than asked for"
    few = upload.Rows(data.rows)
    slow = plan_at(0.95 * 40 / len(data), few)
    assert all(states is not None for states in few.lower[: slow["rows"]]) and few.lower[-1] is None
    assert slow["epochs"] == 2 and 0 < slow["rows"] <= len(data) // 2 + 4 and slow["left_out"] > 0


def test_a_last_epoch_is_trained_in_part_and_resumes_to_the_same(trained, tmp_path, small, examples, monkeypatch):
    recipe, each = replace(RECIPE, epochs=1.5), steps_an_epoch(trained)
    whole, cut = folder_of(tmp_path / "a", small, examples, recipe), folder_of(tmp_path / "b", small, examples, recipe)
    upload.train(whole / "spec.json")
    assert steps_of(whole) == math.ceil(1.5 * each) and each > 1
    assert {path.name for path in (whole / "checkpoints").glob("epoch-*")} == {"epoch-1", "epoch-2"}
    rates = [row["learning_rate"] for row in run.read_jsonl(whole / "training.jsonl") if "learning_rate" in row]
    assert rates[-1] < 0.1 * max(rates), "the rate falls to the end, not to where a whole epoch would have been"
    with monkeypatch.context() as patch:
        cut_at(patch, steps_of(whole))
        with pytest.raises(Cut):
            upload.train(cut / "spec.json")
    upload.train(cut / "spec.json")
    assert_same(whole / "adapter", cut / "adapter")


def test_ablations_train_on_as_much_as_the_simulacrum_did(here, person, small, examples):
    """Each measured by itself, the speed of the moment would decide how much it has seen."""
    beyond = examples[-2].model_copy(update={"id": "beyond", "kind": "protective"})
    here.write_jsonl("examples.jsonl", [*examples * 3, beyond])
    here.path("checkpoints").mkdir()
    run.write_atomic(here.path("checkpoints", "plan.json"), json.dumps({"epochs": 2, "rows": 2, "top_layers": 1}))
    asked = SimpleNamespace(base=str(small.folder), ablations="no_protective, shuffled")
    recipe = replace(RECIPE, seconds=100, epochs=7)
    assert upload.ablate(here, person, asked, recipe, 0) == ["no_protective", "shuffled"]
    for name in upload.ABLATIONS:
        folder = here.path("ablations", name)
        plan = upload.planned(folder / "checkpoints")
        assert (plan["epochs"], plan["rows"], plan["top_layers"]) == (2, 2, 1) and plan["left_out"] > 0
        assert (folder / "adapter" / "adapter_model.safetensors").is_file()
        given = run.read_jsonl(folder / "examples.jsonl", Example)
        assert given and all(item.kind != "protective" for item in given)
    mine = {item.messages[-1].content for item in examples}
    assert not mine & {item.messages[-1].content for item in given}, "shuffled is another's experience"
    with pytest.raises(run.RunError, match="No ablation 'unpolished'"):
        upload.ablate(here, person, SimpleNamespace(base=str(small.folder), ablations="unpolished"), recipe, 0)


def test_measuring_a_step_leaves_the_weights_alone(model, tokenizer, examples):
    model = fast.wrap(model, replace(RECIPE, top_layers=1))
    before = {name: values.clone() for name, values in model.named_parameters()}
    recipe = replace(RECIPE, top_layers=1)
    data = upload.Rows(upload.pack(tokens_of(tokenizer, examples * 4), 160))
    count, step = plans.affordable_rows(model, data, len(data), recipe, 1, time.monotonic() + 1000)
    assert count == len(data) and step > 0
    assert all(torch.equal(values, before[name]) and values.grad is None for name, values in model.named_parameters())


def test_our_muon_agrees_with_the_librarys(monkeypatch):
    from torch.optim import _muon

    monkeypatch.setattr(_muon, "_zeropower_via_newtonschulz", lambda grad, coefficients, steps, eps: (
        fast.orthogonal(grad[None], steps)[0] if grad.shape[0] <= grad.shape[1] else fast.orthogonal(grad.T[None], steps)[0].T))  # fmt: skip
    torch.manual_seed(0)
    start = [torch.randn(4, 12), torch.randn(12, 4), torch.randn(4, 12), torch.randn(4, 4)]
    ours, theirs = (torch.nn.ParameterList(torch.nn.Parameter(values.clone()) for values in start) for _ in range(2))
    mine = fast.optimizer(ours, replace(RECIPE, optimizer="muon", weight_decay=0.1), 0.02)
    other = torch.optim.Muon(theirs.parameters(), lr=0.02, weight_decay=0.1, momentum=0.9, ns_steps=3)
    for _ in range(5):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        mine.step(), other.step()
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(ours, theirs, strict=True))


def test_orthogonal_is_what_the_library_computes():
    from torch.optim import _muon

    torch.manual_seed(1)
    grad = torch.randn(8, 40)
    theirs = _muon._zeropower_via_newtonschulz(grad, (3.4445, -4.775, 2.0315), 3, 1e-7).float()
    ours = fast.orthogonal(grad[None])[0]
    assert torch.nn.functional.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0) > 0.999
    strengths = torch.linalg.svdvals(ours)
    assert strengths.max() < 1.5 and strengths.min() > 0.3


def test_wordings_of_one_fact_are_spread_over_the_rows(tokenizer, examples):
    tokens = tokens_of(tokenizer, examples * 8)
    rows = plans.mix(tokens, replace(RECIPE, row_length=160), 3)
    placed = [index for row in rows for index in row.examples]
    assert sorted(placed) == list(range(len(tokens))) and placed != sorted(placed)
    part = plans.mix(tokens * 20, replace(RECIPE, row_length=160), 3)
    early = [index for row in part[: len(part) // 2] for index in row.examples]
    assert max(early) < len(tokens) * 10 + plans.MIXED + 100, "the most needed come first still"
    again = plans.mix(tokens, replace(RECIPE, row_length=160), 3)
    assert [row.examples for row in again] == [row.examples for row in rows]


# ---- the child process


def test_follow_runs_a_child_yields_its_rows_and_trains_nothing_twice(trained, tmp_path, small, examples):
    folder = folder_of(tmp_path / "a", small, examples)
    rows = list(upload.follow(folder))
    assert rows[0]["event"] == "start" and rows[-1]["event"] == "end"
    assert rows == run.read_jsonl(folder / "training.jsonl")
    assert_same(trained / "adapter", folder / "adapter")
    stamp = (folder / "adapter" / "adapter_model.safetensors").stat().st_mtime_ns
    before = time.monotonic()
    assert list(upload.follow(folder)) == rows
    assert time.monotonic() - before < 1 and (folder / "adapter" / "adapter_model.safetensors").stat().st_mtime_ns == stamp


def test_the_file_stop_stops_at_the_next_step_and_keeps(tmp_path, small, examples):
    folder = folder_of(tmp_path / "a", small, examples, replace(RECIPE, epochs=400))
    rows = []
    for row in upload.follow(folder):
        rows.append(row)
        if row.get("step") == 3:
            (folder / "STOP").write_text("stop\n")
    (stop,) = [row for row in rows if row.get("event") == "stop"]
    assert stop["reason"] == "STOP" and stop["step"] < 1000 and rows[-1]["event"] == "end"
    assert weights(folder / "adapter")


def test_a_child_that_cannot_train_says_why_in_one_line(tmp_path, small):
    folder = folder_of(tmp_path / "a", small, [], validation=0)
    with pytest.raises(upload.Interrupted, match=r"ended with code 1: Every token of the training data is masked"):
        list(upload.follow(folder))


PARENT = """
import sys
from pathlib import Path
from charlib import upload
for row in upload.follow(Path(sys.argv[1])):
    print(row.get("step"), flush=True)
"""


def test_the_child_ends_with_its_parent_and_the_training_resumes_to_the_same(tmp_path, small, examples):
    recipe = replace(RECIPE, epochs=12)
    whole, folder = folder_of(tmp_path / "whole", small, examples, recipe), folder_of(tmp_path / "cut", small, examples, recipe)
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(folder)], stdout=subprocess.PIPE, text=True)
    while (folder / "checkpoints" / "epoch-2").exists() is False:
        assert parent.poll() is None
        time.sleep(0.05)
    (child,) = [
        process for process in psutil.Process(parent.pid).children(recursive=True) if "charlib.upload" in " ".join(process.cmdline())
    ]
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    child.wait(timeout=10)
    assert not (folder / "adapter").exists()
    upload.train(folder / "spec.json")
    upload.train(whole / "spec.json")
    assert_same(whole / "adapter", folder / "adapter")


# ---- from outside

ROWS = [{"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]}
        for asked, said in (("Who are you?", "Ann Lee, of Hull."), ("What do you mend?", "Clocks."), ("Since when?", "Since 1822."))]  # fmt: skip


def test_own_rows_are_trained_into_a_run_that_can_be_asked(tmp_path, small, monkeypatch):
    monkeypatch.chdir(small.folder.parent)  # and the base given as from there
    run.write_jsonl(tmp_path / "chat.jsonl", ROWS)
    given = {"name": "Ann Lee", "recipe": "tiny", "outputs": tmp_path, "base": small.folder.name, "rank": 4, "dtype": "float32"}
    here = upload.train_rows("mine", tmp_path / "chat.jsonl", **given)
    monkeypatch.chdir(tmp_path)
    spec, rows = here.read_json("spec.json"), here.read_jsonl("examples.jsonl", Example)
    assert (spec["recipe"]["rank"], spec["recipe"]["alpha"], spec["character"]) == (4, 4, "Ann Lee")
    assert {item.messages[0].content for item in rows} == {models.system_prompt("Ann Lee")} == {spec["system"]}
    person = profile.load(here.path("profile.md"))
    assert (person.name, person.horizon) == ("Ann Lee", None) and here.character == run.slug("Ann Lee")
    sim = models.load_simulacrum(here)
    assert sim.name == "simulacrum" and sim.reply([message.model_dump() for message in rows[0].messages[:2]])
    stamp = here.path("adapter", "base.json").stat().st_mtime_ns
    again = upload.train_rows(here.folder, ROWS, **given | {"base": str(small.folder)})
    assert again.folder == here.folder and here.path("adapter", "base.json").stat().st_mtime_ns == stamp, "trained once"
    with pytest.raises(run.RunError, match="is of ann-lee-.*: choose another RUN"):
        upload.train_rows("mine", ROWS, **given | {"name": "Nell Gray", "base": str(small.folder)})


def test_a_set_up_that_the_rows_bring_is_kept(tmp_path, small, monkeypatch):
    monkeypatch.setattr(outside, "follow", lambda folder: [])
    own = [{"messages": [{"role": "system", "content": "You are Ann, tired."}, *row["messages"]]} for row in ROWS]
    here = upload.train_rows("mine", own, "Ann Lee", outputs=tmp_path, base=str(small.folder))
    assert here.read_json("spec.json")["system"] == "You are Ann, tired."
    assert all(item.messages[0].content == "You are Ann, tired." for item in here.read_jsonl("examples.jsonl", Example))


@pytest.mark.parametrize(("roles", "says"), [
    (["user", "user"], "message 2 is of 'user', where 'assistant' has to speak"),
    (["assistant"], "message 1 is of 'assistant', where 'user' has to speak"),
    (["system", "assistant"], "message 2 is of 'assistant', where 'user'"), (["user"], "does not end with assistant"),
    (["system"], "does not end with assistant"), (["user", "assistant", "system"], "message 3 is of 'system'"),
    ([], "no list of messages"),
])  # fmt: skip
def test_a_row_that_is_no_conversation_is_named_before_anything_is_written(tmp_path, roles, says):
    bad = {"messages": [{"role": role, "content": "x"} for role in roles]}
    with pytest.raises(run.RunError, match=f"^rows, row 3: .*{says}") as error:
        upload.train_rows("mine", [*ROWS[:2], bad], "Ann Lee", outputs=tmp_path)
    assert "\n" not in str(error.value) and not (tmp_path / "mine").exists()


@pytest.mark.parametrize("row", ["x", {}, {"messages": "x"}, {"messages": [{"role": "user", "content": " "}]}, {"messages": ["x"]}])
def test_a_row_of_another_kind_is_one_line(tmp_path, row):
    with pytest.raises(run.RunError, match="^rows, row 1: (it has no list of messages|message 1 has no text)"):
        upload.train_rows("mine", [row], "Ann Lee", outputs=tmp_path)


def test_a_recipe_a_base_or_rows_that_are_not_there_leave_no_run(tmp_path):
    for given, says in (({"rank": "x"}, "rank=x"), ({"base": "./nowhere"}, "No folder"), ({"recipe": "huge"}, "No recipe 'huge'")):
        with pytest.raises(run.RunError, match=says):
            upload.train_rows("mine", ROWS, "Ann Lee", outputs=tmp_path, **given)
    with pytest.raises(run.RunError, match="chat.jsonl is missing"):
        upload.train_rows("mine", tmp_path / "chat.jsonl", "Ann Lee", outputs=tmp_path)
    with pytest.raises(run.RunError, match="rows holds no rows"):
        upload.train_rows("mine", [], "Ann Lee", outputs=tmp_path)
    assert not (tmp_path / "mine").exists()
