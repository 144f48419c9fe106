"""A timer out of the JSON that a history has of it: the way back of callback_body.timer_as_told(). Pure."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from scheduler import (
    Attempt,
    Backoff,
    Callback,
    Delivery,
    Outcome,
    Reason,
    Redelivery,
    Status,
    Timer,
    Webhook,
    exact_numbers,
    rfc3339,
)


def as_timer(text: str, read_at: int) -> Timer:
    """As it stood when it ended, but for what is not told: what a run had missed, how often it was set anew."""
    told: dict[str, Any] = exact_numbers.loads(text)
    return Timer(
        id=told["id"],
        webhook=_webhook(told),
        status=Status(told["status"]),
        created_at=rfc3339.parse(told["created_at"]),
        due_at=rfc3339.parse(told["due_at"]),
        read_at=read_at,
        key=told["key"],
        tags=tuple(told["tags"]),
        attempts=int(told["attempts"]),
        last_attempt=None if told["last_attempt"] is None else _attempt(told["last_attempt"]),
        occurrence=int(told["occurrence"]),
        attempts_since_due=int(told["attempts"]),
        ended_at=_moment(told["ended_at"]),
        reason=None if told["reason"] is None else Reason(told["reason"]),
        schedule=told["schedule"],
        unreadable=told.get("unreadable", False),
        callback_for=told["callback_for"],
    )


def _webhook(told: Mapping[str, Any]) -> Webhook:
    is_json = "body_base64" not in told
    body = None if is_json else b64decode(told["body_base64"])
    return Webhook(
        url=told["url"],
        method=told["method"],
        headers=told["headers"],
        body=exact_numbers.dumps(told["body"]).encode() if "body" in told else body,
        body_is_json=is_json,
        timeout=float(told["timeout"]),
        max_attempts=int(told["max_attempts"]),
        backoff=_backoff(told["backoff"]),
        delivery=Delivery(told["delivery"]),
        max_occurrences=int(told["max_occurrences"]),
        priority=int(told["priority"]),
        expires_at=_moment(told["expires_at"]),
        max_lateness=None if told["max_lateness"] is None else float(told["max_lateness"]),
        metadata=told["metadata"],
        write_only=tuple(told["write_only"]),
        on_delivered=_callback(told["on_delivered"]),
        on_failed=_callback(told["on_failed"]),
    )


def _attempt(told: Mapping[str, Any]) -> Attempt:
    return Attempt(
        **{
            **told,
            "outcome": None if told["outcome"] is None else Outcome(told["outcome"]),
            "redelivery": None if told["redelivery"] is None else Redelivery(told["redelivery"]),
            "started_at": _moment(told["started_at"]),
            "next_attempt_at": _moment(told["next_attempt_at"]),
        }
    )


def _backoff(told: Any) -> Backoff:
    if isinstance(told, list):
        return Backoff(steps=tuple(map(float, told)))
    return Backoff(float(told["initial"]), float(told["factor"]), float(told["max"]))


def _callback(told: Mapping[str, Any] | None) -> Callback | None:
    return None if told is None else Callback(url=told["url"], headers=told["headers"])


def _moment(text: str | None) -> int | None:
    return None if text is None else rfc3339.parse(text)
