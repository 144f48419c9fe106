"""Moments of a plan as rows of a table: by the clock of its zone, and in UTC. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from scheduler import Moment, Plan, recurrence, rfc3339
from timer_service.web.pages.schedules.clocks import Mark, mark


class MomentRow(NamedTuple):
    #: ms.
    at: int
    #: `Sat 28 Nov, 02:30`.
    local: str
    #: `+01:00`.
    offset: str
    #: RFC 3339.
    precise: str
    utc: str
    mark: Mark | None


def moment_rows(plan: Plan, moments: Iterable[Moment], spread: int = 0) -> list[MomentRow]:
    """`spread`, ms: how much later than its moment each is due. Raises PlanError."""
    zone = recurrence.zone_of(plan.time_zone)
    return [_row(plan, it, *_shown(it.at, zone), spread) for it in moments]


def _shown(at: int, zone: ZoneInfo) -> tuple[str, str]:
    """What the clock shows, and its offset; on the last day of the year 9999 some clocks show one that is no date."""
    try:
        local = recurrence.wall(at // 1000, zone)
    except OverflowError:
        return "in the year 10000", ""
    return f"{local:%a} {local.day} {local:%b}, {local:{'%H:%M' if at % 60_000 == 0 else '%H:%M:%S'}}", _offset(local)


def _row(plan: Plan, moment: Moment, local: str, offset: str, spread: int) -> MomentRow:
    is_whole = moment.at % 60_000 == 0
    precise = rfc3339.rfc3339(moment.at)
    return MomentRow(
        at=moment.at,
        local=local,
        offset=offset,
        precise=precise,
        utc=precise.replace("T", " ")[: len("2026-11-28 01:30") if is_whole else len("2026-11-28 01:30:00")],
        mark=mark(plan, Moment(moment.at - spread, moment.note)),
    )


def _offset(local: datetime) -> str:
    offset = local.utcoffset()
    minutes = 0 if offset is None else round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
