"""A misbehaving chat endpoint for the tests: a real HTTP server on 127.0.0.1 whose every reply is scripted.

    with Server(lambda call: status(429, {"Retry-After": "1"}) if call.number == 1 else ok("fine")) as server:
        ...  # server.url, server.counts[prompt], server.most_at_once

As a process of its own it prints its address and answers everything: `python faulty_server.py --latency 0.2`.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Call:
    """One request as the server saw it. `prompt` is the last user message; `number` counts requests with that prompt from 1."""

    prompt: str
    number: int
    body: dict
    headers: dict


@dataclass(frozen=True)
class Reply:
    """What goes back, after `delay` seconds. `manner` is send, half (cut in the body), hang (headers, then nothing), drip or reset."""

    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=lambda: {"Content-Type": "application/json"})
    delay: float = 0.0
    manner: str = "send"

    @property
    def wire(self) -> bytes:
        lines = [
            f"HTTP/1.1 {self.status} X",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            f"Content-Length: {len(self.body)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def ok(text: str | None, finish: str | None = "stop", delay: float = 0.0, manner: str = "send", usage=(7, 5), **message) -> Reply:
    """A chat completion."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
    body = {"id": "c", "object": "chat.completion", "created": 0, "model": "served", "choices": [choice]}
    if usage:
        body["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return Reply(body=json.dumps(body).encode(), delay=delay, manner=manner)


def status(number: int, headers: dict | None = None, message: str = "scripted", **error) -> Reply:
    """An error with a status."""
    body = json.dumps({"error": {"message": message, **error}}).encode()
    return Reply(number, body, {"Content-Type": "application/json", **(headers or {})})


def raw(body: bytes, kind: str = "application/json") -> Reply:
    """Status 200 with any body."""
    return Reply(body=body, headers={"Content-Type": kind})


def echo(call: Call) -> Reply:
    """An answer that only the prompt determines."""
    return ok(f"answer {hashlib.sha256(call.prompt.encode()).hexdigest()[:12]} to {call.prompt}")


class _Connection(asyncio.Protocol):
    def __init__(self, server: "Server"):
        self.server, self.buffer, self.replying = server, b"", None

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, _):
        if self.replying:
            self.server.in_flight -= 1
            self.replying.cancel()
            self.replying = None

    def data_received(self, data):
        self.buffer += data
        head, gap, rest = self.buffer.partition(b"\r\n\r\n")
        if not gap:
            return
        headers = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:])
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        reply = self.server.receive(json.loads(rest[:length] or b"{}"), headers)
        loop = asyncio.get_running_loop()
        self.replying = loop.call_later(reply.delay, self.send, reply)

    def send(self, reply: Reply):
        self.replying = None
        self.server.in_flight -= 1
        wire = reply.wire
        if reply.manner == "send":
            self.transport.write(wire)
        elif reply.manner == "half":
            self.transport.write(wire[: len(wire) - len(reply.body) // 2 - 1])
            self.transport.close()
        elif reply.manner == "hang":
            self.transport.write(wire[: len(wire) - len(reply.body)])
        elif reply.manner == "drip":
            self.drip(wire, 0)
        elif reply.manner == "reset":
            self.transport.abort()

    def drip(self, wire: bytes, place: int):
        if place < len(wire) and not self.transport.is_closing():
            self.transport.write(wire[place : place + 1])
            asyncio.get_running_loop().call_later(0.05, self.drip, wire, place + 1)


class Server:
    """The server in a thread of this process. `counts` are requests per prompt; `calls` are kept only with `remember`."""

    def __init__(self, script: Callable[[Call], Reply] = echo, latency: float = 0.0, port: int = 0, remember: bool = True):
        self.script, self.latency, self.port, self.remember = script, latency, port, remember
        self.counts: Counter = Counter()
        self.calls: list[Call] = []
        self.in_flight = self.most_at_once = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def total(self) -> int:
        return self.counts.total()

    def receive(self, body: dict, headers: dict) -> Reply:
        said = [message["content"] for message in body.get("messages", []) if message["role"] == "user"]
        prompt = said[-1] if said else ""
        if self.remember:
            self.counts[prompt] += 1
        self.in_flight += 1
        self.most_at_once = max(self.most_at_once, self.in_flight)
        call = Call(prompt, self.counts[prompt], body, headers)
        if self.remember:
            self.calls.append(call)
        reply = self.script(call)
        return Reply(**{**vars(reply), "delay": self.latency}) if self.latency and not reply.delay else reply

    async def serve(self, ready: Callable = lambda: None):
        """Serve until cancelled."""
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", self.port, backlog=2048)
        self.port = server.sockets[0].getsockname()[1]
        ready()
        try:
            await asyncio.Event().wait()
        finally:
            server.close()

    def __enter__(self) -> "Server":
        ready = threading.Event()

        async def main():
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
            await self.serve(ready.set)

        def body():
            with contextlib.suppress(asyncio.CancelledError):
                asyncio.run(main())

        self._thread = threading.Thread(target=body, daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0)
    given = parser.parse_args()
    fixed = ok("A short answer. " * 40)
    lone = Server(lambda call: fixed, given.latency, remember=False)
    asyncio.run(lone.serve(lambda: print(lone.url, flush=True)))
