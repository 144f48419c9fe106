"""Transports under test: what to give them, and how to hear from them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from scheduler import Checkpoint, Claim, Guard, Webhook
from scheduler.delivery.egress import networks
from scheduler.delivery.transport import Answer, Transport

LEASE = 10.0
LOOPBACK = Checkpoint(Guard(allow=networks("127.0.0.0/8,::1/128")))

Send = Callable[..., Answer]


def claim(url: str, claimed_at: float | None = None, **webhook: Any) -> Claim:
    return Claim(
        id="0" * 22,
        fence="f",
        webhook=Webhook(url=url, **{"timeout": 5, **webhook}),
        destination="tag",
        number=1,
        tries=1,
        due_at=0,
        planned_at=0,
        redelivery=None,
        suspect=False,
        claimed_at=time.monotonic() if claimed_at is None else claimed_at,
    )


def collect(transport: Transport, count: int, seconds: float = 20) -> list[Answer]:
    answers: list[Answer] = []
    until = time.monotonic() + seconds
    while len(answers) < count:
        answers += transport.wait(max(0.0, until - time.monotonic()))
        assert time.monotonic() < until, f"{len(answers)} of {count} answers"
    return answers
