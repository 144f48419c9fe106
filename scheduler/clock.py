"""The store's time between two calls to it: what it said last, and how long ago that was by the monotonic clock."""

from __future__ import annotations

import time


class StoreClock:
    """The store's clock as a poller knows it: wrong by at most the time the last reply took to travel.

    This machine's wall clock has no part in it. Shared by threads; raises nothing.
    """

    def __init__(self) -> None:
        # One tuple, so that a thread never reads half of an update.
        self._observed = (0, 0.0)

    def observe(self, store_us: int) -> None:
        """Note the microseconds that a reply just read carries."""
        self._observed = (store_us, time.monotonic())

    def us_at(self, moment: float) -> int:
        """The store's time at a moment of the monotonic clock, not before the last reply."""
        store_us, at = self._observed
        return store_us + int((moment - at) * 1_000_000)

    def now_us(self) -> int:
        return self.us_at(time.monotonic())
