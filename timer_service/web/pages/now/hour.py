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
    #: Expected in this time, though they were due before.
    held: int
    #: Of both, in one minute.
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
    #: Due before, and expected within the hour; and those of which nobody knows when they are sent.
    held: int
    held_undated: int
    #: The minute with most of both; None where there are none. And how many are in it, and in that with the fewest.
    busiest: Bucket | None
    most: int
    least: int
    #: Of the drawing.
    width: int
    #: All bars as one path: a third of the bytes of as many rectangles.
    bars: str
    #: On top of these.
    held_bars: str
    rows: list[TenMinutes]
    marks: list[int]


def hour(forecast: Forecast) -> Hour:
    buckets, by = forecast.buckets, forecast.by_ms
    counts = [it.timers + it.held for it in buckets]
    most = max(counts, default=0)
    groups = [buckets[at : at + _ROW] for at in range(0, len(buckets), _ROW)]
    return Hour(
        timers=sum(it.timers for it in buckets),
        held=sum(it.held for it in buckets),
        held_undated=forecast.held_undated,
        busiest=max(buckets, key=lambda it: it.timers + it.held) if most else None,
        most=most,
        least=min(counts, default=0),
        width=_WIDE * len(buckets),
        bars="".join(_bar(place, it.timers, 0, most) for place, it in enumerate(buckets) if it.timers),
        held_bars="".join(_bar(place, it.held, it.timers, most) for place, it in enumerate(buckets) if it.held),
        rows=[
            TenMinutes(
                group[0].at,
                group[-1].at + by,
                sum(it.timers for it in group),
                sum(it.held for it in group),
                max(it.timers + it.held for it in group),
            )
            for group in groups
        ],
        marks=[it.at for it in buckets[::_MARK]] + [it.at + by for it in buckets[-1:]],
    )


def _bar(place: int, timers: int, below: int, most: int) -> str:
    """On top of that of so many others. At least one unit high: a single timer is seen beside a minute of a million."""
    low = min(_HIGH - 1, _height(below, most))
    high = max(low + 1, _height(below + timers, most))
    left = _WIDE * place + 1
    return f"M{left} {_HIGH - high}h{_WIDE - 2}V{_HIGH - low}H{left}z"


def _height(timers: int, most: int) -> int:
    return max(1, round(_HIGH * timers / most)) if timers else 0
