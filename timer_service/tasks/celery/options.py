"""The options of a task, as they are declared: read once, at import, and refused there by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from timer_service.tasks.celery import not_offered, values

#: These change nothing here: states, errors and arguments are always told, kept and checked.
_ANY_VALUE = {"track_started", "store_errors_even_if_ignored", "trail", "send_events", "add_to_parent"}
#: What always holds, so that no other value can be had.
_ALWAYS: Mapping[str, Any] = {"serializer": "json", "typing": True}
#: A task whose process died is run again; these say so, and False would say that it is lost.
_LATE = {"acks_late", "reject_on_worker_lost"}

_READERS: Mapping[str, Any] = {
    "name": values.text,
    "bind": values.truth,
    "autoretry_for": values.classes,
    "dont_autoretry_for": values.classes,
    "throws": values.classes,
    "retry_kwargs": values.retry_kwargs,
    "retry_backoff": values.backoff,
    "retry_backoff_max": lambda name, value: int(values.seconds(name, value)),
    "retry_jitter": values.truth,
    "max_retries": values.max_retries,
    "default_retry_delay": values.seconds,
    "ignore_result": values.truth,
    "time_limit": values.time_limit,
    "expires": values.expires,
    "priority": values.priority,
    "queue": values.text,
}
#: Every option that is taken, with some value or with any.
TAKEN = frozenset(_READERS) | _ANY_VALUE | _LATE | frozenset(_ALWAYS) | {"acks_on_failure"}


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
