"""What hanging receivers cost their neighbours: lateness of healthy timers while others hang.

    python -m benchmarks.hang --quick

One poller, and two cases: 1,000 destinations with one hanging timer each (as many ports of 127.0.0.1), and 10,000
hanging timers of one destination. Meanwhile 1,000 healthy timers fall due, 100 a second, whose arrival nginx logs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import part
from benchmarks.figures import Row, late
from benchmarks.filling import fill, webhook
from benchmarks.part import Options, Part, repeat
from benchmarks.sink import sink
from scheduler import Draft
from tests.bench.processes import Service, wait_until
from tests.bench.silence import silence

_HEALTHY, _PER_SECOND = 1000, 100
_DESTINATIONS, _TIMERS = 1000, 10_000
#: Of a poller, unless TIMER_SLOTS says otherwise.
_SLOTS = 2048


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    rows: list[Row] = []
    with silence(_DESTINATIONS) as urls:
        cases = {
            f"{_DESTINATIONS:,} destinations with one hanging timer each": urls,
            f"{_TIMERS:,} hanging timers of one destination": [urls[0]] * _TIMERS,
        }
        for case, hanging in cases.items():
            rows.append({"case": case, **repeat(case, options.rounds, partial(beside, hanging, options))})
    return rows, {}


def beside(hanging: Sequence[str], options: Options) -> Row:
    count = options.size(_HEALTHY, 50)
    with tempfile.TemporaryDirectory() as folder, sink() as there:
        service = Service(Path(folder))
        try:
            service.poller()
            for start in range(0, len(hanging), 200):
                service.timers.set(
                    *(
                        Draft(id=service.timers.new_id(), webhook=webhook(url, timeout=120), delay_ms=0)
                        for url in hanging[start : start + 200]
                    )
                )
            wait_until(lambda: service.timers.stats().delivering >= _taken(hanging), 20, "all hang")
            due = time.time_ns() // 1_000_000 + options.size(1500, 500)
            fill(service.store.url, there.url, count, due, 1000 * count // _PER_SECOND)
            assert there.wait_for(count, 60), f"{there.count()} of {count} healthy ones arrived"
            return late([arrival.late_ms for arrival in there.arrivals()])
        finally:
            service.remove()


def _taken(hanging: Sequence[str]) -> int:
    """How many of them a poller takes at once: of one destination a quarter of its slots, of all three quarters."""
    return min(len(hanging), _SLOTS * 3 // 4) if len(set(hanging)) > 1 else _SLOTS // 4


PART = Part("hang", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
