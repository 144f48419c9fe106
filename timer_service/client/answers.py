"""Timers and attempts as the service answers them: frozen; moments are aware datetimes in UTC, lengths timedeltas."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from timer_service.client.checked import Checked
from timer_service.client.receipt import Receipt

Status = Literal["scheduled", "delivering", "delivered", "failed", "cancelled"]
Outcome = Literal["delivered", "retryable", "permanent"]
HeldBy = Literal["pause", "breaker", "retry-after", "rate", "concurrency"]
Reason = Literal[
    "delivered",
    "cancelled",
    "attempts-exhausted",
    "permanent",
    "blocked",
    "lease-lost",
    "outcome-unknown",
    "expired",
    "unsendable",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(Checked):
    """One attempt that has ended. What a lost lease took with it is None."""

    number: int
    #: None where the lease was lost: it may have been sent.
    outcome: Outcome | None
    started_at: datetime | None
    lateness: timedelta | None
    duration: timedelta | None
    status_code: int | None
    response_body: str | None
    #: A word: blocked, dns, connect, tls, timeout, reset, protocol, lease-lost, outcome-unknown.
    error: str | None
    #: Why, in a sentence; None also where an older service says nothing of it.
    detail: str | None
    #: Why this send was not the first.
    redelivery: str | None
    poller: str | None
    next_attempt_at: datetime | None
    #: No other follows, unless the timer is replayed.
    final: bool
    #: Which time that the receiver was meant to act, from 1.
    occurrence: int
    #: The `timer-reschedule` of a 2xx that was not obeyed: none was left, or it made no sense.
    asked_reschedule: str | None
    #: As it came.
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Attempt:
        plain = (
            "outcome",
            "status_code",
            "response_body",
            "error",
            "detail",
            "redelivery",
            "poller",
            "asked_reschedule",
        )
        return cls(
            number=raw["number"],
            started_at=moment(raw.get("started_at")),
            lateness=milliseconds(raw.get("lateness_ms")),
            duration=milliseconds(raw.get("duration_ms")),
            next_attempt_at=moment(raw.get("next_attempt_at")),
            final=raw.get("final", False),
            occurrence=raw.get("occurrence", 1),
            raw=raw,
            **{name: raw.get(name) for name in plain},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(Checked):
    """Why a timer's destination keeps it waiting, though it is due."""

    by: HeldBy
    #: None: nobody knows.
    until: datetime | None
    #: In words.
    because: str

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Hold:
        return cls(by=raw["by"], until=moment(raw.get("until")), because=raw.get("because", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer(Checked):
    """A timer as it stood when the service answered."""

    id: str
    status: Status
    due_at: datetime
    #: Whole seconds, rounded up; 0 once due or ended.
    time_left: timedelta
    created_at: datetime
    #: How many there were.
    attempts: int
    last_attempt: Attempt | None
    #: While a retry waits.
    next_attempt_at: datetime | None
    #: How often the receiver is meant to have acted by now, or by the next attempt.
    occurrence: int
    #: These two once it has ended.
    ended_at: datetime | None
    reason: Reason | None
    held: Hold | None
    #: When it is likely to be sent, where a hold makes that later and it can be told.
    expected_at: datetime | None
    url: str
    method: str
    #: Secrets read `***`.
    headers: Mapping[str, str]
    #: A JSON value, or bytes where bytes were given; None also where nothing was.
    body: Any
    timeout: timedelta
    max_attempts: int
    backoff: Mapping[str, float] | Sequence[float]
    delivery: str
    #: How often the receiver can be meant to act, if it asks by `timer-reschedule`.
    max_occurrences: int
    #: Seconds of head start among what is due.
    priority: int
    #: It is not sent later than that, or than so long after it is due; None of both: it is, however late.
    expires_at: datetime | None
    max_lateness: timedelta | None
    key: str | None
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]
    #: Names of headers whose values read `***` because they were set so.
    write_only: tuple[str, ...]
    #: `{"url": ..., "headers": {...}}` of what is called when it has ended so; None for nothing.
    on_delivered: Mapping[str, Any] | None
    on_failed: Mapping[str, Any] | None
    #: The timer whose end this one tells, if it is a callback.
    callback_for: str | None
    #: The schedule that made it, if it is a run.
    schedule: str | None
    #: Of the call that set it with a durability: what was reached before it was answered.
    durability: Receipt | None
    #: The service's version cannot read what it has stored: url is empty, and what would be sent is not known.
    unreadable: bool
    #: The store has forgotten it: so it stood when it ended.
    from_history: bool
    #: The answer as it came, with what this version of the client does not know.
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def ended(self) -> bool:
        return self.status in ("delivered", "failed", "cancelled")

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Timer:
        plain = (
            *("id", "status", "attempts", "url", "method", "headers"),
            *("max_attempts", "backoff", "delivery", "metadata"),
        )
        last = raw.get("last_attempt")
        return cls(
            due_at=aware(raw["due_at"]),
            created_at=aware(raw["created_at"]),
            time_left=timedelta(seconds=raw["time_left"]),
            timeout=timedelta(seconds=raw["timeout"]),
            next_attempt_at=moment(raw.get("next_attempt_at")),
            occurrence=raw.get("occurrence", 1),
            ended_at=moment(raw.get("ended_at")),
            reason=raw.get("reason"),
            held=None if raw.get("held") is None else Hold.from_json(raw["held"]),
            expected_at=moment(raw.get("expected_at")),
            max_occurrences=raw.get("max_occurrences", 1),
            priority=raw.get("priority", 0),
            expires_at=moment(raw.get("expires_at")),
            max_lateness=None if raw.get("max_lateness") is None else timedelta(seconds=raw["max_lateness"]),
            last_attempt=None if last is None else Attempt.from_json(last),
            body=b64decode(raw["body_base64"], validate=True)
            if raw.get("body_base64") is not None
            else raw.get("body"),
            key=raw.get("key"),
            tags=tuple(raw.get("tags") or ()),
            write_only=tuple(raw.get("write_only") or ()),
            on_delivered=raw.get("on_delivered"),
            on_failed=raw.get("on_failed"),
            callback_for=raw.get("callback_for"),
            schedule=raw.get("schedule"),
            durability=Receipt.from_json(raw.get("durability")),
            unreadable=raw.get("unreadable") is True,
            from_history=raw.get("from") == "history",
            raw=raw,
            **{name: raw[name] for name in plain},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Checked):
    """Some timers of a list. It can be short, or empty, and still not be the last."""

    timers: Sequence[Timer]
    #: For the next page; None on the last.
    next_cursor: str | None
    #: All that the list has, where the service knows without walking it.
    total: int | None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Page:
        timers = tuple(map(Timer.from_json, raw["data"]))
        return cls(timers=timers, next_cursor=raw.get("next_cursor"), total=raw.get("total"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether a timer set now would be kept. Its truth is `ready`."""

    ready: bool
    warnings: tuple[str, ...] = ()
    #: Why it is not.
    detail: str = ""

    def __bool__(self) -> bool:
        return self.ready


def moment(text: str | None) -> datetime | None:
    return None if text is None else aware(text)


def aware(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.utcoffset() is None:
        raise ValueError("a moment without a time zone")
    return found


def milliseconds(value: float | None) -> timedelta | None:
    return None if value is None else timedelta(milliseconds=value)
