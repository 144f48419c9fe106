"""A connection that was idle may be closed just as it is used again: it is not used after a second, and what meets
such a close is sent again soon, on a new one.

Tried here: idleness of 0, 0.3 and 1.1 s, of one connection, of a burst's and of two from one port of ours; at least and
at most once; a retry, a repeat after a lost lease and a replay; a close with and without a reset, before and in the
middle of an answer.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable

import pycurl
import pytest

from scheduler import Backoff, Delivery, Redelivery
from scheduler.delivery.curl import handle
from scheduler.delivery.curl.sockets import Sockets
from scheduler.delivery.curl.transport import CurlTransport
from scheduler.delivery.transport import Transport
from scheduler.poller.settlements import settlement
from tests.bench.raw import RawReceiver, raw_receiving
from tests.bench.transports import Send, claim, collect

DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


def done(_: RawReceiver, sock: socket.socket) -> None:
    sock.sendall(DONE)


@pytest.mark.clock
@pytest.mark.parametrize(
    ("delivery", "idle", "connections"),
    [
        (Delivery.AT_LEAST_ONCE, 0.3, 1),
        (Delivery.AT_LEAST_ONCE, 1.1, 2),
        (Delivery.AT_MOST_ONCE, 0, 1),
        (Delivery.AT_MOST_ONCE, 0.3, 2),
    ],
)
def test_a_connection_is_used_again_only_for_so_long(
    send: Send, delivery: Delivery, idle: float, connections: int
) -> None:
    with raw_receiving(done) as receiver:
        for pause in (0, idle):
            time.sleep(pause)  # the idleness
            assert send(receiver.url, delivery=delivery).status_code == 204
        assert (len(receiver.requests), receiver.connections) == (2, connections)


def test_many_connections_that_were_idle_for_too_long_are_replaced_and_nothing_is_sent_twice(
    transport: Transport,
) -> None:
    with raw_receiving(done) as receiver:
        for burst, pause in (("first", 0), ("second", 1.1)):
            time.sleep(pause)  # the idleness
            before = dict(receiver.asked)
            for _ in range(transport.slots):
                transport.submit(claim(f"{receiver.url}/{burst}"))
            assert {it.error for it in collect(transport, transport.slots)} == {None}
        assert len(receiver.requests) == 2 * transport.slots
        assert {sock: receiver.asked[sock] for sock in before} == before


@pytest.mark.parametrize("redelivery", Redelivery)
def test_what_is_sent_again_is_sent_on_a_new_connection(transport: Transport, redelivery: Redelivery) -> None:
    with raw_receiving(done) as receiver:
        for again in (None, redelivery, None):
            transport.submit(claim(receiver.url)._replace(redelivery=again))
            (answer,) = collect(transport, 1)
            assert (answer.status_code, answer.reused) == (204, again is None and len(receiver.requests) > 1)
        assert receiver.connections == 2


def close(sock: socket.socket) -> None:
    sock.close()


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("end", [close, reset])
def test_what_met_the_close_of_a_used_connection_is_sent_again_soon(
    send: Send, end: Callable[[socket.socket], None]
) -> None:
    def second_time(receiver: RawReceiver, sock: socket.socket) -> None:
        done(receiver, sock) if len(receiver.requests) == 1 else end(sock)

    with raw_receiving(second_time) as receiver:
        send(receiver.url)
        used, fresh = (send(receiver.url, backoff=Backoff(steps=(50,))) for _ in range(2))
        assert len(receiver.requests) == 3
    assert [(it.error, it.sent, it.reused) for it in (used, fresh)] == [("reset", True, True), ("reset", True, False)]
    soon, later = (settlement(it, 0, "p").retry_ms for it in (used, fresh))
    assert soon == 100
    assert later is not None
    assert later >= 1000
    quick = used._replace(claim=claim("http://h", backoff=Backoff(steps=(0.01,))))
    assert settlement(quick, 0, "p").retry_ms == 10
    last = used._replace(claim=claim("http://h", max_attempts=1))
    assert settlement(last, 0, "p").retry_ms is None


def test_half_an_answer_on_a_used_connection_is_a_failure_like_any_other(send: Send) -> None:
    def second_time(receiver: RawReceiver, sock: socket.socket) -> None:
        sock.sendall(DONE if len(receiver.requests) == 1 else b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        if len(receiver.requests) > 1:
            sock.close()

    with raw_receiving(second_time) as receiver:
        send(receiver.url)
        answer = send(receiver.url, backoff=Backoff(steps=(50,)))
    assert answer.reused
    retry_ms = settlement(answer, 0, "p").retry_ms
    assert retry_ms is not None
    assert retry_ms >= 1000


def test_a_close_is_not_forgotten_for_another_connection_from_the_same_port(
    curl: CurlTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two to different destinations may be: the kernel gives one port to both."""
    ours: list[int] = []

    class FromOnePort(socket.socket):
        def __init__(self, *kind: int) -> None:
            super().__init__(*kind)
            if len(ours) < 2:
                self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self.bind(("127.0.0.1", ours[0] if ours else 0))
                ours.append(self.getsockname()[1])

        def __del__(self) -> None:
            self.close()

    monkeypatch.setattr(handle, "_Original", FromOnePort)

    def send(receiver: RawReceiver) -> tuple[int | None, bool]:
        curl.submit(claim(receiver.url))
        (answer,) = collect(curl, 1)
        return answer.status_code, answer.reused

    with raw_receiving(done) as closing, raw_receiving(done) as other:
        assert [send(closing), send(other)] == [(204, False), (204, False)]
        assert ours[0] == ours[1]
        (sock,) = closing.asked
        sock.shutdown(socket.SHUT_RDWR)
        curl.wait(0.05)
        assert [send(other), send(closing)] == [(204, True), (204, False)]


def test_a_close_is_noted_of_a_connection_that_was_last_watched_for_room_to_write() -> None:
    """As one is whose answer was there before libcurl waited for it."""
    ours, theirs = socket.socketpair()
    with ours, theirs, select.epoll() as epoll:
        sockets = Sockets(epoll)
        sockets.opened(ours.fileno())
        sockets.watch(pycurl.POLL_OUT, ours.fileno(), None, None)
        connection = sockets.connected(ours.fileno(), ("127.0.0.1", 80, 40_000), "http://h/")
        sockets.watch(pycurl.POLL_REMOVE, ours.fileno(), None, None)
        for end in (bool, theirs.close):
            end()
            for descriptor, _ in epoll.poll(0):
                sockets.hung_up(descriptor)
        assert not connection.take(claim("http://h/"), time.monotonic())
        assert epoll.poll(0) == []


def test_at_most_once_nothing_is_sent_on_a_connection_that_was_closed_with_its_answer(curl: CurlTransport) -> None:
    """Before anybody has looked: the answer and the close are found in the same turn that would use it again."""

    def last_words(receiver: RawReceiver, sock: socket.socket) -> None:
        time.sleep(0.05)
        sock.sendall(DONE)
        sock.close()

    with raw_receiving(last_words) as receiver:
        curl.submit(claim(receiver.url, delivery=Delivery.AT_MOST_ONCE))
        while not receiver.requests:
            assert curl.wait(0) == []
        time.sleep(0.15)  # the answer and the close have come
        curl.submit(claim(receiver.url, delivery=Delivery.AT_MOST_ONCE))
        assert [it.status_code for it in collect(curl, 2)] == [204, 204]
        assert (len(receiver.requests), receiver.connections) == (2, 2)
