"""What a store writes for a timer, and the memory it takes to rewrite its append-only file while timers come and go.

    python -m benchmarks.keeping --quick

A Valkey that is filled, and the engine itself in this process. `set_bytes` and `ended_bytes` are written to the file
for a timer that is set, and for one that is claimed, settled and forgotten; about as much goes to each replica.
`copied_percent` of the memory in use was copied for the rewrite, while `per_second` timers were set and ended.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks import part
from benchmarks.figures import Row
from benchmarks.filling import BATCH, DAY_MS, draft, fill, opened
from benchmarks.part import Options, Part, say
from benchmarks.scale import delivered
from scheduler import Settings, Store
from tests.bench.servers import BINARIES, Server

_HOOK = "http://127.0.0.1:9000/hook"


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    """Once: it lasts as long as a rewrite does."""
    binary = BINARIES["valkey"]
    assert binary is not None
    pending = options.size(1_000_000, 50_000)
    server = Server(binary, "--auto-aof-rewrite-percentage", "0").start()
    try:
        row = _measure(server, pending)
    finally:
        server.remove()
    say("; ".join(f"{name}: {value}" for name, value in row.items()))
    return [row], {}


def _measure(server: Server, pending: int) -> Row:
    client = server.client()

    def written() -> int:
        return int(client.info("persistence")["aof_current_size"])

    before = written()
    fill(server.url, _HOOK, pending, time.time_ns() // 1_000_000 + DAY_MS, DAY_MS)
    set_bytes = (written() - before) / pending
    cycle = _Cycle(server.url)
    for _ in range(10):
        cycle.run()
    before, ended = written(), cycle.ended
    for _ in range(50):
        cycle.run()
    ended_bytes = (written() - before) / (cycle.ended - ended) - set_bytes
    client.execute_command("BGREWRITEAOF")  # type: ignore[no-untyped-call]
    begun, ended = time.monotonic(), cycle.ended
    while (said := client.info("persistence"))["aof_rewrite_in_progress"]:
        cycle.run()
    took = time.monotonic() - begun
    used = client.info("memory")["used_memory"]
    client.close()
    return {
        "pending": float(pending),
        "set_bytes": set_bytes,
        "ended_bytes": ended_bytes,
        "copied_percent": 100 * said["aof_last_cow_size"] / used,
        "seconds": took,
        "per_second": (cycle.ended - ended) / took,
    }


class _Cycle:
    """Timers that are due at once: set, claimed, settled, and forgotten by the next claim."""

    def __init__(self, url: str) -> None:
        kept = {"keep_delivered": 0.001, "keep_failed": 0.001, "keep_finished": 0}
        settings = Settings(redis_url=url, store_timeout=30, lease=60, **kept)  # type: ignore[arg-type]
        self._timers = opened(url)
        self._claims = Store(settings).claims("keeping", share=1_000_000)
        self.ended = 0

    def run(self) -> None:
        self._timers.set(*(draft(self._timers, _HOOK, 0) for _ in range(BATCH)))
        claims = self._claims.claim(BATCH).claims
        self._claims.settle([delivered(claim) for claim in claims])
        self.ended += len(claims)


PART = Part("keeping", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
