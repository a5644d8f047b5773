"""Words, runs of words, and a search for the nearest texts."""

import re

import numpy as np

RUN_OF_WORDS = 8  # a question sharing so many words in a row with training text counts as seen


def words(text: str) -> list[str]:
    """Lower-case words of a text, without punctuation."""
    return re.findall(r"[a-z0-9]+", text.lower())


def word_runs(text: str, size: int = RUN_OF_WORDS) -> set[tuple[str, ...]]:
    """Every run of `size` words in a text."""
    found = words(text)
    return {tuple(found[start : start + size]) for start in range(len(found) - size + 1)}


class Search:
    """Nearest texts by TF-IDF of words and word pairs."""

    def __init__(self, texts: list[str]):
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, stop_words="english", strip_accents="unicode")
        self.table = self.vectors.fit_transform(texts)

    def nearest(self, text: str, count: int) -> list[tuple[int, float]]:
        """(index, cosine) of the nearest texts, nearest first; earlier ones first among equals."""

        likeness = (self.table @ self.vectors.transform([text]).T).toarray().ravel()
        order = np.argsort(-likeness, kind="stable")[:count]
        return [(int(index), float(likeness[index])) for index in order]
