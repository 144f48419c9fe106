"""What a timer waits for, and until when. Pure; moments in ms."""

from __future__ import annotations

from scheduler import Attempt, Timer, rfc3339
from timer_service.web.pages.words.values import seconds

#: Answers whose Retry-After is obeyed.
_ASKS_TO_WAIT = (429, 503)
#: ms by which the moment of a retry, by the store's clock, may differ from what the poller meant.
_SLACK = 500
#: ms within which an attempt is made anew that met the closing of an idle connection.
_AT_ONCE = 150


def planned_at(timer: Timer) -> int:
    """When the next attempt is to be sent, or the one that is under way was."""
    last = timer.last_attempt
    if timer.next_attempt_at is not None:
        return timer.next_attempt_at
    if last is not None and last.next_attempt_at is not None and last.number == timer.attempts - 1:
        return last.next_attempt_at
    return timer.due_at


def gives_up_at(timer: Timer) -> int:
    """When a scheduled timer ends failed at the latest, if no receiver asks to wait longer and it is sent in time."""
    webhook, at = timer.webhook, float(planned_at(timer))
    for number in range(timer.attempts_since_due + 1, webhook.max_attempts + 1):
        at += 1000 * webhook.timeout
        if number < webhook.max_attempts:
            at += 1000 * webhook.backoff.after(number)
    expiry = webhook.expiry(timer.due_at)
    return int(min(at, rfc3339.LATEST if expiry is None else expiry))


def is_over(timer: Timer) -> bool:
    """Whether it is too late to send it, whenever it would be due."""
    return timer.webhook.expires_at is not None and timer.webhook.expires_at <= timer.read_at


def wait_after(attempt: Attempt) -> int | None:
    """ms from the end of an attempt to the moment of the next."""
    if attempt.next_attempt_at is None or attempt.started_at is None:
        return None
    return max(0, attempt.next_attempt_at - attempt.started_at - (attempt.duration_ms or 0))


def asked_to_wait(timer: Timer, attempt: Attempt, number: int) -> bool:
    """Whether its receiver asked for the wait behind an attempt: no other reason makes it so long.

    `number` is the attempt's, counted since due_at was set before it; what the timer says may have been changed since.
    """
    wait, longest = wait_after(attempt), timer.webhook.backoff.after(max(1, number))
    return wait is not None and attempt.status_code in _ASKS_TO_WAIT and wait > 1000 * longest + _SLACK


def cause(timer: Timer, attempt: Attempt, number: int | None) -> str:
    """Why a retry waits as long as it does, to stand behind that length; '' where it cannot be told."""
    wait = wait_after(attempt)
    if wait is None or not number:
        return ""
    if asked_to_wait(timer, attempt, number):
        return "as asked by Retry-After"
    if attempt.error == "reset" and wait <= _AT_ONCE:
        return "at once, for an idle connection had been closed"
    longest = timer.webhook.backoff.after(number)
    if wait > 1000 * longest + _SLACK:
        return ""
    shortest = min(1.0, longest)
    return "as asked" if shortest == longest else f"at random between {seconds(shortest)} and {seconds(longest)}"
