"""From the first webhook that fails to a destination that is paused on the page: in how many seconds and clicks.

    python -m benchmarks.on_call --quick

`timer-service up`, and Chromium with Now open, which asks for what is new every 2 s; a receiver is killed, and twelve
timers call it within 0.6 s. `named_s` is when the page names it, `paused_s` when it says that it is paused, by a click
that takes no time to think of. `replayed_s` is from the click that replays eight that failed, whose receiver is back,
until the last has arrived.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from benchmarks import part
from benchmarks.figures import Row
from benchmarks.part import Options, Part, repeat
from tests.bench.browser import CHROMIUM, WIDE, browsing, visit
from tests.bench.processes import Up, free_port
from tests.pages import looks
from tests.pages.on_call import COUNT, call, delivered, fail, pause_what_died, receiver, replay_what_failed

DIED = "a receiver that died"


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    if shutil.which(CHROMIUM) is None:
        raise RuntimeError("chromium is not installed: apt-get install chromium")
    with browsing() as browser:
        ranges = ("named_s", "paused_s", "replayed_s")
        return [{"what": DIED, **repeat(DIED, options.rounds, lambda: _one(browser), ranges)}], {}


def _one(browser: Browser) -> Row:
    """In a service of its own: nothing has been failing there before."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        up = Up(Path(folder) / "up")
        try:
            with receiver(port, Path(folder) / "receiver.log"):
                call(up.url(), port)
                delivered(up.url(), COUNT)
            with visit(browser, up.url(), viewport=WIDE) as (context, _):
                page = context.new_page()
                looks.go(page, "/ui")
                other = free_port()
                timers = fail(page, up.url(), other)
                with receiver(other, Path(folder) / "other.log"):
                    replayed = replay_what_failed(page, up.url(), timers)
                looks.go(page, "/ui")
                found = pause_what_died(page, up.url(), port)
        finally:
            up.stop()
    return {
        **{"named_s": found.named_s, "paused_s": found.paused_s, "clicks": found.clicks},
        **{"replayed_s": replayed.arrived_s, "replay_clicks": replayed.clicks},
    }


PART = Part("on_call", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
