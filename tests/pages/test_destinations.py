"""Destinations in a browser: how the views look and read, each form by clicking, and by a browser without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect
from standardwebhooks.webhooks import Webhook

from tests.bench.browser import WIDE, Troubles, visit
from tests.pages import axe, looks
from tests.pages.world import World, set_timers

PAUSED, LIMITED = "https:crm.northwind.example:8443", "https:hooks.billing.example:443"
#: Its reason has markup, turns the direction of what follows, and no place to break a line.
HOSTILE = "https:a-very-long-tenant-name-that-nobody-shortened.eu-central-1.webhooks.partner.example:443"
REASON = "</q><script>alert(1)</script> \u202egnp.exe " + "x" * 400


def at(here: World, method: str, name: str, what: str = "", **body: Any) -> dict[str, Any]:
    answer = requests.request(method, f"{here.url}/destinations/{name}{what}", json=body or None, timeout=10)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module", autouse=True)
def _destinations(here: World) -> Iterator[None]:
    """One of each kind, with timers that wait."""
    at(here, "PATCH", PAUSED, rate={"requests": 10, "per": "1m", "burst": 2}, concurrency=4)
    at(here, "POST", PAUSED, "/rotate-secret")
    at(here, "POST", PAUSED, "/pause", reason="migration, ticket 8812", until="2030-01-01T14:00:00Z")
    at(here, "POST", HOSTILE, "/pause", reason=REASON)
    at(here, "PATCH", LIMITED, rate={"requests": 10, "per": "1m", "burst": 2}, concurrency=4)
    waiting = {PAUSED: 7, HOSTILE: 6}  # Now names the one where most timers wait
    origins = [f"{it.replace(':', '://', 1)}/hook/{number}" for it in waiting for number in range(waiting[it])]
    timers = set_timers(here.url, [{"delay": 0, "url": url, "tags": ["held"]} for url in origins])
    yield
    for it in timers:
        here.cancel(it)
    for name in (PAUSED, HOSTILE):
        at(here, "POST", name, "/resume", at="full")
    for name in (PAUSED, LIMITED):
        at(here, "PATCH", name, rate=None, concurrency=None)


VIEWS = {
    "list": "/ui/destinations",
    "none": "/ui/destinations?state=probing",
    "paused": f"/ui/destinations/{PAUSED}",
    "hostile": f"/ui/destinations/{HOSTILE}",
    "limited": f"/ui/destinations/{LIMITED}",
    "unknown": "/ui/destinations/http:[2001:db8::1f]:8080",
    "now": "/ui",
    "timers": "/ui/timers?tag=held",
}


def click(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def says(page: Page, words: str) -> None:
    expect(page.locator("main > p.note")).to_have_text(re.compile(f"^{words}"))


@pytest.mark.parametrize("name", ["list", "paused"])
def test_axe_finds_nothing_in_light_and_dark_wide_and_narrow(page: Page, name: str) -> None:
    looks.go(page, VIEWS[name])
    assert axe.violations_in_each_light_and_width(page) == []


@pytest.mark.parametrize("name", ["list", "hostile", "limited", "now", "timers"])
def test_nothing_has_to_be_scrolled_sideways(page: Page, name: str) -> None:
    looks.go(page, VIEWS[name])
    assert looks.too_wide_unfolded(page) == []


@pytest.mark.parametrize("path", [VIEWS["list"], VIEWS["limited"]])
def test_every_control_is_reached_by_tab_in_order_and_seen_to_have_the_focus(page: Page, path: str) -> None:
    looks.go(page, path)
    assert looks.walk(page) == []


def test_a_reason_is_text_whatever_it_holds(page: Page) -> None:
    """Anything else would be refused by the policy of the page, which is a trouble."""
    for name in ("list", "hostile", "now", "timers"):
        looks.go(page, VIEWS[name])
        assert page.locator("script").count() == 1
        assert "\u202e" not in page.content()


def _limit(page: Page, here: World, name: str, troubles: Troubles) -> None:
    looks.go(page, "/ui/destinations")
    page.get_by_label("Destination or URL").fill(f"{name.replace(':', '://', 1)}/hook?x=1")
    click(page, "Open")
    expect(page.locator("#say")).to_have_text("Flowing")
    page.get_by_label("At most, attempts").fill("10")
    page.get_by_label("in each, as 1s").fill("1 second")
    click(page, "Save")
    per = page.get_by_label("in each, as 1s")
    expect(per).to_have_attribute("aria-invalid", "true")
    expect(per).to_have_value("1 second")
    expect(per).to_be_focused()
    troubles.expected("422")
    per.fill("1m")
    page.get_by_label("Under way, at most").fill("4")
    page.get_by_label("When it fails again and again").select_option("off")
    click(page, "Save")
    says(page, "Its limits are set")
    expect(page.locator("h1")).to_have_text("Limited: at most 10 a minute, 4 at once.")
    told = at(here, "GET", name)
    assert (told["rate"]["requests"], told["concurrency"], told["breaker"]["mode"]) == (10, 4, "off")


def _pause_and_resume(page: Page, here: World, name: str) -> None:
    page.get_by_label("Reason").fill("migration")
    page.get_by_label(re.compile("^Until")).fill("2h")
    click(page, "Pause")
    says(page, "It is paused")
    expect(page.locator("h1")).to_contain_text("Paused: migration")
    assert at(here, "GET", name)["paused"]["reason"] == "migration"
    click(page, "Resume slowly")
    says(page, "It goes on slowly")
    assert at(here, "GET", name)["paused"] is None


def test_each_form_acts_by_clicking(page: Page, here: World, troubles: Troubles) -> None:
    name = "https:clicked.example:443"
    _limit(page, here, name, troubles)
    _pause_and_resume(page, here, name)
    click(page, "Pause")
    click(page, "Resume at full speed")
    says(page, "It goes on at full speed")
    assert at(here, "GET", name)["paused"] is None


def test_each_form_acts_without_script(browser: Browser, origin: str, here: World) -> None:
    with visit(browser, origin, viewport=WIDE, java_script_enabled=False) as (context, troubles):
        page, name = context.new_page(), "https:without-script.example:443"
        _limit(page, here, name, troubles)
        _pause_and_resume(page, here, name)
        click(page, "Make a new secret")
        assert Webhook(page.locator("section.note pre").inner_text())
        assert troubles.found == []


def test_a_new_secret_is_shown_once_and_neither_a_reload_nor_the_way_back_shows_it_again(
    page: Page, here: World, troubles: Troubles
) -> None:
    name = "https:signed.example:443"
    looks.go(page, f"/ui/destinations/{name}")
    click(page, "Make a new secret")
    secret = page.locator("section.note pre").inner_text()
    assert Webhook(secret)
    expect(page.get_by_role("button", name="Have its own secrets sign")).to_be_visible()
    assert secret not in page.url
    with page.expect_response(re.compile("[?]live$")) as live:
        pass
    assert live.value.ok
    assert secret not in live.value.text()
    expect(page.locator("section.note pre")).to_have_text(secret)
    page.reload()
    expect(page.locator("main > p.note")).to_contain_text("nothing tells it again")
    troubles.expected("409")
    assert secret not in page.content()
    assert len(at(here, "GET", name)["secrets"]) == 1
    click(page, "Have its own secrets sign")
    says(page, "Its own secrets sign")
    assert at(here, "GET", name)["signing"] == "own"


def test_every_view_reads_without_script(browser: Browser, origin: str) -> None:
    with visit(browser, origin, viewport=WIDE, java_script_enabled=False) as (context, troubles):
        page = context.new_page()
        for path in VIEWS.values():
            looks.go(page, path)
            assert page.locator("h1").count() == 1
        assert troubles.found == []


def test_a_view_that_is_open_shows_what_others_do(page: Page, here: World) -> None:
    """Rows change where they stand; the pause that is offered becomes a resume, with this page's own token."""
    looks.go(page, f"/ui/destinations/{LIMITED}")
    beside = page.context.new_page()
    looks.go(beside, "/ui/destinations")
    row = beside.get_by_role("row").filter(has_text=LIMITED)
    expect(row).to_contain_text("limited")
    at(here, "POST", LIMITED, "/pause", reason="by somebody else")
    expect(row).to_contain_text("by somebody else", timeout=10_000)
    expect(page.get_by_role("button", name="Resume slowly")).to_be_visible(timeout=10_000)
    beside.close()
    at(here, "POST", LIMITED, "/resume", at="full")
    page.get_by_label("Reason").fill("mine", timeout=10_000)
    at(here, "POST", LIMITED, "/pause", reason="by somebody else again")
    expect(page.locator("#say")).to_have_text("Paused", timeout=10_000)
    expect(page.get_by_label("Reason")).to_have_value("mine")
    click(page, "Pause")
    expect(page.locator("h1")).to_have_text("Paused: mine.")
    click(page, "Resume at full speed")
    says(page, "It goes on")


def test_now_names_what_is_paused_and_since_when_and_each_timer_why(page: Page) -> None:
    looks.go(page, "/ui")
    expect(page.locator("main")).to_contain_text(re.compile(rf"{PAUSED} is paused since [\d:]+ \S+; 7 timers wait"))
    looks.go(page, "/ui/timers?tag=held")
    expect(page.get_by_role("row").filter(has_text="migration, ticket 8812")).to_have_count(7)
    page.get_by_role("row").filter(has_text="migration, ticket 8812").first.get_by_role("link").last.click()
    expect(page.locator("#say")).to_have_text("Held: its destination is paused.")
    page.get_by_role("link", name=PAUSED).first.click()
    expect(page).to_have_url(re.compile(f"/ui/destinations/{PAUSED}$"))
