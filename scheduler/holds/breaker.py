"""When a destination is left alone because it fails, and when it is tried whether it is back. Pure."""

from __future__ import annotations

from collections import deque
from enum import Enum
from itertools import takewhile

from scheduler.hold_reasons import BreakerFailures

#: ms until the first probe after the breaker has opened; the next ones follow at twice the time each, up to the last.
FIRST_PROBE, LAST_PROBE = 5_000, 60_000

#: Failures in a row that open it; or of so many in so many seconds such a part.
_IN_A_ROW = 10
_LEAST, _SECONDS, _PART = 10, 10.0, 0.9
#: Paths of an origin that have to fail, if any other does not, before its own failures count; and for how many seconds
#: a path was seen.
_PATHS, _PATH_SECONDS = 3, 60.0
#: Seconds after an answer, and from the first failure on, in which what fails may be one tenant's alone: he may have
#: many timers that are due at once, each with a path of its own.
_ALIVE = 1.0
#: Attempts, and paths, that are remembered of one destination; and destinations.
_ATTEMPTS, _MOST_PATHS, _DESTINATIONS = 64, 64, 2048


def probe_wait(probes: int) -> int:
    """ms from a probe that failed to the next one, when so many were made."""
    return min(LAST_PROBE, FIRST_PROBE << min(probes, 10))


class Result(Enum):
    """What an attempt tells of its destination."""

    #: It answered, whatever it said of this timer.
    ANSWERED = "answered"
    #: It is not to be reached, whoever is meant there: connect, dns, tls.
    UNREACHED = "unreached"
    #: Nobody answered in time, or to the end: timeout, reset.
    UNANSWERED = "unanswered"
    #: A status of 500 or more: of one tenant of a gateway, perhaps.
    REFUSED = "refused"


class _Seen:
    """Of one destination: the latest attempts, once one has failed; and its paths, whether the last attempt failed."""

    __slots__ = ("answered_at", "attempts", "paths")

    def __init__(self) -> None:
        self.answered_at = float("-inf")
        self.attempts: deque[tuple[float, Result]] = deque(maxlen=_ATTEMPTS)
        #: By the hashes of paths, which may have 8 KiB each.
        self.paths: dict[int, tuple[float, bool]] = {}


class Watch:
    """Counts what one poller sees of destinations. Told of each attempt that has ended, and of the time: seconds of the
    monotonic clock. Raises nothing."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def note(self, tag: str, url: str, result: Result, said: str, now: float) -> str | None:
        """Why the destination is to be left alone from now on, in words; None: it is not. `said`: the error or the
        status."""
        it = self._seen.get(tag) or self._add(tag)
        path = hash(url.partition("?")[0])
        failed = result is not Result.ANSWERED
        if path not in it.paths and len(it.paths) >= _MOST_PATHS:
            del it.paths[min(it.paths, key=lambda path: it.paths[path][0])]
        it.paths[path] = (now, failed)
        if not failed:
            it.answered_at = now
        if not (failed or it.attempts):
            return None
        it.attempts.append((now, result))
        if not failed:
            if all(kind is Result.ANSWERED for _, kind in it.attempts):
                it.attempts.clear()
            return None
        because = self._because(it, said, now)
        if because:
            it.attempts.clear()
        return because

    def has_failures(self, tag: str) -> bool:
        """Whether an attempt failed of late, so that one which is answered makes a difference."""
        it = self._seen.get(tag)
        return it is not None and bool(it.attempts)

    def _add(self, tag: str) -> _Seen:
        if len(self._seen) >= _DESTINATIONS:
            del self._seen[next(iter(self._seen))]
        it = self._seen[tag] = _Seen()
        return it

    def _because(self, it: _Seen, said: str, now: float) -> str | None:
        certain, counts = {Result.UNREACHED}, {Result.UNREACHED, Result.UNANSWERED}
        paths = [failed for at, failed in it.paths.values() if now - at <= _PATH_SECONDS]
        if all(paths) and len(paths) < _MOST_PATHS:  # with more, one that answers may have been forgotten
            certain = counts = {*counts, Result.REFUSED}
        elif sum(paths) >= _PATHS:
            counts = {*counts, Result.REFUSED}
        is_alive = now - it.answered_at <= _ALIVE
        in_a_row = certain if is_alive else counts
        row = sum(1 for _ in takewhile(lambda kind: kind in in_a_row, (kind for _, kind in reversed(it.attempts))))
        if row >= _IN_A_ROW:
            return BreakerFailures(f"{row} attempts in a row failed", said).text
        latest = [(at, kind in counts) for at, kind in it.attempts if now - at <= _SECONDS]
        failed = sum(is_failed for _, is_failed in latest)
        if len(latest) >= _LEAST and failed >= _PART * len(latest) and (not is_alive or now - latest[0][0] >= _ALIVE):
            return BreakerFailures(f"{failed} of {len(latest)} attempts in {_SECONDS:g} s failed", said).text
        return None
