"""What people see: figures, the report, tables, widgets."""

from charlib.show.browser import ExperienceBrowser, experience_browser
from charlib.show.chat import (
    TOPICS,
    DinnerTable,
    Playground,
    dine,
    dinner_table,
    guests,
    invite,
    neighbours,
    playground,
)
from charlib.show.editor import Card, ProfileEditor, Slot, descendants, profile_editor
from charlib.show.exports import CAPTIONS, comparison_tables, export_tables, latex, markdown
from charlib.show.monitor import UploadMonitor, sparkline, watch_upload
from charlib.show.plots import (
    DIMENSIONS,
    STYLE,
    SYSTEMS,
    TURNS,
    attrition,
    boundary,
    colour,
    coverage,
    dimensions,
    figure,
    forest,
    in_order,
    kinds,
    lengths,
    lost,
    mask,
    paragraphs,
    save,
    score_against_length,
    training,
    traits,
    trajectory,
    turns,
    value_map,
)
from charlib.show.rating import BlindRating, blind_rating, imported, judged, ratings_text
from charlib.show.report import SELF_MADE, care, cell, figures, write_report, write_values
from charlib.show.widgets import (
    CARE,
    QUIET,
    ROW,
    TWIN,
    WIDE,
    Table,
    as_html,
    bare,
    bubbles,
    describe,
    escape,
    gone,
    live,
    make_button,
    note,
    panel,
    read,
    script_html,
    show,
    table,
)

__all__ = ["SELF_MADE", "care", "cell", "figures", "write_report", "write_values", "CAPTIONS", "comparison_tables", "export_tables", "latex", "markdown", "DIMENSIONS", "STYLE", "SYSTEMS", "TURNS", "attrition", "boundary", "colour", "coverage", "dimensions", "figure", "forest", "in_order", "kinds", "lengths", "lost", "mask", "paragraphs", "save", "score_against_length", "training", "traits", "trajectory", "turns", "value_map", "CARE", "QUIET", "ROW", "TWIN", "Table", "WIDE", "as_html", "bare", "bubbles", "describe", "escape", "gone", "live", "make_button", "note", "panel", "read", "script_html", "show", "table", "Card", "ProfileEditor", "Slot", "descendants", "profile_editor", "ExperienceBrowser", "experience_browser", "UploadMonitor", "sparkline", "watch_upload", "DinnerTable", "Playground", "TOPICS", "dine", "dinner_table", "guests", "invite", "neighbours", "playground", "BlindRating", "blind_rating", "imported", "judged", "ratings_text"]
