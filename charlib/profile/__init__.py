"""The profile: who the person is; pages as people paste them, dates, and the edited Markdown."""

from charlib.profile.dates import dates_in
from charlib.profile.profile import (adopt, check, diff, dump, edit, find, invalidated,
                                     living_warning, load, paragraph_table, parse, save, shipped,
                                     summary)

__all__ = ["adopt", "check", "dates_in", "diff", "dump", "edit", "find", "invalidated",
           "living_warning", "load", "paragraph_table", "parse", "save", "shipped", "summary"]
