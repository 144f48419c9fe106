"""When a task is run again, and whether at all."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from timer_service.tasks.celery.exceptions import Retry, TaskRevokedError
from timer_service.tasks.celery.moments import countdown, moment
from timer_service.tasks.celery.not_offered import NotOffered
from timer_service.tasks.celery.options import Options
from timer_service.tasks.celery.request import Request

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


def check_arguments(request: Request, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None) -> None:
    """Raises NotOffered for a retry with other arguments than the task was called with."""
    if (args is not None and list(args) != request.args) or (kwargs is not None and kwargs != request.kwargs):
        raise NotOffered(f"{request.task}: retry with other arguments: call apply_async() with them, and return")


def check_expiry(request: Request, asked: Retry, now: datetime) -> None:
    """Raises TaskRevokedError if the task has expired by the time of its retry."""
    if request.expires is None or asked.when is None:
        return
    left = (request.expires - now).total_seconds()
    if asked.when >= request.expires if isinstance(asked.when, datetime) else asked.when >= left:
        raise TaskRevokedError(f"it would be retried after it has expired, {request.expires}") from asked.exc


def give_up(error: BaseException) -> NoReturn:
    """Caused by the exception that is being handled, if any."""
    handled = sys.exc_info()[1]
    if handled is None or handled is error:
        raise error
    raise error from handled
