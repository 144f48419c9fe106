"""What it takes to tell of 10,000 destinations with limits or pauses: by the API, on the page, to Prometheus.

Half of them have a rate, half are paused with a due timer behind each. One client asks, one request after the other;
`p50_ms` and `p99_ms` are from the request to the last byte of its answer.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import requests

from benchmarks.figures import Row, percentile
from benchmarks.filling import BATCH, draft, opened
from benchmarks.part import say
from scheduler import DestinationSettings, Rate, Settings, Store, destination
from scheduler.store import keys
from tests.bench.processes import Service, wait_until

PAGE, FAR, VIEW = "many told, a page", "many told, a page far on", "many told, the view"
METRICS, NOW, STATS = "many told, /metrics", "many told, Now", "many told, /stats"
#: Requests for each figure.
ASKED = 50


def told(count: int, asked: int) -> list[Row]:
    hooks = [f"http://10.{number // 62_500}.{number // 250 % 250}.{number % 250}:81" for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder))
        store = Store(Settings(redis_url=service.store.url, store_timeout=30))
        try:
            _limit(store, hooks)
            _wait_behind(service, store, hooks[::2])
            service.api()
            with requests.Session() as session:
                paths = {
                    PAGE: "/destinations",
                    FAR: f"/destinations?cursor={_far(session, service.url, count)}",
                    VIEW: "/ui/destinations",
                    METRICS: "/metrics",
                    NOW: "/ui",
                    STATS: "/stats",
                }
                rows = [_timed(session, service.url, *it, asked) for it in paths.items()]
        finally:
            store.close()
            service.remove()
    return [{**row, "destinations": float(count)} for row in rows]


def _limit(store: Store, hooks: list[str]) -> None:
    """Every other one is paused, the others have a rate."""
    say(f"  limiting {len(hooks):,} destinations")
    for number, hook in enumerate(hooks):
        if number % 2:
            store.destinations.put(destination(hook), DestinationSettings(rate=Rate(10)))
        else:
            store.destinations.pause(destination(hook), "measured", "benchmark")


def _wait_behind(service: Service, store: Store, hooks: list[str]) -> None:
    """A due timer, which a poller has moved behind its destination."""
    timers, due = opened(service.store.url), time.time_ns() // 1_000_000
    for first in range(0, len(hooks), BATCH):
        timers.set(*(draft(timers, hook, due) for hook in hooks[first : first + BATCH]))
    service.poller()
    client, behind = store.link.client, keys.behind(0)
    wait_until(lambda: client.zcard(behind) == len(hooks), 120, "all have moved")


def _far(session: requests.Session, url: str, count: int) -> str:
    """The cursor of a page in the middle."""
    cursor = ""
    for _ in range(count // 200):
        answer = session.get(f"{url}/destinations", params={"cursor": cursor} if cursor else {}, timeout=30)
        answer.raise_for_status()
        cursor = answer.json()["next_cursor"]
    return cursor


def _timed(session: requests.Session, url: str, what: str, path: str, asked: int) -> Row:
    ms = []
    for _ in range(asked):
        begun = time.perf_counter()
        answer = session.get(url + path, headers={"Accept": "*/*"}, timeout=30)
        ms.append(1000 * (time.perf_counter() - begun))
        answer.raise_for_status()
    ms.sort()
    row: Row = {"what": what, "p50_ms": percentile(ms, 50), "p99_ms": percentile(ms, 99)}
    say(f"  {row}")
    return row
