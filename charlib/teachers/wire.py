"""What a chat endpoint sends back, read: an answer or why there is none, what may pass when tried
again (PassingError), and what stops everything (RunError).
"""

import email.utils
import json
import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from charlib import run
from charlib.teachers.settings import Settings

_FINISHES = {"eos": "stop", "end_turn": "stop", "stop_sequence": "stop", "none": "stop",
             "max_tokens": "length", "content_filter": "filter", "safety": "filter"}
_KEY = "The key was refused by {where}: check CHARLIB_API_KEY and what it may use."
_STOPS = {401: _KEY, 403: _KEY,
          402: "No credit left at {where}: add some, then run again to go on.",
          404: "Nothing at {where}: check CHARLIB_ENDPOINT (usually ends in /v1) and the model."}


class PassingError(Exception):
    """What may pass when tried again; `wait` is what the server asked for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


class Reply(NamedTuple):
    """What one request gave. `finish` is stop, length or filter, else why there is no answer;
    `usage` is {in, out, model?} in tokens, `estimated` where the server does not count.
    """

    finish: str
    text: str = ""
    usage: Mapping = {}


def read(body: bytes, asked: int, settings: Settings) -> Reply:
    """The reply in a body of status 200 to `asked` letters. Half a body may pass; a web page, no
    choice or no content is no answer (faults F8, F9).
    """
    try:
        found = _mapping(json.loads(body))
    except (ValueError, RecursionError):
        if not body.strip() or body.lstrip()[:1] in b"{[":
            raise PassingError("half an answer") from None
        return Reply("not an answer but a page: is the address right? It usually ends in /v1",
                     settings.clean(body.decode(errors="replace")))
    if found.get("error"):
        return _reported(found["error"], settings)
    choices = found.get("choices")
    if not (isinstance(choices, list) and choices and isinstance(choices[0], dict)):
        return Reply("no choices in the answer")
    message = _mapping(choices[0].get("message"))
    text = settings.clean(_content(message.get("content")))
    finish = str(choices[0].get("finish_reason")).lower()
    finish = _FINISHES.get(finish, finish)
    if finish not in ("stop", "length", "filter"):
        finish = f"finished with {settings.short(finish)}"
    elif finish == "stop" and not text.strip():
        refusal = message.get("refusal")
        finish = f"declined: {settings.short(refusal)}" if refusal else "no content in the answer"
    usage = _counted(_mapping(found.get("usage")), asked, len(text))
    model = settings.short(found.get("model") or "")
    return Reply(finish, text, usage | ({"model": model} if model else {}))


def _mapping(found: Any) -> dict:
    return found if isinstance(found, dict) else {}


def _content(content: Any) -> str:
    """The text of a message, which some servers send in parts."""
    parts = content if isinstance(content, list) else [{"text": content}]
    texts = [_mapping(part).get("text") for part in parts]
    return "".join(text for text in texts if isinstance(text, str))


def _counted(usage: dict, asked: int, told: int) -> dict:
    """Tokens as the server counts them, or four letters to a token where it does not."""
    counts = {"in": usage.get("prompt_tokens"), "out": usage.get("completion_tokens")}
    if all(isinstance(count, int) and count >= 0 for count in counts.values()):
        return counts
    return {"in": asked // 4, "out": told // 4, "estimated": True}


def _reported(error: Any, settings: Settings) -> Reply:
    """An error that came with status 200, as some gateways send them."""
    code = _mapping(error).get("code")
    said = settings.short(error.get("message") if isinstance(error, dict) else error)
    if isinstance(code, int) and _passes(code):
        raise PassingError(f"error {code} ({said})")
    return Reply(f"error ({said})")


def _passes(status: int) -> bool:
    return status in (408, 409, 429) or status >= 500


def refused(error: Any, settings: Settings) -> Reply:
    """What a status means (`error` is openai's): stop everything (F7), try again (F6, F8), or give
    this item up.
    """
    status, said = error.status_code, settings.short(error.message)
    stop = _STOPS.get(402 if error.code == "insufficient_quota" else status)
    if stop:
        where = f"{settings.model} at {settings.place} ({status})"
        raise run.RunError(f"{stop.format(where=where)} It said: {said}")
    if _passes(status):
        wait = retry_after(error.response.headers)
        asks = f", asks to wait {wait:,.0f} s" if wait else ""
        raise PassingError(f"status {status}{asks} ({said})", wait)
    return Reply(f"status {status} ({said})")


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
