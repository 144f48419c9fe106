"""How a shell reaches the service that is being looked at."""

from __future__ import annotations

from timer_service.web.pages.frame.address import origin
from timer_service.web.pages.words.commands import Terminal
from timer_service.web.services import settings


def terminal() -> Terminal:
    """At the address that the browser used."""
    return Terminal(origin(), needs_key=settings().has_keys)
