"""What happened in each minute: counted where it happens, remembered for a day."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from scheduler import (
    MOST_MINUTES,
    Attempt,
    Claim,
    Delivery,
    Minute,
    Outcome,
    Reason,
    Reschedule,
    Settlement,
)
from scheduler.store import keys
from scheduler.store.lateness import BOUNDS, percentile
from tests.bench.store import LEASE, START, Bench

MINUTE = 60_000


def claimed(bench: Bench, count: int = 1) -> list[Claim]:
    found: list[Claim] = []
    while len(found) < count:
        found += bench.claims.claim(count - len(found)).claims
    return found


def settled(it: Claim, outcome: Outcome = Outcome.DELIVERED, *, late: int | None = 3, **ends: Any) -> Settlement:
    attempt = Attempt(it.number, outcome, started_at=START, lateness_ms=late, status_code=204)
    return Settlement(it.id, it.fence, attempt, ends.pop("retry_ms", None), **ends)


def now(bench: Bench) -> Minute:
    return bench.activity.minutes(1).minutes[0]


def sums(it: Minute) -> dict[str, int]:
    """What is not 0."""
    names = ("set", "attempts", "failed_attempts", "delivered", "failed", "cancelled")
    return {name: getattr(it, name) for name in names if getattr(it, name)}


def test_a_minute_in_which_nothing_happened_is_told_as_such(bench: Bench) -> None:
    found = bench.activity.minutes(3)
    assert found.minutes == [Minute(START - ago * MINUTE) for ago in range(3)]
    assert found.read_at == START


def test_every_way_that_a_timer_goes_is_counted_once(bench: Bench) -> None:
    for _ in range(7):
        bench.schedule()
    one, two, three, four, five, six, seven = claimed(bench, 7)
    done = [
        settled(one),
        settled(two, Outcome.RETRYABLE, retry_ms=MINUTE),
        settled(three, reschedule=Reschedule(delay_ms=MINUTE)),
        settled(four, Outcome.PERMANENT, reason=Reason.PERMANENT),
    ]
    for _ in range(2):  # a repeat counts nothing
        assert bench.claims.settle(done) == []
    bench.claims.release([five])
    bench.timers.cancel(five.id)
    bench.timers.cancel(five.id)
    assert sums(now(bench)) == {
        "set": 7, "attempts": 4, "failed_attempts": 2, "delivered": 1, "failed": 1, "cancelled": 1,
    }  # fmt: skip
    bench.timers.replay(bench.timers.get(one.id))
    assert bench.claims.settle([settled(six._replace(fence="another"))]) != []  # refused
    assert sums(now(bench))["attempts"] == 4
    assert bench.claims.settle([settled(six), settled(seven)]) == []
    assert sums(now(bench)) == {
        "set": 7, "attempts": 6, "failed_attempts": 2, "delivered": 3, "failed": 1, "cancelled": 1,
    }  # fmt: skip


def test_a_timer_is_counted_when_it_is_stored_and_not_when_it_is_asked_for_again(bench: Bench) -> None:
    draft = bench.draft(5)
    for _ in range(3):
        bench.timers.set(draft)
    assert sums(now(bench)) == {"set": 1}


def test_one_that_takes_the_place_of_another_is_set_and_the_other_cancelled(bench: Bench) -> None:
    bench.schedule(key="k")
    (it,) = claimed(bench)
    bench.claims.settle([settled(it, Outcome.RETRYABLE, retry_ms=MINUTE)])
    bench.changes.put("k", bench.draft(5, key="k", url="http://another/"))
    assert sums(now(bench)) == {"set": 2, "cancelled": 1, "attempts": 1, "failed_attempts": 1}


def test_a_lost_lease_is_an_attempt_that_failed_and_the_third_ends_the_timer(bench: Bench) -> None:
    bench.schedule()
    for losses in (1, 2, 3):
        claimed(bench)
        bench.alive(LEASE + 1)
        if losses < 3:
            bench.claims.claim(0)
    assert bench.poller("two").claim(1).claims == []
    found = bench.activity.minutes(5).minutes
    assert sum(it.attempts for it in found) == sum(it.failed_attempts for it in found) == 3
    assert sum(it.failed for it in found) == 1
    assert all(it.lateness_worst_ms is None for it in found)


def test_one_sent_at_most_once_whose_lease_is_lost_fails_at_once(bench: Bench) -> None:
    bench.schedule(delivery=Delivery.AT_MOST_ONCE)
    claimed(bench)
    bench.alive(LEASE + 1)
    assert bench.poller("two").claim(1).claims == []
    assert sums(now(bench)) == {"set": 1, "attempts": 1, "failed_attempts": 1, "failed": 1}


def test_lateness_is_told_by_bounds_and_its_worst_exactly(bench: Bench) -> None:
    lates = [0] * 50 + [13] * 49 + [8_640]
    for _ in lates:
        bench.schedule()
    taken = claimed(bench, len(lates))
    bench.claims.settle([settled(it, late=late) for it, late in zip(taken, lates, strict=True)])
    found = now(bench)
    assert (found.lateness_p50_ms, found.lateness_p99_ms, found.lateness_worst_ms) == (0, 15, 8_640)


@pytest.mark.parametrize("late", [0, 1, 86_400_000, 86_400_001, 40 * 86_400_000])
def test_a_lateness_on_and_beyond_every_bound_is_told(bench: Bench, late: int) -> None:
    bench.schedule()
    bench.claims.settle([settled(claimed(bench)[0], late=late)])
    found = now(bench)
    assert (found.lateness_p50_ms, found.lateness_p99_ms, found.lateness_worst_ms) == (late, late, late)


def test_an_attempt_whose_lateness_is_unknown_is_counted_without_it(bench: Bench) -> None:
    bench.schedule()
    bench.claims.settle([settled(claimed(bench)[0], late=None)])
    assert (now(bench).attempts, now(bench).lateness_worst_ms) == (1, None)


def test_the_ring_of_a_day_wraps_and_forgets(bench: Bench) -> None:
    for _ in range(2):
        bench.schedule()
    bench.advance(MINUTE)
    bench.schedule()
    bench.advance((MOST_MINUTES - 2) * MINUTE)
    found = bench.activity.minutes(MOST_MINUTES).minutes
    assert [(it.at, it.set) for it in found if it.set] == [(START + MINUTE, 1), (START, 2)]
    assert [it.at for it in found] == [bench.now - ago * MINUTE for ago in range(MOST_MINUTES)]
    bench.advance(MINUTE)  # the hash of the first minute is that of this one
    assert now(bench) == Minute(bench.now)
    bench.schedule()
    assert sums(now(bench)) == {"set": 1}
    left = list(bench.client.scan_iter("*:minute:*"))
    assert len(left) <= 3 * bench.partitions


def test_a_store_whose_clock_is_set_back_counts_on_from_nothing(bench: Bench) -> None:
    bench.schedule()
    bench.set_clock(START - MOST_MINUTES * MINUTE)
    bench.schedule()
    assert (now(bench).at, sums(now(bench))) == (bench.now, {"set": 1})


@pytest.mark.parametrize("count", [0, -1, MOST_MINUTES + 1])
def test_more_minutes_than_a_day_has_or_none_are_refused(bench: Bench, count: int) -> None:
    with pytest.raises(ValueError, match=f"1 to {MOST_MINUTES}"):
        bench.activity.minutes(count)


def test_a_minute_that_a_later_version_says_more_of_is_read(bench: Bench) -> None:
    bench.schedule()
    for partition in range(bench.partitions):
        for key in bench.client.scan_iter(f"{keys.prefix(partition)}minute:*"):
            bench.client.hset(key, "held", "7")
    assert sums(now(bench)) == {"set": 1}


def test_a_percentile_is_its_nearest_rank_and_never_worse_than_the_worst() -> None:
    counts = [0] * (len(BOUNDS) + 1)
    assert percentile(counts, 50, 0) is None
    counts[BOUNDS.index(10)] = 1
    assert percentile(counts, 50, 9) == 9
    counts[BOUNDS.index(15)] = 1
    assert (percentile(counts, 50, 14), percentile(counts, 51, 14)) == (10, 14)
    counts[-1] = 1
    assert percentile(counts, 99, 10**9) == 10**9


def test_bounds_are_at_most_half_as_much_again() -> None:
    assert list(BOUNDS) == sorted(set(BOUNDS))
    assert BOUNDS[-1] == 24 * 60 * MINUTE
    assert all(above <= 1.7 * below for below, above in pairwise(BOUNDS[2:]))
