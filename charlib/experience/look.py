"""Experience to look at: coverage, lengths, scripts."""

from collections import Counter, defaultdict

from charlib.records import Dialogue, Profile, Scene


def coverage(profile: Profile, scenes: list[Scene], dialogues: list[Dialogue]) -> list[dict]:
    """One row per paragraph: how many scenes, full dialogues and memory exchanges it has."""
    counts: dict[str, Counter] = defaultdict(Counter)
    for item in (*scenes, *dialogues):
        for id in item.paragraphs:
            counts[id]["scenes" if isinstance(item, Scene) else item.kind] += 1
    kinds = ("scenes", "experience", "memory", "protective")
    return [{"paragraph": item.id, "section": item.section,
             "begins": " ".join(item.text.split()[:8]),
             **{kind: counts[item.id][kind] for kind in kinds}} for item in profile.paragraphs]


def word_counts(profile: Profile, dialogues: list[Dialogue]) -> dict[str, list[int]]:
    """Words per turn, for the protagonist's speech and thoughts, the others, and memory answers."""
    mine, others = f"{profile.short_name} in scenes", "others in scenes"
    groups: dict[str, list[int]] = {mine: [], "thoughts": [], others: [], "memory answers": []}
    for dialogue in dialogues:
        for turn in dialogue.turns:
            own = turn.role == profile.short_name
            group = "thoughts" if turn.action == "thinking" else mine if own else others
            if dialogue.kind == "memory":
                group = "memory answers" if own else ""
            if group:
                groups[group].append(len(turn.text.split()))
    return groups


def script(dialogue: Dialogue, scene: Scene | None = None) -> str:
    """A dialogue as plain text to read: the set-up, then the turns, thoughts in parentheses."""
    lines = []
    if scene:
        lines = [f"[{scene.type}; {scene.location}; {scene.time}] {scene.background}", ""]
    for turn in dialogue.turns:
        mood, thought = f", {turn.emotion}" if turn.emotion else "", turn.action == "thinking"
        lines.append(f"   ({turn.role} thinks{mood}: {turn.text})" if thought
                     else f"{turn.role}: {turn.text}")
    return "\n".join(lines)
