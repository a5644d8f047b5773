"""Biographical prose made plain before it is read: lists, appositions and loaded clauses become short sentences of one fact each.

    >>> plain("Nell, the third child of Tom Gray, a cooper, and Ann, was born in Hull.", "Gray", mine=True)
    ["Gray was born in Hull.", "Gray's father was Tom Gray.", "Tom Gray was a cooper.", "Gray's mother was Ann."]

Only surface patterns; what matches none passes as it stands. Nothing is added that the text does not say.
"""

import re

from charlib.teachers.english.words import (
    ABBREVIATIONS,
    FEMALE_NAMES,
    KIN,
    MALE_NAMES,
    MONTHS,
    MOVING,
    PERSON_MARKS,
    base,
    is_participle,
    is_past,
    past_of,
    senses,
    words_of,
)

_UP = r"[A-ZÀ-ÞŁŚŠŽČ]"


NAME = rf"(?:(?:Dr|Mr|Mrs|St)\.? )?(?:{_UP}\.(?= {_UP})|{_UP}[\w’'-]*)(?: (?:(?:van|von|de|der|den|la|le|di|da|del|bin|ibn|al|af|ten|zu|née) )*(?:{_UP}\.(?= {_UP})|{_UP}[\w’'-]*))*"


_KIN = "|".join(sorted((*KIN, "dad", "mum", "mom", "grandma", "grandpa", "parents"), key=len, reverse=True))


_PLURALS = {"sons": "son", "daughters": "daughter", "brothers": "brother", "sisters": "sister", "children": "child", "kids": "child"}


_SAME = {"dad": "father", "mum": "mother", "mom": "mother", "grandma": "grandmother", "grandpa": "grandfather", "kids": "children"}


_NOT_NAMES = words_of("The A An In At On His Her Their He She They It This That And But When After From") | set(MONTHS)


_LABELS = {
    "born": "{me} was born {value}.", "occupation": "{me} was {a} {value}.", "profession": "{me} was {a} {value}.",
    "known for": "{me} was famous for {value}.", "father": "{me}'s father was {value}.", "mother": "{me}'s mother was {value}.",
    "spouse": "{me} married {value}.", "wife": "{me}'s wife was {value}.", "husband": "{me}'s husband was {value}.",
    "children": "{me}'s children were {value}.", "parents": "{me} was the child of {value}.", "education": "{me} studied at {value}.",
    "died": "{me} died {value}.", "residence": "{me} lived in {value}.", "home": "{me} lived in {value}.",
    "hobbies": "{me} enjoyed {value}.", "awards": "{me} was awarded {value}.", "instrument": "{me} played the {value}.",
    "nickname": "{me} was nicknamed {value}.", "siblings": "{me}'s siblings were {value}.", "works": "{me} wrote {value}.",
    "languages": "{me} spoke {value}.", "trade": "{me} was {a} {value}.",
}  # fmt: skip


def sentences(text: str) -> list[str]:
    """Sentences of a paragraph; abbreviations, initials and quoted speech do not end one."""
    text = " ".join(text.split())
    found, start = [], 0
    for match in re.finditer(r"[.!?]+[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9À-Þ])", text):
        before = text[start : match.start() + 1]
        if re.search(rf"(?:^|[\s(\"“'‘]){ABBREVIATIONS}\.$", before) and not re.search(r"\b(?:BC|AD)\.$", before):
            continue
        if before.count("(") > before.count(")") or before.count("“") > before.count("”"):
            continue
        found.append(text[start : match.end()].strip())
        start = match.end()
    tail = text[start:].strip()
    return found + [tail] if tail else found


def prose(text: str, me: str) -> str:
    """A paragraph without Markdown marks; list items and 'Born: 1802' lines become sentences about `me`."""
    text = re.sub(r"(\*\*|__)(.+?)\1", r"\2", text.replace("’", "'"))
    text = re.sub(r"\[(?:\d+|citation needed|note \d+)\]", "", text)
    label = "|".join(_LABELS)
    pieces = re.split(rf"(?:^|\s)[-*•]\s+(?=[A-Z])|(?:^|(?<=\s))(?=(?:{label}):\s)", text, flags=re.IGNORECASE)
    if len(pieces) == 1:
        return text
    return " ".join(_item(piece.strip(), me) for piece in pieces if piece.strip())


def _item(piece: str, me: str) -> str:
    """One list item as a sentence: 'Daughter of X' -> 'Me was the daughter of X.', 'Built a boat' -> 'Me built a boat.'"""
    match = re.fullmatch(r"([A-Za-z ]{3,12}):\s*(.+?)\.?", piece)
    key = match[1].strip().lower() if match else ""
    if match and key in _LABELS:
        value = match[2]
        if key in {"born", "died"}:
            value = re.sub(rf"^((?:\d{{1,2}} )?(?:{'|'.join(MONTHS)})?[ ,]*(?:\d{{1,2}}, )?\d{{3,4}}(?: BC)?),\s*(.+)$", r"\1 in \2", value)
            value = f"on {value}" if re.match(r"\d{1,2} |[A-Z][a-z]+ \d{1,2}, ", value) else f"in {value}"
        elif _LABELS[key].count("{a}"):
            value = re.sub(r",\s*([^,]+)$", r" and \1", value)
            return f"{me} was {'an' if value[:1].lower() in 'aeiou' else 'a'} {value[:1].lower()}{value[1:]}."
        return _LABELS[key].format(me=me, value=value, a="a")
    first = piece.split()[0].lower() if piece.split() else ""
    end = piece if piece[-1] in ".!?" else f"{piece}."
    if first in {"son", "daughter", "child"}:
        return f"{me} was the {end[:1].lower()}{end[1:]}"
    if is_past(first) and not senses(first).get("NOUN") or first in {"built", "won", "led", "met", "left", "wrote", "fled"}:
        return f"{me} {end[:1].lower()}{end[1:]}"
    return end


def plain(sentence: str, me: str, mine: bool, pronoun: str = "she", known: str = "") -> list[str]:
    """The sentence as one or more plain ones. `mine`: whether a bare his, her or their in it is the protagonist's; `known`: what was said."""
    own = {"he": "his", "she": "her", "they": "their"}[pronoun]
    found: list[str] = []
    whose = rf"(?:{own}|{own.capitalize()}|their|Their|{re.escape(me)}'s)" if mine else rf"(?:{re.escape(me)}'s)"
    text = re.sub(
        r"^(?P<a>[^,]*\b(?:father|brother|husband) was [^,]+?) and (?P<b>(?:his|her) (?:mother|sister)) (?P<c>an? )",
        r"\g<a>; \g<b> was \g<c>",
        sentence,
    )
    sentence = text
    text = re.sub(r",? (?:née|born) " + NAME + r"(?=[,.) ])", "", sentence) if "née" in sentence else sentence
    text = re.sub(r"\b([Hh]is|[Hh]er|[Tt]heir) (dad|mum|mom|grandma|grandpa|kids)\b", lambda m: f"{m[1]} {_SAME[m[2]]}", text)
    text = re.sub(r"\bkids\b", "children", text)
    text = _opened(text, me, mine, pronoun)
    text = re.sub(r"\s*[–—]\s+|\s+[–—-]\s+", ", ", text)
    out: list[str] = []
    for piece in _halves(text):
        piece, more = _asides_of_me(piece, me, mine, pronoun)
        found += more
        piece, more = _parents(piece, me, mine, pronoun)
        found += more
        piece, more = _both_parents(piece, me, whose)
        found += more
        piece, more = _children(piece, me, whose)
        found += more
        piece, more = _kinsman(piece, me, whose)
        found += more
        piece, more = _relative(piece, me, mine, pronoun)
        piece = re.sub(r", which [^;]+\.$", ".", piece)  # what no rule could turn into a sentence
        if piece:
            out.append(_explicit(piece, me, own) if mine else piece)
        out += more
        out += [row for row in _asides(piece, me) if row not in found + out]
    made = [row for row in found if row not in known] + [
        row for piece in out for row in _verbs(piece, me) if row not in known or piece == sentence
    ]
    return [re.sub(r"\.{2,}$", ".", piece) for piece in made] or [sentence]


def _opened(text: str, me: str, mine: bool, pronoun: str) -> str:
    """The opening of a sentence in plain words: 'At nineteen X', 'When she was nine', 'As a girl', 'is best known for', titles in quotes."""
    who = rf"(?:{pronoun}|{re.escape(me)})"
    if mine:
        text = re.sub(rf"^When {who} was (?:only |about |just )?([a-z]+|\d+)(?: years old)?,? (?={who}|[a-z])", r"At the age of \1, ", text)
        text = re.sub(rf"^((?:In|On|At|From|During|Since|By|Until|Around|There|Then|Later|Soon)\b(?:(?!{_KIN})[^,A-Z]|{'|'.join(MONTHS)}|BC|AD|In|War|World|First|Second){{0,50}}),? {pronoun} ",
                      rf"\1, {me} ", text)  # fmt: skip
    text = re.sub(rf"^At (?:the age of )?([a-z]+|\d+),? (?={who} )", r"At the age of \1, ", text)
    text = re.sub(r"^As an? (?:young |small |little )?(?:girl|boy|child|youth|student|apprentice|lad|man|woman),? ", "", text)
    text = re.sub(r"^(One) (winter|summer|spring|autumn|night|day|morning|evening)\b,? ", r"In one \2 ", text)
    text = re.sub(r"\b(?:came into the world|saw the light of day)\b", "was born", text)
    text = re.sub(
        r"\b(?:is|was|remains) (?:best |chiefly |mainly |mostly |widely |especially )?(?:known|remembered|famous|celebrated|renowned|noted) for\b",
        "was famous for",
        text,
    )
    title = rf"{_UP}[\w’'-]+(?: (?:(?:and|of|the|to|in|on|for|with|from|at|a) ){{0,2}}{_UP}[\w’'-]+)+"
    return re.sub(rf"\b(published|wrote|called|titled|entitled|composed|books?|novels?|poems?|memoirs?|is|was) (?P<t>{title})(?=[,.;]|$| (?:in|was|won|is|and) )",
                  lambda m: m[0] if '"' in text or not re.search(r" (?:and|of|the|to|in|on|for|with|from|at|a) ", m["t"]) or m[1] in ("is", "was") and not re.search(r"(?:story|book|song|work|novel|poem|tale) (?:is|was) ", text)
                  else f"{m[1]} “{m['t']}”", text)  # fmt: skip


_SUBORDINATE = re.compile(r"\b(?:who|whom|which|that|when|while|because|where|if|whose|after|before|until|although|how|what)\b")


_AUX = words_of("was were had could couldn't did didn't would is has can cannot")


def _verbs(piece: str, me: str) -> list[str]:
    """'Me hated wine, slept on the roof and carried a frog.' -> three sentences; what may be a passive or an adjective stays together."""
    match = re.match(rf"((?:(?:In|At|On|From|During|By|After) [^,]{{2,40}}?,? )?){re.escape(me)} (.+)$", piece)
    if not match or "“" in piece or '"' in piece:
        return [piece]
    lead, rest = match[1], match[2]
    first = rest.split()[0]
    present = first.endswith("s") and first not in _AUX and bool(senses(first).get("VERB"))
    passive = bool(re.match(r"(?:was|were) (?:\w+ly |also |soon |never )?\w+(?:ed|en|t|n|d)\b", rest))
    cuts, pieces, start = [], [], 0
    for found in re.finditer(
        r",? (?:and|but) (?:then |also |later |soon |often |finally )?(?P<a>(?:never )?[a-z']+)\b|, (?P<b>[a-z']+)\b", rest
    ):
        word = (found["a"] or found["b"]).removeprefix("never ")
        after = rest[found.end() :].strip().split(" ")[0]
        if _SUBORDINATE.search(rest[: found.start()]):
            break
        verb = word in _AUX or (is_past(word) and not (word.endswith("ed") and found["b"] and re.match(r"(?:by|in|with|on|at)$", after)))
        verb = (
            verb
            or present
            and word.endswith("s")
            and word not in _AUX
            and bool(senses(word).get("VERB"))
            and after not in {"of", "and", ""}
        )
        if verb and passive and word not in _AUX:
            verb = base(word) in MOVING or bool(re.match(rf"(?:a|an|the|his|her|their|{_UP}.*|\d+)$", after))
        if verb and not (senses(word).get("ADJ") and "NOUN" in senses(after) and word.endswith("ed")):
            cuts.append((found.start(), found.start("a") if found["a"] else found.start("b"), found))
    for at, resume, _ in cuts:
        pieces.append(rest[start:at])
        start = resume
    pieces.append(rest[start:])
    if len(pieces) == 1 or any(len(part.split()) < 2 for part in pieces):
        return [piece]
    return [_ended(f"{lead if n == 0 else ''}{me} {part}") for n, part in enumerate(pieces)]


def _explicit(piece: str, me: str, own: str) -> str:
    """The protagonist's name where the sentence opens with the pronoun, so that nothing put before it can take it away."""
    subject = {"his": "He", "her": "She", "their": "They"}[own]
    piece = re.sub(rf"^{subject} ", f"{me} ", piece)
    return re.sub(rf"^{own.capitalize()} (?=[a-z])", f"{me}'s ", piece)


def linked(sentence: str, before: str, me: str, pronoun: str, so_far: str = "") -> str:
    """The sentence with 'They' (the couple), 'the family' and 'It' put in words, when the sentence before leaves no doubt."""
    paired = r"\b(?:marri\w+|wife|husband|wedding|couple|engaged|wed)\b"
    other = "him|them" if pronoun == "she" else "her(?= to| in| on| at| for| from)|them" if pronoun == "he" else "him"
    sentence = re.sub(rf" with (?:{other})(?= (?:to|in|on|at|for|from|until)\b)", "", sentence)
    calls = re.search(rf"\b(?:calls?|called|named|christened) (?:it|him|them) (?P<name>{NAME})", sentence)
    nouns = [noun for noun in re.findall(r"\b(?:an?|the) ([a-z]+)\b", so_far[-300:]) if "NOUN" in senses(noun) and not names_a_person(noun)]
    if calls and nouns and nouns.count(max(nouns, key=nouns.count)) > 1:
        sentence = f"The {max(nouns, key=nouns.count)} was called {calls['name']}."
    if pronoun != "they":
        if re.search(paired, f"{so_far} {sentence}"):
            sentence = re.sub(r"\b[Tt]heir (?=(?:[a-z]+ )?(?:sons?|daughters?|child|children)\b)", f"{me}'s ", sentence)
        if re.search(paired, f"{before} {sentence}"):
            sentence = re.sub(r"^(?:They|The couple|The pair) (?:were|was)\b", f"{me} was", sentence)
            sentence = re.sub(r"^(?:They|The couple|The pair) (?=[a-z]+(?:ed|d|t)? )", f"{me} ", sentence)
            sentence = re.sub(r"\b(and|where) they (?=(?:settled|moved|lived|had|bought|opened|built|went|kept)\b)", rf"\1 {me} ", sentence)
        sentence = re.sub(r"^(?:They|The couple|The pair) (?:were|got) married\b", f"{me} was married", sentence)
        sentence = re.sub(r"^In (\d{4}) (?:they|the couple) ", rf"In \1 {me} ", sentence)
    met = next(iter(list(re.finditer(rf"\bmet (?:the |an? )?(?:[a-z]+ )*(?P<name>{NAME})", so_far[-300:]))[::-1]), None)
    wed = re.match(rf"(?:They|{re.escape(me)}|The couple|The pair) (?:were|was|got) married\b(.*)", sentence)
    if met and wed and pronoun != "they":
        sentence = f"{me} married {met['name']}{wed[1]}"
    sentence = re.sub(
        rf"\bmet (?:the |an? )?((?:[a-z]+ )*)({NAME})((?:, an? [^,]+)?),? and they were married\b",
        rf"met \1\2\3; {me} married \2",
        sentence,
    )
    sentence = re.sub(r"^(?:The|the) family (?=[a-z]+ed\b|[a-z]+ )", f"{me}'s family ", sentence)
    someone = re.match(rf"(?P<name>{NAME})(?: |'s)", before)
    if someone and someone["name"].split()[0] not in _NOT_NAMES and not before.startswith(me):
        sentence = re.sub(r"^It was (?:he|she) who ", f"{someone['name']} ", sentence)
    thing = _thing(before)
    if thing and re.match(
        r"It (?:was|is|had|has|won|stood|took|cost|became|weighed|lasted|made|bore|sold|told|ran|contained|showed|hung)\b", sentence
    ):
        sentence = f"{thing} {sentence[3:]}"
    return sentence


def _thing(before: str) -> str:
    """What 'It' after this sentence means: the named thing, else the one new thing, else its own subject."""
    named = re.search(rf"\b(?:called|named|titled|entitled) ((?:[Tt]he )?{NAME})", before)
    if (
        named
        and _gender(named[1]) == ""
        and not names_a_person(re.split(r" (?:called|named|titled|entitled)", before[: named.start() + 7])[0])
    ):
        return named[1][:1].upper() + named[1][1:]
    new = re.findall(r"\b(?:a|an|her first|his first|her own|his own) (?:[a-z-]+ )?([a-z]+)(?=[ ,.])", before)
    new = [word for word in new if "NOUN" in senses(word) and not senses(word).get("ADJ") and word not in KIN]
    if len(new) == 1:
        return f"The {new[0]}"
    subject = re.match(r"((?:The|His|Her|Their) [a-z' -]{3,40}?) (?:was|is|shows?|had|has|stood|won|told)\b", before)
    return subject[1] if subject and not new else ""


_ANIMALS = (
    "dog|cat|horse|donkey|mule|pony|parrot|crow|raven|jackdaw|monkey|goat|cow|pig|hen|goose|falcon|hawk|owl|rabbit|tortoise|spaniel|terrier|"
    "mare|stallion|bear|canary|cockatoo|ship|boat|sloop|schooner|yacht|barge|brig|cart|van|car|lorry|plane|aeroplane|balloon"
)


def _asides_of_me(text: str, me: str, mine: bool, pronoun: str) -> tuple[str, list[str]]:
    """'Conscripted in 1915, he …', 'After graduating in 1890, X …', 'was taught to read by Y', 'Her pear, the Cobb Russet, …' in sentences of their own."""
    found: list[str] = []
    who = rf"(?:{pronoun}|{re.escape(me)})" if mine else re.escape(me)
    title = re.match(
        rf"(?P<name>(?:[A-Z\"“][\w\"”.-]* ){{0,4}}{re.escape(me)}(?: \([^)]*\))?), (?P<what>(?:an?|the) [a-z][^,]+), (?:who [^,]+, )?(?=[a-z]+)",
        text,
    )
    if title and names_a_person(title["what"]):
        found.append(f"{me} was {_indefinite(title['what'])}.")
        text = f"{me} {text[title.end() :]}"
    lead = re.match(
        rf"(?P<word>[A-Z][a-z]+ed|Born|Taught|Brought|Sent) (?P<rest>(?:in|at|by|to|on|for|from|as|up)\b[^,]*), (?={who} )", text
    )
    if lead and is_participle(lead["word"].lower()):
        found.append(f"{me} was {lead['word'].lower()} {lead['rest']}.")
        text = text[lead.end() :]
    lead = re.match(rf"(?:After|While|Before|On|When) (?P<word>[a-z]+ing) (?P<rest>[^,]+), (?={who} )", text)
    if lead and past_of(_stem(lead["word"])):
        found.append(f"{me} {past_of(_stem(lead['word']))} {lead['rest']}.")
        text = text[lead.end() :]
    taught = re.search(rf"\b{who} (?:was|were) taught (?P<what>(?:(?!\bby\b)[^,.]){{2,40}}?) by (?P<by>[^,.;]+)", text, re.IGNORECASE)
    if taught:
        found.append(f"{taught['by'].strip()[:1].upper()}{taught['by'].strip()[1:]} taught {me} {taught['what']}.")
        text = text[: taught.start()] + text[taught.end() :]
        text = text if len(text.split()) > 3 else ""
    learned = re.search(
        rf"\b{who} (?:first |also |later )?learn(?:ed|t) (?P<what>(?:(?!\bfrom\b)[^,.]){{2,40}}?) from (?:the |an? |old |young )?(?:[A-Z]?[a-z-]+ ){{0,3}}?(?:called |named )?(?P<by>{NAME})",
        text,
        re.IGNORECASE,
    )
    if learned and learned["by"][:1].isupper() and learned["by"].split()[0] not in _NOT_NAMES:
        found.append(f"{learned['by']} taught {me} {learned['what']}.")
    named = re.match(
        rf"(?P<what>(?:Her|His|The|Their|{re.escape(me)}'s) (?:[a-z'-]+ ){{0,2}}?(?P<head>[a-z]+)), (?P<name>(?:[Tt]he )?{NAME}), (?=[a-z]+)",
        text,
    )
    if named and "NOUN" in senses(named["head"]) and named["head"] not in KIN and not names_a_person(named["head"]):
        found.append(f"{named['what']} was called {named['name']}.")
        text = f"{named['what']} {text[named.end() :]}"
    spent = re.search(
        rf"\b(?P<who>{who}|{re.escape(me)}) spent (?P<time>(?:[a-z-]+ ){{1,3}}(?:years|months|weeks|days|hours)) (?P<word>[a-z]+ing)\b(?P<rest>[^,;.]*)",
        text,
    )
    if spent and past_of(_stem(spent["word"])):
        found.append(f"{me} {past_of(_stem(spent['word']))}{spent['rest']} for {spent['time']}.")
        text = text[: spent.start("word")].rstrip() + text[spent.end("rest") :] if len(text) - spent.end() > 12 else ""
    text = re.sub(r"\b(?P<n>two|three|four|five|six|seven|eight|nine|ten) (?P<what>[a-z]+): (?=[A-Z])", r"\g<n> \g<what>, ", text)
    pet = re.search(rf"\b(?:an?|his|her) (?P<what>(?:[a-z-]+ )?(?:{_ANIMALS})), (?P<name>{NAME})(?=[,.;]|$)", text)
    if pet and mine:
        found.append(f"The {pet['what']} was called {pet['name']}.")
        text = f"{text[: pet.end('what')]}{text[pet.end() :]}"
    book = re.search(
        rf"\b(?P<what>(?:an?|her|his) (?:[a-z-]+ )?(?P<head>book|novel|memoir|collection|poem|play|opera|handbook|volume|study|song|treatise)\b[^,.]*?), (?P<name>{NAME}(?: (?:(?:of|the|and|in|on|to|for|a) )+{NAME})*)(?=[,.]|$)",
        text,
    )
    if book and mine:
        found.append(f"The {book['head']} was called {book['name']}.")
    return text[:1].upper() + text[1:], found


def _stem(gerund: str) -> str:
    """working -> work, leaving -> leave, running -> run."""
    found = senses(gerund).get("VERB", ())
    return found[0] if found else gerund[:-3]


def _halves(text: str) -> list[str]:
    """Cut at semicolons, and before ', and he/she/they/his mother' when a new clause begins there."""
    pieces = re.split(r";\s+(?:and |but )?", text)
    made: list[str] = []
    for piece in pieces:
        for part in re.split(
            rf", (?:and|but) (?=(?:he|she|they|it|the|his|her|their|{NAME}) (?:[a-z]+ly |[a-z-]+ )?[a-z]+)|: (?=(?:he|she) )", piece
        ):
            unnamed = bool(made) and any(names_a_person(word) for word in re.findall(r"\b[a-z]+\b", made[-1]))
            if made and (
                not _clause(part) or unnamed and re.match(r"(?:he|she) ", part)
            ):  # "she told her master, and he": who is he alone?
                joined = (
                    piece[piece.rindex(made[-1].rstrip(".")) + len(made[-1].rstrip(".")) : piece.rindex(part)]
                    if made[-1].rstrip(".") in piece
                    else ", "
                )
                made[-1] = f"{made[-1].rstrip('.')}{joined}{part}"
            else:
                made.append(part)
    return [_ended(part) for part in made if part.strip()]


def _clause(part: str) -> bool:
    """Whether a piece has a subject and a finite verb near its start."""
    words = re.findall(r"[\w'-]+", part)[:9]
    return any(is_past(word) or word in {"is", "are", "was", "were", "had"} for word in words[1:] if word.islower())


def _ended(part: str) -> str:
    part = part.strip().rstrip(",")
    part = part if part[-1:] in '.!?"”' else f"{part}."
    return part[:1].upper() + part[1:]


def _gender(name: str) -> str:
    first = name.split()[0].rstrip(".")
    mark = PERSON_MARKS.get(first, "")
    return mark or ("m" if first in MALE_NAMES else "f" if first in FEMALE_NAMES else "")


_ONE = rf"(?:(?:a|an|the) (?P<{{0}}r>[a-z][\w' -]*?) )?(?P<{{0}}>{NAME})(?:, (?P<{{0}}w>(?:an? |the )[^,;.]+?))?"


def _parents(text: str, me: str, mine: bool, pronoun: str) -> tuple[str, list[str]]:
    """'…, the third of five children of Nils Gray, a ropemaker, and his wife Elin' -> father, mother and their trades."""
    one, two = _ONE.replace("{0}", "a"), _ONE.replace("{0}", "b")
    pattern = (
        rf"(?P<lead>,? ?\b(?:as )?(?:the |an? )?(?:only |[a-z]+ |[a-z]+ of (?:the )?[a-z]+ )?(?:son|daughter|child|children)(?: born)? (?:of|to) |(?P<born> to )(?=[^.]*$))"
        rf"{one}(?:,? and (?:his |her )?(?:(?P<rank>[a-z]+ )?wife,? |husband,? )?(?:(?:an?|the) [a-z ]+? )?{two})?(?P<end>, (?!\w+ a )|\.|$| (?=in |on |at |and ))"
    )
    match = re.search(pattern, text)
    if not match or match["born"] and not re.search(r"\bborn\b[^,.]*$", text[: match.start()]):
        return text, []
    before, after = text[: match.start()], text[match.end() :]
    head = re.sub(r"[,\s]+$", "", before)
    subject = re.match(rf"(?:He|She|They|{NAME})(?: [A-Z][\w.]+)*(?:, \w+ed \d+)?", head)
    about = subject and (mine or me in head.split(" was ")[0])
    if not about:
        return text, []
    known = me if re.match(r"(?:He|She|They)$", subject[0]) and mine else subject[0]
    if known != me and not set(re.findall(r"\w+", known)) & set(re.findall(r"\w+", me)):
        return text, []
    names = [(match["a"], match["aw"] or match["ar"])] + ([(match["b"], match["bw"] or match["br"])] if match["b"] else [])
    genders = [_gender(name) for name, _ in names]
    genders = (["f", "m"] if genders[0] == "f" or genders[1] == "m" else ["m", "f"]) if len(names) == 2 else [genders[0] or "m"]
    found = []
    for (name, what), gender in zip(names, genders, strict=True):
        if name.split()[0] in _NOT_NAMES:
            return text, []
        kin = {"m": "father", "f": "mother"}[gender]
        found.append(f"{me}'s {kin} was {name}.")
        if what:
            found.append(f"{name} was {_indefinite(what)}.")
    verb = re.search(r"\b(?:was|is|were)$", head)
    if verb:  # "He was the son of X and learned …"
        rest = re.sub(r"^(?:,? ?(?:and|who) )?", "", after).strip(" ,")
        return (_ended(f"{head[: verb.start()].strip()} {rest}") if _finite(rest) else ""), found
    rest = after.strip(" ,")
    return _ended(f"{head}{', ' + rest if rest and not rest.startswith(('in ', 'on ', 'at ')) else ' ' + rest if rest else ''}"), found


def _both_parents(text: str, me: str, whose: str) -> tuple[str, list[str]]:
    """'Her parents, Karl and Anna Brandt, kept a bakery' -> father and mother by name; 'Me's parents kept a bakery'."""
    match = re.search(
        rf"\b(?P<whose>{whose}) parents(?P<were> were|,)? (?P<a>{NAME}) and (?P<b>{NAME})(?:, |(?P<end>\.|$)|(?= [a-z]))", text
    )
    if not match:
        return text, []
    pair = [match["a"], match["b"]]
    if _gender(pair[0]) == "f" or _gender(pair[1]) == "m":
        pair.reverse()
    family = match["b"].split()[1:]
    named = [name if len(name.split()) > 1 else " ".join([name, *family]) for name in pair]
    found = [f"{me}'s father was {named[0]}.", f"{me}'s mother was {named[1]}."]
    if match["end"] is not None:
        return ("" if match["were"] == " were" else text), found
    return f"{text[: match.start()]}{match['whose']} parents {text[match.end() :].strip()}", found


def _finite(rest: str) -> bool:
    first = next(iter(re.findall(r"[a-z'-]+", rest)), "")
    return bool(rest) and is_past(first)


def _indefinite(what: str) -> str:
    what = re.sub(r"^the ", "a ", what.strip())
    return what if re.match(r"an? ", what) else f"{'an' if what[:1].lower() in 'aeiou' else 'a'} {what}"


def _children(text: str, me: str, whose: str) -> tuple[str, list[str]]:
    """'They had twin sons, David and Jonah' -> 'Me's sons were David and Jonah.'; 'their daughter Margit became …' keeps its verb."""
    plural = "|".join(_PLURALS)
    names = rf"(?P<names>{NAME}(?:, {NAME})*,? and {NAME})"
    match = re.search(
        rf"\b(?P<whose>(?:{whose}|had|with) (?:[a-z-]+ )?)(?P<kin>{plural}),? (?:called |named )?{names}(?P<end>,? |\.|$)", text
    )
    if match:
        singular = _PLURALS[match["kin"]]
        kin = {"child": "children"}.get(singular, match["kin"])
        each = [f"{name} was {me}'s {singular}." for name in re.split(r",? and |, ", match["names"]) if singular != "child"]
        found = [f"{me}'s {kin} were {match['names'].replace(', and', ' and')}.", *each]
        rest = text[match.end() :] if match["end"].endswith(" ") else ""
        if match["whose"].startswith(("had", "with")) or not _finite(re.sub(r"^both ", "", rest)):
            return text, found + _one_of_kin(text, me)
        return f"{match['names']} {rest.strip()}", found
    found = _one_of_kin(text, me)
    if found:
        match = re.search(_ONE_OF_KIN, text)
        return text[: match.start("born")] + text[match.end("born") :] if match["born"] else text, found
    match = re.match(
        rf"(?:A|Their|His|Her|{re.escape(me)}'s) (?P<rank>first |second |third |elder |eldest |younger |youngest |only )?(?P<kin>son|daughter|child), (?P<name>{NAME}), (?:was born|followed|came|arrived) (?P<when>in [^,.]+)",
        text,
    )
    if match and "their" in whose:
        return f"{match['name']} was born {match['when']}.", [f"{me}'s {(match['rank'] or '')}{match['kin']} was {match['name']}."]
    return text, []


_ONE_OF_KIN = (
    rf"\b(?:had|had [^.]*?\b(?:and|but)) (?:a|one|an only) (?:[a-z-]+ )?(?P<kin>son|daughter|child|(?:half-|step)?(?:brother|sister)|twin),? "
    rf"(?:called |named )?(?P<name>{NAME})(?P<born>,? (?:who was )?born (?:in|on) [^,.]+)?"
)


def _one_of_kin(text: str, me: str) -> list[str]:
    """'… and a sister, Klara, born in 1803' -> 'Me's sister was Klara.', 'Klara was born in 1803.'"""
    match = re.search(_ONE_OF_KIN, text)
    if not match or not re.search(rf"\b(?:[Ss]he|[Hh]e|[Tt]hey|{re.escape(me)})\b(?:[^.;]*,)?(?: \w+)?\s*$", text[: match.start()]):
        return []  # somebody else had her
    found = [f"{me}'s {match['kin']} was {match['name']}."]
    if match["born"]:
        found.append(f"{match['name']} was {match['born'][match['born'].index('born') :].strip()}.")
    return found


def _kinsman(text: str, me: str, whose: str) -> tuple[str, list[str]]:
    """'her aunt Barbe, a beguine in Kortmark, took her in' -> aunt was Barbe; Barbe was a beguine …; 'Me's aunt Barbe took her in'."""
    found = []
    pattern = rf"\b(?P<whose>{whose} )(?P<rank>(?!great |own )[A-Za-z][a-z-]+ )?(?P<kin>{_KIN}|friend|teacher|tutor|assistant|foreman|apprentice|lawyer|pupil|rival|mentor|patron|student|colleague|supervisor|helper)(?P<comma>,)? (?P<name>{NAME})(?P<aside>, (?:an? |the |who |born )[^,.;]+)?(?P<close>, |\.$|(?= ))"
    for match in list(re.finditer(pattern, text))[:2]:
        name = match["name"]
        if name.split()[0] in _NOT_NAMES:
            continue
        found.append(f"{me}'s {match['rank'] or ''}{match['kin']} was {name}.")
        aside = (match["aside"] or "")[2:]
        if re.match(r"an? |the ", aside):
            found.append(f"{name} was {_indefinite(aside)}.")
        elif aside.startswith("who "):
            found.append(f"{name} {aside[4:]}.")
        if match["aside"] or match["comma"]:
            kept = f"{match['whose']}{match['rank'] or ''}{match['kin']} {name}"
            tail = "." if match["close"].startswith(".") else " "
            text = text.replace(match[0], f"{kept}{tail}".replace("  ", " "))
    return text, found


def _asides(text: str, me: str) -> list[str]:
    """'Signe Aalto, a telegraphist from Turku', 'the painter Edvard Holm', 'a puppet player called Gillis' -> what each of them was."""
    found = []
    for match in re.finditer(rf"(?P<name>{NAME}), (?P<what>an? [a-z][^,;.]{{2,60}}|the [a-z][^,;.]{{2,60}})(?=[,.;]|$)", text):
        if names_a_person(match["what"]) and match["name"].split()[0] not in _NOT_NAMES and me not in match["name"]:
            found.append(f"{match['name']} was {_indefinite(match['what'])}.")
    for match in re.finditer(
        rf"\b(?:the|an?) (?P<what>(?:[a-z][\w'-]* |{_UP}[a-z]+ )?(?:[a-z][\w'-]* )?(?P<head>[a-z][\w-]+)) (?:called |named |nicknamed )?(?P<name>{NAME})",
        text,
    ):
        if (
            names_a_person(match["head"])
            and match["name"].split()[0] not in _NOT_NAMES
            and me not in match["name"]
            and match["head"] not in KIN
        ):
            found.append(f"{match['name']} was {_indefinite(match['what'])}.")
    return found


def names_a_person(phrase: str) -> bool:
    """Whether a noun phrase names a person by its work or standing."""
    phrase = re.split(r"[,.] ", phrase.strip())[-1]
    head = re.split(r" (?:of|from|in|with|at|who|to|on|for|named|called|whose|that|and)\b", re.sub(r"^(?:an?|the) ", "", phrase))[0].split()
    return (
        bool(head)
        and head[-1] not in _THINGS
        and (
            head[-1] in _PEOPLE
            or bool(re.search(r"(?:er|or|ist|man|woman|ian|ess|ant|eer|smith|wright|ster|monger|ologist|herd)$", head[-1]))
        )
    )


_PEOPLE = words_of("""
    friend widow boy girl nun monk priest poet baker cook nurse clerk slave pupil apprentice thief pirate judge chief king queen prince duke
    count knight soldier captain general sculptor physician surgeon doctor lawyer guard pedlar beguine miser musician fiddler shepherd smith
    mason cooper tutor rival neighbour cousin orphan refugee exile scholar monarch bishop abbot mayor colleague astronomer critic guide
    architect chemist mystic spy diplomat student midwife cobbler husband wife youth peasant noble nobleman native hermit abbess editor
""")


_THINGS = words_of("""
    shutter rudder gutter litter trailer toaster heater burner propeller freezer counter tiller folder binder sweater jumper whisker hammer
    slipper liner airliner carrier career pier tier blazer razor meteor tractor refrigerator
    paper river number letter winter summer order water dinner supper tower powder matter quarter cellar barometer chapter border timber
    corner pepper butter silver copper computer theatre register charter ladder feather weather leather danger hunger steamer cutter cruiser
    schooner whaler lighter clipper trawler freighter tanker factor sector manner trailer cancer finger poster newspaper disaster harbour
    motor door floor moor mirror error horror terror colour corridor tractor parlour armour labour mother father brother sister daughter
    monster cluster prior minor major former latter other paint plant giant month instant restaurant elephant quest list twist fist mist
    monument ant easter chest forest feast beast coast post past cast frost dust rust trust mess dress press guess progress address process
    success fortress mattress wilderness illness fever liver silver ether leader lever meter hammer cover layer altar center centre
    observer container computer printer boiler cooker helicopter character answer flower shower power prayer thriller cylinder sober
    can pan van fan plan clan span ocean organ ton son
""") - {"leader", "observer", "son"}


def _relative(text: str, me: str, mine: bool, pronoun: str) -> tuple[str, list[str]]:
    """', who lent her the money …' at the end becomes a sentence of its own; ', where he stayed nine years' one about the place."""
    match = re.search(rf"(?<!from )(?<!of )(?<!in )(?<!at )\b(?P<name>{NAME})(?:, (?P<what>an? [^,]+?))?, who (?P<rest>[a-z][^;]+)$", text)
    if match and match["name"].split()[0] not in _NOT_NAMES and _finite(re.sub(r"^(?:also|later|then|never|often) ", "", match["rest"])):
        found = [f"{match['name']} was {match['what']}."] if match["what"] else []
        return _ended(text[: match.end("name")]), [*found, _ended(f"{match['name']} {match['rest']}")]
    match = re.search(rf"\b(?P<prep>at|in|to|for) (?P<place>{NAME}), where (?P<who>he|she|they) (?P<rest>[^;]+)$", text)
    if match and match["who"] == pronoun and mine and _finite(re.sub(r"^(?:also|later|then|never|often) ", "", match["rest"])):
        rest = match["rest"].rstrip(". ")
        return _ended(text[: match.end("place")]), [
            _ended(f"{me} {rest} {'in' if match['prep'] in ('to', 'for') else match['prep']} {match['place']}")
        ]
    match = re.search(rf"(?P<name>(?:the )?{NAME}), (?P<what>an? [^,]+?), which (?P<who>he|she|they) (?P<rest>[^;]+)$", text)
    if match and match["who"] == pronoun and mine:
        first = re.match(r"(?P<verb>[a-z]+)(?P<tail> .+)", match["rest"])
        if first and is_past(first["verb"]):
            tail = re.split(r",? and (?:for )?which ", first["tail"])[0].rstrip(". ")
            return _ended(text[: match.end("name")]), [
                _ended(f"{match['name']} was {match['what']}"),
                _ended(f"{me} {first['verb']} {match['name']}{tail}"),
            ]
    return text, []
