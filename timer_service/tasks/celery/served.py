"""A shared task as timer_service.tasks serves it: Celery's exceptions become those that the service understands."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from timer_service import tasks as core
from timer_service.tasks.body import check
from timer_service.tasks.celery.calls import MARK, Call, queue_tag
from timer_service.tasks.celery.exceptions import Ignore, Reject, Retry
from timer_service.tasks.celery.functions import signature
from timer_service.tasks.celery.moments import moment
from timer_service.tasks.celery.options import Options
from timer_service.tasks.celery.request import Request, entered
from timer_service.tasks.celery.retrying import MOST_RETRIES, when
from timer_service.tasks.celery.values import LONGEST_LIMIT, PRIORITY_STEP
from timer_service.tasks.options import call_fields

if TYPE_CHECKING:
    from timer_service.tasks.celery.task import SharedTask

log = logging.getLogger("timer_service.tasks")


class Served:
    """What timer_service.tasks calls as the task's function."""

    def __init__(self, task: SharedTask[Any]) -> None:
        self._task = task
        self.__code__ = getattr(task.function, "__code__", None)
        self.__module__, self.__doc__ = task.function.__module__, task.function.__doc__
        self.__signature__ = signature(task.function, task.options.bind)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Raises Again, Retry or Reject for what is not a result."""
        mark = kwargs.pop(MARK, None) or {}
        try:
            return self._run(mark, _request(self._task, mark, list(args), kwargs))
        except (core.Again, core.Retry, core.Reject):
            raise
        except Reject as error:
            raise (core.Retry(str(error), after=1) if error.requeue else core.Reject(str(error))) from error
        except Exception as error:
            self._log(error)
            raise core.Reject from error  # told as the exception that it comes from

    def _run(self, mark: Mapping[str, Any], request: Request) -> Any:
        task = self._task
        try:
            with entered(request) as run:
                value = task.perform(request)
        except Ignore:
            return None
        except Retry as error:
            run.postponed = error
        if run.postponed is None:
            return None if mark.get("ignore_result", task.options.ignore_result) else _result(task.name, value)
        log.info("task %s %s: %s", task.name, request.id, run.postponed)
        raise again(task.options, run.postponed) from run.postponed.exc

    def _log(self, error: Exception) -> None:
        run = core.current()
        if isinstance(error, self._task.options.throws):
            log.info("task %s %s failed: %r", self._task.name, run.id, error)
        else:
            log.error("task %s %s, attempt %d, failed", self._task.name, run.id, run.attempt, exc_info=error)


def add(tasks: core.Tasks, task: SharedTask[Any]) -> None:
    """Have these serve it. Raises ValueError if another of them has its name."""
    options: core.TaskOptions = {
        "max_occurrences": MOST_RETRIES + 1,
        "timeout": task.options.time_limit or LONGEST_LIMIT,
        "priority": PRIORITY_STEP * (task.options.priority or 0),
        "tags": [] if task.options.queue is None else [queue_tag(task.options.queue)],
    }
    tasks.task(name=task.name, **options)(Served(task))


def send(
    tasks: core.Tasks, task: core.Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], call: Call
) -> core.Handle:
    """Raises TypeError for arguments that do not fit, else what TimerClient.create raises."""
    if isinstance(args, str) or not isinstance(args, Sequence):
        raise TypeError(f"{task.name}: args: a list or tuple of arguments is needed, not {type(args).__name__}")
    if not isinstance(kwargs, Mapping):
        raise TypeError(f"{task.name}: kwargs: a dict of arguments is needed, not {type(kwargs).__name__}")
    if MARK in kwargs:
        raise TypeError(f"{task.name}: {MARK} is no argument of a task")
    body = task.body(plain(list(args)), {**plain(dict(kwargs)), **({MARK: dict(call.mark)} if call.mark else {})})
    fields = {**call_fields(call.options, task.fields, datetime.now(UTC)), "tags": list(call.options.get("tags") or ())}
    if call.timeout is not None:
        fields["timeout"] = call.timeout
    return tasks.send(task, body, fields)


def plain(value: Any) -> Any:
    """With lists for tuples, as JSON has it."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return {name: plain(each) for name, each in value.items()} if isinstance(value, dict) else value


def again(options: Options, asked: Retry) -> core.Again:
    """Also of a Retry that the task has made itself. Raises TypeError or ValueError for one at no time at all."""
    at = asked.when if isinstance(asked.when, datetime) else None
    found = when(options, None if at else asked.when, at)
    return core.Again(at=found) if isinstance(found, datetime) else core.Again(in_=found)


def _result(name: str, value: Any) -> Any:
    found = plain(value)
    check(f"{name}: its result", found)
    return found


def _request(task: SharedTask[Any], mark: Mapping[str, Any], args: list[Any], kwargs: dict[str, Any]) -> Request:
    context = core.current()
    return Request(
        id=mark.get("id") or context.id,
        task=task.name,
        args=args,
        kwargs=kwargs,
        retries=context.occurrence - 1,
        called_directly=False,
        expires=moment("expires", mark["expires"]) if mark.get("expires") else None,
        redelivered=context.redelivery not in (None, "rescheduled"),
        time_limit=task.options.time_limit,
    )
