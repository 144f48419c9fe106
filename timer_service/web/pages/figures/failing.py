"""Which destinations are said to fail. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler import FailingDestination

#: Failed attempts in a row from which a destination is said to fail: a busy one has a single failure now and then.
FAILING_AFTER = 2
#: ms since its last failed attempt after which a destination where nothing waits is no news.
FAILING_FOR = 600_000


def said_to_fail(found: Sequence[FailingDestination], now: int) -> list[FailingDestination]:
    return [
        it
        for it in found
        if it.failures >= FAILING_AFTER and (it.waiting or (it.last_at is not None and now - it.last_at < FAILING_FOR))
    ]
