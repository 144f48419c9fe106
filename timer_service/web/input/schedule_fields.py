"""What sets schedules: every rule of what a client may send."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, pre_load, validate

from scheduler import CatchUp, Overlap, Plan, ScheduleDraft, Webhook, duration
from timer_service.web.input.durability_field import DurabilityField
from timer_service.web.input.fields import Choice, Length, Moment, Whole
from timer_service.web.input.plan_fields import PlanFields, take_plan
from timer_service.web.input.schemas import RunTimer
from timer_service.web.input.sent_fields import WebhookRules
from timer_service.web.input.webhook_fields import Key

_DAY = 86_400_000
#: ms.
MOST_SPREAD = _DAY
MOST_CATCH_UP_WINDOW = 366 * _DAY
#: Moments that one preview tells.
MOST_PREVIEWED = 50
MOST_REASON = 500
#: Members of an answer that no request sets: passed over in a whole schedule, so that an answer can be sent back.
ONLY_ANSWERED = frozenset(
    {"name", "status", "description", "version", "created_at", "next", "previous", "runs", "skipped", "paused"}
)
#: What a schedule is that says no more than when and what.
DEFAULTS = ScheduleDraft(name="", plan=Plan(), webhook=Webhook(url=""))


class ScheduleName(Key):
    """Of a key's characters, and not that of the route which previews plans."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if value == "preview":
            raise ValidationError("No schedule can be called preview: that is a route of its own.")
        return super()._deserialize(value, *args, **kwargs)


class RunTimerField(fields.Nested):
    """What each run sends."""

    def __init__(self) -> None:
        super().__init__(RunTimer, required=True)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("Must be an object.")
        return super()._deserialize(value, *args, **kwargs)


class NewSchedule(PlanFields):
    """When, what each run sends, and what becomes of moments that are missed or meet an unfinished run.

    load() gives the fields of a ScheduleDraft but its name, and `durability` where that was said. Threads may share it.
    """

    max_runs = Whole(1, 1_000_000_000, "runs of moments, after which it has ended", allow_none=True)
    overlap = Choice(
        Overlap,
        description="what to do while an earlier run is unfinished; decided when a run falls due",
        default=DEFAULTS.overlap.value,
    )
    catch_up = Choice(
        CatchUp,
        description="which moments to make up for that passed while nothing ran",
        default=DEFAULTS.catch_up.value,
    )
    catch_up_window = Length(
        0,
        MOST_CATCH_UP_WINDOW,
        description="not those that are longer ago",
        default=duration.text(DEFAULTS.catch_up_window_ms),
    )
    spread = Length(
        0,
        MOST_SPREAD,
        description="all runs are later by a fixed part of it, which the name gives",
        default=duration.text(DEFAULTS.spread_ms),
    )
    pause_after_failures = Whole(1, 1_000_000, "so many runs that failed in a row pause it", allow_none=True)
    timer = RunTimerField()
    durability = DurabilityField(metadata={"description": "of the schedule itself, not of its runs"})

    def __init__(self, rules: WebhookRules | None = None, **options: Any) -> None:
        self.run_timer = RunTimer(rules)
        super().__init__(**options)

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        if isinstance(field_obj, RunTimerField):
            field_obj.nested = self.run_timer

    @pre_load
    def _asked_for(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        asked = {name: value for name, value in data.items() if name not in ONLY_ANSWERED}
        if isinstance(told := asked.get("durability"), dict):  # as an answer tells it
            asked["durability"] = told.get("asked")
        return asked

    @post_load
    def _draft_fields(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        plan, run = take_plan(data), data.pop("timer")
        for name in ("catch_up_window", "spread"):
            if name in data:
                data[f"{name}_ms"] = data.pop(name)
        data["pause_after_failures"] = data.get("pause_after_failures") or 0
        return {**data, **run, "plan": plan}


class PreviewIn(PlanFields):
    from_ = Moment(data_key="from", metadata={"description": "moments after it; now unless said"})
    count = Whole(1, MOST_PREVIEWED, "moments")


class PauseIn(Schema):
    may_be_left_out = True

    reason = fields.String(
        validate=validate.Length(max=MOST_REASON), load_default="", metadata={"description": "in your own words"}
    )
    until = Moment(allow_none=True, metadata={"description": "when it goes on by itself; null for never"})


class ResumeIn(Schema):
    may_be_left_out = True

    catch_up = Choice(CatchUp, description="what becomes of moments during the pause; they are skipped unless said")


class DeleteIn(Schema):
    open = fields.String(
        validate=validate.OneOf(("cancel", "keep")),
        load_default="cancel",
        metadata={"description": "what becomes of runs that are due and wait"},
    )
