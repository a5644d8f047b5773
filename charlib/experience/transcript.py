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
_TEXT_KEYS = ("text", "content", "line", "words", "utterance", "speech", "dialogue", "message",
              "value", "says")
_ACTION_KEYS = ("action", "type", "mode", "kind", "emotion")
_TAGS = (r"b|i|u|p|em|strong|div|span|br|hr|li|ul|ol|blockquote|pre|code|h[1-6]|table|tr|td|th|"
         r"tbody|thead|body|html|q|small|cite")
_VERBS = (r"speaking|thinking|speaks|thinks|says|said|thought|aloud|asks|asked|replies|replied|"
          r"answers|answered|whispers|mutters|muses|reflects")
_ANY = re.IGNORECASE
_END = re.compile(
    r"^(?:the end|end(?: of (?:the )?(?:scene|dialogue|script))?|fin|curtain|\[end\]|"
    r"scene (?:ends|\d+|[ivx]+))\.?$", _ANY)
_REMARK = re.compile(
    r"^(?:let me know|i hope (?:this|that|you)|hope this|feel free|would you like me|"
    r"do you want me|please let me|if you(?:'d| would) like|is there anything else|"
    r"this (?:scene|dialogue|conversation) (?:shows|captures|is|was|reflects))\b", _ANY)
_SYMBOLS = r"[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]"
_WORD = r"[^\W\d_]"  # a letter, as names begin with
_CAPITALS = r"(?: [A-ZÀ-Þ][\w.'’-]*){0,3}"


def lines(text: str, ours: Callable[[str], bool]) -> str:
    """The dialogue as lines of 'Name (action): words'. `ours` tells whether a role is the
    protagonist under any name."""
    text = re.sub(r"<\|[a-z_]{2,20}\|>", "", text)
    text = _json(text) or _html(text)
    rows = [_row(row) for row in _table(text.split("\n"))]
    rows = [row for row in rows if not _END.match(row.strip())]
    remarks = (n for n, row in enumerate(rows)
               if n and _REMARK.match(row.strip()) and not rows[n - 1].strip())
    rows = rows[: next(remarks, None)]
    if rows and re.match(rf"^{_WORD}[\w .'’-]{{0,40}} [(\[][^)\]]*$", rows[-1].strip()):
        rows = rows[:-1]  # cut inside its action
    rows = _bare(rows, ours)
    return "\n".join(piece for row in rows for piece in _split(row, rows, ours))


def _json(text: str) -> str:
    """Turns of a JSON list, of an object that holds one, or of JSON lines; "" where is none."""
    body = re.sub(r"^\s*```\w*\s*$", "", text, flags=re.MULTILINE)
    if not re.search(r'"\w+"\s*:\s*"', body):
        return ""
    decoder, opening, rows, end = json.JSONDecoder(), re.compile(r"[\[{]"), [], 0
    while start := opening.search(body, end):
        try:
            found, end = decoder.raw_decode(body, start.start())
        except (json.JSONDecodeError, RecursionError):
            found, end = None, start.end()
        rows += _turns_in(found)
    return "\n".join(rows)


def _turns_in(found: object, depth: int = 0) -> list[str]:
    inside = found if isinstance(found, list) else []
    if isinstance(found, dict):
        low = {str(key).lower(): value for key, value in found.items()}
        role, words, action = (
            next((low[key] for key in keys if isinstance(low.get(key), str)), "")
            for keys in (_ROLE_KEYS, _TEXT_KEYS, _ACTION_KEYS))
        if role and words:
            return [_turn(*(" ".join(part.split()) for part in (role, action, words)))]
        inside = found.values()
    return [row for item in inside for row in _turns_in(item, depth + 1)] if depth < 5 else []


def _turn(role: str, action: str, words: str) -> str:
    return f"{role} ({action}): {words}" if action else f"{role}: {words}"


def _html(text: str) -> str:
    """Without HTML tags; '<Moss> words' is a turn."""
    text = re.sub(r"<(?:br|/p|/div|/li|/tr|/h[1-6])\s*/?>", "\n", text, flags=_ANY)
    text = re.sub(rf"</?(?:{_TAGS})(?: [^<>]*)?/?>", "", text, flags=_ANY)
    return re.sub(rf"^<({_WORD}[\w .'’-]{{0,40}})>\s*:?\s*", r"\1: ", text, flags=re.MULTILINE)


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
        middle = cells[1] if len(cells) == 3 and not columns else ""
        role, action, words = (
            next((named[key] for key in keys if key in named), otherwise) for keys, otherwise in
            ((_ROLE_KEYS, cells[0]), (_ACTION_KEYS, middle), (_TEXT_KEYS, cells[-1])))
        made.append(_turn(role, action, words) if len(cells) > 1 else cells[0])
    return made


def _row(row: str) -> str:
    """A line without its number or time; an action said with a dash, a verb or after the colon
    stands in brackets before it."""
    name = rf"(\s*{_WORD}[\w .'’-]{{0,40}}"
    row = re.sub(r"^\s*(?:\d{1,3}[.)]|\[?\d{1,2}:\d{2}(?::\d{2})?\]?)\s+(?=\S)", "", row)
    row = re.sub(rf"^(\s*{_WORD}[^:：\n]{{0,40}}?)\s*{_SYMBOLS}+\s*(?=[:：(])", r"\1", row)
    row = re.sub(rf"^{name}?)\s*(?:[-–—]\s*|\s)({_VERBS})\s*[:：]\s*", r"\1 (\2): ", row,
                 flags=_ANY)
    row = re.sub(rf"^{name})[:：]\s*[(\[]({_VERBS})(,[^)\]]*)?[)\]]\s*", r"\1 (\2\3): ", row,
                 flags=_ANY)
    aside = r"(?:an? |the |h(?:is|er) )[\w '’-]{2,40}"
    return re.sub(rf"^(\s*{_WORD}[\w .'’-]{{0,30}}), {aside}([:：])", r"\1\2", row)


def _bare(rows: list[str], ours: Callable[[str], bool]) -> list[str]:
    """Names on lines of their own, names before a dash, and names in small letters: each counts
    when the protagonist's stands so too."""
    alone = rf"\s*({_WORD}[\w.'’-]*{_CAPITALS})\s*$"
    dashed = rf"\s*({_WORD}[\w.'’ -]{{0,40}}?) [—–-] (?=\S)"
    small = rf"\s*({_WORD}[\w'’-]*)(?=\s*(?:\([^)]*\))?\s*[:：])"
    for pattern, mark in ((alone, ":"), (dashed, ": "), (small, "")):
        found = [(at, match) for at, row in enumerate(rows) if (match := re.match(pattern, row))]
        if pattern == small:
            found = [(at, match) for at, match in found if match[1].islower()]
        names = [match[1].title() if pattern == small else match[1] for _, match in found]
        if any(map(ours, names)):
            for (at, match), name in zip(found, names, strict=True):
                if name[:1].isupper():
                    rows[at] = f"{name}{mark}{match.string[match.end():]}"
    return rows


def _split(row: str, rows: list[str], ours: Callable[[str], bool]) -> list[str]:
    """A line that holds several turns, cut before each name that opens one: the protagonist's, or
    one that opens a line or has an action."""
    opens = re.compile(rf"^\s*\**({_WORD}[\w.'’ -]{{0,40}}?)\**\s*(?:[(\[][^)\]]*[)\]])?\s*[:：]")
    opened = {match[1] for line in rows if (match := opens.match(line))}
    inside = re.compile(
        rf"(?<=[.!?…\"”’)\]>*])\s+(?=\**([A-ZÀ-Þ][\w.'’-]*{_CAPITALS})\**\s*"
        r"([(\[][^)\]\n]{1,60}[)\]])?\s*\**[:：])")
    cuts = [0]
    for match in inside.finditer(row):
        acted = match[2] and re.search(_VERBS, match[2], _ANY)
        if ours(match[1]) or acted or match[1] in opened:
            cuts.append(match.end())
    ends = [*cuts[1:], len(row)]
    return [row[start:end].strip() for start, end in zip(cuts, ends, strict=True)]
