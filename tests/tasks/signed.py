"""Requests as the service makes them: signed, with the headers of an attempt."""

from __future__ import annotations

import hmac
import json
import time
from base64 import b64decode, b64encode
from typing import Any

from tests.bench.receiver import SECRET
from timer_service.tasks import Answer, Tasks

ID = "A" * 22


def headers(raw: bytes, secret: str = SECRET, now: float | None = None, **others: str) -> dict[str, str]:
    """`others` by names with underscores: `timer_attempt="2"`."""
    timestamp = str(int(time.time() if now is None else now))
    content = f"{ID}.{timestamp}.".encode() + raw
    signature = b64encode(hmac.digest(b64decode(secret.removeprefix("whsec_")), content, "sha256")).decode()
    return {
        "content-type": "application/json",
        "webhook-id": ID,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
        "timer-id": ID,
        "timer-attempt": "1",
        "timer-lateness-ms": "3",
        **{name.replace("_", "-"): value for name, value in others.items()},
    }


def body(task: str, *args: Any, **kwargs: Any) -> bytes:
    return json.dumps({"task": task, "args": args, "kwargs": kwargs, "v": 1}).encode()


def served(tasks: Tasks, raw: bytes, **others: str) -> Answer:
    return tasks.serve("POST", headers(raw, SECRET, None, **others), raw)
