"""Scripts that are sent, and whose replies are read later: whatever comes between, they run, and no more than once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from unittest.mock import Mock

import pytest

from scheduler import Claims, Link, StoreUnavailable, connect
from scheduler.store.room import Load, Room
from scheduler.store.server import Server as StoreServer
from scheduler.store.taking import Batch
from tests.bench.processes import wait_until
from tests.bench.servers import Server
from tests.bench.store import LEASE, Bench, HandSetRedis

ROOM = Room()


@pytest.fixture
def bench(own_server: Server) -> Bench:
    return Bench(HandSetRedis(unix_socket_path=str(own_server.socket)), 2, home=0)


@pytest.fixture
def link(own_server: Server, bench: Bench) -> Iterator[Link]:
    found = Link(connect(own_server.url, 1), 2, pause=0)
    yield found
    found.close()


@pytest.fixture
def claims(link: Link) -> Claims:
    """Whose scripts the store knows."""
    found = Claims(
        link, poller="one", share=100, lease_ms=LEASE, keep_delivered_ms=1000, keep_failed_ms=1000, keep_finished=100
    )
    claim(found)
    return found


def claim(claims: Claims) -> Batch:
    return claims.send_claim(9, (), ROOM, Load(), (), [0])()


@pytest.fixture
def timer(bench: Bench) -> str:
    return bench.schedule().id


def test_replies_are_those_of_the_moment_at_which_they_were_sent(claims: Claims, bench: Bench, timer: str) -> None:
    read = claims.send_claim(9, (), ROOM, Load(), (), [0])
    wait_until(lambda: bench.timers.stats().delivering, 20, "the store has claimed")
    later = bench.schedule().id
    assert [it.id for it in read().claims] == [timer]
    assert [it.id for it in claim(claims).claims] == [later]


def test_what_is_sent_on_a_connection_that_is_cut_is_run_once_more_and_brings_the_same(
    claims: Claims, bench: Bench, timer: str
) -> None:
    read = claims.send_claim(9, (), ROOM, Load(), (), [0])
    wait_until(lambda: bench.timers.stats().delivering, 20, "the store has claimed")
    bench.client.client_kill_filter(_type="normal", skipme=True)
    found = read().claims
    assert [(it.id, it.number) for it in found] == [(timer, 1)]
    assert not claims.unanswered


def test_a_script_that_the_store_has_forgotten_is_loaded(claims: Claims, bench: Bench, timer: str) -> None:
    bench.client.script_flush()
    assert [it.id for it in claim(claims).claims] == [timer]


def test_a_store_that_does_not_answer_in_time_is_not_asked_again_at_once_and_what_it_did_is_recalled(
    claims: Claims, timer: str, own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with a caller that waits for a second timeout."""
    asked_again = Mock()
    own_server.signal(signal.SIGSTOP)
    try:
        read = claims.send_claim(9, (), ROOM, Load(), (), [0])
        with monkeypatch.context() as patched:
            patched.setattr(StoreServer, "answers", asked_again)
            with pytest.raises(StoreUnavailable) as raised:
                read()
    finally:
        own_server.signal(signal.SIGCONT)
    asked_again.assert_not_called()
    assert raised.value.maybe_done
    assert claims.unanswered
    assert [it.id for it in claims.recall()] == [timer]
    assert not claims.unanswered


def test_a_store_that_dies_before_its_reply_is_read_may_have_done_it(
    claims: Claims, bench: Bench, timer: str, own_server: Server
) -> None:
    """Red if the last try alone tells, which finds no server and so did nothing."""
    own_server.signal(signal.SIGSTOP)  # else the reply may be here before it dies
    read = claims.send_claim(9, (), ROOM, Load(), (), [0])
    own_server.kill_at_once()
    with pytest.raises(StoreUnavailable) as raised:
        read()
    assert raised.value.maybe_done
    own_server.start()
    assert [it.id for it in claim(claims).claims] == [timer]


def test_what_cannot_be_sent_at_all_was_not_done(claims: Claims, timer: str, own_server: Server) -> None:
    own_server.kill()
    read = claims.send_claim(9, (), ROOM, Load(), (), [0])
    with pytest.raises(StoreUnavailable) as raised:
        read()
    assert not raised.value.maybe_done
    assert not claims.unanswered


def test_connections_are_given_back(claims: Claims, link: Link, bench: Bench) -> None:
    for _ in range(50):
        claim(claims)
    assert int(bench.client.info("clients")["connected_clients"]) <= 4
