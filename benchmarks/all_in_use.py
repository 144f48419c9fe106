"""How late webhooks arrive at 2,000 a second, alone, and while all else that the service does goes on beside them.

    python -m benchmarks.all_in_use --quick

One Valkey, one poller, one nginx; by turns. Beside them: 50 schedules that run each second, a callback for each tenth
timer, a destination that is paused while timers for it fall due 200 a second, and a history in SQLite. Lateness is the
arrival in nginx's log, in whole ms rounded down, minus due_at, of the 2,000 a second and of nothing else. `stolen` is
what the host took of all cores meanwhile: with a few percent of that the 99th percentile is the host's.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import part
from benchmarks.cpu import Meter, of_all_cores, stolen_percent
from benchmarks.figures import Row, late
from benchmarks.filling import set_all, webhook
from benchmarks.part import Options, Part, by_turns
from benchmarks.sink import Sink, sink
from scheduler import Draft, Overlap, Plan, ScheduleDraft, Settings, Store, destination
from scheduler.timer import Callback
from tests.bench.processes import Service, wait_until

ALONE, BESIDE = "alone", "with all in use"
_PER_SECOND, _SCHEDULES, _HELD_PER_SECOND = 2000, 50, 200
#: Of so many timers one has a callback.
_CALLBACK_OF = 10
#: Nobody listens there: it is paused.
_PAUSED = "http://127.0.0.1:9/hook"
#: Timers set a second: at least.
_SET_PER_SECOND = 2000


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    seconds, starting_ms = options.size(10, 1), options.size(5000, 2000)
    ways = {name: partial(steady, seconds, starting_ms, rest) for name, rest in _WAYS.items()}
    return [{"what": what, **row} for what, row in by_turns(ways, options.rounds).items()], {}


#: Begins what goes on beside, with the URL to call, the moment at which it is due and for how many seconds; returns the
#: callback of each tenth timer.
Rest = Callable[[Service, Store, str, int, int], Callback | None]


def steady(seconds: int, starting_ms: int, begin_the_rest: Rest) -> Row:
    """`starting_ms` for what starting takes beside setting the timers."""
    count = _PER_SECOND * seconds
    with tempfile.TemporaryDirectory() as name, sink(2) as there:
        service = Service(Path(name), TIMER_LOG_LEVEL="info")
        store = Store(Settings(redis_url=service.store.url, store_timeout=30))
        try:
            poller = service.poller()
            due = time.time_ns() // 1_000_000 + starting_ms + 1000 * count // _SET_PER_SECOND
            callback = begin_the_rest(service, store, there.urls[1], due, seconds)
            measured = _set(service, there.url, _PER_SECOND, due, seconds, callback)
            early = due / 1000 - time.time()
            assert early > 0, f"{count} timers were not set in time: {-early:.1f} s late"
            time.sleep(early)
            meter, before = Meter(poller=poller.process.pid, store=service.store.pid), of_all_cores()
            time.sleep(seconds)
            cost, stolen = meter.cost(count), stolen_percent(before, of_all_cores())
            wait_until(lambda: len(_late_ms(there, measured)) >= count, 20, f"all {count} arrived")
            ms, others = _late_ms(there, measured), there.count() - count
        finally:
            store.close()
            service.remove()
    assert len(ms) == count, f"{len(ms) - count} arrived twice"
    return {**late(ms), "others": others, "early": sum(it < 0 for it in ms), **cost, "stolen_percent": stolen}


def _late_ms(there: Sink, timers: set[str]) -> list[float]:
    return [it.late_ms for it in there.arrivals() if it.timer in timers]


def _nothing_else(_service: Service, _store: Store, _hook: str, _due: int, _seconds: int) -> None:
    """No callbacks either."""


def _all_the_rest(service: Service, store: Store, hook: str, due: int, seconds: int) -> Callback:
    service.start("history", TIMER_HISTORY_URL=f"sqlite:///{service.folder}/history.db")
    store.destinations.pause(destination(_PAUSED), "measured", "benchmark")
    _set(service, _PAUSED, _HELD_PER_SECOND, due, seconds)
    for number in range(_SCHEDULES):
        plan = Plan(every_ms=1000, starts_at=due + 1000 * number // _SCHEDULES)
        store.schedules.put(
            ScheduleDraft(name=f"customer-{number}", plan=plan, webhook=webhook(hook), overlap=Overlap.SKIP)
        )
    return Callback(hook)


def _set(
    service: Service, hook: str, per_second: int, due: int, seconds: int, callback: Callback | None = None
) -> set[str]:
    """Timers that fall due evenly over so many seconds, each tenth with this callback; returns their ids."""
    drafts = [
        Draft(
            id=service.timers.new_id(),
            webhook=webhook(hook, on_delivered=None if number % _CALLBACK_OF else callback),
            due_at=due + 1000 * number // per_second,
        )
        for number in range(per_second * seconds)
    ]
    return set_all(service.timers, drafts)


_WAYS: dict[str, Rest] = {ALONE: _nothing_else, BESIDE: _all_the_rest}
PART = Part("all_in_use", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
