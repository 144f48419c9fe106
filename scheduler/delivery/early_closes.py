"""Which receivers close a connection right after an answer and do not say so in it."""

from __future__ import annotations

from scheduler.delivery.transport import LEAST_IDLE

#: Seconds for which it is remembered of a receiver.
REMEMBERED = 300.0
#: Receivers at most; who did it longest ago is forgotten first.
MOST = 1000


class EarlyCloses:
    """By origin. Used by one thread; raises nothing."""

    def __init__(self) -> None:
        #: Until when each is remembered, in seconds of the monotonic clock; the last moment comes last.
        self._until: dict[str, float] = {}

    def note(self, origin: str, idle: float, now: float) -> None:
        """A connection was closed, or met a close, after it had been idle for so many seconds at most."""
        if idle >= LEAST_IDLE:
            return
        self._until.pop(origin, None)
        self._until[origin] = now + REMEMBERED
        if len(self._until) > MOST:
            del self._until[next(iter(self._until))]

    def expected(self, origin: str, now: float) -> bool:
        return self._until.get(origin, now) > now
