"""The examination of a run: what its simulacrum and the baselines scored, what judges said, how
other projects' answers compare, and how each checkpoint came there.

    result = scores.score_run(here, person, questions, answers, systems)      # scores.json
    path = scores.trajectory(here, person, 24)                                # trajectory.jsonl
    verdicts = scores.judged(here, person, questions, answers, "endpoint")    # judged.json
    table = scores.imported(here, person, "released/", systems)               # imported.json
"""

import math
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from charlib import experience, playground, run, teachers
from charlib import profile as profiles
from charlib.records import Answer, Dialogue, Example, Judgement, Profile, Question
from charlib.scores import statistics
from charlib.scores.judges import JUDGEMENTS, ask_judges, exhibits, judge_table
from charlib.scores.rating import against, people
from charlib.scores.table import score

LIKELIHOOD_ITEMS = 60  # at most about so many questions are also asked by likelihood
# plain modern English of our own: what is lost of it by training is what retention measures
GENERIC = Path(__file__).with_name("generic.txt").read_text(encoding="utf-8").splitlines()
# what the files of the original project call their systems
RELEASED = {"sft": "character_llm_7b", "gpt-3.5-turbo": "chatgpt", "alpaca-7b": "alpaca_7b",
            "vicuna-7b": "vicuna_7b"}


def score_run(here: run.Run, profile: Profile, questions: Sequence[Question],
              answers: Sequence[Answer], systems: Sequence, talks=()) -> dict:
    """scores.json: five dimensions without a judge, likelihoods where a system can tell, and what
    general English was lost.
    """
    started = time.monotonic()
    plain = [item for item in questions if item.purpose in ("recall", "value", "trait", "time")]
    plain = plain[:: max(1, len(plain) // LIKELIHOOD_ITEMS)]
    # passages in the context make every item a prompt of its own: the likelihoods of the other
    # systems say what there is to say
    able = [system for system in systems if system.name != "prompted_profile"]
    base = next((system.sim.base for system in systems if hasattr(system, "sim")), None)
    result = score(
        [*answers, *(row for talk in talks for row in talk)], profile,
        playground.both_orders(questions), playground.likelihoods(able, plain),
        base_model=base.note or base.name if base else "", voices=voices(here, profile),
        retention=retained(systems))
    shown = [system for system in systems if system.name in ("simulacrum", "prompted")]
    if named := contrast_run(here, profile, shown, 8):
        result["contrast"] = named
    here.write_json("scores.json", result)
    here.record("scores", products=("scores.json",), seconds=time.monotonic() - started)
    return result


def retained(systems: Iterable) -> dict[str, dict]:
    """Perplexity per token on `GENERIC` of each system that can tell (it has `perplexity(texts)`),
    and its ratio to `prompted` (the bare base): above 1 is what training lost of general English.
    The interval is over the texts.
    """
    found = {}
    for system in systems:
        if hasattr(system, "perplexity"):
            logs = statistics.mean([math.log(system.perplexity([text])) for text in GENERIC])
            value, low, high = (round(math.exp(x), 3) for x in (logs.value, logs.low, logs.high))
            found[system.name] = {
                "perplexity": value, "ci_low": low, "ci_high": high, "n": len(GENERIC)}
    if "prompted" in found:
        for row in found.values():
            row["ratio"] = round(row["perplexity"] / found["prompted"]["perplexity"], 4)
    return found


def contrast_run(here: run.Run, profile: Profile, systems: Sequence, count: int = 12,
                 other: str = "") -> dict[str, dict]:
    """M10. For each system that can tell, how much likelier (nats per byte) held-out replies are
    under this person's set-up than with another's name in it.

    Held-out are the examples that no training saw (split `validation`), clustered by paragraph.
    `other` is by default the first other shipped character. {} where the run held nothing out.
    """
    examples = here.read_jsonl("examples.jsonl", Example) if here.has("examples.jsonl") else []
    held = [one for one in examples if one.split == "validation" and len(one.messages) == 3][:count]
    if not held:
        return {}
    shipped = (profiles.load(profiles.find(slug)).name for slug in profiles.shipped())
    other = other or next(name for name in shipped if name != profile.name)
    talks = [[message.model_dump() for message in item.messages] for item in held]
    replies = [[talk[-1]["content"]] for talk in talks]
    asked = [talk[:-1] for talk in talks]
    swapped = [[{**talk[0], "content": talk[0]["content"].replace(profile.name, other)}, *talk[1:]]
               for talk in asked]
    clusters = [item.paragraphs[0] if item.paragraphs else None for item in held]
    found = {}
    for system in systems:
        if hasattr(system, "option_likelihood"):
            both = (system.option_likelihood(talk, replies) for talk in (asked, swapped))
            gaps = [right[0] - wrong[0] for right, wrong in zip(*both, strict=True)]
            found[system.name] = statistics.mean(gaps, clusters).row() | {"other": other}
    return found


def voices(here: run.Run, profile: Profile, each: int = 120) -> dict[str, list[str]]:
    """Lines by character for speaker identification: this run's own, and those of the other shipped
    characters.
    """
    own = here.read_jsonl("dialogues.jsonl", Dialogue)
    turns = [turn for item in own if item.kind == "experience" for turn in item.turns]
    lines = {profile.name: _spoken(turns, profile)[:each]}
    for slug in profiles.shipped():
        path = run.root() / "data" / "recordings" / slug / "dialogues.jsonl"
        if slug == here.character or not path.is_file():
            continue
        person, said = profiles.load(profiles.find(slug)), []
        for row in run.read_jsonl(path):
            if "scene" in row["key"] and len(said) < each:
                said += _spoken(experience.parse_dialogue(row["completion"], person), person)
        lines[person.name] = said[:each]
    return {name: texts for name, texts in lines.items() if len(texts) >= 20}


def _spoken(turns: Iterable, person: Profile) -> list[str]:
    return [turn.text for turn in turns
            if turn.role == person.short_name and turn.action == "speaking"]


def judged(here: run.Run, profile: Profile, questions: Sequence[Question],
           answers: Sequence[Answer], judge_model: str = "", count: int = 20, repeats: int = 3,
           seed: int = 0) -> dict:
    """What judge models and people say of the answers: {judges, people, against}; judged.json.

    `judge_model` is "" (nobody is asked; what is already in the run is read), "endpoint"
    (CHARLIB_ENDPOINT and CHARLIB_MODEL), or the name of another model there. At most `count` items
    per dimension, each read `repeats` times; a round that broke off goes on, and a verdict that
    cannot be read is missing and counted. People are {} where nobody rated.
    """
    started = time.monotonic()
    if judge_model:
        asked = playground.both_orders(questions)
        shown = exhibits(answers, profile, asked, count=count, seed=seed)
        model = "" if judge_model == "endpoint" else judge_model
        client = teachers.Client(teachers.Settings.from_environment(model), here.say)
        ask_judges(here, shown, client, profile, repeats, seed)
    rows = here.read_jsonl(JUDGEMENTS, Judgement) if here.has(JUDGEMENTS) else []
    found = {"judges": judge_table(rows, seed=seed) if rows else {}, "people": people(here, seed),
             "against": against(rows, here, seed)}
    if any(found.values()):
        here.write_json("judged.json", found)
        here.record("judge", products=("judged.json",), seconds=time.monotonic() - started)
    return found


def imported(here: run.Run, profile: Profile, source: str | Path, systems: Sequence = (),
             seed: int = 0) -> dict:
    """Answers of other projects in one table with this run's systems, scored by the same code;
    imported.json, of the form of scores.json. "" is none: {}.

    `source` is a folder, or files separated by commas: ours or the original project's, single and
    multi-turn, of this person. `systems` are asked the single-turn questions of those files too
    (kept in imported.jsonl), so that differences are paired by question.
    """
    if not source:
        return {}
    theirs = load_released(source, profile)
    items = {row.question: row.item for row in theirs if row.item and row.conversation is None}
    ours: list[Answer] = []
    if systems and items:
        ours = playground.conduct(here.path("imported.jsonl"), list(items.values()), systems,
                                  character=profile.name, say=here.say)
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
    paths = [path for part in str(source).split(",")
             for path in _answer_files(Path(part.strip()), profile)]
    if not paths:
        raise run.RunError(f"No answers about {profile.name} in {source}: "
                           "name the files, separated by commas.")
    order = [*RELEASED.values()]  # Character-LLM first: others are paired with it
    paths.sort(key=lambda path: [*order, name := _system_name(path)].index(name))
    return [row.model_copy(update={"system": _system_name(path)})
            for path in paths for row in playground.load_answers(path)]


def _answer_files(path: Path, profile: Profile) -> list[Path]:
    if not path.is_dir():
        return [path]
    names = set(re.findall(r"[^\W\d_]{3,}", f"{profile.name} {profile.short_name}".lower()))
    told = {file: f"{file.parent.name}_{file.stem}".lower() for file in path.rglob("*.json*")}
    return [file for file in sorted(told) if re.search("answers|_result", told[file])
            and names & set(re.split(r"[^a-zà-ÿ]+", told[file]))]


def _system_name(path: Path) -> str:
    """The system a file of answers is named after: the end of its name, or of its folder's where
    the file is named by a date.
    """
    stem = path.parent.name if path.parent.name.endswith("_result") else path.stem
    name = stem.removesuffix("_result").rpartition("_")[2]
    return RELEASED.get(name, name)
