"""Everything that can be done with the page is done with forms: it is, in a browser whose scripts are off."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.bench.browser import WIDE, Troubles, visit
from tests.bench.processes import wait_until
from tests.pages import looks
from tests.pages.world import GONE, MANY, World, set_timers


@pytest.fixture
def visitor(browser: Browser, origin: str) -> Iterator[tuple[BrowserContext, Troubles]]:
    with visit(browser, origin, viewport=WIDE, java_script_enabled=False) as (context, troubles):
        yield context, troubles
        assert troubles.found == []


def click(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def says(page: Page, words: str | re.Pattern[str]) -> None:
    expect(page.locator("main > p.note")).to_have_text(words)


def test_every_form_acts(page: Page, here: World, troubles: Troubles) -> None:
    """What was done is said on the page that comes back, and asked of the API."""
    looks.go(page, "/ui/try")
    page.get_by_label("JSON body").fill('{"not": json')
    page.get_by_label("Send in").fill("0")
    click(page, "Set the timer")
    body = page.get_by_label("JSON body")
    expect(body).to_have_attribute("aria-invalid", "true")
    expect(body).to_have_value('{"not": json')
    body.fill("{}")
    click(page, "Set the timer")
    says(page, re.compile("^Timer .* is set"))
    expect(page.get_by_label("JSON body")).to_have_value("{}")
    page.get_by_role("button", name=re.compile("^500")).click()
    says(page, re.compile("next answer of the inbox"))
    told = here.set(delay=0, url=page.get_by_label("To this URL").input_value(), backoff=[0.2])
    assert here.reached(told, "delivered")["attempts"] == 2

    timer = here.set(hours=1, url=f"{here.receiver.url}/walked")
    looks.go(page, f"/ui/timers/{timer}")
    move = page.get_by_label(re.compile("Move to"))
    move.fill("next tuesday")
    click(page, "Move")
    expect(move).to_have_attribute("aria-invalid", "true")
    expect(move).to_have_value("next tuesday")
    move.fill("3h")
    click(page, "Move")
    says(page, "It is moved.")
    assert here.timer(timer)["time_left"] > 2 * 3600 + 3000
    click(page, "Send now")
    says(page, "It is due now.")
    here.reached(timer, "delivered")
    page.reload()
    click(page, "Replay")
    says(page, "It is sent once more, and is due now.")
    wait_until(lambda: here.receiver.counts()[timer] == 2, 20, "the second request")
    here.reached(timer, "delivered")
    page.reload()
    click(page, "Clone")
    page.get_by_label("At a moment (UTC), instead").fill("2099-01-31T09:00:05")
    click(page, "Set the timer")
    says(page, re.compile("^Timer .* is set"))
    clone = page.url.rpartition("/")[2]
    assert here.timer(clone)["due_at"].startswith("2099-01-31T09:00:05")
    click(page, "Cancel this timer")
    says(page, re.compile("^It is cancelled"))
    here.reached(clone, "cancelled")
    troubles.expected("422")


def test_many_are_cancelled_and_a_group_is_replayed(page: Page, here: World) -> None:
    set_timers(here.url, [{"hours": 1, "url": "https://bulk.example/", "tags": ["walk"]} for _ in range(MANY)])
    looks.go(page, "/ui/timers?tag=walk")
    page.locator("input[name=ids]").first.check()
    click(page, "Cancel the ticked")
    says(page, "1 cancelled.")
    left = MANY - 1
    field = page.get_by_label(f"Type {left} to cancel them all")
    field.fill(str(left - 1))
    click(page, f"Cancel all {left}")
    expect(field).to_have_js_property("validity.valid", False)
    field.fill(str(left))
    click(page, f"Cancel all {left}")
    says(page, f"{left} cancelled.")

    timers = here.group(402)
    looks.go(page, "/ui/failed")
    page.locator("section", has_text="answered 402").get_by_role("button", name=f"Replay all {GONE}").click()
    says(page, re.compile(f"^{GONE} "))
    wait_until(lambda: here.requests(402) == 2 * GONE, 20, "each of the group once more")
    for it in timers:
        here.reached(it, "failed")
