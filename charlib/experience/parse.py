"""Scenes, exchanges and dialogues read from what a teacher wrote."""

import re

from charlib.experience.transcript import lines
from charlib.records import Profile, Scene, Turn, content_id

_ANY = re.IGNORECASE
_FIELD = re.compile(
    r"^(?:[-*•]\s*)?(type|location|place|time|date|background|stance)\s*[:：]\s*(.*)$", _ANY)
_SCENE = re.compile(r"^(?:scene\s*)?#?\d+\s*[.):]?\s*(.*)$|^scene\b.*$", _ANY)
_EXCHANGE = re.compile(
    r"^(?:exchange|dialogue|conversation|pair|example)\s*#?\s*(\d+)\s*[.):]?\s*$", _ANY)
_HEADER = re.compile(r"^(kind|beyond|answerable|twin of)\s*[:：]\s*(.*)$", _ANY)
_TYPES = {"chat", "debate", "discussion", "speech", "monologue"}
_THINKING = re.compile(
    r"\b(think\w*|thought\w*|inner|inwardly|to (?:him|her|my|it)self|aside|reflect\w*|muses|"
    r"musing)\b", _ANY)
_SPEAKING = re.compile(r"\b(speak\w*|says?|said|aloud|reply|replies|answers?)\b", _ANY)
_NARRATORS = {"narrator", "narration", "stage direction", "stage directions", "voice-over",
              "voiceover"}
_NOT_ROLES = {
    "note", "notes", "scene", "setting", "background", "location", "time", "type", "title", "end",
    "the end", "stance", "place", "date", "dialogue", "script", "context", "characters", "kind",
    "here is the scene", "beyond", "answerable", "twin of", "ps", "summary", "act"}
_POLITE = {
    "young", "old", "older", "younger", "little", "herr", "mr", "mrs", "miss", "mistress", "madame",
    "maestro", "master", "the", "queen", "king", "general", "consul", "dictator", "sir", "lady",
    "dr", "captain", "aged", "dying"}
_PARTICLES = {"van", "von", "de", "der", "the", "of", "a", "an", "du", "la", "and"}
_ROLE = r"^(?P<role>[^\W\d_][^:：()\[\]*\n]{0,59}?|\[[^\]\n]{1,60}\])\s*"
_ACTED = re.compile(
    _ROLE + r"[(\[](?P<action>[^()\[\]\n]{1,80})[)\]]\s*(?P<mark>[:：—–-])?\s*(?P<text>.*)$")
_NAMED = re.compile(_ROLE + r"(?P<mark>[:：])\s*(?P<text>.*)$")
# a stage direction on a line of its own
_NARRATION = re.compile(r"\(.*\)|\[.*\]|\*[^*]+\*|_[^_]+_|-{3,}|\*{3,}|={3,}")


def clean(text: str) -> str:
    """A completion without fences, markdown emphasis of names, and odd spaces."""
    text = re.sub("\r\n|\r|\u2028", "\n", text)
    text = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", text)
    text = re.sub(r"<think>.*?</think>", "", text, flags=re.DOTALL)
    text = re.sub(r"^\s*(```|~~~).*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\s*(?:#{1,6}|>|[-•])\s+", "", text, flags=re.MULTILINE)
    text = re.sub(r"(\*\*|__)(.+?)\1", r"\2", text)
    return text.replace("\u00a0", " ")


def parse_scenes(text: str, paragraph: str) -> list[Scene]:
    """Scenes in a teacher's answer; whatever stands between them is passed over (defect D1)."""
    scenes, current, last = [], {}, None

    def finish():
        if current.get("background") or current.get("location"):
            words = re.findall(r"[a-z]+", current.get("type", "").lower())
            kind = next((word for word in words if word in _TYPES), "chat")
            parts = {name: current.get(name, "") for name in ("location", "time", "background")}
            scenes.append(Scene(
                id=content_id(paragraph, kind, *parts.values()), paragraphs=[paragraph], type=kind,
                stance=current.get("stance") or None, **parts))
        current.clear()

    for raw in clean(text).split("\n"):
        line = raw.strip().strip("*").strip()
        if match := _FIELD.match(line):
            name = match[1].lower()
            name = {"place": "location", "date": "time"}.get(name, name)
            if name in current and (name == "type" or "type" not in current):
                finish()
            current[name], last = match[2].strip(), name
        elif _SCENE.match(line) or not line:
            if line:
                finish()
            last = None
        elif last:
            current[last] = f"{current[last]} {line}".strip()
    finish()
    return scenes


def split_exchanges(text: str) -> list[tuple[dict, str]]:
    """The exchanges of a memory or protective answer: (header fields such as kind, beyond,
    answerable, twin of; the dialogue's text)."""
    found, fields, lines, number, blank = [], {}, [], "", False

    def finish():
        if lines:
            found.append(({"number": number or str(len(found) + 1), **fields}, "\n".join(lines)))

    for raw in clean(text).split("\n"):
        line = raw.strip()
        start = _EXCHANGE.match(line.strip("*"))
        header = _HEADER.match(line)
        if start:
            finish()
            fields, lines, number = {}, [], start[1]
        elif header:
            # headers without an "Exchange N" line above them begin a new exchange
            if lines and blank:
                finish()
                fields, lines, number = {}, [], ""
            fields[header[1].lower()] = header[2].strip()
        elif line:
            lines.append(line)
        blank = not line
    finish()
    return found


def parse_dialogue(text: str, profile: Profile) -> list[Turn]:
    """Turns of a script as a person would read them. Empty when the protagonist never speaks
    (defects D2 to D4).

    Tolerates preambles, fences, markdown names, a header on a line of its own, text over several
    lines, missing actions, role aliases and a narrator (dropped). Consecutive turns of one role and
    action are one turn."""
    turns, current = [], None
    plain = lines(clean(text), lambda role: normalise_role(role, profile) == profile.short_name)
    for raw in plain.split("\n"):
        line = raw.strip()
        if not line:
            continue
        header = _header(line, profile)
        if header == "skip":
            current = None
        elif header:
            current = header
            turns.append(current)
        elif current is not None and not _NARRATION.fullmatch(line):
            current["text"] = f"{current['text']} {_plain(line)}".strip()
    merged: list[dict] = []
    for turn in turns:
        turn["text"] = _plain(turn["text"])
        if merged and all(merged[-1][name] == turn[name] for name in ("role", "action")):
            merged[-1]["text"] = f"{merged[-1]['text']} {turn['text']}".strip()
        elif turn["text"]:
            merged.append(turn)
    own = profile.short_name
    speaks = any(turn["role"] == own and turn["action"] == "speaking" for turn in merged)
    return [Turn(**turn) for turn in merged] if speaks else []


def _header(line: str, profile: Profile):
    """A new turn, "skip" for a heading or a narrator's line, or None when the line continues the
    turn before it."""
    if line.startswith(("*", "_")):
        line = line.strip("*_ ").replace(":**", ":").replace(":*", ":")
    if line.startswith(("(", "[")) and not re.match(r"^\[[^\]]{1,60}\]\s*[:：(]", line):
        return None
    if not (match := _ACTED.match(line) or _NAMED.match(line)):
        return None
    role = match["role"].strip(" *_[]\"'“”").rstrip(",")
    action = match.groupdict().get("action")
    if role.lower() in _NARRATORS or (role.lower() in _NOT_ROLES and match["mark"]):
        return "skip"
    # "Neefe (my teacher) says …" is prose, "Neefe (speaking) …" a turn
    prose = not match["mark"] and not (_THINKING.search(action) or _SPEAKING.search(action))
    if prose or not _like_a_name(role):
        return None
    kind = "thinking" if action and _THINKING.search(action) else "speaking"
    return {"role": normalise_role(role, profile), "action": kind, "text": match["text"].strip(),
            "emotion": _emotion(action)}


def _like_a_name(role: str) -> bool:
    """A role is short, begins with a capital, and does not read as a sentence."""
    words = role.split()
    if not role[:1].isupper() or len(words) > 7 or role[-1] in ".!?,;" or role.count('"') % 2:
        return False
    small = [word for word in words if word[:1].islower() and word not in _PARTICLES]
    return len(small) <= max(1, len(words) // 2)


def normalise_role(role: str, profile: Profile) -> str:
    """The protagonist's short name for any of its aliases; other roles as they are, without title
    marks (defect D4)."""
    short = profile.short_name.lower()
    full = _names(profile.name)
    bare = {word for word in _names(role) - _POLITE if not word.isdigit()}
    telling = {short, profile.name.split()[0].lower()}
    if short == role.lower() or (bare and bare <= full | {short} and bare & telling):
        return profile.short_name
    role = re.sub(r"\s+", " ", role)[:60]
    return role.title() if role.isupper() and len(role) > 3 else role


def _names(text: str) -> set[str]:
    return {word.strip(".,'’").lower() for word in text.split()}


def _emotion(action: str | None) -> str | None:
    rest = _SPEAKING.sub("", _THINKING.sub("", action or "")).strip(" ,;:-–—/")
    return rest.lower() if re.match(r"[^\W\d_][\w' -]{2,30}$", rest) else None


def _plain(text: str) -> str:
    """Spoken text without wrapping quotes, emphasis and stage directions between asterisks."""
    text = re.sub(r"\*[^*\n]{1,120}\*", "", text)
    text = re.sub(r"<\|(?:eot|im_end|im_start)\|>", "", text)
    text = re.sub(r"\s+", " ", text).strip().strip("*_").strip()
    for opening, closing in ('""', "“”", "«»", "„“", "„”", "「」", "‹›", "‚‘"):
        wrapped = text[:1] == opening and text[1:].endswith(closing)
        if wrapped and text.count(closing) <= 2:
            text = text[1:-1].strip()
    return text
