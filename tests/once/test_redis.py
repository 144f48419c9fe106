"""Through Redis and Valkey: mark and effect are in one MULTI."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import redis
from redis.client import Pipeline

from tests.bench.servers import Server
from tests.faults.wire import Net
from timer_service.once.redis import KEEP, NotInOneTransaction, PartlyDone, first_time, key_of


@pytest.fixture(params=["valkey", "redis"])
def running(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture
def store(running: Server) -> Iterator[redis.Redis]:
    with running.client() as it:
        it.flushall()
        yield it


def count(pipe: Pipeline) -> None:
    pipe.incr("effects")


def counted(store: redis.Redis) -> int:
    return int(store.get("effects") or 0)


class Failure(Exception):
    """What an effect ends with."""


def test_a_webhook_has_its_effect_once_however_often_it_comes(store: redis.Redis) -> None:
    assert [first_time(store, "a", count) for _ in range(3)] == [True, False, False]
    assert counted(store) == 1


def test_whether_answers_are_decoded_changes_nothing(running: Server) -> None:
    with redis.Redis(unix_socket_path=str(running.socket), decode_responses=True) as client:
        client.flushall()
        assert [first_time(client, "a", count) for _ in range(2)] == [True, False]


def test_an_effect_that_raises_leaves_nothing(store: redis.Redis) -> None:
    def fail(pipe: Pipeline) -> None:
        pipe.incr("effects")
        raise Failure

    with pytest.raises(Failure):
        first_time(store, "a", fail)
    assert store.keys() == []
    assert first_time(store, "a", count)


def test_what_the_server_refuses_before_it_runs_leaves_nothing(store: redis.Redis) -> None:
    def unknown(pipe: Pipeline) -> None:
        pipe.incr("effects")
        pipe.execute_command("NO.SUCH")  # type: ignore[no-untyped-call]

    with pytest.raises(redis.ResponseError, match=r"(?i)unknown command"):
        first_time(store, "a", unknown)
    assert store.keys() == []


def test_a_store_that_is_full_takes_neither(own_server: Server) -> None:
    with own_server.client() as store:
        store.config_set("maxmemory", 1)
        with pytest.raises(redis.RedisError):
            first_time(store, "a", count)
        store.config_set("maxmemory", 0)
        assert store.keys() == []
        assert first_time(store, "a", count)


def test_an_effect_of_which_a_command_failed_is_said_to_be_so_each_time_and_never_to_be_done(
    store: redis.Redis,
) -> None:
    store.set("text", "x")

    def half(pipe: Pipeline) -> None:
        pipe.incr("effects")
        pipe.lpush("text", "y")

    with pytest.raises(PartlyDone, match="WRONGTYPE"):
        first_time(store, "a", half)
    for _ in range(2):
        with pytest.raises(PartlyDone):
            first_time(store, "a", half)
    assert counted(store) == 1
    assert 0 < int(store.pttl(key_of("a"))) <= KEEP.total_seconds() * 1000


def test_the_mark_goes_after_its_time_and_not_before(store: redis.Redis) -> None:
    assert first_time(store, "a", count, keep=timedelta(days=7))
    left = int(store.pttl(key_of("a")))
    assert timedelta(days=6) < timedelta(milliseconds=left) <= timedelta(days=7)
    with pytest.raises(ValueError, match="keep: a positive"):
        first_time(store, "b", count, keep=timedelta(0))


def test_ids_are_told_apart_by_case_and_by_scope(store: redis.Redis) -> None:
    keys = {key_of(it, scope) for it in ("abc", "ABC", "abc-2", "c:abc") for scope in ("default", "Default", "b")}
    assert len(keys) == 12
    for scope in ("default", "b"):
        assert first_time(store, "abc", count, scope=scope)
    with pytest.raises(ValueError, match="webhook_id"):
        first_time(store, "", count)


def test_of_eight_that_come_at_once_one_acts(running: Server, store: redis.Redis) -> None:
    def receive(_: int) -> int:
        with running.client() as client:
            return sum(first_time(client, f"id-{n}", count) for n in range(50))

    with ThreadPoolExecutor(8) as eight:
        told = list(eight.map(receive, range(8)))
    assert sum(told) == counted(store) == 50


def test_one_that_is_overtaken_meanwhile_does_not_act(running: Server, store: redis.Redis) -> None:
    def overtaken(pipe: Pipeline) -> None:
        with running.client() as other:
            assert first_time(other, "a", count)
        count(pipe)

    assert not first_time(store, "a", overtaken)
    assert counted(store) == 1


@pytest.mark.parametrize("runs", [True, False])
def test_an_effect_whose_answer_is_lost_is_not_made_again(running: Server, store: redis.Redis, runs: bool) -> None:
    """Whether the transaction ran or its connection was lost before."""
    net = Net(running.folder)
    wire = net.wire(running.socket)
    try:
        with redis.Redis(unix_socket_path=str(wire.path)) as client:
            client.ping()
            if runs:
                wire.lose_reply(b"EXEC")
            else:
                wire.lose_reply(b"WATCH")
            assert first_time(client, "a", count)
            assert wire.lost == 1
            assert not first_time(client, "a", count)
    finally:
        net.close()
        wire.path.unlink(missing_ok=True)
    assert counted(store) == 1


# What is no single transaction.


def test_a_pipeline_of_the_callers_own_is_refused(store: redis.Redis) -> None:
    for transaction in (True, False):
        with store.pipeline(transaction=transaction) as pipe, pytest.raises(TypeError, match=r"redis\.Redis is needed"):
            first_time(pipe, "a", count)
    assert store.keys() == []


def test_an_effect_that_runs_its_transaction_itself_is_refused_and_not_made_again(store: redis.Redis) -> None:
    def runs(pipe: Pipeline) -> None:
        pipe.incr("effects")
        pipe.execute()

    with pytest.raises(NotInOneTransaction, match="effect must only queue commands"):
        first_time(store, "a", runs)
    assert not first_time(store, "a", runs)
    assert counted(store) == 1


def test_an_asynchronous_client_is_refused(running: Server) -> None:
    async def ask() -> None:
        from redis.asyncio import Redis

        client: Any = Redis(unix_socket_path=str(running.socket))
        try:
            first_time(client, "a", count)
        finally:
            await client.aclose()

    with pytest.raises(TypeError, match=r"redis\.Redis is needed"):
        asyncio.run(ask())


#: As docs/once.md has it.
_SCRIPT = """
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return 0 end
redis.call('INCR', KEYS[2])
return 1
"""


def test_a_script_of_the_callers_own_marks_under_the_same_key(store: redis.Redis) -> None:
    milliseconds = int(KEEP.total_seconds() * 1000)
    told = [store.eval(_SCRIPT, 2, key_of("a"), "effects", milliseconds) for _ in range(2)]
    assert told == [1, 0]
    assert not first_time(store, "a", count)
    assert counted(store) == 1
