"""What a task may raise, and what asking for its result may raise: one tree.

TaskError
    NotConfigured       a setting is missing or cannot be (also a ValueError)
    TaskNotFound        no such timer, or no longer (also a LookupError)
    ResultTimeout       the task has not ended in time (also a TimeoutError)
    TaskFailed          it ended without a result
    TaskCancelled       it was revoked
    ResultTooLarge      it has ended well, but its result is more than is kept
    ResultUnreadable    it was delivered, but to something that answers no results
    Retry, Reject, Again    raised in a task: what is to become of it
"""

from __future__ import annotations

from datetime import datetime, timedelta

from timer_service.tasks.moments import LONGEST, milliseconds, moment

#: Seconds: the service waits no longer than that for a Retry-After.
_LONGEST_RETRY = 3600
#: The service reschedules no sooner than that.
_SHORTEST_AGAIN = 1


class TaskError(Exception):
    """Whatever tasks have of their own to raise."""


class NotConfigured(TaskError, ValueError):
    """A setting of Tasks is missing, or cannot be."""


class TaskNotFound(TaskError, LookupError):
    """The service has no timer of this id: it never had, or has forgotten it some time after it ended."""

    def __init__(self, id: str) -> None:
        super().__init__(f"there is no task {id!r}, or no longer: how it ended is forgotten after some time")
        self.id = id


class ResultTimeout(TaskError, TimeoutError):
    """The task has not ended in time. It goes on."""


class TaskFailed(TaskError):
    """The task ended without a result. The exception of its last attempt is told as text, and never imported."""

    def __init__(self, id: str, reason: str | None, exception: tuple[str, str] | None, detail: str) -> None:
        super().__init__(f"task {id}: {detail}")
        self.id = id
        #: Why its timer ended, in a word of the service: `attempts-exhausted`, `permanent`, `expired` and so on.
        self.reason = reason
        #: The path of the exception's class, as `builtins.ValueError`, and its message; None where no task raised one.
        self.exception_class = exception[0] if exception else None
        self.exception_message = exception[1] if exception else None
        self.detail = detail


class TaskCancelled(TaskError):
    """It was revoked before it ran."""


class ResultTooLarge(TaskError):
    """The task has ended well, but its result is more than the service keeps: store it elsewhere, return a name."""

    def __init__(self, id: str, size: int | None) -> None:
        told = "more" if size is None else f"{size:,} bytes"
        super().__init__(f"task {id}: its result takes {told}, and 4,096 bytes of JSON are kept")
        self.id = id
        #: Bytes of its JSON, where they are known.
        self.size = size


class ResultUnreadable(TaskError):
    """The timer was delivered, but what answered was no task: its answer is not JSON."""


class Retry(TaskError):
    """Raise it to be called again, if any attempt is left: after the backoff, and not before `after`.

    `after` is seconds or a timedelta, up to an hour. Raises ValueError for anything else, and TypeError for a `message`
    that is a length of time.
    """

    def __init__(self, message: str = "", *, after: float | timedelta | None = None) -> None:
        told: object = message
        if isinstance(told, int | float | timedelta):
            raise TypeError(f"Retry: {told!r} is no message; to wait so long is after={told!r}")
        super().__init__(message)
        #: Milliseconds.
        self.after = None if after is None else milliseconds("after", after, most=_LONGEST_RETRY)


class Reject(TaskError):
    """Raise it to fail at once: no other attempt follows. `raise Reject from error` tells the other in its place."""


class Again(TaskError):
    """Raise it to end this occurrence well, and to be called anew: `in_` a while, or `at` a moment.

    The task needs `max_occurrences`; where none is left it fails. `in_` is seconds or a timedelta, 1 s or more; `at` an
    aware datetime. Raises ValueError or TypeError for anything else.
    """

    def __init__(self, *, in_: float | timedelta | None = None, at: datetime | None = None) -> None:
        if (in_ is None) == (at is None):
            raise TypeError("Again: give either in_ or at")
        super().__init__()
        #: A `timer-reschedule`.
        self.when = (
            f"{milliseconds('in_', in_, least=_SHORTEST_AGAIN, most=LONGEST)}ms"
            if in_ is not None
            else moment("at", at).isoformat()
        )


# What is told of them, as the `exception_class` of a TaskFailed and in tracebacks, is the name to import them by.
for _kind in (TaskError, *TaskError.__subclasses__()):
    _kind.__module__ = "timer_service.tasks"
