"""The profile: who the person is, in Markdown with YAML front matter.

    ---
    name: Ludwig van Beethoven
    short_name: Beethoven
    horizon: "1827-03-26"
    traits: {openness: 0.9, conscientiousness: 0.4, extraversion: -0.2, neuroticism: 0.7}
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

import datetime
import difflib
import os
import re
from pathlib import Path

import yaml
from pydantic import ValidationError

from charlib import run
from charlib.profile.dates import dates_in
from charlib.profile.page import infer_fields, paragraphs_of, split_front
from charlib.records import TRAITS, Date, Paragraph, Profile, State, Value


def load(path: str | Path) -> Profile:
    """Read a profile from Markdown or plain text. Raises RunError when it is missing, unreadable or
    has no paragraph."""
    path = run.home(path)
    if not path.is_file():
        if path.name == "profile.md":  # a run's own: what is missing is the run, or its notebook 01
            run.refuse_missing(run.Run(path.absolute().parent.name, path.absolute().parent))
        remedy = f"give the path of a .md or .txt file; the shipped ones are in {_shelf()}"
        raise run.RunError(f"No profile at {path.absolute()}: {remedy}.")
    try:
        return parse(path.read_text(encoding="utf-8-sig"), path.stem)
    except UnicodeDecodeError as error:
        raise run.RunError(f"{path.name} is not UTF-8 text: save it as UTF-8.") from error


def parse(text: str, fallback: str = "Someone") -> Profile:
    """A profile from its text. Without front matter the fields are inferred; `warnings` say what
    could not be."""
    front, body = split_front(text.replace("\r\n", "\n").replace("\r", "\n"))
    title, paragraphs = paragraphs_of(body)
    if not paragraphs:
        raise run.RunError("The profile has no paragraphs: write at least one below its title.")
    fields, warnings = (front, []) if front else infer_fields(title or fallback, paragraphs)
    fields = {name: value for name, value in fields.items()
              if value is not None and str(value).strip()}
    fields.setdefault("name", title or fallback)
    fields.setdefault("short_name", str(fields["name"]).split()[-1])
    return _made(fields, paragraphs, warnings)


def _made(fields: dict, paragraphs: list[Paragraph], warnings=()) -> Profile:
    """The profile of these fields. Raises RunError that says in one line which is wrong."""
    known = [name for name in Profile.model_fields if name not in ("paragraphs", "warnings")]
    told = "The profile's front matter is wrong at"
    unknown = next((name for name in fields if name not in known), None)
    if unknown is not None:
        there = f"there are {', '.join(known)}"
        raise run.RunError(f"{told} '{unknown}': there is no such field; {there}.")
    try:
        return Profile(**fields, paragraphs=tuple(paragraphs), warnings=tuple(warnings))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise run.RunError(f"{told} '{where}': {reason}.") from error


def find(character: str) -> Path:
    """The file of a shipped slug, else the path itself. Raises RunError naming the shipped ones and
    the folder looked in."""
    known = _shelf() / f"{character}.md"
    if re.fullmatch(r"[a-z0-9][a-z0-9-]*", character) and known.is_file():
        return known
    path = run.home(character)
    if path.suffix in (".md", ".txt") and path.is_file():
        return path
    looked = Path(os.path.abspath(path)).parent if path.name else Path.cwd()
    remedy = f"use one of {', '.join(shipped())}, or the path of a .md or .txt file"
    raise run.RunError(f"No character '{character}' (looked for in {looked}): {remedy}.")


def shipped() -> list[str]:
    """The slugs of the characters in data/profiles."""
    return sorted(path.stem for path in _shelf().glob("*.md"))


def _shelf() -> Path:
    return run.root() / "data" / "profiles"


def save(profile: Profile, path: str | Path) -> Path:
    """Write a profile as Markdown, whole or not at all; `load` gives the same profile back."""
    return run.write_atomic(Path(path), dump(profile))


def adopt(here: run.Run, character: str, preset: str) -> Profile:
    """The run's own profile: copied from the character into a run that has none, kept when it is
    there; the log says how a kept one differs from its source. Raises RunError for another
    character, and for another's in a run that is called as a shipped one."""
    source = find(character)
    run.refuse_other_character(here, character)
    known = source == _shelf() / f"{character}.md"
    slug = character if known else run.slug(source.stem)
    if here.name in shipped() and here.name != slug:
        remedy = f"give another RUN for {character} (parameters are in capitals)"
        raise run.RunError(f"Run '{here.name}' is for {here.name}: {remedy}.")
    run.preset(preset)
    with here.stage("profile"):
        target = here.path("profile.md")
        given = load(source)
        mine, count = given, len(given.paragraphs)
        if target.exists():
            mine = load(target)
            here.say(_kept(given, mine, source.name, run.shown(target)))
        else:
            save(given, target)
            copied = f"{count} paragraph{'s' * (count != 1)} copied into the run"
            here.say(f"profile: {given.name}, {copied}")
        here.set_params("profile", {"preset": preset, "character": slug, "source": source.name})
        here.record("profile", products=["profile.md"])
    for row in mine.warnings:
        here.say(f"profile: {row}")
    return mine


def _kept(given: Profile, mine: Profile, source: str, target: str) -> str:
    """The line that says that the run's own profile was kept, how it differs from its source, and
    how to have either."""
    count = len(invalidated(given, mine) or invalidated(mine, given))
    if not count and given.model_dump() == mine.model_dump():
        return "profile: kept"
    differs = f"{count} paragraph{'s differ' if count > 1 else ' differs'}"
    differs = differs if count else "the front matter differs"
    remedy = f"to change it edit {target}, to start from {source} take a new RUN"
    return f"profile: kept the run's own ({differs} from {source}): {remedy}"


def summary(profile: Profile) -> list[dict]:
    """What there is, in rows of {what, this profile}."""
    facts = {"name": profile.name, "called": profile.short_name,
             "horizon": profile.horizon or "none",
             "invented": "yes" if profile.invented else "no", "paragraphs": len(profile.paragraphs),
             "words": len(profile.text.split()), "values": len(profile.values),
             "states": len(profile.states), "traits": len(profile.traits),
             "licence": profile.license or "not given"}
    return [{"what": name, "this profile": value} for name, value in facts.items()]


def paragraph_table(profile: Profile) -> list[dict]:
    """One row per paragraph: id, section, words, how it begins."""
    return [{"id": item.id, "section": item.section, "words": len(item.text.split()),
             "begins": " ".join(item.text.split()[:9]) + " …"} for item in profile.paragraphs]


def dump(profile: Profile) -> str:
    """The profile as Markdown text."""
    front = profile.model_dump(exclude_defaults=True, exclude={"paragraphs", "warnings"})
    front = {name: front[name] for name in Profile.model_fields if name in front}
    text = yaml.safe_dump(front, allow_unicode=True, sort_keys=False, width=140).rstrip()
    lines = ["---", text, "---", f"# {profile.name}", ""]
    section = ""
    for paragraph in profile.paragraphs:
        if paragraph.section != section:
            section = paragraph.section
            lines += [f"## {section}", ""]
        lines += [paragraph.text, ""]
    return "\n".join(lines)


def edit(profile: Profile, changes: dict[str, str] | None = None, **fields) -> Profile:
    """A new profile with paragraphs replaced by id (an empty text removes one) and front-matter
    fields replaced by name."""
    changes = changes or {}
    if unknown := set(changes) - {paragraph.id for paragraph in profile.paragraphs}:
        told = f"No paragraph {sorted(unknown)[0]} in the profile of {profile.name}"
        raise run.RunError(f"{told}: look the id up in notebook 01.")
    texts = [(" ".join(changes.get(item.id, item.text).split()), item.section)
             for item in profile.paragraphs]
    kept = [Paragraph(text, section) for text, section in texts if text]
    return _made(profile.model_dump(exclude={"paragraphs", "warnings"}) | fields, kept)


def check(profile: Profile) -> list[dict]:
    """What a careful editor would mark: rows of {level, where, what}, most serious first."""
    living = living_warning(profile)
    rows = [("profile", text) for text in (living, *profile.warnings) if text]
    if not profile.horizon:
        rows.append(("profile", "no horizon: nothing can be asked about what came after"))
    rows += [row for value in profile.values for row in _value_marks(value, profile)]
    rows += [row for number, state in enumerate(profile.states, 1)
             for row in _state_marks(state, number)]
    if profile.traits:
        missing = [name for name in TRAITS if name not in profile.traits]
        rows += [("traits", f"{name} has no score") for name in missing]
    seen = set()
    for paragraph in profile.paragraphs:
        dates = dates_in(paragraph.text) if profile.end else []
        if late := [date for date in dates if date.after(profile.end)]:
            after = f"after the horizon {profile.horizon}: kept out of experience"
            rows.append((paragraph.id, f"speaks of {late[0]}, {after}"))
        if paragraph.id in seen:
            rows.append((paragraph.id, "stands twice"))
        seen.add(paragraph.id)
        if len(paragraph.text.split()) < 12:
            rows.append((paragraph.id, "is very short: little can be made of it"))
    return [{"level": "warning", "where": where, "what": what} for where, what in rows]


def _value_marks(value: Value, profile: Profile) -> list[tuple[str, str]]:
    where, rows = (value.stance.strip() or value.opposite.strip() or "a value")[:60], []
    if not value.stance.strip():
        rows.append("has no stance: write what would be said, or nothing can be asked")
    if not value.opposite.strip():
        rows.append("has no opposite: write what would not be said, or nothing can be asked")
    if not value.paragraph:
        rows.append("rests on no paragraph: it is asked about and never taught")
    elif not profile.paragraph(value.paragraph):
        rows.append(f"rests on paragraph {value.paragraph}, which is not there (any more)")
    return [(where, row) for row in rows]


def _state_marks(state: State, number: int) -> list[tuple[str, str]]:
    rows = []
    try:
        Date.parse(state.when)
    except ValueError:
        wrong = f"'{state.when}' is not one date" if state.when else "has no date"
        example = next(iter(dates_in(state.when)), "1802-10")
        rows.append(f"{wrong}: write [-]YYYY[-MM[-DD]], for example {example}")
    if not state.state.strip():
        rows.append("says no state: write how it felt")
    return [(f"state {number}", row) for row in rows]


def living_warning(profile: Profile) -> str:
    """A warning when the person may be alive: no death date, and born within 110 years."""
    if profile.invented or profile.end:
        return ""
    years = [date.year for date in dates_in(profile.paragraphs[0].text)]
    if years and min(years) >= datetime.date.today().year - 110:
        remedy = "make no simulacrum of a living person without their consent"
        return f"{profile.name} may be living: {remedy}"
    return ""


def diff(before: Profile, after: Profile) -> str:
    """A unified diff of two profiles as text, and nothing when they are the same."""
    a, b = dump(before).splitlines(), dump(after).splitlines()
    return "\n".join(difflib.unified_diff(a, b, "before", "after", lineterm="", n=1))


def invalidated(before: Profile, after: Profile) -> list[str]:
    """Ids of paragraphs whose descendants (scenes, dialogues, examples) an edit makes stale."""
    kept = {paragraph.id for paragraph in after.paragraphs}
    return [paragraph.id for paragraph in before.paragraphs if paragraph.id not in kept]
