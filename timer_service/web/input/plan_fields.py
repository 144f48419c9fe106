"""The fields of a request that say when a schedule runs, and the plan that comes of them."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validates_schema

from scheduler import Fold, Gap, Plan, PlanError, duration, recurrence
from timer_service.web.input.fields import Choice, Length, Moment
from timer_service.web.input.local_fields import TimeZone

#: Inside, a start of 0 says that none was given: whoever asks for 1970-01-01T00:00Z means the same from here on.
_A_MINUTE = 60_000
_DEFAULT = Plan()


class Cron(fields.String):
    """A cron expression of five fields."""

    json_schema: ClassVar = {
        "type": "string",
        "maxLength": recurrence.MOST_CRON_CHARACTERS,
        "description": "five fields: minute, hour, day of the month, month, weekday; or `@daily` and the like",
        "examples": ["0 9 * * MON-FRI"],
    }

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("Must be a string.")
        try:
            recurrence.parse(value)
        except PlanError as error:
            raise ValidationError(error.detail) from None
        return value


class PlanFields(Schema):
    """Exactly one of `cron` and `every`, and where and how long it holds."""

    #: Null, as answers have it for the other one, says nothing.
    cron = Cron(allow_none=True)
    every = Length(
        recurrence.SHORTEST,
        duration.MAX_DELAY,
        allow_none=True,
        description="an interval, counted from `starts_at`",
    )
    time_zone = TimeZone(
        metadata={
            "description": "a name of the IANA list: where the clock of `cron` hangs",
            "default": _DEFAULT.time_zone,
        }
    )
    starts_at = Moment(metadata={"description": "nothing runs before it; now unless said"})
    ends_at = Moment(allow_none=True, metadata={"description": "nothing runs after it", "default": None})
    gap = Choice(Gap, description="a fixed time that a change of clocks leaves out", default=_DEFAULT.gap.value)
    fold = Choice(Fold, description="which of two, of a fixed time that is shown twice", default=_DEFAULT.fold.value)

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _one_plan(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> None:
        given = [name for name in ("cron", "every") if original.get(name) is not None]
        if not given:
            raise ValidationError('Say when: cron, such as "0 9 * * MON-FRI"; or every, such as "15m".', "cron")
        if len(given) > 1:
            raise ValidationError("Give either cron or every.", "every")

    @validates_schema
    def _ends_later(self, data: dict[str, Any], **_: Any) -> None:
        ends_at, starts_at = data.get("ends_at"), data.get("starts_at")
        if ends_at is not None and starts_at is not None and ends_at < starts_at:
            raise ValidationError("Earlier than starts_at.", "ends_at")


def take_plan(data: dict[str, Any], starts_at: int = 0) -> Plan:
    """Takes them out of what was read. `starts_at`: ms, where none is given."""
    said: dict[str, Any] = {
        name: data.pop(name) for name in ("cron", "starts_at", "ends_at", "gap", "fold") if name in data
    }
    every_ms = data.pop("every", None)
    if "time_zone" in data:
        said["time_zone"] = data.pop("time_zone").key
    if said.get("starts_at") == 0:
        said["starts_at"] = every_ms or _A_MINUTE
    return Plan(every_ms=every_ms, **{"starts_at": starts_at, **said})
