"""Why something was paused, as somebody wrote it: it may be long, and may hold anything. Pure."""

from __future__ import annotations

#: Characters of a reason that stands in a view's first sentence; a longer one stands below it.
_LONGEST = 80


def is_long(reason: str) -> bool:
    return len(reason) > _LONGEST


def ended(reason: str) -> str:
    """As a sentence ends."""
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."
