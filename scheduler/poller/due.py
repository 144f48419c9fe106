"""When each partition is to be claimed from next, by the moments that it and the doorbell have told."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from random import random

#: Seconds after which a partition is looked at in any case, less a little as jitter where there are several: a ring may
#: be lost, and what a dead poller had is to be taken up.
LOOK_AGAIN = 1.0
#: Seconds of that jitter, and by which one is looked at sooner where another is: so a poller with nothing to do wakes
#: up once a second, and asks all in one round trip.
TOGETHER = 0.125
_NEVER = float("inf")


class DueTimes:
    """Moments are seconds of the monotonic clock. `rang` is for any thread, all else for the poller's.

    A ring that comes while a claim is under way counts: that claim may have looked before.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: When something is due, as claims have told; as was rung since; and when to look in any case.
        self._due: dict[int, float] = {}
        self._rung: dict[int, float] = {}
        self._look: dict[int, float] = {}
        #: Where a claim has left some that were due.
        self._had_more: set[int] = set()

    def rang(self, partition: int, at: float) -> None:
        """Something is due there at this moment."""
        with self._lock:
            self._rung[partition] = min(at, self._rung.get(partition, at))

    def all(self, count: int, now: float) -> None:
        """So many partitions are all due, and to be claimed from at once, whatever they had."""
        with self._lock:
            self._had_more.clear()
            for partition in range(count):
                self._due[partition] = min(now, self._due.get(partition, now))

    def take_idle(self, count: int, now: float) -> list[int]:
        """Of several partitions those that are to be looked at soon, if one is by now, and of which nothing is known to
        be due. A single one is claimed from in every pass."""
        with self._lock:
            looks = [self._look.get(it, 0.0) for it in range(count)]
            if count == 1 or min(looks) > now:
                return []
            found = [it for it in range(count) if looks[it] <= now + TOGETHER and self._known(it) > now]
            for partition in found:
                self._look[partition] = now + _again(count)
            return found

    def take(self, count: int, now: float) -> list[int]:
        """Of so many partitions those that are due, the longest due first; the next one, if there are none.

        Of those that had more than was claimed one at a time: 96 timers from one cost the store less than half of what
        6 from each of 16 do.
        """
        with self._lock:
            order = sorted(range(count), key=self._moment)
            due = [it for it in order if self._moment(it) <= now]
            later = [it for it in due if it in self._had_more][1:]
            found = [it for it in due if it not in later] or order[:1]
            for partition in found:
                self._due.pop(partition, None)
                self._rung.pop(partition, None)
                self._look[partition] = now + _again(count)
            return found

    def told(self, waits: Mapping[int, float | None], not_asked: Iterable[int], now: float) -> None:
        """What claims have said: the seconds until the next is due, None if nothing is scheduled. `not_asked`: those
        that were taken and for which there was no room."""
        with self._lock:
            self._had_more -= waits.keys()
            self._had_more |= {partition for partition, wait in waits.items() if wait == 0}
            self._know(waits, now)
            for partition in not_asked:
                self._due[partition] = now

    def peeked(self, waits: Mapping[int, float | None], now: float) -> None:
        """The same of those that were only looked at."""
        with self._lock:
            self._know(waits, now)

    def next(self, count: int) -> float:
        """When the first of so many partitions is due."""
        with self._lock:
            return min(map(self._moment, range(count)))

    def _know(self, waits: Mapping[int, float | None], now: float) -> None:
        for partition, wait in waits.items():
            if wait is not None:
                self._due[partition] = now + wait

    def _moment(self, partition: int) -> float:
        return min(self._known(partition), self._look.get(partition, 0.0))

    def _known(self, partition: int) -> float:
        return min(self._due.get(partition, _NEVER), self._rung.get(partition, _NEVER))


def _again(count: int) -> float:
    """Seconds after which one of so many is looked at in any case. A single one is looked at in every pass."""
    return LOOK_AGAIN - TOGETHER * random() if count > 1 else _NEVER
