"""How many partitions a store has: looked up, and the empty ones laid out like the others."""

from __future__ import annotations

from collections.abc import Callable

from scheduler.store import keys, layout


class Expected:
    """How a link has found the store laid out, for the servers of it. Shared by threads."""

    def __init__(self, clock: str) -> None:
        self.clock = clock
        #: None until it was looked up.
        self.partitions: int | None = None

    def refusal(self, found: bytes) -> str | None:
        """Why a layout that a script has found since is none that can be served; None if it can."""
        return layout.refusal(found, self.partitions, self.clock)


def look_up(
    read: Callable[[int], bytes | None],
    lay_out: Callable[[int, int], bytes],
    suitable: Callable[[bytes, int | None], int],
    asked: int | None,
    default: int,
) -> int:
    """The partitions of a store; those that are empty are laid out like the others, or as asked, or by default.

    `read`: the layout of a partition. `lay_out`: lays one out in a store of so many, and tells what stands there then.
    `suitable`: how many a layout says, which are to be so many. All may raise StoreUnavailable.
    """
    first = next(filter(None, map(read, range(keys.SLOTS))), None)
    partitions = asked or default if first is None else suitable(first, asked)
    for partition in range(partitions):
        found = read(partition)
        suitable(lay_out(partition, partitions) if found is None else found, partitions)
    return partitions
