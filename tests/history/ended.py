"""Ended timers as the store would tell them."""

from __future__ import annotations

from typing import Any

from scheduler import Attempt, Outcome, Reason, Status, Timer, Webhook

#: ms; 2025-03-01: before the moment at which the tests of a store begin.
MARCH = 1_740_787_200_000


def timer_id(number: int) -> str:
    return f"{number:022d}"


def attempt(number: int, **said: Any) -> Attempt:
    known = {"outcome": Outcome.DELIVERED, "started_at": MARCH, "lateness_ms": 2, "duration_ms": 5, "status_code": 204}
    return Attempt(number=number, **{**known, **said})


def ended(number: int = 1, at: int = MARCH, webhook: Webhook | None = None, **said: Any) -> Timer:
    known: dict[str, Any] = {
        "status": Status.DELIVERED,
        "reason": Reason.DELIVERED,
        "created_at": at - 60_000,
        "due_at": at - 10,
        "read_at": at + 5,
        "ended_at": at,
        "attempts": 1,
        "last_attempt": attempt(1, final=True),
    }
    webhook = webhook or Webhook(url="https://api.example.com/hook")
    return Timer(**{"id": timer_id(number), "webhook": webhook, **known, **said})
