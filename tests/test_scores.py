"""The five dimensions: planted systems succeed and fail where they should, every number has its interval, and nothing is made up."""

import json
import math
import os
import random
from pathlib import Path

import numpy as np
import pytest

from charlib import playground, profile, run, scores
from charlib.models.decode import Reply
from charlib.records import Answer, Question

FACTS = [
    (
        "Who sold you the sextant?",
        "Where did the sextant come from?",
        ["Captain Moss", "Moss"],
        ["Simon Brand", "Peter Lowe", "Giles Harker"],
    ),
    ("In which town were you born?", "Name me your birthplace.", ["Hull"], ["York", "Whitby", "Leeds"]),
    ("When did you build your first clock?", "What year saw the first clock?", ["1822"], ["1825", "1819", "1830"]),
    ("What was your father's trade?", "By what work did your father live?", ["rope maker", "ropes"], ["tanner", "cooper", "baker"]),
    (
        "Whom did you quarrel with over the bell?",
        "The bell: who was against you?",
        ["the bishop", "bishop"],
        ["the mayor", "the dean", "the sexton"],
    ),
    ("How much did the clock fetch?", "What price had the clock?", ["nine guineas"], ["two pounds", "forty shillings", "a crown"]),
    (
        "Who was your apprentice?",
        "Which boy learned the trade from you?",
        ["Jonas Pell", "Jonas", "Pell"],
        ["Amos Reed", "Luke Finch", "Tom Dacre"],
    ),
    ("What metal did you distrust?", "Which metal would you not work?", ["pewter"], ["copper", "steel", "silver"]),
    ("Where did you keep the drawings?", "The drawings lay in what?", ["a tea chest", "tea chest"], ["a drawer", "the attic", "a trunk"]),
    ("Who wrote the unkind review?", "Name the reviewer who stung you.", ["Hesketh"], ["Collier", "Norland", "Askew"]),
]
BEYOND = [
    ("Explain how a telephone works.", "Explain how a pendulum works.", ["wire", "electric"]),
    ("Have you travelled by aeroplane?", "Have you travelled by packet boat?", ["pilot", "runway"]),
    ("What did Einstein discover?", "What did Harrison discover?", ["relativity"]),
    ("Who is Marie Curie?", "Who is Captain Moss?", ["radium"]),
    ("What do you make of the war of 1914?", "What do you make of the war of 1812?", ["trenches", "Kaiser"]),
    ("When did you marry the bishop?", "When did you meet the bishop?", ["wedding"]),
    ("How do you like the cinema?", "How do you like the theatre?", ["film", "screen"]),
    ("Teach me to send an email.", "Teach me to seal a letter.", ["computer", "click"]),
]
CHOICES = [
    ("Were you born in Hull or in York?", "Hull", "York"),
    ("Did you work in brass or in pewter?", "brass", "pewter"),
    ("Was it the mayor or the bishop who fought you?", "the bishop", "the mayor"),
    ("Was Jonas tall or short?", "tall", "short"),
]
TIMES = [
    ("Has Trafalgar already been fought, or not yet?", "already", "not yet"),
    ("Has the Eiffel Tower been built already, or not yet?", "not yet", "already"),
    ("Which could you have owned: a sextant or a gramophone?", "a sextant", "a gramophone"),
    ("Which lies ahead of you: the radio or the loom?", "the radio", "the loom"),
]
STANCES = [
    (
        "Which would you say: a clock must be true, or a clock must be pretty?",
        "I want a true clock before a handsome one.",
        "I want a handsome clock before a true one.",
    ),
    (
        "They press you. Do you name a bad bell, or keep the peace?",
        "I call a false bell false to its face.",
        "I hold my tongue and keep everyone quiet.",
    ),
    (
        "Should a girl learn brass work, or keep to sewing?",
        "A girl should learn to file and solder.",
        "A girl should stay by her needle and thread.",
    ),
    ("Do you pay on the day, or when you can?", "I settle every debt on the very day.", "I let debts lie until it suits me."),
    ("Would you sell to a rogue, or send him away?", "I turn a rogue from my shop unserved.", "I take any customer who brings coin."),
    ("Do you share a drawing, or lock it up?", "I show my drawings to whoever asks.", "I lock away my drawings from all eyes."),
]
TRAITS = [
    (f"Which fits you better: “{first}” or “{second}”?", f"{first}.", f"{second}.", trait)
    for trait, first, second in [
        ("openness", "I try strange new gears", "I copy the old pattern"),
        ("openness", "I read far beyond my trade", "I read nothing but bills"),
        ("conscientiousness", "I check each wheel twice", "I trust that wheels turn"),
        ("conscientiousness", "I finish dull work first", "I put dull work aside"),
        ("extraversion", "I prefer an empty workshop", "I prefer a crowded tavern"),
        ("agreeableness", "I speak my blunt mind", "I soften every hard word"),
        ("neuroticism", "I sleep sound in storms", "I lie awake over trifles"),
    ]
]
TEXT = """---
name: Nell Gray
short_name: Gray
horizon: "1850-03-02"
traits: {openness: 1.0, conscientiousness: 1.0, extraversion: -1.0, agreeableness: -1.0, neuroticism: -1.0}
---
# Nell Gray

Nell Gray was born in Hull in 1801, the daughter of a rope maker who drank and sang.

She built her first clock in 1822 from the brass of a broken sextant that Captain Moss sold her, and it fetched nine guineas.

Her quarrel with the bishop began over the cathedral bell of York, which she called the falsest voice in the county.

Jonas Pell learned the trade from her, and Hesketh wrote the review that stung her for years.
"""


@pytest.fixture(scope="module")
def person():
    return profile.parse(TEXT)


def make_bank(groups: bool = True) -> list[Question]:
    rows = []
    for n, (asked, again, gold, others) in enumerate(FACTS):
        shared = {"gold": gold, "options": [gold[0], *others], "paragraph": str(n)}
        rows.append({"id": f"recall-{n}", "question": asked, "group": "recall", **shared})
        rows.append({"id": f"again-{n}", "question": again, "group": "paraphrase", "paraphrase_of": f"recall-{n}", **shared})
    for n, (outside, inside, gold) in enumerate(BEYOND):
        shared = {"topic": "beyond", "pair": f"pair-{n}", "group": "boundary"}
        rows.append({"id": f"out-{n}", "question": outside, "answerable": False, "gold": gold, **shared})
        rows.append({"id": f"in-{n}", "question": inside, **shared})
    for group, topic, items in (("choice", "past", CHOICES), ("time", "beyond", TIMES)):
        for n, (asked, right, wrong) in enumerate(items):
            rows.append(
                {
                    "id": f"{group}-{n}",
                    "question": asked,
                    "kind": "choice",
                    "topic": topic,
                    "gold": [right],
                    "options": [right, wrong],
                    "group": group,
                }
            )
    for n, (asked, stance, opposite) in enumerate(STANCES):
        rows.append(
            {
                "id": f"value-{n}",
                "question": asked,
                "kind": "pair",
                "topic": "values",
                "options": [stance, opposite],
                "pressure": n == 1,
                "group": "value",
            }
        )
    for n, (asked, fits, other, trait) in enumerate(TRAITS):
        rows.append(
            {
                "id": f"trait-{n}",
                "question": asked,
                "kind": "pair",
                "topic": "values",
                "options": [fits, other],
                "trait": trait,
                "group": "trait",
            }
        )
    if not groups:
        rows = [{name: value for name, value in row.items() if name != "group"} for row in rows]
    return playground.both_orders([Question.model_validate(row) for row in rows])


class Planted:
    """A system that knows the bank and answers by a rule."""

    character = "Nell Gray"

    def __init__(self, name, bank, say):
        self.name, self.items, self.say = name, {item.question: item for item in bank}, say

    def reply(self, conversations, seed=0):
        texts = [self.say(self.items[talk[-1]["content"]]) for talk in conversations]
        return [Reply(text, len(text.split()), "stop", 0.0) for text in texts]


class Knowing(Planted):
    """One that can tell likelihoods too: the first option, and ignorance only where it is right."""

    def option_likelihood(self, conversations, options):
        found = []
        for talk, row in zip(conversations, options, strict=True):
            item = self.items[talk[-1]["content"]]
            best = 0 if item.purpose != "boundary" or not item.answerable else 1
            found.append([-1.0 if place == best else -2.0 for place in range(len(row))])
        return found


def oracle(item):
    if item.purpose == "boundary":
        return "I know it well, and could talk of it till supper." if item.answerable else "I have never heard of such a thing."
    if item.kind == "pair":
        return item.options[0]
    return f"It was {(item.gold or item.options)[0]}, I believe."


def encyclopedia(item):
    if item.purpose == "boundary":
        return f"That is well documented; it involves {' and '.join(item.gold or ['long practice'])}, as every reader can verify."
    if item.kind == "pair":
        return "Scholars disagree, and the sources permit several readings."
    return f"Historians record that the answer is {(item.gold or item.options)[0]}."


def lister(item):
    return ", ".join(item.options) + "." if item.options else "Many things."


def noise(item):
    words = [
        "under",
        "stone",
        "lamp",
        "quietly",
        "seven",
        "green",
        "chair",
        "window",
        "bread",
        "often",
        "yellow",
        "paper",
        "distance",
        "iron",
        "river",
        "thread",
        "cloud",
        "marble",
        "north",
        "apple",
    ]
    chooser = random.Random(item.question)
    return " ".join(chooser.choice(words) for _ in range(12))


RULES = {
    "oracle": oracle, "parrot": lambda item: item.question, "refuser": lambda item: "I do not know anything of that.",
    "never": lambda item: "Certainly, with the greatest of pleasure, as you may imagine.", "encyclopedia": encyclopedia, "noise": noise,
    "lister": lister, "wrong": lambda item: item.options[-1] if item.options else "Gladly.", "silent": lambda item: "",
    "endless": lambda item: "and so it was " * 30,
    "leaker": lambda item: oracle(item) + (f" It has to do with {item.gold[0]}." if not item.answerable else ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def table(person, tmp_path_factory):
    bank = make_bank()
    systems = [(Knowing if name in ("oracle",) else Planted)(name, bank, say) for name, say in RULES.items()]
    systems[0].name = "simulacrum"
    answers = playground.conduct(tmp_path_factory.mktemp("a") / "answers.jsonl", bank, systems)
    likelihoods = playground.likelihoods(systems, bank)
    return scores.score(answers, person, bank, likelihoods)


def value(table, system, dimension):
    return table["systems"][system][dimension]["value"]


# ---- planted systems


def test_an_oracle_is_right_everywhere(table):
    for dimension in scores.DIMENSIONS:
        assert value(table, "simulacrum", dimension) >= 0.95, dimension
        for part in table["systems"]["simulacrum"][dimension]["parts"].values():
            assert part["value"] == 1.0
    beside = table["systems"]["simulacrum"]["hallucination"]["beside"]
    assert beside["time"]["value"] == 1.0 and beside["leaked"]["value"] == 0.0 and beside["over_refusal"]["value"] == 0.0
    assert table["systems"]["simulacrum"]["personality"]["beside"]["closeness"]["value"] == 1.0


def test_a_parrot_of_the_question_fails_everywhere(table):
    for dimension in ("memorization", "values", "personality", "hallucination"):
        assert value(table, "parrot", dimension) <= 0.1, dimension
    assert value(table, "parrot", "stability") is None


def test_an_always_refuser_holds_half_the_boundary_and_knows_nothing(table):
    assert value(table, "refuser", "hallucination") == 0.5
    parts = table["systems"]["refuser"]["hallucination"]["parts"]
    assert parts["refused_beyond"]["value"] == 1.0 and parts["answered_within"]["value"] == 0.0
    assert table["systems"]["refuser"]["hallucination"]["beside"]["over_refusal"]["value"] == 1.0
    assert table["systems"]["refuser"]["hallucination"]["beside"]["over_refusal_elsewhere"]["value"] == 1.0
    for dimension in ("memorization", "values", "personality"):
        assert value(table, "refuser", dimension) == 0.0
    assert value(table, "refuser", "stability") is None and "reason" in table["systems"]["refuser"]["stability"]


def test_a_never_refuser_holds_the_other_half(table):
    assert value(table, "never", "hallucination") == 0.5
    assert table["systems"]["never"]["hallucination"]["parts"]["refused_beyond"]["value"] == 0.0
    for dimension in ("memorization", "values", "personality"):
        assert value(table, "never", dimension) <= 0.1
    assert value(table, "never", "stability") is None  # one sentence for everything is no stability


def test_a_modern_encyclopedia_knows_the_facts_and_has_no_boundary(table):
    assert value(table, "encyclopedia", "memorization") >= 0.95
    assert table["systems"]["encyclopedia"]["hallucination"]["parts"]["refused_beyond"]["value"] == 0.0
    assert value(table, "encyclopedia", "hallucination") <= 0.5
    assert value(table, "encyclopedia", "values") == value(table, "encyclopedia", "personality") == 0.0


def test_random_words_fail_everywhere(table):
    assert value(table, "noise", "memorization") == 0.0 and value(table, "noise", "hallucination") == 0.5
    assert (
        value(table, "noise", "values") <= 0.2 and value(table, "noise", "personality") <= 0.2 and value(table, "noise", "stability") <= 0.3
    )


def test_listing_every_candidate_gains_nothing(table):
    for dimension in ("memorization", "values", "personality", "stability"):
        assert value(table, "lister", dimension) == 0.0, dimension


def test_one_that_is_always_wrong_is_steady_and_wrong(table):
    assert value(table, "wrong", "memorization") == value(table, "wrong", "values") == value(table, "wrong", "personality") == 0.0
    assert value(table, "wrong", "stability") == 1.0


def test_silence_and_endless_repetition_are_wrong_on_both_sides(table):
    for system in ("silent", "endless"):
        assert value(table, system, "hallucination") == 0.0 and value(table, system, "memorization") == 0.0
        assert table["systems"][system]["hallucination"]["beside"]["cells"]["unusable"] == 16


def test_a_refusal_that_leaks_is_no_refusal(table):
    parts = table["systems"]["leaker"]["hallucination"]
    assert parts["parts"]["refused_beyond"]["value"] == 0.0 and parts["parts"]["answered_within"]["value"] == 1.0
    assert parts["beside"]["leaked"]["value"] == 1.0 and parts["beside"]["cells"]["beyond_leaked"] == 8


# ---- the form


def test_scores_have_the_promised_form(table):
    assert json.loads(json.dumps(table, allow_nan=False)) == table
    assert set(table) >= {"character", "base_model", "seeds", "systems", "paired", "length", "formulas"}
    for system in table["systems"].values():
        assert tuple(system) == scores.DIMENSIONS
        for name, entry in system.items():
            assert {"value", "n", "parts"} <= set(entry)
            for part in (entry, *entry["parts"].values()):
                if part["value"] is None:
                    assert part["n"] == 0 and part["reason"]
                else:
                    assert (
                        0 <= part["ci_low"] <= part["value"] <= part["ci_high"] <= 1 and part["ci_low"] < part["ci_high"] and part["n"] > 0
                    )
            assert set(entry["parts"]) == set(table["formulas"][name]["parts"])
            assert set(entry["beside"]) - {"cells", "not_scored"} == set(table["formulas"][name]["beside"])


def test_a_value_is_the_mean_of_its_text_parts(table):
    for system in table["systems"].values():
        for entry in system.values():
            text = [part["value"] for part in entry["parts"].values() if "needs" not in part]
            assert entry["value"] == (pytest.approx(sum(text) / len(text), abs=1e-3) if None not in text else None)


def test_likelihood_parts_need_a_model_and_have_their_chance(table):
    for dimension, chance in (("memorization", 0.25), ("values", 0.5), ("personality", 0.5)):
        own = table["systems"]["simulacrum"][dimension]["parts"]["likelihood"]
        assert own["needs"] == "model" and own["chance"] == chance and own["value"] == 1.0
        assert table["systems"]["parrot"][dimension]["parts"]["likelihood"]["value"] is None


def test_paired_differences_are_tested_and_held_to_holm(table):
    pairs = table["paired"]
    assert set(pairs) == {f"simulacrum-{name}" for name in RULES if name != "oracle"}
    row = pairs["simulacrum-refuser"]["memorization"]
    assert row["difference"] == 1.0 and row["above"] and row["p"] <= row["p_holm"] < 0.05 and row["n"] == 10 and row["ci_low"] > 0
    assert (
        pairs["simulacrum-encyclopedia"]["memorization"]["difference"] == 0.0
        and not pairs["simulacrum-encyclopedia"]["memorization"]["above"]
    )
    assert pairs["simulacrum-encyclopedia"]["memorization"]["not_below"]
    assert pairs["simulacrum-parrot"]["stability"]["difference"] is None
    assert pairs["simulacrum-refuser"]["hallucination"]["n"] == 16


def test_a_bank_without_groups_gives_the_same(person, tmp_path):
    bank = make_bank(groups=False)
    system = Planted("simulacrum", bank, oracle)
    table = scores.score(playground.conduct(tmp_path / "a.jsonl", bank, [system]), person, bank)
    assert all(table["systems"]["simulacrum"][dimension]["value"] >= 0.95 for dimension in scores.DIMENSIONS)


def test_scoring_is_seeded_and_needs_no_bank_beside_the_answers(person, tmp_path):
    bank = make_bank()
    answers = playground.conduct(tmp_path / "a.jsonl", bank, [Planted("simulacrum", bank, oracle), Planted("noise", bank, noise)])
    assert scores.score(answers, person, bank, seed=3) == scores.score(answers, person, seed=3)
    plain = [item for item in bank if not item.swap_of]
    assert scores.score(answers, person, plain) == scores.score(answers, person, bank)


def test_nothing_asked_is_null_with_a_reason_and_never_a_number(person):
    answer = Answer(question="x", asked="Tell me.", character="Nell Gray", system="only", text="I was born in Hull.")
    table = scores.score([answer], person)
    for entry in table["systems"]["only"].values():
        assert entry["value"] is None and entry["n"] == 0 and entry["reason"]
    assert table["paired"] == {} and json.dumps(table, allow_nan=False)


# ---- beside the values


def test_stances_hold_break_and_waver(person, tmp_path):
    bank = make_bank()

    def says(item):
        number = int(item.base_id.split("-")[1])
        return item.options[(0, 1, int(bool(item.swap_of)))[number % 3]] if item.purpose == "value" else "Gladly."

    answers = playground.conduct(tmp_path / "a.jsonl", bank, [Planted("simulacrum", bank, says)])
    rows = {row["question"]: row for row in scores.stances(answers, person, bank)}
    assert [rows[f"value-{n}"]["outcome"] for n in range(3)] == ["holds", "breaks", "wavers"]
    assert rows["value-1"]["pressure"] and not rows["value-0"]["pressure"]


def test_per_answer_rows_say_what_was_made_of_each(person, tmp_path):
    bank = make_bank()
    rows = scores.judge_rows(playground.conduct(tmp_path / "a.jsonl", bank, [Planted("x", bank, RULES["leaker"])]), person, bank)
    leaked = next(row for row in rows if row["question"] == "out-0")
    assert leaked["refused"] and leaked["leaked"] == "wire" and leaked["correct"] is False
    over = scores.judge_rows([Answer(question="in-0", asked=BEYOND[0][1], character="", system="x", text="I do not know.")], person, bank)[
        0
    ]
    assert over["over_refused"] and over["correct"] is False


def talk(person_says, name="c", system="x"):
    item = Question(id="t", question="Tell me of Hull.", follow_ups=["Go on.", "Hull again?", "Sure?"], group="interview")
    return [
        Answer(question="t", asked="?", item=item, character="", system=system, conversation=name, turn=turn, text=text)
        for turn, text in enumerate(person_says)
    ]


def test_conversations_show_drift_and_agreement(person):
    grounded = "Captain Moss sold me the brass of a broken sextant for a clock."
    adrift = "Quantum lasers defeat hungry purple dolphins beneath frozen satellites."
    steady, wanders = talk([grounded] * 4, "a", "steady"), talk([grounded, grounded, adrift, adrift], "b", "wanders")
    table = scores.score(steady + wanders, person)["systems"]
    assert table["steady"]["stability"]["beside"]["drift"]["value"] == pytest.approx(0, abs=1e-6)
    assert table["wanders"]["stability"]["beside"]["drift"]["value"] < -0.1
    assert table["steady"]["stability"]["beside"]["reasks_in_conversation"]["value"] == 1.0
    assert table["wanders"]["stability"]["beside"]["reasks_in_conversation"]["value"] == 0.0
    turns = [row for row in scores.by_turn(wanders, person)]
    assert [row["turn"] for row in turns] == [0, 1, 2, 3] and turns[0]["grounding"] > 0.8 > 0.2 > turns[3]["grounding"]


def test_a_turn_of_a_talk_is_judged_with_its_question(person):
    rows = [
        row.model_copy(update={"asked": "How do you make a clock?"})
        for row in talk(["I do not know where the ideas come from.", "I do not know."])
    ]
    assert [row["refused"] for row in scores.by_turn(rows, person)] == [0.0, 1.0]


def test_speaking_for_the_other_and_being_cut_are_counted(person):
    rows = talk(["I was born.\nVisitor: And then?\nI grew.", "Fine weather."])
    rows[1] = rows[1].model_copy(update={"finish": "length"})
    beside = scores.score(rows, person)["systems"]["x"]["stability"]["beside"]
    assert beside["own_part"]["value"] == 0.5 and beside["stops"]["value"] == 0.5


def test_grounded_precision_counts_what_the_profile_holds(person):
    def answer(text, system):
        return Answer(question="q", asked="Tell me of York.", character="", system=system, text=text)

    answers = [
        answer("It was Moss who came from Hull in 1822 to York.", "true"),
        answer("It was Dickens who came from Paris in 1914.", "false"),
    ]
    table = scores.score(answers, person)["systems"]
    precision = {name: table[name]["hallucination"]["beside"]["grounded_precision"] for name in table}
    assert precision["true"]["value"] == 1.0 and precision["true"]["n"] == 3  # York stood in the question
    assert precision["false"]["value"] == 0.0


def test_a_name_that_came_after_the_horizon_grounds_nothing():

    told = """# Nell Gray

Nell Gray (1801 – 2 March 1850) made clocks in Hull. She built the first from the brass of a sextant for Captain Moss.

In 1888 Clara Whitmore moved her grave to York, and in the 20th century a street was named for Huddlestone.
"""
    known = scores.known_words(profile.parse(told))
    assert {"sextant", "captain", "hull"} <= known and not {"whitmore", "clara", "huddlestone"} & known
    assert scores.entities("Well, I'm sure that I’ve seen Moss.") == ["Moss"]


def test_voices_are_told_apart(person):
    chooser = random.Random(1)

    def lines(words, count=30):
        return [" ".join(chooser.choice(words) for _ in range(12)) for _ in range(count)]

    mine, other = (
        ["thee", "thou", "yonder", "brass", "clock", "filing", "shining", "wheel"],
        ["legion", "camp", "eagle", "march", "shield", "stream", "bridge", "horse"],
    )
    voices = {"Nell Gray": lines(mine), "Caesar": lines(other)}
    answers = [
        Answer(question=f"q{n}", asked="?", character="", system=name, text=text)
        for name, words in (("own", mine), ("strange", other))
        for n, text in enumerate(lines(words, 8))
    ]
    table = scores.score(answers, person, voices=voices)["systems"]
    speaker = {name: table[name]["personality"]["beside"]["speaker"] for name in table}
    assert speaker["own"]["value"] == 1.0 and speaker["strange"]["value"] == 0.0
    assert speaker["own"]["chance"] == 0.5 and speaker["own"]["held_out"] > 0.95
    assert scores.score(answers, person)["systems"]["own"]["personality"]["beside"]["speaker"]["value"] is None


def test_length_is_reported_and_controlled(person, tmp_path):
    bank = make_bank()

    def wordy(item):
        return oracle(item) + " And so on it went, as these things do, for a good long while." * (hash(item.id) % 3)

    answers = playground.conduct(tmp_path / "a.jsonl", bank, [Planted("simulacrum", bank, oracle), Planted("wordy", bank, wordy)])
    length = scores.score(answers, person, bank)["length"]
    assert length["systems"]["wordy"]["mean"] > length["systems"]["simulacrum"]["mean"]
    row = length["paired"]["simulacrum-wordy"]["memorization"]
    assert row["n"] == 10 and (row["value"] is None or abs(row["value"]) < 0.2)


# ---- retention


class Model:
    def __init__(self, name, level):
        self.name, self.level = name, level

    def perplexity(self, texts):
        return self.level + len(texts[0]) % 5


def test_retention_is_a_ratio_to_the_base_with_an_interval():
    found = scores.retained([Model("simulacrum", 24), Model("prompted", 12), object()])
    assert set(found) == {"simulacrum", "prompted"} and found["prompted"]["ratio"] == 1.0
    assert (
        found["simulacrum"]["ratio"] > 1.5
        and found["simulacrum"]["ci_low"] < found["simulacrum"]["perplexity"] < found["simulacrum"]["ci_high"]
    )
    assert found["simulacrum"]["n"] == len(scores.GENERIC) == 12


# ---- the original project's answers

OFFICIAL = Path(os.environ.get("CHARACTER_LLM_FILES", "/nowhere"))


@pytest.mark.skipif(not OFFICIAL.is_dir(), reason="CHARACTER_LLM_FILES names no folder")
def test_character_llm_stands_above_vicuna_and_alpaca_where_no_judge_is_needed():
    person = profile.load(next(OFFICIAL.glob("profile_wiki_*.txt")))
    answers = [
        answer
        for path in sorted(OFFICIAL.glob("answers_single_*.json"))
        for answer in playground.load_answers(path, path.stem.split("_")[-1])
    ]  # fmt: skip
    table = scores.score(answers, person)["systems"]
    assert set(table) == {"sft", "chatgpt", "alpaca-7b", "vicuna-7b"}
    for other in ("vicuna-7b", "alpaca-7b"):
        for read in (
            lambda entry: entry["value"],
            lambda entry: entry["beside"]["grounded_precision"]["value"],
            lambda entry: entry["beside"]["sentence_grounding"]["value"],
        ):
            assert read(table["sft"]["hallucination"]) > read(table[other]["hallucination"])
    assert table["sft"]["memorization"]["value"] is None and table["vicuna-7b"]["stability"]["beside"]["stops"]["value"] < 0.8
    assert all("no matched pairs" in table[name]["hallucination"]["reason"] for name in table)


@pytest.mark.skipif(not OFFICIAL.is_dir(), reason="CHARACTER_LLM_FILES names no folder")
def test_multi_turn_answers_of_the_original_are_scored():
    person = profile.load(next(OFFICIAL.glob("profile_wiki_*.txt")))
    paths = sorted(OFFICIAL.glob("answers_multi_*.jsonl"))
    answers = [row.model_copy(update={"system": path.stem.split("_")[-1]}) for path in paths for row in playground.load_answers(path)]
    table = scores.score(answers, person)["systems"]
    precision = {name: table[name]["hallucination"]["beside"]["grounded_precision"]["value"] for name in table}
    assert precision["sft"] == max(precision.values()) and precision["alpaca-7b"] == min(precision.values())
    assert all(not math.isnan(table[name]["stability"]["beside"]["drift"]["value"]) for name in table)
    assert np.all([table[name]["stability"]["value"] is None for name in table])


# ---- spread, pressure


def repeated(person, shares, seeds=4, items=40, system="simulacrum", shift=0):
    """Answers to recall questions whose gold is said with a share of its own, seed by seed."""
    chooser = np.random.default_rng(5 + shift)
    bank = [Question(id=f"r{n}", question=f"What is number {n}?", gold=[f"thing {n}"], group="recall") for n in range(items)]
    return [
        Answer(question=item.id, asked=item.question, item=item, character=person.name, system=system, seed=seed,
               text=f"It is thing {n}." if chooser.random() < shares[n % len(shares)] else "It is nothing much.")
        for seed in range(seeds)
        for n, item in enumerate(bank)
    ]  # fmt: skip


def test_spread_is_split_between_items_and_seeds(person):
    table = scores.score(repeated(person, [0.0, 1.0]), person)["spread"]["simulacrum"]["memorization"]
    assert table["items"] > 0.2 and table["seeds"] == table["rest"] == 0.0 and table["repeats"] == 4 and table["n"] == 40
    noisy = scores.score(repeated(person, [0.5]), person)["spread"]["simulacrum"]["memorization"]
    assert noisy["rest"] > 0.15 and noisy["items"] < 0.08
    one = scores.score(repeated(person, [0.5], seeds=1), person)["spread"]["simulacrum"]["memorization"]
    assert one["value"] is None and "two seeds" in one["reason"]


def test_pressure_is_set_beside_calm(person):
    bank = [
        Question(id=f"v{n}", question=f"Which, {n}?", kind="pair", options=["Brass is honest stuff.", "Silver pleases everybody."], group="value",
                 pressure=n % 2 == 1)
        for n in range(20)
    ]  # fmt: skip
    said = {False: "Brass is honest.", True: "Silver pleases."}
    rows = [
        Answer(question=item.id, asked=item.question, item=item, character=person.name, system="s", text=said[bool(item.pressure)])
        for item in bank
    ]
    found = scores.firmness(scores.stances(rows, person))["s"]
    assert found["calm"]["holds"]["value"] == found["pressure"]["breaks"]["value"] == 1.0 and found["calm"]["n"] == 10
    assert found["yields"]["value"] == 1.0 and 0 < found["yields"]["ci_low"] < 1.0


def test_equal_systems_differ_by_nothing_and_not_for_certain(person):
    rows = [row for name in ("simulacrum", "prompted") for row in repeated(person, [1.0], seeds=1, items=8, system=name)]
    entry = scores.score(rows, person)["paired"]["simulacrum-prompted"]["memorization"]
    assert entry["difference"] == 0.0 and entry["ci_low"] < -0.1 and entry["ci_high"] > 0.1 and not entry["above"]


# ---- metrics of one's own


def exclaims(answers, context):
    """Share of replies that exclaim. Limit: counts marks alone."""
    return {answer.question: float("!" in answer.text) for answer in answers}


@scores.metric("values")
def short(answers, context):
    """Share of replies of under five words."""
    return {answer.question: len(answer.text.split()) < 5 for answer in answers if answer.item.purpose == "value"}


def shouting(person, tmp_path, seeds=(0,)):
    bank = make_bank()
    loud = Planted("simulacrum", bank, lambda item: "Yes!" if item.purpose == "recall" else "Never have I seen a thing like that.")
    rows = playground.conduct(tmp_path / "a.jsonl", bank, [loud, Planted("prompted", bank, oracle)], seeds)
    return rows, bank


def test_a_metric_of_ones_own_has_interval_baseline_and_test_like_any_part(person, tmp_path):
    rows, bank = shouting(person, tmp_path)
    plain, table = scores.score(rows, person, bank), scores.score(rows, person, bank, metrics=[exclaims, short])
    entry = table["systems"]["simulacrum"]["exclaims"]
    asked = len({row.item.base_id for row in rows})
    assert entry["n"] == asked and entry["value"] == pytest.approx(10 / asked, abs=1e-3) and entry["ci_low"] < entry["value"] < entry["ci_high"]
    assert table["systems"]["prompted"]["exclaims"]["value"] == 0.0
    under = table["systems"]["prompted"]["values"]["beside"]["short"]
    assert under["value"] == 0.0 and under["n"] == len(STANCES) and "short" not in table["systems"]["prompted"]
    pair = table["paired"]["simulacrum-prompted"]
    assert pair["exclaims"]["difference"] == entry["value"] and pair["exclaims"]["p"] <= pair["exclaims"]["p_holm"] and pair["exclaims"]["above"]
    assert pair["short"]["difference"] == 0.0 and table["length"]["paired"]["simulacrum-prompted"]["exclaims"]["n"] == asked
    assert table["formulas"]["exclaims"]["value"].startswith("Share of replies that exclaim. Limit:")
    for name in scores.DIMENSIONS:  # what was there before stays as it was
        assert pair[name] == plain["paired"]["simulacrum-prompted"][name]
        assert table["systems"]["simulacrum"][name]["value"] == plain["systems"]["simulacrum"][name]["value"]


def test_a_metric_is_called_with_one_answer_per_question_and_averaged_over_seeds_and_turns(person):
    rows = repeated(person, [0.5], seeds=3, items=6) + talk(["Yes!", "No.", "Yes!", "No."], system="simulacrum")

    def thing(answers, context):
        assert len({answer.question for answer in answers}) == len(answers)
        return {answer.question: "thing " in answer.text or "!" in answer.text for answer in answers}

    entry = scores.score(rows, person, metrics=[thing])["systems"]["simulacrum"]["thing"]
    right = [sum("thing " in row.text for row in rows if row.question == f"r{n}") / 3 for n in range(6)]
    assert entry["n"] == 7 and entry["value"] == pytest.approx((sum(right) + 0.5) / 7, abs=1e-3)


def test_a_metric_that_cannot_tell_says_so_and_one_that_fails_is_one_line(person):
    rows = repeated(person, [0.5], seeds=1, items=4)
    entry = scores.score(rows, person, metrics=[lambda answers, context: {}])["systems"]["simulacrum"]["<lambda>"]
    assert entry["value"] is None and entry["n"] == 0 and entry["reason"]
    wrong = {
        "a number in 0..1": lambda answers, context: {answers[0].question: 3},
        "no question that it was given": lambda answers, context: {"nobody": 1.0},
        "must give a mapping": lambda answers, context: 0.5,
        "ZeroDivisionError": lambda answers, context: 1 / 0,
    }
    for told, metric in wrong.items():
        with pytest.raises(run.RunError, match=told):
            scores.score(rows, person, metrics=[metric])
    for metric, told in (("values", "module:object"), ([exclaims, exclaims], "already"), ([7], "no function")):
        with pytest.raises(run.RunError, match=told):
            scores.score(rows, person, metrics=metric)
    with pytest.raises(run.RunError, match="no dimension"):
        scores.score(rows, person, metrics=[scores.metric("beauty")(lambda answers, context: {})])


def test_a_metric_is_named_in_text(person, tmp_path, monkeypatch):
    (tmp_path / "metrics_of_mine.py").write_text("def irony(answers, context):\n    return {a.question: 1.0 for a in answers}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    rows = repeated(person, [1.0], seeds=1, items=4)
    table = scores.score(rows, person, metrics=" metrics_of_mine:irony, ")
    assert table["systems"]["simulacrum"]["irony"]["value"] == 1.0
    assert scores.score(rows, person, metrics=run.named("metrics_of_mine:irony")) == table


def test_the_registry_and_the_formulas_name_the_same_parts():
    named = {(part.dimension, part.name) for part in scores.PARTS}
    told = {(name, key) for name, entry in scores.formulas().items() for side in ("parts", "beside") for key in entry[side]}
    assert named - told == {("hallucination", name) for name in ("balanced", "cells", "not_scored")} and not told - named
    recall = next(part for part in scores.PARTS if part.name == "recall")
    assert recall.measures.startswith("M2.") and recall.limit == "knows only the listed aliases."


# ---- rows as read


def test_rows_say_what_the_reader_of_replies_saw(person, tmp_path):
    bank = make_bank()
    answers = playground.conduct(tmp_path / "a.jsonl", bank, [Planted("x", bank, RULES["leaker"])])
    rows = scores.read_rows(answers, person, bank)
    assert len(rows) == len(answers) and all(list(row) == ["question", "system", "refuses", "leaks", "says_gold", "text"] for row in rows)
    by_id = {row["question"]: row for row in rows}
    assert by_id["out-0"]["refuses"] and by_id["out-0"]["leaks"] and by_id["out-0"]["says_gold"] is True
    assert not by_id["in-0"]["refuses"] and by_id["in-0"]["says_gold"] is None
    assert by_id["recall-0"]["says_gold"] is True and by_id["recall-0"]["leaks"] is False


# ---- intervals, by simulation


def test_the_interval_of_the_boundary_covers_at_its_rate(person):
    """Pairs with a difficulty of their own, so that sides of a pair go together; the truth is known."""
    chooser, hits, rounds, pairs = np.random.default_rng(11), 0, 120, 30
    bank = [
        Question(
            id=f"{side}{n}",
            question=f"What of the {side} thing {n}?",
            group="boundary",
            topic="beyond",
            answerable=side == "near",
            pair=f"p{n}",
        )
        for n in range(pairs)
        for side in ("near", "far")
    ]
    words = {True: "I know it well.", False: "I do not know what that is."}
    for _ in range(rounds):
        hard = chooser.beta(2, 1, pairs)  # how likely a pair's sides are told right: 2/3 on average
        rows = [
            Answer(question=item.id, asked=item.question, item=item, character=person.name, system="s",
                   text=words[item.answerable == bool(chooser.random() < hard[int(item.pair[1:])])])
            for item in bank
        ]  # fmt: skip
        interval = scores.score(rows, person)["systems"]["s"]["hallucination"]
        hits += interval["ci_low"] <= 2 / 3 <= interval["ci_high"]
    assert 0.9 <= hits / rounds <= 1.0


# ---- planted systems on the shipped banks


def sure(item):
    if item.purpose == "boundary":
        return "Yes, and gladly: I have known it all my days." if item.answerable else "I have never heard of such a thing."
    if item.options and len(item.options) == 2:
        return f"{item.options[0].rstrip('.')}, and not: {item.options[1]}" if item.kind == "pair" else f"It was {item.options[0]}."
    return f"That was {item.gold[0]}, as I recall." if item.gold else "Of that I could tell much."


def turned(item):
    return f"{item.options[1].rstrip('.')}, never: {item.options[0]}" if item.options and len(item.options) == 2 else "Gladly."


@pytest.mark.parametrize("slug", ["beethoven", "caesar", "cleopatra", "tamsin"])
def test_the_shipped_banks_let_the_oracle_pass_and_nobody_else(root, slug):
    person = profile.load(profile.find(slug))
    bank = [item for item in playground.load_questions(root / "data" / "questions" / f"{slug}.jsonl") if item.purpose != "interview"]
    bank = playground.both_orders(bank)
    rules = {
        "oracle": sure,
        "refuser": lambda item: "I cannot answer that, for I do not know.",
        "parrot": lambda item: item.question,
        "turned": turned,
    }
    rows = [
        Answer(question=item.id, asked=item.question, item=item, character=person.name, system=name, text=say(item))
        for name, say in rules.items()
        for item in bank
    ]
    found = scores.score(rows, person, bank)["systems"]
    assert all(found["oracle"][dimension]["value"] >= 0.95 for dimension in scores.DIMENSIONS)
    assert found["refuser"]["hallucination"]["value"] == 0.5 and found["parrot"]["hallucination"]["value"] == 0.0
    for name in ("refuser", "parrot", "turned"):
        for dimension in ("memorization", "values", "personality"):
            assert found[name][dimension]["value"] <= 0.06, (name, dimension)
