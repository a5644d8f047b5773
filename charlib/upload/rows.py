"""Conversations packed into rows around one shared system prompt."""

from dataclasses import dataclass

import numpy as np

from charlib.models.chat import IGNORE, Tokens


@dataclass(frozen=True)
class Row:
    """A packed row of `length` tokens. Segment 0 of a group is its shared system prompt; group -1
    is padding.
    """

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
    `length` gets a row of its own. First fit over the last open rows.
    """
    order = range(len(tokens)) if order is None else order
    open_rows: list[dict] = []
    done: list[dict] = []
    for index in order:
        item = tokens[index]
        key = item.ids[: item.prefix].tobytes()
        tail = len(item.ids) - item.prefix
        for row in open_rows:
            need = tail + (0 if key in row["keys"] else item.prefix)
            if row["used"] + need <= length:
                break
        else:
            row = {"used": 0, "keys": {}, "items": []}
            need = tail + item.prefix
            open_rows.append(row)
            if len(open_rows) > 12:
                done.append(open_rows.pop(0))
        row["keys"].setdefault(key, len(row["keys"]))
        row["items"].append((index, row["keys"][key]))
        row["used"] += need
    return [_build(row, tokens) for row in done + open_rows]


def _build(row: dict, tokens: list[Tokens]) -> Row:
    parts: dict[str, list] = {name: [] for name in ("ids", "labels", "positions", "groups", "segments")}

    def add(ids, labels, start, group, segment):
        parts["ids"].append(ids)
        parts["labels"].append(labels)
        parts["positions"].append(np.arange(start, start + len(ids)))
        parts["groups"].append(np.full(len(ids), group))
        parts["segments"].append(np.full(len(ids), segment))

    written: set[int] = set()
    for segment, (index, group) in enumerate(row["items"], 1):
        item = tokens[index]
        if group not in written:
            written.add(group)
            add(item.ids[: item.prefix], item.labels[: item.prefix], 0, group, 0)
        add(item.ids[item.prefix :], item.labels[item.prefix :], item.prefix, group, segment)
    whole = {name: np.concatenate(chunks) for name, chunks in parts.items()}
    return Row(**whole, examples=tuple(index for index, _ in row["items"]))


def collate(rows: list[Row], multiple: int = 32) -> dict:
    """Tensors of a batch of rows: ids, labels (already shifted to the predicting position),
    positions, groups, segments.

    Shape (rows, length), length padded to a multiple. `labels[i]` is the token that position i must
    predict.
    """
    import torch

    length = -(-max(len(row.ids) for row in rows) // multiple) * multiple
    fill = {"ids": 0, "labels": IGNORE, "positions": 0, "groups": -1, "segments": 0}
    batch = {name: np.full((len(rows), length), value, dtype=np.int64) for name, value in fill.items()}
    for r, row in enumerate(rows):
        size = len(row.ids)
        for name in ("ids", "positions", "groups", "segments"):
            batch[name][r, :size] = getattr(row, name)
        batch["labels"][r, :size] = _shift(row)
    return {name: torch.from_numpy(value) for name, value in batch.items()}


def _shift(row: Row) -> np.ndarray:
    """The label each position predicts: that of the next token of the same conversation."""
    shifted = np.full(len(row.ids), IGNORE, dtype=np.int64)
    follows = row.segments[1:] == row.segments[:-1]
    shifted[:-1] = np.where(follows, row.labels[1:], IGNORE)
    return shifted


class Rows:
    """Packed rows as a data set; holds the cached lower activations of each row when only top
    layers train.
    """

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
