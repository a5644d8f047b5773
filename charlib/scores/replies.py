"""What a reply says: names and numbers found under any spelling, refusals, leaks, which of two
options it takes.

    replies.refused("I know of no such engine.")                          # True
    replies.mentions("in seventeen hundred and seventy", ["1770"])        # where it stands
    replies.takes("By Newlyn, never Mousehole.", question)                # 1, the second option

English, lexical and deterministic; tests/data/refusals.jsonl holds labelled replies, and the rates
it is right at stand in the test.
"""

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from charlib import experience
from charlib.playground.banks import clauses_of
from charlib.profile.dates import dates_in
from charlib.records import Profile, Question

HEARD = 60  # words of a reply that count: all systems are cut alike


def _words(text: str) -> list[str]:
    return text.split()


_STOP = frozenset(
    _words(
        "a an the and or but if of to in on at by for from with as is are was were be been being am it its this that these "
        "those there here i me my mine we us our you your he him his she her they them their who whom whose which what when "
        "where why how do does did done have has had having will would shall should can could may might must so than then too "
        "very just also only one some any each such own about into over after before up down out off again more most other same "
        "s t ll ve re d m sir madam yes well say said tell told think know"
    )
)


_NEGATION = frozenset(_words("not never no nor neither without cannot hardly seldom none nothing nobody n't"))


_SUFFIXES = ("ingly", "edly", "ing", "ed", "es", "ly", "s")


def heard(text: str) -> str:
    """The part of a reply that counts: its first 60 words."""
    return " ".join(text.split()[:HEARD])


def plain(text: str, umlaut: bool = False) -> str:
    """Lower case without diacritics, straight quotes; with `umlaut`, ä ö ü become ae oe ue."""
    text = text.replace("’", "'").replace("‘", "'").replace("ʼ", "'")
    if umlaut:
        text = re.sub("[äöüÄÖÜ]", lambda match: {"ä": "ae", "ö": "oe", "ü": "ue"}[match[0].lower()], text)
    text = text.replace("ß", "ss").replace("æ", "ae").replace("œ", "oe").replace("Æ", "ae").replace("Œ", "oe")
    return "".join(mark for mark in unicodedata.normalize("NFKD", text) if not unicodedata.combining(mark)).casefold()


def stem(word: str) -> str:
    """A word without its commonest endings, so that walk, walks and walking are one."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "i"
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith("ss"):
            word = word[: -len(suffix)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word[:-1] + "i" if word.endswith("y") and len(word) > 3 else word[:-1] if word.endswith("e") and len(word) > 3 else word


def content(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order."""
    words = re.findall(r"[a-z0-9]+(?:'[a-z]+)?", plain(text))
    return [stem(re.sub(r"'(s|d|ll|ve|re|m|t)?$", "", word)) for word in words if word not in _STOP and len(word) > 1]


def sentences(text: str) -> list[str]:
    """Sentences of a reply; abbreviations such as Mr. and initials do not end one."""
    guarded = re.sub(r"\b(Mr|Mrs|Dr|St|Capt|Op|No|vs|[A-Z])\.", r"\1․", text)
    parts = re.split(r"(?<=[.!?…])[\"”’')\]]*\s+|\n+", guarded)
    return [part.replace("․", ".").strip() for part in parts if re.search(r"\w", part)]


_UNITS = {word: value for value, word in enumerate(
    _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
))}  # fmt: skip


_TENS = {word: 10 * value for value, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)}


_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}


_ORDINALS = {word: value for value, word in enumerate(
    _words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth"
), 1)} | {
    "twentieth": 20, "thirtieth": 30, "fortieth": 40, "fiftieth": 50, "sixtieth": 60, "seventieth": 70, "eightieth": 80, "ninetieth": 90}  # fmt: skip


_ROMAN = re.compile(r"(?<=[a-zà-ÿ’'] )(?=[IVX]{2,}\b|[VX]\b)X{0,3}(?:IX|IV|V?I{0,3})\b")


_BC = re.compile(r"\bb\.\s?c\.(?:\s?e\.)?|\bbce?\b|\bbefore christ\b|\bbefore the common era\b")


_TOKEN = re.compile(r"\d+(?:st|nd|rd|th)?|[a-z]+(?:'[a-z]+)?|[.,;:!?()\"“”—–-]")


_DENIES = frozenset(("not", "nor", "never", "neither", "no", "without", "than", "except"))


_BETWEEN = frozenset(_words("was is been went go gone come came at in on to from by with of him her it"))


_MONTHS = _words("january february march april may june july august september october november december")


def tokens(text: str, umlaut: bool = False) -> list[str]:
    """Words and stops for matching names: plain, without articles and possessives, numbers and
    ordinals as digits, `48 bc` for 48 B.C.
    """
    return list(_tokens(text, umlaut))


@functools.lru_cache(maxsize=50_000)
def _tokens(text: str, umlaut: bool) -> tuple[str, ...]:
    text = re.sub(r"^-(\d+)$", r"\1 BC", text.strip())
    text = _ROMAN.sub(lambda match: str(_roman(match[0])), text)
    text = re.sub(r"\bSt\.?(?=[ -]?[A-ZÀ-Þ])", "Saint ", text)
    text = plain(text, umlaut)
    text = re.sub(r"(?<=\d),(?=\d{3}\b)|(?<=(?<!\d)\d)[ \u00a0\u202f](?=\d{3}\b)|(?<=(?<!\d)\d\d)[ \u00a0\u202f](?=\d{3}\b)", "", text)
    text = re.sub(r"\bop\.? ?(?=\d)", "opus ", text)
    text = re.sub(r"\bno\. ?(?=\d)|\bnr\.? ?(?=\d)|№ ?", "number ", text)
    text = re.sub(r"£ ?(\d+(?:\.\d+)?)", r"\1 pounds", text)
    text = _BC.sub(" bc", text)
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text)
    words = [re.sub(r"'s?$", "", word).replace("'", "") if word[0].isalpha() else word for word in _TOKEN.findall(text)]
    words = [re.sub(r"(?<=\d)(st|nd|rd|th)$", "", word) for word in words if word not in ("the", "a", "an")]
    return tuple(_numbers(words))


def _roman(text: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10}[mark] for mark in text]
    return sum(-value if value < max(values[index:]) else value for index, value in enumerate(values))


def _numbers(words: list[str]) -> list[str]:
    """The same words with number words as digits: forty one, seventeen seventy, four hundred and
    eight, twenty fourth.
    """
    out: list[str] = []
    index = 0
    while index < len(words):
        value, end = _number(words, index)
        out.append(words[index] if value is None else str(value))
        index = end
    return out


def _number(words: list[str], start: int) -> tuple[int | None, int]:
    total, current, index, seen, last = 0, 0, start, False, 10**9
    while index < len(words):
        word = words[index]
        if word in _TENS:
            if seen and last <= 90:
                if 10 < current < 21 and not total:  # seventeen seventy: a year
                    current, last = current * 100 + _TENS[word], 10
                    index += 1
                    continue
                break
            current, last = current + _TENS[word], 10
        elif (
            not seen
            and 0 < _UNITS.get(word, 0) < 10
            and words[index + 1 : index + 2] == ["and"]
            and words[index + 2 : index + 3]
            and words[index + 2] in _TENS
        ):
            return _UNITS[word] + _TENS[words[index + 2]], index + 3  # three and twenty
        elif word in _UNITS or word in _ORDINALS:
            value = _UNITS.get(word, _ORDINALS.get(word, 0))
            if seen and last <= 90 and (last != 10 or value > 9):
                if 10 < current < 21 and not total and 9 < value < 20:  # eighteen twelve
                    return current * 100 + value, index + 1
                break
            current, last = current + value, 1
            if word in _ORDINALS:
                return total + current, index + 1
        elif word in _SCALES and seen:
            if word == "hundred":
                current, last = max(1, current) * 100, 100
            else:
                total, current, last = total + max(1, current) * _SCALES[word], 0, 1000
        elif (
            word == "and" and seen and last >= 100 and index + 1 < len(words) and (words[index + 1] in _UNITS or words[index + 1] in _TENS)
        ):
            pass
        else:
            break
        seen = True
        index += 1
    return (total + current, index) if seen else (None, start + 1)


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
        wanted = _days(tokens(alias))
        if wanted and any(wanted[0][:2] == day[:2] and wanted[0][2] in (None, day[2]) for day in _days(tokens(text))):
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
                year = words[after] if after < len(words) and words[after].isdigit() else ""
                before = words[after + 1 : after + 2] == ["bc"]
                found.append((int(words[place]), month, (-int(year) if before else int(year)) if year else None))
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
    return word == alias or (len(alias) > 2 and alias.isalpha() and (word == alias + "s" or (word + "s" == alias and len(word) > 2)))


def candidates(item: Question) -> list[list[str]]:
    """The aliases of each option, gold first. A name of several words is also known by its first
    and its last, where no other option has it.
    """
    options = item.options or []
    groups = [[*(item.gold or []), *options[:1]]] + [[option] for option in options[1:]]
    words = [Counter(word for alias in group for word in set(tokens(alias))) for group in groups]
    full = []
    for index, group in enumerate(groups):
        names = list(group)
        for alias in group:
            parts = re.findall(r"[^\W\d_][\w’'-]+", alias)
            if index and len(parts) > 1 and parts[0][0].isupper() and parts[-1][0].isupper():
                own = (parts[0], parts[-1])
                names += [part for part in own if not any(words[other].get(plain(part)) for other in range(len(groups)) if other != index)]
        full.append(names)
    return full


_NAME = re.compile(r"[A-ZÀ-Þ][\w’'-]{2,}")


_YEAR = re.compile(r"\b1\d{3}\b|\b20\d\d\b|\b\d{1,3}(?= (?:BC|B\.C))")


EVERYDAY = frozenset(plain(word) for word in experience.EVERYDAY) | {
    "god", "lord", "lady", "sir", "madam", "count", "prince", "king", "queen", "emperor", "german", "french", "english", "latin", "greek", "sunday"}  # fmt: skip


def entities(text: str) -> list[str]:
    """Names (capitalised words of three letters or more that open no sentence) and years, in order.
    """
    found = []
    for match in _NAME.finditer(text):
        before = text[: match.start()].rstrip(" \"“”‘’'(*_")
        if re.match(r"I['’]", match[0]):
            continue  # I've, I'm
        if before and before[-1] not in ".!?…:;\n—–-" and "\n" not in text[len(before) : match.start()]:
            found.append(match[0])
    return found + _YEAR.findall(text)


def own_names(text: str, asked: str) -> list[str]:
    """The names and years a reply brings itself: those of the question do not count."""
    given = {base_name(word) for word in re.findall(r"[\w’'-]+", asked)}
    return [name for name in entities(text) if base_name(name) not in given]


@functools.lru_cache(maxsize=64)
def _profile_words(text: str) -> frozenset[str]:
    return frozenset(
        word for found in re.findall(r"[\w’'-]+", text) for word in {base_name(found), *map(base_name, re.split(r"[-’']", found))}
    )


def base_name(name: str) -> str:
    word = re.sub(r"'s?$", "", plain(name))
    return word[:-1] if word.endswith("s") and len(word) > 4 else word


def known_words(profile: Profile) -> frozenset[str]:
    """Every word of the profile that the person can know, its period list, states and sample lines,
    without possessive and plural.

    Sentences that speak of years or centuries after the horizon are left out: their names came too
    late.
    """
    extra = [profile.name, *profile.period, *(f"{state.when} {state.place}" for state in profile.states), *profile.voice.lines]
    return _profile_words("\n".join([_in_time(profile.text, profile.end.year if profile.end else 9999), *extra]))


@functools.lru_cache(maxsize=64)
def _in_time(text: str, last: int) -> str:
    kept = []
    for sentence in sentences(text):
        late = [int(year) for year in re.findall(r"\b(1\d{3}|20\d\d)(?:s|-\d+)?\b", sentence)]
        late += [100 * int(number) - 99 for number in re.findall(r"\b(\d{1,2})(?:st|nd|rd|th)[- ](?:century|centuries)\b(?! BC)", sentence)]
        if max(late, default=last) <= last:
            kept.append(sentence)
    return "\n".join(kept)


_THING = (
    "(?:"
    + "|".join(
        _words(
            "thing word name man woman person place land city town country war battle engine machine instrument device art book "
            "work opera king empire event day year school power kind sort creature people invention conveyance ship vessel "
            "gentleman lady author term matter"
        )
    )
    + ")"
)


_REFUSALS = [
    # does not know
    r"\b[Ii] (?:do not|don't|cannot|can't) know (?:of |about )?(?:him|her|them|it|that|this|these|those|"
    r"such|any|anything|what|who|which|where|the |an? |of |about |how to |[A-Z])(?!\w* ?(?:i|we) )",
    r"\bi (?:do not|don't) know[.,;!?]",
    r"\bi (?:do not|cannot) (?:know|understand|follow)(?: how)?(?=[:.]|$)",
    r"\bi know not\b",
    r"\bno \w+ (?:of|by|under|with) (?:that|this|such a) name\b|\b(?:of|by|under) that name\b[^.;]* (?:not|never|none|no)\b|\bcannot imagine what (?:that|it|this|such|an?|you)\b",
    r"\b(?:is|are) not known to (?:me|us)\b|\b(?:he|she|they) (?:did not|never) confided? (?:in|to) me\b|\bnever found (?:that|it) out\b",
    r"\ba (?:puzzle|riddle|locked box|closed book|sealed book)(?: to (?:me|us))?(?=[.,;!]|$)|\bnot an? (?:word|name|term) i can\b",
    r"\byou (?:have )?(?:invented|made up) (?:that|this|the) (?:word|name|thing)\b|^\W*nothing whatever(?=[.,;!]|$)|\bi do not even know what\b",
    r"\bi (?:do not|don't)[.,]? (?:i was|for i|as i)\b",
    r"\bi know (?:of )?no(?:ne(?! (?:who|that|which|better|so)\b)| such| (?:\w+ )?(?:of|by|called|named|with)| " + _THING + r"\b)",
    r"\bi know nothing (?:of|about|at all|concerning|whatever)\b",
    r"\bi know of (?:no|nothing|none)\b",
    r"\bthat i do not know\b",
    r"\b(?:have|had|has|'ve)(?: not|n't| never)(?: yet| so much as| once| even)? (?:heard|been told|read|learned|"
    r"learnt|met|seen|encountered|come across|come upon)(?: tell| talk| speak| word)?(?: of| about|"
    r" with)?(?: \w+){0,2} (?:that|it|this|him|such|any such|the like|one|word|name|thing|kind|before|any)\b",
    r"\b(?:have|had|'ve)(?: not|n't| never) (?:heard|been told|read) (?:tell |talk |speak )?(?:of|about)\b",
    r"\bnever (?:so much as )?(?:heard|been told|read|learned|learnt|knew|known|met) (?:tell |talk )?(?:of|about|with|"
    r"named|anything|any such)\b",
    r"\bi never (?:heard|saw|met|knew|owned|used|read) (?:of |with )?(?:him|her|it|one|such|any|that|this|the (?:word|"
    r"name|thing|like|man))\b",
    r"\bi have (?:seen|heard|met|heard of|met with|known) no such\b",
    r"\bnever (?:had|have had) (?:the )?(?:pleasure|honou?r|chance|occasion|fortune) of\b",
    r"\bnever having (?:heard|seen|met|known)\b",
    r"\bi have never (?:learned|learnt|been taught|studied|seen one|owned|tried) (?:it|that|this|one|the art|such)\b",
    r"\b(?:not|never) (?:been )?(?:familiar|acquainted|versed|conversant) with\b",
    r"\b(?:un|not (?:well[- ])?)versed in\b",
    r"\bunfamiliar\b",
    r"\bunacquainted\b",
    r"\b(?:quite |wholly |utterly )?ignorant of\b",
    r"\bi (?:must )?(?:confess|own|plead|admit)(?: to)?(?: my)? ignorance\b",
    r"\b(?:strange|unknown|foreign|new|dark|darkness|greek|hebrew|a riddle|a mystery|a puzzle|nonsense|a closed book|"
    r"a sealed book)(?<!always a mystery)(?<!remains a mystery)(?<!still a mystery) to me\b",
    r"\b(?:means?|says?|tells?) (?:absolutely |quite )?nothing to me\b",
    r"\bno(?: \w+)? meaning (?:to|for) me\b",
    r"\bhave no (?:knowledge|notion|idea|inkling|conception|memory|recollection|acquaintance|understanding|experience|"
    r"news|word|report|account)\b",
    r"\bno idea (?:what|who|how|where|of)\b",
    r"\bhaven't (?:the|a) (?:faintest|slightest|least)\b",
    r"\bhave not (?:the|a) (?:faintest|slightest|least)\b",
    r"\b(?:do not|don't|cannot|can't|couldn't|could not) (?:recall|remember|recollect|call to mind|"
    r"place)(?! (?:exactly|precisely|the exact|a |an |any (?:happier|better|finer|worse)|when i (?:last|did not)|"
    r"how (?:i|we)|anything so))\b",
    r"\b(?:cannot|can't|could not|couldn't) (?:tell|say|speak|answer|guess|help|explain|teach|describe|name)(?: you|"
    r" to| of| it)?(?: \w+){0,2} (?:what|who|how|where|when|anything|about|of|that|this|it|so|such|to that|whom|"
    r"which)\b(?! i (?:was|am|have|had|did|do|should|would|could|felt|enjoyed|liked))",
    r"\bi (?:cannot|can't|could not|couldn't) (?:say|tell)[.,;!]",
    r"\bcan tell you nothing\b",
    r"\bhave nothing to (?:say|tell)(?: you)? (?:of|about|on)\b",
    r"\bi have no answer\b",
    r"\bi wish i could (?:oblige|help|answer|tell)\b",
    r"\bno (?:tidings|news|word|report|rumou?r|account|letter|talk|"
    + _THING
    + r")(?: \w+){0,4} (?:has|have|had|ever) (?:yet )?(?:come|reached|been|got|spoken|arrived|is)\b",
    r"\b(?:how|why) (?:should|could|would|can) i (?:know|tell|say|have|remember|possibly)\b",
    r"\b(?:god|heaven) (?:alone |only )?knows\b|\bwho knows(?=[.,;!?]|$)|\bknown (?:only )?to (?:god|heaven)\b",
    r"\byou (?:must|will have to|would have to) ask (?:someone|another|others|those|him|her|them)\b",
    r"(?<!if you )\bask (?:those|them|someone|somebody|another)\b",
    r"\b(?:he|she|they) (?:never|did not|didn't) (?:told|tell|show|showed|confide|say|said|let)\w* (?:me|so to me|"
    r"it to me)\b",
    r"\bi was (?:not|never) (?:told|there(?! to)|present|privy|shown)\b",
    r"\b(?:his|her|their|its) (?:own )?secret\b",
    r"\bbetween (?:him|her|them) and god\b",
    r"\bkept (?:that|it) to (?:him|her)self\b",
    r"\bi never (?:learned|learnt|could|discovered|found out|asked|was told)(?: (?:it|that|to|what|who|how|such|his|"
    r"her|one|do|cut))\b",
    r"\bi am at a loss\b",
    r"\bi could wish to know\b",
    r"\bthat is (?:quite )?(?:beyond|outside|past) (?:me|my)\b",
    r"\bbeyond (?:me|my (?:ken|knowledge|time|days?|understanding|learning|reach|years))\b",
    # does not understand
    r"\b(?:do not|don't|cannot|can't|did not|didn't|could not|fail to) (?:quite |at all |even )?(?:understand|follow|"
    r"grasp|catch|comprehend|make out|make sense of|see what|take your)(?: \w+)? ?(?:you|your|that|this|the (?:word|"
    r"term|question|name|phrase)|what|it|such|[.,;!?])",
    r"\byou (?:have|'ve) lost me\b",
    r"\bwhat (?:do|can|could) you mean\b",
    r"\bwhat (?:is|are|was|were) (?:this|that|these|those|such|an? [\w-]+(?: [\w-]+)?|it)\?",
    r"\b(?:what|which) (?:language|tongue|word|thing|sort of|kind of|manner of|war|land|country|place|"
    r"man)(?: \w+){0,3} (?:is|are|was|do|did|would) (?:that|this|it|he|she|they|you)\b",
    r"^(?:\W*(?:ah|oh|pray|but|and|sir|madam|my friend)\W+)*who (?:is|was|are|were|might be|may be) (?:he|she|that|"
    r"this|these|they|the (?:man|person|lady|gentleman|fellow))\b",
    r"\bwhom (?:do|did) you (?:mean|speak)\b",
    r"\b(?:speak|talk|question)\w* (?:to me )?(?:in|is|are) (?:a )?riddles?\b",
    r"\bput it in plain\b",
    r"\bno (?:word|tongue|language|name) (?:that )?(?:i|of mine|known)\b",
    r"\byour (?:question|words?|meaning) (?:is|are) (?:dark|strange|beyond|lost|obscure)\b",
    r"\b(?:would|will|could|can) you (?:please )?(?:describe|explain|tell me what)\b",
    r"\b(?:pray|please)(?:,)? (?:tell me what|explain|describe)\b",
    r"\bi do not recogni[sz]e\b",
    # does not exist, has not happened
    r"\b(?:no such|nothing of (?:the|that) (?:kind|sort|name)|nothing so called|no(?:body|thing| one) (?:of|"
    r"by) that name|of no such)\b",
    r"\bthere (?:is|was|are|were|has been|have been) (?:never |no )(?:been )?(?:such|any|an?\b|second|other(?! (?:way|choice|road|hope|reason)))\b",
    r"\bwe have (?:no|none|nothing)(?: \w+){0,3} (?:of that|of the|called|so|here|such)\b",
    r"\b(?:has|have|had|is|was|did|does)(?: not|n't| never)(?: yet| so far)? (?:happen|happened|occurred?|"
    "come (?:to pass|yet|about|before)|taken place|been (?:built|made|invented|written|born|fought|found|"
    r"thought of|given)|exist|existed|appeared|begun)\b",
    r"\b(?:has|have|is) (?:not|never)(?: yet)? come\b",
    r"\bnever (?:happened|took place|existed|was|came to pass|occurred|came about)\b",
    r"\bit (?:did not|never) (?:return|returned|come back|came back|came)\b(?! (?:near|to|down|in|all)\b)",
    r"\b(?:has|have) yet to\b",
    r"\bnot yet (?:happened|come|been|born|built|written|invented|known)\b",
    r"\bis (?:still|yet) to come\b",
    r"\b(?:lies|lie|is|was|comes?|came|happened|falls?|belongs?|must be) (?:\w+ )?(?:ahead of|after|beyond|outside|"
    r"past) (?:me|my)\b(?! (?:to|into|strength|means|reach)\b)",
    r"\bafter my (?:time|day|death)\b",
    r"\b(?:not(?: \w+)?|(?:nothing|none|no \w+)(?: \w+){0,3}) (?:in|of|for|to) my (?:time|day|days|age|century|"
    r"world)\b",
    r"\bin my (?:time|day|days|age)\b[^.!?]{0,40}\b(?:no|not|never|none|without)\b",
    r"\b(?:does|do|did)(?: not|n't) exist\b",
    r"\b(?:i shall|i will|i'll) (?:not live|be (?:a|in|long|dead|dust|\w+ years))\b",
    r"(?<!that )\bi (?:was|had been|have been)(?: long| already| then)? (?:dead|deceased|in my grave)\b",
    r"\bi have been deceased\b",
    r"\b(?:nobody|no one|no man|men (?:have|do|did) not|none) (?:has |have |had |here |ever |can |in \w+ )*(?:landed|"
    r"walked|flown|fly|spoken|speaks|seen|heard|walks?)\b",
    r"\bi doubt (?:that )?it (?:has|was|exists?)\b",
    # manners of speaking
    r"\byou have me (?:there|at a loss|puzzled|beaten)\b",
    r"\b(?:i|he|she|they) never did\b(?! (?:anything|more|better|so well))",
    r"\bnever did (?:he|she|they|i|anything|any)\b",
    r"\buse (?:the|that|this) word (?:oddly|strangely)\b",
    r"\bsuch an? [\w-]+ (?:was|is|has|had) (?:never|not|unknown)\b",
    r"\b(?:the|that|this|your) (?:word|name|phrase|title|term) (?:says|tells|means|is a stranger|is no)\b",
    r"\b(?:there )?i must fail you\b",
    r"\bmore than i can (?:tell|say)\b",
    r"\b(?:is|are|was) (?:quite |wholly )?unknown (?:in|to|here|among|on)\b",
    r"\bcannot (?:make out|look (?:into|through)|see into|know such)\b",
    # small turns of speech
    r"\bas an? (?:ai|artificial|large|virtual|language)\b[^.!?]*\b(?:model|assistant|intelligence|program|ai)\b|\bas a language model\b",
    r"\bnot (?:something|anything|a thing|one|a word|a name|a term|an? \w+) (?:that |which |with which |of which )?(?:i|we) (?:am (?:familiar|acquainted|aware)|"
    r"have (?:heard|met|seen|known|come)|know|recogni[sz]e|understand)\b",
    r"\b(?:unaware|not aware|not informed|uninformed) of\b",
    r"\b(?:unable|not able) to (?:say|tell|answer|help|form|speak|recall|remember|explain|describe|provide)\b",
    r"\b(?:cannot|could not) (?:possibly )?(?:speak|comment|answer) (?:to|of|on|about|for|that|this|it)\b",
    r"\b(?:cannot|could not) (?:say|tell)(?: you)?(?: that| if| whether)? i (?:(?:have|had)(?: ever| yet)? (?:heard|seen|met|come|been|tried|had the|known|read|[a-z]+ed (?:of|one|it|such))|have(?=[.,;!]|$)|know|recogni[sz]e|follow|understand)\b",
    r"\bi (?:cannot|could not) (?:possibly |rightly |truly )?(?:say|tell|know|answer)(?: you)?(?: that| it)?(?:[.,;:!]|$)",
    r"\b(?:i|we) know (?:absolutely |quite |simply )?nothing(?:[.,;:!?]|$)",
    r"\b(?:i|we) have not been (?:told|taught|informed)\b",
    r"\bi (?:would|should) not know\b",
    r"\bdo not have (?:any|the|much|an?) (?:\w+ )?(?:information|knowledge|idea|notion|clue|memory|recollection|records?|details?|answer|instructions|acquaintance)\b",
    r"\b(?:not|have not) (?:got )?a clue\b|\bno clue\b|\bbeats me\b|\bno idea(?:[.,;!]|$)",
    r"\b(?:escapes|eludes|baffles|puzzles|mystifies) (?:me|my memory)\b|\bslip(?:s|ped) my (?:mind|memory)\b|\bi (?:have forgotten|forget)(?:[.,;!]|$)",
    r"\bi (?:know|understand|comprehend|grasp|follow|recall|remember|recogni[sz]e|catch|take)(?: (?!not)\w+){0,3} not\b(?! (?:only|to))",
    r"\bdo not (?:quite |at all |even |rightly )?(?:understand|comprehend|grasp|follow|catch|take|get) (?:thy|thee|your|you|the|his|what|a word)\b",
    r"\b(?:speak|speaking|talk|talking)(?: \w+)? in (?:riddles|tongues|enigmas)\b|\bmisunderstand (?:one another|each other|you)\b",
    r"\b(?:words?|tongue|term|name|phrase)(?: \w+){0,3} (?:is|are|sounds?) (?:passing |most |quite |very |wholly |all )?(?:strange|foreign|unknown|unfamiliar|outlandish)\b",
    r"\b(?:words?|names?|terms?|things?|phrases?) (?:that )?i (?:have never|never|do not|did not)\b",
    r"\bno (?:word|name|term|thing) of (?:my|our|mine|ours)\b",
    r"\b(?:centuries|ages|generations|years|far|long|hundreds of years)(?: \w+){0,2} (?:away from|ahead of|after|beyond|before) (?:me|us|my (?:time|birth|death|day))\b",
    r"\b(?:lies|lie|is|are) (?:far |still |yet |well )?(?:ahead|in the future|to come)\b|\bno (?:man|one|mortal) can (?:see|know|tell) the future\b",
    r"\b(?:outside|off|beyond|not (?:on|in|within)) (?:of )?(?:my|our|any) (?:maps?|knowledge|experience|ken|world|learning|understanding|comprehension|acquaintance)\b",
    r"\bnothing in my (?:experience|memory|life|knowledge)\b",
    r"\bhave no (?:skill|learning|training|schooling) (?:in|for|at|of)\b|\bi have not the (?:art|skill|knack)\b|\bi have had no (?:word|news)\b",
    r"\bnever (?:\w+ ){0,3}any such\b|\bno truth in (?:that|this|it)\b|\bhidden from me\b|\b(?:conveys?|means?) nothing to me\b|\ball one riddle\b",
    r"\b(?:nobody|no one|none|no man) (?:(?:has|have) (?:\w+ )?(?:told|shown|sung|taught|informed) (?:me|us)|can tell you)\b|\bif i knew what\b",
    r"\bmore than i (?:was|am|have been) told\b|\b(?:what (?:a )?|that is a )strange (?:word|name|notion)\b|\bi must ask what\b|\bwhat nonsense\b|\bnot the least thing\b",
    r"\bbut not (?:the|that|your) (?:other )?(?:word|thing|name)\b",
    r"\bnever (?:been )?(?:at|in|on|to|with|aboard) (?:any )?such\b",
    r"\bi have (?:never|not) (?:been|travell?ed|ridden|set foot|flown) (?:in|on|upon|by|at|to|aboard) (?:one|such|it|any|that|either)\b",
    r"\bi (?:have )?(?:never|not) (?:yet )?(?:saw|seen|met|tasted|eaten|used|played|encountered|come across|ridden|driven|beheld|heard) (?:one(?! (?:who|that|which|so|as)\b)|either|such (?:an? )?(?:thing|one|"
    + _THING
    + r")|any of (?:them|those|these)|of one)\b",
    r"\bwhoever (?:told|said|says|wrote|claims|claimed|spread)\b|\b(?:you are|you were|your informant is|he who told you) (?:\w+ )?(?:mistaken|misinformed|deceived|wrong)\b",
    r"\b(?:no|never any) (?:such )?(?:wedding|marriage|journey|meeting|encounter)(?: \w+){0,3} (?:took place|happened|occurred)\b",
    r"\bi (?:do not|cannot) (?:believe|think|suppose|say) (?:that )?i (?:have|had|ever|know|recogni[sz]e|am)\b(?= (?:\w+ )?(?:had the|heard|met|seen|know|come|familiar|acquainted|him|her|it|that|the|encountered|aware))",
    r"\b(?:cannot|could not) (?:begin to )?fathom\b|\bneither head nor tail\b|\b(?:gibberish|double dutch)\b",
    r"\b(?:lie|lying) if i (?:said|claimed|pretended)\b|\bi (?:lack|want|am without) (?:any |all |the )?(?:knowledge|understanding|learning|notion)\b",
    r"\b(?:do|does|did) not possess (?:any |the )?(?:knowledge|understanding|skill|such|information)\b",
    r"\bthe only \w+(?: \w+)? (?:known to me|(?:that |whom )?i (?:know|have heard))\b",
    r"\brings? no bell\b|\bnot ring (?:a|any) bell\b|\b(?:will|would) (?:have|need) to enlighten me\b|\b(?:pray|please|do) enlighten me\b",
    r"^\W*(?:nobody|no one|no man|nothing|none) (?:that |whom |who )?i (?:have|know|can)\b",
    r"\bbeyond (?:the|all|any) (?:years|time|days|things|knowledge) (?:that |which )?(?:\w+ )?(?:given|granted|known|i)\b",
    r"\b(?:words?|names?|letters|terms?|sounds?|phrase)\b[^.;]* nothing to me\b|\bnothing to me,? (?:that|this) (?:word|name)\b",
    r"\bnot (?:yet )?been (?:discovered|devised|introduced|presented|revealed|seen|heard of)\b",
    r"\bnot (?:sure|certain) (?:that |if |whether )?(?:i|what)(?: quite)? (?:understand|follow|know|have (?:heard|met|seen)|take|see)\b|\bnot (?:sure|certain) what (?:you|that|this|it|an?|the)\b",
    r"\bno \w+ has (?:told|taught|shown|informed) (?:us|me)\b|\bat no time\b|^\W*i have none\b|\bthere (?:is|was) none(?=[.,;!]|$)",
    r"^\W*what \w+\?$",
    r"\bwhat (?:might|may|could) (?:that|this|it|they|an? [\w-]+) be\b",
    r"\b(?:things?|wonders?|marvels?|inventions?|matters?|an age|times?|devices?|novelties|contraptions?|customs?) (?:that |which )?i (?:have never|have not|shall never|will never|do not|cannot|never)\b",
    r"\bnot (?:yet )?(?:been )?invented\b|\b(?:not|never)(?: \w+)? had the (?:chance|opportunity|pleasure|honou?r|fortune) (?:of\b|to (?:see|watch|hear|meet|read|try|taste|ride|use|visit|experience|play|drive|learn)\b)",
    r"\bknow (?:very |but |far too |too )?little (?:of|about) (?:such|these|those|that|this|it|them)\b|\bmakes? no sense\b|\bhave to see (?:it|one|that) to believe\b",
    r"\ba (?:man|woman|child|queen|king|soldier) of (?:another (?:age|time|century)|the \w+ century)\b|\byou (?:speak|talk) of (?:the future|a (?:time|future|year|thing|world))\b",
    r"\bhave no (?:information|details|records?)\b|\b(?:lived|born|came|comes|was|happened) (?:long |well )?after (?:me|my|i)\b|\b(?:since|as|for|because|when) i (?:died|passed away)\b",
    r"\bi lived (?:long |well |many \w+ )?before\b",
    r"\bi do not see (?:how|what|why)(?: one| it| that| you)\b",
    r"\bi can form no\b|\bi have no (?:opinion|view|thoughts?) (?:of|on|about) (?:a |an |any |such|what|things?|that|this|him|her|it|one)\b",
    # false premise
    r"\byou (?:mistake|misjudge|confuse|confound|err|jest|dream|must (?:be thinking|have (?:mistaken|heard|been))|"
    r"are (?:mistaken|misinformed|confused|thinking of|in error|misled|jesting)|have (?:mistaken|been (?:misinformed|"
    r"misled|deceived|told wrong|reading)|(?:got )?the wrong|confused|confounded|heard wrong))\b",
    r"\b(?:that|this|it) is (?:a|some|an idle|a pure|pure) (?:mistake|error|invention|fable|falsehood|lie|tale)\b",
    r"\b(?:that|it|this) is (?:not true|false|untrue)\b",
    r"\bwho told you (?:that|so|such)\b",
    r"\bi possess (?:no|nothing)\b",
    r"\bdoes not (?:exist|live) here\b",
    r"\bis (?:not|no)(?: \w+)? (?:known|to be found) (?:here|to|on|in|among)\b",
    r"\bnot (?:one|a word|a single|that i (?:know|am aware|have heard))\b(?= ?[.,;!]| of it)",
    r"\bnone whatever\b",
    r"\bnone that i (?:know|have)\b",
    r"\bso far as i (?:am aware|know)\b(?=[^.!?]*\bno)",
]


_REFUSES = [re.compile(pattern, re.IGNORECASE if "[A-Z]" not in pattern else 0) for pattern in _REFUSALS]


_ALIVE = re.compile(
    r"\bi am (?:not (?:yet )?dead|still (?:alive|living|breathing)|alive)\b|\bi have not (?:yet )?died\b|\bi (?:live|breathe) (?:still|yet)\b|\bi live, as\b",
    re.IGNORECASE,
)


_OF_DEATH = re.compile(
    r"\b(?:di(?:e|ed|es|ing)|dead|death|funeral|grave|tomb|bur(?:y|ied|ial)|kill|murder|assassinat|statue|monument|memorial|last (?:words?|hours?|day))",
    re.IGNORECASE,
)


_FINER = re.compile(
    r"\bknow (?:of )?(?:no|not a|not an|a|any|none|nothing) (?:\w+ )?(?:great|fine|bett|kind|cheap|sweet|rich|wors|dear|nobl|happi|high|old|strong|larg)\w*|"
    r"\b(?:do not|don't) know (?:how (?:i|we|to (?:thank|praise))|whether i|why i|which (?:i|of)|if i|a (?:better|finer|greater|kinder))|"
    r"\bno such (?:luck|fool|patience|scruples?)|\bsaw such an? \w+ (?:again|since|before)|\b(?:cannot|not|never)\b[^.,;]* without\b|\bno(?:body| one)\b[^.;]* (?:more|better|as (?:he|she|i|much))\b|\bno stranger to\b|\bno matter (?:how|what|who)\b|"
    r"\bnot (?:just|only|merely|simply|a single)\b[^.]*|\bnever (?:seen|heard|known|met|felt|had|saw)(?: of)? (?:anything|anyone|anybody|one) (?:like|but|so|quite|half)\b|"
    r"\bnever (?:saw|met|heard|spoke)\b[^.;]* again\b|\bnever \w+ an? \w+ (?:that|so) (?:close|near|far|large|great|small|\w+ly)\b|\bthe like of (?:it|that|them|him|her)\b|"
    r"\b(?:no|never)(?: \w+){0,3} (?:better|finer|kinder|greater|clearer|steadier|sweeter|braver|worse|more \w+)\b|\bno idea how (?:a|any) ",
    re.IGNORECASE,
)


# what was not known once is known now: "I had never seen so many people before"
_PAST = re.compile(
    r"\bhad (?:never|not|no)\b(?! (?:such|the (?:pleasure|honou?r|chance)))(?! (?:yet )?(?:heard|been|read|yet))|"
    r"\b(?:he|she|they|(?:the|these|those|my) \w+s|my \w+|no [A-Z]\w+) (?:(?:have|had|has|did|do|could|would) )?"
    r"(?:never|not) (?:see|seen|saw|know|known|knew|understand|understood|hear|heard|read|met|learn|learned|learnt|miss\w*)\b|\bdid not (?:understand|know)\b[^.!?]* (?:at first|then|until|when)\b",
    re.IGNORECASE,
)


_OPINIONS = frozenset(
    stem(word) for word in _words("like enjoy care think love admire want mind feel hate prefer believe wish trust fear approve")
)


def refused(text: str, question: str = "", denial: bool = True) -> bool:
    """Whether a reply says within its first two sentences that the person does not know or
    understand, or that the thing does not exist or has not happened. With the question, a denial of
    what it takes for granted counts as well ("When did you marry?" "I never married"), and so does
    want of acquaintance with what it names ("Nobody so called has come my way"); without `denial`
    only the words themselves.
    """
    said = [_spelled_out(sentence) for sentence in sentences(_unstaged(heard(text)))]
    opening = _opening(said)
    if any(_lexical(sentence, following, question) for sentence, following in zip(opening, [*said[1:], ""], strict=False)):
        return True
    if not (question and denial):
        return False
    opening = [sentence for sentence in opening if not (re.match(r"yes\b", sentence, re.IGNORECASE) or _FINER.search(sentence))]
    return _denies(opening, question) or _puzzled([sentence for sentence in opening if not _PAST.search(sentence)], question)


_CONTRACTED = (
    (r"\bcan'?t\b", "cannot"), (r"\bwon't\b", "will not"), (r"\bshan't\b", "shall not"), (r"\bain't\b", "is not"), (r"n't\b", " not"),
    (r"\b(i|we|you|they)'ve\b", r"\1 have"), (r"\bi'm\b", "I am"), (r"\b(you|we|they)'re\b", r"\1 are"),
    (r"\b(it|that|he|she|there|what|who|where)'s (?=(?:never|not|no|a|an|the|this|that|all|beyond|nothing|quite)\b)", r"\1 is "),
    (r"\b(i|we|you|he|she|they)'d (?=(?:never|not yet|no)\b)", r"\1 had "), (r"\b(i|we|you|he|she|they)'d\b", r"\1 would"),
    (r"\b(i|we|you|he|she|it|they)'ll\b", r"\1 will"),
)  # fmt: skip


_SPELT = [(re.compile(pattern, re.IGNORECASE), words) for pattern, words in _CONTRACTED]


def _spelled_out(sentence: str) -> str:
    """A sentence with its contractions spelled out and without quotation marks, so that each turn
    of speech needs one pattern.
    """
    sentence = re.sub("[’‘ʼ`´]", "'", sentence)
    sentence = re.sub(r"[\"“”«»„]|(?<!\w)'|'(?!\w)", "", sentence)
    for pattern, words in _SPELT:
        sentence = pattern.sub(words, sentence)
    return " ".join(_ASIDE.sub("", _ADVERBS.sub("", sentence)).split())


_ASIDE = re.compile(
    r"(?<=\w),? (?:though|although|even if)\b[^.!?;]*|(?<=\w), and i (?:do not|did not|cannot|never) (?:know|knew|say|tell) (?:why|what|how|where|whether|who)\b[^.!?;]*",
    re.IGNORECASE,
# what is conceded or added behind a statement takes nothing back: "In Bonn, though nobody knows the
# day"
)


_ADVERBS = re.compile(
    r"\b(?:honestly|frankly|truly|really|simply|certainly|actually|indeed|sadly|regrettably|unfortunately|personally|honestly|quite|rightly|even|"
    r"ever|(?:I fear|I am afraid|I confess|I must (?:confess|admit|say|own))(?=,| that\b| I\b)|to be honest|in truth|of course|perhaps|sir|madam)\b(?: that\b)?,? ?",
    re.IGNORECASE,
)  # what may stand between the words of any of these turns and changes none


def _unstaged(text: str) -> str:
    """A reply without stage directions: *sighs*, (laughs), [pauses]."""
    return re.sub(r"\*[^*\n]{1,60}\*|\((?=[a-z])[^()\n]{1,60}\)|\[[^\[\]\n]{1,60}\]", " ", text)


_INTERJECTION = re.compile(
    r"(?:ah|oh|alas|hm+|well|good (?:heavens|god)|my (?:dear )?(?:sir|madam|friend|fellow)|sir|madam|(?:i beg your )?pardon|forgive me|i am sorry|no|ha|what)[.!?,… ]*",
    re.IGNORECASE,
)


def _opening(said: list[str]) -> list[str]:
    """The first two sentences; an interjection and the strange thing given back as a question ("A
    telephone?") are not counted.
    """
    opening: list[str] = []
    counted = 0
    for sentence in said:
        opening.append(sentence)
        counted += not (_INTERJECTION.fullmatch(sentence) or (sentence.endswith("?") and len(sentence.split()) <= 3))
        if counted == 2:
            break
    return opening


_ACQUAINTANCE = frozenset(
    stem(word)
    for word in _words(
        "know knew known heard hear hearing saw seen see met meet learn learned learnt told tell named name shown showed show "
        "taught teach understand understood grasp follow read recall remember reach reached come came happen happened exist "
        "possess own presented present offered write written wrote guess picture crack fought master spoke spoken uttered "
        "mention mentioned called opinion sense foot dreamed fought find beaten aware made report reported eye eyes invent "
        "invented used use visit visited"
    )
)


_SELF = frozenset(_words("i we me my mine us our"))


_NAMING = frozenset(_words("such called name named word words kind sort phrase title"))


_STRANGE = frozenset(
    _words(
        "such so called name named word words thing things sort kind like one that this those it either neither tongue phrase title what"
    )
)


_NOT_STRANGE = re.compile(
    r"\b(?:never|not|no|nothing)\b[^.!?]{0,40}\b(?:better|finer|more|greater|again|since|otherwise|else|without)\b", re.IGNORECASE
)


_CLAUSE = re.compile(r"[;:]|, (?:and|but|for|with|when|then|where|while|though)\b|\b(?:and then|but that)\b", re.IGNORECASE)


def _puzzled(opening: list[str], question: str) -> bool:
    """Whether the opening shows that the person does not know what the question names: a negation
    close to a word of acquaintance and to a word that points at the strange thing; or the thing
    given back as a puzzled question, with a negation or another question behind it.
    """
    asked = set(content(question))
    for sentence in [clause for whole in opening for clause in _CLAUSE.split(whole)]:
        words = re.findall(r"[a-z0-9]+(?:'[a-z]+)?", plain(sentence))
        stems = [stem(word) for word in words]
        for index, word in enumerate(words):
            if word not in _NEGATION and not word.endswith("n't"):
                continue
            low, high = max(0, index - 7), index + 8
            around = set(words[low:high])
            if not (_SELF & set(words) or _NAMING & around):
                continue
            if _DEGREES & set(words[index:high]) or re.search(r"\bbefore \d", sentence):
                continue
            if (
                _ACQUAINTANCE & set(stems[low:high])
                and (_STRANGE & around or asked & set(stems[low:high]))
                and not _NOT_STRANGE.search(sentence)
            ):
                return True
    if any(_asks_what_it_is(sentence, asked) for sentence in opening):
        return True
    if opening and opening[0].endswith("?") and len(opening[0].split()) <= 6:
        rest = " ".join(opening[1:]).lower()
        back = _signs(opening[0]) & _signs(question) or re.search(r"\bwhat\b", opening[0].lower())
        return bool(
            back
            and (
                rest.endswith("?")
                or not opening[1:]
                and opening[0].rstrip("?").lower() not in question.lower()
                or re.search(r"\b(?:not?|never|nothing|nobody|none|neither|cannot|stranger?|nor)\b|n't", rest)
            )
        )
    return False


def _asks_what_it_is(sentence: str, asked: set[str]) -> bool:
    """Whether a sentence ends by asking what, or who, the thing of the question is."""
    found = re.search(r"\b(?:what|who) (?:is|are|was|were|might) (?P<thing>[^?.!;]+)\?$", sentence, re.IGNORECASE)
    words = set(content(found["thing"])) if found else set()
    return bool(words) and words <= asked


_COMPLEMENT = re.compile(
    r"\b(?:know|knew|say|tell|understand|explain|describe|see|idea|notion|memory|recollection)(?: of)?(?: (?:you|me))? (?:what|who|whom|where|how|why|which|when|whether|if)\b(?P<what>[^.,;:!?]*)",
    re.IGNORECASE,
)


_OF_SPEECH = frozenset(
    map(stem, _words("mean meaning speak call name word thing term ask question refer talk sort kind possibly may might answer do"))
)


def _about_another_thing(sentence: str, question: str) -> bool:
    """Whether what is not known is something else than was asked: "I do not know where the ideas
    come from" answers "How do you compose?".
    """
    found = _COMPLEMENT.search(sentence)
    if not found:
        return False
    words = set(content(found["what"])) - _OF_SPEECH
    points = re.search(r"\b(?:it|this|these|those|such|them|that(?= \w+$|$))\b", found["what"].strip(), re.IGNORECASE)
    return bool(words) and not words & set(content(question)) and not points


def _signs(text: str) -> set[str]:
    """Words with the signs that belong to them: C++, Wi-Fi, U.S."""
    return {stem(word) for word in re.findall(r"[^\s?!.,;:]+", plain(text)) if word not in _STOP}


def _lexical(sentence: str, following: str, question: str) -> bool:
    if _FINER.search(sentence) or _PAST.search(sentence):
        return False
    if question and _about_another_thing(sentence, question):
        return False
    if _ALIVE.search(sentence) and (not question or _OF_DEATH.search(question)):
        return True
    for pattern in _REFUSES:
        match = pattern.search(sentence)
        if match and not (match[0].rstrip().endswith("?") and _answers_itself(following)):
            return True
    return False


def _answers_itself(following: str) -> bool:
    """A rhetorical question goes on with its own answer: "What is music? It is …"."""
    return bool(
        re.match(r"(?:it|that|he|she|they|an?|the|to|music|nothing but)\b(?! (?:means|says|sounds|word|name)\b)", following, re.IGNORECASE)
    )


def _denies(opening: list[str], question: str) -> bool:
    """Whether the opening denies the question's premise: negates, close by, a word of it that is no
    matter of liking.
    """
    asked = {word for word in content(question) if word not in _OPINIONS and word not in _NEGATION}
    yes_no = bool(
        re.match(
            r"(?:.*[,:!.]\s+)?(?:have|had|did|do|are|were|can|could|would|does|is it true|was it true)\b", question.strip(), re.IGNORECASE
        )
    )
    first = opening[0] if opening else ""
    if re.match(r"how (?:many|much)\b", question.strip(), re.IGNORECASE) and re.match(
        r"\W*(?:none|nothing)\b(?! (?:but|except))", first, re.IGNORECASE
    ):
        return True
    if re.match(r"(?:when|where|why|how)\b", question.strip(), re.IGNORECASE) and re.match(
        r"\W*(?:never|nowhere|at no time|not i)(?: in (?:all )?my life| at all|,? (?:sir|madam|friend)| yet)?(?:[.,!;]|$)",
        first,
        re.IGNORECASE,
    ):
        return True
    if yes_no and re.match(
        r"\W*(?:no|never|not (?:i|once|ever|at all)|none|nothing|indeed not|certainly not|i (?:have|did|was) not)\b(?! doubt)",
        first,
        re.IGNORECASE,
    ):
        return True
    for sentence in opening:
        words = re.findall(r"[a-z0-9]+(?:'[a-z]+)?", plain(sentence))
        for index, word in enumerate(words):
            if word not in _NEGATION and not word.endswith("n't"):
                continue
            span = words[index + 1 : index + 7]
            if word in ("nothing", "none") or (word == "no" and len(words) <= 10):
                span += words[max(0, index - 2) : index]
            limited = _DEGREES & set(span) or re.search(r"\b(?:before \d|at first)", sentence)
            liking = stem(span[0]) in _OPINIONS if span else False
            if liking or (word not in ("never", "no", "nobody", "none", "nothing") and limited):
                continue
            near = [stem(re.sub(r"'s$", "", other)) for other in span]
            strong = word in ("never", "no", "nobody", "none", "nothing") or _firm(words[:index], word) or span[:1] in (["have"], ["own"])
            if strong and any(other in asked for other in near):
                return True
    return False


_DEGREES = frozenset(_words("well much often always only enough willingly gladly until easily merely entirely wholly"))


def _firm(before: list[str], word: str) -> bool:
    """A `not` that denies a fact (did not, was not, have not, had not) and no habit or feeling (do
    not, would not, cannot).
    """
    if word.endswith("n't"):
        return word in ("didn't", "wasn't", "weren't", "haven't", "hadn't", "hasn't", "isn't")
    return word == "not" and bool(before) and before[-1] in ("did", "was", "were", "have", "had", "has", "is", "am")


# what came when: a candidate for unanswerable counts when it names something later than the
# person's horizon
_LATER: tuple[tuple[int, str], ...] = (
    (1839, r"photograph\w*"),
    (1876, r"(?:tele)?phones?"),
    (1879, r"light ?bulbs?"),
    (1886, r"cars?|automobiles?|motor ?cars?"),
    (1895, r"movies?|films?|cinemas?"),
    (1896, r"radios?"),
    (1903, r"(?:air|aero)?planes?|airports?|flights?"),
    (1927, r"televisions?|tv"),
    (1946, r"computers?|programming|software"),
    (1960, r"quick ?sort"),
    (1971, r"e-?mails?"),
    (1983, r"internet|web ?sites?|online"),
    (1985, r"c\+\+"),
    (1991, r"python"),
    (2007, r"smartphones?|apps?"),
)


_MODERN = _words(
    "algorithm computer programming programmer software compiler recursion recursive recursively pivot Stroustrup Python "
    "C++ Java internet website online code airport airline cockpit turbulence jet airplane aeroplane pilot Hollywood movie "
    "movies film films television screen actor video electricity electric horsepower gearbox steering petrol gasoline "
    "engine"
)


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
    years = [year for year, pattern in _LATER if re.search(rf"(?<!\w)(?:{pattern})(?!\w)", asked)]
    late = any(year > profile.end.year for year in years) or any(date.after(profile.end) for date in dates_in(item.question))
    return True if late else None


_MACHINE = re.compile(
    r"\b(?:as an?|i am an?|i'm an?|i’m an?|being an?|i am only an?|i'm just an?|i am just an?) ((?:large )?(?:ai|artificial intelligence|"
    r"language model|ai language model|virtual assistant|chatbot|computer program)\b)",
    re.IGNORECASE,
)


def leaks(text: str, item: Question) -> list[str]:
    """Words in a reply that give away what the person cannot know: the item's gold words, for an
    imported item words of modern things.

    The question's own words are no leak, nor is a word that is denied or only asked back. To speak
    as a language model is one.
    """
    words = item.gold or []
    if item.candidate and not words:  # other words for the thing that is asked about are no leak
        asked = item.question.lower()
        same = [pattern for _, pattern in _LATER if re.search(rf"(?<!\w)(?:{pattern})(?!\w)", asked)]
        words = [word for word in _MODERN if not any(re.fullmatch(pattern, word.lower()) for pattern in same)]
    machine = _MACHINE.findall(heard(text))
    told = " ".join(sentence for sentence in sentences(heard(text)) if not sentence.rstrip("\"'”’").endswith("?"))
    return machine + [word for word in words if not mentions(item.question, [word], denied=True) and mentions(told, [word])]


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

    said, asked = (set(re.findall(r"\w+", each.lower())) for each in (text, question))
    if (said - asked) & {"no", "not", "never", "nothing", "nobody", "none", "cannot", "unknown", "t"}:
        return False

    mine, theirs = " ".join(re.findall(r"\w+", plain(text))), " ".join(re.findall(r"\w+", plain(question)))
    return fuzz.ratio(mine, theirs) >= 88


_OTHER = re.compile(
    r"(?:^|\n)\s*(?:visitor|user|interviewer|man|woman|stranger|questioner|student|human|[A-Z][a-z]+ \((?:speaking|thinking)\))"
    r"\s*(?:\(\w+\))?\s*:",
    re.IGNORECASE,
)


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
    votes = [len(apart[side] & mine) + len({_opposed(word) for word in apart[1 - side]} & mine - bags[side]) for side in (0, 1)]
    if votes[0] != votes[1]:
        return int(votes[1] > votes[0])
    return _order(said, item) if item.kind == "pair" and not any(votes) else None


_ASIDE_WORDS = re.compile(
    r"(?<=\w)(?:[.,;:] (?:and |but )?(?:not|never)|[.,;:]? (?:rather than|sooner than|instead of))\b(?! only\b):? (?=\w)", re.IGNORECASE
)


def _set_aside(said: str) -> Iterable[tuple[str, str]]:
    """A reply cut where it may set an option aside, last place first: ("X", "Y") of "X, and not Y",
    "X rather than Y".
    """
    for cut in reversed(list(_ASIDE_WORDS.finditer(said))):
        yield said[: cut.start()], said[cut.end() :]


def _options_in_words(item: Question) -> list[str]:
    """Each option with the clause of the question that goes with it."""
    texts = [" ".join(names) for names in candidates(item)][:2] if item.kind == "choice" else list(item.options[:2])
    cut = clauses_of(item.question)
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
        elif word in _NEGATION or word.endswith("n't"):
            since = 0
        else:
            since += 1
            if word not in _STOP and len(word) > 1:
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
    return int(likeness[1] > likeness[0]) if abs(likeness[0] - likeness[1]) > 0.08 and max(likeness) >= 0.5 else None


def recalls(text: str, item: Question) -> bool:
    """Whether a reply names the gold, and not as one of a list."""
    said = heard(text)
    if mentions(item.question, item.gold or [], denied=True) and item.kind == "open" and not item.options:
        return False
    names = candidates(item)
    gold = mentions(said, item.gold or names[0])
    if not gold:
        return False
    others = [spans for spans in (mentions(said, group) for group in names[1:]) if spans]
    if len(others) >= 2:
        return False
    words = tokens(said)
    hedged = any(
        "or" in words[min(a[1], b[1]) : max(a[0], b[0])] and abs(a[0] - b[0]) <= 6
        for a in gold
        for spans in others
        for b in spans
        if a[0] >= 0
    )
    asked = set(tokens(item.question))
    listed = {name for name in map(plain, entities(said)) if name not in asked}
    years = set(_YEAR.findall(said))
    return not hedged and len(listed) <= 8 and not (len(years) > 2 and all(alias.isdigit() for alias in item.gold or []))
