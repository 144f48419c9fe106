"""The due timers that wait behind held destinations: how many, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from scheduler.hold import Hold
from scheduler.store.link import Link
from scheduler.store.rule_record import read_hold

#: Held destinations that are looked at in each partition, and told in one call, which takes 1 ms.
MOST_HELD, _AT_ONCE = 1000, 250


class WaitingBehind(NamedTuple):
    """One held destination."""

    hold: Hold
    #: Due timers, of all partitions.
    timers: int


def read_behind(link: Link) -> tuple[Iterable[WaitingBehind], bool]:
    """Of each partition the thousand that may go first, and whether these are all. Raises StoreUnavailable."""
    found: dict[bytes, WaitingBehind] = {}
    are_all = True
    for partition in range(link.partitions):
        for first in range(0, MOST_HELD, _AT_ONCE):
            total, *values = link.run("behind", partition, [first, first + _AT_ONCE - 1])
            for tag, raw, timers in zip(*[iter(values)] * 3, strict=True):
                before = found[tag].timers if tag in found else 0
                found[tag] = WaitingBehind(read_hold(raw), before + timers)
            if first + _AT_ONCE >= total:
                break
        are_all = are_all and total <= MOST_HELD
    return found.values(), are_all
