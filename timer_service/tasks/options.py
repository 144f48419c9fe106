"""What callers say of when and how hard a task is tried, as fields of a new timer. Pure; errors name the option."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from timer_service.tasks.moments import moment, seconds

if TYPE_CHECKING:
    from timer_service.client.request_fields import Backoff, Callback

#: Seconds; a head start of more is none.
_MOST_PRIORITY = 3600
_MOST_ATTEMPTS = 100
_MOST_OCCURRENCES = 10_000
#: Seconds; the service takes no shorter time between due and too late.
_LEAST_LATENESS = 1


class TaskOptions(TypedDict, total=False):
    """Of a task, for each of its calls."""

    #: Including the first.
    max_attempts: int
    #: Seconds before each retry, the last again and again; or `{"initial": 5, "factor": 3, "max": 3600}`.
    backoff: Backoff
    #: Seconds for one attempt, 0.1 to 300.
    timeout: float | timedelta
    #: How often it may act, the first time included, if it raises Again.
    max_occurrences: int
    delivery: Literal["at_least_once", "at_most_once"]
    #: Seconds of head start among what is due, 0 to 3600.
    priority: int
    tags: Sequence[str]
    #: Kept with the timer, not sent.
    metadata: Mapping[str, Any]
    #: What is called when it has ended so.
    on_delivered: Callback
    on_failed: Callback


class CallOptions(TypedDict, total=False):
    """Of one call. None is the same as leaving it out."""

    #: Not before so many seconds are over; 0 unless said.
    countdown: float | timedelta | None
    #: Not before that; an aware datetime. Not with `countdown`.
    eta: datetime | None
    #: Not later than that: an aware datetime, or seconds from now.
    expires: float | timedelta | datetime | None
    priority: int | None
    #: Attempts after the first.
    retries: int | None
    #: Unique among what has not ended: a second call raises Conflict.
    key: str | None
    #: Beside those of the task.
    tags: Sequence[str] | None
    #: A second call that is the same under it makes nothing new, for 24 hours.
    idempotency_key: str | None


def task_fields(options: TaskOptions) -> dict[str, Any]:
    """Raises TypeError or ValueError for an option that no service takes."""
    unknown = options.keys() - TaskOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"{', '.join(sorted(unknown))}: a task has no such option")
    found = {name: value for name, value in options.items() if value is not None}
    for name, least, most in (
        ("max_attempts", 1, _MOST_ATTEMPTS),
        ("max_occurrences", 1, _MOST_OCCURRENCES),
        ("priority", 0, _MOST_PRIORITY),
    ):
        if name in found:
            found[name] = whole(name, found[name], least, most)
    if "timeout" in found:
        found["timeout"] = seconds("timeout", options["timeout"], least=0.1, most=300)
    if "tags" in found:
        found["tags"] = _tags(options["tags"])
    return found


def call_fields(options: CallOptions, own: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The fields of a new timer but for its url and body. `own` is of the task, as task_fields() makes it.

    What depends on `now` is no part of them unless `eta` and a numeric `expires` meet, so that a call made again under
    its idempotency key is the same. Raises TypeError or ValueError for what cannot be.
    """
    unknown = options.keys() - CallOptions.__annotations__.keys()
    if unknown:
        raise TypeError(f"{', '.join(sorted(unknown))}: a call has no such option")
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    found = {**own, **_when(given, now)}
    if "priority" in given:
        found["priority"] = whole("priority", given["priority"], 0, _MOST_PRIORITY)
    if "retries" in given:
        found["max_attempts"] = 1 + whole("retries", given["retries"], 0, _MOST_ATTEMPTS - 1)
    if "tags" in given:
        found["tags"] = list(dict.fromkeys([*own.get("tags", ()), *_tags(given["tags"])]))
    return {**found, **{name: given[name] for name in ("key", "idempotency_key") if name in given}}


def when_fields(countdown: float | timedelta | None, eta: datetime | None) -> dict[str, Any]:
    """`delay` or `due_at`."""
    if eta is None:
        return {"delay": seconds("countdown", 0 if countdown is None else countdown)}
    if countdown is not None:
        raise TypeError("countdown: give either countdown or eta")
    return {"due_at": moment("eta", eta)}


def _when(given: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    found = when_fields(given.get("countdown"), given.get("eta"))
    expires = given.get("expires")
    if expires is None:
        return found
    due_at = found.get("due_at")
    if isinstance(expires, datetime):
        until = moment("expires", expires)
        if until <= (due_at or now) + (timedelta() if due_at else _span(found["delay"], now)):
            raise ValueError("expires: it is not after the moment at which the task is due")
        return {**found, "expires_at": until}
    left = seconds("expires", expires)
    if due_at is None:
        if left - found["delay"] < _LEAST_LATENESS:
            raise ValueError(f"expires: it is not {_LEAST_LATENESS} s or more after `countdown`")
        return {**found, "max_lateness": left - found["delay"]}
    if "idempotency_key" in given:
        raise ValueError("expires: with eta and idempotency_key give a datetime; seconds from now differ in each call")
    until = now + _span(left, now)
    if until <= due_at:
        raise ValueError("expires: it is not after `eta`")
    return {**found, "expires_at": until}


def _span(length: float, now: datetime) -> timedelta:
    """Not beyond the last moment that can be written."""
    return min(timedelta(seconds=length), datetime.max.replace(tzinfo=now.tzinfo) - now)


def whole(name: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: {value!r} is no integer")
    if not least <= value <= most:
        raise ValueError(f"{name}: it is not from {least:,} to {most:,}")
    return value


def _tags(tags: Sequence[str]) -> list[str]:
    found = None if isinstance(tags, str) or not isinstance(tags, Iterable) else list(tags)
    if found is None or not all(isinstance(tag, str) for tag in found):
        raise TypeError("tags: a list of texts is needed")
    return found
