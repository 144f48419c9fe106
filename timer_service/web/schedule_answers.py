"""The shape of answers about schedules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from marshmallow import Schema, fields, validate

from scheduler import (
    CatchUp,
    Fold,
    Gap,
    Overlap,
    Plan,
    PlanError,
    Schedule,
    ScheduleStatus,
    Status,
    duration,
    recurrence,
    rfc3339,
    upcoming,
)
from timer_service.web.answers import TimerOut
from timer_service.web.input.fields import Moment
from timer_service.web.input.schemas import RunTimer
from timer_service.web.receipt_answers import ReceiptField

#: Moments that an answer tells ahead.
_NEXT = 5
#: Of a plan in words, where there are none.
UNREADABLE = "a plan that this version cannot follow"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local(ms: int, time_zone: str) -> str:
    """A moment as a clock in this zone shows it, with its offset."""
    moment = _EPOCH + timedelta(milliseconds=ms)
    try:
        return moment.astimezone(recurrence.zone_of(time_zone)).isoformat(timespec="milliseconds")
    except OverflowError:  # within the last hours of the year 9999
        return rfc3339.rfc3339(ms)


def described(plan: Plan) -> str:
    """A plan in words, also one that only another version or another list of time zones can follow."""
    try:
        return recurrence.describe(plan)
    except PlanError:
        return UNREADABLE


class Lasting(fields.Field[int]):
    """A length of time, as text with units."""

    json_schema: ClassVar = {"type": "string", "examples": ["1h30m"]}

    def _serialize(self, value: int | None, *args: Any, **kwargs: Any) -> str | None:
        return None if value is None else duration.text(value)


class NextOut(Schema):
    utc = Moment()
    local = fields.String(metadata={"format": "date-time", "description": "in the schedule's zone"})


class NextRuns(fields.List[Any]):
    """When the next runs are due."""

    def __init__(self, **options: Any) -> None:
        super().__init__(fields.Nested(NextOut), **options)

    def get_value(self, obj: Any, *args: Any, **kwargs: Any) -> Any:
        zone = obj.draft.plan.time_zone
        return [{"utc": it.at, "local": local(it.at, zone)} for it in upcoming(obj, _NEXT)]


class NotedOut(NextOut):
    note = fields.String(
        allow_none=True,
        validate=validate.OneOf(("gap", "fold")),
        metadata={"description": "`gap`: the clock is turned on over it; `fold`: it shows this twice"},
    )


class PreviewOut(Schema):
    description = fields.String(metadata={"description": "the plan in words"})
    moments = fields.List(fields.Nested(NotedOut))


class RunOut(Schema):
    due_at = Moment()
    timer_id = fields.String()
    status = fields.Enum(
        Status, by_value=True, allow_none=True, metadata={"description": "null: forgotten before its end was known"}
    )


class SkippedOut(Schema):
    overlap = fields.Integer(metadata={"description": "an earlier run was unfinished"})
    missed = fields.Integer(metadata={"description": "nothing ran at their time"})
    paused = fields.Integer()
    gap = fields.Integer(metadata={"description": "a change of clocks left them out"})


class PausedOut(Schema):
    reason = fields.String()
    by = fields.String(metadata={"description": "the name of an API key; `pause_after_failures`; empty without keys"})
    at = Moment()
    until = Moment(allow_none=True)


class RunTimerOut(TimerOut):
    """What each run sends, as a timer tells it."""

    class Meta:
        fields = tuple(RunTimer().fields)


class ScheduleOut(Schema):
    name = fields.String()
    status = fields.Enum(ScheduleStatus, by_value=True)
    description = fields.Method(
        "_description", metadata={"json_schema": {"type": "string", "description": "the plan in words"}}
    )
    version = fields.String(metadata={"description": "of what was asked for; the ETag"})
    created_at = Moment()
    next = NextRuns(
        metadata={"description": "the next five runs; of a paused one those after its pause, none if that has no end"}
    )
    previous = fields.List(
        fields.Nested(RunOut), metadata={"description": "the last ten runs that are due, the latest first"}
    )
    runs = fields.Integer(metadata={"description": "timers that it has made"})
    skipped = fields.Nested(SkippedOut, metadata={"description": "moments that became no run, by why"})
    paused = fields.Nested(PausedOut, allow_none=True)

    cron = fields.String(attribute="draft.plan.cron", allow_none=True)
    every = Lasting(attribute="draft.plan.every_ms", allow_none=True)
    time_zone = fields.String(attribute="draft.plan.time_zone")
    starts_at = Moment(attribute="draft.plan.starts_at")
    ends_at = Moment(attribute="draft.plan.ends_at", allow_none=True)
    gap = fields.Enum(Gap, by_value=True, attribute="draft.plan.gap")
    fold = fields.Enum(Fold, by_value=True, attribute="draft.plan.fold")
    max_runs = fields.Integer(attribute="draft.max_runs", allow_none=True)
    overlap = fields.Enum(Overlap, by_value=True, attribute="draft.overlap")
    catch_up = fields.Enum(CatchUp, by_value=True, attribute="draft.catch_up")
    catch_up_window = Lasting(attribute="draft.catch_up_window_ms")
    spread = Lasting(attribute="draft.spread_ms")
    pause_after_failures = fields.Function(
        lambda schedule: schedule.draft.pause_after_failures or None,
        metadata={"json_schema": {"type": ["integer", "null"]}},
    )
    timer = fields.Nested(RunTimerOut, attribute="draft")
    durability = ReceiptField()

    def _description(self, schedule: Schedule) -> str:
        return described(schedule.draft.plan)


class SchedulesOut(Schema):
    data = fields.List(fields.Nested(ScheduleOut))
    next_cursor = fields.String(allow_none=True)
