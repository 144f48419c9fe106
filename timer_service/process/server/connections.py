"""All connections of a worker, and which are closed when there are too many or when they hold too much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from timer_service.process.server.connection import Connection, Doing
from timer_service.process.server.limits import Limits

#: The part that is closed at once: a sixteenth, or all would be looked at again for each that comes.
_PART = 16


class Connections:
    """Counts connections by address and by the bytes they hold, and names those that have to be closed.

    Used by the loop's thread alone; to close them, and to discard them here, is the caller's. Raises nothing.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._all: set[Connection] = set()
        self._by_peer: Counter[Any] = Counter()
        #: Bytes of those that hold more than a little, and the sum of these.
        self._large: dict[Connection, int] = {}
        self._held = 0

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._all

    def __iter__(self) -> Iterator[Connection]:
        """Those that are there now; they may be discarded meanwhile."""
        return iter(list(self._all))

    def __len__(self) -> int:
        return len(self._all)

    @property
    def is_full(self) -> bool:
        return len(self._all) >= self._limits.connections

    def add(self, connection: Connection) -> list[Connection]:
        """Returns those to close, so that others of this address, or of any, can still connect."""
        self._all.add(connection)
        self._by_peer[connection.peer] += 1
        if self._by_peer[connection.peer] > self._limits.waiting_per_peer:
            return self._oldest(connection.peer)
        return self.oldest() if self.is_full else []

    def discard(self, connection: Connection) -> None:
        self._all.discard(connection)
        self._held -= self._large.pop(connection, 0)
        self._by_peer[connection.peer] -= 1
        if not self._by_peer[connection.peer]:
            del self._by_peer[connection.peer]

    def oldest(self) -> list[Connection]:
        """Those to close of the address that has most: a sixteenth of its waiting ones."""
        waiting = Counter(connection.peer for connection in self._all if _is_waiting(connection))
        return self._oldest(waiting.most_common(1)[0][0]) if waiting else []

    def _oldest(self, peer: Any) -> list[Connection]:
        """A sixteenth of those of this address that are silent or in the middle of a request, rounded up."""
        theirs = [connection for connection in self._all if connection.peer == peer and _is_waiting(connection)]
        theirs.sort(key=lambda connection: connection.since)
        return theirs[: (len(theirs) + _PART - 1) // _PART]

    def weigh(self, connection: Connection, taken: int = 0) -> None:
        """Count the bytes held for it, with those `taken` by a thread."""
        held = connection.held + taken
        held = held if held > self._limits.small else 0
        self._held += held - self._large.pop(connection, 0)
        if held:
            self._large[connection] = held

    def slowest(self) -> list[Connection]:
        """Those to close while all hold too many bytes: the ones that have been sending or taking for longest."""
        if self._held <= self._limits.held:
            return []
        slow = [
            connection
            for connection in self._large
            if connection.doing in (Doing.ASKING, Doing.TAKING) and not connection.in_thread
        ]
        slow.sort(key=lambda connection: connection.since)
        found, left = [], self._held
        for connection in slow:
            if left <= self._limits.held:
                break
            left -= self._large[connection]
            found.append(connection)
        return found


def _is_waiting(connection: Connection) -> bool:
    return connection.doing in (Doing.WAITING, Doing.ASKING) and not connection.in_thread
