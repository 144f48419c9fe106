"""How late a webhook arrives: timers set one by one at a steady rate through the API, due two seconds later.

    python benchmarks/lateness.py --rate 50 --count 1000

Starts `timer-service up` with one poller and a store of its own, and a receiver in this process; everything stays on
loopback. Two figures: sent, the lateness that each attempt records (sending minus due_at, whole ms rounded down), and
arrived, the moment at which a Python receiver has read the request minus due_at.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import requests

from tests.bench.processes import Up
from tests.bench.receiver import receiving


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=50, help="timers a second")
    parser.add_argument("--count", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, receiving() as receiver:
        up = Up(Path(folder), TIMER_LOG_LEVEL="warning")
        try:
            url = up.url()
            due = _set(url, receiver.url, options.rate, options.count)
            hits = receiver.wait_for(options.count, 30)
            time.sleep(0.5)  # until the last is settled
            sent = sorted(_sent(url, due))
        finally:
            up.stop()
    late = sorted(1000 * (hit.at - due[hit.timer_id]) for hit in hits)
    twice = len(hits) - len({hit.timer_id for hit in hits})
    print(
        f"{options.count} timers at {options.rate:g}/s, lateness in ms: sent {_figures(sent)}; arrived {_figures(late)}"
    )
    print(f"early: {sum(ms < 0 for ms in late)}, twice: {twice}")


def _set(url: str, hook: str, rate: float, count: int) -> dict[str, float]:
    """id -> due_at in seconds since the epoch."""
    due = {}
    with requests.Session() as session:
        begun = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
            timer = session.post(f"{url}/timers", json={"seconds": 2, "url": hook}, timeout=5).json()
            due[timer["id"]] = datetime.fromisoformat(timer["due_at"]).timestamp()
    return due


def _sent(url: str, timers: Iterable[str]) -> Iterator[float]:
    with requests.Session() as session:
        for timer_id in timers:
            yield session.get(f"{url}/timers/{timer_id}", timeout=5).json()["last_attempt"]["lateness_ms"]


def _figures(late: list[float]) -> str:
    p50, p99 = (late[round(share * (len(late) - 1))] for share in (0.50, 0.99))
    return f"p50 {p50:.3g} p99 {p99:.3g} max {late[-1]:.3g}"


if __name__ == "__main__":
    main()
