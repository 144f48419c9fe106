"""Functions that run later, in a web application that there is already: a timer service calls them, and keeps results.

Loads nothing of the server, and the client at the first call.
"""

from timer_service.tasks.answers import Answer
from timer_service.tasks.context import Context, current
from timer_service.tasks.handle import Handle
from timer_service.tasks.options import CallOptions, TaskOptions
from timer_service.tasks.outcomes import (
    Again,
    NotConfigured,
    Reject,
    ResultTimeout,
    ResultTooLarge,
    ResultUnreadable,
    Retry,
    TaskCancelled,
    TaskError,
    TaskFailed,
    TaskNotFound,
)
from timer_service.tasks.schedules import PlanOptions
from timer_service.tasks.task import Task
from timer_service.tasks.tasks import Tasks

__all__ = [
    "Again",
    "Answer",
    "CallOptions",
    "Context",
    "Handle",
    "NotConfigured",
    "PlanOptions",
    "Reject",
    "ResultTimeout",
    "ResultTooLarge",
    "ResultUnreadable",
    "Retry",
    "Task",
    "TaskCancelled",
    "TaskError",
    "TaskFailed",
    "TaskNotFound",
    "TaskOptions",
    "Tasks",
    "current",
]
