"""A Chromium for each file of tests, and a page in it whose every trouble fails its test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.bench import needed
from tests.bench.browser import CHROMIUM, WIDE, Troubles, browsing, visit


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    needed.program(CHROMIUM, "chromium")
    with browsing() as it:
        yield it


@pytest.fixture
def visitor(browser: Browser, origin: str) -> Iterator[tuple[BrowserContext, Troubles]]:
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
