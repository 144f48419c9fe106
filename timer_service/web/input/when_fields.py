"""The fields of a request that say when a timer is due."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, validates_schema

from scheduler import Fold, duration
from timer_service.web.input.fields import Choice, Delay, Moment, Whole
from timer_service.web.input.local_fields import LocalTime, TimeZone, due_at_of

_PARTS = {"hours": 3_600_000, "minutes": 60_000, "seconds": 1000}
#: What says nothing without local_due_at.
_OF_LOCAL = ("time_zone", "fold")
#: The fields that say when.
WHEN = (*_PARTS, "delay", "due_at", "local_due_at", *_OF_LOCAL)
#: Of each a third of the longest delay, so that they may be added.
_MAX_PARTS = {name: duration.MAX_DELAY // len(_PARTS) // ms for name, ms in _PARTS.items()}


class WhenFields(Schema):
    hours = Whole(0, _MAX_PARTS["hours"])
    minutes = Whole(0, _MAX_PARTS["minutes"])
    seconds = Whole(0, _MAX_PARTS["seconds"])
    delay = Delay()
    due_at = Moment()
    local_due_at = LocalTime()
    time_zone = TimeZone()
    fold = Choice(Fold, description="which of two moments, where the clock shows local_due_at twice")

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _one_when(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> None:
        given = [name for name in ("due_at", "delay", "local_due_at") if name in original]
        parts = [name for name in _PARTS if name in original]
        if not given and not parts and not any(name in original for name in _OF_LOCAL):
            raise ValidationError("Say when: hours, minutes, seconds; or delay; or due_at; or local_due_at.", "delay")
        if len(given) + bool(parts) > 1:
            raise ValidationError("Say when in one way only.", (parts or given)[0])

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _one_zone(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> None:
        if "local_due_at" not in original:
            if alone := {name: ["Only with local_due_at."] for name in _OF_LOCAL if name in original}:
                raise ValidationError(alone)
        elif "time_zone" not in original:
            raise ValidationError("Say where the clock of local_due_at hangs, such as Europe/Berlin.", "time_zone")


def take_when(data: dict[str, Any]) -> dict[str, int | None]:
    """Takes them out of what was read: `due_at` and `delay_ms` of a Draft."""
    due_at, delay_ms = data.pop("due_at", None), data.pop("delay", None)
    local, zone, fold = data.pop("local_due_at", None), data.pop("time_zone", None), data.pop("fold", None)
    if local is not None:
        due_at = due_at_of(local, zone, fold or Fold.FIRST)
    if due_at is None and delay_ms is None:
        delay_ms = sum(data.pop(name, 0) * ms for name, ms in _PARTS.items())
    return {"due_at": due_at, "delay_ms": delay_ms}
