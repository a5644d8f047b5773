"""English words as lists and rules: which words are determiners, kin, places; verb forms; numbers in words.

The one resource is lemminflect's word list (published by its author with its data inside): which words can be verbs, and their base forms.
"""

import re
from functools import lru_cache


@lru_cache(1_000)
def words_of(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]


DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Christmas", "Easter", "Lent"]


DETERMINERS = words_of("""
    the a an this that these those each every some any no both all another several many few much most other such half various more
    enough less one
""")  # fmt: skip


POSSESSIVES = {"his", "her", "its", "their", "my", "our"}


PREPOSITIONS = words_of("""
    in on at to from into onto by with for of about near under over after before during until till since through across against
    among between behind beside beneath above below upon within without around outside inside along beyond towards toward as like
    past opposite off round despite via throughout besides alongside aboard amid
""")  # fmt: skip


SUBORDINATORS = words_of("""
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


ADVERBS = words_of("""
    not never always often also then soon later once twice again still already even only first there here back home away out up down
    together almost nearly sometimes thereafter afterwards instead abroad perhaps seldom ever well just both too alone apart aside
    next now everywhere nowhere ashore upstairs forth forward further yet over off far therefore however meanwhile thus elsewhere
    anew badly overseas indoors outright long hard straight least best round by on in quite rather mainly partly aloud
""")  # fmt: skip


PARTICLES = words_of("""
    back out up down away off over home on in round together forward aside
""")  # fmt: skip


TIME_NOUNS = words_of("""
    day days year years month months week weeks morning evening summer winter autumn spring night nights hour hours minute minutes
    time times afternoon season term century decade decades eve noon midnight dawn dusk age childhood youth boyhood girlhood
    mornings evenings summers winters fall christmas easter
""")  # fmt: skip


PLACE_NOUNS = words_of("""
    house home church village town city school island farm street room rooms palace court theatre theater hospital university
    college prison harbour port castle cottage shop garden country province valley mountain mountains river coast sea camp temple
    monastery convent workshop factory mill mine market quay cellar cellars attic flat apartment quarter district county parish
    academy institute laboratory studio office library museum station inn lodgings hall abbey cathedral chapel gallery observatory
    hut cabin shack barge tent tower roof moor marsh heath meadow field orchard vineyard dock docks shipyard brewery tannery tavern
    junction hilltop cliff beach lighthouse alley lane cave dish suburb neighbourhood region bank bay cove kitchen yard ship boat ward barn forest wood hill lake road square loft bakery
""")  # fmt: skip


PLACE_MARKS = words_of("""
    Street House Bay Cove Castle University College School Church Theatre River Sands Island Islands Sea Lane Road Square Hospital
    Abbey Palace Academy Institute County Row Bridge Hall Mount Lake Cathedral Chapel Garden Gardens Valley Isle Cape Observatory
    Moor Dale Pond Stone Heath Fell Wood Marsh Wharf Quay Beach Rock Cliff Farm Common Green Shipyard Dockyard Library Museum Forum Town City Harbour Port Head Hill Park Station Prison Mill Inn Yard
""")  # fmt: skip


BODIES = words_of("""
    Union Board Society Guild Club Company Association Party Order Army Navy Bank Press Committee Ministry Medal Prize Award Orchestra Quartet
    Times Gazette Council Fund League Corps Regiment Service Office Agency Commission Federation Foundation Festival Trust United
    Journal Review Herald Chronicle Radio Symphony Sonata Concerto Cup War Act Treaty
""")  # fmt: skip


PERSON_MARKS = {
    **dict.fromkeys(words_of("""
    Captain King Prince Count Duke Sir Lord Emperor Mr Archduke Baron Father Brother Earl Monsieur Herr Pope Bishop Master Uncle
    Elector
    """), "m"),
    **dict.fromkeys(words_of("""
    Queen Mrs Miss Ms Countess Empress Princess Lady Duchess Madame Sister Frau Baroness Aunt
    """), "f"),
    **dict.fromkeys(words_of("""
    Dr Doctor Professor Reverend General Colonel Major Judge President
    """), ""),
}  # fmt: skip


SHIPS = words_of("""
    ship boat vessel brig sloop schooner frigate cutter privateer steamer yacht indiaman barque liner
""")  # fmt: skip


KIN = {
    **dict.fromkeys(words_of("""
    father brother son husband uncle nephew grandfather grandson stepfather half-brother fiancé godfather great-nephew son-in-law
    brother-in-law
    """), "m"),
    **dict.fromkeys(words_of("""
    mother sister daughter wife aunt niece grandmother granddaughter stepmother half-sister fiancée godmother sister-in-law
    """), "f"),
    **dict.fromkeys(words_of("""
    cousin partner twin
    """), ""),
}  # fmt: skip


ROLES = {
    **dict.fromkeys(words_of("""
    teacher tutor friend pupil student rival patron mentor colleague employer assistant servant neighbour publisher printer
    companion apprentice partner doctor supervisor editor
    """), ""),
    **dict.fromkeys(words_of("""
    maid schoolmistress landlady
    """), "f"),
    **dict.fromkeys(words_of("""
    schoolmaster boatman landlord
    """), "m"),
}  # fmt: skip


MALE_NAMES = words_of("""
    Adam Albert Alexander Alfred Andrew Anthony Anton Antonio Arthur Barnabas Benjamin Bernard Carl Charles Christian Christopher
    Claude Daniel David Edmund Edward Emil Ernst Ferdinand Francis Frank Franz Frederick Friedrich George Georg Gaius Gnaeus
    Giovanni Gottfried Gustav Hans Harold Harry Heinrich Henri Henry Hermann Hugh Ignaz Isaac Ivan Jack Jacob James Jean Jim Joe
    Johann John Johannes José Joseph Juan Julius Karl Kaspar Leonard Leopold Louis Lucas Lucius Ludwig Marcus Mark Martin Matthew
    Maximilian Michael Mohammed Moses Nicholas Nikolaus Octavian Oliver Otto Patrick Paul Pedro Peter Philip Philipp Pierre Plutarch
    Pompey Publius Quintus Ralph Raymond Richard Robert Roger Rudolph Samuel Sebastian Simon Stephan Stephen Strabo Thomas Tobias
    Tom Victor Vincent Walter Wilhelm William Wolfgang Yusuf Ahmed Ali Hassan Ravi Kenji Ptolemy Herod Titus Gideon Sean Ned Cicero
    Gerhard Lorenz Obed Hannibal Ambrose Jabez Augustus Felix Hugo Max Oscar Percy Rupert Silas Enoch Ezra Elijah Joshua Nathan
""")  # fmt: skip


FEMALE_NAMES = words_of("""
    Ada Agnes Alice Amelia Amy Ann Anna Anne Antonia Arsinoe Atia Aurelia Barbara Beatrice Berenice Bertha Bessie Betty Caroline
    Catherine Cecilia Charlotte Christiane Clara Claudia Cleopatra Cornelia Dorothy Edith Eleanor Eleonore Eliza Elizabeth Ellen
    Emily Emma Esther Eva Florence Frances Fulvia Giulietta Grace Greta Hannah Harriet Helen Helene Henrietta Honor Ida Irene Isabel
    Isabella Jane Janet Jean Jessie Joan Johanna Josephine Judith Julia Julie Karoline Kate Katherine Keren Laura Leah Lena Lily
    Louisa Louise Loveday Lucy Lydia Magdalena Margaret Maria Marie Martha Mary Maud Mercy Mildred Miriam Nancy Nora Octavia Olga
    Olive Patience Pauline Pompeia Rachel Rebecca Rosa Rose Ruth Sarah Servilia Sofia Sophia Sophie Susan Susanna Teresa Theodora
    Theresa Victoria Violet Virginia Wilhelmina Wilmot Winifred Yuki Amina Fatima Leila Ingrid Astrid Sigrid Aisha
""")  # fmt: skip


# places that are surely known as such; what a text's own prepositions say decides about the others
COUNTRIES = words_of("""
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


ABBREVIATIONS = (
    r"(?:Mr|Mrs|Ms|Dr|St|Sr|Jr|Prof|Rev|Gen|Col|Capt|Lt|Sgt|Hon|No|Op|op|no|vol|Vol|c|ca|"
    r"cf|etc|e\.g|i\.e|vs|[A-Z]|[A-Z]\.[A-Z]|a\.m|p\.m|ft|lb|Mt)"
)


_SAME = words_of("""
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


MOVING = words_of("""
    move go live die work come settle return become study serve travel remain stay attend grow play begin sail arrive leave join
    marry write teach learn spend walk
""")  # fmt: skip
