"""Schedules in the store: each moment has one run, or is counted as skipped with its reason."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduler import (
    NO_VERSION,
    Attempt,
    Callback,
    CatchUp,
    Draft,
    Gap,
    Outcome,
    Overlap,
    Plan,
    Query,
    Reason,
    Schedule,
    ScheduleDraft,
    ScheduleExists,
    ScheduleStatus,
    Settings,
    Settlement,
    Skipped,
    Status,
    Store,
    StoreClock,
    StoreUnavailable,
    Timer,
    TooManyPending,
    UnknownSchedule,
    UnreadableSchedule,
    VersionChanged,
    Webhook,
    upcoming,
)
from scheduler.store import keys
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
    found, after = [], None
    while True:
        page = bench.listing.page(Query(schedule=name, any_status=True, limit=1000, after=after))
        found += page.timers
        if page.next is None:
            return found
        after = page.next


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


def test_runs_are_made_though_as_many_timers_are_pending_as_clients_may_set(bench: Bench) -> None:
    store = Store(Settings(max_pending=bench.partitions), bench.link)
    # In the partition in which its runs stand.
    ids = (keys.id_in(keys.slot_of_key("report")) for _ in range(2))
    one, another = (bench.draft(HOUR)._replace(id=timer_id) for timer_id in ids)
    store.timers.set(one)
    with pytest.raises(TooManyPending):
        store.timers.set(another)
    store.schedules.put(draft())
    pass_time(bench, MINUTE)
    assert moments(bench) == [MINUTE]


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


def test_a_run_that_an_older_version_ended_holds_up_no_other(bench: Bench) -> None:
    """It knows no schedules, and leaves the run among the unfinished."""
    put(bench, overlap=Overlap.SKIP)
    pass_time(bench, MINUTE)
    (run,) = runs(bench)
    end(bench)
    bench.client.zadd(f"{bench.prefix(run.id)}open:report", {run.id: run.due_at})
    pass_time(bench, MINUTE)
    assert moments(bench) == [MINUTE, 2 * MINUTE]
    bench.check()


def test_a_schedule_ends_with_its_last_moment_and_stays_visible(bench: Bench) -> None:
    put(bench, ends_at=START + 2 * MINUTE)
    pass_time(bench, MINUTE + 55_000)
    assert bench.schedules.get("report").status is ScheduleStatus.ACTIVE
    pass_time(bench, MINUTE)
    found = bench.schedules.get("report")
    assert (found.status, found.runs, upcoming(found, 5)) == (ScheduleStatus.ENDED, 2, [])
    bench.schedules.put(draft())
    pass_time(bench, MINUTE)
    assert bench.schedules.get("report").status is ScheduleStatus.ACTIVE
    assert moments(bench) == [MINUTE, 2 * MINUTE, 3 * MINUTE, 4 * MINUTE]  # the last ahead


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


def test_rules_of_a_time_zone_that_have_changed_hold_for_a_run_that_is_days_ahead(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with a schedule that is looked at again only when its next moment, by the old rules, has come."""
    put(bench, cron="0 9 * * MON", time_zone="Europe/Berlin")  # 08:00 UTC
    plans = sys.modules["scheduler.recurrence.moments"]
    monkeypatch.setattr(plans, "zone_of", lambda _: ZoneInfo("Asia/Tokyo"))  # 00:00 UTC
    pass_time(bench, 5 * DAY)
    (run,) = runs(bench)
    assert run.due_at == START + 4 * DAY
    assert run.created_at <= run.due_at


def test_a_clock_that_is_set_back_makes_no_moment_twice(bench: Bench) -> None:
    put(bench)
    pass_time(bench, 5 * MINUTE)
    bench.set_clock(START)
    pass_time(bench, 6 * MINUTE)
    assert moments(bench) == [MINUTE * n for n in range(1, 7)]


def test_spread_puts_off_each_run_by_an_offset_of_its_schedule(bench: Bench) -> None:
    names = [f"report-{n}" for n in range(8)]
    for name in names:
        put(bench, name=name, spread_ms=30_000)
    pass_time(bench, 3 * MINUTE)
    found = {name: moments(bench, name) for name in names}
    offsets = {name: due[0] - MINUTE for name, due in found.items()}
    assert len(set(offsets.values())) == len(names)
    assert all(0 <= it < 30_000 for it in offsets.values())
    assert all(due[1] - due[0] == MINUTE for due in found.values())


def test_a_moment_that_a_change_of_clocks_leaves_out_is_counted_where_it_is_to_be_skipped(bench: Bench) -> None:
    """02:30 of 2026-03-29 is not in Berlin; with `gap: run` there would be four."""
    bench.set_clock(1_774_566_000_000)  # 2026-03-27T00:00+01:00
    put(bench, cron="30 2 * * *", time_zone="Europe/Berlin", gap=Gap.SKIP)
    pass_time(bench, 4 * DAY)
    found = bench.schedules.get("report")
    assert (found.runs, found.skipped) == (3, Skipped(gap=1))


def test_two_pollers_that_look_at_once_make_each_run_once(bench: Bench) -> None:
    for n in range(40):
        put(bench, name=f"s{n}")
    bench.advance(MINUTE)
    other = bench.store().plans(StoreClock())
    made = 0
    for _ in range(3):
        for partition in range(bench.partitions):
            made += bench.plans.look(partition).made + other.look(partition).made
    assert made == 40
    bench.check()


def test_a_poller_that_died_in_its_look_costs_five_seconds_and_its_late_runs_are_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bench, overlap=Overlap.SKIP)
    bench.set_clock(START + MINUTE)
    partition = keys.partition_of_key("report", bench.partitions)
    run, late = bench.link.run, []

    def dies(name: str, partition: int, args: Any = ()) -> Any:
        if name == "runs":
            late.append(args)
            raise StoreUnavailable("it died")
        return run(name, partition, args)

    monkeypatch.setattr(bench.link, "run", dies)
    with pytest.raises(StoreUnavailable):
        bench.plans.look(partition)
    monkeypatch.undo()
    assert bench.look() == 0
    bench.advance(5000)
    assert bench.look() == 1
    _, _, made = bench.link.run("runs", partition, late[0])
    assert made == -1
    assert moments(bench) == [MINUTE]
    assert bench.schedules.get("report").runs == 1
    bench.check()


def test_a_look_under_way_makes_nothing_of_a_schedule_that_is_changed_meanwhile(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bench)
    bench.set_clock(START + MINUTE)
    run = bench.link.run

    def changed(name: str, partition: int, args: Any = ()) -> Any:
        if name == "runs":
            monkeypatch.undo()
            bench.schedules.pause("report", "deploy", "ann")
        return run(name, partition, args)

    monkeypatch.setattr(bench.link, "run", changed)
    assert bench.look() == 0
    assert runs(bench) == []
    assert bench.schedules.get("report").skipped == Skipped(paused=1)


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


def test_schedules_are_listed_by_name_over_all_partitions_in_pages(bench: Bench) -> None:
    names = sorted(f"s{n}" for n in range(45))
    for name in names:
        bench.schedules.put(draft(name, tags=("odd",) if name[-1] in "13579" else ()))
    bench.schedules.pause("s7", "deploy", "ann")
    found, after = [], ""
    while True:
        page = bench.schedules.page(after=after, limit=10)
        found += [it.name for it in page.schedules]
        if page.next is None:
            break
        after = page.next
    assert found == names
    assert [it.name for it in bench.schedules.page(status=ScheduleStatus.PAUSED).schedules] == ["s7"]
    odd = bench.schedules.page(tag="odd").schedules
    assert [it.name for it in odd] == [name for name in names if name[-1] in "13579"]


def test_a_page_stops_short_after_so_many_that_do_not_match_and_the_next_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.store.schedules._PAGE_LOOK", 3)
    for name, tags in (("a", ()), ("b", ()), ("c", ()), ("d", ("t",))):
        bench.schedules.put(draft(name, every_ms=HOUR, tags=tags))
    first = bench.schedules.page(tag="t")
    assert (first.schedules, first.next) == ([], "c")
    (found,) = bench.schedules.page(tag="t", after="c").schedules
    assert found.name == "d"


def test_the_last_ten_runs_are_told_with_how_they_ended_after_they_were_forgotten_too(bench: Bench) -> None:
    put(bench)
    for _ in range(12):
        pass_time(bench, MINUTE)
        end(bench)
    bench.alive(3 * MINUTE)  # they are kept for one
    previous = bench.schedules.get("report").previous
    assert [it.due_at - START for it in previous] == [MINUTE * n for n in range(12, 2, -1)]
    assert {it.status for it in previous} == {Status.DELIVERED}
    bench.check()


def test_a_change_of_a_run_keeps_its_schedule_and_moves_it_where_that_looks_it_up(bench: Bench) -> None:
    put(bench, tags=("t",))
    bench.set_clock(START + MINUTE - 5000)
    bench.look()
    (run,) = runs(bench)

    def later(timer: Timer) -> Draft:
        return Draft(id=timer.id, webhook=timer.webhook, due_at=timer.due_at + HOUR, tags=("other",))

    bench.changes.change(run.id, later)
    (moved,) = runs(bench)
    assert (moved.schedule, moved.tags, moved.due_at) == ("report", ("other",), run.due_at + HOUR)
    pass_time(bench, MINUTE)
    assert moments(bench) == [2 * MINUTE, MINUTE + HOUR]
    bench.check()


def test_a_replayed_run_is_unfinished_again(bench: Bench) -> None:
    put(bench, overlap=Overlap.SKIP)
    pass_time(bench, MINUTE)
    (timer_id,) = end(bench)
    bench.timers.replay(bench.timers.get(timer_id))
    pass_time(bench, MINUTE)
    assert bench.schedules.get("report").skipped == Skipped(overlap=1)
    bench.check()


def test_a_run_of_a_schedule_that_asks_for_callbacks_makes_one_at_its_end(bench: Bench) -> None:
    put(bench, webhook=Webhook(url="http://r/", max_attempts=1, body=b"{}", on_failed=Callback("http://c/")))
    pass_time(bench, MINUTE)
    (run_id,) = end(bench, Outcome.PERMANENT)
    callbacks = [it for it in bench.listing.page(Query(any_status=True)).timers if it.id != run_id]
    assert [(it.callback_for, it.webhook.url, it.schedule) for it in callbacks] == [(run_id, "http://c/", None)]
    assert [it.id for it in runs(bench)] == [run_id]
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


def test_one_that_cannot_be_read_is_looked_at_ever_more_rarely_until_it_can_be(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    put(bench)
    (key,) = bench.client.scan_iter("timers:*:schedule:report")
    readable = bench.client.hget(key, "plan")

    def look_for(ms: int) -> list[int]:
        """When it was looked at, in ms from now."""
        begun, looks = bench.now, []
        while bench.now <= begun + ms:
            looks.append(bench.now - begun)
            assert bench.look() == 0
            ((_, planned),) = bench.members("planned")
            bench.set_clock(int(planned))
        return looks

    bench.advance(MINUTE)
    bench.client.hset(key, "plan", readable.replace(b'"allow"', b'"queue"'))
    assert look_for(MINUTE) == [0, 5000, 15_000, 35_000]
    assert len(look_for(DAY)) < 40
    assert len([line for line in caplog.messages if line.startswith("schedule report cannot be read")]) == 1
    assert bench.members("planned")[0][1] <= bench.now + HOUR
    assert runs(bench) == []
    bench.client.hset(key, "plan", readable)
    bench.advance(HOUR)
    assert bench.look() >= 1
    assert moments(bench)[-1] > bench.now - START - MINUTE
    bench.advance(MINUTE)
    bench.client.hset(key, "plan", readable.replace(b'"allow"', b'"queue"'))
    bench.set_clock(int(bench.members("planned")[0][1]))
    assert look_for(10_000) == [0, 5000]


def test_what_only_a_later_version_can_read_is_neither_told_nor_changed_but_can_be_deleted(bench: Bench) -> None:
    put(bench)
    (key,) = bench.client.scan_iter("timers:*:schedule:report")
    plan = bench.client.hget(key, "plan").replace(b'"allow"', b'"queue"')
    bench.client.hset(key, "plan", plan)
    before = bench.client.hgetall(key)
    calls: list[Callable[[], object]] = [
        lambda: bench.schedules.get("report"),
        bench.schedules.page,
        lambda: bench.schedules.put(draft(every_ms=HOUR)),
        lambda: bench.schedules.change("report", lambda it: it.draft),
        lambda: bench.schedules.pause("report", "", ""),
        lambda: bench.schedules.resume("report"),
    ]
    for call in calls:
        with pytest.raises(UnreadableSchedule, match="report"):
            call()
    assert bench.client.hgetall(key) == before
    bench.schedules.delete("report")
    assert not bench.client.exists(key)
