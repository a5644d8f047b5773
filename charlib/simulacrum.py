"""The simulacrum: a base model and its adapters; replies, batch interviews, option likelihood.

    sim = simulacrum.load(here)                       # the run's adapter on its base
    sim.reply([{"role": "user", "content": "Who taught you?"}])
    sim.answer(conversations, system="simulacrum")    # many at once
    sim.option_likelihood(conversations, options)     # log-probabilities, no generation

One base is held in memory and every adapter is a name on it; `prompted` is the base with no adapter.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charlib import base as bases
from charlib import dataset, run

BASE = "__base__"


@dataclass(frozen=True)
class Sampling:
    """How replies are drawn. Temperature 0 is greedy; the penalty divides the logits of words already said."""

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 0.95
    repetition_penalty: float = 1.1


@dataclass(frozen=True)
class Reply:
    """A generated reply: raw text, number of tokens, whether it stopped by itself, seconds of its batch a reply."""

    text: str
    tokens: int
    finish: str
    seconds: float


class Simulacrum:
    """A base model with named adapters. `use(name)` switches; `BASE` is the bare model."""

    def __init__(self, model, tokenizer, base: bases.Base | None = None):
        self.model, self.tokenizer, self.base = model.eval(), tokenizer, base
        self.adapters: list[str] = []
        self.name = BASE

    @property
    def device(self):
        return next(self.model.parameters()).device

    def add(self, name: str, folder: Path) -> None:
        """Load an adapter under a name. Raises RunError for a wrong base or a pickled file (fault F26)."""
        import peft

        from charlib.upload import lora_forward

        check_adapter(folder, self.base)
        if not self.adapters:
            self.model = peft.PeftModel.from_pretrained(self.model, folder, adapter_name=name, autocast_adapter_dtype=True)
        else:
            self.model.load_adapter(folder, adapter_name=name, autocast_adapter_dtype=True)
        for part in self.model.modules():
            if isinstance(part, peft.tuners.lora.Linear):
                part.forward = lora_forward.__get__(part)
        self.adapters.append(name)
        self.model.eval()
        self.use(name)

    def use(self, name: str) -> "Simulacrum":
        """Answer as this adapter from now on, or as the bare base."""
        if name != BASE and name not in self.adapters:
            raise run.RunError(f"No adapter '{name}' is loaded: add it first (loaded: {', '.join(self.adapters) or 'none'}).")
        if self.adapters:
            if name == BASE:
                self.model.base_model.disable_adapter_layers()
            else:
                self.model.base_model.enable_adapter_layers()
                self.model.set_adapter(name)
        self.name = name
        return self

    # ---- replies

    def answer(self, conversations: list[list[dict]], sampling: Sampling = Sampling(), seed: int = 0, batch: int = 32, on_done=None) -> list[Reply]:
        """A reply to each conversation (chat messages ending with a user's turn), in order; batches are made of like lengths.

        The system prompt that conversations share is computed once. `on_done(index, reply)` is called as each batch ends.
        """
        encoded = [dataset.encode(self.tokenizer, messages) for messages in conversations]
        order = sorted(range(len(encoded)), key=lambda index: (encoded[index].ids[: encoded[index].prefix].tobytes(), len(encoded[index].ids)))
        replies: list[Reply | None] = [None] * len(encoded)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            began = time.perf_counter()
            texts = self._generate([encoded[index] for index in chosen], sampling, seed + start)
            seconds = (time.perf_counter() - began) / len(chosen)
            for index, (ids, finish) in zip(chosen, texts, strict=True):
                reply = Reply(self.tokenizer.decode(ids, skip_special_tokens=True).strip(), len(ids), finish, round(seconds, 3))
                replies[index] = reply
                if on_done:
                    on_done(index, reply)
        return replies

    def reply(self, messages: list[dict], sampling: Sampling = Sampling(), seed: int = 0) -> Reply:
        """One reply to one conversation."""
        return self.answer([messages], sampling, seed)[0]

    def stream(self, messages: list[dict], sampling: Sampling = Sampling(), seed: int = 0) -> Iterator[str]:
        """The reply's text as it grows, a piece a token."""
        said, shown = [], ""
        for token in self._tokens(dataset.encode(self.tokenizer, messages), sampling, seed):
            said.append(token)
            text = self.tokenizer.decode(said, skip_special_tokens=True)
            if not text.endswith("\ufffd") and text != shown:
                yield text[len(shown) :]
                shown = text

    def _tokens(self, item: dataset.Tokens, sampling: Sampling, seed: int) -> Iterator[int]:
        import torch
        from transformers import DynamicCache

        generator = torch.Generator().manual_seed(seed)
        ids = torch.from_numpy(item.ids)[None].to(self.device)
        cache = DynamicCache(config=self.model.config)
        seen = torch.zeros(1, self.model.config.vocab_size, dtype=torch.bool, device=self.device)
        seen.scatter_(1, ids, True)
        for _ in range(sampling.max_new_tokens):
            with torch.inference_mode():
                logits = self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1]
                token = pick(logits, seen, sampling, [generator])
            if int(token[0]) in self._stops:
                return
            yield int(token[0])
            seen[0, token[0]] = True
            ids = token[:, None]

    @property
    def _stops(self) -> set[int]:
        stops = self.model.generation_config.eos_token_id
        return set(stops if isinstance(stops, list) else [stops]) | {self.tokenizer.eos_token_id}

    def _generate(self, items: list[dataset.Tokens], sampling: Sampling, seed: int) -> list[tuple[list[int], str]]:
        """Batched decoding over a pre-allocated cache: shared prompt computed once, finished rows dropped from the batch.

        Equal to `model.generate` under greedy decoding (a test compares). Returns (token ids without the stop, finish) a row.
        """
        import torch

        rows, device = len(items), self.device
        prefix = _common(items)
        tails = [item.ids[prefix:] for item in items]
        longest = max(len(tail) for tail in tails)
        ids = torch.full((rows, longest), self.tokenizer.pad_token_id or 0, dtype=torch.long)
        real = torch.zeros(rows, longest, dtype=torch.bool)
        for row, tail in enumerate(tails):  # left padding, so that every row's next token is in the last column
            ids[row, longest - len(tail) :] = torch.from_numpy(tail)
            real[row, longest - len(tail) :] = True
        ids, real = ids.to(device), real.to(device)
        cache = preallocated(self.model.config, prefix + longest + sampling.max_new_tokens)
        visible = torch.cat([torch.ones(rows, prefix, dtype=torch.bool, device=device), real], dim=1)
        generators = [torch.Generator().manual_seed(seed * 100_003 + row) for row in range(rows)]
        seen = torch.zeros(rows, self.model.config.vocab_size, dtype=torch.bool, device=device)
        for row, item in enumerate(items):
            seen[row, torch.from_numpy(item.ids).to(device)] = True
        out: list[list[int]] = [[] for _ in items]
        finish = ["length"] * rows
        alive = list(range(rows))
        with torch.inference_mode():
            if prefix:
                head = torch.from_numpy(items[0].ids[:prefix])[None].to(device)
                self.model(input_ids=head, past_key_values=cache, use_cache=True, logits_to_keep=1)
                cache.batch_repeat_interleave(rows)
            positions = (prefix + real.long().cumsum(1) - 1).clamp(min=0)
            mask = _mask(visible, longest)
            logits = self._forward(ids, positions, mask, cache)
            lengths = torch.tensor([len(item.ids) for item in items], device=device)
            for step in range(sampling.max_new_tokens):
                token = pick(logits, seen, sampling, [generators[row] for row in alive])
                stopped = []
                for place, value in enumerate(token.tolist()):
                    if value in self._stops:
                        finish[alive[place]] = "stop"
                        stopped.append(place)
                    else:
                        out[alive[place]].append(value)
                if stopped:
                    keep = [place for place in range(len(alive)) if place not in set(stopped)]
                    if not keep:
                        break
                    index = torch.tensor(keep, device=device)
                    alive = [alive[place] for place in keep]
                    token, seen, visible, lengths = token[index], seen[index], visible[index], lengths[index]
                    for layer in cache.layers:
                        layer.keep(index)
                if step + 1 == sampling.max_new_tokens:
                    break
                seen.scatter_(1, token[:, None], True)
                visible = torch.cat([visible, visible.new_ones(len(alive), 1)], dim=1)
                logits = self._forward(token[:, None], lengths[:, None] + step, visible[:, None, None, :], cache)
        return list(zip(out, finish, strict=True))

    def _forward(self, ids, positions, mask, cache):
        return self.model(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1
        ).logits[:, -1]

    # ---- likelihood

    def option_likelihood(self, conversations: list[list[dict]], options: list[list[str]], rows_per_step: int = 8) -> list[list[float]]:
        """Mean log-probability a byte of each option as the reply to each conversation.

        Conversation and options are packed as one tree (prompt once, options as branches), so the prompt is computed once a question.
        """
        import torch

        from charlib import upload

        trees, flat = [], []
        for messages, choices in zip(conversations, options, strict=True):
            prompt = dataset.encode(self.tokenizer, messages).ids
            for choice in choices:
                tail = self.tokenizer.encode(choice, add_special_tokens=False)
                ids = _join(prompt, tail)
                labels = ids.copy()
                labels[: len(prompt)] = dataset.IGNORE
                flat.append((len(trees), len(choice.encode())))
                trees.append(dataset.Tokens(ids, labels, len(prompt) - 1))
        rows = dataset.pack(trees, 512)
        totals = [0.0] * len(flat)
        head = self._head()
        with torch.inference_mode():
            for start in range(0, len(rows), rows_per_step):
                chosen = rows[start : start + rows_per_step]
                batch = {name: value.to(self.device) for name, value in dataset.collate(chosen).items()}
                batch["input_ids"] = batch.pop("ids")
                states = upload.hidden(self.model, batch)
                keep = batch["labels"] != dataset.IGNORE
                logits = head(states[keep]).float()
                scores = torch.log_softmax(logits, -1).gather(1, batch["labels"][keep][:, None])[:, 0]
                where = keep.nonzero()
                for (row, column), score in zip(where.tolist(), scores.tolist(), strict=True):
                    totals[chosen[row].examples[int(batch["segments"][row, column]) - 1]] += score
        values = [total / max(1, size) for total, (_, size) in zip(totals, flat, strict=True)]
        found, place = [], 0
        for choices in options:
            found.append(values[place : place + len(choices)])
            place += len(choices)
        return found

    def _head(self):
        inner = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
        return inner.get_output_embeddings()

    def perplexity(self, texts: list[str]) -> float:
        """Perplexity a token of plain texts: what general ability is left (retention)."""
        import math

        import torch

        total, count = 0.0, 0
        for text in texts:
            ids = torch.tensor([self.tokenizer.encode(text, add_special_tokens=False)[:512]], device=self.device)
            with torch.inference_mode():
                logits = self.model(input_ids=ids).logits[0, :-1].float()
            total += float(torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum"))
            count += ids.shape[1] - 1
        return math.exp(total / count)


def preallocated(config, length: int):
    """A transformers cache whose keys and values are written in place into buffers of `length` positions: nothing is copied to grow."""
    import torch
    from transformers.cache_utils import Cache, DynamicLayer

    class Layer(DynamicLayer):
        def lazy_initialization(self, keys, values) -> None:
            self.dtype, self.device, self.used = keys.dtype, keys.device, 0
            self.keys = keys.new_empty((*keys.shape[:2], length, keys.shape[3]))
            self.values = values.new_empty((*values.shape[:2], length, values.shape[3]))
            self.is_initialized = True

        def update(self, keys, values, *args, **kwargs):
            if not self.is_initialized:
                self.lazy_initialization(keys, values)
            start, self.used = self.used, self.used + keys.shape[2]
            self.keys[:, :, start : self.used] = keys
            self.values[:, :, start : self.used] = values
            return self.keys[:, :, : self.used], self.values[:, :, : self.used]

        def get_seq_length(self) -> int:
            return self.used if self.is_initialized else 0

        def keep(self, index: torch.Tensor) -> None:
            """Copy only the rows that go on, and only the positions in use."""
            for name in ("keys", "values"):
                old = getattr(self, name)
                new = old.new_empty((len(index), *old.shape[1:]))
                new[:, :, : self.used] = old[index, :, : self.used]
                setattr(self, name, new)

    return Cache(layers=[Layer() for _ in range(config.num_hidden_layers)])


def _common(items: list[dataset.Tokens]) -> int:
    """How many leading tokens all conversations share, leaving each at least one of its own."""
    import numpy as np

    first = items[0].ids
    shared = min(len(item.ids) for item in items) - 1
    for item in items[1:]:
        differ = np.nonzero(first[:shared] != item.ids[:shared])[0]
        shared = int(differ[0]) if len(differ) else shared
    return shared


def _mask(visible, queries: int):
    """Causal mask (rows, 1, queries, keys) over what is visible; a padded query sees itself, so that no row of the mask is empty."""
    import torch

    keys = visible.shape[1]
    causal = torch.ones(queries, keys, dtype=torch.bool, device=visible.device).tril(keys - queries)
    mask = causal[None] & visible[:, None, :]
    mask |= torch.ones_like(causal).tril(keys - queries).triu(keys - queries)[None]
    return mask[:, None]


def _join(prompt, tail):
    import numpy as np

    return np.concatenate([prompt, np.asarray(tail, dtype=np.int64)])


def pick(logits, seen, sampling: Sampling, generators):
    """The next token of each row, shape (rows,). Penalised for what was said, then greedy, or drawn from the top-p share."""
    import torch

    logits = logits.float()
    if sampling.repetition_penalty != 1.0:
        penalised = torch.where(logits > 0, logits / sampling.repetition_penalty, logits * sampling.repetition_penalty)
        logits = torch.where(seen, penalised, logits)
    if not sampling.temperature:
        return logits.argmax(-1)
    chances = torch.softmax(logits / sampling.temperature, -1)
    ordered, index = chances.sort(-1, descending=True)
    ordered[ordered.cumsum(-1) - ordered > sampling.top_p] = 0
    drawn = torch.stack([torch.multinomial(row.cpu(), 1, generator=one) for row, one in zip(ordered, generators, strict=True)])
    return index.gather(1, drawn.to(index.device))[:, 0]


def check_adapter(folder: Path, base: bases.Base | None) -> dict:
    """What an adapter folder says of itself. Raises RunError when it is missing, pickled, or made on another base."""
    folder = Path(folder)
    if not (folder / "adapter_config.json").is_file():
        raise run.RunError(f"{folder.name}/ holds no adapter: run notebook 04 first.")
    pickled = [path for ending in ("bin", "pt", "pth") for path in folder.glob(f"*.{ending}")]
    if pickled and not (folder / "trainer_state.json").is_file():  # a checkpoint of our own keeps its optimiser beside the weights
        raise run.RunError(f"{folder.name}/ holds a pickled file (.bin, .pt, .pth): only safetensors are loaded.")
    if not (folder / "adapter_model.safetensors").is_file():
        raise run.RunError(f"{folder.name}/ holds no adapter_model.safetensors: run notebook 04 again.")
    facts = json.loads((folder / "base.json").read_text()) if (folder / "base.json").is_file() else {}
    if base and facts and facts["fingerprint"] != base.fingerprint:
        raise run.RunError(f"This adapter was trained on {facts['base']} ({facts['fingerprint']}), not on {base.name} ({base.fingerprint}).")
    return facts


def load(here: run.Run, adapter: str = "adapter", dtype: str | None = None, say=print) -> Simulacrum:
    """The run's simulacrum: its base with its adapter, or its fully fine-tuned model."""
    if here.path("model").is_dir() and not here.path(adapter).is_dir():
        folder = here.path("model")
        return Simulacrum(*bases.load(bases.Base("model", folder, ""), dtype))
    facts = check_adapter(here.path(adapter), None)
    base = bases.find(facts.get("base", "bundled"), say)
    sim = Simulacrum(*bases.load(base, dtype), base)
    sim.add("simulacrum", here.path(adapter))
    return sim
