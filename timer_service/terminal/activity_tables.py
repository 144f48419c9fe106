"""How the service does, as text for people. Pure, but for the time zone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from timer_service.client import Failures, Forecast, Minutes, Pollers, Stats, StoreState
from timer_service.terminal.tables import NONE, length, local

#: Past its moment for longer than that, a timer is late.
_LATE = timedelta(seconds=1)
#: Characters of the longest bar of a forecast.
_BAR = 40


def stats_rows(stats: Stats) -> Iterator[Sequence[str]]:
    yield "scheduled", f"{stats.scheduled:,}"
    yield "late", _late(stats)
    if stats.tried_before is not None:
        yield "waiting to be sent again", f"{stats.tried_before:,}"
    yield "delivering", f"{stats.delivering:,}"
    yield "delivered", f"{stats.delivered:,}"
    yield "failed", f"{stats.failed:,}"
    yield "cancelled", f"{stats.cancelled:,}"
    if stats.lateness_p50 is not None:
        yield "lateness", f"half within {length(stats.lateness_p50)}, 99 % within {length(stats.lateness_p99)}"
    yield "memory", _memory(stats.used_bytes, stats.max_bytes)
    if stats.unreadable_claims:
        yield "unreadable claims", f"{stats.unreadable_claims:,}"


def _late(stats: Stats) -> str:
    """As the page has it; how many of those that are due are late, /stats does not tell."""
    if not stats.overdue:
        return "none"
    if stats.oldest_overdue <= _LATE:
        return f"none; {stats.overdue:,} due within the last second"
    return f"the oldest {length(stats.oldest_overdue)}, of {stats.overdue:,} that are due"


def poller_rows(found: Pollers) -> Iterator[Sequence[str]]:
    yield "NAME", "IN FLIGHT", "SEEN", "LAST SEEN AT"
    for poller in found.pollers:
        ago = length(max(found.read_at - poller.seen_at, found.read_at - found.read_at))
        yield poller.name, f"{poller.in_flight:,} of {poller.slots:,}", f"{ago} ago", local(poller.seen_at)


def store_rows(state: StoreState) -> Iterator[Sequence[str]]:
    yield "server", state.server or "not told"
    yield "writes", f"answered in {length(state.write_time)}" if state.write_ok else f"refused: {state.write_problem}"
    yield "memory", _memory(state.used_bytes, state.max_bytes)
    if state.when_full:
        does = {"refuses": "refuses, never drops", "evicts": "throws timers away"}
        yield "when full", does.get(state.when_full, state.when_full)
    yield "append-only file", _append_only(state)
    for warning in state.warnings:
        yield "warning", warning


def minute_rows(found: Minutes) -> Iterator[Sequence[str]]:
    yield (
        *("MINUTE", "SET", "SENT", "ATTEMPTS THAT FAILED", "DELIVERED", "ENDED FAILED", "CANCELLED"),
        *("HALF WITHIN", "99 % WITHIN", "WORST"),
    )
    for it in found.minutes:
        counts = (it.set, it.attempts, it.failed_attempts, it.delivered, it.failed, it.cancelled)
        lateness = (it.lateness_p50, it.lateness_p99, it.lateness_worst)
        yield local(it.at), *(f"{count:,}" for count in counts), *map(length, lateness)


def forecast_rows(found: Forecast) -> Iterator[Sequence[str]]:
    yield f"{found.by}".upper(), "DUE", "HELD", ""
    most = max((bucket.count + bucket.held for bucket in found.buckets), default=0)
    for bucket in found.buckets:
        bar = "#" * _bar(bucket.count, most) + "=" * _bar(bucket.held, most)
        yield local(bucket.at), f"{bucket.count:,}", f"{bucket.held:,}", bar


def _bar(count: int, most: int) -> int:
    """Characters; one at least for any timer."""
    return -(-count * _BAR // max(most, 1))


def forecast_notes(found: Forecast) -> Iterator[str]:
    """What the rows do not tell."""
    if found.held_undated:
        yield f"{found.held_undated:,} more are due and held, nobody knows until when."
    if not found.exact:
        yield "More destinations are held than were looked at, and so perhaps more timers."


def group_rows(found: Failures) -> Iterator[Sequence[str]]:
    yield "FAILED", "REASON", "LAST ANSWER", "NEWEST", "OLDEST", "NEWEST TIMER", "DESTINATION"
    for it in found.groups:
        yield (
            f"{it.count:,}",
            it.reason or NONE,
            _answer(it.status_code, it.error),
            local(it.newest.ended_at),
            local(it.oldest_ended_at),
            it.newest.id,
            it.destination or NONE,
        )


def failing_rows(found: Failures) -> Iterator[Sequence[str]]:
    yield "NOTHING DELIVERED SINCE", "LAST FAILED", "IN A ROW", "LAST ANSWER", "WAITING", "OLDEST DUE", "DESTINATION"
    for it in found.failing:
        yield (
            local(it.failing_since),
            local(it.last_failed_at),
            f"{it.failures:,}",
            _answer(it.status_code, it.error),
            f"{it.waiting:,}",
            local(it.oldest_waiting_at),
            it.destination or NONE,
        )


def _answer(status_code: int | None, error: str | None) -> str:
    return " ".join(str(part) for part in (status_code, error) if part) or NONE


def _memory(used: int | None, most: int | None) -> str:
    if used is None:
        return "not told"
    return f"{_megabytes(used)} of {'any number' if most is None else _megabytes(most)}"


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:,.1f} MB"


def _append_only(state: StoreState) -> str:
    if state.append_only is None:
        return "not told"
    if not state.append_only:
        return "none: a restart loses timers"
    parts = ["kept"]
    if state.append_fsync:
        parts.append(f"brought to the disk: {state.append_fsync}")
    if state.append_ok is not None:
        parts.append("the last write went well" if state.append_ok else "the last write FAILED")
    return ", ".join(parts)
