"""The moments of a plan, in order.

Fixed local times (`30 2 * * *`) are looked for by the calendar: each is resolved to a moment, by the rule for gaps and
folds. Expressions whose minute or hour begins with a star (`*/15 * * * *`) mean intervals: what is looked for is each
minute at which the clock on the wall shows what they name, so a repeated hour has them twice and a left-out one never.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import product, takewhile
from zoneinfo import ZoneInfo

from scheduler.errors import PlanError
from scheduler.recurrence.cron import LAST_DATE, Cron, parse
from scheduler.recurrence.wall_clock import first_after_change, is_repeated, resolve, wall
from scheduler.recurrence.zones import zone_of
from scheduler.rfc3339 import LATEST
from scheduler.schedule import Fold, Gap, Moment, Plan

#: ms: the shortest interval.
SHORTEST = 1000
_DAY = timedelta(days=1)
#: Seconds: after this no expression is looked at.
_END = (LAST_DATE - date(1970, 1, 1)).days * 86_400


def moments(plan: Plan, after_ms: int) -> Iterator[Moment]:
    """What the plan names strictly after a moment, each later than the one before; ends where the plan does.

    Raises PlanError at once, not at the first moment. The work for one moment is bounded: no plan looks for ever.
    """
    latest = LATEST if plan.ends_at is None else min(plan.ends_at, LATEST)
    found = _all(plan, max(after_ms, plan.starts_at - 1))
    return takewhile(lambda moment: moment.at <= latest, found)


def _all(plan: Plan, after_ms: int) -> Iterator[Moment]:
    zone = zone_of(plan.time_zone)
    if plan.cron is not None and plan.every_ms is None:
        cron, after = parse(plan.cron), after_ms // 1000
        if after >= _END:
            return iter(())
        found = _intervals(cron, zone, after) if cron.is_wildcard else _fixed(cron, zone, plan, after)
        return (Moment(moment.at * 1000, moment.note) for moment in found)
    if plan.every_ms is None or plan.cron is not None:
        raise PlanError("cron", "Give either cron or every.")
    if plan.every_ms < SHORTEST:
        raise PlanError("every", f"Must be at least {SHORTEST // 1000} second.")
    return _every(plan.every_ms, plan.starts_at, after_ms)


def _every(every_ms: int, starts_at: int, after_ms: int) -> Iterator[Moment]:
    """Multiples of the interval from where it starts: nothing adds up, and years ahead are one division away."""
    at = starts_at + ((after_ms - starts_at) // every_ms + 1) * every_ms
    while True:
        yield Moment(at)
        at += every_ms


def _fixed(cron: Cron, zone: ZoneInfo, plan: Plan, after: int) -> Iterator[Moment]:
    """Seconds."""
    earliest = _earliest_local(after, zone)
    for day in cron.dates(earliest.date()):
        for hour, minute in product(cron.hours, cron.minutes):
            local = datetime(day.year, day.month, day.day, hour, minute)
            moment = resolve(local, zone, plan.gap, plan.fold) if local >= earliest else None
            # Two times in one gap mean the same moment; and nothing ever goes back.
            if moment is not None and moment.at > after:
                yield moment
                after = moment.at


def _earliest_local(after: int, zone: ZoneInfo) -> datetime:
    """No local time before this means a moment after `after`. A gap or fold around it hides no more than the clocks
    are turned by: a day where the date line moved, which shows a day and a half later, and else at most 2 hours."""
    half = 36 * 3600
    turned = _offset(after + half, zone) - _offset(after - half, zone)
    return wall(after, zone).replace(tzinfo=None) - abs(turned) - timedelta(hours=3)


def _offset(second: int, zone: ZoneInfo) -> timedelta:
    return wall(second, zone).utcoffset() or timedelta(0)


def _intervals(cron: Cron, zone: ZoneInfo, after: int) -> Iterator[Moment]:
    """Seconds."""
    second = after + 1
    while (shown := wall(second, zone)).date() <= LAST_DATE:
        minute = shown.minute + bool(shown.second)
        if not cron.has(shown.date()):
            second = _next_date(cron, zone, second, shown)
        elif shown.hour not in cron.hours:
            second = _later_by_the_clock(zone, second, shown, 60)
        elif minute not in cron.minutes:
            later = next((it for it in cron.minutes if it > minute), 60)
            second = _later_by_the_clock(zone, second, shown, later)
        elif shown.second:
            second = _later_by_the_clock(zone, second, shown, minute)
        else:
            yield Moment(second, "fold" if is_repeated(shown) else None)
            second += 1


def _later_by_the_clock(zone: ZoneInfo, second: int, shown: datetime, minute: int) -> int:
    """When the clock shows this later minute of its hour, or where a change of clocks comes before."""
    later = second + (minute - shown.minute) * 60 - shown.second
    if wall(later, zone).utcoffset() == shown.utcoffset():
        return later
    return first_after_change(second, later, zone)


def _next_date(cron: Cron, zone: ZoneInfo, second: int, shown: datetime) -> int:
    """When a later date begins that may have moments. After a date that has some, an hour at most: a clock that is
    turned back just after midnight shows that date again."""
    today = shown.date()
    if cron.has(today - _DAY):
        return _later_by_the_clock(zone, second, shown, 60)
    day = next(cron.dates(today + _DAY), None)
    midnight = datetime.combine(day or LAST_DATE + _DAY, datetime.min.time())
    begins = (resolve(midnight, zone, Gap.RUN, fold) for fold in (Fold.FIRST, Fold.LAST))
    return next((it.at for it in begins if it is not None and it.at > second), second + 3600)
