"""Blind rating, and what judges and other projects' answers say."""

import ipywidgets

from charlib import run, scores
from charlib.records import SCALE
from charlib.show import widgets as ui
from charlib.show.exports import judges_markdown, markdown
from charlib.show.report import counted_cell

MARKS = [("?", ""), *((str(value), value) for value in range(SCALE[0], SCALE[1] + 1))]


class BlindRating:
    """Replies of several systems behind letters, one question at a time; each rater's marks go to
    ratings.jsonl, letters only. What people said of which system is shown only to a rater who has
    done all of it."""

    def __init__(self, here: run.Run, rater: str = "", seed: int = 0):
        self.here, self.seed, self.tasks = here, seed, scores.rating_tasks(here)
        letters = max((list(task.shown) for task in self.tasks), key=len, default=[])
        self.rater = ipywidgets.Text(value=rater, description="Rater", continuous_update=False,
                                     placeholder="a short name of your choice")
        self.head, self.said = ipywidgets.HTML(), ipywidgets.HTML()
        self.texts = {letter: ipywidgets.HTML() for letter in letters}
        look = {"style": {"button_width": "auto"},
                "tooltips": ["cannot tell", "worst", *[""] * 5, "best"]}
        self.marks = {letter: ipywidgets.ToggleButtons(options=MARKS, value=None, **look)
                      for letter in letters}
        self.save = ui.make_button("Save and next", "keep these marks in ratings.jsonl", self.said,
                                   self.write, button_style="primary")
        self.rater.observe(lambda _: self._open(), "value")
        flex = {"flex": "1 1 18em", "width": "auto"}
        columns = [ipywidgets.VBox([self.texts[letter], self.marks[letter]], layout=flex)
                   for letter in letters]
        body = ui.row(*columns, align_items="flex-start")
        self.view = ui.view(self.rater, self.head, body, self.save, self.said)
        self._open()

    def _open(self) -> None:
        """Show the next task that this rater has not rated, in the rater's own order."""
        name = " ".join(self.rater.value.split())
        self.order = scores.in_order(self.tasks, name, self.seed)
        done = {row.task for row in scores.read_ratings(self.here) if row.rater == name}
        left = [task for task in self.order if task.id not in done]
        self.task = left[0] if left else None
        self.save.disabled = not left
        for letter, text in self.texts.items():
            reply = ui.escape(self.task.shown.get(letter, "")) if left else ""
            text.value = ui.panel(f"<b>{letter}</b><p>{reply}</p>") if left else ""
            self.marks[letter].value = None
        told = ratings_text(self.here) if self.tasks else "No blind tasks in this run yet."
        self.head.value = ui.panel(_question(self.task, len(left))) if left else ui.note(told)

    def write(self) -> None:
        """Keep the marks of the task shown and go on. Raises RunError when one is missing."""
        if self.task is None:
            return
        chosen = {letter: self.marks[letter].value for letter in self.task.shown}
        if None in chosen.values():
            raise run.RunError("Choose for every reply first, or say that you cannot tell.")
        given = {letter: None if value == "" else value for letter, value in chosen.items()}
        place = self.order.index(self.task)
        scores.rate(self.here, self.task, self.rater.value, given, order=place)
        self.said.value = ui.note("Kept in ratings.jsonl.")
        self._open()


def _question(task: scores.Task, left: int) -> str:
    scale = f"1 worst, 7 best, ? cannot tell; only {task.dimension} counts here"
    known = "" if task.reference == "none" else f"<p>{ui.escape(task.reference)}</p>"
    rows = "".join(f"<li>{ui.escape(text)}</li>" for text in task.passages)
    head = f"<summary style='cursor:pointer;{ui.QUIET}'>What the profile says of it</summary>"
    passages = f"<details>{head}<ul>{rows}</ul></details>" if rows else ""
    return (f"<p style='{ui.QUIET}'>{left} to go · {ui.escape(scale)}</p>"
            f"<p><b>{ui.escape(task.asked)}</b></p>{known}{passages}")


def ratings_text(here: run.Run) -> str:
    """What people rated, agreement first, in plain lines; that nobody has, where nobody has."""
    found = scores.people(here)
    if not found:
        return "Nobody has rated this run yet."
    lines = [f"Rated by {found['raters']} person{'s' if found['raters'] > 1 else ''}."]
    lines += [f"Agreement, {name}: {_told(entry)} {entry['coefficient'] or ''}".strip()
              for name, entry in found["agreement"].items()]
    lines += [f"{system}, {name}: {_told(entry)}"
              for system, row in found["systems"].items() for name, entry in row.items()]
    return "\n".join(lines)


def _told(entry: dict) -> str:
    return f"not measured ({entry['reason']})" if entry["value"] is None else counted_cell(entry)


def blind_rating(here: run.Run, rater: str = "", seed: int = 0) -> None:
    """Rate blind, side by side; headless, one task is printed as a rater would see it, and results
    only if people rated."""
    tasks = scores.in_order(scores.rating_tasks(here), rater, seed)
    if not tasks:
        told = "No blind tasks in this run yet: scores.prepare_ratings(...) makes them."
    else:
        head = (f"{len(tasks)} questions to rate blind, from 1 to 7 each. One of them "
                f"({tasks[0].dimension}): {tasks[0].asked}")
        replies = [f"{letter}: {text}" for letter, text in tasks[0].shown.items()]
        told = "\n".join([head, *replies, ratings_text(here)])
    ui.show(told, lambda: BlindRating(here, rater, seed).view)


def judged(found: dict) -> None:
    """What `scores.judged` found: a judge model's verdicts, its agreement with itself first, and
    how it agrees with people; or that none was asked."""
    if not found["judges"]:
        print("No judge model has read these replies; the scores above stand without one.\n"
              "Set JUDGE to 'endpoint' to ask one.")
        return
    print(judges_markdown(found["judges"]))
    for name, entries in found["against"].items():
        told = [f"{dimension}: {_told(entry)}" for dimension, entry in entries.items()]
        print(f"\n{name} against people:", *told, sep="\n")


def imported(found: dict) -> None:
    """What `scores.imported` found: other projects' answers and ours in one table, then its parts;
    or that none was given."""
    if not found:
        print("No answers of other projects were given.\n"
              "Set IMPORTED to their folder to see them beside yours.")
        return
    print(markdown(found), markdown(found, "parts"), sep="\n\n")
