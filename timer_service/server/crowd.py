"""Whose silent connections are closed when there are too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from timer_service.server.connection import Connection, Doing

#: What is given up at once, lest everyone be looked at again for each that comes.
_SHARE = 16


def evicted(connections: Iterable[Connection], peer: Any = None) -> list[Connection]:
    """The oldest sixteenth of those of this peer that wait or ask; without one, of the peer that has most of them."""
    waiting = [it for it in connections if it.doing in (Doing.WAITING, Doing.ASKING)]
    if peer is None and waiting:
        peer = Counter(it.peer for it in waiting).most_common(1)[0][0]
    theirs = sorted((it for it in waiting if it.peer == peer), key=lambda it: it.since)
    return theirs[: -(-len(theirs) // _SHARE)]
