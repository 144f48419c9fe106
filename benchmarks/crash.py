"""What a kill -9 costs: a poller dies with 1,000 requests in flight, and another is started at once.

    python -m benchmarks.crash --quick

The receivers, nginx on 100 ports, answer after 200 ms; where the machine is too slow to have all in flight by then, the
kill comes after 100 ms. Lost: it never arrived, or the store does not count it as delivered in the end. Repeated: it
arrived more than once; unmarked: without saying `timer-redelivery: lease-expired`. Seconds are from the kill to the
last arrival. A quick run has fewer requests, and leases that end sooner.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import part
from benchmarks.figures import Row
from benchmarks.filling import webhook
from benchmarks.part import Options, Part, repeat
from benchmarks.sink import Arrival, sink
from scheduler import Draft
from tests.bench.processes import Service, wait_until

_DESTINATIONS, _IN_FLIGHT = 100, 1000
#: Seconds from the last claim to the kill: all requests are on the wire then, and the first not yet answered.
_UNDER_WAY = 0.08
#: ms after the due moment at which the kill does not wait for the last claim any longer: before the first is answered.
_LATEST = 100
#: Seconds; the first is what a poller has unless it is told otherwise.
_LEASE, _LEASE_QUICK = 10, 4


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    one = partial(killed, options.size(_IN_FLIGHT, 200), options.size(_LEASE, _LEASE_QUICK))
    return [repeat("kill -9", options.rounds, one, spreads=("recovered_s", "repeated"))], {}


def killed(count: int, lease: int) -> Row:
    with tempfile.TemporaryDirectory() as folder, sink(_DESTINATIONS) as there:
        service = Service(Path(folder), TIMER_LOG_LEVEL="info", TIMER_LEASE=str(lease))
        try:
            first = service.poller()
            due = time.time_ns() // 1_000_000 + 2000
            timers = [
                Draft(
                    id=service.timers.new_id(),
                    webhook=webhook(there.slow_urls[number % _DESTINATIONS]),
                    due_at=due,
                )
                for number in range(count)
            ]
            for start in range(0, count, 200):
                service.timers.set(*timers[start : start + 200])
            wait_until(lambda: _all_claimed(service, count) or time.time() * 1000 > due + _LATEST, 10, "claims")
            time.sleep(_UNDER_WAY)
            in_flight = service.timers.stats().delivering
            first.kill()
            moment = time.time() * 1000
            service.poller()
            wait_until(lambda: service.timers.stats().delivered >= count, 60, "all delivered")
            time.sleep(2)  # for a repeat that should not come
            delivered = service.timers.stats().delivered
            arrivals = there.arrivals()
        finally:
            service.remove()
    return {"in_flight": float(in_flight), **counted(arrivals, delivered, moment, count)}


def _all_claimed(service: Service, count: int) -> bool:
    return service.timers.stats().delivering >= count


def counted(arrivals: Sequence[Arrival], delivered: int, moment: float, count: int) -> dict[str, float]:
    times = Counter(arrival.timer for arrival in arrivals)
    marked = {arrival.timer for arrival in arrivals if arrival.redelivery == "lease-expired"}
    return {
        "lost": float(count - min(delivered, len(times))),
        "repeated": float(sum(number > 1 for number in times.values())),
        "repeated_unmarked": float(sum(number > 1 and timer not in marked for timer, number in times.items())),
        "recovered_s": (max(arrival.at_ms for arrival in arrivals) - moment) / 1000,
    }


PART = Part("crash", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
