"""What is to be done at which moment, for a loop of one thread."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator
from itertools import count
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Agenda(Generic[Item]):
    """Items and the moments at which they are due, in seconds of the monotonic clock. Used by one thread.

    An item that is dropped is let go at once, however far its moment was.
    """

    def __init__(self) -> None:
        self._entries: dict[Item, int] = {}
        #: By serial number: heap entries of dropped items stay behind for a while, and must not hold them.
        self._items: dict[int, Item] = {}
        self._heap: list[tuple[float, int]] = []
        self._serial = count()

    def add(self, at: float, item: Item) -> None:
        """An item has one moment: this one takes the place of an earlier one."""
        self.drop(item)
        serial = next(self._serial)
        self._entries[item] = serial
        self._items[serial] = item
        heapq.heappush(self._heap, (at, serial))

    def drop(self, item: Item) -> None:
        serial = self._entries.pop(item, None)
        if serial is None:
            return
        del self._items[serial]
        if len(self._heap) > 64 + 2 * len(self._items):
            self._heap = [entry for entry in self._heap if entry[1] in self._items]
            heapq.heapify(self._heap)

    def next(self) -> float | None:
        """The earliest moment; it may be one of an item that was dropped."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[Item]:
        """The items whose moment has come; they are on the agenda no more."""
        while self._heap and self._heap[0][0] <= now:
            item = self._items.pop(heapq.heappop(self._heap)[1], None)
            if item is not None:
                del self._entries[item]
                yield item
