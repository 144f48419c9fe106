"""Moments during a pause are skipped and counted; a pause has an end, a reason, or failures in a row behind it."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import (
    Attempt,
    CatchUp,
    Outcome,
    Overlap,
    ScheduleStatus,
    Settlement,
    Skipped,
    Webhook,
    upcoming,
)
from tests.bench.store import START, Bench
from tests.store.schedules import AHEAD, DAY, HOUR, MINUTE, end, moments, pass_time, put, runs


def test_moments_during_a_pause_are_skipped_and_counted(bench: Bench) -> None:
    put(bench)
    pass_time(bench, MINUTE)
    paused = bench.schedules.pause("report", "deploy", "ann")
    assert paused.status is ScheduleStatus.PAUSED
    assert paused.paused is not None
    assert (paused.paused.reason, paused.paused.by, paused.paused.at) == ("deploy", "ann", bench.now)
    pass_time(bench, 3 * DAY)
    resumed = bench.schedules.resume("report")
    assert resumed.status is ScheduleStatus.ACTIVE
    pass_time(bench, MINUTE)
    assert moments(bench)[1:] == [3 * DAY + 2 * MINUTE]
    assert bench.schedules.get("report").skipped == Skipped(paused=3 * DAY // MINUTE)
    bench.check()


def test_what_is_told_to_come_next_are_runs_so_none_while_a_pause_has_no_end(bench: Bench) -> None:
    put(bench)
    told = [
        upcoming(bench.schedules.pause("report", "deploy", "ann", until=until), 2) for until in (START + HOUR, None)
    ]
    assert [[it.at - START for it in found] for found in told] == [[HOUR + MINUTE, HOUR + 2 * MINUTE], []]
    assert upcoming(bench.schedules.resume("report"), 1)[0].at == START + MINUTE


def test_a_pause_ends_by_itself_at_its_moment_and_what_passed_stays_skipped(bench: Bench) -> None:
    put(bench, overlap=Overlap.SKIP)
    bench.schedules.pause("report", "deploy", "ann", until=START + 150_000)
    pass_time(bench, 4 * MINUTE)
    found = bench.schedules.get("report")
    assert (found.status, found.paused, found.skipped) == (ScheduleStatus.ACTIVE, None, Skipped(overlap=1, paused=2))
    assert moments(bench) == [3 * MINUTE]


@pytest.mark.parametrize(("catch_up", "made"), [(CatchUp.LAST, [3]), (CatchUp.ALL, [1, 2, 3]), (CatchUp.NONE, [])])
def test_resume_may_say_what_becomes_of_moments_during_the_pause(
    bench: Bench, catch_up: CatchUp, made: list[int]
) -> None:
    """Also of those before it was paused for another reason."""
    put(bench, every_ms=MINUTE)
    for minutes, reason in ((2, "deploy"), (1, "stock-taking")):
        bench.schedules.pause("report", reason, "ann")
        pass_time(bench, minutes * MINUTE)
    bench.advance(50_000)
    bench.schedules.resume("report", catch_up)
    bench.look()
    assert moments(bench) == [*(n * MINUTE for n in made), 4 * MINUTE]
    assert bench.schedules.get("report").skipped == Skipped(missed=3 - len(made))


def test_a_pause_in_its_last_seconds_takes_its_last_run_back(bench: Bench) -> None:
    put(bench, max_runs=1)
    bench.advance(MINUTE - 5000)
    bench.look()
    bench.schedules.pause("report", "deploy", "ann")
    pass_time(bench, HOUR)
    bench.schedules.resume("report")
    pass_time(bench, MINUTE)
    assert moments(bench) == [HOUR + MINUTE]
    assert bench.schedules.get("report").status is ScheduleStatus.ENDED


def test_runs_that_fail_in_a_row_pause_their_schedule_with_a_reason(bench: Bench) -> None:
    put(bench, every_ms=4000, pause_after_failures=2, webhook=Webhook(url="http://r/", max_attempts=1))
    for outcome in (Outcome.PERMANENT, Outcome.DELIVERED, Outcome.PERMANENT):
        pass_time(bench, 4000)
        assert len(end(bench, outcome)) == 1
    assert bench.schedules.get("report").paused is None
    pass_time(bench, 4000)
    end(bench, Outcome.PERMANENT)
    found = bench.schedules.get("report")
    assert found.paused is not None
    assert (found.paused.by, found.paused.reason) == ("pause_after_failures", "2 runs in a row failed")
    pass_time(bench, HOUR)
    assert len(runs(bench)) == 4
    bench.schedules.resume("report")
    pass_time(bench, 4000)
    end(bench, Outcome.PERMANENT)
    assert bench.schedules.get("report").paused is None
    bench.check()


def test_a_pause_that_somebody_made_stays_theirs_though_runs_fail(bench: Bench) -> None:
    put(bench, pause_after_failures=1, webhook=Webhook(url="http://r/", max_attempts=1))
    pass_time(bench, MINUTE)
    bench.schedules.pause("report", "deploy", "ann", until=START + HOUR)
    assert len(end(bench, Outcome.PERMANENT)) == 1
    found = bench.schedules.get("report").paused
    assert found is not None
    assert (found.by, found.reason, found.until) == ("ann", "deploy", START + HOUR)


def test_a_pause_that_meets_one_by_failures_says_since_when_there_are_no_runs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with a run's end that pauses a schedule behind the back of whoever has read it and writes it now."""
    put(bench, pause_after_failures=1, webhook=Webhook(url="http://r/", max_attempts=1))
    pass_time(bench, MINUTE)
    run = bench.link.run

    def failing_before(name: str, *args: Any) -> Any:
        if name == "schedule":
            monkeypatch.undo()
            bench.advance(1000)
            end(bench, Outcome.PERMANENT)
        return run(name, *args)

    monkeypatch.setattr(bench.link, "run", failing_before)
    found = bench.schedules.pause("report", "deploy", "ann").paused
    assert found is not None
    assert (found.by, found.reason, found.at) == ("ann", "deploy", bench.now)


def test_a_run_made_ahead_that_was_tried_already_is_not_taken_back(bench: Bench) -> None:
    """Sent by hand before it was due: a pause would make it forgotten, and the receiver has heard of it."""
    put(bench)
    bench.advance(MINUTE - AHEAD + 1)
    bench.look()
    (run,) = runs(bench)
    bench.timers.fire(run)
    (claim,) = [claim for _ in range(bench.partitions) for claim in bench.claims.claim(9).claims]
    failed = Attempt(number=claim.number, outcome=Outcome.RETRYABLE)
    bench.claims.settle([Settlement(timer_id=claim.id, fence=claim.fence, attempt=failed, retry_ms=2000)])
    bench.schedules.pause("report", "deploy", "ann")
    assert [(it.id, it.attempts) for it in runs(bench)] == [(run.id, 1)]
    bench.advance(3000)
    assert end(bench) == [run.id]
    bench.check()


def test_a_resume_that_meets_the_end_of_the_pause_counts_no_run_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with a look that ends a pause behind the back of whoever has read it and resumes it now."""
    put(bench, every_ms=4000)
    bench.schedules.pause("report", "deploy", "ann", until=bench.now + 10_000)
    pass_time(bench, 9000)
    run = bench.link.run

    def ending_before(name: str, *args: Any) -> Any:
        if name == "schedule":
            monkeypatch.undo()
            pass_time(bench, 4000)
        return run(name, *args)

    monkeypatch.setattr(bench.link, "run", ending_before)
    found = bench.schedules.resume("report", CatchUp.ALL)
    bench.look()
    assert found.status is ScheduleStatus.ACTIVE
    found = bench.schedules.get("report")
    assert (moments(bench)[0], found.skipped) == (12_000, Skipped(paused=2))
    assert found.runs == len(runs(bench))
    bench.check()


def test_a_resume_that_meets_the_first_look_at_a_pause_makes_up_for_what_it_skipped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that failures have paused, a look notes where its pause began."""
    put(bench, every_ms=4000, pause_after_failures=1, webhook=Webhook(url="http://r/", max_attempts=1))
    bench.advance(4000)
    end(bench, Outcome.PERMANENT)
    bench.advance(9000)
    run = bench.link.run

    def looking_before(name: str, *args: Any) -> Any:
        if name == "schedule":
            monkeypatch.undo()
            bench.look()
        return run(name, *args)

    monkeypatch.setattr(bench.link, "run", looking_before)
    bench.schedules.resume("report", CatchUp.ALL)
    bench.look()
    found = bench.schedules.get("report")
    assert (moments(bench)[:3], found.skipped) == ([4000, 8000, 12_000], Skipped())
    bench.check()


def test_a_run_that_stays_while_others_are_taken_back_is_counted_once(bench: Bench) -> None:
    """Its moment is looked at again, for it is later than that of one that was taken back."""
    put(bench, every_ms=4000)
    bench.look()
    first, second, *_ = runs(bench)
    bench.timers.fire(second)
    (claim,) = [claim for _ in range(bench.partitions) for claim in bench.claims.claim(9).claims]
    failed = Attempt(number=claim.number, outcome=Outcome.RETRYABLE)
    bench.claims.settle([Settlement(timer_id=claim.id, fence=claim.fence, attempt=failed, retry_ms=2000)])
    bench.schedules.pause("report", "deploy", "ann")
    bench.schedules.resume("report", CatchUp.ALL)
    bench.look()
    assert {first.id, second.id} <= {run.id for run in runs(bench)}
    assert bench.schedules.get("report").runs == len(runs(bench))
    bench.check()


def test_a_run_by_hand_is_not_taken_back_by_a_pause_in_the_same_millisecond(bench: Bench) -> None:
    put(bench)
    bench.set_clock(bench.now, us=500)
    run = bench.schedules.fire("report")
    bench.schedules.pause("report", "deploy", "ann")
    assert [it.id for it in runs(bench)] == [run.id]
    bench.check()
