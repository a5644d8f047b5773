"""The upload, watched."""

import time

from charlib import run, upload
from charlib.show.plots import colour
from charlib.show.widgets import QUIET, ROW, describe, escape, gone, live, make_button, note, panel


class UploadMonitor:
    """A bar, the falling loss, sample replies as they change, and the stop-and-keep button, which
    makes the file STOP.
    """

    def __init__(self, here: run.Run):
        import ipywidgets

        self.here, self.losses = here, []
        self.heard: dict[str, list[tuple[int, str]]] = {}
        self.bar = ipywidgets.FloatProgress(min=0, max=1, layout={"flex": "1 1 20em", "width": "auto"})
        self.stop = make_button(
            "Stop and keep", "end the training after this step and keep what it has learned", self.ask_to_stop, button_style="warning"
        )
        self.line = ipywidgets.HTML(note("Starting the upload process …"))
        self.curve, self.reply = ipywidgets.HTML(), ipywidgets.HTML()
        hint = ipywidgets.HTML(note("If the button does not answer in your front end, make a file named STOP in the run folder."))
        row = ipywidgets.HBox([self.bar, self.stop], layout=ROW)
        self.view = ipywidgets.VBox([gone(), row, self.line, self.curve, self.reply, hint])

    def answer_while_busy(self) -> None:
        """Let a press arrive while the cell that shows this still runs.

        JupyterLab sends presses to a subshell of the kernel, a second thread; ipykernel 7.4
        redirects them to the shell that last wrote to the widget, which is the busy one, and so
        would deliver them when the training is over. A button that nobody wrote to is left alone.
        """
        if self.stop.comm is not None:
            vars(self.stop.comm).pop("_reply_subshell_id", None)

    def ask_to_stop(self) -> None:
        """Ask the upload process to stop and keep what it has."""
        self.here.path("STOP").write_text("stop and keep\n", encoding="utf-8")
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
    """A small curve of the losses so far, with its first and last value; readable on light and
    dark.
    """

    shown = values[:: max(1, len(values) // 200)]
    top, low = max(values), min(0.0, *values)
    step = width / max(1, len(shown) - 1)
    points = " ".join(
        f"{i * step:.1f},{height - (value - low) / ((top - low) or 1) * (height - 4) - 2:.1f}" for i, value in enumerate(shown)
    )
    line = f"<polyline points='{points}' fill='none' stroke='{colour('simulacrum')}' stroke-width='2.5'/>"
    base = f"<line x1='0' x2='{width}' y1='{height - 1}' y2='{height - 1}' stroke='currentColor' stroke-opacity='.4'/>"
    drawn = f"<svg width='{width}' height='{height}' viewBox='0 0 {width} {height}' role='img' aria-label='loss'>{base}{line}</svg>"
    return panel(f"{drawn} loss {values[0]:.2f} → {values[-1]:.2f}")


def watch_upload(here: run.Run) -> list[dict]:
    """Run the upload and watch it: a live monitor where somebody looks, a line every few seconds in
    a log. Returns all its rows.

    The cell blocks until the training ends, so that the cells below find its product. A press of
    the button still arrives (`UploadMonitor.answer_while_busy`), and where it does not, the file
    STOP does the same.
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
            # what a reader of the saved notebook needs, live or not
            if not monitor or row.get("event", "sample") != "sample":
                print(describe(row), flush=True)
        elif not monitor and time.monotonic() - last > 15:
            print(describe(row), flush=True)
            last = time.monotonic()
    return rows
