"""Runs a task, tells Django's signals, and makes the answer."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from timer_service.tasks import answers, context
from timer_service.tasks.answers import Answer
from timer_service.tasks.context import Context
from timer_service.tasks.django.failures import failed
from timer_service.tasks.django.framework import (
    Task,
    TaskContext,
    TaskResultStatus,
    normalize_json,
    task_finished,
    task_started,
)
from timer_service.tasks.django.payload import Payload
from timer_service.tasks.django.results import UNKNOWN_WORKER
from timer_service.tasks.django.stored import StoredError, TimerResult
from timer_service.tasks.outcomes import Reject, Retry

if TYPE_CHECKING:
    from timer_service.tasks.django.backend import TimerBackend

log = logging.getLogger("timer_service.tasks")
#: More are not told in `worker_ids`: the header that counts them is not signed.
_MOST_ATTEMPTS = 1000


def run(backend: TimerBackend, task: Task, asked: Payload, headers: Mapping[str, str]) -> Answer:
    """In this thread; a coroutine runs in an event loop of its own, or in that of the ASGI server. Not stopped by any
    timeout. KeyboardInterrupt goes through."""
    timeout = backend.configuration.timer.get("timeout")
    told = context.read(headers, headers["webhook-id"], asked.body.task, timeout)
    result = _begun(task, asked, told)
    with context.entered(told):
        task_started.send(sender=type(backend), task_result=result)
        try:
            first = [TaskContext(task_result=result)] if task.takes_context else []
            value = normalize_json(task.call(*first, *asked.body.args, **asked.body.kwargs))
            answer = answers.returned(asked.body.task, value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            status, waits = _judged(error, told.attempt, backend.configuration.retry_exceptions)
            answer = failed(status, error, *waits)
            most = backend.configuration.timer.get("max_attempts")
            if status == 489 or (most is not None and told.attempt >= most):
                _end(result, TaskResultStatus.FAILED, error)
                # Robust: a receiver that raises must not have a task called again that has ended.
                task_finished.send_robust(type(backend), task_result=result)
            elif isinstance(error, Retry):
                log.info("task %s %s: Retry", asked.body.task, told.id)
            else:
                log.warning("task %s %s, attempt %d, failed", asked.body.task, told.id, told.attempt, exc_info=error)
        else:
            _set(result, "_return_value", value)
            _end(result, TaskResultStatus.SUCCESSFUL)
            task_finished.send_robust(type(backend), task_result=result)
    return answer


def _judged(error: BaseException, attempt: int, retried: int) -> tuple[int, tuple[tuple[str, str], ...]]:
    """The status that ends the timer or has it tried again, and the header that says when.

    SystemExit, and what else is no Exception, comes of a server that is told to stop, so it is always tried again.
    """
    if isinstance(error, Retry):
        return 503, answers.retry_after(error)
    again = not isinstance(error, Exception) or (attempt <= retried and not isinstance(error, Reject))
    return (500 if again else 489), ()


def _begun(task: Task, asked: Payload, told: Context) -> TimerResult:
    """By this machine's clock; of earlier attempts no more is known here than how many there were."""
    now = timezone.now()
    earlier = [UNKNOWN_WORKER] * (min(told.attempt, _MOST_ATTEMPTS) - 1)
    return TimerResult(
        task=task,
        id=told.id,
        status=TaskResultStatus.RUNNING,
        enqueued_at=asked.enqueued_at,
        started_at=now,
        last_attempted_at=now,
        finished_at=None,
        args=asked.body.args,
        kwargs=asked.body.kwargs,
        backend=asked.backend,
        errors=[],
        worker_ids=[*earlier, f"{socket.gethostname()}-{os.getpid()}"],
    )


def _end(result: TimerResult, status: Any, error: BaseException | None = None) -> None:
    _set(result, "finished_at", timezone.now())
    _set(result, "status", status)
    if error is not None:
        result.errors.append(StoredError.of(error))


def _set(result: TimerResult, name: str, value: Any) -> None:
    """Django's results are frozen; its own backends change them so, too."""
    object.__setattr__(result, name, value)
