"""Dialogues become messages, tokens and packed rows: strictly alternating, masked exactly under three chat templates, nothing lost in packing."""

import copy
import functools
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charlib import models, profile, upload
from charlib.models.chat import IGNORE
from charlib.records import Dialogue, Example, Message, Scene, Turn

NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{{ '<start>' + ('model' if m['role'] == 'assistant' else 'user') + '\n' + m['content'] | trim + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start>model\n' }}{% endif %}"
)
STRICT = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant') }}{% endif %}"
    "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}{% else %}{{ ' ' + m['content'] + '<|im_end|>' }}{% endif %}{% endfor %}"
)
IGNORES_SYSTEM = "{% for m in messages if m['role'] != 'system' %}{{ m['role'] + ': ' + m['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"  # fmt: skip
TEMPLATES = ["with system", "without system", "strict alternation", "silent about system"]


@functools.cache
def dressed(tokenizer, name):
    """The tokenizer under one of the chat templates."""
    made = copy.deepcopy(tokenizer)
    given = {"without system": NO_SYSTEM, "strict alternation": STRICT, "silent about system": IGNORES_SYSTEM}
    made.chat_template = given.get(name, made.chat_template)
    return made


def talk(*pairs, system="You are Nell Gray."):
    messages = [{"role": "system", "content": system}] if system else []
    for asked, said in pairs:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    return messages


def learned(tokenizer, tokens) -> list[str]:
    """The supervised stretches, as text."""
    found, current = [], []
    for id, label in zip(tokens.ids.tolist(), tokens.labels.tolist(), strict=True):
        if label != IGNORE:
            assert label == id
            current.append(id)
        elif current:
            found.append(tokenizer.decode(current))
            current = []
    return found + [tokenizer.decode(current)] if current else found


# ---- mask


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_loss_sees_the_replies_and_their_end_mark_and_nothing_else(tokenizer, template):
    words = dressed(tokenizer, template)
    replies = ["Nobody did.", "In 1801."]
    tokens = models.encode(words, talk(("Who taught you?", replies[0]), ("When?", replies[1])))
    space = " " if template == "strict alternation" else ""
    assert learned(words, tokens) == [f"{space}{reply}<|im_end|>" for reply in replies]
    assert "You are Nell Gray." in words.decode(tokens.ids)
    assert words.decode(tokens.ids) == models.render(
        words, talk(("Who taught you?", replies[0]), ("When?", replies[1])), reply=False
    ).rstrip("\n")


@pytest.mark.parametrize("template", TEMPLATES)
@given(
    asked=st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=30).map(str.strip).filter(bool),
    said=st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=30).map(str.strip).filter(bool),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_f22_what_is_trained_on_is_what_generation_is_given(tokenizer, template, asked, said):
    """No token reaches over the border between the prompt and the reply, whatever the two begin and end with."""
    words = dressed(tokenizer, template)
    messages = talk((asked, said), ("And then?", "No more."))
    whole = models.encode(words, messages)
    for end in (2, 4):
        prompt = models.encode(words, messages[:end])
        assert prompt.supervised == 0 or end == 4
        np.testing.assert_array_equal(whole.ids[: len(prompt.ids)], prompt.ids)
        assert whole.labels[len(prompt.ids)] != IGNORE and whole.labels[len(prompt.ids) - 1] == IGNORE


@pytest.mark.parametrize("template", TEMPLATES)
def test_f22_the_system_prompt_is_the_same_tokens_before_every_question(tokenizer, template):
    words = dressed(tokenizer, template)
    several = [models.encode(words, talk((asked, "Yes."))) for asked in ("Who?", " taught", "1801", "…")]
    assert len({item.prefix for item in several}) == 1 and several[0].prefix > 3
    assert len({item.ids[: item.prefix].tobytes() for item in several}) == 1
    shared = models.system_prefix(words, talk(("Who?", "Yes.")))
    again = models.encode(words, talk(("Who?", "Yes.")), prefix=shared)
    np.testing.assert_array_equal(again.ids, several[0].ids)


def test_f22_a_template_without_a_system_role_gets_it_folded_into_the_first_turn(tokenizer):
    for name in ("without system", "strict alternation", "silent about system"):
        text = models.render(dressed(tokenizer, name), talk(("Who?", "Moss.")), reply=False)
        assert text.index("You are Nell Gray.") < text.index("Who?") < text.index("Moss.")
    assert models.fold_system([{"role": "system", "content": "S"}]) == [{"role": "user", "content": "S"}]


def test_f22_what_no_template_can_say_is_a_named_error(tokenizer):
    twice = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}]
    with pytest.raises(models.TemplateError, match="must alternate"):
        models.encode(dressed(tokenizer, "strict alternation"), twice)


def test_f22_a_template_that_rewrites_earlier_turns_is_refused(tokenizer):
    words = dressed(tokenizer, "with system")
    words.chat_template = "{% for m in messages %}{{ m['content'] if loop.last else '…' }}<|im_end|>{% endfor %}"
    with pytest.raises(models.TemplateError, match="rewrites earlier turns"):
        models.encode(words, talk(("Who?", "Moss."), ("When?", "Then.")))


def test_all_speakers_are_learned_when_asked_but_never_the_set_up_of_the_first_token(tokenizer):
    messages = talk(("Who taught you?", "Nobody did."))
    own, every = models.encode(tokenizer, messages), models.encode(tokenizer, messages, speakers="all")
    assert "Who taught you?" in "".join(learned(tokenizer, every)) and "Who taught you?" not in "".join(learned(tokenizer, own))
    assert every.supervised > own.supervised and every.prefix == 0
    assert tokenizer.decode(every.ids) == tokenizer.decode(own.ids)


def test_the_mask_is_shown_token_by_token(tokenizer, examples):
    shown = upload.show_mask(tokenizer, examples[0])
    assert "".join(text for text, _ in shown).startswith("<|im_start|>system")
    assert "".join(text for text, seen in shown if seen) == "Nobody did. I had a broken sextant and a winter.<|im_end|>"


# ---- messages

SCENE = Scene(id="s", paragraphs=["p"], location="Hull", time="1822", background="Moss comes in.")
TURNS = [
    Turn(role="Gray", action="thinking", text="Here he is.", emotion="wary"),
    Turn(role="Gray", text="Good day."),
    Turn(role="Moss", text="Good day."),
    Turn(role="Boy", text="Is that it?"),
    Turn(role="Gray", text="That is it."),
    Turn(role="Moss", text="Hm."),
]


def test_messages_alternate_strictly_and_end_with_the_person(person):
    messages = upload.to_messages(Dialogue(id="d", scene="s", kind="experience", turns=TURNS), person, SCENE)
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user", "assistant"]
    assert messages[0]["content"].startswith("You are Nell Gray.") and "Place: Hull" in messages[0]["content"]
    assert messages[1]["content"] == "Moss comes in."
    assert messages[2]["content"] == "(thinking, wary) Here he is.\n(speaking) Good day."
    assert messages[3]["content"] == "Moss: Good day.\nBoy: Is that it?"


def test_thoughts_can_be_left_out(person):
    messages = upload.to_messages(Dialogue(id="d", scene="s", kind="experience", turns=TURNS), person, SCENE, thoughts=False)
    assert "Here he is." not in str(messages) and messages[2]["content"] == "(speaking) Good day."


def test_a_short_exchange_is_asked_as_an_interview_asks(person):
    exchange = Dialogue(id="d", kind="memory", turns=[Turn(role="Visitor", text="Where?"), Turn(role="Gray", text="In Hull.")])
    messages = upload.to_messages(exchange, person)
    assert messages == [{"role": "system", "content": models.system_prompt("Nell Gray")}, {"role": "user", "content": "Where?"},
                        {"role": "assistant", "content": "In Hull."}]  # fmt: skip


def test_a_dialogue_in_which_nobody_is_answered_is_no_example(person):
    silent = Dialogue(id="d", kind="memory", turns=[Turn(role="Gray", text="Alone."), Turn(role="Visitor", text="Oh?")])
    assert len(upload.to_messages(silent, person)) == 3  # an opening of her own still answers the set-up
    assert upload.to_messages(silent.model_copy(update={"turns": TURNS[2:4]}), person) == []


@given(
    st.lists(
        st.tuples(st.sampled_from(["Gray", "Moss", "Visitor"]), st.sampled_from(["speaking", "thinking"]), st.text(min_size=1, max_size=9)),
        max_size=9,
    )
)
def test_any_dialogue_gives_a_conversation_every_trainer_takes(rows):

    person = profile.parse("# Nell Gray\n\nNell Gray died in 1850.")
    turns = [Turn(role=role, action=action, text=text) for role, action, text in rows]
    messages = upload.to_messages(Dialogue(id="d", kind="experience", turns=turns), person)
    roles = [message["role"] for message in messages]
    assert roles == [] or (roles[0] == "system" and roles[1:] == ["user", "assistant"] * (len(roles[1:]) // 2))


def test_an_example_carries_no_column_that_trainers_read_as_something_else(here, person, tokenizer):
    exchange = Dialogue(
        id="d", paragraphs=["p"], kind="memory", turns=[Turn(role="Visitor", text="Where?"), Turn(role="Gray", text="In Hull.")]
    )
    here.write_jsonl("scenes.jsonl", [])
    here.write_jsonl("dialogues.jsonl", [exchange])
    here.write_jsonl("protective.jsonl", [])
    settings = SimpleNamespace(train_on="protagonist", tokens=0, validation=0)
    made, left = upload.build_examples(here, person, tokenizer, settings, 0)
    (row,) = here.read_jsonl("examples.jsonl")
    assert not set(row) & {"prompt", "completion", "text", "tools", "labels", "images", "conversations", "input_ids"}
    assert row["dialogue"] == "d" and row["paragraphs"] == ["p"] and left == {}
    assert here.read_jsonl("examples.jsonl", Example) == made


# ---- what a budget buys


def bank(paragraphs=4, memories=6, scenes=3) -> list[Example]:
    made = []
    for p in range(paragraphs):
        for kind, count in (("memory", memories), ("protective", 2), ("experience", scenes)):
            for n in range(count):
                said = f"word {n // 6} " * (40 if kind == "experience" else 3)  # six exchanges with one answer are the wordings of a fact
                messages = [
                    Message(role="system", content="S"),
                    Message(role="user", content=f"{p} {kind} {n}?"),
                    Message(role="assistant", content=said),
                ]
                made.append(Example(id=f"{p}-{kind}-{n}", dialogue="d", paragraphs=[f"p{p}"], kind=kind, messages=messages))
    return made


def test_no_budget_keeps_everything_and_a_budget_says_what_it_left(tokenizer):
    items = bank()
    kept, left = upload.select(items, tokenizer, 0, 0)
    assert Counter(item.id for item in kept) == Counter(item.id for item in items) and left == {}
    kept, left = upload.select(items, tokenizer, 700, 0)
    assert Counter(item.kind for item in items) == Counter(item.kind for item in kept) + Counter(left)


def test_a_small_budget_cuts_every_paragraph_alike_and_keeps_short_ones_first(tokenizer):
    items = bank(memories=24)
    words = sum(len(tokenizer.encode(m.content)) + 5 for item in items if item.kind != "experience" for m in item.messages[1:])
    kept, _ = upload.select(items, tokenizer, words // 2, 1)
    memories = Counter({f"p{number}": 0 for number in range(4)})
    memories.update(item.paragraphs[0] for item in kept if item.kind == "memory")
    assert max(memories.values()) - min(memories.values()) <= 6 and min(memories.values()) >= 6
    assert not [item for item in kept if item.kind == "experience"]
    generous, _ = upload.select(items, tokenizer, 2 * words, 1)
    assert {item.id for item in kept} <= {item.id for item in generous} and [item for item in generous if item.kind == "experience"]


def test_a_small_budget_buys_facts_in_all_their_wordings_before_most_single_exchanges(tokenizer):
    """A fact met once is not remembered: wherever they stand in a paragraph, facts in several wordings come in the first rounds."""
    facts = [item for item in bank(memories=18) if item.kind != "experience"]
    singles = [
        Example(id=f"single-{p}-{n}", dialogue="d", paragraphs=[f"p{p}"], kind="memory", messages=[
            Message(role="system", content="S"), Message(role="user", content=f"{p} once {n}?"), Message(role="assistant", content=f"answer {p} {n} here"),
        ]) for p in range(4) for n in range(30)
    ]  # fmt: skip
    words = sum(len(tokenizer.encode(m.content)) + 5 for item in singles + facts for m in item.messages[1:])
    kept, left = upload.select(singles + facts, tokenizer, words // 2, 1)
    whole = Counter((item.paragraphs[0], item.messages[-1].content) for item in kept if "single" not in item.id and item.kind == "memory")
    assert left["memory"] > 60 and len([item for item in kept if "single" in item.id]) < 60  # of 120
    assert set(whole.values()) == {6} and Counter(place for place, _ in whole).keys() == {"p0", "p1", "p2", "p3"}
    assert len(whole) == 12, "every fact there is, before the single exchanges are through"


def test_the_same_seed_selects_the_same(tokenizer):
    ids = lambda seed: [item.id for item in upload.select(bank(), tokenizer, 900, seed)[0]]  # noqa: E731
    assert ids(3) == ids(3) and ids(3) != ids(4)


def test_a_validation_share_is_seeded_and_never_holds_scenes():
    items = bank()
    held = {item.id for item in upload.split(items, 0.25, 5) if item.split == "validation"}
    assert held == {item.id for item in upload.split(items, 0.25, 5) if item.split == "validation"}
    assert len(held) == 6 and all("memory" in id for id in held)


def test_another_characters_experience_comes_under_this_name(person):
    made = upload.others_experience("tamsin", person, 12, 0)
    assert len(made) == 12 and all(item.messages[0].content.startswith("You are Nell Gray.") for item in made)


# ---- packing


def tokens_of(tokenizer, examples):
    return [models.encode(tokenizer, [message.model_dump() for message in item.messages]) for item in examples]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 30)), min_size=1, max_size=25), st.integers(20, 80))
def test_packing_keeps_every_conversation_once_and_whole(sizes, length):
    chooser = np.random.default_rng(0)
    items = []
    for system, tail in sizes:
        head = np.arange(5 + system) + 1000 * (system + 1)
        ids = np.concatenate([head, chooser.integers(0, 999, tail)])
        labels = np.where(np.arange(len(ids)) >= len(head), ids, IGNORE)
        items.append(models.Tokens(ids, labels, len(head)))
    rows = upload.pack(items, length)
    seen = Counter()
    for row in rows:
        assert len(row.ids) <= max(length, max(len(item.ids) for item in items))
        for segment, index in enumerate(row.examples, 1):
            mine = row.segments == segment
            group = row.groups[mine][0]
            head = (row.groups == group) & (row.segments == 0)
            np.testing.assert_array_equal(np.concatenate([row.ids[head], row.ids[mine]]), items[index].ids)
            np.testing.assert_array_equal(np.concatenate([row.positions[head], row.positions[mine]]), np.arange(len(items[index].ids)))
            seen[index] += 1
    assert seen == Counter(range(len(items)))


def test_f23_an_over_long_conversation_gets_a_row_of_its_own_uncut(tokenizer, examples):
    items = tokens_of(tokenizer, examples)
    rows = upload.pack(items, 16)
    assert len(rows) == len(items) and sum(row.real for row in rows) == sum(len(item.ids) for item in items)


def test_a_position_sees_its_own_conversation_and_its_prompt_only(tokenizer, examples):
    (row,) = upload.pack(tokens_of(tokenizer, examples[:3]), 4096)
    batch = upload.collate([row])
    seen = models.visible(batch["groups"], batch["segments"])[0, 0].numpy()
    segments, size = row.segments, len(row.ids)
    for i in range(size):
        for j in range(size):
            assert seen[i, j] == (j <= i and (segments[j] in (0, segments[i])))
    assert not seen[:size, size:].any()
    assert seen.diagonal().all()  # padding sees itself, so that no row of the mask is empty


def test_labels_are_shifted_inside_a_conversation_and_never_across(tokenizer, examples):
    items = tokens_of(tokenizer, examples[:3])
    (row,) = upload.pack(items, 4096)
    labels = upload.collate([row])["labels"][0].numpy()
    assert (labels != IGNORE).sum() == sum(item.supervised for item in items)
    for i in np.nonzero(labels != IGNORE)[0]:
        assert labels[i] == row.ids[i + 1] and row.segments[i] == row.segments[i + 1]


def test_the_bundled_tokenizer_masks_exactly_too():

    words = models.load_tokenizer(models.find_base("bundled"))
    tokens = models.encode(words, talk(("Who taught you?", "Neefe did.")))
    assert learned(words, tokens) == ["Neefe did.<|im_end|>"]
