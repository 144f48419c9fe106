"""What the tests of /schedules are told in."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from tests.api.conftest import HOOK

DAILY: dict[str, Any] = {"cron": "0 9 * * *", "time_zone": "Europe/Berlin", "timer": HOOK}
EVERY: dict[str, Any] = {"every": "15m", "timer": HOOK}
#: None of it is the default.
WHOLE: dict[str, Any] = {
    "cron": "30 2 * * *",
    "time_zone": "Europe/Berlin",
    "starts_at": "2026-02-01T00:00:00.000Z",
    "ends_at": "2027-02-01T00:00:00.000Z",
    "max_runs": 7,
    "overlap": "skip",
    "catch_up": "all",
    "catch_up_window": "2d12h",
    "gap": "skip",
    "fold": "last",
    "spread": "5m",
    "pause_after_failures": 3,
    "timer": {
        "url": "https://example.com/hook?x=1",
        "method": "PUT",
        "headers": {"Authorization": "Bearer abc", "X-Trace": "1"},
        "body": {"a": 1},
        "timeout": 2.5,
        "max_attempts": 3,
        "backoff": [5, 30],
        "delivery": "at_least_once",
        "max_occurrences": 2,
        "priority": 60,
        "max_lateness": 90,
        "metadata": {"order": 17},
        "write_only": ["X-Trace"],
        "tags": ["reports"],
        "on_delivered": None,
        "on_failed": {"url": "https://example.com/failed", "headers": {"X-Trace": "2"}},
    },
}


def put(http: FlaskClient, name: str = "report", **asked: Any) -> dict[str, Any]:
    answer = http.put(f"/schedules/{name}", json=asked or DAILY)
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.get_json()
    return found
