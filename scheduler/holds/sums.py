"""What one poller has seen of each destination since its last report. Pure."""

from __future__ import annotations

from typing import NamedTuple

from scheduler.holds.breaker import Answered
from scheduler.origin import before_path

#: Destinations of which sums are kept until they are reported: the store keeps as many in each partition.
_MOST = 10_000


class Sum(NamedTuple):
    """Of one destination, by its tag."""

    destination: str
    #: Scheme, host and port, as any of its timers has them.
    url: str
    attempts: int
    failures: int
    #: ms, of all attempts together.
    duration_ms: int
    last_error: str | None
    #: ms by the store's clock; 0 where none failed.
    last_error_at: int
    #: None: nobody was answered below 500, as far as its poller remembers.
    last_answered: Answered | None = None


class Seen:
    """Of one destination, so far."""

    __slots__ = ("attempts", "duration_ms", "error", "error_at", "failures", "flows_until", "url")

    def __init__(self, url: str) -> None:
        self.url = url
        #: Until this moment of the monotonic clock another attempt that is delivered there says nothing more of it.
        self.flows_until = 0.0
        self.attempts = self.failures = self.duration_ms = self.error_at = 0
        self.error: str | None = None


class Sums:
    """Told of each attempt that has ended. Used by one thread."""

    def __init__(self) -> None:
        #: By the tags of destinations.
        self.seen: dict[str, Seen] = {}

    def add(self, tag: str, url: str, duration_ms: int, error: str | None, now: int) -> Seen:
        """`error`: its word, or the status; None of one that was delivered. `now`: ms by the store's clock."""
        it = self.seen.get(tag)
        if it is None:
            if len(self.seen) >= _MOST:
                del self.seen[next(iter(self.seen))]
            it = self.seen[tag] = Seen(before_path(url))
        it.attempts += 1
        it.duration_ms += duration_ms
        if error is not None:
            it.failures += 1
            it.error, it.error_at = error, now
        return it

    def take(self, most: int) -> list[Sum]:
        """The busiest; the others stay until they are among those, or too many others follow."""
        busiest = sorted(self.seen, key=lambda tag: -self.seen[tag].attempts)[:most]
        return [_sum(tag, self.seen.pop(tag)) for tag in busiest]


def _sum(tag: str, it: Seen) -> Sum:
    return Sum(tag, it.url, it.attempts, it.failures, it.duration_ms, it.error, it.error_at)
