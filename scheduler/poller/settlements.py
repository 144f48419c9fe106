"""Turns the answer to an attempt into the settlement of its claim, as the store shall write it. Pure."""

from __future__ import annotations

import json
from bisect import bisect_right

from scheduler.claim import Reschedule, Settlement, reason_of
from scheduler.delivery.details import usual
from scheduler.delivery.judge import asked_reschedule, judge, retry_after
from scheduler.delivery.request import lateness
from scheduler.delivery.transport import Answer
from scheduler.poller import retry
from scheduler.timer import Attempt, Delivery, Outcome, Reason

#: Bytes kept of an answer.
_KEPT_TEXT = 4096
#: Bytes that a byte of an answer may take in JSON: that of a NUL.
_LONGEST_ESCAPE = 6
#: Made once: json.dumps() would make an encoder for each call. It writes as the store's own does.
_to_json = json.JSONEncoder(ensure_ascii=False).encode
#: Characters kept of a `timer-reschedule` that is not obeyed.
_KEPT_ASKED = 64


def settlement(answer: Answer, started_at: int, poller: str) -> Settlement:
    """What an answer means for its timer, as the store shall write it."""
    claim, status = answer.claim, answer.status_code
    outcome, error = judge(answer)
    retry_ms = again = not_obeyed = None
    if outcome is Outcome.RETRYABLE:
        asked = retry_after(answer, _ended_at(answer, started_at))
        retry_ms = retry.next_wait(claim.webhook, claim.attempts_since_due, asked, soon=answer.met_a_close)
    elif outcome is Outcome.DELIVERED and "timer-reschedule" in answer.headers:
        again, not_obeyed = _rescheduled(answer, started_at)
    reason = reason_of(outcome, error) if retry_ms is None and again is None else None
    # It ends at once, not when it expires: no other attempt follows, and whoever waits for its end is told so.
    if (
        retry_ms is not None
        and claim.expires_at is not None
        and _ended_at(answer, started_at) + retry_ms > claim.expires_at
    ):
        retry_ms, reason = None, Reason.EXPIRED
    # By position, as for every attempt: names would take twice as long, 0.3 us.
    attempt = Attempt(
        claim.number,
        outcome,
        started_at,
        lateness(claim, started_at),
        answer.duration_ms,
        status,
        _kept(answer.body) if status else None,
        error,
        claim.redelivery,
        poller,
        None,
        reason is not None,
        claim.occurrence,
        not_obeyed,
        (answer.detail or usual(answer.error, answer.sent)) if answer.error else None,
    )
    return Settlement(claim.id, claim.fence, attempt, retry_ms, again, reason)


def _ended_at(answer: Answer, started_at: int) -> int:
    return started_at + answer.duration_ms


def _rescheduled(answer: Answer, started_at: int) -> tuple[Reschedule | None, str | None]:
    """The reschedule that a receiver asked for, if it may have one; else what is noted of its wish."""
    wish, webhook = asked_reschedule(answer), answer.claim.webhook
    some_left = answer.claim.reschedules + 1 < webhook.max_occurrences
    if wish and some_left and webhook.delivery is not Delivery.AT_MOST_ONCE:
        due_at = wish.due_at or _ended_at(answer, started_at) + (wish.delay_ms or 0)
        if webhook.expires_at is None or due_at < webhook.expires_at:
            return wish, None
    return None, answer.headers["timer-reschedule"].strip()[:_KEPT_ASKED] or None


def _kept(body: bytes) -> str:
    """The beginning of an answer as text, of at most _KEPT_TEXT bytes as the store writes it: in JSON."""
    if not body:
        return ""
    text = body[:_KEPT_TEXT].decode("utf-8", "replace")
    if _LONGEST_ESCAPE * len(body) <= _KEPT_TEXT or _stored(text) <= _KEPT_TEXT:
        return text
    return text[: bisect_right(range(len(text)), _KEPT_TEXT, key=lambda end: _stored(text[:end])) - 1]


def _stored(text: str) -> int:
    return len(_to_json(text).encode()) - len('""')
