"""When a task is run again, and whether at all. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

from timer_service.tasks.celery.moments import countdown, moment
from timer_service.tasks.celery.options import Options

#: Seconds; the service sends a task again no sooner.
SHORTEST_WAIT = 1.0
#: Retries of one task, at most: a timer has up to 10,000 occurrences.
MOST_RETRIES = 9_999
#: 2 to the power of it is beyond any `retry_backoff_max`; larger powers would only take time.
_LAST_DOUBLING = 64


def allowed(retries: int, max_retries: int | None) -> bool:
    """Whether a task that was retried so often may be once more."""
    return retries < (MOST_RETRIES if max_retries is None else min(max_retries, MOST_RETRIES))


def autoretry(options: Options, retries: int, pick: Callable[[int], int] = random.randrange) -> dict[str, Any]:
    """What an autoretry gives to retry(). `pick(n)` is a number below n."""
    given = dict(options.retry_kwargs or {})
    if options.retry_backoff:
        wait = min(options.retry_backoff_max, options.retry_backoff * 2 ** min(retries, _LAST_DOUBLING))
        given["countdown"] = pick(wait + 1) if options.retry_jitter else wait
    return given


def when(options: Options, wait: object, eta: object) -> float | datetime:
    """Seconds from now, or a moment. A countdown goes before an eta. Raises TypeError, or ValueError."""
    if wait is None and eta:
        return moment("eta", eta)
    return max(SHORTEST_WAIT, countdown(options.default_retry_delay if wait is None else wait))


def too_late(asked: float | datetime | None, expires: datetime | None, now: datetime) -> bool:
    """Whether a task has expired before it is retried."""
    if expires is None or asked is None:
        return False
    if isinstance(asked, datetime):
        return asked >= expires
    return asked >= (expires - now).total_seconds()
