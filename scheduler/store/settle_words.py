"""What a settle is told of a timer. Pure."""

from __future__ import annotations

from scheduler.claim import Settlement, reason_of
from scheduler.store.attempt_record import encode_attempt


def settle_words(settlement: Settlement, *, keeps_answer: bool) -> list[str | int]:
    """Those of one timer. A full store keeps no answer's text."""
    attempt, text = encode_attempt(settlement.attempt)
    reschedule, ms = settlement.reschedule, settlement.retry_ms
    if ms is not None:
        verdict = "retry"
    elif reschedule is None:
        verdict = settlement.reason or reason_of(settlement.attempt.outcome, settlement.attempt.error)
    elif reschedule.due_at is not None:
        verdict, ms = "at", reschedule.due_at
    else:
        verdict, ms = "in", reschedule.delay_ms
    lateness = settlement.attempt.lateness_ms
    return [
        settlement.timer_id,
        settlement.fence,
        verdict,
        ms or 0,
        "" if lateness is None else lateness,
        attempt + text if keeps_answer else attempt,
    ]
