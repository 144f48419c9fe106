"""A claim from several partitions in one round trip takes what one after the other would, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from scheduler import Attempt, Claim, Claims, Outcome, Settlement, StoreUnavailable
from scheduler.errors import HalfDone
from scheduler.store import keys
from scheduler.store.room import Room
from scheduler.store.taking import Batch
from tests.bench.store import LEASE, Bench, link_over

COUNT = 4
ALL = range(COUNT)


@pytest.fixture
def bench(client: redis.Redis) -> Bench:
    return Bench(client, partitions=COUNT)


def fill(bench: Bench, each: int, **webhook: Any) -> set[str]:
    drafts = [bench.draft(0, **webhook)._replace(id=keys.id_in(it)) for it in ALL for _ in range(each)]
    return {it.id for it in bench.timers.set(*drafts)}


def claim(claims: Claims, limit: int = 40, **room: Any) -> Batch:
    return claims.claim(limit, room=Room(**room), partitions=ALL)


def partition_of(it: Claim) -> int:
    return keys.partition_of(it.id, COUNT) or 0


def test_all_that_is_due_is_claimed_once_and_each_partition_says_when_to_come_again(bench: Bench) -> None:
    ids = fill(bench, each=3)
    later = bench.draft(500)._replace(id=keys.id_in(2))
    bench.timers.set(later)
    batch = claim(bench.claims)
    assert sorted(it.id for it in batch.claims) == sorted(ids)
    assert batch.waits == {0: None, 1: None, 2: pytest.approx(0.5), 3: None}
    assert list(batch.not_asked) == []
    assert claim(bench.claims).claims == []
    bench.check()


def test_each_gets_its_part_of_the_limit_and_says_that_there_is_more(bench: Bench) -> None:
    fill(bench, each=10)
    batch = claim(bench.claims, limit=10)
    counts = [sum(partition_of(it) == partition for it in batch.claims) for partition in ALL]
    assert counts == [3, 3, 2, 2]
    assert set(batch.waits.values()) == {0}


def test_with_less_room_than_partitions_they_have_turns_and_those_left_out_are_told(bench: Bench) -> None:
    fill(bench, each=10)
    batch = claim(bench.claims, limit=3)
    assert [partition_of(it) for it in batch.claims] == [0, 0, 0]
    assert list(batch.not_asked) == [1, 2, 3]


def test_where_a_destination_has_less_room_than_the_limit_it_never_gets_more(bench: Bench) -> None:
    fill(bench, each=10)
    assert len(claim(bench.claims, limit=40, share=5, answering=(), newcomers=6, beyond_first=6).claims) == 6


def test_one_suspect_is_handed_out_however_many_partitions_have_one(bench: Bench) -> None:
    fill(bench, each=2)
    for _ in range(2):
        assert len(claim(bench.claims).claims) == 8
        bench.alive(2 * LEASE)
    assert [it.suspect for it in claim(bench.claims).claims] == [True]


def test_replies_that_are_lost_are_asked_for_again_and_what_others_told_stands(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = fill(bench, each=3)
    link = link_over(bench.client, COUNT)
    claims = Claims(
        link, poller="one", share=100, lease_ms=LEASE, keep_delivered_ms=1000, keep_failed_ms=1000, keep_finished=100
    )
    send_each, lost = link.send_each, StoreUnavailable("the reply was lost", maybe_done=True)

    def lossy(name: str, calls: Any) -> Callable[[], list[Any]]:
        replies = send_each(name, calls)()
        found = [lost if name == "claim" and it[0] == 1 else reply for it, reply in zip(calls, replies, strict=True)]
        return lambda: found

    monkeypatch.setattr(link, "send_each", lossy)
    first = claim(claims).claims
    assert {partition_of(it) for it in first} == {0, 2, 3}
    assert claims.unanswered
    monkeypatch.undo()
    again = claim(claims).claims
    assert {partition_of(it) for it in again} == {1}
    assert sorted(it.id for it in first + again) == sorted(ids)
    assert not claims.unanswered


def test_what_one_partition_does_not_settle_is_told_and_the_rest_is_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(bench, each=3)
    made = claim(bench.claims).claims
    send_each, elsewhere = bench.link.send_each, StoreUnavailable("it moves", kind="cluster")

    def moving(name: str, calls: Any) -> Callable[[], list[Any]]:
        asked = [it for it in calls if it[0] != 1]
        replies = dict(zip([it[0] for it in asked], send_each(name, asked)(), strict=True))
        return lambda: [replies.get(it[0], elsewhere) for it in calls]

    monkeypatch.setattr(bench.link, "send_each", moving)
    ends = [Settlement(it.id, it.fence, Attempt(it.number, Outcome.DELIVERED), None) for it in made]
    with pytest.raises(HalfDone) as half:
        bench.claims.settle(ends)
    assert half.value.done == []
    assert {it.timer_id for it in half.value.left} == {it.id for it in made if partition_of(it) == 1}
    with pytest.raises(HalfDone) as renewed:
        bench.claims.renew([(it, LEASE) for it in made])
    assert {it.id for it, _ in renewed.value.left} == {it.id for it in made if partition_of(it) == 1}
    assert len(renewed.value.done) == 9  # those that have been settled are not ours any more
    monkeypatch.undo()
    assert bench.claims.settle(list(half.value.left)) == []
    assert bench.timers.stats().delivered == 12
