"""Pollers are seen by what they claim and renew."""

from __future__ import annotations

import pytest

from scheduler import PollerSeen
from scheduler.store import keys
from scheduler.store.room import Load, Room
from tests.bench.store import LEASE, START, Bench

HOUR = 3_600_000


def test_a_poller_is_seen_with_what_it_had_under_way_after_its_claim(bench: Bench) -> None:
    for _ in range(3):
        bench.schedule()
    taken = bench.claims.claim(10, load=Load(in_flight=5, slots=64)).claims
    assert len(taken) == 3
    assert bench.activity.pollers().pollers == [PollerSeen("one", START, 8, 64)]
    bench.advance(1000)
    bench.poller("another").claim(0, load=Load(0, 8))
    assert bench.activity.pollers().read_at == START + 1000
    assert bench.activity.pollers().pollers == [
        PollerSeen("another", START + 1000, 0, 8),
        PollerSeen("one", START, 8, 64),
    ]


def test_one_whose_slots_are_all_taken_is_seen_when_it_renews(bench: Bench) -> None:
    bench.schedule()
    taken = [it for _ in range(bench.partitions) for it in bench.claims.claim(1).claims]
    bench.advance(LEASE // 3)
    bench.claims.renew([(it, LEASE) for it in taken], Load(1, 1))
    assert bench.activity.pollers().pollers == [PollerSeen("one", START + LEASE // 3, 1, 1)]


def test_one_that_asks_whether_it_may_renew_is_not_taken_for_a_poller_without_a_name(bench: Bench) -> None:
    bench.claims.claim(0)
    assert [it.name for it in bench.activity.pollers().pollers] == ["one"]


@pytest.mark.one_partition
def test_a_poller_that_was_not_seen_for_an_hour_is_not_told_and_forgotten_when_a_new_one_comes(bench: Bench) -> None:
    for _ in range(bench.partitions):  # each looks at one
        bench.claims.claim(0)
    bench.advance(HOUR)
    assert [it.name for it in bench.activity.pollers().pollers] == ["one"]
    bench.advance(1)
    assert bench.activity.pollers().pollers == []
    pollers = f"{keys.prefix(bench.home)}pollers"
    assert bench.client.zcard(pollers) == 1
    new = bench.poller("new")
    for _ in range(bench.partitions):
        new.claim(0)
    assert bench.client.zrange(pollers, 0, -1) == [b"new"]
    assert bench.client.hkeys(f"{keys.prefix(bench.home)}loads") == [b"new"]


@pytest.mark.one_partition
def test_a_thousand_are_remembered_and_the_longest_silent_goes(bench: Bench) -> None:
    root = keys.prefix(bench.home)
    names = [f"p{number}" for number in range(1000)]
    bench.client.zadd(f"{root}pollers", {name: START + number for number, name in enumerate(names)})
    bench.client.hset(f"{root}loads", mapping=dict.fromkeys(names, "1 2"))
    bench.advance(5000)
    args: list[str | int] = ["new", "fence", 0, 1, LEASE, 1, 1, *Room().words(()), *Load(), ""]
    bench.link.run("claim", bench.home, args)
    found = {it.name for it in bench.activity.pollers().pollers}
    assert (len(found), {"new", "p1"} <= found, "p0" in found) == (1000, True, False)
    assert bench.client.hlen(f"{root}loads") == 1000


def test_a_poller_with_an_odd_name_and_one_whose_load_is_not_known_are_told(bench: Bench) -> None:
    bench.poller("a b=c\n\xe9").claim(0, load=Load(1, 2))
    bench.client.zadd(f"{keys.prefix(0)}pollers", {b"\xff": START})
    seen = bench.activity.pollers().pollers
    assert seen == [PollerSeen("a b=c\n\xe9", START, 1, 2), PollerSeen("\N{REPLACEMENT CHARACTER}", START, 0, 0)]
