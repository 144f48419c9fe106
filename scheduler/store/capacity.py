"""The bytes that the store may hold: creates are refused before the store would refuse them, and all else with them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from scheduler.errors import StoreNearCapacity
from scheduler.store.link import Link
from scheduler.store.memory import Memory, StoreMemory

log = logging.getLogger(__name__)

#: Of the store's maxmemory, if nothing else is said: what is left lets timers fire, settle and be cancelled.
PART_OF_MAXMEMORY = 0.8
#: Of the capacity: from here on `/readyz` warns.
_NEAR = 0.8


@dataclass(frozen=True, slots=True)
class Usage:
    """What the store uses of the bytes that it may use."""

    #: Bytes that the store uses; None if it does not say.
    used: int | None = None
    #: Bytes it may use; None for any number, or if it is not known.
    most: int | None = None

    @property
    def is_full(self) -> bool:
        return self.used is not None and self.most is not None and self.used >= self.most

    @property
    def is_near(self) -> bool:
        return self.used is not None and self.most is not None and self.used >= _NEAR * self.most


class Capacity:
    """Shared by threads; asks the store once a second at most, and only while somebody wants to know.

    `max_bytes`: 0 for a part of the store's own maxmemory, if it has one.
    """

    def __init__(self, link: Link, max_bytes: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._memory = StoreMemory(link, clock)
        self._max_bytes = max_bytes
        self._is_refused = False
        #: What was made of what was read last: each create asks, and it changes once a second.
        self._last: tuple[Memory | None, Usage] = (None, Usage())

    def usage(self) -> Usage:
        """What was read last; the store's refusal to tell is no failure."""
        said = self._memory.read()
        read, usage = self._last
        if said is not read:
            usage = self._usage_of(said)
            self._last = said, usage
        return usage

    def _usage_of(self, said: Memory) -> Usage:
        if said.is_refused and self._max_bytes and not self._is_refused:
            self._is_refused = True
            log.warning("TIMER_MAX_BYTES cannot be kept: the store refuses INFO")
        most = self._max_bytes or int(PART_OF_MAXMEMORY * said.most)
        return Usage(said.used, most or None)

    def check(self) -> None:
        """Raises StoreNearCapacity if nothing may be added now."""
        usage = self.usage()
        if usage.is_full:
            raise StoreNearCapacity(f"the store holds {usage.used} bytes, and may hold {usage.most}")
