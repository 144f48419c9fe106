"""A cron expression of five fields, read and checked."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from scheduler.errors import PlanError
from scheduler.recurrence.fields import DAY_OF_MONTH, DAY_OF_WEEK, KINDS, LAST

SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
#: All 60 minutes, 24 hours, 31 days, 12 months and 7 weekdays in full have 368.
MOST_CHARACTERS = 400
#: The last that is looked at: a month before the end of what a date can be, so that no step goes beyond it.
LAST_DATE = date(9999, 11, 30)
#: Years without leap days left out; in 28 of them every date meets every weekday.
_EVERY_KIND_OF_DAY = (date(2001, 1, 1), date(2028, 12, 31))


@dataclass(frozen=True, slots=True)
class Cron:
    """Which minutes of a wall clock a cron expression names."""

    #: The five fields, in upper case.
    fields: tuple[str, str, str, str, str]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @property
    def is_wildcard(self) -> bool:
        """Its minute or hour begins with a star: it means intervals, which a change of clocks leaves as they are."""
        return self.fields[0].startswith("*") or self.fields[1].startswith("*")

    @property
    def is_either(self) -> bool:
        """Both kinds of day are given, so one is enough; as in cron, a field that begins with a star is not given."""
        return not (self.fields[2].startswith("*") or self.fields[4].startswith("*"))

    def has(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        in_month = self._in_month(day)
        if self.is_either:
            return in_month or self._in_week(day)
        return in_month and self._in_week(day)

    def dates(self, first: date, last: date = LAST_DATE) -> Iterator[date]:
        """The dates that it names, in order."""
        day = first
        while day <= last:
            if day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
                continue
            if self.has(day):
                yield day
            day += timedelta(days=1)

    def _in_month(self, day: date) -> bool:
        return day.day in self.days or (LAST in self.days and day.day == monthrange(day.year, day.month)[1])

    def _in_week(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        return (
            weekday in self.weekdays
            or (day.day + 6) // 7 * 10 + weekday in self.weekdays
            or (LAST - weekday in self.weekdays and day.day + 7 > monthrange(day.year, day.month)[1])
        )


@lru_cache(4096)  # 15 us, and 100,000 schedules share few expressions
def parse(text: str) -> Cron:
    """Raises PlanError that says which field makes no sense, and why."""
    if len(text) > MOST_CHARACTERS:
        raise PlanError("cron", f"At most {MOST_CHARACTERS} characters.")
    parts = _five(text)
    minutes, hours, days, months, weekdays = (kind.parse(part) for kind, part in zip(KINDS, parts, strict=True))
    cron = Cron(parts, tuple(sorted(minutes)), tuple(sorted(hours)), days, months, weekdays)
    if next(cron.dates(*_EVERY_KIND_OF_DAY), None) is None:
        if parts[4].startswith("*"):
            DAY_OF_MONTH.refuse(f"month {parts[3]} has no day {parts[2]}.")
        DAY_OF_MONTH.refuse(f"no day {parts[2]} of month {parts[3]} is ever on weekday {parts[4]}.")
    return cron


def _five(text: str) -> tuple[str, str, str, str, str]:
    shorthand = text.strip().lower()
    if shorthand.startswith("@"):
        if shorthand not in SHORTHANDS:
            raise PlanError("cron", f"{shorthand!r} is none of {', '.join(SHORTHANDS)}.")
        text = SHORTHANDS[shorthand]
    parts = text.upper().split()
    if len(parts) in (6, 7):
        raise PlanError(
            "cron",
            f"{len(parts)} fields; there are five: {', '.join(kind.name for kind in KINDS)}. "
            'Seconds and years are not served; `"every": "10s"` is.',
        )
    if len(parts) != 5:
        raise PlanError("cron", f"{len(parts)} fields; there are five: {', '.join(kind.name for kind in KINDS)}.")
    minute, hour, day, month, weekday = parts
    if "?" in (day, weekday) and any(sign.isdigit() for sign in weekday.partition("#")[0]):
        DAY_OF_WEEK.refuse("next to a ?, numbers of weekdays begin at 1 for some and at 0 for others; use names, MON.")
    return minute, hour, "*" if day == "?" else day, month, "*" if weekday == "?" else weekday
