"""One Chromium and one service for all files here that a worker runs, and for each test a page without cookies.

A test changes of the service's timers only those that it set itself, and waits until these are at rest: so the order of
the tests makes no difference. What needs a service of its own has an `origin` of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.bench import needed
from tests.bench.browser import CHROMIUM, WIDE, Troubles, browsing, visit
from tests.pages.world import World, world


# Not for the session: while Playwright runs, no other test of this process could run a loop of asyncio.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    needed.program(CHROMIUM, "chromium")
    with browsing() as it:
        yield it


@pytest.fixture(scope="package")
def here(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("pages")) as it:
        yield it


@pytest.fixture(scope="package")
def origin(here: World) -> str:
    return here.url


@pytest.fixture
def visitor(browser: Browser, origin: str) -> Iterator[tuple[BrowserContext, Troubles]]:
    """A trouble of the page, whatever it is, fails the test."""
    with visit(browser, origin, viewport=WIDE) as (context, troubles):
        yield context, troubles
        assert troubles.found == []


@pytest.fixture
def page(visitor: tuple[BrowserContext, Troubles]) -> Page:
    """A page of a browser without cookies. A trouble that a test provokes, it calls expected."""
    return visitor[0].new_page()


@pytest.fixture
def troubles(visitor: tuple[BrowserContext, Troubles]) -> Troubles:
    return visitor[1]
