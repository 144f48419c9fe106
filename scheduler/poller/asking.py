"""What a poller asks partitions for: due timers of those that have some; of more, before it is done with the last."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from scheduler.errors import StoreUnavailable
from scheduler.poller.due import LOOK_AGAIN, DueTimes
from scheduler.store.claims import Claims
from scheduler.store.room import Load, Permitted, Room
from scheduler.store.taking import Batch


class _Sent(NamedTuple):
    """A claim that is under way."""

    partitions: Sequence[int]
    room: Room
    answer: Callable[[], Batch]


class Asking:
    """For the poller's thread, all but `rang`. Each that asks raises StoreUnavailable; then what it asked is due still.

    The store claims the next timers while these are sent: a poller that waited for each claim and settle sent 0.7 of
    what its CPU allows.
    """

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        #: When each partition is to be claimed from.
        self._due = DueTimes()
        #: Seconds of the monotonic clock; until then timers may wait where their destinations had no room.
        self._crowded_until = 0.0
        self._sent: _Sent | None = None

    def rang(self, partition: int) -> None:
        """Something has become due there, or will. Safe in any thread."""
        self._due.rang(partition, time.monotonic())

    def all_are_due(self) -> None:
        self._due.all(self._claims.partitions, time.monotonic())

    def due_in(self) -> float:
        """Seconds until something is."""
        return max(0.0, self._due.next(self._claims.partitions) - time.monotonic())

    def peek(self, load: Load) -> Mapping[int, float | None]:
        """Ask partitions of which nothing is known to be due whether there is. What is returned: seconds until a
        schedule is to be looked at there."""
        idle = self._due.take_idle(self._claims.partitions, time.monotonic())
        if not idle:
            return {}
        try:
            found = self._claims.peek(idle, load)
        except StoreUnavailable:
            self._due.told({}, idle, time.monotonic())
            raise
        self._due.peeked(found.waits, time.monotonic())
        return found.planned

    def send(
        self, limit: int, saturated: Collection[str], room: Room, load: Load, permits: Sequence[Permitted]
    ) -> None:
        """A claim from the partitions that are due; from all where timers may wait for room. It is to be read before
        anything else is claimed."""
        count, now = self._claims.partitions, time.monotonic()
        if saturated or room.answering is not None:
            self._crowded_until = now + LOOK_AGAIN
        if now < self._crowded_until:
            self._due.all(count, now)
        due = self._due.take(count, now)
        try:
            self._sent = _Sent(due, room, self._claims.send_claim(limit, saturated, room, load, permits, due))
        except StoreUnavailable:
            self._due.told({}, due, now)
            raise

    @property
    def is_under_way(self) -> bool:
        """Something was sent, and not read."""
        return self._sent is not None

    def read(self) -> Batch:
        """What was sent before."""
        sent, self._sent = self._sent, None
        assert sent is not None
        try:
            batch = sent.answer()
        except StoreUnavailable:
            self._due.told({}, sent.partitions, time.monotonic())
            raise
        self._due.told(batch.waits, batch.not_asked, time.monotonic())
        share = sent.room.share
        if share is not None and any(n >= share for n in Counter(it.destination for it in batch.claims).values()):
            self._crowded_until = time.monotonic() + LOOK_AGAIN  # more of that one may wait where they were found
        return batch
