"""What ships in data/ keeps its promises: sizes, coverage, grounding, variety, and questions that training has not seen."""

import re
from collections import Counter, defaultdict
from types import SimpleNamespace

import pytest

from charlib import experience, playground, profile, run, scores, teachers, upload
from charlib import text as texts
from charlib.records import TRAITS

SLUGS = ("beethoven", "cleopatra", "caesar", "tamsin")
INVENTED = ("tamsin",)
MODERN = re.compile(r"\b(okay|reach out|process my feelings|no worries|guys|mindset|awesome|get over it|closure|toxic)\b", re.IGNORECASE)


def floor(slug: str, number: int) -> int:
    """An invented person needs half of what a historical one does."""
    return number // 2 if slug in INVENTED else number


@pytest.fixture(scope="module", params=SLUGS)
def shipped(request, tmp_path_factory):
    """A shipped character read through the pipeline with its recordings alone."""
    slug = request.param
    here = run.open(slug, tmp_path_factory.mktemp("data"))
    person = profile.adopt(here, slug, "workshop")
    writer = teachers.Recorded(slug)
    scenes, told = experience.reconstruct(here, person, writer)
    built = experience.build_protective(here, person, writer)
    questions = playground.load_questions(run.root() / "data" / "questions" / f"{slug}.jsonl")
    full = [item for item in told.kept if item.kind == "experience"]
    memory = [item for item in told.kept if item.kind == "memory"]
    return SimpleNamespace(
        slug=slug, here=here, person=person, scenes=scenes, told=told, built=built, questions=questions, full=full, memory=memory
    )


def test_profile_is_complete(shipped):
    person, slug = shipped.person, shipped.slug
    assert floor(slug, 90) <= 2 * len(person.paragraphs) <= 160
    assert len(person.text.split()) >= floor(slug, 4500)
    assert person.horizon and set(person.traits) == set(TRAITS) == set(person.trait_reasons)
    assert len(person.values) >= floor(slug, 24) and len(person.states) >= 6
    assert len(person.voice.lines) == 6 and person.voice.manner and person.sources
    assert person.license == "CC BY 4.0"
    assert person.invented == (slug in INVENTED)


def test_values_rest_on_paragraphs_that_are_there(shipped):
    ids = {item.id for item in shipped.person.paragraphs}
    assert all(value.paragraph in ids and value.opposite != value.stance for value in shipped.person.values)
    assert profile.check(shipped.person) == []


def test_every_paragraph_is_recorded_and_lived(shipped):
    for name, attrition in (("scenes", shipped.scenes), ("dialogues", shipped.told), ("protective", shipped.built)):
        assert attrition.attrition["answered"] == attrition.attrition["asked"], name
        assert attrition.attrition["parsed"] == attrition.attrition["answered"], name
    rows = experience.coverage(shipped.person, shipped.scenes.kept, shipped.told.kept)
    assert all(row["scenes"] >= 1 and row["memory"] >= 12 for row in rows)


def test_scenes_are_many_full_and_of_every_type(shipped):
    assert len(shipped.full) >= floor(shipped.slug, 100)
    assert {scene.type for scene in shipped.scenes.kept} == {"chat", "debate", "discussion", "speech", "monologue"}
    assert all(scene.location and scene.time and scene.background for scene in shipped.scenes.kept)
    sizes = [len(item.turns) for item in shipped.full]
    assert sum(8 <= size <= 14 for size in sizes) >= 0.95 * len(sizes) and max(sizes) <= 16, Counter(sizes)
    assert sum(scene.stance is not None for scene in shipped.scenes.kept) >= floor(shipped.slug, 30)


def test_protagonist_speaks_at_length_and_thinks_with_feeling(shipped):
    short = shipped.person.short_name
    said = [len(turn.text.split()) for item in shipped.full for turn in item.turns if turn.role == short and turn.action == "speaking"]
    assert sum(12 <= words <= 50 for words in said) >= 0.95 * len(said)
    felt = [any(turn.action == "thinking" and turn.emotion for turn in item.turns) for item in shipped.full]
    assert sum(felt) >= 0.5 * len(felt)


def test_openings_and_endings_vary(shipped):
    first = Counter(" ".join(item.turns[0].text.lower().split()[:3]) for item in shipped.full)
    last = Counter(" ".join(item.turns[-1].text.lower().split()[-3:]) for item in shipped.full)
    assert first.most_common(1)[0][1] <= 3 and last.most_common(1)[0][1] <= 3
    begins = experience.openings(shipped.built.kept)
    # short refusals are regular on purpose (a small model learns the boundary from them); the scenes' are not
    assert begins.most_common(1)[0][1] <= 0.15 * sum(begins.values())


def test_turns_end_as_speech_ends_and_carry_no_markup(shipped):
    for item in [*shipped.told.kept, *shipped.built.kept]:
        for turn in item.turns:
            assert not re.search(r"[<>*_#`|\\]|https?:", turn.text), turn.text
            assert not MODERN.search(turn.text), turn.text
            if item.kind == "experience":
                assert re.search(r"[.!?…][\"'”’)]*$", turn.text), turn.text


def test_dialogues_are_grounded(shipped):
    flagged = [item for item in shipped.full if item.flags]
    names = [flag for item in shipped.full for flag in item.flags]
    assert len(names) <= 0.8 * len(shipped.full), Counter(names).most_common(20)
    assert len(flagged) <= 0.45 * len(shipped.full)
    assert sum(reject.reason == "not grounded" for reject in shipped.told.rejects) <= 0.03 * len(shipped.full)


def test_no_two_scenes_share_long_runs_of_words(shipped):
    seen: dict[tuple, str] = {}
    for item in shipped.full:
        words = texts.words(" ".join(turn.text for turn in item.turns))
        for gram in set(zip(*(words[start:] for start in range(10)), strict=False)):
            assert seen.setdefault(gram, item.id) == item.id, " ".join(gram)


def test_protective_pairs_are_many_matched_and_do_not_leak(shipped):
    pairs = experience.matched_pairs(shipped.built.kept)
    assert len(pairs) >= floor(shipped.slug, 40) and len({beyond.topic for beyond, _ in pairs}) >= 8
    refused = sum(not item.answerable for item in shipped.built.kept)
    assert 0.45 <= refused / len(shipped.built.kept) <= 0.55
    assert experience.leaking_share(shipped.built.kept) <= 0.08


def test_question_bank_is_large_and_sound(shipped):
    slug, bank = shipped.slug, shipped.questions
    groups = Counter(item.purpose for item in bank)
    for name, number in {"recall": 120, "choice": 60, "time": 20, "value": 24, "paraphrase": 30, "interview": 20, "trait": 20}.items():
        assert groups[name] >= floor(slug, number), name
    pairs = defaultdict(list)
    for item in bank:
        if item.purpose == "boundary":
            pairs[item.pair].append(item.answerable)
        if item.purpose in ("recall", "paraphrase"):
            assert item.gold and len(item.options) >= 4
            assert not any(re.search(rf"(?<!\w){re.escape(gold.lower())}(?!\w)", item.question.lower()) for gold in item.gold), (
                item.question
            )
    assert len(pairs) >= floor(slug, 40) and all(sorted(sides) == [False, True] for sides in pairs.values())
    assert len({item.id for item in bank}) == len(bank)


def test_every_paragraph_has_two_questions(shipped):
    asked = Counter(item.paragraph for item in shipped.questions if item.purpose == "recall")
    assert all(asked[item.id] >= 2 for item in shipped.person.paragraphs)


def test_questions_were_not_seen_in_training(shipped):

    examples = upload.all_examples(shipped.person, shipped.scenes.kept, [*shipped.told.kept, *shipped.built.kept])
    shipped.here.write_jsonl("examples.jsonl", examples)
    found = scores.contamination(shipped.here, shipped.questions)
    assert found["shared"] == [], found["shared"][:5]


def test_facts_are_met_three_times(shipped):
    """Each recall answer stands in at least three exchanges of its paragraph, or of the whole experience."""
    said = defaultdict(list)
    for item in shipped.told.kept:
        for id in item.paragraphs:
            said[id].append(" ".join(turn.text for turn in item.turns).lower())
    thin = []
    for question in shipped.questions:
        if question.purpose == "recall" and question.answerable:
            texts = said[question.paragraph]
            met = sum(any(gold.lower() in text for gold in question.gold) for text in texts)
            if met < 3:
                thin.append(question.question)
    asked = sum(item.purpose == "recall" for item in shipped.questions)
    assert len(thin) <= 0.05 * asked, thin


def test_development_questions_are_no_scoring_questions():
    folder = run.root() / "tests" / "data" / "development"
    for path in sorted(folder.glob("*.jsonl")):
        scoring = {item.question for item in playground.load_questions(run.root() / "data" / "questions" / path.name)}
        tuning = {item.question for item in playground.load_questions(path)}
        assert len(scoring & tuning) <= 0.02 * len(tuning)
