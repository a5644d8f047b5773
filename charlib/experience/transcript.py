"""The dresses in which models return a dialogue, taken off: JSON, tables, HTML, lists, one block,
headings. What is left is 'Name (action): words'.

    >>> lines("| Moss | Is it dear? |\n| Gray | Four guineas. |", lambda role: role == "Gray")
    'Moss: Is it dear?\nGray: Four guineas.'

Text in, text out: nothing is judged here, and what is in no known dress passes as it stands.
"""

import json
import re
from collections.abc import Callable

_ROLE_KEYS = ("role", "speaker", "character", "name", "who", "actor", "from")


_TEXT_KEYS = ("text", "content", "line", "words", "utterance", "speech", "dialogue", "message", "value", "says")


_ACTION_KEYS = ("action", "type", "mode", "kind", "emotion")


_TAGS = r"b|i|u|p|em|strong|div|span|br|hr|li|ul|ol|blockquote|pre|code|h[1-6]|table|tr|td|th|tbody|thead|body|html|q|small|cite"


_VERBS = (
    r"speaking|thinking|speaks|thinks|says|said|thought|aloud|asks|asked|replies|replied|answers|answered|whispers|mutters|muses|reflects"
)


_END = re.compile(
    r"^(?:the end|end(?: of (?:the )?(?:scene|dialogue|script))?|fin|curtain|\[end\]|scene (?:ends|\d+|[ivx]+))\.?$", re.IGNORECASE
)


_REMARK = re.compile(
    r"^(?:let me know|i hope (?:this|that|you)|hope this|feel free|would you like me|do you want me|please let me|if you(?:'d| would) like|"
    r"this (?:scene|dialogue|conversation) (?:shows|captures|is|was|reflects)|is there anything else)\b",
    re.IGNORECASE,
)


_SYMBOLS = r"[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]"


def lines(text: str, ours: Callable[[str], bool]) -> str:
    """The dialogue as lines of 'Name (action): words'. `ours` tells whether a role is the
    protagonist under any name.
    """
    text = re.sub(r"<\|[a-z_]{2,20}\|>", "", text)
    text = _json(text) or _html(text)
    rows = [_row(row) for row in _table(text.split("\n"))]
    rows = [row for row in rows if not _END.match(row.strip())]
    remark = next((n for n, row in enumerate(rows) if n and _REMARK.match(row.strip()) and not rows[n - 1].strip()), None)
    rows = rows[:remark] if remark else rows
    if rows and re.match(r"^[^\W\d_][\w .'’-]{0,40} [(\[][^)\]]*$", rows[-1].strip()):
        rows = rows[:-1]  # cut inside its action
    rows = _bare(rows, ours)
    return "\n".join(piece for row in rows for piece in _split(row, rows, ours))


def _json(text: str) -> str:
    """Turns of a JSON list, of an object that holds one, or of JSON lines; "" when there is none.
    """
    body = re.sub(r"^\s*```\w*\s*$", "", text, flags=re.MULTILINE)
    start = min((at for at in (body.find("["), body.find("{")) if at >= 0), default=-1)
    if start < 0 or not re.search(r'"\w+"\s*:\s*"', body):
        return ""
    decoder, rows = json.JSONDecoder(), []
    while 0 <= start < len(body):
        try:
            found, end = decoder.raw_decode(body, start)
        except (json.JSONDecodeError, RecursionError):
            end = start + 1
            found = None
        rows += _turns_in(found)
        start = min((at for at in (body.find("[", end), body.find("{", end)) if at >= 0), default=-1)
    return "\n".join(rows)


def _turns_in(found: object, depth: int = 0) -> list[str]:
    if isinstance(found, list):
        return [row for item in found for row in _turns_in(item, depth + 1)] if depth < 5 else []
    if not isinstance(found, dict):
        return []
    low = {str(key).lower(): value for key, value in found.items()}
    role = next((low[key] for key in _ROLE_KEYS if isinstance(low.get(key), str)), "")
    words = next((low[key] for key in _TEXT_KEYS if isinstance(low.get(key), str)), "")
    if role and words:
        action = next((low[key] for key in _ACTION_KEYS if isinstance(low.get(key), str)), "")
        return [f"{_flat(role)}{f' ({_flat(action)})' if action else ''}: {_flat(words)}"]
    return [row for value in found.values() for row in _turns_in(value, depth + 1)] if depth < 5 else []


def _flat(text: str) -> str:
    return " ".join(text.split())


def _html(text: str) -> str:
    """Without HTML tags; '<Moss> words' is a turn."""
    text = re.sub(r"<(?:br|/p|/div|/li|/tr|/h[1-6])\s*/?>", "\n", text, flags=re.IGNORECASE)
    text = re.sub(rf"</?(?:{_TAGS})(?: [^<>]*)?/?>", "", text, flags=re.IGNORECASE)
    return re.sub(r"^<([^\W\d_][\w .'’-]{0,40})>\s*:?\s*", r"\1: ", text, flags=re.MULTILINE)


def _table(rows: list[str]) -> list[str]:
    """Rows of a Markdown table as turns, by its headings or in the order role, action, text."""
    made, columns = [], None
    for row in rows:
        match = re.fullmatch(r"\s*\|(.+)\|\s*", row)
        if not match:
            made.append(row)
            continue
        cells = [cell.strip() for cell in match[1].split("|")]
        low = [cell.strip("*_ ").lower() for cell in cells]
        if all(re.fullmatch(r":?-{2,}:?|", cell) for cell in cells):
            continue
        if columns is None and set(low) & set(_ROLE_KEYS) and set(low) & set(_TEXT_KEYS):
            columns = low
            continue
        named = dict(zip(columns, cells, strict=False)) if columns else {}
        role = next((named[key] for key in _ROLE_KEYS if key in named), cells[0])
        words = next((named[key] for key in _TEXT_KEYS if key in named), cells[-1])
        action = next((named[key] for key in _ACTION_KEYS if key in named), cells[1] if len(cells) == 3 and not columns else "")
        made.append(f"{role}{f' ({action})' if action else ''}: {words}" if len(cells) > 1 else cells[0])
    return made


def _row(row: str) -> str:
    """A line without its number or time; an action said with a dash, a verb or after the colon
    stands in brackets before it.
    """
    row = re.sub(r"^\s*(?:\d{1,3}[.)]|\[?\d{1,2}:\d{2}(?::\d{2})?\]?)\s+(?=\S)", "", row)
    row = re.sub(rf"^(\s*[^\W\d_][^:：\n]{{0,40}}?)\s*{_SYMBOLS}+\s*(?=[:：(])", r"\1", row)
    row = re.sub(rf"^(\s*[^\W\d_][\w .'’-]{{0,40}}?)\s*(?:[-–—]\s*|\s)({_VERBS})\s*[:：]\s*", r"\1 (\2): ", row, flags=re.IGNORECASE)
    row = re.sub(rf"^(\s*[^\W\d_][\w .'’-]{{0,40}})[:：]\s*[(\[]({_VERBS})(,[^)\]]*)?[)\]]\s*", r"\1 (\2\3): ", row, flags=re.IGNORECASE)
    return re.sub(r"^(\s*[^\W\d_][\w .'’-]{0,30}), (?:an? |the |h(?:is|er) )[\w '’-]{2,40}([:：])", r"\1\2", row)


def _bare(rows: list[str], ours: Callable[[str], bool]) -> list[str]:
    """Names on lines of their own, names before a dash, and names in small letters: each counts
    when the protagonist's stands so too.
    """
    short = re.compile(r"^\s*([^\W\d_][\w.'’-]*(?: [A-ZÀ-Þ][\w.'’-]*){0,3})\s*$")
    if any((match := short.match(row)) and ours(match[1]) for row in rows):
        rows = [f"{match[1]}:" if (match := short.match(row)) and match[1][:1].isupper() else row for row in rows]
    dashed = re.compile(r"^\s*([^\W\d_][\w.'’ -]{0,40}?) [—–-] (?=\S)")
    if any((match := dashed.match(row)) and ours(match[1]) for row in rows):
        rows = [dashed.sub(r"\1: ", row) if (match := dashed.match(row)) and match[1][:1].isupper() else row for row in rows]
    small = re.compile(r"^\s*([^\W\d_][\w'’-]*)(?=\s*(?:\([^)]*\))?\s*[:：])")
    if any((match := small.match(row)) and match[1].islower() and ours(match[1].title()) for row in rows):
        rows = [row if not (match := small.match(row)) or not match[1].islower() else match[1].title() + row[match.end() :] for row in rows]
    return rows


def _split(row: str, rows: list[str], ours: Callable[[str], bool]) -> list[str]:
    """A line that holds several turns, cut before each name that opens one: the protagonist's, or
    one that opens a line or has an action.
    """
    opened = {
        match[1] for line in rows if (match := re.match(r"^\s*\**([^\W\d_][\w.'’ -]{0,40}?)\**\s*(?:[(\[][^)\]]*[)\]])?\s*[:：]", line))
    }
    cuts = [0]
    for match in re.finditer(
        r"(?<=[.!?…\"”’)\]>*])\s+(?=\**([A-ZÀ-Þ][\w.'’-]*(?: [A-ZÀ-Þ][\w.'’-]*){0,3})\**\s*([(\[][^)\]\n]{1,60}[)\]])?\s*\**[:：])", row
    ):
        acted = match[2] and re.search(_VERBS, match[2], re.IGNORECASE)
        if ours(match[1]) or acted or match[1] in opened:
            cuts.append(match.end())
    return [row[start:end].strip() for start, end in zip(cuts, [*cuts[1:], len(row)], strict=True)]
