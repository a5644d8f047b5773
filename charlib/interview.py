"""Question banks, single-turn and multi-turn interviews, and the answers files.

A question and an answer, as rows of questions.jsonl and answers.jsonl:

    {"id": "recall-001", "topic": "past", "kind": "open", "question": "Who …?", "gold": ["Neefe"], "options": ["Neefe", "Salieri", …],
     "answerable": true, "paragraph": "3f2a…", "group": "recall"}
    {"question": "recall-001", "asked": "Who …?", "item": {…}, "character": "Ludwig van Beethoven", "system": "simulacrum", "seed": 0,
     "text": "Neefe did.", "tokens": 6, "finish": "stop", "seconds": 0.1}

Whatever has a `name` and `reply(conversations, seed) -> list[Reply]` can be interviewed; a conversation is a list of chat messages that
ends with the questioner's. The three standard systems stand on one base model:

    systems = interview.standard(sim, profile)            # simulacrum, prompted, prompted_profile
    answers = interview.conduct(here, interview.both_orders(questions), systems)
"""

import hashlib
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from charlib import dataset, endpoint, run
from charlib.profile import Paragraph, Profile
from charlib.simulacrum import BASE, Reply, Sampling

ANSWERS = "answers.jsonl"
TOPICS = {"topic-1": "past", "topic-2": "relations", "topic-3": "values", "topic-4": "beyond"}  # the original project's
CUT = "<|NONSTOP|>"  # its mark of a reply that the token limit cut
GROUPS = ("recall", "choice", "boundary", "time", "value", "trait", "paraphrase", "interview")


class Question(BaseModel):
    """One item of a bank. `group` says what it is for: recall, choice, boundary, time, value, trait, paraphrase, interview.

    `candidate` marks an imported item that is unanswerable only if the person died early enough. `swap_of` names the item whose two
    options this one asks in the other order. Other fields of a row are ignored; an item without an id has its text for one.
    """

    model_config = ConfigDict(frozen=True)
    id: str
    topic: Literal["past", "relations", "values", "beyond"] = "past"
    question: str
    kind: Literal["open", "choice", "pair"] = "open"
    paragraph: str | None = None
    gold: list[str] | None = None
    options: list[str] | None = None
    answerable: bool = True
    pair: str | None = None
    paraphrase_of: str | None = None
    group: str | None = None
    trait: str | None = None
    pressure: bool | None = None
    follow_ups: list[str] | None = None
    candidate: bool | None = None
    swap_of: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, row):
        if not isinstance(row, dict):
            return row
        row = {name: value for name, value in row.items() if value is not None}
        for name in ("id", "paragraph", "pair", "paraphrase_of"):
            if name in row:
                row[name] = str(row[name])
        if "question" in row:
            row["question"] = " ".join(str(row["question"]).split())
            row.setdefault("id", row["question"])
        return row

    @property
    def purpose(self) -> str:
        """The group, or what the other fields say it is for."""
        if self.group:
            return self.group
        if self.paraphrase_of:
            return "paraphrase"
        if self.kind == "pair":
            return "trait" if self.trait else "value"
        if self.kind == "choice":
            return "time" if self.topic == "beyond" else "choice"
        if self.pair or not self.answerable:
            return "boundary"
        return "recall" if self.gold else "interview"

    @property
    def base_id(self) -> str:
        """The item this is a wording of: its own id, or that of the item whose options it swaps."""
        return self.swap_of or self.id


class Answer(BaseModel):
    """One reply of one system. `text` holds spoken words only; `finish` is "length" when the token limit cut it.

    `maker` names the weights and settings that answered: answers of other weights are asked again.
    """

    model_config = ConfigDict(frozen=True)
    question: str
    asked: str
    item: Question | None = None
    character: str
    system: str
    seed: int = 0
    conversation: str | None = None
    turn: int | None = None
    text: str
    thought: str | None = None
    tokens: int = 0
    finish: Literal["stop", "length"] = "stop"
    seconds: float = 0.0
    maker: str | None = None


class System(Protocol):
    """Whatever can be interviewed. `option_likelihood(conversations, options)`, `character` and `maker` are welcome and not needed."""

    name: str

    def reply(self, conversations: list[list[dict]], seed: int = 0) -> list[Reply]: ...


# ---- banks -------------------------------------------------------------------------------------------------------------------------


def load_questions(path: str | Path) -> list[Question]:
    """A bank: ours as .jsonl (or a JSON list of the same rows), or the original project's list of {topic_id, topic, question}.

    Its topic-4 items become candidates for unanswerable. Raises RunError when the file is missing, empty, or of neither form.
    """
    path = Path(path)
    rows = _rows(path)
    questions = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not str(row.get("question") or "").strip():
            raise run.RunError(f"{path.name}, item {number} has no question: each needs at least a `question`.")
        if "topic_id" in row:
            row = _original_question(row, path, number)
        try:
            questions.append(Question.model_validate(row))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise run.RunError(f"{path.name}, item {number}: {where} is wrong ({first['msg']}): mend that field.") from error
    if not questions:
        raise run.RunError(f"{path.name} holds no question: give our .jsonl form or a JSON list of questions.")
    words: dict[str, str] = {}
    for item in questions:
        if words.setdefault(item.id, item.question) != item.question:
            raise run.RunError(f"{path.name}: the id {item.id} stands for two different questions: give each its own.")
    return questions


def _original_question(row: dict, path: Path, number: int) -> dict:
    topic = TOPICS.get(str(row["topic_id"]).strip())
    if not topic:
        raise run.RunError(f"{path.name}, item {number}: topic_id {row['topic_id']} is not one of {', '.join(TOPICS)}.")
    beyond = {"answerable": False, "candidate": True, "group": "boundary"} if topic == "beyond" else {"group": "interview"}
    return {"question": row["question"], "topic": topic, **beyond}


def _rows(path: Path) -> list:
    """The rows of a JSON list or a JSONL file."""
    if not path.is_file():
        raise run.RunError(f"No file {path}: check its path.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise run.RunError(f"{path.name} is not UTF-8 text: save it as UTF-8.") from error
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except ValueError as error:
            raise run.RunError(f"{path.name} begins like a JSON list and is not one ({error}): mend it or make it JSONL.") from error
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise run.RunError(f"{path.name}, line {number} is not JSON ({error}): mend or remove that line.") from error
    return rows


def both_orders(questions: Iterable[Question]) -> list[Question]:
    """The bank with a twin behind each question of two options: the same, its options named in the other order (`swap_of`).

    Where the wording cannot be turned round, both orders end in the two options, quoted.
    """
    asked = []
    for item in questions:
        if item.kind == "open" or not item.options or len(item.options) != 2 or item.swap_of:
            asked.append(item)
            continue
        first, second = orders(item)
        asked.append(item.model_copy(update={"question": first}))
        asked.append(item.model_copy(update={"id": f"{item.id}~swapped", "question": second, "swap_of": item.id}))
    return asked


_LEAD = re.compile(
    r"(?:would|do|did|should|will|can|could|is|are|was|were|have|has)\s+(?:you|one(?! who)|it|he|she|they)(?:\s+(?:rather|sooner|say|want it))*\s+",
    re.IGNORECASE,
)


def orders(item: Question) -> tuple[str, str]:
    """A question of two options asked in both orders."""
    text = item.question
    spans = [_span(text, option) for option in item.options]
    if all(spans) and (spans[0][1] <= spans[1][0] or spans[1][1] <= spans[0][0]):
        (a, b), (c, d) = sorted(spans)
        return text, text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]
    clauses = clauses_of(text)
    if clauses:
        head, left, joint, right, tail = clauses
        return text, f"{head}{right}{joint}{left}{tail}"
    quoted = [f"“{option.strip()}”" for option in item.options]
    return f"{text} {quoted[0]} or {quoted[1]}?", f"{text} {quoted[1]} or {quoted[0]}?"


def _span(text: str, option: str) -> tuple[int, int] | None:
    """Where an option stands in a question, its article and final stop apart."""
    core = re.sub(r"[.!?]+$", "", option.strip())
    for words in (core, re.sub(r"^(?:the|a|an)\s+", "", core, flags=re.IGNORECASE)):
        found = [match.span() for match in re.finditer(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE)]
        if found:
            return found[-1]
    return None


def clauses_of(text: str) -> tuple[str, str, str, str, str] | None:
    """A question cut as (head, left, ", or ", right, "?"), or None where its grammar does not let the two change places."""
    match = re.fullmatch(r"(?P<head>.*[.!?:]\s+|)(?P<left>[^.!?:]+?)(?P<joint>,? or )(?P<right>[^.!?:]+?)(?P<tail>\?)", text)
    if not match:
        return None
    head, left, joint, right, tail = match.group("head", "left", "joint", "right", "tail")
    if right in ("not", "no"):
        return None
    if head.rstrip().endswith(":"):
        return head, left, joint, right, tail
    if joint == " or " and ", " in left:
        lead, _, left = left.rpartition(", ")
        return f"{head}{lead}, ", left, joint, right, tail
    lead = _LEAD.search(left)
    if lead and not _LEAD.match(right) and len(left) > lead.end():
        return head + left[: lead.end()], left[lead.end() :], joint, right, tail
    return None


# ---- systems -----------------------------------------------------------------------------------------------------------------------


class Trained:
    """The simulacrum: the base with its adapter, under the standard set-up (place, time and state may be given)."""

    name, adapter = "simulacrum", "simulacrum"

    def __init__(self, sim, profile: Profile, *, name: str = "", adapter: str = "", sampling: Sampling | None = None, **setting: str):
        self.sim, self.profile, self.setting = sim, profile, setting
        self.character = profile.name
        self.name = name or self.name
        self.adapter = adapter or (self.name if self.name in sim.adapters else self.adapter)
        self.sampling = sampling or Sampling()
        self.prompt = dataset.system_prompt(profile.name, **setting)

    def reply(self, conversations: list[list[dict]], seed: int = 0) -> list[Reply]:
        """A reply to each conversation; the set-up goes before those that bring none."""
        self._use()
        return self.sim.answer(self._with_prompt(conversations), self.sampling, seed)

    def option_likelihood(self, conversations: list[list[dict]], options: list[list[str]]) -> list[list[float]]:
        """Mean log-probability a byte of each option as the reply to each conversation."""
        self._use()
        return self.sim.option_likelihood(self._with_prompt(conversations), options)

    def perplexity(self, texts: list[str]) -> float:
        """Perplexity of plain texts, without any prompt."""
        self._use()
        return self.sim.perplexity(texts)

    @property
    def maker(self) -> str:
        """A short name of the weights, the set-up and the sampling."""
        self._use()
        digest = hashlib.sha256(repr((self.name, self.prompt, self.sampling)).encode())
        wanted = f".{self.adapter}." if self.sim.adapters else ""
        for name, values in self.sim.model.named_parameters():
            if not wanted or (self._adapted and wanted in name):
                digest.update(f"{name}{float(values.detach().double().sum()):.6e}".encode())
        base = getattr(self.sim, "base", None)
        return hashlib.sha256(f"{getattr(base, 'fingerprint', '')}{digest.hexdigest()}".encode()).hexdigest()[:12]

    _adapted = True

    def _use(self) -> None:
        self.sim.use(self.adapter if self._adapted and self.sim.adapters else BASE)

    def system_text(self, conversation: list[dict]) -> str:
        """The system prompt of this conversation."""
        return self.prompt

    def _with_prompt(self, conversations: list[list[dict]]) -> list[list[dict]]:
        return [
            messages if messages[0]["role"] == "system" else [{"role": "system", "content": self.system_text(messages)}, *messages]
            for messages in conversations
        ]


class Prompted(Trained):
    """The same base under the same system prompt, without the adapter."""

    name, _adapted = "prompted", False


class PromptedProfile(Prompted):
    """The same base; after the same system prompt stand the profile's paragraphs that are nearest to the question."""

    name = "prompted_profile"

    def __init__(self, sim, profile: Profile, words: int = 120, **given):
        super().__init__(sim, profile, **given)
        self.words, self._search = words, Search([item.text for item in profile.paragraphs])

    def system_text(self, conversation: list[dict]) -> str:
        return _with_passages(self.prompt, self.profile, self._search, conversation, self.words)


class Served:
    """Any endpoint as a system: a baseline under the same set-up, with the profile's nearest passages when `words` says how many.

    Its completions are kept in journal/NAME.jsonl of the run, so that an interrupted interview pays for nothing twice.
    """

    name = "endpoint"

    def __init__(self, here: run.Run, client: endpoint.Client, profile: Profile, *, name: str = "", words: int = 0,
                 sampling: Sampling | None = None, **setting: str):  # fmt: skip
        self.client, self.profile, self.character = client, profile, profile.name
        self.name = name or self.name
        self.sampling = sampling or Sampling()
        self.prompt = dataset.system_prompt(profile.name, **setting)
        self.words, self._journal = words, here.path("journal", f"{run.slug(self.name)}.jsonl")
        self._search = Search([item.text for item in profile.paragraphs]) if words else None

    def reply(self, conversations: list[list[dict]], seed: int = 0) -> list[Reply]:
        """A reply to each conversation. Raises RunError, to be called again, when a budget is spent or a question stays without an answer."""
        asked = [self._prompt(number, messages, seed) for number, messages in enumerate(conversations)]
        started = time.monotonic()
        with endpoint.Journal(self._journal) as journal:
            answers = self.client.ask(asked, journal, label=self.name)
            found = [answers.get(prompt.id) for prompt in asked]
        missing = [answer for answer in found if answer is None or not answer.answered]
        if missing:
            why = answers.stopped or next((answer.finish for answer in missing if answer), "no answer")
            raise run.RunError(f"{self.name} left {len(missing)} of {len(asked)} questions unanswered ({why}): run this again to go on.")
        seconds = (time.monotonic() - started) / max(1, len(asked))
        return [Reply(one.text, one.usage.get("out", 0), "length" if one.finish == "length" else "stop", seconds) for one in found]

    def _prompt(self, number: int, messages: list[dict], seed: int) -> endpoint.Prompt:
        if messages[0]["role"] != "system":
            messages = [{"role": "system", "content": self.system_text(messages)}, *messages]
        sampling = {"temperature": self.sampling.temperature, "max_tokens": self.sampling.max_new_tokens, "seed": seed}
        return endpoint.Prompt(f"{self.name}:{number}", tuple(messages), sampling, sample=seed)

    def system_text(self, conversation: list[dict]) -> str:
        """The system prompt of this conversation."""
        if not self._search:
            return self.prompt
        return _with_passages(self.prompt, self.profile, self._search, conversation, self.words)

    @property
    def maker(self) -> str:
        """A short name of the endpoint, the model, the set-up and the sampling; never of the key."""
        facts = (self.client.settings.place, self.client.settings.model, self.prompt, self.words, self.sampling)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


class Interviewer(Served):
    """An endpoint that asks: it follows up, asks again in other words, doubts and closes, as the turn's note tells it."""

    name = "interviewer"

    def system_text(self, conversation: list[dict]) -> str:
        told = f"You interview {self.profile.name}. Ask one question of at most thirty words at a time, and say nothing else."
        return _with_passages(told, self.profile, self._search, conversation, self.words) if self._search else told


def _with_passages(prompt: str, profile: Profile, search: "Search", conversation: list[dict], words: int) -> str:
    """A system prompt followed by the profile's passages nearest to the last question, `words` words in all."""
    question = next(message["content"] for message in reversed(conversation) if message["role"] == "user")
    left, passages = words, []
    for index, _ in search.nearest(question, 5):
        chosen = profile.paragraphs[index].text.split()[:left]
        passages.append(" ".join(chosen))
        left -= len(chosen)
        if left <= 0:
            break
    return f"{prompt}\nFrom your life:\n" + "\n".join(passages)


class Search:
    """Nearest texts by TF-IDF of words and word pairs."""

    def __init__(self, texts: list[str]):
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, stop_words="english", strip_accents="unicode")
        self.table = self.vectors.fit_transform(texts)

    def nearest(self, text: str, count: int) -> list[tuple[int, float]]:
        """(index, cosine) of the nearest texts, nearest first; earlier ones first among equals."""
        import numpy as np

        likeness = (self.table @ self.vectors.transform([text]).T).toarray().ravel()
        order = np.argsort(-likeness, kind="stable")[:count]
        return [(int(index), float(likeness[index])) for index in order]


def relevant(profile: Profile, question: str, count: int = 3) -> list[Paragraph]:
    """The profile's paragraphs nearest to a question."""
    search = Search([item.text for item in profile.paragraphs])
    return [profile.paragraphs[index] for index, _ in search.nearest(question, count)]


def setting(profile: Profile, number: int = 0) -> dict[str, str]:
    """Place, time and state of mind of the profile's state of that number, as the systems take them: `systems(..., **setting(person, 1))`.

    Raises RunError when the profile has no such state.
    """
    if not 0 <= number < len(profile.states):
        raise run.RunError(f"{profile.name} has {len(profile.states)} states in the profile: name one from 0, or write it there.")
    state = profile.states[number]
    return {"place": state.place, "time": str(state.when), "state": state.state}


def standard(sim, profile: Profile, **given) -> list[Trained]:
    """The three systems every run has: `simulacrum`, `prompted`, `prompted_profile`."""
    return [Trained(sim, profile, **given), Prompted(sim, profile, **given), PromptedProfile(sim, profile, **given)]


def likelihoods(
    systems: Iterable[System], questions: Iterable[Question], phrases: tuple[str, str] | None = None
) -> dict[str, dict[str, list[float]]]:
    """Mean log-probability a byte of each option, by system and question; with `phrases` (ignorance, compliance) of those for boundary items.

    Systems that cannot tell (no `option_likelihood`) are left out.
    """
    wanted = [(item, item.options) for item in questions if item.options and len(item.options) > 1 and item.purpose != "boundary"]
    if phrases:
        wanted += [(item, list(phrases)) for item in questions if item.purpose == "boundary"]
    found = {}
    for system in systems:
        if hasattr(system, "option_likelihood") and wanted:
            values = system.option_likelihood([_ask(item.question) for item, _ in wanted], [options for _, options in wanted])
            found[system.name] = {item.id: [float(value) for value in row] for (item, _), row in zip(wanted, values, strict=True)}
    return found


def _ask(question: str) -> list[dict]:
    return [{"role": "user", "content": question}]


# ---- single-turn -------------------------------------------------------------------------------------------------------------------


def conduct(out: run.Run | str | Path, questions: Sequence[Question], systems: Sequence[System], seeds: Sequence[int] = (0,),
            say: Callable[[str], None] | None = None, *, character: str = "", batch: int = 192) -> list[Answer]:  # fmt: skip
    """Ask every system every question with every seed; one answer a question, system and seed, in the order of the questions.

    `out` is a run (its answers.jsonl) or a path. Answers are appended as each batch ends; a file that was left incomplete, even with a torn
    last line, is continued, and what other weights or another wording answered is asked again. Rows of other systems and of
    conversations stay. Raises RunError when the file holds something else, or a system answers fewer conversations than it was given.
    """
    path, say = _target(out, ANSWERS), say or (out.say if isinstance(out, run.Run) else lambda text: None)
    _distinct(systems)
    known, others = {}, []
    makers = {system.name: getattr(system, "maker", None) for system in systems}
    wanted = _numbered(questions)
    places = {(key, system.name, seed) for key in wanted for system in systems for seed in seeds}
    counts: Counter = Counter()
    ours = {system.name for system in systems}
    asked_ids = {item.id for item in questions}
    for answer in _continue(path):
        plain = (answer.question, answer.asked, answer.system, answer.seed)
        key = ((answer.question, answer.asked, counts[plain]), answer.system, answer.seed)
        if answer.conversation is None and key in places and makers[answer.system] == answer.maker:
            known[key] = answer
            counts[plain] += 1
        elif answer.conversation is not None or answer.system not in ours or answer.question not in asked_ids or answer.seed not in seeds:
            others.append(answer)
    missing = len(places) - len(known)
    if known and missing:
        say(f"interview: {len(known)} answers are there, {missing} to go")
    run.write_jsonl(path, [*others, *known.values()])
    for system in systems:
        for seed in seeds:
            todo = [(key, item) for key, item in wanted.items() if (key, system.name, seed) not in known]
            for start in range(0, len(todo), batch):
                chosen = todo[start : start + batch]
                replies = _replies(system, [_ask(item.question) for _, item in chosen], seed)
                rows = [
                    _answer(item, item.question, reply, system, seed, character, makers[system.name])
                    for (_, item), reply in zip(chosen, replies, strict=True)
                ]
                _append(path, rows)
                known |= {(key, system.name, seed): row for (key, _), row in zip(chosen, rows, strict=True)}
            if todo:
                say(f"interview: {system.name}, seed {seed}: {len(todo)} answers")
    ordered = [known[(key, system.name, seed)] for system in systems for seed in seeds for key in wanted]
    run.write_jsonl(path, [*ordered, *others])
    return ordered


def _numbered(questions: Sequence[Question]) -> dict[tuple, Question]:
    """Questions by (id, text, how often it came before): a bank may ask one thing twice."""
    counts: Counter = Counter()
    numbered = {}
    for item in questions:
        numbered[(item.id, item.question, counts[(item.id, item.question)])] = item
        counts[(item.id, item.question)] += 1
    return numbered


def _target(out: run.Run | str | Path, name: str) -> Path:
    return out.path(name) if isinstance(out, run.Run) else Path(out)


def _distinct(systems: Sequence[System]) -> None:
    twice = [name for name, count in Counter(system.name for system in systems).items() if count > 1]
    if twice:
        raise run.RunError(f"Two systems are called {twice[0]}: give each its own name.")


def _replies(system: System, conversations: list[list[dict]], seed: int) -> list[Reply]:
    replies = list(system.reply(conversations, seed))
    if len(replies) != len(conversations):
        raise run.RunError(f"{system.name} gave {len(replies)} replies to {len(conversations)} conversations: it must answer each.")
    return replies


def _answer(item: Question, asked: str, reply: Reply, system: System, seed: int, character: str, maker: str | None, **place) -> Answer:
    spoken, thought = split_thought(reply.text)
    return Answer(
        question=item.id, asked=asked, item=item, character=getattr(system, "character", "") or character, system=system.name, seed=seed,
        text=spoken, thought=thought, tokens=reply.tokens, finish=reply.finish, seconds=reply.seconds, maker=maker, **place,
    )  # fmt: skip


def _continue(path: Path) -> list[Answer]:
    """The answers that are there; a last line that was torn is cut off."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    whole, _, last = text.rpartition("\n")
    if last.strip():
        try:
            json.loads(last)
        except ValueError:
            text = whole
    answers = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                answers.append(Answer.model_validate_json(line))
            except ValidationError as error:
                raise run.RunError(
                    f"{path.name}, line {number} is not an answer: mend or remove that line, or choose another --out."
                ) from error
    return answers


def _append(path: Path, rows: Sequence[BaseModel]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(run.to_json(row) + "\n" for row in rows))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise run.RunError(f"Could not write {path.name}: {error.strerror}. Free some space or choose another --out.") from error


_TAG = re.compile(
    r"(?:(?:^|\n)[ \t]*(?:[A-Z][\w.’'-]*(?: (?:van|von|de|of|the|[A-Z][\w.’'-]*)){0,4} )?|(?<=[\s.!?…\"”’]))"  # a name only opens a line
    r"\(\s*((?i:thinking|speaking))\s*(?:[,:;]\s*([^()\n]{0,60}))?\)\s*:?[ \t]*"
)


def split_thought(text: str) -> tuple[str, str | None]:
    """(spoken, thought) of a reply that may hold "(thinking, mood) …" and "(speaking) …" parts. A thought keeps its mood in parentheses."""
    parts = _TAG.split(text.strip())
    spoken, thoughts = [parts[0]], []
    for action, mood, said in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        if action.lower() == "speaking":
            spoken.append(said)
        elif said.strip():
            thoughts.append(f"({mood.strip()}) {said.strip()}" if mood and mood.strip() else said.strip())
    return "\n".join(part.strip() for part in spoken if part.strip()), "\n".join(thoughts) or None


# ---- multi-turn --------------------------------------------------------------------------------------------------------------------

FOLLOW_UPS = (
    "Go on. What stays with you most of that?",
    "Forgive me, let me ask once more in other words: {topic}",
    "I have been told it was quite otherwise. Are you sure?",
    "What would you have people remember of it?",
)  # a follow-up, a re-ask, a provocation, a closing: for a topic that brings none of its own
RE_ASK = 2  # the turn in which the topic is asked again in other words
NOTES = (
    "Follow up on what was just said.",
    "Ask the opening question again in quite other words, as if it were new.",
    "Doubt it politely: say that you have heard the contrary, and ask whether that is not so.",
    "Close with a question about what should be remembered of it.",
)  # the same four turns, as a model that asks is told them
_REWORDED = (
    (r"(?:please )?tell me (?:something )?(?:about|of) (?P<x>.+?)[.?!]*", "What is there to say of {x}?"),
    (r"(?:please )?tell me (?P<x>how|why|when) (?P<y>.+?)[.?!]*", "I should like to hear {x} {y}. How was it?"),
    (r"what do you (?:think|make) of (?P<x>.+?)[.?!]*", "How do you look upon {x}?"),
    (r"what (?:was|is) (?P<x>.+?) like(?P<y>\b.*?)[.?!]*", "How would you describe {x}{y}?"),
    (
        r"what (?:did|do) you (?P<x>feel|value|want|fear|love|hope)(?P<y> .+?)?[.?!]*",
        "If somebody asked what you {x}{y}, what would you say?",
    ),
)


def converse(system: System, topic: Question | str, follow_ups: Sequence[str] | None = None, turns: int = 5, seed: int = 0,
             interviewer: System | None = None) -> list[Answer]:  # fmt: skip
    """A conversation of `turns` questions: the topic, a follow-up, the topic again in other words, a provocation, a closing.

    The questioner is scripted (`follow_ups`, else the topic's own, else general ones), or an `interviewer` that replies to the person.
    """
    item = topic if isinstance(topic, Question) else Question(id=topic, question=topic, group="interview")
    if follow_ups is not None:
        item = item.model_copy(update={"follow_ups": list(follow_ups)})
    return _talk_through(system, [item], turns, seed, interviewer)[0]


def conversations(here: run.Run, topics: Sequence[Question], systems: Sequence[System], turns: int = 5, seeds: Sequence[int] = (0,),
                  say: Callable[[str], None] | None = None, interviewer: System | None = None, batch: int = 32) -> list[Answer]:  # fmt: skip
    """Multi-turn interviews over every topic, all topics of a batch turn by turn together. Saves conversations/<name>.jsonl and adds
    their rows to answers.jsonl; a conversation that is there from the same weights is kept.
    """
    _distinct(systems)
    say, found = say or here.say, []
    for system in systems:
        maker = getattr(system, "maker", None)
        for seed in seeds:
            names = {item.id: run.slug(f"{system.name}-{item.id}-{seed}".lower().replace("_", "-")) for item in topics}
            saved = {id: _saved(here.path("conversations", f"{name}.jsonl"), turns, maker) for id, name in names.items()}
            todo = [item for item in topics if not saved[item.id]]
            for start in range(0, len(todo), batch):
                chosen = todo[start : start + batch]
                for item, rows in zip(chosen, _talk_through(system, chosen, turns, seed, interviewer), strict=True):
                    saved[item.id] = [row.model_copy(update={"conversation": names[item.id], "maker": maker}) for row in rows]
                    run.write_jsonl(here.path("conversations", f"{names[item.id]}.jsonl"), saved[item.id])
            if todo:
                say(f"conversations: {system.name}, seed {seed}: {len(todo)} talks of {turns} turns")
            found += [row for item in topics for row in saved[item.id]]
    _keep_rows(here, found)
    return found


def _keep_rows(here: run.Run, rows: list[Answer]) -> None:
    """Put conversation rows into answers.jsonl in place of older rows of the same conversations."""
    names = {row.conversation for row in rows}
    kept = [row for row in _continue(here.path(ANSWERS)) if row.conversation not in names]
    here.write_jsonl(ANSWERS, [*kept, *rows])


def _saved(path: Path, turns: int, maker: str | None) -> list[Answer]:
    rows = run.read_jsonl(path, Answer) if path.is_file() else []
    return rows if len(rows) == turns and all(row.maker == maker for row in rows) else []


def _talk_through(system: System, topics: Sequence[Question], turns: int, seed: int, interviewer: System | None) -> list[list[Answer]]:
    said: list[list[Answer]] = [[] for _ in topics]
    for turn in range(turns):
        asked = _next_questions(topics, said, turn, seed, interviewer)
        history = [[*_messages(rows), *_ask(words)] for rows, words in zip(said, asked, strict=True)]
        for rows, item, words, reply in zip(said, topics, asked, _replies(system, history, seed * 1000 + turn), strict=True):
            name = f"{system.name}:{item.id}:{seed}"
            rows.append(_answer(item, words, reply, system, seed, "", None, conversation=name, turn=turn))
    return said


def _next_questions(topics, said, turn: int, seed: int, interviewer) -> list[str]:
    if turn == 0:
        return [item.question for item in topics]
    if interviewer:
        flipped = [_flip(item.question, rows) for item, rows in zip(topics, said, strict=True)]
        return [split_thought(reply.text)[0] or FOLLOW_UPS[0] for reply in _replies(interviewer, flipped, seed * 1000 + turn)]
    return [_scripted(item, turn) for item in topics]


def _scripted(item: Question, turn: int) -> str:
    own = item.follow_ups or []
    if turn <= len(own):
        return own[turn - 1]
    return FOLLOW_UPS[(turn - 1) % len(FOLLOW_UPS)].replace("{topic}", reworded(item.question))


def reworded(question: str) -> str:
    """An opening question in other words, by its form; one of no known form as it stands."""
    for form, words in _REWORDED:
        if match := re.fullmatch(form, question.strip(), re.IGNORECASE):
            return words.format(**{name: part or "" for name, part in match.groupdict().items()})
    return question


def _messages(rows: list[Answer]) -> list[dict]:
    """A conversation so far as the person lived it: questions are the user's, spoken replies its own."""
    messages = []
    for row in rows:
        messages += [{"role": "user", "content": row.asked}, {"role": "assistant", "content": row.text or "…"}]
    return messages


def _flip(topic: str, rows: list[Answer]) -> list[dict]:
    """The same conversation as the interviewer lived it, what this turn is for said at its head."""
    note = NOTES[(len(rows) - 1) % len(NOTES)]
    messages = [{"role": "user", "content": f"Interview the person about this, one short question at a time: {topic}\n(Now: {note})"}]
    for row in rows:
        messages += [{"role": "assistant", "content": row.asked}, {"role": "user", "content": row.text or "…"}]
    return messages


def dinner(
    companions: Sequence[System], topic: str, turns: int = 6, seed: int = 0, here: run.Run | None = None, on_reply: Callable | None = None
) -> list[Answer]:
    """Two or more at one table, who speak in turn, `turns` replies in all; each hears the spoken words of the others since it last spoke.

    With two, a reply is heard as it stands; with more, beside the name of who said it. `on_reply(name, spoken)` hears each as it comes. With a
    run the talk is kept reply by reply in its conversations/, and one that was broken off, by the same weights, goes on.
    """
    item = Question(id=topic, question=topic, group="interview")
    names = [getattr(one, "character", "") or one.name for one in companions]
    makers = [getattr(one, "maker", None) for one in companions]
    systems = [one.name for one in companions]
    digest = hashlib.sha256(repr((topic, names, systems, seed)).encode()).hexdigest()[:8]
    place = f"dinner-{digest}"
    path = here.path("conversations", f"{place}.jsonl") if here else None
    kept = run.read_jsonl(path, Answer)[:turns] if path and path.is_file() else []
    if [row.maker for row in kept] != [makers[row.turn % len(makers)] for row in kept]:
        kept = []
    talks: list[list[dict]] = [[] for _ in companions]
    rows: list[Answer] = []
    for turn in range(turns):
        who = turn % len(companions)
        since = rows[max(0, turn - len(companions) + 1) :]
        said = [(row.text or "…") if len(companions) == 2 and turn > 1 else f"{row.character} says: {row.text or '…'}" for row in since]
        others = " and ".join(name for number, name in enumerate(names) if number != who)
        opening = [f"You sit at table with {others}. {topic}"] if turn < len(companions) else []
        asked = "\n".join([*opening, *said])
        if turn < len(kept):
            rows.append(kept[turn])
        else:
            reply = _replies(companions[who], [[*talks[who], *_ask(asked)]], seed * 1000 + turn)[0]
            rows.append(_answer(item, asked, reply, companions[who], seed, names[who], makers[who], conversation=place, turn=turn))
            if path:
                run.write_jsonl(path, rows)
        talks[who] += [*_ask(asked), {"role": "assistant", "content": rows[-1].text or "…"}]
        if on_reply:
            on_reply(names[who], rows[-1].text)
    return rows


# ---- answers of others -------------------------------------------------------------------------------------------------------------


def load_answers(path: str | Path, system: str | None = None) -> list[Answer]:
    """Answers: ours, or the original project's single-turn list and multi-turn JSONL.

    The system is the row's `system` or `model`, else `system`, else the file's stem. Raises RunError when the file is none of these.
    """
    path = Path(path)
    answers: list[Answer] = []
    for number, row in enumerate(_rows(path), 1):
        try:
            answers += _read_answer(row, row.get("system") or row.get("model") or system or path.stem, path.stem)
        except (ValidationError, KeyError, TypeError, AttributeError) as error:
            what = str(error).splitlines()[0]
            raise run.RunError(
                f"{path.name}, row {number} is no answer of a known form ({what}): give an answers.jsonl or the original project's files."
            ) from error
    if not answers:
        raise run.RunError(f"{path.name} holds no answer: give an answers.jsonl or the original project's files.")
    return answers


def _read_answer(row: dict, system: str, stem: str) -> list[Answer]:
    if "reply" in row:
        return [_original_single(row, system)]
    if isinstance(row.get("content"), list):
        return _original_multi(row, system, stem)
    spoken, thought = split_thought(str(row["text"] or ""))
    item = row.get("item") or {"question": row.get("asked") or row["question"], "id": row["question"], "group": "interview"}
    filled = {"asked": str(row["question"]), "character": "", "finish": "stop"} | row
    filled |= {"question": str(row["question"]), "system": system, "text": spoken, "thought": row.get("thought") or thought, "item": item}
    return [Answer.model_validate(filled)]


def _original_single(row: dict, system: str) -> Answer:
    spoken, thought, who, finish = _turns(row["reply"])
    question = " ".join(str(row["question"]).split())
    topic = row.get("topic_id")
    item = {"question": question, **(_original_question(row, Path(system), 0) if topic in TOPICS else {"group": "interview"})}
    return Answer(question=question, asked=question, item=Question.model_validate(item), character=who, system=system, text=spoken,
                  thought=thought, finish=finish)  # fmt: skip


def _original_multi(row: dict, system: str, stem: str) -> list[Answer]:
    topic = " ".join(str(row["topic"]).split())
    item = Question(id=topic, question=topic, group="interview")
    asked, rows = topic, []
    for turn in row["content"]:
        spoken, thought, who, finish = _turns(turn["turn_content"])
        if turn["turn_role"] == "interviewer":
            asked = spoken
            continue
        rows.append(
            Answer(question=topic, asked=asked, item=item, character=row.get("character") or who, system=system, text=spoken, thought=thought,
                   finish=finish, conversation=f"{stem}:{row.get('qid', topic)}", turn=int(turn.get("turn_id", len(rows))))
        )  # fmt: skip
    return rows


def _turns(reply) -> tuple[str, str | None, str, str]:
    """(spoken, thought, who, finish) of a reply of the original project: a list of turns, one turn, or plain text."""
    turns = reply if isinstance(reply, list) else [reply]
    turns = [{"role": "", "action": "(speaking)", "content": turn} if isinstance(turn, str) else turn for turn in turns]
    spoken, thoughts, cut = [], [], False
    for turn in turns:
        text = str(turn.get("content") or "")
        cut |= CUT in text
        text = text.replace(CUT, "").replace("<|eot|>", "").strip()
        if text:
            (thoughts if "think" in str(turn.get("action", "")) else spoken).append(text)
    who = next((str(turn.get("role") or "") for turn in turns if turn.get("role")), "")
    return "\n".join(spoken), "\n".join(thoughts) or None, who, "length" if cut else "stop"


# ---- of a run ----------------------------------------------------------------------------------------------------------------------


def choose(here: run.Run, profile: Profile, count: int = 0, seed: int = 0) -> list[Question]:
    """The run's questions: the shipped bank of its character, else self-made ones; a seeded sample of `count` that keeps the groups' shares.

    Writes questions.jsonl with all that will be asked. Pairs, paraphrases and their originals stay together; interview topics are always kept.
    """
    questions = bank(here, profile, seed)
    origin = "shipped"
    if not shipped_bank(here).is_file():
        origin, made = "offline, self-made", len(questions)
        questions = unseen(here, questions)
        here.say(
            "questions: self-made by the rules that wrote the training, in other wordings; what a stranger asks is harder. "
            f"Left out as too like the training text: {made - len(questions)}"
        )
    chosen = sample(questions, count, seed)
    here.write_jsonl("questions.jsonl", chosen)
    here.record("questions", products=("questions.jsonl",), origin=origin)
    return chosen


def unseen(here: run.Run, questions: Sequence[Question]) -> list[Question]:
    """The questions that share no run of words with what the run trained on; a pair or a paraphrase goes with the one it belongs to."""
    if not here.has("examples.jsonl"):
        return list(questions)
    trained: set[tuple[str, ...]] = set()
    for example in here.read_jsonl("examples.jsonl", dataset.Example):
        for message in example.messages:
            trained |= set() if message.role == "system" else dataset.word_runs(message.content)
    seen = [item for item in questions if dataset.word_runs(item.question) & trained]
    lost = {item.id for item in seen} | {item.pair for item in seen if item.pair}
    return [item for item in questions if not {item.id, item.pair, item.paraphrase_of} & lost]


def shipped_bank(here: run.Run) -> Path:
    """Where the bank of a shipped character lies, whether or not it is there."""
    return run.root() / "data" / "questions" / f"{here.character}.jsonl"


def bank(here: run.Run, profile: Profile, seed: int = 0) -> list[Question]:
    """All questions there are for a run: the shipped ones whose paragraphs are still in the profile, else self-made ones."""
    if shipped_bank(here).is_file():
        held = {item.id for item in profile.paragraphs}
        return [item for item in load_questions(shipped_bank(here)) if not item.paragraph or item.paragraph in held]
    from charlib import offline

    return offline.questions(profile, seed)


SHARES = {"recall": 0.4, "boundary": 0.4, "choice": 0.02, "time": 0.02, "value": 0.06, "trait": 0.04, "paraphrase": 0.06}


def sample(questions: Sequence[Question], count: int, seed: int = 0) -> list[Question]:
    """A seeded choice of about `count` questions, split over the groups by SHARES; everything when `count` is 0."""
    import random

    if not count or count >= len(questions):
        return list(questions)
    chooser = random.Random(seed)
    units: dict[str, list[list[Question]]] = {}
    by_pair: dict[str, list[Question]] = {}
    for item in questions:
        if item.purpose == "boundary" and item.pair:
            by_pair.setdefault(item.pair, []).append(item)
        elif item.purpose not in ("interview", "paraphrase"):
            units.setdefault(item.purpose, []).append([item])
    units["boundary"] = list(by_pair.values())
    originals = {item.id: item for item in questions}
    twins = [item for item in questions if item.purpose == "paraphrase"]
    chooser.shuffle(twins)
    taken = twins[: max(1, round(SHARES["paraphrase"] * count))] if twins else []
    chosen = {item.id for item in taken} | {item.paraphrase_of for item in taken if item.paraphrase_of in originals}
    for name, groups in units.items():
        chooser.shuffle(groups)
        left = max(1, round(SHARES.get(name, 0.05) * count)) - sum(originals[id].purpose == name for id in chosen)
        for group in groups:
            if left <= 0:
                break
            chosen |= {item.id for item in group}
            left -= len(group)
    return [item for item in questions if item.id in chosen or item.purpose == "interview"]


def systems(sim, profile: Profile, names: str | Sequence[str], here: run.Run | None = None, **given) -> list[Trained]:
    """The systems of those names; ablations trained in the run are added by name. Raises RunError for an unknown one."""
    known = {"simulacrum": Trained, "prompted": Prompted, "prompted_profile": PromptedProfile}
    wanted = [name.strip() for name in (names.split(",") if isinstance(names, str) else names) if name.strip()]
    folder = here.path("ablations") if here else None
    trained = sorted(path.parent.name for path in folder.glob("*/adapter")) if folder and folder.is_dir() else []
    for name in trained:
        if name not in sim.adapters:
            sim.add(name, folder / name / "adapter")
    unknown = [name for name in wanted if name not in known and name not in trained]
    if unknown:
        raise run.RunError(f"No system '{unknown[0]}': use {', '.join([*known, *trained])}.")
    made = [known[name](sim, profile, **given) for name in wanted if name in known]
    return made + [Trained(sim, profile, name=name, adapter=name, **given) for name in trained]


def side_by_side(answers: Sequence[Answer], questions: Sequence[Question], count: int = 6):
    """A table of questions and every system's reply, taken in turn from recall and boundary."""
    import pandas as pd

    by_purpose = [[item for item in questions if item.purpose == name] for name in ("recall", "boundary")]
    chosen = [item for pair in zip(*by_purpose, strict=False) for item in pair][:count] or list(questions)[:count]
    rows = []
    for item in chosen:
        replies = {row.system: row.text for row in reversed(answers) if row.question == item.id and row.conversation is None}
        rows.append({"question": item.question, **replies})
    return pd.DataFrame(rows).set_index("question")


def by_conversation(rows: Sequence[Answer]) -> list[list[Answer]]:
    """Rows of conversations, grouped and in order."""
    groups: dict[str, list[Answer]] = {}
    for row in rows:
        groups.setdefault(row.conversation or "", []).append(row)
    return [sorted(group, key=lambda row: row.turn or 0) for group in groups.values()]


def transcript(rows: Sequence[Answer]) -> str:
    """A conversation as plain text."""
    return "\n".join(f"Interviewer: {row.asked}\n{row.character.split()[-1]}: {row.text or '(nothing)'}" for row in rows)


class Talk:
    """A conversation that a person has with one system; `say` streams the reply and remembers it."""

    def __init__(self, sim, profile: Profile, visitor: str = "", system: str = "simulacrum"):
        self.sim, self.profile, self.visitor, self.system = sim, profile, visitor, system
        self.setting: dict[str, str] = {}
        self.messages: list[dict] = []
        self.seed = 0

    def say(self, words: str):
        """Yield the pieces of the reply to `words`; thoughts are kept out of what is heard."""
        self.messages.append({"role": "user", "content": words})
        yield from self._reply()

    def again(self):
        """Answer the last words anew, with another seed and some temperature."""
        if self.messages and self.messages[-1]["role"] == "assistant":
            self.messages.pop()
        self.seed += 1
        yield from self._reply()

    def _reply(self):
        self.sim.use(BASE if self.system == "prompted" else self.system)
        prompt = dataset.system_prompt(self.profile.name, **{name: text for name, text in self.setting.items() if text})
        heard = [{"role": "system", "content": prompt}, *self.messages[-9:]]
        sampling = Sampling(max_new_tokens=90, temperature=0.7 if self.seed else 0.0)
        self.messages.append({"role": "assistant", "content": ""})
        said = ""
        for piece in self.sim.stream(heard, sampling, self.seed):
            said += piece
            self.messages[-1]["content"] = split_thought(said)[0]
            yield piece
