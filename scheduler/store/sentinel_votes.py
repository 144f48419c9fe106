"""Which server is the primary, by what sentinels say of it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scheduler.store_address import Host


def majority(named: Sequence[Host], sentinels: int) -> Host | None:
    """The server that more than half of so many sentinels name: what the others would say changes nothing."""
    for host, count in Counter(named).most_common(1):
        if 2 * count > sentinels:
            return host
    return None


def without_majority(named: Sequence[Host], sentinels: int, known: Host | None) -> Host | None:
    """The server that all who answered name, though they are no majority: the others are dead, frozen or cut off.

    Half of them are believed in anything. Fewer may be cut off together with an old primary, so that they are believed
    where they name the one that is known, or none is: a process that starts goes on with what there is.
    """
    if len(set(named)) != 1:
        return None
    host = named[0]
    return host if 2 * len(named) >= sentinels or known in (None, host) else None
