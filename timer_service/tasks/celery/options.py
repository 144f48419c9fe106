"""The options of a task, as they are declared: read once, at import, and refused there by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from timer_service.tasks.celery import not_offered
from timer_service.tasks.celery.moments import countdown, expiry

#: Seconds; the service waits no longer for one answer.
LONGEST_LIMIT = 300
#: Seconds of head start that a step of Celery's priorities, 0 to 9, is worth.
PRIORITY_STEP = 10
#: These change nothing here: states, errors and arguments are always told, kept and checked.
_ANY_VALUE = {"track_started", "store_errors_even_if_ignored", "trail", "send_events", "add_to_parent"}
#: What always holds, so that no other value can be had.
_ALWAYS: Mapping[str, Any] = {"serializer": "json", "typing": True}
#: A task whose process died is run again; these say so, and False would say that it is lost.
_LATE = {"acks_late", "reject_on_worker_lost"}
_RETRY_KWARGS = {"max_retries", "countdown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What @shared_task was given. Seconds, but for counts and priority."""

    name: str | None = None
    bind: bool = False
    autoretry_for: tuple[type[BaseException], ...] = ()
    dont_autoretry_for: tuple[type[BaseException], ...] = ()
    #: What is logged without a traceback, as information.
    throws: tuple[type[BaseException], ...] = ()
    #: Of an autoretry: `countdown` and `max_retries`.
    retry_kwargs: Mapping[str, Any] | None = None
    #: The wait before the first autoretry, doubled for each later one; 0: default_retry_delay before each.
    retry_backoff: int = 0
    retry_backoff_max: int = 600
    #: An autoretry waits anything up to the backoff, at random.
    retry_jitter: bool = True
    #: None: no end of retries.
    max_retries: int | None = 3
    default_retry_delay: float = 180
    ignore_result: bool = False
    #: For one attempt.
    time_limit: float | None = None
    expires: float | timedelta | datetime | str | None = None
    priority: int | None = None
    queue: str | None = None


def read(given: Mapping[str, Any]) -> Options:
    """Raises TypeError or ValueError, one sentence that names the option."""
    left = {name: value for name, value in given.items() if not accepted(name, value)}
    found = {name: _READERS[name](name, value) for name, value in left.items() if name in _READERS}
    for name in left.keys() - found.keys():
        if left[name] is not None:
            raise TypeError(not_offered.option(name))
    return Options(**{name: value for name, value in found.items() if value is not None or name == "max_retries"})


def accepted(name: str, value: Any) -> bool:
    """Whether an option says what holds anyway. Raises TypeError where it says the contrary."""
    if value is None and name != "max_retries":
        return True
    if name in _LATE and not value:
        raise TypeError(not_offered.refuse_late(name))
    if name == "acks_on_failure" and not value:
        raise TypeError("acks_on_failure=False: a task that fails is not run again, unless it calls retry()")
    if name in _ALWAYS and value != _ALWAYS[name]:
        raise TypeError(f"{name}={value!r}: it is always {_ALWAYS[name]!r} here")
    return name in _ANY_VALUE | _LATE | _ALWAYS.keys() | {"acks_on_failure"}


def time_limit(name: str, value: Any) -> float:
    """Seconds for one attempt."""
    seconds = _seconds(name, value)
    if not 0.1 <= seconds <= LONGEST_LIMIT:
        raise ValueError(
            f"{name}={value!r}: one attempt takes 0.1 to {LONGEST_LIMIT} s; split the task, or keep a worker for it"
        )
    return seconds


def priority(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 9:
        raise ValueError(f"{name}={value!r}: it is 0 to 9, where 9 is the most urgent")
    return value


def text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{name}={value!r}: it is text")
    return value


def _seconds(name: str, value: Any) -> float:
    try:
        return countdown(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}={value!r}: it is no number of seconds") from None


def _classes(name: str, value: Any) -> tuple[type[BaseException], ...]:
    classes = tuple(value) if isinstance(value, list | tuple | set | frozenset) else (None,)
    if not all(isinstance(it, type) and issubclass(it, BaseException) for it in classes):
        raise TypeError(f"{name}={value!r}: it is a tuple of classes of exceptions, as (ConnectionError,)")
    return classes


def _max_retries(name: str, value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise TypeError(f"{name}={value!r}: it is a number of retries, or None for no end of them")
    return value


def _retry_kwargs(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or value.keys() - _RETRY_KWARGS:
        raise TypeError(f"{name}={value!r}: it may have max_retries and countdown")
    if "countdown" in value:
        _seconds(f"{name}: countdown", value["countdown"])
    return {**value, **({"max_retries": _max_retries(name, value["max_retries"])} if "max_retries" in value else {})}


def _backoff(name: str, value: Any) -> int:
    """As Celery has it: True is a second, and a part of a second is one."""
    return int(max(1.0, _seconds(name, float(value)))) if value else 0


def _truth(_: str, value: Any) -> bool:
    return bool(value)


def _expires(name: str, value: Any) -> Any:
    try:
        expiry(value, datetime.now(UTC))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}={value!r}: it is seconds, or a moment") from None
    return value


_READERS: Mapping[str, Any] = {
    "name": text,
    "bind": _truth,
    "autoretry_for": _classes,
    "dont_autoretry_for": _classes,
    "throws": _classes,
    "retry_kwargs": _retry_kwargs,
    "retry_backoff": _backoff,
    "retry_backoff_max": lambda name, value: int(_seconds(name, value)),
    "retry_jitter": _truth,
    "max_retries": _max_retries,
    "default_retry_delay": _seconds,
    "ignore_result": _truth,
    "time_limit": time_limit,
    "expires": _expires,
    "priority": priority,
    "queue": text,
}
