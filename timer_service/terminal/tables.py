"""Timers and moments as text for people. Pure, but for the width of the terminal and its time zone."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from timer_service.client import Attempt, Timer
from timer_service.printable import printable

#: What an empty cell shows.
NONE = "-"


def local(moment: datetime | None) -> str:
    if moment is None:
        return NONE
    with contextlib.suppress(OverflowError):  # the last hours of year 9999 are no more elsewhere
        moment = moment.astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"


def length(time: timedelta | None) -> str:
    """The two largest units: `2d 3h`, `9m58s`, `5.0s`; below a second, milliseconds."""
    if time is None:
        return NONE
    ms = round(time / timedelta(milliseconds=1))
    if ms < 1000:
        return f"{ms}ms"
    seconds = ms // 1000
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if days:
        return f"{days}d{hours % 24:02}h"
    if hours:
        return f"{hours}h{minutes % 60:02}m"
    if minutes:
        return f"{minutes}m{seconds % 60:02}s"
    return f"{seconds}.{ms % 1000 // 100}s"


def time_left(timer: Timer, now: datetime | None = None) -> str:
    """Until it is sent next; by this machine's clock, which is good enough for people."""
    if timer.status != "scheduled":
        return NONE
    until = max((timer.next_attempt_at or timer.due_at) - (now or datetime.now(UTC)), timedelta(0))
    if until > timedelta(seconds=10):  # the nearest second: what was set for 1h is not due in 59m59s
        until = timedelta(seconds=round(until / timedelta(seconds=1)))
    return length(until)


def aligned(rows: Iterable[Sequence[str]], width: int | None = None) -> Iterator[str]:
    """Lines in columns; the last column takes what is left, cut at `width`."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()
        yield line if width is None or len(line) <= width else f"{line[: width - 1]}…"


def timer_rows(timers: Iterable[Timer]) -> Iterator[Sequence[str]]:
    yield "ID", "STATUS", "DUE", "LEFT", "ATTEMPTS", "KEY", "TAGS", "REQUEST"
    for timer in timers:
        yield (
            timer.id,
            status_text(timer),
            local(timer.due_at),
            time_left(timer),
            str(timer.attempts),
            timer.key or NONE,
            ",".join(timer.tags) or NONE,
            f"{timer.method} {timer.url}",
        )


def attempt_rows(attempts: Iterable[Attempt]) -> Iterator[Sequence[str]]:
    yield "ATTEMPT", "STARTED", "LATE", "TOOK", "OUTCOME", "ANSWER", "NEXT", "DETAIL"
    for attempt in attempts:
        yield (
            str(attempt.number),
            local(attempt.started_at),
            length(attempt.lateness),
            length(attempt.duration),
            attempt.outcome or NONE,
            answer(attempt),
            next_of(attempt),
            attempt.detail or "",  # the last column: nothing stands behind it
        )


def status_text(timer: Timer) -> str:
    """Its status, and why it has failed, or what its destination is held by."""
    why = timer.reason if timer.status == "failed" else timer.held and f"held by {timer.held.by}"
    return f"{timer.status} ({why})" if why else timer.status


def next_of(attempt: Attempt) -> str:
    """When the next is to be sent, or that none is."""
    if attempt.final and attempt.outcome != "delivered":
        return "final"
    return local(attempt.next_attempt_at)


def answer(attempt: Attempt) -> str:
    """Its status code, or the word for why there was none."""
    return " ".join(str(part) for part in (attempt.status_code, attempt.error) if part) or NONE


def detail_rows(timer: Timer) -> Iterator[Sequence[str]]:
    """Everything there is to say of one timer."""
    yield "id", timer.id
    yield "status", status_text(timer)
    if timer.from_history:
        yield "from", "the history: the store has forgotten it, and so it stood when it ended"
    yield "due", f"{local(timer.due_at)}  {timer.raw['due_at']}"
    if timer.status == "scheduled":
        yield "left", time_left(timer)
    if timer.held:
        until = f", until {local(timer.held.until)}" if timer.held.until else ""
        yield "held", f"{timer.held.because}{until}"
    if timer.expected_at:
        yield "expected", local(timer.expected_at)
    if timer.next_attempt_at:
        yield "next attempt", local(timer.next_attempt_at)
    if timer.ended_at:
        yield "ended", local(timer.ended_at)
    yield "created", local(timer.created_at)
    yield "request", f"{timer.method} {timer.url}"
    for name, value in timer.headers.items():
        yield "header", f"{name}: {value}"
    for name in ("body", "body_base64"):
        if name in timer.raw:
            yield name, str(timer.raw[name]) if name == "body_base64" else _json(timer.raw[name])
    yield "attempts", f"{timer.attempts} of at most {timer.max_attempts}, each of at most {length(timer.timeout)}"
    if timer.occurrence > 1 or timer.max_occurrences > 1:
        yield "occurrence", f"{timer.occurrence}; the receiver may ask for {timer.max_occurrences}"
    yield "backoff", _json(timer.raw["backoff"])
    yield "delivery", timer.delivery
    if timer.priority:
        yield "priority", f"{length(timedelta(seconds=timer.priority))} of head start among what is due"
    if timer.expires_at:
        yield "not later than", local(timer.expires_at)
    if timer.max_lateness:
        yield "late", f"at most {length(timer.max_lateness)}, else it is not sent"
    yield from ((name, value) for name, value in (("key", timer.key), ("tags", ", ".join(timer.tags))) if value)
    if timer.metadata:
        yield "metadata", _json(timer.metadata)
    if timer.schedule:
        yield "schedule", timer.schedule
    if timer.callback_for:
        yield "callback for", timer.callback_for
    for name, it in (("on delivered", timer.on_delivered), ("on failed", timer.on_failed)):
        if it:
            yield name, it["url"]
    if timer.write_only:
        yield "write only", ", ".join(timer.write_only)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
