"""`make dashboard`: the dashboard's panels over a real run, as a picture: docs/screenshots/dashboard.png.

A real Prometheus scrapes a real `timer-service up` and evaluates the queries of deploy/grafana; Chromium draws them. In
the run some receivers are slow or fail, both pollers are frozen, one for longer than its lease, and a receiver is away.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import requests

from tests.bench import needed
from tests.bench.browser import browsing
from tests.bench.pages import ROOT
from tests.bench.processes import Up, free_port
from tests.bench.receiver import receiving
from tests.bench.session import no_process_left
from tests.monitoring.drawing import Line, Panel, page
from tests.monitoring.files import DASHBOARD
from tests.monitoring.prometheus import Prometheus, scraping

_INTO = ROOT / "docs/screenshots/dashboard.png"
#: Bytes that the picture may have.
_MOST = 150_000
#: Seconds: of the run; when both pollers are frozen, and for how long each; when a receiver is away, and for how long.
_RUN, _FROZEN, _AWAY = 240, (70, 12, 30), (130, 45)
_STEP = 2
#: Set each second: path of the receiver, timers.
_MIX = (("", 30), ("sleep/0.2", 6), ("sleep/2", 3), ("status/500", 1), ("status/410", 1))


def work(up: Up, url: str) -> None:
    """A load of some minutes, with two troubles in it."""
    gone = free_port()
    begun = time.monotonic()
    pollers = [pid for pid, command in up.children().items() if "timer-service poller" in command]
    with receiving() as there, ExitStack() as back:
        schedule = {"every": "5s", "overlap": "skip", "timer": {"url": f"{there.url}/sleep/7"}}
        answer = requests.put(f"{url}/schedules/report", json=schedule, timeout=60)
        assert answer.status_code == 201, answer.text
        troubles = [
            threading.Timer(at, os.kill, (pid, number))
            for pid, seconds in zip(pollers, _FROZEN[1:], strict=True)
            for at, number in ((_FROZEN[0], signal.SIGSTOP), (_FROZEN[0] + seconds, signal.SIGCONT))
        ]
        for it in troubles:
            it.start()
        for second in range(_RUN):
            time.sleep(max(0.0, begun + second - time.monotonic()))
            paths = [path for path, count in _MIX for _ in range(count)]
            timers: list[dict[str, object]] = [
                {"url": f"{there.url}/{path}", "seconds": 1, "max_attempts": 3} for path in paths
            ]
            if _AWAY[0] <= second < sum(_AWAY):
                timers += [{"url": f"http://127.0.0.1:{gone}/", "seconds": 0}] * 2
            if second == sum(_AWAY):
                back.enter_context(receiving(gone))
            answer = requests.post(f"{url}/timers/batch", json={"timers": timers}, timeout=60)
            assert answer.status_code == 200, answer.text
        for it in troubles:
            it.join()


def panels(prometheus: Prometheus, start: float, end: float) -> list[Panel]:
    """What each panel of the dashboard would draw."""
    found = []
    for it in json.loads(DASHBOARD.read_text())["panels"]:
        lines = []
        for target in it["targets"]:
            query = re.sub(r"\$(api|pollers)\b", ".*", target["expr"].replace("$__rate_interval", "20s"))
            for series in prometheus.over(query, start, end, _STEP):
                name = re.sub(r"{{ *(\w+) *}}", partial(_label, series["metric"]), target["legendFormat"])
                points = [(at, float(value)) for at, value in series["values"]]
                if any(value > 0 for _, value in points) or len(it["targets"]) > 1:
                    lines.append(Line(name, points))
        found.append(Panel(it["title"], it["fieldConfig"]["defaults"]["unit"], lines))
    return found


def _label(of: dict[str, str], named: re.Match[str]) -> str:
    return of.get(named[1], "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=_INTO, help="(%(default)s)")
    asked = parser.parse_args()
    squeeze = needed.program("pngquant", "pngquant")
    with no_process_left(), tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        quiet = {"TIMER_LOG_LEVEL": "warning", "TIMER_MAX_BYTES": "16MiB"}
        up = Up(folder / "up", TIMER_METRICS_PORT=str(port), TIMER_POLLERS="2", TIMER_SLOTS="64", **quiet)
        try:
            url = up.url()
            targets = {"api": url.removeprefix("http://"), "one": f"127.0.0.1:{port}", "two": f"127.0.0.1:{port + 1}"}
            with scraping(folder, 60, **targets) as prometheus:
                start = time.time()
                work(up, url)
                end = time.time()
                drawn = page(panels(prometheus, start, end), start, end)
        finally:
            up.stop(60)
        (folder / "page.html").write_text(drawn)
        with browsing() as browser:
            it = browser.new_page(viewport={"width": 1344, "height": 1124})
            it.goto(f"file://{folder}/page.html")
            it.screenshot(path=folder / "full.png", full_page=True)
        asked.into.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([squeeze, "--force", "--output", asked.into, "64", folder / "full.png"], check=True)
    size = asked.into.stat().st_size
    print(f"{size:,} bytes in {asked.into}")
    return 0 if size < _MOST else 1


if __name__ == "__main__":
    sys.exit(main())
