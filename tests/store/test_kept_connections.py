"""Connections that scripts are called on stay open between calls, and lead nowhere by mistake."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from redis._parsers import _RESP3Parser
from redis.connection import DefaultParser

from scheduler import Draft, Link, Settings, Store, StoreUnavailable, Webhook, connect
from scheduler.store.kept_connections import KeptConnections
from tests.bench.servers import Server


@pytest.fixture
def store(own_server: Server) -> Iterator[Store]:
    found = Store(Settings(), Link(connect(own_server.url, 5), pause=0))
    put(found)
    yield found
    found.link.close()


def put(store: Store) -> None:
    timers = store.timers
    timers.set(Draft(id=timers.new_id(), webhook=Webhook(url="https://example.com/"), delay_ms=3_600_000))


def callers(server: Server) -> set[str]:
    """Numbers of the connections whose last command was a script."""
    clients: list[dict[str, Any]] = server.client().client_list()
    return {it["id"] for it in clients if it["cmd"] == "evalsha"}


def test_one_thread_calls_all_scripts_on_one_connection(own_server: Server, store: Store) -> None:
    before = callers(own_server)
    for _ in range(3):
        put(store)
    assert len(before) == 1
    assert callers(own_server) == before


def test_threads_have_no_more_connections_than_there_were_calls_at_once(own_server: Server, store: Store) -> None:
    for _ in range(2):
        threads = [threading.Thread(target=put, args=(store,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 1 <= len(callers(own_server)) <= 8


def test_one_that_the_server_has_closed_is_not_called_on(own_server: Server, store: Store) -> None:
    before = callers(own_server)
    own_server.client().client_kill_filter(_type="normal", skipme=True)
    put(store)
    assert callers(own_server).isdisjoint(before)


def test_of_a_server_that_has_gone_between_two_calls_it_is_certain_that_nothing_was_done(
    own_server: Server, store: Store
) -> None:
    own_server.kill()
    for _ in range(2):
        with pytest.raises(StoreUnavailable) as caught:
            put(store)
        assert not caught.value.maybe_done
    own_server.start()
    put(store)


def test_none_stays_at_a_server_that_has_become_a_replica(own_server: Server, store: Store) -> None:
    threads = [threading.Thread(target=put, args=(store,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    before = callers(own_server)
    own_server.client().replicaof("127.0.0.1", "1")
    with pytest.raises(StoreUnavailable):
        put(store)
    own_server.client().replicaof("NO", "ONE")
    put(store)
    assert len(callers(own_server) & before) <= 1  # the one that was refused is its user's to close


def test_one_that_is_closed_with_the_link_is_opened_again(store: Store) -> None:
    store.link.close()
    put(store)


def test_a_script_that_the_server_has_forgotten_is_told_it_again(own_server: Server, store: Store) -> None:
    own_server.client().script_flush()
    put(store)


class _SaysMore:
    """A way to a server. Once told so it sends, in one piece with each answer, another that nobody asked for."""

    def __init__(self, server: Server) -> None:
        self.more = b""
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                store = socket.socket(socket.AF_UNIX)
                store.connect(str(self._server.socket))
                for source, sink, is_answer in ((client, store, False), (store, client, True)):
                    threading.Thread(target=self._copy, args=(source, sink, is_answer), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data + (self.more if is_answer else b""))
        for it in (source, sink):
            with suppress(OSError):
                it.shutdown(socket.SHUT_RDWR)
            it.close()


@pytest.mark.parametrize("parser", [DefaultParser, _RESP3Parser])
def test_one_on_which_more_has_come_than_was_asked_for_is_not_called_on(own_server: Server, parser: type) -> None:
    """Or each call would get the answer of the one before. What has come is no longer in the socket, but read."""
    way = _SaysMore(own_server)
    with connect(way.url, 5) as client:
        client.connection_pool.connection_kwargs["parser_class"] = parser
        kept = KeptConnections(client.connection_pool)
        length = client.register_script("return #ARGV[1]")
        assert kept.evaluate(length, "key", [""]) == 0
        way.more = b":99\r\n"
        assert kept.evaluate(length, "key", ["a"]) == 1
        way.more = b""
        assert [kept.evaluate(length, "key", ["a" * times]) for times in (2, 3)] == [2, 3]
        kept.give_back()
    way.close()


_FORKS = """
import os, sys
from scheduler import Draft, Link, Settings, Store, Webhook, connect
store = Store(Settings(), Link(connect(sys.argv[1], 5), pause=0))
def put():
    store.timers.set(Draft(id=store.timers.new_id(), webhook=Webhook(url="https://example.com/"), delay_ms=3_600_000))
put()
child = os.fork()
for _ in range(300):
    put()
if not child:
    os._exit(0)
_, status = os.waitpid(child, 0)
assert store.timers.stats().scheduled == 601
sys.exit(status)
"""


def test_a_fork_calls_on_connections_of_its_own(own_server: Server) -> None:
    environ = {**os.environ, "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-c", _FORKS, own_server.url], check=True, timeout=60, env=environ)
