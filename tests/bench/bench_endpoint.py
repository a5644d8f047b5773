"""Throughput of the client against an endpoint of fixed latency in its own process, and its memory over many requests.

    python tests/bench/bench_endpoint.py [--requests 3200] [--memory 20000]

The yardstick is the lower of in-flight / latency and what the same endpoint gives a bare socket client with as many connections.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from charlib import teachers

IN_FLIGHT, LATENCY = 64, 0.2
SERVER = Path(__file__).resolve().parents[1] / "faulty_server.py"


def start(latency: float = LATENCY) -> tuple[subprocess.Popen, str]:
    """The endpoint in a process of its own, and its address."""
    process = subprocess.Popen([sys.executable, str(SERVER), "--latency", str(latency)], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


async def bare(url: str, requests: int, in_flight: int = IN_FLIGHT) -> float:
    """Requests per second of bare sockets: what the endpoint itself can give."""
    port = int(url.split(":")[2].split("/")[0])
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Tell me. " * 40}]}).encode()
    wire = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    left = iter(range(requests))

    async def connection():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            writer.write(wire)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(in_flight)))
    return requests / (time.perf_counter() - started)


def resident() -> float:
    """Megabytes this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(url: str, requests: int, parts: int = 1, in_flight: int = IN_FLIGHT) -> tuple[float, list[float]]:
    """Requests per second of the client with its journal, asked in so many parts, and resident memory after each."""
    prompts = [teachers.Prompt(str(n), ({"role": "user", "content": f"{n}. " + "Tell me. " * 40},)) for n in range(requests)]
    client = teachers.Client(teachers.Settings(url, "m", concurrency=in_flight), say=lambda text: None)
    memory, size = [], -(-(requests - in_flight) // parts)
    with tempfile.TemporaryDirectory() as folder, teachers.Journal(Path(folder) / "bench.jsonl") as journal:
        client.ask(prompts[:in_flight], journal)  # imports and caches are warm for both
        started = time.perf_counter()
        for start in range(in_flight, requests, size):
            answers = client.ask(prompts[start : start + size], journal)
            assert all(answer.whole for answer in answers.values())
            del answers
            memory.append(resident())
        return (requests - in_flight) / (time.perf_counter() - started), memory


def main() -> None:
    """Print the rates, their ratio, and memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=3200)
    parser.add_argument("--memory", type=int, default=0, help="also follow memory over so many requests without latency")
    given = parser.parse_args()
    os.environ.setdefault("TQDM_DISABLE", "1")
    process, url = start()
    try:
        most = asyncio.run(bare(url, given.requests))
        rate, _ = measure(url, given.requests)
    finally:
        process.kill()
    limit = min(IN_FLIGHT / LATENCY, most)
    print(f"limit {IN_FLIGHT / LATENCY:.0f}/s, endpoint alone {most:.0f}/s, client {rate:.0f}/s, ratio {rate / limit:.3f} (at least 0.9)")
    if given.memory:
        process, url = start(0.0)
        try:
            rate, memory = measure(url, given.memory, parts=10)
        finally:
            process.kill()
        print(f"{given.memory:,} requests without latency at {rate:.0f}/s, megabytes at each tenth: {' '.join(f'{m:.0f}' for m in memory)}")


if __name__ == "__main__":
    main()
