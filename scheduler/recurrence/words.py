"""A plan in plain English: "at 09:00, Monday to Friday, in Europe/Berlin"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scheduler.errors import PlanError
from scheduler.recurrence.cron import Cron, parse
from scheduler.recurrence.fields import LAST
from scheduler.recurrence.zones import zone_of
from scheduler.rfc3339 import rfc3339
from scheduler.schedule import Plan

_MONTHS = (
    *("", "January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_NTH = ("first", "second", "third", "fourth", "fifth")
#: Times of day that are listed one by one.
_MOST_TIMES = 6
#: ms, the longest first.
_UNITS = {"day": 86_400_000, "hour": 3_600_000, "minute": 60_000, "second": 1000, "millisecond": 1}


def describe(plan: Plan) -> str:
    """What `moments` does, for somebody who reads no cron. Raises PlanError as it does."""
    said = rhythm(plan)
    if plan.cron is None:
        began = f" from {rfc3339(plan.starts_at)}"
    else:
        began = f", from {rfc3339(plan.starts_at)}" if plan.starts_at else ""
    ends = "" if plan.ends_at is None else f", until {rfc3339(plan.ends_at)}"
    return f"{said}{began}{ends}"


def rhythm(plan: Plan) -> str:
    """The same without where it starts and ends. Raises PlanError."""
    zone_of(plan.time_zone)
    if plan.cron is not None:
        cron = parse(plan.cron)
        return ", ".join(filter(None, (_times(cron), _days(cron), _months(cron), f"in {plan.time_zone}")))
    if plan.every_ms is not None:
        return f"every {_length(plan.every_ms)}"
    raise PlanError("cron", "Give either cron or every.")


def _length(ms: int) -> str:
    parts: list[str] = []
    for unit, size in _UNITS.items():
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count} {unit}s" if count > 1 else unit if not (ms or parts) else f"1 {unit}")
    return _listed(parts)


def _times(cron: Cron) -> str:
    if len(cron.hours) == 24:
        if len(cron.minutes) == 60:
            return "every minute"
        return _every(cron.minutes, 60, "minute") or f"every hour {_at_minutes(cron)}"
    if len(cron.hours) * len(cron.minutes) <= _MOST_TIMES:
        return "at " + _listed([f"{hour:02}:{minute:02}" for hour in cron.hours for minute in cron.minutes])
    named = _runs(cron.hours, [f"{hour:02}" for hour in range(24)])
    one_by_one = f"in each of the hours {named}" if len(cron.hours) > 1 else f"in the hour {named}"
    hours = _every(cron.hours, 24, "hour") or one_by_one
    if len(cron.minutes) == 60:
        return f"every minute, {hours}"
    minutes = _every(cron.minutes, 60, "minute")
    return f"{minutes}, {hours}" if minutes else f"{hours} {_at_minutes(cron)}"


def _at_minutes(cron: Cron) -> str:
    if cron.minutes == (0,):
        return "on the hour"
    unit = "minute" if len(cron.minutes) == 1 else "minutes"
    return f"at {unit} {_runs(cron.minutes, [str(number) for number in range(60)])}"


def _every(numbers: Sequence[int], whole: int, unit: str) -> str:
    """The short form of evenly spaced numbers that go round without a shorter step."""
    if len(numbers) < 2 or whole % (step := numbers[1] - numbers[0]) or step == 1:
        return ""
    return f"every {step} {unit}s" if tuple(numbers) == tuple(range(0, whole, step)) else ""


def _days(cron: Cron) -> str:
    every_date, every_weekday = cron.days >= set(range(1, 32)), cron.weekdays >= set(range(7))
    in_month = "on " + _listed(_dates(cron.days))
    in_week = _of_week(cron.weekdays)
    if cron.is_either:
        return "every day" if every_date or every_weekday else f"{in_month} or {in_week}"
    if every_date or every_weekday:
        return "" if every_date and every_weekday else in_week if every_date else in_month
    return f"{in_month} if that is {in_week.removeprefix('on ').replace(' and ', ' or ')}"


def _dates(days: Iterable[int]) -> list[str]:
    numbers = sorted(day for day in days if day != LAST)
    unit = "day" if len(numbers) == 1 else "days"
    said = [f"{unit} {_runs(numbers, ['', *map(str, range(1, 32))])} of the month"] if numbers else []
    return [*said, *(["the last day of the month"] if LAST in days else [])]


def _of_week(weekdays: Iterable[int]) -> str:
    # Monday comes first, as in the calendars of most.
    plain = sorted((it + 6) % 7 for it in weekdays if 0 <= it < 7)
    nth = sorted(it for it in weekdays if it >= 10)
    last = sorted(LAST - it for it in weekdays if it < 0)
    said = [
        *([_runs(plain, [*_WEEKDAYS[1:], _WEEKDAYS[0]])] if plain else []),
        *(f"the {_NTH[it // 10 - 1]} {_WEEKDAYS[it % 10]} of the month" for it in nth),
        *(f"the last {_WEEKDAYS[it]} of the month" for it in last),
    ]
    return _listed(said) if len(plain) > 2 and not (nth or last) else f"on {_listed(said)}"


def _months(cron: Cron) -> str:
    return "" if len(cron.months) == 12 else "in " + _runs(sorted(cron.months), _MONTHS)


def _runs(numbers: Sequence[int], names: Sequence[str]) -> str:
    """Numbers in order, three or more that follow each other as "Monday to Friday"."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups and number == groups[-1][-1] + 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    said: list[str] = []
    for group in groups:
        if len(group) > 2:
            said.append(f"{names[group[0]]} to {names[group[-1]]}")
        else:
            said += [names[number] for number in group]
    return _listed(said)


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
