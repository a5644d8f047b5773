"""The experience browser: every dialogue and reject, and decisions on them by hand."""

from functools import partial

import ipywidgets

from charlib import experience, run
from charlib import profile as profiles
from charlib.records import Dialogue, Reject, Scene, Turn
from charlib.show import widgets as ui

FILES = {"dialogues.jsonl": Dialogue, "protective.jsonl": Dialogue, "rejects.jsonl": Reject}
DECISIONS = "decisions.jsonl"
KINDS = ("experience", "memory", "protective", "decided by hand", "rejected")
MARKS = {"accept": "✓ ", "edit": "✎ ", "reject": "✗ "}
TIPS = {"accept": "keep it as the teacher wrote it", "edit": "keep the lines below instead",
        "reject": "keep it out of the training"}


class ExperienceBrowser:
    """Dialogues by paragraph, kind, type of scene and emotion, and what was rejected by reason;
    decisions go into decisions.jsonl."""

    def __init__(self, here: run.Run):
        self.here, self.person = here, profiles.load(here.path("profile.md"))
        self.places = {item.id: at for at, item in enumerate(self.person.paragraphs, 1)}
        self.scenes = {item.id: item for item in here.read_jsonl("scenes.jsonl", Scene)}
        self.load()
        look = {"style": {"description_width": "5em"}, "layout": {"width": "20em"}}
        self.filters = {name: ipywidgets.Dropdown(options=options, description=name, **look)
                        for name, options in self.options().items()}
        self.choice = ipywidgets.Select(rows=7, layout=ui.WIDE)
        self.text, self.said = ipywidgets.HTML(), ipywidgets.HTML()
        self.edit = ipywidgets.Textarea(layout=ui.WIDE | {"height": "9em"})
        self.buttons = {name: ui.make_button(
            name.capitalize(), tip, self.said, partial(self.decide, name))
            for name, tip in TIPS.items()}
        for part in self.filters.values():
            part.observe(lambda _: self.fill(), "value")
        self.choice.observe(lambda _: self.show(), "value")
        hint = ipywidgets.HTML(ui.note("To edit, change the lines below and press Edit; Accept and "
                                       "Reject take the dialogue as it is."))
        self.view = ui.view(ui.row(*self.filters.values()), self.choice, self.text, hint, self.edit,
                            ui.row(*self.buttons.values()), self.said)
        self.fill()

    def load(self) -> None:
        """Read what there is: items and what the filters may ask of each. What was decided by hand
        is kept as it was before."""
        rows = {name: self.here.read_jsonl(name, model) if self.here.has(name) else []
                for name, model in {**FILES, DECISIONS: None}.items()}
        self.decisions = {row["dialogue"]: row for row in rows.pop(DECISIONS)}
        self.items = [(item, self.facts(item)) for found in rows.values() for item in found]
        decided = [Dialogue.model_validate(row["was"]) for row in self.decisions.values()
                   if "was" in row]
        self.items += [(item, self.facts(item) | {"Kind": {"decided by hand"}}) for item in decided]

    def facts(self, item: Dialogue | Reject) -> dict[str, set]:
        """What the filters may ask of an item; what they cannot ask of its kind is missing."""
        rejected = isinstance(item, Reject)
        ids = [item.paragraph] if rejected else item.paragraphs
        found = {"Kind": {"rejected" if rejected else item.kind},
                 "Where": {self.places[id] for id in ids if id in self.places}}
        if rejected:
            found["Reason"] = {item.reason}
        elif item.kind == "experience":
            scene = self.scenes.get(item.scene or "")
            found["Type"] = {scene.type} if scene else set()
            found["Emotion"] = {turn.emotion for turn in item.turns if turn.emotion}
        return found

    def options(self) -> dict[str, list[tuple]]:
        """Labels and values of each filter, by its name."""
        places = [(f"paragraph {at}", at) for at in self.places.values()]
        found = {"Kind": [(kind, kind) for kind in KINDS], "Where": [("anywhere", ""), *places]}
        for name in ("Type", "Emotion", "Reason"):
            told = set().union(*(facts.get(name, ()) for _, facts in self.items))
            found[name] = [("any", ""), *((one, one) for one in sorted(told))]
        return found

    def fill(self) -> None:
        """Put what the filters let through into the list; put away those that say nothing here."""
        kind = self.filters["Kind"].value
        items = [(item, facts) for item, facts in self.items if kind in facts["Kind"]]
        asked = {"Kind", "Where"}.union(*(facts for _, facts in items))
        for name, part in self.filters.items():
            part.layout.display = None if name in asked else "none"
        self.shown = [item for item, facts in items if all(
            self.filters[name].value in ("", *told) for name, told in facts.items())]
        titles = [" ".join(ui.bare(self.title(item)).split()) for item in self.shown]
        self.choice.options = [(title, at) for at, title in enumerate(titles)]
        self.choice.value = 0 if titles else None
        self.said.value = ui.note("" if titles else "Nothing of this kind here.")
        self.show()

    def title(self, item: Dialogue | Reject) -> str:
        """A line of the list."""
        if isinstance(item, Reject):
            return f"{item.reason}: {item.text[:70]}"
        mark = MARKS.get(self.decisions.get(item.id, {}).get("action"), "")
        return f"{mark}{item.turns[0].role}: {item.turns[0].text[:80]}"

    def show(self) -> None:
        """Show what is chosen; a reject can only be read."""
        item = None if self.choice.value is None else self.shown[self.choice.value]
        for button in self.buttons.values():
            button.disabled = not isinstance(item, Dialogue)
        self.edit.value = self.text.value = ""
        if isinstance(item, Reject):
            where = f"paragraph {item.paragraph}" if item.paragraph else ""
            head = " · ".join(part for part in (item.reason, item.detail, where) if part)
            self.text.value = ui.panel(f"<b>{ui.escape(head)}</b><br>{ui.escape(item.text)}")
        elif item:
            if turns := self.decisions.get(item.id, {}).get("turns"):
                turns = [Turn.model_validate(turn) for turn in turns]
                item = item.model_copy(update={"turns": turns})
            flags = f"flagged: {', '.join(item.flags)}" if item.flags else ""
            scene = self.scenes.get(item.scene or "")
            self.text.value = ui.script_html(item, scene) + ui.note(flags)
            # as the teacher would write it, so that an edit is read like a teacher's text
            moods = (f", {turn.emotion}" if turn.emotion else "" for turn in item.turns)
            self.edit.value = "\n".join(f"{turn.role} ({turn.action}{mood}): {turn.text}"
                                        for turn, mood in zip(item.turns, moods, strict=True))

    def decide(self, action: str) -> None:
        """Add a decision for the dialogue shown; an edit is parsed like any teacher's text. Raises
        RunError when nothing of it is the protagonist's."""
        place = self.choice.value
        item = self.shown[place]
        row = {"dialogue": item.id, "action": action,
               "was": item.model_dump(mode="json", exclude_none=True)}
        if action == "edit":
            turns = experience.parse_dialogue(self.edit.value, self.person)
            if not turns:
                raise run.RunError(f"Not saved: {self.person.short_name} does not speak in it.")
            row["turns"] = [turn.model_dump(exclude_none=True) for turn in turns]
        with self.here.stage("decision"):
            kept = self.here.read_jsonl(DECISIONS) if self.here.has(DECISIONS) else []
            self.here.write_jsonl(DECISIONS, [*kept, row])
        self.load()
        self.fill()
        self.choice.value = min(place, len(self.shown) - 1)
        self.said.value = ui.note(f"Kept: {action}. Run this notebook again to apply it.")


def experience_browser(here: run.Run) -> None:
    """Browse and decide; headless, one dialogue is printed."""
    dialogues = here.read_jsonl("dialogues.jsonl", Dialogue)
    first = next((item for item in dialogues if item.kind == "experience"), None)
    static = f"{experience.script(first)[:700]} …" if first else "no full scene in this run"
    ui.show(static, lambda: ExperienceBrowser(here).view)
