"""Of runs that overlap: they are skipped, take each other's place, or do not matter."""

from __future__ import annotations

import pytest

from scheduler import Attempt, CatchUp, Outcome, Overlap, ScheduleStatus, Settlement, Skipped, Status, UnknownTimer
from tests.bench.store import KEEP, START, Bench
from tests.store.schedules import HOUR, MINUTE, end, moments, pass_time, put, runs


def test_a_run_that_falls_due_while_one_is_unfinished_is_skipped_and_uses_up_no_max_runs(bench: Bench) -> None:
    put(bench, overlap=Overlap.SKIP, max_runs=2)
    pass_time(bench, 3 * MINUTE)
    assert moments(bench) == [MINUTE]
    assert bench.schedules.get("report").skipped == Skipped(overlap=2)
    end(bench)
    pass_time(bench, MINUTE)
    assert moments(bench) == [MINUTE, 4 * MINUTE]
    found = bench.schedules.get("report")
    assert (found.status, found.runs, found.runs_left) == (ScheduleStatus.ENDED, 2, 0)
    bench.check()


def test_replace_cancels_a_run_that_waits_and_skips_while_one_is_in_flight(bench: Bench) -> None:
    put(bench, overlap=Overlap.REPLACE)
    pass_time(bench, MINUTE)
    (claim,) = [claim for _ in range(bench.partitions) for claim in bench.claims.claim(9).claims]
    bench.alive(MINUTE - 1)
    bench.claims.renew([(claim, 2 * MINUTE)])
    pass_time(bench, 1)
    assert bench.schedules.get("report").skipped == Skipped(overlap=1)
    attempt = Attempt(claim.number, Outcome.RETRYABLE, lateness_ms=0)
    bench.claims.settle([Settlement(claim.id, claim.fence, attempt, HOUR, None)])
    pass_time(bench, MINUTE)
    assert [run.status for run in runs(bench)] == [Status.CANCELLED, Status.SCHEDULED]
    assert [run.status for run in bench.schedules.get("report").previous] == [Status.SCHEDULED, Status.CANCELLED]
    bench.check()


def test_a_run_that_an_older_version_ended_holds_up_no_other_and_goes_with_its_schedule(bench: Bench) -> None:
    """It knows no schedules, and leaves the run among the unfinished."""
    put(bench, overlap=Overlap.SKIP)
    pass_time(bench, MINUTE)
    (run,) = runs(bench)
    end(bench)
    bench.client.zadd(f"{bench.prefix(run.id)}open:report", {run.id: run.due_at})
    pass_time(bench, MINUTE)
    assert moments(bench) == [MINUTE, 2 * MINUTE]
    bench.client.zadd(f"{bench.prefix(run.id)}open:report", {run.id: run.due_at})
    bench.schedules.delete("report")
    bench.check()


def test_a_run_that_an_older_version_forgot_is_looked_up_no_more(bench: Bench) -> None:
    """It leaves the id where its schedule looks its runs up; each look takes one away."""
    put(bench)
    run_id = bench.schedules.new_run_id("report")
    bench.client.zadd(f"{bench.prefix(run_id)}runs:report", {run_id: START})
    pass_time(bench, MINUTE)
    bench.check()


def test_a_run_made_by_hand_ignores_others_and_moves_nothing(bench: Bench) -> None:
    put(bench, overlap=Overlap.SKIP, max_runs=1)
    bench.advance(1000)
    timer_id = bench.schedules.new_run_id("report")
    first = bench.schedules.fire("report", timer_id)
    again = bench.schedules.fire("report", timer_id)
    second = bench.schedules.fire("report")
    assert (first.id, first.due_at, first.schedule) == (again.id, bench.now, "report")
    found = bench.schedules.get("report")
    assert (found.runs, found.runs_left, len(found.previous)) == (2, 1, 2)
    assert set(end(bench)) == {first.id, second.id}
    pass_time(bench, MINUTE)
    assert moments(bench) == [1000, 1000, MINUTE]
    bench.check()


def test_a_run_made_by_hand_is_told_before_those_that_were_made_ahead(bench: Bench) -> None:
    put(bench, every_ms=4000)
    bench.schedules.fire("report")
    pass_time(bench, 9000)
    assert [run.due_at - START for run in bench.schedules.get("report").previous] == [8000, 4000, 0]


def test_a_run_made_by_hand_is_made_once_though_it_was_forgotten_meanwhile(bench: Bench) -> None:
    put(bench, every_ms=2 * KEEP)
    timer_id = bench.schedules.fire("report").id
    end(bench)
    bench.advance(KEEP + 1)
    end(bench)
    with pytest.raises(UnknownTimer):
        bench.schedules.fire("report", timer_id)
    assert bench.schedules.get("report").runs == 1


def test_a_replayed_run_is_unfinished_again(bench: Bench) -> None:
    put(bench, overlap=Overlap.SKIP)
    pass_time(bench, MINUTE)
    (timer_id,) = end(bench)
    bench.timers.replay(bench.timers.get(timer_id))
    pass_time(bench, MINUTE)
    assert bench.schedules.get("report").skipped == Skipped(overlap=1)
    bench.check()


def test_replace_cancels_a_bounded_number_for_each_moment_however_many_wait(bench: Bench) -> None:
    """As after a change from `allow`, under a receiver that was down."""
    put(bench, every_ms=1000, catch_up=CatchUp.ALL)
    bench.advance(100_000)
    bench.look()
    put(bench, every_ms=1000, overlap=Overlap.REPLACE)
    for _ in range(3):
        bench.advance(1000)
        assert bench.look() == 0
        bench.check()
    bench.advance(1000)
    assert bench.look() == 1
    assert [run.status for run in runs(bench)] == [Status.CANCELLED] * 100 + [Status.SCHEDULED]


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.REPLACE])
def test_of_several_moments_at_once_the_first_has_its_run_where_no_two_may_overlap(
    bench: Bench, overlap: Overlap
) -> None:
    put(bench, overlap=overlap, catch_up=CatchUp.ALL)
    bench.advance(3 * MINUTE)
    bench.look()
    assert [(run.due_at - START, run.status) for run in runs(bench)] == [(MINUTE, Status.SCHEDULED)]
    assert bench.schedules.get("report").skipped == Skipped(overlap=2)
