"""Threads that serve connections. No process."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any

import pytest
from gunicorn.config import Config

from timer_service.process.server.connection import Answer, Connection, Doing
from timer_service.process.server.limits import Limits
from timer_service.process.server.serving import Serving

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
