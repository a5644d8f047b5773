"""What every widget is made of: harmless text, panels, tables, buttons; and whether one looks."""

import html
import re

import IPython
import ipywidgets
from IPython.display import display

from charlib import run
from charlib.records import Dialogue, Scene

# tokens of a reply in a static twin: enough to hear a voice, too few to hold up an unwatched run
TWIN = 24
CARE = "A simulation of {name} made from a text; not {name}'s words."
# fits beside JupyterLab's side bar at 1280 px, and a projector
WIDE = {"width": "auto", "max_width": "64em"}
ROW = {"flex_flow": "row wrap", "align_items": "center", "max_width": "64em"}
QUIET = "color:var(--jp-content-font-color2,inherit)"


def bare(text: str) -> str:
    """Text without what a terminal would obey: escape sequences and control characters."""
    return re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", str(text))


def escape(text: str) -> str:
    """Text for an HTML view: markup, and control characters of terminals, become harmless."""
    return html.escape(bare(text)).replace("\n", "<br>")


def panel(inner: str, style: str = "") -> str:
    """A block of escaped text in the colours of the reader's theme; a dollar sign is money."""
    look = ("white-space:normal;overflow-wrap:anywhere;line-height:1.5;max-width:64em;"
            f"color:var(--jp-content-font-color1,inherit);{style}")
    return f"<div class='mathjax_ignore tex2jax_ignore' style='{look}'>{inner}</div>"


def note(text: str) -> str:
    """A line of a widget about itself."""
    return panel(escape(text), QUIET)


def read(text: str) -> None:
    """Print what a model or a profile says, without anything a terminal would obey."""
    print(bare(text))


def live() -> bool:
    """Whether a person can press buttons here: a front end names the cell that it sends, nbclient
    and papermill do not.

    The environment is no sign of it: a headless run started from a notebook inherits all of
    JupyterLab's variables."""
    kernel = getattr(IPython.get_ipython(), "kernel", None)
    request = kernel.get_parent("shell") if kernel else None
    return bool({"cellId", "deletedCells"} & set((request or {}).get("metadata") or {}))


def show(static: str, build) -> None:
    """Print the static twin; where a person is there to use it, display the live view that `build`
    makes, with the twin as its text in other readers."""
    if live():
        display(build()._repr_mimebundle_() | {"text/plain": bare(static)}, raw=True)
    else:
        read(static)


class Table:
    """Rows as a table whose long texts wrap; markup, terminal codes and dollar signs in it are
    text. Plain text where there is no HTML."""

    LOOK = ("<style>.charlib-table td,.charlib-table th{text-align:left!important;"
            "vertical-align:top}.charlib-table th{overflow-wrap:normal}"
            ".charlib-table td{overflow-wrap:anywhere}</style>")

    def __init__(self, frame):
        name = frame.columns.name  # of a pivot: its numbers are named in each column's head
        titles = {at: f"{name} {at:g}" for at in frame.columns if name and not isinstance(at, str)}
        frame = frame.rename(columns=titles)
        frame = frame.reset_index() if frame.index.name else frame
        self.frame = frame.rename(columns=self._bare).map(self._bare)

    @staticmethod
    def _bare(cell):
        return bare(cell) if isinstance(cell, str) else cell

    def html(self) -> str:
        """The table as HTML, everything in it escaped."""
        import pandas as pd

        if not len(self.frame):
            return "<p>Nothing.</p>"
        with pd.option_context("display.max_colwidth", None):
            return self.LOOK + self.frame.to_html(
                classes="charlib-table mathjax_ignore tex2jax_ignore", border=0, na_rep="",
                index=False, float_format="{:.2f}".format)

    _repr_html_ = html

    def __repr__(self) -> str:
        if not len(self.frame):
            return "Nothing."
        return self.frame.to_string(max_colwidth=60, na_rep="", index=False)


def table(rows, columns: list[str] | None = None) -> Table:
    """A table of rows: records, tuples with `columns`, or a DataFrame."""
    import pandas as pd

    return Table(pd.DataFrame(rows, columns=columns))


def row(*parts, **look):
    """Controls side by side, in several lines where the screen is narrow."""
    return ipywidgets.HBox(parts, layout=ROW | look)


def view(*parts):
    """A whole widget, under a line that appears when its kernel has died: the front end then marks
    every view it lost."""
    words = note("⚠ The kernel of this notebook is gone: nothing here answers any more. "
                 "Run the notebook's cells again.")
    rule = ("<style>.charlib-gone{display:none}"
            ".jupyter-widgets-disconnected .charlib-gone{display:block}</style>")
    lost = ipywidgets.HTML(f"{rule}<div class='charlib-gone'>{words}</div>")
    return ipywidgets.VBox([lost, *parts])


def saying(said, act, first: str = ""):
    """`act` as a callback of a widget: what goes wrong is said in the cell `said`, where an error
    raised into the event loop would be lost."""
    def call(*_):
        try:
            act()
        except run.RunError as error:
            said.value = note(f"⚠ {first}{error}")

    return call


def make_button(name: str, does: str, said, press, first: str = "", **look):
    """A button that calls `press()` and says in the cell `said` what goes wrong, `first` before it;
    `does` is what it says when one points at it."""
    made = ipywidgets.Button(description=name, tooltip=does, **look)
    made.on_click(saying(said, press, first))
    return made


def script_html(dialogue: Dialogue, scene: Scene | None = None) -> str:
    """A dialogue as a script: names in bold, thoughts set apart in italics, everything escaped."""
    set_up = f"{scene.location} · {scene.time}\n{scene.background}" if scene else ""
    lines = [f"<p style='margin:.3em 0;{QUIET}'>{escape(set_up)}</p>"]
    for turn in dialogue.turns:
        how, look = "", "margin:.35em 0"
        if turn.action == "thinking":
            how = f" thinks ({turn.emotion}):" if turn.emotion else " thinks:"
            look = f"margin:.2em 2.5em;font-style:italic;{QUIET}"
        who = f"<b>{escape(turn.role)}</b>{escape(how)}"
        lines.append(f"<p style='{look}'>{who} {escape(turn.text)}</p>")
    return panel("".join(lines))
