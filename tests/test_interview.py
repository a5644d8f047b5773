"""Interviews: banks and answers of every form are read, interviews go on where they stopped, and conversations follow their script."""

import json
from pathlib import Path

import pytest
from faulty_server import Server, ok, status
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from charlib import playground, profile, run, teachers
from charlib.models.decode import BASE, Reply
from charlib.records import Answer, Example, Message, Question

PROFILE = """---
name: Nell Gray
short_name: Gray
horizon: "1850-03-02"
---
# Nell Gray

Nell Gray was born in Hull in 1801, the daughter of a rope maker who drank.

She built her first clock in 1822 from the brass of a broken sextant and sold it to Captain Moss.

Her quarrel with the bishop began over the cathedral bell, which she called the falsest voice in Yorkshire.
"""


class Says:
    """A system that answers with what `say(last words)` gives; remembers the conversations it was given."""

    def __init__(self, say, name="says", character="Nell Gray"):
        self.say, self.name, self.character, self.given = say, name, character, []

    def reply(self, conversations, seed=0):
        self.given += conversations
        return [Reply(self.say(talk[-1]["content"]), 3, "stop", 0.01) for talk in conversations]


@pytest.fixture
def person():
    return profile.parse(PROFILE)


def write(path: Path, rows, *, lines=True) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) if lines else json.dumps(rows), encoding="utf-8")
    return path


def questions(count: int) -> list[Question]:
    return [Question(id=f"q{number}", question=f"What is number {number}?", gold=[str(number)]) for number in range(count)]


# ---- banks


def test_our_bank_ignores_unknown_fields_and_numbers_become_text(tmp_path):
    row = {"id": 7, "question": " Who  taught you? ", "topic": "past", "paragraph": 3, "gold": ["Moss"], "colour": "red", "pair": None}
    (item,) = playground.load_questions(write(tmp_path / "bank.jsonl", [row]))
    assert (item.id, item.question, item.paragraph, item.pair) == ("7", "Who taught you?", "3", None)


def test_original_questions_have_their_text_for_an_id_and_topic_4_is_a_candidate(tmp_path):
    rows = [
        {"topic_id": "topic-1", "topic": "personal information and past experiences", "question": "Where were you born?"},
        {"topic_id": "topic-4", "topic": "difficult to answer without breaking character", "question": "Which app do you use?"},
    ]
    past, beyond = playground.load_questions(write(tmp_path / "any name.json", rows, lines=False))
    assert (past.id, past.topic, past.candidate) == ("Where were you born?", "past", None)
    assert (beyond.topic, beyond.answerable, beyond.candidate, beyond.purpose) == ("beyond", False, True, "boundary")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no question"),
        ("[]", "no question"),
        ("[{}]", "no question"),
        ("{not json", "line 1"),
        ('[{"question": "Who?"', "JSON list"),
        ('{"question": "Who?", "kind": "essay"}', "kind"),
        ('[{"question": "Who?", "topic_id": "topic-9"}]', "topic-9"),
        ('{"id": "a", "question": "Who?"}\n{"id": "a", "question": "What?"}', "two different"),
    ],
)
def test_a_wrong_bank_is_one_line(tmp_path, text, says):
    path = tmp_path / "bank.jsonl"
    path.write_text(text)
    with pytest.raises(run.RunError, match=says) as caught:
        playground.load_questions(path)
    assert "\n" not in str(caught.value)


def test_a_missing_bank_says_which(tmp_path):
    with pytest.raises(run.RunError, match=r"nowhere\.jsonl"):
        playground.load_questions(tmp_path / "nowhere.jsonl")


def test_a_bank_without_groups_is_understood():
    purposes = [
        (Question(id="1", question="Who?", gold=["Moss"]), "recall"),
        (Question(id="2", question="Who?", gold=["Moss"], paraphrase_of="1"), "paraphrase"),
        (Question(id="3", question="A or B?", kind="choice", options=["A", "B"]), "choice"),
        (Question(id="4", question="A or B?", kind="choice", options=["A", "B"], topic="beyond"), "time"),
        (Question(id="5", question="A or B?", kind="pair", options=["A", "B"]), "value"),
        (Question(id="6", question="A or B?", kind="pair", options=["A", "B"], trait="openness"), "trait"),
        (Question(id="7", question="What is a telephone?", answerable=False), "boundary"),
        (Question(id="8", question="What is a clock?", pair="p"), "boundary"),
        (Question(id="9", question="Tell me of Hull."), "interview"),
    ]
    assert [item.purpose for item, _ in purposes] == [name for _, name in purposes]


# ---- two orders


@pytest.mark.parametrize(
    ("question", "options", "turned"),
    [
        ("Were you born in Hull or in York?", ["Hull", "York"], "Were you born in York or in Hull?"),
        (
            "Which could you have owned: a clock or a telephone?",
            ["a clock", "a telephone"],
            "Which could you have owned: a telephone or a clock?",
        ),
        (
            "The bishop frowns. Which would you say: I yield, or I stand?",
            ["I stand firm.", "I give way."],
            "The bishop frowns. Which would you say: I stand, or I yield?",
        ),
        (
            "Do you mend a clock at once, or let it wait?",
            ["I mend it now.", "I let it lie."],
            "Do you let it wait, or mend a clock at once?",
        ),
        (
            'Which fits you: "I like noise" or "I like quiet"?',
            ["I like quiet.", "I like noise."],
            'Which fits you: "I like quiet" or "I like noise"?',
        ),
    ],
)
def test_options_change_places_in_words(question, options, turned):
    item = Question(id="x", question=question, kind="pair", options=options)
    assert playground.orders(item) == (question, turned)


def test_both_orders_adds_a_twin_behind_each_choice_only():
    item = Question(id="c", question="Is it fit to eat, or not?", kind="pair", options=["I eat it.", "I leave it."], paragraph="p")
    plain = Question(id="o", question="Who?")
    first, twin, last = playground.both_orders([item, plain])
    assert last == plain and twin.swap_of == first.id == twin.base_id == "c" and twin.paragraph == "p"
    assert first.question.endswith("“I eat it.” or “I leave it.”?") and twin.question.endswith("“I leave it.” or “I eat it.”?")
    assert playground.both_orders([first, twin, last])[-1] == plain


# ---- conducting


def test_answers_stand_in_order_a_row_a_question_system_and_seed(tmp_path):
    first, second = Says(str.upper, "first"), Says(str.lower, "second")
    out = tmp_path / "answers.jsonl"
    answers = playground.conduct(out, questions(5), [first, second], seeds=(0, 1), batch=2)
    assert [(a.system, a.seed, a.question) for a in answers] == [
        (s, n, f"q{q}") for s in ("first", "second") for n in (0, 1) for q in range(5)
    ]
    assert run.read_jsonl(out, Answer) == answers
    assert answers[0].character == "Nell Gray" and answers[0].item.gold == ["0"]


def test_a_torn_file_is_continued_and_nothing_is_asked_twice(tmp_path):
    out = tmp_path / "answers.jsonl"
    whole = playground.conduct(out, questions(6), [Says(str.upper)])
    lines = out.read_text().splitlines()
    out.write_text("\n".join(lines[:4]) + "\n" + lines[4][:37])
    system = Says(str.upper)
    assert playground.conduct(out, questions(6), [system]) == whole
    assert [talk[-1]["content"] for talk in system.given] == ["What is number 4?", "What is number 5?"]
    assert run.read_jsonl(out, Answer) == whole


def test_an_interview_that_breaks_off_keeps_its_batches(tmp_path):
    def breaks(words):
        if "4" in words:
            raise KeyboardInterrupt
        return words

    out = tmp_path / "answers.jsonl"
    with pytest.raises(KeyboardInterrupt):
        playground.conduct(out, questions(6), [Says(breaks)], batch=2)
    assert [answer.question for answer in run.read_jsonl(out, Answer)] == ["q0", "q1", "q2", "q3"]


def test_other_weights_and_other_wordings_are_asked_again_and_other_rows_stay(tmp_path):
    out = tmp_path / "answers.jsonl"
    old = Says(str.upper)
    old.maker = "one"
    playground.conduct(out, questions(3), [old, Says(str.lower, "other")])
    new = Says(str.title)
    new.maker = "two"
    bank = questions(3)
    answers = playground.conduct(out, bank, [new])
    assert len(new.given) == 3 and {answer.maker for answer in answers} == {"two"}
    assert [row.system for row in run.read_jsonl(out, Answer)] == ["says"] * 3 + ["other"] * 3
    bank[1] = bank[1].model_copy(update={"question": "What was number 1?"})
    new.given.clear()
    playground.conduct(out, bank, [new])
    assert [talk[-1]["content"] for talk in new.given] == ["What was number 1?"]


def test_a_question_that_stands_twice_is_answered_twice(tmp_path):
    bank = questions(1) * 2
    answers = playground.conduct(tmp_path / "a.jsonl", bank, [Says(str.upper)])
    system = Says(str.upper)
    assert len(answers) == 2 and playground.conduct(tmp_path / "a.jsonl", bank, [system]) == answers and not system.given


def test_wrong_interviews_are_one_line(tmp_path):
    class Short(Says):
        def reply(self, conversations, seed=0):
            return super().reply(conversations, seed)[:-1]

    with pytest.raises(run.RunError, match="gave 1 replies to 2"):
        playground.conduct(tmp_path / "a.jsonl", questions(2), [Short(str.upper)])
    with pytest.raises(run.RunError, match="Two systems"):
        playground.conduct(tmp_path / "a.jsonl", questions(2), [Says(str.upper), Says(str.lower)])
    (tmp_path / "b.jsonl").write_text('{"shopping": "list"}\n')
    with pytest.raises(run.RunError, match="line 1 is not an answer"):
        playground.conduct(tmp_path / "b.jsonl", questions(2), [Says(str.upper)])


# ---- thoughts


@pytest.mark.parametrize(
    ("text", "spoken", "thought"),
    [
        ("Moss did.", "Moss did.", None),
        ("(thinking, wary) He knows. (speaking) Moss did.", "Moss did.", "(wary) He knows."),
        ("(speaking) One.\n(thinking) Two.\n(speaking) Three.", "One.\nThree.", "Two."),
        ("Gray (thinking): Let him wait.", "", "Let him wait."),
        ("I was (thinking back) young.", "I was (thinking back) young.", None),
        ("", "", None),
    ],
)
def test_thoughts_are_kept_out_of_what_is_said(text, spoken, thought):
    assert playground.split_thought(text) == (spoken, thought)


@given(st.text(max_size=80))
@settings(max_examples=80, deadline=None)
def test_splitting_never_fails_and_is_stable(text):
    spoken, _ = playground.split_thought(text)
    assert playground.split_thought(spoken)[0] == spoken or "(" in text


# ---- the standard systems


class FakeSim:
    """Stands for a Simulacrum: records what it was asked as whom."""

    def __init__(self):
        self.adapters, self.name, self.calls = ["simulacrum"], BASE, []

    def use(self, name):
        self.name = name
        return self

    def answer(self, conversations, sampling, seed=0, batch=32, on_done=None):
        self.calls.append((self.name, conversations, seed))
        return [Reply("Moss did.", 2, "stop", 0.0) for _ in conversations]

    def option_likelihood(self, conversations, options):
        self.calls.append((self.name, conversations, options))
        return [[-float(len(option)) for option in row] for row in options]


def test_three_systems_share_set_up_and_differ_in_what_they_should(here, person):
    sim = FakeSim()
    setting = {"place": "Hull", "time": "1822", "state": "proud"}
    trained, prompted, told = playground.make_systems(sim, person, "simulacrum, prompted,prompted_profile", here, **setting)
    for system in (trained, prompted, told):
        system.reply([[{"role": "user", "content": "Why did you quarrel with the bishop over the bell?"}]], 3)
    (as_one, one, seed), (as_two, two, _), (as_three, three, _) = sim.calls
    assert (as_one, as_two, as_three, seed) == ("simulacrum", BASE, BASE, 3)
    assert one == two and [message["role"] for message in one[0]] == ["system", "user"]
    assert "Place: Hull" in one[0][0]["content"] and "State: proud" in one[0][0]["content"]
    told_text = three[0][0]["content"]
    assert told_text.startswith(one[0][0]["content"]) and "falsest voice" in told_text
    assert told_text.index("falsest voice") < (told_text.index("rope maker") if "rope maker" in told_text else 10**6)


def test_the_profile_in_the_prompt_keeps_to_its_words(person):
    sim = FakeSim()
    told = playground.Local(sim, person, name="prompted_profile", adapter=BASE, words=12)
    told.reply([[{"role": "user", "content": "What of the clock and the sextant?"}]])
    extra = sim.calls[0][1][0][0]["content"].split("From your life:\n")[1]
    assert len(extra.split()) == 12 and extra.startswith("She built her first clock")


def test_a_conversation_with_its_own_set_up_keeps_it(person):
    sim = FakeSim()
    given = [{"role": "system", "content": "Somewhere else."}, {"role": "user", "content": "Who?"}]
    playground.Local(sim, person).reply([given])
    assert sim.calls[0][1] == [given]


def test_likelihoods_are_asked_of_who_can_tell(person):
    bank = [
        Question(id="r", question="Who?", gold=["Moss"], options=["Moss", "Captain Brand"]),
        Question(id="b", question="What is a telephone?", answerable=False, pair="p", gold=["wire"]),
        Question(id="o", question="Tell me."),
    ]
    found = playground.likelihoods([playground.Local(FakeSim(), person), Says(str.upper)], bank)
    assert found == {"simulacrum": {"r": [-4.0, -13.0]}}


# ---- conversations


def test_a_conversation_follows_its_script_and_remembers(tmp_path):
    here = run.Run("r", tmp_path)
    script = ["And the rope?", "Once more: Hull?", "You hated it.", "Farewell?"]
    topics = [Question(id="hull", question="Tell me of Hull.", follow_ups=script), Question(id="york", question="Tell me of York.")]
    system = Says(lambda words: f"(thinking) hm (speaking) I say {words.lower()}")
    rows = playground.conversations(here, topics, [system], 6, say=lambda text: None)
    hull, york = playground.by_conversation(rows)
    assert [row.asked for row in hull[:5]] == ["Tell me of Hull.", *script] and york[2].asked.endswith("What is there to say of York?")
    assert [row.turn for row in hull] == list(range(6)) and len({row.conversation for row in hull}) == 1
    assert hull[0].thought == "hm" and hull[0].text == "I say tell me of hull."
    last = system.given[-2]
    assert [message["role"] for message in last] == ["user", "assistant"] * 5 + ["user"] and last[1]["content"] == hull[0].text


def test_conversations_are_saved_and_kept(tmp_path):
    here = run.Run("r", tmp_path)
    topics = [Question(id=f"t{n}", question=f"Tell me of {n}.", group="interview") for n in range(3)]
    system = Says(str.upper)
    playground.conduct(here, questions(2), [system])
    rows = playground.conversations(here, topics, [system], turns=3, say=lambda text: None)
    files = sorted((tmp_path / "conversations").glob("*.jsonl"))
    assert len(rows) == 9 and len(files) == 3 and len(here.read_jsonl("answers.jsonl", Answer)) == 11
    files[0].unlink()
    system.given.clear()
    assert playground.conversations(here, topics, [system], turns=3, say=lambda text: None) == rows
    assert len(system.given) == 3 and len(here.read_jsonl("answers.jsonl", Answer)) == 11
    assert len(playground.conduct(here, questions(3), [system])) == 3
    assert len(here.read_jsonl("answers.jsonl", Answer)) == 12


def test_self_made_questions_share_no_run_of_words_with_what_was_trained(here):

    asked = "In which year did you open your workshop in the old town of Coburg?"
    said = [Message(role="user", content=f"Tell me: {asked}"), Message(role="assistant", content="In 1868.")]
    here.write_jsonl("examples.jsonl", [Example(id="e", dialogue="d", paragraphs=["p"], messages=said)])
    bank = [
        Question(id="a", question=asked), Question(id="b", question="When was that shop of yours opened?", paraphrase_of="a"),
        Question(id="c", question=asked + " Or not?", pair="x"), Question(id="d", question="Do you know Coburg?", pair="x"),
        Question(id="e", question="Who taught you?"),
    ]  # fmt: skip
    assert [item.id for item in playground.unseen(here, bank)] == ["e"]


def test_two_simulacra_talk_to_each_other():
    first = Says(lambda words: "(thinking) a fool (speaking) Good day.", "first", "Nell Gray")
    second = Says(lambda words: "And to you.", "second", "Captain Moss")
    rows = playground.dinner([first, second], "Talk of clocks.", turns=4)
    assert [row.system for row in rows] == ["first", "second"] * 2 and [row.turn for row in rows] == [0, 1, 2, 3]
    assert "Captain Moss" in rows[0].asked and "Nell Gray" in rows[1].asked and "fool" not in rows[1].asked
    assert [message["role"] for message in second.given[1]] == ["user", "assistant", "user"]


def test_a_talk_of_two_that_broke_off_goes_on(tmp_path):
    here = run.open("trial", tmp_path)
    first, second = Says(lambda words: "Good day.", "first", "Nell Gray"), Says(lambda words: "And to you.", "second", "Captain Moss")
    begun = playground.dinner([first, second], "Talk of clocks.", 2, here=here)
    assert playground.dinner([first, second], "Talk of clocks.", 5, here=here)[:2] == begun
    assert len(first.given) == 3 and len(second.given) == 2
    (path,) = tmp_path.glob("trial/conversations/dinner-*.jsonl")
    assert len(run.read_jsonl(path, Answer)) == 5
    first.maker = "other weights"
    playground.dinner([first, second], "Talk of clocks.", 5, here=here)
    assert len(first.given) == 6


@pytest.mark.parametrize(
    ("topic", "again"),
    [
        ("Tell me about your years at sea.", "What is there to say of your years at sea?"),
        ("What do you make of bishops?", "How do you look upon bishops?"),
        ("Who are you?", "Who are you?"),
    ],
)
def test_a_topic_is_asked_again_in_other_words(topic, again):
    assert playground.reworded(topic) == again


# ---- an endpoint as a system


def served(server, here, person, **options):
    plan = teachers.Settings(server.url, "m", SecretStr("sk-test-0123456789abcdefghij"), attempts=2, first_wait=0.01, longest_wait=0.02)
    return playground.Served(here, teachers.Client(plan, say=lambda text: None), person, **options)


def test_any_endpoint_is_a_system_and_is_asked_once(here, person, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    seen = []
    with Server(lambda call: seen.append(call.body) or ok(f"(thinking) hm (speaking) To {call.prompt}", "length")) as server:
        system = served(server, here, person, name="hosted", words=20, place="Hull")
        rows = playground.conduct(here, questions(3), [system], character=person.name, say=lambda text: None)
        again = served(server, here, person, name="hosted", words=20, place="Hull")
        assert playground.conduct(here, questions(3), [again], say=lambda text: None) == rows
        assert len(seen) == 3
    assert [row.text for row in rows] == [f"To What is number {number}?" for number in range(3)]
    assert all(row.system == "hosted" and row.finish == "length" and row.thought == "hm" and row.character == person.name for row in rows)
    system_text = seen[0]["messages"][0]["content"]
    assert "You are Nell Gray" in system_text and "Place: Hull" in system_text and "From your life:" in system_text
    assert "sk-test" not in "".join(path.read_text() for path in here.path("journal").iterdir())


def test_an_endpoint_that_gives_nothing_stops_the_interview_and_it_goes_on_later(here, person, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    broken = [True]
    with Server(lambda call: status(500) if broken[0] and "number 2" in call.prompt else ok("Well.")) as server:
        system = served(server, here, person)
        with pytest.raises(run.RunError, match="1 of 3 questions unanswered"):
            playground.conduct(here, questions(3), [system], say=lambda text: None)
        broken[0] = False
        assert [row.text for row in playground.conduct(here, questions(3), [system], say=lambda text: None)] == ["Well."] * 3
        assert server.counts["What is number 0?"] == 1


# ---- answers of others


def test_original_single_answers_are_read_as_lists_and_as_objects(tmp_path):
    turn = {"role": "Gray", "action": "(speaking)", "content": "In Hull."}
    thought = {"role": "Gray", "action": "(thinking)", "content": "Odd man."}
    cut = {"role": "Gray", "action": "(speaking)", "content": "First you take the<|NONSTOP|>"}
    rows = [
        {"topic_id": "topic-1", "question": "Where?", "reply": [thought, turn]},
        {"topic_id": "topic-4", "question": "Which app?", "reply": cut},
        {"topic_id": "topic-3", "question": "Why?", "reply": {"role": "Gray", "action": "(speaking)", "content": None}},
    ]
    where, app, why = playground.load_answers(write(tmp_path / "answers_Gray_alpaca.json", rows, lines=False))
    assert (where.text, where.thought, where.finish, where.system) == ("In Hull.", "Odd man.", "stop", "answers_Gray_alpaca")
    assert (app.text, app.finish, app.item.candidate) == ("First you take the", "length", True)
    assert why.text == "" and where.question == where.asked == "Where?" and where.character == "Gray"
    assert playground.load_answers(tmp_path / "answers_Gray_alpaca.json", "alpaca")[0].system == "alpaca"


def test_original_multi_turn_answers_are_conversations(tmp_path):
    def said(number, who, text):
        return {"turn_id": number, "turn_role": who, "turn_content": [{"role": "x", "action": "(speaking)", "content": text}]}

    content = [said(0, "interviewer", "Well?"), said(0, "character", "Well."), said(1, "interviewer", "So?"), said(1, "character", "So.")]
    row = {"character": "Nell Gray", "model": "gray-7b", "topic": "Hull", "qid": 4, "max_turns": 2, "finished": True, "content": content}
    rows = playground.load_answers(write(tmp_path / "multi.jsonl", [row]), "given")
    assert [(r.system, r.asked, r.text, r.turn, r.question) for r in rows] == [
        ("gray-7b", "Well?", "Well.", 0, "Hull"),
        ("gray-7b", "So?", "So.", 1, "Hull"),
    ]
    assert rows[0].conversation == rows[1].conversation


def test_our_answers_round_trip_and_sparse_ones_are_filled(tmp_path):
    answers = playground.conduct(tmp_path / "a.jsonl", questions(3), [Says(str.upper)])
    assert playground.load_answers(tmp_path / "a.jsonl") == answers
    (row,) = playground.load_answers(write(tmp_path / "mine.jsonl", [{"question": "Who?", "text": "(thinking) Hm. (speaking) Moss."}]))
    assert (row.system, row.asked, row.text, row.thought) == ("mine", "Who?", "Moss.", "Hm.")


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", '{"question": "Who?"}\n', '[{"question": "Who?", "reply": 5}]', '{"content": [{}], "topic": "x"}\n']
)
def test_what_is_no_answer_is_one_line(tmp_path, text):
    path = tmp_path / "answers.jsonl"
    path.write_text(text)
    with pytest.raises(run.RunError, match=r"answers\.jsonl") as caught:
        playground.load_answers(path)
    assert "\n" not in str(caught.value)
