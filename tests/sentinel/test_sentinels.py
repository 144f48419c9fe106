"""The store by way of its sentinels: whom they name is found in bounded time, and left once they name another.

Tried: sentinels that are dead, frozen, restarted, that lie, talk nonsense, know no primary, let nobody in, name a
replica or nothing that listens; a primary that is demoted, has no replicas or lives on; connections in use; forks.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scheduler import Link, StoreUnavailable, connect
from scheduler.poller.doorbell import Doorbell
from scheduler.store import sentinels
from tests.bench.fake_sentinels import UNKNOWN, FakeSentinel
from tests.bench.processes import free_port, wait_until
from tests.bench.servers import BINARIES, Server

NAME = "mymaster"
#: Seconds. In most tests nothing hangs, and a busy machine may be slow.
TIMEOUT = 20.0


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[int, Server]]:
    """Two that know nothing of each other, by port: what is on which, tells where a call went."""
    assert BINARIES["valkey"] is not None
    ports = [free_port(), free_port()]
    found = {it: Server(BINARIES["valkey"], "--port", str(it), "--bind", "127.0.0.1").start() for it in ports}
    for port, server in found.items():
        server.client().set("port", port)
    yield found
    for server in found.values():
        server.remove()


@pytest.fixture
def ports(servers: dict[int, Server]) -> Iterator[tuple[int, int]]:
    one, other = servers
    yield one, other
    for server in servers.values():
        with server.client() as client:
            client.replicaof("NO", "ONE")
            client.config_set("min-replicas-to-write", 0)


@pytest.fixture
def three(ports: tuple[int, int]) -> Iterator[list[FakeSentinel]]:
    """Sentinels that name the first server."""
    found = [FakeSentinel(ports[0]) for _ in range(3)]
    yield found
    for it in found:
        it.close()


@pytest.fixture
def only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look at the sentinels but those that calls make."""
    monkeypatch.setattr(sentinels, "_EVERY", 3600.0)


def url(asked: list[FakeSentinel], more: str = "") -> str:
    return f"redis+sentinel://{','.join(f'127.0.0.1:{it.port}' for it in asked)}/{NAME}{more}"


@contextmanager
def linked(asked: list[FakeSentinel], timeout: float = TIMEOUT) -> Iterator[Link]:
    link = Link(connect(url(asked), timeout), pause=0)
    try:
        yield link
    finally:
        link.client.close()


def where(link: Link) -> int:
    """The port of the server that answers. Raises StoreUnavailable."""
    found = link.ask("GET", "port", lambda client: client.get("port"))
    assert isinstance(found, bytes)
    return int(found)


def refusal(link: Link) -> str:
    with pytest.raises(StoreUnavailable) as raised:
        where(link)
    assert not raised.value.maybe_done
    return str(raised.value)


def test_one_sentinel_of_three_that_lies_leads_nobody_astray(three: list[FakeSentinel], ports: tuple[int, int]) -> None:
    one, other = ports
    for liar in three:
        liar.names(other)
        with linked(three) as link:
            assert where(link) == one
        liar.names(one)


def test_sentinels_that_contradict_each_other_are_all_named(three: list[FakeSentinel], ports: tuple[int, int]) -> None:
    one, other = ports
    three[1].names(other)
    three[2].answer = UNKNOWN
    with linked(three) as link:
        said = refusal(link)
    for words in (f"names 127.0.0.1:{one}", f"names 127.0.0.1:{other}", f"knows no primary {NAME}"):
        assert words in said
    assert "\n" not in said


def test_whatever_two_of_three_sentinels_answer_or_do_not_a_process_that_starts_goes_where_the_third_says(
    three: list[FakeSentinel], ports: tuple[int, int]
) -> None:
    nonsense = [UNKNOWN, b"-ERR unknown command 'SENTINEL'\r\n", b"*1\r\n$1\r\nx\r\n", b"*2\r\n$1\r\nx\r\n$1\r\nx\r\n"]
    nonsense += [b"GET / HTTP/1.1\r\n", b":1\r\n", b"*2\r\n:1\r\n:1\r\n", b"+\xff\xfe\r\n", b"*-1\r\n"]
    for answer in nonsense:
        three[0].answer = three[1].answer = answer
        with linked(three) as link:
            assert where(link) == ports[0], answer
    three[0].close()
    three[1].close()
    with linked(three) as link:
        assert where(link) == ports[0]


@pytest.mark.clock
def test_frozen_sentinels_cost_a_call_no_more_than_half_the_time_to_connect(three: list[FakeSentinel]) -> None:
    for frozen in three[:2]:
        frozen.thawed.clear()
    with linked(three, 0.8) as link:
        for _ in range(3):
            link.client.connection_pool.disconnect(inuse_connections=False)
            began = time.monotonic()
            where(link)
            assert time.monotonic() - began < 0.7
        three[2].thawed.clear()
        link.client.connection_pool.disconnect(inuse_connections=False)
        began = time.monotonic()
        assert "does not answer in time" in refusal(link)
        assert time.monotonic() - began < 0.7


def test_a_single_sentinel_of_three_leads_no_running_process_to_another_primary_and_two_do(
    three: list[FakeSentinel], ports: tuple[int, int], only_when_asked: None
) -> None:
    """Cut off with two sentinels, one could name an old primary; no failover was made by one alone."""
    one, other = ports
    with linked(three) as link:
        assert where(link) == one
        three[0].answer = three[1].answer = UNKNOWN
        three[2].names(other)
        assert where(link) == one
        link.client.connection_pool.disconnect(inuse_connections=False)
        assert f"names 127.0.0.1:{other}" in refusal(link)
        three[1].names(other)
        assert where(link) == other


def test_a_server_that_is_named_as_the_primary_and_is_a_replica_serves_nobody(
    three: list[FakeSentinel], ports: tuple[int, int], servers: dict[int, Server]
) -> None:
    one, _ = ports
    servers[one].client().replicaof("127.0.0.1", 1)  # it takes over nothing from there
    with linked(three) as link:
        assert "it is a replica" in refusal(link)
        servers[one].client().replicaof("NO", "ONE")
        assert where(link) == one


def test_a_named_server_that_does_not_listen_is_an_absent_store(
    three: list[FakeSentinel], ports: tuple[int, int]
) -> None:
    nobody = free_port()
    for it in three:
        it.names(nobody)
    with linked(three) as link:
        assert str(nobody) in refusal(link)
        for it in three:
            it.names(ports[1])
        assert where(link) == ports[1]


def test_a_primary_that_lives_on_is_left_as_soon_as_the_sentinels_name_another(
    three: list[FakeSentinel], ports: tuple[int, int]
) -> None:
    """An old one that thaws takes writes until it is demoted, and nobody who is connected notices anything."""
    one, other = ports
    with linked(three) as link:
        assert where(link) == one
        for it in three[:2]:
            it.names(other)
        wait_until(lambda: where(link) == other, 20, "calls that go to the new primary")


def test_the_doorbells_connection_moves_too(
    three: list[FakeSentinel], ports: tuple[int, int], servers: dict[int, Server]
) -> None:
    one, other = ports

    def subscribers(port: int) -> int:
        return int(servers[port].client().info("clients")["pubsub_clients"])

    with linked(three) as link:
        bell = Doorbell(link, lambda: None)
        bell.start()
        wait_until(lambda: subscribers(one) == 1, 20, "a doorbell")
        for it in three:
            it.names(other)
        wait_until(lambda: (subscribers(one), subscribers(other)) == (0, 1), 20, "a doorbell that has moved")
        bell.stop()


def test_while_no_sentinel_answers_connections_that_stand_go_on_and_no_new_one_is_made(
    three: list[FakeSentinel], ports: tuple[int, int]
) -> None:
    with linked(three) as link:
        assert where(link) == ports[0]
        for it in three:
            it.close()
        assert where(link) == ports[0]
        link.client.connection_pool.disconnect(inuse_connections=False)
        assert "Connection refused" in refusal(link)


@pytest.mark.parametrize("refused", ["read only replica", "NOREPLICAS"])
def test_a_primary_that_refuses_writes_makes_the_next_call_ask_anew(
    refused: str, three: list[FakeSentinel], ports: tuple[int, int], servers: dict[int, Server], only_when_asked: None
) -> None:
    one, other = ports
    with linked(three) as link, servers[one].client() as admin:
        link.run("check", 0)
        if refused == "NOREPLICAS":
            admin.config_set("min-replicas-to-write", 1)
        else:
            admin.replicaof("127.0.0.1", 1)
        with pytest.raises(StoreUnavailable, match=refused):
            link.run("check", 0)
        for it in three:  # not before: a look of the beginning may still be under way, and would lead away at once
            it.names(other)
        link.run("check", 0)
        assert where(link) == other


def test_a_sentinel_that_was_restarted_is_asked_again(
    three: list[FakeSentinel], ports: tuple[int, int], only_when_asked: None
) -> None:
    with linked(three) as link:
        assert where(link) == ports[0]
        for it in three:
            it.hang_up()
            it.names(ports[1])
        link.client.connection_pool.disconnect(inuse_connections=False)
        assert where(link) == ports[1]


def test_while_nothing_happens_each_sentinel_is_asked_about_twice_a_second_and_after_close_not_at_all(
    three: list[FakeSentinel],
) -> None:
    def threads() -> list[threading.Thread]:
        return [it for it in threading.enumerate() if it.name.startswith("sentinel-")]

    before = len(threads())
    with linked(three) as link:
        where(link)
        began, asked = time.monotonic(), [it.asked for it in three]
        wait_until(lambda: all(it.asked >= more + 2 for it, more in zip(three, asked, strict=True)), 20, "looks")
        assert time.monotonic() - began > 0.4
        assert len(threads()) == before + 3
    wait_until(lambda: len(threads()) == before, 20, "an end of those who ask")


def test_a_process_that_nobody_uses_the_store_in_any_more_asks_no_sentinel(three: list[FakeSentinel]) -> None:
    link = Link(connect(url(three), TIMEOUT), pause=0)
    where(link)
    threads = [it for it in threading.enumerate() if it.name.startswith("sentinel-")]
    assert len(threads) >= 3
    del link

    def over() -> bool:
        gc.collect()
        return not any(it.is_alive() for it in threads)

    wait_until(over, 20, "an end of those who ask")


def test_where_no_thread_can_be_started_the_store_is_away_until_one_can(
    three: list[FakeSentinel], ports: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with linked(three, 1) as link:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_thread)
            assert "does not answer in time" in refusal(link)
        wait_until(lambda: _answers(link), 20, "a call that succeeds")
        assert where(link) == ports[0]


def _answers(link: Link) -> bool:
    try:
        where(link)
    except StoreUnavailable:
        return False
    return True


_FORKS = """
import os, sys
from scheduler import Link, connect
link = Link(connect(sys.argv[1], 5), pause=0)
assert link.client.get("port") == sys.argv[2].encode()
child = os.fork()
assert link.client.get("port") == sys.argv[2].encode()
link.client.connection_pool.disconnect(inuse_connections=False)
assert link.client.get("port") == sys.argv[2].encode()
if not child:
    os._exit(0)
_, status = os.waitpid(child, 0)
sys.exit(status)
"""


def test_after_a_fork_both_processes_find_the_primary(three: list[FakeSentinel], ports: tuple[int, int]) -> None:
    command = [sys.executable, "-W", "ignore", "-c", _FORKS, url(three), str(ports[0])]
    subprocess.run(command, check=True, timeout=120)


def test_many_threads_that_lose_their_connections_at_once_all_find_the_new_primary(
    three: list[FakeSentinel], ports: tuple[int, int], servers: dict[int, Server]
) -> None:
    one, other = ports
    found: list[int] = []
    with linked(three) as link:
        together = threading.Barrier(33, timeout=60)

        def call() -> None:
            for _ in range(2):
                together.wait()
                found.append(where(link))
                together.wait()

        threads = [threading.Thread(target=call) for _ in range(32)]
        for thread in threads:
            thread.start()
        together.wait()
        together.wait()
        for it in three:
            it.names(other)
        servers[one].client().client_kill_filter(_type="normal")
        together.wait()
        together.wait()
        for thread in threads:
            thread.join(60)
    assert found == [one] * 32 + [other] * 32


def test_a_sentinel_that_lets_nobody_in_is_named_and_its_password_is_not(
    three: list[FakeSentinel], ports: tuple[int, int]
) -> None:
    for it in three:
        it.password = b"old&new"
    link = Link(connect(url(three, "?sentinel_password=hunter2"), TIMEOUT), pause=0)
    said = refusal(link)
    link.client.close()
    assert "invalid username-password pair" in said
    assert "hunter2" not in said
    link = Link(connect(url(three, "?sentinel_username=me&sentinel_password=old%26new"), TIMEOUT), pause=0)
    assert where(link) == ports[0]
    link.client.close()
