"""How much of a poller's room each destination holds: one that hangs must not take all of it."""

from __future__ import annotations

from scheduler.store.claims import SUSPECTS
from scheduler.timer import Claim


def share_of(slots: int) -> int:
    """Slots that one destination gets of a poller at most, but for what one batch adds."""
    return max(4, slots // 4)


class Shares:
    """Counts claims in flight by destination; of suspects there is at most one."""

    def __init__(self, share: int) -> None:
        self._share = share
        self._held: dict[str, int] = {}
        #: The tags of which nothing more is to be claimed.
        self.full: set[str] = set()

    def add(self, claim: Claim) -> None:
        self._count(claim.destination, self._share, 1)
        if claim.suspect:
            self._count(SUSPECTS, 1, 1)

    def remove(self, claim: Claim) -> None:
        self._count(claim.destination, self._share, -1)
        if claim.suspect:
            self._count(SUSPECTS, 1, -1)

    def _count(self, tag: str, most: int, change: int) -> None:
        held = self._held[tag] = self._held.get(tag, 0) + change
        if held >= most:
            self.full.add(tag)
            return
        self.full.discard(tag)
        if not held:
            del self._held[tag]
