"""Schedules in a browser: how the views look and read, each form by clicking, and by a browser without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.bench.browser import WIDE, Troubles, visit
from tests.pages import axe, looks
from tests.pages.world import World

#: Long, with all that a name may hold, and no place to break a line.
LONG = "a-schedule.of_a:long@name~" + "x" * 100
_PREVIEW = "/ui/schedules?cron=30+2+*+*+*&time_zone=Europe/Berlin&count=5&from=2027-03-26T00:00"


def told(here: World, name: str) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{here.url}/schedules/{name}", timeout=10).json()
    return found


@pytest.fixture(scope="module", autouse=True)
def _schedules(here: World) -> Iterator[None]:
    """One of each kind; none of them is due while these tests run."""
    names = ["nightly", "paused", LONG, "walked", "clicked"]
    here.set_schedule("nightly", cron="30 2 29 3 *", time_zone="Europe/Berlin", overlap="skip")
    here.set_schedule("far", cron="30 2 * * MON-FRI", time_zone="America/Argentina/ComodRivadavia")
    for name in names[1:]:
        here.set_schedule(name)
    here.act_on_schedule("paused", "pause", reason="stock-taking " * 20, until="2030-01-01T00:00:00Z")
    here.act_on_schedule("nightly", "fire")
    yield
    for it in requests.get(f"{here.url}/schedules", timeout=10).json()["data"]:
        requests.delete(f"{here.url}/schedules/{it['name']}", timeout=10).raise_for_status()


VIEWS = {
    "list": "/ui/schedules",
    "none": "/ui/schedules?status=ended",
    "preview": _PREVIEW,
    "one": "/ui/schedules/nightly",
    "paused": "/ui/schedules/paused",
    "long": f"/ui/schedules/{LONG}",
    "set": "/ui/set-schedule",
    "change": "/ui/set-schedule?name=nightly",
}


@pytest.fixture(params=VIEWS)
def path(request: pytest.FixtureRequest) -> str:
    return VIEWS[request.param]


def click(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def says(page: Page, words: str | re.Pattern[str]) -> None:
    expect(page.locator("main > p.note")).to_have_text(words)


def test_axe_finds_nothing_in_light_and_dark_wide_and_narrow(page: Page, path: str) -> None:
    looks.go(page, path)
    assert axe.violations_in_each_light_and_width(page) == []


def test_nothing_has_to_be_scrolled_sideways(page: Page, path: str) -> None:
    looks.go(page, path)
    assert looks.too_wide_unfolded(page) == []


def test_every_control_is_reached_by_tab_in_order_and_seen_to_have_the_focus(page: Page, path: str) -> None:
    looks.go(page, path)
    assert looks.walk(page) == []


def test_moments_stand_in_the_zone_of_the_schedule_the_readers_and_utc(browser: Browser, origin: str) -> None:
    with visit(browser, origin, viewport=WIDE, timezone_id="America/New_York") as (context, troubles):
        page = context.new_page()
        looks.go(page, _PREVIEW)
        row = page.get_by_role("row").filter(has_text="no 02:30 that day")
        expect(row.get_by_role("rowheader")).to_have_text("Sun 28 Mar, 03:00 +02:00")
        expect(row.get_by_role("cell").nth(0)).to_have_text("2027-03-27 21:00")
        expect(row.get_by_role("cell").nth(1)).to_have_text("2027-03-28 01:00")
        expect(page.get_by_role("columnheader", name="Yours, New York")).to_be_visible()
        page.get_by_label("Show times in").select_option("UTC")
        expect(row.get_by_role("cell").nth(0)).to_have_text("2027-03-28 01:00")
        assert troubles.found == []


def _set_pause_resume_run_and_delete(page: Page, here: World, name: str, troubles: Troubles) -> None:
    looks.go(page, "/ui/set-schedule")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Cron, five fields").fill("0 9 * *")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_label("To this URL").fill(f"{here.receiver.url}/runs/{name}")
    click(page, "Set the schedule")
    cron = page.get_by_label("Cron, five fields")
    expect(cron).to_have_attribute("aria-invalid", "true")
    expect(cron).to_have_value("0 9 * *")
    troubles.expected("422")
    cron.fill("0 9 * * MON-FRI")
    click(page, "Show its next moments")
    expect(page.get_by_role("rowheader").filter(has_text=", 09:00")).to_have_count(5)
    assert requests.get(f"{here.url}/schedules/{name}", timeout=10).status_code == 404
    click(page, "Set the schedule")
    says(page, "It is set.")
    assert told(here, name)["cron"] == "0 9 * * MON-FRI"

    page.get_by_role("link", name="Change it").click()
    page.get_by_label("Cron, five fields").fill("30 9 * * MON-FRI")
    click(page, "Change it")
    says(page, "It is changed.")
    assert told(here, name)["cron"] == "30 9 * * MON-FRI"

    page.get_by_label("Reason").fill("stock-taking")
    page.get_by_label(re.compile("^Until")).fill("2h")
    click(page, "Pause")
    says(page, re.compile("^It is paused"))
    expect(page.locator("h1")).to_contain_text("Paused: stock-taking")
    assert told(here, name)["paused"]["reason"] == "stock-taking"
    page.get_by_label("Moments during the pause").select_option("last")
    click(page, "Resume")
    says(page, re.compile("^It goes on"))
    assert told(here, name)["status"] == "active"

    click(page, "Run once now")
    says(page, re.compile("^Run .* is made"))
    timer = page.locator("main > p.note").inner_text().split()[1]
    here.reached(timer, "delivered")
    looks.go(page, f"/ui/timers/{timer}")
    page.get_by_role("link", name=name, exact=True).click()
    expect(page).to_have_url(re.compile(f"/ui/schedules/{name}$"))

    page.get_by_text("Delete this schedule").click()
    page.get_by_label("Runs that are due and unfinished").select_option("keep")
    click(page, "Delete it")
    says(page, re.compile(f"^{name} is deleted"))
    assert requests.get(f"{here.url}/schedules/{name}", timeout=10).status_code == 404


def test_each_form_acts_by_clicking(page: Page, here: World, troubles: Troubles) -> None:
    _set_pause_resume_run_and_delete(page, here, "by-clicking", troubles)


def test_each_form_acts_without_script(browser: Browser, origin: str, here: World) -> None:
    with visit(browser, origin, viewport=WIDE, java_script_enabled=False) as (context, troubles):
        _set_pause_resume_run_and_delete(context.new_page(), here, "without-script", troubles)
        assert troubles.found == []


def test_every_view_reads_without_script(browser: Browser, origin: str, path: str) -> None:
    with visit(browser, origin, viewport=WIDE, java_script_enabled=False) as (context, troubles):
        page = context.new_page()
        looks.go(page, path)
        assert page.locator("h1").count() == 1
        assert troubles.found == []


def test_a_view_that_is_open_shows_what_others_do(page: Page, here: World) -> None:
    """A row's cells change where they stand; the pause that is offered becomes a resume."""
    looks.go(page, "/ui/schedules")
    row = page.get_by_role("row").filter(has_text="walked")
    expect(row).to_contain_text("active")
    here.act_on_schedule("walked", "pause", reason="by somebody else")
    expect(row).to_contain_text("by somebody else", timeout=10_000)
    looks.go(page, "/ui/schedules/walked")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    here.act_on_schedule("walked", "resume")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible(timeout=10_000)
    click(page, "Pause")  # the form that came with a live part has this page's token
    says(page, re.compile("^It is paused"))


def test_what_is_typed_is_not_touched_while_others_change_it(page: Page, here: World) -> None:
    looks.go(page, "/ui/schedules/clicked")
    page.get_by_label("Reason").fill("half a sen")
    here.act_on_schedule("clicked", "pause", reason="by somebody else")
    expect(page.locator("h1")).to_contain_text("Paused", timeout=10_000)
    expect(page.get_by_label("Reason")).to_have_value("half a sen")
