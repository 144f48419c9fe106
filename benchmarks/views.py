"""What the page costs: until a browser paints a view, of the server beside a million timers, and with 100 tabs open.

    python -m benchmarks.views --quick

A real API process, poller and embedded-kind Valkey. `first_paint_ms` and `kilobytes` are what Chromium says of a view
that it has never seen, with all that the view loads, in a window that was opened half a second before; `new_window_ms`
is the same in one that was opened just now, while the browser still makes it. Beside them stands a page of one word,
which is the browser's own time. `p50_ms` and `p99_ms` are from a request for a view to the last byte. A tab asks for
the live part of Now every 2 s, with the ETag that it has. A POST sets one timer; 50 of them a second.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from flask import Flask
from playwright.sync_api import Browser

from benchmarks import part
from benchmarks.cpu import Meter
from benchmarks.figures import Row, median, percentile
from benchmarks.filling import DAY_MS, fill
from benchmarks.part import Options, Part, say
from tests.bench.browser import CHROMIUM, browsing, visit
from tests.bench.processes import Part as Process
from tests.bench.processes import Service
from tests.bench.served import serving

#: What the timers that wait call. Nobody does during the measurement.
_HOOK = "http://127.0.0.1:9000/hook"
#: Requests for each figure of a view; visits, each until the view is painted.
_ASKED, _VISITS = 50, 7
#: Until Chromium, on two cores, has done what opening a window takes.
_SETTLED_MS = 500
_TABS, _EVERY = 100, 2.0
MANY_TABS = f"{_TABS} tabs"
#: By name; `{id}` is of a timer that waits.
VIEWS = {
    "Now": "/ui",
    "Timers": "/ui/timers",
    "Timers of a tag": "/ui/timers?tag=tenant-000",
    "Timer": "/ui/timers/{id}",
    "Failed": "/ui/failed",
    "Try it": "/ui/try",
}
_LIVE = "the live part of Now"
_POSTS_A_SECOND = 50
_TAGS = 1000

#: By the browser's own clock, from the beginning of the visit.
_PAINT = """() => new Promise((tell) => new PerformanceObserver((seen) => {
  const paint = seen.getEntriesByName("first-contentful-paint")[0];
  if (!paint) return;
  const loaded = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  tell({
    first_paint_ms: paint.startTime,
    kilobytes: loaded.reduce((sum, it) => sum + it.transferSize, 0) / 1000,
  });
}).observe({type: "paint", buffered: true}))"""


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    pending, seconds = options.size(1_000_000, 20_000), options.size(30, 1)
    asked, visits = options.size(_ASKED, 10), options.size(_VISITS, 1)
    settled_ms = options.size(_SETTLED_MS, 100)
    if shutil.which(CHROMIUM) is None:
        raise RuntimeError("chromium is not installed: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder))
        try:
            fill(service.store.url, _HOOK, pending, time.time_ns() // 1_000_000 + DAY_MS, DAY_MS, tags=_TAGS)
            say(f"  {pending:,} pending")
            api = service.api()
            service.poller()
            timer = requests.get(f"{service.url}/timers", params={"limit": 1}, timeout=30).json()["data"][0]["id"]
            with browsing() as browser, serving(_one_word()) as bare:
                rows: list[Row] = [{"what": "a page of one word", **_painted(browser, bare, "/", visits, settled_ms)}]
                for name, path in VIEWS.items():
                    path = path.format(id=timer)
                    answered = _answered(service.url, path, asked)
                    rows.append({"what": name, **answered, **_painted(browser, service.url, path, visits, settled_ms)})
            rows.append({"what": _LIVE, **_answered(service.url, "/ui?live", asked)})
            tabs = _tabs(service.url, api, seconds, options.rounds)
        finally:
            service.remove()
    return [{"pending": float(pending), **row} for row in rows] + tabs, {}


def _answered(url: str, path: str, asked: int) -> Row:
    ms = []
    with requests.Session() as session:
        for _ in range(asked):
            begun = time.perf_counter()
            answer = session.get(url + path, headers={"Accept": "text/html"}, timeout=30)
            ms.append(1000 * (time.perf_counter() - begun))
            answer.raise_for_status()
    ms.sort()
    return {"p50_ms": percentile(ms, 50), "p99_ms": percentile(ms, 99)}


def _painted(browser: Browser, url: str, path: str, count: int, settled_ms: int) -> Row:
    """The medians of some visits, by turns, each by a browser that has nothing in its cache."""
    visits: list[Row] = []
    for _ in range(count):
        in_new = _visited(browser, url, path, 0)
        visits.append({**_visited(browser, url, path, settled_ms), "new_window_ms": in_new["first_paint_ms"]})
    return median(visits)


def _visited(browser: Browser, url: str, path: str, opened_ms: int) -> Row:
    """One visit, so many ms after its window was opened."""
    with visit(browser, url) as (context, troubles):
        page = context.new_page()
        page.wait_for_timeout(opened_ms)
        page.goto(path)
        row: Row = page.evaluate(_PAINT)
        if troubles.found:
            raise RuntimeError(f"{path}: {troubles.found}")
    return row


def _one_word() -> Flask:
    """An application whose only page shows one word."""
    app = Flask("one_word")
    # An icon of its own: Chromium asks for another file otherwise.
    app.add_url_rule("/", view_func=lambda: '<!doctype html><title>One</title><link rel="icon" href="data:,"><p>Word')
    return app


def _tabs(url: str, api: Process, seconds: float, rounds: int) -> list[Row]:
    """By turns without and with them."""
    found: dict[str, list[Row]] = {"no tab": [], MANY_TABS: []}
    for number in range(1, rounds + 1):
        for what, rows in found.items():
            count = 0 if what == "no tab" else _TABS
            with _open_tabs(url, count) as answers:
                idle = _cpu(api, seconds)
                rows.append({"what": what, "api_percent": idle, **_posts(url, seconds), "fetches": len(answers)})
            say(f"  {what}, {number} of {rounds}: {rows[-1]}")
    return [median(rows) for rows in found.values()]


def _cpu(api: Process, seconds: float) -> float:
    """Percent of a core that the API uses while nothing else asks."""
    meter = Meter(api=api.process.pid)
    time.sleep(seconds)
    return 100 * meter.spent()["api"] / seconds


def _posts(url: str, seconds: float) -> Row:
    ms = []
    body = {"hours": 24, "url": _HOOK}
    with requests.Session() as session:
        start = time.perf_counter()
        for number in range(int(seconds * _POSTS_A_SECOND)):
            time.sleep(max(0.0, start + number / _POSTS_A_SECOND - time.perf_counter()))
            begun = time.perf_counter()
            session.post(f"{url}/timers", json=body, timeout=30).raise_for_status()
            ms.append(1000 * (time.perf_counter() - begun))
    ms.sort()
    return {"post_p50_ms": percentile(ms, 50), "post_p99_ms": percentile(ms, 99)}


@contextmanager
def _open_tabs(url: str, count: int) -> Iterator[list[int]]:
    """So many clients that ask every 2 s, evenly spread, as the script of an open tab does."""
    stop, answers = threading.Event(), list[int]()
    threads = [threading.Thread(target=_tab, args=(url, number, stop, answers)) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        if count:
            stop.wait(2 * _EVERY)  # each has an ETag by then
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _tab(url: str, number: int, stop: threading.Event, answers: list[int]) -> None:
    etag = ""
    stop.wait(_EVERY * number / _TABS)
    with requests.Session() as session:
        while not stop.is_set():
            headers = {"Accept": "text/html", **({"If-None-Match": etag} if etag else {})}
            answer = session.get(f"{url}/ui", params={"live": ""}, headers=headers, timeout=30)
            answers.append(answer.status_code)
            etag = answer.headers.get("ETag", "")
            stop.wait(_EVERY)


PART = Part("views", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
