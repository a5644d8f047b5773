"""The simulacrum: a base model and its adapters; replies, batch interviews, option likelihood.

    sim = models.load_simulacrum(here)                # the run's adapter on its base
    sim.reply([{"role": "user", "content": "Who taught you?"}])
    sim.answer(conversations)                         # many at once
    sim.option_likelihood(conversations, options)     # log-probabilities, no generation

One base is held in memory and every adapter is a name on it; `BASE` is the base with no adapter.
Threads may share a simulacrum: each answers as the adapter that it chose itself.

Fast, and equal to plain `generate` under greedy decoding: what conversations begin with in common
is computed once (`prefill`), keys and values are written in place (`batch`), and where many are
answered in float32 the adapter is added to the weights meanwhile. `tests/bench` measures it."""

import contextlib
import functools
import json
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from charlib import run
from charlib.models.adapters import check_adapter, fuse, head, lora_layers
from charlib.models.base import Base, find_base, load_base
from charlib.models.batch import Batch, Sampling
from charlib.models.chat import encode
from charlib.models.prefill import alike, prefill

BASE = "__base__"

# conversations side by side: enough rows for good products; more are no faster on two cores and
# take more memory
BATCH = 128

MERGE_FROM = 8  # so many conversations pay for adding an adapter to the weights


@dataclass(frozen=True)
class Reply:
    """A reply: its text as generated (from a talk: what is said, thoughts apart), number of tokens,
    whether it stopped by itself, its share of the seconds its batch took."""
    text: str
    tokens: int = 0
    finish: str = "stop"
    seconds: float = 0.0
    thought: str | None = None

    def __str__(self) -> str:
        return self.text


class Simulacrum:
    """A base model with named adapters. `use(name)` switches; `BASE` is the bare model."""
    def __init__(self, model, tokenizer, base: Base | None = None):
        self.model, self.tokenizer, self.base = model.eval(), tokenizer, base
        self.adapters: list[str] = []
        # one forward pass at a time; held for a step, so that a chat goes on during an interview
        self._turn = threading.RLock()
        self._latest, self._mine = BASE, threading.local()
        # the adapter that the layers add just now, and the one whose sum with the weights is kept
        self._speaking: list[str] = []
        self._merged: tuple[str, dict] = ("", {})

    @property
    def device(self):
        return self.model.device

    @property
    def name(self) -> str:
        """The adapter this thread chose, else the latest that was chosen."""
        return getattr(self._mine, "name", self._latest)

    def add(self, name: str, folder: Path) -> None:
        """Load an adapter under a name. Raises RunError for a wrong base or a pickled file (fault
        F26)."""
        import peft
        check_adapter(folder, self.base)
        with self._turn:
            if not self.adapters:
                self.model = peft.PeftModel.from_pretrained(self.model, folder, adapter_name=name)
            else:
                self.model.load_adapter(folder, adapter_name=name)
            for part in lora_layers(self.model):
                fuse(part, self._speaking)
                if name in part.lora_A:  # in the compute type once, not at every step
                    part.lora_A[name].to(part.weight.dtype)
                    part.lora_B[name].to(part.weight.dtype)
            self._merged = ("", {})
            self.adapters.append(name)
            self.model.eval()
        self.use(name)

    def use(self, name: str) -> "Simulacrum":
        """Answer this thread as this adapter from now on, or as the bare base. Raises RunError for
        an adapter that is not loaded."""
        if name != BASE and name not in self.adapters:
            raise run.RunError(f"No adapter '{name}' is loaded: add it first "
                               f"(loaded: {', '.join(self.adapters) or 'none'}).")
        self._latest = self._mine.name = name
        return self

    # ---- replies

    def answer(self, conversations: list[list[dict]], sampling: Sampling = Sampling(),
               seed: int = 0, batch: int = BATCH, on_done=None) -> list[Reply]:
        """A reply to each conversation (chat messages ending with a user's turn), in order, at most
        `batch` of them side by side. `on_done(index, reply)` is called as each ends."""
        items = [encode(self.tokenizer, messages) for messages in conversations]
        replies: list[Reply | None] = [None] * len(items)
        for said in self._batch(items, sampling, seed, batch).run(items) if items else ():
            text = self.tokenizer.decode(said.out, skip_special_tokens=True).strip()
            reply = Reply(text, len(said.out), said.finish, round(said.seconds, 3))
            replies[said.index] = reply
            if on_done:
                on_done(said.index, reply)
        return replies

    def reply(self, messages: list[dict], sampling: Sampling = Sampling(), seed: int = 0) -> Reply:
        """One reply to one conversation."""
        return self.answer([messages], sampling, seed)[0]

    def stream(self, messages: list[dict], sampling: Sampling = Sampling(), seed: int = 0
               ) -> Iterator[str]:
        """The reply's text as it grows, a piece a token, as the adapter chosen now. The model is
        free for others between two pieces."""
        item = encode(self.tokenizer, messages)
        return self._pieces(self._batch([item], sampling, seed, 1), item)

    def _pieces(self, batch: Batch, item) -> Iterator[str]:
        shown = ""
        batch.admit([(0, item)])
        said = batch.saying[0]
        while batch.saying:
            batch.step()
            text = self.tokenizer.decode(said.out, skip_special_tokens=True)
            if not text.endswith("\ufffd") and text != shown:
                yield text[len(shown) :]
                shown = text

    def _batch(self, items: list, sampling: Sampling, seed: int, most: int) -> Batch:
        """Room for these conversations, answered by the adapter that this thread chose."""
        width = max(len(item.ids) for item in items) + sampling.max_new_tokens
        return Batch(self.model, self._as(len(items)), self.stops, sampling, seed,
                     min(most, len(items)), width)

    @property
    def stops(self) -> set[int]:
        """The tokens that end a reply."""
        known = self.model.generation_config.eos_token_id
        return {self.tokenizer.eos_token_id, *(known if isinstance(known, list) else [known])}

    # ---- who speaks

    def _as(self, count: int):
        """The context in which the model answers as this thread's adapter, `count` conversations
        long: that many pay for a merge, in a type where it is exact to rounding."""
        import torch
        merge = count >= MERGE_FROM and self.model.dtype == torch.float32
        return functools.partial(self._acting, self.name, merge and self.name != BASE)

    @contextlib.contextmanager
    def _acting(self, name: str, merged: bool):
        """The model to oneself, answering as `name`. `merged`: the adapter is added to the weights
        meanwhile; the base's own are put back as they were, bit for bit."""
        import torch
        with self._turn, torch.inference_mode():
            aside = []
            try:
                for part, weight in self._sum(name).items() if merged else ():
                    aside.append((part, part.weight.data))
                    part.weight.data = weight
                self._speaking[:] = [] if merged else [name]
                yield
            finally:
                self._speaking.clear()
                for part, weight in aside:
                    part.weight.data = weight

    def _sum(self, name: str) -> dict:
        """Weight plus adapter of every adapted layer; kept for the adapter that was merged last."""
        import torch
        if self._merged[0] != name:
            self._merged = ("", {})  # the other one's memory goes before this one's comes
            sums = {}
            for part in lora_layers(self.model):
                if name in part.lora_A:
                    down, up = part.lora_A[name].weight, part.lora_B[name].weight
                    layer, scale = part.base_layer, part.scaling[name]
                    sums[layer] = torch.addmm(layer.weight, up, down, alpha=scale)
            self._merged = (name, sums)
        return self._merged[1]

    # ---- likelihood

    def option_likelihood(self, conversations: list[list[dict]], options: list[list[str]]
                          ) -> list[list[float]]:
        """Mean log-probability a byte of each option as the reply to each conversation.

        All are one tree: what prompts share is computed once, a prompt once for its options, an
        option without its last token, which predicts nothing that is asked."""
        import torch
        prompts = [encode(self.tokenizer, messages) for messages in conversations]
        found = [[0.0] * len(choices) for choices in options]
        paths, asked = [], []
        for question in alike(prompts):
            for place, text in enumerate(options[question]):
                tail = self.tokenizer.encode(text, add_special_tokens=False)
                if tail:
                    start = np.asarray(tail[:-1], dtype=np.int64)
                    paths.append(np.concatenate([prompts[question].ids, start]))
                    asked.append((question, place, tail))
        speaking = self._as(len(conversations))
        for first in prefill(self.model, paths, speaking, keep=False) if paths else ():
            states, where = first.states, []
            for number, row, path in first.paths:
                question, place, tail = asked[number]
                where += [(row, at, token, question, place)
                          for at, token in zip(path[-len(tail) :], tail, strict=True)]
            rows, places, tokens = (torch.tensor([entry[part] for entry in where],
                                                 device=self.device) for part in range(3))
            nodes, back = torch.unique(rows * states.shape[1] + places, return_inverse=True)
            with speaking():
                logits = head(self.model)(states.reshape(-1, states.shape[-1])[nodes]).float()
                scores = (logits[back, tokens] - logits.logsumexp(-1)[back]).tolist()
            for (_, _, _, question, place), score in zip(where, scores, strict=True):
                found[question][place] += score
        return [[total / max(1, len(text.encode()))
                 for total, text in zip(totals, choices, strict=True)]
                for totals, choices in zip(found, options, strict=True)]

    def perplexity(self, texts: list[str]) -> float:
        """Perplexity a token of plain texts: what general ability is left (retention)."""
        import torch
        total, count, speaking = 0.0, 0, self._as(1)
        for text in texts:
            ids = self.tokenizer.encode(text, add_special_tokens=False)[:512]
            ids = torch.tensor([ids], device=self.device)
            with speaking():
                logits = self.model(input_ids=ids).logits[0, :-1].float()
            loss = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum")
            total, count = total + float(loss), count + ids.shape[1] - 1
        return math.exp(total / count)


def load_simulacrum(here: run.Run, dtype: str | None = None, say=print) -> Simulacrum:
    """The run's simulacrum: its base with its adapter, or its fully fine-tuned model."""
    folder = here.path("adapter")
    if here.path("model").is_dir() and not folder.is_dir():
        return Simulacrum(*load_base(Base("model", here.path("model"), ""), dtype))
    name = check_adapter(folder, None).get("base", "bundled")
    if here.has("spec.json"):
        # the adapter says only how its base's folder was called; the spec of this run, where it is
        asked = json.loads(here.path("spec.json").read_text(encoding="utf-8"))["base"]
        name = asked if Path(asked).name == name else name
    base = find_base(name, say)
    sim = Simulacrum(*load_base(base, dtype), base)
    sim.add("simulacrum", folder)
    return sim
