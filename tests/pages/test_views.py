"""Each view, as it looks and reads: in light and dark, wide and narrow, without script, by keyboard."""

from __future__ import annotations

import pytest
import requests
from playwright.sync_api import Browser, Page

from tests.bench.browser import WIDE, visit
from tests.pages import axe, looks
from tests.pages.world import World

VIEWS = (
    "now",
    "timers",
    "timers-delivered",
    "timers-of-a-tag",
    "timer-scheduled",
    "timer-failed",
    "failed",
    "try",
)


@pytest.fixture(params=VIEWS)
def path(request: pytest.FixtureRequest, here: World) -> str:
    return here.views()[request.param]


def test_axe_finds_nothing_in_light_and_dark_wide_and_narrow(page: Page, path: str) -> None:
    looks.go(page, path)
    assert axe.violations_in_each_light_and_width(page) == []


def test_nothing_has_to_be_scrolled_sideways(page: Page, path: str) -> None:
    looks.go(page, path)
    assert looks.too_wide_unfolded(page) == []


def test_every_control_is_reached_by_tab_in_order_and_seen_to_have_the_focus(page: Page, path: str) -> None:
    looks.go(page, path)
    assert looks.walk(page) == []
    page.reload()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the first is the link past the header
    assert page.evaluate("document.activeElement.id") == "main"


def test_nothing_moves_for_whom_motion_is_reduced(page: Page, path: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    looks.go(page, path)
    assert looks.moving(page) == []


def test_every_view_reads_without_script(browser: Browser, origin: str, path: str) -> None:
    """All that has words in it with script has them without."""
    with visit(browser, origin, viewport=WIDE) as (context, troubles):
        page = context.new_page()
        looks.go(page, path)
        heads = page.locator("h1, h2").all_inner_texts()
        controls = set(page.locator("button, label").all_text_contents())
        assert heads
        assert troubles.found == []
    with visit(browser, origin, viewport=WIDE, java_script_enabled=False) as (context, troubles):
        page = context.new_page()
        looks.go(page, path)
        assert [_same(it) for it in page.locator("h1, h2").all_inner_texts()] == [_same(it) for it in heads]
        without = set(page.locator("button, label").all_text_contents())
        assert controls - without <= {"Stop updating", "Copy", "Show times in"}
        assert troubles.found == []


def test_no_link_leads_nowhere(page: Page, path: str) -> None:
    looks.go(page, path)
    links: set[str] = set(page.evaluate("[...document.links].map((it) => it.href.split('#')[0])"))
    broken = {}
    with requests.Session() as session:
        for link in sorted(links)[:40]:
            answer = session.get(link, headers={"Accept": "text/html"}, timeout=10)
            if answer.status_code != 200:
                broken[link] = answer.status_code
    assert broken == {}


def _same(head: str) -> str:
    """Less its figures, which go on."""
    return "".join(it for it in head if not it.isdigit())
