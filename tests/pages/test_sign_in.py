"""Signing in and out, in a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from scheduler import Settings
from tests.bench.browser import NARROW, Troubles, visit
from tests.bench.served import serving
from tests.bench.store import Bench, HandSetFake
from tests.pages import axe
from timer_service import create_app
from timer_service.web.access.api_keys import new_key

KEY, ENTRY = new_key("ops-oncall", "read")


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    fake = HandSetFake()
    with serving(create_app(Settings(api_keys=ENTRY), Bench(fake).link)) as origin:
        yield origin
    fake.close()


def test_whoever_signs_in_sees_the_view_that_was_asked_for_until_they_sign_out(page: Page, troubles: Troubles) -> None:
    page.goto("/ui/nowhere?a=b")
    expect(page).to_have_title("Sign in · timer-service")
    field = page.get_by_label("API key")
    expect(field).to_be_focused()
    assert axe.violations(page) == []
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(field).to_have_accessible_description("This is no key that this service knows.")
    assert axe.violations(page) == []
    troubles.expected("401")
    field.fill(KEY)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Not Found")).to_be_visible()
    assert page.url.endswith("/ui/nowhere?a=b")
    troubles.expected("404")
    assert axe.violations(page) == []
    expect(page.get_by_role("contentinfo")).to_contain_text("Signed in with the key ops-oncall, which may read.")
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title("Sign in · timer-service")


def test_it_fits_a_narrow_screen_and_works_without_script(browser: Browser, origin: str) -> None:
    with visit(browser, origin, viewport=NARROW, java_script_enabled=False) as (context, troubles):
        page = context.new_page()
        page.goto("/ui/sign-in")
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        page.get_by_label("API key").fill(KEY)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("navigation", name="Views")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_title("Sign in · timer-service")
        assert troubles.found == []
