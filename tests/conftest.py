"""Shared fixtures: a seeded random two-layer model with a small real tokenizer, a person, and a run in a temporary folder.

The bundled model is reached only through `charlib.base`; its cache stays where it always is, so that a machine converts it once.
"""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from charlib import models, profile, run
from charlib.records import Example

sys.path.insert(0, str(Path(__file__).parent))  # tests that share a helper import it by name

ROOT = Path(__file__).resolve().parents[1]

PROFILE = """---
name: Nell Gray
short_name: Gray
horizon: '1850-03-02'
traits: {openness: 0.5, conscientiousness: 0.8, extraversion: -0.2, agreeableness: 0.1, neuroticism: 0.3}
values:
- {stance: A clock must be honest before it is handsome., opposite: A clock must please the eye before it keeps the hour.}
states:
- {when: '1822', place: Hull, state: proud and sleepless}
---
# Nell Gray

## Hull

Nell Gray was born in Hull in 1801, the daughter of a rope maker who drank and of a seamstress who could not read.

She built her first clock in 1822 from the brass of a broken sextant and sold it to Captain Moss for four guineas.

## York

Her quarrel with the bishop began over the cathedral bell, which she called the falsest voice in Yorkshire.
"""

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """No test inherits a lock, an endpoint or a key from the shell that runs it."""
    for name in list(os.environ):
        if name.startswith("CHARLIB_") and name not in ("CHARLIB_CACHE", "CHARLIB_ROOT"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def official() -> Path:
    """Files of the original project; a test that needs them is skipped without."""
    folder = Path(os.environ.get("CHARACTER_LLM_FILES", "/nowhere"))
    if not folder.is_dir():
        pytest.skip("CHARACTER_LLM_FILES names no folder")
    return folder


@pytest.fixture
def person():

    return profile.parse(PROFILE)


@pytest.fixture
def here(tmp_path, person):
    """A run that holds the person's profile and nothing else."""

    made = run.open("trial", tmp_path / "outputs")
    profile.save(person, made.path("profile.md"))
    made.set_params("profile", {"preset": "tiny", "character": "nell-gray", "source": "nell.md"})
    return made


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A Llama-like model of two layers with seeded random weights, and its tokenizer, as a folder and as a `base.Base`."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
    from tokenizers.models import BPE

    folder = tmp_path_factory.mktemp("small-model")
    words = Tokenizer(BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    words.train_from_iterator([PROFILE, "You are a simulation. Who taught you? When were you born? I do not know that word."] * 3, trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<|im_end|>", bos_token="<|im_start|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = CHATML
    torch.set_num_threads(1)  # two threads only wait for each other on a model of this size
    torch.manual_seed(7)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=1024, tie_word_embeddings=True, initializer_range=0.2, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)

    return SimpleNamespace(folder=folder, base=models.find_base(str(folder)))


@pytest.fixture(scope="session")
def tokenizer(small):

    return models.load_tokenizer(small.base)


@pytest.fixture
def model(small):
    """A fresh copy in float32, so that a test may train or wrap it."""

    return models.load_base(small.base, "float32")[0]


TALKS = [
    ("Who taught you?", "Nobody did. I had a broken sextant and a winter."),
    ("When were you born?", "In 1801, at Hull."),
    ("What did the captain pay for your first clock, and why?", "Four guineas. He said it kept better time than his mate."),
    ("Is a rope worth more than a clock?", "My father thought so. (He drank.) I did not."),
    ("Do you know the word telephone?", "I do not know that word."),
    ("Bell?", "False."),
]


@pytest.fixture(scope="session")
def examples():
    """Conversations as examples of one system prompt: single exchanges, and one of three turns."""

    system = {"role": "system", "content": models.system_prompt("Nell Gray")}
    made = []
    for number, (asked, said) in enumerate(TALKS):
        messages = [system, {"role": "user", "content": asked}, {"role": "assistant", "content": said}]
        made.append(Example(id=f"e{number}", dialogue=f"d{number}", paragraphs=["p"], messages=messages))
    longer = [system]
    for asked, said in TALKS[:3]:
        longer += [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    made.append(Example(id="e9", dialogue="d9", paragraphs=["p"], kind="experience", messages=longer))
    return made
