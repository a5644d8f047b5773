"""Question banks: read, choose, ask in both orders."""

import json
import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from charlib import run, teachers
from charlib import text as texts
from charlib.records import Example, Profile, Question

# the original project's
TOPICS = {"topic-1": "past", "topic-2": "relations", "topic-3": "values", "topic-4": "beyond"}
SHARES = {"recall": 0.4, "boundary": 0.4, "choice": 0.02, "time": 0.02, "value": 0.06, 
          "trait": 0.04, "paraphrase": 0.06}


def load_questions(path: str | Path) -> list[Question]:
    """A bank: ours as .jsonl (or a JSON list of the same rows), or the original project's list of
    {topic_id, topic, question}.

    Its topic-4 items become candidates for unanswerable. Raises RunError when the file is missing,
    empty, or of neither form.
    """
    path = Path(path)
    questions = [_question(row, path, number) for number, row in enumerate(read_rows(path), 1)]
    if not questions:
        raise run.RunError(f"{path.name} holds no question: give our .jsonl form or a JSON list of "
                           "questions.")
    words: dict[str, str] = {}
    for item in questions:
        if words.setdefault(item.id, item.question) != item.question:
            raise run.RunError(f"{path.name}: the id {item.id} stands for two different questions: "
                               "give each its own.")
    return questions


def _question(row: dict, path: Path, number: int) -> Question:
    if not isinstance(row, dict) or not str(row.get("question") or "").strip():
        raise run.RunError(f"{path.name}, item {number} has no question: each needs at least a "
                           "`question`.")
    try:
        row = original_question(row, path, number) if "topic_id" in row else row
        return Question.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise run.RunError(f"{path.name}, item {number}: {where} is wrong ({first['msg']}): "
                           "mend that field.") from error


def original_question(row: dict, path: Path, number: int) -> dict:
    """A row of the original project's bank as fields of a Question."""
    topic = TOPICS.get(str(row["topic_id"]).strip())
    if not topic:
        raise run.RunError(f"{path.name}, item {number}: topic_id {row['topic_id']} is not one of "
                           f"{', '.join(TOPICS)}.")
    beyond = {"answerable": False, "candidate": True, "group": "boundary"}
    more = beyond if topic == "beyond" else {"group": "interview"}
    return {"question": row["question"], "topic": topic, **more}


def read_rows(path: Path) -> list:
    """The rows of a JSON list or a JSONL file."""
    if not path.is_file():
        raise run.RunError(f"No file {path}: check its path.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise run.RunError(f"{path.name} is not UTF-8 text: save it as UTF-8.") from error
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except ValueError as error:
            raise run.RunError(f"{path.name} begins like a JSON list and is not one ({error}): "
                               "mend it or make it JSONL.") from error
    return run.read_jsonl(path)


def both_orders(questions: Iterable[Question]) -> list[Question]:
    """The bank with a twin behind each question of two options: the same, its options named in the
    other order (`swap_of`).

    Where the wording cannot be turned round, both orders end in the two options, quoted.
    """
    asked = []
    for item in questions:
        if item.kind == "open" or len(item.options or []) != 2 or item.swap_of:
            asked.append(item)
            continue
        first, second = orders(item)
        twin = {"id": f"{item.id}~swapped", "question": second, "swap_of": item.id}
        asked += [item.model_copy(update={"question": first}), item.model_copy(update=twin)]
    return asked


_LEAD = re.compile(
    r"(?:would|do|did|should|will|can|could|is|are|was|were|have|has)\s+"
    r"(?:you|one(?! who)|it|he|she|they)(?:\s+(?:rather|sooner|say|want it))*\s+", re.IGNORECASE)


def orders(item: Question) -> tuple[str, str]:
    """A question of two options asked in both orders."""
    text = item.question
    spans = [_span(text, option) for option in item.options]
    if all(spans) and (spans[0][1] <= spans[1][0] or spans[1][1] <= spans[0][0]):
        (a, b), (c, d) = sorted(spans)
        return text, text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]
    if clauses := clauses_of(text):
        head, left, joint, right, tail = clauses
        return text, f"{head}{right}{joint}{left}{tail}"
    quoted = [f"“{option.strip()}”" for option in item.options]
    return f"{text} {quoted[0]} or {quoted[1]}?", f"{text} {quoted[1]} or {quoted[0]}?"


def _span(text: str, option: str) -> tuple[int, int] | None:
    """Where an option stands in a question, its article and final stop apart."""
    core = re.sub(r"[.!?]+$", "", option.strip())
    for words in (core, re.sub(r"^(?:the|a|an)\s+", "", core, flags=re.IGNORECASE)):
        if found := [*re.finditer(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE)]:
            return found[-1].span()
    return None


def clauses_of(text: str) -> tuple[str, str, str, str, str] | None:
    """A question cut as (head, left, ", or ", right, "?"), or None where its grammar does not let
    the two change places.
    """
    form = r"(.*[.!?:]\s+|)([^.!?:]+?)(,? or )([^.!?:]+?)(\?)"
    match = re.fullmatch(form, text)
    if not match or match[4] in ("not", "no"):
        return None
    head, left, joint, right, tail = match.groups()
    if head.rstrip().endswith(":"):
        return head, left, joint, right, tail
    if joint == " or " and ", " in left:
        lead, _, left = left.rpartition(", ")
        return f"{head}{lead}, ", left, joint, right, tail
    lead = _LEAD.search(left)
    if lead and not _LEAD.match(right) and len(left) > lead.end():
        return head + left[: lead.end()], left[lead.end() :], joint, right, tail
    return None


def choose(here: run.Run, profile: Profile, count: int = 0, seed: int = 0) -> list[Question]:
    """The run's questions: the shipped bank of its character, else self-made ones; a seeded sample
    of `count` that keeps the groups' shares.

    Writes questions.jsonl with all that will be asked. Pairs, paraphrases and their originals stay
    together; interview topics are always kept.
    """
    questions, origin = bank(here, profile, seed), "shipped"
    if not _shipped(here).is_file():
        origin, made = "english, self-made", len(questions)
        questions = unseen(here, questions)
        here.say("questions: self-made by the rules that wrote the training, in other wordings; "
                 "what a stranger asks is harder. Left out as too like the training text: "
                 f"{made - len(questions)}")
    chosen = sample(questions, count, seed)
    here.write_jsonl("questions.jsonl", chosen)
    here.record("questions", products=("questions.jsonl",), origin=origin)
    return chosen


def bank(here: run.Run, profile: Profile, seed: int = 0) -> list[Question]:
    """All questions there are for a run: the shipped ones whose paragraphs are still in the
    profile, else self-made ones.
    """
    if not _shipped(here).is_file():
        return teachers.bank_of(profile, seed)
    held = {None, "", *(item.id for item in profile.paragraphs)}
    return [item for item in load_questions(_shipped(here)) if item.paragraph in held]


def _shipped(here: run.Run) -> Path:
    """Where the bank of a shipped character lies, whether or not it is there."""
    return run.root() / "data" / "questions" / f"{here.character}.jsonl"


def unseen(here: run.Run, questions: Sequence[Question]) -> list[Question]:
    """The questions that share no run of words with what the run trained on; a pair or a paraphrase
    goes with the one it belongs to.
    """
    if not here.has("examples.jsonl"):
        return list(questions)
    said = [message.content for example in here.read_jsonl("examples.jsonl", Example)
            for message in example.messages if message.role != "system"]
    trained = set().union(*map(texts.word_runs, said))
    seen = [item for item in questions if texts.word_runs(item.question) & trained]
    lost = {item.id for item in seen} | {item.pair for item in seen if item.pair}
    return [item for item in questions if not {item.id, item.pair, item.paraphrase_of} & lost]


def sample(questions: Sequence[Question], count: int, seed: int = 0) -> list[Question]:
    """A seeded choice of about `count` questions, split over the groups by SHARES; everything when
    `count` is 0.
    """
    if not count or count >= len(questions):
        return list(questions)
    chooser = random.Random(seed)
    units: dict[str, list[list[Question]]] = {}
    pairs: dict[str, list[Question]] = {}
    for item in questions:
        if item.purpose == "boundary" and item.pair:
            pairs.setdefault(item.pair, []).append(item)
        elif item.purpose not in ("interview", "paraphrase"):
            units.setdefault(item.purpose, []).append([item])
    units["boundary"] = list(pairs.values())
    originals = {item.id: item for item in questions}
    twins = [item for item in questions if item.purpose == "paraphrase"]
    chooser.shuffle(twins)
    taken = twins[: max(1, round(SHARES["paraphrase"] * count))]
    chosen = {item.id for item in taken} | {item.paraphrase_of for item in taken} & set(originals)
    for name, groups in units.items():
        chooser.shuffle(groups)
        left = max(1, round(SHARES.get(name, 0.05) * count))
        left -= sum(originals[id].purpose == name for id in chosen)
        for group in groups:
            if left > 0:
                chosen |= {item.id for item in group}
            left -= len(group)
    return [item for item in questions if item.id in chosen or item.purpose == "interview"]
