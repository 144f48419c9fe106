"""A client that keeps what it is given, in place of one that sends."""

from __future__ import annotations

from typing import Any

import pytest

from timer_service.client.answers import Timer
from timer_service.tasks import Tasks


class Sent:
    """What was set: the fields of each create, `url` and `body` among them."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def create(self, url: str, **fields: Any) -> Timer:
        self.calls.append({"url": url, **fields})
        return timer(id=f"{len(self.calls):022}")

    def close(self) -> None: ...


def capture(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> Sent:
    sent = Sent()
    monkeypatch.setattr(type(tasks), "client", property(lambda _: sent))
    return sent


def timer(**fields: Any) -> Timer:
    """As the service answers one."""
    last = fields.pop("last", None)
    return Timer.from_json(
        {
            "id": "A" * 22,
            "status": "scheduled",
            "due_at": "2026-11-27T07:00:00.000Z",
            "created_at": "2026-11-27T07:00:00.000Z",
            "time_left": 0,
            "attempts": 0 if last is None else 1,
            "last_attempt": last if last is None else {"number": 1, **last},
            "url": "http://127.0.0.1:9/tasks",
            "method": "POST",
            "headers": {},
            "timeout": 15,
            "max_attempts": 8,
            "backoff": [5],
            "delivery": "at_least_once",
            "max_occurrences": 1,
            "priority": 0,
            "tags": [],
            "metadata": {},
            **fields,
        }
    )
