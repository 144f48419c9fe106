"""How clocks are turned where a moment is not where a reader of its plan would look for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from scheduler.recurrence.wall_clock import first_after_change, wall
from scheduler.recurrence.zones import zone_of
from scheduler.schedule import Moment


class Turn(NamedTuple):
    """What the clock comes to show, and what it is turned to at that moment."""

    before: datetime
    after: datetime


def turn_at(moment: Moment, time_zone: str) -> Turn:
    """Of a moment whose note is `gap` or `fold`. Raises PlanError."""
    zone, second = zone_of(time_zone), moment.at // 1000
    if moment.note == "fold":
        shown = wall(second, zone)
        apart = (shown.replace(fold=0).utcoffset() or timedelta()) - (shown.replace(fold=1).utcoffset() or timedelta())
        first = second - shown.fold * int(apart.total_seconds())
        second = first_after_change(first, first + int(apart.total_seconds()), zone)
    return Turn(wall(second - 1, zone) + timedelta(seconds=1), wall(second, zone))
