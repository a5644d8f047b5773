"""How replies are like other texts: the profile, each other, a character's own lines. Lexical."""

import functools
import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from charlib.records import Answer, Profile, Question
from charlib.scores.replies import candidates, entities, heard, mentions
from charlib.text import content, sentences


def grounding(text: str, profile: Profile) -> list[float]:
    """For each sentence of three content words or more: the share of them, weighted by rarity, that
    the nearest paragraph has (M4, lexical).
    """
    weight, paragraphs, top = _rarity(profile.text)
    shares = []
    for sentence in sentences(text):
        words = set(content(sentence))
        if len(words) >= 3:
            total = sum(weight.get(word, top) for word in words)
            held = (sum(weight[word] for word in words & paragraph) for paragraph in paragraphs)
            shares.append(max(held) / total)
    return shares


@functools.lru_cache(maxsize=16)
def _rarity(text: str) -> tuple[dict[str, float], tuple[frozenset[str], ...], float]:
    paragraphs = tuple(frozenset(content(block)) for block in text.split("\n\n"))
    counts = Counter(word for words in paragraphs for word in words)
    every = 1 + len(paragraphs)
    weight = {word: math.log(every / (1 + count)) + 1 for word, count in counts.items()}
    return weight, paragraphs, math.log(every) + 1


def agree(first: Answer, second: Answer, item: Question, unrelated: Sequence[Answer] = ()) -> bool:
    """Whether two replies to one thing asked twice agree: they name the same single option of
    `item`; where neither names one, they share 0.3 of their content words, and more than the first
    shares with nine in ten `unrelated` replies of the system.
    """
    names = candidates(item) if item.gold or item.options else []
    a, b = ({index for index, group in enumerate(names) if mentions(heard(one.text), group)}
            for one in (first, second))
    if a or b:
        return a == b and len(a) == 1
    likeness = alike(first, second)
    others = [alike(first, other) for other in unrelated[:60]]
    return likeness >= 0.3 and (len(others) < 3 or likeness > float(np.quantile(others, 0.9)))


def alike(first: Answer, second: Answer) -> float:
    """Share of content words that two replies have in common, without those of their questions
    (Dice).
    """
    asked = set(content(first.asked)) | set(content(second.asked))
    a, b = (set(content(heard(one.text))) - asked for one in (first, second))
    return 2 * len(a & b) / (len(a) + len(b)) if a and b else 0.0


def identify(lines: dict[str, list[str]], texts: list[str]) -> tuple[list[str], float]:
    """Who of the characters seems to speak each text, and how often the classifier is right on
    lines it has not seen.

    Character n-grams of 2 to 4 within words, names masked; lines are balanced between characters.
    Needs ten lines of each.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline

    least = min(400, *map(len, lines.values()))
    rows = [(_mask(line), name) for name, said in sorted(lines.items()) for line in said[:least]]
    grams = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, max_features=30_000)
    model = make_pipeline(grams, LogisticRegression(C=10, max_iter=400))
    x, y = [line for line, _ in rows], [name for _, name in rows]
    held_out = float(cross_val_score(model, x, y, cv=5).mean())
    model.fit(x, y)
    return [str(name) for name in model.predict([_mask(text) for text in texts])], held_out


def _mask(text: str) -> str:
    """A text with its names and numbers masked, so that style is left."""
    for name in sorted(set(entities(text)), key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(name)}\b", "Name", text)
    return re.sub(r"\d+", "0", text)
