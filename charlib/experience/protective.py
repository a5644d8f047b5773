"""Protective experience: what lies beyond the character, refused in the person's own voice, each
beside a twin that is answered.

A protective dialogue, as a row of protective.jsonl, and its twin:

    {"id": "77aa…", "kind": "protective", "topic": "later technology", "beyond": "the telephone came later", "answerable": false, "twin": "b0c1…", …}
    {"id": "b0c1…", "kind": "protective", "answerable": true, "twin": "77aa…", …}

Training only: the pairs a simulacrum is examined with are questions, and live in the question bank.
"""

from collections import Counter

from charlib import run, teachers
from charlib.experience.grounding import Result, Support, deduplicate, ground, reject
from charlib.experience.parse import parse_dialogue, split_exchanges
from charlib.experience.reconstruction import answered, ask, decide, livable, usable, write_rejects
from charlib.records import Dialogue, Profile, Reject, Request, content_id


def protective_requests(profile: Profile, character: str, pairs: int = 3, limit: int = 0) -> list[Request]:
    """Two requests a paragraph for `pairs` pairs each: in the person's full voice, and short drills
    that mark the boundary in many frames.

    Character-LLM, section 3.3, asked one prompt a paragraph and had no twins.
    """
    return [
        teachers.request(
            character, stage, item.id, profile, {"paragraph": item.text, "item": item, "profile": profile, "count": str(pairs)}, sample
        )
        for sample, stage in enumerate(("protective", "boundary"))
        for item in livable(profile, limit)
    ]


def build_protective(here: run.Run, profile: Profile, teacher, *, pairs: int = 3, limit: int = 0) -> Result:
    """Ask for protective pairs, parse, check and keep them. Writes protective.jsonl and the
    rejects; returns the result.
    """
    before = {row["id"] for row in here.read_jsonl("protective.jsonl")} if here.has("protective.jsonl") else set()
    requests = protective_requests(profile, here.character, pairs, limit)
    completions = ask(here, "protective", requests, teacher)
    result = Result(attrition=Counter(asked=len(requests), answered=answered(completions)))
    found: list[Dialogue] = []
    for request in requests:
        completion = completions.get(request.id)
        if not usable(completion, request, result):
            continue
        made = parse_pairs(completion.text, request, completion, profile)
        if not made:
            reject(result, request, "no pair found", completion.text)
            continue
        result.attrition["parsed"] += 1
        found += made[: 2 * pairs] if request.stage == "protective" else made
    support = Support(profile)
    # only what the person says is checked: the question may well name what lies beyond
    grounded = [ground(dialogue, profile, support, result, most=5) for dialogue in found]
    kept = deduplicate([dialogue for dialogue in grounded if dialogue], result, threshold=96)
    result.attrition["grounded"] = sum(dialogue is not None for dialogue in grounded)
    result.kept = decide(here, _with_twins(kept, result), result.rejects)
    result.attrition["kept"] = len(result.kept)
    here.write_jsonl("protective.jsonl", result.kept)
    write_rejects(here, "protective", result.rejects)
    after = {dialogue.id for dialogue in result.kept}
    if before:
        here.say(f"protective: {len(after & before)} kept as they were, {len(after - before)} made again, {len(before - after)} gone")
    return result


def parse_pairs(text: str, request: Request, completion, profile: Profile) -> list[Dialogue]:
    """Protective exchanges and their twins from a teacher's answer, linked both ways."""
    made: dict[str, Dialogue] = {}
    twin_of: dict[str, str] = {}
    for fields, script in split_exchanges(text):
        turns = parse_dialogue(script, profile)
        if not turns or turns[-1].role != profile.short_name:
            continue
        answerable = fields.get("answerable", "yes" if "twin of" in fields else "no").lower().startswith("y")
        id = content_id(request.subject, "protective", *(f"{turn.role}{turn.text}" for turn in turns))
        made[fields["number"]] = Dialogue(
            id=id, paragraphs=[request.subject], kind="protective", turns=turns, teacher=completion.teacher, request=request.id,
            attempts=completion.attempts, topic=fields.get("kind", "").lower() or None, beyond=fields.get("beyond"), answerable=answerable,
        )  # fmt: skip
        if fields.get("twin of"):
            twin_of[fields["number"]] = fields["twin of"].strip(" #.")
    for number, other in twin_of.items():
        if other in made and made[other].answerable != made[number].answerable:
            made[number] = made[number].model_copy(update={"twin": made[other].id, "topic": made[other].topic})
            made[other] = made[other].model_copy(update={"twin": made[number].id})
    return list(made.values())


def _with_twins(dialogues: list[Dialogue], result: Result) -> list[Dialogue]:
    """Keep whole pairs: a refusal without its twin teaches refusing, so it is rejected; a lone
    answerable exchange does no harm.
    """
    ids = {dialogue.id for dialogue in dialogues}
    kept = []
    for dialogue in dialogues:
        if dialogue.twin in ids or dialogue.answerable:
            kept.append(dialogue)
            continue
        text = " / ".join(turn.text for turn in dialogue.turns)
        result.rejects.append(
            Reject(stage="protective", reason="no twin", paragraph=dialogue.paragraphs[0], request=dialogue.request, text=text)
        )
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
    the reply.
    """
    refusals = [item for item in dialogues if not item.answerable]
    leaking = 0
    for item in refusals:
        asked = {word.strip(".,;:?!'\"").lower() for turn in item.turns[:-1] for word in turn.text.split()}
        telling = {word.strip(".,;:'\"").lower() for word in (item.beyond or "").split() if len(word) > 6} - asked
        leaking += bool(telling & {word.strip(".,;:?!'\"").lower() for word in item.turns[-1].text.split()})
    return leaking / len(refusals) if refusals else 0.0


def matched_pairs(dialogues: list[Dialogue]) -> list[tuple[Dialogue, Dialogue]]:
    """(beyond, within) for every kept pair."""
    by_id = {dialogue.id: dialogue for dialogue in dialogues}
    return [(item, by_id[item.twin]) for item in dialogues if not item.answerable and item.twin in by_id]
