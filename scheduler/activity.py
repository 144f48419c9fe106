"""What the store tells of itself, its pollers, and what goes wrong: frozen data, no I/O. Moments as in timer.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from scheduler.timer import Reason, Timer


class PollerSeen(NamedTuple):
    """A poller as its last claim showed it."""

    name: str
    #: ms, by the store's clock.
    seen_at: int
    #: Attempts that it had under way, of so many at most.
    in_flight: int
    slots: int


#: ms for which nothing is seen of a poller before it counts as gone: one that runs is seen once a second at least.
POLLER_GONE = 5000


class Minute(NamedTuple):
    """What happened in one minute."""

    #: ms: its beginning.
    at: int
    #: Timers that clients set.
    set: int = 0
    #: Attempts that were settled, delivered ones too; and those of them that failed.
    attempts: int = 0
    failed_attempts: int = 0
    #: Timers that ended so.
    delivered: int = 0
    failed: int = 0
    cancelled: int = 0
    #: ms within which half of the attempts were sent, 99 % of them, and the worst; None where there were none. The
    #: first two are rounded up to a bound.
    lateness_p50_ms: int | None = None
    lateness_p99_ms: int | None = None
    lateness_worst_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pollers:
    """Those seen in the last hour, by name."""

    read_at: int
    pollers: list[PollerSeen]

    @property
    def running(self) -> list[PollerSeen]:
        """Those that were seen a moment ago."""
        return [it for it in self.pollers if self.read_at - it.seen_at < POLLER_GONE]


@dataclass(frozen=True, slots=True, kw_only=True)
class Minutes:
    """The latest first; those in which nothing happened are among them. The first is not over yet."""

    read_at: int
    minutes: list[Minute]


class Bucket(NamedTuple):
    """Timers that fall due from `at` on, ms, until the next bucket."""

    at: int
    timers: int
    #: Others that are due already, wait behind a held destination, and are expected to be sent in this time.
    held: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How many scheduled timers fall due when, and when those are expected that are held. What is due already and
    waits for a poller, or for room, is not in it."""

    read_at: int
    #: ms of each.
    by_ms: int
    buckets: list[Bucket]
    #: Due timers that are held, of which nobody knows when they are sent.
    held_undated: int = 0
    #: Whether all held destinations were looked at: of each partition a thousand are.
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Timers that ended failed in the same way at one destination."""

    #: None where only a later version knows the word.
    reason: Reason | None
    #: Of their last attempts: a word, or the status that was answered; both None where it is not known.
    error: str | None
    status_code: int | None
    #: All of them that were looked at, those that ended last first: what a replay of the group is given.
    ids: tuple[str, ...]
    #: The one that ended last; its URL says which destination.
    newest: Timer
    #: ms.
    oldest_ended_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingDestination:
    """One whose latest attempts failed, or behind which due timers wait for room. Of one that does not fail, and is
    held, nothing is told."""

    #: One of its timers; its URL says which destination.
    sample: Timer
    #: Since when nothing was delivered there, ms, when the last attempt failed, and how many did in a row; None and 0
    #: where timers only wait for room.
    since: int | None
    last_at: int | None
    failures: int
    #: Of the last failed attempt.
    error: str | None
    status_code: int | None
    #: Due timers that wait behind it, and since when the oldest is due, ms.
    waiting: int
    oldest_waiting_at: int | None
    #: Of these, those that wait because it is held; the others wait for room.
    held: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """What failed, grouped, the largest group first; and where attempts fail now."""

    read_at: int
    #: Failed timers that were looked at, the newest; and whether there are older ones.
    looked: int
    more: bool
    groups: list[FailureGroup]
    #: Those with most to send first; at most 100.
    failing: list[FailingDestination]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """How the store is. What it does not tell is None."""

    #: As `valkey 9.0`.
    server: str | None
    #: ms that a write took; None if it failed, and then why.
    write_ms: float | None
    write_problem: str | None
    used_bytes: int | None
    #: None for any number.
    max_bytes: int | None
    #: It may throw timers away by itself when it is full.
    may_evict: bool | None
    #: Whether it keeps an append-only file; how that comes to the disk (always, everysec, no); whether its last write
    #: went well.
    append_only: bool | None
    append_fsync: str | None
    append_ok: bool | None
    #: It came back empty while this process was running.
    was_emptied: bool = False
    #: What /readyz warns of.
    warnings: tuple[str, ...]
