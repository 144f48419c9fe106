"""Schedules in the store: each moment has one run, or is counted as skipped with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import (
    Attempt,
    CatchUp,
    Outcome,
    Overlap,
    Plan,
    Query,
    Reason,
    Schedule,
    ScheduleDraft,
    ScheduleStatus,
    Settlement,
    Skipped,
    Timer,
    VersionChanged,
    Webhook,
)
from tests.bench.store import START, Bench

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
AHEAD = 10_000


def draft(name: str = "report", every_ms: int = MINUTE, **said: Any) -> ScheduleDraft:
    plan: dict[str, Any] = {
        name: said.pop(name) for name in ("cron", "starts_at", "ends_at", "time_zone", "gap") if name in said
    }
    plan = plan if "cron" in plan else {"every_ms": every_ms, **plan}
    return ScheduleDraft(name=name, plan=Plan(**plan), webhook=said.pop("webhook", Webhook(url="http://r/")), **said)


def put(bench: Bench, **said: Any) -> Schedule:
    schedule, _ = bench.schedules.put(draft(**said))
    bench.look()
    return schedule


def pass_time(bench: Bench, ms: int) -> None:
    """Let time pass under a poller that looks at schedules when they ask for it."""
    end = bench.now + ms
    while True:
        bench.look()
        planned = [int(score) for _, score in bench.members("planned")]
        following = min((it for it in planned if it > bench.now), default=end)
        if following >= end:
            break
        bench.set_clock(following)
    bench.set_clock(end)
    bench.look()


def runs(bench: Bench, name: str = "report") -> list[Timer]:
    return bench.listing.page(Query(schedule=name, any_status=True, limit=5000)).timers


def moments(bench: Bench, name: str = "report") -> list[int]:
    """When its runs are due, from START on."""
    return [run.due_at - START for run in runs(bench, name)]


def end(bench: Bench, outcome: Outcome = Outcome.DELIVERED) -> list[str]:
    """Send all that is due, and answer so."""
    claims = [claim for _ in range(bench.partitions) for claim in bench.claims.claim(96).claims]
    reason = Reason.DELIVERED if outcome is Outcome.DELIVERED else Reason.ATTEMPTS_EXHAUSTED
    bench.claims.settle(
        [Settlement(it.id, it.fence, Attempt(it.number, outcome, lateness_ms=0), None, None, reason) for it in claims]
    )
    return [claim.id for claim in claims]


def test_each_moment_has_one_run_which_is_due_at_it(bench: Bench) -> None:
    put(bench)
    pass_time(bench, 5 * MINUTE + 1)
    assert moments(bench) == [MINUTE * n for n in range(1, 6)]
    assert bench.schedules.get("report").runs == 5
    bench.check()


def test_a_schedule_is_none_of_the_timers_that_are_counted_and_listed(bench: Bench) -> None:
    put(bench, every_ms=HOUR)
    assert bench.timers.stats().scheduled == 0
    assert bench.listing.page(Query(any_status=True)).timers == []


def test_runs_of_schedules_that_allow_overlaps_are_made_ten_seconds_ahead(bench: Bench) -> None:
    put(bench)
    bench.set_clock(START + MINUTE - AHEAD - 1)
    assert bench.look() == 0
    bench.advance(1)
    assert bench.look() == 1
    assert moments(bench) == [MINUTE]


def test_a_run_is_a_timer_that_says_its_schedule_and_carries_what_that_sends(bench: Bench) -> None:
    webhook = Webhook(url="http://r/x", method="PUT", headers={"a": "b"}, body=b'{"n":[]}', max_attempts=2)
    put(bench, webhook=webhook, tags=("t",))
    pass_time(bench, MINUTE)
    (run,) = runs(bench)
    assert (run.schedule, run.webhook, run.tags, run.due_at) == ("report", webhook, ("t",), START + MINUTE)
    (claim,) = [claim for _ in range(bench.partitions) for claim in bench.claims.claim(9).claims]
    assert (claim.id, claim.schedule, claim.missed) == (run.id, "report", 0)
    bench.check()


def test_a_put_that_changes_nothing_does_nothing(bench: Bench) -> None:
    """An hourly one starves no `every: 2h`. Red with a start that is now unless said."""
    first = put(bench, every_ms=2 * HOUR)
    for _ in range(4):
        pass_time(bench, HOUR)
        again, is_new = bench.schedules.put(draft(every_ms=2 * HOUR))
        assert (again.version, is_new) == (first.version, False)
    assert moments(bench) == [2 * HOUR, 4 * HOUR]


def test_a_changed_put_keeps_its_start_and_makes_no_moment_up_to_the_last_that_was_made(bench: Bench) -> None:
    before = put(bench, every_ms=2 * MINUTE)
    pass_time(bench, 2 * MINUTE + 1)
    after, is_new = bench.schedules.put(draft(every_ms=MINUTE))
    assert not is_new
    assert after.version != before.version
    assert after.draft.plan.starts_at == START
    pass_time(bench, 2 * MINUTE)
    assert moments(bench) == [2 * MINUTE, 3 * MINUTE, 4 * MINUTE]
    bench.check()


def test_a_put_is_refused_where_another_version_stands_than_it_was_meant_for(bench: Bench) -> None:
    first = put(bench)
    second, _ = bench.schedules.put(draft(every_ms=HOUR), if_version=first.version)
    with pytest.raises(VersionChanged):
        bench.schedules.put(draft(every_ms=2 * HOUR), if_version=first.version)
    with pytest.raises(VersionChanged):
        bench.schedules.put(draft("another"), if_version=first.version)
    assert bench.schedules.get("report") == second


@pytest.mark.parametrize("change", ["pause", "put", "delete"])
def test_what_was_made_ahead_and_is_not_due_is_taken_back(bench: Bench, change: str) -> None:
    put(bench, every_ms=3000)
    assert len(runs(bench)) == 3
    bench.advance(3000)
    if change == "pause":
        bench.schedules.pause("report", "deploy", "ann")
    elif change == "put":
        bench.schedules.put(draft(every_ms=HOUR))
    else:
        bench.schedules.delete("report", open="keep")
    assert moments(bench) == [3000]
    assert bench.timers.stats().cancelled == 0
    bench.check()


def test_a_run_made_ahead_that_was_sent_early_is_not_made_again_by_a_changed_put(bench: Bench) -> None:
    put(bench, every_ms=4000)
    first, second = runs(bench)
    bench.timers.fire(second)
    assert end(bench) == [second.id]
    bench.schedules.put(draft(every_ms=4000, tags=("new",)))
    pass_time(bench, 8000)
    assert [it.due_at - START for it in runs(bench) if it.id != second.id][:1] == [12_000]
    assert first.id not in [it.id for it in runs(bench)]
    bench.check()


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
    put(bench, every_ms=MINUTE)
    bench.schedules.pause("report", "deploy", "ann")
    pass_time(bench, 3 * MINUTE + 50_000)
    bench.schedules.resume("report", catch_up)
    bench.look()
    assert moments(bench) == [*(n * MINUTE for n in made), 4 * MINUTE]
    assert bench.schedules.get("report").skipped == Skipped(missed=3 - len(made))


def test_with_catch_up_last_one_run_stands_for_all_that_were_missed_and_says_how_many(bench: Bench) -> None:
    put(bench, catch_up=CatchUp.LAST)
    bench.advance(10 * MINUTE + 1)
    bench.look()
    assert moments(bench) == [10 * MINUTE]
    claims = [claim for _ in range(bench.partitions) for claim in bench.claims.claim(9).claims]
    assert [(it.due_at - START, it.missed) for it in claims] == [(10 * MINUTE, 9)]
    assert bench.schedules.get("report").skipped == Skipped(missed=9)
    bench.check()
