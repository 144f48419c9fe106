"""What the page says while its store is full, read-only, away or has come back empty: in words, and never a 500."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
import redis
from playwright.sync_api import Browser, Page, expect

from tests.bench.browser import Troubles
from tests.bench.processes import Service, free_port

_HOOK = "http://127.0.0.1:9/hook"
#: ms for what takes up to some seconds of a machine that is not busy: a reading a second, and a look in two.
_TOLD = 20_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Service]:
    it = Service(tmp_path_factory.mktemp("store-trouble"))
    try:
        it.api()
        it.poller()
        it.set(3, _HOOK, 3_600_000)
        yield it
    finally:
        it.remove()


@pytest.fixture(scope="module")
def origin(service: Service) -> str:
    return service.url


@pytest.fixture
def store(service: Service) -> Iterator[redis.Redis]:
    client = service.store.client()
    yield client
    client.close()


def _fill(client: redis.Redis) -> Callable[[], object]:
    client.config_set("maxmemory", client.info("memory")["used_memory"] // 2)
    return lambda: client.config_set("maxmemory", 0)


def _make_replica(client: redis.Redis) -> Callable[[], object]:
    client.slaveof("127.0.0.1", free_port())
    return lambda: client.slaveof()


def _ask_for_replicas(client: redis.Redis) -> Callable[[], object]:
    client.config_set("min-replicas-to-write", 1)
    return lambda: client.config_set("min-replicas-to-write", 0)


@pytest.mark.parametrize(
    ("hurt", "words"),
    [
        (_fill, "The store is full"),
        (_make_replica, "The store refuses"),
        (_ask_for_replicas, "The store refuses"),
    ],
    ids=["full", "a replica", "without its replicas"],
)
def test_a_store_that_takes_no_writes_is_told_in_words_on_every_view(
    page: Page,
    troubles: Troubles,
    service: Service,
    store: redis.Redis,
    hurt: Callable[[redis.Redis], Callable[[], object]],
    words: str,
) -> None:
    page.goto("/ui")
    say = page.locator("#say")
    expect(say).to_have_text("All on time", timeout=_TOLD)
    mend = hurt(store)
    try:
        expect(page.locator("main")).to_contain_text(words, timeout=_TOLD)
        expect(page).to_have_title(re.compile(r"^Store (full|refuses)"))
        _every_view_answers(page, troubles)
        page.goto("/ui")
    finally:
        mend()
    expect(say).to_have_text("All on time", timeout=_TOLD)


def test_a_store_that_is_away_and_comes_back_empty_is_told_in_words(
    page: Page, troubles: Troubles, service: Service
) -> None:
    page.goto("/ui")
    expect(page.locator("h1")).to_contain_text("All on time; the next in", timeout=_TOLD)
    service.store.kill()
    expect(page.locator("#say")).to_have_text("The store does not answer", timeout=_TOLD)
    _every_view_answers(page, troubles)
    page.goto("/ui")
    for it in service.store.folder.glob("appendonlydir/*"):
        it.unlink()
    service.store.start()
    expect(page.locator("h1")).to_contain_text("the store came back empty: what it held before is lost", timeout=_TOLD)


def _every_view_answers(page: Page, troubles: Troubles) -> None:
    """With the view, or with a page that says why not. What a browser writes of a 503 is no trouble of the page."""
    refused = 0
    for path in ("/ui", "/ui/timers", "/ui/failed", "/ui/try", "/ui/timers/nowhere"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status in (200, 404, 503), (path, answer.status)
        expect(page.locator("h1")).to_have_text(re.compile(r"\w"))
        refused += answer.status != 200
    if refused:
        troubles.expected("Failed to load resource")
