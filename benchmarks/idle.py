"""What waiting costs: CPU of a poller and its store while a million timers are pending and none is due.

python -m benchmarks.idle --quick
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import part
from benchmarks.cpu import Meter
from benchmarks.figures import Row
from benchmarks.filling import DAY_MS, fill
from benchmarks.part import Options, Part, repeat
from tests.bench.processes import Service, wait_until


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    pending, seconds = options.size(1_000_000, 10_000), options.size(60, 1)
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder), TIMER_LOG_LEVEL="info")
        try:
            fill(service.store.url, "http://127.0.0.1:9000/hook", pending, _now() + DAY_MS, DAY_MS)
            poller = service.poller().process.pid
            _settled(service, options.size(3, 1))
            row = repeat(f"{pending:,} pending", 1, lambda: _percent(poller, service.store.pid, seconds))
        finally:
            service.remove()
    return [{"pending": float(pending), "seconds": float(seconds), **row}], {}


def _settled(service: Service, seconds: float) -> None:
    """Until the poller has loaded all that it needs, and the store has rewritten its append-only file."""
    client = service.store.client()
    time.sleep(seconds)
    wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], 60, "the append-only file")
    client.close()


def _percent(poller: int, store: int, seconds: float) -> Row:
    """Of one core. One minute is its own median: it has sixty of the poller's sleeps in it."""
    meter = Meter(poller=poller, store=store)
    time.sleep(seconds)
    shares = {f"{name}_percent": 100 * spent / seconds for name, spent in meter.spent().items()}
    return {**shares, "together_percent": sum(shares.values())}


def _now() -> int:
    return time.time_ns() // 1_000_000


PART = Part("idle", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
