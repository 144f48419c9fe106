"""Which destinations a client means."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields

from scheduler import DestinationState
from timer_service.web.input.fields import HowMany

#: Of one page: each is a call of the store.
MOST_DESTINATIONS = 100
_PLACE = re.compile(r"held:[\w-]{8}|busy:\d{1,16}:[\w-]{8}", re.ASCII)


class PlaceCursor(fields.Field[str]):
    """Where a page of destinations ended."""

    json_schema: ClassVar = {"type": "string", "maxLength": 200}

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        try:
            place = urlsafe_b64decode(str(value)[:201].encode("ascii", "replace")).decode("ascii")
        except ValueError:
            place = ""
        if not _PLACE.fullmatch(place):
            raise ValidationError("Not a cursor of ours: send next_cursor back as it came.")
        return place


def place_cursor(place: str | None) -> str | None:
    return None if place is None else urlsafe_b64encode(place.encode()).decode()


class DestinationsIn(Schema):
    state = fields.Enum(DestinationState, by_value=True, metadata={"description": "only those that stand so"})
    limit = HowMany(MOST_DESTINATIONS, MOST_DESTINATIONS)
    cursor = PlaceCursor(metadata={"description": "next_cursor of the page before"})
