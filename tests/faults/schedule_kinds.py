"""What the schedules of a load are like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a schedule is like, and what its receiver does."""

    every: int = 1
    overlap: str = "allow"
    catch_up: str = "last"
    #: Seconds.
    spread: int = 0
    pause_after_failures: int | None = None
    #: ms until a run is answered.
    hold: int = 0
    #: Whether the first attempt of each run is answered with a 500.
    flaky: bool = False
    max_attempts: int = 8

    def asked(self, url: str) -> dict[str, Any]:
        """The body of a PUT, for runs to this URL."""
        return {
            "every": self.every,
            "overlap": self.overlap,
            "catch_up": self.catch_up,
            "spread": self.spread,
            "pause_after_failures": self.pause_after_failures,
            "timer": {"url": url, "backoff": [3], "max_attempts": self.max_attempts},
        }


KINDS = (
    Kind(),
    Kind(catch_up="all"),
    Kind(every=2, catch_up="none"),
    Kind(catch_up="all", spread=5),
    Kind(pause_after_failures=3, flaky=True, max_attempts=1),
    Kind(overlap="skip", hold=1500),
    Kind(overlap="skip", catch_up="all", hold=300),
    Kind(every=2, overlap="skip", catch_up="none", spread=3),
    # The earlier run waits for its retry, or is in flight.
    Kind(every=2, overlap="replace", flaky=True),
    Kind(overlap="replace", catch_up="all", hold=1300),
)
