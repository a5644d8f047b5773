"""The profile: who the person is, in Markdown with YAML front matter; every paragraph has an id made of its content.

    ---
    name: Ludwig van Beethoven
    short_name: Beethoven
    horizon: "1827-03-26"
    traits: {openness: 0.9, conscientiousness: 0.4, extraversion: -0.2, agreeableness: -0.4, neuroticism: 0.7}
    values:
      - {stance: "…", opposite: "…", paragraph: 3f2a9c01de}
    states:
      - {when: "1802-10", place: Heiligenstadt, state: despair turning into resolve}
    ---
    # Ludwig van Beethoven

    ## Bonn

    Beethoven was born …

A plain biography without front matter, and the original project's files, are read too (`load`).
"""

import difflib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from charlib import run

TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
_DATE = re.compile(r"(-?)(\d{1,4})(?:/(\d{1,4}))?(?:-(\d{2}))?(?:-(\d{2}))?")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
            "september sept sep", "october oct", "november nov", "december dec",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_WRITTEN = re.compile(
    rf"\b(?:(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?\s+)?(?:(?P<m1>{_MONTH})\.?\s+)?(?:(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?,\s*)?"
    rf"(?P<year>\d{{1,4}})(?P<bc>\s*(?:BCE?|B\.C\.(?:E\.)?))?(?!\d)",
    re.IGNORECASE,
)


@dataclass(frozen=True, order=True)
class Date:
    """A date as historians write it: a negative year is BC (there is no year 0); month and day may be unknown (0)."""

    year: int
    month: int = 0
    day: int = 0

    @classmethod
    def parse(cls, text: str) -> "Date":
        """Read `[-]YYYY[-MM[-DD]]`; `1726/27` counts as its later year. Raises ValueError with the right form."""
        match = _DATE.fullmatch(str(text).strip())
        if not match or int(match[2]) == 0:
            raise ValueError(f"'{text}' is not a date: write [-]YYYY[-MM[-DD]], a minus for BC, for example -44-03-15.")
        sign, year, second, month, day = match.groups()
        if second:
            year = year[: len(year) - len(second)] + second
        date = cls((-1 if sign else 1) * int(year), int(month or 0), int(day or 0))
        if date.month > 12 or date.day > 31:
            raise ValueError(f"'{text}' has no such month or day: write [-]YYYY[-MM[-DD]].")
        return date

    def __str__(self) -> str:
        text = f"{'-' if self.year < 0 else ''}{abs(self.year)}"
        return text + "".join(f"-{part:02d}" for part in (self.month, self.day) if part)

    def after(self, other: "Date") -> bool:
        """True when this date is certainly later: an unknown month or day settles nothing."""
        mine, theirs = (self.year, self.month, self.day), (other.year, other.month, other.day)
        for a, b in zip(mine, theirs, strict=True):
            if not a or not b:
                return False
            if a != b:
                return a > b
        return False


def dates_in(text: str) -> list[Date]:
    """Dates written in prose: '26 March 1827', 'March 1827', '1827', '44 BC'. Bare numbers below 1000 count only with BC."""
    found = []
    for match in _WRITTEN.finditer(text):
        year = int(match["year"])
        if not year or (not match["bc"] and not match["m1"] and year < 1000) or (year > 2100 and not match["bc"]):
            continue
        month = _MONTHS[match["m1"].lower()] if match["m1"] else 0
        day = int(match["d1"] or match["d2"] or 0) if month else 0
        if day > 31 or (month and not match["bc"] and year <= 31):
            continue
        found.append(Date(-year if match["bc"] else year, month, day))
    return found


class Value(BaseModel):
    """A conviction and its opposite, and the paragraph it rests on."""

    model_config = ConfigDict(frozen=True)
    stance: str
    opposite: str
    paragraph: str = ""


class State(BaseModel):
    """An emotional state at a time and place of the life."""

    model_config = ConfigDict(frozen=True)
    when: str = ""
    place: str = ""
    state: str

    @field_validator("when", mode="before")
    @classmethod
    def _text(cls, value):
        return str(value)


class Voice(BaseModel):
    """How the person speaks, with sample lines."""

    model_config = ConfigDict(frozen=True)
    manner: str = ""
    lines: list[str] = []


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of the body; `id` is the first 10 hex digits of the sha256 of its whitespace-normalised text."""

    text: str
    section: str = ""

    @property
    def id(self) -> str:
        return paragraph_id(self.text)


def paragraph_id(text: str) -> str:
    """The content id of a paragraph: whitespace does not matter, every other change does."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:10]


class Profile(BaseModel):
    """A person: front matter and paragraphs. Frozen; `edit` gives a new one."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    short_name: str
    horizon: str | None = None
    traits: dict[str, float] = {}
    trait_reasons: dict[str, str] = {}
    values: list[Value] = []
    states: list[State] = []
    voice: Voice = Voice()
    period: list[str] = Field(default=[], description="names and places the person knows beyond the paragraphs")
    sources: list[str] = []
    license: str = ""
    invented: bool = False
    paragraphs: tuple[Paragraph, ...] = Field(default=(), exclude=True)
    warnings: tuple[str, ...] = Field(default=(), exclude=True)

    @field_validator("name", "short_name", "horizon", mode="before")
    @classmethod
    def _as_text(cls, value):
        return value if value is None else str(value).strip()

    @field_validator("horizon")
    @classmethod
    def _date(cls, value):
        if value is not None:
            Date.parse(value)
        return value

    @field_validator("traits")
    @classmethod
    def _traits(cls, value):
        for trait, score in value.items():
            if trait not in TRAITS or not -1 <= score <= 1:
                raise ValueError(f"trait {trait}: {score} is not one of {', '.join(TRAITS)} between -1 and 1")
        return value

    @property
    def end(self) -> Date | None:
        """The horizon as a date: the last day the person can know."""
        return Date.parse(self.horizon) if self.horizon else None

    @property
    def text(self) -> str:
        return "\n\n".join(paragraph.text for paragraph in self.paragraphs)

    def paragraph(self, id: str) -> Paragraph | None:
        return next((item for item in self.paragraphs if item.id == id), None)


def load(path: str | Path) -> Profile:
    """Read a profile from Markdown or plain text. Raises RunError when it is missing, unreadable or has no paragraph."""
    path = run.home(path)
    if not path.is_file():
        if path.name == "profile.md":  # a run's own: what is missing is the run, or its first notebook
            run.refuse_missing(run.Run(path.absolute().parent.name, path.absolute().parent))
        raise run.RunError(f"No profile at {path.absolute()}: give the path of a .md or .txt file; the shipped ones are in {_shelf()}.")
    try:
        return parse(path.read_text(encoding="utf-8-sig"), path.stem)
    except UnicodeDecodeError as error:
        raise run.RunError(f"{path.name} is not UTF-8 text: save it as UTF-8.") from error


def parse(text: str, fallback: str = "Someone") -> Profile:
    """A profile from its text. Without front matter the fields are inferred, and `warnings` say what could not be."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    front, body = _split(text)
    title, paragraphs = _body(body)
    if not paragraphs:
        raise run.RunError("The profile has no paragraphs: write at least one below its title.")
    fields = dict(front)
    warnings = []
    if not front:
        fields, warnings = _infer(title or fallback, paragraphs)
    fields = {name: value for name, value in fields.items() if value is not None and str(value).strip()}
    fields.setdefault("name", title or fallback)
    fields.setdefault("short_name", str(fields["name"]).split()[-1])
    return _made(fields, paragraphs, warnings)


def _made(fields: dict, paragraphs: list[Paragraph], warnings=()) -> Profile:
    """The profile of these fields. Raises RunError that says in one line which is wrong."""
    known = [name for name in Profile.model_fields if name not in ("paragraphs", "warnings")]
    told = "The profile's front matter is wrong at"
    unknown = next((name for name in fields if name not in known), None)
    if unknown is not None:
        raise run.RunError(f"{told} '{unknown}': there is no such field; there are {', '.join(known)}.")
    try:
        return Profile(**fields, paragraphs=tuple(paragraphs), warnings=tuple(warnings))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise run.RunError(f"{told} '{where}': {first['msg'].removeprefix('Value error, ').rstrip('.')}.") from error


def find(character: str) -> Path:
    """The file of a shipped slug, else the path itself. Raises RunError naming the shipped ones and the folder looked in."""
    known = _shelf() / f"{character}.md"
    if re.fullmatch(r"[a-z0-9][a-z0-9-]*", character) and known.is_file():
        return known
    path = run.home(character)
    if path.suffix in (".md", ".txt") and path.is_file():
        return path
    looked = Path(os.path.abspath(path)).parent if path.name else Path.cwd()
    raise run.RunError(
        f"No character '{character}' (looked for in {looked}): use one of {', '.join(shipped())}, or the path of a .md or .txt file."
    )


def shipped() -> list[str]:
    """The slugs of the characters in data/profiles."""
    return sorted(path.stem for path in _shelf().glob("*.md"))


def _shelf() -> Path:
    return run.root() / "data" / "profiles"


def save(profile: Profile, path: str | Path) -> Path:
    """Write a profile as Markdown, whole or not at all; `load` gives the same profile back."""
    return run.write_atomic(Path(path), dump(profile))


def adopt(here: run.Run, character: str, preset: str) -> Profile:
    """The run's own profile: copied from the character into a run that has none, kept when it is there. Raises RunError for another character.

    A changed copy is kept and the log says so, with what differs from the source and what to do about it.
    """
    source = find(character)
    run.refuse_other_character(here, str(character))
    run.preset(preset)
    with here.stage("profile"):
        if here.elsewhere:
            here.say(here.elsewhere)
        target = here.path("profile.md")
        given = load(source)
        if target.exists():
            mine = load(target)
            here.say(_kept(given, mine, source.name, run.shown(target)))
        else:
            mine = given
            save(given, target)
            count = len(given.paragraphs)
            here.say(f"profile: {given.name}, {count} paragraph{'s' * (count != 1)} copied into the run")
        slug = character if source.parent.name == "profiles" and source.stem == character else run.slug(source.stem)
        here.set_params("profile", {"preset": preset, "character": slug, "source": source.name})
        here.record("profile", products=["profile.md"])
    for row in mine.warnings:
        here.say(f"profile: {row}")
    return mine


def _kept(given: Profile, mine: Profile, source: str, target: str) -> str:
    """The line that says that the run's own profile was kept, how it differs from its source, and how either is had."""
    count = len(invalidated(given, mine) or invalidated(mine, given))
    if not count and given.model_dump() == mine.model_dump():
        return "profile: kept"
    differs = f"{count} paragraph{'s differ' if count > 1 else ' differs'}" if count else "the front matter differs"
    return f"profile: kept the run's own ({differs} from {source}): to change it edit {target}, to start from {source} take a new RUN"


def summary(profile: Profile) -> list[dict]:
    """What there is, in rows of {what, this profile}."""
    words = len(profile.text.split())
    facts = {
        "name": profile.name, "called": profile.short_name, "horizon": profile.horizon or "none", "invented": "yes" if profile.invented else "no",
        "paragraphs": len(profile.paragraphs), "words": words, "values": len(profile.values), "states": len(profile.states),
        "traits": len(profile.traits), "licence": profile.license or "not given",
    }  # fmt: skip
    return [{"what": name, "this profile": value} for name, value in facts.items()]


def table(profile: Profile) -> list[dict]:
    """A row a paragraph: id, section, words, how it begins."""
    return [
        {"id": item.id, "section": item.section, "words": len(item.text.split()), "begins": " ".join(item.text.split()[:9]) + " …"}
        for item in profile.paragraphs
    ]


def dump(profile: Profile) -> str:
    """The profile as Markdown text."""
    front = profile.model_dump(exclude_defaults=True, exclude={"paragraphs", "warnings"})
    front = {name: front[name] for name in Profile.model_fields if name in front}
    lines = ["---", yaml.safe_dump(front, allow_unicode=True, sort_keys=False, width=140).rstrip(), "---", f"# {profile.name}", ""]
    section = ""
    for paragraph in profile.paragraphs:
        if paragraph.section != section:
            section = paragraph.section
            lines += [f"## {section}", ""]
        lines += [paragraph.text, ""]
    return "\n".join(lines)


def edit(profile: Profile, changes: dict[str, str] | None = None, **fields) -> Profile:
    """A new profile with paragraphs replaced by id (an empty text removes one) and front-matter fields replaced by name."""
    changes = changes or {}
    unknown = set(changes) - {paragraph.id for paragraph in profile.paragraphs}
    if unknown:
        raise run.RunError(f"No paragraph {sorted(unknown)[0]} in the profile of {profile.name}: look the id up in notebook 01.")
    kept = []
    for paragraph in profile.paragraphs:
        text = " ".join(changes.get(paragraph.id, paragraph.text).split())
        if text:
            kept.append(Paragraph(text, paragraph.section))
    data = profile.model_dump(exclude={"paragraphs", "warnings"}) | fields
    return _made(data, kept)


def check(profile: Profile) -> list[dict]:
    """What a careful editor would mark: rows of {what, where, level: error|warning}, most serious first."""
    rows = [{"level": "warning", "where": "profile", "what": text} for text in profile.warnings]
    if not profile.horizon:
        rows.append(_mark("profile", "no horizon: nothing can be asked about what came after"))
    rows += [row for value in profile.values for row in _value_marks(value, profile)]
    rows += [row for number, state in enumerate(profile.states, 1) for row in _state_marks(state, number)]
    for trait in TRAITS:
        if profile.traits and trait not in profile.traits:
            rows.append(_mark("traits", f"{trait} has no score"))
    seen = set()
    for paragraph in profile.paragraphs:
        late = [date for date in dates_in(paragraph.text) if profile.end and date.after(profile.end)]
        if late:
            rows.append(_mark(paragraph.id, f"speaks of {late[0]}, after the horizon {profile.horizon}: kept out of experience"))
        if paragraph.id in seen:
            rows.append(_mark(paragraph.id, "stands twice"))
        seen.add(paragraph.id)
        if len(paragraph.text.split()) < 12:
            rows.append(_mark(paragraph.id, "is very short: little can be made of it"))
    living = living_warning(profile)
    return ([_mark("profile", living)] if living else []) + rows


def _value_marks(value: Value, profile: Profile) -> list[dict]:
    where, rows = (value.stance.strip() or value.opposite.strip() or "a value")[:60], []
    if not value.stance.strip():
        rows.append(_mark(where, "has no stance: write what would be said, or nothing can be asked"))
    if not value.opposite.strip():
        rows.append(_mark(where, "has no opposite: write what would not be said, or nothing can be asked"))
    if not value.paragraph:
        rows.append(_mark(where, "rests on no paragraph: it is asked about and never taught"))
    elif not profile.paragraph(value.paragraph):
        rows.append(_mark(where, f"rests on paragraph {value.paragraph}, which is not there (any more)"))
    return rows


def _state_marks(state: State, number: int) -> list[dict]:
    where, rows = f"state {number}", []
    try:
        Date.parse(state.when)
    except ValueError:
        wrong = f"'{state.when}' is not one date" if state.when.strip() else "has no date"
        example = next(iter(dates_in(state.when)), "1802-10")
        rows.append(_mark(where, f"{wrong}: write [-]YYYY[-MM[-DD]], for example {example}"))
    if not state.state.strip():
        rows.append(_mark(where, "says no state: write how it felt"))
    return rows


def living_warning(profile: Profile) -> str:
    """A warning when the person may be alive: no death date, and born within 110 years."""
    if profile.invented or profile.end:
        return ""
    import datetime

    years = [date.year for date in dates_in(profile.paragraphs[0].text)]
    if years and min(years) >= datetime.date.today().year - 110:
        return f"{profile.name} may be living: make no simulacrum of a living person without their consent"
    return ""


def diff(before: Profile, after: Profile) -> str:
    """A unified diff of two profiles as text, and nothing when they are the same."""
    a, b = dump(before).splitlines(), dump(after).splitlines()
    return "\n".join(difflib.unified_diff(a, b, "before", "after", lineterm="", n=1))


def invalidated(before: Profile, after: Profile) -> list[str]:
    """Ids of paragraphs whose descendants (scenes, dialogues, examples) an edit makes stale."""
    kept = {paragraph.id for paragraph in after.paragraphs}
    return [paragraph.id for paragraph in before.paragraphs if paragraph.id not in kept]


def _mark(where: str, what: str) -> dict:
    return {"level": "warning", "where": where, "what": what}


def _split(text: str) -> tuple[dict, str]:
    opened = re.match(r"\ufeff?(?:[ \t]*\n)*---[ \t]*(?:\n|$)", text)
    if not opened:
        return {}, text
    match = re.compile(r"((?:.*?\n)?)---[ \t]*(?:\n|$)(.*)", re.DOTALL).match(text, opened.end())
    if not match:
        raise run.RunError("The profile's front matter is not closed: write a second line of --- below it, or take the first --- away.")
    try:
        front = yaml.load(match[1], Loader=_StringDates)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {opened[0].count(chr(10)) + where.line + 1})" if where else ""
        tab = "\\t" in str(getattr(error, "problem", ""))
        advice = "YAML takes no tabs, write spaces" if tab else "quote texts that hold a colon or a hash"
        raise run.RunError(f"The profile's front matter is not valid YAML{line}: {advice}.") from error
    if not isinstance(front, dict):
        raise run.RunError("The profile's front matter must be a list of `name: value` lines between two lines of ---.")
    written = yaml.load(match[1], Loader=yaml.BaseLoader)
    for name in ("name", "short_name", "horizon"):  # 007 and 0100 are not numbers here (fault F16)
        if front.get(name) is not None:
            front[name] = written[name]
    return front, match[2]


class _StringDates(yaml.SafeLoader):
    """YAML without dates and without the numbers that look like dates: those stay strings."""


_StringDates.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _body(text: str) -> tuple[str, list[Paragraph]]:
    """Title and paragraphs. A `##` line, or a short line without final punctuation directly above text, is a section title."""
    title, section, paragraphs = "", "", []
    for block in re.split(r"\n[ \t]*\n", text):
        lines = [line.strip() for line in block.strip().split("\n") if line.strip()]
        while lines:
            heading = re.match(r"(#+)\s*(.*)", lines[0])
            bare = len(lines) > 1 and len(lines[0].split()) <= 10 and not re.search(r"[.!?:;,\"'”’)\]]$|^[-*•] |\w:\*{0,2} \w", lines[0])
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
    """Whether a page begins with a line that is the person's name: short, capitalised, no sentence, and its last word comes again below."""
    line, rest = paragraphs[0].text, " ".join(item.text for item in paragraphs[1:])
    words = line.split()
    return len(words) <= 6 and words[-1][:1].isupper() and not re.search(r"[.!?:;,]$", line) and words[-1] in rest


def _infer(name: str, paragraphs: list[Paragraph]) -> tuple[dict, list[str]]:
    """Fields of a plain biography: short name, horizon. Says in warnings what it could not find."""
    text = " ".join(paragraph.text for paragraph in paragraphs)
    fields, warnings = {"name": name, "short_name": _short_name(name, text)}, []
    first = dates_in(paragraphs[0].text)
    life = re.search(r"\(([^)]*?)[–—-]([^)]*)\)", paragraphs[0].text[:400])
    death = dates_in(life[2]) if life else []
    if not death:
        death = _death(fields["short_name"], text)
    if death and life and not re.search(r"BC", life[1]) and death[-1].year < 0 and first and first[0].year > 0:
        first = [Date(-date.year, date.month, date.day) for date in first]
    if death:
        fields["horizon"] = str(death[-1])
    elif dates_in(text):
        fields["horizon"] = str(max(dates_in(text)))
        warnings.append(f"no death date found: the last event ({fields['horizon']}) is taken as the horizon")
    else:
        warnings.append("no date found: there is no horizon, and nothing is asked about what came after")
    return fields, warnings


def _death(short_name: str, text: str) -> list[Date]:
    """The date at which the text says that this person died: not a parent's or a friend's, whose deaths stand in every life."""
    own = rf"(?:\b{re.escape(short_name)}\b(?!['’])[^.]{{0,40}}|(?:^|[.!?] )(?:He|She|They) |(?:Died|died|Death):?\*{{0,2}} )"
    found = [
        dates_in(match[0])
        for match in re.finditer(rf"{own}(?:\bdied\b|was killed\b|was executed\b|\d)[^.,]{{0,70}}(?:, (?:on )?\d[^.,]{{0,30}})?", text)
    ]
    dates = sorted(dates[-1] for dates in found if dates)
    later = [date for date in dates_in(text) if dates and date.after(dates[-1])]
    return dates[-1:] if len(later) <= max(2, len(dates_in(text)) // 4) else []


def _short_name(name: str, text: str) -> str:
    """The word of the name that the text uses most by itself; its last word when they tie."""
    own = re.split(r" (?:of|the|from) ", name)[0]  # Timonax of Lindros is not called Lindros
    words = [word for word in re.findall(r"[\w'’-]+", own) if word[:1].isupper() and not re.fullmatch(r"[IVX]+", word)]
    if not words:
        return name
    counts = {word: len(re.findall(rf"\b{re.escape(word)}\b", text)) for word in words}
    best = max(counts.values())
    return words[-1] if counts[words[-1]] == best else max(words, key=lambda word: counts[word])
