"""`make screenshots`: each view in light and dark, wide and narrow, as PNG files, of a service that does real work.

A minute or two of deliveries come first, since Now tells of minutes.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.bench.browser import CHROMIUM, NARROW, WIDE, Troubles, browsing, visit
from tests.bench.session import no_process_left
from tests.pages.held import held_destinations
from tests.pages.world import World, set_timers, world

INTO = Path(__file__).parents[2] / "docs" / "screenshots"
#: Deliveries a second of the work that is done meanwhile.
_RATE = 40
#: px: what is longer is cut off.
_TALLEST = 1500
#: A desktop has a face of this kind as its system-ui; a bare Debian has DejaVu Sans, which is wider.
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include>/etc/fonts/fonts.conf</include>{}</fontconfig>""".format(
    "".join(
        f'<match target="pattern"><test name="family"><string>{family}</string></test>'
        '<edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>'
        for family in ("system-ui", "sans", "sans-serif", "DejaVu Sans")
    )
)
_NEEDED = {CHROMIUM: "chromium", "pngquant": "pngquant"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=INTO, help="(%(default)s)")
    parser.add_argument("--seconds", type=int, default=130, help="of work before the first (%(default)s)")
    parser.add_argument("--only", action="append", metavar="NAME", help="a picture, as its file; may be repeated")
    said = parser.parse_args()
    for program, package in _NEEDED.items():
        if shutil.which(program) is None:
            print(f"{program} is needed; on Debian and Ubuntu: apt install {package}", file=sys.stderr)
            return 1
    said.into.mkdir(parents=True, exist_ok=True)
    with no_process_left(), tempfile.TemporaryDirectory() as folder:
        (fonts := Path(folder) / "fonts.conf").write_text(_FONTS)
        with world(Path(folder), TIMER_HISTORY_URL="beside") as here, browsing(FONTCONFIG_FILE=str(fonts)) as browser:
            _set_schedules(here)
            _work(here, said.seconds)
            _all(browser, here, partial(_shoot, into=said.into, only=said.only))
    total = sum(it.stat().st_size for it in said.into.glob("*.png"))
    print(f"{total:,} bytes in {said.into}")
    return 0


def _all(browser: Browser, here: World, shoot: Callable[[Page, str, Callable[[], object]], None]) -> None:
    views = {name: path for name, path in here.views().items() if name in _SHOWN}
    with visit(browser, here.url) as (context, troubles):
        page = context.new_page()
        _fill_inbox(page, here)
        views["schedule"] = f"/ui/schedules/{_SCHEDULE}"
        views["history"] = "/ui/history"
        for name, path in views.items():
            shoot(page, name, partial(page.goto, path))
        shoot(page, "set-schedule", partial(_preview, page))
        with held_destinations(here) as held:
            paths = {"now-down": "/ui", "destinations": "/ui/destinations"}
            for name, path in {**paths, "destination": f"/ui/destinations/{held['broken']}"}.items():
                shoot(page, name, partial(page.goto, path))
        _said(troubles)


#: Of the views of the tests' service, while all is well.
_SHOWN = ("now", "timers", "timer-failed", "failed", "schedules", "try")
#: The one that has a view of its own shown.
_SCHEDULE = "monthly-statement"


def _shoot(page: Page, name: str, load: Callable[[], object], into: Path, only: Sequence[str] | None) -> None:
    if only and name not in only:
        return
    for size, narrow in ((WIDE, ""), (NARROW, "-320")):
        for scheme in ("light", "dark"):
            if narrow and scheme == "dark":
                continue
            page.set_viewport_size({"width": size["width"], "height": size["height"]})
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            load()
            file = into / f"{name}{narrow}{'-dark' if scheme == 'dark' else ''}.png"
            tall = min(page.evaluate("document.documentElement.scrollHeight"), _TALLEST)
            page.screenshot(path=file, full_page=True, clip={"x": 0, "y": 0, "width": size["width"], "height": tall})
            subprocess.run(["pngquant", "--force", "--skip-if-larger", "--ext", ".png", "64", str(file)], check=False)


def _set_schedules(here: World) -> None:
    """One that runs over a change of clocks, one whose runs overlap, and one that has paused itself."""
    here.set_schedule(_SCHEDULE, cron="30 2 28 * *", time_zone="Europe/Berlin", overlap="skip")
    here.set_schedule("standup-reminder", cron="0 9 * * MON-FRI", time_zone="America/New_York")
    slow = {"url": f"{here.receiver.url}/sleep/12"}
    here.set_schedule("sync-inventory", every="5s", overlap="skip", timer=slow)
    gone = {"url": f"{here.receiver.url}/status/410"}
    here.set_schedule("export", every="5s", pause_after_failures=3, timer=gone)
    for _ in range(3):
        here.act_on_schedule(_SCHEDULE, "fire")


def _preview(page: Page) -> None:
    """The form that sets a schedule, filled in, and the moments of a plan over a change of clocks."""
    page.goto("/ui/set-schedule")
    page.get_by_label("Name", exact=True).fill("nightly-report")
    page.get_by_label("Cron, five fields").fill("30 2 * * *")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_label("To this URL").fill("https://hooks.billing.example/v2/reports")
    page.get_by_text("More: start").click()
    page.get_by_label("Starts at").fill("2027-03-26T00:00")
    page.get_by_role("button", name="Show its next moments").click()


def _fill_inbox(page: Page, here: World) -> None:
    """With a request that has come, and one that is to come."""
    page.goto("/ui/try")
    url = page.get_by_label("To this URL").input_value()
    hello = {"url": url, "body": {"hello": "from timer-service"}}
    arrives, _ = set_timers(here.url, [{**hello, "delay": 0}, {**hello, "seconds": 50}])
    here.reached(arrives, "delivered")


def _work(here: World, seconds: int) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        set_timers(
            here.url,
            [
                {"delay": f"{25 * number}ms", "url": f"{here.receiver.url}/orders/{number}", "tags": ["orders"]}
                for number in range(_RATE)
            ],
        )
        time.sleep(1)


def _said(troubles: Troubles) -> None:
    for it in troubles.found:
        print(it, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
