"""Each action, done by clicking: what the service did is asked of its API."""

from __future__ import annotations

import re

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.bench.browser import Troubles
from tests.bench.processes import wait_until
from tests.pages import axe, looks
from tests.pages.world import GONE, MANY, World, set_timers


def click(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def says(page: Page, words: str | re.Pattern[str]) -> None:
    """The note of the page that comes back. Without it, the next step would meet the page before."""
    expect(page.locator("main > p.note")).to_have_text(words)


def test_a_timer_that_is_set_in_try_it_is_seen_to_arrive(page: Page, here: World) -> None:
    """The first minute: the form as it stands, its button, and the inbox beside it."""
    looks.go(page, "/ui/try")
    page.get_by_label("Send in").fill("1")
    click(page, "Set the timer")
    note = page.locator("main > p.note")
    expect(note).to_have_text(re.compile("^Timer .* is set"))
    timer = note.inner_text().split()[1]
    arrival = page.locator("li[data-row]").filter(has_text=timer)
    expect(arrival).to_contain_text("signature verified", timeout=20_000)
    expect(arrival).to_contain_text("Arrived")
    expect(arrival).to_contain_text("webhook-signature")
    here.reached(timer, "delivered")


def test_what_cannot_be_set_is_told_at_its_field_and_what_was_typed_stays(page: Page, troubles: Troubles) -> None:
    looks.go(page, "/ui/try")
    page.get_by_label("JSON body").fill('{"not": json')
    page.get_by_label("Send in").fill("7")
    click(page, "Set the timer")
    body = page.get_by_label("JSON body")
    expect(body).to_have_attribute("aria-invalid", "true")
    expect(body).to_have_accessible_description(re.compile("."))
    expect(body).to_have_value('{"not": json')
    expect(page.get_by_label("Send in")).to_have_value("7")
    assert axe.violations(page) == []
    troubles.expected("422")


def test_send_now(page: Page, here: World) -> None:
    timer = here.set(hours=1, url=f"{here.receiver.url}/fire")
    looks.go(page, f"/ui/timers/{timer}")
    click(page, "Send now")
    says(page, "It is due now.")
    here.reached(timer, "delivered")


def test_move_and_an_error_at_its_field(page: Page, here: World, troubles: Troubles) -> None:
    timer = here.set(hours=1, url=f"{here.receiver.url}/move")
    looks.go(page, f"/ui/timers/{timer}")
    field = page.get_by_label(re.compile("Move to"))
    field.fill("next tuesday")
    click(page, "Move")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("next tuesday")
    troubles.expected("422")
    field.fill("3h")
    click(page, "Move")
    says(page, "It is moved.")
    assert here.timer(timer)["time_left"] > 2 * 3600 + 3000
    here.cancel(timer)


def test_cancel(page: Page, here: World) -> None:
    timer = here.set(hours=1, url=f"{here.receiver.url}/cancel")
    looks.go(page, f"/ui/timers/{timer}")
    click(page, "Cancel this timer")
    says(page, re.compile("^It is cancelled"))
    here.reached(timer, "cancelled")
    expect(page.get_by_role("button", name="Cancel this timer")).to_have_count(0)


def test_replay(page: Page, here: World) -> None:
    timer = here.set(delay=0, url=f"{here.receiver.url}/replay")
    here.reached(timer, "delivered")
    looks.go(page, f"/ui/timers/{timer}")
    click(page, "Replay")
    says(page, "It is sent once more, and is due now.")
    wait_until(lambda: here.receiver.counts()[timer] == 2, 20, "the second request")
    here.reached(timer, "delivered")


def test_clone_fills_the_form_of_try_it_and_sets_another_timer(page: Page, here: World) -> None:
    timer = here.set(hours=1, url=f"{here.receiver.url}/clone-me", body={"a": [1, "ö"]}, headers={"x-shop": "7"})
    looks.go(page, f"/ui/timers/{timer}")
    click(page, "Clone")
    expect(page.get_by_label("To this URL")).to_have_value(f"{here.receiver.url}/clone-me")
    page.get_by_label("Send in").fill("0")
    before = len(here.receiver.hits)
    click(page, "Set the timer")
    expect(page).to_have_url(re.compile("/ui/timers/"))
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
    field = page.get_by_label(f"Type {MANY} to cancel them all")
    for typed in ("", str(MANY - 1)):
        field.fill(typed)
        click(page, button)
        expect(field).to_have_js_property("validity.valid", False)
        expect(field).to_be_focused()
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
    says(page, f"{MANY} cancelled.")
    assert _scheduled(here, tag) == 0


def test_only_what_is_ticked_is_cancelled(page: Page, here: World) -> None:
    tag = f"ticks-{id(page)}"
    timers = set_timers(here.url, [{"hours": 1, "url": "https://bulk.example/", "tags": [tag]} for _ in range(5)])
    looks.go(page, f"/ui/timers?tag={tag}")
    for timer in timers[:2]:
        page.get_by_label(f"Tick {timer}").check()
    click(page, "Cancel the ticked")
    says(page, "2 cancelled.")
    assert [here.timer(it)["status"] for it in timers] == ["cancelled"] * 2 + ["scheduled"] * 3


def test_a_failed_group_is_replayed_by_one_button(page: Page, here: World) -> None:
    timers = here.group(451)
    looks.go(page, "/ui/failed")
    page.locator("section", has_text="answered 451").get_by_role("button", name=f"Replay all {GONE}").click()
    says(page, re.compile(f"^{GONE} "))
    wait_until(lambda: here.requests(451) == 2 * GONE, 20, "each of the group once more")
    for it in timers:
        here.reached(it, "failed")


@pytest.mark.parametrize("answer", ["500", "429"])
def test_the_inbox_answers_as_it_is_told_and_the_timer_comes_again(page: Page, here: World, answer: str) -> None:
    looks.go(page, "/ui/try")
    page.get_by_role("button", name=re.compile(f"^{answer}")).click()
    says(page, re.compile("next answer of the inbox"))
    timer = here.set(delay=0, url=page.get_by_label("To this URL").input_value(), backoff=[60])
    wait_until(lambda: here.timer(timer)["next_attempt_at"], 20, "a retry that waits")
    requests.post(f"{here.url}/timers/{timer}/fire", timeout=30).raise_for_status()
    here.reached(timer, "delivered")
    attempts = requests.get(f"{here.url}/timers/{timer}/attempts", timeout=30).json()["data"]
    assert sorted(it["status_code"] for it in attempts) == [200, int(answer)]


def test_what_was_done_is_logged_without_secrets(page: Page, here: World) -> None:
    timer = here.set(hours=1, url=f"{here.receiver.url}/logged?token=s3cret")
    looks.go(page, f"/ui/timers/{timer}")
    click(page, "Cancel this timer")
    says(page, re.compile("^It is cancelled"))

    def written() -> list[str]:
        return [it for it in here.log().splitlines() if "form of the page" in it and timer in it]

    wait_until(written, 20, "a line")
    assert "s3cret" not in here.log()


def _scheduled(here: World, tag: str) -> int:
    found: int = requests.get(
        f"{here.url}/timers/count", params={"tag": tag, "status": "scheduled"}, timeout=10
    ).json()["count"]
    return found
