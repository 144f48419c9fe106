"""Fail at once while the store is known to be away, instead of holding every caller for a whole timeout.

A call that was not answered in time may have been slow by itself: whether the store is away, a PING tells.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from scheduler.errors import StoreUnavailable

log = logging.getLogger(__name__)

#: Seconds for which calls are refused after a failure. Then one call tries; the others are refused until it has ended.
PAUSE = 1.0


class Breaker:
    """Refuses calls to a store that is away. Shared by threads; check() raises StoreUnavailable, the others nothing."""

    def __init__(self, pause: float = PAUSE, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._broken = False
        self._retry_at = 0.0
        self._reason = ""
        #: One at a time asks whether the store still answers; when it was last found to.
        self._asking = threading.Lock()
        self._answered_at = float("-inf")

    @property
    def is_open(self) -> bool:
        return self._broken

    def check(self) -> None:
        """Let the call through, or raise StoreUnavailable with the reason of the last failure."""
        if not self._broken:
            return
        with self._lock:
            now = self._clock()
            if self._broken and now < self._retry_at:
                raise StoreUnavailable(self._reason)
            self._retry_at = now + self._pause

    def failed(self, reason: str) -> None:
        with self._lock:
            if not self._broken:
                log.warning("%s", reason)
            self._broken = True
            self._reason = reason
            self._retry_at = self._clock() + self._pause

    def retry(self) -> None:
        """What was away is elsewhere now: the next call tries, whenever the last failed."""
        with self._lock:
            self._retry_at = self._clock()

    def slow(self, reason: str, answers: Callable[[], bool]) -> None:
        """A call timed out: the store is away unless it answers now, or did to another thread a moment ago."""
        if not self._pause:
            return
        with self._asking:
            if not self._broken and self._clock() - self._answered_at < self._pause:
                return
            if not self._broken and answers():
                self._answered_at = self._clock()
                return
        self.failed(reason)

    def succeeded(self) -> None:
        if self._broken:
            self._broken = False
            log.warning("the store is back")
