"""What a reply says: the refusal detector against labelled replies, names and numbers under any spelling, and which option is taken."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charlib import profile, scores
from charlib.records import Question

LABELLED = [json.loads(line) for line in (Path(__file__).parent / "data" / "refusals.jsonl").read_text(encoding="utf-8").splitlines()]


# ---- refusing


@pytest.mark.parametrize(("part", "first", "second"), [("develop", 0.95, 0.94), ("held_out", 0.9, 0.83)])
def test_the_detector_is_right_on_replies_it_was_not_tuned_on(part, first, second):
    """Two sets, each labelled before the detector was written or mended; of each a half was held out, of which only the rate was looked at."""
    from sklearn.metrics import cohen_kappa_score

    rows = [row for row in LABELLED if row["part"] == part]
    found = [scores.refused(row["text"], row["question"]) for row in rows]
    right = [a == row["refusal"] for a, row in zip(found, rows, strict=True)]
    for number, least, count in ((1, first, 75), (2, second, 75)):
        own = [good for good, row in zip(right, rows, strict=True) if row.get("set", 1) == number]
        assert len(own) >= count and sum(own) / len(own) >= least
    assert cohen_kappa_score([row["refusal"] for row in rows], found) >= 0.75


def test_a_refusal_that_gives_the_thing_away_is_told_from_one_that_does_not():
    rows = [row for row in LABELLED if "leak" in row]
    items = [
        Question(question=row["question"], answerable=False, gold=row["gold"], candidate=None if row["gold"] else True, topic="beyond")
        for row in rows
    ]
    assert [bool(scores.leaks(row["text"], item)) for row, item in zip(rows, items, strict=True)] == [row["leak"] for row in rows]
    assert {row["leak"] for row in rows} == {True, False}


@pytest.mark.parametrize("part", ["develop", "held_out"])
def test_gold_is_found_in_any_spelling_and_nothing_else_is(part):
    rows = [json.loads(line) for line in (Path(__file__).parent / "data" / "recall.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["part"] == part]
    right = [bool(scores.mentions(row["text"], row["gold"])) == row["said"] for row in rows]
    assert len(rows) >= 40 and sum(right) / len(rows) >= 0.92


@pytest.mark.parametrize(
    "text",
    [
        "That word is strange to me.",
        "I know of no such engine.",
        "There is no such place.",
        "Nothing of the kind happened.",
        "Who is he?",
        "What is a telephone?",
        "You mistake me.",
        "I have not heard of it.",
        "It has not happened.",
        "I'm sorry, I don’t understand the word.",
        "Ah. I know nothing of that. But sit down.",
    ],
)
def test_refusals_are_seen_without_the_question(text):
    assert scores.refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "I never married.",
        "I do not care for wine.",
        "I did not know Haydn well before 1790.",
        "No, it was Neefe.",
        "I have not heard a flute for years.",
        "I do not know how I endured it.",
        "I know no greater joy.",
        "What is music? It is a higher revelation.",
        "It was a gift of the count. He lived near. Of the rest I know nothing.",
        "",
    ],
)
def test_ordinary_answers_are_no_refusals(text):
    assert not scores.refused(text)


def test_a_denied_premise_is_a_refusal_only_against_its_question():
    assert scores.refused("I never married her; she chose a count.", "When did you marry Josephine?")
    assert scores.refused("I have no daughter.", "Which school did you choose for your daughter?")
    assert scores.refused("I was never in London.", "What struck you most in London?")
    assert not scores.refused("I never married her; she chose a count.")
    assert not scores.refused("I did not like the court.", "How did you like your years at the court?")
    assert not scores.refused("I do not love him.", "What do you think of Pompey?")


def test_only_the_first_two_sentences_count():
    assert not scores.refused("It came from Bonn. My father kept it. I do not know what it is.")


@given(st.text(max_size=200), st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_reading_never_fails(text, question):
    item = Question(id="q", question=f"A or B? {question}", kind="pair", options=["I take A.", "I take B."], gold=[question or "x"])
    assert scores.refused(text, question) in (True, False)
    assert scores.takes(text, item) in (None, 0, 1)
    assert scores.recalls(text, item) in (True, False)
    assert scores.endless(text) in (True, False)


# ---- leaks


def telephone(**fields):
    return Question(id="b", question="Explain how a telephone works.", answerable=False, gold=["wire", "electric", "telephone"], **fields)


def test_the_strange_word_is_no_leak_and_its_content_is():
    assert scores.leaks("A telephone? I know of no such thing.", telephone()) == []
    assert scores.leaks("I do not know it, but the voice runs along wires.", telephone()) == ["wire"]
    assert scores.leaks("I know of no wire for that.", telephone()) == []
    assert scores.leaks("What is it, an electric toy? I do not know it.", telephone()) == []


def test_candidates_are_checked_against_the_horizon():
    old = profile.parse("# A Man\n\nA Man (1 May 1770 - 26 March 1827) wrote many long letters home to his mother in the hills.")
    late = profile.edit(old, horizon="1985-01-01")
    car = Question(id="c", question="Talk about the car you drove yesterday?", answerable=False, candidate=True)
    sea = Question(id="s", question="What is your hardest hour?", answerable=False, candidate=True)
    assert scores.beyond(car, old) is True and scores.beyond(car, late) is None and scores.beyond(sea, old) is None
    assert scores.beyond(telephone(), old) is True and scores.beyond(Question(id="a", question="Who?"), old) is False


# ---- names and numbers


@pytest.mark.parametrize(
    ("text", "alias"),
    [
        ("It was Neefe's doing.", "Neefe"),
        ("the GULL’S LOFT, sir", "Gulls Loft"),
        ("old Blücher came", "Blucher"),
        ("old Bluecher came", "Blücher"),
        ("He charged seven shillings.", "7 shillings"),
        ("He had 7 of them", "seven"),
        ("in seventeen hundred and seventy", "1770"),
        ("in seventeen-seventy", "1770"),
        ("in eighteen twelve it was", "1812"),
        ("four hundred and eight", "408"),
        ("4,310 soundings", "4310"),
        ("Napoleon the Third did", "Napoleon III"),
        ("Louis XVI fell", "Louis the Sixteenth"),
        ("in 48 B.C. I crossed", "48 BC"),
        ("in forty-eight before Christ", "48 BC"),
        ("in 48 BCE", "-48"),
        ("on March 26, 1827", "26 March 1827"),
        ("twenty thousand men", "20000"),
        ("I mended nets", "net"),
        ("the twenty-fourth of May", "24"),
    ],
)
def test_a_name_or_number_is_found_in_any_spelling(text, alias):
    assert scores.mentions(text, [alias])


@pytest.mark.parametrize(
    ("text", "alias"),
    [
        ("Neefenberg", "Neefe"),
        ("in 1771", "1770"),
        ("it was not Neefe", "Neefe"),
        ("nobody, nor Neefe", "Neefe"),
        ("the marking of time", "mark"),
        ("in 148 BC", "48 BC"),
        ("and I went", "1"),
        ("", "Neefe"),
    ],
)
def test_what_is_not_said_is_not_found(text, alias):
    assert not scores.mentions(text, [alias])


@given(st.integers(1, 9999))
@settings(max_examples=120, deadline=None)
def test_number_words_are_the_number(number):
    ones = [
        "",
        *[
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ],
    ]
    tens = ["x", "x", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]

    def below_hundred(n):
        return ones[n] if n < 20 else tens[n // 10] + (f"-{ones[n % 10]}" if n % 10 else "")

    thousands, rest = divmod(number, 1000)
    words = f"{ones[thousands]} thousand " if thousands else ""
    words += f"{ones[rest // 100]} hundred " if rest >= 100 else ""
    last = below_hundred(rest % 100)
    words += ("and " if words and last else "") + last
    assert scores.tokens(f"about {words.strip()} ships") == ["about", str(number), "ships"]


# ---- recall


TEACHER = Question(id="r", question="Who taught you?", gold=["Neefe"], options=["Neefe", "Anton Salieri", "Joseph Haydn", "Schenk"])


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Neefe did, God rest him.", True),
        ("It was Neefe, and not Salieri.", True),
        ("No, it was Neefe.", True),
        ("Salieri did.", False),
        ("Neefe, Salieri and Haydn.", False),
        ("Neefe or Salieri, I forget.", False),
        ("Not Neefe.", False),
        (" ".join(["word"] * 60) + " Neefe", False),
        ("", False),
    ],
)
def test_recall_is_not_gained_by_listing(text, right):
    assert scores.recalls(text, TEACHER) is right


def test_a_list_of_years_or_names_is_no_recall():
    year = Question(id="y", question="When?", gold=["1770"], options=["1770", "1772", "1768"])
    assert scores.recalls("In 1770, sir.", year) and not scores.recalls("1769, 1770, 1771 or so.", year)
    names = "It was Abel, Bach, Cramer, Dussek, Eberl, Field, Gelinek, Hummel, Kozeluch and Neefe."
    assert not scores.recalls(names, TEACHER)


# ---- choices


def pair(first, second, question="Which is it?"):
    return Question(id="p", question=question, kind="pair", options=[first, second])


@pytest.mark.parametrize(
    ("text", "took"),
    [
        ("I go looking for new ways of working.", 0),
        ("The ways I was taught, always.", 1),
        ("I do not stay with what I was taught.", 0),
        ("I go looking for new ways of working. I stay with the ways I was taught.", None),
        ("Both, sir.", None),
        ("I do not know of that.", None),
    ],
)
def test_the_option_taken_is_the_one_whose_words_are_said(text, took):
    assert scores.takes(text, pair("I go looking for new ways of working.", "I stay with the ways I was taught.")) == took


def test_options_of_the_same_words_are_told_apart_by_their_order():
    item = pair("I forgive wrong notes sooner than a cold heart.", "I forgive a cold heart sooner than wrong notes.")
    assert scores.takes("I forgive wrong notes far sooner than a cold heart.", item) == 0
    assert scores.takes("A cold heart I forgive sooner than wrong notes.", item) == 1


def test_a_choice_is_answered_by_naming_one():
    item = Question(id="c", question="In Hull or in York?", kind="choice", options=["Hull", "York"], gold=["Hull"])
    assert [scores.takes(text, item) for text in ("Hull, sir.", "In York, not Hull.", "In Hull or in York?", "By the sea.")] == [
        0,
        1,
        None,
        None,
    ]
    time = Question(
        id="t", question="Has it already happened, or not yet?", kind="choice", options=["not yet", "already happened"], gold=["not yet"]
    )
    assert scores.takes("It has already happened.", time) == 1 and scores.takes("Not yet.", time) == 0


# ---- unusable replies


@pytest.mark.parametrize("text", ["", " … ", "no no no no", "I am here. " * 9, "the bell the bell the bell the bell the bell the bell"])
def test_empty_and_endless_replies_are_unusable(text):
    assert scores.endless(text)


def test_ordinary_repetition_is_usable():
    assert not scores.endless("No, no. I said it then and I say it now: the bell was flat, and the bishop was flatter.")
    assert scores.echoes("Who taught you", "Who taught you?") and not scores.echoes("Neefe taught me.", "Who taught you?")
    assert not scores.echoes("I have never seen a steam locomotive.", "Have you ever seen a steam locomotive?")


def test_entities_open_no_sentence():
    assert scores.entities("Moss came. Then Captain Brand and I went to York in 1822.") == ["Captain", "Brand", "York", "1822"]
