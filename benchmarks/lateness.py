"""How late a webhook arrives: timers that fall due at a steady rate, and timers set while every poller sleeps.

    python -m benchmarks.lateness --quick

One Valkey, one poller, one nginx. Lateness is the arrival in nginx's log, in whole ms rounded down, minus due_at.
Asleep: nothing else is scheduled, one timer is set for 10 ms from now, and only the doorbell wakes the poller in time.
A quick run leaves out the middle rate.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import part
from benchmarks.cpu import Meter
from benchmarks.figures import Row, histogram, late
from benchmarks.filling import fill, webhook
from benchmarks.part import Options, Part, repeat
from benchmarks.sink import Sink, sink
from scheduler import Draft
from tests.bench.processes import Part as Process
from tests.bench.processes import Service

#: Timers a second, and seconds of them.
RATES = ((50, 10), (500, 6), (2000, 5))
_ASLEEP = 200


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    rows: list[Row] = []
    samples: dict[str, list[float]] = {}
    for rate, seconds in RATES[:: options.size(1, 2)]:
        what = f"{rate:,} a second"
        count = rate * options.size(seconds, 1)
        row = repeat(
            what, options.rounds, partial(steady, count, rate, options.size(2000, 1000), samples.setdefault(what, []))
        )
        rows.append({"what": what, **row})
    what = "set while asleep"
    count = options.size(_ASLEEP, 20)
    rows.append({"what": what, **repeat(what, options.rounds, partial(asleep, count, samples.setdefault(what, [])))})
    return rows, {"lateness_ms": {what: histogram(ms) for what, ms in samples.items()}}


def steady(count: int, rate: int, ahead_ms: int, samples: list[float]) -> Row:
    with _ready() as (service, poller, there):
        due = time.time_ns() // 1_000_000 + ahead_ms + count // 5
        fill(service.store.url, there.url, count, due, spread_ms=1000 * count // rate)
        time.sleep(max(0.0, due / 1000 - time.time() - 0.1))
        meter = Meter(poller=poller.process.pid, store=service.store.pid)
        assert there.wait_for(count, 60)
        return {**_figures(there, count, samples), **meter.cost(count)}


def asleep(count: int, samples: list[float]) -> Row:
    with _ready() as (service, _, there):
        for _ in range(count):
            draft = Draft(id=service.timers.new_id(), webhook=webhook(there.url), delay_ms=10)
            service.timers.set(draft)
            # Long enough for it to arrive and the poller to sleep again; no multiple of any interval of the poller.
            time.sleep(0.037)
        assert there.wait_for(count, 10)
        return _figures(there, count, samples)


def _figures(there: Sink, count: int, samples: list[float]) -> Row:
    ms = [arrival.late_ms for arrival in there.arrivals()]
    samples.extend(ms)
    return {**late(ms), "early": sum(value < 0 for value in ms), "twice": len(ms) - count}


@contextmanager
def _ready() -> Iterator[tuple[Service, Process, Sink]]:
    with tempfile.TemporaryDirectory() as folder, sink() as there:
        service = Service(Path(folder), TIMER_LOG_LEVEL="info")
        try:
            yield service, service.poller(), there
        finally:
            service.remove()


PART = Part("lateness", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
