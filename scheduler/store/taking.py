"""What one claim has brought so far, from one partition after the other, and what is left of its room."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from scheduler.claim import Claim
from scheduler.store.room import SUSPECTS, Load, Permitted, Room

NOTHING: Mapping[str, int] = MappingProxyType({})


class Batch(NamedTuple):
    """What one claim brought, and the seconds until the next should be made (0: now; None: nothing is scheduled)."""

    claims: list[Claim]
    next_due: float | None
    #: Held destinations whose permits may be asked for, by their tags: how many due timers wait there.
    ready: Mapping[str, int] = NOTHING
    #: The same seconds by partition, of those that answered.
    waits: Mapping[int, float | None] = MappingProxyType({})
    #: Of the partitions that were to be asked those for which there was no room left.
    not_asked: Sequence[int] = ()


class Taking:
    """Used up by one claim."""

    def __init__(
        self, limit: int, saturated: Collection[str], room: Room, load: Load, permits: Sequence[Permitted]
    ) -> None:
        self.limit = limit
        self.saturated = saturated
        self.room = room
        self.load = load
        self.permits = permits
        self.claims: list[Claim] = []
        self._ready = NOTHING
        self._waits: dict[int, float | None] = {}
        self._not_asked: list[int] = []

    @property
    def is_free(self) -> bool:
        """Nothing is held back: what one partition brings changes nothing for the others but the number."""
        has_share = self.room.share is not None and self.room.share < self.limit
        return not (self.saturated or self.permits or has_share) and self.room.answering is None

    def parts(self, count: int) -> list[Taking]:
        """Its room, divided; and suspects, of which one may be under way, by one of them only."""
        limits = [self.limit // count + (number < self.limit % count) for number in range(count)]
        room = replace(self.room, bytes=max(1, self.room.bytes // count))
        return [
            Taking(limit, (SUSPECTS,) if number else (), room, self.load, ()) for number, limit in enumerate(limits)
        ]

    @property
    def is_over(self) -> bool:
        """There is no room for more; one partition is asked in any case."""
        return self.limit <= 0 and bool(self._waits)

    def skip(self, partition: int) -> None:
        self._not_asked.append(partition)

    def add(self, partition: int, claims: list[Claim], wait: float | None, ready: Mapping[str, int]) -> None:
        """What it has brought."""
        self.limit -= len(claims)
        self._waits[partition] = 0.0 if self.limit <= 0 else wait
        self._ready = _sums(self._ready, ready)
        self.load = self.load._replace(in_flight=self.load.in_flight + len(claims))
        self.claims = self.claims + claims if self.claims else claims
        if not claims:
            return
        self.room = self.room.without(claims)
        self.permits = [it.without(claims) for it in self.permits]
        if any(claim.suspect for claim in claims):
            self.saturated = {*self.saturated, SUSPECTS}

    def batch(self, *, is_whole: bool) -> Batch:
        """`is_whole`: all that were asked have answered."""
        next_due = min((it for it in self._waits.values() if it is not None), default=None)
        if not is_whole or self.limit <= 0:
            next_due = 0.0
        return Batch(self.claims, next_due, self._ready, self._waits, self._not_asked)


def _sums(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    if not (one and other):
        return one or other
    return {tag: one.get(tag, 0) + other.get(tag, 0) for tag in {**one, **other}}
