"""apply(): a task that runs here and now, retries too, without waiting between them."""

from __future__ import annotations

import traceback as tracebacks
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from timer_service.tasks.celery import not_offered
from timer_service.tasks.celery.exceptions import Ignore, Retry
from timer_service.tasks.celery.request import Request, entered
from timer_service.tasks.celery.retrying import MOST_RETRIES


@dataclass(frozen=True, slots=True)
class EagerResult:
    """What became of a task that ran here."""

    id: str
    #: What it returned, or raised.
    result: Any
    #: SUCCESS or FAILURE; IGNORED where it raised Ignore.
    state: str
    traceback: str | None = None

    @property
    def status(self) -> str:
        return self.state

    def ready(self) -> bool:
        return True

    def successful(self) -> bool:
        return self.state == "SUCCESS"

    def failed(self) -> bool:
        return self.state == "FAILURE"

    def get(self, timeout: float | None = None, propagate: bool = True, disable_sync_subtasks: bool = True) -> Any:
        """Raises what the task raised, unless `propagate` is False, which has it returned. It never waits."""
        if propagate and isinstance(self.result, Exception) and self.failed():
            raise self.result
        return self.result

    def revoke(self) -> None:
        """It has run."""

    def __getattr__(self, name: str) -> Any:
        raise not_offered.attribute("a result", name)


def run(perform: Callable[[Request], Any], request: Request, task_id: str | None, throw: bool) -> EagerResult:
    """Raises what the task raises at last only where `throw` says so."""
    id = task_id or str(uuid4())
    request = replace(request, id=id, called_directly=False)
    while True:
        try:
            with entered(request) as under_way:
                value = perform(request)
        except Retry as error:
            if request.retries >= MOST_RETRIES:
                return EagerResult(id, error, "FAILURE")
            request = replace(request, retries=request.retries + 1)
            continue
        except Ignore:
            return EagerResult(id, None, "IGNORED")
        except Exception as error:
            if throw:
                raise
            return EagerResult(id, error, "FAILURE", traceback="".join(tracebacks.format_exception(error)))
        if under_way.postponed is None:
            return EagerResult(id, value, "SUCCESS")
        request = replace(request, retries=request.retries + 1)
