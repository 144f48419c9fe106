"""Schedules under real pollers: killed across due moments, and several at once."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from scheduler import CatchUp, Link, Overlap, Plan, Schedule, ScheduleDraft, Settings, Store, Webhook, connect
from scheduler.due_moments import offset_of
from scheduler.rfc3339 import rfc3339
from tests.bench.processes import Service, wait_until
from tests.bench.receiver import Hit, Receiver


def put(store: Store, name: str, url: str, **said: Any) -> None:
    store.schedules.put(ScheduleDraft(name=name, plan=Plan(every_ms=1000), webhook=Webhook(url=url), **said))


def paused(store: Store, names: Iterable[str]) -> list[Schedule]:
    """Schedules, once they make no runs and none is under way."""
    for name in names:
        store.schedules.pause(name, "the test is over", "test")
    wait_until(lambda: store.timers.stats().scheduled + store.timers.stats().delivering == 0, 20, "all sent")
    return [store.schedules.get(name) for name in names]


def stored(store: Store, name: str) -> list[int]:
    """In one breath the last moment of a schedule that was decided, its runs, and what it skipped by each reason."""
    fields = ["after", "runs", "skipped_overlap", "skipped_missed", "skipped_paused"]
    client: Any = store.link.client
    return [int(value or 0) for value in client.hmget(f"timers:{{0}}:schedule:{name}", fields)]


def first_sends(receiver: Receiver, name: str) -> list[Hit]:
    hits = [hit for hit in receiver.hits if hit.headers["timer-schedule"] == name]
    return [hit for hit in hits if "timer-redelivery" not in hit.headers]


def due(hits: list[Hit]) -> list[str]:
    return [hit.headers["timer-due-at"] for hit in hits]


def test_each_moment_has_one_run_or_is_counted_across_a_kill_of_every_poller(
    service: Service, receiver: Receiver
) -> None:
    """With each catch-up. What was made ten seconds ahead, where overlaps are allowed, are timers: none is lost."""
    store = Store(Settings(redis_url=service.store.url, store_timeout=5))
    kinds = {f"{catch_up}-{overlap}": (catch_up, overlap) for catch_up in CatchUp for overlap in ("allow", "skip")}
    victims = [service.poller(), service.poller()]
    for name, (catch_up, overlap) in kinds.items():
        put(store, name, receiver.url, catch_up=catch_up, overlap=Overlap(overlap))
    wait_until(lambda: all(len(first_sends(receiver, name)) > 1 for name in kinds), 20, "two runs of each")
    for victim in victims:
        victim.kill()
    seen = {name: len(first_sends(receiver, name)) for name in kinds}
    killed = time.monotonic()
    wait_until(lambda: time.monotonic() > killed + 2.5, 10, "two due moments to pass")
    service.poller()
    wait_until(lambda: all(len(first_sends(receiver, it)) > seen[it] + 2 for it in kinds), 30, "runs of each again")
    for found in paused(store, kinds):
        catch_up, overlap = kinds[found.name]
        hits = first_sends(receiver, found.name)
        start = found.draft.plan.starts_at
        moments = {rfc3339(start + 1000 * n) for n in range(1, 300)}
        assert len(set(due(hits)) & moments) == len(hits) == found.runs, found
        after, *counts = stored(store, found.name)
        assert sum(counts) == (after - start) // 1000, found
        told = sum(int(hit.headers.get("timer-missed", 0)) for hit in hits)
        assert told == (found.skipped.missed if catch_up is CatchUp.LAST else 0), found
        if catch_up is CatchUp.ALL:
            assert found.skipped.missed == 0, found
        elif overlap == "skip":
            assert found.skipped.missed >= 1, found


def test_several_pollers_make_one_run_of_each_moment(service: Service, receiver: Receiver) -> None:
    store = Store(Settings(redis_url=service.store.url, store_timeout=5))
    for _ in range(3):
        service.poller()
    put(store, "tick", receiver.url, overlap=Overlap.SKIP)
    receiver.wait_for(4, 20)
    (found,) = paused(store, ["tick"])
    assert len(set(due(receiver.hits))) == len(receiver.hits) == found.runs


def test_a_receiver_is_told_the_moment_with_the_spread_of_its_schedule(service: Service, receiver: Receiver) -> None:
    store = Store(Settings(redis_url=service.store.url, store_timeout=5))
    service.poller()
    put(store, "tick", receiver.url, spread_ms=900, max_runs=2)
    receiver.wait_for(2, 20)
    draft = store.schedules.get("tick").draft
    offset = offset_of(draft)
    assert 0 < offset < 900
    assert sorted(due(receiver.hits)) == [rfc3339(draft.plan.starts_at + 1000 * n + offset) for n in (1, 2)]


def test_a_year_of_a_daily_schedule_runs_on_a_clock_that_is_turned_each_day_at_its_local_time(
    tmp_path: Path, receiver: Receiver
) -> None:
    """Red with a clock that is turned past schedules that a poller has yet to look at."""
    service = Service(tmp_path, TIMER_CLOCK="virtual")
    try:
        link = Link(connect(service.store.url, 5), 4, clock="virtual")
        assert link.partitions == 4
        store = Store(Settings(redis_url=service.store.url, store_timeout=5, clock="virtual"), link)
        service.poller()
        plan = Plan(cron="30 2 * * *", time_zone="Europe/Berlin")
        hook = Webhook(url=receiver.url)
        store.schedules.put(ScheduleDraft(name="daily", plan=plan, webhook=hook, overlap=Overlap.SKIP))
        assert store.clock is not None
        found = store.clock.advance_by(365 * 86_400_000)
        while found.stopped_by == "time":
            found = store.clock.advance_to(found.to)
        assert found.stopped_by is None
        sent = due(first_sends(receiver, "daily"))
        local = [datetime.fromisoformat(it).astimezone(ZoneInfo("Europe/Berlin")) for it in sent]
        dates = [it.date() for it in local]
        assert dates == [dates[0] + timedelta(days=n) for n in range(365)]
        assert [(it.hour, it.minute) for it in local].count((2, 30)) == 364  # and 03:00 of the day in March
        assert store.schedules.get("daily").runs == 365
    finally:
        receiver.unverified.clear()  # signed at the time of the service
        service.remove()
