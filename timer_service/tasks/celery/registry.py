"""All shared tasks of the process, and the Tasks that sends and serves them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from timer_service.tasks.celery import served
from timer_service.tasks.names import same_source
from timer_service.tasks.tasks import Tasks

if TYPE_CHECKING:
    from timer_service.tasks.celery.task import SharedTask

_lock = threading.RLock()
_declared: dict[str, SharedTask[Any]] = {}
_tasks: Tasks | None = None


def declare(task: SharedTask[Any]) -> None:
    """Raises ValueError if another function has the name."""
    with _lock:
        before = _declared.get(task.name)
        if before is not None and not same_source(before.function, task.function):
            raise ValueError(f"{task.name}: there is a task of this name already; say another, with name=")
        _declared[task.name] = task
        if _tasks is not None:
            served.add(_tasks, task)


def declared(name: str) -> SharedTask[Any]:
    """Raises KeyError for a task that this process does not know."""
    return _declared[name]


def use(tasks: Tasks) -> None:
    """Send and serve shared tasks by these, those declared before and later."""
    global _tasks
    with _lock:
        for task in _declared.values():
            served.add(tasks, task)
        _tasks = tasks


def tasks() -> Tasks:
    """The Tasks of shared tasks: what use() was given, else one by TIMER_URL, TIMER_TASKS_URL and so on.

    Raises NotConfigured where the environment lacks one of them.
    """
    if _tasks is None:
        with _lock:
            if _tasks is None:
                use(Tasks.from_env())
    assert _tasks is not None
    return _tasks
