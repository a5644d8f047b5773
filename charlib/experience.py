"""Experience reconstruction: profile -> scenes -> dialogues. Ask a teacher, parse, repair, ground, deduplicate, reject.

A scene and a dialogue, as rows of scenes.jsonl and dialogues.jsonl:

    {"id": "5d0c…", "paragraphs": ["3f2a…"], "type": "chat", "location": "Bonn, the organ loft", "time": "winter 1782", "background": "…"}
    {"id": "9b1e…", "scene": "5d0c…", "kind": "experience", "turns": [{"role": "Neefe", "action": "speaking", "text": "…"},
     {"role": "Beethoven", "action": "thinking", "text": "…", "emotion": "defiant"}], "teacher": "recorded", "request": "…", "attempts": 1}
"""

import hashlib
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict

from charlib import run, transcript
from charlib import teacher as teachers
from charlib.profile import Paragraph, Profile, dates_in
from charlib.teacher import Completion, Request


class Turn(BaseModel):
    """One turn of a dialogue: who, speaking or thinking, what; a thought may carry an emotion."""

    model_config = ConfigDict(frozen=True)
    role: str
    action: Literal["speaking", "thinking"] = "speaking"
    text: str
    emotion: str | None = None


class Scene(BaseModel):
    """Where and when something is lived, drawn from one or more paragraphs. `stance` is a value put under pressure there."""

    model_config = ConfigDict(frozen=True)
    id: str
    paragraphs: list[str]
    type: Literal["chat", "debate", "discussion", "speech", "monologue"] = "chat"
    location: str = ""
    time: str = ""
    background: str = ""
    stance: str | None = None


class Dialogue(BaseModel):
    """A dialogue with its provenance. Protective ones say what lies beyond, and name their twin."""

    model_config = ConfigDict(frozen=True)
    id: str
    scene: str | None = None
    paragraphs: list[str] = []
    kind: Literal["experience", "memory", "protective"]
    turns: list[Turn]
    teacher: str = ""
    request: str = ""
    attempts: int = 1
    flags: list[str] = []
    topic: str | None = None
    beyond: str | None = None
    answerable: bool | None = None
    twin: str | None = None


class Reject(BaseModel):
    """What was not kept, from which request, and why; the raw text stays readable."""

    model_config = ConfigDict(frozen=True)
    stage: str
    reason: str
    paragraph: str = ""
    scene: str = ""
    request: str = ""
    detail: str = ""
    text: str = ""


def content_id(*parts: str) -> str:
    """Ten hex digits made of the content, so that what depends on changed text gets another id."""
    return hashlib.sha256("\x1f".join(" ".join(part.split()) for part in parts).encode()).hexdigest()[:10]


# ---- asking ------------------------------------------------------------------------------------------------------------------------


def livable(profile: Profile, limit: int = 0) -> list[Paragraph]:
    """The paragraphs that experience is made of: those that do not lie wholly after the horizon; at most `limit` unless that is 0."""
    found = []
    for paragraph in profile.paragraphs:
        dates = dates_in(paragraph.text)
        if not (profile.end and dates and all(date.after(profile.end) for date in dates)):
            found.append(paragraph)
    return found[:limit] if limit else found


def scene_requests(profile: Profile, character: str, count: int = 2, limit: int = 0) -> list[Request]:
    """One request a paragraph for `count` scenes."""
    return [
        teachers.request(character, "scenes", paragraph.id, profile, _facts(profile, paragraph) | {"count": str(count)})
        for paragraph in livable(profile, limit)
    ]


def dialogue_requests(profile: Profile, character: str, scenes: list[Scene]) -> list[Request]:
    """One request a scene for its dialogue."""
    requests = []
    for scene in scenes:
        paragraph = profile.paragraph(scene.paragraphs[0])
        facts = _facts(profile, paragraph) | {"scene": scene, **scene.model_dump(include={"type", "location", "time", "background"})}
        requests.append(teachers.request(character, "dialogue", scene.id, profile, facts))
    return requests


def memory_requests(profile: Profile, character: str, limit: int = 0) -> list[Request]:
    """Two requests a paragraph for short exchanges: its facts remembered in conversation, and drilled in many wordings with short answers."""
    return [
        teachers.request(character, stage, item.id, profile, _facts(profile, item), sample)
        for sample, stage in enumerate(("memory", "recall"))
        for item in livable(profile, limit)
    ]


def _facts(profile: Profile, paragraph: Paragraph) -> dict:
    return {"paragraph": paragraph.text, "item": paragraph, "profile": profile}


def ask(here: run.Run, stage: str, requests: list[Request], teacher) -> dict[str, Completion]:
    """Completions by request id: from the journal where they are, from the teacher where they are not; each is kept as it comes.

    Nothing finished is asked for twice, so an interrupted stage goes on where it stopped, and an edited paragraph asks only for its own.
    """
    from charlib.endpoint import ANSWERED, Journal

    journal = Journal(here.path("journal", f"{stage}.jsonl"))
    try:
        known = {request.id: journal.get(_entry(request, teacher)) for request in requests}
        fresh = [request for request in requests if known[request.id] is None]
        found = {id: Completion(**row) for id, row in known.items() if row is not None}
        for request, completion in teacher.complete(fresh):
            found[request.id] = completion
            if completion.finish in ANSWERED:
                journal.put(_entry(request, teacher), asdict(completion), request.key)
            else:  # a failure is kept to be counted, and asked again by the next run
                journal.fail(_entry(request, teacher), {**request.key, "failed": completion.finish, "attempts": completion.attempts})
    finally:
        journal.close()
    by_teacher = Counter(completion.teacher for completion in found.values() if completion.finish in ANSWERED)
    sources = ", ".join(f"{count} {name}" for name, count in sorted(by_teacher.items())) or "none"
    counts = f"{by_teacher.total()} answered ({sources}), {len(found) - by_teacher.total()} failed"
    here.say(f"{stage}: {len(requests)} wanted, {len(requests) - len(fresh)} already there, {counts}")
    return found


def _entry(request: Request, teacher) -> str:
    """Journal key: what was asked and of whom; a recording that was rewritten counts as another answer."""
    return f"{request.id}:{teacher.stamp(request)}"


# ---- reconstructing ----------------------------------------------------------------------------------------------------------------


@dataclass
class Result:
    """What a stage kept and what it rejected."""

    kept: list = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    attrition: Counter = field(default_factory=Counter)


def reconstruct(here: run.Run, profile: Profile, teacher, *, scenes: int = 2, limit: int = 0) -> tuple[Result, Result]:
    """Scenes and dialogues (experience and memory) of a profile. Writes scenes.jsonl, dialogues.jsonl and the rejects; returns both results.

    Character-LLM, section 3: scene extraction, then experience completion; here every step keeps what it refuses and why.
    """
    before = _known(here)
    found = extract_scenes(here, profile, teacher, scenes, limit)
    told = complete_dialogues(here, profile, teacher, found.kept, limit)
    told.kept = decide(here, told.kept, told.rejects)
    here.write_jsonl("scenes.jsonl", found.kept)
    here.write_jsonl("dialogues.jsonl", told.kept)
    write_rejects(here, "experience", found.rejects + told.rejects)
    _report_changes(here, before, {item.id for item in found.kept + told.kept})
    return found, told


def extract_scenes(here: run.Run, profile: Profile, teacher, count: int = 2, limit: int = 0) -> Result:
    """Ask for scenes and parse them."""
    requests = scene_requests(profile, here.character, count, limit)
    completions = ask(here, "scenes", requests, teacher)
    result = Result(attrition=Counter(asked=len(requests), answered=len(completions)))
    for request in requests:
        completion = completions.get(request.id)
        if not usable(completion, request, result):
            continue
        found = parse_scenes(completion.text, request.subject)
        if not found:
            reject(result, request, "no scene found", completion.text)
            continue
        result.attrition["parsed"] += 1
        known = {scene.id for scene in result.kept}
        result.kept += [
            scene
            for scene in found[: int(request.facts["count"])]
            if scene.id not in known and _timely_scene(scene, profile, request, result)
        ]
    result.attrition["kept"] = len(result.kept)
    return result


def complete_dialogues(here: run.Run, profile: Profile, teacher, scenes: list[Scene], limit: int = 0) -> Result:
    """Ask for the dialogue of every scene and the memory exchanges of every paragraph; parse, ground, deduplicate."""
    result = Result()
    wanted = [*dialogue_requests(profile, here.character, scenes), *memory_requests(profile, here.character, limit)]
    completions = ask(here, "dialogues", wanted, teacher)
    result.attrition.update(asked=len(wanted), answered=len(completions))
    found: list[Dialogue] = []
    for request in wanted:
        completion = completions.get(request.id)
        if not usable(completion, request, result):
            continue
        made = _dialogues_of(request, completion, profile)
        if not made:
            reject(result, request, "no dialogue found", completion.text)
            continue
        result.attrition["parsed"] += 1
        found += made
    support = Support(profile, [f"{scene.location} {scene.time} {scene.background}" for scene in scenes])
    grounded = [dialogue for dialogue in (ground(item, profile, support, result) for item in found) if dialogue]
    result.attrition["grounded"] = len(grounded)
    result.kept = deduplicate(grounded, result)
    result.attrition["kept"] = len(result.kept)
    return result


def usable(completion: Completion | None, request: Request, result: Result) -> bool:
    """Whether there is a whole answer; what is missing or cut is counted and kept as a reject (fault F10)."""
    if completion is None:
        reject(result, request, "not answered", "")
    elif completion.finish != "stop":
        reject(result, request, f"finish: {completion.finish}", completion.text)
    else:
        return True
    return False


def _dialogues_of(request: Request, completion: Completion, profile: Profile) -> list[Dialogue]:
    shared = {"teacher": completion.teacher, "request": request.id, "attempts": completion.attempts}
    if request.stage == "dialogue":
        turns = parse_dialogue(completion.text, profile)
        if not turns:
            return []
        id = content_id(request.subject, *(f"{turn.role}{turn.action}{turn.text}" for turn in turns))
        paragraphs = request.facts["scene"].paragraphs
        return [Dialogue(id=id, scene=request.subject, paragraphs=paragraphs, kind="experience", turns=turns, **shared)]
    made = []
    for _, text in split_exchanges(completion.text):
        turns = parse_dialogue(text, profile)
        if turns:
            id = content_id(request.subject, *(f"{turn.role}{turn.text}" for turn in turns))
            made.append(Dialogue(id=id, paragraphs=[request.subject], kind="memory", turns=turns, **shared))
    return made


def reject(result: Result, request: Request, reason: str, text: str, detail: str = "") -> None:
    """Keep what was refused, with its reason."""
    scene = request.subject if request.stage == "dialogue" else ""
    paragraph = request.facts["item"].id if "item" in request.facts else request.subject
    result.rejects.append(
        Reject(stage=request.stage, reason=reason, paragraph=paragraph, scene=scene, request=request.id, text=text[:2000], detail=detail)
    )


def _timely_scene(scene: Scene, profile: Profile, request: Request, result: Result) -> bool:
    late = [date for date in dates_in(scene.time) if profile.end and date.after(profile.end)]
    if late:
        reject(result, request, "after the horizon", f"{scene.time}: {scene.background}", str(late[0]))
    return not late


def decide(here: run.Run, dialogues: list[Dialogue], rejects: list[Reject]) -> list[Dialogue]:
    """Apply decisions.jsonl, made by hand: rows of {dialogue, action: accept|edit|reject, turns?}; the last row for a dialogue wins."""
    if not here.has("decisions.jsonl"):
        return dialogues
    decisions = {row["dialogue"]: row for row in here.read_jsonl("decisions.jsonl")}
    kept = []
    for dialogue in dialogues:
        decision = decisions.get(dialogue.id, {"action": "accept"})
        if decision["action"] == "reject":
            text = "\n".join(f"{turn.role}: {turn.text}" for turn in dialogue.turns)
            paragraph = dialogue.paragraphs[0] if dialogue.paragraphs else ""
            rejects.append(Reject(stage=dialogue.kind, reason="rejected by hand", paragraph=paragraph, request=dialogue.request, text=text))
            continue
        if decision["action"] == "edit":
            turns = [Turn.model_validate(turn) for turn in decision["turns"]]
            dialogue = dialogue.model_copy(update={"turns": turns, "flags": [*dialogue.flags, "edited by hand"]})
        kept.append(dialogue)
    return kept


def write_rejects(here: run.Run, stage: str, rejects: list[Reject]) -> None:
    """Replace the rejects of `stage` ("experience" or "protective") in rejects.jsonl and leave the others."""
    mine = {"protective"} if stage == "protective" else {"scenes", "dialogue", "memory", "experience"}
    others = [row for row in (here.read_jsonl("rejects.jsonl", Reject) if here.has("rejects.jsonl") else []) if row.stage not in mine]
    here.write_jsonl("rejects.jsonl", [*others, *rejects])


def _known(here: run.Run) -> set[str]:
    known = set()
    for name in ("scenes.jsonl", "dialogues.jsonl"):
        known |= {row["id"] for row in here.read_jsonl(name)} if here.has(name) else set()
    return known


def _report_changes(here: run.Run, before: set[str], after: set[str]) -> None:
    if before:
        here.say(f"experience: {len(after & before)} kept as they were, {len(after - before)} made again, {len(before - after)} gone")


# ---- parsing -----------------------------------------------------------------------------------------------------------------------

_FIELD = re.compile(r"^(?:[-*•]\s*)?(type|location|place|time|date|background|stance)\s*[:：]\s*(.*)$", re.IGNORECASE)
_SCENE = re.compile(r"^(?:scene\s*)?#?\d+\s*[.):]?\s*(.*)$|^scene\b.*$", re.IGNORECASE)
_EXCHANGE = re.compile(r"^(?:exchange|dialogue|conversation|pair|example)\s*#?\s*(\d+)\s*[.):]?\s*$", re.IGNORECASE)
_TYPES = {"chat", "debate", "discussion", "speech", "monologue"}
_THINKING = re.compile(r"\b(think\w*|thought\w*|inner|inwardly|to (?:him|her|my|it)self|aside|reflect\w*|muses|musing)\b", re.IGNORECASE)
_SPEAKING = re.compile(r"\b(speak\w*|says?|said|aloud|reply|replies|answers?)\b", re.IGNORECASE)
_NOT_ROLES = {
    "note", "notes", "scene", "setting", "background", "location", "time", "type", "title", "end", "the end", "stance", "place", "date",
    "dialogue", "script", "context", "characters", "here is the scene", "kind", "beyond", "answerable", "twin of", "ps", "summary", "act",
}  # fmt: skip
_NARRATORS = {"narrator", "narration", "stage direction", "stage directions", "voice-over", "voiceover"}
_ROLE = r"^(?P<role>[^\W\d_][^:：()\[\]*\n]{0,59}?|\[[^\]\n]{1,60}\])\s*"
_ACTED = re.compile(_ROLE + r"[(\[](?P<action>[^()\[\]\n]{1,80})[)\]]\s*(?P<mark>[:：—–-])?\s*(?P<text>.*)$")
_NAMED = re.compile(_ROLE + r"(?P<mark>[:：])\s*(?P<text>.*)$")


def clean(text: str) -> str:
    """A completion without fences, markdown emphasis of names, and odd spaces."""
    text = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n"))
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
            kind = next((word for word in re.findall(r"[a-z]+", current.get("type", "").lower()) if word in _TYPES), "chat")
            parts = {name: current.get(name, "") for name in ("location", "time", "background")}
            id = content_id(paragraph, kind, *parts.values())
            scenes.append(Scene(id=id, paragraphs=[paragraph], type=kind, stance=current.get("stance") or None, **parts))
        current.clear()

    for raw in clean(text).split("\n"):
        line = raw.strip().strip("*").strip()
        match = _FIELD.match(line)
        if match:
            name = {"place": "location", "date": "time"}.get(match[1].lower(), match[1].lower())
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
    """The exchanges of a memory or protective answer: (header fields such as kind, beyond, answerable, twin of; the dialogue's text)."""
    found, fields, lines, number = [], {}, [], ""

    def finish():
        if any(line.strip() for line in lines):
            found.append(({"number": number or str(len(found) + 1), **fields}, "\n".join(lines)))

    blank = False
    for raw in clean(text).split("\n"):
        line = raw.strip()
        start = _EXCHANGE.match(line.strip("*"))
        header = re.match(r"^(kind|beyond|answerable|twin of)\s*[:：]\s*(.*)$", line, re.IGNORECASE)
        if start:
            finish()
            fields, lines, number = {}, [], start[1]
        elif header:
            if lines and blank:  # headers without an "Exchange N" line above them begin a new exchange
                finish()
                fields, lines, number = {}, [], ""
            fields[header[1].lower()] = header[2].strip()
        elif line:
            lines.append(line)
        blank = not line
    finish()
    return found


def parse_dialogue(text: str, profile: Profile) -> list[Turn]:
    """Turns of a script as a person would read them. Empty when the protagonist never speaks (defects D2 to D4).

    Tolerates preambles, fences, markdown names, a header on a line of its own, text over several lines, missing actions, role aliases and a
    narrator (dropped). Consecutive turns of one role and action are one turn.
    """
    turns: list[dict] = []
    current: dict | None = None
    plain = transcript.lines(clean(text), lambda role: normalise_role(role, profile) == profile.short_name)
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
        elif current is not None and not _narration(line):
            current["text"] = f"{current['text']} {_plain(line)}".strip()
    merged: list[dict] = []
    for turn in turns:
        turn["text"] = _plain(turn["text"])
        if not turn["text"]:
            continue
        if merged and all(merged[-1][name] == turn[name] for name in ("role", "action")):
            merged[-1]["text"] += f" {turn['text']}"
        else:
            merged.append(turn)
    speaks = any(turn["role"] == profile.short_name and turn["action"] == "speaking" for turn in merged)
    return [Turn(**turn) for turn in merged] if speaks else []


def _header(line: str, profile: Profile):
    """A new turn, "skip" for a heading or a narrator's line, or None when the line continues the turn before it."""
    line = line.strip("*_ ").replace(":**", ":").replace(":*", ":") if line.startswith(("*", "_")) else line
    if line.startswith(("(", "[")) and not re.match(r"^\[[^\]]{1,60}\]\s*[:：(]", line):
        return None
    match = _ACTED.match(line) or _NAMED.match(line)
    if not match:
        return None
    role = match["role"].strip(" *_[]\"'“”").rstrip(",")
    action = match.groupdict().get("action")
    if role.lower() in _NARRATORS or (role.lower() in _NOT_ROLES and match["mark"]):
        return "skip"
    if not match["mark"] and not (_THINKING.search(action) or _SPEAKING.search(action)):
        return None  # "Neefe (my teacher) says …" is prose, "Neefe (speaking) …" a turn
    if not _like_a_name(role):
        return None
    emotion = _emotion(action)
    kind = "thinking" if action and _THINKING.search(action) else "speaking"
    return {"role": normalise_role(role, profile), "action": kind, "text": match["text"].strip(), "emotion": emotion}


def _like_a_name(role: str) -> bool:
    """A role is short, begins with a capital, and does not read as a sentence."""
    words = role.split()
    if not 1 <= len(words) <= 7 or not role[:1].isupper() or role[-1:] in ".!?,;" or role.count('"') % 2:
        return False
    small = [
        word for word in words if word[:1].islower() and word not in {"van", "von", "de", "der", "the", "of", "a", "an", "du", "la", "and"}
    ]
    return len(small) <= max(1, len(words) // 2)


def normalise_role(role: str, profile: Profile) -> str:
    """The protagonist's short name for any of its aliases; other roles as they are, without title marks (defect D4)."""
    words = {word.strip(".,'’").lower() for word in role.split()}
    polite = {"young", "old", "older", "younger", "little", "herr", "mr", "mrs", "miss", "mistress", "madame", "maestro", "master", "the", "queen",
              "king", "general", "consul", "dictator", "sir", "lady", "dr", "captain", "aged", "dying"}  # fmt: skip
    full = {word.strip(".,'’").lower() for word in profile.name.split()}
    bare = {word for word in words - polite if not word.isdigit()}
    telling = {profile.short_name.lower(), profile.name.split()[0].lower()}
    if profile.short_name.lower() == role.lower() or (bare and bare <= full | {profile.short_name.lower()} and bare & telling):
        return profile.short_name
    role = re.sub(r"\s+", " ", role)[:60]
    return role.title() if role.isupper() and len(role) > 3 else role


def _emotion(action: str | None) -> str | None:
    if not action:
        return None
    rest = _SPEAKING.sub("", _THINKING.sub("", action)).strip(" ,;:-–—/")
    word = re.match(r"[^\W\d_][\w' -]{2,30}$", rest)
    return rest.lower() if word else None


def _narration(line: str) -> bool:
    """A stage direction on a line of its own: (…), […], *…*."""
    return bool(re.fullmatch(r"\(.*\)|\[.*\]|\*[^*]+\*|_[^_]+_|-{3,}|\*{3,}|={3,}", line.strip()))


def _plain(text: str) -> str:
    """Spoken text without wrapping quotes, emphasis marks and stage directions between asterisks."""
    text = re.sub(r"\*[^*\n]{1,120}\*", "", text)
    text = text.replace("<|eot|>", "").replace("<|im_end|>", "").replace("<|im_start|>", "")
    text = re.sub(r"\s+", " ", text).strip().strip("*_").strip()
    for opening, closing in ('""', "“”", "«»", "„“", "„”", "「」", "‹›", "‚‘"):
        if len(text) > 1 and text[0] == opening and text[-1] == closing and text.count(closing) <= 2:
            text = text[1:-1].strip()
    return text


# ---- grounding and duplicates ------------------------------------------------------------------------------------------------------

_NAME = re.compile(r"(?<![.!?:…\"“(]\s)(?<!^)\b([A-Z][\w’'-]{2,})")
_NUMBER = re.compile(r"\b\d{3,4}\b")
_EVERYDAY = {"God", "Lord", "Heaven", "Sir", "Madam", "Herr", "Frau", "Fräulein", "Monsieur", "Madame", "Maestro", "Mistress", "Master", "Majesty",
             "Highness", "Excellency", "Prince", "Princess", "Count", "Countess", "King", "Queen", "Emperor", "Doctor", "Captain", "English", "Latin",
             "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "January", "February", "March", "April", "June", "July",
             "August", "September", "October", "November", "December", "Visitor", "Your", "The", "And", "But", "You", "Nature", "Providence", "Europe",
             "Scripture", "Bible", "Christian", "Easter", "Christmas", "Christ", "Mother", "Father", "Mr", "Mrs", "Miss"}  # fmt: skip


class Support:
    """What the profile, its period list and the scenes' own set-up support: names and numbers."""

    def __init__(self, profile: Profile, settings: list[str] = ()):
        text = " ".join([profile.text, profile.name, *profile.period, *(f"{s.when} {s.place}" for s in profile.states), *settings])
        self.words = {stem_name(word) for word in re.findall(r"[A-Z][\w’'-]+", text)} | {stem_name(word) for word in _EVERYDAY}
        self.numbers = set(re.findall(r"\d+", text))

    def missing(self, text: str) -> list[str]:
        """Names and numbers of a text that are not supported, in order, once each."""
        names = [word for word in _NAME.findall(text) if stem_name(word) not in self.words and not word.startswith(("I'", "I’"))]
        numbers = [number for number in _NUMBER.findall(text) if number not in self.numbers]
        return list(dict.fromkeys(names + numbers))


def stem_name(word: str) -> str:
    """A name without possessive and plural, so that Neefe's and the Breunings are found."""
    word = re.sub(r"[’']s?$", "", word)
    return word[:-1].lower() if word.endswith("s") and len(word) > 4 else word.lower()


def ground(dialogue: Dialogue, profile: Profile, support: Support, result: Result, most: int = 4) -> Dialogue | None:
    """The dialogue with a flag for each name or number that nothing supports; None, rejected, when too many or later than the horizon."""
    said = " ".join(turn.text for turn in dialogue.turns if turn.role == profile.short_name or dialogue.kind == "experience")
    late = [date for date in dates_in(said) if profile.end and date.after(profile.end)]
    missing = support.missing(said)
    reason = f"speaks of {late[0]}, after the horizon" if late else "not grounded" if len(missing) > most else ""
    if reason:
        text = "\n".join(f"{turn.role} ({turn.action}): {turn.text}" for turn in dialogue.turns)
        paragraph = dialogue.paragraphs[0] if dialogue.paragraphs else ""
        result.rejects.append(
            Reject(stage=dialogue.kind, reason=reason.split(",")[0] if late else reason, paragraph=paragraph, scene=dialogue.scene or "",
                   request=dialogue.request, detail=", ".join(missing[:8]), text=text[:2000])
        )  # fmt: skip
        return None
    return dialogue.model_copy(update={"flags": [f"unsupported: {name}" for name in missing]}) if missing else dialogue


def deduplicate(dialogues: list[Dialogue], result: Result, threshold: float = 93) -> list[Dialogue]:
    """Without dialogues that nearly repeat an earlier one (normalised edit similarity of the whole text, in percent).

    Exchanges with one answer are compared by what is asked: a fact met in many wordings has the same long answer to each.
    """
    import numpy as np
    from rapidfuzz import fuzz, process

    texts = [" ".join(turn.text.lower() for turn in dialogue.turns) for dialogue in dialogues]
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    dropped: set[int] = set()
    block = 256  # only texts of like length can be alike, so each block is compared with its neighbours in length
    for start in range(0, len(order), block):
        mine = order[start : start + block]
        longest = len(texts[mine[-1]]) * 1.16 + 2
        end = start + block
        while end < len(order) and len(texts[order[end]]) <= longest:
            end += 1
        others = order[start:end]
        scores = process.cdist(
            [texts[i] for i in mine], [texts[i] for i in others], scorer=fuzz.ratio, score_cutoff=threshold, dtype=np.uint8
        )
        for row, column in zip(*np.nonzero(scores), strict=True):
            first, second = sorted((mine[row], others[column]))
            if (
                first != second
                and first not in dropped
                and second not in dropped
                and not _asked_otherwise(*(dialogues[i] for i in (first, second)), threshold)
            ):
                dropped.add(second)
                twin = dialogues[second]
                result.rejects.append(
                    Reject(stage=twin.kind, reason="near duplicate", paragraph=(twin.paragraphs or [""])[0], scene=twin.scene or "",
                           request=twin.request, detail=dialogues[first].id, text=texts[second][:2000])
                )  # fmt: skip
    return [dialogue for index, dialogue in enumerate(dialogues) if index not in dropped]


def _asked_otherwise(first: Dialogue, second: Dialogue, threshold: float) -> bool:
    """Whether two exchanges give one answer to different questions."""
    from rapidfuzz import fuzz

    if first.turns[-1].text != second.turns[-1].text or first.kind == "experience":
        return False
    asked = [" ".join(turn.text.lower() for turn in dialogue.turns[:-1]) for dialogue in (first, second)]
    return fuzz.ratio(*asked) < threshold


# ---- looking -----------------------------------------------------------------------------------------------------------------------


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
