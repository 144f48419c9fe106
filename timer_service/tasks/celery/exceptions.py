"""What a task may raise, and what a result may raise, under the names that Celery gives them."""

from __future__ import annotations

import builtins
from datetime import datetime
from typing import Any

from timer_service.tasks.celery import not_offered

#: Of AsyncResult.get(): Python's own.
TimeoutError = builtins.TimeoutError


class Ignore(Exception):
    """Raise it in a task to end it without a result: get() gives None."""


class Reject(Exception):
    """Raise it in a task to fail at once; with `requeue` to be run again in a second or so."""

    def __init__(self, reason: object = None, requeue: bool = False) -> None:
        super().__init__(reason, requeue)
        self.reason = reason
        self.requeue = requeue

    def __str__(self) -> str:
        return "" if self.reason is None else str(self.reason)


class Retry(Exception):
    """The task is run again later. Raised by Task.retry(); do not catch it."""

    def __init__(
        self, message: str | None = None, exc: BaseException | None = None, when: float | datetime | None = None
    ) -> None:
        super().__init__(message, exc, when)
        self.message = message
        #: Why; None where nothing was raised.
        self.exc = exc
        #: Seconds from now, or a moment.
        self.when = when

    def humanize(self) -> str:
        return f"at {self.when}" if isinstance(self.when, datetime) else f"in {self.when}s"

    def __str__(self) -> str:
        return self.message or f"Retry {self.humanize()}" + (f": {self.exc!r}" if self.exc else "")


class MaxRetriesExceededError(Exception):
    """Task.retry() was called once too often, without an `exc` to raise in its place."""


class TaskRevokedError(Exception):
    """Of AsyncResult.get(): the task was revoked, or had expired before it could run."""


def __getattr__(name: str) -> Any:
    raise not_offered.module_name(__name__, name)
