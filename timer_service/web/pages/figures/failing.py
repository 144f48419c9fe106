"""Which destinations are said to fail. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler import Destination, DestinationState, FailingDestination, destination

#: Failed attempts in a row from which a destination is said to fail: a busy one has a single failure now and then.
FAILING_AFTER = 2
#: ms since its last failed attempt after which a destination where nothing waits is no news.
FAILING_FOR = 600_000
#: What a destination is said to be instead, where it gets nothing.
_STOPPED = (DestinationState.PAUSED, DestinationState.BROKEN, DestinationState.PROBING)


def said_to_fail(
    found: Sequence[FailingDestination], stopped: Sequence[Destination], now: int
) -> list[FailingDestination]:
    others = {it.id for it in stopped if it.state in _STOPPED}
    return [
        it
        for it in found
        if it.failures >= FAILING_AFTER
        and (it.waiting or (it.last_at is not None and now - it.last_at < FAILING_FOR))
        and _name(it) not in others
    ]


def _name(it: FailingDestination) -> str:
    """'' of one that this version cannot read."""
    try:
        return destination(it.sample.webhook.url)
    except ValueError:
        return ""
