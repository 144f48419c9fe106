"""Why a destination is held: in words, as they are stored and told to programs, and what these say as data. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from scheduler.destinations import DestinationSettings, Rate

ASKED_TO_WAIT = "its receiver asked to be left alone"
SLOWLY = "it goes on slowly at first"

_LIMITS = re.compile(r"at most (?:(\d+) in ([\d.]+) s)?(?:, )?(?:(\d+) at once)?", re.ASCII)
_FAILURES = re.compile(
    r"(.*?)(?:, the last one: ([\w-]+))?(?:; probe ([1-9]\d*) failed: ([\w-]+))?", re.ASCII | re.DOTALL
)


def limits_text(settings: DestinationSettings) -> str:
    """`at most 10 in 1 s, 4 at once`."""
    it = settings.rate
    said = [] if it is None else [f"{it.requests} in {it.per_ms / 1000:g} s"]
    if settings.concurrency is not None:
        said.append(f"{settings.concurrency} at once")
    return f"at most {', '.join(said)}"


def read_limits(because: str) -> DestinationSettings | None:
    """The rate, without its burst, and the concurrency that such words tell of; None of any others."""
    found = _LIMITS.fullmatch(because)
    if found is None:
        return None
    requests, seconds, at_once = found.groups()
    rate = Rate(int(requests), round(1000 * float(seconds))) if requests else None
    return DestinationSettings(rate, int(at_once) if at_once else None)


class BreakerFailures(NamedTuple):
    """What a breaker has opened for, and the last probe that has failed since."""

    #: `10 attempts in a row failed`; or all the words, if they are of another version and tell nothing else.
    attempts: str
    #: The error's word, or the status, of the last of them; "" if that is not known.
    last: str = ""
    #: The number of the probe, and its error's word or status; 0 and "" for none.
    probe: int = 0
    probe_failed: str = ""

    @property
    def text(self) -> str:
        last = f", the last one: {self.last}" if self.last else ""
        probe = f"; probe {self.probe} failed: {self.probe_failed}" if self.probe else ""
        return f"{self.attempts}{last}{probe}"

    @classmethod
    def read(cls, because: str) -> BreakerFailures:
        """Of its text."""
        found = _FAILURES.fullmatch(because)
        assert found is not None  # whatever it is: the first part takes what the others do not
        attempts, last, probe, probe_failed = found.groups(default="")
        return cls(attempts, last, int(probe or 0), probe_failed)
