"""What a run is examined by beyond its own scores: judges in one call, other projects' answers in one table, the right name against another."""

import json
from types import SimpleNamespace

import pytest
from faulty_server import Server, ok

from charlib import models, playground, profile, run, scores, teachers
from charlib.models.decode import Reply
from charlib.records import Answer, Example, Judgement, Question
from charlib.scores import checkpoints


class Says:
    """A system that answers by a rule and, with `lead`, knows likelihoods."""

    character = "Nell Gray"

    def __init__(self, name, say, lead=None):
        self.name, self.say = name, say
        if lead is not None:
            self.option_likelihood = lambda talks, options: [[lead if "Nell Gray" in talk[0]["content"] else 0.0] for talk in talks]

    def reply(self, conversations, seed=0):
        return [Reply(self.say(talk[-1]["content"]), 3, "stop", 0.0) for talk in conversations]


BANK = [Question(id=f"recall-{n}", question=f"Which clock was number {n}?", gold=[f"clock {n}"], group="recall") for n in range(8)]


def answered(person, *systems):
    return [
        Answer(question=item.id, asked=item.question, item=item, character=person.name, system=name, text=say(item))
        for name, say in systems
        for item in BANK
    ]


SYSTEMS = (("simulacrum", lambda item: f"It was {item.gold[0]}."), ("prompted", lambda item: "A fine question."))


@pytest.fixture
def served(monkeypatch):
    """Start a scripted endpoint and name it in the environment."""
    started = []

    def start(script):
        server = Server(script).__enter__()
        started.append(server)
        monkeypatch.setenv("CHARLIB_ENDPOINT", server.url)
        monkeypatch.setenv("CHARLIB_MODEL", "some-model")
        return server

    monkeypatch.setenv("TQDM_DISABLE", "1")
    yield start
    for server in started:
        server.__exit__(None, None, None)


# ---- a system of one's own


def test_a_system_with_only_a_name_and_replies_is_scored(here, person):
    class Own:
        name = "own"

        def reply(self, conversations):
            return ["It was clock 3." for _ in conversations]

    bank = [*BANK, Question(id="v", question="Brass, or gold?", kind="pair", options=["Brass is best.", "Gold is best."], group="value")]
    here.write_jsonl("dialogues.jsonl", [])
    settings = SimpleNamespace(samples=1, max_new_tokens=20, conversations=1, turns=3)
    answers = playground.interview_run(here, person, bank, [Own()], settings)
    talks = playground.converse_run(here, bank, [Own()], settings)
    table = scores.score_run(here, person, bank, answers, [Own()], talks)
    own = table["systems"]["own"]
    assert own["memorization"]["value"] == pytest.approx(1 / 8) and table["base_model"] == "" and "retention" not in table
    for dimension in ("memorization", "values", "personality"):
        part = own[dimension]["parts"]["likelihood"]
        assert part["value"] is None and part["n"] == 0 and part["needs"] == "model" and part["reason"]
    assert here.read_json("scores.json")["systems"].keys() == {"own"}


# ---- judges


def test_one_parameter_brings_a_judge_and_none_asks_nobody(here, person, served):
    rows = answered(person, *SYSTEMS)
    assert scores.judged(here, person, BANK, rows) == {"judges": {}, "people": {}, "against": {}} and not here.has("judged.json")
    server = served(lambda call: ok(f"It names the clock or not.\nVERDICT: {6 if 'Reply: It was' in call.prompt else 2}"))
    found = scores.judged(here, person, BANK, rows, "endpoint", count=4, repeats=2)
    (name,) = found["judges"]
    assert name.startswith("some-model at 127.0.0.1")
    table = found["judges"][name]
    assert list(table).index("consistency") < list(table).index("systems") and table["consistency"]["all"]["same"] == 1.0
    assert table["systems"]["simulacrum"]["memorization"]["value"] == 6.0 and table["systems"]["prompted"]["memorization"]["value"] == 2.0
    asked = len(server.counts)
    assert scores.judged(here, person, BANK, rows, "endpoint", count=4, repeats=2) == found and len(server.counts) == asked
    assert here.read_json("judged.json")["judges"].keys() == found["judges"].keys()
    assert scores.judged(here, person, BANK, rows)["judges"].keys() == found["judges"].keys()  # read back, nobody asked
    assert set(scores.judged(here, person, BANK, rows, "other-model", count=2, repeats=2)["judges"]) == {
        name,
        name.replace("some-model", "other-model"),
    }


@pytest.mark.parametrize("said", ["Seven!", "VERDICT: 9", "A good reply, I think.\nVERDICT: excellent", ""])
def test_a_judge_of_nonsense_gives_missing_verdicts_that_are_counted(here, person, served, said):
    served(lambda call: ok(said))
    found = scores.judged(here, person, BANK, answered(person, *SYSTEMS), "endpoint", count=3, repeats=2)
    (table,) = found["judges"].values()
    cell = table["systems"]["simulacrum"]["memorization"]
    assert cell["value"] is None and cell["missing"] == cell["asked"] == 6
    assert all(row.verdict is None and row.missing for row in here.read_jsonl("judgements.jsonl", Judgement))


def test_a_judge_without_an_endpoint_is_one_line(here, person, monkeypatch):
    monkeypatch.delenv("CHARLIB_ENDPOINT", raising=False)
    with pytest.raises(run.RunError, match="CHARLIB_ENDPOINT"):
        scores.judged(here, person, BANK, answered(person, *SYSTEMS), "some-model")


# ---- answers of other projects


def turn(text, action="(speaking)"):
    return {"role": "Gray", "action": action, "content": text}


def release(folder, name, replies):
    rows = [
        {"topic_id": "topic-1", "question": "Who bought your first clock?", "reply": replies[0]},
        {"topic_id": "topic-2", "question": "Was your father kind to you?", "reply": replies[1]},
        {"topic_id": "topic-4", "question": "Which C++ books do you read?", "reply": replies[2]},
    ]
    path = folder / f"Gray_{name}_result" / "2023-00-00-00-00-00.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(rows), encoding="utf-8")


@pytest.fixture
def released(tmp_path):
    folder = tmp_path / "released"
    release(
        folder,
        "sft",
        [[turn("(hm)", "(thinking)"), turn("It was Captain Moss of Hull.")], [turn("He drank.")], [turn("I do not know that word.")]],
    )
    release(
        folder, "vicuna-7b", [turn("Why, it was Admiral Nelson at Paris."), turn("Yes, in London"), turn("Read Stroustrup.<|NONSTOP|>")]
    )
    said = [
        {"turn_id": 0, "turn_role": who, "turn_content": [turn(text)]}
        for who, text in (("interviewer", "Your clocks?"), ("character", "They went to Moss."))
    ]
    row = {"character": "Nell Gray", "model": "Gray-end", "topic": "Clocks", "qid": 1, "max_turns": 1, "finished": True, "content": said}
    path = folder / "multiturn_Gray_sft_result" / "2023-00-00-00-00-00.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    (folder / "questions_single_Gray.json").write_text("[]", encoding="utf-8")
    (folder / "Other_sft_result").mkdir()
    (folder / "Other_sft_result" / "2023.json").write_text("[]", encoding="utf-8")
    return folder


def test_other_projects_answers_stand_beside_ours_on_the_same_questions(here, person, released):
    systems = [Says("simulacrum", lambda asked: "I have never heard of it." if "C++" in asked else "Captain Moss had it.")]
    table = scores.imported(here, person, released, systems)
    assert list(table["systems"]) == ["simulacrum", "character_llm_7b", "vicuna_7b"]
    held = {name: entry["hallucination"]["parts"]["refused_beyond"]["value"] for name, entry in table["systems"].items()}
    assert held == {"simulacrum": 1.0, "character_llm_7b": 1.0, "vicuna_7b": 0.0}
    grounded = {name: entry["hallucination"]["beside"]["grounded_precision"]["value"] for name, entry in table["systems"].items()}
    assert grounded["character_llm_7b"] == 1.0 and grounded["vicuna_7b"] == 0.0
    assert table["systems"]["vicuna_7b"]["stability"]["beside"]["stops"]["value"] == pytest.approx(2 / 3, abs=1e-4)  # one was cut
    assert table["grounding"]["simulacrum-vicuna_7b"]["difference"] == 1.0
    assert scores.imported(here, person, "") == {}
    assert here.read_json("imported.json") == json.loads(json.dumps(table)) and len(here.read_jsonl("imported.jsonl")) == 3


def test_released_files_are_found_by_person_and_named_by_system(person, released, tmp_path):
    rows = scores.load_released(released, person)
    assert {row.system for row in rows} == {"character_llm_7b", "vicuna_7b"} and len(rows) == 7
    one = next(released.glob("Gray_vicuna*/*.json"))
    assert {row.system for row in scores.load_released(f"{one}", person)} == {"vicuna_7b"}
    (tmp_path / "empty").mkdir()
    with pytest.raises(run.RunError, match="No answers about Nell Gray"):
        scores.load_released(tmp_path / "empty", person)


def test_character_llm_is_above_vicuna_and_alpaca_where_no_model_is_needed(here, official):

    person = profile.load(official / "profile_wiki_Beethoven.txt")
    table = scores.imported(here, person, official)
    assert list(table["systems"]) == ["character_llm_7b", "chatgpt", "alpaca_7b", "vicuna_7b"]
    for other in ("alpaca_7b", "vicuna_7b"):
        pair = f"character_llm_7b-{other}"
        assert table["grounding"][pair]["difference"] > 0 and table["paired"][pair]["hallucination"]["difference"] > 0


# ---- the right name


def test_contrast_tells_who_knows_the_person_by_name(here, person):

    system = {"role": "system", "content": models.system_prompt(person.name)}
    rows = [
        Example(id=f"e{n}", dialogue="d", paragraphs=[f"p{n}"], split=split,
                messages=[system, {"role": "user", "content": "Well?"}, {"role": "assistant", "content": f"Well {n}."}])
        for n, split in enumerate(["train", "validation", "validation", "validation"])
    ]  # fmt: skip
    here.write_jsonl("examples.jsonl", rows)
    found = scores.contrast_run(
        here, person, [Says("simulacrum", str, 0.5), Says("prompted", str, 0.0), Says("served", str)], other="Moss"
    )
    assert set(found) == {"simulacrum", "prompted"} and found["simulacrum"]["value"] == 0.5 and found["prompted"]["value"] == 0.0
    assert found["simulacrum"]["n"] == 3 and found["simulacrum"]["other"] == "Moss"
    here.write_jsonl("examples.jsonl", rows[:1])
    assert scores.contrast_run(here, person, [Says("simulacrum", str, 0.5)]) == {}


def test_the_endpoint_stands_in_the_table_as_any_system(here, person, served):
    served(lambda call: ok("It was clock 3."))
    client = teachers.Client(teachers.Settings.from_environment(), here.say)
    system = playground.Served(here, client, person, name="hosted")
    answers = playground.conduct(here, BANK, [system], character=person.name, say=lambda text: None)
    table = scores.score([*answered(person, SYSTEMS[0]), *answers], person, BANK)
    assert table["systems"]["hosted"]["memorization"]["value"] == pytest.approx(1 / 8, abs=1e-4)
    assert table["paired"]["simulacrum-hosted"]["memorization"]["difference"] == pytest.approx(7 / 8, abs=1e-4)


# ---- the way there


def test_a_trajectory_measures_first_middle_and_last_once_and_says_how_far_each_was_trained(here, person, small, monkeypatch):
    measured = []
    here.write_jsonl("questions.jsonl", BANK)
    (here.folder / "spec.json").write_text(json.dumps({"base": str(small.folder)}))
    for number, reached in enumerate((1.0, 2.0, 3.0, 4.0, 4.4), 1):
        folder = here.path("checkpoints", f"epoch-{number}")
        folder.mkdir(parents=True)
        (folder / "adapter_model.safetensors").write_bytes(bytes([number]))
        (folder / "trainer_state.json").write_text(json.dumps({"epoch": reached}))
    monkeypatch.setattr(models.Simulacrum, "add", lambda self, name, folder: None)
    monkeypatch.setattr(checkpoints, "measure", lambda sim, name, *given: measured.append(name) or {"recall": 0.5})
    rows = scores.trajectory(here, person, 8)
    assert [row["epoch"] for row in rows] == [0, 1, 3, 4.4]
    assert scores.trajectory(here, person, 8) == rows and len(measured) == 4, "read back, not measured again"
    (here.path("checkpoints", "epoch-5") / "adapter_model.safetensors").write_bytes(b"trained again")
    assert scores.trajectory(here, person, 8)[-1] != rows[-1] and len(measured) == 8
