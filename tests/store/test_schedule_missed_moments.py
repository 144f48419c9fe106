"""Moments that passed while nobody made their runs are made up for as the schedule says, and counted."""

from __future__ import annotations

import pytest

from scheduler import CatchUp, Gap, Outcome, Overlap, ScheduleStatus, Skipped, upcoming
from tests.bench.store import START, Bench
from tests.store.schedules import DAY, HOUR, MINUTE, end, moments, pass_time, put


def told(bench: Bench) -> list[tuple[int, int]]:
    """Of the runs that are due and unsent: when, from START on, and how many missed moments each tells of."""
    claims = [claim for _ in range(bench.partitions) for claim in bench.claims.claim(9).claims]
    return [(claim.due_at - START, claim.missed) for claim in claims]


def test_with_catch_up_last_one_run_stands_for_all_that_were_missed_and_says_how_many(bench: Bench) -> None:
    put(bench, catch_up=CatchUp.LAST)
    bench.advance(10 * MINUTE + 1)
    bench.look()
    assert moments(bench) == [10 * MINUTE]
    assert told(bench) == [(10 * MINUTE, 9)]
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
    assert told(bench) == [(5 * MINUTE, 2)]
    assert bench.schedules.get("report").skipped == Skipped(missed=2, overlap=1)
    bench.check()


@pytest.mark.parametrize(
    ("paused", "resumed", "next_at", "missed"),
    [
        (0, None, 8 * DAY, 1),
        (DAY, None, 8 * DAY, 1),
        (3 * DAY, None, 10 * DAY, 1),
        (3 * DAY, CatchUp.LAST, 10 * DAY, 2),
    ],
    ids=["no pause", "a pause", "a pause over a moment", "a pause whose moment counts as missed"],
)
def test_what_a_skipped_run_was_to_tell_of_is_told_by_the_next_however_far_away_that_is_and_past_a_pause(
    bench: Bench, paused: int, resumed: CatchUp | None, next_at: int, missed: int
) -> None:
    """Red where a look without a moment begins to count anew: there is one each day."""
    put(bench, every_ms=2 * DAY, overlap=Overlap.SKIP)
    pass_time(bench, 2 * DAY)
    bench.advance(4 * DAY + 1)
    bench.look()
    assert bench.schedules.get("report").skipped == Skipped(missed=1, overlap=1)
    end(bench)
    if paused:
        bench.schedules.pause("report", "", "")
        pass_time(bench, paused)
        bench.schedules.resume("report", resumed)
    pass_time(bench, START + next_at - bench.now)
    assert told(bench) == [(next_at, missed)]
    bench.check()


def out_of_the_window(bench: Bench) -> None:
    """Two moments were missed and are not made up for; the run of the third is made, and due in 5 s."""
    put(bench, every_ms=HOUR, catch_up_window_ms=MINUTE, pause_after_failures=1)
    bench.advance(2 * HOUR + 30 * MINUTE)
    assert bench.look() == 0
    pass_time(bench, 30 * MINUTE - 5000)
    assert moments(bench) == [3 * HOUR]


def test_missed_moments_that_are_not_made_up_for_are_told_by_the_run_of_the_next_moment_and_by_no_other(
    bench: Bench,
) -> None:
    out_of_the_window(bench)
    pass_time(bench, 5000)
    assert told(bench) == [(3 * HOUR, 2)]
    pass_time(bench, HOUR)
    assert told(bench) == [(4 * HOUR, 0)]
    assert bench.schedules.get("report").skipped == Skipped(missed=2)


@pytest.mark.parametrize("paused_by", ["a client", "a run that failed"])
def test_what_a_run_that_was_taken_back_was_to_tell_of_is_told_by_the_one_that_is_made_anew(
    bench: Bench, paused_by: str
) -> None:
    out_of_the_window(bench)
    if paused_by == "a client":
        bench.schedules.pause("report", "", "")
    else:
        bench.schedules.fire("report")
        end(bench, Outcome.PERMANENT)
    bench.look()
    assert [it for it in moments(bench) if it == 3 * HOUR] == []
    bench.schedules.resume("report")
    pass_time(bench, 5000)
    assert told(bench) == [(3 * HOUR, 2)]
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
    assert bench.timers.stats().skipped == Skipped(missed=9_999)
    assert told(bench) == [(10_000 * MINUTE, 9_999)]
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
