"""Live controls: thin views over plain functions. Each displays a static twin first, which survives headless runs and HTML export.

Model output and profile text are only ever shown escaped (faults F17, F18). A widget never gates: it edits a file, and the next cell reads
the file.
"""

import html
import itertools
import re
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

from charlib import evidence, experience, profile, run, upload
from charlib.experience import Dialogue, Reject, Scene, Turn

TWIN = 24  # tokens of a reply in a static twin: enough to hear a voice, too few to hold up a run that nobody watches
CARE = "A simulation of {name} made from a text; not {name}'s words."


def escape(text: str) -> str:
    """Text for an HTML view: markup, and control characters of terminals, become harmless."""
    return html.escape(bare(text)).replace("\n", "<br>")


def bare(text: str) -> str:
    """Text without what a terminal would obey."""
    text = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", str(text))
    return "".join(character for character in text if character in "\n\t" or ord(character) >= 32)


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
    static = bare(static)
    if not live():
        print(static)
        return
    from IPython.display import display

    bundle = build()._repr_mimebundle_()
    display(bundle | {"text/plain": static}, raw=True)


WIDE = {"width": "auto", "max_width": "64em"}  # fits beside JupyterLab's side bar at 1280 px, and a projector
ROW = {"flex_flow": "row wrap", "align_items": "center", "max_width": "64em"}
QUIET = "color:var(--jp-content-font-color2,inherit)"


def panel(inner: str, style: str = "") -> str:
    """A block of escaped text in the colours of the reader's theme; dollar signs in it are money, not mathematics."""
    look = f"white-space:normal;overflow-wrap:anywhere;line-height:1.5;max-width:64em;color:var(--jp-content-font-color1,inherit);{style}"
    return f"<div class='mathjax_ignore tex2jax_ignore' style='{look}'>{inner}</div>"


def note(text: str) -> str:
    """A line of a widget about itself."""
    return panel(escape(text), QUIET)


class Table:
    """Rows as a table whose long texts wrap; markup, terminal codes and dollar signs in it are text. Plain text where there is no HTML."""

    LOOK = (
        "<style>.charlib-table td,.charlib-table th{text-align:left!important;vertical-align:top}"
        ".charlib-table th{overflow-wrap:normal}.charlib-table td{overflow-wrap:anywhere}</style>"
    )

    def __init__(self, frame):
        name = frame.columns.name
        frame = frame.rename(columns=lambda column: f"{name} {column:g}" if name and not isinstance(column, str) else column)
        frame = frame.reset_index() if frame.index.name else frame
        self.frame = frame.rename(columns=self._bare).map(self._bare)

    @staticmethod
    def _bare(cell):
        return bare(cell) if isinstance(cell, str) else cell

    def _repr_html_(self) -> str:
        import pandas as pd

        if not len(self.frame):
            return "<p>Nothing.</p>"
        ignored = "charlib-table mathjax_ignore tex2jax_ignore"
        with pd.option_context("display.max_colwidth", None):
            return self.LOOK + self.frame.to_html(classes=ignored, border=0, na_rep="", index=False, float_format="{:.2f}".format)

    def __repr__(self) -> str:
        return self.frame.to_string(max_colwidth=60, na_rep="", index=False) if len(self.frame) else "Nothing."


def table(rows, columns: list[str] | None = None) -> Table:
    """A table of rows: records, tuples with `columns`, or a DataFrame."""
    import pandas as pd

    return Table(pd.DataFrame(rows, columns=columns))


def read(text: str) -> None:
    """Print what a model or a profile says, without anything a terminal would obey."""
    print(bare(text))


def _html(inner: str):
    import ipywidgets

    return ipywidgets.HTML(inner)


def gone():
    """A line that shows itself once the kernel has died: the front end marks every view it has lost, and the line waits for that mark."""
    words = note("⚠ The kernel of this notebook is gone: nothing here answers any more. Run the notebook's cells again.")
    rule = "<style>.charlib-gone{display:none}.jupyter-widgets-disconnected .charlib-gone{display:block}</style>"
    return _html(f"{rule}<div class='charlib-gone'>{words}</div>")


def _button(name: str, does: str, press, **look):
    import ipywidgets

    made = ipywidgets.Button(description=name, tooltip=does, **look)
    made.on_click(lambda _: press())
    return made


# ---- profile editor ----------------------------------------------------------------------------------------------------------------


@dataclass
class Card:
    """A paragraph on the editor's desk. It stays the same card while its words and its place change, so what rests on it follows it."""

    text: str
    section: str = ""

    @property
    def ids(self) -> list[str]:
        """The ids it will have: several where an empty line parts it, none where it is empty."""
        return [profile.paragraph_id(part) for part in re.split(r"\n\s*\n", self.text) if part.strip()]


class Slot:
    """One card as the desk shows it: a head, the words, and what can be done with it."""

    def __init__(self, editor: "ProfileEditor", place: int):
        import ipywidgets

        self.head = ipywidgets.HTML()
        self.text = ipywidgets.Textarea(layout=WIDE | {"height": "8.5em"})
        doings = {"Split": ("in two, at the sentence nearest to its middle", editor.split), "Up": ("before the card above", editor.up),
                  "Down": ("after the card below", editor.down), "Add": ("an empty card below", editor.add), "Remove": ("take it out", editor.remove)}  # fmt: skip
        self.buttons = [_button(name, tip, partial(does, place), layout={"width": "6em"}) for name, (tip, does) in doings.items()]
        self.text.observe(lambda _: editor.typed(place), "value")
        self.view = ipywidgets.VBox(
            [self.head, self.text, ipywidgets.HBox(self.buttons, layout=ROW)], layout=WIDE | {"margin": "0 0 .8em 0"}
        )


class ProfileEditor:
    """Paragraphs as cards to write, split and move, traits as sliders, values and states as rows; Save says what it makes stale."""

    SHOWN = 3  # cards at a time: what fits a screen, and what a browser redraws at once
    WHOLE = ("stance", "opposite", "when", "state")  # what a row needs before it is saved: half a value would be asked with an empty option

    def __init__(self, here: run.Run):
        import ipywidgets

        self.here = here
        self.go = ipywidgets.Dropdown(description="Go to", layout={"flex": "1 1 24em", "width": "auto"})
        self.back, self.on = _button("◀", "earlier cards", lambda: self.turn(-1)), _button("▶", "later cards", lambda: self.turn(1))
        for one in (self.back, self.on):
            one.layout.width = "3em"
        self.slots = [Slot(self, place) for place in range(self.SHOWN)]
        named = {"style": {"description_width": "10em"}, "layout": {"width": "30em"}}
        self.called = ipywidgets.Text(description="Called", **named)
        self.horizon = ipywidgets.Text(description="Horizon", placeholder="[-]YYYY[-MM[-DD]], the last day known", **named)
        sliders = {"min": -1, "max": 1, "step": 0.1, "readout_format": "+.1f", **named}
        self.traits = {name: ipywidgets.FloatSlider(description=name, **sliders) for name in profile.TRAITS}
        self.value_rows, self.state_rows = ipywidgets.VBox(), ipywidgets.VBox()
        self.page = ipywidgets.Textarea(placeholder="Paste a page of biography, or choose a file …", layout=WIDE | {"height": "8em"})
        self.file = ipywidgets.FileUpload(accept=".txt,.md", description="Choose a file")
        self.save = _button("Save", "write profile.md of this run", self.write, button_style="primary")
        self.undo = _button("Undo all", "back to what is saved", self.load)
        self.said, self.changes, self.marks = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self.quiet = False  # whether the desk itself is writing into its cells
        self.load()
        self.go.observe(lambda _: self.draw(), "value")
        self.file.observe(lambda _: self._read_file(), "value")
        for part in (self.called, self.horizon):
            part.observe(lambda _: self.tell(), "value")
        for name, slider in self.traits.items():
            slider.observe(partial(self._slid, name), "value")
        more_values = _button("Add a value", "a conviction and its opposite", lambda: self._more(self.values, self._value_cells(None)))
        more_states = _button(
            "Add a state", "an emotional state of a time and a place", lambda: self._more(self.states, self._state_cells(None))
        )
        take = _button("Add its paragraphs", "put the page's paragraphs behind the last card", self.take)
        folds = {
            "Name, horizon and traits": [self.called, self.horizon, *self.traits.values()],
            "Values: would say, would not say, resting on": [self.value_rows, more_values],
            "States: when, where, what": [self.state_rows, more_states],
            "Import a page": [self.page, ipywidgets.HBox([self.file, take], layout=ROW)],
            "Marks": [self.marks],
            "Changes": [self.changes],
        }
        folded = ipywidgets.Accordion([ipywidgets.VBox(part) for part in folds.values()], titles=list(folds), layout=WIDE)
        top = ipywidgets.HBox([self.go, self.back, self.on], layout=ROW)
        hint = ipywidgets.HTML(note("An empty line makes two paragraphs of one; an emptied card is removed."))
        keep = ipywidgets.HBox([self.save, self.undo], layout=ROW)
        self.view = ipywidgets.VBox([gone(), top, *(slot.view for slot in self.slots), hint, folded, keep, self.said])

    # -- what is on the desk

    def load(self) -> None:
        """Lay out what the run's profile.md holds."""
        self.person = profile.load(self.here.path("profile.md"))
        self.known, self.stale_rows = profile.check(self.person), descendants(self.here)
        self.cards = [Card(item.text, item.section) for item in self.person.paragraphs]
        self.quiet = True
        self.called.value, self.horizon.value = self.person.short_name, self.person.horizon or ""
        for name, slider in self.traits.items():
            slider.value = self.person.traits.get(name, 0)
        self.moved = set()  # a slider that nobody touched says nothing: its 0 is no score
        self.values = [self._value_cells(item) for item in self.person.values]
        self.states = [self._state_cells(item) for item in self.person.states]
        self.quiet = False
        self.lay()

    def lay(self, first: int | None = None) -> None:
        """Draw the desk anew after cards came, went or moved; `first` is the card to go to."""
        first = self.go.value if first is None else first
        self.quiet = True
        self.go.options = [(f"{place + 1}. {' '.join(bare(card.text).split()[:11])} …", place) for place, card in enumerate(self.cards)]
        self.go.value = min(max(0, first or 0), len(self.cards) - 1) if self.cards else None
        rests = [("nothing", -1), *((f"card {place + 1}", place) for place in range(len(self.cards)))]
        for row in self.values:
            row.rests.options = rests
            row.rests.value = next((place for place, card in enumerate(self.cards) if card is row.card), -1)
        self.value_rows.children = [row.view for row in self.values] or [_html(note("This profile has none."))]
        self.state_rows.children = [row.view for row in self.states] or [_html(note("This profile has none."))]
        self.quiet = False
        self.draw()

    def draw(self) -> None:
        """Show the cards from the chosen one on."""
        if self.quiet:
            return
        self.quiet = True
        for place, slot in enumerate(self.slots):
            card = self.card(place)
            slot.view.layout.display = None if card else "none"
            slot.text.value = card.text if card else ""
        self.quiet = False
        self.tell()

    def card(self, place: int) -> Card | None:
        """The card in a slot."""
        index = (self.go.value or 0) + place
        return self.cards[index] if index < len(self.cards) else None

    def turn(self, pages: int) -> None:
        """Go a screenful of cards on or back."""
        if self.cards:
            self.go.value = min(max(0, self.go.value + pages * self.SHOWN), len(self.cards) - 1)

    # -- what a person does

    def typed(self, place: int) -> None:
        """Words were changed in a slot."""
        if not self.quiet and (card := self.card(place)):
            card.text = self.slots[place].text.value
            self.tell()

    def _slid(self, name: str, _) -> None:
        if not self.quiet:
            self.moved.add(name)
            self.tell()

    def split(self, place: int) -> None:
        """Make two cards of one, at the end of a sentence nearest to its middle."""
        card = self.card(place)
        ends = [match.end() for match in re.finditer(r"[.!?][\"'”’)]*\s+(?=\S)", card.text)]
        if not ends:
            self.said.value = note("One sentence only: nothing to split.")
            return
        cut = min(ends, key=lambda end: abs(end - len(card.text) / 2))
        index = self.cards.index(card)
        self.cards.insert(index + 1, Card(card.text[cut:].strip(), card.section))
        card.text = card.text[:cut].strip()
        self.lay()

    def up(self, place: int) -> None:
        """Exchange a card with the one above."""
        self._swap(place, -1)

    def down(self, place: int) -> None:
        """Exchange a card with the one below."""
        self._swap(place, 1)

    def _swap(self, place: int, step: int) -> None:
        index = self.go.value + place
        other = index + step
        if not 0 <= other < len(self.cards):
            return
        self.cards[index], self.cards[other] = self.cards[other], self.cards[index]
        sections = self.cards[index].section, self.cards[other].section
        self.cards[other].section, self.cards[index].section = sections  # sections stay where they are, or one would fall apart
        self.lay(min(max(self.go.value, other - self.SHOWN + 1), other))

    def add(self, place: int) -> None:
        """Put an empty card below."""
        index = self.go.value + place
        self.cards.insert(index + 1, Card("", self.cards[index].section))
        self.lay(max(self.go.value, index + 2 - self.SHOWN))

    def remove(self, place: int) -> None:
        """Take a card out; the last one stays, empty."""
        if len(self.cards) == 1:
            self.cards[0].text = ""
        else:
            del self.cards[self.go.value + place]
        self.lay()

    def take(self) -> None:
        """Put the paragraphs of the pasted page behind the last card; its horizon where there is none."""
        try:
            found = profile.parse(self.page.value, self.person.name)
        except run.RunError as error:
            self.said.value = note(str(error))
            return
        first = len(self.cards)
        self.cards += [Card(item.text, item.section) for item in found.paragraphs]
        self.horizon.value = self.horizon.value or found.horizon or ""
        self.page.value = ""
        self.lay(first)

    def _read_file(self) -> None:
        for item in self.file.value:
            self.page.value = bytes(item["content"]).decode("utf-8", "replace")

    def _value_cells(self, item) -> SimpleNamespace:
        import ipywidgets

        cells = self._cells(item, {"stance": "1 1 16em", "opposite": "1 1 16em"})
        card = next((card for card in self.cards if item and item.paragraph in card.ids), None)
        rests = ipywidgets.Dropdown(layout={"width": "8em"})
        row = SimpleNamespace(item=item, cells=cells, rests=rests, card=card)
        rests.observe(lambda _: self._rest(row), "value")
        row.view = ipywidgets.HBox([*cells.values(), rests], layout=ROW)
        return row

    def _rest(self, row: SimpleNamespace) -> None:
        if not self.quiet:
            row.card = self.cards[row.rests.value] if row.rests.value is not None and row.rests.value >= 0 else None
            self.tell()

    def _state_cells(self, item) -> SimpleNamespace:
        import ipywidgets

        cells = self._cells(item, {"when": "0 1 9em", "place": "0 1 12em", "state": "1 1 16em"})
        return SimpleNamespace(item=item, cells=cells, view=ipywidgets.HBox(list(cells.values()), layout=ROW))

    def _cells(self, item, sizes: dict[str, str]) -> dict:
        import ipywidgets

        made = {}
        for name, size in sizes.items():
            words = str(getattr(item, name)) if item else ""
            made[name] = ipywidgets.Text(value=words, placeholder=name, layout={"flex": size, "width": "auto"})
            made[name].observe(lambda _: self.tell(), "value")
        return made

    def _more(self, rows: list, row: SimpleNamespace) -> None:
        rows.append(row)
        self.lay()

    # -- what comes of it

    def tell(self) -> None:
        """Say what the changes would make stale, and what a careful editor would mark in them."""
        if self.quiet:
            return
        try:
            edited = self.edited()
        except run.RunError as error:
            self.said.value, self.save.disabled = note(str(error)), True
            return
        self.save.disabled = False
        changed, marks = profile.diff(self.person, edited), profile.check(edited)
        fresh = [f"⚠ {row['where']}: {row['what']}" for row in marks if row not in self.known]
        lines = [self._cost(edited, bool(changed)), *self._lacking(), *fresh][:5]
        lines += self._resting(edited)
        self.said.value = panel("<br>".join(escape(line) for line in lines))
        told = [f"{row['where']}: {row['what']}" for row in marks] or ["None."]
        self.marks.value = panel("<br>".join(escape(line) for line in told))
        self.changes.value = panel(escape(changed) or "None.", "font-family:var(--jp-code-font-family,monospace);font-size:90%")
        self._heads()

    def _heads(self) -> None:
        for place, slot in enumerate(self.slots):
            if card := self.card(place):
                fresh = "" if set(card.ids) <= {item.id for item in self.person.paragraphs} and card.text.strip() else " · changed"
                facts = f"{card.section} · {len(card.text.split())} words · id {', '.join(card.ids) or 'none'}{fresh}"
                slot.head.value = panel(f"<b>{self.cards.index(card) + 1}</b> <span style='{QUIET}'>{escape(facts)}</span>")

    def _cost(self, edited: profile.Profile, changed: bool) -> str:
        stale = profile.invalidated(self.person, edited)
        new = len({item.id for item in edited.paragraphs} - {item.id for item in self.person.paragraphs})
        if not stale and not new:
            return "Changed, not saved yet; no experience is lost by it." if changed else "Saved as it stands."
        lost = sum((self.stale_rows.get(id, Counter()) for id in stale), Counter())
        gone_rows = ", ".join(f"{count} {name}" for name, count in lost.items())
        told = f"{_some(len(stale), 'paragraph')} changed or gone, {new} new, not saved yet"
        return f"{told}: {gone_rows or 'nothing made of them so far'}{' will be made again' if gone_rows else ''}."

    def _resting(self, edited: profile.Profile) -> list[str]:
        """Values whose card has other words now: the ground may have gone from under them."""
        before = {item.stance: item.paragraph for item in self.person.values}
        moved = [item.stance for item in edited.values if item.paragraph and before.get(item.stance) not in (None, "", item.paragraph)]
        return [f"⚠ “{stance[:70]}” rests on words that changed: see that it still does." for stance in moved[:3]]

    def edited(self) -> profile.Profile:
        """The profile as the desk shows it: a card with empty lines becomes several paragraphs, an empty one none. Raises RunError."""
        paragraphs = [
            profile.Paragraph(" ".join(part.split()), card.section)
            for card in self.cards for part in re.split(r"\n\s*\n", card.text) if part.strip()
        ]  # fmt: skip
        moved = {name: round(slider.value, 2) for name, slider in self.traits.items() if name in self.moved}
        data = self.person.model_dump(exclude={"paragraphs", "warnings"}) | {"traits": self.person.traits | moved}
        data |= {"short_name": self.called.value.strip() or self.person.short_name, "horizon": self.horizon.value.strip() or None}
        data["values"] = [self._filled(row) | {"paragraph": self._ground(row)} for row in self.values if self._counts(row)]
        data["states"] = [self._filled(row) for row in self.states if self._counts(row)]
        try:
            return profile.Profile(**data, paragraphs=tuple(paragraphs))
        except ValueError as error:
            raise run.RunError(f"Not as a profile can be: {_first_line(error)}") from error

    def _ground(self, row: SimpleNamespace) -> str:
        if row.card is None:  # rests on nothing, or on a paragraph that was not there when the profile was loaded
            return row.item.paragraph if row.item and row.rests.value == -1 and not self._was_there(row.item.paragraph) else ""
        return (row.card.ids or [""])[0]

    def _was_there(self, id: str) -> bool:
        return self.person.paragraph(id) is not None

    @staticmethod
    def _words(row: SimpleNamespace) -> dict[str, str]:
        return {name: cell.value.strip() for name, cell in row.cells.items()}

    def _lacks(self, row: SimpleNamespace) -> list[str]:
        """What a row that was begun here still needs; nothing of an empty one, and of one that stands so in the profile."""
        words = self._words(row)
        if (
            not any(words.values())
            or row.item in (*self.person.values, *self.person.states)
            and words == row.item.model_dump(include={*words})
        ):
            return []
        return [name for name in self.WHOLE if name in words and not words[name]]

    def _counts(self, row: SimpleNamespace) -> bool:
        return any(self._words(row).values()) and not self._lacks(row)

    def _lacking(self) -> list[str]:
        """A line for each row that is not saved, and what it lacks."""
        return [
            f"⚠ {kind} {number} is not saved yet: fill in its {' and '.join(lacks)}."
            for kind, rows in (("Value", self.values), ("State", self.states))
            for number, row in enumerate(rows, 1) if (lacks := self._lacks(row))
        ]  # fmt: skip

    def _filled(self, row: SimpleNamespace) -> dict:
        return (row.item.model_dump() if row.item else {}) | self._words(row)

    def write(self) -> None:
        """Save to the run's profile.md. Says what went wrong instead of raising into the event loop."""
        try:
            edited = self.edited()
            if not edited.paragraphs:
                raise run.RunError("A profile needs at least one paragraph.")
            with self.here.stage("profile editor"):
                profile.save(edited, self.here.path("profile.md"))
        except run.RunError as error:
            self.said.value = note(str(error))
            return
        stale = profile.invalidated(self.person, edited)
        self._reload()
        saved = f"Saved. {_some(len(stale), 'paragraph')} changed or gone; run notebooks 02 to 05 again."
        self.said.value = note("\n".join([saved, *self._lacking()]))

    def _reload(self) -> None:
        """Lay out what was saved, and behind it the rows that were not: nobody should have to type them again."""
        values = [profile.Value(**self._words(row), paragraph=self._ground(row)) for row in self.values if self._lacks(row)]
        states = [profile.State(**self._words(row)) for row in self.states if self._lacks(row)]
        self.load()
        self.values += [self._value_cells(item) for item in values]
        self.states += [self._state_cells(item) for item in states]
        self.lay()


def descendants(here: run.Run) -> dict[str, Counter]:
    """How many scenes, dialogues and boundary exchanges rest on each paragraph of a run so far."""
    found: dict[str, Counter] = {}
    for name, kind in (("scenes.jsonl", "scenes"), ("dialogues.jsonl", "dialogues"), ("protective.jsonl", "boundary exchanges")):
        for row in here.read_jsonl(name) if here.has(name) else ():
            for id in row.get("paragraphs", ()):
                found.setdefault(id, Counter())[kind] += 1
    return found


def _some(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return lines[2].split(" [type=")[0].removeprefix("Value error, ") if len(lines) > 2 else lines[0]


def profile_editor(here: run.Run) -> None:
    """Edit the run's profile; headless, its first paragraph and the number of marks are printed instead."""
    person = profile.load(here.path("profile.md"))
    marks, first = profile.check(person), person.paragraphs[0].text[:300]
    static = f"{person.name}: {len(person.paragraphs)} paragraphs, {len(marks)} marks. First: {first} …"
    show(static, lambda: ProfileEditor(here).view)


# ---- experience browser ------------------------------------------------------------------------------------------------------------


class ExperienceBrowser:
    """Dialogues by paragraph, kind, type of scene and emotion, and what was rejected by reason; decisions go into decisions.jsonl."""

    KINDS = ("experience", "memory", "protective", "decided by hand", "rejected")

    def __init__(self, here: run.Run):
        import ipywidgets

        self.here, self.person = here, profile.load(here.path("profile.md"))
        self.scenes = {item.id: item for item in here.read_jsonl("scenes.jsonl", Scene)}
        self.dialogues = here.read_jsonl("dialogues.jsonl", Dialogue)
        if here.has("protective.jsonl"):
            self.dialogues += here.read_jsonl("protective.jsonl", Dialogue)
        self.rejects = here.read_jsonl("rejects.jsonl", Reject) if here.has("rejects.jsonl") else []
        self.decisions = {row["dialogue"]: row for row in here.read_jsonl("decisions.jsonl")} if here.has("decisions.jsonl") else {}
        moods = {turn.emotion for item in self.dialogues for turn in item.turns if turn.emotion}
        numbers = [(f"paragraph {i}", item.id) for i, item in enumerate(self.person.paragraphs, 1)]
        self.paragraph = self._filter("Where", [("all paragraphs", ""), *numbers])
        self.kind = self._filter("Kind", [(name, name) for name in self.KINDS])
        self.type = self._filter("Type", _any(item.type for item in self.scenes.values()))
        self.mood = self._filter("Emotion", _any(moods))
        self.reason = self._filter("Reason", _any(item.reason for item in self.rejects))
        self.choice = ipywidgets.Select(rows=7, layout=WIDE)
        self.text, self.said = ipywidgets.HTML(), ipywidgets.HTML()
        self.edit = ipywidgets.Textarea(layout=WIDE | {"height": "9em"})
        tips = {
            "accept": "keep it as the teacher wrote it",
            "edit": "keep the lines below instead",
            "reject": "keep it out of the training",
        }
        self.buttons = {name: _button(name.capitalize(), tip, partial(self.decide, name)) for name, tip in tips.items()}
        for part in (self.paragraph, self.kind, self.type, self.mood, self.reason):
            part.observe(lambda _: self.fill(), "value")
        self.choice.observe(lambda _: self.show(), "value")
        filters = ipywidgets.HBox([self.kind, self.paragraph, self.type, self.mood, self.reason], layout=ROW)
        hint = ipywidgets.HTML(note("To edit, change the lines below and press Edit; Accept and Reject take the dialogue as it is."))
        decide = ipywidgets.HBox(list(self.buttons.values()), layout=ROW)
        self.view = ipywidgets.VBox([gone(), filters, self.choice, self.text, hint, self.edit, decide, self.said])
        self.fill()

    @staticmethod
    def _filter(name: str, options: list):
        import ipywidgets

        return ipywidgets.Dropdown(options=options, description=name, style={"description_width": "5em"}, layout={"width": "20em"})

    def fill(self) -> None:
        """Put what the filters let through into the list; filters that say nothing of this kind are put away."""
        kind = self.kind.value
        for part, kinds in ((self.type, ("experience",)), (self.mood, ("experience",)), (self.reason, ("rejected",))):
            part.layout.display = None if kind in kinds else "none"
        if kind == "rejected":
            self.shown = [
                item for item in self.rejects if self.paragraph.value in ("", item.paragraph) and self.reason.value in ("", item.reason)
            ]
            names = [f"{item.reason}: {item.text[:70]}" for item in self.shown]
        else:
            self.shown = [item for item in self._of_kind(kind) if self._passes(item)]
            names = [f"{self._mark(item.id)}{item.turns[0].role}: {item.turns[0].text[:80]}" for item in self.shown]
        self.choice.options = [(" ".join(bare(name).split()), place) for place, name in enumerate(names)]
        self.choice.value = 0 if names else None
        self.said.value = note("" if names else "Nothing of this kind here.")
        self.show()

    def _of_kind(self, kind: str) -> list[Dialogue]:
        if kind != "decided by hand":
            return [item for item in self.dialogues if item.kind == kind]
        return [Dialogue.model_validate(row["was"]) for row in self.decisions.values() if "was" in row]

    def _passes(self, item: Dialogue) -> bool:
        if self.paragraph.value and self.paragraph.value not in item.paragraphs:
            return False
        if item.kind != "experience":
            return True
        scene = self.scenes.get(item.scene or "")
        right_type = not self.type.value or (scene is not None and scene.type == self.type.value)
        return right_type and (not self.mood.value or any(turn.emotion == self.mood.value for turn in item.turns))

    def _mark(self, id: str) -> str:
        action = self.decisions.get(id, {}).get("action")
        return {"accept": "✓ ", "edit": "✎ ", "reject": "✗ "}.get(action, "")

    def show(self) -> None:
        """Show what is chosen in the list."""
        item = None if self.choice.value is None else self.shown[self.choice.value]
        for button in self.buttons.values():
            button.disabled = not isinstance(item, Dialogue)
        self.edit.value, self.text.value = "", ""
        if isinstance(item, Reject):
            head = " · ".join(part for part in (item.reason, item.detail, f"paragraph {item.paragraph}" if item.paragraph else "") if part)
            self.text.value = panel(f"<b>{escape(head)}</b><br>{escape(item.text)}")
        elif item:
            turns = self.decisions.get(item.id, {}).get("turns")
            spoken = item.model_copy(update={"turns": [Turn.model_validate(turn) for turn in turns]}) if turns else item
            flags = f"<p style='{QUIET}'>flagged: {escape(', '.join(item.flags))}</p>" if item.flags else ""
            self.text.value = script_html(spoken, self.scenes.get(item.scene or "")) + panel(flags)
            self.edit.value = "\n".join(_line(turn) for turn in spoken.turns)

    def decide(self, action: str) -> None:
        """Add a decision for the dialogue shown; an edit is parsed like any teacher's text."""
        item = None if self.choice.value is None else self.shown[self.choice.value]
        if not isinstance(item, Dialogue):
            self.said.value = note("Choose a dialogue first.")
            return
        row = {"dialogue": item.id, "action": action, "was": item.model_dump(mode="json", exclude_none=True)}
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
        self.decisions[item.id] = row
        place = self.choice.value
        self.fill()
        self.choice.value = min(place, len(self.shown) - 1)
        self.said.value = note(f"Kept: {action}. Run this notebook again to apply it.")


def _any(names) -> list[tuple[str, str]]:
    return [("any", ""), *((name, name) for name in sorted(set(names)))]


def _line(turn: Turn) -> str:
    """A turn as the teacher would write it, so that an edit is read like a teacher's text."""
    mood = f", {turn.emotion}" if turn.emotion else ""
    return f"{turn.role} ({turn.action}{mood}): {turn.text}"


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
        return f"{fits}{epochs:g} of {row['asked_epochs']:g} epochs fit the time" + (f"; {left} conversations are left out" if left else "")
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
        self.heard: dict[str, list[tuple[int, str]]] = {}
        self.bar = ipywidgets.FloatProgress(min=0, max=1, layout={"flex": "1 1 20em", "width": "auto"})
        self.stop = _button(
            "Stop and keep", "end the training after this step and keep what it has learned", self.ask_to_stop, button_style="warning"
        )
        self.line = ipywidgets.HTML(note("Starting the upload process …"))
        self.curve, self.reply = ipywidgets.HTML(), ipywidgets.HTML()
        hint = ipywidgets.HTML(note("If the button does not answer in your front end, make a file named STOP in the run folder."))
        row = ipywidgets.HBox([self.bar, self.stop], layout=ROW)
        self.view = ipywidgets.VBox([gone(), row, self.line, self.curve, self.reply, hint])

    def answer_while_busy(self) -> None:
        """Let a press arrive while the cell that shows this still runs.

        JupyterLab sends presses to a subshell of the kernel, a second thread; ipykernel 7.4 redirects them to the shell that last wrote to
        the widget, which is the busy one, and so would deliver them when the training is over. A button that nobody wrote to is left alone.
        """
        if self.stop.comm is not None:
            vars(self.stop.comm).pop("_reply_subshell_id", None)

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
            for item in row["replies"]:
                self.heard.setdefault(item["question"], []).append((row["epoch"], item["reply"]))
            self.reply.value = panel("".join(self._changing(*item) for item in self.heard.items()))
        else:
            self.line.value = panel(escape(describe(row)))
        if row.get("event") in ("stop", "end"):
            self.stop.disabled = True
            self.stop.description = "Stopped" if row["event"] == "stop" else "Done"

    @staticmethod
    def _changing(question: str, replies: list[tuple[int, str]]) -> str:
        """A question with its last replies, the newest in full ink."""
        last = [
            f"<span style='{QUIET if place else ''}'>epoch {epoch}: {escape(reply)}</span>"
            for place, (epoch, reply) in enumerate(replies[:-4:-1])
        ]
        return f"<p style='margin:.5em 0'><b>{escape(question)}</b><br>{'<br>'.join(last)}</p>"


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

    The cell blocks until the training ends, so that the cells below find its product. A press of the button still arrives
    (`UploadMonitor.answer_while_busy`), and where it does not, the file STOP does the same.
    """
    monitor = None
    if live():
        from IPython.display import display

        monitor = UploadMonitor(here)
        display(monitor.view)
        monitor.answer_while_busy()
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
        states = [("any", -1), *((f"{item.when} {item.place}: {item.state}"[:60], place) for place, item in enumerate(person.states))]
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
        self.state.observe(lambda _: self.move(), "value")
        care = ipywidgets.HTML(note(CARE.format(name=person.name)))
        top = ipywidgets.HBox([self.place, self.time, self.state, self.beside], layout=ROW)
        heard = ipywidgets.HBox(self.columns, layout=ROW | {"align_items": "flex-start"})
        line = ipywidgets.HBox([self.words, self.send], layout=ROW)
        tools = ipywidgets.HBox([self.again, self.why, self.keep], layout=ROW)
        self.view = ipywidgets.VBox([gone(), care, top, heard, line, tools, self.said])
        self.seat()

    def move(self) -> None:
        """Go to the time and place of the chosen emotional state; they can still be changed."""
        if self.state.value >= 0:
            item = self.person.states[self.state.value]
            self.place.value, self.time.value = item.place, item.when

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
        state = self.person.states[self.state.value].state if self.state.value >= 0 else ""
        setting = {"place": self.place.value, "time": self.time.value, "state": state}
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
        messages = self.talks["simulacrum"].messages
        if not messages or messages[-1]["role"] != "assistant":
            self.said.value = note("Nothing has been said yet.")
            return
        try:
            near = evidence.Nearest(self.here).of(messages[-2]["content"], messages[-1]["content"])
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
    for _ in itertools.islice(talk.say("Good day. What occupies you at present?"), TWIN):
        pass
    read(f"{CARE.format(name=person.name)}\nVisitor: {talk.messages[-2]['content']}\n{person.short_name}: {talk.messages[-1]['content']} …")


# ---- dinner table ------------------------------------------------------------------------------------------------------------------

TOPICS = ("What is worth a whole life's work?", "Whom may one trust with power?", "What does money do to people?", "What do you regret?")


def guests(here: run.Run, sim, person: profile.Profile) -> dict[str, tuple]:
    """Who can sit down: label -> (run or None, profile). Other runs' simulacra first, then shipped characters merely prompted."""
    found = {}
    for name, other in neighbours(here, sim).items():
        whom = profile.load(other.path("profile.md"))
        found[f"{whom.name} (run {name})"] = (other, whom)
    for slug in profile.shipped():
        other = profile.load(profile.find(slug))
        if other.name != person.name:
            found[f"{other.name} (merely prompted)"] = (None, other)
    return found


class DinnerTable:
    """Two or three characters talk with each other about a topic; their adapters are names in one simulacrum."""

    def __init__(self, here: run.Run, sim, person: profile.Profile):
        import ipywidgets

        self.here, self.sim, self.person = here, sim, person
        self.guests = guests(here, sim, person)
        named = {"layout": {"flex": "1 1 22em", "width": "auto"}, "style": {"description_width": "4em"}}
        self.guest = ipywidgets.Dropdown(options=list(self.guests), description="Guest", **named)
        self.third = ipywidgets.Dropdown(options=[("nobody else", ""), *((name, name) for name in self.guests)], description="And", **named)
        self.topic = ipywidgets.Combobox(value=TOPICS[0], options=TOPICS, description="Topic", **named)
        self.turns = ipywidgets.IntSlider(value=6, min=2, max=12, step=2, description="Replies", **named)
        self.start = _button("Serve", "let them talk", self.serve, button_style="primary")
        self.text, self.said = ipywidgets.HTML(), ipywidgets.HTML()
        self.rows: list = []
        top = ipywidgets.HBox([self.guest, self.third, self.topic, self.turns, self.start], layout=ROW)
        self.view = ipywidgets.VBox([gone(), ipywidgets.HTML(note(self.care())), top, self.text, self.said])

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
            seated = [self.guests[name] for name in dict.fromkeys((self.guest.value, self.third.value)) if name]
            seed = len(list(self.here.path("conversations").glob("dinner-*.jsonl")))  # another evening, another talk
            self.rows = dine(self.here, self.sim, self.person, seated, self.topic.value, self.turns.value, seed, self._add)
            self.said.value = note(f"Saved as conversations/{self.rows[0].conversation}.jsonl.")
        except run.RunError as error:
            self.said.value = note(str(error))
        finally:
            self.start.disabled = False

    def _add(self, name: str, text: str) -> None:
        from charlib import plots

        names = [self.person.name, *(self.guests[label][1].name for label in (self.guest.value, self.third.value) if label)]
        bar = plots.colour(("simulacrum", "prompted_profile", "shuffled")[names.index(name) if name in names else 1])
        look = f"margin:.5em 0;padding:.1em .7em;border-left:3px solid {bar}"
        self.text.value += panel(
            f"<p style='{look}' data-who='{escape(name)}'><b>{escape(name)}:</b> <span data-said>{escape(text)}</span></p>"
        )


def dine(
    here: run.Run | None,
    sim,
    person: profile.Profile,
    seated: list[tuple],
    topic: str,
    turns: int = 6,
    seed: int = 0,
    on_reply=None,
    tokens: int = 64,
) -> list:
    """A dinner of the run's simulacrum with `seated`, of `guests`; kept in `here`, if given. `on_reply(name, spoken)` hears each reply. Returns the rows."""
    from charlib import interview, simulacrum

    sampling = simulacrum.Sampling(max_new_tokens=tokens, temperature=0.7)
    company = [interview.Trained(sim, person, sampling=sampling)]
    for other, whom in seated:
        if other is None:
            company.append(interview.Prompted(sim, whom, name=f"prompted {whom.short_name}", sampling=sampling))
        else:
            adapter, whom = invite(sim, other)
            company.append(interview.Trained(sim, whom, name=adapter, adapter=adapter, sampling=sampling))
    return interview.dinner(company, topic, turns, seed, here, on_reply)


def dinner_table(here: run.Run, sim, person: profile.Profile) -> None:
    """Two or three characters at one table; headless, one short dinner with the first guest is printed."""
    if live():
        show("Two or three characters talk with each other. (Run this cell again to listen.)", lambda: DinnerTable(here, sim, person).view)
        return
    label, guest = next(iter(guests(here, sim, person).items()))
    read(f"{person.name} sits at table with {label}. {TOPICS[0]}")
    dine(None, sim, person, [guest], TOPICS[0], 2, on_reply=lambda name, text: read(f"{name}: {text} …"), tokens=TWIN)


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
        marks = [("?", ""), *[(str(value), value) for value in range(judge.SCALE[0], judge.SCALE[1] + 1)]]
        sides = [("cannot tell", ""), ("A", "A"), ("tie", "tie"), ("B", "B")]
        self.kind = kind
        self.rater = ipywidgets.Text(value=rater, description="Rater", placeholder="a short name of your choice", continuous_update=False)
        self.head, self.said = ipywidgets.HTML(), ipywidgets.HTML()
        self.texts = {letter: ipywidgets.HTML() for letter in letters}
        small = {"style": {"button_width": "auto"}, "tooltips": ["cannot tell", "worst", *[""] * 5, "best"]}
        self.marks = {letter: ipywidgets.ToggleButtons(options=marks, value=None, **small) for letter in letters}
        self.side = ipywidgets.ToggleButtons(options=sides, value=None, description="Better")
        self.save = _button("Save and next", "keep these marks in ratings.jsonl", self.write, button_style="primary")
        self.rater.observe(self._open, "value")
        flex = {"flex": "1 1 18em", "width": "auto"}
        columns = [ipywidgets.VBox([self.texts[name], *([self.marks[name]] if kind == "likert" else [])], layout=flex) for name in letters]
        body = [ipywidgets.HBox(columns, layout=ROW | {"align_items": "flex-start"}), *([self.side] if kind == "pair" else [])]
        self.view = ipywidgets.VBox([gone(), self.rater, self.head, *body, self.save, self.said], layout=WIDE)
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
        passages = f"<details><summary style='cursor:pointer;{QUIET}'>What the profile says of it</summary><ul>{passages}</ul></details>"
        known = "" if task.reference == "none" else f"<p>{escape(task.reference)}</p>"
        scale = (
            f"1 worst, 7 best, ? cannot tell; only {task.dimension} counts here"
            if self.kind == "likert"
            else f"only {task.dimension} counts here"
        )
        asked = f"<p style='{QUIET}'>{left} to go · {escape(scale)}</p><p><b>{escape(task.asked)}</b></p>"
        self.head.value = panel(f"{asked}{known}{passages if task.passages else ''}")
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


# ---- a judge -----------------------------------------------------------------------------------------------------------------------


def judged(found: dict) -> None:
    """What `examination.judged` found: a judge model's verdicts, its agreement with itself first, and how it agrees with people; or that none was asked."""
    from charlib import judge

    if not found["judges"]:
        print("No judge model has read these replies; the scores above stand without one.\nSet JUDGE to 'endpoint' to ask one.")
        return
    print(judge.markdown(found["judges"]))
    for name, cells in found["against"].items():
        print(f"\n{name} against people:", *(f"{dimension}: {_cell_text(cell)}" for dimension, cell in cells.items()), sep="\n")


def imported(found: dict) -> None:
    """What `examination.imported` found: other projects' answers and ours in one table, then its parts; or that none was given."""
    from charlib import report

    if not found:
        print("No answers of other projects were given.\nSet IMPORTED to their folder to see them beside yours.")
        return
    print(report.markdown(found), report.markdown(found, "parts"), sep="\n\n")
