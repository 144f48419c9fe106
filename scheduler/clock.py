"""The store's time between two calls to it: what it said last, and how long ago that was by the monotonic clock."""

from __future__ import annotations

import time


class StoreClock:
    """The store's clock as a poller knows it: wrong by at most the time the last reply took to travel.

    This machine's wall clock has no part in it. Each partition has its own: they may stand on several servers, whose
    clocks differ, and a timer is due by that of its own. Shared by threads; raises nothing.
    """

    def __init__(self) -> None:
        # Of one tuple each, so that a thread never reads half of an update.
        self._last = (0, 0.0)
        self._observed: dict[int, tuple[int, float]] = {}

    def observe(self, store_us: int, partition: int = 0, asked_at: float | None = None) -> None:
        """Note the microseconds that a reply just read carries. `asked_at`: seconds of the monotonic clock. It may have
        waited since to be read: what was known before is only corrected by what is certain, that the store's time is
        not before what it says, nor later than if it had been said when it was asked."""
        now = time.monotonic()
        if asked_at is not None and partition in self._observed:
            latest = store_us + int((now - asked_at) * 1_000_000)
            store_us = max(store_us, min(latest, self.us_at(now, partition)))
        self._last = self._observed[partition] = (store_us, now)

    def us_at(self, moment: float, partition: int | None = None) -> int:
        """The store's time at a moment of the monotonic clock, not before the last reply of this partition; None: of
        any."""
        store_us, at = self._last if partition is None else self._observed.get(partition, self._last)
        return store_us + int((moment - at) * 1_000_000)

    def now_us(self, partition: int | None = None) -> int:
        return self.us_at(time.monotonic(), partition)
