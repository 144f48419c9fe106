"""Work on many items, during which others may have the core: by itself a kernel changes over at its ticks, 1 to 10 ms
apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

#: Items between two calls: of a history's timers, half a ms.
_EVERY = 10


def to_nobody() -> None:
    """For who works alone."""


def each(items: Iterable[Item], give_way: Callable[[], None]) -> Iterator[Item]:
    """The items; `give_way` is called before the first and then before each tenth, and may return later."""
    for number, item in enumerate(items):
        if number % _EVERY == 0:
            give_way()
        yield item
