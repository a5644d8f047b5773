"""What people paste, read into front matter, title and paragraphs."""

import re

import yaml

from charlib import run
from charlib.profile.dates import dates_in
from charlib.records import Date, Paragraph


class _StringDates(yaml.SafeLoader):
    """YAML without dates and without the numbers that look like dates: those stay strings."""


_StringDates.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def split_front(text: str) -> tuple[dict, str]:
    """Front matter and body of a page; no front matter is an empty one. Raises RunError in one line
    where it is not closed or not valid."""
    opened = re.match(r"\ufeff?(?:[ \t]*\n)*---[ \t]*(?:\n|$)", text)
    if not opened:
        return {}, text
    match = re.compile(r"((?:.*?\n)?)---[ \t]*(?:\n|$)(.*)", re.DOTALL).match(text, opened.end())
    told = "The profile's front matter"
    if not match:
        remedy = "write a second line of --- below it, or take the first --- away"
        raise run.RunError(f"{told} is not closed: {remedy}.")
    try:
        front = yaml.load(match[1], Loader=_StringDates)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {opened[0].count(chr(10)) + where.line + 1})" if where else ""
        tab = "\\t" in str(getattr(error, "problem", ""))
        advice = "quote texts that hold a colon or a hash"
        advice = "YAML takes no tabs, write spaces" if tab else advice
        raise run.RunError(f"{told} is not valid YAML{line}: {advice}.") from error
    if not isinstance(front, dict):
        wanted = "a list of `name: value` lines between two lines of ---"
        raise run.RunError(f"{told} must be {wanted}.")
    written = yaml.load(match[1], Loader=yaml.BaseLoader)
    for name in ("name", "short_name", "horizon"):  # 007 and 0100 are not numbers here (fault F16)
        if front.get(name) is not None:
            front[name] = written[name]
    return front, match[2]


# a line that is no title: it ends as sentences and quotations do, or is an item or `name: value`
_PROSE = re.compile(r"[.!?:;,\"'”’)\]]$|^[-*•] |\w:\*{0,2} \w")


def paragraphs_of(text: str) -> tuple[str, list[Paragraph]]:
    """Title and paragraphs. A `##` line, or a short line without final punctuation directly above
    text, is a section title."""
    title, section, paragraphs = "", "", []
    for block in re.split(r"\n[ \t]*\n", text):
        lines = [line.strip() for line in block.strip().split("\n") if line.strip()]
        while lines:
            heading = re.match(r"(#+)\s*(.*)", lines[0])
            bare = len(lines) > 1 and len(lines[0].split()) <= 10 and not _PROSE.search(lines[0])
            if heading and len(heading[1]) == 1 and not title:
                title = heading[2].strip()
            elif heading:
                section = heading[2].strip()
            elif bare and len(" ".join(lines[1:]).split()) > 12:
                section = lines[0]
            else:
                break
            lines = lines[1:]
        words = " ".join(lines)
        if words:
            paragraphs.append(Paragraph(words, section))
    if not title and len(paragraphs) > 1 and _names_who_follows(paragraphs):
        title, paragraphs = paragraphs[0].text, paragraphs[1:]
    return title, paragraphs


def _names_who_follows(paragraphs: list[Paragraph]) -> bool:
    """Whether a page begins with a line that is the person's name: short, capitalised, no sentence,
    and its last word comes again below."""
    line, rest = paragraphs[0].text, " ".join(item.text for item in paragraphs[1:])
    words, sentence = line.split(), re.search(r"[.!?:;,]$", line)
    return len(words) <= 6 and words[-1][:1].isupper() and not sentence and words[-1] in rest


def infer_fields(name: str, paragraphs: list[Paragraph]) -> tuple[dict, list[str]]:
    """Fields of a plain biography: short name, horizon. Says in warnings what it could not find."""
    text = " ".join(paragraph.text for paragraph in paragraphs)
    fields, warnings = {"name": name, "short_name": _short_name(name, text)}, []
    life = re.search(r"\(([^)]*?)[–—-]([^)]*)\)", paragraphs[0].text[:400])
    death = dates_in(life[2]) if life else []
    if death := death or _death(fields["short_name"], text):
        fields["horizon"] = str(death[-1])
    elif told := dates_in(text):
        fields["horizon"] = last = str(max(told))
        warnings.append(f"no death date found: the last event ({last}) is taken as the horizon")
    else:
        warnings.append("no date found: there is no horizon, "
                        "and nothing is asked about what came after")
    return fields, warnings


def _death(short_name: str, text: str) -> list[Date]:
    """The date at which the text says that this person died: not a parent's or a friend's, whose
    deaths stand in every life."""
    own = (rf"(?:\b{re.escape(short_name)}\b(?!['’])[^.]{{0,40}}|(?:^|[.!?] )(?:He|She|They) |"
           r"(?:Died|died|Death):?\*{0,2} )")
    dies = r"(?:\bdied\b|was killed\b|was executed\b|\d)[^.,]{0,70}(?:, (?:on )?\d[^.,]{0,30})?"
    found = [dates_in(match[0]) for match in re.finditer(own + dies, text)]
    dates = sorted(dates[-1] for dates in found if dates)
    told = dates_in(text)
    later = [date for date in told if dates and date.after(dates[-1])]
    return dates[-1:] if len(later) <= max(2, len(told) // 4) else []


def _short_name(name: str, text: str) -> str:
    """The word of the name that the text uses most by itself; its last word when they tie."""
    own = re.split(r" (?:of|the|from) ", name)[0]  # Timonax of Lindros is not called Lindros
    words = [word for word in re.findall(r"[\w'’-]+", own)
             if word[:1].isupper() and not re.fullmatch(r"[IVX]+", word)]
    if not words:
        return name
    counts = {word: len(re.findall(rf"\b{re.escape(word)}\b", text)) for word in words}
    return max([words[-1], *words], key=counts.get)
