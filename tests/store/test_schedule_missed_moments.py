"""Moments that passed while nobody made their runs are made up for as the schedule says, and counted."""

from __future__ import annotations

from scheduler import CatchUp, Gap, Overlap, ScheduleStatus, Skipped, upcoming
from tests.bench.store import START, Bench
from tests.store.schedules import DAY, MINUTE, end, moments, pass_time, put


def test_with_catch_up_last_one_run_stands_for_all_that_were_missed_and_says_how_many(bench: Bench) -> None:
    put(bench, catch_up=CatchUp.LAST)
    bench.advance(10 * MINUTE + 1)
    bench.look()
    assert moments(bench) == [10 * MINUTE]
    claims = [claim for _ in range(bench.partitions) for claim in bench.claims.claim(9).claims]
    assert [(it.due_at - START, it.missed) for it in claims] == [(10 * MINUTE, 9)]
    assert bench.schedules.get("report").skipped == Skipped(missed=9)
    bench.check()


def test_what_a_run_was_to_tell_of_is_told_by_the_next_where_that_run_is_skipped_for_an_earlier_one(
    bench: Bench,
) -> None:
    """Red with moments that are counted as missed, and that no receiver is told of."""
    put(bench, overlap=Overlap.SKIP)
    pass_time(bench, MINUTE)
    bench.advance(3 * MINUTE + 1)
    bench.look()
    end(bench)
    bench.advance(MINUTE)
    bench.look()
    (second,) = [claim for _ in range(bench.partitions) for claim in bench.claims.claim(9).claims]
    assert (second.due_at - START, second.missed) == (5 * MINUTE, 2)
    assert bench.schedules.get("report").skipped == Skipped(missed=2, overlap=1)
    bench.check()


def test_with_catch_up_all_each_missed_moment_has_its_run_however_many_they_are(bench: Bench) -> None:
    put(bench, every_ms=1000, catch_up=CatchUp.ALL)
    bench.advance(2_500_000)
    bench.look()
    assert moments(bench) == [1000 * n for n in range(1, 2511)]
    assert len(bench.schedules.get("report").previous) == 10


def test_ten_thousand_missed_moments_are_counted_and_end_no_schedule(bench: Bench) -> None:
    put(bench, cron="* * * * *")
    bench.advance(10_000 * MINUTE + 1)
    assert bench.look() == 1
    found = bench.schedules.get("report")
    assert (found.status, found.skipped.missed, found.runs) == (ScheduleStatus.ACTIVE, 9_999, 1)
    (claim,) = [claim for _ in range(bench.partitions) for claim in bench.claims.claim(9).claims]
    assert claim.missed == 9_999
    assert len(upcoming(found, 5)) == 5


def test_moments_before_the_catch_up_window_are_not_made_up_for(bench: Bench) -> None:
    put(bench, catch_up=CatchUp.ALL, catch_up_window_ms=3 * MINUTE)
    bench.advance(10 * MINUTE + 1)
    bench.look()
    assert moments(bench) == [8 * MINUTE, 9 * MINUTE, 10 * MINUTE]
    assert bench.schedules.get("report").skipped == Skipped(missed=7)


def test_a_moment_that_a_change_of_clocks_leaves_out_is_counted_where_it_is_to_be_skipped(bench: Bench) -> None:
    """02:30 of 2026-03-29 is not in Berlin; with `gap: run` there would be four."""
    bench.set_clock(1_774_566_000_000)  # 2026-03-27T00:00+01:00
    put(bench, cron="30 2 * * *", time_zone="Europe/Berlin", gap=Gap.SKIP)
    pass_time(bench, 4 * DAY)
    found = bench.schedules.get("report")
    assert (found.runs, found.skipped) == (3, Skipped(gap=1))
