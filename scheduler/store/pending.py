"""How many timers may be pending, also where they wait behind more destinations than a script counts."""

from __future__ import annotations

import time
from typing import Any

from scheduler.rounding import ceil_div
from scheduler.store import keys
from scheduler.store.link import Link
from scheduler.store.scripts import COUNTED

#: Seconds for which a count is used: of those alone that wait beyond the first thousand destinations.
_COUNT_EVERY = 5.0


def waiting_beyond(link: Link, partition: int, destinations: int) -> int:
    """Timers that wait behind more destinations than one call counts, of so many: 1 ms of the store for each thousand.

    Raises StoreUnavailable.
    """
    starts = range(COUNTED, destinations + 1, COUNTED)
    return sum(link.run("waiting", partition, [first, first + COUNTED - 1]) for first in starts)


class PendingLimit:
    """The timers that may be scheduled or delivering, of all partitions; 0: any number. Shared by threads."""

    def __init__(self, link: Link, most: int) -> None:
        self._link = link
        self._most = most
        #: By partition, how many there were when, in seconds of the monotonic clock.
        self._beyond: dict[int, tuple[int, float]] = {}

    def of(self, partition: int) -> int:
        """Its part, less those that set.lua does not count; 0: any number. Raises StoreUnavailable."""
        if not self._most:
            return 0
        return max(1, ceil_div(self._most, self._link.partitions) - self._count(partition))

    def _count(self, partition: int) -> int:
        now = time.monotonic()
        count, at = self._beyond.get(partition, (0, float("-inf")))
        if now - at < _COUNT_EVERY:
            return count
        destinations = self._size(keys.waiting(partition)) + self._size(keys.behind(partition))
        count = waiting_beyond(self._link, partition, destinations)
        self._beyond[partition] = (count, now)
        return count

    def _size(self, name: str) -> int:
        found: Any = self._link.ask("ZCARD", name, lambda client: client.zcard(name))
        return int(found)
