"""The body of a task's webhook, with what Django knows of a task beside its path and arguments. Pure.

`{"task": "shop.tasks.invoice", "args": [17], "kwargs": {}, "v": 1, "django": {"backend": "default", "queue": "default",
"priority": 0, "run_after": null, "enqueued_at": "2026-11-27T09:00:00+00:00"}}`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from timer_service.tasks import body
from timer_service.tasks.body import Body, NotATask


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    body: Body
    #: An alias of TASKS.
    backend: str
    queue: str
    #: Django's, -100 to 100.
    priority: int
    #: As it was given: naive where USE_TZ is off.
    run_after: datetime | None
    #: By the clock of who enqueued it, and naive as above.
    enqueued_at: datetime

    def to_json(self) -> dict[str, Any]:
        return {
            **self.body.to_json(),
            "django": {
                "backend": self.backend,
                "queue": self.queue,
                "priority": self.priority,
                "run_after": self.run_after and self.run_after.isoformat(),
                "enqueued_at": self.enqueued_at.isoformat(),
            },
        }


def read(raw: bytes) -> Payload:
    """Raises NotATask for what is none of Django's, LaterVersion for what only a later version reads."""
    return _with_djangos(body.read(raw), json.loads(raw))


def of(value: Any) -> Payload:
    """The same for a body as a timer tells it, which is JSON's value, or bytes where that was stored."""
    return read(value if isinstance(value, bytes) else json.dumps(value).encode())


def _with_djangos(call: Body, value: Mapping[str, Any]) -> Payload:
    found = value.get("django")
    if not isinstance(found, dict):
        raise NotATask("the body is of a task, but of none of Django's")
    run_after = found.get("run_after")
    try:
        return Payload(
            body=call,
            backend=_text(found, "backend"),
            queue=_text(found, "queue"),
            priority=_whole(found, "priority"),
            run_after=None if run_after is None else datetime.fromisoformat(_text(found, "run_after")),
            enqueued_at=datetime.fromisoformat(_text(found, "enqueued_at")),
        )
    except ValueError as error:
        raise NotATask(f"the body's `django` cannot be read: {error}") from None


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def _whole(found: Mapping[str, Any], name: str) -> int:
    value = found.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name} is no whole number")
    return value
