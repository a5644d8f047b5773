"""What conversations share at their beginning, computed once: token paths as trees, trees as rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# tokens a row of a prefill: long enough for good products, short enough that its square mask stays
# cheap
ROW = 512


@dataclass(frozen=True)
class First:
    """What a prefill computed: states (rows, length, hidden), the cache behind them, and of each
    path (number, row, its places in the row).
    """

    states: object
    cache: object
    shared: int
    paths: list


class _Tree:
    """Token paths that share their beginnings, as one row: ids, each one's parent, and of each path
    (number, places).
    """

    def __init__(self, name: str):
        self.name, self.ids, self.parents, self.depths = name, [], [], []
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


def trees(paths: list, names: list[str]) -> list[_Tree]:
    """The paths as trees of at most `ROW` tokens, a longer path alone, each tree of one name; paths
    stay in order.
    """
    trees: list[_Tree] = []
    for number, (path, name) in enumerate(zip(paths, names, strict=True)):
        path = path.tolist()
        full = not trees or trees[-1].name != name or (trees[-1].ids and len(trees[-1].ids) + trees[-1].new(path) > ROW)
        if full:
            trees.append(_Tree(name))
        trees[-1].add(number, path)
    return trees


def heaps(trees: list[_Tree], tokens: int = 4 * ROW) -> Iterator[list[_Tree]]:
    """Trees of like size together, at most `tokens` tokens at a time, padding counted; those of one
    name stand together.
    """
    heap: list[_Tree] = []
    for tree in sorted(trees, key=lambda tree: -len(tree.ids)):
        if heap and (len(heap) + 1) * len(heap[0].ids) > tokens:
            yield sorted(heap, key=lambda tree: tree.name)
            heap = []
        heap.append(tree)
    yield sorted(heap, key=lambda tree: tree.name)


def tree_batch(rows: list[_Tree], shared: int):
    """Tensors of trees behind `shared` tokens: ids and positions (rows, length), mask (rows, 1,
    length, shared + length).
    """
    import torch

    length = max(len(row.ids) for row in rows)
    ids, positions = np.zeros((len(rows), length), dtype=np.int64), np.full((len(rows), length), shared, dtype=np.int64)
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


def alike(paths: list, prefixes: list[int], names: list[str]) -> list[int]:
    """An order that has one name, like system prompts, and then like lengths together."""
    return sorted(range(len(paths)), key=lambda index: (names[index], paths[index][: prefixes[index]].tolist(), len(paths[index]), index))


def common(paths: list) -> int:
    """How many leading tokens all paths share, leaving each at least one of its own."""
    first, shared = paths[0], min(len(path) for path in paths) - 1
    for path in paths[1:]:
        differ = np.nonzero(first[:shared] != path[:shared])[0]
        shared = int(differ[0]) if len(differ) else shared
    return shared if len(paths) > 1 else 0
