"""How fast one poller empties a heap of timers that are due, and what that costs.

    python -m benchmarks.drain --count 50000 --transport curl

One poller, one Valkey with an append-only file, one nginx that answers 204; all on loopback. The timers are set
before the poller starts; the clock runs from its first delivery to its last. CPU seconds are those of the processes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.bench import cpu, nginx
from tests.bench.processes import Service, wait_until


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--transport", choices=("curl", "requests"), default="curl")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with nginx() as url:
        results = [drain(url, options.count, options.transport) for _ in range(options.rounds)]
    rate, poller, store = (statistics.median(column) for column in zip(*results, strict=True))
    print(
        f"{options.transport}, {options.count} timers, median of {options.rounds}: {rate:,.0f}/s, "
        f"poller {poller:.3f} and store {store:.3f} CPU s per 1,000; {poller and 1000 / poller:,.0f}/s on one core"
    )


def drain(url: str, count: int, transport: str) -> tuple[float, float, float]:
    """Timers a second, and CPU seconds per 1,000 of poller and store."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(
            Path(folder), TIMER_TRANSPORT=transport, TIMER_LOG_LEVEL="info", TIMER_KEEP_FINISHED="1000000"
        )
        try:
            # Every delivery of the tests is signed, and so are these.
            service.set(count, url, 0, body=os.urandom(75).hex().encode())
            poller = service.poller()
            wait_until(lambda: service.timers.stats().delivered, 20, "the first")
            begun, done = time.monotonic(), service.timers.stats().delivered
            spent = cpu(poller.process.pid), cpu(service.store.pid)
            while service.timers.stats().delivered < count:
                time.sleep(0.02)
            took, drained = time.monotonic() - begun, count - done
            costs = cpu(poller.process.pid) - spent[0], cpu(service.store.pid) - spent[1]
        finally:
            service.remove()
    print(f"  {drained / took:,.0f}/s", flush=True)
    return drained / took, costs[0] / drained * 1000, costs[1] / drained * 1000


if __name__ == "__main__":
    main()
