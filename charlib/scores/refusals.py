"""Whether a reply refuses: says that the person does not know or understand a thing, or that it
does not exist or has not happened.

    refused("I know of no such engine.")                              # True
    refused("I never married.", "When did you marry?")                # True: it denies the premise

English, lexical and deterministic. The turns of speech stand in refusals.txt; tests/data/
refusals.jsonl holds labelled replies, and the rates it is right at stand in the test.
"""

import functools
import re
from pathlib import Path

from charlib.scores.replies import NEGATION, heard
from charlib.text import STOP, content, plain, plain_words, sentences, stem

THING = """thing word name man woman person place land city town country war battle engine machine
instrument device art book work opera king empire event day year school power kind sort creature
people invention conveyance ship vessel gentleman lady author term matter""".split()

SPELT = [(re.compile(pattern, re.IGNORECASE), words) for pattern, words in (
    (r"\bcan'?t\b", "cannot"), (r"\bwon't\b", "will not"), (r"\bshan't\b", "shall not"),
    (r"\bain't\b", "is not"), (r"n't\b", " not"), (r"\b(i|we|you|they)'ve\b", r"\1 have"),
    (r"\bi'm\b", "I am"), (r"\b(you|we|they)'re\b", r"\1 are"),
    (r"\b(it|that|he|she|there|what|who|where)'s "
     r"(?=(?:never|not|no|a|an|the|this|that|all|beyond|nothing|quite)\b)", r"\1 is "),
    (r"\b(i|we|you|he|she|they)'d (?=(?:never|not yet|no)\b)", r"\1 had "),
    (r"\b(i|we|you|he|she|they)'d\b", r"\1 would"),
    (r"\b(i|we|you|he|she|it|they)'ll\b", r"\1 will"))]

# What may stand between the words of any turn of speech and changes none.
ADVERBS = re.compile(
    r"\b(?:honestly|frankly|truly|really|simply|certainly|actually|indeed|sadly|regrettably|quite|"
    r"unfortunately|personally|rightly|even|ever|to be honest|in truth|of course|perhaps|sir|madam|"
    r"(?:I fear|I am afraid|I confess|I must (?:confess|admit|say|own))(?=,| that\b| I\b))\b"
    r"(?: that\b)?,? ?", re.IGNORECASE)

# What is conceded or added takes nothing back: "In Bonn, though nobody knows the day".
ASIDE = re.compile(
    r"(?<=\w),? (?:though|although|even if)\b[^.!?;]*|(?<=\w), and i (?:do not|did not|cannot|"
    r"never) (?:know|knew|say|tell) (?:why|what|how|where|whether|who)\b[^.!?;]*", re.IGNORECASE)

INTERJECTION = re.compile(
    r"(?:ah|oh|alas|hm+|well|good (?:heavens|god)|my (?:dear )?(?:sir|madam|friend|fellow)|sir|"
    r"madam|(?:i beg your )?pardon|forgive me|i am sorry|no|ha|what)[.!?,… ]*", re.IGNORECASE)

COMPLEMENT = re.compile(
    r"\b(?:know|knew|say|tell|understand|explain|describe|see|idea|notion|memory|recollection)"
    r"(?: of)?(?: (?:you|me))? (?:what|who|whom|where|how|why|which|when|whether|if)\b"
    r"(?P<what>[^.,;:!?]*)", re.IGNORECASE)

NO_BETTER = re.compile(r"\b(?:never|not|no|nothing)\b[^.!?]{0,40}\b(?:better|finer|more|greater|"
                       r"again|since|otherwise|else|without)\b", re.IGNORECASE)
CLAUSE = re.compile(r"[;:]|, (?:and|but|for|with|when|then|where|while|though)\b|"
                    r"\b(?:and then|but that)\b", re.IGNORECASE)

OPINIONS = frozenset(map(stem, """like enjoy care think love admire want mind feel hate prefer
believe wish trust fear approve""".split()))
OF_SPEECH = frozenset(map(stem, """mean meaning speak call name word thing term ask question refer
talk sort kind possibly may might answer do""".split()))
ACQUAINTANCE = frozenset(map(stem, """know knew known heard hear hearing saw seen see met meet learn
learned learnt told tell named name shown showed show taught teach understand understood grasp
follow read recall remember reach reached came come happen happened exist possess own presented
present offered write written wrote guess picture crack fought master spoke spoken uttered mention
mentioned called opinion sense foot dreamed fought find beaten aware made report reported eye eyes
invent invented used use visit visited""".split()))
SELF = frozenset("i we me my mine us our".split())
NAMING = frozenset("such called name named word words kind sort phrase title".split())
STRANGE = NAMING | frozenset(
    "so thing things like one that this those it either neither tongue what".split())
DEGREES = frozenset("""well much often always only enough willingly gladly until easily merely
entirely wholly""".split())
FIRM = frozenset("never no nobody none nothing".split())


@functools.cache
def patterns(section: str) -> tuple[re.Pattern, ...]:
    """The patterns of a section of refusals.txt."""
    text = Path(__file__).with_name("refusals.txt").read_text(encoding="utf-8")
    lines = text.split(f"[{section}]\n")[1].split("\n\n")[0].replace("\n    ", "").splitlines()
    found = [line.replace("<thing>", f"(?:{'|'.join(THING)})") for line in lines if line[0] != "#"]
    return tuple(re.compile(line if line[0] == "^" else rf"\b{line}", re.IGNORECASE)
                 for line in found)


def says(section: str, text: str) -> bool:
    """Whether a text has a turn of speech of that section."""
    return any(pattern.search(text) for pattern in patterns(section))


def refused(text: str, question: str = "", denial: bool = True) -> bool:
    """Whether a reply says within its first two sentences that the person does not know or
    understand, or that the thing does not exist or has not happened. With the question, a denial of
    what it takes for granted counts as well ("When did you marry?" "I never married"), and so does
    want of acquaintance with what it names ("Nobody so called has come my way"); without `denial`
    only the words themselves.
    """
    said = [_spelled_out(sentence) for sentence in sentences(_unstaged(heard(text)))]
    opening = _opening(said)
    if any(_lexical(sentence, following, question)
           for sentence, following in zip(opening, [*said[1:], ""], strict=False)):
        return True
    if not (question and denial):
        return False
    opening = [sentence for sentence in opening
               if not (re.match(r"yes\b", sentence, re.IGNORECASE) or says("praise", sentence))]
    return _denies(opening, question) or _puzzled(
        [sentence for sentence in opening if not says("once", sentence)], question)


def _unstaged(text: str) -> str:
    """A reply without stage directions: *sighs*, (laughs), [pauses]."""
    return re.sub(r"\*[^*\n]{1,60}\*|\((?=[a-z])[^()\n]{1,60}\)|\[[^\[\]\n]{1,60}\]", " ", text)


def _spelled_out(sentence: str) -> str:
    """A sentence with its contractions spelled out and without quotation marks, so that each turn
    of speech needs one pattern.
    """
    sentence = re.sub("[’‘ʼ`´]", "'", sentence)
    sentence = re.sub(r"[\"“”«»„]|(?<!\w)'|'(?!\w)", "", sentence)
    for pattern, words in SPELT:
        sentence = pattern.sub(words, sentence)
    return " ".join(ASIDE.sub("", ADVERBS.sub("", sentence)).split())


def _opening(said: list[str]) -> list[str]:
    """The first two sentences; an interjection and the strange thing given back as a question ("A
    telephone?") are not counted.
    """
    counted = 0
    for index, sentence in enumerate(said):
        given_back = sentence.endswith("?") and len(sentence.split()) <= 3
        counted += not (INTERJECTION.fullmatch(sentence) or given_back)
        if counted == 2:
            return said[: index + 1]
    return said


def _lexical(sentence: str, following: str, question: str) -> bool:
    """Whether a sentence has a turn of speech that refuses, whatever was asked. A rhetorical
    question goes on with its own answer: "What is music? It is …".
    """
    if says("praise", sentence) or says("once", sentence):
        return False
    if question and _about_another_thing(sentence, question):
        return False
    if says("alive", sentence) and (not question or says("death", question)):
        return True
    found = [match[0] for pattern in patterns("refuses") if (match := pattern.search(sentence))]
    answers_itself = re.match(r"(?:it|that|he|she|they|an?|the|to|music|nothing but)\b"
                              r"(?! (?:means|says|sounds|word|name)\b)", following, re.IGNORECASE)
    return any(not (answers_itself and said.rstrip().endswith("?")) for said in found)


def _about_another_thing(sentence: str, question: str) -> bool:
    """Whether what is not known is something else than was asked: "I do not know where the ideas
    come from" answers "How do you compose?".
    """
    found = COMPLEMENT.search(sentence)
    if not found:
        return False
    words = set(content(found["what"])) - OF_SPEECH
    points = re.search(r"\b(?:it|this|these|those|such|them|that(?= \w+$|$))\b",
                       found["what"].strip(), re.IGNORECASE)
    return bool(words) and not words & set(content(question)) and not points


def _denies(opening: list[str], question: str) -> bool:
    """Whether the opening denies the question's premise: answers it with none, never or no, or
    negates, close by, a word of it that is no matter of liking.
    """
    if opening and _says_no(opening[0], question.strip()):
        return True
    asked = {word for word in content(question) if word not in OPINIONS and word not in NEGATION}
    return any(_negates(sentence, asked) for sentence in opening)


def _says_no(sentence: str, question: str) -> bool:
    """Whether a sentence is the "none", "never" or "no" that a question of its kind can get."""
    answers = {
        r"how (?:many|much)\b": r"\W*(?:none|nothing)\b(?! (?:but|except))",
        r"(?:when|where|why|how)\b":
            r"\W*(?:never|nowhere|at no time|not i)(?: in (?:all )?my life| at all|"
            r",? (?:sir|madam|friend)| yet)?(?:[.,!;]|$)",
        r"(?:.*[,:!.]\s+)?"
        r"(?:have|had|did|do|are|were|can|could|would|does|is it true|was it true)\b":
            r"\W*(?:no|never|not (?:i|once|ever|at all)|none|nothing|indeed not|certainly not|"
            r"i (?:have|did|was) not)\b(?! doubt)"}
    return any(re.match(kind, question, re.IGNORECASE) and re.match(answer, sentence, re.IGNORECASE)
               for kind, answer in answers.items())


def _negates(sentence: str, asked: set[str]) -> bool:
    """Whether a sentence negates, as a fact, a word that was asked: did not, was not, have not, and
    no habit or feeling (do not, would not, cannot).
    """
    words = plain_words(sentence)
    for index, word in enumerate(words):
        if word not in NEGATION and not word.endswith("n't"):
            continue
        span = words[index + 1 : index + 7]
        if word in ("nothing", "none") or (word == "no" and len(words) <= 10):
            span += words[max(0, index - 2) : index]
        limited = DEGREES & set(span) or re.search(r"\b(?:before \d|at first)", sentence)
        if (span and stem(span[0]) in OPINIONS) or (word not in FIRM and limited):
            continue
        did_not = word == "not" and words[max(0, index - 1) : index] and words[index - 1] in (
            "did", "was", "were", "have", "had", "has", "is", "am")
        strong = word in FIRM or did_not or word in (
            "didn't", "wasn't", "weren't", "haven't", "hadn't", "hasn't", "isn't")
        near = {stem(re.sub(r"'s$", "", other)) for other in span}
        if (strong or span[:1] in (["have"], ["own"])) and near & asked:
            return True
    return False


def _puzzled(opening: list[str], question: str) -> bool:
    """Whether the opening shows that the person does not know what the question names: a clause
    says so; it is asked what that is; or the thing is given back as a puzzled question, with a
    negation or another question behind it.
    """
    asked = set(content(question))
    if any(_unacquainted(clause, asked) for whole in opening for clause in CLAUSE.split(whole)):
        return True
    if any(_asks_what_it_is(sentence, asked) for sentence in opening):
        return True
    if not opening or not opening[0].endswith("?") or len(opening[0].split()) > 6:
        return False
    first, rest = opening[0].lower(), " ".join(opening[1:]).lower()
    if not (_signs(first) & _signs(question) or re.search(r"\bwhat\b", first)):
        return False
    alone = not rest and first.rstrip("?") not in question.lower()
    return alone or rest.endswith("?") or bool(re.search(
        r"\b(?:not?|never|nothing|nobody|none|neither|cannot|stranger?|nor)\b|n't", rest))


def _unacquainted(clause: str, asked: set[str]) -> bool:
    """Whether a clause has a negation close to a word of acquaintance and to a word that points at
    the strange thing.
    """
    words = plain_words(clause)
    stems = [stem(word) for word in words]
    if NO_BETTER.search(clause) or re.search(r"\bbefore \d", clause):
        return False
    for index, word in enumerate(words):
        if word not in NEGATION and not word.endswith("n't"):
            continue
        near = slice(max(0, index - 7), index + 8)
        around, roots = set(words[near]), set(stems[near])
        if not (SELF & set(words) or NAMING & around) or DEGREES & set(words[index : index + 8]):
            continue
        if ACQUAINTANCE & roots and (STRANGE & around or asked & roots):
            return True
    return False


def _asks_what_it_is(sentence: str, asked: set[str]) -> bool:
    """Whether a sentence ends by asking what, or who, the thing of the question is."""
    found = re.search(r"\b(?:what|who) (?:is|are|was|were|might) (?P<thing>[^?.!;]+)\?$", sentence,
                      re.IGNORECASE)
    words = set(content(found["thing"])) if found else set()
    return bool(words) and words <= asked


def _signs(text: str) -> set[str]:
    """Words with the signs that belong to them: C++, Wi-Fi, U.S."""
    return {stem(word) for word in re.findall(r"[^\s?!.,;:]+", plain(text)) if word not in STOP}
