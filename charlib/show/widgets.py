"""The pieces of every widget: panels, tables, buttons, text escaped."""

import html
import re

from charlib.records import Dialogue, Profile, Scene
from charlib.show.plots import colour

# tokens of a reply in a static twin: enough to hear a voice, too few to hold up a run that nobody
# watches
TWIN = 24


CARE = "A simulation of {name} made from a text; not {name}'s words."


def escape(text: str) -> str:
    """Text for an HTML view: markup, and control characters of terminals, become harmless."""
    return html.escape(bare(text)).replace("\n", "<br>")


def bare(text: str) -> str:
    """Text without what a terminal would obey."""
    text = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", str(text))
    return "".join(character for character in text if character in "\n\t" or ord(character) >= 32)


def live() -> bool:
    """Whether a person can press buttons here: a front end names the cell that it sends, nbclient
    and papermill do not.

    The environment is no sign of it: a headless run started from a notebook inherits all of
    JupyterLab's variables.
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
    """Print the static twin; where a person is there to use it, display the live view, with the
    twin as its text in other readers.
    """
    static = bare(static)
    if not live():
        print(static)
        return
    from IPython.display import display

    bundle = build()._repr_mimebundle_()
    display(bundle | {"text/plain": static}, raw=True)


# fits beside JupyterLab's side bar at 1280 px, and a projector
WIDE = {"width": "auto", "max_width": "64em"}


ROW = {"flex_flow": "row wrap", "align_items": "center", "max_width": "64em"}


QUIET = "color:var(--jp-content-font-color2,inherit)"


def panel(inner: str, style: str = "") -> str:
    """A block of escaped text in the colours of the reader's theme; dollar signs in it are money,
    not mathematics.
    """
    look = f"white-space:normal;overflow-wrap:anywhere;line-height:1.5;max-width:64em;color:var(--jp-content-font-color1,inherit);{style}"
    return f"<div class='mathjax_ignore tex2jax_ignore' style='{look}'>{inner}</div>"


def note(text: str) -> str:
    """A line of a widget about itself."""
    return panel(escape(text), QUIET)


class Table:
    """Rows as a table whose long texts wrap; markup, terminal codes and dollar signs in it are
    text. Plain text where there is no HTML.
    """

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


def as_html(inner: str):
    import ipywidgets

    return ipywidgets.HTML(inner)


def gone():
    """A line that shows itself once the kernel has died: the front end marks every view it has
    lost, and the line waits for that mark.
    """
    words = note("⚠ The kernel of this notebook is gone: nothing here answers any more. Run the notebook's cells again.")
    rule = "<style>.charlib-gone{display:none}.jupyter-widgets-disconnected .charlib-gone{display:block}</style>"
    return as_html(f"{rule}<div class='charlib-gone'>{words}</div>")


def make_button(name: str, does: str, press, **look):
    import ipywidgets

    made = ipywidgets.Button(description=name, tooltip=does, **look)
    made.on_click(lambda _: press())
    return made


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


def bubbles(talk, person: Profile, system: str, title: str) -> str:
    """One column of a talk: the visitor's words on a tinted ground, the replies beside a bar in the
    system's colour.
    """

    bar = colour(system)
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
