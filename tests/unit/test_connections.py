"""Who has to go when there are too many connections, or when they hold too many bytes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
from gunicorn.config import Config

from timer_service.process.server.connection import Answer, Connection
from timer_service.process.server.connections import Connections
from timer_service.process.server.limits import Limits

LIMITS = Limits(connections=64, waiting_per_peer=32, small=100, held=10_000)
Make = Callable[[str], Connection]


@pytest.fixture
def connection() -> Iterator[Make]:
    """Each younger than the one before."""
    socks: list[socket.socket] = []

    def make(host: str) -> Connection:
        socks.extend(socket.socketpair())
        it = Connection(socks[-1], (host, 1), ("127.0.0.1", 80), Config(), LIMITS)
        it.since = float(len(socks))
        return it

    yield make
    for sock in socks:
        sock.close()


def come(crowd: Connections, it: Connection) -> list[Connection]:
    gone = crowd.add(it)
    for other in gone:
        crowd.discard(other)
    return gone


def test_an_address_with_too_many_silent_connections_loses_its_own_oldest_and_nobody_elses(connection: Make) -> None:
    crowd = Connections(LIMITS)
    others = [connection("10.0.0.1") for _ in range(3)]
    many = [connection("10.0.0.2") for _ in range(33)]
    gone = [other for it in others + many for other in come(crowd, it)]
    assert gone == many[:3]  # a sixteenth
    assert all(it in crowd for it in others)


def test_connections_that_are_served_do_not_go(connection: Make) -> None:
    """A proxy in front of us has one address, and as many of these as there are clients."""
    crowd = Connections(LIMITS)
    for _ in range(60):
        it = connection("127.0.0.1")
        it.in_thread = True
        assert come(crowd, it) == []


def test_when_all_places_are_taken_the_address_that_waits_on_most_gives_some_of_them(connection: Make) -> None:
    crowd = Connections(LIMITS)
    for number in range(40):
        assert not come(crowd, connection(f"10.0.1.{number}"))
    crowded = [connection("10.0.0.2") for _ in range(24)]
    gone = [other for it in crowded for other in come(crowd, it)]
    assert gone == crowded[:2]
    assert not crowd.is_full


def test_clients_of_one_ipv6_network_count_as_one(connection: Make) -> None:
    crowd = Connections(LIMITS)
    gone = [other for n in range(33) for other in come(crowd, connection(f"2001:db8::{n:x}"))]
    assert len(gone) == 3
    crowd = Connections(LIMITS)
    assert not [other for n in range(33) for other in come(crowd, connection(f"::ffff:10.0.0.{n}"))]


def test_bytes_held_for_all_are_bounded_and_the_slowest_go_but_none_that_hold_little(connection: Make) -> None:
    """Requests that come and answers that are not taken alike."""
    crowd = Connections(LIMITS)
    small, *large = (connection("10.0.0.1") for _ in range(6))
    for it in (small, *large):
        come(crowd, it)
    small.take(b"GET / HTTP/1.1\r\n")
    crowd.weigh(small)
    for it in large[:3]:
        it.take(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n" + b"x" * 3000)
        crowd.weigh(it)
    assert not crowd.slowest()
    large[3].begin(Answer([b"x" * 3000], closes=False))
    crowd.weigh(large[3])
    oldest = min(large[:4], key=lambda it: it.since)
    assert crowd.slowest() == [oldest]
    crowd.discard(oldest)
    assert not crowd.slowest()
