"""The fields of requests, in Python's types, and how they become JSON. The names are those of the API."""

from __future__ import annotations

import contextlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Required, TypedDict

from timer_service.client.answers import Reason, Status

Seconds = timedelta | float
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
Delivery = Literal["at_least_once", "at_most_once"]
#: `{"initial": 5, "factor": 3, "max": 3600}`, or a list whose last step repeats.
Backoff = Mapping[str, Seconds] | Sequence[Seconds]


#: What is to be reached before the answer: `"memory"`, `"fsync"`, or `"replicas:1"` and more; None: the service's own.
Durability = str | None


class When(TypedDict, total=False):
    """Exactly one of `delay`, `due_at` and `local_due_at`."""

    #: A timedelta, seconds, or text with units: `"1h30m"`, `"PT30M"`.
    delay: Seconds | str
    #: An aware datetime, or RFC 3339.
    due_at: datetime | str
    #: What a clock shows in `time_zone`: a datetime without a time zone of its own, or `"2027-03-28T02:30"`.
    local_due_at: datetime | str
    #: A name of the IANA list, such as `"Europe/Berlin"`; only with `local_due_at`.
    time_zone: str
    #: Which of two moments, where the clock shows `local_due_at` twice; the first unless said.
    fold: Literal["first", "last"]


class _CallbackParts(TypedDict, total=False):
    url: Required[str]
    headers: Mapping[str, str]


#: A URL, or `{"url": ..., "headers": {...}}`; None for none.
Callback = str | _CallbackParts | None


class RequestOptions(TypedDict, total=False):
    """What is sent, and how hard is tried."""

    method: Method
    headers: Mapping[str, str]
    #: Any JSON value, sent as JSON, a Decimal in its own digits; or bytes, sent as they are.
    body: Any
    #: For one attempt.
    timeout: Seconds
    #: Including the first.
    max_attempts: int
    backoff: Backoff
    delivery: Delivery
    #: How often the receiver may be meant to act, the first time included, if it asks by `timer-reschedule`.
    max_occurrences: int
    #: Seconds of head start among what is due.
    priority: int
    #: It is not sent later than so long after it is due.
    max_lateness: Seconds | str
    tags: Sequence[str]
    #: Kept, not sent.
    metadata: Mapping[str, Any]
    #: Names of headers whose values no answer tells.
    write_only: Sequence[str]
    #: What is called when it has ended so.
    on_delivered: Callback
    on_failed: Callback


class Options(When, RequestOptions, total=False):
    """Of a timer with a key."""

    #: It is not sent later than that; not with `max_lateness`.
    expires_at: datetime | str


class KeyedOptions(Options, total=False):
    #: Unique among unfinished timers.
    key: str


class NewTimer(KeyedOptions, total=False):
    """One timer of a batch."""

    url: Required[str]


class Changes(When, total=False):
    """Of a timer that waits: what is given is replaced, mappings name by name; None takes back to the default."""

    url: str
    method: Method | None
    headers: Mapping[str, str | None] | None
    body: Any
    timeout: Seconds | None
    max_attempts: int | None
    backoff: Backoff | None
    delivery: Delivery | None
    max_occurrences: int | None
    priority: int | None
    expires_at: datetime | str | None
    max_lateness: Seconds | str | None
    tags: Sequence[str] | None
    write_only: Sequence[str] | None
    on_delivered: str | Mapping[str, Any] | None
    on_failed: str | Mapping[str, Any] | None
    metadata: Mapping[str, Any] | None


class _WhateverStatus(TypedDict, total=False):
    tag: str
    #: As `https:api.example.com:443`, or a URL of it.
    destination: str
    #: From this moment on.
    due_after: datetime | str
    #: Up to, and without, this moment.
    due_before: datetime | str


class Filters(_WhateverStatus, total=False):
    status: Status


class ReadFilters(_WhateverStatus, total=False):
    #: `any`: delivering, scheduled, failed, delivered and cancelled ones, in turn.
    status: Status | Literal["any"]
    #: The name of the schedule whose runs they are.
    schedule: str


class HistoryFilters(TypedDict, total=False):
    status: Literal["delivered", "failed", "cancelled"]
    #: Why it ended: a word, as `attempts-exhausted`.
    reason: Reason
    #: As `https:api.example.com:443`, or a URL of it.
    destination: str
    tag: str
    #: The name of the schedule whose runs they are.
    schedule: str
    key: str


def given(**fields: Any) -> dict[str, Any]:
    return to_json({name: value for name, value in fields.items() if value is not None})


def to_json(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Raises ValueError for a datetime without a time zone, TypeError for what JSON has no form for."""
    found = {name: _value(name, value) for name, value in fields.items()}
    if isinstance(found.get("body"), bytes | bytearray | memoryview):
        found["body_base64"] = b64encode(found.pop("body")).decode()
    return found


def _value(name: str, value: Any) -> Any:
    if isinstance(value, datetime) and name == "local_due_at":
        if value.utcoffset() is not None:
            raise ValueError(f"{name}: {value!r} has a time zone of its own; use due_at, or .replace(tzinfo=None)")
        return value.isoformat()
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError(
                f"{name}: {value!r} has no time zone; use datetime.now(UTC), or .astimezone() for local time"
            )
        with contextlib.suppress(OverflowError):  # before year 1 or after year 9999 of UTC: the service says so
            value = value.astimezone(UTC)
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if name == "backoff" and isinstance(value, Mapping):
        return {inner: _value(inner, step) for inner, step in value.items()}
    if name in ("timer", "rate") and isinstance(value, Mapping):
        return to_json(value)
    if name in ("backoff", "tags", "write_only") and not isinstance(value, str) and isinstance(value, Sequence):
        return [_value(name, step) for step in value]
    return dict(value) if isinstance(value, Mapping) else value
