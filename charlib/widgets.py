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
    """Whether a person can press buttons here: a front end names the cell that it sends, nbclient and papermill do not.

    The environment is no sign of it: a headless run started from a notebook inherits all of JupyterLab's variables.
    """
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return False
    request = kernel.get_parent("shell") or {}
    return bool({"cellId", "deletedCells"} & set(request.get("metadata") or {}))


def show(static: str, build) -> None:
    """Print the static twin; where a person is there to use it, display the live view, with the twin as its text in other readers."""
    if not live():
        print(static)
        return
    from IPython.display import display

    bundle = build()._repr_mimebundle_()
    display(bundle | {"text/plain": static}, raw=True)


WIDE = {"width": "100%", "max_width": "64em"}  # fits beside JupyterLab's side bar at 1280 px, and a projector
ROW = {"flex_flow": "row wrap", "align_items": "center", "max_width": "64em"}
QUIET = "color:var(--jp-content-font-color2,inherit)"


def panel(inner: str, style: str = "") -> str:
    """A block of escaped text in the colours of the reader's theme; dollar signs in it are money, not mathematics."""
    look = f"white-space:normal;overflow-wrap:anywhere;line-height:1.5;max-width:64em;color:var(--jp-content-font-color1,inherit);{style}"
    return f"<div class='mathjax_ignore tex2jax_ignore' style='{look}'>{inner}</div>"


def note(text: str) -> str:
    """A line of a widget about itself."""
    return panel(escape(text), QUIET)


def _button(name: str, does: str, press, **look):
    import ipywidgets

    made = ipywidgets.Button(description=name, tooltip=does, **look)
    made.on_click(lambda _: press())
    return made


# ---- profile editor ----------------------------------------------------------------------------------------------------------------


class ProfileEditor:
    """Paragraphs to edit, split and move, traits as sliders, values and states as rows; Save says what it makes stale."""

    def __init__(self, here: run.Run):
        import ipywidgets

        self.here, self.person = here, profile.load(here.path("profile.md"))
        self.known = profile.check(self.person)
        self.drafts: dict[int, str] = {}
        self.order = list(range(len(self.person.paragraphs)))
        self.choice = ipywidgets.Dropdown(options=self._names(), description="Paragraph", layout=WIDE)
        self.text = ipywidgets.Textarea(layout=WIDE | {"height": "11em"})
        named = {"style": {"description_width": "9em"}, "readout_format": "+.1f", "layout": {"width": "28em"}}
        sizes = {"min": -1, "max": 1, "step": 0.1}
        scores = self.person.traits
        self.traits = {
            name: ipywidgets.FloatSlider(value=scores.get(name, 0), description=name, **sizes, **named) for name in profile.TRAITS
        }
        self.values = [self._cells(item, ("stance", "opposite")) for item in self.person.values]
        self.states = [self._cells(item, ("when", "place", "state")) for item in self.person.states]
        self.save = _button("Save", "write profile.md of this run", self.write, button_style="primary")
        self.split = _button("Split", "put an empty line after the first sentence; move it where you like", self._split)
        self.up = _button("Move up", "exchange this paragraph with the one above", self._up)
        self.said, self.changes = ipywidgets.HTML(), ipywidgets.HTML()
        self.choice.observe(self._open, "value")
        for part in (self.text, *self.traits.values(), *(cell for row in self.values + self.states for cell in row)):
            part.observe(lambda _: self._tell(), "value")
        self._open(None)
        self._tell()
        buttons = ipywidgets.HBox([self.save, self.split, self.up], layout=ROW)
        hint = ipywidgets.HTML(note("An empty line makes two paragraphs of one; a paragraph emptied is removed."))
        rows = {"Traits": list(self.traits.values()), "Values: would say, would not say": self._rows(self.values),
                "States: when, where, what": self._rows(self.states), "Changes": [self.changes]}  # fmt: skip
        folded = ipywidgets.Accordion([ipywidgets.VBox(part) for part in rows.values()], titles=list(rows), layout=WIDE)
        self.view = ipywidgets.VBox([self.choice, self.text, buttons, self.said, hint, folded])

    def _names(self) -> list[tuple[str, int]]:
        names = []
        for place, index in enumerate(self.order, 1):
            words = self.drafts.get(index, self.person.paragraphs[index].text).split()
            names.append((f"{place}. {' '.join(words[:11])} …", index))
        return names

    @staticmethod
    def _cells(item, fields: tuple[str, ...]) -> list:
        import ipywidgets

        layouts = {"when": {"width": "9em"}, "place": {"width": "12em"}}
        wide = {"flex": "1 1 16em", "width": "auto"}
        return [ipywidgets.Text(value=str(getattr(item, name)), placeholder=name, layout=layouts.get(name, wide)) for name in fields]

    @staticmethod
    def _rows(rows: list[list]) -> list:
        import ipywidgets

        return [ipywidgets.HBox(row, layout=ROW) for row in rows] or [ipywidgets.HTML(note("This profile has none."))]

    def _open(self, _):
        index = self.choice.value
        self.text.value = self.drafts.get(index, self.person.paragraphs[index].text)

    def _split(self):
        self.text.value = re.sub(r"(?<=[.!?])\s+(?=\S)", "\n\n", self.text.value, count=1)

    def _up(self):
        index = self.choice.value
        place = self.order.index(index)
        if place:
            self.order[place - 1], self.order[place] = index, self.order[place - 1]
            self.choice.options = self._names()
            self.choice.value = index
            self._tell()

    def _tell(self):
        index = self.choice.value
        if self.text.value != self.person.paragraphs[index].text:
            self.drafts[index] = self.text.value
        else:
            self.drafts.pop(index, None)
        edited = self.edited()
        stale = profile.invalidated(self.person, edited)
        changed = profile.diff(self.person, edited)
        lines = ["Saved as it stands."]
        if stale:
            lines = [f"{len(stale)} paragraph{'s' * (len(stale) > 1)} changed, not saved yet: its scenes and dialogues will be made again."]
        elif changed or edited != self.person:
            lines = ["Changed, not saved yet; no experience is lost by it."]
        lines += [f"⚠ {row['where']}: {row['what']}" for row in profile.check(edited) if row not in self.known][:4]
        self.said.value = panel("<br>".join(escape(line) for line in lines))
        self.changes.value = panel(escape(changed) or "None.", "font-family:var(--jp-code-font-family,monospace);font-size:90%")

    def edited(self) -> profile.Profile:
        """The profile with the drafts; a draft with empty lines becomes several paragraphs, an empty draft removes one."""
        paragraphs = []
        for place, index in enumerate(self.order):
            for part in re.split(r"\n\s*\n", self.drafts.get(index, self.person.paragraphs[index].text)):
                if part.strip():
                    paragraphs.append(profile.Paragraph(" ".join(part.split()), self.person.paragraphs[place].section))
        scores = {name: slider.value for name, slider in self.traits.items()}
        traits = scores if self.person.traits or any(scores.values()) else {}
        data = self.person.model_dump(exclude={"paragraphs", "warnings"}) | {"traits": traits}
        data["values"] = self._filled(self.person.values, self.values, ("stance", "opposite"))
        data["states"] = self._filled(self.person.states, self.states, ("when", "place", "state"))
        return profile.Profile(**data, paragraphs=tuple(paragraphs))

    @staticmethod
    def _filled(items, rows: list[list], fields: tuple[str, ...]) -> list[dict]:
        """The rows as records; a row whose cells are all empty is removed."""
        made = []
        for item, row in zip(items, rows, strict=True):
            words = {name: cell.value.strip() for name, cell in zip(fields, row, strict=True)}
            if any(words.values()):
                made.append(item.model_dump() | words)
        return made

    def write(self) -> None:
        """Save to the run's profile.md. Says what went wrong instead of raising into the event loop."""
        edited = self.edited()
        try:
            if not edited.paragraphs:
                raise run.RunError("A profile needs at least one paragraph.")
            with self.here.stage("profile editor"):
                profile.save(edited, self.here.path("profile.md"))
        except run.RunError as error:
            self.said.value = note(str(error))
            return
        stale = profile.invalidated(self.person, edited)
        place = self.order.index(self.choice.value)
        self.person, self.drafts, self.known = edited, {}, profile.check(edited)
        self.values, self.states = self._kept(self.values), self._kept(self.states)
        self.order = list(range(len(edited.paragraphs)))
        self.choice.options = self._names()
        self.choice.value = min(place, len(self.order) - 1)
        self._open(None)
        self._tell()
        self.said.value = note(f"Saved. {len(stale)} paragraph{'s' * (len(stale) != 1)} changed; run notebooks 02 to 05 again.")

    @staticmethod
    def _kept(rows: list[list]) -> list[list]:
        return [row for row in rows if any(cell.value.strip() for cell in row)]


def profile_editor(here: run.Run) -> None:
    """Edit the run's profile; headless, its first paragraph and the number of marks are printed instead."""
    person = profile.load(here.path("profile.md"))
    marks, first = profile.check(person), person.paragraphs[0].text[:300]
    static = f"{person.name}: {len(person.paragraphs)} paragraphs, {len(marks)} marks. First: {first} …"
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
        self.choice = ipywidgets.Select(rows=7, layout=WIDE)
        self.text = ipywidgets.HTML()
        self.edit = ipywidgets.Textarea(layout=WIDE | {"height": "9em"})
        self.buttons = {name: ipywidgets.Button(description=name.capitalize()) for name in ("accept", "edit", "reject")}
        self.said = ipywidgets.HTML()
        self.rejects = rejects
        for part in (self.paragraph, self.kind, self.mood):
            part.observe(self._list, "value")
        self.choice.observe(self._show, "value")
        for name, button in self.buttons.items():
            button.on_click(lambda _, name=name: self.decide(name))
        self._list(None)
        filters = ipywidgets.HBox([self.paragraph, self.kind, self.mood], layout=ROW)
        hint = ipywidgets.HTML(note("To edit, change the lines below and press Edit; Accept and Reject take the dialogue as it is."))
        decide = ipywidgets.HBox(list(self.buttons.values()), layout=ROW)
        self.view = ipywidgets.VBox([filters, self.choice, self.text, hint, self.edit, decide, self.said])

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
            self.text.value = panel(f"<b>{escape(item.reason)}</b> {escape(item.detail)}<br>{escape(item.text)}")
            self.edit.value = ""
            return
        self.text.value = script_html(item, self.scenes.get(item.scene or ""))
        self.edit.value = "\n".join(f"{turn.role} ({turn.action}): {turn.text}" for turn in item.turns)

    def decide(self, action: str) -> None:
        """Add a decision for the dialogue shown; an edit is parsed like any teacher's text."""
        if self.choice.value is None or isinstance(self.shown[self.choice.value], Reject):
            self.said.value = note("Choose a dialogue first.")
            return
        row = {"dialogue": self.shown[self.choice.value].id, "action": action}
        if action == "edit":
            turns = experience.parse_dialogue(self.edit.value, self.person)
            if not turns:
                self.said.value = note(f"Not saved: {self.person.short_name} does not speak in it.")
                return
            row["turns"] = [turn.model_dump(exclude_none=True) for turn in turns]
        try:
            with self.here.stage("decision"):
                before = self.here.read_jsonl("decisions.jsonl") if self.here.has("decisions.jsonl") else []
                self.here.write_jsonl("decisions.jsonl", [*before, row])
        except run.RunError as error:
            self.said.value = note(str(error))
            return
        self.said.value = note(f"Kept: {action}. Run this notebook again to apply it.")


def script_html(dialogue: Dialogue, scene: Scene | None = None) -> str:
    """A dialogue as a script: names in bold, thoughts set apart in italics, everything escaped."""
    lines = []
    if scene:
        lines.append(f"<p style='margin:.3em 0;{QUIET}'>{escape(scene.location)} · {escape(scene.time)}<br>{escape(scene.background)}</p>")
    for turn in dialogue.turns:
        if turn.action == "thinking":
            mood = f" ({escape(turn.emotion)})" if turn.emotion else ""
            lines.append(
                f"<p style='margin:.2em 2.5em;font-style:italic;{QUIET}'>{escape(turn.role)} thinks{mood}: {escape(turn.text)}</p>"
            )
        else:
            lines.append(f"<p style='margin:.35em 0'><b>{escape(turn.role)}</b> {escape(turn.text)}</p>")
    return panel("".join(lines))


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
    """A bar, the falling loss, sample replies as they change, and the stop-and-keep button, which makes the file STOP."""

    def __init__(self, here: run.Run):
        import ipywidgets

        self.here, self.losses = here, []
        self.bar = ipywidgets.FloatProgress(min=0, max=1, layout={"flex": "1 1 20em", "width": "auto"})
        self.stop = _button(
            "Stop and keep", "end the training after this step and keep what it has learned", self.ask_to_stop, button_style="warning"
        )
        self.line = ipywidgets.HTML(note("Starting the upload process …"))
        self.curve, self.reply = ipywidgets.HTML(), ipywidgets.HTML()
        hint = ipywidgets.HTML(note("If the button does not answer in your front end, make a file named STOP in the run folder."))
        row = ipywidgets.HBox([self.bar, self.stop], layout=ROW)
        self.view = ipywidgets.VBox([row, self.line, self.curve, self.reply, hint])

    def ask_to_stop(self) -> None:
        """Ask the upload process to stop and keep what it has."""
        self.here.path("STOP").write_text("stop and keep\n")
        self.stop.disabled = True
        self.stop.description = "Stopping …"

    def update(self, row: dict) -> None:
        """Show one row of training.jsonl."""
        if row.get("steps"):
            self.bar.value = row["step"] / row["steps"]
            done, seconds = row["step"], row.get("seconds", 0)
            left = seconds / max(1, done) * (row["steps"] - done)
            self.line.value = panel(f"<b>{escape(describe(row))}</b> · about {_span(left)} left")
            if row.get("loss") is not None:
                self.losses.append(row["loss"])
                self.curve.value = sparkline(self.losses)
        elif row.get("event") == "sample":
            told = [f"<b>{escape(item['question'])}</b><br>{escape(item['reply'])}" for item in row["replies"]]
            heard = f"<p style='margin:.4em 0;{QUIET}'>What it says after epoch {row['epoch']}:</p>"
            self.reply.value = panel(heard + "".join(f"<p style='margin:.4em 0'>{one}</p>" for one in told))
        else:
            self.line.value = panel(escape(describe(row)))
        if row.get("event") in ("stop", "end"):
            self.stop.disabled = True
            self.stop.description = "Stopped" if row["event"] == "stop" else "Done"


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def sparkline(values: list[float], width: int = 420, height: int = 60) -> str:
    """A small curve of the losses so far, with its first and last value; readable on light and dark."""
    from charlib import plots

    shown = values[:: max(1, len(values) // 200)]
    top, low = max(values), min(0.0, *values)
    step = width / max(1, len(shown) - 1)
    points = " ".join(
        f"{i * step:.1f},{height - (value - low) / ((top - low) or 1) * (height - 4) - 2:.1f}" for i, value in enumerate(shown)
    )
    line = f"<polyline points='{points}' fill='none' stroke='{plots.colour('simulacrum')}' stroke-width='2.5'/>"
    base = f"<line x1='0' x2='{width}' y1='{height - 1}' y2='{height - 1}' stroke='currentColor' stroke-opacity='.4'/>"
    drawn = f"<svg width='{width}' height='{height}' viewBox='0 0 {width} {height}' role='img' aria-label='loss'>{base}{line}</svg>"
    return panel(f"{drawn} loss {values[0]:.2f} → {values[-1]:.2f}")


def watch_upload(here: run.Run) -> list[dict]:
    """Run the upload and watch it: a live monitor where somebody looks, a line every few seconds in a log. Returns all its rows.

    The cell blocks until the training ends, so that the cells below find its product. A press of the button still arrives: JupyterLab sends
    it to a subshell of the kernel, a second thread.
    """
    monitor = None
    if live():
        from IPython.display import display

        monitor = UploadMonitor(here)
        display(monitor.view)
    rows, last = [], -60.0
    for row in upload.follow(here.path()):
        rows.append(row)
        if monitor:
            monitor.update(row)
        if "loss" not in row:
            if not monitor or row.get("event", "sample") != "sample":  # what a reader of the saved notebook needs, live or not
                print(describe(row), flush=True)
        elif not monitor and time.monotonic() - last > 15:
            print(describe(row), flush=True)
            last = time.monotonic()
    return rows


# ---- playground --------------------------------------------------------------------------------------------------------------------


def bubbles(talk, person: profile.Profile, system: str, title: str) -> str:
    """One column of a talk: the visitor's words on a tinted ground, the replies beside a bar in the system's colour."""
    from charlib import plots

    bar = plots.colour(system)
    rows = [f"<p style='margin:0 0 .4em;border-bottom:3px solid {bar}'><b>{escape(title)}</b></p>"]
    for message in talk.messages:
        words = escape(message["content"])
        if message["role"] == "user":
            look = "margin:.5em 0;padding:.35em .7em;border-radius:.5em;background:var(--jp-layout-color2,rgba(128,128,128,.15))"
            rows.append(f"<p style='{look}'><span style='{QUIET}'>You:</span> {words}</p>")
        else:
            said = f"<span data-said>{words}</span>" if words else "…"
            rows.append(
                f"<p style='margin:.5em 0;padding:.1em .7em;border-left:3px solid {bar}'><b>{escape(person.short_name)}:</b> {said}</p>"
            )
    if not talk.messages:
        rows.append(f"<p style='{QUIET}'>Nothing has been said yet.</p>")
    return panel(f"<div data-who='{escape(system)}'>{''.join(rows)}</div>")


def neighbours(here: run.Run, sim) -> dict[str, run.Run]:
    """The other runs beside this one whose adapter fits the same base, by folder name."""
    from charlib import simulacrum

    found = {}
    for folder in sorted(here.folder.parent.iterdir()) if here.folder.parent.is_dir() else []:
        other = run.Run(folder.name, folder)
        if folder == here.folder or not other.has("profile.md"):
            continue
        try:
            simulacrum.check_adapter(folder / "adapter", sim.base)
        except run.RunError:
            continue  # not trained, or on another base: no guest
        found[folder.name] = other
    return found


def invite(sim, guest: run.Run) -> tuple[str, profile.Profile]:
    """Load another run's adapter into the same simulacrum, once. Returns its name there and whom it plays."""
    name = f"run {guest.name}".replace(".", "_")  # a dot would part the names of the weights
    if name not in sim.adapters:
        sim.add(name, guest.path("adapter"))
    return name, profile.load(guest.path("profile.md"))


class Playground:
    """Talk to the simulacrum beside the prompted base or another character; replies stream, and the talk can be saved."""

    def __init__(self, here: run.Run, sim, person: profile.Profile):
        import ipywidgets

        from charlib import interview

        self.here, self.sim, self.person = here, sim, person
        self.others = neighbours(here, sim)
        states = [("any", "")] + [(f"{item.when} {item.place}: {item.state}"[:60], item.state) for item in person.states]
        third = {"layout": {"flex": "1 1 16em", "width": "auto"}, "style": {"description_width": "4em"}}
        self.place = ipywidgets.Text(description="Place", placeholder="anywhere", **third)
        self.time = ipywidgets.Text(description="Time", placeholder="any time", **third)
        self.state = ipywidgets.Dropdown(options=states, description="State", **third)
        beside = [("the prompted base", "prompted"), ("nobody", ""), *((f"run {name}", name) for name in self.others)]
        self.beside = ipywidgets.Dropdown(options=beside, description="Beside", **third)
        self.words = ipywidgets.Text(placeholder=f"Say something to {person.short_name} …", layout={"flex": "1 1 24em", "width": "auto"})
        self.send = _button("Send", "or press Enter", self.ask, button_style="primary")
        self.again = _button("Regenerate", "answer the last words anew", self.regenerate)
        self.why = _button("Why?", "the training exchange nearest to the last reply", self.explain)
        self.keep = _button("Save talk", "write it to conversations/ of this run", self.write)
        self.talks = {"simulacrum": interview.Talk(sim, person)}
        self.people = {"simulacrum": person}
        column = {"flex": "1 1 20em", "width": "auto"}
        self.columns = [ipywidgets.HTML(layout=column), ipywidgets.HTML(layout=column)]
        self.said = ipywidgets.HTML()
        self.words.on_msg(lambda _, content, __: self.ask() if content.get("event") == "submit" else None)
        self.beside.observe(lambda _: self.seat(), "value")
        care = ipywidgets.HTML(note(CARE.format(name=person.name)))
        top = ipywidgets.HBox([self.place, self.time, self.state, self.beside], layout=ROW)
        heard = ipywidgets.HBox(self.columns, layout=ROW | {"align_items": "flex-start"})
        line = ipywidgets.HBox([self.words, self.send], layout=ROW)
        tools = ipywidgets.HBox([self.again, self.why, self.keep], layout=ROW)
        self.view = ipywidgets.VBox([care, top, heard, line, tools, self.said])
        self.seat()

    def seat(self) -> None:
        """Put whoever was chosen into the second column; the simulacrum's own talk goes on."""
        from charlib import interview

        name = self.beside.value
        self.talks = {"simulacrum": self.talks["simulacrum"]}
        self.people = {"simulacrum": self.person}
        try:
            if name == "prompted":
                self.talks[name], self.people[name] = interview.Talk(self.sim, self.person, system=name), self.person
            elif name:
                adapter, person = invite(self.sim, self.others[name])
                self.talks[adapter], self.people[adapter] = interview.Talk(self.sim, person, system=adapter), person
        except run.RunError as error:
            self.said.value = note(str(error))
        self.columns[1].layout.display = "none" if len(self.talks) == 1 else None
        self.render()

    def ask(self) -> None:
        """Send the words to everybody in the room; replies grow as they come."""
        words = self.words.value.strip()
        if not words:
            self.said.value = note("Write something first.")
            return
        if self.send.disabled:
            return
        self.words.value = ""
        setting = {"place": self.place.value, "time": self.time.value, "state": self.state.value}
        for talk in self.talks.values():
            talk.setting = setting
        self._hear(lambda talk: talk.say(words))

    def regenerate(self) -> None:
        """Answer the last words anew."""
        self._hear(lambda talk: talk.again() if talk.messages else ())

    def _hear(self, replies) -> None:
        buttons = (self.send, self.again, self.why, self.keep)
        for button in buttons:
            button.disabled = True
        self.said.value = note(f"{self.person.short_name} is thinking …")
        try:
            for name, talk in self.talks.items():
                shown = 0.0
                for _ in replies(talk):
                    if time.monotonic() - shown > 0.1:  # ten times a second is reading speed; more only burdens the browser
                        self.render(name)
                        shown = time.monotonic()
                self.render(name)
            self.said.value = ""
        except run.RunError as error:
            self.said.value = note(str(error))
        finally:
            for button in buttons:
                button.disabled = False

    def render(self, only: str = "") -> None:
        """Draw the columns, or one of them."""
        for column, (name, talk) in zip(self.columns, self.talks.items(), strict=False):
            if only in ("", name):
                person = self.people[name]
                titles = {
                    "simulacrum": f"{person.short_name}, the simulacrum",
                    "prompted": f"{person.short_name}, the base merely prompted",
                }
                column.value = bubbles(talk, person, name, titles.get(name, f"{person.short_name}, the simulacrum of {name}"))

    def explain(self) -> None:
        """The training exchange nearest to the last reply."""
        from charlib import interview

        messages = self.talks["simulacrum"].messages
        if not messages or messages[-1]["role"] != "assistant":
            self.said.value = note("Nothing has been said yet.")
            return
        try:
            near = interview.Nearest(self.here).of(messages[-2]["content"], messages[-1]["content"])
        except run.RunError as error:
            self.said.value = note(str(error))
            return
        head = f"Nearest experience (similarity {near['similarity']:.2f}), paragraph {near['paragraph']}:"
        self.said.value = panel(f"{escape(head)}<br>{escape(near['experience'])}")

    def write(self) -> None:
        """Save the talk of every column to conversations/ of the run, each line with the line of care."""
        if not any(talk.messages for talk in self.talks.values()):
            self.said.value = note("Nothing has been said yet.")
            return
        path = self.here.path("conversations", f"talk-{time.strftime('%Y%m%d-%H%M%S')}.jsonl")
        rows = []
        for name, talk in self.talks.items():
            care = CARE.format(name=self.people[name].name)
            rows += [{"system": name, "care": care, **message} for message in talk.messages]
        run.write_jsonl(path, rows)
        self.said.value = note(f"Saved as conversations/{path.name}.")


def playground(here: run.Run, sim, person: profile.Profile) -> None:
    """Talk to the simulacrum; headless, one exchange is printed."""
    from charlib import interview

    if live():
        care = CARE.format(name=person.name)
        show(f"{care} (Run this cell again to talk.)", lambda: Playground(here, sim, person).view)
        return
    talk = interview.Talk(sim, person)
    reply = "".join(talk.say("Good day. What occupies you at present?"))
    print(CARE.format(name=person.name), "Visitor: Good day. What occupies you at present?", f"{person.short_name}: {reply}", sep="\n")


# ---- dinner table ------------------------------------------------------------------------------------------------------------------

TOPICS = ("What is worth a whole life's work?", "Whom may one trust with power?", "What does money do to people?", "What do you regret?")


def guests(here: run.Run, sim, person: profile.Profile) -> dict[str, tuple]:
    """Who can sit down: label -> (run or None, profile). Other runs' simulacra first, then shipped characters merely prompted."""
    found = {f"{profile.load(other.path('profile.md')).name} (run {name})": (other, None) for name, other in neighbours(here, sim).items()}
    for slug in profile.shipped():
        other = profile.load(profile.find(slug))
        if other.name != person.name:
            found[f"{other.name} (merely prompted)"] = (None, other)
    return found


class DinnerTable:
    """Two characters talk with each other about a topic; their adapters are names in one simulacrum."""

    def __init__(self, here: run.Run, sim, person: profile.Profile):
        import ipywidgets

        self.here, self.sim, self.person = here, sim, person
        self.guests = guests(here, sim, person)
        named = {"layout": {"flex": "1 1 22em", "width": "auto"}, "style": {"description_width": "4em"}}
        self.guest = ipywidgets.Dropdown(options=list(self.guests), description="Guest", **named)
        self.topic = ipywidgets.Combobox(value=TOPICS[0], options=TOPICS, description="Topic", **named)
        self.turns = ipywidgets.IntSlider(value=6, min=2, max=12, step=2, description="Replies", **named)
        self.start = _button("Serve", "let them talk", self.serve, button_style="primary")
        self.text, self.said = ipywidgets.HTML(), ipywidgets.HTML()
        self.rows: list = []
        top = ipywidgets.HBox([self.guest, self.topic, self.turns, self.start], layout=ROW)
        self.view = ipywidgets.VBox([ipywidgets.HTML(note(self.care())), top, self.text, self.said])

    def care(self) -> str:
        """The line of care, for both who talk."""
        return "Simulations of people made from texts; these are not their words."

    def serve(self) -> None:
        """Let them talk; each reply is shown as it comes, and the talk is kept in conversations/ of the run."""
        if self.start.disabled or not self.guest.value:
            return
        self.start.disabled = True
        self.text.value, self.said.value = "", note("They sit down …")
        try:
            self.rows = dine(self.sim, self.person, self.guests[self.guest.value], self.topic.value, self.turns.value, on_reply=self._add)
            path = self.here.path("conversations", f"dinner-{time.strftime('%Y%m%d-%H%M%S')}.jsonl")
            run.write_jsonl(path, self.rows)
            self.said.value = note(f"Saved as conversations/{path.name}.")
        except run.RunError as error:
            self.said.value = note(str(error))
        finally:
            self.start.disabled = False

    def _add(self, name: str, text: str) -> None:
        from charlib import plots

        bar = plots.colour("simulacrum" if name == self.person.name else "prompted_profile")
        look = f"margin:.5em 0;padding:.1em .7em;border-left:3px solid {bar}"
        self.text.value += panel(
            f"<p style='{look}' data-who='{escape(name)}'><b>{escape(name)}:</b> <span data-said>{escape(text)}</span></p>"
        )


def dine(sim, person: profile.Profile, guest: tuple, topic: str, turns: int = 6, seed: int = 0, on_reply=None) -> list:
    """A dinner of the run's simulacrum with a guest of `guests`; `on_reply(name, spoken)` hears each reply. Returns the rows."""
    from charlib import interview, simulacrum

    sampling = simulacrum.Sampling(temperature=0.7)
    host = interview.Trained(sim, person, sampling=sampling)
    other, plain = guest
    if other is None:
        visitor = interview.Prompted(sim, plain, name=f"prompted {plain.short_name}", sampling=sampling)
    else:
        adapter, whom = invite(sim, other)
        visitor = interview.Trained(sim, whom, name=adapter, adapter=adapter, sampling=sampling)
    return interview.dinner(_Heard(host, on_reply), _Heard(visitor, on_reply), topic, turns, seed)


class _Heard:
    """A system whose replies are told to a listener as they are given."""

    def __init__(self, system, on_reply=None):
        self.system, self.name, self.character = system, system.name, system.character
        self.maker, self.on_reply = system.maker, on_reply

    def reply(self, conversations: list[list[dict]], seed: int = 0) -> list:
        from charlib import interview

        replies = self.system.reply(conversations, seed)
        if self.on_reply:
            for one in replies:
                self.on_reply(self.character, interview.split_thought(one.text)[0])
        return replies


def dinner_table(here: run.Run, sim, person: profile.Profile) -> None:
    """Two characters at one table; headless, one short dinner with the first guest is printed."""
    if live():
        show("Two characters talk with each other. (Run this cell again to listen.)", lambda: DinnerTable(here, sim, person).view)
        return
    label, guest = next(iter(guests(here, sim, person).items()))
    print(f"{person.name} sits at table with {label}. {TOPICS[0]}")
    dine(sim, person, guest, TOPICS[0], 2, on_reply=lambda name, text: print(f"{name}: {text}"))


# ---- blind rating ------------------------------------------------------------------------------------------------------------------


class BlindRating:
    """Replies of several systems behind letters, one question at a time; each rater's marks go to ratings.jsonl, letters only.

    What people said of which system is shown only to a rater who has done all of it.
    """

    def __init__(self, here: run.Run, kind: str = "likert", rater: str = "", seed: int = 0):
        import ipywidgets

        from charlib import judge

        self.here, self.seed, self.tasks = here, seed, judge.tasks(here, kind)
        letters = list(max((task.shown for task in self.tasks), key=len, default={}))
        marks = [("cannot tell", ""), *[(str(value), value) for value in range(judge.SCALE[0], judge.SCALE[1] + 1)]]
        sides = [("cannot tell", ""), ("A", "A"), ("tie", "tie"), ("B", "B")]
        self.kind = kind
        self.rater = ipywidgets.Text(value=rater, description="Rater", placeholder="a short name of your choice", continuous_update=False)
        self.head, self.said = ipywidgets.HTML(), ipywidgets.HTML()
        self.texts = {letter: ipywidgets.HTML(layout={"width": "27em"}) for letter in letters}
        self.marks = {letter: ipywidgets.ToggleButtons(options=marks, value=None, style={"button_width": "auto"}) for letter in letters}
        self.side = ipywidgets.ToggleButtons(options=sides, value=None, description="Better")
        self.save = _button("Save and next", "keep these marks in ratings.jsonl", self.write, button_style="primary")
        self.rater.observe(self._open, "value")
        columns = [ipywidgets.VBox([self.texts[name], *([self.marks[name]] if kind == "likert" else [])]) for name in letters]
        body = [ipywidgets.HBox(columns, layout=ROW), *([self.side] if kind == "pair" else [])]
        self.view = ipywidgets.VBox([self.rater, self.head, *body, self.save, self.said], layout=WIDE)
        self._open(None)

    def _open(self, _):
        """The next task that this rater has not rated, in the rater's own order."""
        from charlib import judge

        name = " ".join(self.rater.value.split())
        self.order = judge.in_order(self.tasks, name, self.seed)
        done = {row.task for row in judge.ratings(self.here) if row.rater == name}
        self.task = next((task for task in self.order if task.id not in done), None)
        self.save.disabled = self.task is None
        if self.task is None:
            self.head.value = note(ratings_text(self.here) if self.tasks else "No blind tasks in this run yet.")
            for text in self.texts.values():
                text.value = ""
            return
        task, left = self.task, sum(item.id not in done for item in self.order)
        passages = "".join(f"<li>{escape(text)}</li>" for text in task.passages)
        known = "" if task.reference == "none" else f"<p>{escape(task.reference)}</p>"
        asked = f"<p>{left} to go · <b>{escape(task.dimension)}</b></p><p><b>{escape(task.asked)}</b></p>"
        self.head.value = panel(f"{asked}<ul>{passages}</ul>{known}")
        for letter, text in self.texts.items():
            text.value = panel(f"<b>{escape(letter)}</b><p>{escape(task.shown.get(letter, ''))}</p>")
            self.marks[letter].value = None
        self.side.value = None

    def write(self) -> None:
        """Keep the marks of the task shown and go on. Says what went wrong instead of raising into the event loop."""
        from charlib import judge

        if self.task is None:
            return
        chosen = {"": self.side.value} if self.kind == "pair" else {letter: self.marks[letter].value for letter in self.task.shown}
        if None in chosen.values():
            self.said.value = note("Choose for every reply first, or say that you cannot tell.")
            return
        given = {letter: value if value != "" else None for letter, value in chosen.items()}
        given = given[""] if self.kind == "pair" else given
        try:
            judge.rate(self.here, self.task, self.rater.value, given, order=self.order.index(self.task))
        except run.RunError as error:
            self.said.value = note(str(error))
            return
        self.said.value = note("Kept in ratings.jsonl.")
        self._open(None)


def ratings_text(here: run.Run) -> str:
    """What people rated, agreement first, in plain lines; that nobody has, where nobody has."""
    from charlib import judge

    found = judge.people(here)
    if not found:
        return "Nobody has rated this run yet."
    lines = [f"Rated by {found['raters']} person{'s' if found['raters'] > 1 else ''}."]
    for name, cell in found["agreement"].items():
        lines.append(f"Agreement, {name}: {_cell_text(cell)} {cell['coefficient'] or ''}".strip())
    for table in (found["systems"], found["pairs"]):
        lines += [f"{name}, {dimension}: {_cell_text(cell)}" for name, row in table.items() for dimension, cell in row.items()]
    return "\n".join(lines)


def _cell_text(cell: dict) -> str:
    missing = f", {cell['missing']} missing" if cell.get("missing") else ""
    if cell["value"] is None:
        return f"not measured ({cell['reason']}{missing})"
    return f"{cell['value']:.2f} [{cell['ci_low']:.2f}, {cell['ci_high']:.2f}], n {cell['n']}{missing}"


def blind_rating(here: run.Run, kind: str = "likert", rater: str = "", seed: int = 0) -> None:
    """Rate blind, side by side; headless, one task is printed as a rater would see it, and results only if people rated."""
    import ipywidgets

    from charlib import judge

    waiting = judge.tasks(here, kind)
    if not waiting:
        none = "No blind tasks in this run yet: judge.prepare(...) makes them."
        show(none, lambda: ipywidgets.HTML(note(none)))
        return
    first = judge.in_order(waiting, rater, seed)[0]
    replies = [f"{letter}: {text}" for letter, text in first.shown.items()]
    head = f"{len(waiting)} questions to rate blind, from 1 to 7 each. One of them ({first.dimension}): {first.asked}"
    show("\n".join([head, *replies, ratings_text(here)]), lambda: BlindRating(here, kind, rater, seed).view)
