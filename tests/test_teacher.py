"""A teacher of one's own: an object or a name, texts in the order of the requests, and every answer counted."""

import json

import pytest

from charlib import experience, run, teachers
from charlib.records import Completion, Request

PLAIN = '''
class Plain:
    """Asks for each sentence of a paragraph; of scenes and of the boundary it says nothing."""

    def complete(self, requests):
        for request in requests:
            yield self.exchanges(request) if request.stage == "memory" else None

    def exchanges(self, request):
        me = request.facts["profile"].short_name
        sentences = request.facts["paragraph"].split(". ")
        return "\\n\\n".join(
            f"Exchange {n}\\nVisitor: What is number {n} of your story?\\n{me}: {sentence}"
            for n, sentence in enumerate(sentences, 1))
'''


class Says:
    """Gives what it was made with."""

    def __init__(self, answers):
        self.answers = answers

    def complete(self, requests):
        return self.answers


class Failing:
    def complete(self, requests):
        raise ZeroDivisionError("of the person's own")


@pytest.fixture
def plain(tmp_path, monkeypatch):
    """The name of a teacher in a module of the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "my_plain_teacher.py").write_text(PLAIN, encoding="utf-8")
    return "my_plain_teacher:Plain"


def ask(here, person, teacher):
    asked = experience.memory_requests(person, here.character)[:3]
    found = experience.ask(here, "dialogues", asked, teacher)
    return [found[request.id] for request in asked if request.id in found]


def test_a_teacher_by_name_writes_what_is_kept_and_counted(here, person, plain, capsys):
    writer = teachers.make_teacher(plain, here.character, person)
    _, told = experience.reconstruct(here, person, writer)
    assert {item.teacher for item in told.kept} == {"Plain"} and len(told.kept) >= 3
    assert "3 answered (3 Plain), 3 failed" in capsys.readouterr().out


def test_what_a_teacher_does_not_answer_goes_to_the_next(here, person, plain, capsys):
    writer = teachers.make_teacher(f"{plain}+english", here.character, person)
    _, told = experience.reconstruct(here, person, writer)
    assert {item.teacher for item in told.kept} == {"Plain", "english"}
    assert "(3 Plain, " in (said := capsys.readouterr().out) and "english), 0 failed" in said


def test_texts_belong_to_the_requests_in_their_order_and_none_is_a_failure(here, person):
    answers = ask(here, person, Says(["one", None, "three"]))
    assert [(item.text, item.finish) for item in answers] == [
        ("one", "stop"), ("", "no answer"), ("three", "stop")]
    again = ask(here, person, Says(["two"]))  # only what failed is asked again
    assert [item.text for item in again] == ["one", "two", "three"]


def test_completions_come_in_any_order_and_may_be_left_out(here, person):
    asked = experience.memory_requests(person, here.character)[:3]
    made = [Completion(asked[2].id, "me", "three"), Completion(asked[0].id, "me", "one")]
    assert [item.text for item in ask(here, person, Says(made))] == ["one", "three"]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ("one text", "one text for each request, not str"),
        (None, "one text for each request, not NoneType"),
        (["a", "b", "c", "d"], "belongs to none of the 3 requests"),
        ([Completion("nobody", "me", "a")], "belongs to none of the 3 requests"),
        ([{"text": "a"}], "gave a dict: an answer is a text"),
    ],
)
def test_an_answer_in_another_form_is_one_line(here, person, answers, says):
    with pytest.raises(run.RunError, match=says):
        ask(here, person, Says(answers))


@pytest.mark.parametrize("given", [object(), "json:dumps", "collections:Counter"])
def test_what_is_no_teacher_is_refused_before_anything_is_asked(person, given):
    with pytest.raises(run.RunError, match=r"is no teacher: give it complete\(requests\)"):
        teachers.make_teacher(given, "nell", person)


def test_an_object_is_taken_as_it_is_and_its_own_errors_stay_its_own(here, person):
    mine = Failing()
    assert teachers.make_teacher(mine, "nell", person) is mine
    with pytest.raises(ZeroDivisionError):
        ask(here, person, mine)


def test_a_teacher_rewritten_is_asked_again(here, person):
    ask(here, person, Says(["one", "two", "three"]))
    assert [item.text for item in ask(here, person, Says(["other"] * 3))] == ["one", "two", "three"]

    class Says2(Says):
        def complete(self, requests):
            return [text.upper() for text in self.answers]

    assert [item.text for item in ask(here, person, Says2(["a", "b", "c"]))] == ["A", "B", "C"]


def request(name: str) -> Request:
    return Request("nobody", "scenes", name, 0, "1", ({"role": "user", "content": name},))


def test_stamps_of_recorded_and_chain_follow_the_first_that_answers(tmp_path):
    class Other:
        name = "other"

        def stamp(self, request):
            return "o"

    def recorded(text):
        (tmp_path / "r.jsonl").write_text(json.dumps({"key": request("a").key, "completion": text, "written_for": "1"}) + "\n")
        return teachers.Recorded("nobody", tmp_path)

    old, new = recorded("one"), recorded("two")
    assert old.stamp(request("a")) != new.stamp(request("a")) and old.stamp(request("b")) == ""
    assert teachers.Chain(old, Other()).stamp(request("a")) == old.stamp(request("a")) and teachers.Chain(old, Other()).stamp(request("b")) == "o"
