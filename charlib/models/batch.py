"""Conversations answered side by side: keys and values written in place, a finished reply leaves
and a waiting conversation takes its place."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from charlib.models.adapters import head
from charlib.models.chat import Tokens
from charlib.models.prefill import First, alike, prefill


@dataclass(frozen=True)
class Sampling:
    """How replies are drawn. Temperature 0 is greedy; the penalty divides the logits of words
    already said."""
    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 0.95
    repetition_penalty: float = 1.1


@dataclass
class Said:
    """A reply being given: the conversation's number, its token ids so far without the stop."""
    index: int
    generator: object
    out: list[int] = field(default_factory=list)
    finish: str = "length"
    seconds: float = 0.0


class Batch:
    """`slots` places of `width` tokens for conversations, the live ones in front.

    `speaking()` is the context in which the model answers; every reply draws from a generator of
    its own, so that who stands beside it changes nothing."""
    def __init__(self, model, speaking: Callable, stops: set[int], sampling: Sampling, seed: int,
                 slots: int, width: int):
        import torch
        self.model, self.speaking, self.stops = model, speaking, stops
        self.sampling, self.seed, self.slots = sampling, seed, slots
        self.saying: list[Said] = []
        self.lengths = torch.zeros(slots, dtype=torch.long, device=model.device)
        # ids so far; places not yet used repeat the first
        self.told = torch.zeros(slots, width, dtype=torch.long, device=model.device)
        self.cache = places(model.config, slots, width)
        self.logits = None

    def run(self, items: list[Tokens]) -> Iterator[Said]:
        """Every conversation's reply as it ends."""
        waiting = alike(items)
        while waiting or self.saying:
            free = self.slots - len(self.saying)
            # a few at a time: one alone would be a poor product
            if waiting and free >= max(1, self.slots // 4):
                chosen, waiting = waiting[:free], waiting[free:]
                self.admit([(index, items[index]) for index in chosen])
            yield from self.step()

    def admit(self, chosen: list[tuple[int, Tokens]]) -> None:
        """Give each (number, conversation) a place and compute its prompt."""
        import torch
        began, first, device = time.perf_counter(), len(self.saying), self.model.device
        logits: list = [None] * len(chosen)
        for part in prefill(self.model, [item.ids for _, item in chosen], self.speaking):
            numbers = [number for number, _, _ in part.paths]
            rows = torch.tensor([row for _, row, _ in part.paths], device=device)
            last = torch.tensor([path[-1] for _, _, path in part.paths], device=device)
            self.cache.fill(torch.tensor(numbers, device=device) + first, part)
            with self.speaking():
                found = head(self.model)(part.states[rows, last])
            for number, row in zip(numbers, found, strict=True):
                logits[number] = row
        for place, (index, item) in enumerate(chosen, first):
            generator = torch.Generator().manual_seed(self.seed * 100_003 + index)
            self.saying.append(Said(index, generator))
            self.told[place] = int(item.ids[0])
            self.told[place, : len(item.ids)] = torch.from_numpy(item.ids)
            self.lengths[place] = len(item.ids)
        new = torch.stack(logits)
        self.logits = torch.cat([self.logits, new]) if first else new
        _spend(began, self.saying[first:])

    def step(self) -> list[Said]:
        """One token more of every reply. Returns those that ended with it."""
        began, present = time.perf_counter(), list(self.saying)
        told = self.told[: len(present), : int(self.lengths[: len(present)].max())]
        token = pick(self.logits, told, self.sampling, [said.generator for said in present])
        ended, keep = [], []
        for place, (said, value) in enumerate(zip(present, token.tolist(), strict=True)):
            if value in self.stops:
                said.finish = "stop"
            else:
                said.out.append(value)
            full = len(said.out) == self.sampling.max_new_tokens
            (ended if value in self.stops or full else keep).append(place)
        if keep:
            token = self._keep(keep, token) if ended else token
            self._forward(token)
        else:
            self.saying = []
        _spend(began, present)
        return [present[place] for place in ended]

    def _keep(self, keep: list[int], token):
        """Let those in `keep` stay: the last of them move into the gaps, so that little is copied.
        Returns their tokens."""
        import torch
        stay = set(keep)
        movers = iter([place for place in reversed(keep) if place >= len(keep)])
        order = [place if place in stay else next(movers) for place in range(len(keep))]
        self.saying = [self.saying[place] for place in order]
        gaps = [place for place, source in enumerate(order) if place != source]
        whole = torch.tensor(order, device=token.device)
        self.logits = self.logits[whole]
        if gaps:
            to, source = torch.tensor(gaps, device=token.device), whole[gaps]
            used = int(self.lengths[source].max())
            self.told[to], self.lengths[to] = self.told[source], self.lengths[source]
            self.cache.move(to, source, used)
        return token[whole]

    def _forward(self, token) -> None:
        import torch
        count = len(self.saying)
        at = self.lengths[:count]
        self.told[torch.arange(count, device=token.device), at] = token
        longest = int(at.max()) + 1
        mask = torch.arange(longest, device=token.device) <= at[:, None]
        with self.speaking():
            self.cache.write(at[:, None], longest)
            self.logits = self.model(
                input_ids=token[:, None], attention_mask=mask[:, None, None],
                position_ids=at[:, None], past_key_values=self.cache, use_cache=True).logits[:, -1]
        self.lengths[:count] += 1


def _spend(began: float, among: list[Said]) -> None:
    share = (time.perf_counter() - began) / len(among)
    for said in among:
        said.seconds += share


def pick(logits, told, sampling: Sampling, generators):
    """The next token of each row, shape (rows,). Penalised for the ids in `told` (rows, any), then
    greedy, or drawn from the top-p share."""
    import torch
    logits = logits.float()
    if sampling.repetition_penalty != 1.0:
        had, by = logits.gather(1, told), sampling.repetition_penalty
        logits = logits.scatter(1, told, torch.where(had > 0, had / by, had * by))
    if not sampling.temperature:
        return logits.argmax(-1)
    chances = torch.softmax(logits / sampling.temperature, -1)
    ordered, index = chances.sort(-1, descending=True)
    ordered[ordered.cumsum(-1) - ordered > sampling.top_p] = 0
    drawn = torch.stack([torch.multinomial(row.cpu(), 1, generator=one)
                         for row, one in zip(ordered, generators, strict=True)])
    return index.gather(1, drawn.to(index.device))[:, 0]


def places(config, slots: int, width: int):
    """A transformers cache of `slots` places of `width` positions, written in place, each at its
    own length: nothing is copied to grow."""
    import torch
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
