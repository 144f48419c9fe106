"""Threads that serve connections. No process."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any

import pytest
from gunicorn.config import Config

from timer_service.process.server.connection import Answer, Connection, Doing
from timer_service.process.server.limits import Limits
from timer_service.process.server.serving import Serving
from timer_service.web.access import give_again

REQUEST = b"GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n"


class _Broken(Connection):
    """With a defect that nobody has foreseen."""

    __slots__ = ()

    def begin(self, answer: Answer) -> None:
        raise RuntimeError("a defect")


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("204 No Content", [])
    return []


def test_a_defect_ends_the_connection_that_met_it_and_its_thread_serves_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    served: SimpleQueue[Connection] = SimpleQueue()
    cfg = Config()
    cfg.set("threads", 1)
    serving = Serving(app, cfg, may_go_on=lambda: False, give_back=served.put)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for kind, doing in ((_Broken, Doing.GONE), (Connection, Doing.LEAVING)):
            it = kind(ours, ("127.0.0.1", 1), ("127.0.0.1", 80), cfg, Limits())
            request = it.take(REQUEST)
            assert request is not None
            serving.put(it, request)
            assert served.get(timeout=10) is it
            assert it.doing is doing
        assert theirs.recv(100).startswith(b"HTTP/1.1 204")
    assert "a connection failed outside of the application" in caplog.text


def test_only_a_connection_that_may_have_another_request_is_answered_again() -> None:
    """Not one in the middle of a request, however much what comes looks like one; nor by a worker that stops."""

    def says_so(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ[give_again.KEY](3600, [].append)
        start_response("304 Not Modified", [])
        return [b""]

    cfg, alive = Config(), [True]
    serving = Serving(says_so, cfg, may_go_on=lambda: alive[0], give_back=lambda _: None)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        it = Connection(ours, ("127.0.0.1", 1), ("127.0.0.1", 80), cfg, Limits())
        request = it.take(REQUEST)
        assert request is not None
        assert serving.answer(it, request)
        for _ in range(2):
            assert theirs.recv(1000).startswith(b"HTTP/1.1 304")
            assert serving.answer_again(it, REQUEST)
            assert it.doing is Doing.WAITING
        theirs.recv(1000)
        alive[0] = False
        assert not serving.answer_again(it, REQUEST)
        alive[0] = True
        for begun in (b"\r", b"\nP", b"OST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n", b"body"):
            it.take(begun)
            assert not serving.answer_again(it, REQUEST)
        assert select.select([theirs], [], [], 0) == ([], [], [])
