"""The profile editor."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

from charlib import profile as profiles
from charlib import run
from charlib.records import TRAITS, Paragraph, Profile, State, Value, content_id
from charlib.show.widgets import (
    QUIET,
    ROW,
    WIDE,
    as_html,
    bare,
    escape,
    gone,
    make_button,
    note,
    panel,
    show,
)


@dataclass
class Card:
    """A paragraph on the editor's desk. It stays the same card while its words and its place
    change, so what rests on it follows it.
    """

    text: str
    section: str = ""

    @property
    def ids(self) -> list[str]:
        """The ids it will have: several where an empty line parts it, none where it is empty."""
        return [content_id(part) for part in re.split(r"\n\s*\n", self.text) if part.strip()]


class Slot:
    """One card as the desk shows it: a head, the words, and what can be done with it."""

    def __init__(self, editor: "ProfileEditor", place: int):
        import ipywidgets

        self.head = ipywidgets.HTML()
        self.text = ipywidgets.Textarea(layout=WIDE | {"height": "8.5em"})
        doings = {"Split": ("in two, at the sentence nearest to its middle", editor.split), "Up": ("before the card above", editor.up),
                  "Down": ("after the card below", editor.down), "Add": ("an empty card below", editor.add), "Remove": ("take it out", editor.remove)}  # fmt: skip
        self.buttons = [make_button(name, tip, partial(does, place), layout={"width": "6em"}) for name, (tip, does) in doings.items()]
        self.text.observe(lambda _: editor.typed(place), "value")
        self.view = ipywidgets.VBox(
            [self.head, self.text, ipywidgets.HBox(self.buttons, layout=ROW)], layout=WIDE | {"margin": "0 0 .8em 0"}
        )


class ProfileEditor:
    """Paragraphs as cards to write, split and move, traits as sliders, values and states as rows;
    Save says what it makes stale.
    """

    SHOWN = 3  # cards at a time: what fits a screen, and what a browser redraws at once
    # what a row needs before it is saved: half a value would be asked with an empty option
    WHOLE = ("stance", "opposite", "when", "state")

    def __init__(self, here: run.Run):
        import ipywidgets

        self.here = here
        self.go = ipywidgets.Dropdown(description="Go to", layout={"flex": "1 1 24em", "width": "auto"})
        self.back, self.on = make_button("◀", "earlier cards", lambda: self.turn(-1)), make_button("▶", "later cards", lambda: self.turn(1))
        for one in (self.back, self.on):
            one.layout.width = "3em"
        self.slots = [Slot(self, place) for place in range(self.SHOWN)]
        named = {"style": {"description_width": "10em"}, "layout": {"width": "30em"}}
        self.called = ipywidgets.Text(description="Called", **named)
        self.horizon = ipywidgets.Text(description="Horizon", placeholder="[-]YYYY[-MM[-DD]], the last day known", **named)
        sliders = {"min": -1, "max": 1, "step": 0.1, "readout_format": "+.1f", **named}
        self.traits = {name: ipywidgets.FloatSlider(description=name, **sliders) for name in TRAITS}
        self.value_rows, self.state_rows = ipywidgets.VBox(), ipywidgets.VBox()
        self.page = ipywidgets.Textarea(placeholder="Paste a page of biography, or choose a file …", layout=WIDE | {"height": "8em"})
        self.file = ipywidgets.FileUpload(accept=".txt,.md", description="Choose a file")
        self.save = make_button("Save", "write profile.md of this run", self.write, button_style="primary")
        self.undo = make_button("Undo all", "back to what is saved", self.load)
        self.said, self.changes, self.marks = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self.quiet = False  # whether the desk itself is writing into its cells
        self.load()
        self.go.observe(lambda _: self.draw(), "value")
        self.file.observe(lambda _: self._read_file(), "value")
        for part in (self.called, self.horizon):
            part.observe(lambda _: self.tell(), "value")
        for name, slider in self.traits.items():
            slider.observe(partial(self._slid, name), "value")
        more_values = make_button("Add a value", "a conviction and its opposite", lambda: self._more(self.values, self._value_cells(None)))
        more_states = make_button(
            "Add a state", "an emotional state of a time and a place", lambda: self._more(self.states, self._state_cells(None))
        )
        take = make_button("Add its paragraphs", "put the page's paragraphs behind the last card", self.take)
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
        self.person = profiles.load(self.here.path("profile.md"))
        self.known, self.stale_rows = profiles.check(self.person), descendants(self.here)
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
        self.value_rows.children = [row.view for row in self.values] or [as_html(note("This profile has none."))]
        self.state_rows.children = [row.view for row in self.states] or [as_html(note("This profile has none."))]
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
        # sections stay where they are, or one would fall apart
        self.cards[other].section, self.cards[index].section = sections
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
        """Put the paragraphs of the pasted page behind the last card; its horizon where there is
        none.
        """
        try:
            found = profiles.parse(self.page.value, self.person.name)
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
        changed, marks = profiles.diff(self.person, edited), profiles.check(edited)
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

    def _cost(self, edited: Profile, changed: bool) -> str:
        stale = profiles.invalidated(self.person, edited)
        new = len({item.id for item in edited.paragraphs} - {item.id for item in self.person.paragraphs})
        if not stale and not new:
            return "Changed, not saved yet; no experience is lost by it." if changed else "Saved as it stands."
        lost = sum((self.stale_rows.get(id, Counter()) for id in stale), Counter())
        gone_rows = ", ".join(f"{count} {name}" for name, count in lost.items())
        told = f"{_some(len(stale), 'paragraph')} changed or gone, {new} new, not saved yet"
        return f"{told}: {gone_rows or 'nothing made of them so far'}{' will be made again' if gone_rows else ''}."

    def _resting(self, edited: Profile) -> list[str]:
        """Values whose card has other words now: the ground may have gone from under them."""
        before = {item.stance: item.paragraph for item in self.person.values}
        moved = [item.stance for item in edited.values if item.paragraph and before.get(item.stance) not in (None, "", item.paragraph)]
        return [f"⚠ “{stance[:70]}” rests on words that changed: see that it still does." for stance in moved[:3]]

    def edited(self) -> Profile:
        """The profile as the desk shows it: a card with empty lines becomes several paragraphs, an
        empty one none. Raises RunError.
        """
        paragraphs = [
            Paragraph(" ".join(part.split()), card.section)
            for card in self.cards for part in re.split(r"\n\s*\n", card.text) if part.strip()
        ]  # fmt: skip
        moved = {name: round(slider.value, 2) for name, slider in self.traits.items() if name in self.moved}
        data = self.person.model_dump(exclude={"paragraphs", "warnings"}) | {"traits": self.person.traits | moved}
        data |= {"short_name": self.called.value.strip() or self.person.short_name, "horizon": self.horizon.value.strip() or None}
        data["values"] = [self._filled(row) | {"paragraph": self._ground(row)} for row in self.values if self._counts(row)]
        data["states"] = [self._filled(row) for row in self.states if self._counts(row)]
        try:
            return Profile(**data, paragraphs=tuple(paragraphs))
        except ValueError as error:
            raise run.RunError(f"Not as a profile can be: {_first_line(error)}") from error

    def _ground(self, row: SimpleNamespace) -> str:
        # rests on nothing, or on a paragraph that was not there when the profile was loaded
        if row.card is None:
            return row.item.paragraph if row.item and row.rests.value == -1 and not self._was_there(row.item.paragraph) else ""
        return (row.card.ids or [""])[0]

    def _was_there(self, id: str) -> bool:
        return self.person.paragraph(id) is not None

    @staticmethod
    def _words(row: SimpleNamespace) -> dict[str, str]:
        return {name: cell.value.strip() for name, cell in row.cells.items()}

    def _lacks(self, row: SimpleNamespace) -> list[str]:
        """What a row that was begun here still needs; nothing of an empty one, and of one that
        stands so in the profile.
        """
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
        """Save to the run's profile.md. Says what went wrong instead of raising into the event
        loop.
        """
        try:
            edited = self.edited()
            if not edited.paragraphs:
                raise run.RunError("A profile needs at least one paragraph.")
            with self.here.stage("profile editor"):
                profiles.save(edited, self.here.path("profile.md"))
        except run.RunError as error:
            self.said.value = note(str(error))
            return
        stale = profiles.invalidated(self.person, edited)
        self._reload()
        saved = f"Saved. {_some(len(stale), 'paragraph')} changed or gone; run notebooks 02 to 05 again."
        self.said.value = note("\n".join([saved, *self._lacking()]))

    def _reload(self) -> None:
        """Lay out what was saved, and behind it the rows that were not: nobody should have to type
        them again.
        """
        values = [Value(**self._words(row), paragraph=self._ground(row)) for row in self.values if self._lacks(row)]
        states = [State(**self._words(row)) for row in self.states if self._lacks(row)]
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
    """Edit the run's profile; headless, its first paragraph and the number of marks are printed
    instead.
    """
    person = profiles.load(here.path("profile.md"))
    marks, first = profiles.check(person), person.paragraphs[0].text[:300]
    static = f"{person.name}: {len(person.paragraphs)} paragraphs, {len(marks)} marks. First: {first} …"
    show(static, lambda: ProfileEditor(here).view)
