"""What of a reply is said, and what is only thought; whole, and while the reply still grows."""

from collections.abc import Iterable, Iterator

import regex

_MARK = regex.compile(
    # before the mark: a name that opens a line, or the end of what was said
    r"(?:(?:^|\n)[ \t]*(?:[A-Z][\w.’'-]*(?: (?:van|von|de|of|the|[A-Z][\w.’'-]*)){0,4} )?"
    r"|(?<=[\s.!?…\"”’]))"
    r"\(\s*((?i:thinking|speaking))\s*(?:[,:;]\s*([^()\n]{0,60}))?\)\s*:?[ \t]*"
)


def split_thought(text: str) -> tuple[str, str | None]:
    """(spoken, thought) of a reply that may hold "(thinking, mood) …" and "(speaking) …" parts. A
    thought keeps its mood in parentheses.
    """
    parts = _MARK.split(text.strip())
    spoken, thoughts = [parts[0]], []
    for action, mood, said in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        if action.lower() == "speaking":
            spoken.append(said)
        elif said.strip():
            mood = (mood or "").strip()
            thoughts.append(f"({mood}) {said.strip()}" if mood else said.strip())
    spoken = [part.strip() for part in spoken if part.strip()]
    return "\n".join(spoken), "\n".join(thoughts) or None


def spoken_pieces(pieces: Iterable[str]) -> Iterator[str]:
    """The spoken words of a reply that comes in pieces; together they are what `split_thought` says
    is spoken. What may become a mark is held back until it is one or cannot be one any more.
    """
    text = heard = ""
    for piece in pieces:
        text = (text + piece).lstrip()
        growing = [match.start() for match in _MARK.finditer(text, partial=True) if match.partial]
        spoken = split_thought(text[: growing[0]] if growing else text)[0]
        if len(spoken) > len(heard):
            yield spoken[len(heard) :]
            heard = spoken
    if rest := split_thought(text)[0][len(heard) :]:
        yield rest
