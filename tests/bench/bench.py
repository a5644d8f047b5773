"""The bench: charlib and its rivals side by side in one run, round after round, in alternating order.

    python tests/bench/bench.py [--rounds 3] [--quick] [--only upload,interview,choice] [--out outputs/bench] [--python .venv-bench/bin/python]

Every contestant is a process of its own that stays warm (worker.py); one works at a time. A ratio is taken within a round, and what is
reported is the median of the rounds' ratios with the lowest and the highest. Writes bench.json, bench.png and log.txt. Nothing else may
run on the machine meanwhile; the load before the start is written down.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from charlib import experience, models, playground, profile, run, show, teachers, upload

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LIMIT = 240  # seconds after which a round is given up: a rival that hangs must not hold up the rest
RANK = 16  # the rank that rivals' examples use; the workshop's own is on the ladder
LADDER = (
    "a conversation a row",
    "logits everywhere",
    "PEFT's own layer",
    "library's attention",
    "rows of 512",
    "checkpointing",
    "top 10 layers",
    "AdamW",
)
PLAIN = {"per_device_train_batch_size": 8, "gradient_checkpointing": False, "train_sampling_strategy": "group_by_length"}


def candidates(dtype: str) -> dict[str, dict]:
    """How TRL + PEFT can be tuned on this machine: the fast type for base and adapters, no checkpointing, no padding; attention, batch and packing tried."""
    fast = {"bf16": False, "load": {"dtype": dtype, "attn_implementation": "sdpa"}, "autocast_adapter_dtype": dtype == "float32"}
    packed = {"per_device_train_batch_size": 1, "gradient_checkpointing": False, "packing": True, "max_length": 512}
    return {
        "grouped by length, batch 8, sdpa": PLAIN | fast,
        "grouped by length, batch 4, sdpa": PLAIN | fast | {"per_device_train_batch_size": 4},
        "grouped by length, batch 8, eager": PLAIN | fast | {"load": {"dtype": dtype, "attn_implementation": "eager"}},
        "packed to 512, sdpa": packed | fast,
        "grouped by length, batch 8, sdpa, compiled": PLAIN | fast | {"torch_compile": True},
    }


class Worker:
    """A contestant's process. `missing` holds why it cannot take part, or is empty."""

    def __init__(self, name: str, folder: Path, python: str, log):
        environment = os.environ | {"PYTHONPATH": str(ROOT), "CHARLIB_ROOT": str(ROOT)}
        self.name, self.log, self.missing = name, log, ""
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), name, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            env=environment,
        )  # fmt: skip
        self.missing = self._hear().get("error", "")

    def _hear(self) -> dict:
        for line in self.process.stdout:
            if line.startswith("@"):
                return json.loads(line[1:])
        return {"error": f"its process ended with code {self.process.wait()}"}

    def go(self, **asked) -> dict:
        """One round. Its answer, or {error}."""
        if self.missing:
            return {"error": self.missing}
        limit = threading.Timer(LIMIT, self.process.kill)
        limit.start()
        try:
            self.process.stdin.write(json.dumps(asked) + "\n")
            self.process.stdin.flush()
            found = self._hear()
        except BrokenPipeError:
            found = {"error": "its process is gone"}
        limit.cancel()
        if self.process.poll() is not None:
            self.missing = found.get("error", "its process ended")
        if "error" not in found:
            found["per_second"] = found["units"] / found["seconds"]
        say(self.log, f"  {self.name} {json.dumps({k: v for k, v in found.items() if k not in ('said', 'best')})[:230]}")
        return found

    def end(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def say(log, text: str) -> None:
    print(text, flush=True)
    log.write(f"{text}\n")
    log.flush()


def spread(values: list[float]) -> dict:
    """{median, low, high, n} of the rounds, or why there are none."""
    found = [value for value in values if value is not None]
    if not found:
        return {"median": None, "low": None, "high": None, "n": 0}
    low, middle, high = min(found), statistics.median(found), max(found)
    return {"median": round(middle, 4), "low": round(low, 4), "high": round(high, 4), "n": len(found)}


def rates(rows: list[dict]) -> dict:
    return spread([row.get("per_second") for row in rows])


def ratios(ours: list[dict], theirs: list[dict]) -> dict:
    """Ours over theirs, round by round."""
    return spread(
        [a["per_second"] / b["per_second"] if "per_second" in a and "per_second" in b else None for a, b in zip(ours, theirs, strict=True)]
    )


def rounds(contestants: dict, count: int) -> dict[str, list[dict]]:
    """Every contestant once a round, in alternating order."""
    found: dict[str, list[dict]] = {name: [] for name in contestants}
    for number in range(count):
        for name in list(contestants)[:: 1 if number % 2 == 0 else -1]:
            found[name].append(contestants[name](number))
    return found


# ---- what is worked on -------------------------------------------------------------------------------------------------------------


def prepare(folder: Path, tokens: int) -> None:
    """A seeded sample of a shipped character's training examples, and its questions, in `folder`."""
    import random


    here = run.open("bench-data", folder)
    person = profile.load(profile.find("beethoven"))
    profile.save(person, here.path("profile.md"))
    here.set_params("profile", {"preset": "workshop", "character": "beethoven", "source": "beethoven.md"})
    writer = teachers.make_teacher("recorded", "beethoven", person, 0)
    experience.reconstruct(here, person, writer, scenes=2, limit=0)
    experience.build_protective(here, person, writer, pairs=3, limit=0)
    tokenizer = models.load_tokenizer(models.find_base("bundled"))
    settings = run.resolve(here, "upload", "workshop")
    chosen, _ = upload.build_examples(here, person, tokenizer, settings, 0)
    chosen = [item.model_copy(update={"split": "train"}) for item in chosen]
    random.Random(0).shuffle(chosen)
    kept, used = [], 0
    for item in chosen:
        size = len(models.encode(tokenizer, [message.model_dump() for message in item.messages]).ids)
        if used + size <= tokens:
            kept.append(item)
            used += size
    run.write_jsonl(folder / "examples.jsonl", kept)
    system = {"role": "system", "content": models.system_prompt(person.name)}
    questions = playground.load_questions(ROOT / "data" / "questions" / "beethoven.jsonl")
    random.Random(1).shuffle(questions)

    def talk(item):
        return [system, {"role": "user", "content": item.question}]

    given = {
        "talks": [talk(item) for item in questions],
        "choices": [{"talk": talk(item), "options": item.options} for item in questions if item.options and len(item.options) > 1],
    }
    run.write_atomic(folder / "questions.json", json.dumps(given, ensure_ascii=False))


def adapter(folder: Path) -> None:
    """The adapter that interviews are held with: the upload's of the sample; and the same merged into the base's weights, for the rivals."""
    import shutil

    import peft


    found = models.find_base("bundled")
    shutil.copytree(folder / "ours" / "adapter", folder / "adapter", dirs_exist_ok=True)
    model = models.load_base(found, "float32")[0]
    peft.PeftModel.from_pretrained(model, folder / "adapter").merge_and_unload().save_pretrained(folder / "merged")


# ---- the three matches -------------------------------------------------------------------------------------------------------------


def bench_upload(folder: Path, given, found: dict, say) -> None:
    """Useful tokens a second: ours, TRL at its defaults, TRL tuned, and ours with one switch turned back."""
    ours, default, tuned = (given.worker(name) for name in ("upload", "trl", "trl"))
    first = ours.go(rank=RANK)  # warms it, and leaves an adapter for the interviews
    if "error" in first:
        raise SystemExit(f"charlib's own upload failed: {first['error']}")
    default.go(rank=RANK, config={})
    trials = {}
    for name, config in candidates(first["dtype"]).items():
        if given.quick and name.endswith("compiled"):
            continue
        cold = tuned.go(rank=RANK, config=config)
        warm = tuned.go(rank=RANK, config=config) if "error" not in cold else cold
        if tuned.missing:  # given up with this one: the others are tried in a fresh process
            tuned.end()
            tuned = given.worker("trl")
        trials[name] = {"cold_seconds": cold.get("seconds"), **{k: warm[k] for k in ("seconds", "per_second", "error") if k in warm}}
    working = [name for name, row in trials.items() if "per_second" in row]
    best = max(working, key=lambda name: trials[name]["per_second"], default="")
    config = candidates(first["dtype"]).get(best, {})
    if best:
        tuned.go(rank=RANK, config=config)
    contestants = {"charlib": lambda n: ours.go(rank=RANK), "TRL, its defaults": lambda n: default.go(rank=RANK, config={})}
    if best:
        contestants["TRL, best tuned"] = lambda n: tuned.go(rank=RANK, config=config)
    timed = rounds(contestants, given.rounds)
    switches = LADDER[:2] if given.quick else LADDER
    ladder = rounds(
        {"all on": lambda n: ours.go(rank=RANK)} | {name: lambda n, s=name: ours.go(rank=RANK, switch=s) for name in switches},
        min(2, given.rounds),
    )
    for worker in (ours, default, tuned):
        worker.end()
    gradient = given.worker("gradient")
    cosines = [gradient.go(round=number) for number in range(given.rounds)]
    gradient.end()
    mine = [row for row in timed["charlib"] if "error" not in row]
    found["upload.vs_default"] = ratios(timed["charlib"], timed["TRL, its defaults"])
    found["upload.vs_best"] = ratios(timed["charlib"], timed.get("TRL, best tuned", [{}] * given.rounds))
    found["upload.share_of_limit"] = spread([row["computed"] * flops(row) / row["seconds"] / row["rate"] for row in mine])
    found["upload.grad_cosine"] = spread([row.get("cosine") for row in cosines])
    found["peak_gb"] = spread([first["peak_gb"]])  # of a process that has trained once, as a walk's child does
    found["upload"] = {
        "unit": "tokens of the examples a second", "rank": RANK, "dtype": first["dtype"], "tokens": first["units"],
        "computed": first["computed"], "supervised": first["supervised"],
        "matrix_products": spread([row["rate"] / 1e9 for row in mine]) | {"unit": "GFLOP/s in the compute type at the model's shapes"},
        "rates": {name: rates(rows) for name, rows in timed.items()},
        "peak_gb": {name: spread([row.get("peak_gb") for row in rows]) for name, rows in timed.items()},
        "best_tuned": {"chosen": best, "settings": config, "tried": trials},
        "ladder": {name: rates(rows) | {"speed_left": ratios(rows, ladder["all on"]), "error": next((r["error"] for r in rows if "error" in r), "")}
                   for name, rows in ladder.items()},
    }  # fmt: skip
    tried = trials.get("grouped by length, batch 8, sdpa, compiled", {})
    plain = trials.get("grouped by length, batch 8, sdpa", {})
    if "per_second" in tried and "per_second" in plain:
        gain = 1 / plain["per_second"] - 1 / tried["per_second"]
        cost = tried["cold_seconds"] - tried["seconds"]
        found["upload"]["compile"] = {"seconds": round(cost, 1), "break_even_tokens": round(cost / gain) if gain > 0 else None}


def flops(row: dict) -> float:
    """Floating-point operations a computed token needs: forward and input gradients of the frozen blocks, adapters, and the head on
    supervised positions alone. Attention's own products, under 2% at these lengths, are left out."""

    config = json.loads((models.find_base("bundled").folder / "config.json").read_text())
    hidden, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    narrow = hidden * config["num_key_value_heads"] // config["num_attention_heads"]
    sides = [(hidden, hidden), (hidden, narrow), (hidden, narrow), (hidden, hidden), (hidden, inner), (hidden, inner), (inner, hidden)]
    blocks, adapters = layers * sum(a * b for a, b in sides), layers * RANK * sum(a + b for a, b in sides)
    return 4 * blocks + 6 * adapters + 4 * row["supervised"] / row["computed"] * hidden * config["vocab_size"]


def bench_interview(folder: Path, given, found: dict, say) -> None:
    """Answers a minute at up to 64 new tokens: with the stops the model itself makes, and at exactly 64."""
    many, few = (16, 3) if given.quick else (128, 6)
    ours, plain, flow, llama = (given.worker(name) for name in ("interview", "generate", "continuous", "llama"))
    part: dict = {}
    agreed = 0
    for mode, stops in (("own stops", True), ("64 tokens", False)):
        if given.quick and not stops:
            continue
        ours.go(first=0, count=8, stops=stops)
        sizes = (8,) if given.quick else (32, 64, 128)
        trials = {size: plain.go(first=0, count=size, batch=size, stops=stops) for size in sizes}
        best = max(sizes, key=lambda size: trials[size].get("per_second", 0))
        contestants = {
            "charlib": lambda n, s=stops: ours.go(first=0, count=many, stops=s),
            "generate, one by one": lambda n, s=stops: plain.go(first=few * n, count=few, batch=1, stops=s),
            "generate, batched": lambda n, s=stops, b=best: plain.go(first=0, count=many, batch=b, stops=s),
        }
        if stops or not given.quick:
            contestants["llama.cpp, one by one"] = lambda n, s=stops: llama.go(first=few * n, count=few, stops=s)
        if not flow.missing and not stops:
            contestants["continuous batching"] = lambda n, s=stops: flow.go(first=0, count=many // 2, stops=s)  # 12 GB for all
        timed = rounds(contestants, given.rounds)
        one = timed["generate, one by one"]
        if stops:
            whole = timed["charlib"][0].get("said", [])
            pairs = [(whole[few * n + place], said) for n, row in enumerate(one) for place, said in enumerate(row.get("said", []))
                     if few * n + place < len(whole)]  # fmt: skip
            agreed = {"same": sum(a == b for a, b in pairs), "of": len(pairs)}
        part[mode] = {
            "answers_a_minute": {name: spread([60 * row["per_second"] if "per_second" in row else None for row in rows]) for name, rows in timed.items()},
            "tokens_a_second": {name: spread([row["tokens"] / row["seconds"] if "tokens" in row else None for row in rows]) for name, rows in timed.items()},
            "tokens_an_answer": {name: spread([row["tokens"] / row["units"] if "tokens" in row else None for row in rows]) for name, rows in timed.items()},
            "peak_gb": {name: spread([row.get("peak_gb") for row in rows]) for name, rows in timed.items()},
            "missing": {name: rows[0]["error"] for name, rows in timed.items() if "error" in rows[0]},
            "batch_of_generate": best,
            "vs_single": ratios(timed["charlib"], one), "vs_batched": ratios(timed["charlib"], timed["generate, batched"]),
        }  # fmt: skip
    for worker in (ours, plain, flow, llama):
        worker.end()
    found["interview"] = part | {"missing": {w.name: w.missing for w in (flow, llama) if w.missing}, "same_replies_as_generate": agreed}
    headline = part.get("64 tokens") or part["own stops"]  # the length that the targets name; the other stands beside it
    found["interview.vs_single"], found["interview.vs_batched"] = headline["vs_single"], headline["vs_batched"]


def bench_choice(folder: Path, given, found: dict, say) -> None:
    """Options scored a second, and whether the chosen ones are the same."""
    many, few = (16, 2) if given.quick else (96, 8)
    ours, plain = given.worker("choice"), given.worker("forwards")
    ours.go(first=0, count=many)
    timed = rounds(
        {"charlib": lambda n: ours.go(first=0, count=many), "a forward an option": lambda n: plain.go(first=few * n, count=few)},
        given.rounds,
    )
    for worker in (ours, plain):
        worker.end()
    whole = timed["charlib"][0].get("best", [])
    pairs = [
        (whole[few * n + place], best)
        for n, row in enumerate(timed["a forward an option"])
        for place, best in enumerate(row.get("best", []))
    ]
    found["choice.vs_plain"] = ratios(timed["charlib"], timed["a forward an option"])
    found["choice"] = {
        "options_a_second": {name: rates(rows) for name, rows in timed.items()},
        "same_choice": sum(a == b for a, b in pairs),
        "of": len(pairs),
    }


# ---- what is shown -----------------------------------------------------------------------------------------------------------------


def picture(found: dict, path: Path) -> None:
    """Rates of every contestant as bars, the rounds' spread as lines."""

    groups = []
    if "upload" in found:
        groups.append(("Upload, useful tokens a second", found["upload"]["rates"]))
        groups.append(("Upload, one part turned back or changed", found["upload"]["ladder"]))
    for mode, part in found.get("interview", {}).items():
        if "answers_a_minute" in part:
            groups.append((f"Interview, answers a minute, {mode}", part["answers_a_minute"]))
    if "choice" in found:
        groups.append(("Choice, options a second", found["choice"]["options_a_second"]))
    sizes = [max(1, len(rows)) for _, rows in groups]
    fig, axes = show.figure(9, 0.9 * len(groups) + 0.36 * sum(sizes), rows=len(groups), squeeze=False, height_ratios=sizes)
    for ax, (title, rows) in zip(axes[:, 0], groups, strict=True):
        for y, (name, row) in enumerate(rows.items()):
            if row["median"] is None:
                ax.text(0, y, " not measured", va="center", fontsize=9)
                continue
            tint = show.SYSTEMS["simulacrum"] if name in ("charlib", "all on") else show.SYSTEMS["prompted"]
            ax.barh(y, row["median"], color=tint, height=0.7)
            ax.plot([row["low"], row["high"]], [y, y], color="black", lw=1.5)
            ax.text(row["high"], y, f" {row['median']:.0f}", va="center", fontsize=9)
        ax.set_yticks(range(len(rows)), list(rows), fontsize=9)
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        ax.set_title(title, fontsize=11)
    show.save(fig, path)


def machine() -> dict:
    """What it was run on."""
    import torch
    import transformers

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = {line.split(":")[1].strip() for line in lines if line.startswith("model name")}
    flags = next((line for line in lines if line.startswith("flags")), "")
    return {
        "date": datetime.date.today().isoformat(), "processor": sorted(named) or platform.processor(), "cores": os.cpu_count(),
        "bf16_tiles": "amx_bf16" in flags, "load_before": os.getloadavg()[0], "torch": torch.__version__, "transformers": transformers.__version__,
        "threads": torch.get_num_threads(),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=1600, help="size of the training sample")
    parser.add_argument("--quick", action="store_true", help="a dry run with tiny counts: its numbers mean nothing")
    parser.add_argument("--only", default="upload,interview,choice")
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "bench")
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the environment with requirements.txt installed")
    given = parser.parse_args()
    os.environ["TQDM_DISABLE"] = "1"
    given.rounds = 1 if given.quick else given.rounds
    given.out.mkdir(parents=True, exist_ok=True)
    folder = given.out / "work"
    folder.mkdir(exist_ok=True)
    began = time.perf_counter()
    found: dict = {"machine": machine(), "rounds": given.rounds, "quick": given.quick}
    with (given.out / "log.txt").open("w") as log:
        given.worker = lambda name: Worker(name, folder, given.python, log)
        with contextlib.redirect_stdout(log):
            prepare(folder, 900 if given.quick else given.tokens)
        parts = [name.strip() for name in given.only.split(",")]
        for name in ("upload", "interview", "choice"):
            if name != "upload" and not (folder / "merged").is_dir():
                if not (folder / "ours" / "adapter").is_dir():
                    first = given.worker("upload")
                    first.go(rank=RANK)
                    first.end()
                adapter(folder)
            if name in parts:
                say(log, name)
                globals()[f"bench_{name}"](folder, given, found, say)
                found["minutes"] = round((time.perf_counter() - began) / 60, 1)
                (given.out / "bench.json").write_text(json.dumps(found, indent=1) + "\n")
    picture(found, given.out / "bench.png")
    for name in ("upload.vs_default", "upload.vs_best", "upload.share_of_limit", "upload.grad_cosine", "interview.vs_single",
                 "interview.vs_batched", "choice.vs_plain", "peak_gb"):  # fmt: skip
        if name in found:
            print(f"{name:24} {found[name]}")
    print(f"{found['minutes']} minutes; {given.out / 'bench.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
