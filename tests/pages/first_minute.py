"""From `make run` in a fresh clone to a timer that is seen to arrive, by who reads nothing but the screen.

    python -m tests.pages.first_minute

The clone makes an environment of its own, and pip installs into it. A click takes no time to think of.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.bench.browser import WIDE, browsing, visit
from tests.bench.processes import free_port, wait_until
from tests.bench.session import no_process_left
from tests.pages import looks

_ROOT = Path(__file__).parents[2]
#: Seconds in which pip installs everything, and ms in which a timer of five seconds arrives, on a busy machine.
_INSTALLED, _ARRIVED = 300, 60_000


def main() -> int:
    with no_process_left(), tempfile.TemporaryDirectory() as folder, browsing() as browser:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(_ROOT), str(clone)], check=True)
        began = time.monotonic()
        with _make_run(clone, Path(folder) / "log", Path(folder) / "data") as log:
            screen = wait_until(lambda: re.search(r"page +(http://\S+)/ui\n", log.read_text()), _INSTALLED, "the page")
            for step in _in_the_browser(browser, screen[1]):
                print(f"{time.monotonic() - began:5.1f} s  {step}", flush=True)
    return 0


def _in_the_browser(browser: Browser, url: str) -> Iterator[str]:
    """What has been done, step by step."""
    yield f"`make run` has installed all, and names {url}/ui"
    with visit(browser, url, viewport=WIDE) as (context, troubles):
        page = context.new_page()
        looks.go(page, "/ui")
        expect(page.locator("#say")).to_have_text("All on time")
        yield "the page shows Now"
        page.get_by_role("link", name="Try it").click()
        page.get_by_role("button", name="Set the timer").click()
        inbox = page.locator("section", has=page.locator("#inbox"))
        expect(inbox).to_contain_text(re.compile(r"In .* s, scheduled"))
        yield "two clicks: the timer is set, and counted down"
        expect(inbox).to_contain_text(re.compile("Arrived .* after its moment"), timeout=_ARRIVED)
        yield "it is seen to have arrived: " + inbox.get_by_text("after its moment").inner_text()
        assert troubles.found == []


@contextmanager
def _make_run(clone: Path, log: Path, data: Path) -> Iterator[Path]:
    """What it writes. It ends as by Ctrl-C."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TIMER_", "MAKE"))}
    command = ["make", "run", f"ARGS=--port {free_port()} --data-dir {data}"]
    with log.open("wb") as out:
        started = subprocess.Popen(
            command, cwd=clone, env=clean, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield log
    finally:
        os.killpg(started.pid, signal.SIGINT)
        started.wait(60)


if __name__ == "__main__":
    sys.exit(main())
