"""A request as the built-in receiver got it, and what it answers. Frozen."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request: a timer's, at its time by the virtual clock."""

    method: str
    #: With its query.
    path: str
    #: Names in lower case.
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        """The body. Raises ValueError for what is no JSON."""
        return json.loads(self.body)

    @property
    def timer_id(self) -> str:
        return self.headers["timer-id"]

    @property
    def webhook_id(self) -> str:
        """By which a receiver drops repeats."""
        return self.headers["webhook-id"]

    @property
    def attempt(self) -> int:
        """1 is the first."""
        return int(self.headers["timer-attempt"])

    @property
    def occurrence(self) -> int:
        """Which time the receiver is meant to act, from 1."""
        return int(self.headers.get("timer-occurrence", 1))

    @property
    def due_at(self) -> datetime:
        """When the timer was due, in UTC."""
        return datetime.fromisoformat(self.headers["timer-due-at"])


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver answers: `Answer(503, {"retry-after": "60"})`."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes = b""


#: A status alone, an answer, or a function that makes one or the other of the request.
Answering = int | Answer | Callable[[Received], int | Answer]
