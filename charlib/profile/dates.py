"""Dates as historians write them, read from prose."""

import re

from charlib.records import Date

MONTHS = {name: number for number, names in enumerate((
    "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul",
    "august aug", "september sept sep", "october oct", "november nov", "december dec"), 1)
    for name in names.split()}
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_WRITTEN = re.compile(
    rf"\b(?:(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?\s+)?(?:(?P<month>{_MONTH})\.?\s+)?"
    r"(?:(?P<d2>\d{1,2})(?:st|nd|rd|th)?,\s*)?"
    r"(?P<year>\d{1,4})(?P<bc>\s*(?:BCE?|B\.C\.(?:E\.)?))?(?!\d)", re.IGNORECASE)


def dates_in(text: str) -> list[Date]:
    """Dates written in prose: '26 March 1827', 'March 1827', '1827', '44 BC'. Bare numbers below
    1000 count only with BC."""
    found = []
    for match in _WRITTEN.finditer(text):
        year, bc = int(match["year"]), match["bc"]
        if not year or (not bc and not match["month"] and year < 1000) or (year > 2100 and not bc):
            continue
        month = MONTHS[match["month"].lower()] if match["month"] else 0
        day = int(match["d1"] or match["d2"] or 0) if month else 0
        if day > 31 or (month and not bc and year <= 31):
            continue
        found.append(Date(-year if bc else year, month, day))
    return found
