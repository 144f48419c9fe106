"""Schedules in the store: each moment has one run, which is a timer, and whoever looks at once makes no other."""

from __future__ import annotations

import sys
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduler import (
    Callback,
    Draft,
    Outcome,
    Overlap,
    Query,
    ScheduleStatus,
    Settings,
    Store,
    StoreClock,
    StoreUnavailable,
    Timer,
    TooManyPending,
    Webhook,
    upcoming,
)
from scheduler.store import keys
from tests.bench.store import START, Bench
from tests.store.schedules import AHEAD, DAY, HOUR, MINUTE, draft, end, moments, pass_time, put, runs


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


def test_the_first_run_of_one_that_is_put_off_is_the_one_that_was_told(bench: Bench) -> None:
    """Red where a moment of before it was set is told, whose run would be due later: none is made of it."""
    names = [f"report-{n}" for n in range(8)]
    told = [put(bench, name=name, every_ms=HOUR, starts_at=START - HOUR // 2, spread_ms=HOUR) for name in names]
    pass_time(bench, 2 * HOUR)
    assert [moments(bench, name)[0] for name in names] == [upcoming(it, 1)[0].at - START for it in told]


def test_a_moment_that_has_its_run_is_not_told_again_where_runs_come_to_be_put_off(bench: Bench) -> None:
    put(bench, every_ms=HOUR)
    pass_time(bench, HOUR + 1)
    changed = put(bench, every_ms=HOUR, spread_ms=HOUR)
    pass_time(bench, 2 * HOUR)
    assert moments(bench)[1] == upcoming(changed, 1)[0].at - START


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


def test_a_run_of_a_schedule_that_asks_for_callbacks_makes_one_at_its_end(bench: Bench) -> None:
    put(bench, webhook=Webhook(url="http://r/", max_attempts=1, body=b"{}", on_failed=Callback("http://c/")))
    pass_time(bench, MINUTE)
    (run_id,) = end(bench, Outcome.PERMANENT)
    callbacks = [it for it in bench.listing.page(Query(any_status=True)).timers if it.id != run_id]
    assert [(it.callback_for, it.webhook.url, it.schedule) for it in callbacks] == [(run_id, "http://c/", None)]
    assert [it.id for it in runs(bench)] == [run_id]
    bench.check()


def test_what_is_told_to_come_next_are_the_moments_that_get_a_run_also_with_a_spread(bench: Bench) -> None:
    """The moment at which it was set, and one that has had its run, are put off by a spread into what is to come."""
    found = put(bench, name="often", every_ms=HOUR, spread_ms=HOUR)
    told = [it.at for it in upcoming(found, 2)]
    assert told[0] > START + HOUR
    pass_time(bench, 3 * HOUR)
    assert [START + due_at for due_at in moments(bench, "often")] == told
    bench.advance(MINUTE)
    found = put(bench, name="often", every_ms=HOUR, spread_ms=HOUR - 1000)
    coming = upcoming(found, 1)[0].at
    pass_time(bench, 2 * HOUR)
    assert START + moments(bench, "often")[2] == coming


def test_what_is_made_ahead_is_told_to_come_next(bench: Bench) -> None:
    put(bench, every_ms=4000)
    assert [it.at - START for it in upcoming(bench.schedules.get("report"), 3)] == [4000, 8000, 12_000]
    assert moments(bench) == [4000, 8000]
