"""When a destination is left alone because it fails, and when it is tried whether it is back. Pure."""

from __future__ import annotations

from collections import deque
from enum import Enum
from itertools import takewhile
from typing import NamedTuple
from zlib import crc32

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


class Failing(NamedTuple):
    """Why a destination is to be left alone."""

    #: In words.
    because: str
    #: It has answered with 500, and nobody else that this poller knows of was answered: as one tenant of a gateway may
    #: be, of which a poller that has just begun has seen no other. It is left alone unless others are answered.
    may_be_one_tenant: bool


class Answered(NamedTuple):
    """The last answer of a destination below 500."""

    #: A number for its path, the same in each process.
    path: int
    ms_ago: int


class _Seen:
    """Of one destination: the latest attempts, once one has failed; and its paths, whether the last attempt failed."""

    __slots__ = ("alive_at", "answered_at", "answered_path", "attempts", "paths")

    def __init__(self) -> None:
        self.answered_at = float("-inf")
        self.answered_path = 0
        #: When it was known last that somebody is answered: by this poller, or as others have told.
        self.alive_at = float("-inf")
        self.attempts: deque[tuple[float, Result]] = deque(maxlen=_ATTEMPTS)
        #: By the numbers of paths, which may have 8 KiB each.
        self.paths: dict[int, tuple[float, bool]] = {}

    def note_path(self, path: int, at: float, failed: bool) -> None:
        if path not in self.paths and len(self.paths) >= _MOST_PATHS:
            del self.paths[min(self.paths, key=lambda path: self.paths[path][0])]
        self.paths[path] = (at, failed)

    def lately(self, now: float) -> list[bool]:
        """Of each path that was tried within the last minute, whether it failed."""
        return [failed for at, failed in self.paths.values() if now - at <= _PATH_SECONDS]


class Watch:
    """Counts what one poller sees of destinations. Told of each attempt that has ended, and of the time: seconds of the
    monotonic clock. Raises nothing."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def note(self, tag: str, url: str, result: Result, said: str, now: float) -> Failing | None:
        """Why the destination is to be left alone from now on; None: it is not. `said`: the error or the status."""
        it = self._seen.get(tag) or self._add(tag)
        path = _path_of(url)
        failed = result is not Result.ANSWERED
        it.note_path(path, now, failed)
        if not failed:
            it.answered_at = it.alive_at = now
            it.answered_path = path
        if not (failed or it.attempts):
            return None
        it.attempts.append((now, result))
        if not failed:
            if all(kind is Result.ANSWERED for _, kind in it.attempts):
                it.attempts.clear()
            return None
        failing = _failing(it, said, now)
        if failing:
            it.attempts.clear()
        return failing

    def has_failures(self, tag: str) -> bool:
        """Whether an attempt failed of late, so that one which is answered makes a difference."""
        it = self._seen.get(tag)
        return it is not None and bool(it.attempts)

    def last_answered(self, tag: str, now: float) -> Answered | None:
        """None: nobody was, for as long as paths are remembered."""
        it = self._seen.get(tag)
        if it is None or now - it.answered_at > _PATH_SECONDS:
            return None
        return Answered(it.answered_path, round(1000 * (now - it.answered_at)))

    def others_are_answered(self, tag: str, told: Answered | None, now: float) -> bool:
        """Whether what fails there may be one tenant's after all: this poller has seen another path answered by now,
        or any poller has within the last minute, and `told` of it. That is remembered as if it were seen here."""
        it = self._seen.get(tag) or self._add(tag)
        if not all(it.lately(now)):
            return True
        if told is None or abs(told.ms_ago) > 1000 * _PATH_SECONDS:  # ahead of now: by another clock than today's
            return False
        at = now - max(0, told.ms_ago) / 1000
        if told.path in it.paths and at <= it.paths[told.path][0]:  # it fails by now
            return False
        it.note_path(told.path, at, failed=False)
        it.alive_at = now
        return True

    def _add(self, tag: str) -> _Seen:
        if len(self._seen) >= _DESTINATIONS:
            del self._seen[next(iter(self._seen))]
        it = self._seen[tag] = _Seen()
        return it


def _path_of(url: str) -> int:
    """The same in each process, as hash() is not."""
    return crc32(url.partition("?")[0].encode("utf-8", "replace"))


def _failing(it: _Seen, said: str, now: float) -> Failing | None:
    certain, counts = {Result.UNREACHED}, {Result.UNREACHED, Result.UNANSWERED}
    paths = it.lately(now)
    all_fail = all(paths) and len(paths) < _MOST_PATHS  # with more, one that answers may have been forgotten
    if all_fail:
        certain = counts = {*counts, Result.REFUSED}
    elif sum(paths) >= _PATHS:
        counts = {*counts, Result.REFUSED}
    because = _because(it, certain, counts, said, now)
    if because is None:
        return None
    refused = {Result.REFUSED}
    needs_refusals = _because(it, certain - refused, counts - refused, said, now) is None
    return Failing(because, needs_refusals and (all_fail or now - it.alive_at > _PATH_SECONDS))


def _because(it: _Seen, certain: set[Result], counts: set[Result], said: str, now: float) -> str | None:
    """`counts`: what is a failure of the destination; `certain`: also right after an answer."""
    is_alive = now - it.alive_at <= _ALIVE
    in_a_row = certain if is_alive else counts
    row = sum(1 for _ in takewhile(lambda kind: kind in in_a_row, (kind for _, kind in reversed(it.attempts))))
    if row >= _IN_A_ROW:
        return BreakerFailures(f"{row} attempts in a row failed", said).text
    latest = [(at, kind in counts) for at, kind in it.attempts if now - at <= _SECONDS]
    failed = sum(is_failed for _, is_failed in latest)
    if len(latest) >= _LEAST and failed >= _PART * len(latest) and (not is_alive or now - latest[0][0] >= _ALIVE):
        return BreakerFailures(f"{failed} of {len(latest)} attempts in {_SECONDS:g} s failed", said).text
    return None
