"""What an ended attempt is to the store, and to the log. Pure."""

from __future__ import annotations

import json
from bisect import bisect_right

from scheduler.delivery.details import usual
from scheduler.delivery.judge import asked_reschedule, judge, retry_after
from scheduler.delivery.request import lateness
from scheduler.delivery.transport import Answer
from scheduler.poller import retry
from scheduler.rfc3339 import rfc3339
from scheduler.store.record import destination
from scheduler.timer import Attempt, Claim, Delivery, Outcome, Reason, Reschedule, Settlement, reason_of

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
        asked = retry_after(answer, started_at + answer.duration_ms)
        met_a_close = answer.reused and status is None and error == "reset"
        retry_ms = retry.next_wait(claim.webhook, claim.attempts_since_due, asked, soon=met_a_close)
    elif outcome is Outcome.DELIVERED and "timer-reschedule" in answer.headers:
        again, not_obeyed = _rescheduled(answer)
    reason = reason_of(outcome, error) if retry_ms is None and again is None else None
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


def _rescheduled(answer: Answer) -> tuple[Reschedule | None, str | None]:
    """What a receiver's wish to have the timer again comes to; or what is noted of it, where nothing does."""
    wish, webhook = asked_reschedule(answer), answer.claim.webhook
    some_left = answer.claim.reschedules + 1 < webhook.max_occurrences
    if wish and some_left and webhook.delivery is not Delivery.AT_MOST_ONCE:
        return wish, None
    return None, answer.headers["timer-reschedule"].strip()[:_KEPT_ASKED] or None


def attempt_line(ended: Settlement, claim: Claim) -> str:
    """An ended attempt as a line of JSON, by hand: 1 us, where a record of `logging` for each takes 15.

    But for the key, and the destination, which is escaped when it is first seen, no string in it has anything that JSON
    would escape: an id, words of ours, and the poller's name, which is cleaned.
    """
    it = ended.attempt
    error = f'"{it.error}","detail":{json.dumps(it.detail)}' if it.error else 'null,"detail":null'
    redelivery = f'"{it.redelivery}"' if it.redelivery else "null"
    try:
        where = _destinations[claim.destination]
    except KeyError:
        where = _remember_destination(claim)
    more = "}" if claim.key is None and it.occurrence == 1 else _more(it, claim)
    return (
        f'{{"time":"{rfc3339((it.started_at or 0) + (it.duration_ms or 0))}","level":"info","event":"attempt",'
        f'"timer":"{ended.timer_id}","attempt":{it.number},"outcome":"{it.outcome}",'
        f'"status":{it.status_code or "null"},"error":{error},"lateness_ms":{it.lateness_ms},'
        f'"duration_ms":{it.duration_ms},"redelivery":{redelivery},"poller":"{it.poller}",'
        f'"destination":{where},{_ENDS[ended.reason]}{more}'
    )


_ENDS = {reason: f'"final":true,"reason":"{reason}"' for reason in Reason} | {None: '"final":false,"reason":null'}

#: By its tag, as JSON: 0.05 us, where to find it in the URL takes 2.
_destinations: dict[str, str] = {}
_MOST_DESTINATIONS = 4096


def _remember_destination(claim: Claim) -> str:
    if len(_destinations) >= _MOST_DESTINATIONS:
        _destinations.clear()
    try:
        said = json.dumps(destination(claim.webhook.url))
    except ValueError:  # it is stored, and was not sent because it cannot be read
        said = "null"
    _destinations[claim.destination] = said
    return said


def _more(it: Attempt, claim: Claim) -> str:
    """What few lines say, and their end."""
    occurrence = f',"occurrence":{it.occurrence}' if it.occurrence > 1 else ""
    return f'{occurrence},"key":{json.dumps(claim.key)}}}' if claim.key else f"{occurrence}}}"


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
