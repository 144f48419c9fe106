"""Destinations as the service answers them: frozen; moments are aware datetimes, lengths timedeltas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from timer_service.client.answers import aware, milliseconds, moment
from timer_service.client.checked import Checked
from timer_service.client.destination_fields import DestinationState, Signing
from timer_service.client.schedules import Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretUse(Checked):
    """When a secret was made, and until when it is in use."""

    since: datetime
    #: None of the newest.
    until: datetime | None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> SecretUse:
        return cls(since=aware(raw["since"]), until=moment(raw.get("until")))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret(Checked):
    """A secret that was made for a destination. Its repr does not tell it, and no other answer ever will."""

    #: `whsec_...`.
    secret: str = field(repr=False)
    #: Of "service" it signs nothing yet.
    signing: Signing
    #: Until when those before it are in use too; None where none is.
    old_until: datetime | None
    #: The answer as it came.
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> NewSecret:
        return cls(secret=raw["secret"], signing=raw["signing"], old_until=moment(raw.get("old_until")), raw=raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination(Checked):
    """A destination as it stood when the service answered."""

    #: As `https:api.example.com:443`.
    id: str
    state: DestinationState
    #: Since when it stands so, and why, in words; None where nobody noted it.
    since: datetime | None
    because: str | None
    #: When that changes by itself; of a broken one the next probe.
    next_at: datetime | None
    paused: Pause | None
    #: Another once what was set has changed: what `if_version` takes. Pauses change nothing of it.
    version: str
    #: `{"requests": 10, "per": "1s", "burst": None}`; None for any number.
    rate: Mapping[str, Any] | None
    #: None for any number.
    concurrency: int | None
    #: `{"mode": "auto"}` or `{"mode": "off"}`.
    breaker: Mapping[str, Any]
    #: Whose secrets sign what is sent there.
    signing: Signing
    #: Its own that are in use, the newest first; never what they are.
    secrets: Sequence[SecretUse]
    #: Due timers that wait behind it, and when the oldest of them was due.
    waiting: int
    oldest_waiting_at: datetime | None
    #: Attempts under way; None of one without a concurrency.
    in_flight: int | None
    #: Sums of what pollers have reported.
    attempts: int
    failures: int
    #: Of all attempts together.
    duration: timedelta
    last_attempt_at: datetime | None
    #: A word, or the status, of the last attempt that failed.
    last_error: str | None
    last_error_at: datetime | None
    #: The answer as it came, with what this version of the client does not know.
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    def __hash__(self) -> int:
        return hash(self.id)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Destination:
        moments = ("since", "next_at", "oldest_waiting_at", "last_attempt_at", "last_error_at")
        plain = ("id", "state", "version", "breaker", "signing", "waiting", "attempts", "failures")
        optional = ("because", "rate", "concurrency", "in_flight", "last_error")
        paused = raw.get("paused")
        same: dict[str, Any] = {name: raw[name] for name in plain} | {name: raw.get(name) for name in optional}
        same |= {name: moment(raw.get(name)) for name in moments}
        return cls(
            paused=None if paused is None else Pause.from_json(paused),
            secrets=tuple(map(SecretUse.from_json, raw["secrets"])),
            duration=milliseconds(raw["duration_ms"]) or timedelta(),
            raw=raw,
            **same,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationPage(Checked):
    """Some destinations: those that are limited or held first, then the busiest. It can be short and not the last."""

    destinations: Sequence[Destination]
    #: For the next page; None on the last.
    next_cursor: str | None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> DestinationPage:
        return cls(destinations=tuple(map(Destination.from_json, raw["data"])), next_cursor=raw.get("next_cursor"))
