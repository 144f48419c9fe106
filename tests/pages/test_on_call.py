"""The ten seconds of whoever is on call: nothing listens where timers go, while Now is open, and then it does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page

from tests.bench.processes import Up, free_port, wait_until
from tests.bench.receiver import receiving
from tests.pages import looks
from tests.pages.world import set_timers

_COUNT = 40


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[str]:
    up = Up(Path(tmp_path_factory.mktemp("on-call")) / "up")
    try:
        yield up.url()
    finally:
        up.stop()


def test_a_receiver_that_is_down_is_named_in_words_and_what_failed_is_sent_again_with_two_clicks(
    page: Page, origin: str
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/orders"
    looks.go(page, "/ui")
    timers = [
        {"delay": f"{50 * number}ms", "url": url, "max_attempts": 2, "backoff": [0.1]} for number in range(_COUNT)
    ]
    set_timers(origin, timers)
    begun = time.monotonic()
    said = page.locator("main")
    wait_until(lambda: f"127.0.0.1:{port}" in said.inner_text(), 30, "its name")
    named = time.monotonic() - begun
    wait_until(lambda: _failed(origin) == _COUNT, 60, "all of them ended failed")
    with receiving(port) as again:
        page.get_by_role("navigation", name="Views").get_by_role("link", name="Failed").click()
        page.get_by_role("button", name=f"Replay all {_COUNT}").click()
        again.wait_for(_COUNT, 60)
    print(f"named after {named:.1f} s")


def _failed(origin: str) -> int:
    found: int = requests.get(f"{origin}/stats", timeout=10).json()["failed"]
    return found
