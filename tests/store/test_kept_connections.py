"""Connections that scripts are called on stay open between calls, and lead nowhere by mistake."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from scheduler import Draft, Link, Settings, Store, StoreUnavailable, Webhook, connect
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
