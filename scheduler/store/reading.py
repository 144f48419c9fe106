"""Makes a Timer of what the store tells of one."""

from __future__ import annotations

import logging
import time
from typing import NamedTuple

from scheduler.store.progress import is_moment, read_progress
from scheduler.store.record import UNREADABLE, decode, decode_attempt, names
from scheduler.timer import Reason, Status, Timer, Webhook

#: Stands for what cannot be read: nothing but its first line is known of such a timer.
UNREADABLE_WEBHOOK = Webhook(url="")
#: Seconds between two lines about timers that cannot be read.
_LOG_EVERY = 60.0
_logged_at = float("-inf")

log = logging.getLogger(__name__)

_ENDED = (Status.DELIVERED, Status.FAILED, Status.CANCELLED)


class TimerRow(NamedTuple):
    """What read.lua and list.lua tell of each timer."""

    id: bytes
    status: bytes
    score: bytes
    record: bytes
    progress: bytes
    #: Its JSON; b"" if there is none but in the progress.
    last_attempt: bytes

    @property
    def size(self) -> int:
        """Bytes that may be many."""
        return len(self.record) + len(self.progress) + len(self.last_attempt)


def read_timer(now: int, row: TimerRow) -> Timer:
    try:
        words, webhook = decode(row.record)
    except UNREADABLE:
        log_unreadable(row.id)
        words, webhook = row.record.partition(b"\n")[0].decode("utf-8", "replace").split(" "), UNREADABLE_WEBHOOK
    key, tags = names(words)
    status = Status(row.status.decode())
    has_ended = status in _ENDED
    progress = read_progress(row.progress)
    score = int(row.score)
    due_at = score if progress.due is None else progress.due
    waits_for_retry = status is Status.SCHEDULED and progress.attempts > 0 and score != due_at
    last = row.last_attempt or progress.first_attempt
    return Timer(
        id=row.id.decode(),
        webhook=webhook,
        status=status,
        created_at=int(words[0]) if is_moment(words[0]) else 0,
        due_at=due_at,
        read_at=now,
        key=key,
        tags=tags,
        attempts=progress.attempts,
        last_attempt=decode_attempt(last) if last else None,
        next_attempt_at=score if waits_for_retry else None,
        occurrence=progress.occurrence,
        occurrence_attempts=progress.attempts - progress.since,
        attempts_since_due=progress.attempts - progress.base,
        ended_at=progress.ended if has_ended else None,
        reason=_reason(progress.reason) if has_ended else None,
        unreadable=webhook is UNREADABLE_WEBHOOK,
    )


def _reason(word: str | None) -> Reason | None:
    try:
        return Reason(word) if word else None
    except ValueError:
        return None


def log_unreadable(timer_id: bytes) -> None:
    """Log one a minute: a page of a list, or a claim, may have a thousand of them, again and again."""
    global _logged_at
    now = time.monotonic()
    if now - _logged_at >= _LOG_EVERY:
        _logged_at = now
        log.warning("timer %s cannot be read by this version, perhaps others", timer_id.decode())
