"""What the store says of a timer, as a Timer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scheduler.store.record import decode, decode_attempt, names
from scheduler.timer import Status, Timer

#: Values that read.lua and list.lua have for each timer.
ROW = 7


def read_timer(now: int, row: Sequence[Any]) -> Timer:
    """One row of read.lua or list.lua."""
    timer_id, status, record, due_at, planned_at, attempts, last = row
    created_at, _, webhook = decode(record)
    key, tags = names(record)
    waits_for_retry = status == b"scheduled" and attempts > 0 and planned_at != due_at
    return Timer(
        id=timer_id.decode(),
        webhook=webhook,
        status=Status(status.decode()),
        created_at=created_at,
        due_at=due_at,
        read_at=now,
        key=key,
        tags=tags,
        attempts=attempts,
        last_attempt=decode_attempt(last) if last else None,
        next_attempt_at=planned_at if waits_for_retry else None,
    )
