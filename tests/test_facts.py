"""Lives that nobody tuned to: what a reader would ask of them is met in several short wordings."""

import json
import re
from pathlib import Path

import pytest

from charlib import profile
from charlib.teachers.english import facts
from charlib.teachers.english.words import MONTHS, TIME_NOUNS

LIVES = Path(__file__).parent / "data" / "lives"
NAMES = sorted(path.stem for path in LIVES.glob("*.jsonl"))
CHECKED: dict[str, tuple] = {}


def life(name: str) -> tuple[list[tuple[str, str]], list[dict]]:
    """(exchanges, facts a reader would ask) of an invented life; read once."""
    if name not in CHECKED:
        source = next(path for path in LIVES.glob(f"{name}.*") if path.suffix != ".jsonl")
        person = profile.load(source)
        read = facts.Facts(person)
        rows = [row for index in range(len(person.paragraphs)) for row in facts.exchanges(read, index)]
        CHECKED[name] = rows, [json.loads(line) for line in (LIVES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    return CHECKED[name]


def wordings(rows: list[tuple[str, str]], fact: dict) -> set[str]:
    """The questions about a fact whose answer holds its key and which do not give it away."""
    gold = [re.compile(rf"\b{re.escape(key)}", re.IGNORECASE) for key in fact["gold"]]
    return {question for question, answer in rows if any(key.search(answer) for key in gold) and re.search(fact["about"], question, re.IGNORECASE)
            and not any(key.search(question) for key in gold)}  # fmt: skip


def test_what_readers_would_ask_is_met_in_three_wordings():
    counts = {(name, fact["ask"]): len(wordings(life(name)[0], fact)) for name in NAMES for fact in life(name)[1]}
    met = sum(count >= 3 for count in counts.values())
    assert len(counts) >= 200 and met >= 0.84 * len(counts), (
        f"{met} of {len(counts)}: {[key for key, count in counts.items() if count < 3]}"
    )


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_sentences_that_one_reply_holds(name):
    sizes = [len(answer.split()) for _, answer in life(name)[0]]
    assert max(sizes) <= 34 and sum(sizes) / len(sizes) < 20
    answers = {answer for _, answer in life(name)[0] if not answer.startswith(("No", "Yes"))}
    assert sum(len(answer.split()) > 3 for answer in answers) >= 0.9 * len(answers)


@pytest.mark.parametrize("name", NAMES)
def test_questions_and_answers_are_sentences_in_the_right_person(name):
    for question, answer in life(name)[0]:
        assert re.match(r"[A-Z0-9“\"À-Þ]", question) and question[-1] in "?." and answer[-1] in ".!?"
        assert not re.search(
            r"\b(?:I|my|me)\b", re.sub(r"^(?:Tell me|What can you tell me|I should like to hear|May I ask)\b", "", question)
        ), question
        assert not re.search(r"\byour?s?\b", answer), (question, answer)
        assert "  " not in question + answer and "[[" not in question + answer


def test_one_paragraph_gives_all_its_facts_and_a_hundred_share_the_room():
    assert len(life("timon")[0]) > 180 and len(life("thirza")[0]) < 2_000


def test_the_two_halves_of_a_paragraph_are_its_exchanges_fact_by_fact():
    person = profile.load(LIVES / "hesper.md")
    read = facts.Facts(person)
    for index in range(len(person.paragraphs)):
        assert facts.exchanges(read, index, half=0) + facts.exchanges(read, index, half=1) == facts.exchanges(read, index)


@pytest.mark.parametrize("name", NAMES)
def test_when_is_answered_with_a_time(name):
    times = (
        TIME_NOUNS - {"spring"}
        | set(MONTHS)
        | {"ago", "then", "after", "before", "until", "when", "while", "during", "war", "death", "birth"}
    )
    for question, answer in life(name)[0]:
        if re.match(r"(When|In (what|which) year|Tell me when|Do you remember when)\b", question):
            assert re.search(r"\d", answer) or set(re.findall(r"[a-z]+", answer.lower())) & {word.lower() for word in times}, (
                question,
                answer,
            )


def asked_of(*sentences: str) -> list[tuple[str, str]]:
    person = profile.parse("# Ilse Brandauer\n\n" + " ".join(("Ilse Brandauer was born in Lauscha in 1836.", *sentences)))
    return facts.exchanges(facts.Facts(person), 0)


@pytest.mark.parametrize(
    ("sentences", "never"),
    [
        (("Ilse never learned to swim.", "She spoke no French."), r"Yes, I did"),
        (("A dealer from Paris, Monsieur Boissonneau, offered her money.", "She told her master that she knew, and he raised her wage."), r"wage.*Boissonneau"),
        (("When she was six, Ilse threaded beads for a dealer from Sonneberg, who paid her mother one kreuzer.",), r"Sonneberg pay|you were\?"),
        (("She worked from eight in the morning until two in the afternoon.",), r"\? In the afternoon"),
        (("She married Anton Heller in 1859.", "Anton was killed in 1864.", "Her grandson Anton was a sailor."), r"grandson (?:be|was) killed|My grandson was\."),
    ],
)  # fmt: skip
def test_what_the_text_does_not_say_is_neither_asked_nor_answered(sentences, never):
    rows = asked_of(*sentences)
    assert rows and not [row for row in rows if re.search(never, " ".join(row))]
