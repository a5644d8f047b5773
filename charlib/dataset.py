"""Dialogues become chat messages, then token ids with a loss mask, then packed rows.

An example of what is trained on (a row of examples.jsonl):

    {"id": "…", "dialogue": "…", "paragraphs": ["…"], "split": "train",
     "messages": [{"role": "system", "content": "You are …"}, {"role": "user", "content": "Who …"},
                  {"role": "assistant", "content": "Neefe did."}]}

The mask is exact for every tokenizer: the chat text is cut where a supervised reply begins and ends, and the pieces are
tokenised apart, so no merge crosses the border; generation sees the same pieces (fault D-list 1.3, F22, F23).
"""

import itertools
import random
import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from charlib import run
from charlib.experience import Dialogue, Scene, content_id
from charlib.profile import Profile

IGNORE = -100
RUN_OF_WORDS = 8  # a question sharing so many words in a row with training text counts as seen
DRILL = 75  # characters a message, up to which an exchange counts as a drill
PLAIN = {"visitor", "interviewer", "stranger", "user", "questioner", "student"}  # who ask without a name tag, as an interview does


class Message(BaseModel):
    model_config = ConfigDict(frozen=True)
    role: str
    content: str


class Example(BaseModel):
    """One conversation to train on, with where it came from."""

    model_config = ConfigDict(frozen=True)
    id: str
    dialogue: str
    paragraphs: list[str]
    split: str = "train"
    kind: str = "memory"
    messages: list[Message]


class TemplateError(ValueError):
    """The chat template cannot express this conversation."""


def words(text: str) -> list[str]:
    """Lower-case words of a text, without punctuation."""
    return re.findall(r"[a-z0-9]+", text.lower())


def word_runs(text: str, size: int = RUN_OF_WORDS) -> set[tuple[str, ...]]:
    """Every run of `size` words in a text."""
    found = words(text)
    return {tuple(found[start : start + size]) for start in range(len(found) - size + 1)}


# ---- dialogues to messages ---------------------------------------------------------------------------------------------------------


def system_prompt(name: str, *, place: str = "", time: str = "", state: str = "", background: str = "") -> str:
    """The set-up every system gets, trained or prompted: who speaks, and where and when if that is given."""
    lines = [
        f"You are {name}. Speak in the first person, in your own voice, from your own life and time. "
        "If something lies outside what you could know, say so."
    ]
    given = {"Place": place, "Time": time, "State": state, "Background": background}
    return "\n".join(lines + [f"{label}: {' '.join(text.split())}" for label, text in given.items() if text.strip()])


def to_messages(dialogue: Dialogue, profile: Profile, scene: Scene | None = None, *, thoughts: bool = True) -> list[dict]:
    """A dialogue as strictly alternating chat messages: system, user, assistant, …, ending with the protagonist. Empty when nobody is answered.

    Others' turns become one user message, each under its name unless it is a plain questioner's; the protagonist's turns become one
    assistant message. In scenes thoughts and speech carry their action; in short exchanges the answer stands alone.
    """
    setting = {"place": scene.location, "time": scene.time, "background": scene.background} if scene else {}
    messages = [{"role": "system", "content": system_prompt(profile.name, **setting)}]
    tagged = dialogue.kind == "experience"
    for turn in dialogue.turns:
        own = turn.role == profile.short_name
        if own and turn.action == "thinking" and not thoughts:
            continue
        if own:
            mood = f", {turn.emotion}" if turn.action == "thinking" and turn.emotion else ""
            content = f"({turn.action}{mood}) {turn.text}" if tagged else turn.text
        else:
            content = turn.text if turn.role.lower() in PLAIN else f"{turn.role}: {turn.text}"
        role = "assistant" if own else "user"
        if role == "assistant" and messages[-1]["role"] == "system":
            messages.append({"role": "user", "content": scene.background if scene and scene.background else "…"})
        if messages[-1]["role"] == role:
            messages[-1] = {"role": role, "content": f"{messages[-1]['content']}\n{content}"}
        else:
            messages.append({"role": role, "content": content})
    while messages and messages[-1]["role"] != "assistant":
        messages.pop()
    return messages if len(messages) > 2 else []


def examples(profile: Profile, scenes: list[Scene], dialogues: list[Dialogue], *, thoughts: bool = True) -> list[Example]:
    """Every dialogue as an example, with its provenance."""
    by_id = {scene.id: scene for scene in scenes}
    made = []
    for dialogue in dialogues:
        messages = to_messages(dialogue, profile, by_id.get(dialogue.scene or ""), thoughts=thoughts)
        if messages:
            id = content_id(dialogue.id, *(message["content"] for message in messages))
            made.append(Example(id=id, dialogue=dialogue.id, paragraphs=dialogue.paragraphs, kind=dialogue.kind, messages=messages))
    return made


def build(here: run.Run, profile: Profile, tokenizer, settings, seed: int) -> tuple[list[Example], dict[str, int]]:
    """The run's examples.jsonl: all dialogues as examples, a validation share marked, the token budget spent. Returns them and what was left out.

    `settings` has train_on (protagonist, all, without_thoughts), tokens (0 for everything) and validation (a share).
    """
    scenes = here.read_jsonl("scenes.jsonl", Scene)
    dialogues = here.read_jsonl("dialogues.jsonl", Dialogue) + here.read_jsonl("protective.jsonl", Dialogue)
    made = examples(profile, scenes, dialogues, thoughts=settings.train_on != "without_thoughts")
    kept, left = select(made, tokenizer, settings.tokens, seed)
    kept = split(kept, settings.validation, seed)
    here.write_jsonl("examples.jsonl", kept)
    here.record("dataset", inputs=("scenes.jsonl", "dialogues.jsonl", "protective.jsonl"), products=("examples.jsonl",), left_out=left)
    return kept, left


def others_experience(character: str, profile: Profile, count: int, seed: int) -> list[Example]:
    """Another shipped character's memory exchanges under this person's name: the control that separates learning from having been trained.

    Raises RunError when no other character ships with recordings.
    """
    import json

    from charlib import profile as profiles
    from charlib.experience import parse_dialogue, split_exchanges

    folder = run.root() / "data" / "recordings"
    others = [slug for slug in profiles.shipped() if slug != character and (folder / slug / "dialogues.jsonl").is_file()]
    if not others:
        raise run.RunError("The shuffled ablation needs a second shipped character with recordings in data/.")
    other = random.Random(seed).choice(others)
    person = profiles.load(profiles.find(other))
    made = []
    for row in run.read_jsonl(folder / other / "dialogues.jsonl"):
        if "paragraph" in row["key"]:
            for _, text in split_exchanges(row["completion"]):
                turns = parse_dialogue(text, person)
                if turns:
                    id = content_id(other, json.dumps([turn.text for turn in turns]))
                    made.append(Dialogue(id=id, paragraphs=[row["key"]["paragraph"]], kind="memory", turns=turns))
    renamed = person.model_copy(update={"name": profile.name})
    chosen = random.Random(seed).sample(made, min(count, len(made)))
    return examples(renamed, [], chosen)


def show_mask(tokenizer, example: Example, speakers: str = "protagonist") -> list[tuple[str, bool]]:
    """The tokens of an example as (text, is learned), for the eye."""
    tokens = encode(tokenizer, [message.model_dump() for message in example.messages], speakers=speakers)
    return [(tokenizer.decode([id]), label != IGNORE) for id, label in zip(tokens.ids.tolist(), tokens.labels.tolist(), strict=True)]


def split(items: list[Example], share: float, seed: int, by: str = "wording") -> list[Example]:
    """Mark a seeded share as validation. `by` "wording" holds out single memory exchanges (their facts are met in other words);
    "paragraph" holds out everything of whole paragraphs, so that nothing of them is seen.
    """
    chooser = random.Random(seed)
    if by == "paragraph":
        ids = sorted({id for item in items for id in item.paragraphs})
        held = set(chooser.sample(ids, max(1, round(share * len(ids))))) if share and len(ids) > 1 else set()
        return [item.model_copy(update={"split": "validation" if held & set(item.paragraphs) else "train"}) for item in items]
    memory = sorted(item.id for item in items if item.kind == "memory")
    held = set(chooser.sample(memory, round(share * len(memory))))
    return [item.model_copy(update={"split": "validation" if item.id in held else "train"}) for item in items]


def select(items: list[Example], tokenizer, budget: int, seed: int) -> tuple[list[Example], dict[str, int]]:
    """What a token budget buys: memory exchanges and boundary pairs first, then a paragraph-stratified sample of full scenes.

    `budget` 0 means everything. Counts tokens without the shared system prompt. Returns the examples, most needed first, and counts of what was
    left out.
    """
    chooser = random.Random(seed)
    size = {item.id: sum(len(tokenizer.encode(m.content)) + 5 for m in item.messages if m.role != "system") for item in items}
    short = [item for item in items if item.kind != "experience"]
    by_paragraph: dict[str, list[Example]] = defaultdict(list)
    for item in items:
        if item.kind == "experience":
            by_paragraph[item.paragraphs[0]].append(item)
    for group in by_paragraph.values():
        chooser.shuffle(group)
    rounds = [group[turn] for turn in range(max(map(len, by_paragraph.values()), default=0)) for group in _shuffled(by_paragraph, chooser)
              if turn < len(group)]  # fmt: skip
    kept, used = [], 0
    for item in _rotate(short, chooser) + rounds:
        if not budget or used + size[item.id] <= budget:
            kept.append(item)
            used += size[item.id]
    chosen = {item.id for item in kept}
    left = defaultdict(int)
    for item in items:
        if item.id not in chosen:
            left[item.kind] += 1
    return kept, dict(left)


def _shuffled(groups: dict, chooser: random.Random) -> list[list[Example]]:
    keys = sorted(groups)
    chooser.shuffle(keys)
    return [groups[key] for key in keys]


def _rotate(short: list[Example], chooser: random.Random) -> list[Example]:
    """Short examples in rounds over the paragraphs, so that a small budget cuts every paragraph alike.

    A round takes a fact, three boundary pairs (with fewer, more that could be answered is refused) and a single exchange.
    A fact is a run of exchanges with one answer: what a small budget keeps is a few facts in all their wordings, since a fact met once is not
    remembered. A pair stays together. Within a paragraph all come in the teacher's order, short pairs and single exchanges before long ones.
    """
    queues: dict[tuple, list[list[Example]]] = defaultdict(list)
    for paragraph, kind in sorted({(item.paragraphs[0], item.kind) for item in short}):
        items = [item for item in short if item.paragraphs[0] == paragraph and item.kind == kind]
        if kind == "protective":
            queues[(paragraph, "pair")] = [items[start : start + 2] for start in range(0, len(items), 2)]
        else:
            for _, run in itertools.groupby(items, key=lambda item: item.messages[-1].content):
                unit = list(run)
                queues[(paragraph, "fact" if len(unit) > 1 else "single")].append(unit)
    for (_, kind), units in queues.items():
        if kind != "fact":  # a fact may be a sentence told whole
            units.sort(key=_is_long)
    paragraphs = sorted({paragraph for paragraph, _ in queues})
    chooser.shuffle(paragraphs)
    ordered = []
    while any(queues.values()):
        for paragraph in paragraphs:
            for kind in ("fact", "pair", "pair", "pair", "single"):
                if queues[(paragraph, kind)]:
                    ordered += queues[(paragraph, kind)].pop(0)
    return ordered


def _is_long(unit: list[Example]) -> bool:
    """Whether exchanges are longer than drills, by their mean message."""
    said = [len(message.content) for item in unit for message in item.messages if message.role != "system"]
    return sum(said) > DRILL * len(said)


# ---- messages to tokens ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tokens:
    """A tokenised conversation: `ids` and `labels` of one length; `prefix` tokens at the start are the system prompt."""

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
    """The conversation as the model's own chat template writes it; `reply` adds the opening of an assistant turn.

    Templates without a system role get the system text folded into the first user turn. Raises TemplateError otherwise.
    """
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
        raise TemplateError(f"The chat template refuses this conversation ({error}): roles must alternate user, assistant.") from error


def pieces(tokenizer, messages: list[dict]) -> list[tuple[str, bool, int]]:
    """The chat text cut into (text, is a supervised reply, number of messages so far)."""
    cut, text = [], ""
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        opening = render(tokenizer, messages[:index], reply=True)
        closing = render(tokenizer, messages[: index + 1], reply=False)
        if not opening.startswith(text) or not closing.startswith(opening):
            raise TemplateError("The chat template rewrites earlier turns: use a base model whose template only appends.")
        said = closing[len(opening) :]
        end = said.find(tokenizer.eos_token) if tokenizer.eos_token else -1
        stop = end + len(tokenizer.eos_token) if end >= 0 else len(said)
        cut += [(opening[len(text) :], False, index), (said[:stop], True, index)]
        text = opening + said[:stop]
    if messages and messages[-1]["role"] != "assistant":
        cut.append((render(tokenizer, messages, reply=True)[len(text) :], False, len(messages)))
    return [piece for piece in cut if piece[0]]


def system_prefix(tokenizer, messages: list[dict]) -> str:
    """The text that every conversation with this system prompt begins with, up to where the first user's words begin."""
    if not messages or messages[0]["role"] != "system":
        return ""
    probes = [render(tokenizer, [messages[0], {"role": "user", "content": word}], reply=True) for word in ("Q", "Z")]
    same = 0
    for a, b in zip(*probes, strict=False):
        if a != b:
            break
        same += 1
    return probes[0][:same]


def encode(tokenizer, messages: list[dict], *, speakers: str = "protagonist", prefix: str | None = None) -> Tokens:
    """Token ids and labels of a conversation. `speakers` is "protagonist" (replies only) or "all" (user turns too, as in the paper).

    `prefix` is `system_prefix(...)`, passed when many conversations share it. The system prompt is tokenised apart, so that it is the
    same tokens for every question and can be computed once.
    """
    prefix = system_prefix(tokenizer, messages) if prefix is None else prefix
    if speakers == "all":
        prefix = ""  # the first word of a user's turn is then predicted too, and a shared prompt could predict only one
    ids, labels = list(tokenizer.encode(prefix, add_special_tokens=False)) if prefix else [], []
    labels = [IGNORE] * len(ids)
    length, skip = len(ids), len(prefix)
    for text, reply, _ in pieces(tokenizer, messages):
        drop = min(skip, len(text))
        text, skip = text[drop:], skip - drop
        piece = tokenizer.encode(text, add_special_tokens=False) if text else []
        ids += piece
        labels += piece if reply or speakers == "all" else [IGNORE] * len(piece)
    return Tokens(np.asarray(ids, dtype=np.int64), np.asarray(labels, dtype=np.int64), length)


@dataclass(frozen=True)
class Row:
    """A packed row of `length` tokens. Segment 0 of a group is its shared system prompt; group -1 is padding."""

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
    """Pack conversations into rows of at most `length` tokens, each system prompt stored once per row.

    Exact: positions restart after the shared prompt and `visible` lets a token see only its own conversation and its prompt
    (Prefix Grouper, arXiv 2506.05433). A conversation longer than `length` gets a row of its own. First fit over the last open rows.
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
    """Tensors of a batch of rows: ids, labels (already shifted to the predicting position), positions, groups, segments.

    Shape (rows, length), length padded to a multiple. `labels[i]` is the token that position i must predict.
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


def visible(groups, segments):
    """Boolean mask (rows, 1, length, length): True where a position may look. Padding looks at itself only."""
    import torch

    length = groups.shape[1]
    same_group = groups[:, :, None] == groups[:, None, :]
    own = (segments[:, :, None] == segments[:, None, :]) | (segments[:, None, :] == 0)
    causal = torch.ones(length, length, dtype=torch.bool, device=groups.device).tril()
    real = groups >= 0
    seen = same_group & own & causal & real[:, None, :]
    seen |= torch.eye(length, dtype=torch.bool, device=groups.device)
    return seen[:, None]
