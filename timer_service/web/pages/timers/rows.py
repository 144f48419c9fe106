"""A row of a list of timers. Pure, but for who it is shown to; it never looks at a body."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler import Status, Timer
from timer_service.web.pages.words.holds import Why, why
from timer_service.web.pages.words.outcomes import failure, outcome
from timer_service.web.pages.words.request_line import RequestLine, request_line
from timer_service.web.pages.words.values import counted, span
from timer_service.web.pages.words.waits import planned_at


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    status: str
    #: ms: when it is or was to be sent next, or when it ended.
    at: int
    #: How far that is from now: `3.2 s`, `late 3.2 s`, `held 3.2 s`, `3.2 s ago`.
    relative: str
    is_late: bool
    #: Why it waits though it is due; None where it does not.
    held: Why | None
    #: ms: when it is likely to be sent, where that is known.
    expected_at: int | None
    is_ahead: bool
    request: RequestLine
    key: str | None
    tags: tuple[str, ...]
    attempts: str
    #: How many were made: a replay of a timer that has made more since is not meant.
    seen: int
    is_unreadable: bool


def row(timer: Timer) -> Row:
    has_ended = timer.ended_at is not None
    at = timer.ended_at if timer.ended_at is not None else planned_at(timer)
    request = request_line(timer)
    is_ahead = not has_ended and at > timer.read_at
    is_due = timer.status is Status.SCHEDULED and not is_ahead
    length = span(abs(at - timer.read_at))
    return Row(
        id=timer.id,
        status=timer.status,
        at=at,
        relative=length if is_ahead else f"{'held' if timer.held else 'late'} {length}" if is_due else f"{length} ago",
        is_late=is_due and timer.held is None,
        held=why(timer.held) if timer.held else None,
        expected_at=timer.expected_at,
        is_ahead=is_ahead,
        request=request,
        key=timer.key,
        tags=timer.tags,
        attempts=_attempts(timer),
        seen=timer.attempts,
        is_unreadable=timer.unreadable,
    )


def _attempts(timer: Timer) -> str:
    """How many were made, and how the last went."""
    last, timeout = timer.last_attempt, timer.webhook.timeout
    if not timer.attempts:
        return "none yet" if timer.status is Status.SCHEDULED else "none"
    if timer.unreadable:
        return f"{timer.attempts:,}"
    of = f"{timer.attempts_since_due:,} of {timer.webhook.max_attempts:,}"
    match timer.status:
        case Status.SCHEDULED if last is not None and timer.next_attempt_at is not None:
            return f"{of}, retry after {_short(failure(last.error, last.status_code, timeout))}"
        case Status.SCHEDULED if timer.attempts != timer.attempts_since_due:
            return f"{counted(timer.attempts, 'attempt')} before it was set anew"
        case Status.DELIVERING:
            return f"{of}, under way"
        case Status.DELIVERED | Status.FAILED if last is not None:
            return f"{of}, {outcome(last, timeout)}"
    return of


def _short(words: str) -> str:
    """`retry after 503`."""
    return words.removeprefix("answered ")
