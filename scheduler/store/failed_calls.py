"""The calls of one process that a store did not do: counted by kind, and told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from scheduler.errors import StoreUnsuitable
from scheduler.store import refusals


class FailedCalls:
    """Shared by threads, and by all servers of a store."""

    def __init__(self) -> None:
        #: By kind: those of refusals.KINDS.
        self.counts: Counter[str] = Counter()
        #: Called with the kind of each.
        self.on_failure: Callable[[str], object] = _nobody_counts
        self._refusals = refusals.RefusalLog()

    def add(self, kind: str) -> None:
        self.counts[kind] += 1
        self.on_failure(kind)

    def tell(self, kind: str, reason: str) -> None:
        """Of a refusal, which may be repeated with every call: logged once an hour."""
        self._refusals.tell(kind, reason)

    def unsuitable(self, reason: str) -> StoreUnsuitable:
        """What to raise where the store cannot be served, which is counted and told here."""
        self.add("unsuitable")
        self.tell(reason, reason)
        return StoreUnsuitable(reason)


def _nobody_counts(_kind: str) -> None:
    """What is called with each failure unless somebody counts them."""
