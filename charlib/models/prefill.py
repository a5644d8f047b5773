"""What conversations share at their beginning, computed once: token paths as trees, trees as rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from charlib.models.adapters import decoder

# tokens a row of a prefill: long enough for good products, short enough that its square mask stays
# cheap
ROW = 512


@dataclass(frozen=True)
class First:
    """What a prefill computed: states (rows, length, hidden), the cache behind them, and of each
    path (number, row, its places in the row)."""
    states: object
    cache: object
    shared: int
    paths: list[tuple[int, int, np.ndarray]]


class _Tree:
    """Token paths that share their beginnings, as one row: ids, each one's parent and depth, and of
    each path (number, places)."""
    def __init__(self):
        self.ids, self.parents, self.depths = [], [], []
        self.children: dict[tuple[int, int], int] = {}
        self.paths: list[tuple[int, np.ndarray]] = []

    def new(self, path: list[int]) -> int:
        """How many tokens the path would add."""
        node = -1
        for depth, token in enumerate(path):
            if (node, token) not in self.children:
                return len(path) - depth
            node = self.children[node, token]
        return 0

    def add(self, number: int, path: list[int]) -> None:
        node, places = -1, []
        for depth, token in enumerate(path):
            if (node, token) not in self.children:
                self.children[node, token] = len(self.ids)
                self.ids.append(token)
                self.parents.append(node)
                self.depths.append(depth)
            node = self.children[node, token]
            places.append(node)
        self.paths.append((number, np.asarray(places, dtype=np.int64)))


def prefill(model, paths: list[np.ndarray], speaking: Callable, keep: bool = True
            ) -> Iterator[First]:
    """Run every path of token ids through the model, what they begin with in common once. Yields a
    few rows at a time.

    Paths come in an order that has like beginnings together. `speaking()` is the context in which
    the model answers. With `keep` keys and values of the rows are there."""
    import torch
    from transformers import DynamicCache
    stack, device = decoder(model), model.device
    shared, before = common(paths), DynamicCache(config=model.config)
    if shared:
        start = torch.from_numpy(paths[0][:shared])[None].to(device)
        with speaking():
            stack(input_ids=start, past_key_values=before, use_cache=True)
    for rows in heaps(trees([path[shared:] for path in paths])):
        cache = DynamicCache(config=model.config)
        if shared:
            for number, layer in enumerate(before.layers):
                keys, values = (part.expand(len(rows), -1, -1, -1)
                                for part in (layer.keys, layer.values))
                cache.update(keys, values, number)
        ids, positions, mask = (value.to(device) for value in tree_batch(rows, shared))
        use = keep or bool(shared)
        with speaking():
            states = stack(input_ids=ids, attention_mask=mask, position_ids=positions,
                           past_key_values=cache if use else None, use_cache=use).last_hidden_state
        found = [(number, place, path) for place, row in enumerate(rows)
                 for number, path in row.paths]
        yield First(states, cache, shared, found)


def trees(paths: list[np.ndarray]) -> list[_Tree]:
    """The paths as trees of at most `ROW` tokens, a longer path alone; paths stay in order."""
    made: list[_Tree] = []
    for number, path in enumerate(paths):
        path = path.tolist()
        if not made or (made[-1].ids and len(made[-1].ids) + made[-1].new(path) > ROW):
            made.append(_Tree())
        made[-1].add(number, path)
    return made


def heaps(trees: list[_Tree], tokens: int = 4 * ROW) -> Iterator[list[_Tree]]:
    """Trees of like size together, at most `tokens` tokens at a time, padding counted."""
    heap: list[_Tree] = []
    for tree in sorted(trees, key=lambda tree: -len(tree.ids)):
        if heap and (len(heap) + 1) * len(heap[0].ids) > tokens:
            yield heap
            heap = []
        heap.append(tree)
    yield heap


def tree_batch(rows: list[_Tree], shared: int):
    """Tensors of trees behind `shared` tokens: ids and positions (rows, length), mask (rows, 1,
    length, shared + length)."""
    import torch
    length = max(len(row.ids) for row in rows)
    ids = np.zeros((len(rows), length), dtype=np.int64)
    positions = np.full((len(rows), length), shared, dtype=np.int64)
    mask = np.zeros((len(rows), length, shared + length), dtype=bool)
    for place, row in enumerate(rows):
        size = len(row.ids)
        ids[place, :size], positions[place, :size] = row.ids, np.asarray(row.depths) + shared
        seen = mask[place, :, shared:]
        for node, parent in enumerate(row.parents):
            if parent >= 0:
                seen[node] = seen[parent]
            seen[node, node] = True
        mask[place, :size, :shared] = True
    # padding sees itself: no row of the mask is empty
    mask[:, np.arange(length), shared + np.arange(length)] = True
    return torch.from_numpy(ids), torch.from_numpy(positions), torch.from_numpy(mask)[:, None]


def alike(items: list) -> list[int]:
    """An order of encoded conversations that has like system prompts, then like lengths, together.
    """
    def key(index: int):
        item = items[index]
        return item.ids[: item.prefix].tolist(), len(item.ids), index

    return sorted(range(len(items)), key=key)


def common(paths: list[np.ndarray]) -> int:
    """How many leading tokens all paths share, leaving each at least one of its own."""
    first, shared = paths[0], min(len(path) for path in paths) - 1
    for path in paths[1:]:
        differ = np.nonzero(first[:shared] != path[:shared])[0]
        shared = int(differ[0]) if len(differ) else shared
    return shared if len(paths) > 1 else 0
