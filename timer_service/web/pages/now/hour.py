"""The next hour as bars, and as a table. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

from scheduler import Bucket, Forecast, rfc3339

#: Height and, with its gap, width of a bar, in the units of the drawing.
_HIGH, _WIDE = 100, 10
#: Minutes in a row of the table, and between two moments below the bars.
_ROW, _MARK = 10, 15


class TenMinutes(NamedTuple):
    """A row of the table; moments in ms."""

    start: int
    end: int
    timers: int
    most: int

    @property
    def href(self) -> str:
        """Where they are listed."""
        return "/ui/timers?" + urlencode(
            {"due_after": rfc3339.rfc3339(self.start), "due_before": rfc3339.rfc3339(self.end)}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """Moments in ms."""

    timers: int
    #: The minute with most, and how many there are; None where none is due.
    busiest: Bucket | None
    least: int
    #: Of the drawing.
    width: int
    #: All bars as one path: a third of the bytes of as many rectangles.
    bars: str
    rows: list[TenMinutes]
    marks: list[int]


def hour(forecast: Forecast) -> Hour:
    buckets, by = forecast.buckets, forecast.by_ms
    counts = [it.timers for it in buckets]
    most = max(counts, default=0)
    groups = [buckets[at : at + _ROW] for at in range(0, len(buckets), _ROW)]
    return Hour(
        timers=sum(counts),
        busiest=max(buckets, key=lambda it: it.timers) if most else None,
        least=min(counts, default=0),
        width=_WIDE * len(buckets),
        bars="".join(_bar(place, it, most) for place, it in enumerate(counts) if it),
        rows=[
            TenMinutes(group[0].at, group[-1].at + by, sum(it.timers for it in group), max(it.timers for it in group))
            for group in groups
        ],
        marks=[it.at for it in buckets[::_MARK]] + [it.at + by for it in buckets[-1:]],
    )


def _bar(place: int, timers: int, most: int) -> str:
    """At least one unit high: a single timer is seen beside a minute of a million."""
    left, top = _WIDE * place + 1, _HIGH - max(1, round(_HIGH * timers / most))
    return f"M{left} {top}h{_WIDE - 2}V{_HIGH}H{left}z"
