"""How many bytes the store holds, and how many it may hold by its own settings, as far as it tells."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scheduler.errors import StoreUnavailable
from scheduler.store.link import Link

#: Seconds for which an answer is good, and for which a store that refuses INFO is not asked again.
_GOOD_FOR, _REFUSED_FOR = 1.0, 60.0
#: Kinds of refusals that last: an access list, a server that has no such command.
_LASTING = ("noperm", "other")


@dataclass(frozen=True, slots=True)
class Memory:
    """What the store says of its memory, in bytes."""

    #: None if the store does not say.
    used: int | None = None
    #: Its maxmemory; 0 for any number, or if it does not say.
    most: int = 0
    #: The store refuses to tell.
    is_refused: bool = False

    @property
    def is_full(self) -> bool:
        return self.used is not None and 0 < self.most <= self.used


class StoreMemory:
    """Shared by threads. Asks INFO outside of scripts, where a refusal (access list, managed server) stops nothing.

    Through the link: where that refuses calls to a store that is known to be away, nobody waits for it here.
    """

    def __init__(self, link: Link, clock: Callable[[], float] = time.monotonic) -> None:
        self._link = link
        self._clock = clock
        self._lock = threading.Lock()
        #: What it said last.
        self.last = Memory()
        self._ask_at = float("-inf")
        #: By the names of servers.
        self._known: dict[str, Memory] = {}

    def read(self) -> Memory:
        """Up to a second old, or as old as the store is away. Never raises."""
        if self._clock() >= self._ask_at:
            with self._lock:
                if self._clock() >= self._ask_at:
                    self.last, good_for = self._asked()
                    self._ask_at = self._clock() + good_for
        return self.last

    def _asked(self) -> tuple[Memory, float]:
        """What it says, and the seconds for which that is good."""
        try:
            servers = self._link.servers()
        except StoreUnavailable:
            return self.last, _GOOD_FOR
        for server in [it for it in servers if not it.is_away] or servers:
            try:
                with server.translated("INFO"):
                    said = server.client.info("memory")
            except StoreUnavailable as error:
                if error.kind in _LASTING:
                    return Memory(is_refused=True), _REFUSED_FOR
                continue  # the call that follows will tell
            self._known[server.name] = Memory(_whole(said.get("used_memory")), _whole(said.get("maxmemory")) or 0)
        return _sum_up([self._known[it.name] for it in servers if it.name in self._known]), _GOOD_FOR


def _sum_up(servers: Sequence[Memory]) -> Memory:
    """Of all servers together, of which the fullest counts: it refuses what is added long before the others might."""
    used = [it.used for it in servers if it.used is not None]
    if len(servers) <= 1 or not used:
        return servers[0] if servers else Memory()
    fullest = max(((it.used or 0) / it.most for it in servers if it.most), default=0)
    return Memory(sum(used), int(sum(used) / fullest) if fullest else 0)


def _whole(said: Any) -> int | None:
    return said if isinstance(said, int) else None
