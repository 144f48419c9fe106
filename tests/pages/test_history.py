"""The view History, and a timer that only the history has, as they look and read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from scheduler import Reason, Settings, Status, Webhook
from tests.bench.browser import WIDE, visit
from tests.bench.served import serving
from tests.bench.store import Bench, HandSetFake
from tests.history.ended import MARCH, attempt, ended, timer_id
from tests.pages import axe, looks
from timer_service import create_app
from timer_service.history.database import open_history

VIEWS = {
    "list": "/ui/history",
    "filtered": "/ui/history?status=failed&tag=customer-17&from=2025-03-01T00:00",
    "none": "/ui/history?tag=unknown",
    "timer": f"/ui/timers/{timer_id(40)}",
}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    url = f"sqlite:///{tmp_path_factory.mktemp('history')}/history.sqlite"
    history = open_history(url)
    for number in range(41):
        failed = {"status": Status.FAILED, "reason": Reason.PERMANENT} if number % 20 == 0 else {}
        webhook = Webhook(url=f"https://hooks.billing.example/v2/invoices/{204000 + number}/remind", body=b'{"a": 1}')
        timer = ended(number, MARCH + number, webhook, tags=("customer-17",), key=f"invoice:{number}", **failed)
        history.write([(timer, [attempt(1, status_code=410, response_body="gone", final=True)])])
    history.close()
    fake = HandSetFake()
    with serving(create_app(Settings(history_url=url), Bench(fake).link)) as it:
        yield it
    fake.close()


@pytest.fixture(params=VIEWS)
def path(request: pytest.FixtureRequest) -> str:
    return VIEWS[request.param]


def test_axe_finds_nothing_and_nothing_has_to_be_scrolled_sideways(page: Page, path: str) -> None:
    looks.go(page, path)
    assert axe.violations_in_each_light_and_width(page) == []
    looks.go(page, path)
    assert looks.too_wide_unfolded(page) == []


def test_every_control_is_reached_by_tab_in_order_and_seen_to_have_the_focus(page: Page) -> None:
    looks.go(page, VIEWS["list"])
    assert looks.walk(page) == []


def test_from_a_filter_it_leads_to_a_timer_without_script(browser: Browser, origin: str) -> None:
    with visit(browser, origin, viewport=WIDE, java_script_enabled=False) as (context, troubles):
        page = context.new_page()
        looks.go(page, "/ui")
        page.get_by_role("link", name="History", exact=True).click()
        page.get_by_label("Status").select_option("failed")
        page.get_by_role("button", name="Show", exact=True).click()
        expect(page.get_by_role("rowheader")).to_have_count(3)
        page.get_by_role("link", name=timer_id(40)).first.click()
        expect(page.locator("p.note")).to_contain_text("the store has forgotten it")
        expect(page.get_by_role("button", name="Replay")).to_have_count(0)
        assert troubles.found == []
