"""What the store has yet to hear of a poller: attempts that have ended, and claims that are given back unsent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from scheduler.claim import Claim, Settlement
from scheduler.errors import HalfDone
from scheduler.poller.counts import PollerCounts
from scheduler.store.claims import Claims

log = logging.getLogger(__name__)


class Settling:
    """For the poller's thread. Each that asks the store raises StoreUnavailable; what it may not have heard of is told
    again then, the next time."""

    def __init__(self, claims: Claims, counts: PollerCounts) -> None:
        self._claims = claims
        self._counts = counts
        self._ended: list[Settlement] = []
        #: What the store was told to settle, and what reads which of it was refused.
        self._sent: tuple[list[Settlement], Callable[[], list[Settlement]]] | None = None
        self._unsent: list[Claim] = []

    @property
    def has_some(self) -> bool:
        """Whether there is anything that the store has not answered."""
        return bool(self._ended or self._unsent or self._sent)

    @property
    def unsettled(self) -> int:
        """Attempts that have ended, but for those that the store was just told of."""
        return len(self._ended)

    def add(self, ended: Iterable[Settlement]) -> None:
        self._ended += ended

    def give_back(self, claims: Iterable[Claim]) -> None:
        self._unsent += claims

    def send(self) -> None:
        """Tell what has ended; first the answer to what was told before is read."""
        self.read()
        if self._ended:
            self._sent = self._ended, self._claims.send_settle(self._ended)
            self._ended = []

    def read(self) -> None:
        """The answer to what was told, if there is one to read."""
        if self._sent is None:
            return
        (ended, read), self._sent = self._sent, None
        left = ended
        try:
            refused = read()
            left = []
        except HalfDone as half:
            refused, left = list(half.done), list(half.left)
        finally:
            self._ended = left + self._ended
        not_settled = [*refused, *left]
        self._counts.settled([it for it in ended if it not in not_settled] if not_settled else ended)
        self._counts.refused_settles += len(refused)
        for it in refused:
            log.warning("settle of timer %s refused: its lease was lost", it.timer_id)

    def release(self) -> None:
        """Give back what was not sent."""
        if self._unsent:
            left: list[Claim] = []
            try:
                self._claims.release(self._unsent)
            except HalfDone as half:
                left = list(half.left)
            self._counts.released += len(self._unsent) - len(left)
            self._unsent = left
