"""An endpoint and how to use it; its key is sent there and shown nowhere."""

import contextlib
import ipaddress
import math
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from charlib import run


@dataclass(frozen=True)
class Settings:
    """An endpoint and how to use it. Seconds are wall-clock; prices are per million tokens, in
    whatever money the provider names. Raises RunError for what cannot be used.
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

    def __post_init__(self):
        try:
            parts = urlsplit(self.url)
            base = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
            plain = not (parts.username or parts.password or parts.query or parts.fragment)
        except ValueError:  # a port or an address that is none
            base = plain = False
        if not (base and plain):
            raise run.RunError("CHARLIB_ENDPOINT must be a base address such as http://127.0.0.1:80"
                               "00/v1, without user or query: the key goes in CHARLIB_API_KEY.")
        if not re.fullmatch(r"[!-~]*", self.key.get_secret_value()):
            raise run.RunError("CHARLIB_API_KEY holds spaces or letters that no key has: copy it "
                               "again.")
        if not 1 <= self.concurrency <= 1000 or self.timeout <= 0 or self.attempts < 1:
            raise run.RunError("An endpoint needs 1 to 1000 requests in flight, a timeout above 0 "
                               "and at least one attempt.")

    @classmethod
    def from_environment(cls, model: str = "") -> "Settings":
        """Settings from CHARLIB_ENDPOINT, CHARLIB_MODEL (unless one is named), CHARLIB_API_KEY (not
        for local servers), CHARLIB_CONCURRENCY, CHARLIB_TIMEOUT, CHARLIB_TOKEN_BUDGET,
        CHARLIB_SECONDS_BUDGET, CHARLIB_PRICE_IN and CHARLIB_PRICE_OUT.
        """
        url, model, key = _said("ENDPOINT"), model or _said("MODEL"), _said("API_KEY")
        if not url or not model:
            raise run.RunError("No endpoint set: export CHARLIB_ENDPOINT (a base address, usually "
                               "ending in /v1) and CHARLIB_MODEL (a name the endpoint knows).")
        names = {"concurrency": "CONCURRENCY", "timeout": "TIMEOUT", "tokens": "TOKEN_BUDGET",
                 "seconds": "SECONDS_BUDGET", "price_in": "PRICE_IN", "price_out": "PRICE_OUT"}
        given = {field: name for field, name in names.items() if _said(name) not in ("", "0")}
        numbers = {field: _number(name) for field, name in given.items()}
        for field in {"concurrency", "tokens"} & given.keys():
            numbers[field] = int(numbers[field])
        return cls(url, model, SecretStr(key), **numbers)

    @property
    def place(self) -> str:
        """Host and path, which with the model say who answers; never the key."""
        parts = urlsplit(self.url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.hostname}{port}{parts.path.rstrip('/')}"

    @property
    def local(self) -> bool:
        """Whether the endpoint is on this machine."""
        host = urlsplit(self.url).hostname
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(host).is_loopback
        return host == "localhost" or host.endswith(".localhost")

    def clean(self, text: str, least: int = 8) -> str:
        """A server's text without the key, should it echo it (placeholders such as "none" are
        spared), and without half surrogate pairs, which no file can hold.
        """
        secret = self.key.get_secret_value()
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text.replace(secret, "[key]") if len(secret) > least else text

    def short(self, text: object) -> str:
        """A server's words for one of our lines: no key, no control characters, not long."""
        letters = (letter if letter.isprintable() else " " for letter in self.clean(str(text), 0))
        return " ".join("".join(letters).split())[:200]


def _said(name: str) -> str:
    return os.environ.get(f"CHARLIB_{name}", "").strip()


def _number(name: str) -> float:
    with contextlib.suppress(ValueError):
        value = float(_said(name))
        if math.isfinite(value) and value > 0:
            return value
    raise run.RunError(f"CHARLIB_{name} must be a number above 0: set it again or leave it out.")
