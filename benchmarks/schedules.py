"""What schedules cost: runs at a steady rate, many that are due at one second, many that wait, and a year of one.

    python -m benchmarks.schedules --quick

One Valkey, one poller, one nginx. Lateness is the arrival in nginx's log, in whole ms rounded down, minus the moment at
which the run was due. Steady: 50 schedules, each every second. At one second: plain timers for another port fall due 50
a second from before the first run is made until after the last is sent, and `beside` is how late those are. Waiting:
all are due a day later. A year: one schedule, daily at 02:30 in Berlin, by a clock that is turned from run to run.
A quick run leaves out the first of the three at one second.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import part
from benchmarks.cpu import Meter
from benchmarks.figures import Row, late
from benchmarks.filling import DAY_MS, draft, set_all, webhook
from benchmarks.part import Options, Part, repeat, say
from benchmarks.sink import Arrival, Sink, sink
from scheduler import Overlap, Plan, ScheduleDraft, Settings, Store
from scheduler.store import keys
from tests.bench.processes import Part as Process
from tests.bench.processes import Service, wait_until

STEADY, AT_ONCE, WAITING, YEAR = "steady", "due at one second", "waiting", "a year"
_MANY, _FEW = 100_000, 500
#: Of runs, and of the timers beside them.
_PER_SECOND = 50
#: ms: runs of schedules that allow overlaps are made 10 s before they are due; in a quick run as soon as they are set.
_BEFORE, _BEFORE_QUICK = 12_000, 1000
#: Runs sent a second, and schedules set a second by a process for each core: at least.
_SENT_PER_SECOND, _SET_PER_SECOND = 5000, 500


class Waits(NamedTuple):
    """Of many that are due at one second."""

    #: All are set so long before they are due.
    before_ms: int
    #: What setting takes beside the schedules.
    setting_ms: int
    #: Timers beside them fall due so long after the last.
    after_ms: int


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    rows: list[Row] = []
    many, few = options.size(_MANY, _FEW), _PER_SECOND * options.size(20, 1)
    ahead, spread = options.size(3000, 1500), options.size(60_000, 1000)
    for overlap in (Overlap.ALLOW, Overlap.SKIP):
        row: Row = {"what": STEADY, "overlap": overlap.value, "spread_s": 0.0, "runs": few}
        found = repeat(f"{STEADY}, overlap {overlap}", options.rounds, partial(steady, few, overlap, ahead))
        rows.append({**row, **found})
    waits = Waits(options.size(_BEFORE, _BEFORE_QUICK), options.size(5000, 2000), options.size(2000, 500))
    cases = [(Overlap.ALLOW, 0), (Overlap.SKIP, 0), (Overlap.ALLOW, spread)]
    for overlap, spread_ms in cases[options.size(0, 1) :]:
        row = {"what": AT_ONCE, "overlap": overlap.value, "spread_s": spread_ms / 1000, "runs": many}
        name = f"{many:,} {AT_ONCE}, overlap {overlap}, spread {spread_ms // 1000} s"
        # One round: setting them takes minutes.
        rows.append({**row, **repeat(name, 1, partial(at_once, many, overlap, spread_ms, waits))})
    idle = partial(waiting, many, options.size(3, 1), options.size(30, 2))
    rows.append({"what": WAITING, "runs": 0, **repeat(f"{many:,} {WAITING}", 1, idle)})
    days = options.size(365, 30)
    rows.append({"what": YEAR, "runs": days, **repeat(f"{days} days", options.rounds, partial(year, days))})
    return rows, {"schedules": many}


def steady(count: int, overlap: Overlap, ahead_ms: int) -> Row:
    with _ready() as (service, poller, there):
        each, first = count // _PER_SECOND, _now() + ahead_ms
        store = _opened(service.store.url)
        for number in range(_PER_SECOND):
            plan = Plan(every_ms=1000, starts_at=first + 1000 * number // _PER_SECOND)
            store.schedules.put(_schedule(number, there.url, plan, overlap, max_runs=each))
        time.sleep(max(0.0, first / 1000 - time.time() - 0.1))
        meter = Meter(poller=poller.process.pid, store=service.store.pid)
        assert there.wait_for(count, 60 + each), f"{there.count()} of {count} runs arrived"
        return {**_figures(there.arrivals(), count), **meter.cost(count)}


def at_once(count: int, overlap: Overlap, spread_ms: int, waits: Waits) -> Row:
    with _ready() as (service, poller, there):
        due = _now() + waits.setting_ms + waits.before_ms + 1000 * count // _SET_PER_SECOND
        _fill(service.store.url, there.url, count, due, overlap, spread_ms)
        ready = due - waits.before_ms
        last = due + spread_ms + waits.after_ms + 1000 * count // _SENT_PER_SECOND
        beside = _set_beside(service, there.urls[1], ready, last)
        early = ready - _now()
        assert early > 0, f"{count} schedules were not set in time: {-early} ms late"
        _looked_at(service, ready, early / 1000)
        time.sleep(max(0.0, (ready - _now()) / 1000))
        meter = Meter(poller=poller.process.pid, store=service.store.pid)
        all_of_them = count + len(beside)
        assert there.wait_for(all_of_them, 180 + spread_ms / 1000), f"{there.count()} of {all_of_them} arrived"
        cost = meter.cost(count)
        arrivals = there.arrivals()
    runs = [it for it in arrivals if it.timer not in beside]
    found = late([it.late_ms for it in arrivals if it.timer in beside])
    return {
        **_figures(runs, count),
        "last_s": (max(it.at_ms for it in runs) - due) / 1000,
        "beside_p50_ms": found["p50_ms"],
        "beside_p99_ms": found["p99_ms"],
        **cost,
    }


def waiting(count: int, settled_s: float, seconds: float) -> Row:
    """CPU of one core while nothing is due. Half a minute is its own median: it has thirty of the poller's sleeps."""
    with _ready() as (service, poller, there):
        due = _now() + DAY_MS
        _fill(service.store.url, there.url, count, due, Overlap.ALLOW, 0)
        _looked_at(service, due - _BEFORE, 600)
        client = service.store.client()
        wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], 60, "the append-only file")
        client.close()
        time.sleep(settled_s)
        meter = Meter(poller=poller.process.pid, store=service.store.pid)
        time.sleep(seconds)
        shares = {f"{name}_percent": 100 * spent / seconds for name, spent in meter.spent().items()}
        return {**shares, "together_percent": sum(shares.values())}


def year(days: int) -> Row:
    with _ready("virtual") as (service, _, there):
        store = _opened(service.store.url, clock="virtual")
        assert store.clock is not None
        plan = Plan(cron="30 2 * * *", time_zone="Europe/Berlin")
        store.schedules.put(_schedule(0, there.url, plan, Overlap.SKIP))
        begun = time.monotonic()
        found = store.clock.advance_by(days * DAY_MS)
        while found.stopped_by == "time":
            found = store.clock.advance_to(found.to)
        took = time.monotonic() - begun
        assert found.stopped_by is None, f"the clock was stopped: {found}"
        assert there.wait_for(days, 5), f"{there.count()} of {days} runs arrived"
        return {"seconds": took}


def _figures(runs: list[Arrival], count: int) -> dict[str, float]:
    ms = [it.late_ms for it in runs]
    return {**late(ms), "early": sum(value < 0 for value in ms), "twice": len(ms) - count}


def _fill(url: str, hook: str, count: int, first: int, overlap: Overlap, spread_ms: int) -> None:
    """Schedules whose first moment is `first`, and the next a day later."""
    say(f"  setting {count:,} schedules")
    processes = os.cpu_count() or 1
    one = partial(_fill_some, url, hook, first, overlap, spread_ms)
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(one, (range(start, count, processes) for start in range(processes))))


def _fill_some(url: str, hook: str, first: int, overlap: Overlap, spread_ms: int, numbers: range) -> None:
    store, plan = _opened(url), Plan(every_ms=DAY_MS, starts_at=first)
    for done, number in enumerate(numbers, 1):
        store.schedules.put(_schedule(number, hook, plan, overlap, spread_ms=spread_ms))
        if done % 10_000 == 0 and numbers.start == 0:
            say(f"  {done * numbers.step:,} set")


def _schedule(number: int, hook: str, plan: Plan, overlap: Overlap, **more: Any) -> ScheduleDraft:
    return ScheduleDraft(name=f"customer-{number}", plan=plan, webhook=webhook(hook), overlap=overlap, **more)


def _set_beside(service: Service, hook: str, first: int, until: int) -> set[str]:
    """Plain timers that fall due meanwhile; returns their ids."""
    moments = range(first, until, 1000 // _PER_SECOND)
    return set_all(service.timers, [draft(service.timers, hook, moment) for moment in moments])


def _looked_at(service: Service, until: int, seconds: float) -> None:
    """Until the poller has looked at every schedule that was set: then it looks again after `until`, before all are
    due."""
    client = service.store.client()
    planned = [f"{keys.prefix(partition)}planned" for partition in range(_opened(service.store.url).link.partitions)]
    # One that is being looked at stands at most 5 s ahead.
    wait_until(
        lambda: not any(client.zcount(it, "-inf", min(_now() + 5000, until)) for it in planned),
        seconds,
        "a look at every schedule",
    )
    client.close()


def _opened(url: str, clock: str = "real") -> Store:
    return Store(Settings(redis_url=url, store_timeout=30, clock=clock))


@contextmanager
def _ready(clock: str = "real") -> Iterator[tuple[Service, Process, Sink]]:
    with tempfile.TemporaryDirectory() as folder, sink(2) as there:
        service = Service(Path(folder), TIMER_LOG_LEVEL="info", TIMER_CLOCK=clock)
        try:
            yield service, service.poller(), there
        finally:
            service.remove()


def _now() -> int:
    return time.time_ns() // 1_000_000


PART = Part("schedules", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
