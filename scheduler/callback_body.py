"""What is told of a timer that has ended to whoever shows no key: as GET tells it, secrets hidden as from a key that
may only read. So it stands in the body of a callback, and in a history.

Pure. A test compares it with the API's own answer, member by member.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection
from typing import Any

from scheduler import exact_numbers
from scheduler.redaction import shown_headers, without_query_values
from scheduler.rfc3339 import rfc3339
from scheduler.timer import Attempt, Backoff, Callback, Timer, Webhook


def told(timer: Timer) -> bytes:
    """Of a timer that has ended."""
    timer_said = timer_as_told(timer)
    said = {"type": f"timer.{timer.status}", "timer": timer_said, "last_attempt": timer_said["last_attempt"]}
    return exact_numbers.dumps(said).encode()


def timer_as_told(timer: Timer) -> dict[str, Any]:
    """Its members as JSON's values; exact_numbers.dumps() writes them."""
    webhook = timer.webhook
    last = timer.last_attempt and _attempt(timer.last_attempt)
    said: dict[str, Any] = {
        "id": timer.id,
        "status": timer.status,
        "time_left": timer.time_left,
        "due_at": _moment(timer.due_at),
        "created_at": _moment(timer.created_at),
        "attempts": timer.attempts,
        "next_attempt_at": _moment(timer.next_attempt_at),
        "last_attempt": last,
        "occurrence": timer.occurrence,
        "ended_at": _moment(timer.ended_at),
        "reason": timer.reason,
        "held": None,
        "expected_at": None,
        "url": without_query_values(webhook.url),
        "method": webhook.method,
        "headers": shown_headers(webhook.headers, webhook.write_only),
        **_body(webhook),
        "timeout": webhook.timeout,
        "max_attempts": webhook.max_attempts,
        "backoff": _backoff(webhook.backoff),
        "delivery": webhook.delivery,
        "max_occurrences": webhook.max_occurrences,
        "priority": webhook.priority,
        "expires_at": _moment(webhook.expires_at),
        "max_lateness": webhook.max_lateness,
        "metadata": dict(webhook.metadata),
        "write_only": list(webhook.write_only),
        "on_delivered": _callback(webhook.on_delivered, webhook.write_only),
        "on_failed": _callback(webhook.on_failed, webhook.write_only),
        "key": timer.key,
        "tags": list(timer.tags),
        "callback_for": timer.callback_for,
        "schedule": timer.schedule,
    }
    return {**said, "unreadable": True} if timer.unreadable else said


def _attempt(attempt: Attempt) -> dict[str, Any]:
    said = attempt._asdict()
    return {**said, "started_at": _moment(attempt.started_at), "next_attempt_at": _moment(attempt.next_attempt_at)}


def _body(webhook: Webhook) -> dict[str, Any]:
    if webhook.body is None:
        return {}
    if webhook.body_is_json:
        return {"body": exact_numbers.loads(webhook.body)}
    return {"body_base64": b64encode(webhook.body).decode()}


def _backoff(it: Backoff) -> list[float] | dict[str, float]:
    return list(it.steps) or {"initial": it.initial, "factor": it.factor, "max": it.max}


def _callback(callback: Callback | None, write_only: Collection[str]) -> dict[str, Any] | None:
    if callback is None:
        return None
    return {"url": without_query_values(callback.url), "headers": shown_headers(callback.headers, write_only)}


def _moment(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)
