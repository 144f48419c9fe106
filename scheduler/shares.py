"""How much of a poller's room each destination holds: one that hangs must not take all of it."""

from __future__ import annotations

from collections import Counter

from scheduler.store.claims import SUSPECTS
from scheduler.timer import Claim


def share_of(slots: int) -> int:
    """Slots that one destination gets of a poller at most, but for what one batch adds."""
    return max(4, slots // 4)


class Shares:
    """Counts claims in flight by destination; of suspects there is at most one."""

    def __init__(self, share: int) -> None:
        self._share = share
        self._held: Counter[str] = Counter()
        #: The tags of which nothing more is to be claimed.
        self.full: set[str] = set()

    def add(self, claim: Claim) -> None:
        for tag, most in self._tags(claim):
            self._held[tag] += 1
            if self._held[tag] >= most:
                self.full.add(tag)

    def remove(self, claim: Claim) -> None:
        for tag, most in self._tags(claim):
            self._held[tag] -= 1
            if self._held[tag] < most:
                self.full.discard(tag)
            if not self._held[tag]:
                del self._held[tag]

    def _tags(self, claim: Claim) -> list[tuple[str, int]]:
        tags = [(claim.destination, self._share)]
        return [*tags, (SUSPECTS, 1)] if claim.suspect else tags
