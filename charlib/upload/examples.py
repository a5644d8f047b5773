"""Dialogues as training examples: messages, choice within a budget, the loss mask to look at."""

import itertools
import json
import random
from collections import Counter, defaultdict

from charlib import experience, models, run
from charlib import profile as profiles
from charlib.records import Dialogue, Example, Profile, Scene, content_id

DRILL = 75  # characters a message, up to which an exchange counts as a drill

# who ask without a name tag, as an interview does
PLAIN = {"visitor", "interviewer", "stranger", "user", "questioner", "student"}


def to_messages(dialogue: Dialogue, profile: Profile, scene: Scene | None = None, *,
                thoughts: bool = True) -> list[dict]:
    """A dialogue as strictly alternating chat messages (system, user, assistant, …) that end with
    the protagonist's. Empty when nobody is answered.

    Others' turns become one user message, each under its name unless it is a plain questioner's;
    the protagonist's turns become one assistant message. In scenes thoughts and speech carry their
    action; in short exchanges the answer stands alone."""
    setting = {}
    if scene:
        setting = {"place": scene.location, "time": scene.time, "background": scene.background}
    prompt = models.system_prompt(profile.name, **setting)
    messages = [{"role": "system", "content": prompt}]
    for turn in dialogue.turns:
        own = turn.role == profile.short_name
        if own and turn.action == "thinking" and not thoughts:
            continue
        role, content = "assistant" if own else "user", turn.text
        if own and dialogue.kind == "experience":
            mood = f", {turn.emotion}" if turn.action == "thinking" and turn.emotion else ""
            content = f"({turn.action}{mood}) {turn.text}"
        elif not own and turn.role.lower() not in PLAIN:
            content = f"{turn.role}: {turn.text}"
        if own and messages[-1]["role"] == "system":
            messages.append({"role": "user", "content": setting.get("background") or "…"})
        if messages[-1]["role"] == role:
            messages[-1]["content"] += f"\n{content}"
        else:
            messages.append({"role": role, "content": content})
    while messages and messages[-1]["role"] != "assistant":
        messages.pop()
    return messages if len(messages) > 2 else []


def all_examples(profile: Profile, scenes: list[Scene], dialogues: list[Dialogue], *,
                 thoughts: bool = True) -> list[Example]:
    """Every dialogue as an example, with its provenance."""
    by_id = {scene.id: scene for scene in scenes}
    made = []
    for dialogue in dialogues:
        scene = by_id.get(dialogue.scene or "")
        messages = to_messages(dialogue, profile, scene, thoughts=thoughts)
        if messages:
            id = content_id(dialogue.id, *(message["content"] for message in messages))
            made.append(Example(id=id, dialogue=dialogue.id, paragraphs=dialogue.paragraphs,
                                kind=dialogue.kind, messages=messages))
    return made


def build_examples(here: run.Run, profile: Profile, tokenizer, settings, seed: int
                   ) -> tuple[list[Example], dict[str, int]]:
    """The run's examples.jsonl: all dialogues as examples, a validation share marked, the token
    budget spent. Returns them and what was left out.

    `settings` has train_on (without_thoughts leaves them out), tokens (0 for everything) and
    validation (a share)."""
    scenes = here.read_jsonl("scenes.jsonl", Scene)
    dialogues = [dialogue for name in ("dialogues.jsonl", "protective.jsonl")
                 for dialogue in here.read_jsonl(name, Dialogue)]
    thoughts = settings.train_on != "without_thoughts"
    made = all_examples(profile, scenes, dialogues, thoughts=thoughts)
    kept, left = select(made, tokenizer, settings.tokens, seed)
    kept = split(kept, settings.validation, seed)
    here.write_jsonl("examples.jsonl", kept)
    here.record("dataset", inputs=("scenes.jsonl", "dialogues.jsonl", "protective.jsonl"),
                products=("examples.jsonl",), left_out=left)
    return kept, left


def others_experience(character: str, profile: Profile, count: int, seed: int) -> list[Example]:
    """Another shipped character's memory exchanges under this person's name: the control that
    separates learning from having been trained.

    Raises RunError when no other character ships with recordings."""
    folder = run.root() / "data" / "recordings"
    others = [slug for slug in profiles.shipped()
              if slug != character and (folder / slug / "dialogues.jsonl").is_file()]
    if not others:
        raise run.RunError("The shuffled ablation needs a second shipped character "
                                "with recordings in data/.")
    other = random.Random(seed).choice(others)
    person = profiles.load(profiles.find(other))
    made = []
    for row in run.read_jsonl(folder / other / "dialogues.jsonl"):
        if "paragraph" not in row["key"]:
            continue
        for _, text in experience.split_exchanges(row["completion"]):
            turns = experience.parse_dialogue(text, person)
            if turns:
                id = content_id(other, json.dumps([turn.text for turn in turns]))
                made.append(Dialogue(id=id, paragraphs=[row["key"]["paragraph"]], kind="memory",
                                     turns=turns))
    renamed = person.model_copy(update={"name": profile.name})
    chosen = random.Random(seed).sample(made, min(count, len(made)))
    return all_examples(renamed, [], chosen)


def show_mask(tokenizer, example: Example, speakers: str = "protagonist"
              ) -> list[tuple[str, bool]]:
    """The tokens of an example as (text, is learned), for the eye."""
    messages = [message.model_dump() for message in example.messages]
    tokens = models.encode(tokenizer, messages, speakers=speakers)
    return [(tokenizer.decode([id]), label != models.IGNORE)
            for id, label in zip(tokens.ids.tolist(), tokens.labels.tolist(), strict=True)]


def split(items: list[Example], share: float, seed: int) -> list[Example]:
    """Mark a seeded share of the memory exchanges as validation: their facts are met in other
    words."""
    memory = sorted(item.id for item in items if item.kind == "memory")
    held = set(random.Random(seed).sample(memory, round(share * len(memory))))
    return [item.model_copy(update={"split": "validation" if item.id in held else "train"})
            for item in items]


def select(items: list[Example], tokenizer, budget: int, seed: int
           ) -> tuple[list[Example], dict[str, int]]:
    """What a token budget buys: memory exchanges and boundary pairs first, then a
    paragraph-stratified sample of full scenes.

    `budget` 0 means everything. Counts tokens without the shared system prompt. Returns the
    examples, most needed first, and counts of what was left out."""
    chooser = random.Random(seed)
    scenes: dict[str, list[Example]] = defaultdict(list)
    for item in items:
        if item.kind == "experience":
            scenes[item.paragraphs[0]].append(item)
    for group in scenes.values():
        chooser.shuffle(group)
    rounds = []
    for turn in range(max(map(len, scenes.values()), default=0)):
        order = sorted(scenes)
        chooser.shuffle(order)
        rounds += [scenes[paragraph][turn] for paragraph in order if turn < len(scenes[paragraph])]
    short = [item for item in items if item.kind != "experience"]
    kept, used = [], 0
    for item in _rotate(short, chooser) + rounds:
        size = sum(len(tokenizer.encode(message.content)) + 5
                   for message in item.messages if message.role != "system")
        if not budget or used + size <= budget:
            kept.append(item)
            used += size
    chosen = {item.id for item in kept}
    return kept, dict(Counter(item.kind for item in items if item.id not in chosen))


def _rotate(short: list[Example], chooser: random.Random) -> list[Example]:
    """Short examples in rounds over the paragraphs, so that a small budget cuts every paragraph
    alike.

    A round takes a fact, three boundary pairs (with fewer, more that could be answered is refused)
    and a single exchange. A fact is a run of exchanges with one answer: what a small budget keeps
    is a few facts in all their wordings, since a fact met once is not remembered. A pair stays
    together. Within a paragraph all come in the teacher's order, short pairs and single exchanges
    before long ones."""
    queues: dict[tuple, list[list[Example]]] = defaultdict(list)
    by_kind: dict[tuple, list[Example]] = defaultdict(list)
    for item in short:
        by_kind[item.paragraphs[0], item.kind].append(item)
    for (paragraph, kind), items in sorted(by_kind.items()):
        if kind == "protective":
            queues[paragraph, "pair"] = [items[n : n + 2] for n in range(0, len(items), 2)]
        else:
            for _, same in itertools.groupby(items, key=lambda item: item.messages[-1].content):
                unit = list(same)
                queues[paragraph, "fact" if len(unit) > 1 else "single"].append(unit)
    for (_, kind), units in queues.items():
        if kind != "fact":  # a fact may be a sentence told whole
            units.sort(key=_is_long)
    paragraphs = sorted({paragraph for paragraph, _ in queues})
    chooser.shuffle(paragraphs)
    ordered = []
    while any(queues.values()):
        for paragraph in paragraphs:
            for kind in ("fact", "pair", "pair", "pair", "single"):
                if queues[paragraph, kind]:
                    ordered += queues[paragraph, kind].pop(0)
    return ordered


def _is_long(unit: list[Example]) -> bool:
    """Whether exchanges are longer than drills, by their mean message."""
    said = [len(message.content)
            for item in unit for message in item.messages if message.role != "system"]
    return sum(said) > DRILL * len(said)
