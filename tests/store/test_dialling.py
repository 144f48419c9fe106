"""A store's name that does not resolve, or slowly: calls end within 2 s, and what needs no store is not held.

Tried: a look-up that hangs, one that fails at once, a name of several addresses of which the first is dead, a
name server that goes away or hangs once the name is known, a host that is no name, a TLS URL.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis.connection import SSLConnection

from scheduler import Link, Settings, StoreUnavailable, connect
from scheduler.store import dialling
from tests.bench.processes import free_port
from tests.bench.servers import BINARIES, Server
from timer_service import create_app

NAME = "store.test"


class NameServer:
    """Stands in for getaddrinfo() where it is asked for NAME: this machine's own cannot be made to hang."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.hangs = False
        self.asked = 0
        self.released = threading.Event()
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host != NAME:
            return self._real(host, port, *args, **options)
        self.asked += 1
        if self.hangs:
            self.released.wait(60)
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (it, port)) for it in self.addresses]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    it = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", it)
    monkeypatch.setattr(dialling, "_names", dialling.Names())
    yield it
    it.released.set()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a store that listens on TCP."""
    assert BINARIES["valkey"] is not None
    found = free_port()
    server = Server(BINARIES["valkey"], "--port", str(found), "--bind", "127.0.0.1").start()
    yield found
    server.remove()


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def failure(link: Link) -> StoreUnavailable:
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable) as raised:
        link.run("stats", 0)
    assert time.monotonic() - begun < 5  # ten times would be 8 s
    return raised.value


@pytest.mark.clock
def test_a_look_up_that_hangs_costs_no_more_than_a_connection_that_does(names: NameServer) -> None:
    names.hangs = True
    link = Link(connect(f"redis://{NAME}:1/0", 0.8))
    assert not failure(link).maybe_done
    assert not failure(link).maybe_done
    assert names.asked == 1


def test_a_look_up_that_fails_is_an_absent_store(names: NameServer) -> None:
    assert not failure(Link(connect(f"redis://{NAME}:1/0", 0.8))).maybe_done
    assert not failure(Link(connect(f"redis://{'x' * 64}.test:1/0", 0.8))).maybe_done


def test_a_look_up_for_which_no_thread_can_be_started_is_an_absent_store_until_one_can(
    names: NameServer, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.addresses = ["127.0.0.1"]
    link = Link(connect(f"redis://{NAME}:{port}/0", 5), pause=0)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        assert not failure(link).maybe_done
    link.run("stats", 0)
    link.client.close()


@pytest.mark.clock
def test_while_a_look_up_hangs_every_request_ends_soon_and_livez_at_once(names: NameServer) -> None:
    names.hangs = True
    app = create_app(Settings(), Link(connect(f"redis://{NAME}:1/0", 0.8)))

    def ask(path: str) -> tuple[int, float]:
        begun = time.monotonic()
        status = app.test_client().get(path).status_code
        return status, time.monotonic() - begun

    with ThreadPoolExecutor(12) as clients:
        slow = [clients.submit(ask, path) for path in ("/timers", "/stats", "/readyz", f"/timers/{'0' * 22}") * 2]
        status, seconds = ask("/livez")
        assert (status, seconds < 0.5) == (200, True)
        assert all(it.result()[0] == 503 and it.result()[1] < 2 for it in slow), [it.result() for it in slow]


def test_what_a_name_stood_for_is_kept_while_it_cannot_be_looked_up(names: NameServer, port: int) -> None:
    names.addresses = ["127.0.0.1"]
    link = Link(connect(f"redis://{NAME}:{port}/0", 3))
    link.run("stats", 0)
    for names.hangs, names.addresses in ((False, []), (True, [])):
        link.client.connection_pool.disconnect()
        link.run("stats", 0)
    link.client.close()


def test_of_several_addresses_a_dead_one_leaves_time_for_the_next(names: NameServer, port: int) -> None:
    with socket.socket() as swallows:
        # A listener whose backlog is full: what connects to it hears nothing.
        swallows.bind(("127.0.0.2", port))
        swallows.listen(0)
        held = []
        for _ in range(4):
            peer = socket.socket()
            peer.setblocking(False)
            peer.connect_ex(("127.0.0.2", port))
            held.append(peer)
        names.addresses = ["127.0.0.2", "127.0.0.1"]
        link = Link(connect(f"redis://{NAME}:{port}/0", 2))
        link.run("stats", 0)
        link.client.close()
        for peer in held:
            peer.close()


def test_tls_goes_by_the_name_and_not_by_the_address() -> None:
    """What SSLConnection checks is its `host`, which stands for the name again once the socket is connected."""
    order = dialling.NamedTlsConnection.__mro__
    assert order.index(SSLConnection) < order.index(dialling.NamedConnection)
    client = connect("rediss://store.test:1/0", 0.5)
    assert client.connection_pool.connection_class is dialling.NamedTlsConnection
    assert connect("unix:///x", 1).connection_pool.connection_class is not dialling.NamedConnection
