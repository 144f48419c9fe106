"""What a change of clocks does to one moment of a plan, in words. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product
from typing import NamedTuple

from scheduler import Fold, Moment, Plan, recurrence


class Mark(NamedTuple):
    #: `no 02:30 that day`, `02:30 comes twice`.
    words: str
    #: How the clocks are turned, and what that makes of the run.
    more: str


def mark(plan: Plan, moment: Moment) -> Mark | None:
    """None where no clock is turned. Raises PlanError."""
    if moment.note is None or plan.cron is None:
        return None
    cron, turn = recurrence.parse(plan.cron), recurrence.turn_at(moment, plan.time_zone)
    before, after = turn.before.replace(tzinfo=None), turn.after.replace(tzinfo=None)
    has_day = before.date() != after.date()
    turned = f"from {_shown(before, has_day)} to {_shown(after, has_day)}"
    if moment.note == "gap":
        missing = _left_out(cron, before, after)
        return Mark(f"no {missing} that day", f"clocks go forward {turned}; runs at the first moment after")
    shown = recurrence.wall(moment.at // 1000, recurrence.zone_of(plan.time_zone))
    runs = "runs both times" if cron.is_wildcard else f"runs at the {'first' if plan.fold is Fold.FIRST else 'last'}"
    return Mark(f"{shown:%H:%M} comes twice", f"clocks go back {turned}; {runs}")


def _left_out(cron: recurrence.Cron, before: datetime, after: datetime) -> str:
    """The first time of day of the plan that the clock does not show."""
    day = before.replace(hour=0, minute=0, second=0, microsecond=0)
    while day < after:
        for hour, minute in product(cron.hours, cron.minutes):
            if before <= day + timedelta(hours=hour, minutes=minute) < after:
                return f"{hour:02}:{minute:02}"
        day += timedelta(days=1)
    return f"{before:%H:%M}"


def _shown(local: datetime, has_day: bool) -> str:
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}" if has_day else f"{local:%H:%M}"
