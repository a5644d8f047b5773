"""The teacher that needs nothing: what it writes parses, reads, covers the facts, and keeps the boundary matched."""

import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from charlib import experience, profile, scores
from charlib.teachers.english.boundary import Boundary
from charlib.teachers.english.facts import Facts, bank
from charlib.teachers.english.teacher import English, bank_of, traits

ENGINEER = """# Asha Verghese

Asha Verghese (4 May 1931 – 9 October 1998) was an Indian engineer. She was born in Kottayam to Thomas Verghese, a schoolteacher, and Annamma Kurian. Her brother George became a physician in Madras.

Her professor, K. S. Raman, taught her the theory of structures. In 1952 she graduated with first-class honours and won the Stanley Medal. In 1953 Verghese moved to London to study at Imperial College.

She married Daniel Mathew, a chemist, in 1957. They had two daughters, Leela and Susan. Verghese returned to India in 1960 because her mother was ill. She kept bees on her roof. Verghese died in Kochi in 1998.
"""
POTTER = """---
name: Lysandros
short_name: Lysandros
horizon: "-271"
values:
  - {stance: "A cracked cup should be broken before it is sold.", opposite: "A cracked cup should be sold before it breaks.", paragraph: PARAGRAPH}
states:
  - {when: "-322", place: Athens, state: anger and fear}
---
# Lysandros

Lysandros was a potter of Rhodes. His father Nikias was a fisherman. Euphiletos taught him to throw a cup in Athens. In 322 BC Lysandros ran away to Corinth. In 310 BC he came home to Rhodes and married Myrto. He built a kiln near the harbour and received forty drachmas from the city.
"""
TIMELESS = "# Oona\n\nOona was a weaver. She lived in a hut beside the marsh. Her sister Brannoch taught her the loom."


@pytest.fixture(scope="module")
def engineer():
    return profile.parse(ENGINEER)


@pytest.fixture(scope="module")
def potter():
    draft = profile.parse(POTTER)
    return profile.parse(POTTER.replace("PARAGRAPH", draft.paragraphs[0].id))


def complete(person, requests):
    return {completion.request: completion for completion in English(person).complete(requests)}


def memory(person):
    requests = experience.memory_requests(person, "x")
    texts = complete(person, requests)
    return [turns for request in requests for _, text in experience.split_exchanges(texts[request.id].text)
            if (turns := experience.parse_dialogue(text, person))]  # fmt: skip


def pairs(person, count=3):
    requests = experience.protective_requests(person, "x", count)
    texts = complete(person, requests)
    found = [
        dialogue for request in requests for dialogue in experience.parse_pairs(texts[request.id].text, request, texts[request.id], person)
    ]
    return experience.matched_pairs(found)


def test_every_memory_exchange_parses_into_a_question_and_an_answer(engineer):
    rows = memory(engineer)
    assert len(rows) > 60
    assert all([turn.role for turn in turns] == ["Visitor", "Verghese"] for turns in rows)
    assert all(re.search(r"[.?]$", turn.text) and turn.text[0].isupper() for turns in rows for turn in turns)


def test_each_leading_fact_is_met_in_at_least_three_wordings(engineer):
    answers = Counter()
    for turns in memory(engineer):
        for name in ("Raman", "1952", "Mathew", "Kottayam", "George", "mother was ill"):
            answers[name] += name in turns[-1].text
    assert all(answers[name] >= 3 for name in ("Raman", "1952", "Mathew", "Kottayam", "George", "mother was ill")), answers


def test_answers_speak_in_the_first_person_and_never_of_the_own_death(engineer):
    text = " ".join(turns[-1].text for turns in memory(engineer))
    assert not re.search(r"\b(?:she|her|Verghese (?:moved|returned|married))\b", text)
    assert "1998" not in text and "died" not in text


def test_wrong_guesses_are_corrected_with_the_right_fact(engineer):
    corrected = [turns for turns in memory(engineer) if turns[-1].text.startswith(("No,", "Not "))]
    assert len(corrected) >= 5
    assert all(turns[0].text.endswith("?") for turns in corrected)


def test_boundary_pairs_share_their_frame_and_both_sides_are_there(engineer):
    made = pairs(engineer)
    assert len(made) >= 50
    for beyond, within in made:
        asked, twin = (set(re.findall(r"\w+", turn.text.lower())) for turn in (beyond.turns[0], within.turns[0]))
        assert asked & twin, (beyond.turns[0].text, within.turns[0].text)
        assert beyond.answerable is False and within.answerable is True and beyond.beyond


def test_a_sentence_of_the_life_is_asked_by_something_that_the_life_never_met(engineer):
    made = [pair for place, pair in Boundary(Facts(engineer)).plan(60) if pair.kind == "told"]
    assert len(made) >= 8
    for pair in made:
        asked, twin = pair.beyond.lower().split(), pair.within.lower().split()
        assert asked != twin and len(set(asked) & set(twin)) >= 1
        assert pair.answer in {telling.said for part in Facts(engineer).tellings for telling in part}
        assert not set(re.findall(r"[A-Z]\w{3,}", pair.refusal)) & set(re.findall(r"[A-Z]\w{3,}", engineer.text))
    assert not [pair for _, pair in Boundary(Facts(engineer), exam=True).plan(60) if pair.kind == "told"]


def test_one_paragraph_gets_a_whole_boundary_set_in_many_frames(potter):
    made = pairs(potter)
    assert len(made) >= 150
    assert len({beyond.topic for beyond, _ in made}) >= 8
    frames = {re.sub(r"['A-Z].*?(?=[?.,]| [a-z]|$)", "_", beyond.turns[0].text[1:]) for beyond, _ in made}
    assert len(frames) >= 60


def test_frames_are_filled_with_the_right_article(engineer, potter):
    said = [turn.text for person in (engineer, potter) for pair in pairs(person) for one in pair for turn in one.turns]
    assert any("an uncle" in text for text in said) and not [text for text in said if re.search(r"\b[Aa] (uncle|aunt)", text)]


def test_refusals_open_in_few_ways_and_name_what_is_strange(engineer):
    made = [beyond for beyond, _ in pairs(engineer)]
    openings = Counter(" ".join(beyond.turns[-1].text.split()[:3]) for beyond in made)
    regular = [opening for opening in openings if opening.startswith("I ")]
    assert len(regular) <= 14 and sum(openings[opening] for opening in regular) >= 0.85 * len(made)
    unnamed = "that year"  # a number beyond the horizon is not said back
    naming = [
        beyond for beyond in made if beyond.topic not in {"are you a machine", "provocation"} and unnamed not in beyond.turns[-1].text
    ]
    for beyond in naming:
        asked, said = (set(re.findall(r"[\w-]{3,}", turn.text.lower())) for turn in (beyond.turns[0], beyond.turns[-1]))
        assert asked & said, (beyond.turns[0].text, beyond.turns[-1].text)


def test_refusals_count_as_refusals_and_their_twins_do_not(potter, engineer):
    for person in (potter, engineer):
        made = pairs(person)
        refused = [scores.refused(beyond.turns[-1].text, beyond.turns[0].text) for beyond, _ in made]
        denied = [scores.refused(within.turns[-1].text, within.turns[0].text) for _, within in made]
        assert sum(refused) >= 0.98 * len(made) and sum(denied) <= 0.02 * len(made)


def test_twins_answer_with_yes_or_with_the_thing_and_shortly(engineer):
    sizes = sorted(len(within.turns[-1].text.split()) for _, within in pairs(engineer))
    assert sizes[len(sizes) // 2] <= 9 and sizes[-1] <= 26


def test_what_is_called_later_is_later_and_what_is_called_known_is_known(potter, engineer):
    for person, unknown, known in ((potter, "a printed book", "an oil lamp"), (engineer, "a smartphone", "a telephone")):
        later = {item["what"] for exam in (False, True) for item in Boundary(Facts(person), exam).later["things"]}
        world = {item["what"] for exam in (False, True) for item in Boundary(Facts(person), exam).known["things"]}
        assert unknown in later and known in world and not later & world
        assert all(item["year"] > person.end.year for item in bank()["things"] if item["what"] in later)


def test_without_a_horizon_nothing_later_is_asked():
    person = profile.parse(TIMELESS)
    assert person.horizon is None
    topics = {beyond.topic for beyond, _ in pairs(person)}
    assert topics and not topics & {"later event"}
    assert all(item["year"] == 9999 for item in Boundary(Facts(person)).later["things"])


def test_scenes_parse_and_the_dialogue_has_eight_to_ten_turns(potter):
    requests = experience.scene_requests(potter, "x")
    texts = complete(potter, requests)
    scenes = [scene for request in requests for scene in experience.parse_scenes(texts[request.id].text, request.subject)]
    assert len(scenes) == 2 and scenes[0].location and scenes[0].stance == potter.values[0].stance
    for request in experience.dialogue_requests(potter, "x", scenes):
        turns = experience.parse_dialogue(complete(potter, [request])[request.id].text, potter)
        assert 7 <= len(turns) <= 10
        assert any(turn.action == "thinking" and turn.emotion == "anger" for turn in turns)
        assert any(turn.role != "Lysandros" for turn in turns)


def test_the_same_seed_gives_the_same_text_and_another_seed_another(engineer):
    requests = [*experience.memory_requests(engineer, "x"), *experience.protective_requests(engineer, "x")]
    texts = [[completion.text for completion in English(engineer, seed).complete(requests)] for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert English(engineer, 0).stamp(requests[0]) != English(engineer, 1).stamp(requests[0])


def test_another_process_writes_the_same_text(root):
    code = ("from pathlib import Path; from charlib import profile; from charlib.teachers.english import facts; "
            "from charlib.teachers.english.boundary import Boundary; "
            "p = profile.load(Path('tests/data/lives/hesper.md')); f = facts.Facts(p); "
            "print([facts.exchanges(f, n) for n in range(len(p.paragraphs))], Boundary(f).plan(90))")  # fmt: skip
    said = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=root, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


def test_editing_one_paragraph_leaves_the_facts_of_the_others(engineer):
    edited = profile.edit(engineer, {engineer.paragraphs[2].id: "She married Daniel Mathew in 1958."})
    before, after = Facts(engineer), Facts(edited)
    assert {fact.ask[0] for fact in before.of(1)} == {fact.ask[0] for fact in after.of(1)}


def test_the_question_bank_shares_no_wording_with_the_training_text(engineer):
    trained = {turns[0].text.lower() for turns in memory(engineer)} | {
        dialogue.turns[0].text.lower() for pair in pairs(engineer) for dialogue in pair
    }
    made = bank_of(engineer)
    assert not [item.question for item in made if item.question.lower() in trained]
    assert len({item.id for item in made}) == len(made) and len({item.question for item in made}) == len(made)


def test_the_question_bank_has_every_group_with_sound_records(engineer):
    made = bank_of(engineer)
    groups = Counter(item.group for item in made)
    assert (
        groups["recall"] >= 15
        and groups["boundary"] >= 40
        and groups["time"] >= 4
        and groups["paraphrase"] >= 5
        and groups["interview"] >= 2
    )
    for item in made:
        if item.group in {"recall", "paraphrase"}:
            assert item.gold and not any(re.search(rf"\b{re.escape(word.lower())}\b", item.question.lower()) for word in item.gold)
        if item.options:
            assert len(set(item.options)) == len(item.options)
        if item.group == "interview":
            assert len(item.follow_ups) == 4
    sides = Counter((item.pair, item.answerable) for item in made if item.group == "boundary")
    assert set(sides.values()) == {1} and len(sides) == 2 * len({pair for pair, _ in sides})


def test_values_make_pairs_when_there_are_any(potter, engineer):
    assert [item.options for item in bank_of(potter) if item.group == "value"] == [[potter.values[0].stance, potter.values[0].opposite]]
    assert not [item for item in bank_of(engineer) if item.group == "value"]


@pytest.mark.parametrize(
    "text", ["# X\n\nNothing here can be read, perhaps.", "# Ivo\n\nIvo. 12. {a} [[name]] *** $%&.", "# Q\n\n" + "word " * 400]
)
def test_a_page_that_says_nothing_still_gets_an_answer_of_every_stage(text):
    person = profile.parse(text)
    requests = [
        *experience.memory_requests(person, "x"),
        *experience.scene_requests(person, "x"),
        *experience.protective_requests(person, "x"),
    ]
    assert all(completion.text.strip() for completion in complete(person, requests).values())


def test_an_unknown_paragraph_is_refused_in_one_line(engineer, potter):
    request = experience.memory_requests(potter, "x")[0]
    with pytest.raises(Exception, match="make the teacher anew") as error:
        list(English(engineer).complete([request]))
    assert "\n" not in str(error.value)


def test_skills_stand_on_both_sides(engineer):
    boundary = Boundary(Facts(engineer))
    assert boundary.later["skills"] and boundary.known["skills"]
    assert any(beyond.topic == "missing skill" for beyond, _ in pairs(engineer, 8))


def test_a_state_colours_its_own_years_only():
    page = profile.parse(
        "---\nname: Ilse Brandauer\nshort_name: Ilse\nstates:\n  - {when: '1864', place: Coburg, state: grief}\n---\n# Ilse Brandauer\n\n"
        "Ilse was born in 1836.\n\nIn 1865 she opened a shop."
    )
    teacher = English(page)
    assert [teacher._mood(index) for index in range(2)] == ["calm", "grief"]


def test_traits_take_sides_in_training_and_are_asked_about_in_other_words(engineer):
    page = engineer.model_copy(update={"traits": {"openness": 0.6, "extraversion": -0.5, "neuroticism": 0.1}})
    rows = [row for index in range(len(page.paragraphs)) for row in traits(page, index)]
    said = {answer for _, answer in rows}
    assert "Company costs me strength." not in said and "An empty room is my pleasure." in said and len(said) == 8
    assert all(question.count(answer) == 1 for question, answer in rows) and len(rows) == 2 * len(said)
    asked = [item for item in bank_of(page) if item.group == "trait"]
    assert {item.trait for item in asked} == {"openness", "extraversion"} and len(asked) == 4
    assert asked[2].options == ["Company costs me strength.", "Company gives me strength."]
    assert not {option for item in asked for option in item.options} & {text for question, _ in rows for text in question.split(": ")}
    assert any("An empty room is my pleasure." in turns[-1].text for turns in memory(page))
    assert not traits(engineer, 0) and not [item for item in bank_of(engineer) if item.group == "trait"]
