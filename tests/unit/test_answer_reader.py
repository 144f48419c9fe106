"""An answer is the same however its bytes are cut into pieces, and what is broken is never taken for whole."""

from __future__ import annotations

import gc
import time
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.delivery.answer_head import MAX_HEAD
from scheduler.delivery.answer_reader import AnswerReader, BrokenAnswer
from scheduler.delivery.transport import MAX_READ

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Read(NamedTuple):
    status: int
    body: bytes
    #: Its connection may carry another request.
    is_kept: bool = True
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    cut: bool = False


def read(pieces: list[bytes], method: str = "POST") -> Read | None:
    """What was answered, once it has ended by its own words or with its connection; None if it did not."""
    reader = AnswerReader(method)
    ended = False
    for piece in pieces:
        if ended:
            break
        ended = reader.take(piece)
    if not ended and not reader.end():
        return None
    assert reader.head
    return Read(reader.head.status, bytes(reader.body), reader.is_kept, dict(reader.head.headers), reader.cut)


WHOLE: dict[str, tuple[bytes, Read]] = {
    "a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Read(200, b"hello")),
    "the same length twice": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok",
        Read(200, b"ok"),
    ),
    "no reason": (b"HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n", Read(500, b"")),
    "no body": (b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", Read(204, b"")),
    "not modified": (b"HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\n\r\n", Read(304, b"")),
    "others before it": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n"
        b"Content-Length: 2\r\n\r\nok",
        Read(200, b"ok"),
    ),
    "chunks": (CHUNKED + b"3\r\nabc\r\n002 ;x=y\r\nde\r\n0\r\n\r\n", Read(200, b"abcde")),
    "chunks and a trailer": (
        CHUNKED + b"A\r\n0123456789\r\n0;z\r\nX: y\r\n folded\r\nZ: \r\n\r\n",
        Read(200, b"0123456789"),
    ),
    "a field and what continues it": (
        b"HTTP/1.1 200 OK\r\nTimer-Reschedule: 5\r\n\t m\r\nX: y\r\nContent-Length: 0\r\n\r\n",
        Read(200, b"", headers={"timer-reschedule": "5 m"}),
    ),
    "a field given twice": (
        b"HTTP/1.1 503 Busy\r\nretry-after: 5\r\nRETRY-AFTER : 7\r\nContent-Length: 0\r\n\r\n",
        Read(503, b"", headers={"retry-after": "5, 7"}),
    ),
    "lines that end by LF": (b"HTTP/1.1 200 OK\nContent-Length: 2\nX: y\n\nok", Read(200, b"ok")),
    "lines of both kinds": (b"HTTP/1.1 200 OK\nContent-Length: 2\r\nX: y\n\r\nok", Read(200, b"ok")),
    "a body that begins with the end of a line": (
        b"HTTP/1.1 200 OK\nContent-Length: 4\n\r\n\r\nok",
        Read(200, b"\r\nok"),
    ),
    "chunks of lines that end by LF": (
        b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nok\n0\n\n",
        Read(200, b"ok"),
    ),
    "it closes": (
        b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok",
        Read(200, b"ok", is_kept=False),
    ),
    "of the version before": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", Read(200, b"ok", is_kept=False)),
    "kept alive, of the version before": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        Read(200, b"ok", is_kept=False),
    ),
    "another protocol": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", Read(101, b"", is_kept=False)),
    "until the connection ends": (b"HTTP/1.1 200 OK\r\n\r\nall of it", Read(200, b"all of it", is_kept=False)),
}


@pytest.mark.parametrize("what", WHOLE)
def test_an_answer_is_the_same_in_however_many_pieces_it_comes(what: str) -> None:
    raw, expected = WHOLE[what]
    assert read([raw]) == expected
    assert read([raw[at : at + 1] for at in range(len(raw))]) == expected
    for at in range(1, len(raw)):
        assert read([raw[:at], raw[at:]]) == expected, raw[:at]


def come_to(pieces: list[bytes]) -> Read | str | None:
    """What they are read as, or that they are no answer. Whether its connection is kept depends on what has come of
    the bytes behind it by then."""
    try:
        found = read(pieces)
    except BrokenAnswer:
        return "broken"
    return found._replace(is_kept=False) if found else None


@settings(max_examples=500)
@given(st.data())
def test_bytes_come_to_the_same_in_however_many_pieces_whether_they_are_an_answer_or_not(data: st.DataObject) -> None:
    """Answers of every kind, and such with a few bytes put in, overwritten or taken out anywhere."""
    raw = data.draw(st.sampled_from([*(raw for raw, _ in WHOLE.values()), *BROKEN.values()]))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, min(len(raw), 200)))
        raw = raw[:at] + data.draw(st.sampled_from(ODDITIES)) + raw[at + data.draw(st.integers(0, 2)) :]
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=6).map(sorted))
    pieces = [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert come_to([it for it in pieces if it]) == come_to([raw])


@pytest.mark.parametrize("what", [what for what in WHOLE if what != "until the connection ends"])
def test_an_answer_that_is_cut_anywhere_has_not_ended(what: str) -> None:
    raw, _ = WHOLE[what]
    for at in range(len(raw)):
        assert read([raw[:at]]) is None, raw[:at]


def test_a_long_head_is_read_though_it_comes_in_many_pieces() -> None:
    raw = b"HTTP/1.1 200 OK\r\nX: %s\r\nContent-Length: 2\r\n\r\nok" % (b"y" * (MAX_HEAD - 100))
    assert read([raw[at : at + 100] for at in range(0, len(raw), 100)]) == Read(200, b"ok")


def test_to_a_head_request_no_body_is_answered() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    assert read([raw], "HEAD") == Read(200, b"")
    assert read([raw]) is None


def test_what_comes_behind_an_answer_spoils_its_connection() -> None:
    for raw, expected in (WHOLE["a length"], WHOLE["chunks"], WHOLE["no body"]):
        assert read([raw + b"x"]) == expected._replace(is_kept=False)


#: What is put into an answer.
ODDITIES = [
    *(b"", b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\n\n", b":", b" ", b"\t", b"\xff", b"0", b"1", b";", b","),
    *(b"HTTP/1.1 100 x\r\n\r\n", b"\r\nContent-Length: 2", b"\r\nTransfer-Encoding: chunked"),
]
BROKEN = {
    "nonsense": b"nonsense\r\n\r\n",
    "too many heads before a good one": b"HTTP/1.1 103 x\r\nX: %s\r\n\r\n" % (b"y" * 6000) * 3
    + b"HTTP/1.1 204 x\r\n\r\n",
    "a length of 19 digits": b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\nok" % (b"9" * 19),
    "a length that goes on in the next line": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n 0\r\n\r\nok",
    "a coding that goes on in the next line": b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n gzip\r\n\r\nok",
    "a chunk that ends by CR": CHUNKED + b"2\r\nok\rX0\r\n\r\n",
    "a CR by itself in a trailer": CHUNKED + b"0\r\nX: a\rb\r\n\r\n",
    "a zero byte in a trailer": CHUNKED + b"0\r\nX: \0\r\n\r\n",
    "a zero byte in an extension": CHUNKED + b"2;\0\r\nok\r\n0\r\n\r\n",
    "another version": b"HTTP/2 200 OK\r\n\r\n",
    "bytes before it": b"\r\nHTTP/1.1 200 OK\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "a zero byte": b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
    "a CR by itself": b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
    "a line without a colon": b"HTTP/1.1 200 OK\r\nX\r\n\r\n",
    "lengths that differ": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok",
    "less than nothing": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok",
    "an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
    "two codings": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "no size of a chunk": CHUNKED + b"zz\r\n",
    "a size of 17 digits": CHUNKED + b"0" * 16 + b"2\r\nok\r\n0\r\n\r\n",
    "words after a size": CHUNKED + b"2 words\r\nok\r\n0\r\n\r\n",
    "a chunk without its end": CHUNKED + b"2\r\nokay\r\n0\r\n\r\n",
    "a trailer without a colon": CHUNKED + b"0\r\nX\r\n\r\n",
    "too long a head": b"HTTP/1.1 200 OK\r\nX: %s\r\n\r\n" % (b"y" * MAX_HEAD),
    "too long a head without an end": b"HTTP/1.1 200 OK\r\nX: %s" % (b"y" * MAX_HEAD),
    "too many heads": b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_HEAD // 25 + 1),
    "too long a trailer": CHUNKED + b"0\r\n" + b"X: y\r\n" * (MAX_HEAD // 6),
    "too long a line of a chunk": CHUNKED + b"2;" + b"x" * 4096,
    "extensions that add up": CHUNKED + b"1;%s\r\nx\r\n" % (b"y" * 4000) * 5,
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_breaks_the_rules_is_no_answer_in_however_many_pieces_it_comes(what: str) -> None:
    raw = BROKEN[what]
    step = 1 if len(raw) < 1000 else 997
    for pieces in ([raw], [raw[at : at + step] for at in range(0, len(raw), step)]):
        with pytest.raises(BrokenAnswer):
            read(pieces)


def framed(body: bytes) -> dict[str, bytes]:
    return {
        "a length": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body),
        "one chunk": CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
        "two chunks": CHUNKED + b"5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (body[:5], len(body) - 5, body[5:]),
        "to the end": b"HTTP/1.1 200 OK\r\n\r\n" + body,
    }


@pytest.mark.parametrize("framing", framed(b"x" * 10))
@pytest.mark.parametrize("step", [1 << 20, 16_384, 1000])
def test_of_a_body_as_much_as_is_read_is_whole_and_a_byte_more_is_cut(framing: str, step: int) -> None:
    for more, cut in ((0, False), (1, True), (100_000, True)):
        raw = framed(b"x" * (MAX_READ + more))[framing]
        found = read([raw[at : at + step] for at in range(0, len(raw), step)])
        assert found
        assert (found.body, found.cut) == (b"x" * MAX_READ, cut)
        assert found.is_kept is (not cut and framing != "to the end")


def test_nothing_but_what_is_read_of_a_long_body_is_kept_of_it() -> None:
    """Red where what came is kept beside the body that was made of it."""
    reader = AnswerReader("POST")
    reader.take(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
    for _ in range(50):
        reader.take(b"x" * 1000)
        assert reader._data == b""


def test_a_reader_is_no_cycle_so_that_it_goes_with_its_answer() -> None:
    gc.collect()
    gc.disable()
    try:
        for raw, _ in WHOLE.values():
            AnswerReader("POST").take(raw[:-1])
        assert gc.collect() == 0
    finally:
        gc.enable()


def cpu(pieces: list[bytes]) -> float:
    """Seconds, the best of three."""

    def once() -> float:
        begun = time.thread_time()
        assert read(pieces)
        return time.thread_time() - begun

    return min(once() for _ in range(3))


def test_an_answer_in_thousands_of_tiny_chunks_is_cut() -> None:
    few, many = (read([CHUNKED + b"1\r\nx\r\n" * count + b"0\r\n\r\n"]) for count in (5_000, 60_000))
    assert few == Read(200, b"x" * 5_000)
    assert many
    assert (many.cut, many.is_kept) == (True, False)
    assert 5_000 < len(many.body) < 6_000


#: How each begins, what is repeated in it, and how it ends.
SLOWLY = {
    "a head of one line": (b"HTTP/1.1 204 No Content\r\nX: ", b"y", b"\r\n\r\n"),
    "a head of many lines": (b"HTTP/1.1 204 No Content\r\n", b"X: y\r\n", b"\r\n"),
    "a trailer": (CHUNKED + b"0\r\n", b"X: y\r\n", b"\r\n"),
}


@pytest.mark.parametrize("what", SLOWLY)
def test_four_times_as_long_a_head_that_comes_byte_by_byte_takes_about_four_times_as_long(what: str) -> None:
    """Red where all that has come is searched for its end with each byte: fourteen times, and a third of a second."""
    begin, more, end = SLOWLY[what]

    def taken(length: int) -> float:
        raw = begin + more * (length // len(more)) + end
        return cpu([raw[at : at + 1] for at in range(len(raw))])

    assert taken(16_000) < 10 * taken(4_000)


def test_four_times_as_many_tiny_chunks_take_about_four_times_as_long() -> None:
    """Red where what is left of the data is copied for each of them: sixteen times."""
    few, many = ([CHUNKED + b"1\r\nx\r\n" * count + b"0\r\n\r\n"] for count in (1_250, 5_000))
    assert cpu(many) < 10 * cpu(few)
