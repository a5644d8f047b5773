"""The teacher's prompts: versioned files of data/prompts with places to fill."""

import re

from charlib import run
from charlib.records import Profile, Request


def prompt(name: str) -> tuple[str, str]:
    """A prompt of data/prompts and its version (its first line is `version: N`)."""
    path = run.root() / "data" / "prompts" / f"{name}.md"
    if not path.is_file():
        raise run.RunError(f"The prompt {name}.md is missing from data/prompts: restore it.")
    first, _, text = path.read_text(encoding="utf-8").partition("\n")
    match = re.fullmatch(r"version:\s*(\S+)\s*", first)
    if not match:
        raise run.RunError(f"data/prompts/{name}.md must begin with a line 'version: N'.")
    return text.strip(), match[1]


def fill(template: str, values: dict[str, str]) -> str:
    """Put values in the template's `[[name]]` places, in one pass: braces, Jinja and placeholders
    inside a value stay text (fault F17).
    """
    return re.sub(r"\[\[(\w+)\]\]", lambda match: str(values.get(match[1], match[0])), template)


def request(character: str, stage: str, subject: str, profile: Profile, facts: dict,
            sample: int = 0) -> Request:
    """The request for one subject, with the filled prompt as its message."""
    template, version = prompt(stage)
    told = {name: value for name, value in facts.items() if isinstance(value, str)}
    messages = ({"role": "user", "content": fill(template, describe(profile) | told)},)
    return Request(character, stage, subject, sample, version, messages, facts)


def describe(profile: Profile) -> dict[str, str]:
    """What every prompt may say of the person."""
    values = "\n".join(f"- {value.stance}" for value in profile.values[:40])
    states = "\n".join(f"- {state.when} {state.place}: {state.state}" for state in profile.states)
    voice = " ".join([profile.voice.manner, *profile.voice.lines]).strip()
    return {"name": profile.name, "short_name": profile.short_name,
            "horizon": profile.horizon or "unknown", "voice": voice or "plain and direct",
            "values": values or "- (none given)", "states": states or "- (none given)"}
