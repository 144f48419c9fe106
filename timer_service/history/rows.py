"""An ended timer as rows of the history's tables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from scheduler import Attempt, Timer, callback_body, destination, exact_numbers

Row = dict[str, Any]


def timer_row(timer: Timer) -> Row:
    """Of TIMERS."""
    last = timer.last_attempt
    told = callback_body.timer_as_told(timer)
    return {
        "id": timer.id,
        "ended_at": ended_at(timer),
        "status": timer.status.value,
        "reason": timer.reason.value if timer.reason else timer.status.value,
        "due_at": timer.due_at,
        "created_at": timer.created_at,
        "url": told["url"],
        "method": timer.webhook.method,
        "destination": destination(timer.webhook.url) if timer.webhook.url else "",
        "key": timer.key,
        "schedule": timer.schedule,
        "callback_for": timer.callback_for,
        "occurrence": timer.occurrence,
        "attempts": timer.attempts,
        "lateness_ms": last and last.lateness_ms,
        "status_code": last and last.status_code,
        "error": last and last.error,
        "timer": exact_numbers.dumps(told),
    }


def tag_rows(timer: Timer) -> Iterator[Row]:
    """Of TAGS."""
    ended = ended_at(timer)
    return ({"tag": tag, "ended_at": ended, "id": timer.id} for tag in dict.fromkeys(timer.tags))


def attempt_rows(timer: Timer, attempts: Sequence[Attempt]) -> Iterator[Row]:
    """Of ATTEMPTS; those that the store could not read are left out."""
    known = {it.number: it for it in attempts if it.number}
    return ({"id": timer.id, **it._asdict()} for it in known.values())


def ended_at(timer: Timer) -> int:
    """ms; of a timer that does not tell, when it was read."""
    return timer.read_at if timer.ended_at is None else timer.ended_at


def last_of_each(ended: Iterable[tuple[Timer, Sequence[Attempt]]]) -> list[tuple[Timer, Sequence[Attempt]]]:
    """One of each timer, its latest end, in the order of ids: two that write at once then never wait for each other."""
    latest: dict[str, tuple[Timer, Sequence[Attempt]]] = {}
    for it in ended:
        known = latest.get(it[0].id)
        if known is None or ended_at(known[0]) <= ended_at(it[0]):
            latest[it[0].id] = it
    return [latest[timer_id] for timer_id in sorted(latest)]
