"""Each action, done by clicking: what the service did is asked of its API."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.bench.browser import Troubles
from tests.bench.processes import wait_until
from tests.pages import axe, looks
from tests.pages.world import GONE, MANY, World, set_timers, world


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("actions")) as it:
        yield it


@pytest.fixture(scope="module")
def origin(here: World) -> str:
    return here.url


def click(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_a_timer_that_is_set_in_try_it_is_seen_to_arrive(page: Page, here: World) -> None:
    """The first minute: the form as it stands, its button, and the inbox beside it."""
    looks.go(page, "/ui/try")
    before = page.get_by_text("signature verified").count()
    page.get_by_label("Send in").fill("1")
    click(page, "Set the timer")

    def arrived() -> bool:
        return page.get_by_text("signature verified").count() > before

    wait_until(arrived, 20, "a request in the inbox, verified")
    assert page.get_by_text("Arrived").count() > 0
    assert "webhook-signature" in page.content()
    assert _same_answer(here, page)


def test_what_cannot_be_set_is_told_at_its_field_and_what_was_typed_stays(page: Page, troubles: Troubles) -> None:
    looks.go(page, "/ui/try")
    page.get_by_label("JSON body").fill('{"not": json')
    page.get_by_label("Send in").fill("7")
    click(page, "Set the timer")
    body = page.get_by_label("JSON body")
    assert body.get_attribute("aria-invalid") == "true"
    assert page.locator(f"#{body.get_attribute('aria-describedby')}").inner_text()
    assert body.input_value() == '{"not": json'
    assert page.get_by_label("Send in").input_value() == "7"
    assert axe.violations(page) == []
    troubles.expected("422")


def test_send_now(page: Page, here: World) -> None:
    timer = here.set(hours=1, url=f"{here.receiver.url}/fire")
    looks.go(page, f"/ui/timers/{timer}")
    click(page, "Send now")
    here.reached(timer, "delivered")
    expect(page.get_by_role("status").first).to_be_visible()


def test_move_and_an_error_at_its_field(page: Page, here: World, troubles: Troubles) -> None:
    timer = here.set(hours=1, url=f"{here.receiver.url}/move")
    looks.go(page, f"/ui/timers/{timer}")
    field = page.get_by_label(re.compile("Move to"))
    field.fill("next tuesday")
    click(page, "Move")
    field = page.get_by_label(re.compile("Move to"))
    assert field.get_attribute("aria-invalid") == "true"
    assert field.input_value() == "next tuesday"
    troubles.expected("422")
    field.fill("3h")
    click(page, "Move")
    wait_until(lambda: here.timer(timer)["time_left"] > 2 * 3600 + 3000, 20, "the timer is moved")
    here.cancel(timer)


def test_cancel(page: Page, here: World) -> None:
    timer = here.set(hours=1, url=f"{here.receiver.url}/cancel")
    looks.go(page, f"/ui/timers/{timer}")
    click(page, "Cancel this timer")
    here.reached(timer, "cancelled")
    expect(page.get_by_role("button", name="Cancel this timer")).to_have_count(0)


def test_replay(page: Page, here: World) -> None:
    timer = here.set(delay=0, url=f"{here.receiver.url}/replay")
    here.reached(timer, "delivered")
    looks.go(page, f"/ui/timers/{timer}")
    click(page, "Replay")
    wait_until(lambda: here.receiver.counts()[timer] == 2, 20, "the second request")


def test_clone_fills_the_form_of_try_it_and_sets_another_timer(page: Page, here: World) -> None:
    timer = here.set(hours=1, url=f"{here.receiver.url}/clone-me", body={"a": [1, "ö"]}, headers={"x-shop": "7"})
    looks.go(page, f"/ui/timers/{timer}")
    click(page, "Clone")
    assert page.get_by_label("To this URL").input_value() == f"{here.receiver.url}/clone-me"
    page.get_by_label("Send in").fill("0")
    before = len(here.receiver.hits)
    click(page, "Set the timer")
    hits = wait_until(
        lambda: [it for it in here.receiver.hits[before:] if it.path == "/clone-me"], 20, "the request of the clone"
    )
    assert hits[0].timer_id != timer
    assert hits[0].headers["x-shop"] == "7"
    assert hits[0].body == '{"a": [1, "ö"]}'.encode() or hits[0].body == '{"a":[1,"ö"]}'.encode()
    here.cancel(timer)


def test_a_number_above_100_has_to_be_typed_before_all_are_cancelled(
    page: Page, here: World, troubles: Troubles
) -> None:
    """The browser asks for it; and the service does, of whoever gets past that."""
    tag = f"bulk-{id(page)}"
    set_timers(here.url, [{"hours": 1, "url": "https://bulk.example/", "tags": [tag]} for _ in range(MANY)])
    looks.go(page, f"/ui/timers?tag={tag}")
    button = f"Cancel all {MANY}"
    click(page, button)  # nothing typed
    assert _scheduled(here, tag) == MANY
    field = page.get_by_label(f"Type {MANY} to cancel them all")
    field.fill(str(MANY - 1))
    click(page, button)
    assert _scheduled(here, tag) == MANY
    form = page.locator("form#bulk")
    fields = {it.get_attribute("name"): it.get_attribute("value") for it in form.locator("input[type=hidden]").all()}
    cookies = {it["name"]: it["value"] for it in page.context.cookies()}
    answer = requests.post(
        f"{here.url}/ui/timers?tag={tag}",
        data={**fields, "sure": str(MANY - 1), "do": "all"},
        cookies=cookies,
        headers={"Origin": here.url},
        timeout=10,
        allow_redirects=False,
    )
    assert answer.status_code == 422
    assert _scheduled(here, tag) == MANY
    field.fill(str(MANY))
    click(page, button)
    wait_until(lambda: _scheduled(here, tag) == 0, 20, "none left")
    assert f"{MANY} cancelled" in page.locator("main").inner_text()


def test_only_what_is_ticked_is_cancelled(page: Page, here: World) -> None:
    tag = f"ticks-{id(page)}"
    timers = set_timers(here.url, [{"hours": 1, "url": "https://bulk.example/", "tags": [tag]} for _ in range(5)])
    looks.go(page, f"/ui/timers?tag={tag}")
    for timer in timers[:2]:
        page.get_by_label(f"Tick {timer}").check()
    click(page, "Cancel the ticked")
    here.reached(timers[0], "cancelled")
    here.reached(timers[1], "cancelled")
    assert [here.timer(it)["status"] for it in timers[2:]] == ["scheduled"] * 3


def test_a_failed_group_is_replayed_by_one_button(page: Page, here: World) -> None:
    looks.go(page, "/ui/failed")
    group = page.locator("section", has_text="answered 410")
    before = len([it for it in here.receiver.hits if it.path == "/status/410"])
    group.get_by_role("button", name=re.compile("^Replay")).click()

    def again() -> bool:
        return len([it for it in here.receiver.hits if it.path == "/status/410"]) >= before + GONE

    wait_until(again, 20, "each of the group once more")


@pytest.mark.parametrize("answer", ["500", "429"])
def test_the_inbox_answers_as_it_is_told_and_the_timer_comes_again(page: Page, here: World, answer: str) -> None:
    looks.go(page, "/ui/try")
    page.get_by_role("button", name=re.compile(f"^{answer}")).click()
    timer = here.set(delay=0, url=page.get_by_label("To this URL").input_value(), backoff=[0.2])
    wait_until(lambda: here.timer(timer)["attempts"] >= 1, 20, "an attempt")
    attempt = requests.get(f"{here.url}/timers/{timer}/attempts", timeout=10).json()["data"][0]
    assert attempt["status_code"] == int(answer) if "status_code" in attempt else str(answer) in str(attempt)


def test_what_was_done_is_logged_without_secrets(page: Page, here: World) -> None:
    timer = here.set(hours=1, url=f"{here.receiver.url}/logged?token=s3cret")
    looks.go(page, f"/ui/timers/{timer}")
    click(page, "Cancel this timer")
    here.reached(timer, "cancelled")
    log = wait_until(lambda: [it for it in here.log().splitlines() if "form of the page" in it], 10, "a line")
    assert any(timer in line for line in log)
    assert not any("s3cret" in line for line in log)


def _same_answer(here: World, page: Page) -> bool:
    """The newest timer in the inbox is one that the service delivered."""
    timer = page.locator(".rail a.id").first.inner_text()
    return bool(here.timer(timer)["status"] == "delivered")


def _scheduled(here: World, tag: str) -> int:
    found: int = requests.get(
        f"{here.url}/timers/count", params={"tag": tag, "status": "scheduled"}, timeout=10
    ).json()["count"]
    return found
