"""What changes by itself on a real view, and what does not. test_live_script.py tells the rest of the script.

The browser's clock is in the test's hand: what takes seconds of it takes none of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.bench.processes import wait_until
from tests.pages import looks
from tests.pages.world import World, world


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("live")) as it:
        yield it


@pytest.fixture(scope="module")
def origin(here: World) -> str:
    return here.url


def opened(page: Page, path: str) -> None:
    """The view, with a clock that stands still but for what a test lets pass."""
    page.clock.install()
    looks.go(page, path)


def until(page: Page, true: Callable[[], bool], what: str) -> None:
    """Let time pass until it is so."""

    def now() -> bool:
        page.clock.run_for(1000)
        page.wait_for_timeout(50)  # answers come meanwhile
        return true()

    wait_until(now, 30, what)


def refreshed(page: Page) -> None:
    """Let time pass until the view says that it is of a later moment."""
    moment = page.locator(".asof time")
    before = moment.get_attribute("datetime") or ""
    until(page, lambda: (moment.get_attribute("datetime") or "") > before, "a view of a later moment")


def test_what_is_set_elsewhere_appears_on_now_without_a_reload(page: Page, here: World) -> None:
    opened(page, "/ui")
    timer = here.set(seconds=60, url="https://soon.example/hook")
    until(page, lambda: timer in page.content(), "the timer that is due next")
    here.cancel(timer)


def test_typed_text_focus_and_ticks_stay_over_a_refresh(page: Page, here: World) -> None:
    opened(page, "/ui/timers?tag=invoices")
    tick = page.locator("input[type=checkbox][name=ids]").first
    tick.check()
    tag = page.get_by_label("Tag", exact=True)
    tag.fill("half-typ")
    page.keyboard.press("ArrowLeft")
    here.set(seconds=300, url="https://more.example/", tags=["invoices"], key="more:1")
    refreshed(page)
    refreshed(page)
    assert tag.input_value() == "half-typ"
    assert tag.evaluate("(it) => it === document.activeElement && it.selectionStart") == 7
    assert tick.is_checked()


def test_what_is_said_aloud_changes_only_with_its_kind(page: Page) -> None:
    """A screen reader would speak every two seconds otherwise."""
    opened(page, "/ui")
    page.evaluate("""() => {
      window.spoken = [];
      new MutationObserver(() => window.spoken.push(document.querySelector("#say").textContent)).observe(
        document.querySelector("#say"), {childList: true, characterData: true, subtree: true});
    }""")
    said = page.locator("#say").inner_text()
    for _ in range(3):
        refreshed(page)
    spoken: list[str] = page.evaluate("window.spoken")
    assert [now for before, now in zip([said, *spoken], spoken, strict=False) if now == before] == []
