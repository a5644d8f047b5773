"""Protective experience: what lies beyond the character, refused in the person's own voice, each
beside a twin that is answered.

A protective dialogue, as a row of protective.jsonl, and its twin:

    {"id": "77aa…", "kind": "protective", "topic": "later technology",
     "beyond": "the telephone came later", "answerable": false, "twin": "b0c1…", …}
    {"id": "b0c1…", "kind": "protective", "answerable": true, "twin": "77aa…", …}

Training only: the pairs a simulacrum is examined with are questions, and live in the question bank.
"""

from collections import Counter

from charlib import run, teachers
from charlib.experience.grounding import Result, Support, deduplicate, ground, reject
from charlib.experience.parse import parse_dialogue, split_exchanges
from charlib.experience.stage import decide, facts, keep, livable, read_answers
from charlib.records import Completion, Dialogue, Profile, Request, content_id


def protective_requests(profile: Profile, character: str, pairs: int = 3,
                        limit: int = 0) -> list[Request]:
    """Two requests per paragraph for `pairs` pairs each: in the person's full voice, and short
    drills that mark the boundary in many frames.

    Character-LLM, section 3.3, asked one prompt per paragraph and had no twins."""
    return [teachers.request(character, stage, item.id, profile,
                             facts(profile, item, count=str(pairs)), sample)
            for sample, stage in enumerate(("protective", "boundary"))
            for item in livable(profile, limit)]


def build_protective(here: run.Run, profile: Profile, teacher, *, pairs: int = 3,
                     limit: int = 0) -> Result:
    """Ask for protective pairs, parse, check and keep them. Writes protective.jsonl and the
    rejects; returns the result."""
    result = Result()
    requests = protective_requests(profile, here.character, pairs, limit)
    answers = read_answers(
        here, "protective", requests, teacher, result, missing="no pair found",
        parse=lambda request, made: parse_pairs(made.text, request, made, profile))
    found = [dialogue for request, made in answers
             for dialogue in (made[: 2 * pairs] if request.stage == "protective" else made)]
    support = Support(profile)
    # only what the person says is checked: the question may well name what lies beyond
    grounded = [one for item in found if (one := ground(item, profile, support, result, most=5))]
    kept = _with_twins(deduplicate(grounded, result, threshold=96), result)
    result.kept = decide(here, kept, result.rejects)
    result.attrition.update(grounded=len(grounded), kept=len(result.kept))
    keep(here, "protective", {"protective.jsonl": result.kept}, result.rejects)
    return result


def parse_pairs(text: str, request: Request, completion: Completion,
                profile: Profile) -> list[Dialogue]:
    """Protective exchanges and their twins from a teacher's answer, linked both ways."""
    made: dict[str, Dialogue] = {}
    twin_of: dict[str, str] = {}
    for fields, script in split_exchanges(text):
        turns = parse_dialogue(script, profile)
        if not turns or turns[-1].role != profile.short_name:
            continue
        answerable = fields.get("answerable", "yes" if "twin of" in fields else "no").lower()
        said = (f"{turn.role}{turn.text}" for turn in turns)
        made[fields["number"]] = Dialogue(
            id=content_id(request.subject, "protective", *said), paragraphs=[request.subject],
            kind="protective", turns=turns, teacher=completion.teacher, request=request.id,
            attempts=completion.attempts, topic=fields.get("kind", "").lower() or None,
            beyond=fields.get("beyond"), answerable=answerable.startswith("y"))
        if fields.get("twin of"):
            twin_of[fields["number"]] = fields["twin of"].strip(" #.")
    for number, other in twin_of.items():
        if other in made and made[other].answerable != made[number].answerable:
            link = {"twin": made[other].id, "topic": made[other].topic}
            made[number] = made[number].model_copy(update=link)
            made[other] = made[other].model_copy(update={"twin": made[number].id})
    return list(made.values())


def _with_twins(dialogues: list[Dialogue], result: Result) -> list[Dialogue]:
    """Keep whole pairs: a refusal without its twin teaches refusing, so it is rejected; a lone
    answerable exchange does no harm."""
    ids, kept = {dialogue.id for dialogue in dialogues}, []
    for dialogue in dialogues:
        if dialogue.twin in ids or dialogue.answerable:
            kept.append(dialogue)
        else:
            text = " / ".join(turn.text for turn in dialogue.turns)
            reject(result.rejects, dialogue, "no twin", text)
    return kept


def boundary_matrix(dialogues: list[Dialogue]) -> dict[str, Counter]:
    """Per kind of boundary: how many lie beyond and how many twins are answered."""
    table: dict[str, Counter] = {}
    for dialogue in dialogues:
        side = "answered" if dialogue.answerable else "refused"
        table.setdefault(dialogue.topic or "other", Counter())[side] += 1
    return table


def openings(dialogues: list[Dialogue], words: int = 3) -> Counter:
    """How refusals begin: the first words and how often."""
    refusals = (item.turns[-1].text for item in dialogues if not item.answerable)
    return Counter(" ".join(text.lower().split()[:words]).strip(",.;:") for text in refusals)


def leaking_share(dialogues: list[Dialogue]) -> float:
    """Share of refusals that say what they refuse: a word of `beyond` (that the question lacks) in
    the reply."""
    refusals = [item for item in dialogues if not item.answerable]
    leaking = 0
    for item in refusals:
        asked = _words(" ".join(turn.text for turn in item.turns[:-1]))
        telling = _words(" ".join(word for word in (item.beyond or "").split() if len(word) > 6))
        leaking += bool((telling - asked) & _words(item.turns[-1].text))
    return leaking / len(refusals) if refusals else 0.0


def _words(text: str) -> set[str]:
    return {word.strip(".,;:?!'\"").lower() for word in text.split()}


def matched_pairs(dialogues: list[Dialogue]) -> list[tuple[Dialogue, Dialogue]]:
    """(beyond, within) for every kept pair."""
    by_id = {dialogue.id: dialogue for dialogue in dialogues}
    return [(item, by_id[item.twin]) for item in dialogues
            if not item.answerable and item.twin in by_id]
