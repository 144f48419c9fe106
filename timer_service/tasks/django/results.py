"""A timer and its attempts as the result of a task. Without I/O."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from timer_service.tasks.answers import read_too_large
from timer_service.tasks.django import moments
from timer_service.tasks.django.failures import errors
from timer_service.tasks.django.framework import Task, TaskResultStatus
from timer_service.tasks.django.payload import Payload
from timer_service.tasks.django.stored import NotKept, TimerResult

if TYPE_CHECKING:
    from timer_service.client import Attempt, Timer

_STATUSES = {
    "scheduled": TaskResultStatus.READY,
    "delivering": TaskResultStatus.RUNNING,
    "delivered": TaskResultStatus.SUCCESSFUL,
    "failed": TaskResultStatus.FAILED,
    "cancelled": TaskResultStatus.FAILED,
}
#: Stands for who ran an attempt that nothing is kept of.
UNKNOWN_WORKER = "?"


def of_timer(timer: Timer, attempts: Sequence[Attempt], task: Task, payload: Payload) -> TimerResult:
    """`attempts` are those that have ended, of which the service keeps the last ten.

    Moments are of the service's clock.
    """
    begun = [it.started_at for it in attempts if it.started_at is not None]
    result = TimerResult(
        task=task,
        id=timer.id,
        status=_STATUSES[timer.status],
        enqueued_at=moments.of_service(timer.created_at),
        started_at=moments.of_service(begun[0] if begun else None),
        last_attempted_at=moments.of_service(begun[-1] if begun else None),
        finished_at=moments.of_service(timer.ended_at),
        args=payload.body.args,
        kwargs=payload.body.kwargs,
        backend=payload.backend,
        errors=errors(timer, attempts),
        worker_ids=_workers(timer, attempts),
    )
    if timer.status == "delivered":
        object.__setattr__(result, "_return_value", _returned(attempts))
    return result


def _workers(timer: Timer, attempts: Sequence[Attempt]) -> list[str]:
    """One for each attempt, as Django counts attempts by them: the poller that called."""
    under_way = 1 if timer.status == "delivering" else 0
    forgotten = max(0, timer.attempts - under_way - len(attempts))
    ended = [it.poller or UNKNOWN_WORKER for it in attempts]
    return [*[UNKNOWN_WORKER] * forgotten, *ended, *[UNKNOWN_WORKER] * under_way]


def _returned(attempts: Sequence[Attempt]) -> Any:
    text = (attempts[-1].response_body if attempts else None) or ""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return NotKept(read_too_large(text), text[:100])
