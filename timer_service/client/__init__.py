"""The timer service from Python: set timers, verify the webhooks they send. Loads requests, nothing of the server."""

from timer_service.client.activity import Bucket, Forecast, Minute, Minutes, Poller, Pollers, StoreState
from timer_service.client.answers import Attempt, Hold, Page, Readiness, Reason, Timer
from timer_service.client.async_timer_client import AsyncTimerClient
from timer_service.client.clock import Advance
from timer_service.client.counts import Changed, Count, Stats
from timer_service.client.destination_fields import Breaker, DestinationChanges, DestinationFilters, Rate
from timer_service.client.destinations import Destination, DestinationPage, NewSecret, SecretUse
from timer_service.client.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    PreconditionFailed,
    RateLimited,
    TimerServiceError,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from timer_service.client.failures import FailingDestination, FailureGroup, Failures
from timer_service.client.request_fields import (
    Changes,
    Filters,
    KeyedOptions,
    NewTimer,
    Options,
    ReadFilters,
    RequestOptions,
    When,
)
from timer_service.client.schedule_fields import (
    NewSchedule,
    Plan,
    RunOptions,
    ScheduleChanges,
    ScheduleFilters,
    ScheduleOptions,
)
from timer_service.client.schedules import Moment, Pause, Preview, Run, Schedule, SchedulePage, Skipped
from timer_service.client.timer_client import TimerClient
from timer_service.client.webhooks import VerificationError, timer_id_of, verify

__all__ = [
    "Advance",
    "AsyncTimerClient",
    "Attempt",
    "Breaker",
    "Bucket",
    "Changed",
    "Changes",
    "Conflict",
    "Count",
    "Destination",
    "DestinationChanges",
    "DestinationFilters",
    "DestinationPage",
    "FailingDestination",
    "FailureGroup",
    "Failures",
    "FieldError",
    "Filters",
    "Forbidden",
    "Forecast",
    "Hold",
    "Invalid",
    "KeyedOptions",
    "Malformed",
    "Minute",
    "Minutes",
    "Moment",
    "NewSchedule",
    "NewSecret",
    "NewTimer",
    "NotFound",
    "Options",
    "Page",
    "Pause",
    "Plan",
    "Poller",
    "Pollers",
    "PreconditionFailed",
    "Preview",
    "Rate",
    "RateLimited",
    "ReadFilters",
    "Readiness",
    "Reason",
    "RequestOptions",
    "Run",
    "RunOptions",
    "Schedule",
    "ScheduleChanges",
    "ScheduleFilters",
    "ScheduleOptions",
    "SchedulePage",
    "SecretUse",
    "Skipped",
    "Stats",
    "StoreState",
    "Timer",
    "TimerClient",
    "TimerServiceError",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "VerificationError",
    "When",
    "timer_id_of",
    "verify",
]
