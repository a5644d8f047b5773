"""Widgets driven from Python: traits set and buttons clicked, without a browser."""

from types import SimpleNamespace

import pytest

from charlib import experience, profile, run, scores, show
from charlib.models.decode import Reply
from charlib.records import Answer, Dialogue, Question, Turn
from charlib.upload import process as upload_process_file

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
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("from charlib import widgets; print(widgets.live())")])
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


def press(slot, name: str) -> None:
    """Press one of a card's buttons."""
    next(button for button in slot.buttons if button.description == name).click()


def texts(of) -> list[str]:
    return [item.text for item in of.paragraphs]


@pytest.fixture
def editor(here):
    return show.ProfileEditor(here)


def test_the_editor_saves_a_paragraph_and_says_what_is_stale(here, editor):
    editor.slots[1].text.value += " It struck thirteen."
    assert "1 paragraph changed or gone, 1 new" in editor.said.value and "changed" in editor.slots[1].head.value
    assert "It struck thirteen." in editor.changes.value
    editor.save.click()
    assert "It struck thirteen." in here.path("profile.md").read_text()
    assert "Saved. 1 paragraph changed" in editor.said.value and "Saved as it stands" not in editor.said.value


def test_the_editor_counts_what_an_edit_makes_again(here, person):
    rows = [{"id": f"d{number}", "paragraphs": [person.paragraphs[0].id]} for number in range(4)]
    here.write_jsonl("dialogues.jsonl", rows)
    here.write_jsonl("scenes.jsonl", rows[:2])
    editor = show.ProfileEditor(here)
    editor.slots[0].text.value += " She never spoke of it."
    assert "2 scenes, 4 dialogues will be made again" in editor.said.value


def test_cards_are_split_moved_added_and_removed(here, editor):
    before = texts(editor.person)
    press(editor.slots[1], "Up")
    assert texts(editor.edited()) == [before[1], before[0], before[2]]
    press(editor.slots[0], "Down")
    assert texts(editor.edited()) == before
    editor.slots[2].text.value = "One half. Another half."
    press(editor.slots[2], "Split")
    assert texts(editor.edited()) == [*before[:2], "One half.", "Another half."]
    press(editor.slots[0], "Add")
    editor.slots[1].text.value = "Written on a new card.\n\nAnd on the next."
    press(editor.slots[0], "Remove")
    assert texts(editor.edited()) == ["Written on a new card.", "And on the next.", before[1], "One half.", "Another half."]
    editor.save.click()
    assert profile.load(here.path("profile.md")) == editor.person and texts(editor.person)[0] == "Written on a new card."
    editor.slots[0].text.value = ""
    editor.undo.click()
    assert editor.edited() == editor.person


def test_moving_a_paragraph_loses_no_experience_and_keeps_the_sections(editor):
    press(editor.slots[2], "Up")
    assert "no experience is lost" in editor.said.value
    assert profile.invalidated(editor.person, editor.edited()) == []
    assert [item.section for item in editor.edited().paragraphs] == ["Hull", "Hull", "York"]


def test_a_longer_profile_is_leafed_through(here):
    long = "# Nell Gray\n\n" + "\n\n".join(f"Paragraph {n} says that Nell Gray mended {n} clocks." for n in range(1, 9))
    profile.save(profile.parse(long), here.path("profile.md"))
    editor = show.ProfileEditor(here)
    editor.on.click()
    editor.slots[0].text.value += " In a week."
    editor.go.value = 7
    assert [slot.view.layout.display for slot in editor.slots] == [None, "none", "none"]
    assert texts(editor.edited())[3].endswith("In a week.") and len(texts(editor.edited())) == 8
    press(editor.slots[0], "Add")
    assert editor.slots[0].text.value.startswith("Paragraph 8")
    assert editor.slots[1].text.value == "" and editor.slots[1].view.layout.display is None


def test_values_and_states_are_rows_that_can_be_added_and_emptied(here, editor):
    editor.values[0].cells["opposite"].value = "A clock is an ornament."
    for cell in editor.states[0].cells.values():
        cell.value = ""
    editor._more(editor.states, editor._state_cells(None))
    editor.states[1].cells["when"].value, editor.states[1].cells["state"].value = "1830", "calm"
    editor.save.click()
    after = profile.load(here.path("profile.md"))
    assert after.values[0].opposite == "A clock is an ornament."
    assert [item.state for item in after.states] == ["calm"]
    assert editor.edited() == editor.person, "the rows still fit the profile after a row was removed"


def test_half_a_value_or_state_is_said_and_stays_on_the_desk_unsaved(here, editor):
    before = editor.person
    editor._more(editor.values, editor._value_cells(None))
    editor.values[1].cells["stance"].value, editor.values[1].rests.value = "Salt keeps better than sugar.", 1
    assert "Value 2 is not saved yet: fill in its opposite." in editor.said.value
    editor._more(editor.states, editor._state_cells(None))
    editor.states[1].cells["when"].value = "1840"
    assert "State 2 is not saved yet: fill in its state." in editor.said.value
    assert "Salt keeps" not in editor.changes.value
    editor.save.click()
    assert profile.load(here.path("profile.md")) == before
    assert "Value 2 is not saved yet" in editor.said.value and editor.values[1].rests.value == 1, "what was typed is not lost"
    editor.values[1].cells["opposite"].value = "Sugar keeps better than salt."
    editor.states[1].cells["state"].value = "weary"
    assert "not saved yet: fill" not in editor.said.value
    editor.save.click()
    after = profile.load(here.path("profile.md"))
    assert after.values[1].opposite == "Sugar keeps better than salt." and after.values[1].paragraph == before.paragraphs[1].id
    assert (after.states[1].when, after.states[1].state) == ("1840", "weary")
    editor.values[1].cells["stance"].value = " "
    editor.undo.click()
    assert editor.edited() == after, "half a row goes when all is undone"


def test_half_a_value_that_the_file_holds_is_left_to_its_writer(here, person):
    half = profile.edit(person, values=[{"stance": "Salt keeps.", "opposite": ""}], states=[{"state": "calm"}])
    profile.save(half, here.path("profile.md"))
    editor = show.ProfileEditor(here)
    assert editor.edited() == half and "Saved as it stands." in editor.said.value


def test_only_sliders_that_were_moved_are_written(here):
    bare = profile.parse("# Ilse\n\nIlse kept a lighthouse on the sound for forty years and died in 1885, nearly blind.")
    profile.save(bare, here.path("profile.md"))
    editor = show.ProfileEditor(here)
    editor.traits["openness"].value = 0.4
    editor.save.click()
    assert profile.load(here.path("profile.md")).traits == {"openness": 0.4}
    editor.traits["neuroticism"].value = 0.3
    editor.traits["neuroticism"].value = 0
    editor.save.click()
    assert profile.load(here.path("profile.md")).traits == {"openness": 0.4, "neuroticism": 0}
    editor.traits["extraversion"].value = 0.3
    editor.undo.click()
    assert editor.edited() == editor.person


def test_a_value_follows_its_paragraph_and_says_so(here, editor):
    editor.values[0].rests.value = 1
    editor.save.click()
    assert profile.load(here.path("profile.md")).values[0].paragraph == editor.person.paragraphs[1].id
    editor.slots[1].text.value += " She regretted it."
    assert "rests on words that changed" in editor.said.value
    editor.save.click()
    after = profile.load(here.path("profile.md"))
    assert after.values[0].paragraph == after.paragraphs[1].id
    press(editor.slots[1], "Remove")
    assert "which is not there" in editor.said.value, "a value that lost its ground is marked at once"


def test_what_is_posthumous_or_no_date_is_marked_while_one_writes(here, editor):
    editor.slots[0].text.value += " In 1912 a street was named after her."
    assert "after the horizon" in editor.said.value and "after the horizon" in editor.marks.value
    editor.horizon.value = "soon"
    assert "not a date" in editor.said.value and editor.save.disabled
    editor.horizon.value = ""
    assert "no horizon" in editor.said.value and not editor.save.disabled
    editor.horizon.value, editor.traits["openness"].value = "1913", -0.4
    editor.save.click()
    after = profile.load(here.path("profile.md"))
    assert after.horizon == "1913" and after.traits["openness"] == -0.4


def test_a_page_of_biography_is_imported(editor):
    before = texts(editor.person)
    editor.horizon.value = ""
    editor.page.value = "# Somebody\n\nNell Gray kept a goose in 1840 and taught it to walk before her.\n\nIt died in 1844 and she wept."
    next(button for button in buttons_of(editor.view) if button.description == "Add its paragraphs").click()
    assert len(texts(editor.edited())) == len(before) + 2 and editor.horizon.value == "1844" and not editor.page.value
    editor.page.value = ""
    next(button for button in buttons_of(editor.view) if button.description == "Add its paragraphs").click()
    assert "no paragraphs" in editor.said.value


def buttons_of(view) -> list:
    """Every button inside a view."""
    children = getattr(view, "children", ())
    return [view] if type(view).__name__ == "Button" else [found for child in children for found in buttons_of(child)]


def test_an_emptied_profile_is_not_saved(here, editor):
    before = here.path("profile.md").read_text()
    for slot in editor.slots:
        slot.text.value = ""
    editor.save.click()
    assert here.path("profile.md").read_text() == before and "at least one paragraph" in editor.said.value


def test_every_view_carries_the_line_for_a_dead_kernel(here, editor):
    first = editor.view.children[0].value
    assert "charlib-gone" in first and "jupyter-widgets-disconnected" in first and "kernel" in first


def test_the_stop_button_writes_the_stop_file(here):
    monitor = show.UploadMonitor(here)
    monitor.update({"step": 3, "steps": 12, "seconds": 6, "epoch": 0.2, "loss": 3.1, "tokens_per_second": 80})
    assert monitor.bar.value == 0.25 and "18 s left" in monitor.line.value and "polyline" in monitor.curve.value
    monitor.stop.click()
    assert here.path("STOP").exists() and monitor.stop.disabled


def test_watching_headless_prints_lines_and_blocks(here, monkeypatch, capsys):
    told = [{"event": "start", "examples": 3, "tokens": 90, "computed": 120, "dtype": "float32", "device": "cpu"},
            {"step": 1, "steps": 2, "epoch": 0.5, "seconds": 1, "loss": 2.5, "tokens_per_second": 50},
            {"event": "stop", "step": 1, "reason": "STOP"}]  # fmt: skip
    monkeypatch.setattr(upload_process_file, "follow", lambda folder: iter(told))
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
    room.state.value = 0
    assert (room.place.value, room.time.value) == ("Hull", "1822"), "a state brings its place and time"
    room.place.value, room.time.value = "York", "1840"
    room.words.value = "Are you well?"
    room.send.click()
    assert len(heard) == 1 and "Place: York" in heard[0] and "Time: 1840" in heard[0] and "proud and sleepless" in heard[0]


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
    browser.kind.value = "decided by hand"
    browser.buttons["accept"].click()
    assert [row["action"] for row in lived.read_jsonl("decisions.jsonl")] == ["reject", "accept"], "a rejection can be taken back"


def test_an_edit_by_hand_is_read_like_a_teachers_text_and_honoured(lived, person):

    browser = show.ExperienceBrowser(lived)
    browser.kind.value = "memory"
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
    browser.type.value = "debate"
    assert len(browser.choice.options) == 1
    browser.type.value, browser.mood.value = "", "calm"
    assert len(browser.choice.options) == 2
    browser.kind.value = "rejected"
    assert len(browser.choice.options) == 2 and browser.type.layout.display == "none" and browser.buttons["accept"].disabled
    browser.reason.value = "cut"
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
    scores.prepare_ratings(here, scores.exhibits(said, person, items, ["memorization"]), profile=person)
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
    assert desk.save.disabled and "Rated by 1 person" in desk.head.value and "1 missing" in desk.head.value
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
            f"import time\nfrom IPython.display import display\nfrom charlib import run, widgets\nhere = run.open('trial', {str(here.folder.parent)!r})\n"
            "monitor = widgets.UploadMonitor(here)\ndisplay(monitor.view)\nmonitor.answer_while_busy()\nprint('id', monitor.stop.comm.comm_id)\n"
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
