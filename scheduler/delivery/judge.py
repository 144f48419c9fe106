"""What an answer means for its timer. Pure; docs/api.md, *How an answer is read*, tells the rules."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from scheduler import duration
from scheduler import rfc3339 as moment
from scheduler.claim import Reschedule
from scheduler.delivery.transport import Answer
from scheduler.timer import Delivery, Outcome

#: The receiver says that it will never want this.
_FINAL = frozenset({410, 489})
_OBEYS_RETRY_AFTER = frozenset({429, 503})
#: Characters of a number, duration, moment or date that is read; the longest of use has about 50.
_LONGEST = 128


def judge(answer: Answer) -> tuple[Outcome, str | None]:
    """The outcome, and the error's word."""
    status, error = answer.status_code, answer.error
    if status is not None and error is None and 200 <= status < 300:
        return Outcome.DELIVERED, None
    if error == "blocked":
        return Outcome.PERMANENT, "blocked"
    at_most_once = answer.claim.webhook.delivery is Delivery.AT_MOST_ONCE
    if status is None or 200 <= status < 300:
        if at_most_once and answer.sent:
            return Outcome.PERMANENT, "outcome-unknown"
        return Outcome.RETRYABLE, error
    # A refusal counts even if the rest of the answer never came.
    if at_most_once or status in _FINAL:
        return Outcome.PERMANENT, error
    return Outcome.RETRYABLE, error


def asked_reschedule(answer: Answer) -> Reschedule | None:
    """What a `timer-reschedule` header asks for: seconds, a duration or a moment. Nonsense is None."""
    value = answer.headers.get("timer-reschedule", "").strip()
    if not 0 < len(value) <= _LONGEST:
        return None
    if re.fullmatch(r"\d{1,10}", value, re.ASCII):
        return Reschedule(delay_ms=1000 * int(value))
    try:
        return Reschedule(delay_ms=min(duration.parse(value), duration.MAX_DELAY))
    except ValueError:
        pass
    try:
        return Reschedule(due_at=moment.parse(value))
    except ValueError:
        return None


def retry_after(answer: Answer, now_ms: int) -> float | None:
    """Seconds a 429 or 503 asks us to wait (RFC 9110, 10.2.3: a number or a date), or None. Nonsense is None."""
    value = answer.headers.get("retry-after", "").strip()
    if answer.status_code not in _OBEYS_RETRY_AFTER or not 0 < len(value) <= _LONGEST:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:10])
    try:
        moment = parsedate_to_datetime(value)
    except Exception:  # the library's reader of dates is not made for what strangers write
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.fromtimestamp(now_ms / 1000, UTC)).total_seconds())
