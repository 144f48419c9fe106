"""Destinations as text for people. Pure, but for the local zone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from timer_service.client import Destination
from timer_service.terminal.moments import here_and_utc, pause_rows
from timer_service.terminal.tables import NONE, length, local


def rate_text(destination: Destination) -> str:
    """As `--rate` takes it: `10/1s`, with its burst."""
    rate = destination.rate
    if rate is None:
        return NONE
    burst = rate.get("burst")
    return f"{rate.get('requests')}/{rate.get('per')}{f', bursts of {burst}' if burst else ''}"


def destination_rows(destinations: Iterable[Destination]) -> Iterator[Sequence[str]]:
    yield "DESTINATION", "STATE", "SINCE", "RATE", "AT ONCE", "WAITING", "OLDEST DUE", "ATTEMPTS", "FAILED", "BECAUSE"
    for each in destinations:
        yield (
            each.id,
            each.state,
            local(each.since),
            rate_text(each),
            str(each.concurrency or NONE),
            f"{each.waiting:,}",
            local(each.oldest_waiting_at),
            f"{each.attempts:,}",
            f"{each.failures:,}",
            each.because or "",
        )


def detail_rows(destination: Destination) -> Iterator[Sequence[str]]:
    """Everything there is to say of one."""
    it = destination
    yield "destination", it.id
    yield "state", it.state
    if it.because:
        yield "because", it.because
    if it.since:
        yield "since", here_and_utc(it.since)
    if it.next_at:
        yield _NEXT.get(it.state, "until"), here_and_utc(it.next_at)
    yield from pause_rows(it.paused)
    yield "rate", "any" if it.rate is None else rate_text(it)
    yield "at once", "any number" if it.concurrency is None else f"{it.in_flight or 0:,} of {it.concurrency:,}"
    yield "breaker", str(it.breaker.get("mode", NONE))
    yield "signing", it.signing
    for each in it.secrets:
        ends = f", signs until {here_and_utc(each.until)}" if each.until else ""
        yield "own secret", f"made {here_and_utc(each.since)}{ends}"
    yield "waiting", f"{it.waiting:,}"
    if it.oldest_waiting_at:
        yield "oldest due", here_and_utc(it.oldest_waiting_at)
    mean = f", {length(it.duration / it.attempts)} each" if it.attempts else ""
    yield "attempts", f"{it.attempts:,}{mean}"
    yield "failed", f"{it.failures:,}"
    if it.last_attempt_at:
        yield "last attempt", local(it.last_attempt_at)
    if it.last_error:
        yield "last error", f"{it.last_error}, {local(it.last_error_at)}"
    yield "version", it.version


#: What is to come at `next_at`, where that is not an end.
_NEXT = {"broken": "next probe", "probing": "probe until"}
