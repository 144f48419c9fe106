"""Of many requests that are begun at once, the first are on their way before the last is begun."""

from __future__ import annotations

import time

import pytest

from scheduler.delivery.sockets.transport import SocketTransport
from tests.bench.receiver import Receiver
from tests.bench.transports import claim, collect

MANY = 48


def test_the_first_arrive_though_nobody_has_waited_for_them(wide: SocketTransport, receiver: Receiver) -> None:
    for _ in range(MANY):
        wide.submit(claim(f"{receiver.url}/held"))
    receiver.wait_for(16, 10)


def test_what_was_answered_meanwhile_is_told_by_the_next_wait_once(wide: SocketTransport, receiver: Receiver) -> None:
    sent = [claim(receiver.url, id=str(number)) for number in range(2 * MANY)]
    for it in sent:
        wide.submit(it)
    answers = collect(wide, len(sent))
    assert sorted(answer.claim.id for answer in answers) == sorted(it.id for it in sent)
    assert {answer.status_code for answer in answers} == {204}


def test_a_wake_that_was_heard_while_they_were_begun_ends_the_next_wait(
    wide: SocketTransport, receiver: Receiver
) -> None:
    wide.wake()
    for _ in range(MANY):
        wide.submit(claim(f"{receiver.url}/held", timeout=300))
    receiver.wait_for(16, 10)
    for _ in range(50):  # until nothing else is about to happen
        wide._turn(time.monotonic() + 0.02)
    begun = time.monotonic()
    wide.wait(40)
    assert time.monotonic() - begun < 30


def test_when_a_turn_fails_meanwhile_each_ends_once_and_the_next_goes_well(
    wide: SocketTransport, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with a submit() that calls _turn() unguarded, or an end_all() that ends nothing."""

    def fail(_: object) -> None:
        raise RuntimeError("a defect")

    sent = [claim(receiver.url, id=str(number)) for number in range(MANY)]
    with monkeypatch.context() as patch:
        patch.setattr(wide, "_hear", fail)
        for it in sent:
            wide.submit(it)
    answers = collect(wide, MANY)
    assert sorted(answer.claim.id for answer in answers) == sorted(it.id for it in sent)
    assert {(answer.error, answer.sent) for answer in answers} <= {("protocol", True), ("protocol", False)}
    wide.submit(claim(receiver.url))
    assert [answer.status_code for answer in collect(wide, 1)] == [204]
