"""What models really return reads as a person would read it, and nothing that they return crashes the reader."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charlib import experience, profile
from charlib.records import Completion, Request
from tests.conftest import PROFILE

AWKWARD = Path(__file__).parent / "data" / "awkward" / "replies.txt"


def awkward() -> list[tuple[str, str, list[tuple[str, ...]]]]:
    """(name, reply, turns as a person reads them) of the labelled set."""
    rows = []
    for block in AWKWARD.read_text(encoding="utf-8").split("\n===== ")[1:]:
        name, _, rest = block.partition("\n")
        reply, _, read = rest.rpartition("\n-----\n")
        turns = [tuple(part.strip() for part in line.split("|", 2)) for line in read.strip().splitlines() if line.strip() != "nothing"]
        rows.append((name, reply, turns))
    return rows


ROWS = awkward()


def read(reply: str, person) -> list[tuple[str, str, str]]:
    return [(turn.role, turn.action, turn.text) for turn in experience.parse_dialogue(reply, person)]


def test_the_labelled_set_is_large_and_varied():
    assert len(ROWS) >= 60 and len({name for name, *_ in ROWS}) == len(ROWS) and len({reply for _, reply, _ in ROWS}) == len(ROWS)
    assert sum(not turns for *_, turns in ROWS) >= 5  # some hold no dialogue at all


def test_at_least_95_percent_of_awkward_replies_read_as_labelled(person):
    wrong = [name for name, reply, turns in ROWS if read(reply, person) != turns]
    assert len(wrong) <= 0.05 * len(ROWS), wrong


def test_a_plain_script_passes_as_it_stands():
    text = "Moss (speaking): Is it dear?\nGray (thinking, amused): He always asks: always.\nGray (speaking): Four guineas. [He pays.] No: five."
    assert experience.lines(text, lambda role: role == "Gray") == text


def test_a_list_of_numbers_or_a_bracket_in_speech_is_no_json():
    text = "Moss: What is [1, 2]?\nGray: A list, and {this} is none."
    assert experience.lines(text, lambda role: role == "Gray") == text


# ---- mutations ---------------------------------------------------------------------------------------------------------------------

JUNK = st.text(alphabet=st.characters(codec="utf-8"), max_size=12)
MARKS = st.sampled_from(["**", "__", "|", "```", "```json", "[", "]", "{", "}", '"', "\\", "\n", "\r\n", "\t", ":", "：", " — ", "(", ")", "(thinking)", "<br>", "<",
                         "</p>", "<|eot|>", "<think>", "</think>", "\x00", "\x1b[31m", "\u2028", "\u202e", "🕰️", "Exchange 7", "Answerable: no", "Twin of: 9", "1.",
                         "Scene 3", "Background:", "Gray:", "null", "[" * 40, "(" * 60, "| " * 30, "Gray: " * 20, "é", "\u0301"])  # fmt: skip
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "delete", "repeat", "swap", "cut", "lower"]), st.integers(0, 10_000), st.integers(0, 60), JUNK | MARKS
    ),
    min_size=1,
    max_size=8,
)
SCENES = "Scene 1\nType: chat\nLocation: Hull\nTime: 1822\nBackground: Gray mends a clock.\n\nScene 2\nType: debate\nBackground: Moss will not pay."
PAIRS = "Exchange 1\nKind: later technology\nBeyond: it came later\nAnswerable: no\nMoss: A telegraph?\nGray: I know of none.\n\nExchange 2\nTwin of: 1\nMoss: A clock?\nGray: Yes."
SEEDS = st.sampled_from([reply for _, reply, _ in ROWS] + [SCENES, PAIRS])
PERSON = profile.parse(PROFILE)
REQUEST = Request("nell", "protective", PERSON.paragraphs[0].id, 0, "1")


def mutated(text: str, edits) -> str:
    for what, at, size, piece in edits:
        at = at % (len(text) + 1)
        middle = text[at : at + size]
        text = {
            "insert": text[:at] + piece + text[at:],
            "delete": text[:at] + text[at + size :],
            "repeat": text[:at] + middle * 3 + text[at:],
            "swap": text[at:] + text[:at],
            "cut": text[:at],
            "lower": text[:at] + middle.swapcase() + text[at + size :],
        }[what]
    return text


def survives(text: str) -> None:
    turns = experience.parse_dialogue(text, PERSON)
    assert not turns or any(turn.role == "Gray" and turn.action == "speaking" for turn in turns)
    assert all(turn.text.strip() and turn.role.strip() and turn.action in {"speaking", "thinking"} for turn in turns)
    for scene in experience.parse_scenes(text, "p"):
        assert scene.type in {"chat", "debate", "discussion", "speech", "monologue"}
    for fields, script in experience.split_exchanges(text):
        assert fields["number"] and script.strip()
    found = experience.parse_pairs(text, REQUEST, Completion(REQUEST.id, "says", text), PERSON)
    assert all(item.turns[-1].role == "Gray" for item in found)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(SEEDS, EDITS)
def test_mutated_completions_never_crash(text, edits):
    survives(mutated(text, edits))


@pytest.mark.soak
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(SEEDS, EDITS)
def test_ten_thousand_mutated_completions_never_crash(text, edits):
    survives(mutated(text, edits))


def test_reading_takes_time_in_proportion_to_the_reply(person):
    """A reply made of openings and names would be slow in a reader that goes back and forth."""
    import time

    for piece in ("Gray: ", "(", "[", '{"a": ', "Moss says ", "| a ", "Moss (", "**Gray** "):
        start = time.perf_counter()
        experience.parse_dialogue(piece * 4_000, person)
        assert time.perf_counter() - start < 5, piece
