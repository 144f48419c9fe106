"""Requests out of bytes: whole, or refused, and never anything else. No socket, no process."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from gunicorn.config import Config

from timer_service.process.server.limits import Limits
from timer_service.process.server.request_reader import Incoming, Refused, RequestReader

POST = b"POST /timers HTTP/1.1\r\nHost: localhost:8000\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
LIMITS = Limits(head=4096, body=1000)


def reader() -> RequestReader:
    return RequestReader(Config(), ("127.0.0.1", 1), LIMITS)


def read(raw: bytes, *cuts: int) -> list[Any]:
    """What these bytes are, come in pieces: bodies of requests, and at last the status of what was refused."""
    it, found = reader(), list[Any]()
    places = [0, *sorted(cuts), len(raw)]
    try:
        for start, end in pairwise(places):
            request = it.take(raw[start:end])
            while request is not None:
                found.append(request.body)
                request = it.take(b"")
    except Refused as why:
        found.append(why.status)
    return found


# fmt: off
LENGTHS = (b"-1", b"+1", b"0x5", b"1, 1", b"", b"1 1", b"1_0")
CHUNKS = (
    b"FFFFFFFFFFFFFFFF0\r\n", b"zz\r\n", b"-5\r\n", b"+5\r\n", b"0x5\r\n", b"5_0\r\n", b"\r\n", b" 5\r\n", b"5 \r\n",
    b"5\n", b"5\r\nhelloX", b"5\r\nhello\n", b"5\r\nhello\rX", b"5;\x00\r\n", b"5" + b";" * 2000,
    b"0\r\nno field\r\n", b"0\r\n" + b"a: b\r\n" * 40,
)
HOSTS = (
    b"", b"user@h", b"h/path", b"a, b", b"a,b", b"a b", b"h:port", b"h:1:2", b"[::1", b"h?q", b"h#f", b"http://h",
    b"h\\x", b"\xc3\xbc", b"[v1.x]", b"h%2f", b"<h>",
)
WHOLE = [
    (POST + b"\r\n", [b""]),
    (b"\r\n\r\n" + POST + b"\r\n", [b""]),
    (POST + b"Content-Length: 5\r\n\r\nhello", [b"hello"]),
    (POST + b"Content-Length: 5\r\n\r\nhello" + POST + b"\r\n" + POST, [b"hello", b""]),
    (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", [b"hello"]),
    (POST + b"Transfer-Encoding: identity, Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", [b"hello"]),
    (CHUNKED + b"5;a=b\r\nhello\r\n00\r\nX: y\r\n\r\n" + POST + b"\r\n", [b"hello", b""]),
    (CHUNKED + b"1\r\nh\r\n1\r\n\r\r\n2\r\n\n\r\r\n0\r\n\r\n", [b"h\r\n\r"]),
    (b"GET / HTTP/1.0\r\n\r\n", [b""]),
    (b"GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", [b""]),
    (b"GET / HTTP/1.1\r\nHost: a_b.example.:\r\n\r\n", [b""]),
]
REFUSED = [
    (b"nonsense\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    (b"G" * 5000, 414),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 5000, 431),
    (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000, 431),
    (POST + b"Content-Length: 1001\r\n\r\n", 413),
    (POST + b"Content-Length: 99999999999999999999\r\n\r\n", 413),
    *((POST + b"Content-Length: " + length + b"\r\n\r\n", 400) for length in LENGTHS),
    (POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
    (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (POST + b"Transfer-Encoding: gzip\r\n\r\n", 400),
    (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
    (POST + b"Transfer-Encoding: nonsense\r\n\r\n", 501),
    (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    (POST + b"Transfer-Encoding: Deflate\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
    (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    *((CHUNKED + bad, 400) for bad in CHUNKS),
    (CHUNKED + b"FFFFFFFF\r\n", 413),
    (CHUNKED + b"1F4\r\n" + b"x" * 500 + b"\r\n1F5\r\n", 413),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    *((b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", 400) for host in HOSTS),
    (b"GET / HTTP/1.0\r\nHost: user@h\r\n\r\n", 400),
]
# fmt: on


@pytest.mark.parametrize(("raw", "found"), WHOLE, ids=[repr(raw[-40:]) for raw, _ in WHOLE])
def test_a_request_is_the_same_wherever_its_bytes_are_cut(raw: bytes, found: list[bytes]) -> None:
    assert read(raw) == found
    assert all(read(raw, cut) == found for cut in range(len(raw)))
    assert read(raw, *range(len(raw))) == found


@pytest.mark.parametrize(("raw", "status"), REFUSED, ids=[repr(raw[-40:]) for raw, _ in REFUSED])
def test_what_http_does_not_allow_is_refused_once_wherever_it_is_cut(raw: bytes, status: int) -> None:
    """Tried: lengths and chunk sizes with signs, prefixes, blanks, underscores; both framings; lone newlines."""
    assert read(raw) == [status]
    cuts = random.Random(1).sample(range(len(raw)), min(len(raw), 40))
    assert all(read(raw, cut) == [status] for cut in cuts)


def test_a_request_that_ends_in_its_middle_is_refused_and_silence_is_not() -> None:
    for raw in (b"GE", POST, POST + b"Content-Length: 5\r\n\r\nhel", CHUNKED + b"5\r\nhel", CHUNKED + b"0\r\n"):
        it = reader()
        assert it.take(raw) is None
        with pytest.raises(Refused) as why:
            it.end()
        assert why.value.status == 400
    reader().end()


@pytest.mark.parametrize(
    ("said", "closes"),
    [
        ("", False),
        ("Connection: close\r\n", True),
        ("Connection: TE, close\r\n", True),
        ("Connection: Close ,\tTE\r\n", True),
        ("Connection: TE\r\nConnection: close\r\n", True),
        ("Connection: keep-alive, close\r\n", True),
        ("Connection: keep-alive, close-notify\r\n", False),
    ],
)
def test_whoever_says_close_among_other_options_means_it(said: str, closes: bool) -> None:
    """RFC 9112, 9.6. libwww-perl writes `TE, close`."""
    request = reader().take(POST + said.encode() + b"\r\n")
    assert request is not None
    assert request.head.should_close() is closes


def test_empty_lines_before_a_request_begin_none() -> None:
    """Old clients send one after a body, and then nothing for long. Tried: alone, cut, after a request, at the end."""
    it = reader()
    for raw in (b"\r\n", b"\r", b"\n\r\n", b"\r\n\r"):
        assert it.take(raw) is None
        assert not it.begun
    it.end()
    assert it.take(b"\n" + POST + b"\r\n\r\n") is not None
    assert not it.begun
    assert it.take(b"\r\nG") is None
    assert it.begun


def test_a_body_in_very_many_chunks_is_refused_before_it_costs_much() -> None:
    it = RequestReader(Config(), ("127.0.0.1", 1), Limits())
    it.take(CHUNKED)
    for _ in range(16):
        assert it.take(b"1\r\nx\r\n" * 1000) is None
    with pytest.raises(Refused, match="malformed chunk"):
        it.take(b"1\r\nx\r\n" * 1000)


def test_no_bytes_raise_anything_but_a_refusal() -> None:
    """Whole requests with pieces left out, doubled or put in from elsewhere, and with single bytes changed."""
    chance = random.Random(7)
    known = [raw for raw, _ in WHOLE + REFUSED]
    for _ in range(1000):
        raw = bytearray(chance.choice(known))
        for _ in range(chance.randrange(4)):
            start = chance.randrange(len(raw) + 1)
            other = chance.choice(known)
            raw[start : start + chance.randrange(8)] = other[chance.randrange(len(other)) :][: chance.randrange(30)]
            if raw:
                raw[chance.randrange(len(raw))] = chance.randrange(256)
        found = read(bytes(raw), *(chance.randrange(len(raw) + 1) for _ in range(3)))
        assert all(isinstance(it, bytes) or 400 <= it < 500 or it == 501 for it in found)


def test_what_we_use_of_gunicorn_without_its_promise_is_still_there() -> None:
    """setup.cfg allows no newer major version than this was tried with; look at these when it does."""
    from gunicorn.http import wsgi
    from gunicorn.http.body import ChunkedReader, LengthReader
    from gunicorn.workers.base import Worker

    whole = reader().take(POST + b"Content-Length: 2\r\n\r\nok")
    assert isinstance(whole, Incoming)
    head = whole.head
    assert isinstance(head.body.reader, LengthReader)
    assert head.body.reader.length == 2
    assert (head.path, head.version, head.headers[0]) == ("/timers", (1, 1), ("HOST", "localhost:8000"))
    assert ChunkedReader.__init__ is not object.__init__
    assert all(hasattr(Worker, name) for name in ("run", "notify", "handle_exit", "PIPE"))
    assert all(
        hasattr(wsgi.Response, name) for name in ("force_close", "should_close", "start_response", "write", "close")
    )
