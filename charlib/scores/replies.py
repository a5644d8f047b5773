"""What a reply says: names and numbers found under any spelling, leaks, which of two options it
takes, and whether it is a reply at all.

    replies.mentions("in seventeen hundred and seventy", ["1770"])        # where it stands
    replies.takes("By Newlyn, never Mousehole.", question)                # 1, the second option
"""

import functools
import re
from collections import Counter
from collections.abc import Iterable

from charlib import experience, playground
from charlib import profile as profiles
from charlib.records import Profile, Question
from charlib.text import STOP, numbers, plain, romans, sentences, stem

HEARD = 60  # words of a reply that count: all systems are cut alike

NEGATION = frozenset("""not never no nor neither without cannot hardly seldom none nothing nobody
n't""".split())

EVERYDAY = frozenset(map(plain, experience.EVERYDAY)) | frozenset("""god lord lady sir madam count
prince king queen emperor german french english latin greek sunday""".split())

_DENIES = frozenset(("not", "nor", "never", "neither", "no", "without", "than", "except"))
_BETWEEN = frozenset(
    "was is been went go gone come came at in on to from by with of him her it".split())
_MONTHS = """january february march april may june july august september october november
december""".split()
_NAME = re.compile(r"[A-ZÀ-Þ][\w’'-]{2,}")
_YEAR = re.compile(r"\b1\d{3}\b|\b20\d\d\b|\b\d{1,3}(?= (?:BC|B\.C))")


def heard(text: str) -> str:
    """The part of a reply that counts: its first 60 words."""
    return " ".join(text.split()[:HEARD])


def tokens(text: str, umlaut: bool = False) -> list[str]:
    """Words and stops for matching names: plain, without articles and possessives, numbers and
    ordinals as digits, `48 bc` for 48 B.C.
    """
    return list(_tokens(text, umlaut))


@functools.lru_cache(maxsize=50_000)
def _tokens(text: str, umlaut: bool) -> tuple[str, ...]:
    text = romans(re.sub(r"^-(\d+)$", r"\1 BC", text.strip()))
    text = plain(re.sub(r"\bSt\.?(?=[ -]?[A-ZÀ-Þ])", "Saint ", text), umlaut)
    space = r"[ \u00a0\u202f](?=\d{3}\b)"  # 4,310 and 12 000
    text = re.sub(rf"(?<=\d),(?=\d{{3}}\b)|(?<=(?<!\d)\d){space}|(?<=(?<!\d)\d\d){space}", "", text)
    text = re.sub(r"\bop\.? ?(?=\d)", "opus ", text)
    text = re.sub(r"\bno\. ?(?=\d)|\bnr\.? ?(?=\d)|№ ?", "number ", text)
    text = re.sub(r"£ ?(\d+(?:\.\d+)?)", r"\1 pounds", text)
    text = re.sub(r"\bb\.\s?c\.(?:\s?e\.)?|\bbce?\b|\bbefore christ\b|\bbefore the common era\b",
                  " bc", text)
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text)
    found = re.findall(r"\d+(?:st|nd|rd|th)?|[a-z]+(?:'[a-z]+)?|[.,;:!?()\"“”—–-]", text)
    words = [re.sub(r"'s?$", "", word).replace("'", "") if word[0].isalpha() else
             re.sub(r"(?<=\d)(?:st|nd|rd|th)$", "", word) for word in found]
    return tuple(numbers([word for word in words if word not in ("the", "a", "an")]))


def mentions(text: str, aliases: Iterable[str], denied: bool = False) -> list[tuple[int, int]]:
    """Where any alias stands in a text, as token spans; word boundaries hold, a final s may come or
    go. Denied ones (`not X`) are left out.
    """
    found = set()
    for umlaut in (False, True):
        words = tokens(text, umlaut)
        for alias in aliases:
            for form in (False, True):
                found |= set(_find(words, tokens(alias, form)))
        if found and not denied:
            found = {span for span in found if not _denied(words, span[0])}
    for alias in aliases:
        for day, month, year in _days(tokens(alias))[:1]:
            if any(other[:2] == (day, month) and year in (None, other[2])
                   for other in _days(tokens(text))):
                found.add((-1, -1))
    return sorted(found)


def _denied(words: list[str], start: int) -> bool:
    """Whether a name is denied where it stands: `not X`, `never was in X`; what lies between may
    only be small words.
    """
    while start and words[start - 1] in _BETWEEN:
        start -= 1
    return bool(start) and words[start - 1] in _DENIES and words[start : start + 1] != ["only"]


def _days(words: list[str]) -> list[tuple[int, str, int | None]]:
    """Days of a year, as (day, month, year or None), in any order of words: 6 May 1748, May 6th,
    the sixth day of May in the year 1748.
    """
    found = []
    words = [word for word in words if word not in ("of", "day", ",", "year", "in", "anno")]
    for index, month in enumerate(words):
        if month not in _MONTHS:
            continue
        for place, after in ((index - 1, index + 1), (index + 1, index + 2)):
            if 0 <= place < len(words) and words[place].isdigit() and 1 <= int(words[place]) <= 31:
                year = None
                if after < len(words) and words[after].isdigit():
                    year = int(words[after]) * (-1 if words[after + 1 : after + 2] == ["bc"] else 1)
                found.append((int(words[place]), month, year))
    return found


def _find(words: list[str], alias: list[str]) -> Iterable[tuple[int, int]]:
    size = len(alias)
    for start in range(len(words) - size + 1 if size else 0):
        if all(map(_same, words[start : start + size], alias)):
            yield start, start + size
    whole = "".join(alias)
    if len(whole) > 5 and whole.isalpha():  # Mouse-hole, lead line
        for length in (size - 1, size + 1):
            for start in range(len(words) - length + 1 if length else 0):
                if "".join(words[start : start + length]) == whole:
                    yield start, start + length


def _same(word: str, alias: str) -> bool:
    """Whether two words are one, but for a final s."""
    short, long = sorted((word, alias), key=len)
    return word == alias or (len(short) > 2 and alias.isalpha() and long == short + "s")


def candidates(item: Question) -> list[list[str]]:
    """The aliases of each option, gold first. A name of several words is also known by its first
    and its last, where no other option has it.
    """
    options = item.options or []
    groups = [[*(item.gold or []), *options[:1]]] + [[option] for option in options[1:]]
    words = [Counter(word for alias in group for word in set(tokens(alias))) for group in groups]
    full = []
    for index, group in enumerate(groups):
        names, others = list(group), words[:index] + words[index + 1 :]
        for alias in group if index else ():
            parts = re.findall(r"[^\W\d_][\w’'-]+", alias)
            if len(parts) > 1 and parts[0][0].isupper() and parts[-1][0].isupper():
                names += [part for part in (parts[0], parts[-1])
                          if not any(plain(part) in other for other in others)]
        full.append(names)
    return full


def entities(text: str) -> list[str]:
    """Names (capitalised words of three letters or more that open no sentence) and years, in order.
    """
    found = []
    for match in _NAME.finditer(text):
        before = text[: match.start()].rstrip(" \"“”‘’'(*_")
        if re.match(r"I['’]", match[0]):
            continue  # I've, I'm
        broken = "\n" in text[len(before) : match.start()]
        if before and before[-1] not in ".!?…:;\n—–-" and not broken:
            found.append(match[0])
    return found + _YEAR.findall(text)


def own_names(text: str, asked: str) -> list[str]:
    """The names and years a reply brings itself: those of the question do not count."""
    given = {base_name(word) for word in re.findall(r"[\w’'-]+", asked)}
    return [name for name in entities(text) if base_name(name) not in given]


@functools.lru_cache(maxsize=64)
def _profile_words(text: str) -> frozenset[str]:
    found = re.findall(r"[\w’'-]+", text)
    return frozenset(
        base_name(part) for word in found for part in (word, *re.split(r"[-’']", word)))


def base_name(name: str) -> str:
    word = re.sub(r"'s?$", "", plain(name))
    return word[:-1] if word.endswith("s") and len(word) > 4 else word


def known_words(profile: Profile) -> frozenset[str]:
    """Every word of the profile that the person can know, its period list, states and sample lines,
    without possessive and plural.

    Sentences that speak of years or centuries after the horizon are left out: their names came too
    late.
    """
    told = _in_time(profile.text, profile.end.year if profile.end else 9999)
    states = [f"{state.when} {state.place}" for state in profile.states]
    return _profile_words(
        "\n".join([told, profile.name, *profile.period, *states, *profile.voice.lines]))


@functools.lru_cache(maxsize=64)
def _in_time(text: str, last: int) -> str:
    kept = []
    for sentence in sentences(text):
        late = [int(year) for year in re.findall(r"\b(1\d{3}|20\d\d)(?:s|-\d+)?\b", sentence)]
        centuries = r"\b(\d{1,2})(?:st|nd|rd|th)[- ](?:century|centuries)\b(?! BC)"
        late += [100 * int(number) - 99 for number in re.findall(centuries, sentence)]
        if max(late, default=last) <= last:
            kept.append(sentence)
    return "\n".join(kept)


# what came when: a candidate for unanswerable counts when it names something later than the
# person's horizon
_LATER = [(year, re.compile(rf"(?<!\w)(?:{pattern})(?!\w)")) for year, pattern in (
    (1839, r"photograph\w*"), (1876, r"(?:tele)?phones?"), (1879, r"light ?bulbs?"),
    (1886, r"cars?|automobiles?|motor ?cars?"), (1895, r"movies?|films?|cinemas?"),
    (1896, r"radios?"), (1903, r"(?:air|aero)?planes?|airports?|flights?"),
    (1927, r"televisions?|tv"), (1946, r"computers?|programming|software"),
    (1960, r"quick ?sort"), (1971, r"e-?mails?"), (1983, r"internet|web ?sites?|online"),
    (1985, r"c\+\+"), (1991, r"python"), (2007, r"smartphones?|apps?"))]

_MODERN = """algorithm computer programming programmer software compiler recursion recursive
recursively pivot Stroustrup Python C++ Java internet website online code airport airline cockpit
turbulence jet airplane aeroplane pilot Hollywood movie movies film films television screen actor
video electricity electric horsepower gearbox steering petrol gasoline engine""".split()

_MACHINE = re.compile(
    r"\b(?:as an?|being an?|i(?: a|['’])m an?|i am only an?|i(?: a|')m just an?) ((?:large )?"
    r"(?:ai|artificial intelligence|language model|ai language model|virtual assistant|chatbot|"
    r"computer program)\b)", re.IGNORECASE)


def beyond(item: Question, profile: Profile) -> bool | None:
    """Whether a question lies beyond the person: as its bank says; for a candidate, whether it
    names something later than the horizon.

    None when that cannot be told: then the candidate is not scored.
    """
    if not item.candidate:
        return not item.answerable
    if not profile.end:
        return None
    asked = item.question.lower()
    things = any(year > profile.end.year and name.search(asked) for year, name in _LATER)
    dates = any(date.after(profile.end) for date in profiles.dates_in(item.question))
    return True if things or dates else None


def leaks(text: str, item: Question) -> list[str]:
    """Words in a reply that give away what the person cannot know: the item's gold words, for an
    imported item words of modern things.

    The question's own words are no leak, nor is a word that is denied or only asked back. To speak
    as a language model is one.
    """
    words = item.gold or []
    if item.candidate and not words:  # other words for the thing that is asked about are no leak
        asked = item.question.lower()
        same = [name for _, name in _LATER if name.search(asked)]
        words = [word for word in _MODERN if not any(name.fullmatch(word.lower()) for name in same)]
    machine = _MACHINE.findall(heard(text))
    told = " ".join(sentence for sentence in sentences(heard(text))
                    if not sentence.rstrip("\"'”’").endswith("?"))
    return machine + [word for word in words if mentions(told, [word])
                      and not mentions(item.question, [word], denied=True)]


def endless(text: str) -> bool:
    """Whether a reply is empty or repeats itself without end."""
    words = re.findall(r"\w+", text.lower())
    if not words:
        return True
    if len(words) >= 4 and len(set(words)) == 1:
        return True
    runs = [tuple(words[index : index + 3]) for index in range(len(words) - 2)]
    return len(runs) >= 8 and len(set(runs)) / len(runs) < 0.5


def echoes(text: str, question: str) -> bool:
    """Whether a reply only gives the question back. "I have never seen X" to "Have you ever seen
    X?" is an answer.
    """
    from rapidfuzz import fuzz

    no = set("no not never nothing nobody none cannot unknown t".split())
    said, asked = (set(re.findall(r"\w+", each.lower())) for each in (text, question))
    mine, theirs = (" ".join(re.findall(r"\w+", plain(each))) for each in (text, question))
    return not (said - asked) & no and fuzz.ratio(mine, theirs) >= 88


_OTHER = re.compile(
    r"(?:^|\n)\s*(?:visitor|user|interviewer|man|woman|stranger|questioner|student|human|"
    r"[A-Z][a-z]+ \((?:speaking|thinking)\))\s*(?:\(\w+\))?\s*:", re.IGNORECASE)


def speaks_for_other(text: str) -> bool:
    """Whether a reply goes on with the questioner's turn."""
    return bool(_OTHER.search(text))


def takes(text: str, item: Question) -> int | None:
    """Which option of two a reply takes: the one it names; else the one whose distinguishing words,
    with their negation, it says; else None.
    """
    said = heard(text)
    found = _took(said, item)
    if found is None:
        for taken, left in _set_aside(said):  # "X, not Y"
            against = _took(left, item)
            if against is not None and _took(taken, item) == 1 - against:
                return 1 - against
    return found


def _took(said: str, item: Question) -> int | None:
    named = [bool(mentions(said, names)) for names in candidates(item)]
    if item.kind == "choice" and sum(named) == 1:
        return named.index(True)
    if item.kind == "choice" and sum(named) > 1:
        return None
    mine = _features(said)
    own = [_features(option) for option in item.options[:2]]
    alone = [own[0] - own[1], own[1] - own[0]]
    if all(words and len(words & mine) >= 0.6 * len(words) for words in alone):
        return None  # both options are given back
    bags = [_features(text) for text in _options_in_words(item)]
    apart = [bags[0] - bags[1], bags[1] - bags[0]]
    denied = [set(map(_opposed, words)) for words in apart]
    votes = [len(apart[side] & mine) + len(denied[1 - side] & mine - bags[side]) for side in (0, 1)]
    if votes[0] != votes[1]:
        return int(votes[1] > votes[0])
    return _order(said, item) if item.kind == "pair" and not any(votes) else None


_ASIDE_WORDS = re.compile(
    r"(?<=\w)(?:[.,;:] (?:and |but )?(?:not|never)|[.,;:]? (?:rather than|sooner than|instead of))"
    r"\b(?! only\b):? (?=\w)", re.IGNORECASE)


def _set_aside(said: str) -> Iterable[tuple[str, str]]:
    """A reply cut where it may set an option aside, last place first: ("X", "Y") of "X, and not Y",
    "X rather than Y".
    """
    for cut in reversed(list(_ASIDE_WORDS.finditer(said))):
        yield said[: cut.start()], said[cut.end() :]


def _options_in_words(item: Question) -> list[str]:
    """Each option with the clause of the question that goes with it."""
    texts = list(item.options[:2])
    if item.kind == "choice":
        texts = [" ".join(names) for names in candidates(item)[:2]]
    cut = playground.clauses_of(item.question)
    if cut and item.kind == "pair":
        left, right = _features(cut[1]), _features(cut[3])
        bags = [_features(text) for text in texts]
        straight = len(bags[0] & left) + len(bags[1] & right)
        crossed = len(bags[0] & right) + len(bags[1] & left)
        if straight != crossed:
            pairing = (cut[1], cut[3]) if straight > crossed else (cut[3], cut[1])
            texts = [f"{text} {clause}" for text, clause in zip(texts, pairing, strict=True)]
    return texts


def _features(text: str) -> set[str]:
    """Stems of a text, marked where a negation stands within the six words before, in the same
    clause.
    """
    found, since = set(), 9
    for word in re.findall(r"[a-z0-9]+(?:'[a-z]+)?|[.,;:!?]", plain(text)):
        if word in ".,;:!?" or word in ("but", "and"):
            since = 9
        elif word in NEGATION or word.endswith("n't"):
            since = 0
        else:
            since += 1
            if word not in STOP and len(word) > 1:
                found.add(("¬" if since <= 6 else "") + stem(re.sub(r"'s?$", "", word)))
    return found


def _opposed(word: str) -> str:
    return word[1:] if word.startswith("¬") else f"¬{word}"


def _order(said: str, item: Question) -> int | None:
    """For options of the same words in another order: the one whose words the reply says in order,
    when clearly so.
    """
    from rapidfuzz.distance import LCSseq

    mine = re.findall(r"\w+", plain(said))
    options = [re.findall(r"\w+", plain(option)) for option in item.options[:2]]
    likeness = [LCSseq.similarity(mine, option) / len(option) for option in options]
    clear = abs(likeness[0] - likeness[1]) > 0.08 and max(likeness) >= 0.5
    return int(likeness[1] > likeness[0]) if clear else None


def recalls(text: str, item: Question) -> bool:
    """Whether a reply names the gold, and not as one of a list."""
    said, given = heard(text), item.gold or []
    if mentions(item.question, given, denied=True) and item.kind == "open" and not item.options:
        return False
    names = candidates(item)
    gold = mentions(said, item.gold or names[0])
    others = [spans for spans in (mentions(said, group) for group in names[1:]) if spans]
    if not gold or len(others) >= 2:
        return False
    words, asked = tokens(said), set(tokens(item.question))
    hedged = any("or" in words[min(a[1], b[1]) : max(a[0], b[0])] and abs(a[0] - b[0]) <= 6
                 for a in gold for spans in others for b in spans if a[0] >= 0)
    listed = {name for name in map(plain, entities(said)) if name not in asked}
    years = len(set(_YEAR.findall(said))) > 2 and all(alias.isdigit() for alias in given)
    return not hedged and len(listed) <= 8 and not years
