"""The moments of a cron expression, found the slow way: asks at each minute of UTC what the clock on the wall shows.

It shares nothing with the code under test but the zones. An expression is read by this file's own few lines.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_MINUTE = timedelta(minutes=1)


class Oracle:
    def __init__(self, cron: str, zone: ZoneInfo, gap: str = "run", fold: str = "first") -> None:
        self.fields, self.zone, self.gap, self.fold = cron.split(), zone, gap, fold
        self.wildcard = self.fields[0][0] == "*" or self.fields[1][0] == "*"

    def moments(self, after: datetime, until: datetime) -> list[datetime]:
        """In UTC, later than `after`, not later than `until`. Both are whole minutes."""
        found = self._shown_minutes(after, until) if self.wildcard else self._fixed_times(after, until)
        return sorted(it for it in set(found) if after < it <= until)

    def _shown_minutes(self, after: datetime, until: datetime) -> Iterator[datetime]:
        at = after
        while (at := at + _MINUTE) <= until:
            if self._names(at.astimezone(self.zone)):
                yield at

    def _fixed_times(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """By two walks: which local minutes are shown, when; then each local minute that the expression names."""
        margin = timedelta(hours=30)
        shown: dict[datetime, list[datetime]] = {}
        jumps: list[tuple[datetime, datetime, datetime]] = []
        at, before = after - margin, (after - margin - _MINUTE).astimezone(self.zone).replace(tzinfo=None)
        while at <= until + margin:
            local = at.astimezone(self.zone).replace(tzinfo=None, fold=0)
            shown.setdefault(local, []).append(at)
            if local > before + _MINUTE:
                jumps.append((before, local, at))
            before, at = local, at + _MINUTE
        for local, times in shown.items():
            if self._names(local):
                yield times[0 if self.fold == "first" else -1]
        for before, landed, at in jumps if self.gap == "run" else ():
            left_out = before + _MINUTE
            while left_out < landed:
                if self._names(left_out) and left_out not in shown:
                    yield at
                left_out += _MINUTE

    def _names(self, local: datetime) -> bool:
        minute, hour, day, month, weekday = self.fields
        if not (_has(minute, local.minute, 0) and _has(hour, local.hour, 1) and _has(month, local.month, 3)):
            return False
        last_day = calendar.monthrange(local.year, local.month)[1]
        in_month = any(local.day == last_day if it == "L" else _has(it, local.day, 2) for it in day.split(","))
        in_week = any(self._is_weekday(it, local, last_day) for it in weekday.split(","))
        return in_month and in_week if "*" in (day[0], weekday[0]) else in_month or in_week

    def _is_weekday(self, item: str, local: datetime, last_day: int) -> bool:
        number = (local.weekday() + 1) % 7
        if item.endswith("L"):
            return int(item[0]) % 7 == number and local.day > last_day - 7
        if "#" in item:
            return int(item[0]) % 7 == number and (local.day - 1) // 7 + 1 == int(item[2])
        return _has(item, number, 4)


def _has(field: str, number: int, place: int) -> bool:
    for item in field.split(","):
        span, _, step = item.partition("/")
        low, _, high = span.partition("-")
        first, last = _BOUNDS[place] if span == "*" else (int(low), int(high or low))
        if step and not high and span != "*":
            last = _BOUNDS[place][1]
        if first <= number <= last and (number - first) % int(step or 1) == 0:
            return True
    return False


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
