"""What a task may know of the call that runs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One attempt of a task, as its webhook told it."""

    #: Of the timer: what `Handle.id` is.
    id: str
    #: The same on each attempt of one occurrence: remember it where an effect must not be doubled.
    webhook_id: str
    task: str
    #: From 1.
    attempt: int
    #: Which time the task is meant to act, from 1; see Again.
    occurrence: int
    due_at: datetime | None
    #: How late this attempt began.
    lateness: timedelta
    #: Why it may have run before: `retry`, `lease-expired`, `replay`, `rescheduled`; None on a first, certain one.
    redelivery: str | None
    #: When the service stops waiting for the answer; None where the task has no `timeout` of its own.
    deadline: datetime | None
    #: The schedule whose run it is.
    schedule: str | None


_current: ContextVar[Context | None] = ContextVar("timer_service.tasks", default=None)


def current() -> Context:
    """Of the attempt that runs. Raises LookupError outside of one, as in a plain call."""
    found = _current.get()
    if found is None:
        raise LookupError("no task is running here: the service calls none in this thread or coroutine")
    return found


@contextmanager
def entered(context: Context) -> Iterator[None]:
    """It is the current one here, and in what is started here meanwhile."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def read(headers: Mapping[str, str], webhook_id: str, task: str, timeout: float | None) -> Context:
    """`headers` by names in lower case; what they lack or garble is the most usual."""
    received_at = datetime.now(UTC)
    return Context(
        id=headers.get("timer-id") or webhook_id.partition("-")[0],
        webhook_id=webhook_id,
        task=task,
        attempt=_whole(headers.get("timer-attempt"), 1),
        occurrence=_whole(headers.get("timer-occurrence"), 1),
        due_at=_moment(headers.get("timer-due-at")),
        lateness=timedelta(milliseconds=_whole(headers.get("timer-lateness-ms"), 0)),
        redelivery=headers.get("timer-redelivery"),
        deadline=None if timeout is None else received_at + timedelta(seconds=timeout),
        schedule=headers.get("timer-schedule"),
    )


def _whole(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else default


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
