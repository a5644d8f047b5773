"""Widgets driven from Python: traits set and buttons clicked, without a browser."""

import json
from datetime import datetime
from types import SimpleNamespace

import filelock
import pytest

from charlib import experience, profile, run, scores, show, upload
from charlib.models.decode import Reply
from charlib.records import Answer, Dialogue, Question, Scene, Turn

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
    assert show.live() is False


def test_a_headless_kernel_started_from_a_notebook_is_not_live(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    import nbformat

    monkeypatch.setenv("JPY_SESSION_NAME", "outer.ipynb")
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("from charlib import show; print(show.live())")])
    nbclient.execute(book, cwd=str(tmp_path), kernel_name="python3")
    assert book.cells[0].outputs[0]["text"].strip() == "False"


def test_a_cell_sent_by_a_front_end_is_live(monkeypatch):
    import IPython

    asked = {"metadata": {"cellId": "a1", "deletedCells": []}}
    kernel = SimpleNamespace(get_parent=lambda channel: asked)
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=kernel))
    assert show.live() is True
    asked["metadata"] = {}
    assert show.live() is False


def test_f17_markup_and_terminal_codes_become_text():
    shown = show.escape(HOSTILE)
    assert "<img" not in shown and "<script" not in shown and "\x1b" not in shown and "red" in shown


@pytest.fixture
def editor(here):
    return show.ProfileEditor(here)


def reworded(editor, old: str, new: str) -> None:
    """Put other words into the editor's text, as a person does who types."""
    assert old in editor.text.value
    editor.text.value = editor.text.value.replace(old, new, 1)


def test_the_editor_shows_the_whole_file_and_says_before_saving_what_an_edit_makes_stale(
        here, editor, person):
    assert editor.text.value == here.path("profile.md").read_text()
    assert "Saved as it stands." in editor.said.value
    editor.text.value += "\nShe never spoke of the goose.\n"
    assert "0 paragraphs changed or gone, 1 new" in editor.said.value
    last = person.paragraphs[-1].text
    reworded(editor, last, last + " It struck thirteen.")
    assert "1 paragraph changed or gone, 2 new" in editor.said.value
    assert "It struck thirteen." in editor.changes.value
    assert "thirteen" not in here.path("profile.md").read_text(), "nothing is saved by looking"
    editor.save.click()
    assert "thirteen" in here.path("profile.md").read_text()
    assert "Saved. 1 paragraph changed or gone, 2 new" in editor.said.value
    assert not editor.changes.value


def test_the_editor_shows_which_dialogues_an_edit_makes_again(here, person):
    first, other = person.paragraphs[:2]
    turns = [Turn(role="Visitor", text=HOSTILE), Turn(role="Gray", text="Good day.")]
    here.write_jsonl("scenes.jsonl", [Scene(id="s1", paragraphs=[first.id], background="A shop.")])
    here.write_jsonl("dialogues.jsonl", [
        Dialogue(id="d1", paragraphs=[first.id], kind="experience", turns=turns),
        Dialogue(id="d2", paragraphs=[other.id], kind="memory", turns=turns[1:])])
    here.write_jsonl("protective.jsonl", [
        Dialogue(id="d3", paragraphs=[first.id], kind="protective", turns=turns)])
    editor = show.ProfileEditor(here)
    reworded(editor, first.text, first.text + " She never spoke of it.")
    assert "1 scene, 1 dialogue, 1 boundary exchange" in editor.said.value
    assert "A shop." in editor.stale.value and "paragraph 1" in editor.stale.value
    assert "&lt;img" in editor.stale.value and "<img" not in editor.stale.value
    assert "memory exchange" not in editor.stale.value
    editor.undo.click()
    assert "Saved as it stands." in editor.said.value and not editor.stale.value


def test_what_cannot_be_parsed_or_is_empty_is_not_saved_and_stays_as_typed(here, editor):
    before = here.path("profile.md").read_text()
    broken = before.replace("---\n", "---\nvalues: [unclosed\n", 1)
    for typed, why in ((broken, "front matter is not valid YAML"), ("", "no paragraphs"),
                       ("---\nname: Nell\n", "not closed"), ("# Nell Gray\n", "no paragraphs")):
        editor.text.value = typed
        assert "Not a profile yet" in editor.said.value and why in editor.said.value
        assert "wait" in editor.hint.value and editor.traits["openness"].disabled
        editor.save.click()
        assert "Not saved. " in editor.said.value and why in editor.said.value and editor.text.value == typed
        assert here.path("profile.md").read_text() == before
    editor.undo.click()
    assert editor.text.value == before and not editor.traits["openness"].disabled


def test_a_run_that_another_process_writes_is_not_saved_and_the_text_stays(here, editor):
    editor.text.value += "\nShe kept a goose.\n"
    typed = editor.text.value
    with filelock.FileLock(here.path(".lock")):
        editor.save.click()
    assert "is being written by" in editor.said.value and editor.text.value == typed


def test_moving_a_paragraph_loses_no_experience(here, editor, person):
    first, second = (item.text for item in person.paragraphs[:2])
    text = editor.text.value.replace(first, "HERE").replace(second, first).replace("HERE", second)
    editor.text.value = text
    assert "No experience is lost" in editor.said.value
    editor.save.click()
    assert [item.text for item in profile.load(here.path("profile.md")).paragraphs][:2] == [second, first]


def test_a_slider_writes_its_trait_into_the_text_and_one_that_nobody_moved_does_not(here):
    bare = profile.parse("# Ilse\n\nIlse kept a lighthouse on the sound for forty years and died "
                         "in 1885, nearly blind.")
    profile.save(bare, here.path("profile.md"))
    editor = show.ProfileEditor(here)
    editor.traits["openness"].value = 0.4
    assert profile.parse(editor.text.value).traits == {"openness": 0.4}
    assert "traits" not in here.path("profile.md").read_text()
    editor.save.click()
    assert profile.load(here.path("profile.md")).traits == {"openness": 0.4}
    editor.traits["neuroticism"].value = 0.3
    editor.traits["neuroticism"].value = 0
    editor.save.click()
    after = profile.load(here.path("profile.md"))
    assert after.traits == {"openness": 0.4, "neuroticism": 0}
    reworded(editor, "openness: 0.4", "openness: -0.7")
    assert editor.traits["openness"].value == -0.7, "the sliders follow the text"


def test_a_slider_keeps_what_was_typed_beside_it_and_waits_for_a_text_that_parses(here, editor):
    editor.text.value += "\nShe kept a goose in 1840 and taught it to walk before her.\n"
    editor.traits["openness"].value = -0.4
    assert "a goose in 1840" in editor.text.value and "openness: -0.4" in editor.text.value
    typed = editor.text.value.replace("---\n", "---\nvalues: [unclosed\n", 1)
    editor.text.value = typed
    editor.traits["openness"].value = 0.9
    assert editor.text.value == typed and "Not a profile yet" in editor.said.value


def test_a_value_follows_its_paragraph_to_its_new_words_and_says_so(here, person):
    rests = person.paragraphs[1]
    value = {"stance": "A clock is a promise.", "opposite": "It is not.", "paragraph": rests.id}
    profile.save(profile.edit(person, values=[value]), here.path("profile.md"))
    editor = show.ProfileEditor(here)
    reworded(editor, rests.text, rests.text + " She regretted it.")
    assert "rests on words that changed" in editor.marks.value
    assert "not there" not in editor.marks.value
    editor.traits["openness"].value = 0.2
    reworded(editor, "She regretted it.", "She was proud of it.")
    editor.save.click()
    after = profile.load(here.path("profile.md"))
    assert after.paragraph(after.values[0].paragraph).text.endswith("She was proud of it.")
    reworded(editor, after.paragraph(after.values[0].paragraph).text, "")
    assert "which is not there" in editor.marks.value, "a value that lost its ground is marked"


def test_checking_marks_in_a_table_with_levels_what_a_careful_editor_would(here, editor):
    first = profile.load(here.path("profile.md")).paragraphs[0].text
    reworded(editor, first, first + " In 1912 a street was named after her.")
    editor.check.click()
    assert "<td>warning</td>" in editor.marks.value and "after the horizon" in editor.marks.value
    assert "paragraph 1 (" in editor.marks.value, "a person finds it in the text"
    reworded(editor, "horizon:", "horizon: soon #")
    assert "not a date" in editor.said.value
    reworded(editor, "horizon: soon #", "horizon: #")
    assert "no horizon" in editor.marks.value
    reworded(editor, "stance: ", f"stance: {json.dumps(HOSTILE)} #")
    assert "<img" not in editor.marks.value + editor.said.value + editor.changes.value


def test_a_chosen_file_takes_the_place_of_the_text(here, editor):
    before = here.path("profile.md").read_text()
    page = "# Somebody\n\nShe kept a goose in 1840 and taught it to walk before her.\n"
    chosen = {"name": "page.md", "type": "", "size": 9, "last_modified": datetime.now()}
    editor.file.value = [chosen | {"content": page.encode("utf-8-sig")}]
    assert editor.text.value == page and here.path("profile.md").read_text() == before
    assert "for another character take a new RUN" in editor.marks.value
    editor.file.value = [chosen | {"content": "Zoë".encode("latin-1")}]
    assert "save it as UTF-8" in editor.said.value and editor.text.value == page


def test_headless_the_editor_prints_how_the_profile_stands(here, person, capsys):
    profile.save(profile.edit(person, horizon=None), here.path("profile.md"))
    show.profile_editor(here)
    said = capsys.readouterr().out
    assert said.startswith("Nell Gray: 3 paragraphs, ") and "warning · profile: no horizon" in said


def test_every_view_carries_the_line_for_a_dead_kernel(here, editor):
    first = editor.view.children[0].value
    assert "charlib-gone" in first and "jupyter-widgets-disconnected" in first and "kernel" in first


def test_the_stop_button_writes_the_stop_file(here):
    monitor = show.UploadMonitor(here)
    monitor.update({"step": 3, "steps": 12, "seconds": 6, "epoch": 0.2, "loss": 3.1, "tokens_per_second": 80})
    assert monitor.bar.value == 0.25 and "18 s left" in monitor.line.value and "polyline" in monitor.curve.value
    monitor.stop.click()
    assert here.path("STOP").exists() and monitor.stop.disabled


def test_a_plan_a_spoilt_step_and_an_event_of_later_days_are_told(here):
    monitor = show.UploadMonitor(here)
    monitor.update({"event": "plan", "epochs": 2.5, "asked_epochs": 4, "step_seconds": 1.2, "top_layers": 8, "left_out": 0})
    told = "2.5 of 4 epochs fit the time; about 1.2 s per step; adapters on the top 8 layers only"
    assert told in monitor.line.value and "left out" not in monitor.line.value
    monitor.update({"step": 3, "steps": 9, "event": "nan", "loss": None, "hint": "lower the learning rate"})
    assert "lower the learning rate" in monitor.line.value and not monitor.losses
    monitor.update({"event": "opened"})
    assert "opened" in monitor.line.value


def test_watching_headless_prints_lines_and_blocks(here, monkeypatch, capsys):
    told = [{"event": "start", "examples": 3, "tokens": 90, "computed": 120, "dtype": "float32", "device": "cpu"},
            {"step": 1, "steps": 2, "epoch": 0.5, "seconds": 1, "loss": 2.5, "tokens_per_second": 50},
            {"event": "stop", "step": 1, "reason": "STOP"}]  # fmt: skip
    monkeypatch.setattr(upload, "follow", lambda folder: iter(told))
    assert show.watch_upload(here) == told
    assert "loss 2.50" in capsys.readouterr().out


def test_the_playground_streams_to_both_columns_and_saves(here, person):
    parrot = Parrot()
    room = show.Playground(here, parrot, person)
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
    room = show.Playground(here, parrot, person)
    room.beside.value = ""
    room.state.value = person.states[0]
    assert (room.place.value, room.time.value) == ("Hull", "1822"), "a state brings its place and time"
    room.place.value, room.time.value = "York", "1840"
    room.words.value = "Are you well?"
    room.send.click()
    assert len(heard) == 1 and "Place: York" in heard[0] and "Time: 1840" in heard[0] and "proud and sleepless" in heard[0]


def test_a_hidden_thought_is_never_shown_while_a_reply_grows(here, person):
    room = show.Playground(here, Parrot("(thinking, cross) A fool. (speaking) Good day to you."), person)
    seen = []
    for column in room.columns:
        column.observe(lambda change: seen.append(change["new"]), "value")
    room.words.value = "Good day."
    room.send.click()
    room.keep.click()
    assert "Good day to you." in seen[-1]
    kept = next(here.path("conversations").glob("talk-*.jsonl")).read_text(encoding="utf-8")
    assert not any(word in text for text in [*seen, kept] for word in ("fool", "thinking, cross", "(think"))


def test_an_error_of_the_simulacrum_is_said_and_the_buttons_come_back(here, person):
    parrot = Parrot()

    def fail(messages, sampling=None, seed=0):
        raise run.RunError("The adapter is gone: run notebook 04 again.")
        yield

    parrot.stream = fail
    room = show.Playground(here, parrot, person)
    room.words.value = "Hello?"
    room.send.click()
    assert "run notebook 04 again" in room.said.value and not room.send.disabled


def test_a_dinner_is_heard_reply_by_reply_and_kept(here, person, monkeypatch):
    monkeypatch.setenv("CHARLIB_ROOT", str(run.root()))

    class Cook(Parrot):
        model = SimpleNamespace(named_parameters=lambda: [])

        def answer(self, conversations, sampling=None, seed=0):
            return [Reply(f"{HOSTILE} from {self.used[-1]}", 3, "stop", 0.0) for _ in conversations]

    table = show.DinnerTable(here, Cook(), person)
    assert table.guest.value.endswith("(merely prompted)")
    table.turns.value = 4
    table.start.click()
    assert table.text.value.count("data-said") == 4 and "<img" not in table.text.value
    assert [row.system for row in table.rows[:2]] == ["simulacrum", table.rows[1].system]
    assert len(run.read_jsonl(next(here.path("conversations").glob("dinner-*.jsonl")))) == 4
    table.third.value = table.third.options[2][1]
    table.turns.value = 6
    table.start.click()
    assert [row.character for row in table.rows[:3]] == [row.character for row in table.rows[3:]], "three speak in turn"
    assert len({row.character for row in table.rows}) == 3
    assert table.rows[3].asked.count(" says: ") == 2, "each hears the other two, by name"


@pytest.fixture
def lived(here, person):
    """A run with two full scenes, a memory exchange and two rejects."""
    turns = [Turn(role="Visitor", action="speaking", text=HOSTILE), Turn(role="Gray", action="thinking", emotion="calm", text=HOSTILE),
             Turn(role="Gray", action="speaking", text="Good day.")]  # fmt: skip
    place = [person.paragraphs[0].id]
    scenes = [{"id": f"s{n}", "paragraphs": place, "type": kind, "location": "Hull"} for n, kind in enumerate(("chat", "debate"))]
    made = [Dialogue(id=f"d{n}", scene=f"s{n}", paragraphs=place, kind="experience", turns=turns[: 3 - n] + turns[2:]) for n in range(2)]
    made.append(Dialogue(id="d2", paragraphs=[person.paragraphs[1].id], kind="memory", turns=[turns[0], turns[2]]))
    here.write_jsonl("dialogues.jsonl", made)
    here.write_jsonl("scenes.jsonl", scenes)
    here.write_jsonl("rejects.jsonl", [{"stage": "dialogue", "reason": reason, "text": HOSTILE} for reason in ("twin", "cut")])
    return here


def test_decisions_are_kept_and_hostile_dialogue_is_text(lived):
    browser = show.ExperienceBrowser(lived)
    browser.choice.value = 0
    assert "<img" not in browser.text.value and "&lt;img" in browser.text.value
    browser.buttons["reject"].click()
    rows = lived.read_jsonl("decisions.jsonl")
    assert [(row["dialogue"], row["action"]) for row in rows] == [("d0", "reject")]
    assert browser.choice.options[0][0].startswith("✗ ")
    browser.filters["Kind"].value = "decided by hand"
    browser.buttons["accept"].click()
    assert [row["action"] for row in lived.read_jsonl("decisions.jsonl")] == ["reject", "accept"], "a rejection can be taken back"


def test_an_edit_by_hand_is_read_like_a_teachers_text_and_honoured(lived, person):

    browser = show.ExperienceBrowser(lived)
    browser.filters["Kind"].value = "memory"
    browser.edit.value = "Visitor (speaking): How is the clock?\nGray (thinking, cross): Again.\nGray (speaking): It goes."
    browser.buttons["edit"].click()
    dialogues = experience.decide(lived, lived.read_jsonl("dialogues.jsonl", Dialogue), [])
    edited = next(item for item in dialogues if item.id == "d2")
    assert [(turn.role, turn.text, turn.emotion) for turn in edited.turns][1:] == [("Gray", "Again.", "cross"), ("Gray", "It goes.", None)]
    browser.edit.value = "Visitor (speaking): And nobody answers."
    browser.buttons["edit"].click()
    assert "does not speak" in browser.said.value and len(lived.read_jsonl("decisions.jsonl")) == 1


def test_the_browser_filters_by_type_emotion_and_reason(lived):
    browser = show.ExperienceBrowser(lived)
    assert len(browser.choice.options) == 2
    browser.filters["Type"].value = "debate"
    assert len(browser.choice.options) == 1
    browser.filters["Type"].value, browser.filters["Emotion"].value = "", "calm"
    assert len(browser.choice.options) == 2
    browser.filters["Kind"].value = "rejected"
    assert len(browser.choice.options) == 2 and browser.filters["Type"].layout.display == "none" and browser.buttons["accept"].disabled
    browser.filters["Reason"].value = "cut"
    assert len(browser.choice.options) == 1 and "&lt;img" in browser.text.value


def test_sample_replies_are_shown_as_they_change(here):
    monitor = show.UploadMonitor(here)
    for epoch in range(1, 6):
        monitor.update({"event": "sample", "epoch": epoch, "replies": [{"question": "Who?", "reply": f"I am {epoch}. {HOSTILE}"}]})
    assert monitor.reply.value.count("Who?") == 1 and "I am 5" in monitor.reply.value and "I am 3" in monitor.reply.value
    assert "I am 2" not in monitor.reply.value and "<img" not in monitor.reply.value


def test_why_leads_to_the_nearest_experience(here, person, examples):
    here.write_jsonl("examples.jsonl", examples)
    room = show.Playground(here, Parrot("In 1801, at Hull."), person)
    room.words.value = "When were you born?"
    room.send.click()
    room.why.click()
    assert "Nearest experience" in room.said.value and "1801" in room.said.value


def test_without_a_judge_the_cell_says_so(capsys):
    show.judged({"judges": {}, "people": {}, "against": {}})
    assert "No judge model" in capsys.readouterr().out


def test_without_others_answers_the_cell_says_so(capsys):
    show.imported({})
    assert "No answers of other projects" in capsys.readouterr().out


@pytest.fixture
def tasks(here, person):
    """Two questions that two systems answered, prepared for blind rating."""

    items = [Question(id=f"r{n}", question=f"What is number {n}?", gold=["ten"], topic="past", group="recall") for n in range(2)]
    said = [
        Answer(question=item.id, asked=item.question, item=item, character=person.name, system=system, text=f"{HOSTILE} says {system[::-1]}")
        for item in items for system in ("simulacrum", "prompted")
    ]  # fmt: skip
    scores.prepare_ratings(here, [one for one in scores.exhibits(said, person, items) if one.dimension == "memorization"], person)
    return here


def test_replies_are_rated_behind_letters_and_results_wait_for_the_rater(tasks):
    desk = show.BlindRating(tasks, rater="anna")
    assert "2 to go" in desk.head.value and "<img" not in desk.texts["A"].value
    desk.save.click()
    assert "Choose for every reply first" in desk.said.value and not tasks.has("ratings.jsonl")
    for turn in range(2):
        assert "simulacrum" not in desk.head.value + desk.texts["A"].value + desk.texts["B"].value
        desk.marks["A"].value, desk.marks["B"].value = 6, "" if turn else 2
        desk.save.click()
    rows = tasks.read_jsonl("ratings.jsonl")
    assert [row.get("value") for row in rows if row["letter"] == "A"] == [6, 6]
    assert [row.get("value") for row in rows if row["letter"] == "B"] == [2, None]
    assert desk.save.disabled and "Rated by 1 person" in desk.head.value and "1 of 2 missing" in desk.head.value
    desk.rater.value = "ben"
    assert "2 to go" in desk.head.value and not desk.save.disabled, "another rater begins anew"


def test_nobody_rated_is_said_and_nothing_is_made_up(tasks, capsys):
    show.blind_rating(tasks)
    said = capsys.readouterr().out
    assert "2 questions to rate blind" in said and "Nobody has rated this run yet." in said and "\x1b" not in said


def test_a_table_is_text_whatever_it_holds():
    made = show.table([{"what": HOSTILE, "price": "$4 or $5", "share": 0.25, "none": None}])
    shown = made._repr_html_()
    assert "<img" not in shown and "\x1b" not in shown and "mathjax_ignore" in shown and "0.25" in shown
    assert "red" in repr(made) and "\x1b" not in repr(made) and repr(show.table([])) == "Nothing."


def test_the_stop_button_is_heard_while_its_cell_runs(here):
    """As JupyterLab does it: the press goes to a subshell of the kernel, while the main one is busy in the cell that shows the monitor."""
    manager = pytest.importorskip("jupyter_client.manager")
    kernel, client = manager.start_new_kernel(kernel_name="python3", startup_timeout=120)
    try:
        client.control_channel.send(client.session.msg("create_subshell_request", {}))
        subshell = client.control_channel.get_msg(timeout=60)["content"]["subshell_id"]
        client.execute(
            f"import time\nfrom IPython.display import display\nfrom charlib import run, show\nhere = run.open('trial', {str(here.folder.parent)!r})\n"
            "monitor = show.UploadMonitor(here)\ndisplay(monitor.view)\nmonitor.answer_while_busy()\nprint('id', monitor.stop.comm.comm_id)\n"
            "waited = [time.sleep(0.1) for _ in range(300) if not here.has('STOP')]\nprint('waited', len(waited), monitor.stop.disabled)"
        )
        button = printed(client, "id")[0]
        press = client.session.msg("comm_msg", {"comm_id": button, "data": {"method": "custom", "content": {"event": "click"}}})
        press["header"]["subshell_id"] = subshell
        client.shell_channel.send(press)
        waited, disabled = printed(client, "waited")
        assert int(waited) < 300 and disabled == "True", "the press came when the cell was over"
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)


def printed(client, word: str) -> list[str]:
    """The words that a kernel prints after `word`; an error there fails the test."""
    while True:
        message = client.get_iopub_msg(timeout=120)
        assert message["msg_type"] != "error", message["content"]
        for line in message["content"].get("text", "").splitlines():
            if line.startswith(f"{word} "):
                return line.split()[1:]
