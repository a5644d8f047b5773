"""Protective experience: every refusal has its twin, pairs are linked both ways, and counts tell what was made."""

from collections import Counter

from charlib import experience, profile, teachers
from charlib.records import Completion, Dialogue, Reject, Request, Turn

PAIRS = """Exchange 1
Kind: later technology
Beyond: the telegraph came to Hull long after her death
Answerable: no
Visitor: What do you think of the electric telegraph?
Gray: I do not know that thing. You have the better of me.

Exchange 2
Twin of: 1
Answerable: yes
Visitor: What do you think of the sextant?
Gray: Good brass, badly kept.

Exchange 3
Kind: later events
Beyond: he was crowned afterwards
Visitor: Who won the war in Crimea?
Gray: I have heard of no such war.

Exchange 4
Twin of: 3
Visitor: Who bought your first clock?
Gray: Captain Moss, for four guineas.
"""


class Says:
    name = "says"

    def __init__(self, text):
        self.text, self.asked = text, []

    def stamp(self, request):
        return "1"

    def complete(self, requests):
        for request in requests:
            self.asked.append(request.subject)
            text = self.text(request) if callable(self.text) else self.text
            yield Completion(request.id, self.name, text)


def parsed(person, text=PAIRS):
    request = Request("nell", "protective", "p1", 0, "1")
    return experience.parse_pairs(text, request, Completion(request.id, "says", text), person)


def test_pairs_are_read_and_linked_both_ways(person):
    first, second, third, fourth = parsed(person)
    assert [item.answerable for item in (first, second, third, fourth)] == [False, True, False, True]
    assert (first.twin, second.twin) == (second.id, first.id) and (third.twin, fourth.twin) == (fourth.id, third.id)
    assert first.beyond.startswith("the telegraph") and first.topic == second.topic == "later technology"
    assert [item.turns[0].text[:6] for item, _ in experience.matched_pairs(parsed(person))] == ["What d", "Who wo"]


def test_pairs_in_another_dress_are_the_same(person):
    dressed = PAIRS.replace("Exchange ", "### Exchange ").replace("Visitor:", "**Visitor:**").replace("Kind:", "**Kind:**")
    assert [item.id for item in parsed(person, dressed)] == [item.id for item in parsed(person)]
    assert [item.twin for item in parsed(person, dressed)] == [item.twin for item in parsed(person)]


def test_an_exchange_that_does_not_end_with_the_person_is_no_pair(person):
    text = PAIRS.replace("Gray: Good brass, badly kept.\n", "")
    found = parsed(person, text)
    assert [item.twin for item in found if "telegraph" in item.turns[0].text] == [None]


def test_a_refusal_without_its_twin_is_rejected_and_a_lone_answer_kept(here, person):
    alone = PAIRS.partition("Exchange 2")[0] + PAIRS.partition("Exchange 3\n")[2].partition("Exchange 4\n")[2].replace(
        "Twin of: 3\n", "Exchange 4\nAnswerable: yes\n"
    )
    built = experience.build_protective(here, person, Says(lambda request: alone if request.stage == "protective" else ""), limit=1)
    assert [item.answerable for item in built.kept] == [True]
    assert Counter(row.reason for row in built.rejects) == {"no twin": 1, "no pair found": 1}


def test_the_stage_writes_pairs_with_provenance_and_leaves_other_rejects(here, person):
    other = Reject(stage="memory", reason="near duplicate")
    here.write_jsonl("rejects.jsonl", [other])
    built = experience.build_protective(here, person, Says(PAIRS), limit=1)
    kept = here.read_jsonl("protective.jsonl", Dialogue)
    assert kept == built.kept and {item.paragraphs[0] for item in kept} == {person.paragraphs[0].id}
    assert all(item.kind == "protective" and item.request and item.teacher == "says" for item in kept)
    assert other in here.read_jsonl("rejects.jsonl", Reject)
    experience.build_protective(here, person, Says(PAIRS), limit=1)
    assert here.read_jsonl("rejects.jsonl", Reject).count(other) == 1


def test_an_edit_re_makes_only_its_own_pairs(here, person, capsys):
    def pair(request):
        word = request.facts["item"].text.split()[3]
        return (
            PAIRS.replace("telegraph", f"telegraph of {word}")
            .replace("sextant", f"sextant and the {word}")
            .replace("war", f"war of the {word}")
        )

    experience.build_protective(here, person, Says(pair))
    before = {row["id"]: row["paragraphs"] for row in here.read_jsonl("protective.jsonl")}
    old = person.paragraphs[1]
    edited = profile.edit(person, {old.id: old.text + " He came back for a second."})
    writer = Says(pair)
    experience.build_protective(here, edited, writer)
    after = {row["id"]: row["paragraphs"] for row in here.read_jsonl("protective.jsonl")}
    assert set(writer.asked) == {edited.paragraphs[1].id}
    assert all(paragraphs == [old.id] for id, paragraphs in before.items() if id not in after)
    assert all(paragraphs == [edited.paragraphs[1].id] for id, paragraphs in after.items() if id not in before)
    assert "made again" in capsys.readouterr().out


def test_counts_openings_and_leaks(person):
    found = parsed(person)
    assert experience.boundary_matrix(found) == {"later technology": {"refused": 1, "answered": 1}, "later events": {"refused": 1, "answered": 1}}
    assert experience.openings(found)["i do not"] == 1
    assert experience.leaking_share(found) == 0
    telling = found[2].model_copy(update={"turns": [*found[2].turns[:1], Turn(role="Gray", text="He was crowned, you say?")]})
    assert experience.leaking_share([found[0], telling]) == 0.5
    assert experience.leaking_share([]) == 0.0


def test_shipped_pairs_are_balanced_and_never_speak_of_the_future():

    for slug in ("beethoven", "tamsin"):
        person = profile.load(profile.find(slug))
        recorded, made = teachers.Recorded(slug), []
        for request in experience.protective_requests(person, slug):
            for completion in recorded.complete([request]):
                made += experience.parse_pairs(completion.text, request, completion, person)
        matched = experience.matched_pairs(made)
        assert len(matched) >= 100
        for beyond, _ in matched:
            late = [date for date in profile.dates_in(beyond.turns[-1].text) if date.after(person.end)]
            assert late == [], beyond.turns[-1].text
        kinds = experience.boundary_matrix(made)
        assert len(kinds) >= 4
