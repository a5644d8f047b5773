"""Conversations packed into rows around one shared system prompt."""

from dataclasses import dataclass

import numpy as np

from charlib.models.chat import IGNORE, Tokens

# what a row holds of each token, and what stands for it in padding
_PADDING = {"ids": 0, "labels": IGNORE, "positions": 0, "groups": -1, "segments": 0}


@dataclass(frozen=True)
class Row:
    """A packed row of `length` tokens. Segment 0 of a group is its shared system prompt; group -1
    is padding."""
    ids: np.ndarray
    labels: np.ndarray
    positions: np.ndarray
    groups: np.ndarray
    segments: np.ndarray
    examples: tuple[int, ...]

    @property
    def real(self) -> int:
        return int((self.groups >= 0).sum())


def pack(tokens: list[Tokens], length: int, order=None) -> list[Row]:
    """Pack conversations into rows of at most `length` tokens, each system prompt stored once per
    row.

    Exact: positions restart after the shared prompt and `visible` lets a token see only its own
    conversation and its prompt (Prefix Grouper, arXiv 2506.05433). A conversation longer than
    `length` gets a row of its own. First fit over the last open rows."""
    open_rows: list[dict] = []
    done: list[dict] = []
    for index in range(len(tokens)) if order is None else order:
        item = tokens[index]
        key, tail = item.ids[: item.prefix].tobytes(), len(item.ids) - item.prefix
        for row in open_rows:
            need = tail + (0 if key in row["keys"] else item.prefix)
            if row["used"] + need <= length:
                break
        else:
            row, need = {"used": 0, "keys": {}, "items": []}, tail + item.prefix
            open_rows.append(row)
            if len(open_rows) > 12:
                done.append(open_rows.pop(0))
        row["keys"].setdefault(key, len(row["keys"]))
        row["items"].append((index, row["keys"][key]))
        row["used"] += need
    return [_build(row, tokens) for row in done + open_rows]


def _build(row: dict, tokens: list[Tokens]) -> Row:
    parts: list[tuple] = []

    def add(item: Tokens, part: slice, start: int, group: int, segment: int):
        ids, labels = item.ids[part], item.labels[part]
        positions = np.arange(start, start + len(ids))
        same = np.ones(len(ids), dtype=np.int64)
        parts.append((ids, labels, positions, group * same, segment * same))

    written: set[int] = set()
    for segment, (index, group) in enumerate(row["items"], 1):
        item = tokens[index]
        if group not in written:
            written.add(group)
            add(item, slice(item.prefix), 0, group, 0)
        add(item, slice(item.prefix, None), item.prefix, group, segment)
    whole = [np.concatenate(chunks) for chunks in zip(*parts, strict=True)]
    return Row(*whole, examples=tuple(index for index, _ in row["items"]))


def collate(rows: list[Row], multiple: int = 32) -> dict:
    """Tensors of a batch of rows: ids, labels (already shifted to the predicting position),
    positions, groups, segments.

    Shape (rows, length), length padded to a multiple. `labels[i]` is the token that position i must
    predict: the next token of the same conversation."""
    import torch
    length = -(-max(len(row.ids) for row in rows) // multiple) * multiple
    batch = {name: np.full((len(rows), length), value) for name, value in _PADDING.items()}
    for r, row in enumerate(rows):
        size = len(row.ids)
        for name in ("ids", "positions", "groups", "segments"):
            batch[name][r, :size] = getattr(row, name)
        follows = row.segments[1:] == row.segments[:-1]
        batch["labels"][r, : size - 1] = np.where(follows, row.labels[1:], IGNORE)
    return {name: torch.from_numpy(value) for name, value in batch.items()}


class Rows:
    """Packed rows as a data set; holds the cached lower activations of each row when only top
    layers train."""
    def __init__(self, rows: list[Row]):
        self.rows, self.lower = rows, [None] * len(rows)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index: int) -> dict:
        return {"row": self.rows[index], "lower": self.lower[index]}

    def first(self, count: int) -> "Rows":
        """The first rows alone, with what is cached of them."""
        chosen = Rows(self.rows[:count])
        chosen.lower = self.lower[:count]
        return chosen

    @property
    def conversations(self) -> int:
        return sum(len(row.examples) for row in self.rows)
