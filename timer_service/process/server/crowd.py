"""All connections of a worker, and whose are closed when there are too many or when they hold too much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from timer_service.process.server.connection import Connection, Doing
from timer_service.process.server.limits import Limits

#: What is given up at once, lest everyone be looked at again for each that comes.
_SHARE = 16


class Crowd:
    """It names who has to go; to close a connection and to discard it here is the caller's."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._all: set[Connection] = set()
        self._by_peer: Counter[Any] = Counter()
        #: Bytes of those that hold more than a little, and the sum of these.
        self._large: dict[Connection, int] = {}
        self._held = 0

    def __contains__(self, it: Connection) -> bool:
        return it in self._all

    def __iter__(self) -> Iterator[Connection]:
        """Those that are there now; they may be discarded meanwhile."""
        return iter(list(self._all))

    def __len__(self) -> int:
        return len(self._all)

    @property
    def is_full(self) -> bool:
        return len(self._all) >= self._limits.connections

    def add(self, it: Connection) -> list[Connection]:
        """Who has to go, so that others of this address, or of any, can still come."""
        self._all.add(it)
        self._by_peer[it.peer] += 1
        if self._by_peer[it.peer] > self._limits.waiting_per_peer:
            return self._oldest(it.peer)
        return self.oldest() if self.is_full else []

    def discard(self, it: Connection) -> None:
        self._all.discard(it)
        self._held -= self._large.pop(it, 0)
        self._by_peer[it.peer] -= 1
        if not self._by_peer[it.peer]:
            del self._by_peer[it.peer]

    def oldest(self) -> list[Connection]:
        """The same of the address that has most."""
        waiting = Counter(it.peer for it in self._all if _is_waiting(it))
        return self._oldest(waiting.most_common(1)[0][0]) if waiting else []

    def _oldest(self, peer: Any) -> list[Connection]:
        """A sixteenth of those of this address that are silent or in the middle of a request."""
        theirs = [it for it in self._all if it.peer == peer and _is_waiting(it)]
        theirs.sort(key=lambda it: it.since)
        return theirs[: -(-len(theirs) // _SHARE)]

    def weigh(self, it: Connection, taken: int = 0) -> None:
        """Count the bytes held for it, with those `taken` by a thread."""
        held = it.held + taken
        held = held if held > self._limits.small else 0
        self._held += held - self._large.pop(it, 0)
        if held:
            self._large[it] = held

    def slowest(self) -> list[Connection]:
        """Who has to go while all hold too many bytes: those that have been at it for longest."""
        if self._held <= self._limits.held:
            return []
        slow = [it for it in self._large if it.doing in (Doing.ASKING, Doing.TAKING) and not it.lent]
        slow.sort(key=lambda it: it.since)
        found, left = [], self._held
        for it in slow:
            if left <= self._limits.held:
                break
            left -= self._large[it]
            found.append(it)
        return found


def _is_waiting(it: Connection) -> bool:
    return it.doing in (Doing.WAITING, Doing.ASKING) and not it.lent
