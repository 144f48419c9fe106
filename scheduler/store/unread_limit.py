"""How many ended timers wait for a history at most, of those that would be forgotten by now."""

from __future__ import annotations

from typing import NamedTuple

from scheduler.rounding import ceil_div
from scheduler.store.capacity import PART_OF_MAXMEMORY
from scheduler.store.memory import Memory

#: Of the bytes that the store may hold: from here on none waits, or creates would be refused at the last of them.
_FULL = 0.9


class UnreadLimit(NamedTuple):
    """Frozen; it asks nobody."""

    #: TIMER_UNREAD_MOST, of the whole store.
    most: int
    #: TIMER_MAX_BYTES; 0 for a part of the store's own maxmemory, if it has one.
    max_bytes: int

    def of(self, memory: Memory, partitions: int) -> int:
        """Of one partition, by what the store said last of its memory."""
        budget = self.max_bytes or PART_OF_MAXMEMORY * memory.most
        if budget and memory.used is not None and memory.used >= _FULL * budget:
            return 0
        return ceil_div(self.most, partitions)
