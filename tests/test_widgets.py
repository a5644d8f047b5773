"""Widgets driven from Python: traits set and buttons clicked, without a browser."""

from types import SimpleNamespace

import pytest

from charlib import profile, run, upload, widgets
from charlib.experience import Dialogue, Turn

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script> \x1b[31mred\x1b[0m"


class Parrot:
    """A simulacrum that says what it is told to say, and remembers under which name."""

    adapters, base = ("simulacrum",), None

    def __init__(self, says="I was born in Hull."):
        self.says, self.used = says, []

    def use(self, name):
        self.used.append(name)
        return self

    def stream(self, messages, sampling=None, seed=0):
        for at in range(0, len(self.says), 4):
            yield self.says[at : at + 4]


def test_nobody_is_there_outside_a_kernel():
    assert widgets.live() is False


def test_a_headless_kernel_started_from_a_notebook_is_not_live(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    import nbformat

    monkeypatch.setenv("JPY_SESSION_NAME", "outer.ipynb")
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("from charlib import widgets; print(widgets.live())")])
    nbclient.execute(book, cwd=str(tmp_path), kernel_name="python3")
    assert book.cells[0].outputs[0]["text"].strip() == "False"


def test_a_cell_sent_by_a_front_end_is_live(monkeypatch):
    import IPython

    asked = {"metadata": {"cellId": "a1", "deletedCells": []}}
    kernel = SimpleNamespace(get_parent=lambda channel: asked)
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=kernel))
    assert widgets.live() is True
    asked["metadata"] = {}
    assert widgets.live() is False


def test_f17_markup_and_terminal_codes_become_text():
    shown = widgets.escape(HOSTILE)
    assert "<img" not in shown and "<script" not in shown and "\x1b" not in shown and "red" in shown


def test_the_editor_saves_a_paragraph_and_says_what_is_stale(here):
    editor = widgets.ProfileEditor(here)
    editor.choice.value = 1
    editor.text.value += " It struck thirteen."
    assert "1 paragraph changed" in editor.said.value
    editor.save.click()
    assert "It struck thirteen." in here.path("profile.md").read_text()
    assert "Saved. 1 paragraph changed" in editor.said.value


def test_the_editor_splits_moves_and_removes(here):
    before = [item.text for item in profile.load(here.path("profile.md")).paragraphs]
    editor = widgets.ProfileEditor(here)
    editor.choice.value = 1
    editor.up.click()
    assert [item.text for item in editor.edited().paragraphs] == [before[1], before[0], before[2]]
    editor.choice.value = 2
    editor.text.value = "One half. Another half."
    editor.split.click()
    assert [item.text for item in editor.edited().paragraphs][2:] == ["One half.", "Another half."]
    editor.text.value = ""
    editor.save.click()
    after = profile.load(here.path("profile.md"))
    assert [item.text for item in after.paragraphs] == [before[1], before[0]]
    assert editor.person == after and editor.drafts == {}


def test_moving_a_paragraph_loses_no_experience(here):
    editor = widgets.ProfileEditor(here)
    editor.choice.value = 1
    editor.up.click()
    assert "no experience is lost" in editor.said.value
    assert profile.invalidated(editor.person, editor.edited()) == []


def test_values_and_states_are_rows(here):
    editor = widgets.ProfileEditor(here)
    editor.values[0][1].value = "A clock is an ornament."
    editor.states[0][0].value = editor.states[0][1].value = editor.states[0][2].value = ""
    editor.save.click()
    after = profile.load(here.path("profile.md"))
    assert after.values[0].opposite == "A clock is an ornament." and not after.states
    assert editor.edited() == editor.person, "the rows still fit the profile after a row was removed"


def test_an_emptied_profile_is_not_saved(here):
    before = here.path("profile.md").read_text()
    editor = widgets.ProfileEditor(here)
    for index in range(3):
        editor.choice.value = index
        editor.text.value = ""
    editor.save.click()
    assert here.path("profile.md").read_text() == before and "at least one paragraph" in editor.said.value


def test_the_stop_button_writes_the_stop_file(here):
    monitor = widgets.UploadMonitor(here)
    monitor.update({"step": 3, "steps": 12, "seconds": 6, "epoch": 0.2, "loss": 3.1, "tokens_per_second": 80})
    assert monitor.bar.value == 0.25 and "18 s left" in monitor.line.value and "polyline" in monitor.curve.value
    monitor.stop.click()
    assert here.path("STOP").exists() and monitor.stop.disabled


def test_watching_headless_prints_lines_and_blocks(here, monkeypatch, capsys):
    told = [{"event": "start", "examples": 3, "tokens": 90, "computed": 120, "dtype": "float32", "device": "cpu"},
            {"step": 1, "steps": 2, "epoch": 0.5, "seconds": 1, "loss": 2.5, "tokens_per_second": 50},
            {"event": "stop", "step": 1, "reason": "STOP"}]  # fmt: skip
    monkeypatch.setattr(upload, "follow", lambda folder: iter(told))
    assert widgets.watch_upload(here) == told
    assert "loss 2.50" in capsys.readouterr().out


def test_the_playground_streams_to_both_columns_and_saves(here, person):
    parrot = Parrot()
    room = widgets.Playground(here, parrot, person)
    seen = []
    room.columns[0].observe(lambda change: seen.append(change["new"]), "value")
    room.words.value = "Where were you born?"
    room.send.click()
    assert all("I was born in Hull." in column.value for column in room.columns)
    assert len(seen) >= 2, "the reply grew"
    assert room.words.value == "" and not room.send.disabled
    assert parrot.used == ["simulacrum", "__base__"]
    room.keep.click()
    rows = run.read_jsonl(next(here.path("conversations").glob("talk-*.jsonl")))
    assert {row["system"] for row in rows} == {"simulacrum", "prompted"} and "not Nell Gray's words" in rows[0]["care"]


def test_the_playground_sends_the_set_up_and_may_sit_alone(here, person):
    heard = []
    parrot = Parrot()
    parrot.stream = lambda messages, sampling=None, seed=0: heard.append(messages[0]["content"]) or iter(["Yes."])
    room = widgets.Playground(here, parrot, person)
    room.beside.value = ""
    room.place.value, room.time.value = "York", "1840"
    room.words.value = "Are you well?"
    room.send.click()
    assert len(heard) == 1 and "Place: York" in heard[0] and "Time: 1840" in heard[0]


def test_an_error_of_the_simulacrum_is_said_and_the_buttons_come_back(here, person):
    parrot = Parrot()

    def fail(messages, sampling=None, seed=0):
        raise run.RunError("The adapter is gone: run notebook 04 again.")
        yield

    parrot.stream = fail
    room = widgets.Playground(here, parrot, person)
    room.words.value = "Hello?"
    room.send.click()
    assert "run notebook 04 again" in room.said.value and not room.send.disabled


def test_a_dinner_is_heard_reply_by_reply_and_kept(here, person, monkeypatch):
    monkeypatch.setenv("CHARLIB_ROOT", str(run.root()))
    from charlib.simulacrum import Reply

    class Cook(Parrot):
        model = SimpleNamespace(named_parameters=lambda: [])

        def answer(self, conversations, sampling=None, seed=0):
            return [Reply(f"{HOSTILE} from {self.used[-1]}", 3, "stop", 0.0) for _ in conversations]

    table = widgets.DinnerTable(here, Cook(), person)
    assert table.guest.value.endswith("(merely prompted)")
    table.turns.value = 4
    table.start.click()
    assert table.text.value.count("data-said") == 4 and "<img" not in table.text.value
    assert [row.system for row in table.rows[:2]] == ["simulacrum", table.rows[1].system]
    assert len(run.read_jsonl(next(here.path("conversations").glob("dinner-*.jsonl")))) == 4


def test_a_decision_is_kept_and_hostile_dialogue_is_text(here, person):
    turns = [Turn(role="Visitor", action="speaking", text=HOSTILE), Turn(role="Gray", action="thinking", emotion="calm", text=HOSTILE)]
    made = Dialogue(id="d1", scene="s1", paragraphs=[person.paragraphs[0].id], kind="experience", turns=turns)
    here.write_jsonl("dialogues.jsonl", [made])
    here.write_jsonl("scenes.jsonl", [])
    browser = widgets.ExperienceBrowser(here)
    browser.choice.value = 0
    assert "<img" not in browser.text.value and "&lt;img" in browser.text.value
    browser.buttons["reject"].click()
    assert here.read_jsonl("decisions.jsonl") == [{"dialogue": "d1", "action": "reject"}]
