"""Moments and lengths as callers of Celery give them, in the types of Python. Pure.

A moment without a time zone is one of UTC, as with Celery where neither `timezone` nor `enable_utc` is set.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from numbers import Real
from typing import Any

from timer_service.tasks.moments import LONGEST

#: The last whole second that the service takes.
_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def countdown(value: Any) -> float:
    """Seconds from now, 0 for those of the past. Raises TypeError, or ValueError for what is no length of time."""
    seconds = _number("countdown", value)
    if not seconds <= LONGEST:
        raise ValueError("countdown: that is no number of seconds, or more than there are before the year 9999")
    return float(max(0, seconds))


def moment(name: str, value: object) -> datetime:
    """In UTC; `value` is a datetime, or text of ISO 8601. Raises TypeError, or ValueError beyond the years of UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{name}: {value!r} is no moment in ISO 8601") from None
    if not isinstance(value, datetime):
        raise TypeError(f"{name}: {value!r} is no datetime")
    if value.utcoffset() is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name}: {value!r} is not within the years 1 to 9999 of UTC") from None


def expiry(value: Any, now: datetime) -> datetime:
    """Seconds from now, or a moment. One that is too far away to be told is the last that there is."""
    if isinstance(value, datetime | str):
        return moment("expires", value)
    seconds = _number("expires", value)
    if seconds != seconds:
        raise ValueError("expires: it is no number")
    if seconds > LONGEST or seconds < 0:
        return _LAST if seconds > 0 else now
    return now + timedelta(seconds=float(seconds))


def _number(name: str, value: Any) -> Any:
    """Seconds, of any type of number: an integer may be larger than a float can be."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, Real):
        raise TypeError(f"{name}: {value!r} is no number of seconds")
    return seconds
