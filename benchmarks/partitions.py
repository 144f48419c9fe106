"""What partitions cost, and a cluster: the same work on one partition, on 16 of one server, and on 16 of three masters.

    python -m benchmarks.partitions --quick

By turns, one poller each. `idle_percent` of a core for poller and store together, none due; `late_p50_ms` at 500 timers
a second; `drain_per_second` of timers due at once, as in the part drain, and all CPU of it; `page_p50_ms` for a page of
100 out of all, asked of the engine; `create_cpu_us` of one call of this process that sets one timer, `create_p50_us` by
the clock. A quick run leaves out the 16 of one server.
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
from benchmarks.figures import Row, late, percentile
from benchmarks.filling import DAY_MS, draft, fill
from benchmarks.part import Options, Part, by_turns, say
from benchmarks.sink import Sink, sink
from scheduler import Query, Settings, Store
from tests.bench import cluster
from tests.bench.processes import Service, wait_until
from tests.bench.servers import BINARIES, Server

_RATE = 500
#: Server, or masters of a cluster, and partitions.
STORES = {"one partition": (1, 1), "16 partitions": (1, 16), "16 on 3 masters": (3, 16)}
_NOT_QUICK = "16 partitions"


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    stores = {name: store for name, store in STORES.items() if not (options.quick and name == _NOT_QUICK)}
    found: dict[str, Row] = {name: {} for name in stores}
    for measured in (_idle, _late, _drain, _engine):
        say(measured.__name__[1:])
        ways = {name: partial(_measured, measured, *store, options) for name, store in stores.items()}
        for name, row in by_turns(ways, options.rounds).items():
            found[name] = {**found[name], **row}
    return [{"store": name, **row} for name, row in found.items()], {}


def _measured(measured: Any, masters: int, partitions: int, options: Options) -> Row:
    with tempfile.TemporaryDirectory() as folder, sink() as there, _store(masters) as (store, pids):
        service = Service(Path(folder), store, TIMER_PARTITIONS=str(partitions), TIMER_KEEP_FINISHED="1000000")
        try:
            row: Row = measured(service, pids, there, options)
        finally:
            for it in service.parts:
                it.kill()
    return row


@contextmanager
def _store(masters: int) -> Iterator[tuple[Server | cluster.Cluster, list[int]]]:
    binary = BINARIES["valkey"]
    assert binary is not None
    if masters > 1:
        with cluster.running("valkey", masters, replicas=0) as several:
            yield several, [node.pid for node in several.nodes]
        return
    server = Server(binary).start()
    try:
        yield server, [server.pid]
    finally:
        server.remove()


def _idle(service: Service, pids: list[int], there: Sink, options: Options) -> Row:
    poller = service.poller().process.pid
    fill(service.store.url, there.url, options.size(100_000, 1000), _now() + DAY_MS, DAY_MS)
    time.sleep(options.size(5, 1))
    seconds = options.size(30, 1)
    meter = Meter(all=[poller, *pids])
    time.sleep(seconds)
    return {"idle_percent": 100 * meter.spent()["all"] / seconds}


def _late(service: Service, pids: list[int], there: Sink, options: Options) -> Row:
    count = _RATE * options.size(6, 1)
    poller = service.poller().process.pid
    due = _now() + options.size(2000, 1000) + count // 5
    fill(service.store.url, there.url, count, due, spread_ms=1000 * count // _RATE)
    time.sleep(max(0.0, due / 1000 - time.time() - 0.1))
    meter = Meter(all=[poller, *pids])
    assert there.wait_for(count, 60)
    figures = late([arrival.late_ms for arrival in there.arrivals()])
    spent = meter.spent()["all"]
    return {
        "late_p50_ms": figures["p50_ms"],
        "late_p99_ms": figures["p99_ms"],
        "late_cpu_percent": 100 * spent * _RATE / count,
    }


def _drain(service: Service, pids: list[int], there: Sink, options: Options) -> Row:
    count = options.size(30_000, 1000)
    poller = service.poller().process.pid
    due = _now() + 1500 + count // 5
    fill(service.store.url, there.url, count, due)
    early = due / 1000 - time.time()
    assert early > 0, f"{count} timers were not set in time: {-early:.1f} s late"
    time.sleep(max(0.0, early - 0.2))
    meter = Meter(poller=poller, store=pids)
    assert there.wait_for(count, 120), f"{there.count()} of {count} arrived"
    wait_until(lambda: service.timers.stats().delivered >= count, 20, "all settled")
    cost = meter.cost(count)
    last = max(arrival.at_ms for arrival in there.arrivals())
    return {"drain_per_second": count / (last - due) * 1000, **cost}


def _engine(service: Service, _pids: list[int], there: Sink, options: Options) -> Row:
    settings = Settings(
        redis_url=service.store.url, store_timeout=30, partitions=int(service.environ["TIMER_PARTITIONS"])
    )
    store = Store(settings)
    try:
        assert store.link.partitions == settings.partitions
        fill(service.store.url, there.url, options.size(100_000, 1000), _now() + DAY_MS, DAY_MS)
        drafts = [draft(store.timers, there.url, _now() + DAY_MS) for _ in range(options.size(5000, 200))]
        cpu, calls = time.process_time(), []
        for it in drafts:
            begun = time.perf_counter()
            store.timers.set(it)
            calls.append(1e6 * (time.perf_counter() - begun))
        cpu = time.process_time() - cpu
        pages = []
        for _ in range(options.size(50, 10)):
            begun = time.perf_counter()
            assert len(store.listing.page(Query(limit=100)).timers) == 100
            pages.append(1000 * (time.perf_counter() - begun))
    finally:
        store.close()
    return {
        "create_cpu_us": 1e6 * cpu / len(drafts),
        "create_p50_us": percentile(sorted(calls), 50),
        "page_p50_ms": percentile(sorted(pages), 50),
        "page_p99_ms": percentile(sorted(pages), 99),
    }


def _now() -> int:
    return time.time_ns() // 1_000_000


PART = Part("partitions", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
