"""How many timers fall due when."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from scheduler import MOST_BUCKETS, Attempt, Bucket, Forecast, Outcome, Query, Settlement, Status
from scheduler.hold import HeldBy, Hold
from scheduler.store import behind
from scheduler.store.record import destination_tag
from scheduler.store.rule_record import hold_args
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


def waits(bench: Bench, timers: int, *holds: Hold, apart: int = 0) -> None:
    """So many wait behind one destination after the other, of which each is held so; all are due by now."""
    for number, hold in enumerate(holds):
        url = f"http://held-{number}/"
        for partition in range(bench.partitions):
            bench.link.run("hold", partition, hold_args(destination_tag(url), hold, 1))
        for turn in range(timers):
            bench.schedule(1 + turn * apart, url=url)
    bench.advance(1 + timers * apart)
    while any(bench.claims.claim(50).next_due == 0 for _ in range(bench.partitions)):
        pass


def held(found: Forecast) -> dict[int, int]:
    return {it.at: it.held for it in found.buckets if it.held}


def test_what_waits_for_the_end_of_a_hold_is_expected_in_its_bucket(bench: Bench) -> None:
    bench.schedule(2 * MINUTE)
    by = HeldBy
    waits(
        *(bench, 3),
        *(Hold(by.PAUSE, START + 2 * MINUTE), Hold(by.BREAKER, START + 5 * MINUTE), Hold(by.RETRY_AFTER, START + 9)),
        *(Hold(by.PAUSE, START + 60 * MINUTE), Hold(by.RETRY_AFTER, START - 9)),
    )
    found = bench.activity.forecast()
    assert held(found) == {START: 6, START + 2 * MINUTE: 3, START + 5 * MINUTE: 3}
    assert [it.timers for it in found.buckets if it.timers] == [1]
    assert (found.held_undated, found.exact) == (0, True)
    assert held(bench.activity.forecast(START + MINUTE, START + 3 * MINUTE)) == {START + 2 * MINUTE: 3}


def test_what_waits_nobody_knows_how_long_is_in_no_bucket_and_is_said(bench: Bench) -> None:
    waits(bench, 2, Hold(HeldBy.PAUSE, None), Hold(HeldBy.CONCURRENCY, 0), Hold(HeldBy.RATE, 0))
    found = bench.activity.forecast()
    assert (held(found), found.held_undated) == ({}, 6)


def test_what_waits_behind_a_rate_is_expected_by_turns_over_all_partitions(bench: Bench) -> None:
    waits(bench, 100, Hold(HeldBy.RATE, 0, interval=4_000_000))
    found = bench.activity.forecast(START, START + 7 * MINUTE)
    assert [it.held for it in found.buckets] == [15, 15, 15, 15, 15, 15, 10]


def test_each_is_expected_where_its_own_answer_says(bench: Bench) -> None:
    """Where one partition knows all that wait before it."""
    bench = Bench(bench.client)
    waits(
        *(bench, 40),
        *(Hold(HeldBy.RATE, 0, interval=7_000_000), Hold(HeldBy.PAUSE, START + 9 * MINUTE), Hold(HeldBy.PAUSE, None)),
        apart=100,
    )
    timers = bench.listing.page(Query(status=Status.SCHEDULED, limit=500)).timers
    expected = Counter(it.expected_at and it.expected_at // MINUTE * MINUTE for it in timers)
    assert (len(timers), expected.pop(None)) == (120, bench.activity.forecast().held_undated)
    assert held(bench.activity.forecast()) == expected


def test_many_held_destinations_cost_a_bounded_number_of_calls_and_that_is_said(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind, "MOST_HELD", 4)
    monkeypatch.setattr(behind, "_AT_ONCE", 2)
    bench = Bench(bench.client)
    waits(bench, 1, *(Hold(HeldBy.PAUSE, START + number * MINUTE) for number in (9, 8, 7, 6, 5)))
    calls: list[str] = []
    run = bench.link.run

    def noted(name: str, *args: Any) -> Any:
        calls.append(name)
        return run(name, *args)

    monkeypatch.setattr(bench.link, "run", noted)
    found = bench.activity.forecast()
    assert calls.count("behind") == 2
    assert (held(found), found.exact) == ({START + it * MINUTE: 1 for it in (5, 6, 7, 8)}, False)
