"""How often a key may ask: a bucket for each that fills at a steady rate."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable


class Rates:
    """How many requests each key may still make. Threads share it; each API process counts for itself."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`per_second`: requests, in bursts of as many; 0 for any number."""
        self._per_second = per_second
        self._clock = clock
        self._lock = threading.Lock()
        #: By key: requests that may be made at once, and when that was counted.
        self._buckets: dict[str, tuple[float, float]] = {}

    def charge(self, key: str, requests: float) -> None:
        """A request that was let through turns out to cost as much as so many more: later ones wait for it."""
        if self._per_second:
            with self._lock:
                room, counted_at = self._buckets.get(key, (float(self._per_second), self._clock()))
                # No longer than 10 s, however much it was.
                self._buckets[key] = (max(room - requests, -10.0 * self._per_second), counted_at)

    def wait(self, key: str) -> int:
        """0 if a request may be made now, else the whole seconds until one may."""
        if not self._per_second:
            return 0
        with self._lock:
            now = self._clock()
            room, counted_at = self._buckets.get(key, (float(self._per_second), now))
            room = min(float(self._per_second), room + (now - counted_at) * self._per_second)
            granted = room >= 1
            self._buckets[key] = (room - granted, now)
            return 0 if granted else math.ceil((1 - room) / self._per_second)
