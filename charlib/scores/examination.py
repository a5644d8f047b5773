"""The examination of a run: what its simulacrum and the baselines scored, and how each checkpoint
came there.

result = examination.score(here, person, questions, answers, systems)     # scores.json path =
examination.trajectory(here, person, 24)                           # trajectory.jsonl verdicts =
examination.judged(here, person, questions, answers, JUDGE)    # judged.json; "" asks nobody table =
examination.imported(here, person, "released/", systems)          # imported.json: other projects'
answers beside ours
"""

import dataclasses
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path

from charlib import models, playground, run, teachers
from charlib import profile as profiles
from charlib.experience.parse import parse_dialogue
from charlib.records import Answer, Dialogue, Example, Judgement, Profile, Question
from charlib.scores.dimensions import GENERIC, contrast, judge_rows, retained, score
from charlib.scores.judges import JUDGEMENTS, ask_judges, exhibits, judge_table
from charlib.scores.rating import against, people

LIKELIHOOD_ITEMS = 60  # at most about so many questions are also asked by likelihood


def interview_run(here: run.Run, profile: Profile, questions: Sequence[Question], systems: Sequence, settings) -> list[Answer]:
    """Ask every system everything but the interview topics, choices in both orders; answers.jsonl.
    Seeds 0 to `settings.samples` - 1.
    """
    for system in systems:
        temperature = 0.0 if settings.samples == 1 else 0.7
        system.sampling = models.Sampling(max_new_tokens=settings.max_new_tokens, temperature=temperature)
    asked = playground.both_orders([item for item in questions if item.purpose != "interview"])
    started = time.monotonic()
    answers = playground.conduct(here, asked, systems, range(settings.samples), character=profile.name)
    here.record("interview", products=("answers.jsonl",), seconds=time.monotonic() - started)
    return answers


def converse_run(here: run.Run, questions: Sequence[Question], systems: Sequence, settings) -> list[list[Answer]]:
    """Multi-turn interviews on the first `settings.conversations` topics; the simulacrum's come
    first.
    """
    topics = [item for item in questions if item.purpose == "interview"][: settings.conversations]
    if not topics:
        topics = [Question(id="interview-001", question="Tell me about your life.", group="interview")]
    return playground.by_conversation(playground.conversations(here, topics, systems, settings.turns))


def score_run(here: run.Run, profile: Profile, questions: Sequence[Question], answers: Sequence[Answer], systems: Sequence, talks=()) -> dict:
    """scores.json: five dimensions without a judge, likelihoods where a system can tell, and what
    general English was lost.
    """
    started = time.monotonic()
    plain = [item for item in questions if item.purpose in ("recall", "value", "trait", "time")]
    plain = plain[:: max(1, len(plain) // LIKELIHOOD_ITEMS)]
    # passages in the context make every item a prompt of its own: the likelihoods of the other
    # systems say what there is to say
    likelihoods = playground.likelihoods([system for system in systems if system.name != "prompted_profile"], plain)
    facts = systems[0].sim.base
    said = [*answers, *(row for talk in talks for row in talk)]
    asked = playground.both_orders(questions)
    result = score(
        said, profile, asked, likelihoods, base_model=facts.note or facts.name if facts else "", voices=voices(here, profile),
        retention=retained(systems),
    )  # fmt: skip
    if named := contrast_run(here, profile, [system for system in systems if system.name in ("simulacrum", "prompted")], 8):
        result["contrast"] = named
    here.write_json("scores.json", result)
    here.record("scores", products=("scores.json",), seconds=time.monotonic() - started)
    return result


def judged(here: run.Run, profile: Profile, questions: Sequence[Question], answers: Sequence[Answer], judge_model: str = "", count: int = 20,
           repeats: int = 3, seed: int = 0) -> dict:  # fmt: skip
    """What judge models and people say of the answers: {judges, people, against}; judged.json.
    `judge.markdown(found["judges"])` shows it.

    `judge_model` is "" (nobody is asked; what is already in the run is read), "endpoint"
    (CHARLIB_ENDPOINT and CHARLIB_MODEL), or the name of another model there. At most `count` items
    a dimension, each read `repeats` times; a round that broke off goes on, and a verdict that
    cannot be read is missing and counted. Judges' self-consistency comes first; people are {} where
    nobody rated.
    """
    started = time.monotonic()
    if judge_model:
        shown = exhibits(answers, profile, playground.both_orders(questions), count=count, seed=seed)
        ask_judges(here, shown, served(here, judge_model), profile, repeats, seed)
    rows = here.read_jsonl(JUDGEMENTS, Judgement) if here.has(JUDGEMENTS) else []
    found = {
        "judges": judge_table(rows, seed=seed) if rows else {},
        "people": people(here, seed),
        "against": against(rows, here, seed),
    }
    if any(found.values()):
        here.write_json("judged.json", found)
        here.record("judge", products=("judged.json",), seconds=time.monotonic() - started)
    return found


def served(here: run.Run, model: str) -> teachers.Client:
    """A client of the endpoint that CHARLIB_ENDPOINT and CHARLIB_MODEL name, for another of its
    models unless `model` is "endpoint".
    """
    settings = teachers.Settings.from_environment()
    return teachers.Client(settings if model == "endpoint" else dataclasses.replace(settings, model=model), here.say)


RELEASED = {
    "sft": "character_llm_7b",
    "gpt-3.5-turbo": "chatgpt",
    "alpaca-7b": "alpaca_7b",
    "vicuna-7b": "vicuna_7b",
}  # names of their files


def imported(here: run.Run, profile: Profile, source: str | Path, systems: Sequence = (), seed: int = 0) -> dict:
    """Answers of other projects in one table with this run's systems, scored by the same code;
    imported.json, of the form of scores.json. "" is none: {}.

    `source` is a folder, or files separated by commas: ours or the original project's, single and
    multi-turn, of this person. `systems` are asked the single-turn questions of those files too
    (kept in imported.jsonl), so that differences are paired by question.
    """
    if not source:
        return {}
    theirs = load_released(source, profile)
    questions = {row.question: row.item for row in theirs if row.item and row.conversation is None}
    ours: list[Answer] = []
    if systems and questions:
        ours = playground.conduct(here.path("imported.jsonl"), list(questions.values()), systems, character=profile.name, say=here.say)
    table = score([*ours, *theirs], profile, seed=seed)
    here.write_json("imported.json", table)
    here.record("imported", products=("imported.json",))
    return table


def load_released(source: str | Path, profile: Profile) -> list[Answer]:
    """The answers of every file of a person in `source`, single and multi-turn of one system under
    one name (`RELEASED`).

    In a folder a file counts when its name or its folder's holds `answers` or `result` and a name
    of the person. Raises RunError when none does.
    """
    paths = [path for part in str(source).split(",") for path in _answer_files(Path(part.strip()), profile)]
    if not paths:
        raise run.RunError(f"No answers about {profile.name} in {source}: name the files, separated by commas.")
    paths.sort(
        key=lambda path: [*RELEASED.values(), name := system_name(path)].index(name)
    )  # Character-LLM first: others are paired with it
    return [row.model_copy(update={"system": system_name(path)}) for path in paths for row in playground.load_answers(path)]


def _answer_files(path: Path, profile: Profile) -> list[Path]:
    if not path.is_dir():
        return [path]
    names = {word.lower() for word in re.findall(r"[^\W\d_]{3,}", f"{profile.name} {profile.short_name}")}
    found = []
    for file in sorted(path.rglob("*.json*")):
        told = f"{file.parent.name}_{file.stem}".lower()
        if ("answers" in told or "_result" in told) and names & set(re.split(r"[^a-zà-ÿ]+", told)):
            found.append(file)
    return found


def system_name(path: Path) -> str:
    """The system a file of answers is named after: the end of its name, or of its folder's where
    the file is named by a date.
    """
    stem = path.parent.name if path.parent.name.endswith("_result") else path.stem
    name = stem.removesuffix("_result").rpartition("_")[2]
    return RELEASED.get(name, name)


def contrast_run(here: run.Run, profile: Profile, systems: Sequence, count: int = 12, other: str = "") -> dict[str, dict]:
    """M10. For each system that can tell, how much likelier (nats a byte) held-out replies are
    under this person's name than under another's.

    Held-out are the examples that no training saw (split `validation`), clustered by paragraph.
    `other` is by default the first other shipped character. {} where the run held nothing out.
    """

    examples = here.read_jsonl("examples.jsonl", Example) if here.has("examples.jsonl") else []
    held = [item for item in examples if item.split == "validation" and len(item.messages) == 3][:count]
    if not held:
        return {}
    other = other or next(person.name for slug in profiles.shipped() if (person := profiles.load(profiles.find(slug))).name != profile.name)
    talks = [[message.model_dump() for message in item.messages] for item in held]
    clusters = [item.paragraphs[0] if item.paragraphs else None for item in held]
    return {
        system.name: contrast(system, talks, profile.name, other, clusters) | {"other": other}
        for system in systems if hasattr(system, "option_likelihood")
    }  # fmt: skip


def voices(here: run.Run, profile: Profile, each: int = 120) -> dict[str, list[str]]:
    """Lines by character for speaker identification: this run's own, and those of the other shipped
    characters.
    """

    mine = [
        turn.text for item in here.read_jsonl("dialogues.jsonl", Dialogue) if item.kind == "experience"
        for turn in item.turns if turn.role == profile.short_name and turn.action == "speaking"
    ]  # fmt: skip
    lines = {profile.name: mine[:each]}
    for slug in profiles.shipped():
        path = run.root() / "data" / "recordings" / slug / "dialogues.jsonl"
        if slug == here.character or not path.is_file():
            continue
        person = profiles.load(profiles.find(slug))
        said: list[str] = []
        for row in run.read_jsonl(path):
            if "scene" in row["key"] and len(said) < each:
                turns = parse_dialogue(row["completion"], person)
                said += [turn.text for turn in turns if turn.role == person.short_name and turn.action == "speaking"]
        lines[person.name] = said[:each]
    return {name: texts for name, texts in lines.items() if len(texts) >= 20}


def trajectory(here: run.Run, profile: Profile, count: int, seed: int = 0) -> list[dict]:
    """What each checkpoint knows: rows of {epoch, recall, boundary, over_refusal, perplexity};
    epoch 0 is the base. Writes trajectory.jsonl.

    Asks `count` questions of the run's bank, half of them recall and half matched pairs. The
    checkpoint rule was declared before; this chooses nothing. A finished trajectory of the same
    checkpoints is read back.
    """
    folders = sorted(here.path("checkpoints").glob("epoch-*"), key=lambda path: int(path.name.split("-")[1]))
    folders = [folder for folder in folders if (folder / "adapter_model.safetensors").is_file()]
    if len(folders) > 3:  # the first, the middle and the last tell the story
        folders = [folders[i] for i in (0, len(folders) // 2, len(folders) - 1)]
    stamp = [run.sha256(folder / "adapter_model.safetensors")[:12] for folder in folders]
    if here.has("trajectory.jsonl"):
        rows = here.read_jsonl("trajectory.jsonl")
        if [row.get("weights") for row in rows[1:]] == stamp and rows and rows[0].get("questions") == count:
            return rows
    questions = _probe_questions(playground.bank(here, profile, seed), count)
    spec = here.read_json("spec.json")
    base = models.find_base(spec["base"], here.say)
    sim = models.Simulacrum(*models.load_base(base), base)
    rows = [{"epoch": 0, "weights": "base", "questions": count} | _measure(sim, models.BASE, profile, questions)]
    for folder, weights in zip(folders, stamp, strict=True):
        sim.add(folder.name, folder)
        # the last may have been trained in part
        epoch = round(json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))["epoch"], 2)
        rows.append({"epoch": epoch, "weights": weights, "questions": count} | _measure(sim, folder.name, profile, questions))
        here.write_jsonl("trajectory.jsonl", rows)
    here.write_jsonl("trajectory.jsonl", rows)
    return rows


def _probe_questions(questions: Sequence[Question], count: int) -> list[Question]:
    recall = [item for item in questions if item.purpose == "recall"]
    pairs: dict[str, list[Question]] = {}
    for item in questions:
        if item.purpose == "boundary" and item.pair:
            pairs.setdefault(item.pair, []).append(item)
    step = max(1, len(recall) // max(1, count // 2))
    matched = [item for pair in list(pairs.values())[:: max(1, len(pairs) // max(1, count // 4))] for item in pair]
    return recall[::step][: count // 2] + matched[: count - count // 2]


def _measure(sim, name: str, profile: Profile, questions: Sequence[Question]) -> dict:
    """Recall, boundary (mean of refused beyond and answered within), over-refusal and perplexity of
    one set of weights.
    """
    system = playground.Prompted(sim, profile, sampling=models.Sampling(max_new_tokens=28))
    sim.use(name)
    conversations = [
        [{"role": "system", "content": models.system_prompt(profile.name)}, {"role": "user", "content": item.question}]
        for item in questions
    ]
    replies = sim.answer(conversations, system.sampling)
    answers = [
        Answer(
            question=item.id,
            asked=item.question,
            item=item,
            character=profile.name,
            system=name,
            text=playground.split_thought(reply.text)[0],
        )
        for item, reply in zip(questions, replies, strict=True)
    ]
    right = {row["question"]: bool(row["correct"]) for row in judge_rows(answers, profile, questions)}
    recall = [right[item.id] for item in questions if item.purpose == "recall"]
    beyond = [right[item.id] for item in questions if item.purpose == "boundary" and not item.answerable]
    within = [right[item.id] for item in questions if item.purpose == "boundary" and item.answerable]
    return {
        "recall": _mean(recall),
        "boundary": None if not beyond or not within else round((_mean(beyond) + _mean(within)) / 2, 4),
        "over_refusal": None if not within else round(1 - _mean(within), 4),
        "perplexity": round(sim.perplexity(list(GENERIC)), 2),
    }


def _mean(values: list) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
