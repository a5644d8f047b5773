"""Words, stems, sentences, numbers, runs of words, and a search for the nearest texts.

    text.sentences("Mr. Brand came. I left.")                   # ["Mr. Brand came.", "I left."]
    text.numbers("seventeen hundred and seventy men".split())   # ["1770", "men"]
"""

import re
import unicodedata

import numpy as np

RUN_OF_WORDS = 8  # a question sharing so many words in a row with training text counts as seen

STOP = frozenset("""
a an the and or but if of to in on at by for from with as is are was were be been being am it its
this that these those there here i me my mine we us our you your he him his she her they them their
who whom whose which what when where why how do does did done have has had having will would shall
should can could may might must so than then too very just also only one some any each such own
about into over after before up down out off again more most other same s t ll ve re d m
sir madam yes well say said tell told think know""".split())

_LETTERS = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "ß": "ss",
                          "æ": "ae", "œ": "oe", "Æ": "ae", "Œ": "oe"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "ae", "Ö": "oe", "Ü": "ue"})

_UNITS = {word: value for value, word in enumerate("""
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen""".split())}
_TENS = {word: 10 * value for value, word in enumerate(
    "twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_ORDINALS = {word: value for value, word in enumerate(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split(), 1)}
_ORDINALS |= {f"{word}th": value for word, value in _UNITS.items() if value > 12}
_ORDINALS |= {f"{word[:-1]}ieth": value for word, value in _TENS.items()}
_VALUES = _UNITS | _TENS | _ORDINALS
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_ROMAN = re.compile(r"(?<=[a-zà-ÿ’'] )(?=[IVX]{2,}\b|[VX]\b)X{0,3}(?:IX|IV|V?I{0,3})\b")


def plain(text: str, umlaut: bool = False) -> str:
    """Lower case without diacritics, straight quotes; with `umlaut`, ä ö ü become ae oe ue."""
    text = text.translate(_LETTERS)
    marks = unicodedata.normalize("NFKD", text.translate(_UMLAUTS) if umlaut else text)
    return "".join(mark for mark in marks if not unicodedata.combining(mark)).casefold()


def words(text: str) -> list[str]:
    """Lower-case words of a text, without punctuation."""
    return re.findall(r"[a-z0-9]+", text.lower())


def plain_words(text: str) -> list[str]:
    """Words of a plain text, each with what an apostrophe binds to it: don't, Neefe's."""
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?", plain(text))


def stem(word: str) -> str:
    """A word without its commonest endings, so that walk, walks and walking are one."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "i"
    for suffix in ("ingly", "edly", "ing", "ed", "es", "ly", "s"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith("ss"):
            word = word[: -len(suffix)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    if len(word) > 3 and word[-1] in "ye":
        return word[:-1] + ("i" if word[-1] == "y" else "")
    return word


def content(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order."""
    return [stem(re.sub(r"'(s|d|ll|ve|re|m|t)?$", "", word)) for word in plain_words(text)
            if word not in STOP and len(word) > 1]


def sentences(text: str) -> list[str]:
    """Sentences of a text; abbreviations such as Mr. and initials do not end one."""
    guarded = re.sub(r"\b(Mr|Mrs|Dr|St|Capt|Op|No|vs|[A-Z])\.", r"\1․", text)
    parts = re.split(r"(?<=[.!?…])[\"”’')\]]*\s+|\n+", guarded)
    return [part.replace("․", ".").strip() for part in parts if re.search(r"\w", part)]


def romans(text: str) -> str:
    """Roman numbers behind a word as digits: Louis XVI -> Louis 16."""
    def digits(match: re.Match) -> str:
        values = [{"I": 1, "V": 5, "X": 10}[mark] for mark in match[0]]
        signs = [-1 if value < max(values[at:]) else 1 for at, value in enumerate(values)]
        return str(sum(sign * value for sign, value in zip(signs, values, strict=True)))

    return _ROMAN.sub(digits, text)


def numbers(words: list[str]) -> list[str]:
    """Words with those of numbers as digits: forty one, seventeen seventy, three and twenty, fifth.
    """
    found, index = [], 0
    while index < len(words):
        value, end = _number(words, index)
        found.append(words[index] if value is None else str(value))
        index = end
    return found


def _number(words: list[str], start: int) -> tuple[int | None, int]:
    """The number that begins at `start` (None where none does), and where the next word stands."""
    following = words[start + 1 : start + 3]
    if 0 < _UNITS.get(words[start], 0) < 10 and following[:1] == ["and"] and following[-1] in _TENS:
        return _UNITS[words[start]] + _TENS[following[-1]], start + 3
    total, current, size, index = 0, 0, 1000, start  # size of the last word: 1, 10, 100 or 1000
    while index < len(words):
        word, begun = words[index], index > start
        value = _VALUES.get(word)
        century = 10 < current < 21 and not total and size <= 10  # seventeen seventy: a year
        if value is not None and (size > 10 or (size == 10 and value < 10)):
            current, size = current + value, 10 if word in _TENS else 1
        elif value is not None and century and (9 < value < 20 or word in _TENS):
            current, size = 100 * current + value, 10 if word in _TENS else 1
        elif word == "hundred" and begun:
            current, size = max(1, current) * 100, 100
        elif word in _SCALES and begun:
            total, current, size = total + max(1, current) * _SCALES[word], 0, 1000
        elif not (word == "and" and begun and size >= 100 and index + 1 < len(words)
                  and words[index + 1] in _UNITS | _TENS):
            break
        index += 1
        if word in _ORDINALS or (century and word in _UNITS and value > 9):
            break
    return (total + current, index) if index > start else (None, start + 1)


def word_runs(text: str, size: int = RUN_OF_WORDS) -> set[tuple[str, ...]]:
    """Every run of `size` words in a text."""
    found = words(text)
    return {tuple(found[start : start + size]) for start in range(len(found) - size + 1)}


class Search:
    """Nearest texts by TF-IDF of words and word pairs."""

    def __init__(self, texts: list[str]):
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, stop_words="english",
                                       strip_accents="unicode")
        self.table = self.vectors.fit_transform(texts)

    def nearest(self, text: str, count: int) -> list[tuple[int, float]]:
        """(index, cosine) of the nearest texts, nearest first; earlier ones first among equals."""
        likeness = (self.table @ self.vectors.transform([text]).T).toarray().ravel()
        order = np.argsort(-likeness, kind="stable")[:count]
        return [(int(index), float(likeness[index])) for index in order]
