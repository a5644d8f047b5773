"""Client of any OpenAI-compatible chat endpoint: journal, retries, budgets, structured output.

Teacher, interviewer, judge and baseline use it.

    teacher = endpoint.EndpointTeacher.from_environment()              # CHARLIB_ENDPOINT, CHARLIB_MODEL, CHARLIB_API_KEY, …

    client = endpoint.Client(endpoint.Settings.from_environment())
    with endpoint.Journal(here.path("journal", "judge.jsonl")) as journal:
        answers = client.ask([endpoint.Prompt("q1", ({"role": "user", "content": "…"},), schema=Verdict)], journal)
        answers["q1"].data                                             # a Verdict, or None with the reason in .finish

A journal is JSON Lines, one row per finished item; a row without a value records a failure and is
never taken for an answer:

    {"key": "8c1f…", "value": {"text": "…", "finish": "stop", …}, "about": {"id": "q1"}, "at": "2026-11-23T05:11:00+0000"}
"""

import asyncio
import contextlib
import email.utils
import hashlib
import ipaddress
import json
import math
import os
import queue
import random
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError

from charlib import run
from charlib.records import Completion, Request
from charlib.teachers.journal import ANSWERED, Journal

# seconds between the starts of two workers: answers that come in one burst wait for each other, a
# tenth of the throughput
_APART = 0.003


# failures without a success between them that stop a run: something is wrong with all of it
_IN_A_ROW = 20


_FORM = "\n\nAnswer with one JSON object and nothing else, that fits this JSON schema:\n"


_SAMPLING = {"temperature": 0.7, "top_p": 0.95, "max_tokens": 3000}


@dataclass(frozen=True)
class Settings:
    """An endpoint and how to use it. Seconds are wall-clock; prices are per million tokens, in
    whatever money the provider names.
    """

    url: str
    model: str
    key: SecretStr = SecretStr("")
    concurrency: int = 8
    timeout: float = 120.0  # seconds one request may take
    attempts: int = 6  # per item, when what failed can pass
    tokens: int | None = None  # budget of a run, in and out together
    seconds: float | None = None  # budget of a run
    price_in: float = 0.0
    price_out: float = 0.0
    first_wait: float = 0.5  # seconds before the second attempt; doubled each time, with jitter
    longest_wait: float = 30.0
    patience: float = 900.0  # the longest Retry-After obeyed where no wall-clock budget is set

    def __post_init__(self):
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:  # a port or an address that is none
            usable = False
        if not usable:
            raise run.RunError("CHARLIB_ENDPOINT must be a base address such as http://127.0.0.1:8000/v1.")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise run.RunError("CHARLIB_ENDPOINT must be a plain address without user, password or query: the key goes in CHARLIB_API_KEY.")
        secret = self.key.get_secret_value()
        if not (secret.isascii() and secret.isprintable()) or " " in secret:
            raise run.RunError("CHARLIB_API_KEY holds spaces or letters that no key has: copy it again.")
        if not self.model:
            raise run.RunError("No model named: set CHARLIB_MODEL to the name the endpoint knows.")
        if not 1 <= self.concurrency <= 1000 or self.timeout <= 0 or self.attempts < 1:
            raise run.RunError("An endpoint needs 1 to 1000 requests in flight, a timeout above 0 and at least one attempt.")

    @classmethod
    def from_environment(cls, model: str = "") -> "Settings":
        """Settings, of `model` if one is named, from CHARLIB_ENDPOINT, CHARLIB_MODEL, CHARLIB_API_KEY (not for local servers),
        CHARLIB_CONCURRENCY, CHARLIB_TIMEOUT, CHARLIB_TOKEN_BUDGET, CHARLIB_SECONDS_BUDGET,
        CHARLIB_PRICE_IN and CHARLIB_PRICE_OUT. Raises RunError when one cannot be used.
        """
        url = os.environ.get("CHARLIB_ENDPOINT", "").strip()
        model = model or os.environ.get("CHARLIB_MODEL", "").strip()
        if not url or not model:
            raise run.RunError("No endpoint set: export CHARLIB_ENDPOINT (a base address, usually ending in /v1) and CHARLIB_MODEL.")
        names = {"concurrency": "CHARLIB_CONCURRENCY", "timeout": "CHARLIB_TIMEOUT", "tokens": "CHARLIB_TOKEN_BUDGET",
                 "seconds": "CHARLIB_SECONDS_BUDGET", "price_in": "CHARLIB_PRICE_IN", "price_out": "CHARLIB_PRICE_OUT"}  # fmt: skip
        numbers = {name: _number(variable) for name, variable in names.items() if os.environ.get(variable, "").strip() not in ("", "0")}
        for name in {"concurrency", "tokens"} & numbers.keys():
            numbers[name] = int(numbers[name])
        return cls(url, model, SecretStr(os.environ.get("CHARLIB_API_KEY", "").strip()), **numbers)

    @property
    def place(self) -> str:
        """Host and path, which with the model say who answers; never the key."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path.rstrip('/')}"

    @property
    def local(self) -> bool:
        """Whether the endpoint is on this machine."""
        host = urlsplit(self.url).hostname
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(host).is_loopback
        return host == "localhost" or host.endswith(".localhost")

    def warn(self, say: Callable) -> None:
        """Say so when the key would travel unencrypted."""
        if self.key.get_secret_value() and self.url.startswith("http://") and not self.local:
            say(f"Warning: the key goes to {self.place} unencrypted (http); use https if the endpoint has it.")

    def redact(self, text: str, least: int = 0) -> str:
        """The text without the key, should a server have echoed it; `least` spares placeholders
        such as "none" in answers.
        """
        secret = self.key.get_secret_value()
        return text.replace(secret, "[key]") if len(secret) > least else text


def _number(variable: str) -> float:
    try:
        value = float(os.environ[variable])
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise run.RunError(f"{variable} must be a number above 0: set it again or leave it out.")
    return value


@dataclass(frozen=True)
class Prompt:
    """One thing to ask. With `schema`, a pydantic model, the answer's `data` is that model or None;
    `sample` counts repeats of a prompt.
    """

    id: str
    messages: tuple[dict, ...]
    sampling: dict = field(default_factory=dict)
    sample: int = 0
    version: str = ""
    schema: type[BaseModel] | None = None


@dataclass(frozen=True)
class Answer:
    """What came back. `finish` is stop, length or filter, else the reason why there is no answer.
    `usage` is {in, out} in tokens.
    """

    prompt: str
    text: str
    finish: str = "stop"
    attempts: int = 1
    usage: dict = field(default_factory=dict)
    model: str = ""
    mode: str = ""
    repaired: bool = False
    data: BaseModel | None = field(default=None, compare=False)

    @property
    def answered(self) -> bool:
        return self.finish in ANSWERED

    @property
    def whole(self) -> bool:
        """Whether the answer came to its own end, so may be trained on or counted (fault F10)."""
        return self.finish == "stop"


class Answers(Mapping):
    """Answers by prompt id, read from the journal when looked at; failures too. `stopped` says why
    some are missing, if any are.
    """

    def __init__(self, client: "Client", prompts: dict[str, Prompt], journal: Journal):
        self._client, self._prompts, self._journal = client, prompts, journal
        self.failures: dict[str, Answer] = {}
        self.stopped = ""

    def __getitem__(self, id: str) -> Answer:
        prompt = self._prompts[id]
        value = self._journal.get(self._client.entry(prompt))
        if value is None:
            return self.failures[id]
        data = parse(value["text"], prompt.schema)[0] if prompt.schema and value["finish"] == "stop" else None
        return Answer(prompt=id, data=data, **value)

    def __iter__(self) -> Iterator[str]:
        return (id for id, prompt in self._prompts.items() if id in self.failures or self._client.entry(prompt) in self._journal)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Client:
    """Asks an endpoint, many prompts at a time; every finished one is kept in a journal and never
    asked again.
    """

    def __init__(self, settings: Settings, say: Callable = print):
        self.settings, self.say = settings, say
        self.modes: dict[str, str] = {}  # how each model is got to answer in JSON, as probed
        settings.warn(say)

    def entry(self, prompt: Prompt) -> str:
        """Journal key: what determines the answer (endpoint, model, messages, sampling, sample,
        version, schema), never the API key.
        """
        schema = prompt.schema.model_json_schema() if prompt.schema else None
        asked = [self.settings.place, self.settings.model, list(prompt.messages), prompt.sampling, prompt.sample, prompt.version, schema]
        return hashlib.sha256(json.dumps(asked, sort_keys=True, ensure_ascii=True).encode()).hexdigest()[:32]

    def ask(self, prompts: Iterable[Prompt], journal: Journal, on_done: Callable | None = None, label: str = "endpoint") -> Answers:
        """`ask_all` for code that is not asynchronous, notebooks too: the loop runs in a thread of
        its own.
        """
        thread = _LoopThread(lambda: self.ask_all(prompts, journal, on_done, label))
        try:
            thread.start()
            thread.join()
        finally:
            thread.cancel()
        return thread.outcome()

    async def ask_all(
        self, prompts: Iterable[Prompt], journal: Journal, on_done: Callable | None = None, label: str = "endpoint"
    ) -> Answers:
        """Ask for what the journal lacks; returns the answers by prompt id. `on_done(prompt,
        answer)` is called for each new, durable one.

        Stops early, to be continued by calling again, when a budget is spent or the endpoint asks
        for too long a wait; `.stopped` says why. Raises RunError when the endpoint refuses (401,
        402, 403, 404) or the journal cannot be written.
        """
        named: dict[str, Prompt] = {}
        for prompt in prompts:
            if named.setdefault(prompt.id, prompt) != prompt:
                raise run.RunError(f"Two different prompts are named '{prompt.id}': give each its own id.")
        answers = Answers(self, named, journal)
        # finished ones never come near a worker, so hold no place in flight (fault F3)
        fresh: dict[str, list[str]] = {}
        for id, prompt in named.items():
            if (entry := self.entry(prompt)) not in journal:
                fresh.setdefault(entry, []).append(id)

        async def keep(prompt: Prompt, answer: Answer) -> None:
            entry = self.entry(prompt)
            about = {"id": prompt.id, "sample": prompt.sample, "version": prompt.version}
            if answer.answered:
                await journal.put_durable(entry, _value(answer), about)
            else:
                reason = {"failed": answer.finish, "attempts": answer.attempts, "text": answer.text[:2000]}
                await journal.put_durable(entry, None, about | reason)
            for id in fresh[entry]:
                if not answer.answered:
                    answers.failures[id] = answer
                if on_done:
                    on_done(named[id], answer)

        wanted = [named[ids[0]] for ids in fresh.values()]
        answers.stopped = await _Session(self, keep, journal, label).work(wanted)
        return answers

    def stream(self, prompts: list[Prompt], label: str = "endpoint") -> Iterator[tuple[Prompt, Answer]]:
        """Answers and failures as they come, for a caller that keeps them itself; the loop runs in
        a thread of its own.
        """
        found: queue.SimpleQueue = queue.SimpleQueue()

        async def pass_on(prompt: Prompt, answer: Answer) -> None:
            found.put((prompt, answer))

        thread = _LoopThread(lambda: _Session(self, pass_on, None, label).work(prompts), at_end=lambda: found.put(None))
        try:
            thread.start()
            while (item := found.get()) is not None:
                yield item
        finally:
            thread.cancel()
        thread.outcome()


def _value(answer: Answer) -> dict:
    return {name: getattr(answer, name) for name in ("text", "finish", "attempts", "usage", "model", "mode", "repaired")}


class _LoopThread(threading.Thread):
    """Runs one coroutine in a loop of its own, so that it works under a notebook's running loop;
    `cancel` ends it.
    """

    def __init__(self, main: Callable[[], Awaitable], at_end: Callable = lambda: None):
        super().__init__(name="endpoint", daemon=True)
        self._main, self._at_end = main, at_end
        self._result, self._error, self._loop, self._task = None, None, None, None
        self._started_task = threading.Event()

    def run(self) -> None:
        try:
            self._result = asyncio.run(self._body())
        except BaseException as error:  # raised again in the thread that asked
            self._error = error
        finally:
            self._started_task.set()
            self._at_end()

    async def _body(self):
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._started_task.set()
        return await self._main()

    def cancel(self) -> None:
        if self.is_alive():
            self._started_task.wait()
            with contextlib.suppress(RuntimeError):  # the loop ended by itself in between
                if self._loop:
                    self._loop.call_soon_threadsafe(self._task.cancel)
            self.join()

    def outcome(self):
        if self._error:
            raise self._error
        return self._result


class _PassingError(Exception):
    """What may pass when tried again; `wait` is what the server asked for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


class _FailedError(Exception):
    """No answer for this item, whatever is tried; `status` is the HTTP status, `text` what came
    instead.
    """

    def __init__(self, reason: str, status: int = 200, text: str = ""):
        super().__init__(reason)
        self.status, self.text = status, text


class _SpentError(Exception):
    """The run stops here, to be continued later."""


@dataclass
class _Cost:
    """What one item has taken so far, over retries and repairs."""

    attempts: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False

    @property
    def usage(self) -> dict:
        usage = {"in": self.tokens_in, "out": self.tokens_out}
        return usage | {"estimated": True} if self.estimated else usage


@dataclass(frozen=True)
class _Reply:
    text: str
    finish: str
    model: str


class _Session:
    """One run over a list of prompts: workers, budgets, retries, progress. Belongs to one event
    loop.
    """

    def __init__(self, client: Client, finish: Callable[[Prompt, Answer], Awaitable], journal: Journal | None, label: str):
        self.client, self.settings, self.finish, self.journal, self.label = client, client.settings, finish, journal, label
        self.mode_key = f"mode:{_digest(self.settings.place, self.settings.model)}"
        self.stopped = ""
        self.done = self.failed = self.cut = self.in_a_row = self.retries = 0
        self.tokens_in = self.tokens_out = self.reserved = self.in_flight = 0
        self.paused_until = 0.0
        self.renamed: dict[str, str] = {}
        self.plain: set[type] = set()  # schemas this endpoint does not take
        self.keeping: set[asyncio.Task] = set()
        self.probing, self.changed = asyncio.Lock(), asyncio.Condition()

    async def work(self, prompts: list[Prompt]) -> str:
        """Answer every prompt; returns why it stopped early, or ""."""
        if not prompts:
            return ""
        import httpx2
        # here, because it takes a second that only those who ask an endpoint should wait for
        import openai

        self.openai, self.response_type = openai, httpx2.Response
        # other variables of the provider's own tools must not reach another provider, nor a proxy
        # come between us and this machine
        headers = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
        http = openai.DefaultAsyncHttpxClient(timeout=self.settings.timeout, trust_env=not self.settings.local)
        key = self.settings.key.get_secret_value() or "none"
        self.started = time.monotonic()
        waiting = iter(prompts)
        async with openai.AsyncOpenAI(
            base_url=self.settings.url, api_key=key, max_retries=0, default_headers=headers, http_client=http
        ) as self.api:
            self.progress = _Progress(len(prompts), self.label)
            workers = [asyncio.create_task(self._worker(waiting, n * _APART)) for n in range(min(self.settings.concurrency, len(prompts)))]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                # what was answered is kept, however this ends
                await asyncio.gather(*workers, *self.keeping, return_exceptions=True)
                self.progress.close()
                self._report(len(prompts))
        return self.stopped

    async def _worker(self, waiting: Iterator[Prompt], start: float) -> None:
        await asyncio.sleep(start)
        kept = None  # the item before, whose fsync may still be under way while the next is asked
        for prompt in waiting:
            need = self._need(prompt)
            if not await self._admit(need):
                break
            try:
                answer = await self._answer(prompt)
            except _SpentError:
                break
            finally:
                await self._release(need)
            self._count(answer)
            if kept:
                await kept
            kept = asyncio.create_task(self.finish(prompt, answer))
            self.keeping.add(kept)
            kept.add_done_callback(self.keeping.discard)
        if kept:
            await kept

    # budgets

    def _need(self, prompt: Prompt) -> int:
        """The most tokens an answer may take, as far as that can be told before asking."""
        limit = prompt.sampling.get("max_tokens") or prompt.sampling.get("max_completion_tokens") or 512
        return sum(len(str(message.get("content"))) for message in prompt.messages) // 4 + limit

    async def _admit(self, need: int) -> bool:
        """Whether another request may start: not stopped, time left, and what is in flight plus
        this one fits the token budget.
        """
        if self.left <= 0:
            self._stop(f"the wall-clock budget of {self.settings.seconds:g} s is spent")
        if self.settings.tokens and not self.stopped:
            async with self.changed:
                await self.changed.wait_for(lambda: self.stopped or self._fits(need) or not self.in_flight)
                if not self.stopped and not self._fits(need):
                    self._stop(f"the budget of {self.settings.tokens:,} tokens leaves no room for another answer")
        if self.stopped:
            return False
        self.reserved += need
        self.in_flight += 1
        return True

    def _fits(self, need: int) -> bool:
        return self.tokens_in + self.tokens_out + self.reserved + need <= self.settings.tokens

    async def _release(self, need: int) -> None:
        self.reserved -= need
        self.in_flight -= 1
        if self.settings.tokens:
            async with self.changed:
                self.changed.notify_all()

    @property
    def left(self) -> float:
        """Seconds of the wall-clock budget that are left."""
        return self.started + self.settings.seconds - time.monotonic() if self.settings.seconds else math.inf

    def _stop(self, reason: str) -> None:
        self.stopped = self.stopped or reason

    def _count(self, answer: Answer) -> None:
        self.in_a_row = 0 if answer.answered else self.in_a_row + 1
        if answer.answered:
            self.done += 1
            self.cut += not answer.whole
        else:
            self.failed += 1
        if self.in_a_row >= _IN_A_ROW:
            self._stop(f"{_IN_A_ROW} failures in a row, the last: {answer.finish}")
        self.progress.update(self.failed, self.tokens_in + self.tokens_out, self.cost)

    @property
    def cost(self) -> float:
        return (self.tokens_in * self.settings.price_in + self.tokens_out * self.settings.price_out) / 1e6

    def _report(self, wanted: int) -> None:
        left = wanted - self.done - self.failed
        parts = [f"{self.done} answered", f"{self.failed} failed", f"{self.cut} cut or filtered", f"{self.retries} retries"]
        cost = f", about {self.cost:.4g} in cost" if self.cost else ""
        spent = f"{self.tokens_in:,} tokens in, {self.tokens_out:,} out{cost}, {time.monotonic() - self.started:.0f} s"
        self.client.say(f"{self.label}: {', '.join(parts)} ({spent})")
        if self.stopped and left:
            self.client.say(f"{self.label}: stopped, {left} of {wanted} not asked: {self.stopped}. Run again to go on.")

    # one item

    async def _answer(self, prompt: Prompt) -> Answer:
        cost = _Cost()
        sampling = dict(prompt.sampling)
        if "seed" in sampling:
            sampling["seed"] += prompt.sample  # repeats of one prompt are to differ
        try:
            if prompt.schema:
                return await self._structured(prompt, sampling, cost)
            reply = await self._persist(list(prompt.messages), sampling, cost)
            return Answer(prompt.id, reply.text, reply.finish, cost.attempts, cost.usage, reply.model)
        except _FailedError as error:
            return Answer(prompt.id, error.text, str(error), cost.attempts, cost.usage)

    async def _persist(self, messages: list[dict], sampling: dict, cost: _Cost) -> _Reply:
        """Send until there is an answer, as often as the settings allow and no longer than the
        budget (faults F6, F8).
        """
        import tenacity

        backoff = tenacity.wait_random_exponential(multiplier=self.settings.first_wait, max=self.settings.longest_wait)

        def wait(state) -> float:
            asked = state.outcome.exception().wait
            return backoff(state) if asked is None else asked + random.random() * min(1.0, asked / 10)

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(_PassingError),
            stop=tenacity.stop_any(self._no_time, tenacity.stop_after_attempt(self.settings.attempts)),
            wait=wait,
            before_sleep=self._before_sleep,
            reraise=True,
        )
        try:
            return await retrying(self._send, messages, sampling, cost)
        except _PassingError as error:
            if self.stopped:
                raise _SpentError from None
            raise _FailedError(f"{error}, {cost.attempts} attempts") from None

    def _no_time(self, state) -> bool:
        """Whether the next attempt would lie beyond the budget; then the whole run stops,
        resumably.
        """
        wait = state.upcoming_sleep
        if self.settings.seconds and wait >= self.left:
            self._stop(f"{state.outcome.exception()}, and the wall-clock budget of {self.settings.seconds:g} s ends first")
        elif wait > self.settings.patience and not self.settings.seconds:
            self._stop(f"{state.outcome.exception()}")
        return bool(self.stopped)

    def _before_sleep(self, state) -> None:
        error = state.outcome.exception()
        if not self.retries:
            self.client.say(f"{self.label}: {error}; trying again after a wait")
        self.retries += 1
        if error.wait:  # what the server asks of one holds for all
            self.paused_until = max(self.paused_until, time.monotonic() + state.upcoming_sleep)

    async def _send(self, messages: list[dict], sampling: dict, cost: _Cost) -> _Reply:
        """One request. Raises _PassingError, _FailedError or RunError by what came back."""
        while (pause := self.paused_until - time.monotonic()) > 0 and not self.stopped and pause < self.left:
            await asyncio.sleep(pause + random.random() * min(1.0, pause / 10))
        limit = min(self.settings.timeout, self.left)
        if self.stopped or pause >= self.left or limit <= 0:
            self._stop(f"the wall-clock budget of {self.settings.seconds or 0:g} s is spent")
            raise _SpentError
        sampling = {self.renamed.get(name, name): value for name, value in sampling.items()}
        cost.attempts += 1
        try:
            # the library's own limit is between two chunks, not for the whole
            async with asyncio.timeout(limit):
                # the plain post: the typed call walks the whole request through its type hints, a
                # third of the client's time
                body = {"model": self.settings.model, "messages": messages, **sampling}
                options = {"timeout": limit}
                response = await self.api.post("/chat/completions", body=body, cast_to=self.response_type, options=options)
        except (TimeoutError, self.openai.APITimeoutError):
            raise _PassingError(f"no answer within {limit:.3g} s") from None
        except self.openai.APIStatusError as error:
            raise self._refused(error, sampling) from None
        except self.openai.APIConnectionError as error:
            raise _PassingError(f"no connection ({self._short(error.__cause__ or error)})") from None
        return self._read(response.content, messages, cost)

    def _refused(self, error: Any, sampling: dict) -> Exception:
        """What a status means: stop everything (F7), try again (F6, F8), or give this item up."""
        status, said = error.status_code, self._short(error.message)
        where = f"{self.settings.place} ({status})"
        if status in (401, 403):
            return run.RunError(f"The key was refused by {where}: check CHARLIB_API_KEY and what it may use. It said: {said}")
        if status == 404:
            return run.RunError(
                f"Nothing at {where}: check CHARLIB_ENDPOINT (usually ends in /v1) and the model {self.settings.model}. It said: {said}"
            )
        if status == 402 or error.code == "insufficient_quota":
            return run.RunError(f"No credit left at {where}: add some, then run again to go on. It said: {said}")
        if status in (408, 409, 429) or status >= 500:
            wait = retry_after(error.response.headers)
            asks = f", asks to wait {wait:,.0f} s" if wait else ""
            return _PassingError(f"status {status}{asks} ({said})", wait)
        if status == 400 and error.param == "max_tokens" and "max_tokens" in sampling:
            # the newer name of the same limit
            self.renamed = {"max_tokens": "max_completion_tokens"}
            return _PassingError(f"status {status} ({said})", 0.0)
        return _FailedError(f"status {status} ({said})", status)

    def _read(self, body: bytes, messages: list[dict], cost: _Cost) -> _Reply:
        """The reply in a body. Half a body may pass; a web page, no choice or no content is a
        failure (F8, F9).
        """
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            if not body.strip() or body.lstrip()[:1] in b"{[":
                raise _PassingError("half an answer") from None
            raise _FailedError(
                "not an answer but a page: is the address right? It usually ends in /v1", text=self._clean(body.decode(errors="replace"))
            ) from None
        found = found if isinstance(found, dict) else {}
        if found.get("error"):
            raise self._reported(found["error"])
        choices = found.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
        if choice is None:
            raise _FailedError("no choices in the answer")
        message = choice.get("message") if isinstance(choice.get("message"), dict) else {}
        text, finish = self._clean(_content(message.get("content"))), _finish(choice.get("finish_reason"))
        self._pay(found.get("usage"), messages, text, cost)
        if finish not in ANSWERED:
            raise _FailedError(f"finished with {self._short(finish)}", text=text)
        if finish == "stop" and not text.strip():
            refusal = message.get("refusal")
            raise _FailedError(f"declined: {self._short(refusal)}" if refusal else "no content in the answer")
        return _Reply(text, finish, self._short(found.get("model") or ""))

    def _reported(self, error: Any) -> Exception:
        """An error that came with status 200, as some gateways send them."""
        code = error.get("code") if isinstance(error, dict) else None
        said = self._short(error.get("message") if isinstance(error, dict) else error)
        passing = code in (408, 409, 429) or (isinstance(code, int) and code >= 500)
        return _PassingError(f"error {code} ({said})") if passing else _FailedError(f"error ({said})")

    def _pay(self, usage: Any, messages: list[dict], text: str, cost: _Cost) -> None:
        """Count tokens as the server says, or four letters to a token where it does not."""
        usage = usage if isinstance(usage, dict) else {}
        counts = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
        if not all(isinstance(count, int) and count >= 0 for count in counts):
            counts = [sum(len(str(message.get("content"))) for message in messages) // 4, len(text) // 4]
            cost.estimated = True
        cost.tokens_in += counts[0]
        cost.tokens_out += counts[1]
        self.tokens_in += counts[0]
        self.tokens_out += counts[1]

    def _clean(self, text: str) -> str:
        """A server's text without the key and without half surrogate pairs, which no file can hold.
        """
        return self.settings.redact(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), least=8)

    def _short(self, text: Any) -> str:
        """A server's words for one of our lines: no key, no control characters, not long."""
        plain = "".join(letter if letter.isprintable() else " " for letter in self.settings.redact(str(text)))
        return " ".join(plain.split())[:200]

    # structured output

    async def _structured(self, prompt: Prompt, sampling: dict, cost: _Cost) -> Answer:
        """An answer that fits the prompt's schema, with one repair round (faults F11, F12)."""
        mode = "prompt" if prompt.schema in self.plain else await self._mode()
        try:
            return await self._fitted(prompt, mode, sampling, cost)
        except _FailedError as error:
            if mode == "prompt" or error.status not in (400, 422):
                raise
            self.plain.add(prompt.schema)  # it takes schemas, but not this one
            return await self._fitted(prompt, "prompt", sampling, cost)

    async def _fitted(self, prompt: Prompt, mode: str, sampling: dict, cost: _Cost) -> Answer:
        schema = prompt.schema.model_json_schema()
        messages = list(prompt.messages) if mode == "json_schema" else _with_schema(list(prompt.messages), schema)
        sampling = sampling | _response_format(mode, prompt.schema.__name__, schema)
        for repaired in (False, True):
            reply = await self._persist(messages, sampling, cost)
            data, trouble = parse(reply.text, prompt.schema) if reply.finish == "stop" else (None, "")
            if reply.finish != "stop" or data is not None:
                return Answer(prompt.id, reply.text, reply.finish, cost.attempts, cost.usage, reply.model, mode, repaired, data)
            if mode == "json_schema" and not _is_object(reply.text):
                await self._record_mode("prompt", "a later answer was no JSON, so the schema is not enforced")
            again = f"That does not fit: {trouble}{_FORM}{json.dumps(schema)}"
            messages = [*messages, {"role": "assistant", "content": reply.text}, {"role": "user", "content": again}]
        raise _FailedError(f"does not fit the schema after one repair: {self._short(trouble)}", text=reply.text)

    async def _mode(self) -> str:
        """json_schema, json_object or prompt: what this endpoint and model really enforce. Probed
        once, then read from the journal.
        """
        async with self.probing:
            kept = self.journal.get(self.mode_key) if self.journal is not None else None
            if self.mode_key not in self.client.modes and kept:
                self.client.modes[self.mode_key] = kept["mode"]
            if self.mode_key not in self.client.modes:
                await self._record_mode(*await self._probe())
            elif not kept:
                await self._keep_mode("as found earlier in this process")
            return self.client.modes[self.mode_key]

    async def _record_mode(self, mode: str, why: str) -> None:
        if self.client.modes.get(self.mode_key) != mode:
            self.client.modes[self.mode_key] = mode
            self.client.say(f"{self.label}: structured answers by {mode} ({why})")
            await self._keep_mode(why)

    async def _keep_mode(self, why: str) -> None:
        if self.journal is not None:
            value = {"mode": self.client.modes[self.mode_key], "why": why}
            about = {"endpoint": self.settings.place, "model": self.settings.model}
            await self.journal.put_durable(self.mode_key, value, about)

    async def _probe(self) -> tuple[str, str]:
        """Ask for plain words while demanding JSON: only an endpoint that enforces the form will
        answer in it.
        """
        word = {"type": "string", "enum": ["lantern"]}
        schema = {"type": "object", "properties": {"probe": word}, "required": ["probe"], "additionalProperties": False}
        plain = [{"role": "user", "content": "Write one sentence about the sea, in plain words, not in JSON."}]
        for mode, proof in (
            ("json_schema", "it enforced a schema in a probe"),
            ("json_object", "it enforced JSON but no schema in a probe"),
        ):
            sampling = {"temperature": 0, "max_tokens": 400} | _response_format(mode, "probe", schema)
            try:
                reply = await self._persist(plain, sampling, _Cost())
            except _FailedError:  # refused, or nothing came: no form to build on
                continue
            if _is_object(reply.text) and (mode == "json_object" or json.loads(reply.text) == {"probe": "lantern"}):
                return mode, proof
        return "prompt", "it enforced neither a schema nor JSON in a probe"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds a server asks to wait, from Retry-After as seconds or as a date; None when it does
    not say.
    """
    given = headers.get("retry-after", "").strip()
    try:
        wait = float(given)
    except ValueError:
        try:
            wait = email.utils.parsedate_to_datetime(given).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return None if math.isnan(wait) else max(0.0, wait)


def _content(content: Any) -> str:
    """The text of a message, which some servers send in parts."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))
    return content if isinstance(content, str) else ""


def _finish(reason: Any) -> str:
    """stop, length or filter for the names servers give them; any other name as it is."""
    names = {
        "eos": "stop",
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "content_filter": "filter",
        "safety": "filter",
    }
    return "stop" if reason is None else names.get(str(reason).lower(), str(reason).lower())


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def parse(text: str, schema: type[BaseModel]) -> tuple[BaseModel | None, str]:
    """The last object in a model's text that fits the schema, or None and what is wrong with it
    (fault F11).
    """
    trouble = "there is no JSON object in it"
    for found in reversed(_objects(text)):
        try:
            return schema.model_validate(found), ""
        except (ValidationError, RecursionError) as error:
            if trouble.startswith("there is no") and isinstance(error, ValidationError):
                wrong = [f"{'.'.join(map(str, item['loc'])) or 'the object'}: {item['msg']}" for item in error.errors(include_input=False)]
                trouble = "; ".join(wrong[:5])
    return None, trouble


def _objects(text: str, most: int = 200) -> list[dict]:
    """The JSON objects in a text, wherever they stand: alone, fenced, or in prose. Broken ones are
    passed over.
    """
    text = text[-200_000:].rpartition("</think>")[2]
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    found, place, tries = [], text.find("{"), 0
    while place >= 0 and tries < most:
        tries += 1
        try:
            item, end = decoder.raw_decode(text, place)
            found.append(item)
        except (ValueError, RecursionError):
            end = place + 1
        place = text.find("{", end)
    return found


def _no_constant(name: str):
    raise ValueError(f"{name} is not JSON")


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _with_schema(messages: list[dict], schema: dict) -> list[dict]:
    """The messages with the form to answer in at the end of the last one."""
    *before, last = messages
    return [*before, {**last, "content": f"{last['content']}{_FORM}{json.dumps(schema)}"}]


def _response_format(mode: str, name: str, schema: dict) -> dict:
    if mode == "json_schema":
        return {"response_format": {"type": mode, "json_schema": {"name": name, "schema": strict(schema), "strict": True}}}
    return {"response_format": {"type": mode}} if mode == "json_object" else {}


def strict(schema: Any) -> Any:
    """A JSON schema as strict endpoints want it: every property required, no others, no defaults.
    """
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strict(value) for name, value in schema.items() if name != "default" or isinstance(value, dict)}
    if isinstance(closed.get("properties"), dict) and closed.get("type") == "object":
        closed |= {"required": list(closed["properties"]), "additionalProperties": False}
    return closed


class _Lines:
    """A stream for logs: each state of a progress bar on a line of its own instead of over the one
    before.
    """

    def __init__(self, stream):
        self.stream = stream

    def write(self, text: str) -> None:
        if text.strip():
            self.stream.write(text.strip() + "\n")

    def flush(self) -> None:
        self.stream.flush()


class _Progress:
    """A live line: done, failed, tokens, estimated cost, time left. Silent when TQDM_DISABLE=1; in
    logs a line every ten seconds.
    """

    def __init__(self, total: int, label: str):
        from tqdm.auto import tqdm

        notebook = any("notebook" in base.__module__ for base in tqdm.__mro__)
        live = notebook or sys.stderr.isatty()
        disable = os.environ.get("TQDM_DISABLE", "") not in ("", "0")
        where = {} if live else {"file": _Lines(sys.stderr), "mininterval": 10, "ncols": 110, "ascii": True}
        self.total, self.bar = total, tqdm(total=total, desc=label, unit="item", disable=disable, **where)

    def update(self, failed: int, tokens: int, cost: float) -> None:
        done = self.bar.n + 1
        money = f", cost {cost:.3g} of about {cost * self.total / done:.3g}" if cost and not self.bar.disable else ""
        self.bar.set_postfix_str(f"{failed} failed, {tokens:,} tokens{money}", refresh=False)
        self.bar.update()

    def close(self) -> None:
        self.bar.close()


def leaks(folder: Path, key: SecretStr) -> list[Path]:
    """The files below a folder that hold the key, hidden ones and saved notebooks included (fault
    F29). Empty is good.
    """
    secret = key.get_secret_value().encode()
    if not secret:
        return []
    return [path for path in sorted(Path(folder).rglob("*")) if path.is_file() and secret in path.read_bytes()]


class EndpointTeacher:
    """A teacher behind an endpoint. A failure is a completion whose `finish` is the reason; it is
    counted, never kept as an answer.
    """

    name = "endpoint"

    def __init__(self, settings: Settings, sampling: dict | None = None, say: Callable = print):
        self.client, self.sampling = Client(settings, say), dict(_SAMPLING if sampling is None else sampling)

    @classmethod
    def from_environment(cls, say: Callable = print) -> "EndpointTeacher":
        """The teacher that the CHARLIB_… variables name (see Settings.from_environment). Raises
        RunError when they do not.
        """
        return cls(Settings.from_environment(), say=say)

    def stamp(self, request: "Request") -> str:
        """What beside the request's messages determines the answer: endpoint, model, sampling;
        never the key.
        """
        return _digest(self.client.settings.place, self.client.settings.model, self.sampling)

    def complete(self, requests: list[Request]) -> Iterator[Completion]:
        """Completions as they come, in any order; nothing for what a spent budget left out. Raises
        RunError when the endpoint refuses.
        """
        prompts = [Prompt(item.id, item.messages, self.sampling, item.sample, item.version) for item in requests]
        for prompt, answer in self.client.stream(prompts, self.name):
            usage = {**answer.usage, "model": answer.model} if answer.model else answer.usage
            yield Completion(prompt.id, self.name, answer.text, answer.finish, answer.attempts, usage)
