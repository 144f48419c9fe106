"""Debian's Chromium, and a look at all that a page does in it that it must not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Request, WebError, sync_playwright

#: The one without windows first, of a Debian package of its own: it opens the pages of the tests with half of the CPU.
CHROMIUM = next(filter(shutil.which, ("chromium-headless-shell", "chromium")), "chromium")
#: It asks nobody for anything by itself: no updates, no lists, no names looked up in advance.
_ALONE = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: Chromium writes a violation to the console too; this also catches one of a policy that only reports.
_TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (it) =>
  console.error(`policy violated: ${it.effectiveDirective} by ${it.blockedURI} in ${it.sourceFile}:${it.lineNumber}`));
"""


@contextmanager
def browsing(**environ: str) -> Iterator[Browser]:
    """A Chromium of its own, with a profile of its own; it ends with the block."""
    with sync_playwright() as driver:
        env: dict[str, str | float | bool] = {**os.environ, **environ}
        browser = driver.chromium.launch(executable_path=shutil.which(CHROMIUM), args=_ALONE, env=env)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Troubles:
    """What a page must not do: write an error, break the policy, ask another host, fail in its script."""

    origin: str
    found: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        context.add_init_script(_TELL_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)

    def expected(self, words: str) -> None:
        """Forget those with these words; there must be one."""
        rest = [it for it in self.found if words not in it]
        assert len(rest) < len(self.found), f"nothing of {words!r} in {self.found}"
        self.found = rest

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.found.append(f"{message.type} in the console: {message.text}")

    def _error(self, error: WebError) -> None:
        self.found.append(f"the script failed: {error.error}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith("data:") and urlsplit(request.url).netloc != urlsplit(self.origin).netloc:
            self.found.append(f"a request elsewhere: {request.url}")


@contextmanager
def visit(browser: Browser, origin: str, **options: Any) -> Iterator[tuple[BrowserContext, Troubles]]:
    """A browser without cookies whose paths are below this origin, watched."""
    context = browser.new_context(base_url=origin, **options)
    context.set_default_timeout(20_000)
    troubles = Troubles(origin)
    troubles.watch(context)
    try:
        yield context, troubles
    finally:
        context.close()


WIDE: Mapping[str, int] = {"width": 1280, "height": 800}
NARROW: Mapping[str, int] = {"width": 320, "height": 700}
