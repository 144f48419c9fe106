"""Whatever is answered: one request, one end, and delivered only if the answer came whole.

answers.json holds answers, well-formed and not, and whether each is delivered.
With LLHTTP=<folder `test` of llhttp's sources> its cases are replayed as well, also those of requests: a receiver may
say anything.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler import Delivery, Outcome
from scheduler.claim import Reschedule
from scheduler.delivery.judge import asked_reschedule, judge, retry_after
from tests.bench.raw import RawReceiver, answered, raw_receiving
from tests.bench.receiver import Receiver, receiving
from tests.bench.replay import Case, Replayed, llhttp_cases, own_cases, replay
from tests.bench.transports import Send

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Replay:
    def __init__(self, cases: list[Case], ordinary: str) -> None:
        self.cases = cases
        self.found: Replayed = replay([case.raw for case in cases], ordinary)

    def delivered(self) -> set[Case]:
        pairs = zip(self.cases, self.found.answers, strict=True)
        return {case for case, it in pairs if judge(it)[0] is Outcome.DELIVERED}


@pytest.fixture(scope="module", params=["ours", "llhttp"])
def replayed(request: pytest.FixtureRequest) -> Iterator[Replay]:
    if request.param == "ours":
        cases = own_cases(Path(__file__).parent / "answers.json")
    elif folder := os.environ.get("LLHTTP"):
        cases = llhttp_cases(Path(folder))
    else:
        pytest.skip("LLHTTP does not name the folder `test` of llhttp's sources; .ci/run shows how to get them")
    assert len(cases) > 150
    with receiving() as ordinary:
        yield Replay(cases, ordinary.url)


def test_whatever_is_answered_an_attempt_is_one_request_with_one_end_and_the_next_goes_well(
    replayed: Replay,
) -> None:
    answers, asked, afterwards = replayed.found
    assert asked == dict.fromkeys(range(len(replayed.cases)), 1)
    assert {answer.claim.webhook.url.rpartition("/")[2] for answer in answers} == set(map(str, asked))
    # A refusal for good counts, though the rest of it never came.
    assert {judge(answer)[0] for answer in answers if answer.error and answer.status_code != 410} == {Outcome.RETRYABLE}
    assert {answer.error for answer in answers} <= {None, "protocol", "reset"}
    assert all(answer.sent for answer in answers)
    assert afterwards == 204


def test_an_answer_is_delivered_only_if_it_came_whole(replayed: Replay) -> None:
    known = {case for case in replayed.cases if case.delivered is not None}
    assert {case.what for case in replayed.delivered() & known} == {case.what for case in known if case.delivered}


def test_a_chunk_of_less_than_nothing_is_not_read_until_memory_ends(send: Send) -> None:
    def flood(receiver: RawReceiver, sock: socket.socket) -> None:
        sock.sendall(CHUNKED + b"-1\r\n")
        for _ in range(1024):  # 64 MiB at most, if somebody takes them
            sock.sendall(b"x" * 65_536)

    with raw_receiving(flood) as receiver:
        answer = send(receiver.url)
    assert (answer.error, answer.body) == ("protocol", b"")


@pytest.mark.parametrize("framing", [b"Transfer-Encoding: chunked", b"Content-Length: 5", b"X: y"])
@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_is_not_waited_for_whatever_it_announces(
    send: Send, status: int, framing: bytes
) -> None:
    with raw_receiving(lambda _, sock: sock.sendall(b"HTTP/1.1 %d X\r\n%s\r\n\r\n" % (status, framing))) as receiver:
        answer = send(receiver.url)
    assert (answer.status_code, answer.error) == (status, None)


def test_fields_without_an_end_are_not_read_to_the_deadline(send: Send) -> None:
    with raw_receiving(lambda _, sock: sock.sendall(CHUNKED + b"0\r\n" + b"X: %s\r\n" % (b"y" * 8_000) * 500)) as it:
        assert send(it.url).error == "protocol"


def test_what_a_trailer_says_is_not_obeyed(send: Send) -> None:
    with raw_receiving(lambda _, sock: sock.sendall(CHUNKED + b"0\r\ntimer-reschedule: 5\r\n\r\n")) as receiver:
        answer = send(receiver.url)
    assert (judge(answer)[0], asked_reschedule(answer)) == (Outcome.DELIVERED, None)


def test_what_comes_before_an_answer_is_none(send: Send) -> None:
    with raw_receiving(answered(b"HTTP/1.1 103 Early Hints\r\n\r\n")) as receiver:
        answer = send(receiver.url, delivery=Delivery.AT_MOST_ONCE)
    assert (answer.status_code, *judge(answer)) == (None, Outcome.PERMANENT, "outcome-unknown")


@pytest.mark.parametrize("raw", [b"\0" * 1000, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n"])
def test_an_answer_too_long_to_be_written_down_has_an_end_too(send: Send, receiver: Receiver, raw: bytes) -> None:
    with raw_receiving(answered(raw)) as hostile:
        assert judge(send(hostile.url, timeout=2)) == (Outcome.RETRYABLE, "protocol")
        assert len(hostile.requests) == 1
    assert send(receiver.url).status_code == 204


@pytest.mark.parametrize(
    "fields", [["5", "5"], ["5", "7"], ["5", ""], ["", "5"], ["5, 7"], ["5,"], ["\t5 "], ["5\r\n 7"]]
)
@pytest.mark.parametrize(
    ("status", "name"), [(503, "Retry-After"), (200, "timer-reschedule"), (200, "TIMER-Reschedule")]
)
def test_a_field_that_is_given_twice_is_read_as_a_list(send: Send, status: int, name: str, fields: list[str]) -> None:
    """RFC 9110, 5.3. A list is no number, duration, moment or date, and so it is not obeyed."""
    lines = "".join(f"{name}: {value}\r\n" for value in fields)
    raw = f"HTTP/1.1 {status} X\r\n{lines}Content-Length: 0\r\n\r\n".encode()
    with raw_receiving(answered(raw)) as receiver:
        answer = send(receiver.url)
    alone = fields == ["\t5 "]
    assert answer.headers[name.lower()] == ("5" if alone else ", ".join(fields).replace("\r\n", ""))
    assert retry_after(answer, 0) == (5 if alone and status == 503 else None)
    assert asked_reschedule(answer) == (Reschedule(delay_ms=5000) if alone and status == 200 else None)
