"""The due timers that wait behind held destinations: how many, and until when."""

from __future__ import annotations

from collections.abc import Mapping
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
    #: ms at which the earliest of them was due.
    oldest: int


def read_behind(link: Link) -> tuple[Mapping[str, WaitingBehind], bool]:
    """By their tags, of each partition the thousand that may go first; and whether these are all. Raises
    StoreUnavailable."""
    found: dict[str, WaitingBehind] = {}
    are_all = True
    for partition in range(link.partitions):
        for first in range(0, MOST_HELD, _AT_ONCE):
            total, *values = link.run("behind", partition, [first, first + _AT_ONCE - 1])
            for tag, raw, timers, oldest in zip(*[iter(values)] * 4, strict=True):
                _add(found, tag.decode(), WaitingBehind(read_hold(raw), timers, oldest))
            if first + _AT_ONCE >= total:
                break
        are_all = are_all and total <= MOST_HELD
    return found, are_all


def _add(found: dict[str, WaitingBehind], tag: str, it: WaitingBehind) -> None:
    """With what other partitions told of it."""
    before = found.get(tag, WaitingBehind(it.hold, 0, it.oldest))
    found[tag] = WaitingBehind(it.hold, before.timers + it.timers, min(before.oldest, it.oldest))
