"""What schedule.lua is to write of a schedule that is set."""

from __future__ import annotations

import secrets
from dataclasses import replace
from itertools import islice, takewhile
from typing import Any

from scheduler.due_moments import offset_of
from scheduler.errors import PlanError
from scheduler.recurrence import moments
from scheduler.schedule import Plan
from scheduler.schedules import ScheduleDraft
from scheduler.store.schedule_record import encode_schedule
from scheduler.store.schedule_rows import ScheduleRow

#: Moments that are counted at most where another plan takes their place, of an interval and of a cron expression: those
#: of a day, which take 60 ms.
_MOST_PASSED, _MOST_PASSED_OF_CRON = 86_400, 1_440


def asked_for(draft: ScheduleDraft) -> dict[str, Any]:
    """Raises TimerTooLarge for its runs."""
    stored = encode_schedule(draft)
    return {
        "plan": stored.plan,
        "timer": stored.timer,
        "size": len(stored.timer),
        "version": secrets.token_hex(8),
        "offset": offset_of(draft),
        "pause_after": draft.pause_after_failures or "",
        "ended": "",
        "unread": "",
    }


def names_others(before: Plan, wanted: Plan) -> bool:
    """Whether two plans name other moments, for as long as they last."""
    return replace(before, ends_at=None) != replace(wanted, ends_at=None)


def passed_over(before: ScheduleDraft, row: ScheduleRow, now: int) -> dict[str, int]:
    """The counts of skipped moments, with those that are due, not decided, and no longer made, for another plan takes
    the place of theirs: where no poller looked, and of one that is paused, which is looked at once a day."""
    until = now - offset_of(before)
    try:
        passed = takewhile(lambda moment: moment.at <= until, moments(before.plan, int(row.after)))
    except PlanError:  # in a time zone that there is no more
        return {}
    count = sum(1 for _ in islice(passed, _MOST_PASSED_OF_CRON if before.plan.cron else _MOST_PASSED))
    if row.paused is None:
        return {"skipped_missed": int(row.skipped_missed or 0) + count}
    paused = int(row.skipped_paused or 0) + count
    return {"skipped_paused": paused, **({"paused_skipped": paused} if row.paused_after else {})}
