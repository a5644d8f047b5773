"""Experience to look at: coverage, lengths, scripts."""

from collections import Counter

from charlib.records import Dialogue, Profile, Scene


def coverage(profile: Profile, scenes: list[Scene], dialogues: list[Dialogue]) -> list[dict]:
    """A row a paragraph: how many scenes, full dialogues and memory exchanges it has."""
    counts: dict[str, Counter] = {paragraph.id: Counter() for paragraph in profile.paragraphs}
    for scene in scenes:
        for id in scene.paragraphs:
            counts.setdefault(id, Counter())["scenes"] += 1
    for dialogue in dialogues:
        for id in dialogue.paragraphs:
            counts.setdefault(id, Counter())[dialogue.kind] += 1
    return [
        {"paragraph": item.id, "section": item.section, "begins": " ".join(item.text.split()[:8]), **{
            name: counts[item.id][name] for name in ("scenes", "experience", "memory", "protective")}}
        for item in profile.paragraphs
    ]  # fmt: skip


def word_counts(profile: Profile, dialogues: list[Dialogue]) -> dict[str, list[int]]:
    """Words a turn, for the protagonist's speech and thoughts, the others, and memory answers."""
    groups: dict[str, list[int]] = {f"{profile.short_name} in scenes": [], "thoughts": [], "others in scenes": [], "memory answers": []}
    for dialogue in dialogues:
        for turn in dialogue.turns:
            size, own = len(turn.text.split()), turn.role == profile.short_name
            if dialogue.kind == "memory":
                if own:
                    groups["memory answers"].append(size)
            elif turn.action == "thinking":
                groups["thoughts"].append(size)
            else:
                groups[f"{profile.short_name} in scenes" if own else "others in scenes"].append(size)
    return groups


def script(dialogue: Dialogue, scene: Scene | None = None) -> str:
    """A dialogue as plain text to read: the set-up, then the turns, thoughts in parentheses."""
    lines = [f"[{scene.type}; {scene.location}; {scene.time}] {scene.background}", ""] if scene else []
    for turn in dialogue.turns:
        mood = f", {turn.emotion}" if turn.emotion else ""
        lines.append(f"   ({turn.role} thinks{mood}: {turn.text})" if turn.action == "thinking" else f"{turn.role}: {turn.text}")
    return "\n".join(lines)
