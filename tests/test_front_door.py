"""The front door: what a stranger brings is given by object or by name, and a character can be used from Python."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from faulty_server import Server, ok
from hypothesis import example, given, settings
from hypothesis import strategies as st

import charlib
from charlib import __main__ as command
from charlib import experience, models, playground, run, scores, teachers
from charlib import profile as profiles
from charlib.records import Question

# ---- text becomes code in one place


@pytest.fixture
def bring(tmp_path, monkeypatch):
    """Write a module into a new current directory, as somebody does who tries the project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [path for path in sys.path if path])

    def write(name: str, code: str):
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")

    return write


def test_a_name_is_an_object_of_a_module_of_the_current_directory(bring):
    bring("brought_one", "class Teacher:\n    level = 3\n\ndef irony():\n    return 1\n")
    assert run.named("brought_one:irony")() == 1
    assert run.named("brought_one:Teacher.level") == 3
    assert run.named("json:dumps")([1]) == "[1]"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("irony", "write module:object"),
        (":irony", "write module:object"),
        ("brought_two:", "write module:object"),
        ("no_such_module:irony", "No module 'no_such_module'"),
        ("json.nothing:irony", "No module 'json.nothing'"),
        ("brought_two:irony", "no attribute 'irony'"),
        ("a b/c:irony", "cannot be had|No module"),
        ("brought_needs:irony", "No module named 'not_installed'.*install what it needs"),
        ("brought_broken:irony", "SyntaxError.*mend it"),
    ],
)
def test_a_name_that_cannot_be_had_is_one_line_and_what_to_do(bring, text, says):
    bring("brought_two", "x = 1\n")
    bring("brought_needs", "import not_installed\n")
    bring("brought_broken", "def (:\n")
    with pytest.raises(run.RunError, match=says) as caught:
        run.named(text)
    assert "\n" not in str(caught.value)


# ---- README's snippets


def snippets() -> dict[str, str]:
    """The Python of README's "Use it from Python", by what it is about."""
    text = (run.root() / "README.md").read_text(encoding="utf-8")
    section = text.split("## Use it from Python\n")[1].split("\n## ")[0]
    found = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return dict(zip(("talk", "train", "teacher", "system", "metric"), found, strict=True))


@pytest.fixture
def beethoven(tmp_path, monkeypatch, small):
    """A finished run `beethoven` of the small random model, and the directory of somebody who tries README."""
    import peft

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "outputs", lambda folder=None: tmp_path / "outputs")
    here = run.open("beethoven")
    profiles.save(profiles.load(profiles.find("beethoven")), here.path("profile.md"))
    here.set_params("profile", {"preset": "tiny", "character": "beethoven"})
    config = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    peft.get_peft_model(models.load_base(small.base, "float32")[0], config).save_pretrained(here.path("adapter"))
    facts = {"base": str(small.folder), "fingerprint": small.base.fingerprint}
    here.path("adapter", "base.json").write_text(json.dumps(facts))
    bank = playground.load_questions(run.root() / "data" / "questions" / "beethoven.jsonl")
    run.write_jsonl(tmp_path / "questions.jsonl", [item for item in bank if item.purpose == "boundary"][:12])
    return here


@pytest.mark.parametrize("name", ["talk", "train", "teacher", "system", "metric"])
def test_a_snippet_is_short_enough_to_be_typed(name):
    assert len(snippets()[name].splitlines()) < 30


def test_readme_a_character_is_asked_and_streams(beethoven, capsys):
    names: dict = {}
    exec(snippets()["talk"], names)
    said = names["beethoven"].messages
    assert [message["role"] for message in said] == ["user", "assistant"] * 2
    assert str(names["reply"]) == names["reply"].text == said[1]["content"] and names["reply"].tokens > 0
    assert said[3]["content"] in capsys.readouterr().out


def test_readme_a_system_of_ones_own_is_interviewed_and_scored(beethoven):
    names: dict = {}
    exec(snippets()["system"], names)
    rows = [row for row in names["answers"] if row.system == "oracle"]
    assert len(rows) == len(names["answers"]) / 2 == 12 and rows[0].text.endswith("I do not know.")
    assert names["table"]["systems"]["oracle"]["hallucination"]["value"] is not None


def test_readme_a_teacher_of_ones_own_writes_exchanges_that_are_kept(here, person, tmp_path, monkeypatch):
    (tmp_path / "my_teacher.py").write_text(snippets()["teacher"], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    writer = teachers.make_teacher("my_teacher:Plain", here.character, person)
    _, told = experience.reconstruct(here, person, writer)
    assert {item.teacher for item in told.kept} == {"Plain"} and len(told.kept) >= 3


def test_readme_own_rows_are_trained_and_the_character_answers(beethoven, small, tmp_path, monkeypatch):
    own = {"role": "system", "content": "You keep the light of Inchcape."}
    asked = [("Where do you live?", "By the lock."), ("Who taught you?", "My aunt.")]
    run.write_jsonl(tmp_path / "chat.jsonl", [
        {"messages": [own, {"role": "user", "content": one}, {"role": "assistant", "content": two}]} for one, two in asked])
    code = snippets()["train"].replace('recipe="full"', f'recipe="tiny", top_layers=2, base={str(small.folder)!r}')
    told: list = []
    exec(code, {"print": told.append})
    assert len(told) == 1 and told[0].tokens > 0
    here = run.open("mine")
    assert here.path("adapter").is_dir() and here.read_json("spec.json")["character"] == "Ann Lee"
    talk = charlib.load("mine")
    monkeypatch.setattr(talk, "sim", Thinks())
    talk.ask("Who taught you?", place="Hull")
    assert talk.sim.heard[0][0]["content"] == own["content"] + "\nPlace: Hull"  # never outside its training's set-up


def test_readme_a_metric_of_ones_own_is_scored(beethoven, tmp_path):
    bank = playground.load_questions(tmp_path / "questions.jsonl")
    playground.conduct(tmp_path / "answers.jsonl", bank, playground.make_systems(None, profiles.load(profiles.find("beethoven")), [Says()], beethoven))
    rows = [json.loads(line) | {"system": "simulacrum"} for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    run.write_jsonl(tmp_path / "answers.jsonl", rows)
    names: dict = {}
    exec(snippets()["metric"], names)
    assert names["table"]["systems"]["simulacrum"]["brevity"]["value"] == 1.0
    given = ["score", "answers.jsonl", "--profile", "beethoven", "--out", "s.json", "--rows", "rows.jsonl"]
    assert command.main(given) == 0
    (row, *_) = run.read_jsonl(tmp_path / "rows.jsonl")
    assert set(row) == {"question", "system", "refuses", "leaks", "says_gold", "text"} and row["text"] == "Moss."


# ---- hidden thoughts


@given(st.lists(st.sampled_from(["(thinking)", "(speaking, low)", "(", ")", ":", " ", "\n", "Moss", "Gray van ", "He knows.", "thinking"])),
       st.integers(1, 9))
@example(["(thinking, wary) He knows. (speaking) Moss did."], 1)
@example(["(speaking) One.\n(thinking) Two.\n(speaking) Three."], 3)
@example(["Gray (thinking): Let him wait.\nGray (speaking): Come in."], 2)
@example(["I was (thinking back) young. (thinking"], 1)
@settings(max_examples=150, deadline=None)
def test_pieces_are_what_is_said_and_no_thought_wherever_they_are_cut(parts, size):
    text = "".join(parts)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert "".join(playground.spoken_pieces(pieces)) == playground.split_thought(text)[0]


def test_what_is_certain_is_heard_at_once():
    heard = playground.spoken_pieces(["Yes, ", "it was he", ". (thin", "king) No. (spea", "king) Go."])
    assert list(heard) == ["Yes,", " it was he", ".", "\nGo."]


class Thinks:
    """Stands for a Simulacrum: thinks before it speaks, and remembers what it was given."""

    adapters, base, said = ["simulacrum"], None, "(thinking) A fool. (speaking) Good day."

    def __init__(self):
        self.heard = []

    def use(self, name):
        return self

    def stream(self, messages, sampling, seed):
        self.heard.append(messages)
        yield from self.said

    def reply(self, messages, sampling, seed):
        self.heard.append(messages)
        return models.Reply(self.said, 9, "stop", 0.1)


def test_talk_prints_no_hidden_thought(here, monkeypatch, capsys):
    monkeypatch.setattr(models, "load_simulacrum", lambda here: Thinks())
    words = iter(["Good day.", ""])
    monkeypatch.setattr("builtins.input", lambda prompt: next(words))
    assert command.main(["talk", "trial", "--as", "Captain Moss", "--outputs", str(here.folder.parent)]) == 0
    out = capsys.readouterr().out
    assert "Good day." in out and "fool" not in out and "thinking" not in out


def test_a_talk_is_always_under_its_set_up_and_remembers(person):
    sim = Thinks()
    talk = playground.Talk(sim, person, "Captain Moss")
    reply = talk.ask("Who taught you?", place="Hull")
    assert (str(reply), reply.thought, reply.tokens) == ("Good day.", "A fool.", 9)
    assert "".join(talk.stream("And then?", state="proud")) == "Good day."
    first, second = sim.heard
    assert [message["role"] for message in second] == ["system", "user", "assistant", "user"]
    assert first[1]["content"] == "Captain Moss: Who taught you?" and second[2]["content"] == "Good day."
    assert first[0]["content"].endswith("Place: Hull") and second[0]["content"].endswith("Place: Hull\nState: proud")
    talk.forget()
    assert "".join(talk.stream("Who?")) == "Good day." and len(sim.heard[-1]) == 2
    with pytest.raises(run.RunError, match="No setting 'mood': give place, time or state"):
        talk.ask("Who?", mood="proud")
    assert len(talk.messages) == 2 and "mood" not in talk.setting


def test_a_name_that_is_no_run_says_what_there_is(here):
    with pytest.raises(run.RunError, match="No run 'nobody'.*there are: trial"):
        charlib.load("nobody", here.folder.parent)


@pytest.mark.parametrize("first", ["import charlib", "from charlib.walk import table", "import charlib.walk", "from charlib import door"])
def test_walk_is_the_function_whoever_imports_its_module_first(first):
    code = f"{first}\nfrom charlib import walk\nimport charlib, sys\nassert callable(charlib.walk) and callable(walk)\n"
    code += "assert callable(charlib.load) and charlib.walk is sys.modules['charlib.walk'].walk and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- systems from outside


def make(here, person, wanted, sim=None):
    return playground.make_systems(sim or Thinks(), person, wanted, here)


def ask(system, *words, seed=0):
    return [str(reply) for reply in system.reply([[{"role": "user", "content": text}] for text in words], seed)]


def test_ablations_are_asked_only_where_they_are_named(here, person):
    for name in ("shuffled", "no_protective"):
        here.path("ablations", name, "adapter").mkdir(parents=True)
    sim = Thinks()
    sim.adapters, sim.add = ["simulacrum"], lambda name, folder: sim.adapters.append(name)
    assert [one.name for one in make(here, person, "simulacrum, prompted", sim)] == ["simulacrum", "prompted"]
    assert sim.adapters == ["simulacrum"]
    assert [one.name for one in make(here, person, "prompted,shuffled", sim)] == ["prompted", "shuffled"]
    assert [one.name for one in make(here, person, "ablations", sim)] == ["no_protective", "shuffled"]
    for preset in ("tiny", "workshop", "full"):
        assert run.preset(preset)["interview"]["systems"].endswith(",ablations")


def test_an_object_of_ones_own_gets_the_set_up_and_gives_strings(here, person, bring):
    bring("brought_system", "class Parrot:\n    def reply(self, conversations):\n"
          "        return [' / '.join(m['content'][:15] for m in talk) for talk in conversations]\n")
    (system,) = make(here, person, "brought_system:Parrot")
    assert system.name == "brought_system:Parrot" and ask(system, "Who?") == ["You are Nell Gr / Who?"]
    answers = playground.conduct(here, [Question(id="q", question="Who?", gold=["Moss"])], [system], say=lambda text: None)
    assert answers[0].character == "Nell Gray" and scores.score(answers, person)["systems"]["brought_system:Parrot"]
    with pytest.raises(run.RunError, match="needs reply"):
        make(here, person, "json:dumps")


def test_a_file_of_answers_is_a_system(here, person, tmp_path):
    rows = [{"question": "q", "asked": "Who  taught you?", "system": "theirs", "text": "(thinking) Hm. (speaking) Moss."},
            {"question": "r", "asked": "When?", "system": "other", "text": "In 1822."}]
    run.write_jsonl(tmp_path / "released.jsonl", rows)
    first, second = make(here, person, [str(tmp_path / "released.jsonl")])
    assert (first.name, second.name) == ("released:theirs", "released:other")
    assert ask(first, "Who taught you?") == ["Moss."] and first.maker != second.maker
    with pytest.raises(run.RunError, match="no answer to 1 of 2 questions, such as “When"):
        ask(first, "Who taught you?", "When?")


def test_another_run_is_a_system_as_its_own_character(beethoven, person, tmp_path):
    here = run.open("trial")
    profiles.save(person, here.path("profile.md"))
    (system,) = playground.make_systems(None, person, "run:beethoven", here)  # this run has no adapter of its own
    assert system.character == "Ludwig van Beethoven" and system.name == "run:beethoven" and len(ask(system, "Who?")) == 1
    with pytest.raises(run.RunError, match="No run 'nobody'"):
        make(here, person, "run:nobody")


def test_an_endpoint_is_a_system_from_the_command_line_and_is_asked_once(here, person, tmp_path, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    run.write_jsonl(tmp_path / "q.jsonl", [{"id": "q", "question": "Who taught you?", "gold": ["Moss"]}])
    asked = ["interview", "trial", "--questions", str(tmp_path / "q.jsonl"), "--outputs", str(here.folder.parent),
             "--systems", "endpoint:m,endpoint_profile:m"]
    with Server(lambda call: ok("Moss did.")) as server:
        monkeypatch.setenv("CHARLIB_ENDPOINT", server.url)
        for out in ("a.jsonl", "b.jsonl"):
            assert command.main([*asked, "--out", str(tmp_path / out)]) == 0
        assert len(server.calls) == 2
    answers = playground.load_answers(tmp_path / "b.jsonl")
    assert [(row.system, row.text) for row in answers] == [("endpoint:m", "Moss did."), ("endpoint_profile:m", "Moss did.")]
    given = [call.body["messages"][0]["content"] for call in server.calls]
    assert sorted("From your life:" in text for text in given) == [False, True]


def test_a_name_of_nothing_says_what_there_is(here, person):
    with pytest.raises(run.RunError, match="No system 'gpt': use simulacrum, prompted, prompted_profile, endpoint:<model>"):
        make(here, person, "gpt")


@pytest.mark.parametrize(("given", "says"), [([], "0 replies to 1 conv"), ([7], "with a int: a reply is a string")])
def test_one_object_needs_no_list_and_what_is_no_reply_is_one_line(here, person, given, says):
    (system,) = make(here, person, Says())
    assert ask(system, "Who?") == ["Moss."]
    (system,) = make(here, person, SimpleNamespace(name="own", reply=lambda conversations: given))
    with pytest.raises(run.RunError, match=says):
        ask(system, "Who?")


def test_what_a_file_says_names_no_code(here, person, bring):
    bring("brought_danger", "raise SystemExit('this file was run')\n")
    here.set_params("interview", {"preset": "tiny", "systems": "brought_danger:Bad"})
    assert charlib.interview("trial", ["Who?"], [Says()], outputs=here.folder.parent, say=lambda text: None)[0].text == "Moss."


class Says:
    def reply(self, conversations):
        return ["Moss."] * len(conversations)
