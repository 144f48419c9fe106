"""How long a page of a list takes out of a million pending timers: the first, the 5,000th by cursor, one of a tag.

    python -m benchmarks.pages --quick

A real API process and an embedded-kind Valkey; one client asks for pages of 100, one after the other. 1 % of the timers
carry the tag that is asked for. `ms` is from the request to the last byte of its answer.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from benchmarks import part
from benchmarks.figures import Row, percentile
from benchmarks.filling import DAY_MS, fill
from benchmarks.part import Options, Part, say
from scheduler import Query, Settings, Store
from scheduler.store.listing import Listing
from tests.bench.processes import Service
from timer_service.web.input.queries import cursor

_HOOK = "http://127.0.0.1:9000/hook"
_LIMIT = 100
#: Requests for each figure.
_ASKED = 50


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    count, deep = options.size(1_000_000, 20_000), options.size(5000, 100)
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder))
        try:
            due = time.time_ns() // 1_000_000 + DAY_MS
            fill(service.store.url, _HOOK, count * 99 // 100, due, DAY_MS)
            fill(service.store.url, _HOOK, count // 100, due, DAY_MS, tags=1)
            say(f"  {count:,} pending")
            service.api()
            cursor = _walk(Store(Settings(redis_url=service.store.url, store_timeout=30)).listing, deep)
            with requests.Session() as session:
                asked = {
                    "the first page": {},
                    f"page {deep:,} by cursor": {"cursor": cursor},
                    "a page of a tag": {"tag": "tenant-000"},
                    "the last page": {"order": "desc"},
                    "2,000 entries looked at, none fits": {"destination": "http://nowhere/"},
                }
                times = options.size(_ASKED, 10)
                rows = [_timed(session, f"{service.url}/timers", *it, times) for it in asked.items()]
        finally:
            service.remove()
    return [{"pending": float(count), **row} for row in rows], {}


def _walk(listing: Listing, pages: int) -> str:
    """The cursor of a page far on, reached page by page."""
    after = None
    for _ in range(pages - 1):
        after = listing.page(Query(limit=_LIMIT, after=after)).next
    found = cursor(after)
    assert found is not None
    return found


def _timed(session: requests.Session, url: str, name: str, query: dict[str, str], times: int) -> Row:
    ms = []
    for _ in range(times):
        begun = time.perf_counter()
        answer = session.get(url, params={"limit": str(_LIMIT), **query}, timeout=30)
        ms.append(1000 * (time.perf_counter() - begun))
        answer.raise_for_status()
    ms.sort()
    return {"asked": name, "p50_ms": percentile(ms, 50), "p99_ms": percentile(ms, 99)}


PART = Part("pages", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
