"""What is asked of the store about many timers, and what it answers: frozen data, no I/O. Moments as in timer.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from scheduler.schedules import Skipped
from scheduler.timer import Reason, Status, Timer


class Place(NamedTuple):
    """Where a page of a list ended."""

    score: int
    #: '' before the first entry.
    id: str
    #: Of a list of all: the one whose timers are being listed.
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many timers match a query."""

    count: int
    #: False if there may be more: it stopped looking.
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which timers, in which order: one index is read, of the schedule, tag or else status; the rest filters."""

    status: Status | None = None
    tag: str | None = None
    #: The name of the schedule that made them; not beside a tag.
    schedule: str | None = None
    #: A URL whose origin theirs must have.
    destination: str | None = None
    #: ms; included.
    due_after: int | None = None
    #: ms; not included.
    due_before: int | None = None
    descending: bool = False
    limit: int = 100
    #: Score and id of the entry that the page before ended with.
    after: Place | None = None
    #: All, one status after the other; without a tag or schedule, whose index has all of them anyway.
    any_status: bool = False
    #: Of scheduled ones, not those that wait behind a held destination; one that has just fallen due may not yet.
    without_held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some timers that match a query, in its order."""

    #: The store's clock when it was read, ms.
    read_at: int
    timers: list[Timer]
    #: Where the next page goes on; None at the end.
    next: Place | None
    #: How many there are in all, where one count tells.
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counts by status, and how punctual the last thousand attempts were."""

    scheduled: int
    #: Of the scheduled, those that a poller had before and that wait to be sent again; None if the store does not tell.
    tried_before: int | None
    overdue: int
    delivering: int
    delivered: int
    failed: int
    cancelled: int
    oldest_overdue_ms: int
    lateness_p50_ms: int | None
    lateness_p99_ms: int | None
    #: At their share, with timers that wait.
    waiting_destinations: int
    #: How long ago the oldest lease ended that no claim took back yet.
    oldest_expired_lease_ms: int
    #: Since the store began.
    lost_leases: int
    refused_settles: int
    #: Rings of the doorbell that the store refused.
    refused_rings: int
    #: Claims of what the claiming version could not read; each is tried again a minute later.
    unreadable_claims: int
    #: Timers by why they ended; one that was replayed has ended more than once.
    ended: Mapping[Reason, int]
    #: Moments that were found to become no run of their schedule, also of one that is deleted by now.
    skipped: Skipped
