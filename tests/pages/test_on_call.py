"""The ten seconds of whoever is on call: Now is open, and what timers call dies and comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.bench.processes import Up, free_port
from tests.pages import looks
from tests.pages.on_call import COUNT, TOLD, call, delivered, fail, pause_what_died, receiver, replay_what_failed

#: ms within which all is well again, on a machine whose cores are all busy.
_MENDED = 40_000


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
    """`python -m benchmarks.on_call` measures in how many seconds."""
    port = free_port()
    looks.go(page, "/ui")
    with receiver(port, tmp_path / "first.log"):
        call(origin, port)
        delivered(origin, COUNT)
    assert pause_what_died(page, origin, port).clicks == 1
    expect(page.locator("#next")).to_have_text(re.compile(rf"since .*; {COUNT} timers wait"), timeout=TOLD)
    with receiver(port, tmp_path / "second.log"):
        page.get_by_role("button", name="Resume slowly").click()
        delivered(origin, 2 * COUNT)
    looks.go(page, "/ui")
    expect(page.locator("#say")).to_have_text("All on time", timeout=_MENDED)
    expect(page).to_have_title(re.compile(r"^On time · Now"))


def test_once_it_is_back_two_clicks_from_now_replay_all_that_failed(page: Page, origin: str, tmp_path: Path) -> None:
    port = free_port()
    looks.go(page, "/ui")
    timers = fail(page, origin, port)
    with receiver(port, tmp_path / "back.log"):
        assert replay_what_failed(page, origin, timers).clicks == 2
    looks.go(page, "/ui")
    expect(page.locator("#say")).to_have_text("All on time", timeout=_MENDED)
