"""What the page may be shown: figures of a service on which all is well, to be changed one at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scheduler import (
    Attempt,
    Bucket,
    Count,
    Destination,
    DestinationSettings,
    DestinationState,
    FailingDestination,
    Forecast,
    HeldDestinations,
    Minute,
    Minutes,
    Observed,
    Outcome,
    Pause,
    Pollers,
    PollerSeen,
    Reason,
    Skipped,
    Stats,
    Status,
    StoreState,
    Timer,
    Webhook,
)
from timer_service.web.pages.figures.snapshot import Figures

#: 2026-11-26T12:03:07Z.
NOW = 1_795_694_587_000
URL = "https://api.example.com/orders?token=hidden"


def timer(url: str = URL, *, due_in: int = 3200, **fields: Any) -> Timer:
    return Timer(
        id="0" * 22,
        webhook=fields.pop("webhook", Webhook(url=url)),
        status=fields.pop("status", Status.SCHEDULED),
        created_at=NOW - 1000,
        due_at=NOW + due_in,
        read_at=NOW,
        **fields,
    )


def failed_timer(url: str = URL, **attempt: Any) -> Timer:
    last = Attempt(number=8, outcome=Outcome.RETRYABLE, final=True, **attempt)
    return timer(
        url,
        status=Status.FAILED,
        attempts=8,
        last_attempt=last,
        ended_at=NOW - 22_000,
        reason=Reason.ATTEMPTS_EXHAUSTED,
    )


def failing(error: str | None = "timeout", url: str = URL, **fields: Any) -> FailingDestination:
    said = {
        "sample": timer(url),
        "since": NOW - 36_000,
        "last_at": NOW - 1000,
        "failures": 34,
        "error": error,
        "status_code": None,
        "waiting": 0,
        "oldest_waiting_at": None,
    }
    return FailingDestination(**{**said, **fields})


def stopped(state: str = "paused", *, id: str = "https:api.example.com:443", **fields: Any) -> Destination:
    """A destination that gets nothing, since 36 s."""
    by = Pause("migration", "ana", NOW - 36_000, None) if state == "paused" else None
    said = {
        "settings": DestinationSettings(),
        "version": "",
        "read_at": NOW,
        "since": NOW - 36_000,
        "because": "10 attempts in a row failed, the last one: timeout",
        "next_at": NOW + 4000 if state == "broken" else None,
        "pause": by,
        "waiting": 0,
        "oldest_waiting_at": None,
        "in_flight": 0,
        "observed": Observed(),
    }
    return Destination(**{"id": id, "state": DestinationState(state), **said, **fields})


def held(*found: Destination) -> HeldDestinations:
    return HeldDestinations(counts={}, waiting={}, more=False, stopped=list(found))


def minute(at: int, **fields: Any) -> Minute:
    return Minute(at, **fields)


def figures(**fields: Any) -> Figures:
    """`stats` and `store`: of these, what differs."""
    stats, store = fields.pop("stats", {}), fields.pop("store", {})
    began = NOW // 60_000 * 60_000
    quiet = Figures(
        read_at=NOW,
        stats=replace(_STATS, **stats),
        late=0,
        oldest_late_ms=0,
        pollers=Pollers(read_at=NOW, pollers=[PollerSeen("vm-1", NOW - 200, 7, 2048)]),
        minutes=Minutes(
            read_at=NOW,
            minutes=[
                Minute(began - 60_000 * ago, 30, 30, 1, 29, 1, 0, 1, 2, 6) if ago != 3 else Minute(began - 180_000)
                for ago in range(6)
            ],
        ),
        forecast=Forecast(
            read_at=NOW, by_ms=60_000, buckets=[Bucket(began + 60_000 * number, number % 7) for number in range(60)]
        ),
        store=replace(_STORE, **store),
        failing=[],
        held=held(),
        ended_failed=Count(count=0, exact=True),
        next=[timer()],
        newest_failed=[failed_timer(error="timeout")],
    )
    return replace(quiet, **fields)


_STATS = Stats(
    scheduled=128_406,
    overdue=0,
    tried_before=0,
    delivering=12,
    delivered=1_000_000,
    failed=252,
    cancelled=7,
    oldest_overdue_ms=0,
    lateness_p50_ms=1,
    lateness_p99_ms=2,
    waiting_destinations=0,
    oldest_expired_lease_ms=0,
    lost_leases=0,
    refused_settles=0,
    refused_rings=0,
    unreadable_claims=0,
    ended={},
    skipped=Skipped(),
)
_STORE = StoreState(
    server="valkey 9.0",
    write_ms=0.3,
    write_problem=None,
    used_bytes=412_000_000,
    max_bytes=2_000_000_000,
    may_evict=False,
    append_only=True,
    append_fsync="everysec",
    append_ok=True,
    warnings=(),
)
