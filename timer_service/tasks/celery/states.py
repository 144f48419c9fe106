"""How a timer stands, in Celery's words, and what its end raises. Pure."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, Literal

from timer_service.tasks import TaskFailed
from timer_service.tasks.answers import class_path
from timer_service.tasks.celery.exceptions import TaskRevokedError

if TYPE_CHECKING:
    from timer_service.client import Timer

State = Literal["PENDING", "STARTED", "RETRY", "FAILURE", "SUCCESS", "REVOKED"]
PENDING: Final = "PENDING"
STARTED: Final = "STARTED"
RETRY: Final = "RETRY"
FAILURE: Final = "FAILURE"
SUCCESS: Final = "SUCCESS"
REVOKED: Final = "REVOKED"
READY_STATES = frozenset((FAILURE, SUCCESS, REVOKED))
_REVOKED = class_path(TaskRevokedError)


def state_of(timer: Timer, failure: TaskFailed | None) -> State:
    """`failure` is how a failed one ended."""
    if timer.status == "scheduled":
        return RETRY if timer.occurrence > 1 or timer.attempts else PENDING
    if timer.status == "delivering":
        return STARTED
    if timer.status == "cancelled" or timer.reason == "expired" or retry_refused(timer):
        return REVOKED
    if timer.status == "delivered":
        return SUCCESS
    return REVOKED if failure is not None and failure.exception_class == _REVOKED else FAILURE


def retry_refused(timer: Timer) -> bool:
    """Whether it was delivered and asked for another run that it did not get, since it would have come too late."""
    last = timer.last_attempt
    return timer.status == "delivered" and last is not None and last.asked_reschedule is not None


def exception_of(failure: TaskFailed) -> Exception:
    """The exception that the task raised, if its class is loaded here and takes a message; else the failure itself."""
    kind = _loaded(failure.exception_class or "")
    if kind is None:
        return failure
    try:
        found: Any = kind(failure.exception_message or "")
    except Exception:  # a class that wants more, or other arguments
        return failure
    if not isinstance(found, Exception):
        return failure
    found.__cause__ = failure
    return found


def _loaded(path: str) -> type[Exception] | None:
    """A class of a module that is imported already: what a text names is never imported."""
    module, _, name = path.rpartition(".")
    loaded = sys.modules.get(module)
    # Not by getattr: a module's __getattr__ may import, and raise.
    found = None if loaded is None else vars(loaded).get(name)
    return found if isinstance(found, type) and issubclass(found, Exception) else None
