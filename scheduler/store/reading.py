"""What the store says of a timer, as a Timer."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from scheduler.store.record import UNREADABLE, decode, decode_attempt, names
from scheduler.timer import Reason, Status, Timer, Webhook

#: Values that read.lua and list.lua have for each timer.
ROW = 10

#: Stands for what cannot be read: nothing but its first line is known of such a timer.
UNREADABLE_WEBHOOK = Webhook(url="")
#: Seconds between two lines about timers that cannot be read.
_TELL_EVERY = 60.0
_told_at = float("-inf")

log = logging.getLogger(__name__)

_ENDED = (Status.DELIVERED, Status.FAILED, Status.CANCELLED)


def read_timer(now: int, row: Sequence[Any]) -> Timer:
    """One row of read.lua or list.lua."""
    timer_id, word, record, due_at, planned_at, attempts, last, why, occurrence, before = row
    try:
        words, webhook = decode(record)
    except UNREADABLE:
        _tell(timer_id)
        words, webhook = record.partition(b"\n")[0].decode("utf-8", "replace").split(" "), UNREADABLE_WEBHOOK
    key, tags = names(words)
    status = Status(word.decode())
    has_ended = status in _ENDED
    waits_for_retry = status is Status.SCHEDULED and attempts > 0 and planned_at != due_at
    return Timer(
        id=timer_id.decode(),
        webhook=webhook,
        status=status,
        created_at=int(words[0]) if words[0].isdecimal() else 0,
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
        reason=_reason(why.decode()) if has_ended else None,
    )


def _reason(word: str) -> Reason | None:
    try:
        return Reason(word)
    except ValueError:
        return None


def _tell(timer_id: bytes) -> None:
    """Once a minute: a page of a list may have a thousand of them, and be asked for again and again."""
    global _told_at
    now = time.monotonic()
    if now - _told_at >= _TELL_EVERY:
        _told_at = now
        log.warning("timer %s cannot be read by this version, perhaps others", timer_id.decode())
