"""The profile editor: profile.md as text, sliders for the traits, and what an edit makes stale."""

import difflib
from collections import Counter
from functools import partial

import ipywidgets

from charlib import profile as profiles
from charlib import run
from charlib.records import TRAITS, Dialogue, Profile, Scene
from charlib.show import widgets as ui

KINDS = {"experience": "dialogue", "memory": "memory exchange", "protective": "boundary exchange"}


class ProfileEditor:
    """The text of a run's profile.md beside its traits. The text is the only state: a slider writes
    into it, and all that is shown is read from it."""

    def __init__(self, here: run.Run):
        self.here = here
        wide = {"flex": "1 1 30em", "width": "auto", "height": "32em"}
        self.text = ipywidgets.Textarea(continuous_update=False, layout=wide)
        look = {"min": -1, "max": 1, "step": 0.1, "readout_format": "+.1f", "layout": {
            "width": "25em"}, "style": {"description_width": "10.5em"}, "continuous_update": False}
        self.traits = {name: ipywidgets.FloatSlider(description=name, **look) for name in TRAITS}
        self.hint, self.said, self.stale, self.marks, self.changes = (
            ipywidgets.HTML() for _ in range(5))
        button = partial(ui.make_button, said=self.said)
        self.check = button("Check", "what a careful editor would mark", press=self.tell)
        self.save = button("Save", "write profile.md of this run", press=self.write,
                           first="Not saved. ", button_style="primary")
        self.undo = button("Undo all", "back to what is saved", press=self.load)
        self.file = ipywidgets.FileUpload(accept=".txt,.md", description="Open a file")
        traits = ipywidgets.VBox([*self.traits.values(), self.hint], layout={"width": "26em"})
        self.view = ui.view(ui.row(self.text, traits, align_items="flex-start"),
                            ui.row(self.check, self.save, self.undo, self.file),
                            self.said, self.stale, self.marks, self.changes)
        self.load()
        self.text.observe(lambda _: self.tell(), "value")
        self.file.observe(ui.saying(self.said, self.open), "value")
        for name, slider in self.traits.items():
            slider.observe(partial(self.slide, name), "value")

    def load(self) -> None:
        """Show what the run's profile.md holds."""
        path = self.here.path("profile.md")
        self.saved = profiles.load(path)
        self.text.value = path.read_text(encoding="utf-8-sig")
        self.tell()

    def open(self) -> None:
        """Put a chosen file in place of the text; nothing is saved by it."""
        chosen, self.file.value = self.file.value, ()
        for item in chosen:
            try:
                self.text.value = bytes(item["content"]).decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise run.RunError(f"{item['name']} is not UTF-8: save it as UTF-8.") from error

    def edited(self) -> Profile:
        """The profile that the text is. Raises RunError when it is none."""
        return follow(self.saved, profiles.parse(self.text.value, self.saved.name))

    def slide(self, name: str, moved) -> None:
        """Write a trait into the front matter; a slider that nobody moved is no score."""
        try:
            person = profiles.parse(self.text.value, self.saved.name)
        except run.RunError:
            return self.tell()
        if (score := round(moved["new"], 2)) != person.traits.get(name, 0):
            traits = person.traits | {name: score}
            self.text.value = profiles.dump(profiles.edit(person, traits=traits))

    def tell(self) -> None:
        """Show what an edit costs and what a careful editor would mark; or why it is no profile."""
        try:
            person = self.edited()
            line, rows = cost(self.here, self.saved, person)
        except run.RunError as error:
            self.said.value = ui.note(f"⚠ Not a profile yet. {error}")
            self.hint.value = ui.note("The sliders wait until the text is a profile.")
            self.marks.value = self.stale.value = self.changes.value = ""
            for slider in self.traits.values():
                slider.disabled = True
            return
        self.said.value = ui.note(f"Not saved yet. {line}" if line else "Saved as it stands.")
        self.hint.value = ui.note("A slider writes its trait into the text.")
        for name, slider in self.traits.items():
            slider.value, slider.disabled = person.traits.get(name, 0), False
        self.stale.value = titled("To be made again", rows)
        self.marks.value = titled("What a careful editor would mark", marks(self.saved, person))
        look = "font-family:var(--jp-code-font-family,monospace);font-size:90%"
        head = f"<summary style='{ui.QUIET}'>Every change</summary>"
        changed = ui.escape(profiles.diff(self.saved, person))
        self.changes.value = changed and ui.panel(f"<details>{head}{changed}</details>", look)

    def write(self) -> None:
        """Save the text as the run's profile.md. Raises RunError, and the text stays as typed."""
        person = self.edited()
        line, _ = cost(self.here, self.saved, person)
        with self.here.stage("profile editor"):
            profiles.save(person, self.here.path("profile.md"))
        self.load()
        self.said.value = ui.note(f"Saved. {line}")


def cost(here: run.Run, before: Profile, after: Profile) -> tuple[str, list[dict]]:
    """What an edit makes stale: a line that sums it up, and a row for each scene and dialogue that
    will be made again. Both are empty where nothing was edited."""
    if not profiles.diff(before, after):
        return "", []
    names, stale = names_of(before), profiles.invalidated(before, after)
    new, rows = len(set(names_of(after)) - set(names)), []
    for name, model in (("scenes", Scene), ("dialogues", Dialogue), ("protective", Dialogue)):
        for item in here.read_jsonl(f"{name}.jsonl", model) if here.has(f"{name}.jsonl") else ():
            if ids := [id for id in item.paragraphs if id in stale]:
                kind = "scene" if model is Scene else KINDS[item.kind]
                words = item.background if model is Scene else item.turns[0].text
                rows.append({"what": kind, "begins": words[:90], "of": names[ids[0]]})
    if not stale and not new:
        return "No experience is lost by it.", rows
    counts = Counter(row["what"] for row in rows)
    made = ", ".join(some(count, kind) for kind, count in counts.items()) or "nothing so far"
    return (f"{some(len(stale), 'paragraph')} changed or gone, {new} new; notebooks 02 to 05 make "
            f"again what rests on them: {made}."), rows


def marks(before: Profile, after: Profile) -> list[dict]:
    """What a careful editor would mark in an edited profile: rows of {level, where, what}."""
    names, ground = names_of(after), {item.stance: item.paragraph for item in before.values}
    rows = [row | {"where": names.get(row["where"], row["where"])} for row in profiles.check(after)]
    told = [(item.stance, "rests on words that changed: see that it still does")
            for item in after.values if ground.get(item.stance, item.paragraph) != item.paragraph]
    if after.name != before.name:
        told.append(("name", f"was {before.name}: for another character take a new RUN"))
    return rows + [{"level": "warning", "where": where, "what": what} for where, what in told]


def follow(before: Profile, after: Profile) -> Profile:
    """`after`, its values resting on what stands where their paragraphs stood: an id is made of a
    paragraph's words, and an edit would leave the value without ground."""
    old, new = ([item.id for item in one.paragraphs] for one in (before, after))
    steps = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    now = {id: other for tag, a, b, c, d in steps if tag == "replace"
           for id, other in zip(old[a:b], new[c:d], strict=False) if id not in new}
    values = [item.model_copy(update={"paragraph": now.get(item.paragraph, item.paragraph)})
              for item in after.values]
    return after.model_copy(update={"values": values})


def names_of(person: Profile) -> dict[str, str]:
    """How a person finds each paragraph in the text: its number, id and first words."""
    return {item.id: f"paragraph {at} ({item.id}): {' '.join(item.text.split()[:6])} …"
            for at, item in enumerate(person.paragraphs, 1)}


def titled(title: str, rows: list[dict]) -> str:
    """A table under its title, that scrolls where it is long; nothing where there are no rows."""
    rule = "<style>.charlib-told td:first-child{white-space:nowrap}</style>"
    look = "max-height:18em;overflow:auto;margin-top:.6em"
    told = f"{rule}<b>{title}</b><div class='charlib-told'>{ui.table(rows).html()}</div>"
    return ui.panel(told, look) if rows else ""


def some(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def profile_editor(here: run.Run) -> None:
    """Edit the run's profile; headless, how it stands and what is marked in it are printed."""
    person = profiles.load(here.path("profile.md"))
    found = marks(person, person)
    count = len(person.paragraphs)
    head = f"{person.name}: {some(count, 'paragraph')}, {some(len(found), 'mark')}."
    lines = [f"{row['level']} · {row['where']}: {row['what']}" for row in found]
    ui.show("\n".join([head, *lines]), lambda: ProfileEditor(here).view)
