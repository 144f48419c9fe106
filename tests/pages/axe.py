"""axe-core, the common checker of accessibility, on a page as it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.bench.browser import NARROW, WIDE

#: Rules by their tags: what the guidelines ask for up to level AA, and what axe calls good practice.
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_OF_COLOUR = ("color-contrast", "link-in-text-block")


def violations(page: Page) -> list[str]:
    """Each rule that is broken, with the elements that break it."""
    return _broken(page, "tag", _RULES)


def violations_by_colour(page: Page) -> list[str]:
    """The same of the rules that a colour can break, in half the time."""
    return _broken(page, "rule", _OF_COLOUR)


def violations_in_each_light_and_width(page: Page) -> list[str]:
    found: list[str] = []
    for size in (WIDE, NARROW):
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        page.emulate_media(color_scheme="light")
        found += [f"light, {size['width']} px: {it}" for it in violations(page)]
        page.emulate_media(color_scheme="dark")
        found += [f"dark, {size['width']} px: {it}" for it in violations_by_colour(page)]
    return found


def _broken(page: Page, kind: str, names: Sequence[str]) -> list[str]:
    options: dict[str, Any] = {"runOnly": {"type": kind, "values": list(names)}, "resultTypes": ["violations"]}
    if not page.evaluate("'axe' in window"):  # half a megabyte: once a document
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("(options) => axe.run(options).then((it) => it.violations)", options)
    return [f"{rule['id']}: {rule['help']}: {[node['html'][:200] for node in rule['nodes']]}" for rule in found]
