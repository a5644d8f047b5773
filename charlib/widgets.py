"""Live controls: thin views over plain functions. Each displays a static twin first, which survives headless runs and HTML export.

Model output and profile text are only ever shown escaped (faults F17, F18). A widget never gates: it edits a file, and the next cell reads
the file.
"""

import html
import re
import time

from charlib import experience, profile, run, upload
from charlib.experience import Dialogue, Reject, Scene

CARE = "A simulation of {name} made from a text; not {name}'s words."


def escape(text: str) -> str:
    """Text for an HTML view: markup, and control characters of terminals, become harmless."""
    text = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", str(text))
    text = "".join(character for character in text if character in "\n\t" or ord(character) >= 32)
    return html.escape(text).replace("\n", "<br>")


def live() -> bool:
    """Whether a person can press buttons here: widgets are shown only in a kernel that a front end drives, not in a headless run."""
    import os

    return "JPY_SESSION_NAME" in os.environ  # set by Jupyter's session manager, absent under papermill


def show(static: str, build) -> None:
    """Print the static twin, and below it the live view where a person is there to use it."""
    from IPython.display import display

    if live():
        display(build())
    else:
        print(static)


def _box(text: str):
    import ipywidgets

    return ipywidgets.HTML(f"<div style='max-width:58em;white-space:normal;line-height:1.5'>{text}</div>")


# ---- profile editor ----------------------------------------------------------------------------------------------------------------


class ProfileEditor:
    """Paragraphs as cards, traits as sliders; Save writes profile.md and says what the edit makes stale."""

    def __init__(self, here: run.Run):
        import ipywidgets

        self.here, self.person = here, profile.load(here.path("profile.md"))
        names = [f"{i}. {' '.join(item.text.split()[:7])} …" for i, item in enumerate(self.person.paragraphs, 1)]
        self.choice = ipywidgets.Dropdown(options=[(name, i) for i, name in enumerate(names)], description="Paragraph")
        self.text = ipywidgets.Textarea(layout={"width": "58em", "height": "11em"})
        self.traits = {name: ipywidgets.FloatSlider(value=self.person.traits.get(name, 0), min=-1, max=1, step=0.1, description=name[:12],
                                                    readout_format=".1f") for name in profile.TRAITS}  # fmt: skip
        self.save = ipywidgets.Button(description="Save", button_style="primary", tooltip="write profile.md")
        self.split = ipywidgets.Button(description="Split at empty line")
        self.said = ipywidgets.HTML()
        self.drafts: dict[int, str] = {}
        self.choice.observe(self._open, "value")
        self.text.observe(self._check, "value")
        self.save.on_click(lambda _: self.write())
        self.split.on_click(lambda _: self.text.set_trait("value", re.sub(r"(?<=[.!?])\s+(?=\S)", "\n\n", self.text.value, count=1)))
        self._open(None)
        buttons = ipywidgets.HBox([self.save, self.split])
        sliders = ipywidgets.Accordion([ipywidgets.VBox(list(self.traits.values()))], titles=["Traits"])
        self.view = ipywidgets.VBox([self.choice, self.text, buttons, self.said, sliders])

    def _open(self, _):
        index = self.choice.value
        self.text.value = self.drafts.get(index, self.person.paragraphs[index].text)

    def _check(self, _):
        index = self.choice.value
        if self.text.value != self.person.paragraphs[index].text:
            self.drafts[index] = self.text.value
        else:
            self.drafts.pop(index, None)
        self._tell()

    def _tell(self):
        edited = self.edited()
        stale = profile.invalidated(self.person, edited)
        marks = [row for row in profile.check(edited) if row not in profile.check(self.person)]
        lines = [f"{len(stale)} paragraph(s) changed: their scenes, dialogues and pairs will be made again."] if stale else ["No change."]
        lines += [f"{row['where']}: {row['what']}" for row in marks[:4]]
        self.said.value = "<br>".join(escape(line) for line in lines)

    def edited(self) -> profile.Profile:
        """The profile with the drafts; a draft with empty lines becomes several paragraphs, an empty draft removes one."""
        paragraphs = []
        for index, item in enumerate(self.person.paragraphs):
            for part in re.split(r"\n\s*\n", self.drafts.get(index, item.text)):
                if part.strip():
                    paragraphs.append(profile.Paragraph(" ".join(part.split()), item.section))
        scores = {name: slider.value for name, slider in self.traits.items()}
        traits = scores if self.person.traits or any(scores.values()) else {}
        data = self.person.model_dump(exclude={"paragraphs", "warnings"}) | {"traits": traits}
        return profile.Profile(**data, paragraphs=tuple(paragraphs))

    def write(self) -> None:
        """Save to the run's profile.md. Says what went wrong instead of raising into the event loop."""
        edited = self.edited()
        try:
            if not edited.paragraphs:
                raise run.RunError("A profile needs at least one paragraph.")
            with self.here.stage("profile editor"):
                profile.save(edited, self.here.path("profile.md"))
        except run.RunError as error:
            self.said.value = escape(str(error))
            return
        stale = profile.invalidated(self.person, edited)
        self.person, self.drafts = edited, {}
        self.said.value = escape(f"Saved. {len(stale)} paragraph(s) changed; run notebooks 02 to 05 again.")


def profile_editor(here: run.Run) -> None:
    """Edit the run's profile; headless, its first paragraph and the number of marks are printed instead."""
    person = profile.load(here.path("profile.md"))
    static = f"{person.name}: {len(person.paragraphs)} paragraphs, {len(profile.check(person))} marks. First: {person.paragraphs[0].text[:300]} …"
    show(static, lambda: ProfileEditor(here).view)


# ---- experience browser ------------------------------------------------------------------------------------------------------------


class ExperienceBrowser:
    """Dialogues by paragraph, kind and emotion; accept, edit or reject one by hand into decisions.jsonl."""

    def __init__(self, here: run.Run):
        import ipywidgets

        self.here, self.person = here, profile.load(here.path("profile.md"))
        self.scenes = {item.id: item for item in here.read_jsonl("scenes.jsonl", Scene)}
        self.dialogues = here.read_jsonl("dialogues.jsonl", Dialogue)
        if here.has("protective.jsonl"):
            self.dialogues += here.read_jsonl("protective.jsonl", Dialogue)
        rejects = here.read_jsonl("rejects.jsonl", Reject) if here.has("rejects.jsonl") else []
        moods = sorted({turn.emotion for item in self.dialogues for turn in item.turns if turn.emotion})
        whole = [("all paragraphs", "")]
        numbers = [(f"paragraph {i}", item.id) for i, item in enumerate(self.person.paragraphs, 1)]
        self.paragraph = ipywidgets.Dropdown(options=whole + numbers, description="Where")
        self.kind = ipywidgets.Dropdown(options=["experience", "memory", "protective", "rejected"], description="Kind")
        self.mood = ipywidgets.Dropdown(options=[("any", ""), *[(mood, mood) for mood in moods]], description="Emotion")
        self.choice = ipywidgets.Select(rows=7, layout={"width": "58em"})
        self.text = ipywidgets.HTML()
        self.edit = ipywidgets.Textarea(layout={"width": "58em", "height": "9em"}, description="Edit")
        self.buttons = {name: ipywidgets.Button(description=name.capitalize()) for name in ("accept", "edit", "reject")}
        self.said = ipywidgets.HTML()
        self.rejects = rejects
        for part in (self.paragraph, self.kind, self.mood):
            part.observe(self._list, "value")
        self.choice.observe(self._show, "value")
        for name, button in self.buttons.items():
            button.on_click(lambda _, name=name: self.decide(name))
        self._list(None)
        filters = ipywidgets.HBox([self.paragraph, self.kind, self.mood])
        self.view = ipywidgets.VBox([filters, self.choice, self.text, self.edit, ipywidgets.HBox(list(self.buttons.values())), self.said])

    def _list(self, _):
        if self.kind.value == "rejected":
            found = [item for item in self.rejects if self.paragraph.value in ("", item.paragraph)]
            self.shown = found
            self.choice.options = [(f"{item.reason}: {item.text[:70]}", i) for i, item in enumerate(found)]
            return
        found = [item for item in self.dialogues if item.kind == self.kind.value]
        found = [item for item in found if not self.paragraph.value or self.paragraph.value in item.paragraphs]
        if self.mood.value:
            found = [item for item in found if any(turn.emotion == self.mood.value for turn in item.turns)]
        self.shown = found
        self.choice.options = [(f"{item.turns[0].role}: {item.turns[0].text[:80]}", i) for i, item in enumerate(found)]

    def _show(self, _):
        if self.choice.value is None:
            self.text.value = ""
            return
        item = self.shown[self.choice.value]
        if isinstance(item, Reject):
            self.text.value = f"<b>{escape(item.reason)}</b> {escape(item.detail)}<br>{escape(item.text)}"
            return
        self.text.value = script_html(item, self.scenes.get(item.scene or ""))
        self.edit.value = "\n".join(f"{turn.role} ({turn.action}): {turn.text}" for turn in item.turns)

    def decide(self, action: str) -> None:
        """Add a decision for the dialogue shown; an edit is parsed like any teacher's text."""
        if self.choice.value is None or isinstance(self.shown[self.choice.value], Reject):
            self.said.value = "Choose a dialogue first."
            return
        row = {"dialogue": self.shown[self.choice.value].id, "action": action}
        if action == "edit":
            turns = experience.parse_dialogue(self.edit.value, self.person)
            if not turns:
                self.said.value = escape(f"Not saved: {self.person.short_name} does not speak in it.")
                return
            row["turns"] = [turn.model_dump(exclude_none=True) for turn in turns]
        try:
            with self.here.stage("decision"):
                before = self.here.read_jsonl("decisions.jsonl") if self.here.has("decisions.jsonl") else []
                self.here.write_jsonl("decisions.jsonl", [*before, row])
        except run.RunError as error:
            self.said.value = escape(str(error))
            return
        self.said.value = escape(f"Kept: {action}. Run this notebook again to apply it.")


def script_html(dialogue: Dialogue, scene: Scene | None = None) -> str:
    """A dialogue as a script: names in bold, thoughts set apart in italics, everything escaped."""
    lines = []
    if scene:
        lines.append(f"<p style='opacity:.75'>{escape(scene.location)} · {escape(scene.time)}<br>{escape(scene.background)}</p>")
    for turn in dialogue.turns:
        if turn.action == "thinking":
            mood = f" ({escape(turn.emotion)})" if turn.emotion else ""
            lines.append(f"<p style='margin:.2em 2.5em;font-style:italic;opacity:.8'>{escape(turn.role)} thinks{mood}: {escape(turn.text)}</p>")
        else:
            lines.append(f"<p style='margin:.35em 0'><b>{escape(turn.role)}</b> {escape(turn.text)}</p>")
    return "".join(lines)


def experience_browser(here: run.Run) -> None:
    """Browse and decide; headless, one dialogue is printed."""
    first = next((item for item in here.read_jsonl("dialogues.jsonl", Dialogue) if item.kind == "experience"), None)
    static = experience.script(first)[:700] + " …" if first else "no full scene in this run"
    show(static, lambda: ExperienceBrowser(here).view)


# ---- upload monitor ----------------------------------------------------------------------------------------------------------------


def describe(row: dict) -> str:
    """One line for a row of training.jsonl."""
    event = row.get("event")
    if event == "start":
        return f"{row['examples']} examples, {row['tokens']:,} tokens ({row['computed']:,} computed), {row['dtype']} on {row['device']}"
    if event == "plan":
        epochs, left = row["epochs"], row["left_out"]
        fits = f"about {row['step_seconds']} s a step; " if row["step_seconds"] else ""
        if row["top_layers"]:
            fits += f"adapters on the top {row['top_layers']} layers; "
        return f"{fits}{epochs} of {row['asked_epochs']} epochs fit the time" + (f"; {left} packed rows are left out" if left else "")
    if event == "sample":
        return f"after epoch {row['epoch']}: {row['replies'][0]['reply']}" if row["replies"] else ""
    if event == "stop":
        return f"stopped at step {row['step']}: {row['reason']}"
    if event == "end":
        return f"kept in {row['kept']}/; peak memory {row['peak_gb']} GB"
    if "validation_loss" in row:
        return f"epoch {row['epoch']:.1f}: held-out loss {row['validation_loss']:.2f}"
    if row.get("loss") is not None:
        return f"step {row['step']}/{row['steps']}: loss {row['loss']:.2f}, {row.get('tokens_per_second', 0):.0f} tokens/s"
    return str(row.get("hint", ""))


class UploadMonitor:
    """A bar, the loss as a line of text, sample replies, and the stop-and-keep button, which makes the file STOP."""

    def __init__(self, here: run.Run):
        import ipywidgets

        self.here = here
        self.bar = ipywidgets.FloatProgress(min=0, max=1, description="Upload", layout={"width": "40em"})
        self.line = ipywidgets.HTML("starting the upload process …")
        self.reply = ipywidgets.HTML()
        self.stop = ipywidgets.Button(description="Stop and keep", button_style="warning")
        self.stop.on_click(lambda _: self.ask_to_stop())
        self.view = ipywidgets.VBox([ipywidgets.HBox([self.bar, self.stop]), self.line, self.reply])

    def ask_to_stop(self) -> None:
        self.here.path("STOP").write_text("stop and keep\n")
        self.stop.disabled = True
        self.stop.description = "Stopping …"

    def update(self, row: dict) -> None:
        if row.get("steps"):
            self.bar.value = row["step"] / row["steps"]
            done, seconds = row["step"], row.get("seconds", 0)
            left = seconds / max(1, done) * (row["steps"] - done)
            self.line.value = escape(f"{describe(row)} · about {left:.0f} s left")
        elif row.get("event") == "sample":
            self.reply.value = "<br>".join(f"<b>{escape(item['question'])}</b> {escape(item['reply'])}" for item in row["replies"])
        else:
            self.line.value = escape(describe(row))


def watch_upload(here: run.Run) -> list[dict]:
    """Run the upload and watch it: a live monitor where somebody looks, a line every few seconds in a log. Returns all its rows."""
    monitor = None
    if live():
        from IPython.display import display

        monitor = UploadMonitor(here)
        display(monitor.view)
    rows, last = [], 0.0
    for row in upload.follow(here.path()):
        rows.append(row)
        if monitor:
            monitor.update(row)
            _let_clicks_in()
        elif "loss" not in row or time.monotonic() - last > 15:
            print(describe(row), flush=True)
            last = time.monotonic()
    return rows


def _let_clicks_in() -> None:
    """Let the kernel handle a waiting click of the stop button while this cell is still running."""
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return
    import asyncio

    loop = asyncio.get_event_loop()
    handle = getattr(kernel, "do_one_iteration", None)
    if handle and loop.is_running():
        asyncio.ensure_future(handle())


# ---- playground --------------------------------------------------------------------------------------------------------------------


class Playground:
    """Talk to the simulacrum beside the prompted base: streaming replies, a set-up, why it said that, and saving the talk."""

    def __init__(self, here: run.Run, sim, person: profile.Profile):
        import ipywidgets

        from charlib import interview

        self.here, self.sim, self.person = here, sim, person
        self.talks = {"simulacrum": interview.Talk(sim, person), "prompted": interview.Talk(sim, person, system="prompted")}
        states = [("none", "")] + [(f"{item.when} {item.place}: {item.state}"[:60], item.state) for item in person.states]
        self.state = ipywidgets.Dropdown(options=states, description="State")
        self.place = ipywidgets.Text(description="Place", placeholder="anywhere")
        self.words = ipywidgets.Text(placeholder=f"Say something to {person.short_name} …", layout={"width": "42em"})
        self.send = ipywidgets.Button(description="Send", button_style="primary")
        self.again = ipywidgets.Button(description="Regenerate")
        self.why = ipywidgets.Button(description="Why?")
        self.keep = ipywidgets.Button(description="Save talk")
        self.columns = {name: ipywidgets.HTML(layout={"width": "27em"}) for name in self.talks}
        self.said = ipywidgets.HTML()
        self.send.on_click(lambda _: self.ask())
        self.again.on_click(lambda _: self.regenerate())
        self.why.on_click(lambda _: self.explain())
        self.keep.on_click(lambda _: self.write())
        care = _box(f"<i>{escape(CARE.format(name=person.name))}</i>")
        top = ipywidgets.HBox([self.place, self.state])
        line = ipywidgets.HBox([self.words, self.send])
        tools = ipywidgets.HBox([self.again, self.why, self.keep])
        self.view = ipywidgets.VBox([care, top, line, tools, ipywidgets.HBox(list(self.columns.values())), self.said])
        self.render()

    def ask(self) -> None:
        """Send the words to both systems; replies grow as they come."""
        words = self.words.value.strip()
        if not words:
            self.said.value = "Write something first."
            return
        self.words.value = ""
        for talk in self.talks.values():
            talk.setting = {"place": self.place.value, "state": self.state.value}
            for _ in talk.say(words):
                self.render()
        self.render()

    def regenerate(self) -> None:
        for talk in self.talks.values():
            if talk.messages:
                for _ in talk.again():
                    self.render()
        self.render()

    def render(self) -> None:
        for name, talk in self.talks.items():
            rows = [f"<b>{escape(name)}</b>"]
            for message in talk.messages:
                who = "You" if message["role"] == "user" else self.person.short_name
                rows.append(f"<p style='margin:.3em 0'><b>{escape(who)}:</b> {escape(message['content'])}</p>")
            self.columns[name].value = "".join(rows)

    def explain(self) -> None:
        """The training exchange nearest to the last reply."""
        from charlib import interview

        replies = [message["content"] for message in self.talks["simulacrum"].messages if message["role"] == "assistant"]
        if not replies:
            self.said.value = "Nothing has been said yet."
            return
        asked = self.talks["simulacrum"].messages[-2]["content"]
        near = interview.Nearest(self.here).of(asked, replies[-1])
        self.said.value = escape(f"Nearest experience (similarity {near['similarity']:.2f}), paragraph {near['paragraph']}: {near['experience']}")

    def write(self) -> None:
        path = self.here.path("conversations", f"talk-{time.strftime('%Y%m%d-%H%M%S')}.jsonl")
        rows = [{"system": name, "care": CARE.format(name=self.person.name), **message} for name, talk in self.talks.items() for message in talk.messages]
        run.write_jsonl(path, rows)
        self.said.value = escape(f"Saved as conversations/{path.name}.")


def playground(here: run.Run, sim, person: profile.Profile) -> None:
    """Talk to the simulacrum; headless, one exchange is printed."""
    from charlib import interview

    if live():
        show("", lambda: Playground(here, sim, person).view)
        return
    talk = interview.Talk(sim, person)
    reply = "".join(talk.say("Good day. What occupies you at present?"))
    print(CARE.format(name=person.name), "Visitor: Good day. What occupies you at present?", f"{person.short_name}: {reply}", sep="\n")
