"""What people see: figures, the report, tables, widgets."""

from charlib.show.browser import ExperienceBrowser, experience_browser
from charlib.show.chat import DinnerTable, Playground, dinner_table, playground
from charlib.show.editor import ProfileEditor, profile_editor
from charlib.show.exports import export_tables, latex, markdown
from charlib.show.monitor import UploadMonitor, watch_upload
from charlib.show.plots import (SYSTEMS, attrition, boundary, coverage, dimensions, figure, forest,
                                kinds, lengths, mask, paragraphs, save, score_against_length,
                                training, traits, trajectory, turns, value_map)
from charlib.show.rating import BlindRating, blind_rating, imported, judged
from charlib.show.report import write_report, write_values
from charlib.show.widgets import escape, live, read, table

__all__ = [
    "BlindRating", "DinnerTable", "ExperienceBrowser", "Playground", "ProfileEditor",
    "SYSTEMS", "UploadMonitor", "attrition", "blind_rating", "boundary", "coverage",
    "dimensions", "dinner_table", "escape", "experience_browser", "export_tables", "figure",
    "forest", "imported", "judged", "kinds", "latex", "lengths", "live", "markdown", "mask",
    "paragraphs", "playground", "profile_editor", "read", "save", "score_against_length", "table",
    "training", "traits", "trajectory", "turns", "value_map", "watch_upload", "write_report",
    "write_values"]
