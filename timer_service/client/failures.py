"""What failed, grouped, and where attempts fail now. Frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from timer_service.client.answers import Reason, Timer, aware, moment
from timer_service.client.checked import Checked


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup(Checked):
    """Timers that ended failed in the same way at one destination."""

    #: As `https:api.example.com:443`; None where the service cannot read the timer.
    destination: str | None
    reason: Reason | None
    #: Of their last attempts: a word, or the status that was answered.
    error: str | None
    status_code: int | None
    count: int
    #: Of these, those that ended last first: what `replay_many` can be given.
    ids: tuple[str, ...]
    #: The one that ended last.
    newest: Timer
    oldest_ended_at: datetime

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> FailureGroup:
        plain = ("destination", "reason", "error", "status_code", "count")
        return cls(
            newest=Timer.from_json(raw["newest"]),
            oldest_ended_at=aware(raw["oldest_ended_at"]),
            ids=tuple(raw["ids"]),
            **{name: raw[name] for name in plain},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingDestination(Checked):
    """One whose latest attempts failed, or behind which due timers wait for room."""

    destination: str | None
    #: Nothing was delivered there since; this and the next None, and no failures, where timers only wait for room.
    failing_since: datetime | None
    last_failed_at: datetime | None
    #: Attempts that failed in a row; and of the last of them, a word, or the status that was answered.
    failures: int
    error: str | None
    status_code: int | None
    #: Due timers that wait, for room or because it is held, and since when the oldest is due.
    waiting: int
    oldest_waiting_at: datetime | None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> FailingDestination:
        plain = ("destination", "failures", "error", "status_code", "waiting")
        return cls(
            failing_since=moment(raw["failing_since"]),
            last_failed_at=moment(raw["last_failed_at"]),
            oldest_waiting_at=moment(raw["oldest_waiting_at"]),
            **{name: raw[name] for name in plain},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures(Checked):
    """What failed, grouped, the largest group first; and where attempts fail now."""

    read_at: datetime
    #: Failed timers that were looked at, the newest; and whether there are older ones.
    looked: int
    more: bool
    groups: tuple[FailureGroup, ...]
    failing: tuple[FailingDestination, ...]
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Failures:
        return cls(
            read_at=aware(raw["read_at"]),
            looked=raw["looked"],
            more=raw["more"],
            groups=tuple(map(FailureGroup.from_json, raw["data"])),
            failing=tuple(map(FailingDestination.from_json, raw["failing"])),
            raw=raw,
        )
