"""Calls that the kernel ends: a store that does not answer, or read, in time; and who else uses such a connection."""

from __future__ import annotations

import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from fakeredis import FakeRedis
from redis.commands.core import Script

from scheduler import connect
from scheduler.store import kernel_timeouts
from scheduler.store.dial_again import unconnected
from scheduler.store.kept_connections import KeptConnections
from tests.bench.servers import Server

#: Seconds that a call may take.
PATIENCE = 0.3


@pytest.fixture
def direct(own_server: Server) -> Iterator[redis.Redis]:
    """As a store's connections are made."""
    with connect(own_server.url, PATIENCE) as found:
        yield found


@pytest.fixture
def kept(direct: redis.Redis, echo: Script) -> Iterator[KeptConnections]:
    """One connection, whose server knows the script."""
    found = KeptConnections(direct.connection_pool)
    found.evaluate(echo, "key", ["a"])
    yield found
    found.give_back()


@pytest.fixture
def echo(direct: redis.Redis) -> Script:
    """Counts its calls, and says how long its argument is."""
    return direct.register_script("redis.call('INCR', KEYS[1]) return #ARGV[1]")


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    server.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.signal(signal.SIGCONT)


def connected(server: Server) -> int:
    """Connections that the server has now, beside the one that asks."""
    with server.client() as client:
        return int(client.info("clients")["connected_clients"]) - 1


@contextmanager
def without_connecting(server: Server) -> Iterator[None]:
    """Red if anybody connects meanwhile, who asks again."""
    with server.client() as client:
        before = client.info("stats")["total_connections_received"]
        yield
        assert client.info("stats")["total_connections_received"] == before


def lasts(call: Callable[[], object]) -> float:
    """Seconds until it has raised a timeout that says that the store may have done it."""
    began = time.monotonic()
    with pytest.raises(redis.TimeoutError) as raised:
        call()
    assert not unconnected(raised.value)
    return time.monotonic() - began


def test_a_store_that_does_not_answer_in_time_is_asked_once(
    kept: KeptConnections, echo: Script, own_server: Server, direct: redis.Redis
) -> None:
    """Red if the kernel's timeout is taken for a lost connection."""
    with without_connecting(own_server), frozen(own_server):
        assert lasts(lambda: kept.evaluate(echo, "key", ["a"])) > PATIENCE - 0.02
    assert kept.evaluate(echo, "key", ["four"]) == 4
    assert direct.get("key") == b"3"


def test_a_store_that_does_not_read_in_time_is_asked_once(
    kept: KeptConnections, echo: Script, own_server: Server, direct: redis.Redis
) -> None:
    """More than fits into the socket's buffers."""
    with without_connecting(own_server), frozen(own_server):
        assert lasts(lambda: kept.evaluate(echo, "key", [b"a" * 20_000_000])) > PATIENCE - 0.02
    assert kept.evaluate(echo, "key", ["four"]) == 4
    assert direct.get("key") == b"2"


def test_a_store_that_refuses_is_asked_on_the_same_connection_again(
    kept: KeptConnections, direct: redis.Redis, own_server: Server
) -> None:
    """Red if each refusal of a store that is full has its caller connect anew."""
    refused = direct.register_script("return redis.error_reply('OOM no room')")
    with without_connecting(own_server):
        for _ in range(20):
            with pytest.raises(redis.ResponseError):
                kept.evaluate(refused, "key", [])


def test_what_is_given_back_is_closed(kept: KeptConnections, own_server: Server) -> None:
    """Red if the pool has it as it was: others would take its timeout for a lost connection."""
    assert connected(own_server) == 1
    kept.give_back()
    assert connected(own_server) == 0


def test_one_that_is_closed_before_it_is_kept_was_never_asked_and_is_the_pools_again(
    direct: redis.Redis, echo: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with an error that is none of redis-py's, and a connection that the pool counts for ever."""
    pool = direct.connection_pool
    kept = KeptConnections(pool)

    def closed() -> Any:
        connection: Any = type(pool).get_connection(pool)
        connection._sock.close()
        return connection

    with monkeypatch.context() as patched:
        patched.setattr(pool, "get_connection", closed)
        with pytest.raises(redis.ConnectionError) as raised:
            kept.evaluate(echo, "key", ["a"])
    assert unconnected(raised.value)
    assert not pool._in_use_connections
    assert kept.evaluate(echo, "key", ["four"]) == 4


def test_calls_of_the_pools_other_users_end_in_time_as_before(
    kept: KeptConnections, direct: redis.Redis, own_server: Server
) -> None:
    kept.give_back()
    direct.ping()
    with without_connecting(own_server), frozen(own_server):
        assert lasts(direct.ping) > PATIENCE - 0.02


def test_the_kernel_ends_what_python_does_not_wait_for() -> None:
    near, far = socket.socketpair()
    with near, far:
        kernel_timeouts.hand_over(near, 0.05)
        assert near.gettimeout() is None
        with pytest.raises(BlockingIOError):
            near.recv(1)
        with pytest.raises(BlockingIOError):
            near.sendall(b"a" * 20_000_000)


@pytest.mark.parametrize("seconds", [None, 0])
def test_a_socket_without_a_timeout_waits_for_ever_as_before(seconds: float | None) -> None:
    near, far = socket.socketpair()
    with near, far:
        kernel_timeouts.hand_over(near, seconds)
        assert near.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16) == bytes(16)


def test_neither_tls_nor_a_fake_is_handed_to_the_kernel() -> None:
    """Red where the kernel looks at a fake, whose descriptor is a number that it has made up: of any file, or none."""
    near, far = socket.socketpair()
    tls = ssl.create_default_context()
    with near, far, tls.wrap_socket(near, do_handshake_on_connect=False, server_hostname="a") as wrapped:
        assert not kernel_timeouts.can_have(wrapped)
    with FakeRedis() as fake:
        kept = KeptConnections(fake.connection_pool)
        echo = fake.register_script("return #ARGV[1]")
        for _ in range(2):
            assert kept.evaluate(echo, "key", ["four"]) == 4
        (connection,) = (it.connection for it in kept._free)
        assert not kernel_timeouts.can_have(connection._sock)
        assert connection.can_read() is False
