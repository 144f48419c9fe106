"""Two API processes over one store: who has signed in at one has signed in at both, until that is ended at one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.bench.browser import visit
from tests.bench.processes import Part, Service, free_port, wait_until
from timer_service.web.access.api_keys import new_key

_MADE = {name: new_key(name, "read") for name in ("kept", "revoked")}
_KEYS = {name: key for name, (key, _) in _MADE.items()}
_ENTRIES = {name: entry for name, (_, entry) in _MADE.items()}


class Pair:
    """Two of them, each on a port of its own, which it keeps."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._ports = [str(free_port()) for _ in range(2)]
        self.urls = [f"http://127.0.0.1:{port}" for port in self._ports]
        self._parts: list[Part] = []

    def start(self, *names: str) -> None:
        """Both anew, with the keys of these names: a key that is left out is revoked."""
        for part in self._parts:
            part.kill()
        entries = ",".join(_ENTRIES[name] for name in names)
        self._parts = [self._service.api(TIMER_API_KEYS=entries, TIMER_PORT=port) for port in self._ports]

    def share(self, context: BrowserContext) -> None:
        """What a browser has at the first it has at the second, as behind a proxy, where both have one name."""
        for it in context.cookies():
            name = it["name"].replace(self._ports[0], self._ports[1])
            context.add_cookies([{"name": name, "value": it["value"], "url": self.urls[1]}])


@pytest.fixture
def pair(service: Service, browser: Browser) -> Pair:
    it = Pair(service)
    it.start("kept", "revoked")
    return it


@pytest.fixture
def pages(browser: Browser, pair: Pair) -> Iterator[tuple[Page, Page]]:
    """Of two browsers, without cookies."""
    with visit(browser, pair.urls[0]) as (one, _), visit(browser, pair.urls[0]) as (another, _):
        yield one.new_page(), another.new_page()


def test_a_session_holds_at_both_until_its_key_is_revoked_or_it_is_ended_at_one(
    pages: tuple[Page, Page], pair: Pair
) -> None:
    first, second = pair.urls
    for page, name in zip(pages, ("revoked", "kept"), strict=True):
        page.goto(f"{first}/ui")
        page.get_by_label("API key").fill(_KEYS[name])
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("footer")).to_contain_text(f"Signed in with the key {name}")
        pair.share(page.context)
        page.goto(f"{second}/ui")
        expect(page.locator("footer")).to_contain_text(f"Signed in with the key {name}")
        page.goto("about:blank")  # no refresh falls into the restart
    revoked, kept = pages
    pair.start("kept")
    for url in pair.urls:
        revoked.goto(f"{url}/ui")
        expect(revoked.get_by_label("API key")).to_be_visible()
        kept.goto(f"{url}/ui")
        expect(kept.locator("footer")).to_contain_text("Signed in with the key kept")
    kept.get_by_role("button", name="Sign out").click()
    expect(kept.get_by_label("API key")).to_be_visible()

    def is_over() -> bool:
        """A process believes for a second what it has looked up."""
        kept.goto(f"{first}/ui")
        return kept.get_by_label("API key").is_visible()

    wait_until(is_over, 20, "signed out at the other too")
