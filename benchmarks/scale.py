"""Whether the number of pending timers matters: rates of scheduling and claiming among 10,000 to 10,000,000 of them.

    python -m benchmarks.scale --quick

A Valkey for each number, by turns, and the engine itself in this process, calling its scripts one after the other.
`store_us` is what the store says that it spent for a timer, `per_second` the calls with all of Python's work around
them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import part
from benchmarks.figures import Row, median
from benchmarks.filling import BATCH, DAY_MS, draft, fill, opened
from benchmarks.part import Options, Part, say
from scheduler import Attempt, Claim, Outcome, Settings, Settlement, Store, Timers
from tests.bench.servers import BINARIES, Server

_HOOK = "http://127.0.0.1:9000/hook"
PENDING = (10_000, 1_000_000, 10_000_000)
#: Bytes of memory for each, at most: a machine that has not enough is spared the swapping.
_BYTES = 600
#: Timers set, claimed and settled in one measurement.
_SAMPLE = 20_000


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    binary = BINARIES["valkey"]
    assert binary is not None
    absent: list[Row] = []
    with ExitStack() as servers:
        benches: dict[int, _Scripts] = {}
        for count in PENDING if not options.quick else (1000, 10_000):
            if count * _BYTES > _available():
                absent.append({"pending": float(count), "absent": "this machine has not enough memory"})
                continue
            say(f"  {count:,} pending")
            server = Server(binary, "--auto-aof-rewrite-percentage", "0").start()  # which would be measured too
            servers.callback(server.remove)
            fill(server.url, _HOOK, count, _now() + DAY_MS, DAY_MS)
            benches[count] = _Scripts(server, options.size(_SAMPLE, 2000))
            benches[count].measure()  # so that in each that counts the claims forget as many as they take
        rounds: dict[int, list[Row]] = {count: [] for count in benches}
        # By turns, for the machine's own speed changes within minutes; a second each.
        for number in range(1, 3 * options.rounds + 1):
            for count, bench in benches.items():
                rounds[count].append(bench.measure())
            say(f"  {number} of {3 * options.rounds}")
    return [{"pending": float(count), **median(rows)} for count, rows in rounds.items()] + absent, {}


class _Scripts:
    """The scripts that set, claim and settle, timed."""

    def __init__(self, server: Server, sample: int) -> None:
        self._client = server.client()
        self._timers: Timers = opened(server.url)
        settings = Settings(
            redis_url=server.url,
            store_timeout=30,
            lease=60,
            keep_delivered=0.001,
            keep_failed=0.001,
            keep_finished=0,
        )
        self._claims = Store(settings).claims("scale", share=1_000_000)
        self._sample = sample

    def measure(self) -> Row:
        found: dict[str, float] = {}
        # Due now and in the middle of the others' ids, as new timers are.
        batches = [[draft(self._timers, _HOOK, 0) for _ in range(BATCH)] for _ in range(self._sample // BATCH)]
        found |= self._timed("schedule", lambda: [self._timers.set(*batch) for batch in batches])
        claims: list[Claim] = []

        def claim() -> None:
            while more := self._claims.claim(BATCH).claims:
                claims.extend(more)

        found |= self._timed("claim", claim)
        ended = [delivered(claim) for claim in claims]
        found |= self._timed(
            "settle", lambda: [self._claims.settle(ended[i : i + BATCH]) for i in range(0, len(ended), BATCH)]
        )
        assert len(claims) == self._sample, len(claims)
        return found

    def _timed(self, what: str, run: Callable[[], object]) -> dict[str, float]:
        self._client.config_resetstat()
        begun = time.perf_counter()
        run()
        took = time.perf_counter() - begun
        usec = self._client.info("commandstats")["cmdstat_evalsha"]["usec"]
        return {f"{what}_per_second": self._sample / took, f"{what}_store_us": usec / self._sample}


def _available() -> int:
    """Bytes of memory."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))


def delivered(claim: Claim) -> Settlement:
    attempt = Attempt(
        number=claim.number,
        outcome=Outcome.DELIVERED,
        started_at=claim.due_at,
        lateness_ms=0,
        duration_ms=1,
        status_code=204,
    )
    return Settlement(timer_id=claim.id, fence=claim.fence, attempt=attempt, retry_ms=None)


def _now() -> int:
    return time.time_ns() // 1_000_000


PART = Part("scale", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
