"""How fast pollers empty a heap of timers that fall due at the same moment, and what that costs.

    python -m benchmarks.drain --quick

One Valkey with an append-only file, one or two pollers that wait for the moment, one nginx that answers 204. The clock
runs from the due moment to the last arrival in nginx's log; CPU seconds until the last is settled. Everything is signed
and logged. `bare_curl` is what libcurl alone takes to send as much in the same minute, to tell a slow minute of the
machine. A quick run leaves out the large heaps.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import bare_curl, part
from benchmarks.cpu import Meter
from benchmarks.figures import Row
from benchmarks.filling import fill
from benchmarks.part import Options, Part, repeat
from benchmarks.sink import Sink, sink
from tests.bench.processes import Service, wait_until

_FEW, _MANY = 5_000, 50_000
#: Pollers, timers.
CASES = ((1, _FEW), (1, _MANY), (2, _FEW), (2, _MANY))


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    rows: list[Row] = []
    for pollers, count in CASES:
        if options.quick and count == _MANY:
            continue
        count = options.size(count, count // 10)
        with sink() as there:
            row = repeat(
                f"{pollers} pollers, {count:,}",
                options.rounds,
                partial(drain, there, pollers, count, options.size(bare_curl.COUNT, 1000)),
                spreads=("per_second",),
            )
        rows.append({"pollers": pollers, "timers": count, **row})
    return rows, {}


def drain(there: Sink, pollers: int, count: int, bare_count: int, **environ: str) -> Row:
    bare = bare_curl.cost(there.url, bare_count)
    there.clear()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"TIMER_LOG_LEVEL": "info", "TIMER_KEEP_FINISHED": "1000000"}
        service = Service(Path(folder), None, **settings, **environ)
        try:
            pids = [service.poller().process.pid for _ in range(pollers)]
            due = time.time_ns() // 1_000_000 + 1500 + count // 7
            fill(service.store.url, there.url, count, due)
            early = due / 1000 - time.time()
            assert early > 0, f"{count} timers were not set in time: {-early:.1f} s late"
            time.sleep(max(0.0, early - 0.2))
            meter = Meter(poller=pids, store=service.store.pid, sink=there.pid)
            assert there.wait_for(count, 120), f"{there.count()} of {count} arrived"
            wait_until(lambda: service.timers.stats().delivered >= count, 20, "all settled")
            cost = meter.cost(count)
            last = max(arrival.at_ms for arrival in there.arrivals())
        finally:
            service.remove()
    return {
        "per_second": count / (last - due) * 1000,
        "per_second_of_poller_cpu": 1000 / cost["poller_cpu_s_per_1000"],
        **cost,
        "bare_curl_cpu_s_per_1000": bare,
    }


PART = Part("drain", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
