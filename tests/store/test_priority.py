"""`priority` is a head start among what is due: nothing is early, and nothing waits for ever.

Tried: a backlog, also behind a destination that has room for few; timers that fall due later; retries, lost leases;
what is given back, moved, fired, replayed, cancelled or expires; more than one call moves; lists and counts; a version
that knows no priority.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from typing import Any

import pytest

from scheduler import Attempt, Claim, Draft, Outcome, Query, Settlement, Status, Timer, Webhook
from scheduler.store.record import destination_tag
from scheduler.store.room import Room
from tests.bench.store import LEASE, START, Bench, link_over
from tests.store import schedules

pytestmark = pytest.mark.one_partition
URL = "http://receiver/hook"
TAG = destination_tag(URL)


def claimed(bench: Bench, limit: int = 10, saturated: Collection[str] = ()) -> list[str]:
    return [claim.id for claim in bench.claims.claim(limit, saturated).claims]


def one_by_one(bench: Bench) -> list[str]:
    """The order in which a poller with one free slot gets them."""
    found: list[str] = []
    while more := claimed(bench, 1):
        found += more
        bench.check()
    return found


def settle(bench: Bench, claim: Claim, outcome: Outcome, retry_ms: int | None = None) -> None:
    assert bench.claims.settle([Settlement(claim.id, claim.fence, Attempt(claim.number, outcome), retry_ms)]) == []


def due_at(bench: Bench, ms: int, **webhook: Any) -> Timer:
    """One that is due so many ms after the start."""
    (timer,) = bench.timers.set(bench.draft(0, **webhook)._replace(delay_ms=None, due_at=START + ms))
    return timer


def backlog(bench: Bench) -> tuple[list[str], list[str]]:
    """Nine that are due, each a second after the one before but for the last, of which two have a head start; and the
    order in which they are to be sent."""
    plain = [due_at(bench, 1000 * n, url=URL).id for n in range(1, 8)]
    some, more = (due_at(bench, ms, url=URL, priority=s).id for ms, s in ((7500, 4), (7600, 5)))
    bench.set_clock(START + 8000)
    return [*plain, some, more], [*plain[:2], more, plain[2], some, *plain[3:]]


def test_a_head_start_of_so_many_seconds_stands_before_what_was_due_up_to_so_long_before(bench: Bench) -> None:
    _, order = backlog(bench)
    bench.check()
    assert one_by_one(bench) == order


def test_behind_a_destination_the_order_is_the_same(bench: Bench) -> None:
    ids, order = backlog(bench)
    assert claimed(bench, 20, {TAG}) == []
    assert {*bench.where(ids[-1])} == {f"waiting:{TAG}"}
    bench.check()
    found: list[str] = []
    while more := [claim.id for claim in bench.claims.claim(10, (), Room(share=1)).claims]:
        found += more
        bench.check()
    assert found == order


def test_the_order_is_that_of_the_moment_less_the_head_start_whatever_they_are(bench: Bench) -> None:
    chance = random.Random(17)
    timers = [due_at(bench, chance.randrange(60_000), priority=chance.choice([0, 0, 5, 20, 3600])) for _ in range(60)]
    bench.set_clock(START + 60_000)
    key = {timer.id: timer.due_at - 1000 * timer.webhook.priority for timer in timers}
    found = one_by_one(bench)
    assert sorted(found) == sorted(key)
    assert [key[it] for it in found] == sorted(key.values())


def test_nothing_is_early_whatever_its_priority(bench: Bench) -> None:
    timer = bench.schedule(10, priority=3600)
    bench.set_clock(START + 9, us=999)
    batch = bench.claims.claim(10)
    assert batch.claims == []
    assert batch.next_due == pytest.approx(0.000001)
    bench.set_clock(START + 10)
    (claim,) = bench.claims.claim(10).claims
    assert (claim.id, claim.due_at, claim.planned_at) == (timer.id, START + 10, START + 10)
    bench.check()


def test_nothing_waits_for_ever_behind_what_has_the_highest_priority(bench: Bench) -> None:
    plain = bench.schedule()
    for minute in range(1, 60):
        bench.set_clock(START + 60_000 * minute)
        urgent = bench.schedule(priority=3600)
        assert claimed(bench, 1) == [urgent.id]
    bench.set_clock(START + 3_600_001)
    bench.schedule(priority=3600)
    assert claimed(bench, 1) == [plain.id]


def test_where_it_waits_its_moment_is_told_as_it_is(bench: Bench) -> None:
    timer = due_at(bench, 1000, priority=600)
    bench.set_clock(START + 2000)
    assert claimed(bench, 10, {TAG}) == []
    assert (bench.timers.get(timer.id).due_at, bench.timers.get(timer.id).next_attempt_at) == (START + 1000, None)
    assert bench.timers.stats().oldest_overdue_ms == 1000
    assert [it.id for it in bench.listing.page(Query(due_after=START, due_before=START + 1001)).timers] == [timer.id]
    (claim,) = bench.claims.claim(10).claims
    assert (claim.due_at, claim.planned_at) == (START + 1000, START + 1000)


def test_lists_counts_and_forecasts_know_no_priority(bench: Bench) -> None:
    timers = [due_at(bench, 60_000 * n, priority=3600) for n in range(1, 4)]
    assert [it.id for it in bench.listing.page(Query()).timers] == [it.id for it in timers]
    assert bench.listing.count(Query()).count == bench.timers.stats().scheduled == 3
    assert [it.timers for it in bench.activity.forecast(START, START + 240_000).buckets] == [0, 1, 1, 1]


def test_a_retry_has_it_again(bench: Bench) -> None:
    urgent = bench.schedule(priority=60)
    (claim,) = bench.claims.claim(1).claims
    settle(bench, claim, Outcome.RETRYABLE, retry_ms=5000)
    bench.check()
    others = [due_at(bench, ms) for ms in (1000, 4500)]
    bench.set_clock(START + 4999)
    assert claimed(bench, 1) == [others[0].id]
    bench.set_clock(START + 5000)
    assert one_by_one(bench) == [urgent.id, others[1].id]


@pytest.mark.parametrize("how", ["given back", "lost"])
def test_what_comes_back_from_a_poller_has_it_again(bench: Bench, how: str) -> None:
    urgent = bench.schedule(priority=60, url=URL)
    (claim,) = bench.poller("two").claim(1).claims
    plain = bench.schedule(url=URL)
    if how == "lost":
        bench.alive(LEASE + 1)
        assert claimed(bench, 10, {TAG}) == []
        assert bench.where(urgent.id) == [f"waiting:{TAG}"]
    else:
        bench.claims.release([claim])
    bench.check()
    assert one_by_one(bench) == [urgent.id, plain.id]


def test_a_change_gives_it_takes_it_and_keeps_it(bench: Bench) -> None:
    timer, other = due_at(bench, 2000), due_at(bench, 1000)

    def change(**said: Any) -> None:
        due = said.pop("due_at", None)
        bench.changes.change(timer.id, lambda it: Draft(it.id, it.webhook._replace(**said), due_at=due))
        bench.check()

    change(priority=5)
    change(timeout=3)
    bench.set_clock(START + 3000)
    assert claimed(bench, 10, {TAG}) == []
    change(priority=0)
    assert claimed(bench, 10, {TAG}) == []
    change(priority=5, due_at=START + 4000)
    bench.set_clock(START + 4000)
    assert claimed(bench, 10, {TAG}) == []
    assert one_by_one(bench) == [timer.id, other.id]


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("end", ["cancelled", "expired"])
def test_what_ends_without_a_claim_leaves_the_order(bench: Bench, end: str, waits: bool) -> None:
    timer = bench.schedule(priority=60, max_lateness=1)
    if waits:
        assert claimed(bench, 10, {TAG}) == []
    if end == "cancelled":
        bench.timers.cancel(timer.id)
    else:
        bench.advance(1001)
        bench.claims.end_expired()
        assert claimed(bench) == []
    bench.check()
    assert (bench.timers.get(timer.id).reason, bench.members("prior")) == (end, [])
    assert sum(bench.timers.stats().ended.values()) == 1


def test_one_that_is_fired_or_replayed_has_it_again(bench: Bench) -> None:
    fired, replayed = bench.schedule(60_000, priority=60), bench.schedule(priority=60)
    (claim,) = bench.claims.claim(1).claims
    settle(bench, claim, Outcome.PERMANENT)
    plain = due_at(bench, 500)
    bench.advance(1000)
    bench.timers.fire(bench.timers.get(fired.id))
    bench.timers.replay(bench.timers.get(replayed.id))
    bench.check()
    *first, last = one_by_one(bench)
    assert ({*first}, last) == ({fired.id, replayed.id}, plain.id)


def test_runs_that_a_pause_takes_back_leave_the_order(bench: Bench) -> None:
    schedules.put(bench, every_ms=3000, webhook=Webhook(URL, priority=60))
    assert len(schedules.runs(bench)) == len(bench.members("prior")) == 3
    bench.schedules.pause("report", "deploy", "ann")
    bench.check()
    assert (schedules.runs(bench), bench.members("prior")) == ([], [])


def test_more_with_a_priority_than_one_call_moves_are_all_served_and_plain_ones_too(bench: Bench) -> None:
    for count, priority in ((350, 7), (50, 0)):
        bench.timers.set(*(bench.draft(0, priority=priority) for _ in range(count)))
    bench.advance(10)
    found = [timer_id for _ in range(6) for timer_id in claimed(bench, 96)]
    assert len(found) == len({*found}) == 400
    bench.check()
    assert bench.members("prior") == []


def test_those_of_a_saturated_destination_hold_up_no_others(bench: Bench) -> None:
    bench.timers.set(*(bench.draft(0, priority=3600, url=URL) for _ in range(300)))
    plain = bench.schedule(url="http://other/")
    bench.advance(10)
    assert [timer_id for _ in range(6) for timer_id in claimed(bench, 96, {TAG})] == [plain.id]
    bench.check()


@pytest.mark.parametrize("nonsense", ["x", "-5", "", "9" * 400, "1e9", "0x10"])
def test_a_priority_that_makes_no_sense_stops_no_other_timer(bench: Bench, nonsense: str) -> None:
    broken, well = bench.schedule(priority=5, url=URL), bench.schedule(priority=5, url="http://other/")
    name = f"{bench.prefix(broken.id)}timer:{broken.id}"
    bench.client.set(name, bench.client.get(name).replace(b"priority=5", f"priority={nonsense}".encode()))
    assert well.id in claimed(bench, 10, {TAG})
    claimed(bench)
    bench.alive(LEASE + 1)
    claimed(bench)
    assert bench.timers.get(broken.id).id == broken.id


def test_the_layout_says_that_there_are_some_from_the_first_one_on(bench: Bench) -> None:
    """So that claims of a store without any do not look for them."""

    def says() -> bool:
        return b" prior=1" in bench.client.get(f"{root}layout")

    timer = bench.schedule(60_000)
    root = bench.prefix(timer.id)
    assert not says()
    bench.changes.change(timer.id, lambda it: Draft(it.id, it.webhook._replace(priority=1)))
    assert says()
    bench.schedule(priority=1)
    assert bench.client.get(f"{root}layout").count(b"prior=1") == 1
    assert link_over(bench.client, bench.partitions).partitions == bench.partitions
    bench.check()


def test_what_a_version_without_priority_has_moved_or_taken_is_dropped_from_the_order(bench: Bench) -> None:
    taken, moved = bench.schedule(priority=60), bench.schedule(priority=60)
    root = bench.prefix(moved.id)
    assert claimed(bench, 10, {TAG}) == []
    for timer in (taken, moved):  # as it does: without a look at the order
        bench.client.zrem(f"{root}waiting:{TAG}", timer.id)
    bench.client.zrem(f"{root}waiting", TAG)
    bench.client.zadd(f"{root}delivered", {taken.id: bench.now + 50_000})
    bench.client.zadd(f"{root}scheduled", {moved.id: bench.now})
    assert claimed(bench) == [moved.id]
    assert claimed(bench) == []
    assert (bench.members("prior"), bench.members(f"prior:{TAG}")) == ([], [])
    assert bench.timers.get(taken.id).status is Status.DELIVERED
