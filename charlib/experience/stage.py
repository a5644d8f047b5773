"""What the stages share: ask a teacher and read what came back, apply decisions, keep rejects."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict

from charlib import run, teachers
from charlib.experience.grounding import Result, later, reject
from charlib.profile import dates_in
from charlib.records import Completion, Dialogue, Paragraph, Profile, Reject, Request, Turn


def livable(profile: Profile, limit: int = 0) -> list[Paragraph]:
    """The paragraphs that experience is made of: those that do not lie wholly after the horizon; at
    most `limit` unless that is 0."""
    found = [item for item in profile.paragraphs
             if not (late := later(item.text, profile)) or len(late) < len(dates_in(item.text))]
    return found[:limit] if limit else found


def facts(profile: Profile, paragraph: Paragraph, **more) -> dict:
    """What a request for a paragraph tells the teacher."""
    return {"paragraph": paragraph.text, "item": paragraph, "profile": profile, **more}


def ask(here: run.Run, stage: str, requests: list[Request], teacher) -> dict[str, Completion]:
    """Completions by request id: from the journal where they are, from the teacher where they are
    not; each is kept as it comes.

    Nothing finished is asked for twice, so an interrupted stage goes on where it stopped, and an
    edited paragraph asks only for its own."""
    with teachers.Journal(here.path("journal", f"{stage}.jsonl"), here.say) as journal:
        # a recording that was rewritten counts as another answer
        entries = {item.id: f"{item.id}:{teachers.stamp(teacher, item)}" for item in requests}
        kept = {id: value for id, entry in entries.items() if (value := journal.get(entry))}
        found = {id: Completion(**value) for id, value in kept.items()}
        fresh = {item.id: item for item in requests if item.id not in found}
        for completion in teachers.complete(teacher, [*fresh.values()]):
            id, value, about = completion.request, asdict(completion), fresh[completion.request].key
            if not completion.answered:  # kept to be counted, and asked again by the next run
                about |= {"failed": completion.finish, "attempts": completion.attempts}
                value = None
            found[id] = completion
            journal.put(entries[id], value, about)
    by_teacher = Counter(one.teacher for one in found.values() if one.answered)
    sources = ", ".join(f"{count} {name}" for name, count in sorted(by_teacher.items())) or "none"
    here.say(f"{stage}: {len(requests)} wanted, {len(kept)} already there, {by_teacher.total()} "
             f"answered ({sources}), {len(found) - by_teacher.total()} failed")
    return found


def read_answers(here: run.Run, stage: str, requests: list[Request], teacher, result: Result,
                 parse: Callable, missing: str) -> Iterator[tuple[Request, list]]:
    """Ask, and what `parse(request, completion)` reads in each whole answer. What is not there, cut
    (fault F10) or holds nothing is counted and kept as a reject."""
    completions = ask(here, stage, requests, teacher)
    answered = sum(one.answered for one in completions.values())
    result.attrition.update(asked=len(requests), answered=answered)
    for request in requests:
        completion = completions.get(request.id)
        if completion is None:
            reject(result.rejects, request, "not answered", "")
        elif not completion.whole:
            reject(result.rejects, request, f"finish: {completion.finish}", completion.text)
        elif found := parse(request, completion):
            result.attrition["parsed"] += 1
            yield request, found
        else:
            reject(result.rejects, request, missing, completion.text)


def decide(here: run.Run, dialogues: list[Dialogue], rejects: list[Reject]) -> list[Dialogue]:
    """Apply decisions.jsonl, made by hand: rows of {dialogue, action: accept|edit|reject, turns?};
    the last row for a dialogue wins."""
    rows = here.read_jsonl("decisions.jsonl") if here.has("decisions.jsonl") else []
    decisions, kept = {row["dialogue"]: row for row in rows}, []
    for dialogue in dialogues:
        decision = decisions.get(dialogue.id, {"action": "accept"})
        if decision["action"] == "reject":
            text = "\n".join(f"{turn.role}: {turn.text}" for turn in dialogue.turns)
            reject(rejects, dialogue, "rejected by hand", text)
            continue
        if decision["action"] == "edit":
            turns = [Turn.model_validate(turn) for turn in decision["turns"]]
            update = {"turns": turns, "flags": [*dialogue.flags, "edited by hand"]}
            dialogue = dialogue.model_copy(update=update)
        kept.append(dialogue)
    return kept


def keep(here: run.Run, stage: str, kept: dict[str, list], rejects: list[Reject]) -> None:
    """Write what `stage` ("experience" or "protective") made, by file, and its rejects beside the
    other's in rejects.jsonl. Where it had run before, say what stayed, was made again and is gone.
    """
    before = {row["id"] for name in kept if here.has(name) for row in here.read_jsonl(name)}
    after = {item.id for items in kept.values() for item in items}
    for name, items in kept.items():
        here.write_jsonl(name, items)
    old = here.read_jsonl("rejects.jsonl", Reject) if here.has("rejects.jsonl") else []
    protective = {"protective", "boundary"}  # stages of the requests that such a reject was for
    others = [row for row in old if (row.stage in protective) != (stage == "protective")]
    here.write_jsonl("rejects.jsonl", [*others, *rejects])
    if before:
        here.say(f"{stage}: {len(after & before)} kept as they were, {len(after - before)} made "
                 f"again, {len(before - after)} gone")
