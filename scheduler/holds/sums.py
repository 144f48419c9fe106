"""What one poller has seen of each destination since its last report. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Sum(NamedTuple):
    """Of one destination, by its tag."""

    destination: str
    #: Of any of its timers.
    url: str
    attempts: int
    failures: int
    #: ms, of all attempts together.
    duration_ms: int
    last_error: str | None
    #: ms by the store's clock; 0 where none failed.
    last_error_at: int


class _Seen:
    __slots__ = ("attempts", "duration_ms", "error", "error_at", "failures", "url")

    def __init__(self, url: str) -> None:
        self.url = url
        self.attempts = self.failures = self.duration_ms = self.error_at = 0
        self.error: str | None = None


class Sums:
    """Told of each attempt that has ended. Used by one thread."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def add(self, tag: str, url: str, duration_ms: int, error: str | None, now: int) -> None:
        """`error`: its word, or the status; None of one that was delivered. `now`: ms by the store's clock."""
        it = self._seen.get(tag)
        if it is None:
            it = self._seen[tag] = _Seen(url)
        it.attempts += 1
        it.duration_ms += duration_ms
        if error is not None:
            it.failures += 1
            it.error, it.error_at = error, now

    def take(self, most: int) -> list[Sum]:
        """The busiest; the others stay until they are among those."""
        busiest = sorted(self._seen, key=lambda tag: -self._seen[tag].attempts)[:most]
        return [self._sum(tag, self._seen.pop(tag)) for tag in busiest]

    def _sum(self, tag: str, it: _Seen) -> Sum:
        return Sum(tag, it.url, it.attempts, it.failures, it.duration_ms, it.error, it.error_at)
