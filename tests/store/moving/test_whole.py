"""All that one store has stands in the other, whatever their partitions are, and goes on there."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from scheduler import (
    DestinationSettings,
    Query,
    Rate,
    Repeats,
    Signing,
    Stats,
    StoreUnsuitable,
)
from scheduler.holds.sums import Sum
from scheduler.store.record import destination_tag
from tests.bench.cluster import Cluster
from tests.bench.cluster_store import ClusterClient
from tests.bench.moving import Place, flush, heads_are_right, moved, told, whole, without_clock
from tests.bench.servers import Server
from tests.bench.store import LEASE, Bench, HandSetRedis
from tests.store.formats.files import all_timers, tell, tell_schedule
from tests.store.formats.kinds import make

LIMITED, PAUSED, SIGNED = "http:limited.example:80", "http:paused.example:80", "http:signed.example:80"
#: What is counted in each partition by itself, or of the latest in each.
_OF_PARTITIONS = ("lateness_p50_ms", "lateness_p99_ms", "waiting_destinations")


def bench_of(place: Place, partitions: int) -> Bench:
    client: Any = (
        ClusterClient(place) if isinstance(place, Cluster) else HandSetRedis(unix_socket_path=str(place.socket))
    )
    return Bench(client, partitions)


def fill(bench: Bench) -> None:
    """Every kind of what a store can hold."""
    store = bench.store()
    store.unread.begin()
    make(bench)
    bench.destinations.put(LIMITED, DestinationSettings(rate=Rate(2, 1000), concurrency=3))
    bench.destinations.put(SIGNED, DestinationSettings(signing=Signing.SERVICE))
    bench.destinations.rotate_secret(SIGNED)
    bench.destinations.put(SIGNED, DestinationSettings(signing=Signing.OWN))
    bench.destinations.pause(PAUSED, "a release", "ann")
    bench.destinations.pause("http:back.example:80", "", "ann")
    bench.destinations.resume("http:back.example:80")
    for number in range(12):
        bench.schedule(url=f"http://paused.example/{number}", priority=number % 2 * 30)
    bench.claims.claim(10)
    busy = (f"http://busy-{n}.example/" for n in range(9))
    bench.claims.observe([Sum(destination_tag(it), it, 5, 1, 50, "timeout", bench.now) for it in busy])
    store.sessions.begin("a token", "ann", 86_400_000)


def totals(stats: Stats) -> dict[str, Any]:
    return {it.name: getattr(stats, it.name) for it in fields(stats) if it.name not in _OF_PARTITIONS}


def says(bench: Bench) -> dict[str, Any]:
    """What the service would tell of it."""
    store = bench.store()
    return {
        "timers": {it.id: tell(bench, it) for it in all_timers(bench)},
        "schedules": [tell_schedule(it) for it in bench.schedules.page().schedules],
        "stats": totals(bench.timers.stats()),
        "minutes": bench.activity.minutes(60),
        "destinations": {it.id: it for it in bench.destinations.page(limit=100).destinations},
        "held": bench.destinations.held(),
        "failing": {destination_tag(it.sample.webhook.url): it.last_at for it in bench.activity.failing()},
        "by tag": [it.id for it in bench.listing.page(Query(tag="again")).timers],
        "by key": bench.timers.find("held"),
        "session": store.sessions.holder("a token"),
        "unread": store.unread.backlog(),
    }


def moves_unchanged(source: Place, said: dict[str, Any], now: int, target: Place, partitions: int) -> None:
    """`said`: by the source, at that moment."""
    without_clock(source)
    expected = whole(source)

    assert moved(source, target, partitions) == len(said["timers"])

    assert whole(target) == expected
    assert {it: len(at) for it, at in told(target).items()} == dict.fromkeys(told(source), partitions)
    heads_are_right(target)
    assert whole(source) == expected  # nothing is gone: it is the backup
    new = bench_of(target, partitions)
    new.set_clock(now)
    assert says(new) == said
    new.check()
    answer = Repeats(new.link).begin("scope", "answered", {"url": "http://h/"}).answer
    assert answer == ["id", {"a": 1}]


def test_all_that_is_stored_stands_unchanged_on_nodes_of_a_cluster_and_on_one_server_again(
    one: Server, nodes: Cluster, other: Server
) -> None:
    old = bench_of(one, 1)
    fill(old)
    said, now = says(old), old.now
    moves_unchanged(one, said, now, nodes, 16)
    moves_unchanged(nodes, said, now, other, 2)
    flush(one, nodes)
    moves_unchanged(other, said, now, one, 8)
    flush(other)
    moves_unchanged(one, said, now, other, 4)


def test_all_that_several_partitions_have_counted_and_seen_stands_unchanged_in_one(one: Server, other: Server) -> None:
    old = bench_of(one, 8)
    fill(old)
    moves_unchanged(one, says(old), old.now, other, 1)


def test_what_was_due_or_claimed_is_taken_in_the_new_store_once_and_nothing_in_the_old_one(
    one: Server, other: Server
) -> None:
    """A claim of a poller that died is taken back like any other: the attempt is marked, or never made again."""
    old = bench_of(one, 1)
    ids = [old.schedule(url=f"http://due-{n % 3}.example/").id for n in range(20)]
    gone = old.claims.claim(5).claims
    without_clock(one)
    moved(one, other, 4)
    with pytest.raises(StoreUnsuitable, match="was moved to unix:"):
        old.claims.claim(100)
    with pytest.raises(StoreUnsuitable, match="was moved to unix:"):
        old.schedule()
    new = bench_of(other, 4)
    new.set_clock(old.now)
    claims = [*new.claims.claim(100).claims]
    assert {it.id for it in claims} == {*ids} - {it.id for it in gone}
    new.alive(LEASE + 1)
    again = {it.id: it.redelivery for _ in range(4) for it in new.claims.claim(100).claims}
    assert again.keys() >= {it.id for it in gone}
    assert all(again[it.id] == "lease-expired" for it in gone)
