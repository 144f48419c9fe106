"""Fields of marshmallow for a moment by the clock on a wall: what it shows, and in which time zone it hangs."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields

from scheduler import Fold, PlanError, recurrence, rfc3339

#: Every date that there is from year 1 on, 29 February in leap years alone: as JSON Schema, which no format says.
_DATE = (
    r"(?!0000)([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|02-(0[1-9]|1[0-9]|2[0-8]))"
    r"|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)"
)
_PATTERN = rf"{_DATE}T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{{1,6}})?)?"


class LocalTime(fields.Field[datetime]):
    """A date and a time of day without an offset."""

    json_schema: ClassVar = {
        "type": "string",
        "pattern": f"^{_PATTERN}$",
        "description": "what the clock shows in `time_zone`; where it is turned on: the first moment after that",
        "examples": ["2027-03-28T02:30"],
    }

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or len(value) > 40 or not re.fullmatch(_PATTERN, value, re.ASCII):
            raise ValidationError("Must be a date and a time of day that exist, without an offset: 2027-03-28T02:30.")
        return datetime.fromisoformat(value)


class TimeZone(fields.Field[ZoneInfo]):
    """A name of the IANA list."""

    json_schema: ClassVar = {
        "type": "string",
        "maxLength": recurrence.MOST_CHARACTERS,
        "description": "a name of the IANA list; goes with `local_due_at`",
        "examples": ["Europe/Berlin"],
    }

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> ZoneInfo:
        if not isinstance(value, str):
            raise ValidationError("Must be a string.")
        try:
            return recurrence.zone_of(value)
        except PlanError as error:
            raise ValidationError(error.detail) from None


def due_at_of(local: datetime, zone: ZoneInfo, fold: Fold) -> int:
    """Milliseconds; raises ValidationError."""
    due_at = recurrence.moment_of(local, zone, fold)
    if due_at > rfc3339.LATEST:
        raise ValidationError("Later than 9999-12-31T23:59:59.999Z.", "local_due_at")
    return max(0, due_at)
