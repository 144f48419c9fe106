"""@shared_task for a code base of Celery's: it moves by one line, `from timer_service.tasks.celery import shared_task`.

Tasks run in the web application that serves `tasks().wsgi_app`. There are no chains, chords, groups or other canvas;
what else is not here says so by name, with what to use instead. docs/tasks-celery.md has each option.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar, overload

from timer_service.tasks.celery import not_offered, options, registry
from timer_service.tasks.celery.eager import EagerResult
from timer_service.tasks.celery.exceptions import (
    Ignore,
    MaxRetriesExceededError,
    Reject,
    Retry,
    TaskRevokedError,
    TimeoutError,
)
from timer_service.tasks.celery.not_offered import NotOffered
from timer_service.tasks.celery.registry import tasks, use
from timer_service.tasks.celery.result import AsyncResult
from timer_service.tasks.celery.task import SharedTask

R = TypeVar("R")


@overload
def shared_task(function: Callable[..., R], /) -> SharedTask[R]: ...


@overload
def shared_task(**given: Any) -> Callable[[Callable[..., R]], SharedTask[R]]: ...


def shared_task(function: Any = None, /, **given: Any) -> Any:
    """Make a function a task: `@shared_task` or `@shared_task(bind=True, max_retries=5, ...)`.

    Raises TypeError or ValueError, one sentence that names the option, for what is not here or cannot be.
    """

    def declare(it: Callable[..., R]) -> SharedTask[R]:
        task = SharedTask(it, found)
        registry.declare(task)
        return task

    found = options.read(given)
    return declare if function is None else declare(function)


def get_task_logger(name: str) -> logging.Logger:
    """A logger like any other."""
    return logging.getLogger(name)


def __getattr__(name: str) -> Any:
    raise not_offered.module_name(__name__, name)


__all__ = [
    "AsyncResult",
    "EagerResult",
    "Ignore",
    "MaxRetriesExceededError",
    "NotOffered",
    "Reject",
    "Retry",
    "SharedTask",
    "TaskRevokedError",
    "TimeoutError",
    "get_task_logger",
    "shared_task",
    "tasks",
    "use",
]
