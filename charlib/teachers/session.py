"""One run over many prompts: workers, what the run may take, and one request with its retries."""

import asyncio
import contextlib
import math
import os
import queue
import random
import sys
import time
from collections.abc import Callable, Iterator

from charlib.records import Completion
from charlib.teachers.settings import Settings
from charlib.teachers.wire import PassingError, Reply, read, refused

# seconds between the starts of two workers: answers that come in one burst wait for each other, a
# tenth of the throughput
_APART = 0.003

# failures without a success between them that stop a run: something is wrong with all of it
_IN_A_ROW = 20

_PATIENCE = 900.0  # the longest Retry-After obeyed where no wall-clock budget is set, in seconds

_OVER = "the wall-clock budget of {:g} s is spent"


class SpentError(Exception):
    """The run stops here, to be continued later."""


class Budget:
    """What a run may take and has taken: tokens, seconds, money. `stopped` says why it ended early.
    """

    def __init__(self, settings: Settings):
        self.settings, self.started, self.stopped = settings, time.monotonic(), ""
        self.tokens_in = self.tokens_out = self.reserved = self.in_flight = 0
        self.changed = asyncio.Condition()

    @property
    def left(self) -> float:
        """Seconds that are left."""
        limit = self.settings.seconds
        return self.started + limit - time.monotonic() if limit else math.inf

    @property
    def cost(self) -> float:
        """Money, as the settings price it."""
        into, out = self.settings.price_in, self.settings.price_out
        return (self.tokens_in * into + self.tokens_out * out) / 1e6

    def stop(self, reason: str) -> None:
        """Start nothing more; the first reason stands."""
        self.stopped = self.stopped or reason

    def fits(self, need: int) -> bool:
        """Whether so many tokens are left beside what is in flight."""
        taken = self.tokens_in + self.tokens_out + self.reserved
        return not self.settings.tokens or taken + need <= self.settings.tokens

    def check(self) -> None:
        """Raise SpentError when nothing more may start."""
        if self.left <= 0:
            self.stop(_OVER.format(self.settings.seconds))
        if self.stopped:
            raise SpentError

    @contextlib.asynccontextmanager
    async def room(self, need: int):
        """Hold room for an answer of at most `need` tokens, once what is in flight leaves it."""
        async with self.changed:
            await self.changed.wait_for(
                lambda: self.stopped or self.fits(need) or not self.in_flight)
        if not self.fits(need):
            self.stop(f"the budget of {self.settings.tokens:,} tokens leaves no room for more")
        self.check()
        self.reserved += need
        self.in_flight += 1
        try:
            yield
        finally:
            self.reserved -= need
            self.in_flight -= 1
            async with self.changed:
                self.changed.notify_all()


class Sender:
    """Sends one request as often as the settings allow, and no longer than the budget."""

    def __init__(self, settings: Settings, budget: Budget, say: Callable):
        import openai  # here, since it takes a second that only who asks an endpoint should wait

        self.settings, self.budget, self.say, self.openai = settings, budget, say, openai
        self.retries, self.paused_until, self.renamed = 0, 0.0, {}
        # other variables of the provider's own tools must not reach another provider, nor a proxy
        # come between us and this machine
        headers = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
        http = openai.DefaultAsyncHttpxClient(
            timeout=settings.timeout, trust_env=not settings.local)
        self.api = openai.AsyncOpenAI(
            base_url=settings.url, api_key=settings.key.get_secret_value() or "none", max_retries=0,
            default_headers=headers, http_client=http)

    async def persist(self, messages: list[dict], sampling: dict) -> tuple[Reply, int]:
        """The reply and how many attempts it took (faults F6, F8). Raises SpentError when the
        budget ends first, and RunError when the endpoint refuses.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._send(messages, sampling), attempt
            except PassingError as error:
                if attempt == self.settings.attempts:
                    return Reply(f"{error}, {attempt} attempts"), attempt
                await self._rest(error, attempt)

    async def _rest(self, error: PassingError, attempt: int) -> None:
        """Wait before the next attempt: a wait beyond the budget stops the run, one that the server
        asks for holds for all.
        """
        settings, budget, wait = self.settings, self.budget, error.wait
        longest = min(settings.first_wait * 2 ** (attempt - 1), settings.longest_wait)
        wait = random.uniform(0, longest) if wait is None else _later(wait)
        if settings.seconds and wait >= budget.left:
            budget.stop(f"{error}, and the wall-clock budget of {settings.seconds:g} s ends first")
        elif not settings.seconds and wait > _PATIENCE:
            budget.stop(str(error))
        budget.check()
        if not self.retries:
            self.say(f"{error}; trying again after a wait")
        self.retries += 1
        if error.wait:
            self.paused_until = max(self.paused_until, time.monotonic() + wait)
        await asyncio.sleep(wait)

    async def _send(self, messages: list[dict], sampling: dict) -> Reply:
        """One request. Raises PassingError, SpentError or RunError by what came back."""
        openai, budget = self.openai, self.budget
        while 0 < (pause := self.paused_until - time.monotonic()) < budget.left:
            budget.check()
            await asyncio.sleep(_later(pause))
        if pause >= budget.left:
            budget.stop(_OVER.format(self.settings.seconds))
        budget.check()
        limit = min(self.settings.timeout, budget.left)
        sampling = {self.renamed.get(name, name): value for name, value in sampling.items()}
        body = {"model": self.settings.model, "messages": messages, **sampling}
        try:
            # the library's own limit is between two chunks, not for the whole; and the plain post,
            # since the typed call walks the whole request through its type hints, a third of the
            # client's time
            async with asyncio.timeout(limit):
                answer = await self.api.post(
                    "/chat/completions", cast_to=openai.HttpxBinaryResponseContent, body=body,
                    options={"timeout": limit})
        except (TimeoutError, openai.APITimeoutError):
            raise PassingError(f"no answer within {limit:.3g} s") from None
        except openai.APIStatusError as error:
            if error.param == "max_tokens" and "max_tokens" in sampling:
                self.renamed = {"max_tokens": "max_completion_tokens"}  # the newer name of it
                raise PassingError("max_tokens has another name here", 0.0) from None
            return refused(error, self.settings)
        except openai.APIConnectionError as error:
            why = self.settings.short(error.__cause__ or error)
            raise PassingError(f"no connection ({why})") from None
        return read(answer.content, _letters(messages), self.settings)


def _later(wait: float) -> float:
    """A wait with a little chance in it, so that not all come back in one moment."""
    return wait + random.random() * min(1.0, wait / 10)


def _letters(messages: list[dict]) -> int:
    return sum(len(str(message.get("content"))) for message in messages)


class Session:
    """One run over a list of prompts; completions come through the queue `found`, for another
    thread too. Belongs to one event loop.
    """

    def __init__(self, settings: Settings, label: str, say: Callable):
        self.settings, self.label, self.found = settings, label, queue.SimpleQueue()
        self.say = lambda text: say(f"{label}: {text}")
        self.budget = Budget(settings)
        self.done = self.failed = self.cut = self.in_a_row = 0

    async def work(self, prompts: list) -> None:
        """Answer every prompt, or stop early with the reason in `budget.stopped`. Raises RunError
        when the endpoint refuses, after what was answered has been kept.
        """
        waiting = iter(prompts)
        self.sender = Sender(self.settings, self.budget, self.say)
        self.bar = _progress(len(prompts), self.label)
        async with self.sender.api:
            count = min(self.settings.concurrency, len(prompts))
            workers = [asyncio.create_task(self._worker(waiting, n * _APART)) for n in range(count)]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
                self.bar.close()
                self._report(len(prompts))

    async def _worker(self, waiting: Iterator, start: float) -> None:
        await asyncio.sleep(start)
        for prompt in waiting:
            most = prompt.sampling.get("max_tokens") or prompt.sampling.get("max_completion_tokens")
            try:
                async with self.budget.room(_letters(prompt.messages) // 4 + (most or 512)):
                    completion = await self._answer(prompt)
            except SpentError:
                return
            self.found.put(completion)
            self._count(completion)

    async def _answer(self, prompt) -> Completion:
        sampling = dict(prompt.sampling)
        if "seed" in sampling:
            sampling["seed"] += prompt.sample  # repeats of one prompt are to differ
        (finish, text, usage), attempts = await self.sender.persist([*prompt.messages], sampling)
        self.budget.tokens_in += usage.get("in", 0)
        self.budget.tokens_out += usage.get("out", 0)
        return Completion(prompt.id, self.label, text, finish, attempts, dict(usage))

    def _count(self, completion: Completion) -> None:
        self.done += completion.answered
        self.failed += not completion.answered
        self.cut += completion.answered and not completion.whole
        self.in_a_row = 0 if completion.answered else self.in_a_row + 1
        if self.in_a_row >= _IN_A_ROW:
            self.budget.stop(f"{_IN_A_ROW} failures in a row, the last: {completion.finish}")
        budget, share = self.budget, (self.done + self.failed) / self.bar.total
        cost = f", cost {budget.cost:.3g} of about {budget.cost / share:.3g}" if budget.cost else ""
        tokens = budget.tokens_in + budget.tokens_out
        self.bar.set_postfix_str(f"{self.failed} failed, {tokens:,} tokens{cost}", refresh=False)
        self.bar.update()

    def _report(self, wanted: int) -> None:
        budget, left = self.budget, wanted - self.done - self.failed
        cost = f", about {budget.cost:.4g} in cost" if budget.cost else ""
        self.say(f"{self.done} answered, {self.failed} failed, {self.cut} cut or filtered, "
                 f"{self.sender.retries} retries ({budget.tokens_in:,} tokens in, "
                 f"{budget.tokens_out:,} out{cost}, {time.monotonic() - budget.started:.0f} s)")
        if budget.stopped and left:
            self.say(f"stopped, {left} of {wanted} not asked: {budget.stopped}. "
                     "Run again to go on.")


class _Lines:
    """A stream for logs: each state of a progress bar on a line of its own."""

    def write(self, text: str) -> None:
        if text.strip():
            sys.stderr.write(text.strip() + "\n")

    def flush(self) -> None:
        sys.stderr.flush()


def _progress(total: int, label: str):
    """A live line: done, failed, tokens, estimated cost, time left; in logs a line every ten
    seconds; silent when TQDM_DISABLE=1.
    """
    from tqdm.auto import tqdm

    live = sys.stderr.isatty() or any("notebook" in base.__module__ for base in tqdm.__mro__)
    disable = os.environ.get("TQDM_DISABLE", "") not in ("", "0")
    where = {} if live else {"file": _Lines(), "mininterval": 10, "ncols": 110, "ascii": True}
    return tqdm(total=total, desc=label, unit="item", disable=disable, **where)
