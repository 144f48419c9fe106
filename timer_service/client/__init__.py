"""The timer service from Python: set timers, verify the webhooks they send. Loads requests, nothing of the server."""

from timer_service.client.answers import Attempt, Page, Readiness, Reason, Timer
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
from timer_service.client.request_fields import Changes, Filters, KeyedOptions, NewTimer, Options, ReadFilters, When
from timer_service.client.timers import TimerClient
from timer_service.client.webhooks import VerificationError, timer_id_of, verify

__all__ = [
    "Attempt",
    "Changed",
    "Changes",
    "Conflict",
    "Count",
    "FieldError",
    "Filters",
    "Forbidden",
    "Invalid",
    "KeyedOptions",
    "Malformed",
    "NewTimer",
    "NotFound",
    "Options",
    "Page",
    "RateLimited",
    "ReadFilters",
    "Readiness",
    "Reason",
    "Stats",
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
