"""What answers that tell of the service itself look like, for the description of the API."""

from __future__ import annotations

import json
from typing import Any

from scheduler import Attempt, Outcome, Reason, Status, Timer, Webhook
from timer_service.web.answers import TimerOut

Json = dict[str, Any]

_NOW = 1_767_225_600_000
_READ_AT = "2026-01-01T00:00:00.000Z"
_DESTINATION = "https:api.example.com:443"
_ID = "00BfxO8cgeyAn5BALQF0jZ"
_ANSWERED: Json = {"error": None, "status_code": 503}

POLLERS: Json = {
    "read_at": _READ_AT,
    "data": [{"name": "web-1-4242", "seen_at": "2025-12-31T23:59:59.600Z", "in_flight": 3, "slots": 2048}],
}
STORE: Json = {
    "server": "valkey 9.0.1",
    "write": {"ok": True, "ms": 0.21, "problem": None},
    "memory": {"used_bytes": 12_345_678, "max_bytes": 800_000_000, "when_full": "refuses"},
    "append_only": {"enabled": True, "fsync": "everysec", "ok": True},
    "warnings": [],
}
MINUTES: Json = {
    "read_at": _READ_AT,
    "data": [
        {
            "at": _READ_AT,
            "set": 120,
            "attempts": 117,
            "failed_attempts": 2,
            "delivered": 115,
            "failed": 1,
            "cancelled": 4,
            "lateness_ms": {"p50": 1, "p99": 5, "worst": 38},
        }
    ],
}
FORECAST: Json = {
    "read_at": _READ_AT,
    "by": "minute",
    "data": [{"at": _READ_AT, "count": 42, "held": 7}],
    "held_undated": 120,
    "exact": True,
}
FAILURES: Json = {
    "read_at": _READ_AT,
    "looked": 1,
    "more": False,
    "data": [
        {
            "destination": _DESTINATION,
            "reason": Reason.ATTEMPTS_EXHAUSTED,
            **_ANSWERED,
            "count": 1,
            "ids": [_ID],
            "newest": json.loads(
                TimerOut()
                .dump(
                    Timer(
                        id=_ID,
                        webhook=Webhook(url="https://api.example.com/hook", max_attempts=1),
                        status=Status.FAILED,
                        created_at=_NOW - 3_600_000,
                        due_at=_NOW - 1200,
                        read_at=_NOW,
                        attempts=1,
                        last_attempt=Attempt(
                            number=1, outcome=Outcome.RETRYABLE, started_at=_NOW - 1199, status_code=503
                        ),
                        ended_at=_NOW - 1100,
                        reason=Reason.ATTEMPTS_EXHAUSTED,
                    )
                )
                .text
            ),
            "oldest_ended_at": "2025-12-31T23:59:58.900Z",
        }
    ],
    "failing": [
        {
            "destination": _DESTINATION,
            "failing_since": "2025-12-31T22:12:03.000Z",
            "last_failed_at": "2025-12-31T23:59:58.900Z",
            "failures": 412,
            **_ANSWERED,
            "waiting": 38,
            "oldest_waiting_at": "2025-12-31T23:59:22.000Z",
        }
    ],
}
