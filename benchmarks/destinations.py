"""What limits and holds of destinations keep, and what they cost others: rate, pause, slow start, and many that wait.

    python -m benchmarks.destinations --quick

One Valkey, one nginx; four pollers at the rate, else one. Rate: a queue behind ten a second. Pause: 500 a second to one
destination when it is paused. Slow start: what then waits, once it goes on, by seconds. Many paused: 1,000 destinations
whose timers fall due at 20,000 a second, beside healthy ones at 50 a second, whose lateness nginx logs; and again when
all of those have moved behind their destinations. Away: a host that refuses connections, with a queue of its own. Told:
what a page of 10,000 destinations takes, the view of them, /metrics, Now and /stats.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import part
from benchmarks.figures import Row, late
from benchmarks.filling import BATCH, draft, fill, opened
from benchmarks.many_destinations import ASKED, told
from benchmarks.part import Options, Part, repeat, say
from benchmarks.sink import Sink, sink
from scheduler import DestinationSettings, DestinationState, Rate, ResumeAt, Settings, Store, destination
from scheduler.store import keys
from tests.bench.processes import Service, free_port, wait_until
from tests.bench.receiver import receiving

RATE, PAUSE, DUE, MOVED, AWAY = "10 a second", "pause", "many paused, falling due", "many paused, moved", "away"
_PER_SECOND, _POLLERS = 10, 4
_PAUSED, _WAITING, _DUE_PER_SECOND = 1000, 1_000_000, 20_000
_HEALTHY_PER_SECOND, _BUSY_PER_SECOND = 50, 500
#: Timers set a second, by a process for each core: at least.
_SET_PER_SECOND = 8000


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    seconds, away = options.size(60, 5), options.size(45, 2)
    busy = options.size(_BUSY_PER_SECOND, 100)
    held, waiting, healthy = options.size(_PAUSED, 200), options.size(_WAITING, 10_000), options.size(500, 50)
    starts: list[list[int]] = []
    rows: list[Row] = [
        {"what": RATE, **repeat(RATE, options.rounds, partial(at_a_rate, seconds))},
        {"what": PAUSE, **repeat(PAUSE, options.rounds, partial(paused, busy, options.size(15, 1), starts))},
        *many_paused(held, waiting, healthy, options.size(5000, 2500)),
        {"what": AWAY, **repeat(AWAY, 1, partial(unreachable, options.size(10_000, 20), away))},
        *told(options.size(10_000, 200), options.size(ASKED, 10)),
    ]
    return rows, {"slow_start": starts, "waiting": waiting}


def at_a_rate(seconds: int) -> Row:
    with _ready(_POLLERS) as (service, store, there):
        store.destinations.put(destination(there.url), DestinationSettings(rate=Rate(_PER_SECOND)))
        fill(service.store.url, there.url, _PER_SECOND * (seconds + 5), _now())
        assert there.wait_for(_PER_SECOND * seconds, 2 * seconds)
        at = sorted(it.at_ms for it in there.arrivals())
    begun = at[0] + 2000  # until then pollers learn of the rate
    counted = [moment for moment in at if begun <= moment < begun + 1000 * (seconds - 4)]
    gaps = [later - earlier for earlier, later in pairwise(counted)]
    return {
        "percent_of_rate": 100 * len(counted) / (_PER_SECOND * (seconds - 4)),
        "most_in_a_second": max(sum(moment <= it < moment + 1000 for it in counted) for moment in counted),
        "longest_gap_ms": max(gaps),
    }


def paused(per_second: int, seconds: int, starts: list[list[int]]) -> Row:
    """And the start after it: by seconds into `starts`."""
    count = per_second * seconds
    with _ready(1) as (service, store, there):
        due = _now() + 1500 + count // 5
        fill(service.store.url, there.url, count, due, 1000 * seconds)
        time.sleep((due - _now()) / 1000 + seconds / 2)
        began = time.time()
        store.destinations.pause(destination(there.url), "measured", "benchmark")
        answered = time.time()
        time.sleep(seconds / 2 + 2)
        arrived = [it.at_ms for it in there.arrivals()]
        there.clear()
        store.destinations.resume(destination(there.url), ResumeAt.SLOW)
        resumed = _now()
        assert there.wait_for(count - len(arrived), 40), f"{there.count()} of {count - len(arrived)} arrived"
        by_second = Counter(int(it.at_ms - resumed) // 1000 for it in there.arrivals())
    by_seconds = [by_second[second] for second in range(max(by_second) + 1)]
    say(f"  slow start by seconds: {by_seconds}")
    starts.append(by_seconds)
    return {
        "call_ms": 1000 * (answered - began),
        "last_after_answer_ms": max(arrived) - 1000 * answered,
        "waiting": count - len(arrived),
        "most_over_step": max(found / 2**second for second, found in enumerate(by_seconds)),
    }


def many_paused(destinations: int, count: int, healthy_at_last: int, more_ms: int) -> Iterator[Row]:
    """`more_ms` for what setting takes beside the timers."""
    hooks = [f"http://10.0.{number // 250}.{number % 250}:81" for number in range(destinations)]
    with _ready(1) as (service, store, there):
        for hook in hooks:
            store.destinations.pause(destination(hook), "measured", "benchmark")
        span = 1000 * count // _DUE_PER_SECOND
        due = _now() + more_ms + 1000 * count // _SET_PER_SECOND
        say(f"  setting {count:,} timers")
        _fill_many(service.store.url, hooks, count, due)
        assert due - _now() > 1000, f"not set in time: {_now() - due} ms late"
        healthy = _HEALTHY_PER_SECOND * span // 1000
        fill(service.store.url, there.url, healthy, due, span)
        client, scheduled = store.link.client, f"{keys.prefix(0)}scheduled"
        before = client.info("memory")["used_memory"]
        wait_until(lambda: _now() >= due + span, span / 1000 + 60, "all are due")
        wait_until(lambda: client.zcount(scheduled, "-inf", _now()) == 0, 300, "all have moved")
        moved_at = _now()
        assert there.wait_for(healthy, 60), f"{there.count()} of {healthy} healthy ones arrived"
        after = client.info("memory")["used_memory"]
        row: Row = {
            "what": DUE,
            "waiting": count,
            **_healthy(there),
            "moved_after_last_due_s": (moved_at - due - span) / 1000,
            "store_bytes_each": before / count,
            "store_bytes_each_moved": after / count,
        }
        say(f"  {row}")
        yield row
        there.clear()
        span = 1000 * healthy_at_last // _HEALTHY_PER_SECOND
        fill(service.store.url, there.url, healthy_at_last, _now() + 1000, span)
        assert there.wait_for(healthy_at_last, 60)
        yield {"what": MOVED, "waiting": count, **_healthy(there)}


def unreachable(count: int, seconds: float) -> Row:
    """What is tried while a host is away, and when all has arrived once it is back."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with _ready(1) as (service, store, _):
        fill(service.store.url, url, count, _now())
        it = destination(url)
        wait_until(lambda: store.destinations.get(it).state is DestinationState.BROKEN, 20, "the breaker opens")
        time.sleep(seconds)
        tried = store.destinations.get(it).observed.attempts  # pollers tell every 5 s
        back_at = time.time()
        with receiving(port=port) as back:
            hits = back.wait_for(count, 180)
    at = sorted(hit.at for hit in hits)
    steps = Counter(int(moment - at[0]) for moment in at)
    return {
        "waiting": count,
        "tried_while_away": tried,
        "first_after_s": at[0] - back_at,
        "all_after_s": at[-1] - back_at,
        "most_over_step": max(found / 2**second for second, found in steps.items()),
    }


def _healthy(there: Sink) -> dict[str, float]:
    return {f"healthy_{name}": value for name, value in late([it.late_ms for it in there.arrivals()]).items()}


def _fill_many(url: str, hooks: list[str], count: int, due_at: int) -> None:
    processes = os.cpu_count() or 1
    one = partial(_fill_some, url, hooks, due_at)
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(one, (range(first, count, processes) for first in range(processes))))


def _fill_some(url: str, hooks: list[str], due_at: int, numbers: range) -> None:
    timers = opened(url)
    for start in range(0, len(numbers), BATCH):
        some = numbers[start : start + BATCH]
        timers.set(*(draft(timers, hooks[it % len(hooks)], due_at + 1000 * it // _DUE_PER_SECOND) for it in some))


@contextmanager
def _ready(pollers: int) -> Iterator[tuple[Service, Store, Sink]]:
    with tempfile.TemporaryDirectory() as folder, sink() as there:
        service = Service(Path(folder))
        store = Store(Settings(redis_url=service.store.url, store_timeout=30))
        try:
            for _ in range(pollers):
                service.poller()
            yield service, store, there
        finally:
            store.close()
            service.remove()


def _now() -> int:
    return time.time_ns() // 1_000_000


PART = Part("destinations", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
