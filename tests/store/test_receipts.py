"""Waiting for what was written, on a connection of one's own: which commands, in which order, what their answers mean.

The connection is one that the test answers by itself; real servers are in test_durable_servers.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import redis

from scheduler import CannotPromise, Durability, Link, Receipt, StoreUnavailable, TooManyWaits
from scheduler.store import keys
from scheduler.store.receipts import DurableWrites, Receipts
from timer_service.testing.memory_store import MemoryStore

FSYNC, TWO_REPLICAS = Durability(fsync=True), Durability(replicas=2)
REDIS = {"redis_version": "8.2.3", "aof_enabled": 1}
RECEIPTS = keys.receipts(0)
Answer = Callable[[tuple[Any, ...]], Any]


class Connection:
    """Notes what it is sent, and has each command answered by `answer`; what that raises is raised by the read."""

    def __init__(self, answer: Answer) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.disconnected = 0
        self.answer = answer
        self._unread: list[tuple[Any, ...]] = []

    def send_command(self, *words: Any) -> None:
        self.send_packed_command([words])

    def pack_commands(self, commands: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        return list(commands)

    def send_packed_command(self, commands: list[tuple[Any, ...]]) -> None:
        self.sent += commands
        self._unread += commands

    def can_read(self, timeout: float) -> bool:
        return self.answer is not never

    def read_response(self) -> Any:
        reply = self.answer(self._unread.pop(0))
        if isinstance(reply, Exception):
            raise reply
        return reply

    def disconnect(self) -> None:
        self.disconnected += 1


class Pool:
    """One connection, which must be given back."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.taken = connection, 0

    def get_connection(self) -> Connection:
        self.taken += 1
        return self.connection

    def release(self, connection: Connection) -> None:
        self.taken -= 1


class FakeClient(MemoryStore):
    """Its scripts run nowhere: they are sent on the pool's connection."""

    told: Any = REDIS
    append_fsync = "everysec"
    unknown: tuple[str, ...] = ()

    def info(self, *_: Any, **__: Any) -> Any:
        if isinstance(self.told, Exception):
            raise self.told
        return self.told

    def execute_command(self, *words: Any, **options: Any) -> Any:
        if words[0] in ("INCR", "WAIT", "WAITAOF"):
            if words[0] in self.unknown:
                raise redis.ResponseError(f"unknown command '{words[0]}'")
            return well(words)
        return super().execute_command(*words, **options)  # type: ignore[no-untyped-call]

    def config_get(self, *_: Any, **__: Any) -> Any:
        return {"appendfsync": self.append_fsync}


def well(command: tuple[Any, ...]) -> Any:
    """A store with two replicas that reaches all there is to reach."""
    return {"INCR": 7, "WAIT": 2, "WAITAOF": [1, 0], "EVALSHA": [b"done"], "SCRIPT": b"sha"}[command[0]]


def never(_command: tuple[Any, ...]) -> Any:
    raise AssertionError("nothing is there to be read")


@contextmanager
def durable(
    answer: Answer = well, asked: Durability = TWO_REPLICAS, threads: int = 4, **client: Any
) -> Iterator[tuple[DurableWrites, Connection, Receipts]]:
    fake = FakeClient()
    for name, value in client.items():
        setattr(fake, name, value)
    receipts = Receipts(Link(fake), timeout=0.05, threads=threads, patience=0.01)
    connection = Connection(answer)
    receipts.script("set")  # lays the store out over the fake itself
    fake.connection_pool, real = Pool(connection), fake.connection_pool  # type: ignore[assignment]
    try:
        with receipts.writes(asked) as writes:
            yield writes, connection, receipts
        assert fake.connection_pool.taken == 0  # type: ignore[attr-defined]
    finally:
        fake.connection_pool = real
        fake.close()


def test_the_wait_follows_the_script_and_a_write_of_its_own_on_the_same_connection() -> None:
    with durable() as (writes, connection, _):
        writes.run("set", 0, [0])
        assert writes.wait() == Receipt(TWO_REPLICAS, fsync=True, replicas=2)
    assert [it[0] for it in connection.sent] == ["EVALSHA", "INCR", "WAIT", "WAITAOF"]
    increment, (*wait, patience), waitaof = connection.sent[1:]
    assert (increment, wait, waitaof) == (("INCR", RECEIPTS), ["WAIT", 2], ("WAITAOF", 0, 0, 1))
    assert 1 <= patience <= 50


def test_where_nothing_was_written_nothing_is_reached() -> None:
    with durable() as (writes, connection, _):
        assert writes.wait() == Receipt(TWO_REPLICAS)
    assert connection.sent == []


def test_many_scripts_are_waited_for_once() -> None:
    with durable() as (writes, connection, _):
        for _ in range(10):
            writes.run("set", 0, [0])
        writes.wait()
    assert [it[0] for it in connection.sent].count("WAIT") == 1


def test_fsync_waits_for_the_disk_of_the_store_alone_and_tells_how_many_replicas_have_it() -> None:
    with durable(asked=FSYNC) as (writes, connection, _):
        writes.run("set", 0, [0])
        assert writes.wait() == Receipt(FSYNC, fsync=True, replicas=2)
    (_, increment, (*waitaof, patience), wait) = connection.sent
    assert (increment, waitaof, wait) == (("INCR", RECEIPTS), ["WAITAOF", 1, 0], ("WAIT", 0, 1))
    assert 1 <= patience <= 50


def test_of_a_store_that_cannot_tell_its_disk_is_not_asked() -> None:
    with durable(told={"redis_version": "7.0.15", "aof_enabled": 1}) as (writes, connection, _):
        writes.run("set", 0, [0])
        assert writes.wait() == Receipt(TWO_REPLICAS, fsync=False, replicas=2)
    assert [it[0] for it in connection.sent] == ["EVALSHA", "INCR", "WAIT"]


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("Connection closed by server."),
        redis.TimeoutError("Timeout reading from socket"),
        redis.ResponseError("UNBLOCKED force unblock from blocking operation, instance state changed"),
        redis.exceptions.ReadOnlyError("You can't write against a read only replica."),
        redis.exceptions.NoPermissionError("this user has no permissions to run the 'wait' command"),
    ],
)
@pytest.mark.parametrize("at", ["INCR", "WAIT"])
def test_a_wait_that_fails_has_reached_nothing_and_its_connection_is_used_no_more(error: Exception, at: str) -> None:
    with durable(lambda command: error if command[0] == at else well(command)) as (writes, connection, receipts):
        writes.run("set", 0, [0])
        assert writes.wait() == Receipt(TWO_REPLICAS)
    assert connection.disconnected == 1
    assert not receipts.link.failures, "a wait counts as no failure of the store"


def test_a_wait_that_is_never_answered_ends() -> None:
    with durable() as (writes, connection, receipts):
        writes.run("set", 0, [0])
        connection.answer = never
        assert writes.wait() == Receipt(TWO_REPLICAS)
    assert connection.disconnected == 1
    receipts.link.servers()[0].info()  # no breaker is open


def test_after_a_lost_connection_nothing_is_asked_of_another_one() -> None:
    """What was written is known to the server of the first, if to any: a wait on a second would tell of nothing."""
    with durable(lambda _: redis.ConnectionError("gone")) as (writes, connection, _):
        with pytest.raises(StoreUnavailable) as raised:
            writes.run("set", 0, [0])
        assert raised.value.maybe_done
        sent = len(connection.sent)
        with pytest.raises(StoreUnavailable):
            writes.run("set", 0, [0])
        assert writes.wait() == Receipt(TWO_REPLICAS)
        assert len(connection.sent) == sent


def test_a_connection_to_what_has_become_a_replica_is_not_given_back_as_it_is() -> None:
    """Else the next request would take it, and be refused too, for as long as the replica lives."""
    error = redis.exceptions.ReadOnlyError("You can't write against a read only replica.")
    with durable(lambda _: error) as (writes, connection, _):
        with pytest.raises(StoreUnavailable, match="refuses script set"):
            writes.run("set", 0, [0])
        assert connection.disconnected == 1


def test_a_script_that_the_store_does_not_know_is_loaded_on_the_same_connection() -> None:
    loaded: list[Any] = []

    def answer(command: tuple[Any, ...]) -> Any:
        if command[0] == "SCRIPT":
            loaded.append(command)
        if command[0] == "EVALSHA" and not loaded:
            return redis.exceptions.NoScriptError("No matching script.")
        return well(command)

    with durable(answer) as (writes, connection, _):
        assert writes.run("set", 0, [0]) == [b"done"]
    assert [it[0] for it in connection.sent] == ["EVALSHA", "SCRIPT", "EVALSHA"]


def test_what_the_store_cannot_promise_is_refused_before_anything_is_sent() -> None:
    with (
        pytest.raises(CannotPromise, match="no append-only file"),
        durable(asked=FSYNC, told={"redis_version": "8.2.3", "aof_enabled": 0}),
    ):
        raise AssertionError("it was begun")
    with (
        pytest.raises(CannotPromise, match="refuses INFO"),
        durable(asked=FSYNC, told=redis.ResponseError("NOPERM no permissions to run the 'info' command")),
    ):
        raise AssertionError("it was begun")
    for command in ("INCR", "WAIT"):
        with pytest.raises(CannotPromise, match=f"refuses {command}"), durable(unknown=(command,)):
            raise AssertionError("it was begun")
    with (
        pytest.raises(CannotPromise, match="refuses WAITAOF"),
        durable(asked=FSYNC, unknown=("WAITAOF",)),
    ):
        raise AssertionError("it was begun")


def test_what_a_store_can_promise_is_looked_up_again_after_a_while() -> None:
    now = 0.0
    with durable() as (_, _, receipts):
        client: Any = receipts.link.client
        receipts._promises._clock, receipts._promises._told_at = (lambda: now), 0.0
        client.told = {**REDIS, "aof_enabled": 0}
        with receipts.writes(FSYNC):
            pass
        now = 6.0
        with pytest.raises(CannotPromise), receipts.writes(FSYNC):
            pass


def test_half_of_the_threads_may_wait_and_a_quarter_for_their_turn() -> None:
    told: list[bool] = []
    with durable(threads=8) as (_, _, receipts), ExitStack() as others:
        for _ in range(3):
            others.enter_context(receipts.writes(TWO_REPLICAS))
        waiting = [threading.Thread(target=_refused, args=(receipts, told)) for _ in range(4)]
        for it in waiting:
            it.start()
        for it in waiting:
            it.join(20)
        assert told == [True] * 4
    with receipts.writes(TWO_REPLICAS):
        pass  # all places are free again


def _refused(receipts: Receipts, told: list[bool]) -> None:
    try:
        with receipts.writes(TWO_REPLICAS):
            told.append(False)
    except TooManyWaits:
        told.append(True)
