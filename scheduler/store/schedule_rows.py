"""A schedule as schedules.lua tells it, and what that says to those who ask."""

from __future__ import annotations

from typing import NamedTuple

from scheduler.due_moments import offset_of
from scheduler.errors import UnreadableSchedule
from scheduler.schedules import Pause, Run, Schedule, ScheduleStatus, Skipped
from scheduler.store.record import UNREADABLE
from scheduler.store.schedule_record import Stored, decode_schedule
from scheduler.timer import Status


class ScheduleRow(NamedTuple):
    """What schedules.lua tells of each schedule; None where it has none."""

    name: bytes
    plan: bytes
    timer: bytes
    version: bytes
    revision: bytes
    created: bytes
    after: bytes
    runs: bytes | None
    fired: bytes | None
    skipped_overlap: bytes | None
    skipped_missed: bytes | None
    skipped_paused: bytes | None
    skipped_gap: bytes | None
    paused: bytes | None
    paused_until: bytes | None
    paused_by: bytes | None
    paused_reason: bytes | None
    paused_after: bytes | None
    ended: bytes | None
    previous: bytes


def read_schedule(now: int, row: ScheduleRow) -> Schedule:
    """Of what the store told at this moment. Raises UnreadableSchedule."""
    name = row.name.decode()
    try:
        draft = decode_schedule(name, Stored(row.plan, row.timer))
    except UNREADABLE as error:
        raise UnreadableSchedule(name) from error
    all_runs = [_run(entry) for entry in row.previous.decode().split()]
    previous = [run for run in all_runs if run.due_at <= now]
    used = int(row.runs or 0)
    ahead = [run.due_at for run in all_runs if run.due_at > now]
    skipped = (row.skipped_overlap, row.skipped_missed, row.skipped_paused, row.skipped_gap)
    # A pause that is over is so for a reader, even before a poller has seen it.
    until = int(row.paused_until) if row.paused_until else None
    is_paused = row.paused is not None and (until is None or until > now)
    status = ScheduleStatus.PAUSED if is_paused else ScheduleStatus.ACTIVE
    return Schedule(
        draft=draft,
        version=row.version.decode(),
        status=ScheduleStatus.ENDED if row.ended else status,
        created_at=int(row.created),
        read_at=now,
        runs=used + int(row.fired or 0),
        skipped=Skipped(*(int(count or 0) for count in skipped)),
        paused=_pause(row, until) if is_paused else None,
        previous=tuple(reversed(previous[-10:])),
        runs_left=None if draft.max_runs is None else max(0, draft.max_runs - used + len(ahead)),
        decided=min([int(row.after), *(due_at - offset_of(draft) - 1 for due_at in ahead)]),
    )


def _pause(row: ScheduleRow, until: int | None) -> Pause:
    reason, by = ((text or b"").decode() for text in (row.paused_reason, row.paused_by))
    return Pause(reason, by, int(row.paused or 0), until)


def _run(entry: str) -> Run:
    due, timer_id, status = entry.split(":")
    return Run(int(due), timer_id, Status(status) if status else None)
