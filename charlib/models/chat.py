"""Conversations as tokens: the chat template, which tokens are learned, and the set-up every system
gets."""

from dataclasses import dataclass

import numpy as np

IGNORE = -100


class TemplateError(ValueError):
    """The chat template cannot express this conversation."""


def system_prompt(name: str, *, place: str = "", time: str = "", state: str = "",
                  background: str = "") -> str:
    """The set-up every system gets, trained or prompted: who speaks, and where and when if that is
    given."""
    first = (f"You are {name}. Speak in the first person, in your own voice, from your own life "
             "and time. If something lies outside what you could know, say so.")
    given = {"Place": place, "Time": time, "State": state, "Background": background}
    told = [f"{label}: {' '.join(text.split())}" for label, text in given.items() if text.strip()]
    return "\n".join([first, *told])


@dataclass(frozen=True)
class Tokens:
    """A tokenised conversation: `ids` and `labels` of one length; `prefix` tokens at the start are
    the system prompt."""
    ids: np.ndarray
    labels: np.ndarray
    prefix: int

    @property
    def supervised(self) -> int:
        return int((self.labels != IGNORE).sum())


def fold_system(messages: list[dict]) -> list[dict]:
    """The same conversation with the system text at the head of the first user turn."""
    if not messages or messages[0]["role"] != "system":
        return messages
    system, rest = messages[0]["content"], [dict(message) for message in messages[1:]]
    if rest and rest[0]["role"] == "user":
        rest[0]["content"] = f"{system}\n\n{rest[0]['content']}"
        return rest
    return [{"role": "user", "content": system}, *rest]


def render(tokenizer, messages: list[dict], *, reply: bool) -> str:
    """The conversation as the model's own chat template writes it; `reply` adds the opening of an
    assistant turn.

    Templates without a system role get the system text folded into the first user turn. Raises
    TemplateError otherwise."""
    import jinja2
    def write(wanted):
        return tokenizer.apply_chat_template(wanted, tokenize=False, add_generation_prompt=reply)

    if messages and messages[0]["role"] == "system":
        try:
            text = write(messages)
            if messages[0]["content"].strip()[:40] in text:
                return text
        except (jinja2.TemplateError, ValueError):
            pass  # no system role in this template: fold, below
        messages = fold_system(messages)
    try:
        return write(messages)
    except (jinja2.TemplateError, ValueError) as error:
        raise TemplateError(f"The chat template refuses this conversation ({error}): "
                            "roles must alternate user, assistant.") from error


def pieces(tokenizer, messages: list[dict]) -> list[tuple[str, bool]]:
    """The chat text cut into (text, is a supervised reply)."""
    cut, text, mark = [], "", tokenizer.eos_token
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        opening = render(tokenizer, messages[:index], reply=True)
        closing = render(tokenizer, messages[: index + 1], reply=False)
        if not opening.startswith(text) or not closing.startswith(opening):
            raise TemplateError("The chat template rewrites earlier turns: use a base model whose "
                                "template only appends.")
        said = closing[len(opening) :]
        if mark and mark in said:
            said = said[: said.find(mark) + len(mark)]
        cut += [(opening[len(text) :], False), (said, True)]
        text = opening + said
    if messages and messages[-1]["role"] != "assistant":
        cut.append((render(tokenizer, messages, reply=True)[len(text) :], False))
    return [piece for piece in cut if piece[0]]


def system_prefix(tokenizer, messages: list[dict]) -> str:
    """The text that every conversation with this system prompt begins with, up to where the first
    user's words begin."""
    if not messages or messages[0]["role"] != "system":
        return ""
    one, two = (render(tokenizer, [messages[0], {"role": "user", "content": word}], reply=True)
                for word in ("Q", "Z"))
    differ = (place for place, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)
    return one[: next(differ, min(len(one), len(two)))]


def encode(tokenizer, messages: list[dict], *, speakers: str = "protagonist",
           prefix: str | None = None) -> Tokens:
    """Token ids and labels of a conversation. `speakers` is "protagonist" (replies only) or "all"
    (user turns too, as in the paper).

    `prefix` is `system_prefix(...)`, passed when many conversations share it. The system prompt is
    tokenised apart, so that it is the same tokens for every question and can be computed once."""
    prefix = system_prefix(tokenizer, messages) if prefix is None else prefix
    if speakers == "all":
        # the first word of a user's turn is then predicted too, and a shared prompt could predict
        # only one
        prefix = ""
    ids = list(tokenizer.encode(prefix, add_special_tokens=False)) if prefix else []
    labels, length, skip = [IGNORE] * len(ids), len(ids), len(prefix)
    for text, reply in pieces(tokenizer, messages):
        drop = min(skip, len(text))
        text, skip = text[drop:], skip - drop
        piece = tokenizer.encode(text, add_special_tokens=False) if text else []
        ids += piece
        labels += piece if reply or speakers == "all" else [IGNORE] * len(piece)
    return Tokens(np.asarray(ids, dtype=np.int64), np.asarray(labels, dtype=np.int64), length)


def visible(groups, segments):
    """Boolean mask (rows, 1, length, length): True where a position may look. Padding looks at
    itself only."""
    import torch
    length = groups.shape[1]
    same_group = groups[:, :, None] == groups[:, None, :]
    own = (segments[:, :, None] == segments[:, None, :]) | (segments[:, None, :] == 0)
    causal = torch.ones(length, length, dtype=torch.bool, device=groups.device).tril()
    real = groups >= 0
    seen = same_group & own & causal & real[:, None, :]
    seen |= torch.eye(length, dtype=torch.bool, device=groups.device)
    return seen[:, None]
