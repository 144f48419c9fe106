"""A task that was sent, as the service knows it: found by the service's id, or by one that its caller has chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from timer_service.tasks import TaskFailed, TaskNotFound, Tasks, current
from timer_service.tasks.celery import calls, registry
from timer_service.tasks.handle import Handle, result

if TYPE_CHECKING:
    from timer_service.client import Timer


class Sent:
    """Asks the service each time, until the task has ended. Raises TimerServiceError where it does not answer."""

    def __init__(self, id: str, tasks: Tasks | None = None, timer_id: str | None = None) -> None:
        self._id = id
        self._tasks = tasks
        self._timer_id = timer_id or (id if calls.is_timer_id(id) else None)
        self._ended: Timer | None = None

    def handle(self) -> Handle | None:
        """Of its timer; None where no task has the id that a caller has chosen."""
        tasks = self._tasks or registry.tasks()
        if self._timer_id is None:
            # Unfinished ones come first. Two may have it, as with Celery.
            found = next(iter(tasks.client.list(tag=calls.id_tag(self._id), status="any")), None)
            if found is None:
                return None
            self._timer_id = found.id
        return tasks.handle(self._timer_id)

    def timer(self) -> Timer | None:
        """As it stands; None where the service knows none."""
        if self._ended is not None:
            return self._ended
        try:
            handle = self.handle()
            timer = None if handle is None else handle.timer()
        except TaskNotFound:
            return None
        if timer is not None and timer.ended:
            self._ended = timer
        return timer


def failure(timer: Timer) -> TaskFailed | None:
    """How it failed, if it did."""
    if timer.status == "failed":
        try:
            result(timer)
        except TaskFailed as error:
            return error
    return None


def in_a_task() -> bool:
    """Whether the service runs one in this thread."""
    try:
        current()
    except LookupError:
        return False
    return True
