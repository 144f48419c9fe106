"""Signing in with an API key, in a browser: who gets in, what they see, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.bench.browser import Troubles
from tests.bench.processes import Service
from tests.pages import axe, looks
from timer_service.web.access.api_keys import new_key

_VIEWS = ("/ui", "/ui/timers", "/ui/failed", "/ui/try")


@dataclass
class Keyed:
    """A service with two keys, and one timer."""

    service: Service
    keys: dict[str, str]
    timer: str

    @property
    def url(self) -> str:
        return self.service.url


def _made() -> tuple[dict[str, str], dict[str, str]]:
    """What each of two keys is, and its entry in the settings."""
    made = {scope: new_key(f"ops-{scope}", scope) for scope in ("read", "write")}
    return {scope: key for scope, (key, _) in made.items()}, {scope: entry for scope, (_, entry) in made.items()}


KEYS, ENTRIES = _made()


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Keyed]:
    service = Service(Path(tmp_path_factory.mktemp("keys")), TIMER_LOG_LEVEL="info", TIMER_LOG_FORMAT="json")
    try:
        service.api(TIMER_API_KEYS=",".join(ENTRIES.values()))
        (timer,) = service.set(1, "http://127.0.0.1:9000/hook?token=s3cret", 3_600_000)
        yield Keyed(service, KEYS, timer)
    finally:
        service.remove()


@pytest.fixture(scope="module")
def origin(keyed: Keyed) -> str:
    return keyed.url


def sign_in(page: Page, key: str, at: str = "/ui") -> None:
    page.goto(at)
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_whoever_signs_in_comes_to_the_view_that_was_asked_for_and_is_named(page: Page, keyed: Keyed) -> None:
    sign_in(page, KEYS["write"], f"/ui/timers/{keyed.timer}")
    expect(page).to_have_url(f"{keyed.url}/ui/timers/{keyed.timer}")
    expect(page.locator("footer")).to_contain_text("Signed in with the key ops-write, which may write.")


def test_the_cookie_is_for_this_site_only_and_no_script_reads_it(page: Page, keyed: Keyed) -> None:
    sign_in(page, KEYS["write"])
    expect(page.locator("footer")).to_contain_text("ops-write")
    (cookie,) = [it for it in page.context.cookies() if "session" in it["name"]]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert 11.9 * 3600 < cookie["expires"] - page.evaluate("Date.now() / 1000") < 12.1 * 3600
    assert KEYS["write"] not in cookie["value"]
    assert page.evaluate("document.cookie") == ""
    stored = b"".join(it.read_bytes() for it in keyed.service.store.folder.rglob("*.aof"))
    assert keyed.timer.encode() in stored
    assert cookie["value"].encode() not in stored, "whoever reads the store is not signed in by that"


@pytest.mark.parametrize("key", ["wrong", "tk_" + "x" * 43, "' or 1=1 --", "clé"])
def test_a_wrong_key_is_told_at_its_field_in_the_same_words(page: Page, troubles: Troubles, key: str) -> None:
    sign_in(page, key)
    field = page.get_by_label("API key")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description("This is no key that this service knows.")
    expect(field).to_be_focused()
    assert axe.violations(page) == []
    troubles.expected("401")


def test_the_sign_in_page_is_reached_by_keyboard_and_fits_every_width(page: Page) -> None:
    page.goto("/ui/sign-in")
    expect(page.get_by_label("API key")).to_be_focused()
    assert looks.walk(page) == []
    page.set_viewport_size({"width": 320, "height": 700})
    assert looks.too_wide(page) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert axe.violations(page) == []


def test_without_a_key_nothing_is_shown_and_nothing_done(keyed: Keyed) -> None:
    """A program that follows no link: each view leads to the form, and each POST is refused."""
    for path in (*_VIEWS, f"/ui/timers/{keyed.timer}", "/ui/timers?live", "/ui/inbox"):
        answer = requests.get(keyed.url + path, timeout=10, allow_redirects=False)
        assert answer.status_code in (303, 401, 404), path
        assert keyed.timer not in answer.text
    for path in _VIEWS:
        answer = requests.post(keyed.url + path, headers={"Origin": keyed.url}, timeout=10, allow_redirects=False)
        assert answer.status_code in (303, 401, 403, 405), path


def test_a_read_key_sees_no_button_that_changes_and_a_form_sent_by_hand_is_refused(
    browser: Browser, page: Page, keyed: Keyed
) -> None:
    """Every form that a write key sees is sent with the read key's cookies and token."""
    paths = (*_VIEWS, f"/ui/timers/{keyed.timer}")
    writer = browser.new_context(base_url=keyed.url)
    forms: list[dict[str, Any]] = []
    with_key = writer.new_page()
    sign_in(with_key, KEYS["write"])
    expect(with_key.locator("footer")).to_contain_text("ops-write")
    for path in paths:
        with_key.goto(path)
        forms += with_key.evaluate(_FORMS)
    writer.close()
    forms = [it for it in forms if not it["action"].endswith("/sign-out")]
    assert len(forms) >= 3

    sign_in(page, KEYS["read"])
    expect(page.locator("footer")).to_contain_text("which may read")
    for path in paths:
        looks.go(page, path)
        actions = {it["action"] for it in page.evaluate(_FORMS)}
        assert {it.rpartition("/")[2] for it in actions} <= {"sign-out"}, path
    token = page.locator("meta[name=form-token]").get_attribute("content") or ""
    assert "s3cret" not in page.content()
    cookies = {it["name"]: it["value"] for it in page.context.cookies()}
    for form in forms:
        data = {**form["fields"], "token": token}
        answer = requests.post(
            form["action"], data=data, cookies=cookies, headers={"Origin": keyed.url}, timeout=10, allow_redirects=False
        )
        assert answer.status_code == 403, form


_FORMS = """[...document.querySelectorAll("form[method=post]")].map((it) => ({
  action: it.action, fields: Object.fromEntries([...new FormData(it)].filter(([name]) => name !== "token")),
}))"""


def test_a_form_of_another_site_or_with_another_token_is_refused(page: Page, keyed: Keyed) -> None:
    sign_in(page, KEYS["write"])
    expect(page.locator("footer")).to_contain_text("ops-write")
    cookies = {it["name"]: it["value"] for it in page.context.cookies()}
    token = page.locator("meta[name=form-token]").get_attribute("content") or ""
    ours = {"Origin": keyed.url}
    forged: list[tuple[dict[str, str], dict[str, str]]] = [
        ({"Origin": "https://evil.example"}, {"token": token}),
        ({"Origin": "null"}, {"token": token}),
        ({"Sec-Fetch-Site": "cross-site"}, {"token": token}),
        ({}, {"token": token}),
        (ours, {}),
        (ours, {"token": ""}),
        (ours, {"token": token[:-1]}),
        (ours, {"token": "x" * 40}),
    ]
    for headers, data in forged:
        answer = requests.post(
            f"{keyed.url}/ui/sign-out", data=data, cookies=cookies, headers=headers, timeout=10, allow_redirects=False
        )
        assert answer.status_code == 403, (headers, data)
    page.reload()
    expect(page.locator("footer")).to_contain_text("ops-write")  # still signed in


def test_signing_out_ends_the_session_also_for_who_kept_the_cookie(page: Page, keyed: Keyed) -> None:
    sign_in(page, KEYS["write"])
    expect(page.locator("footer")).to_contain_text("ops-write")
    cookies = {it["name"]: it["value"] for it in page.context.cookies()}
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    answer = requests.get(f"{keyed.url}/ui", cookies=cookies, timeout=10, allow_redirects=False)
    assert answer.status_code in (303, 401)
    page.goto("/ui")
    expect(page.get_by_label("API key")).to_be_visible()
