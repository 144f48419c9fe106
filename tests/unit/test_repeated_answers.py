"""What is given again without asking the application, and to whom. No process, and no waiting."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import pytest
from gunicorn.config import Config

from timer_service.process.server import repeated_answers
from timer_service.process.server.connection import Answer
from timer_service.process.server.limits import Limits
from timer_service.process.server.repeated_answers import RepeatedAnswers
from timer_service.process.server.request_reader import Incoming, Refused, RequestReader

LINES = (
    "Host: localhost:8000",
    "User-Agent: Firefox",
    "Accept: */*",
    "Referer: http://localhost:8000/ui",
    'If-None-Match: "e1"',
    "Cookie: timer_form_8000=secret",
)
ANSWER = Answer([b"HTTP/1.1 304 NOT MODIFIED\r\nDate: then\r\nETag: e2\r\nX-Request-Id: his\r\n\r\n"], closes=False)
WHOLE = Answer([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"bo", b"dy"], closes=False)


def raw(*lines: str, line: str = "GET /ui?live HTTP/1.1", end: str = "") -> bytes:
    return "\r\n".join((line, *(lines or LINES), "", end)).encode("latin-1")


def read(data: bytes) -> Incoming:
    found = RequestReader(Config(), ("127.0.0.1", 1), Limits()).take(data)
    assert found is not None
    return found


class Kept:
    """A memory that was told of answers, and what it counted."""

    def __init__(self, *requests: bytes, answer: Answer = ANSWER) -> None:
        self.now = 100.0
        self.counted: list[float] = []
        self.answers = RepeatedAnswers(lambda: self.now)
        for data in requests:
            self.keep(data, answer)

    def keep(self, data: bytes, answer: Answer = ANSWER, seconds: float = 1.0) -> None:
        self.answers.keep(read(data), answer, self.now + seconds, self.counted.append)

    def gives(self, data: bytes) -> bytes | None:
        found = self.answers.find(data)
        assert found is None or not found.closes
        return b"".join(found.pieces) if found else None

    @property
    def bytes_held(self) -> int:
        return sum(len(key) + len(it.head) + len(it.body) for key, it in self.answers._kept.items())


def changed(old: str, new: str) -> bytes:
    assert any(old in line for line in LINES)
    return raw(*(line.replace(old, new) for line in LINES))


def test_the_same_is_given_again_with_a_date_and_an_id_of_its_own() -> None:
    kept = Kept(raw())
    before = int(time.time())
    first, second = (kept.gives(raw()) or b"" for _ in range(2))
    heads = [dict(line.split(": ") for line in it.decode().splitlines()[1:-1]) for it in (first, second)]
    assert first.startswith(b"HTTP/1.1 304 NOT MODIFIED\r\n")
    assert first.endswith(b"\r\n\r\n")
    assert [it["ETag"] for it in heads] == ["e2", "e2"]
    assert all(before <= parsedate_to_datetime(it["Date"]).timestamp() <= time.time() for it in heads)
    assert len({it["X-Request-Id"] for it in heads} | {"his"}) == 3
    assert first.lower().count(b"date:") == first.lower().count(b"x-request-id:") == 1
    assert len(kept.counted) == 2


def test_a_body_is_given_whole() -> None:
    assert (Kept(raw(), answer=WHOLE).gives(raw()) or b"").endswith(b"\r\n\r\nbody")


def test_what_differs_between_two_browsers_only_is_no_difference() -> None:
    kept = Kept(raw())
    for other in (
        changed("Firefox", "Chrome"),
        changed("secret", "another"),
        raw(*LINES[:-1]),
        raw(*(line.replace("User-Agent", "user-agent") for line in LINES)),
        raw(*LINES, "Accept-Language: de\xe4", 'sec-ch-ua: "x";v="1"', "sec-ch-ua-mobile: ?0", "Sec-CH-UA-Platform: y"),
        raw(*LINES, "cookie: a=b", "Cookie:"),
    ):
        assert read(other)
        assert kept.gives(other), other


OTHERS = {
    "view": raw(line="GET /ui/timers?live HTTP/1.1"),
    "query": raw(line="GET /ui?live&x HTTP/1.1"),
    "escaped": raw(line="GET /%75i?live HTTP/1.1"),
    "whole URL": raw(line="GET http://localhost:8000/ui?live HTTP/1.1"),
    "method": raw(line="HEAD /ui?live HTTP/1.1"),
    "POST": raw(line="POST /ui?live HTTP/1.1"),
    "version": raw(line="GET /ui?live HTTP/1.0"),
    "host": changed("localhost:8000", "127.0.0.1:8000"),
    "etag": changed("e1", "e2"),
    "accept": changed("*/*", "application/json"),
    **{
        line: raw(*LINES, line)
        for line in (
            "Authorization: Bearer x",
            "Connection: close",
            "Connection: keep-alive",
            "Origin: http://localhost",
            "Sec-Fetch-Site: cross-site",
            "X-Forwarded-Proto: https",
            "X-Request-Id: mine",
            "Content-Length: 0",
            "Content-Length: 5",
            "Transfer-Encoding: chunked",
            "Range: bytes=0-1",
            "Accept: */*",
            "Cookies: a=b",
            "X-Cookie: a=b",
            "Coo_kie: a=b",
        )
    },
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_another_request_is_asked_of_the_application(other: bytes) -> None:
    assert Kept(raw()).gives(other) is None


# fmt: off
MALFORMED = [
    changed("User-Agent: ", "User-Agent : "), changed("Cookie: ", "Cookie\t: "), changed("Firefox", "a\nHost: evil"),
    *(changed("Firefox", agent) for agent in ("a\x00b", "a\x7fb", "a\nb", "a\rb", "a\r\n folded", "a\r\n\tfolded")),
    changed("Host: localhost:8000", "Host: localhost:8000\r\nHost: localhost:8000"),
    changed("secret", "x" * 9000), raw(*LINES, *["Cookie: x"] * 100), raw(*LINES, "Cookie"), raw(*LINES, " Cookie: x"),
    raw(line="GET /ui?live HTTP/1.1 "), raw(line="Cookie: x\r\nGET /ui?live HTTP/1.1"),
    raw(line=" GET /ui?live HTTP/1.1"),
]
# fmt: on


@pytest.mark.parametrize("other", MALFORMED)
def test_what_is_refused_is_given_nothing(other: bytes) -> None:
    with pytest.raises(Refused):
        read(other)
    assert Kept(raw()).gives(other) is None


def test_only_exactly_one_whole_request_is_given_an_answer() -> None:
    kept, one = Kept(raw()), raw()
    for size in range(len(one)):
        assert kept.gives(one[:size]) is None
    for other in (one + one, one + b"G", b"\r\n" + one, one + b"\r\n", one + b"Cookie: x\r\n\r\n", b""):
        assert kept.gives(other) is None, other
    before, cookie = one[:-2], b"\r\nCookie: x\r\n\r\n"  # an ignored line behind the end
    assert kept.gives(before + cookie) is None


def test_it_is_given_until_it_is_said_to_be_old() -> None:
    kept = Kept()
    kept.keep(raw(), seconds=0.5)
    kept.now += 0.4
    assert kept.gives(raw())
    kept.now += 0.1
    assert kept.gives(raw()) is None
    kept.keep(raw(), WHOLE)
    assert (kept.gives(raw()) or b"").endswith(b"body")
    assert len(kept.answers._kept) == 1


@pytest.mark.parametrize(
    "request_",
    [
        raw(*LINES, "X-Request-Id: mine"),
        raw(*LINES, "Content-Length: 0"),
        raw(*LINES, "Content-Length: 4", end="body"),
        raw(*LINES, "Transfer-Encoding: chunked", end="0\r\n\r\n"),
        raw(line="HEAD /ui?live HTTP/1.1"),
        raw(line="POST /ui?live HTTP/1.1"),
        raw(line="GET /ui?live HTTP/1.0"),
        raw(*LINES, "X: " + "x" * 8100),
    ],
)
def test_a_request_with_a_body_an_id_or_of_another_kind_is_not_kept(request_: bytes) -> None:
    assert Kept(request_).answers._kept == {}


@pytest.mark.parametrize(
    "answer",
    [
        Answer([b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n\r\n"], closes=False),
        Answer([b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\n\r\n"], closes=False),
        Answer([b"HTTP/1.1 500 X\r\n\r\n"], closes=False),
        Answer([b"HTTP/1.1 206 X\r\n\r\n"], closes=False),
        Answer([], closes=False),
        Answer(ANSWER.pieces, closes=True),
    ],
)
def test_an_answer_for_one_viewer_or_of_trouble_is_not_kept(answer: Answer) -> None:
    assert Kept(raw(), answer=answer).answers._kept == {}


def etags(numbers: Iterable[int]) -> list[bytes]:
    return [changed("e1", f"e{number}") for number in numbers]


def test_what_is_kept_is_bounded_and_the_oldest_goes_first() -> None:
    kept = Kept(*etags(range(300)))
    assert len(kept.answers._kept) == repeated_answers._MOST
    assert kept.gives(etags([299])[0])
    assert kept.gives(etags([0])[0]) is None
    large = Answer([b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 2**18], closes=False)
    for data in etags(range(100)):
        kept.keep(data, large)
        assert kept.answers._bytes == kept.bytes_held <= repeated_answers._MOST_BYTES
    assert kept.gives(etags([99])[0])
    kept.keep(raw(), Answer([b"HTTP/1.1 200 OK\r\n\r\n", b"x" * repeated_answers._MOST_BYTES], closes=False))
    assert (kept.answers._bytes, kept.answers._kept) == (0, {})


def test_threads_that_keep_at_once_lose_no_count_of_bytes() -> None:
    kept = Kept()
    requests = [read(data) for data in etags(range(300))] * 5
    with ThreadPoolExecutor(8) as eight:
        list(eight.map(lambda it: kept.answers.keep(it, WHOLE, kept.now + 1, kept.counted.append), requests))
    assert kept.answers._bytes == kept.bytes_held
    assert len(kept.answers._kept) == repeated_answers._MOST
