"""How long a client has for what it does. No process, and no waiting."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from gunicorn.config import Config

from timer_service.process.server.connection import Connection, Doing
from timer_service.process.server.limits import Limits

HEAD = b"POST /timers/batch HTTP/1.1\r\nHost: localhost\r\n"
LIMITS = Limits()
BODY = 8 * 2**20
#: Bytes that come in a second over 1 Mbit/s.
SLOW = 119_000


@contextmanager
def connection() -> Iterator[Connection]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Connection(ours, ("127.0.0.1", 1), ("127.0.0.1", 8000), Config(), LIMITS)


def granted(it: Connection) -> float:
    return it.deadline - it.since


def test_a_large_body_over_a_slow_line_has_the_time_that_it_takes() -> None:
    """8 MiB over 1 Mbit/s, with a length and in chunks."""
    for framing, before in ((b"Content-Length: %d" % BODY, b""), (b"Transfer-Encoding: chunked", b"%x\r\n" % BODY)):
        with connection() as it:
            it.take(HEAD + framing + b"\r\n\r\n" + before)
            for second in range(1, BODY // SLOW + 1):
                assert it.take(b"x" * SLOW) is None
                assert it.doing is Doing.ASKING
                assert granted(it) > second + 1
            assert granted(it) < 75


def test_a_request_that_stops_or_drips_has_no_longer_than_ten_seconds() -> None:
    """Whatever size it has said: only what has come counts, and not when it came."""
    for raw in (
        b"G",
        HEAD,
        HEAD + b"Content-Length: %d\r\n\r\n{" % BODY,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n",
    ):
        with connection() as it:
            it.take(raw)
            since = it.since
            for _ in range(4):
                it.take(b"x")
            assert it.doing is Doing.ASKING
            assert it.since == since
            assert granted(it) < LIMITS.request + 0.01


def test_empty_lines_are_silence_and_prolong_nothing() -> None:
    with connection() as it:
        until = it.deadline
        for raw in (b"\r\n", b"\r", b"\n", b"\r\n\r\n"):
            it.take(raw)
            assert (it.doing, it.deadline) == (Doing.WAITING, until)
        it.take(b"G")
        assert it.doing is Doing.ASKING
