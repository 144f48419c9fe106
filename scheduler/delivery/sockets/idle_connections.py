"""The connections that carry no request, each for a second at most."""

from __future__ import annotations

from collections import OrderedDict

from scheduler.delivery.sockets.connection import Connection
from scheduler.delivery.transport import MOST_IDLE

#: Seconds: those that have been idle for long enough are closed together.
_TOGETHER = 0.05


class IdleConnections:
    """By what they may carry. It closes none: whoever has it does. Used by one thread."""

    def __init__(self, most: int) -> None:
        """`most`: as many may be kept."""
        self._most = most
        #: Those that were used last come last.
        self._by_key: dict[tuple[str, str], list[Connection]] = {}
        #: All of them, those that have been idle for the longest first.
        self._all: OrderedDict[Connection, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._all)

    def add(self, connection: Connection, now: float) -> Connection | None:
        """One that is idle from now on. Returns the one that is to be closed for it, if there are too many."""
        connection.idle_since = now
        self._by_key.setdefault(connection.key, []).append(connection)
        self._all[connection] = None
        if len(self._all) <= self._most:
            return None
        oldest = next(iter(self._all))
        self.remove(oldest)
        return oldest

    def take(self, key: tuple[str, str], most_idle: float, now: float) -> Connection | None:
        """The one that was used last, if it has been idle for less than so many seconds; it is idle no more."""
        found = self._by_key.get(key)
        if not found or most_idle <= 0 or now - found[-1].idle_since >= most_idle:
            return None
        connection = found.pop()
        if not found:
            del self._by_key[key]
        del self._all[connection]
        connection.idle = now - connection.idle_since
        return connection

    def remove(self, connection: Connection) -> None:
        """If it is idle, it is kept no more."""
        if connection not in self._all:
            return
        del self._all[connection]
        found = self._by_key[connection.key]
        found.remove(connection)
        if not found:
            del self._by_key[connection.key]

    def next(self) -> float | None:
        """The moment at which old() is to be asked."""
        for oldest in self._all:
            return oldest.idle_since + MOST_IDLE + _TOGETHER
        return None

    def old(self, now: float) -> list[Connection]:
        """Those that have been idle for too long; they are kept no more."""
        found = []
        for connection in self._all:
            if now - connection.idle_since < MOST_IDLE:
                break
            found.append(connection)
        for connection in found:
            self.remove(connection)
        return found
