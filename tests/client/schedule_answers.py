"""An answer about a schedule as the API gives it."""

from __future__ import annotations

from typing import Any

SCHEDULE: dict[str, Any] = {
    "name": "daily-report",
    "status": "active",
    "description": "at 09:00, Monday to Friday, in Europe/Berlin",
    "version": "1f9",
    "created_at": "2026-11-26T12:00:00.000Z",
    "next": [{"utc": "2026-11-27T08:00:00.000Z", "local": "2026-11-27T09:00:00.000+01:00"}],
    "previous": [
        {"due_at": "2026-11-26T08:00:00.000Z", "timer_id": "00abc", "status": "failed"},
        {"due_at": "2026-11-25T08:00:00.000Z", "timer_id": "00abd", "status": None},
    ],
    "runs": 2,
    "skipped": {"overlap": 1, "missed": 2, "paused": 0, "gap": 4},
    "paused": None,
    "cron": "0 9 * * MON-FRI",
    "every": None,
    "time_zone": "Europe/Berlin",
    "starts_at": "2026-11-20T12:00:00.000Z",
    "ends_at": None,
    "gap": "run",
    "fold": "first",
    "max_runs": None,
    "overlap": "skip",
    "catch_up": "last",
    "catch_up_window": "1d",
    "spread": "0s",
    "pause_after_failures": None,
    "timer": {
        "url": "https://example.com/report",
        "method": "POST",
        "headers": {"Authorization": "***", "X-Trace": "1"},
        "body": {"kind": "daily", "share": 1.5},
        "body_base64": None,
        "timeout": 15,
        "max_attempts": 8,
        "backoff": {"initial": 5, "factor": 3, "max": 3600},
        "delivery": "at_least_once",
        "max_occurrences": 1,
        "priority": 0,
        "max_lateness": None,
        "tags": [],
        "metadata": {"applied_from": "shop"},
        "write_only": [],
        "on_delivered": None,
        "on_failed": {"url": "https://example.com/failed", "headers": {}},
    },
    "a_field_of_tomorrow": 1,
}

#: What a file says that stands so.
ASKED: dict[str, Any] = {
    "cron": "0 9 * * MON-FRI",
    "time_zone": "Europe/Berlin",
    "overlap": "skip",
    "timer": {
        "url": "https://example.com/report",
        "headers": {"Authorization": "Bearer a", "X-Trace": "1"},
        "body": {"kind": "daily", "share": 1.5},
        "metadata": {"applied_from": "shop"},
    },
}
