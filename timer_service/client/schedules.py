"""Schedules as the service answers them: frozen; moments are aware datetimes, lengths text such as `1h30m`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from timer_service.client.answers import Status, aware, moment
from timer_service.client.checked import Checked
from timer_service.client.receipt import Receipt
from timer_service.client.schedule_fields import CatchUp, Fold, Gap, NewSchedule, Overlap, ScheduleStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment(Checked):
    """One moment that a schedule names."""

    utc: datetime
    #: What the clock of its zone shows, with that clock's offset.
    local: datetime
    #: Why it is not where a reader of the plan would look for it: a change of clocks.
    note: Literal["gap", "fold"] | None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Moment:
        return cls(utc=aware(raw["utc"]), local=aware(raw["local"]), note=raw.get("note"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview(Checked):
    """Which moments a plan names, and the plan in words."""

    description: str
    moments: tuple[Moment, ...]
    #: The answer as it came, here and below.
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Preview:
        return cls(description=raw["description"], moments=tuple(map(Moment.from_json, raw["moments"])), raw=raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Checked):
    """One of the last runs of a schedule."""

    due_at: datetime
    timer_id: str
    #: None of one that was forgotten before it was known how it ended.
    status: Status | None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Run:
        return cls(due_at=aware(raw["due_at"]), timer_id=raw["timer_id"], status=raw.get("status"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped(Checked):
    """Moments that became no run, by why."""

    #: An earlier run was unfinished.
    overlap: int
    #: Nothing ran at their time, and the schedule does not make up for them.
    missed: int
    paused: int
    #: A change of clocks left them out.
    gap: int

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Skipped:
        return cls(**{name: raw[name] for name in ("overlap", "missed", "paused", "gap")})

    @property
    def total(self) -> int:
        return self.overlap + self.missed + self.paused + self.gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Checked):
    """Why a schedule makes no runs for now, or nothing is sent to a destination."""

    #: In the words of whoever paused it.
    reason: str
    #: The name of an API key, or of a schedule `pause_after_failures`; empty without keys.
    by: str
    at: datetime
    #: When it goes on by itself; None: once somebody resumes it.
    until: datetime | None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Pause:
        return cls(reason=raw["reason"], by=raw["by"], at=aware(raw["at"]), until=moment(raw.get("until")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Checked):
    """A schedule as it stood when the service answered."""

    name: str
    status: ScheduleStatus
    #: Its plan in words.
    description: str
    #: One of these two.
    cron: str | None
    every: str | None
    time_zone: str
    starts_at: datetime | None
    ends_at: datetime | None
    max_runs: int | None
    overlap: Overlap
    catch_up: CatchUp
    catch_up_window: str
    gap: Gap
    fold: Fold
    spread: str
    pause_after_failures: int | None
    #: What each run sends, as the service writes it; secrets read `***`.
    timer: Mapping[str, Any]
    created_at: datetime
    #: When the next five runs are due, none while a pause has no end; and the last ten runs, the latest first.
    next: tuple[Moment, ...]
    previous: tuple[Run, ...]
    #: Timers that it has made.
    runs: int
    skipped: Skipped
    paused: Pause | None
    #: Another once what was asked for has changed: what `if_version` takes. Pauses and runs change nothing of it.
    version: str
    #: Of the call that set it with a durability: what was reached before it was answered.
    durability: Receipt | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def fields(self) -> dict[str, Any]:
        """What was asked for, as set_schedule() takes it: to be changed and given back. Secrets read `***` in it, which
        is refused: give them anew, or use update_schedule(), which leaves what it does not name."""
        return {name: self.raw[name] for name in NewSchedule.__annotations__ if name in self.raw}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Schedule:
        plain = (
            *("name", "status", "description", "version", "time_zone", "overlap"),
            *("catch_up", "catch_up_window", "gap", "fold", "spread"),
        )
        optional = ("cron", "every", "max_runs", "pause_after_failures")
        paused = raw.get("paused")
        same: dict[str, Any] = {name: raw[name] for name in plain} | {name: raw.get(name) for name in optional}
        return cls(
            starts_at=moment(raw.get("starts_at")),
            ends_at=moment(raw.get("ends_at")),
            timer=raw["timer"],
            durability=Receipt.from_json(raw.get("durability")),
            created_at=aware(raw["created_at"]),
            next=tuple(map(Moment.from_json, raw["next"])),
            previous=tuple(map(Run.from_json, raw["previous"])),
            runs=raw["runs"],
            skipped=Skipped.from_json(raw["skipped"]),
            paused=None if paused is None else Pause.from_json(paused),
            raw=raw,
            **same,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePage(Checked):
    """Some schedules, by their names. It can be short, or empty, and still not be the last."""

    schedules: Sequence[Schedule]
    #: For the next page; None on the last.
    next_cursor: str | None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> SchedulePage:
        return cls(schedules=tuple(map(Schedule.from_json, raw["data"])), next_cursor=raw.get("next_cursor"))
