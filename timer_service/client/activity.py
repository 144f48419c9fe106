"""What the service tells of itself: its pollers, its minutes, what falls due, its store. Frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from timer_service.client.answers import aware, milliseconds
from timer_service.client.checked import Checked

#: How long each bucket of a forecast is.
Step = Literal["second", "minute", "hour", "day"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poller(Checked):
    """A poller as its last claim showed it."""

    name: str
    seen_at: datetime
    #: Attempts that it had under way, of so many at most.
    in_flight: int
    slots: int

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Poller:
        return cls(name=raw["name"], seen_at=aware(raw["seen_at"]), in_flight=raw["in_flight"], slots=raw["slots"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pollers(Checked):
    """Those seen in the last hour, by name."""

    #: The moment for which it holds, here and below.
    read_at: datetime
    pollers: tuple[Poller, ...]
    #: The answer as it came, here and below.
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Pollers:
        return cls(read_at=aware(raw["read_at"]), pollers=tuple(map(Poller.from_json, raw["data"])), raw=raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute(Checked):
    """What happened in one minute."""

    #: Its beginning.
    at: datetime
    #: Timers that were set.
    set: int
    #: Attempts that were over, delivered ones too; and those of them that failed.
    attempts: int
    failed_attempts: int
    #: Timers that ended so.
    delivered: int
    failed: int
    cancelled: int
    #: Within which half of the attempts were sent, 99 % of them, and the worst; None where there were none.
    lateness_p50: timedelta | None
    lateness_p99: timedelta | None
    lateness_worst: timedelta | None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Minute:
        counts = ("set", "attempts", "failed_attempts", "delivered", "failed", "cancelled")
        lateness = raw["lateness_ms"]
        return cls(
            at=aware(raw["at"]),
            lateness_p50=milliseconds(lateness["p50"]),
            lateness_p99=milliseconds(lateness["p99"]),
            lateness_worst=milliseconds(lateness["worst"]),
            **{name: raw[name] for name in counts},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Minutes(Checked):
    """The latest first, also those in which nothing happened. The first is not over yet."""

    read_at: datetime
    minutes: tuple[Minute, ...]
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Minutes:
        return cls(read_at=aware(raw["read_at"]), minutes=tuple(map(Minute.from_json, raw["data"])), raw=raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket(Checked):
    """How many timers fall due from a moment on, until the next bucket."""

    at: datetime
    count: int
    #: Others that are due already, wait behind a held destination, and are expected to be sent in this time.
    held: int

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Bucket:
        return cls(at=aware(raw["at"]), count=raw["count"], held=raw.get("held", 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast(Checked):
    """Scheduled timers by when they fall due. Of what is due already it has what is held."""

    read_at: datetime
    by: Step
    buckets: tuple[Bucket, ...]
    #: Due timers that wait behind a held destination, nobody knows how long.
    held_undated: int
    #: False: more destinations are held than were looked at, and so perhaps more timers.
    exact: bool
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Forecast:
        buckets = tuple(map(Bucket.from_json, raw["data"]))
        return cls(
            read_at=aware(raw["read_at"]),
            by=raw["by"],
            buckets=buckets,
            held_undated=raw.get("held_undated", 0),
            exact=raw.get("exact", True),
            raw=raw,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState(Checked):
    """How the store is. What it does not tell is None."""

    #: As `valkey 9.0`.
    server: str | None
    #: Whether it takes writes, how long one took, and why it failed.
    write_ok: bool
    write_time: timedelta | None
    write_problem: str | None
    used_bytes: int | None
    #: None for any number.
    max_bytes: int | None
    when_full: Literal["refuses", "evicts"] | None
    #: Whether it keeps an append-only file; how that comes to the disk; whether its last write went well.
    append_only: bool | None
    append_fsync: str | None
    append_ok: bool | None
    warnings: tuple[str, ...]
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> StoreState:
        write, memory, append_only = raw["write"], raw["memory"], raw["append_only"]
        return cls(
            server=raw["server"],
            write_ok=write["ok"],
            write_time=milliseconds(write["ms"]),
            write_problem=write["problem"],
            used_bytes=memory["used_bytes"],
            max_bytes=memory["max_bytes"],
            when_full=memory["when_full"],
            append_only=append_only["enabled"],
            append_fsync=append_only["fsync"],
            append_ok=append_only["ok"],
            warnings=tuple(raw["warnings"]),
            raw=raw,
        )
