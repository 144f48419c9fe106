"""What the loop tells of each attempt to whoever traces them. The engine knows no library for that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scheduler.claim import Claim
from scheduler.timer import Attempt


class Tracing(Protocol):
    """Called by the thread of the loop, which it must not hold up; raises nothing."""

    def claimed(self, claims: Sequence[Claim]) -> None:
        """What one call has taken: not nothing. Those of which began() is told next are of them."""

    def began(self, claim: Claim) -> Claim:
        """The claim as it is sent, with the `traceparent` of this attempt, which is a new one."""

    def ended(self, claim: Claim, attempt: Attempt) -> None:
        """What became of a claim that began() has returned."""

    def released(self, claim: Claim) -> None:
        """It was given back unsent."""
