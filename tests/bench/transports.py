"""Transports under test: what to give them, and how to hear from them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from scheduler import Checkpoint, Claim, Guard
from scheduler.delivery.transport import Answer, Transport
from scheduler.networks import networks
from tests.bench.claims import a_claim

LEASE = 10.0
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
LOOPBACK = Checkpoint(Guard(allow=networks("127.0.0.0/8,::1/128")))

Send = Callable[..., Answer]


class HandTransport:
    """Keeps what is submitted until the test ends it."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.sent: list[Claim] = []
        self.answers: list[Answer] = []
        self.closed = False
        #: What it sends goes on connections that have carried others before.
        self.reuses = False

    def submit(self, claim: Claim) -> None:
        self.sent.append(claim)

    def wait(self, seconds: float) -> list[Answer]:
        answers, self.answers = self.answers, []
        return answers

    def wake(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def end(
        self, claim: Claim, status: int | None = 204, error: str | None = None, headers: Mapping[str, str] = _NO_HEADERS
    ) -> None:
        started_at = claim.planned_at
        self.answers.append(
            Answer(claim, started_at, status_code=status, headers=headers, error=error, reused=self.reuses)
        )

    def hand_back(self, claim: Claim) -> None:
        self.answers.append(Answer(claim=claim, started_at=None, sent=False))


def claim(url: str, claimed_at: float | None = None, **webhook: Any) -> Claim:
    """One that was claimed just now, unless it says when, by the monotonic clock."""
    return a_claim(url, claimed_at=time.monotonic() if claimed_at is None else claimed_at, **{"timeout": 5, **webhook})


def collect(transport: Transport, count: int, seconds: float = 60) -> list[Answer]:
    answers: list[Answer] = []
    until = time.monotonic() + seconds
    while len(answers) < count:
        answers += transport.wait(max(0.0, until - time.monotonic()))
        assert time.monotonic() < until, f"{len(answers)} of {count} answers"
    return answers
