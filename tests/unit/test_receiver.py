"""The receiver for trying things out keeps and prints what anybody sends it, and nobody can take it down."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from scheduler import Signer
from tests.bench.inbox import TOKEN, RunningInbox
from tests.bench.receiver import SECRET
from timer_service.process.receiver import connections, line_of
from timer_service.process.receiver.answers import ANSWERS, Answer
from timer_service.process.receiver.control import Control
from timer_service.process.receiver.inbox import Inbox
from timer_service.process.receiver.request import parse

#: C0, ESC, DEL, C1, a line separator and a change of direction, as they come in bytes.
HARM = b"\x07\x1b[2J\x7f\x85\x9b31m" + "\u2028\u202e\ufeff".encode()


@pytest.fixture
def start() -> Iterator[Callable[..., RunningInbox]]:
    running: list[RunningInbox] = []

    def one(**options: Any) -> RunningInbox:
        running.append(RunningInbox(**options))
        return running[-1]

    yield one
    for it in running:
        it.close()


def signed(body: bytes, **more: str) -> dict[str, str]:
    now = int(time.time())
    signature = Signer(SECRET).sign("id", now, body)
    assert signature
    return {"webhook-id": "id", "webhook-timestamp": str(now), "webhook-signature": signature, **more}


def test_a_request_is_kept_as_it_came(start: Callable[..., RunningInbox]) -> None:
    it = start()
    body = b'{"a": "\xc3\xa9"}'
    due = "2026-01-01T00:00:00.000Z"
    headers = signed(body, **{"timer-due-at": due, "timer-attempt": "2", "timer-redelivery": "retry", "X-One": "1"})
    before = time.time()
    assert requests.put(f"{it.url}/hook?a=%0A", data=body, headers=headers, timeout=30).status_code == 200
    (kept,) = it.read()["arrivals"]
    assert (kept["method"], kept["target"], kept["version"]) == ("PUT", "/hook?a=%0A", "HTTP/1.1")
    assert (kept["body"], kept["body_bytes"], kept["is_whole"]) == ('{"a": "é"}', len(body), True)
    assert base64.b64decode(kept["body_base64"]) == body
    assert [list(item) for item in headers.items()] == kept["headers"][-len(headers) - 1 : -1]
    assert (kept["timer_id"], kept["attempt"], kept["redelivery"]) == ("id", "2", "retry")
    assert (kept["verified"], kept["status"], kept["answer"]) == (True, 200, "200")
    assert before <= kept["at"] <= time.time()
    assert kept["late_ms"] == pytest.approx(1000 * (kept["at"] - 1767225600), abs=0.001)


@pytest.mark.parametrize(
    ("secrets", "body", "verified"), [(SECRET, b"1", True), (SECRET, b"2", False), ("", b"1", None), ("no", b"1", None)]
)
def test_whether_the_signature_is_right_is_told_as_the_client_would(
    start: Callable[..., RunningInbox], secrets: str, body: bytes, verified: bool | None
) -> None:
    it = start(secrets=secrets)
    requests.post(it.url, data=body, headers=signed(b"1"), timeout=30)
    assert it.read()["arrivals"][0]["verified"] is verified


def test_a_body_that_is_no_text_is_told_in_base64_alone(start: Callable[..., RunningInbox]) -> None:
    it = start()
    requests.post(it.url, data=b"\xff\x00", timeout=30)
    (kept,) = it.read()["arrivals"]
    assert (kept["body"], base64.b64decode(kept["body_base64"])) == (None, b"\xff\x00")


def test_only_the_newest_are_kept_and_no_more_bytes_of_them_than_fit(start: Callable[..., RunningInbox]) -> None:
    it = start()
    body = "é" * 300_000
    with requests.Session() as session:
        for number in range(60):
            session.post(f"{it.url}/{number}", data=body.encode(), headers={"x": "y" * 40_000}, timeout=5)
    found = it.read()
    targets = [kept["target"] for kept in found["arrivals"]]
    assert targets == [f"/{number}" for number in range(59, 59 - len(targets), -1)]
    assert 35 <= len(targets) <= 4 * 1024 * 1024 // (64 * 1024 + 40_000)
    assert found["arrived"] == 60
    (first, *_) = found["arrivals"]
    assert (first["body_bytes"], first["is_whole"], first["body"]) == (600_000, False, "é" * 1024)
    assert "x" not in dict(first["headers"])
    assert len(json.dumps(found)) < 500_000
    whole = it.read(f"/{first['number']}")
    assert (whole["body"], whole["is_whole"]) == ("é" * 32_768, False)
    assert dict(whole["headers"])["x"] == "y" * 40_000


@pytest.mark.parametrize(
    ("name", "status", "header"),
    [("500", 500, {}), ("429", 429, {"retry-after": "10"}), ("again", 200, {"timer-reschedule": "10s"})],
)
def test_what_is_chosen_is_answered_once(
    start: Callable[..., RunningInbox], name: str, status: int, header: dict[str, str]
) -> None:
    it = start()
    assert it.choose(name) == 200
    assert it.read()["next_answer"] == name  # looking does not use it up
    first, second = (requests.post(it.url, timeout=30) for _ in range(2))
    assert (first.status_code, second.status_code) == (status, 200)
    assert header.items() <= first.headers.items()
    assert not header.keys() & second.headers.keys()
    assert [kept["answer"] for kept in it.read()["arrivals"]] == ["200", name]


def test_a_slow_answer_keeps_nobody_else_waiting(start: Callable[..., RunningInbox]) -> None:
    it = start()
    assert it.choose("slow") == 200
    with it.connect() as slow:
        slow.sendall(b"GET /slow HTTP/1.1\r\n\r\n")
        while it.read()["next_answer"] == "slow":
            time.sleep(0.01)
        assert requests.get(it.url, timeout=30).status_code == 200
        slow.settimeout(0.2)
        with pytest.raises(TimeoutError):
            slow.recv(1)
    assert it.read()["arrivals"][1]["answer"] == "slow"


def test_an_answer_that_there_is_not_changes_nothing(start: Callable[..., RunningInbox]) -> None:
    it = start()
    it.choose("429")
    assert [it.choose(name) for name in ("", "200 ", "418", "x" * 100_000)] == [404] * 4
    assert it.read()["next_answer"] == "429"


@pytest.mark.parametrize(
    "headers", [{}, {"timer-inbox-token": ""}, {"timer-inbox-token": TOKEN + "x"}, {"timer-inbox-token": "é"}]
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/1"), ("POST", "/next"), ("OPTIONS", "/")])
def test_without_the_token_a_request_is_a_webhook_whatever_it_asks(
    start: Callable[..., RunningInbox], method: str, path: str, headers: dict[str, str]
) -> None:
    """Timers of strangers and pages in a browser can call it too."""
    it = start()
    requests.post(it.url, data="a secret", timeout=30)
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = requests.request(method, it.url + path, data="500", headers=encoded, timeout=30)
    assert (answer.status_code, answer.content) == (200, b"")
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    found = it.read()
    assert (found["next_answer"], found["arrived"]) == ("200", 2)


def test_where_nobody_made_a_token_none_is_right() -> None:
    inbox = Inbox()
    head = parse(b"GET / HTTP/1.1\r\ntimer-inbox-token: \r\n\r\n")
    assert not Control(inbox, "").is_meant(head)


MALFORMED = [
    (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    (b"GET /\r\n\r\n", 400),
    (b"GET  / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/2.0\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n folded: 1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\na b: 1\r\n\r\n", 400),
    (b"\r\n\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 1_0\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", 413),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    (b"GET / HTTP/1.1\r\nx: " + b"y" * 200_000, 431),
]


@pytest.mark.parametrize(("data", "status"), MALFORMED)
def test_what_cannot_be_read_is_answered_and_the_next_is_served(
    start: Callable[..., RunningInbox], data: bytes, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    it = start()
    assert it.say(data).startswith(b"HTTP/1.1 %d " % status)
    assert it.read()["arrived"] == 0
    assert requests.get(it.url, timeout=30).status_code == 200
    assert capfd.readouterr().err == ""


def test_connections_that_say_nothing_do_not_keep_others_out(
    start: Callable[..., RunningInbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried: silent ones, and those that stop within a head and within a body."""
    monkeypatch.setattr(connections, "_CONNECTIONS", 50)
    monkeypatch.setattr(connections, "_SPARED", 0.1)
    it = start()
    beginnings = [b"", b"POST / HTTP/1.1\r\nx", b"POST / HTTP/1.1\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 1000]
    with contextlib.ExitStack() as stack:
        for number in range(200):
            stack.enter_context(sock := it.connect())
            sock.sendall(beginnings[number % 3])
        assert requests.post(it.url, data=b"x", timeout=20).status_code == 200
        assert it.read()["arrived"] == 1


def test_who_waits_for_a_slow_answer_is_not_closed_for_others(
    start: Callable[..., RunningInbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_CONNECTIONS", 3)
    monkeypatch.setattr(connections, "_SPARED", 0.05)
    monkeypatch.setitem(ANSWERS, "slow", Answer("slow", delay=1.0))
    it = start()
    it.choose("slow")
    with contextlib.ExitStack() as stack:
        stack.enter_context(slow := it.connect())
        slow.sendall(b"GET /slow HTTP/1.1\r\n\r\n")
        for _ in range(9):
            stack.enter_context(it.connect())
        assert requests.post(it.url, timeout=20).status_code == 200
        assert slow.recv(100).startswith(b"HTTP/1.1 200")


def test_what_drips_has_so_many_seconds_and_no_more(
    start: Callable[..., RunningInbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_REQUEST", 0.5)
    it = start()
    with it.connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\ncontent-length: 1000\r\n\r\n")
        begun = time.monotonic()
        with contextlib.suppress(OSError):  # a reset, or a broken pipe
            while time.monotonic() < begun + 20:
                sock.sendall(b"x")
                time.sleep(0.05)
        assert time.monotonic() < begun + 20
    assert it.read()["arrived"] == 0


def test_a_large_body_that_waits_behind_others_is_still_taken(start: Callable[..., RunningInbox]) -> None:
    """Sixteen are read at once; here as many stand still."""
    it = start()
    with contextlib.ExitStack() as stack:
        standing = [stack.enter_context(it.connect()) for _ in range(16)]
        for sock in standing:
            sock.sendall(b"POST / HTTP/1.1\r\ncontent-length: 1000000\r\n\r\n")
        assert requests.post(it.url, data=b"small", timeout=30).status_code == 200
        threading.Timer(0.3, standing[0].close).start()
        assert requests.post(it.url, data=b"x" * 1_000_000, timeout=20).status_code == 200


def test_a_body_is_asked_for_where_the_client_waits_to_be_asked(start: Callable[..., RunningInbox]) -> None:
    it = start()
    with it.connect() as sock:
        sock.sendall(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"x")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 OK")


def test_nothing_that_is_received_is_printed_raw_if_a_terminal_would_obey_it(
    start: Callable[..., RunningInbox],
) -> None:
    """Tried: the path, every header that is shown, and the body."""
    it = start()
    names = (b"webhook-id", b"timer-attempt", b"timer-redelivery", b"timer-due-at")
    fields = b"".join(b"%s: x%s\r\n" % (name, HARM) for name in names)
    length = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(HARM)
    target = b"/x" + HARM.replace(b"\x85", b"")
    assert it.say(b"POST " + target + b" HTTP/1.1\r\n" + fields + length + HARM).startswith(b"HTTP/1.1 200")
    line = line_of(it.told[0])
    assert line.startswith("POST /x")
    assert line.isprintable()
    assert line.count("\\x1b[2J") == 5
