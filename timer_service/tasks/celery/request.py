"""What a task may know of the call that runs it: `self.request`, under Celery's names."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from timer_service.tasks.celery import not_offered
from timer_service.tasks.celery.exceptions import Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One run of a task."""

    #: What AsyncResult has; None where the function was simply called.
    id: str | None = None
    task: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    #: How often the task was retried before.
    retries: int = 0
    #: Neither the service nor apply() runs it: retry() then raises what it is given.
    called_directly: bool = True
    is_eager: bool = False
    #: It is not retried from that moment on.
    expires: datetime | None = None
    #: Whether an earlier run of the same try may have begun.
    redelivered: bool = False
    time_limit: float | None = None

    @property
    def root_id(self) -> str | None:
        return self.id

    @property
    def parent_id(self) -> None:
        """No task knows which other has called it."""

    @property
    def hostname(self) -> str:
        return socket.gethostname()

    @property
    def timelimit(self) -> tuple[float | None, None]:
        return (self.time_limit, None)

    @property
    def delivery_info(self) -> Mapping[str, Any]:
        return {"redelivered": self.redelivered, "is_eager": self.is_eager}

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(self, name, default)

    def __getattr__(self, name: str) -> Any:
        raise not_offered.attribute("request", name)


class Run:
    """A request under way, and the retry that it has asked for without raising it."""

    __slots__ = ("postponed", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.postponed: Retry | None = None


_runs: ContextVar[tuple[Run, ...]] = ContextVar("timer_service.tasks.celery", default=())


@contextmanager
def entered(request: Request) -> Iterator[Run]:
    """Runs are nested where a task calls another one as a function."""
    run = Run(request)
    before = _runs.set((*_runs.get(), run))
    try:
        yield run
    finally:
        _runs.reset(before)


def current(task: str) -> Run:
    """The innermost run of this task; one that was called directly where none is under way."""
    return next((run for run in reversed(_runs.get()) if run.request.task == task), Run(Request(task=task)))
