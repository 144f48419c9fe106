"""Why due timers of a destination wait. Frozen data, no I/O."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class HeldBy(StrEnum):
    """Why a destination gets nothing, or less, for now."""

    PAUSE = "pause"
    BREAKER = "breaker"
    #: A 429 or 503 of its receiver asked for it.
    RETRY_AFTER = "retry-after"
    RATE = "rate"
    CONCURRENCY = "concurrency"


class Hold(NamedTuple):
    """Why due timers of a destination wait, and until when nobody need ask whether they may go."""

    by: HeldBy
    #: ms; None: until somebody ends it. 0: whoever wants to send asks for permits at any time.
    until: int | None
    #: In words: who paused it and why, or what failed.
    because: str = ""
    #: Of the rule that it comes from: an older one never takes the place of a newer one.
    revision: int = 0
    #: us between two attempts of a rate; 0 of any other.
    interval: int = 0

    def stops(self, now: int) -> bool:
        """Whether nothing may be sent at this moment, ms; else whoever has a permit may send."""
        return self.until is None or self.until > now
