"""Experience reconstruction: profile -> scenes -> dialogues. Ask a teacher, parse, repair, ground,
deduplicate, reject.

A scene and a dialogue, as rows of scenes.jsonl and dialogues.jsonl:

    {"id": "5d0c…", "paragraphs": ["3f2a…"], "type": "chat", "location": "Bonn, the organ loft", "time": "winter 1782", "background": "…"}
    {"id": "9b1e…", "scene": "5d0c…", "kind": "experience", "turns": [{"role": "Neefe", "action": "speaking", "text": "…"},
     {"role": "Beethoven", "action": "thinking", "text": "…", "emotion": "defiant"}], "teacher": "recorded", "request": "…", "attempts": 1}
"""

from collections import Counter
from dataclasses import asdict

from charlib import run, teachers
from charlib.experience.grounding import Result, Support, deduplicate, ground, reject
from charlib.experience.parse import parse_dialogue, parse_scenes, split_exchanges
from charlib.profile.dates import dates_in
from charlib.records import (
    Completion,
    Dialogue,
    Paragraph,
    Profile,
    Reject,
    Request,
    Scene,
    Turn,
    content_id,
)


def livable(profile: Profile, limit: int = 0) -> list[Paragraph]:
    """The paragraphs that experience is made of: those that do not lie wholly after the horizon; at
    most `limit` unless that is 0.
    """
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
    """Two requests a paragraph for short exchanges: its facts remembered in conversation, and
    drilled in many wordings with short answers.
    """
    return [
        teachers.request(character, stage, item.id, profile, _facts(profile, item), sample)
        for sample, stage in enumerate(("memory", "recall"))
        for item in livable(profile, limit)
    ]


def _facts(profile: Profile, paragraph: Paragraph) -> dict:
    return {"paragraph": paragraph.text, "item": paragraph, "profile": profile}


def ask(here: run.Run, stage: str, requests: list[Request], teacher) -> dict[str, Completion]:
    """Completions by request id: from the journal where they are, from the teacher where they are
    not; each is kept as it comes.

    Nothing finished is asked for twice, so an interrupted stage goes on where it stopped, and an
    edited paragraph asks only for its own.
    """

    with teachers.Journal(here.path("journal", f"{stage}.jsonl"), here.say) as journal:
        entries = {item.id: f"{item.id}:{teachers.stamp(teacher, item)}" for item in requests}
        kept = {id: value for id, entry in entries.items() if (value := journal.get(entry))}
        found = {id: Completion(**value) for id, value in kept.items()}
        fresh = {item.id: item for item in requests if item.id not in found}
        for completion in teachers.complete(teacher, [*fresh.values()]):
            id, value, about = completion.request, asdict(completion), fresh[completion.request].key
            if not completion.answered:  # kept to be counted, and asked again by the next run
                value = None
                about |= {"failed": completion.finish, "attempts": completion.attempts}
            found[id] = completion
            journal.put(entries[id], value, about)
    by_teacher = Counter(one.teacher for one in found.values() if one.answered)
    sources = ", ".join(f"{count} {name}" for name, count in sorted(by_teacher.items())) or "none"
    failed = len(found) - by_teacher.total()
    here.say(f"{stage}: {len(requests)} wanted, {len(kept)} already there, {by_teacher.total()} "
             f"answered ({sources}), {failed} failed")
    return found


def answered(completions: dict[str, Completion]) -> int:
    """How many completions are answers, cut ones too; the others are failures."""
    return sum(completion.answered for completion in completions.values())


def reconstruct(here: run.Run, profile: Profile, teacher, *, scenes: int = 2, limit: int = 0) -> tuple[Result, Result]:
    """Scenes and dialogues (experience and memory) of a profile. Writes scenes.jsonl,
    dialogues.jsonl and the rejects; returns both results.

    Character-LLM, section 3: scene extraction, then experience completion; here every step keeps
    what it refuses and why.
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
    result = Result(attrition=Counter(asked=len(requests), answered=answered(completions)))
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
    """Ask for the dialogue of every scene and the memory exchanges of every paragraph; parse,
    ground, deduplicate.
    """
    result = Result()
    wanted = [*dialogue_requests(profile, here.character, scenes), *memory_requests(profile, here.character, limit)]
    completions = ask(here, "dialogues", wanted, teacher)
    result.attrition.update(asked=len(wanted), answered=answered(completions))
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
    """Whether there is a whole answer; what is missing or cut is counted and kept as a reject
    (fault F10).
    """
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


def _timely_scene(scene: Scene, profile: Profile, request: Request, result: Result) -> bool:
    late = [date for date in dates_in(scene.time) if profile.end and date.after(profile.end)]
    if late:
        reject(result, request, "after the horizon", f"{scene.time}: {scene.background}", str(late[0]))
    return not late


def decide(here: run.Run, dialogues: list[Dialogue], rejects: list[Reject]) -> list[Dialogue]:
    """Apply decisions.jsonl, made by hand: rows of {dialogue, action: accept|edit|reject, turns?};
    the last row for a dialogue wins.
    """
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
    """Replace the rejects of `stage` ("experience" or "protective") in rejects.jsonl and leave the
    others.
    """
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
