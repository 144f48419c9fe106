"""How many timers fall due when."""

from __future__ import annotations

import pytest

from scheduler import MOST_BUCKETS, Attempt, Bucket, Outcome, Settlement
from scheduler.store.record import destination_tag
from tests.bench.store import START, Bench

MINUTE, DAY = 60_000, 86_400_000


def test_the_next_hour_is_told_by_minutes_unless_said(bench: Bench) -> None:
    bench.advance(30_500)
    for delay in (1, 29_499, 29_500, 59 * MINUTE + 29_499, 59 * MINUTE + 29_500):
        bench.schedule(delay)
    found = bench.activity.forecast()
    assert (found.read_at, found.by_ms, len(found.buckets)) == (START + 30_500, MINUTE, 60)
    assert [it for it in found.buckets if it.timers] == [
        Bucket(START, 2),
        Bucket(START + MINUTE, 1),
        Bucket(START + 59 * MINUTE, 1),
    ]


def test_what_is_due_waits_or_is_under_way_is_in_no_bucket(bench: Bench) -> None:
    bench.schedule(url="http://full/")
    bench.claims.claim(10, [destination_tag("http://full/")])
    for _ in range(2):
        bench.schedule()
    bench.claims.claim(1)
    found = bench.activity.forecast(START - MINUTE, START + MINUTE)
    assert [it.timers for it in found.buckets] == [0, 0]
    bench.schedule(1)
    assert [it.timers for it in bench.activity.forecast(START, START + 1, 1).buckets] == [0]
    assert [it.timers for it in bench.activity.forecast(START, START + 2, 1).buckets] == [0, 1]


def test_a_retry_falls_due_when_it_is_made(bench: Bench) -> None:
    bench.schedule()
    (it,) = [it for _ in range(bench.partitions) for it in bench.claims.claim(1).claims][:1]
    bench.claims.settle([Settlement(it.id, it.fence, Attempt(1, Outcome.RETRYABLE), 2 * MINUTE)])
    assert [it.at for it in bench.activity.forecast().buckets if it.timers] == [START + 2 * MINUTE]


def test_buckets_begin_at_multiples_and_hold_all_that_was_asked_for(bench: Bench) -> None:
    bench.schedule(DAY + 5)
    found = bench.activity.forecast(START + 7, START + DAY + 1, DAY)
    assert found.buckets == [Bucket(START, 0), Bucket(START + DAY, 1)]


def test_as_many_buckets_as_may_be_are_told_and_their_sum_is_that_of_all(bench: Bench) -> None:
    for number in range(40):
        bench.schedule(1 + number * 1000 * MOST_BUCKETS // 40)
    found = bench.activity.forecast(START, START + 1000 * MOST_BUCKETS, 1000)
    assert len(found.buckets) == MOST_BUCKETS
    assert sum(it.timers for it in found.buckets) == 40
    assert [it.at for it in found.buckets] == [START + 1000 * number for number in range(MOST_BUCKETS)]


@pytest.mark.parametrize(
    ("start", "end", "by", "words"),
    [
        (START, START + 1000 * MOST_BUCKETS + 1, 1000, "at most 1440"),
        (0, START, 1, "at most 1440"),
        (START, START, 1000, "ends after"),
        (START, START - 1, 1000, "ends after"),
        (None, 0, 1000, "ends after"),
        (START, None, 0, "by: at least"),
        (START, None, -5, "by: at least"),
    ],
)
def test_a_forecast_that_cannot_be_is_refused_in_words(
    bench: Bench, start: int | None, end: int | None, by: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        bench.activity.forecast(start, end, by)


def test_the_end_of_time_can_be_forecast(bench: Bench) -> None:
    last = 253_402_300_799_999  # the end of the year 9999
    bench.timers.set(bench.draft(0)._replace(due_at=last, delay_ms=None))
    found = bench.activity.forecast(last - 1, last + 1, 1)
    assert found.buckets == [Bucket(last - 1, 0), Bucket(last, 1)]
