"""What an engine may tell of itself, as values for tests: one of each, with something in every member."""

from __future__ import annotations

from typing import Any

from scheduler.activity import (
    Bucket,
    FailingDestination,
    FailureGroup,
    Failures,
    Forecast,
    Minute,
    Minutes,
    Pollers,
    PollerSeen,
    StoreState,
)
from scheduler.timer import Reason, Status, Timer, Webhook
from tests.bench.store import START


def timer(url: str, **more: Any) -> Timer:
    return Timer(
        id="00BfxO8cgeyAn5BALQF0jZ",
        webhook=Webhook(url=url),
        status=Status.FAILED,
        created_at=START - 9000,
        due_at=START - 8000,
        read_at=START,
        ended_at=START - 1000,
        reason=Reason.ATTEMPTS_EXHAUSTED,
        **more,
    )


POLLERS = Pollers(
    read_at=START,
    pollers=[
        PollerSeen(name="a", seen_at=START - 1200, in_flight=3, slots=2048),
        PollerSeen(name="b", seen_at=START - 600_000, in_flight=0, slots=64),
    ],
)
MINUTES = Minutes(
    read_at=START + 5000,
    minutes=[
        Minute(
            at=START,
            set=12_345,
            attempts=6,
            failed_attempts=2,
            delivered=4,
            failed=1,
            cancelled=3,
            lateness_p50_ms=1,
            lateness_p99_ms=20,
            lateness_worst_ms=1234,
        ),
        Minute(at=START - 60_000),
    ],
)
FORECAST = Forecast(
    read_at=START,
    by_ms=60_000,
    buckets=[Bucket(at=START, timers=2), Bucket(START + 60_000, 0, held=3)],
    held_undated=1200,
    exact=False,
)
FAILURES = Failures(
    read_at=START,
    looked=2000,
    more=True,
    groups=[
        FailureGroup(
            reason=Reason.ATTEMPTS_EXHAUSTED,
            error=None,
            status_code=503,
            ids=("00BfxO8cgeyAn5BALQF0jZ", *(f"00BfxO8cgeyAn5BALQ{number:04}" for number in range(1998))),
            newest=timer("https://api.example.com/hook?key=s3cr3t"),
            oldest_ended_at=START - 5000,
        ),
        FailureGroup(
            reason=Reason.UNSENDABLE,
            error=None,
            status_code=None,
            ids=("00BfxO8cgeyAn5BALQF0jZ",),
            newest=timer("", unreadable=True),
            oldest_ended_at=START - 1000,
        ),
    ],
    failing=[
        FailingDestination(
            sample=timer("http://[2001:DB8::1]/x"),
            since=START - 60_000,
            last_at=START - 100,
            failures=7,
            error="timeout",
            status_code=None,
            waiting=12,
            oldest_waiting_at=START - 30_000,
        ),
        FailingDestination(
            sample=timer("http://slow:81"),
            since=None,
            last_at=None,
            failures=0,
            error=None,
            status_code=None,
            waiting=1,
            oldest_waiting_at=START - 10,
        ),
    ],
)
STORE = StoreState(
    server="valkey 9.0",
    write_ms=0.4,
    write_problem=None,
    used_bytes=12_345_678,
    max_bytes=100_000_000,
    may_evict=False,
    append_only=True,
    append_fsync="everysec",
    append_ok=True,
    warnings=("webhooks are not signed",),
)
