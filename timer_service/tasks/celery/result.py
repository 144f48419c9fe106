"""AsyncResult: what became of a task that was sent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from timer_service import tasks as core
from timer_service.tasks.celery import calls, not_offered, states
from timer_service.tasks.celery.exceptions import TaskRevokedError
from timer_service.tasks.celery.lookup import Sent, failure, in_a_task
from timer_service.tasks.handle import result as result_of

if TYPE_CHECKING:
    from timer_service.client import Timer


class AsyncResult:
    """A task that was sent, by its id: the service's, or the `task_id` that its caller has chosen.

    Asks the service each time, until the task has ended. Raises TimerServiceError where that does not answer.
    """

    def __init__(
        self, id: str | UUID, *, app: core.Tasks | None = None, timer_id: str | None = None, ignored: bool = False
    ) -> None:
        self.id: str = calls.text_of(id)
        if not isinstance(self.id, str) or not self.id:
            raise ValueError(f"AsyncResult: {id!r} is no id of a task")
        #: get() gives None at once.
        self.ignored = ignored
        self._sent = Sent(self.id, app, timer_id)

    @property
    def task_id(self) -> str:
        return self.id

    @property
    def state(self) -> str:
        """PENDING, STARTED, RETRY, FAILURE, SUCCESS or REVOKED. PENDING also where the service knows no such task."""
        timer = self._sent.timer()
        return states.PENDING if timer is None else states.state_of(timer, failure(timer))

    status = state

    def ready(self) -> bool:
        return self.state in states.READY_STATES

    def successful(self) -> bool:
        return self.state == states.SUCCESS

    def failed(self) -> bool:
        return self.state == states.FAILURE

    @property
    def result(self) -> Any:
        """What it returned, or the exception that it raised; None before it has ended."""
        timer = self._sent.timer()
        return None if timer is None or not timer.ended else self._outcome(timer, propagate=False)

    info = result

    @property
    def traceback(self) -> None:
        """Not told: it is in the log of the web application."""

    @property
    def retries(self) -> int:
        timer = self._sent.timer()
        return 0 if timer is None else timer.occurrence - 1

    @property
    def date_done(self) -> datetime | None:
        timer = self._sent.timer()
        return None if timer is None else timer.ended_at

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float = 0.5,
        no_ack: bool = True,
        follow_parents: bool = True,
        disable_sync_subtasks: bool = True,
    ) -> Any:
        """What the task returned, waited for. `interval`, `no_ack` and `follow_parents` change nothing.

        Raises TimeoutError when it has not ended in `timeout` seconds; what the task raised, unless `propagate` is
        False, which has it returned; TaskRevokedError; ResultTooLarge; TaskNotFound for an id that no task has; and
        RuntimeError within a task, unless `disable_sync_subtasks` is False.
        """
        if disable_sync_subtasks and in_a_task():
            raise RuntimeError("Never call result.get() within a task: it would wait in a thread that tasks need")
        if self.ignored:
            return None
        handle = self._sent.handle()
        if handle is None:
            raise core.TaskNotFound(self.id)
        ends = (core.TaskFailed, core.TaskCancelled, core.ResultTooLarge, core.ResultUnreadable)
        with suppress(*ends):  # told below, in Celery's terms
            handle.get(timeout)
        timer = self._sent.timer()
        if timer is None:
            raise core.TaskNotFound(self.id)
        return self._outcome(timer, propagate)

    wait = get

    def revoke(
        self, terminate: bool = False, signal: object = None, wait: bool = False, timeout: object = None
    ) -> None:
        """Have it not run, unless it runs already or has ended. Other than with Celery this is certain at once."""
        if terminate:
            raise not_offered.NotOffered("revoke(terminate=True): nothing can end a function in a web server's thread")
        handle = self._sent.handle()
        if handle is not None:
            handle.revoke()

    def _outcome(self, timer: Timer, propagate: bool) -> Any:
        """Of one that has ended. Raises ResultTooLarge, and others that are not the task's, in either case."""
        failed = failure(timer)
        if states.state_of(timer, failed) == states.REVOKED:
            raised: Exception = TaskRevokedError(f"task {self.id} was revoked, or has expired")
        elif failed is None:
            return result_of(timer)
        else:
            raised = states.exception_of(failed)
        if propagate:
            raise raised
        return raised

    def __getattr__(self, name: str) -> Any:
        raise not_offered.attribute("a result", name)

    def __eq__(self, other: object) -> bool:
        return self.id == (other.id if isinstance(other, AsyncResult) else other)

    def __hash__(self) -> int:
        return hash(self.id)

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return f"<AsyncResult: {self.id}>"

    def __reduce__(self) -> tuple[Callable[..., AsyncResult], tuple[str]]:
        return AsyncResult, (self.id,)
