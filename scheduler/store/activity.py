"""What the store tells of pollers, of each minute of the last day, and of the timers to come."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler import rfc3339
from scheduler.activity import Bucket, FailingDestination, Failures, Forecast, Minute, Minutes, Pollers, PollerSeen
from scheduler.holds.forecast import HeldForecast
from scheduler.rounding import ceil_div
from scheduler.store.behind import read_behind
from scheduler.store.failures import read_failing, read_failures
from scheduler.store.lateness import BOUNDS, percentile
from scheduler.store.link import Link
from scheduler.store.timers import Timers

#: Minutes that the store remembers.
MOST_MINUTES = 1440
#: Buckets that a forecast may have; and those that it has unless said.
MOST_BUCKETS, _USUAL_BUCKETS = 1440, 60
#: Minutes, or buckets, that one call tells: the store serves nobody else meanwhile, for 3 ms at most.
_MINUTES_AT_ONCE, _BUCKETS_AT_ONCE = 60, 360

_SUMS = ("set", "attempts", "failed_attempts", "delivered", "failed", "cancelled")
_FIELDS = (*_SUMS, "worst", *map(str, BOUNDS), "beyond")


class Activity:
    """Reads what happened, what happens now and what is to come. Shared by threads; owns nothing to close.

    Each call raises StoreUnavailable. What is told of several partitions is their sum.
    """

    def __init__(self, link: Link, timers: Timers) -> None:
        self._link = link
        self._timers = timers

    def pollers(self) -> Pollers:
        """Those seen in the last hour."""
        read_at, seen = 0, dict[str, PollerSeen]()
        for partition in range(self._link.partitions):
            now, *values = self._link.run("pollers", partition)
            read_at = max(read_at, now)
            for name, at, load in zip(*[iter(values)] * 3, strict=True):
                in_flight, slots = map(int, load.split() or (0, 0))
                it = PollerSeen(name.decode("utf-8", "replace"), int(at), in_flight, slots)
                seen[it.name] = max(it, seen.get(it.name, it))  # as it was seen last
        return Pollers(read_at=read_at, pollers=[seen[name] for name in sorted(seen)])

    def minutes(self, count: int = 60) -> Minutes:
        """What happened in the last so many minutes, this one included. ValueError for none, or more than a day."""
        if not 1 <= count <= MOST_MINUTES:
            raise ValueError(f"minutes: 1 to {MOST_MINUTES}, not {count}")
        read_at, latest = 0, None
        sums = [[0] * len(_FIELDS) for _ in range(count)]
        for partition in range(self._link.partitions):
            for first in range(0, count, _MINUTES_AT_ONCE):
                asked = min(_MINUTES_AT_ONCE, count - first)
                args: list[str | int] = ["" if latest is None else latest - first, asked, *_FIELDS]
                now, told, *minutes = self._link.run("minutes", partition, args)
                latest = told if latest is None else latest
                read_at = max(read_at, now)
                for total, fields in zip(sums[first:], minutes, strict=False):
                    _add(total, fields)
        assert latest is not None
        return Minutes(read_at=read_at, minutes=[_minute(latest - ago, total) for ago, total in enumerate(sums)])

    def forecast(self, start_ms: int | None = None, end_ms: int | None = None, by_ms: int = 60_000) -> Forecast:
        """How many fall due in each `by_ms` from `start_ms`, now unless said, to `end_ms`, 60 of them unless said; and
        of what is held, how many are expected then.

        Buckets begin at multiples of `by_ms`, so that the first and the last may hold more than was asked for.
        ValueError for none, or too many.
        """
        if by_ms < 1:
            raise ValueError(f"by: at least 1 ms, not {by_ms}")
        first = "" if start_ms is None else start_ms // by_ms * by_ms
        read_at, first = self._link.run("forecast", 0, [first, by_ms, 0])
        if end_ms is None:  # none begins behind the last moment that can be written
            end_ms = min(first + _USUAL_BUCKETS * by_ms, rfc3339.LATEST + 1)
        count = ceil_div(end_ms - first, by_ms)
        if count < 1:
            raise ValueError("a forecast ends after it begins")
        if count > MOST_BUCKETS:
            raise ValueError(f"a forecast has at most {MOST_BUCKETS} buckets, and these would be {count}")
        counts = [0] * count
        for partition in range(self._link.partitions):
            for done in range(0, count, _BUCKETS_AT_ONCE):
                args = [first + done * by_ms, by_ms, min(_BUCKETS_AT_ONCE, count - done)]
                read_at, _, *found = self._link.run("forecast", partition, args)
                for number, more in enumerate(found, done):
                    counts[number] += more
        held = HeldForecast(read_at, first, by_ms, count)
        behind, are_all = read_behind(self._link)
        for waiting in behind.values():
            held.add(waiting.hold, waiting.timers)
        buckets = [
            Bucket(first + number * by_ms, *both) for number, both in enumerate(zip(counts, held.counts, strict=True))
        ]
        return Forecast(read_at=read_at, by_ms=by_ms, buckets=buckets, held_undated=held.undated, exact=are_all)

    def failures(self) -> Failures:
        """How the newest failed timers failed, and where attempts fail or wait now."""
        return read_failures(self._link, self._timers)

    def failing(self) -> list[FailingDestination]:
        """Where attempts fail or wait now, and nothing else: a fifth of the work."""
        return read_failing(self._link, self._timers)


def _add(total: list[int], fields: Sequence[bytes | None]) -> None:
    worst = _FIELDS.index("worst")
    for place, value in enumerate(fields):
        if value is not None:
            total[place] = max(total[place], int(value)) if place == worst else total[place] + int(value)


def _minute(number: int, total: Sequence[int]) -> Minute:
    worst, latenesses = total[len(_SUMS)], total[len(_SUMS) + 1 :]
    return Minute(60_000 * number, *total[: len(_SUMS)])._replace(
        lateness_p50_ms=percentile(latenesses, 50, worst),
        lateness_p99_ms=percentile(latenesses, 99, worst),
        lateness_worst_ms=worst if any(latenesses) else None,
    )
