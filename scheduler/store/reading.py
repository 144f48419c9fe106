"""What the store says of a timer, as a Timer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scheduler.store.record import decode, decode_attempt, names
from scheduler.timer import Reason, Status, Timer

#: Values that read.lua and list.lua have for each timer.
ROW = 10

_ENDED = (Status.DELIVERED, Status.FAILED, Status.CANCELLED)


def read_timer(now: int, row: Sequence[Any]) -> Timer:
    """One row of read.lua or list.lua."""
    timer_id, word, record, due_at, planned_at, attempts, last, why, occurrence, before = row
    words, webhook = decode(record)
    key, tags = names(words)
    status = Status(word.decode())
    has_ended = status in _ENDED
    waits_for_retry = status is Status.SCHEDULED and attempts > 0 and planned_at != due_at
    return Timer(
        id=timer_id.decode(),
        webhook=webhook,
        status=status,
        created_at=int(words[0]),
        due_at=due_at,
        read_at=now,
        key=key,
        tags=tags,
        attempts=attempts,
        last_attempt=decode_attempt(last) if last else None,
        next_attempt_at=planned_at if waits_for_retry else None,
        occurrence=occurrence,
        occurrence_attempts=attempts - before,
        ended_at=planned_at if has_ended else None,
        reason=Reason(why.decode()) if has_ended else None,
    )
