"""A task that was set: how it stands, what it has returned."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from timer_service.tasks.answers import read_error, read_too_large
from timer_service.tasks.moments import seconds
from timer_service.tasks.options import when_fields
from timer_service.tasks.outcomes import (
    ResultTimeout,
    ResultTooLarge,
    ResultUnreadable,
    TaskCancelled,
    TaskFailed,
    TaskNotFound,
)

if TYPE_CHECKING:
    from timer_service.client.answers import Attempt, Status, Timer
    from timer_service.tasks.tasks import Tasks

#: Seconds between two looks at a task that has not ended: the first, how it grows, the longest.
_FIRST, _GROWTH, _LONGEST = 0.02, 1.5, 2.0


@dataclass(frozen=True, slots=True)
class Handle:
    """Names a task by the id of its timer. It holds no connection; `tasks.handle(id)` makes it anew.

    Methods ask the service. Beside what they say they raise TaskNotFound, and TimerServiceError for other failures.
    """

    id: str
    _tasks: Tasks = field(repr=False, compare=False)

    def timer(self) -> Timer:
        """All that the service knows of it."""
        with _known(self.id):
            return self._tasks.client.get(self.id)

    def status(self) -> Status:
        """`scheduled` (also between retries), `delivering`, `delivered`, `failed` or `cancelled`."""
        return self.timer().status

    def get(self, timeout: float | timedelta | None = None) -> Any:
        """Its result, waited for: looks at once, after 20 ms, and then less and less often, every 2 s at last.

        Raises ResultTimeout when it has not ended in `timeout` seconds (a look that is under way is not cut short, and
        one that fails is repeated, as all calls of TimerClient), TaskFailed, TaskCancelled, ResultTooLarge, and
        ResultUnreadable if what answered was no task.
        """
        most = None if timeout is None else seconds("timeout", timeout)
        until = None if most is None else time.monotonic() + most
        wait = _FIRST
        while not (timer := self.timer()).ended:
            left = wait if until is None else until - time.monotonic()
            if left <= 0:
                raise ResultTimeout(f"task {self.id} is {timer.status} after {most:g} s{_so_far(timer)}")
            time.sleep(min(wait, left))
            wait = min(_LONGEST, wait * _GROWTH)
        return result(timer)

    def revoke(self) -> bool:
        """Whether it is now certain that it is not called any more. False: it is being called, or has ended."""
        from timer_service.client.errors import Conflict

        try:
            with _known(self.id):
                self._tasks.client.cancel(self.id)
        except Conflict:
            return False
        return True

    def reschedule(self, *, countdown: float | timedelta | None = None, eta: datetime | None = None) -> None:
        """Move one that waits: so long from now, or to a moment. Its attempts begin anew.

        Raises Conflict while it is being called, and once it has ended.
        """
        if countdown is None and eta is None:
            raise TypeError("reschedule: give either countdown or eta")
        when: Any = when_fields(countdown, eta)
        with _known(self.id):
            self._tasks.client.reschedule(self.id, **when)


@contextmanager
def _known(id: str) -> Iterator[None]:
    """Raises TaskNotFound for what the service does not know, and for what no URL can name: "" or ".."."""
    from timer_service.client.encoding import segment
    from timer_service.client.errors import NotFound

    try:
        segment(id)
    except ValueError:
        raise TaskNotFound(id) from None
    try:
        yield
    except NotFound:
        raise TaskNotFound(id) from None


def result(timer: Timer) -> Any:
    """Of one that has ended. Raises as Handle.get() does."""
    last = timer.last_attempt
    text = last.response_body if last else None
    if timer.status == "cancelled":
        raise TaskCancelled(f"task {timer.id} was cancelled")
    if timer.status == "failed":
        raised = read_error(text)
        raise TaskFailed(timer.id, timer.reason, raised if raised and raised[0] else None, _why(timer, raised))
    try:
        return json.loads(text or "")
    except (ValueError, RecursionError):
        if (size := read_too_large(text or "")) is not None:
            raise ResultTooLarge(timer.id, size) from None
    raise ResultUnreadable(f"task {timer.id}: what answered is no task of this library: {(text or '')[:100]!r}")


def _why(timer: Timer, raised: tuple[str, str] | None) -> str:
    return f"{_said(timer.last_attempt, raised)} ({timer.reason})"


def _so_far(timer: Timer) -> str:
    """What most often explains why nothing has come: another address, another secret, nobody there."""
    last = timer.last_attempt
    if last is None or last.outcome == "delivered":
        return ""
    return f"; attempt {last.number} failed: {_said(last, read_error(last.response_body))}"


def _said(attempt: Attempt | None, raised: tuple[str, str] | None) -> str:
    if raised is not None:
        kind = raised[0].removeprefix("builtins.")
        return ": ".join(filter(None, (kind, raised[1])))
    if attempt is None:
        return "it was never called"
    if attempt.status_code is not None:
        return f"the answer was {attempt.status_code}"
    return attempt.detail or attempt.error or "no answer"
