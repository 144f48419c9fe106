"""A row of the list of schedules. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler import Pause, Run, Schedule, upcoming
from timer_service.web.pages.schedules.plan_words import described, paused_by, skipped_short


@dataclass(frozen=True, slots=True)
class ListedSchedule:
    name: str
    #: In words.
    when: str
    #: The expression that says so; '' of an interval.
    cron: str
    status: str
    paused: Pause | None
    paused_by: str
    #: ms of the next run; None where none is known.
    next_at: int | None
    last: Run | None
    skipped: str


def row(schedule: Schedule) -> ListedSchedule:
    plan = schedule.draft.plan
    return ListedSchedule(
        name=schedule.name,
        when=described(plan, schedule.read_at),
        cron=plan.cron or "",
        status=schedule.status,
        paused=schedule.paused,
        paused_by=paused_by(schedule.paused) if schedule.paused else "",
        next_at=next_at(schedule),
        last=schedule.previous[0] if schedule.previous else None,
        skipped=skipped_short(schedule.skipped),
    )


def next_at(schedule: Schedule) -> int | None:
    """None of what has no further run that is known."""
    return next((it.at for it in upcoming(schedule, 1)), None)
