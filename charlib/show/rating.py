"""Blind rating, and what judges and other projects' answers say."""

from charlib import run, scores
from charlib.records import SCALE
from charlib.show.exports import markdown
from charlib.show.widgets import QUIET, ROW, WIDE, escape, gone, make_button, note, panel, show


class BlindRating:
    """Replies of several systems behind letters, one question at a time; each rater's marks go to
    ratings.jsonl, letters only.

    What people said of which system is shown only to a rater who has done all of it.
    """

    def __init__(self, here: run.Run, kind: str = "likert", rater: str = "", seed: int = 0):
        import ipywidgets


        self.here, self.seed, self.tasks = here, seed, scores.rating_tasks(here, kind)
        letters = list(max((task.shown for task in self.tasks), key=len, default={}))
        marks = [("?", ""), *[(str(value), value) for value in range(SCALE[0], SCALE[1] + 1)]]
        sides = [("cannot tell", ""), ("A", "A"), ("tie", "tie"), ("B", "B")]
        self.kind = kind
        self.rater = ipywidgets.Text(value=rater, description="Rater", placeholder="a short name of your choice", continuous_update=False)
        self.head, self.said = ipywidgets.HTML(), ipywidgets.HTML()
        self.texts = {letter: ipywidgets.HTML() for letter in letters}
        small = {"style": {"button_width": "auto"}, "tooltips": ["cannot tell", "worst", *[""] * 5, "best"]}
        self.marks = {letter: ipywidgets.ToggleButtons(options=marks, value=None, **small) for letter in letters}
        self.side = ipywidgets.ToggleButtons(options=sides, value=None, description="Better")
        self.save = make_button("Save and next", "keep these marks in ratings.jsonl", self.write, button_style="primary")
        self.rater.observe(self._open, "value")
        flex = {"flex": "1 1 18em", "width": "auto"}
        columns = [ipywidgets.VBox([self.texts[name], *([self.marks[name]] if kind == "likert" else [])], layout=flex) for name in letters]
        body = [ipywidgets.HBox(columns, layout=ROW | {"align_items": "flex-start"}), *([self.side] if kind == "pair" else [])]
        self.view = ipywidgets.VBox([gone(), self.rater, self.head, *body, self.save, self.said], layout=WIDE)
        self._open(None)

    def _open(self, _):
        """The next task that this rater has not rated, in the rater's own order."""

        name = " ".join(self.rater.value.split())
        self.order = scores.in_order(self.tasks, name, self.seed)
        done = {row.task for row in scores.read_ratings(self.here) if row.rater == name}
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
        """Keep the marks of the task shown and go on. Says what went wrong instead of raising into
        the event loop.
        """

        if self.task is None:
            return
        chosen = {"": self.side.value} if self.kind == "pair" else {letter: self.marks[letter].value for letter in self.task.shown}
        if None in chosen.values():
            self.said.value = note("Choose for every reply first, or say that you cannot tell.")
            return
        given = {letter: value if value != "" else None for letter, value in chosen.items()}
        given = given[""] if self.kind == "pair" else given
        try:
            scores.rate(self.here, self.task, self.rater.value, given, order=self.order.index(self.task))
        except run.RunError as error:
            self.said.value = note(str(error))
            return
        self.said.value = note("Kept in ratings.jsonl.")
        self._open(None)


def ratings_text(here: run.Run) -> str:
    """What people rated, agreement first, in plain lines; that nobody has, where nobody has."""

    found = scores.people(here)
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
    """Rate blind, side by side; headless, one task is printed as a rater would see it, and results
    only if people rated.
    """
    import ipywidgets


    waiting = scores.rating_tasks(here, kind)
    if not waiting:
        none = "No blind tasks in this run yet: judge.prepare(...) makes them."
        show(none, lambda: ipywidgets.HTML(note(none)))
        return
    first = scores.in_order(waiting, rater, seed)[0]
    replies = [f"{letter}: {text}" for letter, text in first.shown.items()]
    head = f"{len(waiting)} questions to rate blind, from 1 to 7 each. One of them ({first.dimension}): {first.asked}"
    show("\n".join([head, *replies, ratings_text(here)]), lambda: BlindRating(here, kind, rater, seed).view)


def judged(found: dict) -> None:
    """What `examination.judged` found: a judge model's verdicts, its agreement with itself first,
    and how it agrees with people; or that none was asked.
    """

    if not found["judges"]:
        print("No judge model has read these replies; the scores above stand without one.\nSet JUDGE to 'endpoint' to ask one.")
        return
    print(scores.judges_markdown(found["judges"]))
    for name, cells in found["against"].items():
        print(f"\n{name} against people:", *(f"{dimension}: {_cell_text(cell)}" for dimension, cell in cells.items()), sep="\n")


def imported(found: dict) -> None:
    """What `examination.imported` found: other projects' answers and ours in one table, then its
    parts; or that none was given.
    """

    if not found:
        print("No answers of other projects were given.\nSet IMPORTED to their folder to see them beside yours.")
        return
    print(markdown(found), markdown(found, "parts"), sep="\n\n")
