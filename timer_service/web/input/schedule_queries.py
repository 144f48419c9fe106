"""Which schedules a client means."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields

from scheduler import ScheduleStatus
from timer_service.web.input.fields import HowMany
from timer_service.web.input.webhook_fields import Key, Tag

#: Of one page: each tells what its runs send, which may be 256 KiB.
MOST_SCHEDULES = 100


class NameCursor(fields.Field[str]):
    """The name that a page ended with."""

    json_schema: ClassVar = {"type": "string", "maxLength": 200}

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        try:
            return Key().deserialize(urlsafe_b64decode(value.encode("ascii", "replace")).decode("ascii"))
        except (ValueError, ValidationError):
            raise ValidationError("Not a cursor of ours: send next_cursor back as it came.") from None


def name_cursor(name: str | None) -> str | None:
    return None if name is None else urlsafe_b64encode(name.encode()).decode()


class SchedulesIn(Schema):
    status = fields.Enum(ScheduleStatus, by_value=True)
    tag = Tag(metadata={"description": "of its runs"})
    limit = HowMany(MOST_SCHEDULES, MOST_SCHEDULES)
    cursor = NameCursor(metadata={"description": "next_cursor of the page before"})
