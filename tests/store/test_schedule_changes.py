"""A schedule that is set again, changed or deleted: what was made ahead is taken back, and nothing is made twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from scheduler import (
    NO_VERSION,
    Attempt,
    CatchUp,
    Outcome,
    Overlap,
    Schedule,
    ScheduleDraft,
    ScheduleExists,
    ScheduleStatus,
    Settlement,
    Skipped,
    Status,
    UnknownSchedule,
    VersionChanged,
    Webhook,
    upcoming,
)
from scheduler.store import keys
from tests.bench.store import START, Bench
from tests.store.schedules import HOUR, MINUTE, draft, end, moments, pass_time, put, runs


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


def test_a_changed_plan_makes_none_of_its_moments_that_had_passed_when_it_was_set(bench: Bench) -> None:
    """Red where the new plan is followed from the last moment of the old one: an edit at noon sent one of 11."""
    put(bench, cron="0 0 * * *", catch_up=CatchUp.ALL)
    pass_time(bench, 20 * HOUR)
    made = len(runs(bench))
    put(bench, cron="0 * * * *", catch_up=CatchUp.ALL)
    assert len(runs(bench)) == made
    assert bench.schedules.get("report").skipped == Skipped()
    pass_time(bench, HOUR)
    assert len(runs(bench)) == made + 1


def test_moments_that_nobody_made_are_counted_where_another_plan_takes_their_place(bench: Bench) -> None:
    put(bench, every_ms=HOUR)
    bench.advance(3 * HOUR)  # without a poller
    put(bench, every_ms=7 * MINUTE)
    assert moments(bench) == []
    assert bench.schedules.get("report").skipped == Skipped(missed=3)
    # Where the same moments are sent otherwise, they are made up for as ever.
    bench.advance(7 * MINUTE)
    put(bench, every_ms=7 * MINUTE, webhook=Webhook(url="http://other/"))
    assert len(runs(bench)) == 1
    bench.check()


def test_a_plan_that_takes_another_place_during_a_pause_is_made_up_for_from_there_on(bench: Bench) -> None:
    put(bench, every_ms=HOUR)
    bench.schedules.pause("report", "deploy", "ann")
    bench.advance(3 * HOUR)
    put(bench, every_ms=HOUR // 2)
    bench.advance(HOUR)
    bench.schedules.resume("report", CatchUp.ALL)
    bench.look()
    assert moments(bench) == [3 * HOUR + HOUR // 2, 4 * HOUR]
    assert bench.schedules.get("report").skipped == Skipped(paused=3)
    bench.check()


def test_one_that_had_ended_and_may_have_more_runs_makes_none_that_had_passed_meanwhile(bench: Bench) -> None:
    put(bench, every_ms=HOUR, max_runs=1, catch_up=CatchUp.ALL)
    pass_time(bench, 5 * HOUR)
    put(bench, every_ms=HOUR, max_runs=3, catch_up=CatchUp.ALL)
    assert moments(bench) == [HOUR]
    pass_time(bench, 2 * HOUR)
    assert moments(bench) == [HOUR, 6 * HOUR, 7 * HOUR]


def test_a_moment_made_while_another_plan_takes_its_place_is_not_counted_as_passed_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bench, every_ms=HOUR, overlap=Overlap.SKIP)
    bench.advance(HOUR)
    write, looked = bench.schedules._write, list[object]()

    def look_first(*args: Any) -> Schedule | None:
        if not looked:
            looked.append(bench.look())
        return write(*args)

    monkeypatch.setattr(bench.schedules, "_write", look_first)
    bench.schedules.put(draft(every_ms=2 * HOUR))
    assert moments(bench) == [HOUR]
    assert bench.schedules.get("report").skipped == Skipped()


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


@pytest.mark.parametrize("open", ["cancel", "keep"])
def test_a_deleted_schedule_cancels_what_waits_or_keeps_it_and_makes_no_more(bench: Bench, open: Any) -> None:
    put(bench, every_ms=1000, catch_up=CatchUp.ALL)
    bench.advance(250_000)
    bench.look()
    claims = [claim for _ in range(bench.partitions) for claim in bench.claims.claim(20).claims]
    bench.schedules.delete("report", open)
    with pytest.raises(UnknownSchedule):
        bench.schedules.get("report")
    with pytest.raises(UnknownSchedule):
        bench.schedules.delete("report", open)
    bench.look()
    found = [run.status for run in runs(bench)]
    waiting = Status.CANCELLED if open == "cancel" else Status.SCHEDULED
    assert (found.count(Status.DELIVERING), found.count(waiting)) == (len(claims), 250 - len(claims))
    done = [Settlement(it.id, it.fence, Attempt(it.number, Outcome.DELIVERED), None) for it in claims]
    assert bench.claims.settle(done) == []
    assert bench.client.exists(f"{bench.prefix(claims[0].id)}schedule:report") == 0
    bench.check()


def test_one_that_was_half_deleted_says_that_it_makes_no_more_and_can_be_deleted_or_set_again(bench: Bench) -> None:
    """More runs wait than one call cancels, and its caller died."""
    put(bench)
    for _ in range(101):
        bench.schedules.fire("report")
    partition = keys.partition_of_key("report", bench.partitions)
    assert bench.link.run("unschedule", partition, ["report", "cancel", HOUR, 0, ""]) == b"0"
    found = bench.schedules.get("report")
    assert (found.status, upcoming(found, 1)) == (ScheduleStatus.ENDED, [])
    bench.check()
    assert bench.schedules.put(draft(every_ms=HOUR))[0].status is ScheduleStatus.ACTIVE
    bench.schedules.delete("report")
    with pytest.raises(UnknownSchedule):
        bench.schedules.get("report")
    assert {run.status for run in runs(bench)} == {Status.CANCELLED}


def test_one_that_is_set_again_under_its_name_makes_runs_of_its_own(bench: Bench) -> None:
    put(bench, every_ms=4000)
    pass_time(bench, 4000)
    bench.schedules.delete("report")
    bench.set_clock(START)
    put(bench, every_ms=4000)
    pass_time(bench, 4000)
    assert moments(bench).count(4000) == 2
    bench.check()


@pytest.mark.parametrize("change", ["pause", "delete"])
def test_a_look_under_way_makes_nothing_of_a_schedule_that_is_changed_or_deleted_meanwhile(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    put(bench)
    bench.set_clock(START + MINUTE)
    run = bench.link.run

    def changed(name: str, partition: int, args: Any = ()) -> Any:
        if name == "runs":
            monkeypatch.undo()
            if change == "pause":
                bench.schedules.pause("report", "deploy", "ann")
            else:
                bench.schedules.delete("report")
        return run(name, partition, args)

    monkeypatch.setattr(bench.link, "run", changed)
    assert bench.look() == 0
    assert runs(bench) == []
    assert [it.skipped for it in bench.schedules.page().schedules] == ([Skipped(paused=1)] if change == "pause" else [])
    bench.check()


def test_writes_that_are_repeated_after_a_lost_reply_change_nothing_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each script twice, as the link does where a reply is lost; of a look that comes five seconds late."""
    run = bench.link.run

    def twice(name: str, partition: int, args: Any = ()) -> Any:
        if name != "plan":
            run(name, partition, args)
        return run(name, partition, args)

    monkeypatch.setattr(bench.link, "run", twice)
    bench.schedules.put(draft(every_ms=4000))
    bench.advance(6000)
    bench.schedules.fire("report")
    bench.look()
    assert moments(bench) == [4000, 6000, 8000, 12_000, 16_000]
    assert bench.schedules.get("report").runs == 5
    bench.schedules.pause("report", "deploy", "ann")
    bench.schedules.resume("report")
    assert bench.schedules.get("report").status is ScheduleStatus.ACTIVE
    assert moments(bench) == [4000, 6000]
    bench.schedules.delete("report")
    monkeypatch.undo()
    bench.check()
    with pytest.raises(UnknownSchedule):
        bench.schedules.delete("report")


def test_of_two_that_ask_for_a_new_one_at_once_one_is_told_that_it_stands(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = bench.link.run

    def other_first(name: str, partition: int, args: Any = ()) -> Any:
        if name == "schedule":
            monkeypatch.undo()
            bench.schedules.put(draft(every_ms=HOUR), NO_VERSION)
        return run(name, partition, args)

    monkeypatch.setattr(bench.link, "run", other_first)
    with pytest.raises(ScheduleExists):
        bench.schedules.put(draft(), NO_VERSION)
    assert bench.schedules.get("report").draft.plan.every_ms == HOUR


def test_a_delete_meant_for_another_version_deletes_nothing(bench: Bench) -> None:
    old = put(bench)
    new, _ = bench.schedules.put(draft(every_ms=HOUR))
    with pytest.raises(VersionChanged):
        bench.schedules.delete("report", if_version=old.version)
    assert bench.schedules.get("report") == new
    bench.schedules.delete("report", if_version=new.version)
    with pytest.raises(UnknownSchedule):
        bench.schedules.get("report")


def test_a_change_is_made_of_what_others_have_set_meanwhile(bench: Bench) -> None:
    put(bench)
    seen = []

    def changed(before: Schedule) -> ScheduleDraft:
        seen.append(before.draft.max_runs)
        if len(seen) == 1:
            bench.schedules.put(replace(before.draft, max_runs=7))
        return replace(before.draft, overlap=Overlap.SKIP)

    after = bench.schedules.change("report", changed)
    assert (seen, after.draft.max_runs, after.draft.overlap) == ([None, 7], 7, Overlap.SKIP)


def test_a_change_meant_for_another_version_is_not_made(bench: Bench) -> None:
    old = put(bench)
    new, _ = bench.schedules.put(draft(every_ms=HOUR))
    with pytest.raises(VersionChanged):
        bench.schedules.change("report", lambda before: replace(before.draft, max_runs=7), old.version)
    assert bench.schedules.get("report") == new
    with pytest.raises(UnknownSchedule):
        bench.schedules.change("unknown", lambda before: before.draft)


def test_each_write_is_answered_as_it_was_made_whatever_others_do_before_the_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = bench.link.run

    def deleted_after(name: str, partition: int, args: Any = ()) -> Any:
        reply = run(name, partition, args)
        if name == "schedule":
            monkeypatch.undo()
            bench.schedules.delete("report")
            bench.schedules.put(draft(every_ms=HOUR))
        return reply

    writes: list[Callable[[], Schedule]] = [
        lambda: bench.schedules.put(draft(max_runs=7))[0],
        lambda: bench.schedules.change("report", lambda it: replace(it.draft, max_runs=7)),
        lambda: bench.schedules.pause("report", "deploy", "ann"),
        lambda: bench.schedules.resume("report"),
    ]
    for number, write in enumerate(writes):
        put(bench)
        if number == 3:
            bench.schedules.pause("report", "deploy", "ann")
        before = bench.schedules.get("report")
        monkeypatch.setattr(bench.link, "run", deleted_after)
        written = write()
        others = bench.schedules.get("report")
        assert written.version != others.version
        assert (written.draft.plan.every_ms, others.draft.plan.every_ms) == (MINUTE, HOUR)
        assert (written.draft.max_runs, written.paused is None) == ((7, True) if number < 2 else (None, number == 3))
        assert written.created_at == before.created_at
