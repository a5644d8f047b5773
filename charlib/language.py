"""English biographical prose, read with rules: sentences, dates, names, kinship, clauses, and the turn from third to first person.

    >>> story = Story("Nell Gray", "Gray", ["Nell Gray was born in Hull in 1801. She moved to York in 1822."])
    >>> [statement.say() for statement in story.read(0)]
    ['I was born in Hull in 1801.', 'I moved to York in 1822.']

No model and no corpus. The one resource is lemminflect's word list (published by its author with its data inside): which words can be
verbs, and their base forms. Everything doubtful is dropped: a pronoun that could mean somebody else costs the statement, never the truth.
"""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache


@lru_cache(1_000)
def _words(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


# ---- words -------------------------------------------------------------------------------------------------------------------------

MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Christmas", "Easter", "Lent"]
DETERMINERS = _words("""
    the a an this that these those each every some any no both all another several many few much most other such half various more
    enough less one
""")  # fmt: skip
POSSESSIVES = {"his", "her", "its", "their", "my", "our"}
PREPOSITIONS = _words("""
    in on at to from into onto by with for of about near under over after before during until till since through across against
    among between behind beside beneath above below upon within without around outside inside along beyond towards toward as like
    past opposite off round despite via throughout besides alongside aboard amid
""")  # fmt: skip
SUBORDINATORS = _words("""
    when while because since although though until till before after as where if unless whereas once whenever so
""")  # fmt: skip
RELATIVES = {"who", "whom", "which", "whose", "where"}
BE = {"was", "were", "is", "are", "am"}
HAVE = {"had", "has", "have"}
MODALS = {"could", "would", "might", "should", "must", "may", "can", "will", "did", "does", "do", "shall"}
AUXILIARIES = BE | HAVE | MODALS
SUBJECT_PRONOUNS = {"he", "she", "they", "it", "i", "we", "who", "which"}
PRONOUNS = SUBJECT_PRONOUNS | {"him", "them", "himself", "herself", "themselves", "itself", "hers", "theirs", "me", "us", "nobody",
    "everyone",
                               "everybody", "someone", "something", "nothing", "everything", "none", "others", "anyone"}  # fmt: skip
ADVERBS = _words("""
    not never always often also then soon later once twice again still already even only first there here back home away out up down
    together almost nearly sometimes thereafter afterwards instead abroad perhaps seldom ever well just both too alone apart aside
    next now everywhere nowhere ashore upstairs forth forward further yet over off far therefore however meanwhile thus elsewhere
    anew badly overseas indoors outright long hard straight least best round by on in quite rather mainly partly aloud
""")  # fmt: skip
PARTICLES = _words("""
    back out up down away off over home on in round together forward aside
""")  # fmt: skip
TIME_NOUNS = _words("""
    day days year years month months week weeks morning evening summer winter autumn spring night nights hour hours minute minutes
    time times afternoon season term century decade decades eve noon midnight dawn dusk age childhood youth boyhood girlhood
    mornings evenings summers winters fall quarter christmas easter
""")  # fmt: skip
PLACE_NOUNS = _words("""
    house home church village town city school island farm street room rooms palace court theatre theater hospital university
    college prison harbour port castle cottage shop garden country province valley mountain mountains river coast sea camp temple
    monastery convent workshop factory mill mine market quay cellar cellars attic flat apartment quarter district county parish
    academy institute laboratory studio office library museum station inn lodgings hall abbey cathedral chapel gallery observatory
    suburb neighbourhood region bank bay cove kitchen yard ship boat ward barn forest wood hill lake road square loft bakery
""")  # fmt: skip
PLACE_MARKS = _words("""
    Street House Bay Cove Castle University College School Church Theatre River Sands Island Islands Sea Lane Road Square Hospital
    Abbey Palace Academy Institute County Row Bridge Hall Mount Lake Cathedral Chapel Garden Gardens Valley Isle Cape Observatory
    Library Museum Forum Town City Harbour Port Head Hill Park Station Prison Mill Inn Yard
""")  # fmt: skip
PERSON_MARKS = {
    **dict.fromkeys(_words("""
    Captain King Prince Count Duke Sir Lord Emperor Mr Archduke Baron Father Brother Earl Monsieur Herr Pope Bishop Master Uncle
    Elector
    """), "m"),
    **dict.fromkeys(_words("""
    Queen Mrs Miss Ms Countess Empress Princess Lady Duchess Madame Sister Frau Baroness Aunt
    """), "f"),
    **dict.fromkeys(_words("""
    Dr Doctor Professor Reverend General Colonel Major Judge President
    """), ""),
}  # fmt: skip
SHIPS = _words("""
    ship boat vessel brig sloop schooner frigate cutter privateer steamer yacht indiaman barque liner
""")  # fmt: skip
KIN = {
    **dict.fromkeys(_words("""
    father brother son husband uncle nephew grandfather grandson stepfather half-brother fiancé godfather great-nephew son-in-law
    brother-in-law
    """), "m"),
    **dict.fromkeys(_words("""
    mother sister daughter wife aunt niece grandmother granddaughter stepmother half-sister fiancée godmother sister-in-law
    """), "f"),
    **dict.fromkeys(_words("""
    cousin partner twin
    """), ""),
}  # fmt: skip
ROLES = {
    **dict.fromkeys(_words("""
    teacher tutor friend pupil student rival patron mentor colleague employer assistant servant neighbour publisher printer
    companion apprentice partner doctor supervisor editor
    """), ""),
    **dict.fromkeys(_words("""
    maid schoolmistress landlady
    """), "f"),
    **dict.fromkeys(_words("""
    schoolmaster boatman landlord
    """), "m"),
}  # fmt: skip
_MALE = _words("""
    Adam Albert Alexander Alfred Andrew Anthony Anton Antonio Arthur Barnabas Benjamin Bernard Carl Charles Christian Christopher
    Claude Daniel David Edmund Edward Emil Ernst Ferdinand Francis Frank Franz Frederick Friedrich George Georg Gaius Gnaeus
    Giovanni Gottfried Gustav Hans Harold Harry Heinrich Henri Henry Hermann Hugh Ignaz Isaac Ivan Jack Jacob James Jean Jim Joe
    Johann John Johannes José Joseph Juan Julius Karl Kaspar Leonard Leopold Louis Lucas Lucius Ludwig Marcus Mark Martin Matthew
    Maximilian Michael Mohammed Moses Nicholas Nikolaus Octavian Oliver Otto Patrick Paul Pedro Peter Philip Philipp Pierre Plutarch
    Pompey Publius Quintus Ralph Raymond Richard Robert Roger Rudolph Samuel Sebastian Simon Stephan Stephen Strabo Thomas Tobias
    Tom Victor Vincent Walter Wilhelm William Wolfgang Yusuf Ahmed Ali Hassan Ravi Kenji Ptolemy Herod Titus Gideon Sean Ned Cicero
    Gerhard Lorenz Obed Hannibal Ambrose Jabez Augustus Felix Hugo Max Oscar Percy Rupert Silas Enoch Ezra Elijah Joshua Nathan
""")  # fmt: skip
_FEMALE = _words("""
    Ada Agnes Alice Amelia Amy Ann Anna Anne Antonia Arsinoe Atia Aurelia Barbara Beatrice Berenice Bertha Bessie Betty Caroline
    Catherine Cecilia Charlotte Christiane Clara Claudia Cleopatra Cornelia Dorothy Edith Eleanor Eleonore Eliza Elizabeth Ellen
    Emily Emma Esther Eva Florence Frances Fulvia Giulietta Grace Greta Hannah Harriet Helen Helene Henrietta Honor Ida Irene Isabel
    Isabella Jane Janet Jean Jessie Joan Johanna Josephine Judith Julia Julie Karoline Kate Katherine Keren Laura Leah Lena Lily
    Louisa Louise Loveday Lucy Lydia Magdalena Margaret Maria Marie Martha Mary Maud Mercy Mildred Miriam Nancy Nora Octavia Olga
    Olive Patience Pauline Pompeia Rachel Rebecca Rosa Rose Ruth Sarah Servilia Sofia Sophia Sophie Susan Susanna Teresa Theodora
    Theresa Victoria Violet Virginia Wilhelmina Wilmot Winifred Yuki Amina Fatima Leila Ingrid Astrid Sigrid Aisha
""")  # fmt: skip
# places that are surely known as such; what a text's own prepositions say decides about the others
COUNTRIES = _words("""
    Africa America Arabia Argentina Asia Athens Australia Austria Babylon Baghdad Barcelona Belgium Berlin Bohemia Boston Brazil
    Bristol Britain Brittany Brussels Budapest Burma Byzantium Cairo Calcutta California Canada Carthage Ceylon Chicago Chile China
    Cologne Constantinople Copenhagen Cornwall Corsica Crete Cuba Cyprus Damascus Denmark Dresden Dublin Edinburgh Egypt England
    Ethiopia Europe Finland Florence France Galicia Gaul Geneva Genoa Germany Ghana Glasgow Greece Hamburg Hungary Iceland India
    Indonesia Iran Iraq Ireland Israel Istanbul Italy Jamaica Japan Java Jerusalem Judaea Kenya Kiev Korea Leipzig Lisbon Liverpool
    London Lyon Macedonia Madrid Malta Manchester Marseille Mexico Milan Moscow Munich Naples Netherlands Nigeria Normandy Norway
    Oxford Cambridge Pakistan Palestine Paris Persia Peru Philadelphia Poland Pontus Portugal Prague Prussia Rhodes Rome Russia
    Saxony Scotland Senegal Sicily Silesia Spain Stockholm Sweden Switzerland Syria Texas Thebes Tokyo Troy Tunis Turkey Ukraine
    Venice Vienna Vietnam Virginia Wales Warsaw Westphalia Yorkshire Zurich
""") | {"New York", "South Africa", "United States", "New Zealand", "West Indies", "East Indies"}  # fmt: skip
_ABBREVIATIONS = (
    r"(?:Mr|Mrs|Ms|Dr|St|Sr|Jr|Prof|Rev|Gen|Col|Capt|Lt|Sgt|Hon|No|Op|op|no|vol|Vol|c|ca|"
    r"cf|etc|e\.g|i\.e|vs|[A-Z]|[A-Z]\.[A-Z]|a\.m|p\.m|ft|lb|Mt)"
)
_SAME = _words("""
    put set cut let hit read cost hurt shut spread cast bet beat bid quit split shed burst thrust upset
""")  # fmt: skip
_BASES = {"found": "find", "saw": "see", "left": "leave", "lay": "lie", "bore": "bear", "fell": "fall", "felt": "feel", "rose": "rise",
          "wound": "wound", "ground": "grind", "bound": "bind", "was": "be", "were": "be", "born": "bear", "stove": "stave", "spat": "spit",
          "worked": "work", "shed": "shed", "struck": "strike", "lit": "light", "spoke": "speak", "wore": "wear", "tore": "tear",
          "swept": "sweep", "sat": "sit", "pent": "pend", "dove": "dive", "shot": "shoot", "drove": "drive", "rode": "ride",
              "dealt": "deal"}  # fmt: skip
UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


@lru_cache(40_000)
def senses(word: str) -> dict[str, tuple[str, ...]]:
    """Parts of speech a lower-cased word can have, each with its base forms; empty for an unknown word."""
    from lemminflect import getAllLemmas

    return getAllLemmas(word.lower())


@lru_cache(40_000)
def base(word: str) -> str:
    """The base form of a verb: taught -> teach. Unknown words are undone by rule."""
    word = word.lower()
    if word in _BASES:
        return _BASES[word]
    found = senses(word).get("VERB")
    if found:
        return found[0]
    if word.endswith("ied"):
        return word[:-3] + "y"
    if word.endswith("ed"):
        stem = word[:-2]
        if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "lsz":
            return stem[:-1]
        return stem + "e" if re.search(r"(?:[vcuz]|[^aeiou]s|[aiu]s|[aeiou]at|[aeiou]g|[^n]ng)$", stem) else stem
    return word


@lru_cache(40_000)
def is_past(word: str) -> bool:
    """Whether the word can be a verb in the past tense (taught, moved, put)."""
    word = word.lower()
    if word in AUXILIARIES:
        return word in {"was", "were", "had", "did", "could", "would", "might"}
    if word in _SAME:
        return True
    if word in {"ground", "wound", "shed", "pent", "bit", "felled"}:
        return False  # nearly always nouns in a life
    found = senses(word).get("VERB")
    if not found:
        return word.endswith("ed") and len(word) > 4 and not senses(word)
    if word.endswith("ing") or word.endswith("s") and any(word in (v + "s", v + "es", v[:-1] + "ies") for v in found):
        return False
    if word.endswith("ed") and word not in found:
        return True
    from lemminflect import getInflection

    return any(word in getInflection(verb, "VBD") for verb in (*found, base(word)) if verb != word)


@lru_cache(40_000)
def is_participle(word: str) -> bool:
    """Whether the word can be a past participle (taught, gone, moved)."""
    word = word.lower()
    found = senses(word).get("VERB")
    if word in {"born", "been"} | _SAME:
        return True
    if not found:
        return word.endswith("ed") and len(word) > 4
    if word.endswith(("ed", "ing")):
        return word.endswith("ed") and word not in found
    from lemminflect import getInflection

    return any(word in getInflection(verb, "VBN") for verb in found)


@lru_cache(40_000)
def is_verb_s(word: str) -> bool:
    """Whether the word can be a present third person (lives, teaches)."""
    found = senses(word.lower()).get("VERB", ())
    return word.lower().endswith("s") and any(word.lower() in (v + "s", v + "es", v[:-1] + "ies") for v in found)


def past_of(verb: str) -> str:
    """The simple past of a base form: keep -> kept; empty when the word list does not know it."""
    from lemminflect import getInflection

    found = getInflection(verb, "VBD")
    return found[-1] if found else ""


def is_gerund(word: str) -> bool:
    """Whether the word is a verb in -ing."""
    return word.lower().endswith("ing") and bool(senses(word.lower()).get("VERB", ())) and word.lower() not in senses(word).get("VERB", ())


@lru_cache(40_000)
def is_base(word: str) -> bool:
    """Whether the word can be a verb's base form."""
    return word.lower() in senses(word.lower()).get("VERB", ())


def number(text: str) -> int | None:
    """The value of a number in digits or words up to 999,999: 4,310; thirty-one; two hundred and six; None when it is none."""
    text = text.lower().replace(",", "").strip()
    if re.fullmatch(r"\d+", text):
        return int(text)
    total, current, seen = 0, 0, False
    for word in re.split(r"[\s-]+", text):
        if word in UNITS:
            current += UNITS.index(word)
        elif word in TENS:
            current += 10 * (TENS.index(word) + 2)
        elif word == "hundred":
            current = max(current, 1) * 100
        elif word == "thousand":
            total, current = total + max(current, 1) * 1000, 0
        elif word == "dozen":
            current = max(current, 1) * 12
        elif word == "and" and seen:
            continue
        else:
            return None
        seen = True
    return total + current if seen else None


def spelled(value: int) -> str:
    """A whole number below 10,000 in words: 206 -> two hundred and six."""
    if value < 20:
        return UNITS[value]
    if value < 100:
        return TENS[value // 10 - 2] + (f"-{UNITS[value % 10]}" if value % 10 else "")
    if value < 1000:
        rest = value % 100
        return f"{UNITS[value // 100]} hundred" + (f" and {spelled(rest)}" if rest else "")
    rest = value % 1000
    return f"{spelled(value // 1000)} thousand" + (f"{' and' if rest < 100 else ''} {spelled(rest)}" if rest else "")


# ---- sentences and tokens ----------------------------------------------------------------------------------------------------------


def sentences(text: str) -> list[str]:
    """Sentences of a paragraph; abbreviations, initials and quoted speech do not end one."""
    text = " ".join(text.split())
    found, start = [], 0
    for match in re.finditer(r"[.!?]+[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9À-Þ])", text):
        before = text[start : match.start() + 1]
        if re.search(rf"(?:^|[\s(]){_ABBREVIATIONS}\.$", before) and not re.search(r"\b(?:BC|AD)\.$", before):
            continue
        if before.count("(") > before.count(")") or before.count("“") > before.count("”"):
            continue
        found.append(text[start : match.end()].strip())
        start = match.end()
    tail = text[start:].strip()
    return found + [tail] if tail else found


@dataclass(frozen=True)
class Token:
    """A word, a whole name, a whole date, a number, a title or a mark. `kind`: word, name, date, number, title, mark, of (the 's)."""

    text: str
    kind: str
    glued: bool = False

    @property
    def low(self) -> str:
        return self.text.lower()


_MONTH = "|".join(MONTHS)
_DAY = "|".join(DAYS)
_DATE = (
    rf"(?:(?:(?:{_DAY}),? )?\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTH})(?:,? (?:\d{{3,4}}|\d{{1,2}}(?= (?:BC|AD))))?"
    rf"|(?:{_MONTH}) \d{{1,2}}(?:st|nd|rd|th)?(?:, \d{{4}})?(?!\d)"
    rf"|(?:{_MONTH}),? \d{{3,4}}|\d{{1,4}}(?:/\d{{1,2}})?(?= (?:BC|AD))|1\d{{3}}(?:[/–-]\d{{2,4}})?s?(?!\d|,\d)|20\d\d(?!\d|,\d)"
    rf"|(?:{_MONTH})(?![a-z])|(?:{_DAY})(?: Eve| Day)?(?![a-z]))(?: (?:BCE?|AD))?"
)
_SCAN = re.compile(
    rf"(?P<date>(?<![\d,.]){_DATE})|(?P<title>[\"“][A-Z][^\"“”.]{{1,70}}[\"”]|\*[^*]{{2,70}}\*)|(?P<number>\d[\d,.]*\d|\d+)(?:st|nd|rd|th)?"
    r"|(?P<word>(?:Mr|Mrs|Ms|Dr|St|Prof|Rev)\.|(?:[A-Z]\.)+(?=\s?[A-Z])|[^\W\d_]+(?:[-'’][^\W\d_]+)*['’]?)|(?P<mark>[^\w\s])"
)
_PARTICLE = _words("""
    van von de der den du la le di da del della ibn al bin ten zu af dos do
""")  # fmt: skip


def tokens(sentence: str, known: frozenset[str] = frozenset(), self_names: frozenset[str] = frozenset()) -> list[Token]:
    """Tokens of a sentence; names, dates and titles are one token each. `known` are words seen as names elsewhere."""
    raw: list[Token] = []
    for match in _SCAN.finditer(sentence):
        kind, text = match.lastgroup, match[0]
        glued = match.start() > 0 and not sentence[match.start() - 1].isspace()
        if (
            kind == "date"
            and text == "May"
            and (not raw or raw[-1].low not in {"in", "of", "that", "by", "until", "late", "early", "mid", "last"})
        ):
            kind = "word"
        if kind == "date" and text == "March" and raw and raw[-1].low in {"the", "a", "to"}:
            kind = "word"
        if kind == "word":
            owned = re.fullmatch(r"(.+?)['’]s|(.+s)['’]", text)
            if owned and text.lower() not in {"it's", "that's", "he's", "she's"}:
                raw += [Token(owned[1] or owned[2], "word", glued), Token("'s" if owned[1] else "'", "of", True)]
                continue
            text = text.rstrip("'’")
        raw.append(Token(text, kind, glued))
    return _split_self(_join_names(_join_numbers(raw), known), self_names)


def _join_numbers(raw: list[Token]) -> list[Token]:
    """Numbers in words become one token: two hundred and six."""
    made: list[Token] = []
    index = 0
    while index < len(raw):
        end = index
        while end < len(raw) and raw[end].kind in ("word", "number") and (
            number(raw[end].text) is not None and raw[end].text[:1].islower() or raw[end].text.isdigit()
            or (end == index and number(raw[end].text) is not None and raw[end].low != "one")
            or (raw[end].low in {"hundred", "thousand", "dozen", "million"} and end > index)
            or (raw[end].low == "and" and end > index and end + 1 < len(raw) and raw[end - 1].low in {"hundred", "thousand"}
                and number(raw[end + 1].text) is not None)
        ):  # fmt: skip
            if end > index and raw[end].text.isdigit():
                break
            end += 1
        if end > index:
            made.append(Token(" ".join(token.text for token in raw[index:end]), "number", raw[index].glued))
            index = end
        else:
            made.append(raw[index])
            index += 1
    return made


def _capital(token: Token) -> bool:
    return token.kind == "word" and token.text[:1].isupper()


def _join_names(raw: list[Token], known: frozenset[str]) -> list[Token]:
    made: list[Token] = []
    index = 0
    while index < len(raw):
        token = raw[index]
        start = not made or made[-1].text in {".", "“", '"', ":"} and len(made) < 2
        if not _capital(token) or (start and not _opens_name(raw, index, known)):
            made.append(token)
            index += 1
            continue
        article = token.text in {"A", "An", "The"} and not start
        end = index + 1
        while end < len(raw):
            following = raw[end]
            after = raw[end + 1] if end + 1 < len(raw) else None
            if _capital(following) and following.text not in {"A", "An"}:
                end += 1
            elif following.kind == "of" and after is not None and _capital(after) and (
                article or after.text in PLACE_MARKS | {"Loft", "Ledge", "Farm", "End", "Field", "Wood"}
            ):  # fmt: skip
                end += 2
            elif after is None:
                break
            elif (
                following.low in _PARTICLE
                and (_capital(after) or (after.low in _PARTICLE and end + 2 < len(raw) and _capital(raw[end + 2])))
                or following.low == "an"
                and after.low == "der"
            ):
                end += 1
            elif following.low == "the" and after.text in {"Great", "Younger", "Elder", "Second", "Third", "First", "Fat", "Bald"}:
                end += 2
            elif following.low in ("of", "on", "upon") and _common(raw[end - 1].text):
                reach = end + 1 + (after.low in {"the", "a", "an", "my", "his", "her"})
                if reach < len(raw) and _capital(raw[reach]) and (article or following.low == "of" or token.text.endswith("s")):
                    end = reach + 1
                else:
                    break
            elif article and following.low in PREPOSITIONS | {"and", "or"}:
                reach = end + 1 + (after.low in {"the", "a", "an"})
                if reach < len(raw) and (_capital(raw[reach]) or raw[reach].kind == "date"):
                    end = reach + 1
                else:
                    break
            else:
                break
        text = raw[index].text
        for piece in raw[index + 1 : end]:
            text += ("" if piece.glued else " ") + piece.text
        kind = "title" if article and end > index + 1 else "word" if article else "name"
        made.append(Token(text, kind, token.glued))
        index = end
    return made


def _common(text: str) -> bool:
    return bool(senses(text.split()[-1].lower()))


def _opens_name(raw: list[Token], index: int, known: frozenset[str]) -> bool:
    token = raw[index]
    if token.low in DETERMINERS | POSSESSIVES | PREPOSITIONS | SUBORDINATORS | PRONOUNS | ADVERBS | AUXILIARIES | _words(
        "and but or nor yet two"
    ):
        return False
    following = raw[index + 1] if index + 1 < len(raw) else None
    if token.text in known or token.text.rstrip(".") in PERSON_MARKS:
        return True
    if following is not None and (_capital(following) or following.low in _PARTICLE and index + 2 < len(raw) and _capital(raw[index + 2])):
        return not token.low.endswith("ly")
    return not senses(token.low)


def _split_self(made: list[Token], self_names: frozenset[str]) -> list[Token]:
    """'In Vienna Beethoven met …': a place and the protagonist's name are two tokens."""
    out: list[Token] = []
    for token in made:
        words = token.text.split()
        joined = token.kind == "name" and len(words) > 1 and words[-1] in self_names and not set(words[:-1]) & self_names
        if joined and words[0].rstrip(".") not in PERSON_MARKS and (
            not {words[0]} & (_MALE | _FEMALE)
        ) and out and out[-1].low in {
            "in", "at", "from", "near"
        }:  # fmt: skip
            out += [Token(" ".join(words[:-1]), "name", token.glued), Token(words[-1], "name")]
        else:
            out.append(token)
    return out


def join(parts: list[Token] | tuple[Token, ...]) -> str:
    """Tokens as text."""
    text = ""
    for token in parts:
        tight = (
            not text or token.kind == "of" or token.text in {",", ".", ";", ":", ")", "!", "?", "%"} or text.endswith(("(", "£", "$", "€"))
        )
        text += token.text if tight else f" {token.text}"
    return text.strip()


# ---- clauses -----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """A piece of a clause. `kind`: object, complement, place, time, span, person, to, reason, that, adverb, other."""

    kind: str
    tokens: tuple[Token, ...]
    prep: str = ""

    @property
    def head(self) -> Token:
        """The last token of the part's first noun phrase."""
        body = self.tokens[1:] if self.prep and self.tokens[0].low == self.prep else self.tokens
        for index, token in enumerate(body):
            if index and (token.low in PREPOSITIONS or token.text == "," or token.low in {"and", "or"} or token.low in {"called", "named"}):
                return body[index - 1]
        return body[-1] if body else self.tokens[-1]


@dataclass(frozen=True)
class Verb:
    """A verb group: `words` as written, `form`: simple, be, aux or present; `main` the last verb."""

    words: tuple[str, ...]
    form: str
    main: str

    @property
    def lemma(self) -> str:
        return base(self.main)

    @property
    def passive(self) -> bool:
        return self.form == "aux" and bool({"was", "were", "been", "is", "are"} & set(self.words[:-1])) and is_participle(self.main)


@dataclass(frozen=True)
class Clause:
    """Subject, verb, parts, as they stand in the third person. `lead` parts stood before the subject."""

    subject: tuple[Token, ...]
    verb: Verb
    parts: tuple[Part, ...]
    lead: tuple[Part, ...] = ()
    relative: bool = False


def clauses(words: list[Token]) -> list[Clause]:
    """Clauses of a tokenised sentence that the rules can read with confidence, in order."""
    words = [token for token in _without_brackets(words) if token.text not in {"“", "”", '"', "*"}]
    while words and words[-1].text in {".", "!", "?", ","}:
        words = words[:-1]
    found: list[Clause] = []
    part: list[Token] = []
    for token in [*words, Token(";", "mark")]:
        if token.text in {";", ":", "—", "–"}:
            found += _Reader(part).read()
            part = []
            if token.text == ":":
                break
        else:
            part.append(token)
    return found


def _without_brackets(words: list[Token]) -> list[Token]:
    depth, kept = 0, []
    for token in words:
        depth += token.text in {"(", "["}
        if not depth:
            kept.append(token)
        depth -= token.text in {")", "]"} and depth > 0
    return kept


_BEFORE_THE = _words("all both half such many")
_INSIDE = _words("other few many such half more one others several")
_ADJECTIVAL = _words("own first best next only home both long hard well one least further")
_LY_ADJECTIVES = _words(
    "own other early daily yearly only elderly holy ugly lonely monthly weekly first best next least kindly lively likely friendly costly"
)


class _Reader:
    """Reads one stretch of tokens between semicolons."""

    def __init__(self, words: list[Token]):
        self.words = words
        self.found: list[Clause] = []

    def read(self) -> list[Clause]:
        words = self.words
        while words and (
            words[0].text == "," or words[0].low in {"and", "but", "yet", "so", "then", "thus", "however", "therefore", "indeed"}
        ):
            words = words[1:]
        self.words = words
        if words:
            self.sentence(0, ())
        return self.found

    def at(self, index: int) -> Token:
        return self.words[index] if 0 <= index < len(self.words) else Token("", "end")

    def skip_adverbs(self, index: int) -> int:
        while (
            self.at(index).kind == "word"
            and _adverb(self.at(index))
            and self.at(index).low not in {"by", "on", "in", "over", "off", "round", "once"}
        ):
            index += 1
        return index

    def finite(self, index: int) -> bool:
        """Whether a finite verb stands at `index`."""
        token = self.at(index)
        if token.kind != "word" or token.text[:1].isupper():
            return False
        if token.low in AUXILIARIES:
            return True
        before = self.at(index - 1)
        if (
            before.low
            in DETERMINERS - {"that", "all", "both", "many", "some", "few"}
            | POSSESSIVES - {"her"}
            | PREPOSITIONS - {"on", "in", "over", "off"}
            or before.kind == "of"
        ):
            return False
        if is_past(token.low):
            follows = self.at(index + 1)
            if "NOUN" in senses(token.low) and before.kind == "word" and "ADJ" in senses(before.low) and not is_past(token.low):
                return False
            adjective = follows.kind == "word" and "NOUN" in senses(follows.low) and not _adverb(follows) and token.low.endswith("ed")
            if adjective and before.low in {"numbered", "and", ","} and before.low == "numbered":
                return False
            return not (before.low == "to" or before.low in AUXILIARIES and before.low not in BE)
        return False

    def present(self, index: int) -> bool:
        token, before = self.at(index), self.at(index - 1)
        subject = before.low in {"he", "she", "it"} or before.kind == "name"
        return token.kind == "word" and is_verb_s(token.low) and subject

    def sentence(self, start: int, lead: tuple[Part, ...]) -> None:
        """Read from `start`: lead, subject, verb group, parts, and what follows."""
        first = self.at(start)
        if first.low in SUBORDINATORS - {"so", "once"} or is_gerund(first.text) or is_participle(first.low) and first.kind == "word":
            comma = self.lead_end(start)
            if comma:
                self.words[start] = replace(first, text=first.low)
                kind = "when" if first.low in {"when", "after", "before", "while", "until", "since", "as", "once"} else "other"
                self.sentence(comma + 1, (*lead, Part(kind, tuple(self.words[start:comma]), first.low)))
                return
            if first.low not in PREPOSITIONS:
                return
        if first.low in {"that", "what", "how", "whether"} | RELATIVES:
            return
        begin = start
        while self.at(begin).low in PREPOSITIONS and self.noun_phrase(begin + 1):
            begin = self.noun_phrase(begin + 1)
            while self.at(begin).low == "of" and self.noun_phrase(begin + 1):
                begin = self.noun_phrase(begin + 1)
            begin += self.at(begin).text == ","
        aside = (
            self.apposed(begin)
            if begin == start or self.at(begin).kind == "name" or self.at(begin).low in DETERMINERS | POSSESSIVES
            else None
        )
        if aside:
            (begin, end), opening, verb = aside
            if begin > start:
                lead = (*lead, *self.lead_parts(start, begin))
            noun = tuple(self.words[begin:end])
            other = self.noun_phrase(opening)
            if self.at(opening).low in {"who", "which"} and self.finite(self.skip_adverbs(opening + 1)):
                close = next(i for i in range(opening, verb) if self.at(i).text == "," and self.skip_adverbs(i + 1) == verb)
                self.verb_phrase(opening + 1, noun, (), limit=close, relative=True)
            elif other and self.at(other).text == "," and self.at(opening).kind == "name" and self.at(end - 1).kind != "name":
                noun = (self.at(opening),)  # the father of X, Johann van X, was …
            self.verb_phrase(verb if not _adverb(self.at(verb - 1)) else self.skip_back(verb), noun, lead)
            return
        verb = next((i for i in range(start + 1, len(self.words)) if self.finite(i) or self.present(i)), None)
        if verb is None:
            return
        while verb > start + 1 and _adverb(self.at(verb - 1)) and self.at(verb - 1).low not in PARTICLES | {"one"}:
            verb -= 1
        relative = self.at(verb - 1)
        subject = None
        if relative.low in RELATIVES and self.at(verb - 2).text == ",":
            close = self.close_relative(verb)
            subject = self.subject_before(start, verb - 2)
            if subject is not None and relative.low in {"who", "which"}:
                noun = tuple(self.words[subject[0] : subject[1]])
                self.verb_phrase(verb, noun, (), limit=close, relative=True)
            if subject is None or close is None:
                return
            verb = close + 1
        elif relative.low in RELATIVES | {"that"} or self.at(verb - 2).low in RELATIVES | {"that"}:
            return  # a restrictive clause inside the subject: too deep for rules
        elif self.reduced(start, verb):
            later = next(
                (
                    i
                    for i in range(verb + 1, len(self.words))
                    if (self.finite(i) or self.present(i)) and self.at(i - 1).low not in RELATIVES
                ),
                None,
            )
            if later is None or any(self.at(i).text == "," for i in range(verb, later)):
                return
            subject = self.subject_before(start, verb)
            if subject is None:
                return
            subject = (subject[0], later)
            while subject[1] > verb + 1 and _adverb(self.at(subject[1] - 1)):
                subject = (subject[0], subject[1] - 1)
            verb = subject[1]
        if subject is None:
            subject = self.subject_before(start, verb)
        if subject is None:
            return
        lead = (*lead, *self.lead_parts(start, subject[0]))
        noun = tuple(self.words[subject[0] : subject[1]])
        self.verb_phrase(verb, noun, lead)

    def reduced(self, start: int, verb: int) -> bool:
        """'A lodger named Tobias Pfeiffer also taught him': a participle that is no finite verb."""
        token, after = self.at(verb), self.at(verb + 1)
        common = self.at(verb - 1).kind == "word" and self.at(verb - 1).low not in PRONOUNS and not _adverb(self.at(verb - 1))
        if not common or not is_participle(token.low) or token.low in AUXILIARIES:
            return False
        if token.low in {"named", "called", "born", "known", "entitled", "nicknamed", "titled"}:
            return True
        if after.low not in PREPOSITIONS:
            return False
        for index in range(verb + 2, len(self.words)):
            here = self.at(index)
            if self.finite(index) or self.present(index):
                return True
            if here.text == ",":
                return any(self.at(i).text == "," and self.finite(self.skip_adverbs(i + 1)) for i in range(index, len(self.words)))
            if here.low in {"and", "but", "or", "that", "when", "while", "because", "where"} | RELATIVES:
                return False
        return False

    def apposed(self, start: int) -> tuple[tuple[int, int], int, int] | None:
        """'Neefe, a musician trained in Leipzig, came …': (subject, first token after its comma, main verb), else None."""
        end = self.noun_phrase(start)
        while end and self.at(end).low == "of" and self.noun_phrase(end + 1):
            end = self.noun_phrase(end + 1)
        if not end or self.at(end).text != "," or self.words[start].low in PREPOSITIONS or self.at(end - 1).kind == "date":
            return None
        opening = self.at(end + 1)
        if self.at(end - 1).low in TIME_NOUNS or opening.low in {"and", "but", "or", "he", "she", "they", "it", "so"}:
            return None
        for index in range(end + 2, len(self.words)):
            verb = self.skip_adverbs(index + 1)
            if self.at(index).text == "," and (self.finite(verb) or self.present(verb)):
                inner = range(end + 1, index)
                clause = any(self.finite(i) and self.clause_ends(i) for i in inner)
                if clause and opening.low not in RELATIVES and opening.low != "whose":
                    return None
                return (start, end), end + 1, verb
            if self.at(index).low in {"but"}:
                return None
        return None

    def clause_ends(self, verb: int) -> bool:
        """Whether a pronoun or a name directly before this finite verb makes it a clause of its own."""
        before = self.at(self.skip_back(verb) - 1)
        return before.low in SUBJECT_PRONOUNS or before.kind == "name" and self.at(verb).low in AUXILIARIES

    def skip_back(self, index: int) -> int:
        while _adverb(self.at(index - 1)):
            index -= 1
        return index

    def close_relative(self, verb: int) -> int | None:
        """The comma that ends a relative clause and is followed by the main verb."""
        for index in range(verb + 1, len(self.words)):
            if self.at(index).text == "," and self.finite(self.skip_adverbs(index + 1)):
                return index
        return None

    def lead_end(self, start: int) -> int | None:
        """The comma that ends a leading subordinate clause or participle phrase."""
        clause = self.at(start).low in SUBORDINATORS
        seen = not clause
        for index in range(start + 1, len(self.words)):
            seen = seen or self.finite(index)
            if self.at(index).text == "," and seen:
                after = index + 1
                verb = next((i for i in range(after + 1, min(after + 12, len(self.words))) if self.finite(i)), None)
                if verb and self.subject_before(after, verb) and not any(self.at(i).text == "," for i in range(after, verb)):
                    return index
        return None

    def subject_before(self, start: int, verb: int) -> tuple[int, int] | None:
        """(from, to) of the last noun phrase before the verb that hangs on no preposition, with what hangs on it."""
        phrases = []
        index = start
        while index < verb:
            end = self.noun_phrase(index, verb)
            if end:
                before = self.at(index - 1) if index > start else Token("", "end")
                if before.low in {"and", "or"} and phrases and phrases[-1][1] == index - 1:
                    phrases[-1] = (phrases[-1][0], end, phrases[-1][2])
                else:
                    phrases.append((index, end, before.low in PREPOSITIONS))
                index = end
            else:
                index += 1
        bare = [phrase for phrase in phrases if not phrase[2]]
        if not bare:
            return None
        first, end, _ = bare[-1]
        if self.at(first - 1).low in {"but", "than"}:
            return None
        commas = [i for i in range(start, verb) if self.at(i).text == ","]
        if len(bare) > 1 and self.at(first - 1).text == "," and self.at(verb - 1).text == ",":
            other = bare[-2]  # apposition: the one that is a name
            if self.words[other[1] - 1].kind == "name" and self.words[end - 1].kind != "name":
                return other[0], other[1]
            return first, end
        if any(end <= i for i in commas) and self.at(verb - 1).text != ",":
            return None
        stop = verb
        while stop > end and self.at(stop - 1).text == ",":
            stop -= 1
        return first, stop

    def noun_phrase(self, index: int, limit: int | None = None) -> int | None:
        """End of the simple noun phrase that begins at `index`, or None."""
        limit = len(self.words) if limit is None else limit
        start = index
        token = self.at(index)
        if index >= limit:
            return None
        if token.kind == "date" or token.kind == "title":
            return index + 1
        if token.kind == "word" and token.low in PRONOUNS - RELATIVES:
            return index + 1
        while index < limit:
            token = self.at(index)
            if token.low in {"only", "about", "nearly", "almost", "some", "around", "over"} and index == start and (
                self.at(index + 1).kind in ("number", "name") or self.at(index + 1).low in DETERMINERS
            ):  # fmt: skip
                index += 1
            elif token.kind == "number" and index > start and not token.text[:1].isdigit() and self.at(index - 1).kind == "word" and (
                "NOUN" in senses(self.at(index - 1).low) and "ADJ" not in senses(self.at(index - 1).low)
            ):  # fmt: skip
                break
            elif token.low in {"more", "less", "fewer"} and index == start and self.at(index + 1).low == "than":
                index += 2
            elif token.kind == "name" and index > start and (self.at(index - 1).low in TIME_NOUNS or self.at(index - 1).kind == "name"):
                break
            elif token.kind in {"number", "name", "of", "title"}:
                index += 1
                if token.kind == "name" and self.at(index).kind not in {"of"} and not (
                    self.at(index).kind == "word" and "NOUN" in senses(self.at(index).low) and not self.finite(index)
                    and not _function(self.at(index))
                ):  # fmt: skip
                    break
            elif token.text == "," and index > start + 1 and self.adjectives(index):
                index += 2
            elif token.kind == "date":
                if (
                    index > start
                    and self.at(index - 1).kind == "word"
                    and self.at(index - 1).low in {"the", "a", "early", "late", "that", "next"}
                ):
                    index += 1
                    continue
                break
            elif (
                token.kind == "word"
                and token.low in DETERMINERS | POSSESSIVES
                and (index == start or self.at(index - 1).low in _BEFORE_THE)
            ):
                index += 1
            elif (
                token.kind == "word"
                and index > start
                and token.low in (DETERMINERS | POSSESSIVES | PRONOUNS) - _INSIDE
                or token.kind == "word"
                and token.low in ADVERBS - _ADJECTIVAL
                and not ("NOUN" in senses(token.low) and index > start)
            ):
                break
            elif token.kind == "word" and not _function(token) and not _ly(token.low) or token.low in _LY_ADJECTIVES:
                before = self.at(index - 1)
                determined = index > start
                if index > start and self.finite(index) and not (
                    before.kind == "word" and ("ADJ" in senses(before.low) and "NOUN" not in senses(before.low)) or self.modifies(index)
                ):  # fmt: skip
                    break
                if not determined and self.finite(index) and not self.modifies(index):
                    return None
                if is_gerund(token.text) and index == start:
                    return None
                index += 1
            else:
                break
        if index == start:
            return None
        last = self.at(index - 1)
        if last.kind == "word" and last.low in DETERMINERS | POSSESSIVES - {"her"} and last.low not in {"this", "that", "these",
            "those", "all", "both",
                "some", "many", "few", "much", "most", "another", "several", "more", "his", "enough", "less", "each", "one"}:  # fmt: skip
            return None
        if last.kind == "of":
            return None
        return index

    def adjectives(self, comma: int) -> bool:
        """'a dark, untidy boy': a comma between two adjectives before their noun."""
        first, second, noun = self.at(comma - 1), self.at(comma + 1), self.at(comma + 2)
        opened = "ADJ" in senses(first.low) and self.at(comma - 2).low in DETERMINERS | POSSESSIVES
        adjective = second.kind == "word" and "ADJ" in senses(second.low) and not _function(second)
        return opened and adjective and noun.kind == "word" and "NOUN" in senses(noun.low) and not _function(noun)

    def modifies(self, index: int) -> bool:
        """'a torn seine', 'numbered piano sonatas': a participle before its noun."""
        follows, before = self.at(index + 1), self.at(index - 1)
        noun = follows.kind == "word" and bool({"NOUN", "ADJ"} & set(senses(follows.low))) and not _function(follows)
        opens = before.low in DETERMINERS | POSSESSIVES or before.kind in {"number", "of"}
        return noun and opens and is_participle(self.at(index).low)

    def phrase(self, index: int) -> int | None:
        """End of a noun phrase with its of-phrases, names in apposition and lists."""
        end = self.noun_phrase(index)
        if not end:
            return None
        while True:
            token, after = self.at(end), self.at(end + 1)
            if token.low == "of" and self.noun_phrase(end + 1):
                end = self.noun_phrase(end + 1)
            elif token.low in {"called", "named", "entitled", "titled"} and after.kind in {"name", "title"}:
                end += 2
            elif token.kind == "name" and self.at(end - 1).kind == "word":
                end += 1
            elif (
                token.low in {"and", "or"} and self.coordinate(end) and (self.at(end - 1).kind != "date" or self.at(end + 1).kind == "date")
            ):
                end = self.coordinate(end)
            elif token.text == "," and self.listed(end):
                end = self.listed(end)
            elif (
                token.kind == "date"
                and self.at(end - 1).low in TIME_NOUNS
                or self.at(end - 1).low in TIME_NOUNS
                and token.low in {"later", "earlier", "ago", "afterwards"}
            ):
                end += 1
            else:
                return end

    def coordinate(self, index: int) -> int | None:
        """End of 'and <noun phrase>' at `index` when no new clause begins there."""
        start = index + 1
        if self.finite(start) or self.at(start).low in AUXILIARIES or self.at(start).low in {"he", "she", "they", "it", "who"}:
            return None
        end = self.noun_phrase(start)
        if not end:
            return None
        probe = end
        while self.at(probe).low in PREPOSITIONS and self.noun_phrase(probe + 1):
            probe = self.noun_phrase(probe + 1)
        probe = self.skip_adverbs(probe)
        if self.finite(probe) or self.present(probe) or self.at(probe).low in RELATIVES and self.at(probe - 1).text == ",":
            return None
        if self.at(probe).text == "," and self.at(probe + 1).low in RELATIVES | {"the", "a"}:
            return None
        return end

    def listed(self, comma: int) -> int | None:
        """End of ', X, Y and Z' from the comma, or None when it is no list."""
        end = comma
        for _ in range(8):
            if self.at(end).text == ",":
                if self.at(end + 1).low in {"and", "or"}:
                    return self.coordinate(end + 1) if end > comma else None
                nxt = self.noun_phrase(end + 1)
                if not nxt or self.finite(self.skip_adverbs(nxt)):
                    return None
                while self.at(nxt).low == "of" and self.noun_phrase(nxt + 1):
                    nxt = self.noun_phrase(nxt + 1)
                end = nxt
            elif self.at(end).low in {"and", "or"}:
                return self.coordinate(end) if end > comma else None
            else:
                return None
        return None

    def lead_parts(self, start: int, end: int) -> tuple[Part, ...]:
        """Prepositional phrases, dates and adverbs before the subject."""
        found: list[Part] = []
        index = start
        if self.at(start).kind == "word":
            self.words[start] = replace(self.at(start), text=self.at(start).low)
        while index < end:
            token = self.at(index)
            if token.low in PREPOSITIONS:
                stop = self.noun_phrase(index + 1, end)
                while stop and self.at(stop).low == "of" and self.noun_phrase(stop + 1, end):
                    stop = self.noun_phrase(stop + 1, end)
                if not stop:
                    return _merged(found)
                found.append(prepositional(tuple(self.words[index:stop])))
                index = stop
            elif token.text == ",":
                index += 1
            else:
                stop = self.noun_phrase(index, end)
                if (
                    stop
                    and self.at(stop - 1).low in TIME_NOUNS
                    and self.at(stop).low in {"later", "earlier", "after", "before", "afterwards"}
                ):
                    index = stop + 1  # counted from something said before
                    continue
                phrase = tuple(self.words[index : stop or index + 1])
                if stop and phrase[-1].low in TIME_NOUNS and len(phrase) > 1 and phrase[0].low != "the":
                    found.append(Part("time", phrase))
                elif stop and phrase[-1].kind != "date":
                    return _merged(found)
                index = stop or index + 1
        return _merged(found)

    def verb_phrase(self, index: int, subject: tuple[Token, ...], lead: tuple[Part, ...], limit: int | None = None, relative: bool = False,
                    passive: bool = False) -> None:  # fmt: skip
        """Read the verb group at `index` and its parts; then what is coordinated with it."""
        group = self.group(index)
        if group is None:
            return
        verb, after = group
        if passive and verb.form == "simple":
            follows = self.at(after)
            if follows.low == "by" and verb.main.endswith("ed"):
                verb = Verb(("was", *verb.words), "aux", verb.main)
            elif not (follows.kind in {"name", "title", "number"} or follows.low in DETERMINERS | POSSESSIVES | {"him", "them", "it"}
                      or verb.lemma in _MOVING or not is_participle(verb.main)):  # fmt: skip
                return
        parts, index = self.parts(after, limit, verb)
        self.found.append(Clause(subject, verb, _merged(parts), lead, relative))
        if limit is not None:
            return
        self.follow(index, subject, passive or verb.passive, lead if not parts else ())

    def follow(self, index: int, subject: tuple[Token, ...], passive: bool, lead: tuple[Part, ...]) -> None:
        """What comes after a verb phrase: a coordinate verb, a new clause, a relative clause; anything else ends the reading."""
        token = self.at(index)
        comma = token.text == ","
        if comma:
            index += 1
            token = self.at(index)
        if token.low in {"and", "but", "or", "yet", "then", "so", "nor"}:
            index += 1
            if self.at(index).low == "then":
                index += 1
        elif token.low in {"who", "which"} and comma:
            noun = self.noun_ending(index - 1)
            if noun and token.low == "who" and self.finite(self.skip_adverbs(index + 1)):
                stop = next((i for i in range(index + 2, len(self.words)) if self.at(i).text == ","), None)
                self.verb_phrase(index + 1, noun, (), limit=stop if stop else len(self.words), relative=True)
                if stop:
                    self.follow(stop, subject, passive, ())
            return
        elif not (comma and (self.finite(index) and not self.hanging(index))):
            if comma:
                later = next(
                    (i for i in range(index, len(self.words) - 1) if self.at(i).text == "," and self.at(i + 1).low in {"and", "but"}), None
                )
                if later:
                    self.follow(later, subject, passive, ())
            return
        after = self.noun_phrase(index + 1) if self.at(index).low in PREPOSITIONS else None
        if after and self.finite(after):
            self.verb_phrase(after, subject, (prepositional(tuple(self.words[index:after])),), passive=passive)
            return
        begin = self.skip_adverbs(index)
        if self.finite(begin) or self.finite(index):
            self.verb_phrase(index if self.finite(index) else begin if begin == index else index, subject, (), passive=passive)
        elif self.at(index).text or index < len(self.words):
            self.sentence(index, ())

    def hanging(self, index: int) -> bool:
        """', painted black with …': a participle phrase, unless a list of verbs ends with 'and <verb>'."""
        if not is_participle(self.at(index).low) or not self.at(index).low.endswith("ed"):
            return False
        if not self.noun_phrase(index + 1):
            return True
        return not any(self.at(i).low == "and" and self.finite(i + 1) for i in range(index, len(self.words)))

    def noun_ending(self, end: int) -> tuple[Token, ...] | None:
        """The name just before `end`, for a relative clause that hangs on it."""
        token = self.at(end - 1)
        return (token,) if token.kind == "name" and self.at(end - 2).low != "of" else None

    def group(self, index: int) -> tuple[Verb, int] | None:
        """The verb group at `index`: (verb, index after it)."""
        words: list[str] = []
        while _adverb(self.at(index)) and not self.finite(index):
            words.append(self.at(index).text)
            index += 1
        token = self.at(index)
        if token.low in AUXILIARIES:
            words.append(token.low)
            first = token.low
            index += 1
            mark = len(words), index
            while self.at(index).kind == "word":
                nxt = self.at(index)
                if (
                    nxt.low in {"been", "be", "being", "have"}
                    and first not in {"did"}
                    or (
                        _adverb(nxt)
                        and nxt.low not in PARTICLES | {"there", "here"}
                        and (is_participle(self.at(index + 1).low) or is_base(self.at(index + 1).low) or _adverb(self.at(index + 1)))
                    )
                ):
                    words.append(nxt.low)
                else:
                    break
                index += 1
            nxt = self.at(index)
            before = words[-1] if words else ""
            plain = first in MODALS or "be" in words[mark[0] - 1 :]
            follows = self.at(index + 1)
            if nxt.kind == "word" and first in MODALS and is_base(nxt.low) and "be" not in words and "have" not in words:
                return Verb((*words, nxt.low), "aux", nxt.low), index + 1
            if nxt.kind == "word" and (plain or first in BE | HAVE) and is_participle(nxt.low) and not self.adjectival(index, follows):
                return Verb((*words, nxt.low), "aux", nxt.low), index + 1
            if nxt.kind == "word" and is_gerund(nxt.low) and first in BE:
                return Verb((*words, nxt.low), "aux", nxt.low), index + 1
            if first in HAVE and before == first:
                return Verb(tuple(words), "simple", first), index
            if first in HAVE and len(words) == mark[0]:
                return Verb(tuple(words), "simple", first), index
            if first in MODALS and "be" not in words:
                return None
            words, index = (
                words[: mark[0]] if not {"been", "be"} & set(words) else words,
                mark[1] if not {"been", "be"} & set(words) else index,
            )
            return Verb(tuple(words), "be", "be"), index
        if self.finite(index):
            words.append(token.low)
            index += 1
            if self.at(index).low == "and" and self.finite(index + 1) and self.at(index + 1).low not in AUXILIARIES and (
                base(self.at(index + 1).low) not in _SAYING
            ) and (
                self.noun_phrase(index + 2) or self.at(index + 2).low in PREPOSITIONS
            ):  # fmt: skip
                words += ["and", self.at(index + 1).low]
                return Verb(tuple(words), "simple", token.low), index + 2
            return Verb(tuple(words), "simple", token.low), index
        if self.present(index):
            return Verb((*words, token.low), "present", token.low), index + 1
        return None

    def adjectival(self, index: int, follows: Token) -> bool:
        """'was tired', 'had broken windows': a participle that is an adjective here."""
        token, before = self.at(index), self.at(index - 1)
        if token.low in {"tired", "married", "interested", "widowed", "aged", "left"} and before.low in BE:
            return True
        noun = follows.kind == "word" and "NOUN" in senses(follows.low) and "ADV" not in senses(follows.low) and not _function(follows)
        return before.low in HAVE and noun and token.low in {"broken", "mixed", "divided", "limited", "left"}

    def parts(self, index: int, limit: int | None, verb: Verb) -> tuple[list[Part], int]:
        """Parts after a verb, and where they end."""
        stop = len(self.words) if limit is None else limit
        found: list[Part] = []
        while index < stop:
            token, after = self.at(index), self.at(index + 1)
            if token.low == "to" and after.kind == "word" and (
                after.low in {"be", "have", "do"} or (is_base(after.low) or _adverb(after)) and not _function(after)
            ):  # fmt: skip
                end = self.stretch(index, stop)
                found.append(Part("to", tuple(self.words[index:end])))
                index = end
            elif not found and verb.lemma in _SAYING and token.low not in PREPOSITIONS | {"that"} and self.clause_at(index):
                end = self.stretch(index, stop)
                found.append(Part("that", tuple(self.words[index:end])))
                index = end
            elif token.low in {"because", "since"} and self.has_verb(index, stop):
                end = self.stretch(index, stop)
                found.append(Part("reason", tuple(self.words[index:end]), token.low))
                index = end
            elif (
                token.low in {"that", "how", "why", "what", "whether"}
                and self.has_verb(index, stop)
                and (token.low != "that" or verb.form != "be")
            ):
                end = self.stretch(index, stop)
                found.append(Part("that", tuple(self.words[index:end]), token.low))
                index = end
            elif token.low in {"when", "while", "until", "before", "after", "where", "as", "although", "though", "so",
                "if"} and self.has_verb(index, stop) and (
                token.low not in {"as", "until", "before", "after"} or self.clause_at(index + 1)
            ):  # fmt: skip
                end = self.stretch(index, stop)
                kind = "when" if token.low in {"when", "while", "until", "before", "after"} else "clause"
                found.append(Part(kind, tuple(self.words[index:end]), token.low))
                index = end
            elif token.low in PREPOSITIONS and not (token.low in PARTICLES and self.at(index + 1).low in PREPOSITIONS):
                end = self.phrase(index + 1)
                if not end and is_gerund(after.text):
                    end = self.stretch(index + 1, stop)
                if not end:
                    if token.low in PARTICLES or token.low == "by" and after.text in {",", ""}:
                        found.append(Part("adverb", (token,)))
                        index += 1
                        continue
                    break
                end = min(end, stop)
                part = prepositional(tuple(self.words[index:end]))
                if token.low == "of" and found:
                    found[-1] = replace(found[-1], tokens=found[-1].tokens + part.tokens)
                else:
                    found.append(part)
                index = end
            elif token.text == ",":
                reason = after.low in {"because", "since", "for", "so", "although", "though"} and self.has_verb(index + 1, stop)
                timely = after.low in {"when", "while", "until", "before", "after"} and self.has_verb(index + 1, stop)
                if (reason or timely) and found:
                    end = self.stretch(index + 1, stop)
                    kind = "when" if timely else "reason" if after.low in {"because", "since", "for"} else "clause"
                    found.append(Part(kind, tuple(self.words[index + 1 : end]), after.low))
                    index = end
                    continue
                if after.low in {"a", "an", "the"} and found and self.noun_phrase(index + 1):
                    skip = self.phrase(index + 1)
                    probe = skip
                    while probe < stop and self.at(probe).low in PREPOSITIONS and self.phrase(probe + 1):
                        probe = self.phrase(probe + 1)
                    if probe == stop or self.at(probe).text == ",":
                        index = probe
                        continue
                if (
                    after.kind == "name"
                    and found
                    and (self.at(index - 1).kind == "word" or self.at(index - 1).text in PERSON_MARKS)
                    and (index + 2 >= stop or self.at(index + 2).text == ",")
                ):
                    found[-1] = replace(found[-1], tokens=(*found[-1].tokens, after))
                    index += 3 if index + 2 < stop and not self.clause_at(index + 3) and self.at(index + 3).low not in {"and", "but"} else 2
                    continue
                if after.low in PREPOSITIONS - {"of"} and found and self.noun_phrase(index + 2):
                    end = self.phrase(index + 2)
                    probe = self.skip_adverbs(end)
                    if not self.finite(probe) and not (self.at(probe).text == "," and self.noun_phrase(probe + 1)
                        and self.clause_at(probe + 1)) and (
                        not self.clause_at(end)
                    ):  # fmt: skip
                        found.append(prepositional(tuple(self.words[index + 1 : end])))
                        index = end
                        continue
                break
            elif token.kind == "word" and token.low in {"and", "or", "but", "nor", "yet"}:
                break
            elif token.kind == "word" and token.low in RELATIVES | {"that"} and found:
                if (
                    self.has_verb(index, stop)
                    and token.low in {"who", "which", "that", "where"}
                    and found[-1].kind in {"object", "complement", "person", "other", "place"}
                ):
                    end = self.stretch(index, stop)
                    found[-1] = replace(found[-1], tokens=found[-1].tokens + tuple(self.words[index:end]))
                    index = end
                    continue
                break
            elif _adverb(token) and not (self.noun_phrase(index) and token.low in {"only", "first", "both", "next", "best", "home"}
                and not _function(after)
                                         and after.kind in ("number", "word", "name") and not _adverb(after)):  # fmt: skip
                found.append(Part("adverb", (token,)))
                index += 1
            elif is_gerund(token.text) and found:
                end = self.stretch(index, stop)
                found.append(Part("with", tuple(self.words[index:end])))
                index = end
            elif token.kind == "word" and is_participle(token.low) and found and not self.noun_phrase(index):
                end = self.stretch(index, stop)
                found[-1] = replace(found[-1], tokens=found[-1].tokens + tuple(self.words[index:end]))
                index = end
            else:
                end = self.phrase(index)
                if not end:
                    if token.kind == "word" and (verb.form == "be" or "ADJ" in senses(token.low)) and not _function(token):
                        end = index + 1
                    else:
                        break
                end = min(end, stop)
                found.append(nominal(tuple(self.words[index:end]), verb))
                index = end
        return found, index

    def clause_at(self, index: int) -> bool:
        end = self.noun_phrase(index)
        return bool(end) and self.finite(self.skip_adverbs(end))

    def has_verb(self, index: int, stop: int) -> bool:
        for i in range(index + 1, min(stop, index + 14)):
            if self.at(i).text == ",":
                return False
            if self.finite(i) or self.present(i):
                return True
        return False

    def stretch(self, index: int, stop: int) -> int:
        """End of a clause or infinitive: a comma, or 'and/but' before a finite verb or a new clause."""
        inner = self.at(index).low in SUBORDINATORS | {"that", "what", "how", "why", "whether", "who", "which"}
        for i in range(index + 1, stop):
            token = self.at(i)
            if token.text == ",":
                if self.listed(i):
                    continue
                return i
            if token.low in {"and", "but", "yet"} and not inner and (self.finite(self.skip_adverbs(i + 1)) or self.clause_at(i + 1)):
                return i
            if not inner and token.low in {"because", "when", "while", "until", "although", "though"} and self.has_verb(i, stop):
                return i
        return stop


def _merged(parts: list[Part]) -> tuple[Part, ...]:
    """'from 1765' and 'to 1772' are one part."""
    made: list[Part] = []
    for part in parts:
        last = made[-1] if made else None
        if last and last.prep == "from" and part.prep in {"to", "until", "till"} and last.kind in {part.kind, "other"}:
            made[-1] = replace(last, tokens=last.tokens + part.tokens, kind="span" if part.kind == "time" else part.kind)
        elif last and last.prep == "between" and part.kind == "other":
            made.append(part)
        else:
            made.append(part)
    return tuple(made)


_SAYING = _words("""
    say think believe write report complain add claim hope fear know feel swear declare note tell find remember explain answer
""")  # fmt: skip
_GIVING = _words("""
    give send offer pay bring teach tell lend leave show hand sell buy promise owe grant
""")  # fmt: skip
_MOVING = _words("""
    move go live die work come settle return become study serve travel remain stay attend grow play begin sail arrive leave join
    marry write teach learn spend walk
""")  # fmt: skip


def _adverb(token: Token) -> bool:
    if token.kind != "word" or token.text[:1].isupper() and token.low not in ADVERBS:
        return False
    if token.low in ADVERBS:
        return True
    found = senses(token.low)
    return token.low.endswith("ly") and "NOUN" not in found and ("ADJ" not in found or "ADV" in found)


def _ly(word: str) -> bool:
    return word.endswith("ly") and "NOUN" not in senses(word)


def _function(token: Token) -> bool:
    return token.kind == "word" and token.low in (PREPOSITIONS | AUXILIARIES | SUBORDINATORS | RELATIVES | {"and", "or", "but", "nor",
        "than", "that",
        "not", "never", "because", "however", "whether", "how", "why", "what", "to", "been", "be", "being"})  # fmt: skip


def prepositional(words: tuple[Token, ...]) -> Part:
    """The part a preposition and its noun phrase make: time, span, place, person or other (before names are typed)."""
    prep = words[0].low
    part = Part("other", words, prep)
    head = part.head
    inner = words[1:]
    if is_gerund(inner[0].low) and len(inner) > 1:
        return part
    if any(token.kind == "date" for token in inner) and (head.kind == "date" or head.low in TIME_NOUNS
        or inner[0].low in {"the", "early", "late", "about"}
                                                         and any(token.low in TIME_NOUNS for token in inner)):  # fmt: skip
        return replace(part, kind="time")
    if head.low in TIME_NOUNS:
        return replace(part, kind="span" if prep in {"for", "over", "within"} else "time")
    if head.kind == "number" and len(inner) == 1 and prep == "at" and (number(head.text) or 0) < 100:
        return replace(part, kind="time")
    if head.kind == "word" and head.low in PLACE_NOUNS and prep in {"in", "at", "near", "to", "into", "from", "on", "under", "outside",
        "inside",
                                                                    "behind", "beside", "through", "across", "by", "above"}:  # fmt: skip
        return replace(part, kind="place")
    return part


def nominal(words: tuple[Token, ...], verb: Verb) -> Part:
    """A noun phrase after the verb: object, complement, or a time such as 'every day'."""
    part = Part("complement" if verb.form == "be" else "object", words)
    if words[0].low in {"a", "an", "each", "every", "all"} and words[-1].low in TIME_NOUNS | {"life", "quarter", "piece", "pound",
        "copy", "head"} or join(
        words
    ) in ("each other", "one another", "each", "day and night", "night and day"):  # fmt: skip
        return replace(part, kind="rate")
    if part.head.low in TIME_NOUNS and (words[0].low in {"every", "each", "that", "one", "this", "the", "next", "all", "twice"}
                                        or words[0].kind == "number" and verb.form != "be") and "of" not in {t.low
                                            for t in words}:  # fmt: skip
        return replace(part, kind="time" if words[0].kind != "number" else "span")
    return part


# ---- who is who --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Statement:
    """A clause told by the protagonist. `subject`: me, person or thing; texts are made by `say` and the asking functions."""

    clause: Clause
    subject: str
    label: str
    label_you: str
    story: "Story" = field(repr=False, compare=False)
    paragraph: int = 0
    sentence: str = ""
    parts: tuple[Part, ...] = ()
    front: Part | None = None
    who: tuple[Token, ...] = ()
    earlier: tuple[Token, ...] = ()
    focused: bool = True

    def verb(self, person: str) -> str:
        """The verb group after I, you or the other subject."""
        words = list(self.clause.verb.words)
        if self.subject == "me":
            forms = {"was": "was", "were": "was", "is": "am", "are": "am", "has": "have", "does": "do"}
            if person == "you":
                forms = {"was": "were", "were": "were", "is": "are", "has": "have", "does": "do"}
            words = [forms.get(word, word) if index == self._finite() else word for index, word in enumerate(words)]
            if self.clause.verb.form == "present":
                words[-1] = base(words[-1])
        return " ".join(words)

    def _finite(self) -> int:
        return next((i for i, word in enumerate(self.clause.verb.words) if word in AUXILIARIES), len(self.clause.verb.words) - 1)

    def question_verb(self) -> tuple[str, str]:
        """(what stands before the subject, what stands after it) in a question: ('did', 'move'), ('were', 'born')."""
        words = list(self.clause.verb.words)
        verb = self.clause.verb
        if verb.form == "simple":
            bare = [base(word) if is_past(word) and word not in {"and"} and not _adverb(Token(word, "word")) else word for word in words]
            return "did", " ".join("have" if word in HAVE else word for word in bare)
        if verb.form == "present":
            return ("do", base(words[-1])) if self.subject == "me" else ("does", base(words[-1]))
        spot = self._finite()
        first = words.pop(spot)
        if self.subject == "me":
            first = {"was": "were", "is": "are", "has": "have", "does": "do"}.get(first, first)
        return first, " ".join(words)

    def text(self, part: Part, person: str = "I") -> str:
        """A part in the first ("I") or second ("you") person."""
        return self.story.shift(part.tokens, self, person)

    def tail(self, person: str = "I", without: tuple[Part, ...] = (), most: int = 99) -> str:
        """The parts as text, without some of them; objects and complements always stay, of the others at most `most`."""
        kept, extra = [], 0
        core = {"object", "complement", "adverb", "to", "that", "rate"}
        for part in self.parts:
            if part in without:
                continue
            if part.kind not in core:
                extra += 1
                if extra > most:
                    continue
            kept.append(
                ("," if part.prep in {"although", "though", "so", "where"} and kept else "")
                + (" " if kept else "")
                + self.text(part, person)
            )
        return "".join(kept)

    def say(self, front: Part | None = None, most: int = 99, label: str = "") -> str:
        """The statement as a sentence in the first person; `front` is put first ("In 1782 I …")."""
        subject = "I" if self.subject == "me" else label or self.label
        front = front or (self.front if self.front in self.parts else None)
        rest = self.tail("I", (front,) if front else (), most)
        text = f"{subject} {self.verb('I')} {rest}".strip()
        if front:
            lead = self.text(front)
            text = f"{lead}{',' if len(front.tokens) > 3 else ''} {text if self.subject == 'me' else text}"
        return sentence_case(text) + "."


def sentence_case(text: str) -> str:
    """The text with a capital first letter and single spaces."""
    text = re.sub(r"\s+([,.;])", r"\1", " ".join(text.split()))
    return text[:1].upper() + text[1:]


_META = re.compile(
    r"\b(historians?|scholars?|biograph\w+|legacy|posthumous\w*|is (?:considered|regarded|remembered|known|thought|believed|"
    r"said|often|widely|still)|are (?:preserved|held|kept|still|thought|believed|said)|statues?|named (?:after|for) (?:him|"
    r"her|them)|commemorat\w+|according to|today|nowadays|modern|uncertain|doubtful|disputed|legend\w*|perhaps|may have|"
    r"might have|it is|there is|no (?:source|record|proof|text|document)|survives?|sources?|unknown|not recorded|scholarly|"
    r"critics have|influenced generations|(?:after|since|upon) (?:his|her|their) (?:own )?death|(?:is|are|was|were) (?:said|"
    r"reported|supposed|rumoured|alleged) to|(?:is|was) quoted|likely|centenary|memorial (?:plaque|stone|service|to)|"
    r"in (?:his|her|their) honour|honor of (?:him|her)|encyclop\w+|this article|citation|supposedly|allegedly|"
    r"tradition (?:says|holds)|later (?:tellers|writers|authors|generations)|has been|have been|opinions? (?:differ|vary))\b",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    r",? ?\b(?:most |very )?(?:probably|almost certainly|apparently|reportedly|presumably|it seems|it is said)\b,?|"
    r"\b(?:[A-Z][a-z]+(?: and [A-Z][a-z]+)?) (?:says?|writes?|reports?|tells?|adds?|records?|notes?) that\b|"
    r", (?:says|writes|wrote|said) [A-Z][a-z]+(?: [A-Z][a-z]+)*,|,? by [A-Z][a-z]+(?: [A-Z][a-z]+)*'s (?:account|telling),?|"
    r"(?<=\w), (?:then )?aged (?:about |only )?[a-z0-9-]+(?=,)"
)
_DEATH = re.compile(r"\b(died|dead|buried|funeral|burial|tomb|grave|deathbed|suicide|assassinated|murdered|executed|beheaded|last words)\b")


_BORN_INTO = _words("father mother brother sister grandfather grandmother uncle aunt")


class Story:
    """A life to be read: knows the protagonist's names and pronoun, who the others are, and turns sentences into statements.

    `texts` are the paragraphs. Deterministic; reading a paragraph needs no other paragraph's statements.
    """

    def __init__(self, name: str, short_name: str, texts: list[str], end=None):
        self.name, self.short_name, self.texts, self.end = name, short_name, [" ".join(text.split()) for text in texts], end
        whole = " ".join(self.texts)
        self.words = frozenset(
            word
            for word in re.findall(r"(?<=[a-z,;’'\d] )([A-Z][\w’-]+)", re.sub(r"['’]s\b", "", whole))
            if word not in {"The", "A", "An", "I", *MONTHS}
        )
        names = [word for word in re.findall(r"[^\W\d_][\w'’-]*", name) if word[0].isupper() and not re.fullmatch(r"[IVX]+", word)]
        self.self_words = frozenset([*names, *short_name.split()])
        self.words |= self.self_words
        self.alone = {name, short_name, names[0] if names else name}
        self.pronoun = self._pronoun(whole)
        self.cut = [[tokens(self._unhedged(s), self.words, self.self_words) for s in sentences(text)] for text in self.texts]
        self.kinds, self.genders = self._types()
        self.kin: dict[str, str] = {}
        self.plans = [self._plan(index) for index in range(len(self.texts))]
        self.commentators = self._commentators()
        self.kin = self._kin()
        self.kinds.update(dict.fromkeys(self.kin, "person"))
        self.appositions = self._appositions()

    # -- who --

    def _pronoun(self, text: str) -> str:
        counts = Counter(word.lower() for word in re.findall(r"\b(?:[Hh]e|[Ss]he|[Hh]is|[Hh]er|[Tt]hey|[Tt]heir)\b", text))
        opening = Counter(word.lower() for word in re.findall(r"(?:^|[.!?] )(He|She|They)\b", text))
        male, female = counts["he"] + counts["his"], counts["she"] + counts["her"]
        if opening["they"] > 2 * max(opening["he"], opening["she"]) and counts["they"] > max(male, female) / 2:
            return "they"
        named = len(re.findall(rf"\b{re.escape(self.short_name)}\b[^.]{{0,80}}\b(?:his|he)\b", text))
        named_f = len(re.findall(rf"\b{re.escape(self.short_name)}\b[^.]{{0,80}}\b(?:her|she)\b", text))
        return "she" if female + 2 * named_f > male + 2 * named else "he"

    @property
    def forms(self) -> dict[str, str]:
        """The protagonist's pronoun forms: form -> role (subject, object, possessive, reflexive; her is both)."""
        return {
            "he": {"he": "subject", "him": "object", "his": "possessive", "himself": "reflexive"},
            "she": {"she": "subject", "her": "her", "hers": "mine", "herself": "reflexive"},
            "they": {
                "they": "subject",
                "them": "object",
                "their": "possessive",
                "themselves": "reflexive",
                "themself": "reflexive",
                "theirs": "mine",
            },
        }[self.pronoun]

    def is_self(self, token: Token) -> bool:
        """Whether a name token is the protagonist's own."""
        if token.kind != "name":
            return False
        if token.text in self.alone:
            return True
        words = token.text.split()
        return len(words) > 1 and (set(words) <= self.self_words and self.short_name in words
                                   or (self.name in token.text and token.text.endswith(self.short_name)
                                       and len(words) <= len(self.name.split()) + 2)
                                   or (token.text.startswith(self.name)))  # fmt: skip

    def _types(self) -> tuple[dict[str, str], dict[str, str]]:
        votes: dict[str, Counter] = {}
        genders: dict[str, Counter] = {}
        for words in (words for text in self.cut for words in text):
            for index, token in enumerate(words):
                if token.kind != "name" or self.is_self(token):
                    continue
                vote = votes.setdefault(token.text, Counter())
                gender = genders.setdefault(token.text, Counter())
                before = words[index - 1] if index else Token("", "end")
                earlier = words[index - 2] if index > 1 else Token("", "end")
                after = words[index + 1] if index + 1 < len(words) else Token("", "end")
                own = token.text.split()
                if own[-1] in PLACE_MARKS or own[0] in {"Mount", "Cape", "Port", "Lake", "Fort"}:
                    vote["place"] += 3
                if token.text in COUNTRIES:
                    vote["place"] += 8
                if before.low in SHIPS or before.low in {"called", "named"} and earlier.low in SHIPS:
                    vote["thing"] += 4
                if own[0].rstrip(".") in PERSON_MARKS and len(own) > 1:
                    vote["person"] += 4
                    mark = PERSON_MARKS[own[0].rstrip(".")]
                    gender[mark or "?"] += 3
                first = own[1] if own[0].rstrip(".") in PERSON_MARKS and len(own) > 1 else own[0]
                if first in _MALE | _FEMALE:
                    vote["person"] += 2
                    gender["m" if first in _MALE else "f"] += 2
                if before.low in {"in", "at", "near", "into", "outside"}:
                    vote["place"] += 3 if len(own) == 1 else 2
                elif before.low in {"to", "from"} and any(
                    base(w.low) in _MOVING for w in words[max(0, index - 5) : index] if w.kind == "word"
                ):
                    vote["place"] += 1
                elif before.low in {"met", "married", "taught", "by", "told", "asked", "befriended", "and"}:
                    vote["person"] += 1 if before.low != "and" else 0
                if before.kind == "word" and before.low in KIN | ROLES or earlier.low in KIN and before.text == ",":
                    vote["person"] += 3
                    kin = before.low if before.low in KIN else earlier.low
                    gender[(KIN | ROLES).get(kin, "") or "?"] += 3
                if before.low in {"was", "were"} and earlier.low in KIN | ROLES or before.low == "named" and earlier.kind == "word":
                    vote["person"] += 3
                    gender[(KIN | ROLES).get(earlier.low, "") or "?"] += 3
                if after.kind == "word" and (is_past(after.low) and after.low not in BE and before.low not in PREPOSITIONS):
                    vote["person"] += 1
                if after.text == "," and index + 2 < len(words) and words[index + 2].low in {"who"}:
                    vote["person"] += 2
                if before.low in {"from", "to", "of", "towards"} and len(own) == 1:
                    vote["place"] += 0.4
                if own[0] in {"St", "Saint", "San"} and before.low in PREPOSITIONS:
                    vote["place"] += 2
                if all(_common(word) for word in own) and own[0] not in PERSON_MARKS and not _MALE.union(_FEMALE) & set(own):
                    vote["thing"] += 1.2
                if (after.kind == "of" or len(own) > 1) and before.low not in PREPOSITIONS - {"with", "by", "under"}:
                    vote["person"] += 0.5
                if before.low == "the":
                    vote["thing"] += 3
        kinds = {}
        for name, vote in votes.items():
            best = vote.most_common(1)
            if best and best[0][1] < 1 and " " not in name and not senses(name.lower()) and vote["person"] >= max(vote["place"], 0.5):
                kinds[name] = "person"
                continue
            kinds[name] = best[0][0] if best and best[0][1] >= 1 else best[0][0] if best and len(name.split()) > 1 else "thing"
        return kinds, {name: _clear(count) for name, count in genders.items()}

    def kind(self, token: Token) -> str:
        """person, place or thing for a name; a surname alone is what the full name is."""
        if token.kind == "title":
            return "work"
        if token.kind != "name":
            return ""
        if self.is_self(token):
            return "self"
        full = self.full(token.text)
        return self.kinds.get(full, self.kinds.get(token.text, "thing"))

    def full(self, name: str) -> str:
        """The longest known name that a shorter one ends, when there is exactly one."""
        if " " in name:
            return name
        longer = [other for other in self.kinds if other.split()[-1] == name and other != name and self.kinds[other] == "person"]
        return longer[0] if len(longer) == 1 else name

    def gender(self, token: Token) -> str:
        """m, f or "" (unknown) of a named person or of a kinship word."""
        if token.kind == "name":
            return self.genders.get(self.full(token.text)) or self.genders.get(token.text) or ""
        singular = token.low
        return {**KIN, **ROLES, "man": "m", "woman": "f", "boy": "m", "girl": "f", "king": "m", "queen": "f", "widow": "f", "nun": "f",
            "priest": "m",
                "lady": "f", "gentleman": "m", "actress": "f"}.get(singular, "")  # fmt: skip

    def _kin(self) -> dict[str, str]:
        """Names of kin and close people, from 'his brother Karl', 'Karl, his brother', 'his father was Karl': name -> my word for it."""
        found: dict[str, str] = {}
        own = set(self.forms) - {"he", "she", "they"}
        pairs = {**KIN, **ROLES}
        rows = [(words, plan) for text, plans in zip(self.cut, self.plans, strict=True) for words, plan in zip(text, plans, strict=True)]
        for words, (clauses_of, _, own_focus) in rows:
            subject = clauses_of[0][1] if clauses_of else None
            his = subject is not None and subject[0] == "me" or own_focus
            if subject is not None and subject[0] == "me":
                found.update({name: kin for name, kin in self._parents(words).items() if name not in found})
            for index, token in enumerate(words):
                if token.kind != "word" or token.low not in pairs:
                    continue
                back = index - 1
                while back >= 0 and words[back].kind in {"word", "number"} and ("ADJ" in senses(words[back].low)
                    or words[back].low in UNITS) and (
                    words[back].low not in own
                ):  # fmt: skip
                    back -= 1
                owner = words[back] if back >= 0 else Token("", "end")
                earlier = [t for n, t in enumerate(words[:back]) if self.could_be(t)]
                beside = token.low in {"mother", "father"} and all(
                    t.low in KIN or n and words[words.index(t) - 1].low in KIN for n, t in enumerate(earlier, 1)
                )
                mine = (
                    his and owner.low in own and (not earlier or beside) or (owner.kind == "of" and back and self.is_self(words[back - 1]))
                )
                after = words[index + 1] if index + 1 < len(words) else Token("", "end")
                later = words[index + 2] if index + 2 < len(words) else Token("", "end")
                if not mine and after.low == "of" and self.is_self(later):
                    mine = True
                    after, later = (words[i] if i < len(words) else Token("", "end") for i in (index + 3, index + 4))
                if not mine:
                    continue
                name = ""
                if after.kind == "name":
                    name = after.text
                elif after.text in {",", "was", "were"} and later.kind == "name":
                    name = later.text
                elif index >= 2 and words[back - 1].text == "," and words[back - 2].kind == "name" and after.text in {",", ".", ""}:
                    name = words[back - 2].text
                if name and not self.is_self(Token(name, "name")) and name not in found and self.kinds.get(name) == "person":
                    found[name] = token.low
        return found

    def _parents(self, words: list[Token]) -> dict[str, str]:
        """'born … to Thomas Verghese, a schoolteacher, and Annamma Kurian', 'daughter of X and Y' -> father and mother."""
        for index, token in enumerate(words[:-1]):
            opens = (
                token.low == "to"
                and any(t.low == "born" for t in words[:index])
                or token.low == "of"
                and words[index - 1].low in {"son", "daughter", "child"}
            )
            if not opens or words[index + 1].kind != "name":
                continue
            names = []
            for token in words[index + 1 :]:
                if token.kind == "name":
                    names.append(token)
                elif token.low in PREPOSITIONS or token.kind == "date" or len(names) == 2 or token.low in AUXILIARIES:
                    break
            genders = [self.gender(token) for token in names[:2]]
            if len(names) == 2 and (genders[0] == "f" or genders[1] == "m"):
                genders = [genders[0] or "f", genders[1] or "m"]
            elif len(names) == 2:
                genders = [genders[0] or "m", genders[1] or "f"]
            known = {"m": "father", "f": "mother"}
            return {token.text: known[gender] for token, gender in zip(names, genders, strict=False) if gender and not self.is_self(token)}
        return {}

    def _commentators(self) -> set[str]:
        """Those who only ever say something about the life: later writers, not people in it."""
        said, did = Counter(), Counter()
        for clause, who in (row for plans in self.plans for rows, *_ in plans for row in rows):
            if who and who[0] == "person" and len(who[1]) == 1 and who[1][0].kind == "name":
                telling = clause.verb.lemma in _SAYING - {"find", "hope", "fear", "know", "feel", "remember", "answer"} | {
                    "call", "praise", "describe", "quote", "attribute", "mention", "date", "place", "judge", "paint", "count", "reckon",
                        "give", "put"}  # fmt: skip
                (said if telling else did)[self.full(who[1][0].text)] += 1
        known = {
            "Plutarch",
            "Suetonius",
            "Appian",
            "Cassius Dio",
            "Dio",
            "Josephus",
            "Galen",
            "Philostratus",
            "Livy",
            "Vasari",
            "Florus",
            "Wikipedia",
        }
        return {name for name in said if said[name] > 1 and not did[name]} | known

    def could_be(self, token: Token) -> bool:
        """Whether the protagonist's pronoun could mean this token instead."""
        wanted = {"he": "m", "she": "f", "they": "?"}[self.pronoun]
        if token.kind == "name":
            return self.kind(token) == "person" and (self.gender(token) in {"", wanted})
        person = token.kind == "word" and token.low in {**KIN, **ROLES, "man": 1, "woman": 1, "boy": 1, "girl": 1, "king": 1,
            "queen": 1, "clerk": 1,
            "merchant": 1, "governor": 1, "prince": 1, "emperor": 1, "priest": 1, "child": 1, "baby": 1, "widow": 1, "poet": 1,
                "officer": 1}  # fmt: skip
        if self.pronoun == "they":
            return (
                token.kind == "word"
                and token.low.endswith("s")
                and "NOUN" in senses(token.low)
                and len(token.low) > 3
                and token.low not in TIME_NOUNS
            )
        return person and self.gender(token) in {"", wanted}

    def _appositions(self) -> dict[str, str]:
        """'Barnabas Fitch, a retired naval master with a wooden leg' -> what he was."""
        found: dict[str, str] = {}
        for words in (words for text in self.cut for words in text):
            for index, token in enumerate(words[:-3]):
                if (
                    token.kind == "name"
                    and self.kind(token) == "person"
                    and words[index + 1].text == ","
                    and words[index + 2].low in {"a", "an", "the"}
                ):
                    rest = words[index + 2 :]
                    end = next(
                        (i for i, word in enumerate(rest) if word.text in {",", ".", ";", ")"} or word.low in RELATIVES | {"and", "that"}),
                        len(rest),
                    )
                    piece = rest[:end]
                    head = Part("object", tuple(piece)).head.low if piece else ""
                    if 2 <= len(piece) <= 12 and token.text not in found and "NOUN" in senses(head) and head not in {"first", "second",
                        "third", "elder",
                            "younger", "last", "eldest", "youngest", "other", *TIME_NOUNS} and not any(
                        word.low in PRONOUNS | POSSESSIVES or self.is_self(word) or word.kind == "word" and word.low in AUXILIARIES
                            for word in piece
                    ):  # fmt: skip
                        found[token.text] = join(piece)
        return found

    def known_as(self, name: str, person: str = "I") -> str:
        """A name with what it is to the protagonist: my brother Hannibal."""
        word = self.kin.get(name)
        if not word:
            return name
        given = [part for part in name.split() if part not in self.self_words or part == name.split()[0]]
        short = given[0] if len(given) == 1 else " ".join(given) if len(given) < len(name.split()) and given else name
        alone = list(self.kin.values()).count(word) == 1
        return f"your {word}{'' if alone else ' ' + short}" if person == "you" else f"my {word} {short}"

    # -- reading --

    def _unhedged(self, sentence: str) -> str:
        return re.sub(
            r"\s+", " ", _HEDGE.sub(lambda m: " " if m[0].startswith((" ", ",")) or not m[0][0].isupper() else "", sentence)
        ).strip()

    def _plan(self, index: int) -> list[tuple[list[tuple], bool, bool]]:
        """For every sentence of a paragraph: its clauses with whom each is about; whether "his" at its start is the protagonist's; and so for kin."""
        own = {"he": "m", "she": "f", "they": "t"}[self.pronoun]
        focus: dict[str, tuple | None] = {"m": None, "f": None, own: ("me", None)}
        plan = []
        family = False  # "Her mother was Hester. Her brother …": a family told in a row is one person's
        for words in self.cut[index]:
            mine = focus[own] is not None and focus[own][0] == "me"
            rows, previous, first = [], None, True
            for clause in clauses(words):
                who = self.who(clause, None if first else previous, focus, own)
                rows.append((clause, who))
                said = clause.verb.lemma in _SAYING and any(part.kind == "that" for part in clause.parts)
                plural = any(token.low == "and" for token in clause.subject)
                if who and not clause.relative and not said and not plural and (first or who[0] == "me"):
                    self._attend(who, focus, own, any(token.low in self.forms for part in clause.parts for token in part.tokens))
                if own == "f" and who and who[0] == "thing" and any(set(token.low.split()) & SHIPS for token in clause.subject):
                    focus[own] = None  # a ship is "she" too
                if not clause.relative:
                    previous = who
                first = False
            self._mentions(words, rows, focus, own)
            opening = words[0].low in self.forms and any(token.low in _BORN_INTO for token in words[1:4])
            plan.append((rows, mine, mine or (family and opening)))
            named = bool(rows) and rows[0][0].verb.form == "be" and opening
            family = (mine or family) and opening and (named or family) if rows else False
        return plan

    def _attend(self, who: tuple, focus: dict, own: str, mentioned: bool) -> None:
        """The subject of a sentence is whom the next pronoun means."""
        if who[0] == "me":
            focus[own] = who
        elif who[0] == "person":
            gender = self._head_gender(who[1])
            if gender:
                focus[gender] = who
                return
            focus.update({slot: None for slot in ("m", "f") if slot != own})
            if own != "t" and (own == "m" or not mentioned):  # an unknown name who does something to "her" is rarely the next "she"
                focus[own] = who

    def _mentions(self, words: list[Token], rows: list, focus: dict, own: str) -> None:
        """Whoever else a sentence names makes a pronoun doubtful, or is meant by the other pronoun."""
        if rows and rows[0][0].verb.lemma in _SAYING and rows[0][1] and rows[0][1][0] == "person":
            return  # "Strabo complained that he …" speaks of whom the text spoke before
        subject = rows[0][1] if rows else None
        subject_words = set(subject[1] or ()) if subject else set()
        named = [token for token in words if token.kind == "name" and self.kind(token) == "person" and token not in subject_words]
        if not rows:
            if any(self.could_be(token) for token in named):
                focus[own] = None
            elif any(self.is_self(token) for token in words):
                focus[own] = ("me", None)
        elif (subject is None or subject[0] == "thing") and any(self.could_be(token) for token in named):
            focus[own] = None
        for slot in {"m", "f"} - {own}:
            others = {token.text: token for token in named if self.gender(token) in {slot, ""}}
            if subject and subject[0] == "person" and self._head_gender(subject[1]) in {slot, ""}:
                focus[slot] = subject if not others else None
            elif others:
                focus[slot] = ("person", tuple(others.values())) if len(others) == 1 and self.gender(*others.values()) == slot else None

    def read(self, index: int) -> list[Statement]:
        """The statements of paragraph `index`, in order; what is doubtful, posthumous or about the telling itself is left out."""
        from charlib.profile import dates_in

        found: list[Statement] = []
        for raw, words, (rows, mine, _) in zip(sentences(self.texts[index]), self.cut[index], self.plans[index], strict=True):
            if any(self.end and date.after(self.end) for date in dates_in(raw)) or _META.search(self._unhedged(raw)):
                continue
            for clause, who in rows:
                statement = self.statement(clause, who, index, raw, words, mine) if who else None
                if statement:
                    found.append(statement)
        return found

    def who(self, clause: Clause, previous, focus: dict, own: str):
        """(me|person|thing, tokens) for a subject, or None when it cannot be told."""
        subject = clause.subject
        if not subject:
            return None
        first, last = subject[0], subject[-1]
        bare = [
            token
            for token in subject
            if token.low not in {"the", "young", "little", "old", "boy", "girl", "child", "new", "future", "elder"}
        ]
        if len(bare) == 1 and self.is_self(bare[0]):
            return "me", None
        if len(subject) == 1 and first.kind == "word" and first.low in PRONOUNS:
            if first.low == self.pronoun:
                if previous and previous[0] == "person" and self._head_gender(previous[1]) in {own, ""}:
                    return None
                return focus[own] if focus[own] and focus[own][0] == "me" else None
            if first.low in {"he", "she"}:
                slot = "m" if first.low == "he" else "f"
                if previous and previous[0] == "person" and self._head_gender(previous[1]) == slot:
                    return previous
                return focus.get(slot)
            children = any(
                token.low in {"children", "sons", "daughters", "son", "daughter", "child"} for part in clause.parts for token in part.tokens
            )
            if first.low == "they" and clause.verb.words == ("had",) and children:
                return "me", None
            return ("thing", subject) if first.low in {"nobody", "everyone", "everybody"} else None
        if any(token.low in {"they", "it", "them", "who", "which", "he", "she"} for token in subject):
            return None
        if any(self.is_self(token) and not (n + 1 < len(subject) and subject[n + 1].kind == "of" or n and subject[n - 1].low == "of")
               for n, token in enumerate(subject)):  # fmt: skip
            return None
        head = Part("object", subject).head
        if head.kind == "word" and not {"NOUN"} & set(senses(head.low)) and senses(head.low) and head.low not in DETERMINERS:
            return None
        if clause.relative and head.kind == "name" and self.kind(head) != "person":
            return None
        if head.low in {
            "boy",
            "girl",
            "child",
            "youth",
            "latter",
            "former",
            "young",
            "elder",
            "queen",
            "king",
            "princess",
            "prince",
            "emperor",
            "dictator",
            "composer",
            "poet",
            "author",
            "artist",
            "captive",
            "consul",
        } and (subject[0].low == "the" and not any(token.kind == "name" for token in subject)):
            return None
        if any(token.kind == "name" and self.kind(token) == "person" for token in subject) and (
            head.kind == "name" and self.kind(head) == "person" or last.kind == "name" and self.kind(last) == "person"
                and not PREPOSITIONS & {t.low for t in subject}
        ):  # fmt: skip
            return "person", subject
        if head.kind == "name":
            return ("person" if self.kind(head) == "person" else "thing"), subject
        if head.kind == "word" and head.low in {**KIN, **ROLES} or self.gender(head):
            return "person", subject
        return "thing", subject

    def _head_gender(self, subject: tuple[Token, ...]) -> str:
        for token in (subject[-1], Part("object", subject).head, *subject):
            gender = self.gender(token)
            if gender:
                return gender
        return ""

    def statement(self, clause: Clause, who, paragraph: int, raw: str, words: list[Token], focused: bool) -> Statement | None:
        """A clause as the protagonist's statement, or None: death, doubt, or nothing said."""
        kind, subject = who
        verb = clause.verb
        if kind == "me" and (verb.lemma in {"die", "bury"} or _DEATH.search(" ".join(verb.words))
            or verb.words[-1] in {"killed", "poisoned", "survived"}
                             and verb.passive):  # fmt: skip
            return None
        if verb.lemma == "survive" and kind != "me" or verb.form == "present" and kind != "me":
            return None
        if kind != "me" and verb.words[0] in {"is", "are", "has"}:
            return None
        if kind == "person" and any(self.full(token.text) in self.commentators for token in subject if token.kind == "name"):
            return None
        if (
            kind == "me"
            and verb.form == "present"
            and verb.lemma not in _MOVING | {"teach", "own", "keep", "love", "make", "speak", "run", "use", "sell"}
        ):
            return None
        lowered, wanted = [token.low for token in words], [token.low for token in clause.subject]
        spot = next((n for n in range(len(words)) if lowered[n : n + len(wanted)] == wanted), 0)
        earlier = tuple(words[:spot])
        bare = Statement(clause, kind, "", "", self, paragraph, raw, who=subject or (), earlier=earlier, focused=focused or kind == "me")
        label = label_you = ""
        if kind != "me":
            label, label_you = self.label(subject, bare, "I"), self.label(subject, bare, "you")
            if not label:
                return None
            if re.match(r"(?:me|you)\b", label):
                return None
        bare = replace(bare, label=label, label_you=label_you)
        if kind == "me" and any(self.is_self(token) and not (n + 1 < len(part.tokens) and part.tokens[n + 1].kind == "of")
                                for part in clause.parts for n, token in enumerate(part.tokens)
                                    if part.kind in {"object", "person", "other"}):  # fmt: skip
            return None
        front, parts, dropped = [], [], False
        for part in clause.lead:
            part = self.typed(part)
            if part.kind in {"time", "span", "place"} and self.shift(part.tokens, bare, "I"):
                front.append(part)
        for part in clause.parts:
            part = self.typed(part)
            who_at = next((n for n, token in enumerate(part.tokens) if n and token.low == "who"), None)
            if part.kind == "complement" and kind == "me" and who_at and any(token.kind == "date" for token in part.tokens[who_at:]):
                part = replace(part, tokens=part.tokens[:who_at])
            vague = part.kind == "object" and len(part.tokens) < 3 and part.head.low in {"both", "all", "some", "others", "one", "many",
                "none", "it", "them",
                                                                                         "several", "most", "two", "this", "that",
                                                                                             "him", "her"}  # fmt: skip
            if vague and self.shift(part.tokens, bare, "I") not in {"me"}:
                return None
            if not self.shift(part.tokens, bare, "I"):
                first = part is not None and not parts and part.kind not in {"when", "reason", "clause", "with", "time"}
                weak = verb.lemma in _words("take bring put send make see find lead have set go come return get")
                if part.kind in {"object", "complement", "that", "to"} or first or verb.form == "be" or weak and len(parts) < 2:
                    return None
                while (
                    parts
                    and parts[-1].kind == "adverb"
                    and parts[-1].tokens[0].low in {"soon", "shortly", "just", "even", "only", "long", "immediately"}
                ):
                    parts.pop()
                dropped = True
                continue
            if dropped and part.kind not in {"reason", "when"}:
                continue
            if part.kind == "time" and not part.prep and len(part.tokens) == 2 and part.tokens[0].low == "the":
                dropped = True
                continue
            if part.kind == "adverb" and part.tokens[0].low in {"there", "then", "also", "however", "too"}:
                continue
            parts.append(part)
        parts = self.places_merged(parts)
        joined = [*parts, *[part for part in front if part.kind != "other"]]
        if not joined or not parts and verb.lemma not in _MOVING | {"marry", "retire", "bear", "drown", "fall", "sleep", "smoke", "laugh"}:
            return None
        if all(part.kind == "adverb" for part in joined):
            return None
        length = sum(len(part.tokens) for part in joined)
        if length > 40 or (verb.form == "be" and not parts):
            return None
        if verb.lemma in {"order", "ask", "tell", "let", "make", "have", "force", "allow", "want", "persuade", "help", "get", "see",
            "call", "name", "beg", "urge", "advise",
                              "invite", "press", "warn", "remind", "promise", "show", "lead", "find", "leave", "keep"} and (
            len(parts) == 1 and parts[0].kind == "object" and self.shift(parts[0].tokens, bare, "I") == "me"
        ):  # fmt: skip
            return None
        alone = len([part for part in parts if part.kind not in {"time", "adverb"}]) == 1 and parts and parts[0].kind == "object"
        if (
            alone
            and self._person(parts[0].head)
            and verb.lemma in _GIVING | {"ask", "order", "keep", "beg", "make", "let", "put", "have", "warn"}
        ):
            return None
        if verb.form == "simple" and verb.main in {"named", "called"} and kind != "me" and subject[0].low in {"the", "a", "an"}:
            return None
        if parts and all(part.kind in {"adverb", "time"} for part in parts) and any(part.tokens[0].low in {"on", "in", "off"}
            for part in parts
                                                                                    if part.kind == "adverb"):  # fmt: skip
            return None
        if any(re.search(r"\bthe (?:[a-z]+ )?(?:boy|girl|child|youth|queen|princess|king|young man|young woman|composer)\b(?! of)",
            join(part.tokens))
               for part in parts):  # fmt: skip
            return None
        if (
            verb.lemma in {"make", "give", "take", "buy", "build", "use", "see", "find", "keep", "have", "call", "put", "bring", "hold"}
            and verb.form == "simple"
        ) and not any(part.kind in {"object", "that", "to", "number"} for part in parts):
            return None
        if (
            kind == "me"
            and _DEATH.search(join([t for p in joined for t in p.tokens]))
            and re.search(rf"\b(?:{'|'.join(self.forms)}) (?:own )?(?:death|funeral|burial|grave|tomb)\b", raw)
        ):
            return None
        return replace(
            bare,
            parts=tuple(joined),
            front=front[0] if front else None,
            clause=replace(clause, verb=self.plain_past(verb, kind, subject, joined)),
        )

    def plain_past(self, verb: Verb, kind: str, subject, parts: list[Part]) -> Verb:
        """'had kept … since' is 'have kept … since' when I speak of myself; 'had met' is 'met'."""
        words = list(verb.words)
        if verb.form != "aux" or "had" not in words or any(word in {"not", "better", "to"} for word in words):
            return verb
        spot = words.index("had")
        if any(part.prep == "since" for part in parts):
            return replace(verb, words=tuple("have" if word == "had" else word for word in words)) if kind == "me" else verb
        plural = kind != "me" and (any(token.low == "and" for token in subject) or Part("object", tuple(subject)).head.low.endswith("s")
                                   and Part("object", tuple(subject)).head.kind == "word")  # fmt: skip
        if "been" in words:
            if words.index("been") == len(words) - 1 or plural:
                return verb
            words[words.index("been")] = "was"
            return replace(verb, words=tuple(words[:spot] + words[spot + 1 :]))
        past = past_of(base(verb.main))
        if not past or words[-1] != verb.main:
            return verb
        return Verb((*words[:spot], *words[spot + 1 : -1], past), "simple", past)

    def places_merged(self, parts: list[Part]) -> list[Part]:
        """'at Mechelen', 'in Brabant' are one place."""
        made: list[Part] = []
        for part in parts:
            if (
                made
                and made[-1].kind == part.kind == "place"
                and part.prep in {"in", "near", "on", "off", "outside", "of", "at"}
                and made[-1].prep not in {"from"}
            ):
                made[-1] = replace(made[-1], tokens=made[-1].tokens + part.tokens)
            else:
                made.append(part)
        return made

    def label(self, subject: tuple[Token, ...], statement: Statement, person: str) -> str:
        """How the protagonist names another subject: my brother Hannibal Harrow, Captain Garland, the orchestra."""
        own = statement.clause.subject
        if subject is not own and len(subject) > 6:
            subject = (Part("object", subject).head,)
        if [token.low for token in subject] in (["the", "father"], ["the", "mother"]):
            return f"{'my' if person == 'I' else 'your'} {subject[1].low}"
        named = [token for token in subject if token.kind == "name"]
        person_head = next((n for n, token in enumerate(subject) if token.kind == "name" and self.kind(token) == "person"), None)
        if person_head is not None and any(token.low in PREPOSITIONS - {"of"} or token.text == "," for token in subject[person_head + 1 :]):
            subject = subject[: person_head + 1]
        while subject and subject[-1].text == ",":
            subject = subject[:-1]
        if len(subject) == 1 and named:
            return self.known_as(self.full(named[0].text) if len(named[0].text.split()) == 1 else named[0].text, person)
        if subject[0].kind == "word":
            subject = (replace(subject[0], text=subject[0].low), *subject[1:])
        text = self.shift(subject, replace(statement, subject="label"), person)
        return text if len(subject) <= 14 and not text.startswith(("there", "what")) else ""

    def typed(self, part: Part) -> Part:
        """The part with its kind settled by what its names are."""
        head = part.head
        if part.kind == "other" and head.kind in {"name", "title"}:
            kind = self.kind(head)
            if kind == "place" and part.prep in {"in", "at", "near", "to", "into", "from", "on", "outside", "off", "across", "through",
                "around", "above",
                                                 "for", "towards", "under", "by", "round", "between", "beside", "opposite"}:  # fmt: skip
                return replace(part, kind="place")
            if kind == "person":
                return replace(part, kind="person")
        if part.kind == "other" and head.kind == "word" and self.gender(head) and part.prep in {"with", "from", "to", "by", "for", "under"}:
            return replace(part, kind="person")
        return part

    # -- person --

    def shift(self, words: tuple[Token, ...], statement: Statement, person: str) -> str:
        """The words with the protagonist as I or you. Empty when a pronoun might be somebody else."""
        out: list[Token] = []
        mine = statement.subject == "me"
        forms = self.forms
        before = [token for token in statement.clause.subject] if not mine and statement.subject != "label" else []
        flat = [token for part in statement.clause.parts for token in part.tokens]
        if words and words[0] in flat:
            spot = next((i for i in range(len(flat)) if tuple(flat[i : i + len(words)]) == tuple(words)), 0)
            before += flat[:spot]
        subject_tokens = set(statement.clause.subject) if words[0].low not in SUBORDINATORS | {"that", "to"} else set()
        skip = False
        for index, token in enumerate(words):
            if skip:
                skip = False
                continue
            after = words[index + 1] if index + 1 < len(words) else Token("", "end")
            seen = [*before, *words[:index]]
            if self.is_self(token):
                if after.kind == "of":
                    while out and out[-1].low in {"young", "old", "little", "the"}:
                        out.pop()
                    out.append(Token("my" if person == "I" else "your", "word"))
                    skip = True
                else:
                    subject = after.kind == "word" and (after.low in AUXILIARIES or is_past(after.low)) and index > 0 and (
                        words[index - 1].low in SUBORDINATORS | RELATIVES | {"that", "and", "what", "how", "why", "whether"}
                    )  # fmt: skip
                    out.append(Token(("I" if person == "I" else "you") if subject else "me" if person == "I" else "you", "self"))
                continue
            low = token.low if token.kind == "word" else ""
            if low in forms:
                role = forms[low]
                if role == "her":
                    giving = (
                        out
                        and out[-1].kind == "word"
                        and base(out[-1].low) in _GIVING
                        or not out
                        and statement.clause.verb.lemma in _GIVING
                    )
                    role = "possessive" if _opens_noun(after) and not (giving and after.kind == "number") else "object"
                    plain = after.kind == "word" and "ADJ" not in senses(after.low) and after.low not in KIN
                    if giving and role == "possessive" and plain and after.low.endswith("s"):
                        return ""  # "gave her lessons"
                if not self._means_me(role, seen, mine, statement, words, index):
                    return ""
                table = {"subject": ("I", "you"), "object": ("me", "you"), "possessive": ("my", "your"),
                    "reflexive": ("myself", "yourself"),
                         "mine": ("mine", "yours")}  # fmt: skip
                out.append(Token(table[role][person != "I"], "self"))
            elif low in {"he", "she", "him", "her", "his", "hers", "himself", "herself"}:
                wanted = "m" if low in {"he", "him", "his", "himself"} else "f"
                others = (
                    [t for t in seen if t not in subject_tokens]
                    if low in {"him", "her"} and not (low == "her" and _opens_noun(after))
                    else seen
                )
                if not any(self._person(t) and self.gender(t) == wanted for t in others):
                    return ""
                out.append(token)
            elif low in {"they", "them", "their", "themselves", "theirs"}:
                if not any(t.kind == "word" and t.low.endswith("s") and "NOUN" in senses(t.low) or t.low == "and" for t in seen):
                    return ""
                out.append(token)
            elif low in {"it", "its", "itself"}:
                if not any(t.kind == "title" or t.kind == "name" and self.kind(t) not in {"person", "self"} or t.kind == "word" and n
                           and "NOUN" in senses(t.low) and "ADJ" not in senses(t.low) and not _function(t) and not self.gender(t)
                           and (seen[n - 1].low in DETERMINERS | POSSESSIVES or "ADJ" in senses(seen[n - 1].low)
                               or seen[n - 1].kind in {"of", "number"})
                           for n, t in enumerate(seen)):  # fmt: skip
                    return ""
                out.append(token)
            elif low in {"these", "those"} and after.low in TIME_NOUNS:
                return ""
            elif low in {"these", "those"} and after.kind == "word" and not _function(after):
                out.append(Token("the", "word"))
            elif low in {"former", "latter", "thereby", "same"} or (
                low in {"this", "these", "those", "such"} and (after.kind in {"end", "mark"} or low == "these")
            ):
                return ""
            elif out and out[-1].kind == "self" and out[-1].text in {"I", "you"} and low in {"was", "were", "is", "has", "are"}:
                forms_i = (
                    {"were": "was", "is": "am", "has": "have", "are": "am"}
                    if person == "I"
                    else {"was": "were", "is": "are", "has": "have"}
                )
                out.append(Token(forms_i.get(low, low), "word"))
            else:
                out.append(token)
        text = re.sub(r"\b(?:[Tt]he|[Aa]n?) (?:(?:young|old|little|boy|girl|child|future|new) )*(?=(?:me|you)\b)", "", join(out))
        text = re.sub(
            r"\b[Tt]he ((?:[a-z-]+ ){1,3})of (?:me|you)\b(?! and)", lambda m: f"{'my' if person == 'I' else 'your'} {m[1]}".rstrip(), text
        )
        return "" if re.search(r"\bof (?:me|you)\b", text) and "one of" not in text else text

    def _person(self, token: Token) -> bool:
        return token.kind == "name" and self.kind(token) == "person" or token.kind == "word" and bool(self.gender(token))

    def _means_me(self, role: str, seen: list[Token], mine: bool, statement: Statement, words, index: int) -> bool:
        """Whether the protagonist's pronoun at this place can only be the protagonist."""
        if not mine and not statement.focused and role != "object":
            return False
        rival = [token for token in (seen if mine else [*statement.earlier, *seen]) if self.could_be(token)]
        if statement.subject == "label":
            return not rival
        if mine:
            if role == "object":  # "he showed him": never oneself, unless somebody else acts ("he asked Neefe to teach him")
                acted = any(t.low == "to" for t in words[:index]) or words[0].low in SUBORDINATORS | {"that", "who", "which"}
                return acted and len(rival) <= 1 and any(self._person(t) for t in seen)
            if role == "possessive" and rival:
                return len(rival) == 1 and rival[0].low in KIN and words[index + 1 : index + 2] != () and False
            return not rival
        subject = statement.who or statement.clause.subject
        theirs = any(self.could_be(token) for token in subject)
        rival += [token for token in subject if self.could_be(token) and token not in rival]
        if role == "object":
            return len({self.full(token.text) for token in rival if token.kind == "name" or not theirs}) <= (1 if theirs else 0)
        if role == "reflexive":
            return False
        if role == "possessive" and theirs and index == 0 and words[index + 1 : index + 2] and words[index + 1].low in KIN:
            return False
        return not rival


_HUMAN = _words("""
    people men women children friends soldiers pirates cooks maids nobles guests boys girls neighbours kings troops citizens workers
    students pupils critics monks nuns priests thieves crowd family parents wits council senate knights peasants slaves jurors
    doctors nurses police committee couple villagers knight slave crew gang noblemen clerk clerks chief chiefs cousins brothers
    sisters sons daughters
""")  # fmt: skip


def is_human(head: Token) -> bool:
    """Whether a common noun, or a people's name in the plural, means persons."""
    if head.kind == "name":
        return " " not in head.text and head.text.endswith(("ans", "ese"))
    return head.low in _HUMAN or bool(re.search(r"(?:[lsdtrkgnmp]ers?|[ts]ors?|ists?|men|ians?|wom[ae]n|folk|keepers?)$",
        head.low)) and head.low not in {
        "paper", "papers", "river", "number", "numbers", "letter", "letters", "winter", "summer", "order", "orders", "water", "dinner",
            "supper", "motor",
        "tower", "powder", "matter", "quarter", "quarters", "cellar", "barometer", "chapter", "border", "timber", "corner",
            "master piece", "pepper", "butter",
        "silver", "copper", "computer", "theater", "center", "register", "charter", "ladder", "feather", "weather", "leather", "danger",
            "hunger", "anger",
        "october", "specimen", "list", "lists", "consumer", "steamer", "steamers", "regimen", "factor", "factors", "sector", "temper",
            "slippers", "manner",
        "manners", "customer", "trailer", "engine driver", "cancer", "finger", "fingers", "poster", "posters", "newspaper",
            "newspapers", "disaster"}  # fmt: skip


def _clear(count: Counter) -> str:
    known = {name: count[name] for name in ("m", "f") if count[name]}
    return max(known, key=known.get) if known and (len(known) == 1 or abs(known.get("m", 0) - known.get("f", 0)) > 1) else ""


def _opens_noun(token: Token) -> bool:
    """Whether what follows 'her' makes it a possessive."""
    if token.kind in {"name", "number", "title"}:
        return token.kind != "name"
    if token.kind != "word" or _function(token) or token.low in DETERMINERS | PRONOUNS | POSSESSIVES:
        return token.low in {"own", "other", "first", "many", "half", "few"}
    found = set(senses(token.low))
    if is_gerund(token.low):
        return True
    if token.low in ADVERBS and token.low not in {"own", "first", "best", "home"}:
        return False
    return bool(found & {"NOUN", "ADJ"}) or is_participle(token.low) or not found
