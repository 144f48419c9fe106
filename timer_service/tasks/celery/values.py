"""Values of options, checked: each reader takes the option's name, for its message, and the value. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from timer_service.tasks.celery.moments import countdown, expiry

#: Seconds; the service waits no longer for one answer.
LONGEST_LIMIT = 300
#: Seconds of head start that a step of Celery's priorities, 0 to 9, is worth.
PRIORITY_STEP = 10


def time_limit(name: str, value: Any) -> float:
    """Seconds for one attempt."""
    limit = seconds(name, value)
    if not 0.1 <= limit <= LONGEST_LIMIT:
        raise ValueError(
            f"{name}={value!r}: one attempt takes 0.1 to {LONGEST_LIMIT} s; split the task, or keep a worker for it"
        )
    return limit


def priority(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 9:
        raise ValueError(f"{name}={value!r}: it is 0 to 9, where 9 is the most urgent")
    return value


def text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{name}={value!r}: it is text")
    return value


def seconds(name: str, value: Any) -> float:
    try:
        return countdown(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}={value!r}: it is no number of seconds") from None


def classes(name: str, value: Any) -> tuple[type[BaseException], ...]:
    classes = tuple(value) if isinstance(value, list | tuple | set | frozenset) else (None,)
    if not all(isinstance(it, type) and issubclass(it, BaseException) for it in classes):
        raise TypeError(f"{name}={value!r}: it is a tuple of classes of exceptions, as (ConnectionError,)")
    return classes


def max_retries(name: str, value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise TypeError(f"{name}={value!r}: it is a number of retries, or None for no end of them")
    return value


def retry_kwargs(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or value.keys() - {"max_retries", "countdown"}:
        raise TypeError(f"{name}={value!r}: it may have max_retries and countdown")
    if "countdown" in value:
        seconds(f"{name}: countdown", value["countdown"])
    return {**value, **({"max_retries": max_retries(name, value["max_retries"])} if "max_retries" in value else {})}


def backoff(name: str, value: Any) -> int:
    """As Celery has it: True is a second, and a part of a second is one."""
    return int(max(1.0, seconds(name, float(value)))) if value else 0


def truth(_: str, value: Any) -> bool:
    return bool(value)


def expires(name: str, value: Any) -> Any:
    try:
        expiry(value, datetime.now(UTC))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}={value!r}: it is seconds, or a moment") from None
    return value
