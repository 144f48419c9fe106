"""@shared_task: a function with delay(), apply_async(), retry() and request, as Celery has them."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from timer_service.tasks.celery import calls, eager, not_offered, registry, retrying, served
from timer_service.tasks.celery.eager import EagerResult
from timer_service.tasks.celery.exceptions import Ignore, MaxRetriesExceededError, Reject, Retry
from timer_service.tasks.celery.functions import check_function
from timer_service.tasks.celery.options import Options
from timer_service.tasks.celery.request import Request, current, entered
from timer_service.tasks.celery.result import AsyncResult
from timer_service.tasks.names import name_of
from timer_service.tasks.task import Task
from timer_service.tasks.tasks import Tasks

R = TypeVar("R")
log = logging.getLogger("timer_service.tasks")


class SharedTask(Generic[R]):
    """Called, it is its function. Threads may share it."""

    MaxRetriesExceededError = MaxRetriesExceededError

    def __init__(self, function: Callable[..., R], options: Options) -> None:
        """Raises TypeError for a function that cannot be a task, ValueError for one without a name of its own."""
        self.name = options.name or name_of(function)
        check_function(self.name, function, options.bind)
        functools.update_wrapper(self, function)
        self.function = function
        self.options = options

    def __call__(self, *args: Any, **kwargs: Any) -> R:
        request = Request(task=self.name, args=list(args), kwargs=kwargs)
        with entered(request):
            return self.perform(request)

    def run(self, *args: Any, **kwargs: Any) -> R:
        """The function itself, with neither a request nor autoretry."""
        return self.function(self, *args, **kwargs) if self.options.bind else self.function(*args, **kwargs)

    def perform(self, request: Request) -> R:
        """The function, within entered(). What is to be retried by itself raises Retry."""
        try:
            return self.run(*request.args, **request.kwargs)
        except (Ignore, Reject, Retry):
            raise
        except self.options.dont_autoretry_for:
            raise
        except self.options.autoretry_for as error:
            self.retry(exc=error, **retrying.autoretry(self.options, request.retries))
            raise  # never reached: retry() raises

    def delay(self, *args: Any, **kwargs: Any) -> AsyncResult:
        """Have it run soon. Raises TypeError for arguments that do not fit or have no form in JSON."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        task_id: str | UUID | None = None,
        **options: Any,
    ) -> AsyncResult:
        """The same with `countdown`, `eta`, `expires`, `priority`, `task_id`, `queue`, `time_limit` or `ignore_result`.

        A countdown goes before an eta. Raises TypeError or ValueError, one sentence that names the option.
        """
        call = calls.read(self.options, {**options, "task_id": task_id}, datetime.now(UTC))
        tasks = registry.tasks()
        handle = served.send(tasks, tasks.registry[self.name], args or (), kwargs or {}, call)
        return AsyncResult(call.task_id or handle.id, app=tasks, timer_id=handle.id, ignored=call.ignore_result)

    def apply(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        *,
        task_id: str | None = None,
        retries: int = 0,
        throw: bool = False,
    ) -> EagerResult:
        """Run it here and now, retries too, without waiting between them."""
        request = Request(
            task=self.name, args=list(args or ()), kwargs=dict(kwargs or {}), retries=retries, is_eager=True
        )
        return eager.run(self.perform, request, task_id, throw)

    def retry(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        exc: BaseException | None = None,
        throw: bool = True,
        eta: datetime | str | None = None,
        countdown: float | timedelta | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> Retry:
        """Have it run again, under the same id: raises Retry, or returns it where `throw` is False.

        Once it was retried `max_retries` times (those of the task, unless given), raises `exc`, or
        MaxRetriesExceededError without one. Where no service runs the task, raises `exc` at once.
        """
        run = current(self.name)
        if run.request.called_directly:
            retrying.give_up(exc or Retry("Task can be retried"))
        retrying.check_arguments(run.request, args, kwargs)
        if ignored := sorted(name for name, value in options.items() if value is not None):
            # Refusing them would fail a task that may be retried.
            log.warning("task %s is retried as it was called, without %s", self.name, ", ".join(ignored))
        limit = self.options.max_retries if max_retries is None else max_retries
        if not retrying.allowed(run.request.retries, limit):
            retrying.give_up(exc or MaxRetriesExceededError(f"Can't retry {self.name}[{run.request.id}]"))
        asked = Retry(exc=exc, when=retrying.when(self.options, countdown, eta))
        retrying.check_expiry(run.request, asked, datetime.now(UTC))
        if throw:
            raise asked
        run.postponed = asked
        return asked

    def AsyncResult(self, task_id: str | UUID) -> AsyncResult:
        return AsyncResult(task_id)

    def task_of(self, tasks: Tasks) -> Task[..., R]:
        """What `tasks.every` plans. Raises ValueError for a task with `expires`: a plan has another name for it."""
        if self.options.expires is not None:
            raise ValueError(f"{self.name}: expires: a plan has max_lateness, and calls have expires of their own")
        if self.name not in tasks.registry:
            served.add(tasks, self)
        return tasks.registry[self.name]

    @property
    def request(self) -> Request:
        return current(self.name).request

    @property
    def max_retries(self) -> int | None:
        return self.options.max_retries

    @property
    def default_retry_delay(self) -> float:
        return self.options.default_retry_delay

    def __getattr__(self, name: str) -> Any:
        raise not_offered.attribute("a task", name)

    def __repr__(self) -> str:
        return f"<@task: {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return registry.declared, (self.name,)
