"""The timer service from Python: set timers, verify the webhooks they send. Loads requests, nothing of the server."""

from timer_service.client.activity import Bucket, Forecast, Minute, Minutes, Poller, Pollers, StoreState
from timer_service.client.answers import Attempt, Page, Readiness, Reason, Timer
from timer_service.client.clock import Advance
from timer_service.client.counts import Changed, Count, Stats
from timer_service.client.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    RateLimited,
    TimerServiceError,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from timer_service.client.failures import FailingDestination, FailureGroup, Failures
from timer_service.client.request_fields import Changes, Filters, KeyedOptions, NewTimer, Options, ReadFilters, When
from timer_service.client.timers import TimerClient
from timer_service.client.webhooks import VerificationError, timer_id_of, verify

__all__ = [
    "Advance",
    "Attempt",
    "Bucket",
    "Changed",
    "Changes",
    "Conflict",
    "Count",
    "FailingDestination",
    "FailureGroup",
    "Failures",
    "FieldError",
    "Filters",
    "Forbidden",
    "Forecast",
    "Invalid",
    "KeyedOptions",
    "Malformed",
    "Minute",
    "Minutes",
    "NewTimer",
    "NotFound",
    "Options",
    "Page",
    "Poller",
    "Pollers",
    "RateLimited",
    "ReadFilters",
    "Readiness",
    "Reason",
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
