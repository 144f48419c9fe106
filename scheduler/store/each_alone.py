"""One call after the other for several partitions: where one server is away, the others are asked all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from scheduler.errors import StoreUnavailable
from scheduler.store import keys
from scheduler.store.link import Link

T = TypeVar("T")
R = TypeVar("R")

#: Where servers are as long as it is not known which there are.
_NOWHERE = 0


class EachAlone(Generic[T, R]):
    """What became of such calls."""

    def __init__(self) -> None:
        #: Of each call that was answered, what it was given and its answer.
        self.done: list[tuple[T, R]] = []
        #: What was given to calls that failed, or were not made.
        self.left: list[tuple[int, T]] = []
        #: The last.
        self.error: StoreUnavailable | None = None
        #: Servers that did not answer the last call, and all that were asked.
        self.away: set[int] = set()
        self.asked: set[int] = set()

    def expect_some(self) -> None:
        """Raises StoreUnavailable if all servers that were asked are away, or no call was answered of those made."""
        if self.error is not None and (not self.done or self.asked <= self.away):
            raise self.error


def each_alone(link: Link, calls: Iterable[tuple[int, T]], ask: Callable[[int, T], R]) -> EachAlone[T, R]:
    """Call `ask` for each partition with what is for it. After a server did not answer it is not asked again; one that
    said that just this partition is elsewhere is."""
    found = EachAlone[T, R]()
    for partition, given in calls:
        place = _NOWHERE
        try:
            if _NOWHERE not in found.away and (place := id(link.server_of(keys.root(partition)))) not in found.away:
                found.asked.add(place)
                found.done.append((given, ask(partition, given)))
                continue
        except StoreUnavailable as error:
            found.error = error
            if error.kind != "cluster":
                found.away.add(place)
        found.left.append((partition, given))
    return found
