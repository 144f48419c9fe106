"""Makes a Timer of what the store tells of one."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

from scheduler.callback_body import told
from scheduler.holds.holding import expected_at
from scheduler.store.attempt_record import decode_attempt
from scheduler.store.progress import is_moment, read_progress
from scheduler.store.record import UNREADABLE, decode, named_words, names, schedule_of
from scheduler.store.rule_record import read_hold
from scheduler.timer import ENDED, Reason, Status, Timer, Webhook

#: Stands for what cannot be read: nothing but its first line is known of such a timer.
UNREADABLE_WEBHOOK = Webhook(url="")
#: Seconds between two lines about timers that cannot be read.
_LOG_EVERY = 60.0
_logged_at = float("-inf")

log = logging.getLogger(__name__)


class TimerRow(NamedTuple):
    """What read.lua and list.lua tell of each timer."""

    id: bytes
    status: bytes
    score: bytes
    record: bytes
    progress: bytes
    #: Its JSON; b"" if there is none but in the progress.
    last_attempt: bytes
    #: As it stands in `held`; b"" if it is not due, or nothing holds its destination.
    hold: bytes = b""
    #: How many its rate sends before it, about.
    ahead: int = 0

    @property
    def size(self) -> int:
        """Bytes that may be many."""
        return len(self.record) + len(self.progress) + len(self.last_attempt)


def read_timer(now: int, row: TimerRow) -> Timer:
    words, webhook, callback_for = _read_record(row)
    key, tags = names(words)
    status = Status(row.status.decode())
    has_ended = status in ENDED
    progress = read_progress(row.progress)
    score = int(row.score)
    due_at = score if progress.due is None else progress.due
    schedule, missed = schedule_of(words) if len(words) > 2 else (None, 0)
    waits_for_retry = status is Status.SCHEDULED and progress.attempts > 0 and score != due_at
    last = row.last_attempt or progress.first_attempt
    held = read_hold(row.hold) if row.hold else None
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
        schedule=schedule,
        missed=missed,
        unreadable=webhook is UNREADABLE_WEBHOOK,
        callback_for=callback_for,
        held=held,
        expected_at=held and expected_at(held, now, row.ahead),
    )


def _read_record(row: TimerRow) -> tuple[Sequence[str], Webhook, str | None]:
    """The words of its first line, its webhook, and the timer that it is a callback for."""
    try:
        words, webhook = decode(row.record)
        if len(words) <= 2:
            return words, webhook, None
        callback_for, webhook = read_callback(words, webhook)
    except UNREADABLE:
        log_unreadable(row.id)
        return row.record.partition(b"\n")[0].decode("utf-8", "replace").split(" "), UNREADABLE_WEBHOOK, None
    return words, webhook, callback_for


def read_callback(words: Sequence[str], webhook: Webhook) -> tuple[str | None, Webhook]:
    """Of a callback the timer that it is for, and its webhook with the body that tells of that timer's end: `words` of
    its first line, and the webhook as decode() gives it, whose body is what lua/shared/callbacks.lua has kept."""
    said = named_words(words)
    name = said.get("for")
    if name is None:
        return None, webhook
    timer_id, _, _ = name.partition(".")
    if "tells" in said and webhook.body is not None:
        progress, last_attempt, record = webhook.body.split(b"\n", 2)
        status = said["tells"].encode()
        row = TimerRow(timer_id.encode(), status, b"0", record, progress, last_attempt)
        webhook = webhook._replace(body=told(read_timer(int(words[0]), row)))
    return timer_id, webhook


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
