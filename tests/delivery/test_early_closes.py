"""A receiver that closes a connection right after an answer, and does not say so in it, costs no timer that is sent at
most once more than the first that meets it.

Tried here: a close that is found before the next request, and one that a request meets; what it
means for at least once, and for how long it is remembered.
"""

from __future__ import annotations

import socket
import time
from itertools import count

import pytest

from scheduler import Delivery
from scheduler.delivery import early_closes, transport
from scheduler.delivery.early_closes import EarlyCloses
from tests.bench.raw import RawReceiver, raw_receiving
from tests.bench.transports import Send

DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
ORIGIN = "https://h.example"


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy takes longer than a tenth of a second between two calls."""
    for module in (early_closes, transport):
        monkeypatch.setattr(module, "LEAST_IDLE", 10.0)


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("delivery", Delivery)
def test_at_most_once_each_goes_on_a_connection_of_its_own_once_one_was_closed_early(
    send: Send, delivery: Delivery
) -> None:
    def first_is_closed(receiver: RawReceiver, sock: socket.socket) -> None:
        sock.sendall(DONE)
        if len(receiver.requests) == 1:
            time.sleep(0.01)
            sock.shutdown(socket.SHUT_RDWR)

    with raw_receiving(first_is_closed) as receiver:
        send(receiver.url)
        time.sleep(0.03)  # it is closed meanwhile
        used = [send(receiver.url, delivery=delivery).reused for _ in range(3)]
    assert used == ([False, False, False] if delivery is Delivery.AT_MOST_ONCE else [False, True, True])


@pytest.mark.usefixtures("patience")
def test_at_most_once_only_the_first_meets_a_close(send: Send) -> None:
    def closes_when_asked_again(receiver: RawReceiver, sock: socket.socket) -> None:
        if sock in seen:
            sock.shutdown(socket.SHUT_RDWR)
        else:
            seen.add(sock)
            sock.sendall(DONE)

    seen: set[socket.socket] = set()
    with raw_receiving(closes_when_asked_again) as receiver:
        found = [send(receiver.url, delivery=Delivery.AT_MOST_ONCE) for _ in range(6)]
    assert [it.error for it in found] == [None, "reset", None, None, None, None]


def test_what_closes_later_is_not_remembered() -> None:
    closes = EarlyCloses()
    closes.note(ORIGIN, 0.1, 5.0)
    assert not closes.expected(ORIGIN, 5.0)
    closes.note(ORIGIN, 0.099, 5.0)
    assert closes.expected(ORIGIN, 5.0)
    assert not closes.expected("https://other.example", 5.0)


def test_a_receiver_that_closes_early_no_more_is_forgotten_after_five_minutes() -> None:
    closes = EarlyCloses()
    closes.note(ORIGIN, 0.0, 5.0)
    closes.note(ORIGIN, 0.0, 7.0)
    assert closes.expected(ORIGIN, 306.9)
    assert not closes.expected(ORIGIN, 307.0)


def test_of_many_receivers_the_latest_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_closes, "MOST", 2)
    closes, now = EarlyCloses(), count()
    for origin in ("a", "b", "a", "c"):
        closes.note(origin, 0.0, next(now))
    assert [closes.expected(it, 5.0) for it in "abc"] == [True, False, True]
