"""What a receiver writes costs no more than reading it once, and no more of it is read than 16 KiB of heads.

Tried here: blanks before, within and after a value and before a status; names, colons, blank lines,
statuses and interim heads by the thousand; folded lines; parameters of a content type and dates of a cookie, which the
libraries read in the square of their length; extensions of a chunk; lengths of thousands of digits; and for what is
obeyed (Retry-After, timer-reschedule) numbers, durations, moments and dates of any size.
"""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable

import pytest

from scheduler import Claim, Outcome
from scheduler.delivery.answer_head import MAX_HEAD, read_head
from scheduler.delivery.judge import asked_reschedule, judge, retry_after
from scheduler.delivery.transport import Answer
from tests.bench.raw import RawReceiver, answered, raw_receiving
from tests.bench.receiver import Receiver
from tests.bench.transports import Send, claim

#: Seconds of CPU that one answer may take, of this whole process, once in three times: a hundred times what any takes.
MOST = 0.5
START = b"HTTP/1.1 204 No Content\r\n"
MANY = 80_000

HEADS = {
    "blanks within a value": START + b"timer-x: a" + b" " * MANY + b"b\r\n\r\n",
    "blanks after a value": START + b"retry-after: 5" + b" \t" * (MANY // 2) + b"\r\n\r\n",
    "blanks before a value": START + b"timer-reschedule:" + b" " * MANY + b"5\r\n\r\n",
    "blanks before a status": b"HTTP/1.1" + b" " * MANY + b"204 x\r\n\r\n",
    "a long version": b"HTTP/" + b"1" * MANY + b" 100 x\r\n\r\n",
    "a long reason": b"HTTP/1.1 204 " + b"x " * (MANY // 2) + b"\r\n\r\n",
    "many fields": START + b"timer-x: y\r\n" * (MANY // 12) + b"\r\n",
    "many colons": START + b"timer-x" + b":" * MANY + b"\r\n\r\n",
    "no colon": START + b"timer-x" * (MANY // 7) + b"\r\n\r\n",
    "folded lines": START + b"timer-x: y\r\n" + b" z\r\n" * (MANY // 4) + b"\r\n",
    "interim heads": b"HTTP/1.1 103 x\r\n\r\n" * (MANY // 18) + START + b"\r\n",
    "interim heads with fields": (b"HTTP/1.1 103 x\r\nlink: y\r\n\r\n" * (MANY // 27)) + START + b"\r\n",
    "an interim head without an end": b"HTTP/1.1 103 x\r\n" + b"link: y\n" * (MANY // 8),
    "parameters": START + b'content-type: multipart/x; a="' + b";" * MANY + b"\r\n\r\n",
    "parameters within bounds": START + b'content-type: multipart/x; a="' + b";" * 15_000 + b"\r\n\r\n",
    "a date of blanks": START + b"set-cookie: a=b; expires=1 Jan 2026" + b" " * 15_000 + b"x\r\n\r\n",
    "blanks within bounds": START + b"retry-after: a" + b" " * 15_000 + b"b\r\n\r\n",
    "a trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\ntimer-x: a" + b" " * MANY + b"b\r\n\r\n",
    "an extension": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0" + b" " * MANY + b";x\r\n\r\n",
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 15_000 + b"\r\n\r\nx",
    "a length of nothing": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"0" * 15_000 + b"\r\n\r\n",
}


def spent(work: Callable[[], object], seconds: Callable[[], float]) -> float:
    before = seconds()
    work()
    return seconds() - before


@pytest.mark.parametrize("what", HEADS)
def test_no_head_takes_longer_than_reading_it(send: Send, receiver: Receiver, what: str) -> None:
    with raw_receiving(answered(HEADS[what])) as hostile:

        def once() -> None:
            answer = send(hostile.url)
            asked_reschedule(answer)
            retry_after(answer, 0)
            assert judge(answer)[0] in tuple(Outcome)

        assert any(spent(once, time.process_time) < MOST for _ in range(3))
    assert send(receiver.url).status_code == 204


@pytest.mark.parametrize(("more", "error"), [(-1, None), (0, None), (1, "protocol")])
@pytest.mark.parametrize("lines", [1, 100])
def test_of_heads_16_kib_are_read_and_the_next_answer_counts_its_own(
    send: Send, receiver: Receiver, lines: int, more: int, error: str | None
) -> None:
    room = MAX_HEAD + more - len(START) - len(b"\r\n")
    each, rest = divmod(room, lines)
    fields = [b"x: ".ljust(each - 2, b"y") + b"\r\n" for _ in range(lines)]
    fields[0] = fields[0][:-2] + b"y" * rest + b"\r\n"
    head = START + b"".join(fields) + b"\r\n"
    assert len(head) == MAX_HEAD + more
    with raw_receiving(answered(head)) as hostile:
        assert send(hostile.url).error == error
    assert send(receiver.url).error is None


def test_a_head_that_stops_beyond_16_kib_ends_its_attempt_long_before_the_deadline(send: Send) -> None:
    """Nothing more comes that could tell, and the receiver does not close."""
    head = START + b"x: y\r\n" * (MAX_HEAD // 6)
    with raw_receiving(lambda _, sock: sock.sendall(head)) as hostile:
        answer = send(hostile.url, timeout=15)
    assert (answer.error, answer.duration_ms < 10_000) == ("protocol", True)


def test_interim_heads_without_an_end_are_not_read_to_the_deadline(send: Send) -> None:
    def flood(receiver: RawReceiver, sock: socket.socket) -> None:
        for _ in range(1000):
            sock.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)

    with raw_receiving(flood) as receiver:
        answer = send(receiver.url)
    assert (answer.status_code, answer.error) == (None, "protocol")


PIECES = [
    " ",
    "\t",
    "1",
    "9",
    "0",
    ".",
    ":",
    ",",
    "-",
    "+",
    "(",
    ")",
    '"',
    "\\",
    "Mon",
    "Jan",
    "GMT",
    "P",
    "T",
    "h",
    "ms",
]
PIECES += [
    "1h",
    "PT1S",
    "2026-01-01T00:00:00Z",
    "Fri, 01 Jan 2100 00:00:00 GMT",
    "\x00",
    "\xa0",
    "²",
    "@",
    "<",
    ";",
    "=",
]


def answer_with(name: str, value: str) -> Answer:
    return Answer(made, 0, status_code=503 if name == "retry-after" else 200, headers={name: value})


made: Claim = claim("http://h/")


@pytest.mark.parametrize("seed", range(3))
def test_whatever_a_receiver_asks_for_is_read_in_a_moment_or_is_nonsense(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(1500):
        few = chance.sample(PIECES, chance.randint(1, 4))
        value = "".join(chance.choices(few, k=chance.choice([1, 3, 10, 40, 16_000])))
        line = b"timer-x: %s\r\n" % value.encode()[:MAX_HEAD]

        def read(value: str = value, line: bytes = line) -> None:
            asked_reschedule(answer_with("timer-reschedule", value))
            retry_after(answer_with("retry-after", value), 0)
            read_head(b"HTTP/1.1 200 OK\r\n" + line * (MAX_HEAD // len(line) + 1) + b"\r\n")

        assert any(spent(read, time.thread_time) < MOST for _ in range(3)), value[:80]
