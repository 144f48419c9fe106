"""Live parts that our own server gives again without asking the application: who gets them, and what is counted.

The server's worker runs in a thread of the test, over real sockets.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from gunicorn.config import Config
from jinja2 import DictLoader

from scheduler import Settings
from tests.bench.store import Bench
from tests.bench.visitor import Visitor, add_view
from timer_service import create_app
from timer_service.process.server import serving, worker
from timer_service.process.server.repeated_answers import RepeatedAnswers
from timer_service.process.server.worker import Worker
from timer_service.web.access.api_keys import new_key
from timer_service.web.pages.frame.frame import show
from timer_service.web.pages.frame.live import LiveParts

TEMPLATE = "{% extends frame %}{% block main %}{{ number }}{% endblock %}"
LIVE = "GET /ui/test?live HTTP/1.1"


class Served:
    """An application behind the server, with clocks that stand still."""

    def __init__(self, bench: Bench, api_keys: str = "") -> None:
        self.now = 100.0
        self.number = 0
        #: Requests that the application was asked, as `GET /path`.
        self.asked: list[str] = []
        self.app = create_app(Settings(api_keys=api_keys), bench.link)
        self.app.jinja_loader = DictLoader({"test.html": TEMPLATE})
        self.app.extensions["live_parts"] = LiveParts(lambda: self.now)
        add_view(self.app, "/ui/test", lambda: show("test.html", view="", title="Test", as_of=1, number=self.number))
        self.address = ("", 0)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        return self.app(environ, start_response)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=60)

    def ask(self, *lines: str, line: str = LIVE) -> tuple[int, dict[str, str], bytes]:
        """On a connection of its own, lest a thread waits on it for more."""
        with self.connect() as sock:
            sock.sendall(request(*lines, line=line))
            return answer(sock)

    def counted(self) -> float:
        rows = self.app.extensions["request_counts"].rows()
        return sum(sum(row.statuses.values()) for row in rows if (row.route, row.method) == ("/ui/test", "GET"))


def request(*lines: str, line: str = LIVE, host: str = "localhost") -> bytes:
    return "\r\n".join((line, f"Host: {host}", *lines, "", "")).encode()


def answer(sock: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """The next one: status, headers, body."""
    data = b""
    while b"\r\n\r\n" not in data:
        come = sock.recv(1)
        assert come, data
        data += come
    status, *lines = data.decode().split("\r\n")[:-2]
    headers = dict(line.split(": ", 1) for line in lines)
    code, body = int(status.split()[1]), b""
    length = 0 if code == 304 else int(headers.get("Content-Length", 0))
    while len(body) < length:
        come = sock.recv(length - len(body))
        assert come, data
        body += come
    return code, headers, body


@contextmanager
def served(it: Served, monkeypatch: pytest.MonkeyPatch, tick: float = 0.02) -> Iterator[Served]:
    monkeypatch.setattr(worker, "raise_file_limit", lambda: None)
    monkeypatch.setattr(worker, "_TICK", tick)
    monkeypatch.setattr(serving, "RepeatedAnswers", partial(RepeatedAnswers, clock=lambda: it.now))
    cfg = Config()
    cfg.set("threads", 8)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        it.address = listener.getsockname()
        process = Worker(0, os.getppid(), [listener], None, 30, cfg, None)
        stack.callback(process.tmp.close)
        process.wsgi, process.PIPE = it, os.pipe()
        for end in process.PIPE:
            stack.callback(os.close, end)
        thread = threading.Thread(target=process.run)
        thread.start()
        try:
            yield it
        finally:
            process.alive = False
            os.write(process.PIPE[1], b"1")
            thread.join()
            for end in (process._wake_receiver, process._wake_sender):  # which elsewhere end with the process
                end.close()


@pytest.fixture
def server(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with served(Served(bench), monkeypatch) as it:
        yield it


def test_what_others_were_answered_is_given_again_and_counted(server: Served) -> None:
    etag = server.ask()[1]["ETag"]
    for seen, status in (('"old"', 200), (etag, 304)):
        server.asked.clear()
        answers = [server.ask(f"If-None-Match: {seen}", f"Cookie: a={n}", f"User-Agent: {n}") for n in range(5)]
        assert server.asked == ["GET /ui/test"]
        assert {code for code, _, _ in answers} == {status}
        assert len({body for _, _, body in answers}) == 1
        assert bool(answers[0][2]) is (status == 200)
        assert len({headers.pop("X-Request-Id") for _, headers, _ in answers}) == 5
        for _, headers, _ in answers:
            assert headers.pop("Date")
            assert sorted(headers.items()) == sorted(answers[0][1].items())
            assert (headers["ETag"], headers["Connection"], headers["Timer-As-Of"]) == (etag, "keep-alive", "1")
    assert server.counted() == 11


def test_what_has_become_old_is_asked_for_again(server: Served) -> None:
    server.ask('If-None-Match: "x"')
    server.now += 0.9
    server.number = 7
    server.ask('If-None-Match: "x"')
    assert len(server.asked) == 1
    server.now += 0.1
    assert b"7" in server.ask('If-None-Match: "x"')[2]
    server.ask('If-None-Match: "x"')
    assert len(server.asked) == 2


def test_what_others_get_while_one_makes_it_anew_is_given_once(server: Served) -> None:
    server.ask('If-None-Match: "x"')
    parts: LiveParts = server.app.extensions["live_parts"]
    (key,) = parts._made
    server.now += 1
    assert parts.find(key) is None  # somebody is about to
    for _ in range(3):
        server.ask('If-None-Match: "x"')
    assert len(server.asked) == 4


ONCE = {
    "what would be logged": ((), LIVE),
    "its own id": (("If-None-Match: x", "X-Request-Id: 1"), LIVE),
    "closes": (("If-None-Match: x", "Connection: close"), LIVE),
    "HTTP/1.0": (("If-None-Match: x",), "GET /ui/test?live HTTP/1.0"),
    "HTTP/1.0, kept": (("If-None-Match: x", "Connection: keep-alive"), "GET /ui/test?live HTTP/1.0"),
    "HEAD": (("If-None-Match: x", "X: y"), "HEAD /ui/test?live HTTP/1.1"),
    "whole view": (("If-None-Match: x",), "GET /ui/test HTTP/1.1"),
    "no view": (("If-None-Match: x",), "GET /ui/nothing?live HTTP/1.1"),
    "API": (("If-None-Match: x",), "GET /stats?live HTTP/1.1"),
}


def test_everything_else_is_asked_of_the_application_each_time(server: Served) -> None:
    for name, (lines, line) in ONCE.items():
        server.asked.clear()
        for _ in range(3):
            with server.connect() as sock:
                sock.sendall(request(*lines, line=line))
                assert sock.recv(65536).startswith(b"HTTP/1."), name
        assert len(server.asked) == 3, name


def test_another_host_etag_or_header_gets_an_answer_of_its_own(server: Served) -> None:
    server.ask('If-None-Match: "x"')
    for lines in (('If-None-Match: "y"',), ('If-None-Match: "x"', "Authorization: Bearer x"), ('if-none-match: "x"',)):
        server.ask(*lines)
    assert len(server.asked) == 4
    for host, code in (("127.0.0.1", 200), ("evil.example", 403), ("evil.example", 403)):
        with server.connect() as sock:
            sock.sendall(request('If-None-Match: "x"', host=host))
            assert answer(sock)[0] == code
    assert len(server.asked) == 7


def test_with_keys_every_request_is_asked_for_its_session(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    key, entry = new_key("reader", "read")
    with served(Served(bench, entry), monkeypatch) as it:
        http = it.app.test_client()
        Visitor(http).post("/ui/sign-in", {"key": key})
        session = http.get_cookie("timer_session")
        assert session
        signed_in = f"Cookie: timer_session={session.value}"
        for cookie, code in ((signed_in, 200), (signed_in, 200), ("Cookie: timer_session=other", 401)):
            assert it.ask('If-None-Match: "x"', cookie)[0] == code
        assert len(it.asked) == 3


def test_with_traces_every_request_has_its_span(server: Served) -> None:
    server.app.extensions["settings"] = replace(server.app.extensions["settings"], traces=True)
    for _ in range(2):
        server.ask('If-None-Match: "x"')
    assert len(server.asked) == 2


def test_pipelined_requests_are_answered_in_their_order(server: Served) -> None:
    server.ask('If-None-Match: "x"')
    seen = request('If-None-Match: "x"')
    livez = request(line="GET /livez HTTP/1.1")
    with server.connect() as sock:
        for sent in (seen, seen + livez + seen + seen + livez, livez + seen, seen[:20], seen[20:] + livez, seen * 20):
            sock.sendall(sent)
        kinds = [answer(sock)[1]["Content-Type"].partition(";")[0] for _ in range(30)]
    live, alive = "text/html", "application/json"
    assert kinds == [live, live, alive, live, live, alive, alive, live, live, alive, *[live] * 20]


def test_a_body_that_looks_like_a_request_is_none(server: Served) -> None:
    seen = request('If-None-Match: "x"')
    server.ask('If-None-Match: "x"')
    with server.connect() as sock:
        head = (f"Content-Length: {len(seen)}", "Content-Type: application/json", "Expect: 100-continue")
        sock.sendall(request(*head, line="POST /timers HTTP/1.1"))
        assert answer(sock)[0] == 100  # the head was read, and the body comes alone
        sock.sendall(seen)
        assert answer(sock)[0] == 400
    assert server.asked[1:] == ["POST /timers"]


def test_a_client_that_reads_nothing_keeps_none_from_whole_answers(server: Served) -> None:
    server.app.jinja_loader = DictLoader({"test.html": TEMPLATE.replace("{{ number }}", "x" * 200_000)})
    server.ask('If-None-Match: "x"')
    with server.connect() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        slow.sendall(request('If-None-Match: "x"'))
        for _ in range(3):
            assert len(server.ask('If-None-Match: "x"')[2]) > 200_000
        assert len(answer(slow)[2]) > 200_000
    assert len(server.asked) == 1


def test_many_at_once_get_whole_answers_while_it_is_made_anew(server: Served) -> None:
    def look(_: int) -> int:
        etag, whole = '"x"', 0
        with server.connect() as sock:
            for _ in range(20):
                sock.sendall(request(f"If-None-Match: {etag}"))
                code, headers, body = answer(sock)
                if code == 200:
                    whole += 1
                    etag = headers["ETag"]
                    assert etag == f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
                else:
                    assert (code, headers["ETag"]) == (304, etag)
                server.now += 0.02
                server.number = int(server.now)
        return whole

    with ThreadPoolExecutor(16) as pool:
        assert min(pool.map(look, range(16))) >= 1
    assert server.counted() == 320


def test_a_worker_takes_connections_as_soon_as_it_runs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(Served(bench), monkeypatch, tick=600) as it:
        assert it.ask(line="GET /livez HTTP/1.1")[0] == 200
