"""What changes by itself on a real view, and what does not. test_live_script.py tells the rest of the script.

The browser's clock is in the test's hand: what takes seconds of it takes none of ours.
"""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.bench.processes import wait_until
from tests.pages import looks
from tests.pages.world import World


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
    more = here.set(seconds=300, url="https://more.example/", tags=["invoices"])
    refreshed(page)
    refreshed(page)
    assert tag.input_value() == "half-typ"
    assert tag.evaluate("(it) => it === document.activeElement && it.selectionStart") == 7
    assert tick.is_checked()
    here.cancel(more)


def test_a_list_stays_under_its_readers_eyes_while_more_timers_come_and_a_link_shows_them(
    page: Page, here: World
) -> None:
    timers = [here.set(hours=1, url="https://more.example/", tags=["come"]) for _ in range(2)]
    opened(page, "/ui/timers?tag=come")
    rows = page.locator("main table tbody tr")
    expect(rows).to_have_count(2)
    rows.evaluate_all("(all) => all.forEach((it) => { it.mine = true })")
    for words in ("1 more; show it", "2 more; show them"):
        timers.append(here.set(hours=1, url="https://more.example/", tags=["come"]))
        line = page.get_by_role("link", name=words)
        until(page, line.is_visible, words)
        refreshed(page)
        assert rows.evaluate_all("(all) => all.map((it) => it.mine)") == [True, True]
    line.click()
    expect(rows).to_have_count(4)
    for it in timers:
        expect(rows.filter(has_text=it)).to_have_count(1)
        here.cancel(it)


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
