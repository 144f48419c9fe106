"""Claims that were sent and not answered: one whose reply was lost is asked for again before anything new."""

from __future__ import annotations

import secrets
import time


class OpenClaims:
    """By partition. Used by one poller's thread."""

    def __init__(self) -> None:
        #: Id, and seconds of the monotonic clock before it was sent first.
        self._open: dict[int, tuple[str, float]] = {}
        #: Those of which the store may know.
        self._lost: set[int] = set()

    @property
    def partitions(self) -> list[int]:
        return list(self._open)

    def __bool__(self) -> bool:
        return bool(self._open)

    def begin(self, partition: int) -> str:
        """The id to ask with: a new one, or that whose reply was lost."""
        if partition not in self._open:
            self._open[partition] = (secrets.token_urlsafe(12), time.monotonic())
        return self._open[partition][0]

    def answered(self, partition: int) -> tuple[str, float]:
        """Id and moment of the one that was."""
        self._lost.discard(partition)
        return self._open.pop(partition)

    def failed(self, partition: int, *, maybe_done: bool) -> None:
        """`maybe_done`: the store may have claimed timers under this id."""
        if maybe_done:
            self._lost.add(partition)
        if partition not in self._lost:
            self._open.pop(partition, None)
