"""axe-core, the common checker of accessibility, on a page as it stands."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

#: Rules by their tags: what the guidelines ask for up to level AA, and what axe calls good practice.
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def violations(page: Page) -> list[str]:
    """Each rule that is broken, with the elements that break it."""
    options: dict[str, Any] = {"runOnly": {"type": "tag", "values": list(_RULES)}, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{rule['id']}: {rule['help']}: {[node['html'][:200] for node in rule['nodes']]}" for rule in found]
