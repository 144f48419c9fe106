"""How long to wait before the next attempt. Pure."""

from __future__ import annotations

from collections.abc import Callable
from random import random

from scheduler.holds.holding import LONGEST_RETRY
from scheduler.timer import Webhook

#: Seconds; a receiver's Retry-After asks for no more than this.
MAX_RETRY_AFTER = LONGEST_RETRY / 1000
#: Seconds after which a request is sent again that met the closing of an idle connection: nobody is in trouble.
_SOON = 0.1


def next_wait(
    webhook: Webhook,
    number: int,
    retry_after: float | None = None,
    chance: Callable[[], float] = random,
    *,
    soon: bool = False,
) -> int | None:
    """Milliseconds until the attempt after number `number`, or None if that was the last.

    `soon` if the connection failed and not the receiver.
    Else max(retry_after capped, floor + U(0,1) * (backoff - floor)), floor = min(1 s, backoff).
    """
    if number >= webhook.max_attempts:
        return None
    backoff = webhook.backoff.after(number)
    if soon:
        return round(1000 * min(_SOON, backoff))
    floor = min(1.0, backoff)
    wait = floor + chance() * (backoff - floor)
    return round(1000 * max(wait, min(retry_after or 0.0, MAX_RETRY_AFTER)))
