"""A timer in the hands of a poller, and how that ends: frozen data, no I/O. Moments are as in scheduler/timer.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from scheduler.timer import Attempt, Outcome, Reason, Redelivery, Webhook


class Claim(NamedTuple):
    """A due timer held under a lease by one poller, to be sent as attempt `number`."""

    id: str
    #: The claim id: the proof needed to renew, release or settle.
    fence: str
    webhook: Webhook
    #: The tag of the URL's origin: a poller has no more than its share in flight of one.
    destination: str
    number: int
    #: The same, counted since due_at was last set: what max_attempts is about.
    attempts_since_due: int
    due_at: int
    #: The moment this attempt was to be sent: due_at, or that of a retry.
    planned_at: int
    redelivery: Redelivery | None
    #: It took two pollers down with it, or seems to have: at most one such is in flight per poller.
    suspect: bool
    #: Seconds of the poller's monotonic clock, read before the claim was sent.
    claimed_at: float
    #: A receiver drops repeats of one; a number of its own for each time that it is meant to act.
    occurrence: int = 1
    #: How many of them a receiver has asked for: what max_occurrences is about, but for the first.
    reschedules: int = 0
    key: str | None = None
    #: Bytes of its record.
    size: int = 0
    #: The timer whose end it tells.
    callback_for: str | None = None
    #: The name of the schedule that made it, and how many moments were missed since its run before.
    schedule: str | None = None
    missed: int = 0
    #: ms after which it is not sent, if there is such a moment.
    expires_at: int | None = None
    #: The same in seconds of the poller's monotonic clock, sooner by what the claim's reply took.
    send_by: float | None = None
    #: By which it may go to a destination that is held; "": it was not when this was claimed.
    permit: str = ""
    #: The `traceparent` that this attempt is sent with, and after a space its `tracestate` if any; "": none.
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Reschedule:
    """A receiver's wish to have a delivered timer again: in so many ms, or at a moment; one of the two is set."""

    delay_ms: int | None = None
    due_at: int | None = None


class Settlement(NamedTuple):
    """How one claim ends: with neither `retry_ms` nor `reschedule` the timer ends."""

    timer_id: str
    fence: str
    attempt: Attempt
    retry_ms: int | None
    reschedule: Reschedule | None = None
    #: Why it ends; reason_of() the attempt unless said.
    reason: Reason | None = None


#: By the error of a final attempt, where that is the reason; else it is what became of the attempt.
_REASONS = {
    "blocked": Reason.BLOCKED,
    "outcome-unknown": Reason.OUTCOME_UNKNOWN,
    "unreadable": Reason.UNSENDABLE,
}


def reason_of(outcome: Outcome | None, error: str | None) -> Reason:
    """Why a timer has ended whose final attempt ended so."""
    if outcome is Outcome.DELIVERED:
        return Reason.DELIVERED
    if error in _REASONS:
        return _REASONS[error]
    return Reason.PERMANENT if outcome is Outcome.PERMANENT else Reason.ATTEMPTS_EXHAUSTED
