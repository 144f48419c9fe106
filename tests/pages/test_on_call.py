"""The ten seconds of whoever is on call: Now is open, and what timers call dies and comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.bench.processes import Part, Up, free_port, wait_until
from tests.pages import looks
from tests.pages.world import set_timers

_COUNT = 12
#: ms within which the page says what is wrong, on a machine whose cores are all busy; it asks once in 2 s.
_TOLD, _MENDED = 10_000, 40_000


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[str]:
    up = Up(Path(tmp_path_factory.mktemp("on-call")) / "up")
    try:
        yield up.url()
    finally:
        up.stop()


def test_a_receiver_that_dies_is_named_in_words_and_one_click_pauses_it_and_one_lets_it_go_on(
    page: Page, origin: str, tmp_path: Path
) -> None:
    port = free_port()
    url, name = f"http://127.0.0.1:{port}/orders", f"http:127.0.0.1:{port}"
    say = page.locator("#say")
    receiver = _receiver(port, tmp_path / "first.log")
    try:
        looks.go(page, "/ui")
        _call(origin, url)
        wait_until(lambda: _count(origin, "delivered") == _COUNT, 20, "all arrive")
        expect(say).to_have_text("All on time")
        receiver.kill()
        _call(origin, url)
        expect(say).to_have_text(re.compile(rf"{name} refuses the connection"), timeout=_TOLD)
        expect(page).to_have_title(re.compile(r"^(1 destination (fails|is broken)|\d+ late) · Now"))
        page.get_by_label("Reason").fill("their incident 4471")
        page.get_by_role("button", name="Pause this destination").click()
        expect(say).to_have_text("Paused")
        looks.go(page, "/ui")
        expect(say).to_have_text(f"{name} is paused", timeout=_TOLD)
        expect(page.locator("#next")).to_have_text(re.compile(rf"since .*; {_COUNT} timers wait"), timeout=_TOLD)
        receiver = _receiver(port, tmp_path / "second.log")
        page.get_by_role("button", name="Resume slowly").click()
        wait_until(lambda: _count(origin, "delivered") == 2 * _COUNT, 40, "all arrive")
        assert _count(origin, "failed") == 0
        looks.go(page, "/ui")
        expect(say).to_have_text("All on time", timeout=_MENDED)
        expect(page).to_have_title(re.compile(r"^On time · Now"))
    finally:
        receiver.kill()


def _receiver(port: int, log: Path) -> Part:
    part = Part("receive", "--port", str(port), log=log)
    wait_until(lambda: str(port) in part.output(), 20, "a receiver that listens")
    return part


def _call(origin: str, url: str) -> None:
    wait = {"max_attempts": 50, "backoff": [1]}
    set_timers(origin, [{"delay": f"{50 * number}ms", "url": url, **wait} for number in range(_COUNT)])


def _count(origin: str, status: str) -> int:
    found: int = requests.get(f"{origin}/stats", timeout=30).json()[status]
    return found
