"""What the service counts: timers by status, those that match, those that a bulk action changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from timer_service.client.answers import milliseconds
from timer_service.client.checked import Checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Checked):
    """How many timers match."""

    count: int
    #: False if there may be more: the service stopped looking.
    exact: bool

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Count:
        return cls(count=raw["count"], exact=raw["exact"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed(Checked):
    """What a bulk cancel or replay did, summed over its calls."""

    #: Timers that were looked at.
    matched: int = 0
    #: Cancelled, or replayed.
    changed: int = 0
    #: Left alone, because their status did not allow it.
    skipped: int = 0

    @classmethod
    def sum(cls, parts: Iterable[Changed]) -> Changed:
        parts = list(parts)
        names = ("matched", "changed", "skipped")
        return cls(**{name: sum(getattr(part, name) for part in parts) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats(Checked):
    """Counts by status, and how punctual the last thousand attempts were."""

    scheduled: int
    overdue: int
    delivering: int
    delivered: int
    failed: int
    cancelled: int
    oldest_overdue: timedelta
    lateness_p50: timedelta | None
    lateness_p99: timedelta | None
    #: Of the scheduled, those that wait to be sent again; None if the service does not tell.
    tried_before: int | None = None
    #: Claims of timers that the service could not read; 0 also where it does not say.
    unreadable_claims: int = 0
    #: Bytes of the store; None if it does not say.
    used_bytes: int | None = None
    #: Beyond them creates are refused; None for any number.
    max_bytes: int | None = None
    #: The answer as it came.
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Stats:
        counts = ("scheduled", "overdue", "delivering", "delivered", "failed", "cancelled")
        return cls(
            oldest_overdue=timedelta(milliseconds=raw["oldest_overdue_ms"]),
            lateness_p50=milliseconds(raw["lateness_ms"]["p50"]),
            lateness_p99=milliseconds(raw["lateness_ms"]["p99"]),
            tried_before=raw.get("tried_before"),
            unreadable_claims=raw.get("unreadable_claims", 0),
            used_bytes=raw.get("used_bytes"),
            max_bytes=raw.get("max_bytes"),
            raw=raw,
            **{name: raw[name] for name in counts},
        )
