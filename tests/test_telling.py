"""Sentences told whole: in the first person, nobody else's pronoun taken for the teller's, and asked for by the things they hold."""

import re

import pytest

from charlib import profile
from charlib.records import Date
from charlib.teachers.english import telling
from charlib.teachers.english.story import Story
from tests.test_facts import LIVES, NAMES


def told(*sentences: str, name: str = "Judith Marsh", short: str = "Marsh", end=None) -> list[telling.Telling]:
    return telling.tellings(Story(name, short, [" ".join(sentences)], end), 0)


def said(*sentences: str, **given) -> list[str]:
    return [one.said for one in told(*sentences, **given)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Her barometers, cased in plain oak, were numbered; the last was number 412.", "My barometers, cased in plain oak, were numbered; the last was number 412."),
        ("She had arithmetic from the curate, Lionel Strake, who lent her Ferguson's Astronomy.", "I had arithmetic from the curate, Lionel Strake, who lent me Ferguson's Astronomy."),
        ("She married the painter Edvard Holm, and they settled in Karlskrona.", "I married the painter Edvard Holm, and we settled in Karlskrona."),
        ("A dealer from Paris, Monsieur Dubois, offered her three hundred francs.", "A dealer from Paris, Monsieur Dubois, offered me three hundred francs."),
        ("She lives in a stone hut and plays the bone flute.", "I live in a stone hut and play the bone flute."),
        ("She was known for the Marsh barometer, a very plain thing.", "I was known for the Marsh barometer, a very plain thing."),
        ("The Almanack was printed by Jabez Holland and bound in blue sugar paper.", "The Almanack was printed by Jabez Holland and bound in blue sugar paper."),
    ],
)  # fmt: skip
def test_a_sentence_keeps_what_it_holds(written, expected):
    assert said("Judith Marsh was born in Hull.", written)[-1] == expected


@pytest.mark.parametrize(
    "written",
    [
        "Her sister Ann lost her purse in York.",  # whose purse?
        "It gained a prize at York.",
        "He taught her the flute.",
        "She died of bronchitis in Hull.",
        "Historians regard her almanack as the first of its kind.",
        "The notebook is kept by the library of Salem.",
        "She said: I have my reasons for the blue paper.",
    ],
)
def test_what_is_doubtful_posthumous_or_quoted_is_not_told(written):
    assert len(said("Judith Marsh was born in Hull, where she kept a shop.", written)) == 1


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (("She married Otto Beck.", "They settled in Ulm and had three sons."), "We settled in Ulm and had three sons."),
        (("Mercury hurt her hands, and from 1852 Keziah wrote to her dictation.",), "Mercury hurt my hands."),
        (("As his sight failed she learned to boil the tubes.",), "As his sight failed I learned to boil the tubes."),
    ],
)
def test_what_is_sure_of_a_sentence_is_told(written, expected):
    assert said("Judith Marsh was born in Hull, where she kept a shop with her niece Keziah.", *written)[-1] == expected


def test_a_long_sentence_is_told_to_where_it_may_end():
    long = "She sold the house in Hull to a baker from York, who " + "painted it and " * 12 + "left it."
    assert said("Judith Marsh was born in Hull, where she kept a shop.", long)[-1] == "I sold the house in Hull to a baker from York."


def test_nothing_after_the_horizon_is_told():
    assert said("Judith Marsh was born in Hull.", "In 1901 Hull built a tower.", end=Date.parse("1858")) == ["I was born in Hull."]


def test_questions_name_things_of_the_sentence_and_ask_for_what_it_tells():
    one = told("Judith Marsh was born in Hull.", "Her almanack was printed by Jabez Holland in 1827.")[-1]
    assert one.of[:2] == ("your almanack", "Jabez Holland") and {("person", "your almanack"), ("date", "your almanack")} <= set(one.tells)
    asked = one.ask()
    assert asked[0] == "Tell me about your almanack." and len(asked) == len(set(asked)) >= 5
    assert {"Your almanack was printed by whom in 1827?", "Your almanack was printed by Jabez Holland in what year?"} <= set(one.echoes)
    assert one.ask(1)[0] != asked[0]


@pytest.mark.parametrize("name", NAMES)
def test_lives_that_nobody_tuned_to_are_told_in_the_first_person(name):
    person = profile.load(next(path for path in LIVES.glob(f"{name}.*") if path.suffix != ".jsonl"))
    story = Story(person.name, person.short_name, [item.text for item in person.paragraphs], person.end)
    rows = [one for index in range(len(person.paragraphs)) for one in telling.tellings(story, index)]
    sentences = sum(len(part) for part in story.sentences)
    assert len(rows) >= 0.4 * sentences, f"{len(rows)} of {sentences}"
    own = {"he": "he|him|his", "she": "she|her|hers", "they": "themself"}[story.pronoun]
    for one in rows:
        assert one.said[0].isupper() and one.said[-1] == "." and len(one.said.split()) <= telling.LONGEST
        assert not re.search(r"\bI (?:is|has|were|are|be)\b|\bme [a-z]+ed\b", one.said), one.said
        assert all(question[-1] in "?." and "{" not in question and "my " not in question for question in one.ask())
    assert sum(bool(re.search(rf"\b(?:{own})\b", one.said)) for one in rows) <= 0.1 * len(rows)
