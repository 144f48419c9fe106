"""Schedules as the store holds them: frozen data, no I/O. Moments are ms since the epoch, by the store's clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from scheduler.durability import Receipt
from scheduler.schedule import CatchUp, Overlap, Plan
from scheduler.timer import Status, Webhook

#: ms: moments that were missed longer ago are not made up for, unless a schedule says otherwise.
CATCH_UP_WINDOW = 86_400_000

#: In the place of the version that a schedule must have to be replaced: there must be none of this name.
NO_VERSION = ""


class ScheduleStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    #: No moment is left, or it has made as many runs as it may. It can be read, fired, changed and deleted.
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDraft:
    """A schedule as a client asks for it.

    `plan.starts_at` 0 says none: that of the schedule that it replaces, or now.
    """

    #: Of a key's characters: it is part of keys, and of the first line of each run's record.
    name: str
    plan: Plan
    #: What each run sends.
    webhook: Webhook
    #: Of each run.
    tags: tuple[str, ...] = ()
    overlap: Overlap = Overlap.ALLOW
    catch_up: CatchUp = CatchUp.LAST
    catch_up_window_ms: int = CATCH_UP_WINDOW
    #: All its runs are due later than their moments by an offset below this, which its name gives.
    spread_ms: int = 0
    #: So many runs in a row that ended failed pause it; 0: no number does.
    pause_after_failures: int = 0
    #: Moments that may become runs; None: any number.
    max_runs: int | None = None

    def starting(self, starts_at: int) -> ScheduleDraft:
        """The same with this start, in ms, unless it says one."""
        return replace(self, plan=replace(self.plan, starts_at=self.plan.starts_at or starts_at))


class Pause(NamedTuple):
    """Why a schedule makes no runs for now."""

    #: In the words of whoever paused it.
    reason: str
    by: str
    #: ms.
    at: int
    #: ms at which it goes on by itself; None: once somebody resumes it.
    until: int | None = None


class Skipped(NamedTuple):
    """Moments that became no run, by why."""

    #: An earlier run was unfinished.
    overlap: int = 0
    #: Nothing ran at their time, and the schedule does not make up for them.
    missed: int = 0
    paused: int = 0
    #: A change of clocks left them out.
    gap: int = 0


class Run(NamedTuple):
    """One of the last runs of a schedule."""

    #: ms: its moment and the schedule's offset, or when it was fired.
    due_at: int
    timer_id: str
    #: None of one that was forgotten before it was known how it ended.
    status: Status | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule as the store holds it at the moment `read_at`."""

    #: With `plan.starts_at` as it is in force.
    draft: ScheduleDraft
    #: Another once a PUT has changed it: what If-Match compares. Pauses and runs change nothing of it.
    version: str
    status: ScheduleStatus
    created_at: int
    read_at: int
    #: Timers that it has made, those by hand too.
    runs: int
    skipped: Skipped
    paused: Pause | None
    #: The last ten that are due, the latest first.
    previous: tuple[Run, ...]
    #: Runs that it may still have, with those that are made and not due; None: any number.
    runs_left: int | None
    #: ms: a moment up to which none becomes a run that is due later.
    decided: int
    #: Of the request that has set it, if that asked for one: how durable it was when that was answered.
    receipt: Receipt | None = None

    @property
    def name(self) -> str:
        return self.draft.name


class SchedulePage(NamedTuple):
    """Some schedules, by their names."""

    schedules: list[Schedule]
    #: The name that the next page goes on after; None at the end.
    next: str | None
