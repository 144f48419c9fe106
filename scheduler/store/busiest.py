"""Destinations in the order of their attempts, those with most first, of all partitions."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge

from scheduler.store.link import Link

#: Destinations that one call tells: 0.1 ms.
_AT_ONCE = 200


def busiest(link: Link, attempts: str = "", tag: str = "") -> Iterator[tuple[int, str]]:
    """Attempts and tag of each, after those with more `attempts`, or as many and a greater tag.

    Read while they are taken, some at a time. Raises StoreUnavailable.
    """
    return merge(*(_of(link, it, attempts, tag) for it in range(link.partitions)), reverse=True)


def _of(link: Link, partition: int, attempts: str, tag: str) -> Iterator[tuple[int, str]]:
    while True:
        values = link.run("busiest", partition, [attempts, tag, _AT_ONCE])
        found = [(int(count), it.decode()) for it, count in zip(*[iter(values)] * 2, strict=True)]
        yield from found
        if len(found) < _AT_ONCE:
            return
        attempts, tag = str(found[-1][0]), found[-1][1]
