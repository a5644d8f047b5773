"""How each checkpoint came there: recall, boundary and general English, epoch by epoch."""

import json
from collections.abc import Sequence

from charlib import models, playground, run
from charlib.records import Answer, Profile, Question
from charlib.scores.examination import GENERIC
from charlib.scores.reading import judge_rows


def trajectory(here: run.Run, profile: Profile, count: int, seed: int = 0) -> list[dict]:
    """What each checkpoint knows: rows of {epoch, recall, boundary, over_refusal, perplexity};
    epoch 0 is the base. Writes trajectory.jsonl.

    Asks `count` questions of the run's bank, half of them recall and half matched pairs. The
    checkpoint rule was declared before; this chooses nothing. A finished trajectory of the same
    checkpoints is read back.
    """
    folders = [path.parent for path in
               here.path("checkpoints").glob("epoch-*/adapter_model.safetensors")]
    folders.sort(key=lambda path: int(path.name.split("-")[1]))
    if len(folders) > 3:  # the first, the middle and the last tell the story
        folders = [folders[i] for i in (0, len(folders) // 2, len(folders) - 1)]
    stamp = [run.sha256(folder / "adapter_model.safetensors")[:12] for folder in folders]
    if here.has("trajectory.jsonl"):
        rows = here.read_jsonl("trajectory.jsonl")
        made = [row.get("weights") for row in rows[1:]]
        if rows and made == stamp and rows[0].get("questions") == count:
            return rows
    questions = _probe_questions(playground.bank(here, profile, seed), count)
    base = models.find_base(here.read_json("spec.json")["base"], here.say)
    sim = models.Simulacrum(*models.load_base(base), base)
    rows = []
    for folder, weights in zip([None, *folders], ["base", *stamp], strict=True):
        name, epoch = models.BASE, 0
        if folder:
            name = folder.name
            sim.add(name, folder)
            # the last may have been trained in part
            state = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
            epoch = round(state["epoch"], 2)
        rows.append({"epoch": epoch, "weights": weights, "questions": count}
                    | measure(sim, name, profile, questions))
        here.write_jsonl("trajectory.jsonl", rows)
    return rows


def _probe_questions(questions: Sequence[Question], count: int) -> list[Question]:
    recall = [item for item in questions if item.purpose == "recall"]
    pairs: dict[str, list[Question]] = {}
    for item in questions:
        if item.purpose == "boundary" and item.pair:
            pairs.setdefault(item.pair, []).append(item)
    step, leap = (max(1, len(found) // max(1, count // part))
                  for found, part in ((recall, 2), (pairs, 4)))
    matched = [item for pair in list(pairs.values())[::leap] for item in pair]
    return recall[::step][: count // 2] + matched[: count - count // 2]


def measure(sim: models.Simulacrum, name: str, profile: Profile,
            questions: Sequence[Question]) -> dict:
    """Recall, boundary (mean of refused beyond and answered within), over-refusal and perplexity of
    one set of weights.
    """
    sim.use(name)
    system = {"role": "system", "content": models.system_prompt(profile.name)}
    talks = [[system, {"role": "user", "content": item.question}] for item in questions]
    replies = sim.answer(talks, models.Sampling(max_new_tokens=28))
    answers = [Answer(question=item.id, asked=item.question, item=item, character=profile.name,
                      system=name, text=playground.split_thought(reply.text)[0])
               for item, reply in zip(questions, replies, strict=True)]
    found: dict[str, list[bool]] = {"recall": [], "beyond": [], "within": []}
    for item, row in zip(questions, judge_rows(answers, profile, questions), strict=True):
        side = "within" if item.answerable else "beyond"
        found["recall" if item.purpose == "recall" else side].append(bool(row["correct"]))
    recall, beyond, within = (sum(rows) / len(rows) if rows else None for rows in found.values())
    known = beyond is not None and within is not None
    return {"recall": None if recall is None else round(recall, 4),
            "boundary": round((round(beyond, 4) + round(within, 4)) / 2, 4) if known else None,
            "over_refusal": None if within is None else round(1 - round(within, 4), 4),
            "perplexity": round(sim.perplexity(list(GENERIC)), 2)}
