"""A store says how it is laid out, and whoever cannot serve it so is told what to do, also once it is under way."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient

from scheduler import Claims, Draft, Link, Settings, StoreUnsuitable, Timers, Webhook, connect
from scheduler.store import keys, layout
from scheduler.store.health import Health
from scheduler.store.record import encode
from scheduler.timer import Timer
from tests.bench.servers import Server
from tests.bench.store import Bench
from timer_service import create_app

REFUSED = [
    (b"format=2 partitions=1 born=1", "format 2.*later one"),
    (b"format=1 partitions=1 born=1 moved=redis://other/0", "moved to redis://other/0"),
    (b"format=1 partitions=4 born=1", "partitions=4"),
    (b"format=one", "cannot be read"),
    (b"\xff\x00", "cannot be read"),
]


def test_an_empty_store_is_laid_out_in_every_partition_by_whoever_comes_first(client: redis.Redis) -> None:
    bench = Bench(client, partitions=4)
    bench.schedule()
    found = [layout.read(bench.client.get(keys.layout(partition))) for partition in range(4)]
    assert [(it.format, it.partitions, it.born) for it in found] == [(1, 4, str(bench.now))] * 4
    assert client.get(keys.layout(4)) is None


def test_a_process_takes_the_partitions_from_the_layout(client: redis.Redis) -> None:
    timers = [Bench(client, partitions=16).schedule(tags=("t",)) for _ in range(40)]
    others = Link(client)
    assert others.partitions == 16
    assert {Timers(others, keep_cancelled_ms=1).get(timer.id).id for timer in timers} == {timer.id for timer in timers}


def test_what_one_node_of_many_has_lost_is_laid_out_like_the_others(client: redis.Redis) -> None:
    bench = Bench(client, partitions=4)
    bench.schedule()
    client.delete(keys.layout(0), *client.keys(keys.prefix(0) + "[^c]*"))  # but for the bench's clock
    assert Link(client).partitions == 4
    assert client.get(keys.layout(0)) is not None


@pytest.mark.parametrize(("found", "said"), REFUSED)
def test_a_store_that_this_version_cannot_serve_is_refused_before_anything_is_written(
    client: redis.Redis, found: bytes, said: str
) -> None:
    client.set(keys.layout(0), found)
    with pytest.raises(StoreUnsuitable, match=said):
        Bench(client, partitions=1).schedule()
    assert set(client.keys("timers:{0}:*")) == {b"timers:{0}:layout", b"timers:{0}:clock"}


@pytest.mark.parametrize("left", ["marker", "scheduled", "delivered"])
def test_a_store_of_a_version_before_the_first_kept_format_is_refused_by_name(client: redis.Redis, left: str) -> None:
    if left == "marker":
        client.set("timers:{0}:marker", "x")
    else:
        client.zadd(f"timers:{{0}}:{left}", {"0" * 22: 1})
    with pytest.raises(StoreUnsuitable, match=r"before 0\.2\.0.*empty store"):
        Bench(client).schedule()
    assert client.get(keys.layout(0)) is None


def test_partitions_are_never_changed_in_place(client: redis.Redis) -> None:
    Bench(client, partitions=16).schedule()
    with pytest.raises(StoreUnsuitable, match=r"partitions=16.*wants 1"):
        Bench(client, partitions=1).schedule()


def _changing(bench: Bench, timer: Timer, failed: Timer) -> dict[str, Callable[[], Any]]:
    draft = Draft(id=bench.timers.new_id("k"), webhook=Webhook("http://h/other"), delay_ms=9, key="k")
    return {
        "schedule": lambda: bench.schedule(),
        "claim": lambda: bench.claims.claim(1),
        "change": lambda: bench.changes.change(timer.id, lambda _: draft),
        "fire": lambda: bench.timers.fire(timer),
        "replay": lambda: bench.timers.replay(failed),
        "supersede": lambda: bench.link.run("supersede", 0, [timer.id, 0, 1, draft.id, 9, encode(draft.webhook, "k")]),
        "cancel": lambda: bench.timers.cancel(timer.id),
    }


@pytest.mark.parametrize(("found", "said"), REFUSED[:3])
def test_a_store_that_is_moved_or_upgraded_under_way_refuses_every_change_by_old_processes(
    client: redis.Redis, found: bytes, said: str
) -> None:
    from tests.store.test_claims import claim, ended

    bench = Bench(client, partitions=1)
    failed = bench.schedule()
    bench.claims.settle([ended(it) for it in claim(bench.claims)])
    failed, timer = bench.timers.get(failed.id), bench.schedule(1000, key="k")
    calls = _changing(bench, timer, failed)
    own = client.get(keys.layout(0))
    client.set(keys.layout(0), found)
    before = {key: client.dump(key) for key in client.keys("*")}
    for name, call in calls.items():
        with pytest.raises(StoreUnsuitable, match=said) as raised:
            call()
        assert not raised.value.maybe_done, name
    assert {key: client.dump(key) for key in client.keys("*")} == before
    assert not bench.claims.unanswered
    client.set(keys.layout(0), own)  # type: ignore[arg-type]
    for call in calls.values():
        call()


def test_words_of_a_layout_that_this_version_does_not_know_are_kept_and_change_nothing(client: redis.Redis) -> None:
    words = b"format=1 partitions=1 born=7 history=1 x=y"
    client.set(keys.layout(0), words)
    bench = Bench(client)
    bench.schedule()
    assert len(bench.claims.claim(1).claims) == 1
    assert client.get(keys.layout(0)) == words


def test_a_store_that_comes_back_empty_under_way_is_laid_out_again_by_the_first_that_writes(
    client: redis.Redis,
) -> None:
    bench = Bench(client, partitions=4)
    bench.schedule()
    client.flushall()
    bench.set_clock(bench.now + 1)
    for _ in range(20):
        bench.schedule()
    for _ in range(4):  # a claim looks at one partition after the other, wherever it begins
        bench.claims.claim(0)
    for partition in range(4):
        said = layout.read(bench.client.get(keys.layout(partition)))
        assert (said.partitions, said.born) == (4, str(bench.now))


# Every process says it in the same words.


@pytest.fixture
def web(valkey_server: Server) -> FlaskClient:
    valkey_server.client().flushall()
    return create_app(Settings(), Link(connect(valkey_server.url, 5))).test_client()


@pytest.mark.parametrize(("found", "said"), [(REFUSED[0][0], "reads up to format 1"), (REFUSED[1][0], "moved to")])
@pytest.mark.parametrize("under_way", [False, True])
def test_readyz_and_creates_say_why_a_store_cannot_be_served(
    valkey_server: Server, web: FlaskClient, found: bytes, said: str, under_way: bool
) -> None:
    if under_way:
        assert web.post("/timers", json={"url": "http://h/", "seconds": 60}).status_code == 201
    valkey_server.client().set(keys.layout(0), found)
    for answer in (web.get("/readyz"), web.post("/timers", json={"url": "http://h/", "seconds": 60})):
        assert (answer.status_code, said in answer.get_json()["detail"]) == (503, True), answer.text


def test_a_store_that_came_back_empty_is_warned_about_by_who_saw_it_before(valkey_server: Server) -> None:
    valkey_server.client().flushall()
    health = Health(Link(connect(valkey_server.url, 5)), clock=count().__next__)
    health.check()
    assert not [it for it in health.check().warnings if "came back empty" in it]
    assert not health.state().was_emptied
    valkey_server.client().flushall()
    assert [it for it in health.check().warnings if "came back empty" in it]
    assert [it for it in health.check().warnings if "came back empty" in it]
    assert health.state().was_emptied
    later = Health(Link(connect(valkey_server.url, 5)))
    assert not [it for it in later.check().warnings if "came back empty" in it]


def test_a_claim_reads_the_layout_in_the_one_round_trip_that_it_is(valkey_server: Server) -> None:
    server = valkey_server.client()
    server.flushall()
    claims = Claims(
        Link(connect(valkey_server.url, 5)),
        poller="one",
        share=1,
        lease_ms=1000,
        keep_delivered_ms=1,
        keep_failed_ms=1,
        keep_finished=1,
    )
    claims.claim(1)
    server.config_resetstat()
    claims.claim(1)
    found: Any = server.info("commandstats")
    assert found["cmdstat_evalsha"]["calls"] == 1
    assert found["cmdstat_get"]["calls"] == 2  # the layout, and when somebody claimed last
    assert found["cmdstat_mget"]["calls"] == 1  # the poller's last claim, and what is held
