"""Experience reconstruction: profile -> scenes -> dialogues. Ask a teacher, parse, repair, ground,
deduplicate, reject.

A scene and a dialogue, as rows of scenes.jsonl and dialogues.jsonl:

    {"id": "5d0c…", "paragraphs": ["3f2a…"], "type": "chat", "location": "Bonn, the organ loft",
     "time": "winter 1782", "background": "…"}
    {"id": "9b1e…", "scene": "5d0c…", "kind": "experience", "turns":
     [{"role": "Beethoven", "action": "thinking", "text": "…", "emotion": "defiant"}],
     "teacher": "recorded", "request": "…", "attempts": 1}
"""

from charlib import run, teachers
from charlib.experience.grounding import Result, Support, deduplicate, ground, later, reject
from charlib.experience.parse import parse_dialogue, parse_scenes, split_exchanges
from charlib.experience.stage import decide, facts, keep, livable, read_answers
from charlib.records import Completion, Dialogue, Profile, Request, Scene, content_id


def scene_requests(profile: Profile, character: str, count: int = 2,
                   limit: int = 0) -> list[Request]:
    """One request per paragraph for `count` scenes."""
    return [teachers.request(character, "scenes", item.id, profile,
                             facts(profile, item, count=str(count)))
            for item in livable(profile, limit)]


def dialogue_requests(profile: Profile, character: str, scenes: list[Scene]) -> list[Request]:
    """One request per scene for its dialogue."""
    requests = []
    for scene in scenes:
        told = scene.model_dump(include={"type", "location", "time", "background"})
        about = facts(profile, profile.paragraph(scene.paragraphs[0]), scene=scene, **told)
        requests.append(teachers.request(character, "dialogue", scene.id, profile, about))
    return requests


def memory_requests(profile: Profile, character: str, limit: int = 0) -> list[Request]:
    """Two requests per paragraph for short exchanges: its facts remembered in conversation, and
    drilled in many wordings with short answers."""
    return [teachers.request(character, stage, item.id, profile, facts(profile, item), sample)
            for sample, stage in enumerate(("memory", "recall"))
            for item in livable(profile, limit)]


def reconstruct(here: run.Run, profile: Profile, teacher, *, scenes: int = 2,
                limit: int = 0) -> tuple[Result, Result]:
    """Scenes and dialogues (experience and memory) of a profile. Writes scenes.jsonl,
    dialogues.jsonl and the rejects; returns both results.

    Character-LLM, section 3: scene extraction, then experience completion; here every step keeps
    what it refuses and why."""
    found = extract_scenes(here, profile, teacher, scenes, limit)
    told = complete_dialogues(here, profile, teacher, found.kept, limit)
    told.kept = decide(here, told.kept, told.rejects)
    made = {"scenes.jsonl": found.kept, "dialogues.jsonl": told.kept}
    keep(here, "experience", made, found.rejects + told.rejects)
    return found, told


def extract_scenes(here: run.Run, profile: Profile, teacher, count: int = 2,
                   limit: int = 0) -> Result:
    """Ask for scenes and parse them."""
    result, requests = Result(), scene_requests(profile, here.character, count, limit)
    answers = read_answers(
        here, "scenes", requests, teacher, result, missing="no scene found",
        parse=lambda request, completion: parse_scenes(completion.text, request.subject))
    for request, found in answers:
        before = {scene.id for scene in result.kept}
        for scene in (scene for scene in found[:count] if scene.id not in before):
            if late := later(scene.time, profile):
                told = f"{scene.time}: {scene.background}"
                reject(result.rejects, request, "after the horizon", told, str(late[0]))
            else:
                result.kept.append(scene)
    result.attrition["kept"] = len(result.kept)
    return result


def complete_dialogues(here: run.Run, profile: Profile, teacher, scenes: list[Scene],
                       limit: int = 0) -> Result:
    """Ask for the dialogue of every scene and the memory exchanges of every paragraph; parse,
    ground, deduplicate."""
    result = Result()
    wanted = [*dialogue_requests(profile, here.character, scenes),
              *memory_requests(profile, here.character, limit)]
    answers = read_answers(
        here, "dialogues", wanted, teacher, result, missing="no dialogue found",
        parse=lambda request, completion: _dialogues_of(request, completion, profile))
    found = [dialogue for _, made in answers for dialogue in made]
    settings = [f"{scene.location} {scene.time} {scene.background}" for scene in scenes]
    support = Support(profile, settings)
    grounded = [one for item in found if (one := ground(item, profile, support, result))]
    result.kept = deduplicate(grounded, result)
    result.attrition.update(grounded=len(grounded), kept=len(result.kept))
    return result


def _dialogues_of(request: Request, completion: Completion, profile: Profile) -> list[Dialogue]:
    whole = request.stage == "dialogue"
    texts = [completion.text] if whole else [text for _, text in split_exchanges(completion.text)]
    about = {"kind": "memory", "paragraphs": [request.subject]}
    if whole:
        about = {"kind": "experience", "scene": request.subject,
                 "paragraphs": request.facts["scene"].paragraphs}
    made = []
    for turns in filter(None, (parse_dialogue(text, profile) for text in texts)):
        said = (f"{turn.role}{turn.action if whole else ''}{turn.text}" for turn in turns)
        made.append(Dialogue(
            id=content_id(request.subject, *said), turns=turns, teacher=completion.teacher,
            request=request.id, attempts=completion.attempts, **about))
    return made
