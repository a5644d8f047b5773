"""Experience: scripts of any look are read as a person would, what is refused is kept with its reason, and an edit re-makes only its own."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charlib import experience, profile, run, teachers
from charlib.experience import reconstruction as experience_reconstruction_file
from charlib.records import Completion, Dialogue, Reject, Scene, Turn
from charlib.teachers import prompts as teachers_prompts_file

SCENES = """Here are 2 scenes:

Scene 1
Type: chat
Location: Hull, the rope walk
Time: a morning in 1822
Background: Gray shows Captain Moss the clock she made from his broken sextant.

Scene 2
Type: Debate
Place: York, the chapter house
Date: autumn 1840
Background: The bishop defends his bell.
Gray has brought a tuning fork.
"""

DIALOGUE = """Moss (speaking): What is this, girl?
Gray (thinking, proud): He does not know his own brass again.
Gray (speaking): Your sextant, Captain. It keeps the hour now.
Moss (speaking): And what do you ask for it?
Gray (speaking): Four guineas.
"""

MEMORY = """Exchange 1
Visitor: Where were you born?
Gray: In Hull, in 1801.

Exchange 2
Visitor: What did Captain Moss pay?
Gray: Four guineas.
"""


class Says:
    """A teacher that answers each stage with what it is given; remembers what it was asked."""

    name = "says"

    def __init__(self, **texts):
        self.texts, self.asked = texts, []

    def stamp(self, request):
        return "1"

    def complete(self, requests):
        for request in requests:
            self.asked.append((request.stage, request.subject))
            text = self.texts.get(request.stage, "")
            yield text(request) if callable(text) else text


def told(request) -> str:
    """Exchanges of one paragraph: nothing another paragraph's would nearly repeat."""
    words = request.facts["item"].text.split()
    return f"Exchange 1\nVisitor: {' '.join(words[:9])}?\nGray: {' '.join(words[-9:])}\n"


def spoken(request) -> str:
    scene = request.facts["scene"]
    return DIALOGUE.replace("What is this, girl?", f"What is this here, at {scene.location}, in {scene.time}? {scene.background}")


def staged(request) -> str:
    words = request.facts["paragraph"].split()
    return f"Scene 1\nType: chat\nLocation: {words[-1]}\nTime: 1822\nBackground: {' '.join(words[:14])}\n"


def drilled(request) -> str:
    words = request.facts["item"].text.split()
    return f"Exchange 1\nVisitor: What comes at the end of it, then?\nGray: {' '.join(words[-4:])}\n"


def whole() -> Says:
    return Says(scenes=staged, dialogue=spoken, memory=told, recall=drilled)


# ---- scenes


def test_d1_text_between_scenes_is_passed_over():
    first, second = experience.parse_scenes(SCENES, "p1")
    assert (first.type, first.location, first.time) == ("chat", "Hull, the rope walk", "a morning in 1822")
    assert (second.type, second.location, second.time) == ("debate", "York, the chapter house", "autumn 1840")
    assert second.background == "The bishop defends his bell. Gray has brought a tuning fork."
    assert first.paragraphs == ["p1"] and first.id != second.id


@pytest.mark.parametrize(
    "text",
    [
        "```\n" + SCENES + "```",
        SCENES.replace("Scene 1", "### Scene 1").replace("Type:", "**Type:**").replace("Background:", "**Background**:"),
        SCENES.replace("Scene 1", "1.").replace("Scene 2", "2."),
        SCENES.replace("\n", "\r\n"),
        "<think>Which scenes?\nType: chat\nLocation: nowhere\n</think>" + SCENES,
        SCENES.replace("Type:", "- Type:").replace("Time:", "- Time:"),
    ],
)
def test_d1_scenes_are_read_in_any_dress(text):
    found = experience.parse_scenes(text, "p1")
    assert [(scene.location, scene.time) for scene in found] == [
        ("Hull, the rope walk", "a morning in 1822"),
        ("York, the chapter house", "autumn 1840"),
    ]


def test_a_stage_that_runs_again_replaces_its_own_rejects_and_no_others(here, person):
    wrong = dict.fromkeys(("recall", "protective", "boundary"), "I am sorry.")
    teacher = Says(scenes=staged, dialogue=spoken, memory=told, **wrong)
    for _ in range(2):
        experience.reconstruct(here, person, teacher)
        experience.build_protective(here, person, teacher)
        rejects = here.read_jsonl("rejects.jsonl", Reject)
        assert Counter(row.stage for row in rejects) == dict.fromkeys(wrong, 3)


def test_d1_an_answer_without_scenes_is_a_reject_and_not_a_crash(here, person):
    result = experience.extract_scenes(here, person, Says(scenes="Here are 20 scenes:\n\nI am sorry, I cannot do that."))
    assert result.kept == []
    assert Counter(row.reason for row in result.rejects) == {"no scene found": 3}
    assert result.rejects[0].paragraph == person.paragraphs[0].id and "cannot do that" in result.rejects[0].text


def test_a_scene_after_the_horizon_is_rejected(here, person):
    late = "Scene 1\nType: chat\nLocation: Hull\nTime: May 1866\nBackground: The railway.\n"
    result = experience.extract_scenes(here, person, Says(scenes=late))
    assert result.kept == [] and {row.reason for row in result.rejects} == {"after the horizon"}


def test_a_paragraph_wholly_after_the_horizon_is_not_lived():
    found = profile.parse(
        "---\nname: Nell\nshort_name: Nell\nhorizon: '1850'\n---\n# Nell\n\nNell made clocks in 1822.\n\nIn 1901 a street got her name."
    )
    assert [item.text[:9] for item in experience.livable(found)] == ["Nell made"]


# ---- dialogues


def turns(text, person):
    return [(turn.role, turn.action, turn.text) for turn in experience.parse_dialogue(text, person)]


def test_d2_a_header_on_a_line_of_its_own_takes_the_lines_below(person):
    text = "Moss (speaking)\nWhat is this?\nIs it mine?\n\nGray (speaking)\nYour sextant.\nIt keeps the hour."
    assert turns(text, person) == [
        ("Moss", "speaking", "What is this? Is it mine?"),
        ("Gray", "speaking", "Your sextant. It keeps the hour."),
    ]


def test_d3_long_blocks_second_colons_and_parentheses_are_kept_and_a_narrator_is_dropped(person):
    text = (
        "Background\nThe shop is dark.\n\nNarrator: The door opens: a man comes in.\nMoss (speaking): One thing: the price (in guineas).\n"
        "Gray (speaking): One.\nTwo.\nThree.\nI will say it only once: not a penny less (I mean it)."
    )
    assert turns(text, person) == [
        ("Moss", "speaking", "One thing: the price (in guineas)."),
        ("Gray", "speaking", "One. Two. Three. I will say it only once: not a penny less (I mean it)."),
    ]


@pytest.mark.parametrize(
    "name",
    ["Gray", "Nell Gray", "NELL GRAY", "Nell", "Miss Gray", "Young Nell", "Nell Gray, aged 21", "**Gray**", "[Gray]", "gray".title()],
)
def test_d4_every_name_of_the_protagonist_is_one_role(person, name):
    found = experience.parse_dialogue(f"Moss (speaking): Well?\n{name} (speaking): Four guineas.", person)
    assert [turn.role for turn in found] == ["Moss", "Gray"]


@pytest.mark.parametrize("name", ["Moss", "Mrs Gray's mother", "Captain Moss", "Thomas Gray", "The bishop"])
def test_d4_nobody_else_is_the_protagonist(person, name):
    assert experience.normalise_role(name, person) == name


def test_d4_a_dialogue_in_which_the_protagonist_never_speaks_is_none(person):
    assert experience.parse_dialogue("Moss (speaking): Where is she?\nThe bishop (speaking): Gone.", person) == []
    assert experience.parse_dialogue("Moss (speaking): Where is she?\nGray (thinking): Not here.", person) == []


@pytest.mark.parametrize(
    "text",
    [
        DIALOGUE,
        "```text\n" + DIALOGUE + "```",
        "Here is the scene:\n\n" + DIALOGUE + "\n*The end.*\n",
        DIALOGUE.replace("Moss (", "**Moss** (").replace("Gray (", "**Gray** ("),
        DIALOGUE.replace(" (speaking):", ":").replace("(thinking, proud):", "(thinking, proud)"),
        DIALOGUE.replace("(speaking)", "[speaking]").replace("(thinking, proud)", "[thinking - proud]"),
        DIALOGUE.replace(": ", ":\n"),
        DIALOGUE.replace("\n", "\n\n"),
        DIALOGUE.replace("Four guineas.", "“Four guineas.”"),
        DIALOGUE.replace("\n", "<|eot|>\n"),
        DIALOGUE.replace("Gray (speaking): Your", "(She looks away.)\nGray (speaking): Your"),
    ],
)
def test_scripts_in_any_dress_have_the_same_turns(person, text):
    found = experience.parse_dialogue(text, person)
    assert [(turn.role, turn.action) for turn in found] == [
        ("Moss", "speaking"), ("Gray", "thinking"), ("Gray", "speaking"), ("Moss", "speaking"), ("Gray", "speaking")
    ]  # fmt: skip
    assert [turn.text for turn in found][1:3] == ["He does not know his own brass again.", "Your sextant, Captain. It keeps the hour now."]
    assert found[1].emotion == "proud" and found[4].text == "Four guineas."


def test_consecutive_turns_of_one_speaker_are_one(person):
    assert turns("Moss: Well?\nGray: Four.\nGray: Guineas.", person) == [
        ("Moss", "speaking", "Well?"),
        ("Gray", "speaking", "Four. Guineas."),
    ]


@given(st.text())
def test_any_text_parses_without_a_crash(text):
    found = profile.parse("# Nell Gray\n\nNell Gray died in 1850.")
    experience.parse_scenes(text, "p")
    for turn in experience.parse_dialogue(text, found):
        assert turn.text.strip() and turn.role.strip()
    experience.split_exchanges(text)


@given(st.lists(st.tuples(st.sampled_from(["Moss", "Gray"]), st.sampled_from(["speaking", "thinking"]), st.from_regex(r"[A-Z][a-z]{1,8}( [a-z]{1,8}){0,6}\.", fullmatch=True)), min_size=1, max_size=8))  # fmt: skip
def test_a_well_formed_script_is_read_back_exactly(rows):
    found = profile.parse("# Nell Gray\n\nNell Gray died in 1850.")
    text = "\n".join(f"{role} ({action}): {words}" for role, action, words in rows)
    merged = []
    for row in rows:
        if merged and merged[-1][:2] == row[:2]:
            merged[-1] = (*row[:2], f"{merged[-1][2]} {row[2]}")
        else:
            merged.append(row)
    if not any(row[:2] == ("Gray", "speaking") for row in merged):
        merged = []
    assert [(turn.role, turn.action, turn.text) for turn in experience.parse_dialogue(text, found)] == merged


def test_exchanges_are_split_by_their_headings():
    found = experience.split_exchanges(MEMORY)
    assert [fields["number"] for fields, _ in found] == ["1", "2"]
    assert "Four guineas" in found[1][1] and "Four guineas" not in found[0][1]


# ---- grounding, duplicates, decisions


def dialogue(id, *pairs, kind="memory", **more):
    return Dialogue(id=id, paragraphs=["p"], kind=kind, turns=[Turn(role=role, text=text) for role, text in pairs], **more)


def test_names_and_numbers_nobody_supports_are_flagged_and_too_many_rejected(person):
    result, support = experience.Result(), experience.Support(person)
    known = experience.ground(dialogue("a", ("Visitor", "Who?"), ("Gray", "It was Captain Moss, in 1822.")), person, support, result)
    assert known.flags == []
    odd = experience.ground(dialogue("b", ("Visitor", "Who?"), ("Gray", "It was Bartholomew, in 1823.")), person, support, result)
    assert odd.flags == ["unsupported: Bartholomew", "unsupported: 1823"]
    many = "I met Ambrose and Bartholomew and Clement and Dominic and then Eusebius."
    assert experience.ground(dialogue("c", ("Visitor", "Who?"), ("Gray", many)), person, support, result) is None
    assert [row.reason for row in result.rejects] == ["not grounded"]


def test_what_the_person_says_of_later_times_is_rejected(person):
    result = experience.Result()
    late = dialogue("a", ("Visitor", "When?"), ("Gray", "In May 1866, when the railway came."))
    assert experience.ground(late, person, experience.Support(person), result) is None
    assert (
        "after the horizon" in f"{result.rejects[0].reason} {result.rejects[0].detail}" or "speaks of 1866-05" in result.rejects[0].reason
    )


def test_one_long_answer_to_different_questions_is_no_repeat():
    told = "In 1812 I became housekeeper to Giacomo Bellotti, an instrument maker from Como with a shop in Wormgate, Boston."
    asked = ("When was that?", "In what year was it?", "When was that ?")
    items = [dialogue(name, ("Visitor", question), ("Gray", told)) for name, question in zip("abc", asked, strict=True)]
    assert [item.id for item in experience.deduplicate(items, experience.Result())] == ["a", "b"]


def test_near_repeats_are_dropped_and_say_of_what():
    result = experience.Result()
    text = "I built it from the brass of a broken sextant, and the captain paid four guineas for it"
    items = [dialogue("a", ("Visitor", "How?"), ("Gray", text + ".")), dialogue("b", ("Visitor", "How?"), ("Gray", text + "!")),
             dialogue("c", ("Visitor", "Where?"), ("Gray", "In Hull."))]  # fmt: skip
    assert [item.id for item in experience.deduplicate(items, result)] == ["a", "c"]
    assert [(row.reason, row.detail) for row in result.rejects] == [("near duplicate", "a")]


def test_f10_cut_and_missing_answers_are_counted_and_kept_out(here, person):
    ids = [item.id for item in person.paragraphs]

    def answer(request):
        place = ids.index(request.subject)
        return [SCENES, Completion(request.id, "says", SCENES[:200], finish="length"), None][place]

    result = experience.extract_scenes(here, person, Says(scenes=answer))
    assert {scene.paragraphs[0] for scene in result.kept} == {ids[0]}
    assert sorted((row.paragraph, row.reason) for row in result.rejects) == sorted([(ids[1], "finish: length"), (ids[2], "finish: no answer")])
    assert (result.attrition["asked"], result.attrition["answered"]) == (3, 2)


def test_decisions_by_hand_are_applied_and_the_last_one_wins(here):
    items = [dialogue(id, ("Visitor", "Who?"), ("Gray", f"Answer {id}.")) for id in "abc"]
    edited = [{"role": "Visitor", "text": "Who?"}, {"role": "Gray", "text": "Moss."}]
    rows = [{"dialogue": "a", "action": "reject"}, {"dialogue": "b", "action": "reject"}, {"dialogue": "b", "action": "accept"},
            {"dialogue": "c", "action": "edit", "turns": edited}]  # fmt: skip
    here.write_jsonl("decisions.jsonl", rows)
    rejects: list[Reject] = []
    kept = experience.decide(here, items, rejects)
    assert [item.id for item in kept] == ["b", "c"]
    assert kept[1].turns[1].text == "Moss." and "edited by hand" in kept[1].flags
    assert [row.reason for row in rejects] == ["rejected by hand"]


# ---- the stage


def test_a_stage_writes_its_files_with_whole_provenance(here, person):
    scenes, dialogues = experience.reconstruct(here, person, whole(), scenes=1)
    kept_scenes = here.read_jsonl("scenes.jsonl", Scene)
    kept = here.read_jsonl("dialogues.jsonl", Dialogue)
    assert kept_scenes == scenes.kept and kept == dialogues.kept
    ids, by_id = {item.id for item in person.paragraphs}, {scene.id: scene for scene in kept_scenes}
    assert {scene.paragraphs[0] for scene in kept_scenes} == ids
    for item in kept:
        assert set(item.paragraphs) <= ids and item.teacher == "says" and item.request
        assert item.kind == "memory" or by_id[item.scene].paragraphs == item.paragraphs
    rows = experience.coverage(person, kept_scenes, kept)
    assert [row["scenes"] for row in rows] == [1, 1, 1] and all(row["experience"] and row["memory"] for row in rows)


def test_every_record_round_trips(here, person):
    experience.reconstruct(here, person, whole(), scenes=1)
    for name, kind in (("scenes.jsonl", Scene), ("dialogues.jsonl", Dialogue), ("rejects.jsonl", Reject)):
        before = here.path(name).read_bytes()
        here.write_jsonl(name, here.read_jsonl(name, kind))
        assert here.path(name).read_bytes() == before


def test_nothing_finished_is_asked_twice(here, person):
    first = whole()
    experience.reconstruct(here, person, first, scenes=1)
    again = whole()
    experience.reconstruct(here, person, again, scenes=1)
    assert len(first.asked) == 12 and again.asked == []


def test_an_edited_paragraph_re_makes_only_its_descendants_and_the_log_says_so(here, person, capsys):
    experience.reconstruct(here, person, whole(), scenes=1)
    before = {row["id"]: row["paragraphs"] for name in ("scenes.jsonl", "dialogues.jsonl") for row in here.read_jsonl(name)}
    old = person.paragraphs[1]
    edited = profile.edit(person, {old.id: old.text + " He came back for a second one."})
    new = edited.paragraphs[1].id
    writer = whole()
    experience.reconstruct(here, edited, writer, scenes=1)
    after = {row["id"]: row["paragraphs"] for name in ("scenes.jsonl", "dialogues.jsonl") for row in here.read_jsonl(name)}
    assert all(paragraphs == [old.id] for id, paragraphs in before.items() if id not in after)
    assert all(paragraphs == [new] for id, paragraphs in after.items() if id not in before)
    assert len(writer.asked) == 4
    gone, made = len(set(before) - set(after)), len(set(after) - set(before))
    assert gone == made == 4
    assert f"experience: {len(after) - made} kept as they were, {made} made again, {gone} gone" in capsys.readouterr().out


def test_f13_a_new_parser_reads_the_journal_again_without_asking(here, person, monkeypatch):
    experience.reconstruct(here, person, whole(), scenes=1)
    original = experience.parse_dialogue
    monkeypatch.setattr(experience_reconstruction_file, "parse_dialogue", lambda text, who: original(text.replace("guineas", "pounds"), who))
    writer = whole()
    _, dialogues = experience.reconstruct(here, person, writer, scenes=1)
    assert writer.asked == []
    assert "pounds" in json.dumps([item.model_dump() for item in dialogues.kept]) and "guineas" not in json.dumps(
        [item.model_dump() for item in dialogues.kept if item.kind == "experience"]
    )


def test_f13_a_new_prompt_version_asks_again_only_there(here, person, monkeypatch):
    experience.reconstruct(here, person, whole(), scenes=1)
    original = teachers.prompt
    monkeypatch.setattr(teachers_prompts_file, "prompt", lambda name: (original(name)[0] + " Be brief.", "99") if name == "memory" else original(name))
    writer = whole()
    experience.reconstruct(here, person, writer, scenes=1)
    assert {stage for stage, _ in writer.asked} == {"memory"} and len(writer.asked) == 3


def test_an_interrupted_stage_goes_on_where_it_stopped(here, person):
    class Breaks(Says):
        def complete(self, requests):
            for number, pair in enumerate(super().complete(requests)):
                if number == 2:
                    raise KeyboardInterrupt
                yield pair

    with pytest.raises(KeyboardInterrupt):
        experience.reconstruct(here, person, Breaks(scenes=staged), scenes=1)
    assert not here.has("scenes.jsonl")
    writer = whole()
    experience.reconstruct(here, person, writer, scenes=1)
    assert [stage for stage, _ in writer.asked].count("scenes") == 1


@pytest.mark.parametrize("slug", ["beethoven", "tamsin"])
def test_every_shipped_paragraph_has_its_recordings(slug):
    found = profile.load(profile.find(slug))
    recorded = teachers.Recorded(slug)
    asked = experience.scene_requests(found, slug) + experience.memory_requests(found, slug)

    asked += experience.protective_requests(found, slug)
    missing = [(request.stage, request.subject) for request in asked if not recorded.stamp(request)]
    assert missing == []
    scenes = [scene for request in experience.scene_requests(found, slug)
              for completion in recorded.complete([request])
              for scene in experience.parse_scenes(completion.text, request.subject)[:2]]
    unheard = [request.subject for request in experience.dialogue_requests(found, slug, scenes) if not recorded.stamp(request)]
    assert len(scenes) >= 40 and unheard == []


def test_an_unknown_teacher_and_a_missing_prompt_are_one_line(person, monkeypatch, tmp_path):
    with pytest.raises(run.RunError, match="No teacher 'oracle': use recorded, english, endpoint"):
        teachers.make_teacher("oracle", "nell", person)
    with pytest.raises(run.RunError, match="nothing.md is missing from data/prompts"):
        teachers.prompt("nothing")


def test_f17_a_prompts_places_are_filled_once_and_values_stay_text():
    filled = teachers.fill("[[a]] {b} {{ c }} [[unknown]]", {"a": "[[b]] {0.__class__}", "b": "never"})
    assert filled == "[[b]] {0.__class__} {b} {{ c }} [[unknown]]"


def test_recorded_for_a_character_without_recordings_is_refused_before_anything_is_written(here, person):
    with pytest.raises(run.RunError, match="No recordings for 'nell-gray'.*english"):
        teachers.make_teacher("recorded", here.character, person, 0)
