"""The experience browser."""

from functools import partial

from charlib import experience, run
from charlib import profile as profiles
from charlib.records import Dialogue, Reject, Scene, Turn
from charlib.show.widgets import (
    QUIET,
    ROW,
    WIDE,
    bare,
    escape,
    gone,
    make_button,
    note,
    panel,
    script_html,
    show,
)


class ExperienceBrowser:
    """Dialogues by paragraph, kind, type of scene and emotion, and what was rejected by reason;
    decisions go into decisions.jsonl.
    """

    KINDS = ("experience", "memory", "protective", "decided by hand", "rejected")

    def __init__(self, here: run.Run):
        import ipywidgets

        self.here, self.person = here, profiles.load(here.path("profile.md"))
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
        self.buttons = {name: make_button(name.capitalize(), tip, partial(self.decide, name)) for name, tip in tips.items()}
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
        """Put what the filters let through into the list; filters that say nothing of this kind are
        put away.
        """
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


def experience_browser(here: run.Run) -> None:
    """Browse and decide; headless, one dialogue is printed."""
    first = next((item for item in here.read_jsonl("dialogues.jsonl", Dialogue) if item.kind == "experience"), None)
    static = experience.script(first)[:700] + " …" if first else "no full scene in this run"
    show(static, lambda: ExperienceBrowser(here).view)
