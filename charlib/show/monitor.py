"""The upload, watched."""

import time

import ipywidgets
from IPython.display import display

from charlib import run, upload
from charlib.show import widgets as ui
from charlib.show.plots import colour

LINES = {  # what the events of training.jsonl say
    "start": "{examples} examples, {tokens:,} tokens ({computed:,} computed), {dtype} on {device}",
    "plan": "{epochs:g} of {asked_epochs:g} epochs fit the time",
    "stop": "stopped at step {step}: {reason}",
    "end": "kept in {kept}/; peak memory {peak_gb} GB",
    "nan": "{hint}",
}
PLANNED = {  # what else a plan may say, where it is not nothing
    "step_seconds": "about {} s per step", "top_layers": "adapters on the top {} layers only",
    "left_out": "{} conversations are left out",
}


class UploadMonitor:
    """A bar, the falling loss, sample replies as they change, and the stop-and-keep button, which
    makes the file STOP."""

    def __init__(self, here: run.Run):
        self.here, self.losses = here, []
        self.heard: dict[str, dict[str, str]] = {}  # question -> epoch -> reply
        self.bar = ipywidgets.FloatProgress(max=1, layout={"flex": "1 1 20em", "width": "auto"})
        tip = "end the training after this step and keep what it has learned"
        self.line = ipywidgets.HTML(ui.note("Starting the upload process …"))
        self.stop = ui.make_button("Stop and keep", tip, self.line, self.ask_to_stop,
                                   button_style="warning")
        self.curve, self.reply = ipywidgets.HTML(), ipywidgets.HTML()
        hint = "If the button does not answer here, make a file named STOP in the run folder."
        self.view = ui.view(ui.row(self.bar, self.stop), self.line, self.curve, self.reply,
                            ipywidgets.HTML(ui.note(hint)))

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
        self.stop.disabled, self.stop.description = True, "Stopping …"

    def update(self, row: dict) -> None:
        """Show one row of training.jsonl."""
        event = row.get("event")
        if event == "sample":
            for item in row["replies"]:
                replies = self.heard.setdefault(item["question"], {})
                replies[f"epoch {row['epoch']}"] = item["reply"]
            last = [{"question": asked} | dict([*replies.items()][-3:])
                    for asked, replies in self.heard.items()]
            self.reply.value = ui.panel(ui.table(last).html())
            return
        self.line.value = ui.panel(ui.escape(describe(row)))
        if row.get("steps"):
            self.bar.value = row["step"] / row["steps"]
        if row.get("loss") is not None:
            self.losses.append(row["loss"])
            self.curve.value = sparkline(self.losses)
        if event in ("stop", "end"):
            self.stop.disabled = True
            self.stop.description = "Stopped" if event == "stop" else "Done"


def sparkline(values: list[float]) -> str:
    """A small curve of the losses so far, with its first and last value."""
    shown, top = values[::max(1, len(values) // 200)], max(values) or 1
    points = " ".join(f"{420 * at / max(1, len(shown) - 1):.1f},{58 - 56 * value / top:.1f}"
                      for at, value in enumerate(shown))
    curve = f"<polyline points='{points}' fill='none' stroke='{colour('simulacrum')}'"
    ground = "<line x2='420' y1='59' y2='59' stroke='currentColor' stroke-opacity='.4'/>"
    return ui.panel("<svg width='420' height='60' role='img' aria-label='loss'>"
                 f"{ground}{curve} stroke-width='2.5'/></svg> "
                 f"loss {values[0]:.2f} → {values[-1]:.2f}")


def describe(row: dict) -> str:
    """One line for a row of training.jsonl; nothing for one that has nothing to say."""
    event = row.get("event")
    if event == "sample":
        return f"after epoch {row['epoch']}: {row['replies'][0]['reply']}" if row["replies"] else ""
    if event:
        more = [text.format(row[name]) for name, text in PLANNED.items()
                if event == "plan" and row.get(name)]
        return "; ".join([LINES.get(event, event).format(**row), *more])
    if "validation_loss" in row:
        return f"epoch {row['epoch']:.1f}: held-out loss {row['validation_loss']:.2f}"
    seconds = row["seconds"] / row["step"] * (row["steps"] - row["step"])
    left = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
    return (f"step {row['step']}/{row['steps']}: loss {row['loss']:.2f}, "
            f"{row.get('tokens_per_second', 0):.0f} tokens/s, about {left} left")


def watch_upload(here: run.Run) -> list[dict]:
    """Run the upload and watch it: a live monitor where somebody looks, a line every few seconds in
    a log. Returns all its rows.

    The cell blocks until the training ends, so that the cells below find its product. A press of
    the button still arrives (`UploadMonitor.answer_while_busy`), as does the file STOP."""
    monitor = UploadMonitor(here) if ui.live() else None
    if monitor:
        display(monitor.view)
        monitor.answer_while_busy()
    rows, last = [], -60.0
    for row in upload.follow(here.path()):
        rows.append(row)
        if monitor:
            monitor.update(row)
        step = "loss" in row and not row.get("event")
        if step and (monitor or time.monotonic() - last < 15):
            continue  # milestones are for every reader of the saved notebook, steps for a log
        if not (monitor and row.get("event") == "sample"):
            ui.read(describe(row))
            last = time.monotonic() if step else last
    return rows
