"""The client, its journal and the endpoint teacher against a real server on 127.0.0.1 that misbehaves as scripted."""

import asyncio
import hashlib
import importlib.util
import json
import multiprocessing
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faulty_server import Server, echo, ok, raw, status
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from charlib import experience, models, run
from charlib.records import Request
from charlib.teachers import Client, EndpointTeacher, Journal, Prompt, Settings
from charlib.teachers.journal import BATCH
from charlib.teachers.wire import retry_after

KEY = "sk-test-0123456789abcdefghij"


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


def settings(server, **changes) -> Settings:
    """Settings for a local server, with waits too short to notice."""
    given = {"concurrency": 4, "timeout": 5.0, "attempts": 4, "first_wait": 0.01, "longest_wait": 0.02}
    return Settings(server.url, "m", SecretStr(KEY), **(given | changes))


def prompts(count: int, **more) -> list[Prompt]:
    return [Prompt(f"p{n}", ({"role": "user", "content": f"question {n}"},), **more) for n in range(count)]


def ask(server, wanted, path, said=None, **changes):
    """Ask through a journal; returns the answers."""
    client = Client(settings(server, **changes), say=(said.append if said is not None else lambda text: None))
    with Journal(path) as journal:
        return client.ask(wanted, journal)


def leaks(folder: Path) -> list[Path]:
    """The files below a folder that hold the key, hidden ones and saved notebooks included."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and KEY.encode() in path.read_bytes()]


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


# ---- journal


def test_journal_keeps_values_and_the_last_of_duplicates(tmp_path):
    path = tmp_path / "j.jsonl"
    with Journal(path) as journal:
        assert not path.exists() and journal.get("a") is None
        journal.put("a", {"text": "one\u2028\ud800"}, {"n": 1})
        journal.put("b", {"text": "two"}, {})
        journal.put("a", {"text": "three\u2028\ud800"}, {"n": 2})
        journal.put("c", None, {"failed": "why"})
        assert journal.get("a") == {"text": "three\u2028\ud800"}
    again = Journal(path)
    assert list(again.offsets) == ["a", "b"]
    assert again.get("a") == {"text": "three\u2028\ud800"} and again.get("c") is None
    assert set(rows(path)[0]) == {"key", "value", "about", "at"}


def test_f01_half_a_row_at_the_end_is_cut_and_said(tmp_path):
    path, said = tmp_path / "j.jsonl", []
    with Journal(path, said.append) as journal:
        journal.put("a", {"text": "kept"}, {})
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"key": "b", "val')
    with Journal(path, said.append) as journal:
        assert list(journal.offsets) == ["a"] and not said
        journal.put("b", {"text": "again"}, {})
    assert len(said) == 1 and said[0].startswith("j.jsonl: 1 broken row")
    assert path.read_bytes().startswith(whole) and [row["key"] for row in rows(path)] == ["a", "b"]


def test_f02_cut_at_every_byte_keeps_every_whole_row_and_goes_on(tmp_path):
    path = tmp_path / "whole.jsonl"
    with Journal(path) as journal:
        for n in range(3):
            journal.put(f"k{n}", {"text": f"Grüße {n}\n"}, {})
    data = path.read_bytes()
    for cut in range(len(data) + 1):
        part = tmp_path / "cut.jsonl"
        part.write_bytes(data[:cut])
        kept = data[:cut].count(b"\n")
        journal = Journal(part)
        assert list(journal.offsets) == [f"k{n}" for n in range(kept)]
        assert all(journal.get(f"k{n}") == {"text": f"Grüße {n}\n"} for n in range(kept))
        if cut % 25 == 0:  # going on costs an fsync, so not at each byte
            for n in range(kept, 3):
                journal.put(f"k{n}", {"text": f"Grüße {n}\n"}, {})
            journal.close()
            assert [row["key"] for row in rows(part)] == ["k0", "k1", "k2"]


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line), max_size=6), st.binary(max_size=20))
def test_f02_any_bytes_in_a_journal_never_stop_it(tmp_path_factory, lines, tail):
    path = tmp_path_factory.mktemp("j") / "j.jsonl"
    good = b'{"key": "k", "value": {"text": "t"}, "about": {}, "at": ""}'
    path.write_bytes(b"".join(line + b"\n" for line in [*lines, good]) + tail.replace(b"\n", b""))
    assert Journal(path).get("k") == {"text": "t"}


def test_f04_second_writer_is_refused_and_a_reader_is_not(tmp_path):
    path = tmp_path / "j.jsonl"
    with Journal(path) as first:
        first.put("a", {"text": "1"}, {})
        second = Journal(path)
        assert second.get("a") == {"text": "1"}
        with pytest.raises(run.RunError, match="another process"):
            second.put("b", {"text": "2"}, {})
    third = Journal(path)
    third.put("b", {"text": "3"}, {})
    third.close()
    assert Journal(path).get("b") == {"text": "3"}


def test_writer_takes_in_what_another_wrote_since(tmp_path):
    early, other = Journal(tmp_path / "j.jsonl"), Journal(tmp_path / "j.jsonl")
    other.put("a", {"text": "1"}, {})
    other.close()
    early.put("b", {"text": "2"}, {})
    early.close()
    assert (early.get("a"), early.get("b")) == ({"text": "1"}, {"text": "2"})


def test_f05_full_disk_is_one_clear_line_and_the_file_stays_whole(tmp_path):
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    journal.put("a", {"text": "fits"}, {})
    whole = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 100, hard))  # half of the next row fits
    try:
        with pytest.raises(run.RunError, match="Could not write j.jsonl: .*Free some space"):
            journal.put("b", {"text": "x" * 500}, {})
        assert path.read_bytes() == whole and journal.get("b") is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.put("b", {"text": "fits now"}, {})
    journal.close()
    assert list(Journal(path).offsets) == ["a", "b"]


def test_f05_a_place_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(run.RunError, match="Could not write j.jsonl"):
        Journal(tmp_path / "file" / "j.jsonl").put("a", {}, {})


def test_rows_of_a_second_share_one_fsync_and_the_last_have_theirs_at_close(tmp_path, monkeypatch):
    synced, real = [], os.fsync

    def fsync(handle):
        real(handle)
        synced.append(os.fstat(handle).st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    path, started = tmp_path / "j.jsonl", time.monotonic()
    with Journal(path) as journal:
        for n in range(200):
            journal.put(f"k{n}", {"n": n}, {})
            assert path.read_bytes().endswith(b"\n") and Journal(path).get(f"k{n}") == {"n": n}
    assert 2 <= len(synced) <= 2 + (time.monotonic() - started) / BATCH
    assert synced[-1] == path.stat().st_size


def test_a_failed_fsync_is_one_clear_line(tmp_path, monkeypatch):
    def fsync(handle):
        raise OSError(5, "Input/output error")

    journal = Journal(tmp_path / "j.jsonl")
    journal.put("a", {}, {})
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(run.RunError, match="Could not write j.jsonl: Input/output error"):
        journal.close()
    monkeypatch.undo()
    with Journal(tmp_path / "j.jsonl") as again:  # the lock is free
        again.put("b", {}, {})


# ---- asking


def test_answers_come_back_by_id_and_twins_are_asked_once(tmp_path):
    twin = Prompt("twin", ({"role": "user", "content": "question 0"},))
    other = Prompt("other sample", ({"role": "user", "content": "question 0"},), sample=1)
    with Server() as server:
        answers = ask(server, [*prompts(5), twin, other], tmp_path / "j.jsonl")
        assert sorted(answers) == ["other sample", "p0", "p1", "p2", "p3", "p4", "twin"]
        assert answers["p0"].text == answers["twin"].text == f"answer {hashlib.sha256(b'question 0').hexdigest()[:12]} to question 0"
        assert server.counts["question 0"] == 2 and server.total == 6 and server.most_at_once <= 4
        assert answers["p3"].usage == {"in": 7, "out": 5, "model": "served"} and len(answers) == 7
        with pytest.raises(KeyError):
            answers["nobody"]
        assert ask(server, prompts(5), tmp_path / "j.jsonl")["p4"] == answers["p4"]
        assert server.total == 6


def test_a_proxy_never_stands_before_this_machine(tmp_path, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Server() as server:
        assert ask(server, prompts(1), tmp_path / "j.jsonl")["p0"].answered


def test_two_different_prompts_of_one_name_are_refused(tmp_path):
    with Server() as server, pytest.raises(run.RunError, match="named 'a'"):
        ask(server, [Prompt("a", ({"role": "user", "content": "x"},)), Prompt("a", ({"role": "user", "content": "y"},))], tmp_path / "j")


def test_works_inside_a_running_loop_as_a_notebook_has(tmp_path):
    async def cell(server):
        return len(ask(server, prompts(3), tmp_path / "j.jsonl"))

    with Server() as server:
        assert asyncio.run(cell(server)) == 3


def test_f03_more_finished_rows_than_workers_do_not_hang(tmp_path):
    with Server() as server:
        ask(server, prompts(30), tmp_path / "j.jsonl")
        started = time.monotonic()
        answers = ask(server, prompts(31), tmp_path / "j.jsonl", concurrency=2)
        assert len(answers) == 31 and server.total == 31 and time.monotonic() - started < 5


def test_f06_retry_after_is_obeyed_and_attempts_are_kept(tmp_path):
    times = []

    def script(call):
        times.append(time.monotonic())
        return status(429, {"Retry-After": "0.4"}) if call.number == 1 else ok("fine")

    with Server(script) as server:
        answer = ask(server, prompts(1), tmp_path / "j.jsonl")["p0"]
    assert answer.attempts == 2 and answer.text == "fine" and times[1] - times[0] >= 0.4
    assert rows(tmp_path / "j.jsonl")[0]["value"]["attempts"] == 2


def test_f06_a_pause_asked_of_one_holds_for_all(tmp_path):
    times = []

    def script(call):
        times.append(time.monotonic())
        return status(429, {"Retry-After": "0.5"}) if len(times) == 1 else ok("fine", delay=0.02)

    with Server(script) as server:
        assert len(ask(server, prompts(30), tmp_path / "j.jsonl")) == 30
    assert sum(1 for moment in times if times[0] + 0.15 < moment < times[0] + 0.5) == 0


@pytest.mark.parametrize("budget", [None, 2.0])
def test_f06_retry_after_of_hours_stops_and_can_be_resumed(tmp_path, budget):
    slow = True

    def script(call):
        return status(429, {"Retry-After": "7200"}) if slow and call.prompt == "question 3" else ok("fine")

    said: list[str] = []
    with Server(script) as server:
        started = time.monotonic()
        answers = ask(server, prompts(6), tmp_path / "j.jsonl", said=said, concurrency=1, seconds=budget)
        assert time.monotonic() - started < 2 and "7,200 s" in answers.stopped
        assert list(answers) == ["p0", "p1", "p2"] and any("3 of 6 not asked" in line for line in said)
        slow = False
        assert len(ask(server, prompts(6), tmp_path / "j.jsonl")) == 6
        assert server.counts["question 0"] == 1 and server.counts["question 3"] == 2


@pytest.mark.parametrize(
    "given, seconds", [("3", 3), ("0.5", 0.5), ("-3", 0), ("nonsense", None), ("", None), ("nan", None), ("inf", float("inf"))]
)
def test_f06_retry_after_is_read_as_seconds(given, seconds):
    assert retry_after({"retry-after": given}) == seconds


def test_f06_retry_after_is_read_as_a_date():
    assert 7000 < retry_after({"retry-after": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 7200))}) <= 7200


@pytest.mark.parametrize("code", [401, 403, 404, 402])
def test_f07_refused_key_stops_at_once_and_is_in_no_message(tmp_path, code):
    said: list[str] = []
    with Server(lambda call: status(code, message=f"bad key {KEY} \x1b[31m")) as server:
        with pytest.raises(run.RunError) as caught:
            ask(server, prompts(50), tmp_path / "j.jsonl", said=said)
        assert server.total <= 4  # what was in flight, no retry
    assert str(code) in str(caught.value) and "\n" not in str(caught.value) and "\x1b" not in str(caught.value)
    assert KEY not in "".join([str(caught.value), repr(caught.value), *said])
    assert leaks(tmp_path) == []


def test_f07_what_was_answered_before_a_refusal_is_kept(tmp_path):
    with Server(lambda call: status(401) if call.prompt == "question 9" else ok("fine")) as server, pytest.raises(run.RunError):
        ask(server, prompts(10), tmp_path / "j.jsonl", concurrency=1)
    assert len(Journal(tmp_path / "j.jsonl").offsets) == 9


def test_f07_no_credit_left_is_not_tried_again(tmp_path):
    with Server(lambda call: status(429, code="insufficient_quota")) as server, pytest.raises(run.RunError, match="No credit"):
        ask(server, prompts(1), tmp_path / "j.jsonl")
    assert server.total == 1


PASSING = {
    "408": status(408),
    "409": status(409),
    "500": status(500),
    "503": status(503),
    "hang": ok("x", manner="hang"),
    "half": ok("x" * 99, manner="half"),
    "reset": ok("x", manner="reset"),
    "drip": ok("x" * 99, manner="drip"),
    "half JSON": raw(b'{"choices": [{"mess'),
    "empty": raw(b""),
    "error in 200": raw(b'{"error": {"code": 502, "message": "upstream"}}'),
}


@pytest.mark.parametrize("fault", PASSING)
def test_f08_what_can_pass_is_tried_again_and_counted(tmp_path, fault):
    with Server(lambda call: PASSING[fault] if call.number == 1 else ok("fine")) as server:
        answer = ask(server, prompts(1), tmp_path / "j.jsonl", timeout=0.4)["p0"]
        assert (answer.text, answer.attempts, server.total) == ("fine", 2, 2)


def test_f08_what_never_passes_is_a_counted_failure_and_asked_again_later(tmp_path):
    healthy = False
    with Server(lambda call: ok("fine") if healthy or call.prompt != "question 1" else status(500)) as server:
        answers = ask(server, prompts(3), tmp_path / "j.jsonl")
        assert answers["p1"].finish.startswith("status 500") and answers["p1"].attempts == 4 and not answers["p1"].answered
        row = next(row for row in rows(tmp_path / "j.jsonl") if row["value"] is None)
        assert row["about"]["id"] == "p1" and row["about"]["attempts"] == 4
        healthy = True
        assert ask(server, prompts(3), tmp_path / "j.jsonl")["p1"].text == "fine"
        assert server.counts["question 0"] == 1


def test_f08_nothing_listening_fails_and_stops_a_long_run(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    client = Client(Settings(url, "m", attempts=2, first_wait=0.01), say=lambda text: None)
    with Journal(tmp_path / "j.jsonl") as journal:
        answers = client.ask(prompts(200), journal)
    assert "20 failures in a row" in answers.stopped and len(answers) < 60
    assert "no connection" in answers["p0"].finish


NO_ANSWER = {
    "page": (raw(b"<html>Log in</html>", "text/html"), "page"),
    "no choices": (raw(b'{"choices": []}'), "no choices"),
    "null choices": (raw(b'{"choices": null}'), "no choices"),
    "list": (raw(b"[1]"), "no choices"),
    "null": (raw(b"null"), "no choices"),
    "null content": (ok(None), "no content"),
    "blank": (ok("  \n"), "no content"),
    "refusal": (ok(None, refusal="I will not."), "declined: I will not"),
    "no message": (raw(b'{"choices": [{}]}'), "no content"),
    "error": (raw(b'{"error": "sorry"}'), "sorry"),
    "odd finish": (ok("t", "tool_calls"), "tool_calls"),
    "bad request": (status(400, message="context too long"), "context too long"),
    "number": (ok(7), "no content"),
    "deep": (raw(b"[" * 9999), "half an answer"),
}


@pytest.mark.parametrize("fault", NO_ANSWER)
def test_f09_no_answer_is_a_recorded_failure_never_a_success(tmp_path, fault):
    reply, reason = NO_ANSWER[fault]
    with Server(lambda call: reply) as server:
        answer = ask(server, prompts(1), tmp_path / "j.jsonl")["p0"]
        assert reason in answer.finish and not answer.answered
    assert not Journal(tmp_path / "j.jsonl").offsets
    assert reason in rows(tmp_path / "j.jsonl")[0]["about"]["failed"]


def test_f10_cut_and_filtered_answers_are_flagged_and_not_asked_again(tmp_path):
    replies = {
        "question 0": ok("cut off in the", "length"),
        "question 1": ok("", "content_filter"),
        "question 2": ok(None, "length"),
        "question 3": ok("t", None),
    }
    said: list[str] = []
    with Server(lambda call: replies[call.prompt]) as server:
        answers = ask(server, prompts(4), tmp_path / "j.jsonl", said=said)
        assert [answers[f"p{n}"].finish for n in range(4)] == ["length", "filter", "length", "stop"]
        assert [answers[f"p{n}"].whole for n in range(4)] == [False, False, False, True]
        assert any("3 cut or filtered" in line for line in said)
        ask(server, prompts(4), tmp_path / "j.jsonl")
        assert server.total == 4


def test_answers_in_parts_and_without_usage_are_read(tmp_path):
    parts = [{"type": "text", "text": "one "}, {"type": "image"}, {"type": "text", "text": "two"}]
    with Server(lambda call: ok(parts, usage=None)) as server:
        answer = ask(server, prompts(1), tmp_path / "j.jsonl")["p0"]
    assert answer.text == "one two" and answer.usage["estimated"] and answer.usage["out"] == 1


def test_newer_name_of_the_token_limit_is_learned_once(tmp_path):
    def script(call):
        return status(400, param="max_tokens", message="use max_completion_tokens") if "max_tokens" in call.body else ok("fine")

    with Server(script) as server:
        answers = ask(server, prompts(12, sampling={"max_tokens": 9, "top_k": 3, "seed": 5}), tmp_path / "j.jsonl", concurrency=2)
        assert all(answer.text == "fine" for answer in answers.values()) and server.total <= 14
        assert server.calls[-1].body["max_completion_tokens"] == 9 and server.calls[-1].body["top_k"] == 3


def test_repeats_of_a_prompt_get_their_own_seed(tmp_path):
    wanted = [Prompt(f"s{n}", ({"role": "user", "content": "q"},), {"seed": 5}, sample=n) for n in range(3)]
    with Server() as server:
        ask(server, wanted, tmp_path / "j.jsonl")
        assert sorted(call.body["seed"] for call in server.calls) == [5, 6, 7]


# ---- budgets


@pytest.mark.parametrize("each, least, most", [(100, 8, 10), (20, 43, 46)])  # tokens an answer takes, of at most 100; answers that fit
def test_token_budget_is_used_but_never_overspent_and_the_run_goes_on_later(tmp_path, each, least, most):
    with Server(lambda call: ok("fine", usage=(each // 2, each // 2), delay=0.01)) as server:
        wanted = prompts(60, sampling={"max_tokens": 97})
        answers = ask(server, wanted, tmp_path / "j.jsonl", tokens=1000, concurrency=8)
        assert least <= len(answers) <= most and "1,000 tokens" in answers.stopped and server.total == len(answers)
        assert len(ask(server, wanted, tmp_path / "j.jsonl")) == 60 and server.total == 60


def test_wall_clock_budget_holds_even_against_a_hanging_server(tmp_path):
    with Server(lambda call: ok("x", manner="hang") if call.prompt == "question 2" else ok("fine")) as server:
        started = time.monotonic()
        answers = ask(server, prompts(3), tmp_path / "j.jsonl", seconds=0.8, timeout=60.0)
        assert time.monotonic() - started < 2.5 and "0.8 s" in answers.stopped
        assert sorted(answers) == ["p0", "p1"]


def test_f13_a_new_prompt_version_asks_again(tmp_path):
    def grade(version):
        return [Prompt("p", ({"role": "user", "content": "grade it"},), version=version)]

    with Server() as server:
        for version, total in (("1", 1), ("1", 1), ("2", 2)):
            ask(server, grade(version), tmp_path / "j.jsonl")
            assert server.total == total


# ---- settings, secrets, progress


def test_f29_key_is_in_no_file_message_or_representation(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("TQDM_DISABLE")
    said: list[str] = []

    def script(call):
        assert call.headers["authorization"] == f"bearer {KEY}"
        replies = [
            ok(f"Your key is {KEY}."),
            status(400, message=f"no: {KEY}"),
            raw(f"<p>{KEY}</p>".encode(), "text/html"),
            ok(None, refusal=KEY),
        ]
        return replies[int(call.prompt[-1])] if call.prompt[-1] in "0123" else status(500, message=KEY)

    with Server(script) as server:
        client = Client(settings(server), say=said.append)
        with Journal(tmp_path / "j.jsonl") as journal:
            answers = client.ask(prompts(5), journal)
        here = run.open("r", tmp_path / "out")
        with here.stage("experience"):
            experience.ask(here, "scenes", [request(0)], EndpointTeacher(settings(server), say=here.say))
        everything = [repr(answers[id]) for id in answers] + [repr(client.settings), str(vars(client)), repr(vars(client.settings)), *said]
        assert answers["p0"].text == "Your key is [key]."
        assert KEY not in "".join([*everything, *capsys.readouterr(), client.entry(prompts(1)[0])])
    assert leaks(tmp_path) == []
    (tmp_path / "saved.ipynb").write_text(json.dumps({"source": f"KEY = '{KEY}'"}))
    assert leaks(tmp_path) == [tmp_path / "saved.ipynb"]


def test_f29_key_of_another_tool_is_not_sent(tmp_path, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "sk-someone-elses")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    with Server() as server:
        client = Client(Settings(server.url, "m"), say=lambda text: None)
        with Journal(tmp_path / "j.jsonl") as journal:
            client.ask(prompts(1), journal)
        assert "elses" not in json.dumps(server.calls[0].headers) and server.calls[0].headers["authorization"] == "bearer none"


@pytest.mark.parametrize(
    "name, value, wrong",
    [
        ("CHARLIB_ENDPOINT", "", "No endpoint set"),
        ("CHARLIB_ENDPOINT", "localhost:8000", "base address"),
        ("CHARLIB_ENDPOINT", "http://h:x/v1", "base address"),
        ("CHARLIB_ENDPOINT", f"https://me:{KEY}@host/v1", "without user or query"),
        ("CHARLIB_ENDPOINT", f"https://host/v1?key={KEY}", "without user or query"),
        ("CHARLIB_MODEL", "", "No endpoint set"),
        ("CHARLIB_CONCURRENCY", "many", "CHARLIB_CONCURRENCY"),
        ("CHARLIB_CONCURRENCY", "5000", "1 to 1000"),
        ("CHARLIB_TIMEOUT", "-1", "CHARLIB_TIMEOUT"),
        ("CHARLIB_TOKEN_BUDGET", "nan", "CHARLIB_TOKEN_BUDGET"),
        ("CHARLIB_API_KEY", f"{KEY} é", "CHARLIB_API_KEY"),
    ],
)
def test_environment_that_cannot_work_is_one_line_without_the_key(monkeypatch, name, value, wrong):
    monkeypatch.setenv("CHARLIB_ENDPOINT", "http://127.0.0.1:8000/v1")
    monkeypatch.setenv("CHARLIB_MODEL", "m")
    monkeypatch.setenv(name, value)
    with pytest.raises(run.RunError, match=wrong) as caught:
        Settings.from_environment()
    assert KEY not in str(caught.value) and "\n" not in str(caught.value)


def test_environment_gives_the_settings_and_an_open_line_is_warned_of(monkeypatch):
    said: list[str] = []
    for name, value in {
        "ENDPOINT": "http://Host.example/v1/",
        "MODEL": "m",
        "API_KEY": f" {KEY}\n",
        "CONCURRENCY": "3",
        "TOKEN_BUDGET": "5e4",
        "PRICE_IN": "2.5",
    }.items():
        monkeypatch.setenv(f"CHARLIB_{name}", value)
    made = Client(Settings.from_environment(), say=said.append).settings
    assert (made.place, made.concurrency, made.tokens, made.price_in, made.key.get_secret_value()) == (
        "host.example/v1",
        3,
        50_000,
        2.5,
        KEY,
    )
    assert len(said) == 1 and "unencrypted" in said[0] and KEY not in said[0]
    for url in ("https://host.example/v1", "http://localhost:1/v1", "http://[::1]:1/v1"):
        Client(Settings(url, "m", SecretStr(KEY)), say=said.append)
    assert len(said) == 1


def test_journal_key_follows_what_was_asked_and_never_the_api_key():
    def entry(prompt=None, **changes):
        given = {"url": "http://127.0.0.1:1/v1", "model": "m", "key": SecretStr("")} | changes
        return Client(Settings(**given), say=lambda text: None).entry(prompt or prompts(1)[0])

    same = [
        entry(),
        entry(key=SecretStr(KEY)),
        entry(concurrency=9),
        entry(url="http://127.0.0.1:1/v1/"),
        entry(Prompt("other", prompts(1)[0].messages)),
    ]
    others = [
        entry(model="n"),
        entry(url="http://127.0.0.1:2/v1"),
        *(
            entry(prompts(1, **more)[0])
            for more in ({"sampling": {"temperature": 1}}, {"sample": 1}, {"version": "2"})
        ),
    ]
    assert len(set(same)) == 1 and len({*same, *others}) == 6


def test_progress_is_a_line_each_in_logs_and_silent_when_disabled(tmp_path, monkeypatch, capfd):
    with Server() as server:
        ask(server, prompts(2), tmp_path / "quiet.jsonl")
        assert capfd.readouterr() == ("", "")
        monkeypatch.delenv("TQDM_DISABLE")
        ask(server, prompts(6), tmp_path / "j.jsonl", price_in=1e6, price_out=1e6)
    lines = capfd.readouterr().err.splitlines()
    assert "\r" not in "".join(lines) and 2 <= len(lines) <= 3
    assert "6/6" in lines[-1] and "0 failed, 72 tokens, cost 72 of about 72" in lines[-1]


# ---- teacher


def request(n: int, sample: int = 0) -> Request:
    return Request("nobody", "scenes", f"s{n}", sample, "1", ({"role": "user", "content": f"question {n}"},))


def test_teacher_completes_and_marks_what_failed():
    replies = {"question 0": ok("whole"), "question 1": ok("cut", "length"), "question 2": status(400, message="too long")}
    with Server(lambda call: replies[call.prompt]) as server:
        made = EndpointTeacher(settings(server), {"temperature": 0}, say=lambda text: None)
        found = {completion.request: completion for completion in made.complete([request(n) for n in range(3)])}
    whole, cut, refused = (found[request(n).id] for n in range(3))
    assert (whole.text, whole.finish, whole.usage) == ("whole", "stop", {"in": 7, "out": 5, "model": "served"})
    assert whole.teacher == "endpoint" and cut.finish == "length"
    assert "too long" in refused.finish and refused.text == ""


def test_teacher_stamp_follows_endpoint_model_and_sampling_not_the_key():
    def stamp(url="http://127.0.0.1:1/v1", model="m", key="", sampling=None):
        return EndpointTeacher(Settings(url, model, SecretStr(key)), sampling, say=lambda text: None).stamp(request(0))

    assert stamp() == stamp(key=KEY) and len({stamp(), stamp(url="http://127.0.0.1:2/v1"), stamp(model="n"), stamp(sampling={})}) == 4


def test_teacher_left_early_stops_asking():
    with Server(latency=0.05) as server:
        made = EndpointTeacher(settings(server), say=lambda text: None)
        for _ in made.complete([request(n) for n in range(200)]):
            break
        time.sleep(0.1)
        total = server.total
        time.sleep(0.2)
        assert server.total == total < 20


def test_teacher_refused_raises_after_what_was_answered():
    with Server(lambda call: status(401) if call.prompt == "question 5" else ok("fine")) as server:
        found = []
        with pytest.raises(run.RunError, match="refused"):
            made = EndpointTeacher(settings(server, concurrency=1), say=lambda text: None)
            for completion in made.complete([request(n) for n in range(9)]):
                found.append(completion.request)
    assert found == [request(n).id for n in range(5)]


def test_experience_keeps_answers_asks_failures_again_and_nothing_twice(tmp_path):
    healthy = False
    here = run.open("r", tmp_path)
    with (
        Server(lambda call: echo(call) if healthy or call.prompt != "question 1" else status(400, message="broken")) as server,
        here.stage("experience"),
    ):
        made = EndpointTeacher(settings(server), say=here.say)
        first = experience.ask(here, "scenes", [request(n) for n in range(3)], made)
        assert "broken" in first[request(1).id].finish
        healthy = True
        second = experience.ask(here, "scenes", [request(n) for n in range(3)], made)
        assert second[request(1).id].finish == "stop" and second[request(0).id] == first[request(0).id]
        assert server.counts == {"question 0": 1, "question 1": 2, "question 2": 1}
    assert "2 answered (2 endpoint), 1 failed" in here.path("log.txt").read_text()


# ---- killed at random moments


def generate(url: str, path: str, count: int) -> None:
    """What a killed process was doing: a generation of `count` items."""
    os.environ["TQDM_DISABLE"] = "1"
    client = Client(Settings(url, "m", concurrency=4), say=lambda text: None)
    with Journal(Path(path)) as journal:
        client.ask(prompts(count), journal)


def texts(path: Path) -> dict[str, dict]:
    journal = Journal(path)
    return {key: journal.get(key) for key in journal.offsets}


def kill_and_resume(tmp_path: Path, items: int, kills: int) -> None:
    """Kill -9 a generation at random moments, resume it each time, and compare it with one that ran through."""
    chance, path = random.Random(7), tmp_path / "killed.jsonl"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["charlib.teachers", "openai", "test_endpoint"])
    with Server(latency=0.03) as server:
        ask(server, prompts(items), tmp_path / "through.jsonl")
        server.counts.clear()
        finished: list[tuple[set, dict]] = []
        for _ in range(kills):
            child = context.Process(target=generate, args=(server.url, str(path), items))
            before = server.total
            child.start()
            while child.is_alive() and server.total < before + items // kills * 0.7:
                time.sleep(0.001)
            time.sleep(chance.random() * 0.04)
            os.kill(child.pid, signal.SIGKILL)
            child.join()
            finished.append(
                (
                    {row["about"]["id"] for row in map(_row, path.read_bytes().split(b"\n")[:-1])} if path.exists() else set(),
                    dict(server.counts),
                )
            )
        child = context.Process(target=generate, args=(server.url, str(path), items))
        child.start()
        child.join(60)
        assert child.exitcode == 0
        for ids, counts in finished:
            assert all(server.counts[f"question {id[1:]}"] == counts[f"question {id[1:]}"] for id in ids)
        assert len(finished[-1][0]) > items // 4  # the kills fell into the middle of the work
        assert server.total <= items + kills * 4
    assert texts(path) == texts(tmp_path / "through.jsonl") and len(texts(path)) == items


def _row(line: bytes) -> dict:
    return json.loads(line)


def test_f02_killed_four_times_nothing_finished_is_asked_again(tmp_path):
    kill_and_resume(tmp_path, items=40, kills=4)


@pytest.mark.soak
def test_f02_killed_fifty_times_nothing_finished_is_asked_again(tmp_path):
    kill_and_resume(tmp_path, items=300, kills=50)


# ---- memory


def follow_memory(requests: int, out) -> None:
    """Resident megabytes of a client at every tenth of many requests, measured in a process of its own."""
    sys.path.insert(0, str(Path(__file__).parent / "bench"))
    import bench_endpoint

    os.environ["TQDM_DISABLE"] = "1"
    process, url = bench_endpoint.start(0.0)
    try:
        out.put(bench_endpoint.measure(url, requests, parts=10)[1])
    finally:
        process.kill()


def flat_memory(requests: int, least: float) -> None:
    context = multiprocessing.get_context("forkserver")
    out = context.Queue()
    child = context.Process(target=follow_memory, args=(requests, out))
    child.start()
    memory = out.get(timeout=600)
    child.join()
    assert memory[-1] - memory[2] < least, memory


def test_memory_stays_flat_over_500_requests():
    flat_memory(500, least=6)


@pytest.mark.soak
def test_memory_stays_flat_over_20000_requests():
    flat_memory(20_000, least=16)  # an index entry a row is about 5 MB


# ---- a real model behind a real server


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """`transformers serve` with the bundled model on a free loopback port: its address and the model's name there."""
    missing = [name for name in ("fastapi", "uvicorn") if not importlib.util.find_spec(name)]
    if missing:
        pytest.skip(f"transformers serve needs {' and '.join(missing)}")

    folder, log = models.find_base("bundled", say=lambda text: None).folder, tmp_path_factory.mktemp("serve") / "log.txt"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder), "--port", str(port), "--device", "cpu"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    try:
        until = time.monotonic() + 120
        with socket.socket() as probe:
            while probe.connect_ex(("127.0.0.1", port)):
                assert process.poll() is None and time.monotonic() < until, log.read_text()[-2000:]
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1", str(folder)
    finally:
        process.terminate()
        process.wait(30)


QUESTION = ({"role": "user", "content": "What is the capital of France? Answer in one short sentence."},)


def test_a_real_model_behind_a_real_server_answers(tmp_path, served):
    client = Client(Settings(*served, concurrency=2), say=lambda text: None)
    wanted = [Prompt("whole", QUESTION, {"temperature": 0, "max_tokens": 24}), Prompt("cut", QUESTION, {"temperature": 0, "max_tokens": 3})]
    with Journal(tmp_path / "j.jsonl") as journal:
        answers = client.ask(wanted, journal)
        assert "Paris" in answers["whole"].text and answers["whole"].whole and answers["whole"].usage["out"] > 3
        assert answers["cut"].finish == "length"
        with pytest.raises(run.RunError, match="Nothing at"):
            Client(Settings(f"{served[0]}/v1", served[1]), say=lambda text: None).ask(wanted, journal)


@pytest.mark.soak
def test_a_real_model_behind_a_real_server_teaches(tmp_path, served):
    here = run.open("r", tmp_path)
    made = EndpointTeacher(Settings(*served, concurrency=4), {"temperature": 0, "max_tokens": 16}, say=here.say)
    with here.stage("experience"):
        first = experience.ask(here, "scenes", [request(n) for n in range(12)], made)
        assert len(first) == 12 and experience.ask(here, "scenes", [request(n) for n in range(12)], made) == first


def test_reading_the_journal_key_needs_no_openai():
    code = "import sys, charlib.teachers; print(any(name in sys.modules for name in ('openai', 'httpx2', 'torch', 'tqdm')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
