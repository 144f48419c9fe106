"""Timers with a priority or an expiry behind a destination that is held: the order holds, and so does the end.

Tried: paused, gone on, ended and held anew; with permits for few; a probe; suspects; among what is too late; what an
older version has left behind; moved, cancelled, given back.
"""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import Delivery, Draft, Outcome, Query, Reason, Status, Timer
from scheduler.destinations import DestinationSettings, PermitKind, Rate, ResumeAt
from scheduler.store import keys
from scheduler.store.record import destination_tag
from scheduler.store.room import SUSPECTS, Permitted
from scheduler.store.scripts import SUSPECT_LOSSES
from tests.bench.store import LEASE, START, Bench
from tests.store.test_expiry import has_expired
from tests.store.test_priority import due_at, settle

A, B = "http://a/", "http://b/"
ID = "http:a:80"
TAG = destination_tag(A)
BEHIND = f"waiting:{TAG}"


@pytest.fixture
def one(bench: Bench) -> Bench:
    """A store whose timers all stand in the same partition: across partitions there is no order."""
    return Bench(bench.client, bench.partitions, home=3)


def pause(bench: Bench) -> None:
    bench.destinations.pause(ID, "they are down", "ann")


def resume(bench: Bench) -> None:
    bench.destinations.resume(ID, ResumeAt.FULL)


def limit(bench: Bench) -> None:
    bench.destinations.put(ID, DestinationSettings(rate=Rate(10)))


def claimed(
    bench: Bench, permits: int | None = None, *, most: int = 50, kind: PermitKind = PermitKind.USUAL
) -> list[str]:
    """What one poller gets in a pass over all partitions."""
    said = [] if permits is None else [Permitted(TAG, permits, bench.now, kind)]
    found = [it.id for it in bench.claims.claim(most, permits=said).claims]
    bench.check()
    return found


def backlog(bench: Bench, **webhook: Any) -> list[str]:
    """Five that are due, a second after each other, the last two with a head start, in the order in which they go."""
    first, second, third = (due_at(bench, 1000 * n, url=A, **webhook).id for n in (1, 2, 3))
    some, more = (due_at(bench, ms, url=A, priority=s, **webhook).id for ms, s in ((3500, 1), (3600, 2)))
    bench.set_clock(START + 4000)
    return [first, more, second, some, third]


def test_behind_a_paused_destination_the_order_is_kept_and_is_that_in_which_it_goes_on(one: Bench) -> None:
    order = backlog(one)
    pause(one)
    for _ in range(3):
        assert claimed(one) == []
    assert {it for timer_id in order for it in one.where(timer_id)} == {BEHIND}
    resume(one)
    assert [it for _ in order for it in claimed(one, most=1)] == order


@pytest.mark.parametrize("together", [1, 2, 5])
def test_permits_are_used_in_the_order_of_moments_less_head_starts(one: Bench, together: int) -> None:
    """Red if what has a priority is forgotten where no destination is at its share."""
    limit(one)
    order = backlog(one)
    assert claimed(one) == []
    found: list[str] = []
    while more := claimed(one, together):
        found += more
    assert found == order


def test_a_probe_goes_by_the_first_that_may_be_sent_more_than_once(one: Bench) -> None:
    limit(one)
    once = [due_at(one, 1, url=A, delivery=Delivery.AT_MOST_ONCE, priority=n).id for n in (0, 9, 8)]
    may = [due_at(one, n, url=A, priority=n).id for n in (0, 2)]
    one.set_clock(START + 1000)
    assert claimed(one) == []
    assert [claimed(one, 1, kind=PermitKind.PROBE) for _ in range(3)] == [[may[1]], [may[0]], []]
    assert {name for timer_id in once for name in one.where(timer_id)} == {BEHIND}


def test_suspects_wait_behind_the_hold_and_go_on_one_by_one_in_their_order(one: Bench) -> None:
    for n, priority in ((1, 0), (2, 0), (3, 0), (4, 60)):
        due_at(one, n, url=A, priority=priority, max_lateness=3600)
    one.set_clock(START + 10)
    for _ in range(SUSPECT_LOSSES):
        assert len(claimed(one)) == 4
        one.alive(2 * LEASE)
    (first,) = one.claims.claim(50).claims
    settle(one, first, Outcome.DELIVERED)
    assert {it.decode() for it, _ in one.members("waiting")} == {SUSPECTS}
    left = one.listing.page(Query(status=Status.SCHEDULED)).timers
    pause(one)
    for _ in left:  # one a call
        assert claimed(one) == []
    assert {name for it in left for name in one.where(it.id)} == {BEHIND}
    resume(one)
    order = sorted(left, key=lambda it: it.due_at - 1000 * it.webhook.priority)
    for timer in order:
        (claim,) = one.claims.claim(50).claims
        assert claim.id == timer.id
        settle(one, claim, Outcome.DELIVERED)
        one.check()


def test_a_retry_with_a_head_start_waits_behind_the_hold_in_its_place(one: Bench) -> None:
    urgent = due_at(one, 0, url=A, priority=60)
    (claim,) = one.claims.claim(5).claims
    limit(one)
    plain = due_at(one, 10, url=A)
    settle(one, claim, Outcome.RETRYABLE, retry_ms=1000)
    one.set_clock(START + 2000)
    assert claimed(one) == []
    assert claimed(one, 1) == [urgent.id]
    assert claimed(one, 1) == [plain.id]


def test_given_back_under_a_hold_it_waits_there_with_its_order_and_its_expiry(one: Bench) -> None:
    due_at(one, 0, url=A, priority=60, max_lateness=60)
    claims = one.claims.claim(5).claims
    pause(one)
    one.claims.release(claims)
    assert claimed(one) == []
    assert one.where(claims[0].id) == [BEHIND]


@pytest.mark.parametrize("way", ["cancelled", "moved"])
def test_what_leaves_a_held_destination_leaves_its_order_and_its_expiry_too(one: Bench, way: str) -> None:
    pause(one)
    timer = waiting(one, priority=60, max_lateness=60)
    if way == "cancelled":
        one.timers.cancel(timer.id)
    else:
        one.changes.change(timer.id, lambda it: Draft(it.id, it.webhook, due_at=START + 60_000))
    assert one.where(timer.id) != [BEHIND]
    one.check()


def test_of_an_order_only_what_an_older_version_has_moved_is_dropped_while_a_destination_is_held(one: Bench) -> None:
    """Red if what waits behind a hold is taken for moved, because nothing waits behind a share."""
    pause(one)
    timer = waiting(one, priority=60)
    prior = f"{one.prefix(timer.id)}prior"
    for _ in range(3):
        assert claimed(one) == []
    assert one.client.zrange(prior, 0, -1) == [timer.id.encode()]
    with one.client.pipeline() as calls:  # as that version: the id alone
        calls.zrem(f"{one.prefix(timer.id)}{BEHIND}", timer.id)
        calls.zrem(keys.behind(one.home), TAG)
        calls.zadd(f"{one.prefix(timer.id)}delivering", {timer.id: START + LEASE})
        calls.execute()
    for _ in range(one.partitions):
        one.claims.claim(1)
    assert one.client.zrange(prior, 0, -1) == []


# Expiry


def waiting(bench: Bench, **webhook: Any) -> Timer:
    timer = due_at(bench, 0, url=A, **webhook)
    assert claimed(bench) == []
    assert bench.where(timer.id) == [BEHIND]
    return timer


@pytest.mark.parametrize("way", [{"expires_at": START + 2000}, {"max_lateness": 2}])
def test_what_is_too_late_behind_a_held_destination_ends_though_nobody_sends(one: Bench, way: dict[str, Any]) -> None:
    pause(one)
    timer, stays = waiting(one, priority=5, **way), waiting(one, priority=5)
    one.set_clock(START + 2000)
    assert not one.claims.end_expired()
    assert one.timers.get(timer.id).status == Status.SCHEDULED
    one.set_clock(START + 2001)
    one.claims.end_expired()
    assert has_expired(one, timer)
    assert one.where(stays.id) == [BEHIND]
    resume(one)
    assert claimed(one) == [stays.id]


def test_the_last_that_ends_behind_a_hold_leaves_nothing_to_ask_permits_for(one: Bench) -> None:
    limit(one)
    waiting(one, max_lateness=2)
    one.set_clock(START + 5000)
    assert one.client.zcard(keys.behind(one.home)) == 1
    one.claims.end_expired()
    assert one.client.zcard(keys.behind(one.home)) == 0
    assert one.claims.claim(5).ready == {}


def test_a_permit_is_used_by_the_first_that_is_not_too_late_however_many_are(one: Bench) -> None:
    """Red if only as many are looked at as there are permits: it would go back, while what could go grows old."""
    limit(one)
    late = [waiting(one, max_lateness=2, priority=n % 2).id for n in range(40)]
    in_time = [due_at(one, 4000 + n, url=A, max_lateness=2).id for n in range(3)]
    one.set_clock(START + 5000)
    assert claimed(one, 2) == in_time[:2]
    assert {one.timers.get(it).reason for it in late} == {Reason.EXPIRED}


def test_a_lost_lease_that_comes_too_late_under_a_hold_ends_it(one: Bench) -> None:
    timer = due_at(one, 0, url=A, max_lateness=2)
    assert claimed(one) == [timer.id]
    pause(one)
    one.alive(2 * LEASE)
    assert claimed(one) == []
    assert one.timers.get(timer.id).reason == Reason.EXPIRED
    one.check()
