"""The simulacrum: a base model and its adapters; replies, batch interviews, option likelihood.

    sim = simulacrum.load(here)                       # the run's adapter on its base
    sim.reply([{"role": "user", "content": "Who taught you?"}])
    sim.answer(conversations)                         # many at once
    sim.answer(conversations, names=["nell", "moss"]) # many at once, each by its own character
    sim.option_likelihood(conversations, options)     # log-probabilities, no generation

One base is held in memory and every adapter is a name on it; `prompted` is the base with no
adapter. Threads may share a simulacrum: each answers as the adapter that it chose itself.

Fast, and equal to plain `generate` under greedy decoding: what conversations begin with in common
is computed once (as a tree), keys and values are written in place, a finished reply leaves the
batch and a waiting conversation takes its place, and where one adapter answers many in float32 it
is added to the weights meanwhile. `tests/bench` measures it.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from charlib import run
from charlib.models.adapters import check_adapter, decoder
from charlib.models.base import Base, find_base, load_base
from charlib.models.chat import Tokens, encode
from charlib.models.prefill import First, alike, common, heaps, tree_batch, trees

BASE = "__base__"


# conversations side by side: enough rows for good products; more are no faster on two cores and
# take more memory
BATCH = 128


MERGE_FROM = 8  # so many conversations pay for adding an adapter to the weights


@dataclass(frozen=True)
class Sampling:
    """How replies are drawn. Temperature 0 is greedy; the penalty divides the logits of words
    already said.
    """

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 0.95
    repetition_penalty: float = 1.1


@dataclass(frozen=True)
class Reply:
    """A reply: its text as generated (from a talk: what is said, thoughts apart), number of tokens,
    whether it stopped by itself, its share of the seconds its batch took.
    """

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
        # which rows of the batch in hand belong to which adapter
        self._shares: list[tuple[str, slice]] = []
        # the one adapter whose sum with the weights is kept
        self._merged: tuple[str, dict] = ("", {})

    @property
    def device(self):
        return next(self.model.parameters()).device

    @property
    def name(self) -> str:
        """The adapter this thread chose, else the latest that was chosen."""
        return getattr(self._mine, "name", self._latest)

    def add(self, name: str, folder: Path) -> None:
        """Load an adapter under a name. Raises RunError for a wrong base or a pickled file (fault
        F26).
        """
        import peft

        check_adapter(folder, self.base)
        with self._turn:
            if not self.adapters:
                self.model = peft.PeftModel.from_pretrained(self.model, folder, adapter_name=name)
            else:
                self.model.load_adapter(folder, adapter_name=name)
            for part in self._layers():
                part.forward = _by_rows(part, self)
                if name in part.lora_A:  # in the compute type once, not at every step
                    part.lora_A[name].to(part.weight.dtype)
                    part.lora_B[name].to(part.weight.dtype)
            self._merged = ("", {})
            self.adapters.append(name)
            self.model.eval()
        self.use(name)

    def use(self, name: str) -> "Simulacrum":
        """Answer this thread as this adapter from now on, or as the bare base."""
        self._known(name)
        self._latest = self._mine.name = name
        return self

    def _known(self, name: str) -> None:
        if name != BASE and name not in self.adapters:
            raise run.RunError(f"No adapter '{name}' is loaded: add it first (loaded: {', '.join(self.adapters) or 'none'}).")

    def _layers(self) -> list:
        import peft

        return [part for part in self.model.modules() if isinstance(part, peft.tuners.lora.Linear)]

    @contextlib.contextmanager
    def _as(self, names: list[str], merge: bool = False):
        """The model to oneself, the rows of the coming batch answering as `names`; rows of one name
        stand together.

        With `merge` the one adapter is added to the weights meanwhile; the base's own are put back
        as they were, bit for bit.
        """
        import torch

        with self._turn, torch.inference_mode():
            aside = []
            try:
                if merge and names[0] != BASE:
                    for part, weight in self._sum(names[0]).items():
                        aside.append((part, part.weight.data))
                        part.weight.data = weight
                else:
                    self._shares = _shares(names)
                yield
            finally:
                self._shares = []
                for part, weight in aside:
                    part.weight.data = weight

    def _sum(self, name: str) -> dict:
        """Weight plus adapter of every adapted layer; kept for the adapter that was merged last."""
        import torch

        if self._merged[0] != name:
            self._merged = ("", {})  # the other one's memory goes before this one's comes
            sums = {}
            for part in self._layers():
                if name in part.lora_A:
                    down, up = part.lora_A[name].weight, part.lora_B[name].weight
                    layer = part.base_layer
                    sums[layer] = torch.addmm(layer.weight, up, down, alpha=part.scaling[name])
            self._merged = (name, sums)
        return self._merged[1]

    def _may_merge(self, names: list[str]) -> bool:
        """Whether one adapter answers so many that merging pays, in a type where it is exact to
        rounding.
        """
        import torch

        return len(names) >= MERGE_FROM and len(set(names)) == 1 and next(self.model.parameters()).dtype == torch.float32

    def _chosen(self, names: list[str] | None, count: int) -> list[str]:
        names = [self.name] * count if names is None else list(names)
        if len(names) != count:
            raise run.RunError(f"{len(names)} names were given for {count} conversations: name each one's character, or none.")
        for name in set(names):
            self._known(name)
        return names

    # ---- replies

    def answer(
        self, conversations: list[list[dict]], sampling: Sampling = Sampling(), seed: int = 0, batch: int = BATCH, on_done=None,
        names: list[str] | None = None,
    ) -> list[Reply]:  # fmt: skip
        """A reply to each conversation (chat messages ending with a user's turn), in order, at most
        `batch` of them side by side.

        `names` gives each its adapter, or `BASE`; by default all answer as the chosen one.
        `on_done(index, reply)` is called as each ends. Raises RunError for an adapter that is not
        loaded.
        """
        names = self._chosen(names, len(conversations))
        items = [encode(self.tokenizer, messages) for messages in conversations]
        replies: list[Reply | None] = [None] * len(items)
        for said in self._converse(items, names, sampling, seed, batch):
            text = self.tokenizer.decode(said.out, skip_special_tokens=True).strip()
            replies[said.index] = Reply(text, len(said.out), said.finish, round(said.seconds, 3))
            if on_done:
                on_done(said.index, replies[said.index])
        return replies

    def reply(self, messages: list[dict], sampling: Sampling = Sampling(), seed: int = 0) -> Reply:
        """One reply to one conversation."""
        return self.answer([messages], sampling, seed)[0]

    def stream(self, messages: list[dict], sampling: Sampling = Sampling(), seed: int = 0) -> Iterator[str]:
        """The reply's text as it grows, a piece a token. The model is free for others between two
        pieces.
        """
        item = encode(self.tokenizer, messages)
        talk = _Talk(self, [self.name], sampling, seed, 1, len(item.ids) + sampling.max_new_tokens)
        return self._pieces(talk, item)

    def _pieces(self, talk: "_Talk", item: Tokens) -> Iterator[str]:
        shown = ""
        talk.admit([(0, item)])
        said = talk.saying[0]
        while talk.saying:
            talk.step()
            text = self.tokenizer.decode(said.out, skip_special_tokens=True)
            if not text.endswith("\ufffd") and text != shown:
                yield text[len(shown) :]
                shown = text

    def _converse(
        self, items: list[Tokens], names: list[str], sampling: Sampling, seed: int, batch: int = BATCH
    ) -> Iterator["_Said"]:
        """Every conversation's reply as it ends. Waiting conversations take the places of finished
        ones.
        """
        if not items:
            return
        width = max(len(item.ids) for item in items) + sampling.max_new_tokens
        talk = _Talk(self, names, sampling, seed, min(batch, len(items)), width)
        waiting = alike([item.ids for item in items], [item.prefix for item in items], names)
        while waiting or talk.saying:
            # a few at a time: one alone would be a poor product
            if waiting and talk.free >= max(1, talk.slots // 4):
                chosen, waiting = waiting[: talk.free], waiting[talk.free :]
                talk.admit([(index, items[index]) for index in chosen])
            yield from talk.step()

    @property
    def _stops(self) -> set[int]:
        stops = self.model.generation_config.eos_token_id
        return set(stops if isinstance(stops, list) else [stops]) | {self.tokenizer.eos_token_id}

    # ---- likelihood

    def option_likelihood(self, conversations: list[list[dict]], options: list[list[str]]) -> list[list[float]]:
        """Mean log-probability a byte of each option as the reply to each conversation.

        All are one tree: what prompts share is computed once, a prompt once for its options, an
        option without its last token, which predicts nothing that is asked.
        """
        import torch

        prompts = [encode(self.tokenizer, messages) for messages in conversations]
        tails = [[self.tokenizer.encode(text, add_special_tokens=False) for text in choices] for choices in options]
        found = [[0.0] * len(choices) for choices in options]
        order = alike([item.ids for item in prompts], [item.prefix for item in prompts], [""] * len(prompts))
        paths, asked = [], []
        for question in order:
            for place, tail in enumerate(tails[question]):
                if tail:
                    paths.append(np.concatenate([prompts[question].ids, np.asarray(tail[:-1], dtype=np.int64)]))
                    asked.append((question, place, tail))
        names = [self.name] * len(paths)
        merge = self._may_merge([self.name] * len(conversations))
        for first in self._prefill(paths, names, merge, keep=False) if paths else ():
            states, where = first.states, []
            for number, row, path in first.paths:
                question, place, tail = asked[number]
                where += [(row, at, token, question, place) for at, token in zip(path[-len(tail) :], tail, strict=True)]
            rows, places, tokens = (torch.tensor([entry[part] for entry in where], device=self.device) for part in range(3))
            nodes, back = torch.unique(rows * states.shape[1] + places, return_inverse=True)
            with self._as([BASE]):
                logits = self._head()(states.reshape(-1, states.shape[-1])[nodes]).float()
                scores = (logits[back, tokens] - logits.logsumexp(-1)[back]).tolist()
            for (_, _, _, question, place), score in zip(where, scores, strict=True):
                found[question][place] += score
        return [
            [total / max(1, len(text.encode())) for total, text in zip(totals, choices, strict=True)]
            for totals, choices in zip(found, options, strict=True)
        ]

    def _prefill(self, paths: list, names: list[str], merge: bool, keep: bool = True) -> Iterator["First"]:
        """Run every path of token ids through the model, what they begin with in common once.
        Yields a few rows at a time.

        Paths come in an order that has like beginnings together, those of one name together. With
        `keep` their keys and values are there.
        """
        import torch
        from transformers import DynamicCache


        shared = common(paths) if len(set(names)) == 1 else 0
        stack = decoder(self.model)
        before = DynamicCache(config=self.model.config)
        if shared:
            with self._as(names[:1], merge):
                stack(input_ids=torch.from_numpy(paths[0][:shared])[None].to(self.device), past_key_values=before, use_cache=True)
        for rows in heaps(trees([path[shared:] for path in paths], names)):
            cache = DynamicCache(config=self.model.config)
            if shared:
                for number, layer in enumerate(before.layers):
                    cache.update(layer.keys.expand(len(rows), -1, -1, -1), layer.values.expand(len(rows), -1, -1, -1), number)
            ids, positions, mask = (value.to(self.device) for value in tree_batch(rows, shared))
            with self._as([row.name for row in rows], merge):
                states = stack(
                    input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache if keep or shared else None,
                    use_cache=keep or bool(shared),
                ).last_hidden_state  # fmt: skip
            yield First(states, cache, shared, [(number, place, path) for place, row in enumerate(rows) for number, path in row.paths])

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
            with self._as([self.name]):
                logits = self.model(input_ids=ids).logits[0, :-1].float()
            total += float(torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum"))
            count += ids.shape[1] - 1
        return math.exp(total / count)


@dataclass
class _Said:
    """A reply being given: the conversation's number, its token ids so far without the stop."""

    index: int
    name: str
    generator: object
    out: list[int] = field(default_factory=list)
    finish: str = "length"
    seconds: float = 0.0


class _Talk:
    """Conversations being answered side by side: a pre-allocated cache, a place for each, the live
    ones in front, of one adapter together.
    """

    def __init__(self, sim: Simulacrum, names: list[str], sampling: Sampling, seed: int, slots: int, width: int):
        import torch

        self.sim, self.names, self.sampling, self.seed, self.slots = sim, names, sampling, seed, slots
        self.merge, self.stops = sim._may_merge(names), sim._stops
        self.saying: list[_Said] = []
        self.lengths = torch.zeros(slots, dtype=torch.long, device=sim.device)
        # ids so far; places not yet used repeat the first
        self.told = torch.zeros(slots, width, dtype=torch.long, device=sim.device)
        self.cache = places(sim.model.config, slots, width)
        self.logits = None

    @property
    def free(self) -> int:
        return self.slots - len(self.saying)

    def admit(self, chosen: list[tuple[int, Tokens]]) -> None:
        """Give each (number, conversation) a place and compute its prompt."""
        import torch

        began, first = time.perf_counter(), len(self.saying)
        names = [self.names[index] for index, _ in chosen]
        logits: list = [None] * len(chosen)
        with self.sim._turn:
            for part in self.sim._prefill([item.ids for _, item in chosen], names, self.merge):
                numbers = [number for number, _, _ in part.paths]
                rows = torch.tensor([row for _, row, _ in part.paths], device=self.sim.device)
                last = torch.tensor([path[-1] for _, _, path in part.paths], device=self.sim.device)
                self.cache.fill(torch.tensor(numbers, device=self.sim.device) + first, part)
                with self.sim._as([BASE]):
                    for number, row in zip(numbers, self.sim._head()(part.states[rows, last]), strict=True):
                        logits[number] = row
        for number, (index, item) in enumerate(chosen):
            generator = torch.Generator().manual_seed(self.seed * 100_003 + index)
            self.saying.append(_Said(index, names[number], generator))
            self.told[first + number] = int(item.ids[0])
            self.told[first + number, : len(item.ids)] = torch.from_numpy(item.ids)
            self.lengths[first + number] = len(item.ids)
        self.logits = torch.stack(logits) if first == 0 else torch.cat([self.logits, torch.stack(logits)])
        if len(set(self.names)) > 1:
            self._move(sorted(range(len(self.saying)), key=lambda place: self.saying[place].name))
        self._spend(began, self.saying[first:])

    def step(self) -> list[_Said]:
        """One token more of every reply. Returns those that ended with it."""
        import torch

        began, present = time.perf_counter(), list(self.saying)
        longest = int(self.lengths[: len(present)].max())
        token = pick(self.logits, self.told[: len(present), :longest], self.sampling, [said.generator for said in present])
        ended, keep = [], []
        for place, (said, value) in enumerate(zip(present, token.tolist(), strict=True)):
            if value in self.stops:
                said.finish = "stop"
            else:
                said.out.append(value)
            (ended if value in self.stops or len(said.out) == self.sampling.max_new_tokens else keep).append(place)
        if keep and ended:
            order = self._filled(keep)
            self._move(order)
            token = token[torch.tensor(order, device=token.device)]
        elif ended:
            self.saying = []
        if self.saying:
            count = len(self.saying)
            at = self.lengths[:count]
            self.told[torch.arange(count, device=token.device), at] = token
            longest = int(at.max()) + 1
            mask = torch.arange(longest, device=token.device) <= at[:, None]
            with self.sim._as([said.name for said in self.saying], self.merge):
                self.cache.write(at[:, None], longest)
                self.logits = self.sim.model(
                    input_ids=token[:, None], attention_mask=mask[:, None, None], position_ids=at[:, None], past_key_values=self.cache,
                    use_cache=True,
                ).logits[:, -1]  # fmt: skip
            self.lengths[:count] += 1
        self._spend(began, present)
        return [present[place] for place in ended]

    def _filled(self, keep: list[int]) -> list[int]:
        """Places of those who stay, in a new order: the last ones move into the gaps, so that
        little is copied; by name where names differ.
        """
        if len(set(self.names)) > 1:
            return keep
        stay = set(keep)
        movers = iter([place for place in reversed(keep) if place >= len(keep)])
        return [place if place in stay else next(movers) for place in range(len(keep))]

    def _move(self, order: list[int]) -> None:
        """Take the places of `order` as the first ones."""
        import torch

        moved = [place for place, source in enumerate(order) if place != source]
        self.saying = [self.saying[place] for place in order]
        whole = torch.tensor(order, device=self.lengths.device)
        self.logits = self.logits[whole]
        if moved:
            to, source = torch.tensor(moved, device=self.lengths.device), whole[moved]
            used = int(self.lengths[source].max())
            for values in (self.told, self.lengths):
                values[to] = values[source]
            self.cache.move(to, source, used)

    @staticmethod
    def _spend(began: float, among: list[_Said]) -> None:
        share = (time.perf_counter() - began) / len(among)
        for said in among:
            said.seconds += share


def places(config, slots: int, width: int):
    """A transformers cache of `slots` places of `width` positions, written in place, each at its
    own length: nothing is copied to grow.
    """
    from transformers.cache_utils import Cache, DynamicLayer

    class Layer(DynamicLayer):
        def lazy_initialization(self, keys, values) -> None:
            self.dtype, self.device = keys.dtype, keys.device
            # zeros: a masked place must still be a number
            self.keys = keys.new_zeros((slots, keys.shape[1], width, keys.shape[3]))
            self.values = values.new_zeros((slots, values.shape[1], width, values.shape[3]))
            self.is_initialized = True

        def update(self, keys, values, *args, **kwargs):
            rows, where = keys.shape[0], self.at[:, None, :, None]
            for store, new in ((self.keys, keys), (self.values, values)):
                store[:rows].scatter_(2, where.expand(-1, new.shape[1], -1, new.shape[3]), new)
            return self.keys[:rows, :, : self.used], self.values[:rows, :, : self.used]

        def get_seq_length(self) -> int:
            return self.used if self.is_initialized else 0

    class Places(Cache):
        def write(self, at, used: int) -> None:
            """Where the next keys go, (rows, new), and how many positions are then in use."""
            for layer in self.layers:
                layer.at, layer.used = at, used

        def fill(self, where, first: First) -> None:
            """Copy the keys and values of a prefill's paths to the places `where`."""
            import torch

            lengths = [first.shared + len(path) for _, _, path in first.paths]
            index = np.zeros((len(lengths), max(lengths)), dtype=np.int64)
            for row, (_, _, path) in enumerate(first.paths):
                index[row, : first.shared] = np.arange(first.shared)
                index[row, first.shared : lengths[row]] = first.shared + path
            index = torch.from_numpy(index).to(where.device)
            rows = torch.tensor([row for _, row, _ in first.paths], device=where.device)[:, None]
            for layer, done in zip(self.layers, first.cache.layers, strict=True):
                if not layer.is_initialized:
                    layer.lazy_initialization(done.keys, done.values)
                for store, new in ((layer.keys, done.keys), (layer.values, done.values)):
                    store[where, :, : index.shape[1]] = new[rows, :, index].transpose(1, 2)

        def move(self, to, source, used: int) -> None:
            for layer in self.layers:
                for store in (layer.keys, layer.values):
                    store[to, :, :used] = store[source, :, :used]

    return Places(layers=[Layer() for _ in range(config.num_hidden_layers)])


def _shares(names: list[str]) -> list[tuple[str, slice]]:
    """Runs of one name as (name, rows), without the base's."""
    runs: list[tuple[str, slice]] = []
    for place, name in enumerate(names):
        if runs and runs[-1][0] == name:
            runs[-1] = (name, slice(runs[-1][1].start, place + 1))
        else:
            runs.append((name, slice(place, place + 1)))
    if len(runs) == 1:
        runs = [(names[0], slice(None))]
    return [share for share in runs if share[0] != BASE]


def _by_rows(part, sim: Simulacrum):
    """The forward of a LoRA layer that adds to each row of the batch what its own adapter says.
    Exact: the sum is the one PEFT would make.
    """
    import torch

    def forward(x, *args, **kwargs):
        result = part.base_layer(x)
        for name, rows in sim._shares:
            if name in part.lora_A:
                some, sums = x[rows], result[rows]
                inner = torch.nn.functional.linear(some, part.lora_A[name].weight)
                up = part.lora_B[name].weight
                sums.view(-1, up.shape[0]).addmm_(inner.view(-1, up.shape[1]), up.t(), alpha=part.scaling[name])
        return result

    return forward


def pick(logits, told, sampling: Sampling, generators):
    """The next token of each row, shape (rows,). Penalised for the ids in `told` (rows, any), then
    greedy, or drawn from the top-p share.
    """
    import torch

    logits = logits.float()
    if sampling.repetition_penalty != 1.0:
        had = logits.gather(1, told)
        less = torch.where(had > 0, had / sampling.repetition_penalty, had * sampling.repetition_penalty)
        logits = logits.scatter(1, told, less)
    if not sampling.temperature:
        return logits.argmax(-1)
    chances = torch.softmax(logits / sampling.temperature, -1)
    ordered, index = chances.sort(-1, descending=True)
    ordered[ordered.cumsum(-1) - ordered > sampling.top_p] = 0
    drawn = torch.stack([torch.multinomial(row.cpu(), 1, generator=one) for row, one in zip(ordered, generators, strict=True)])
    return index.gather(1, drawn.to(index.device))[:, 0]


def load_simulacrum(here: run.Run, adapter: str = "adapter", dtype: str | None = None, say=print) -> Simulacrum:
    """The run's simulacrum: its base with its adapter, or its fully fine-tuned model."""
    if here.path("model").is_dir() and not here.path(adapter).is_dir():
        folder = here.path("model")
        return Simulacrum(*load_base(Base("model", folder, ""), dtype))
    facts = check_adapter(here.path(adapter), None)
    base = find_base(facts.get("base", "bundled"), say)
    sim = Simulacrum(*load_base(base, dtype), base)
    sim.add("simulacrum", here.path(adapter))
    return sim
