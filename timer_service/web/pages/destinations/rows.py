"""A destination as the page tells of it, in the list and in its own view. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler import Destination
from timer_service.web.pages.words.holds import failed_as, limits, why_so
from timer_service.web.pages.words.places import place
from timer_service.web.pages.words.values import number, span


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    path: str
    timers_url: str
    state: str
    #: Why it stands so; a reason that somebody gave is apart, for it may hold anything.
    why: str
    reason: str
    #: ms: since when, and when that changes by itself; and in a word or two what comes then.
    since: int | None
    next_at: int | None
    then: str
    #: What else was set for it.
    limits: str
    waiting: int
    #: How long the oldest has waited; '' without one.
    oldest: str
    attempts: int
    failed: str
    #: Of all attempts; '' without one.
    average: str
    last_failure: str
    #: ms.
    last_failure_at: int | None


def row(it: Destination) -> Row:
    seen = it.observed
    said = limits(it.settings)
    why, then = why_so(it)
    return Row(
        id=it.id,
        path=place(it.id).path,
        timers_url=place(it.id).timers(status="scheduled"),
        state=it.state,
        why=why,
        reason=it.pause.reason if it.pause else "",
        since=it.since,
        next_at=it.next_at,
        then=then,
        limits="" if said == why else said,
        waiting=it.waiting,
        oldest="" if it.oldest_waiting_at is None else span(it.read_at - it.oldest_waiting_at),
        attempts=seen.attempts,
        failed=_failed(seen.attempts, seen.failures),
        average=span(seen.duration_ms / seen.attempts) if seen.attempts else "",
        last_failure=failed_as(seen.last_error) if seen.last_error else "",
        last_failure_at=seen.last_error_at,
    )


def _failed(attempts: int, failures: int) -> str:
    """`none`, `12`, `74, 31 %`."""
    if not failures:
        return "none"
    part = 100 * failures / attempts if attempts else 100.0
    return number(failures) if part < 1 else f"{number(failures)}, {part:.0f} %"
