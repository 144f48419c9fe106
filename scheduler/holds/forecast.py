"""When due timers that wait behind held destinations are expected to be sent, counted by buckets of time. Pure."""

from __future__ import annotations

from scheduler.hold import Hold
from scheduler.holds.holding import expected_at


class HeldForecast:
    """Buckets of `by` ms each from `first`; moments in ms."""

    def __init__(self, now: int, first: int, by: int, buckets: int) -> None:
        self._now = now
        self._first = first
        self._by = by
        #: Timers of each bucket.
        self.counts = [0] * buckets
        #: Timers of which nobody knows when they are sent.
        self.undated = 0

    def add(self, hold: Hold, timers: int) -> None:
        """So many are due and wait behind one destination."""
        at = expected_at(hold, self._now, 0)
        if at is None:
            self.undated += timers
        elif hold.interval and not hold.until:
            self._spread(hold.interval, timers)
        elif 0 <= (number := (at - self._first) // self._by) < len(self.counts):
            self.counts[number] += timers

    def _spread(self, interval: int, timers: int) -> None:
        """One now, and another each `interval`, us: 0.15 us of work for each bucket until all have gone."""
        now, by, counts = self._now, self._by, self.counts
        start = max(0, (now - self._first) // by)
        end = self._first + start * by
        gone = 0 if end <= now else min(timers, (end - 1 - now) * 1000 // interval + 1)
        for number in range(start, len(counts)):
            end += by
            by_then = (end - 1 - now) * 1000 // interval + 1
            if by_then >= timers:
                counts[number] += timers - gone
                return
            counts[number] += by_then - gone
            gone = by_then
