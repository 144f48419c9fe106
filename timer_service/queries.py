"""Which timers a client means: the query of a list, and the body of a bulk action."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from scheduler import Query, Status
from timer_service.destination import check_url
from timer_service.fields import Moment, Sequence, Tag, Url
from timer_service.hostname import ascii_url
from timer_service.schemas import TimerOut

MOST = 1000
_MAX_ORIGIN = 2048
FILTERS = ("status", "tag", "destination", "due_after", "due_before")


class Cursor(fields.Field[tuple[int, ...]]):
    """Where a page ended: a score and an id, and the moment at which a bulk action began."""

    json_schema: ClassVar = {"type": "string", "maxLength": 200}

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = value if isinstance(value, str) and len(value) <= 200 else ""
        try:
            said = urlsafe_b64decode(text.encode("ascii", "replace")).decode("ascii")
        except ValueError:
            said = ""
        match = re.fullmatch(r"(\d{1,16}) (\S{22}) (\d{1,16})", said, re.ASCII)
        if not match:
            raise ValidationError("Not a cursor of ours: send next_cursor back as it came.")
        return (int(match[1]), match[2]), int(match[3])


def cursor(place: tuple[int, str] | None, began_at: int = 0) -> str | None:
    return None if place is None else urlsafe_b64encode(f"{place[0]} {place[1]} {began_at}".encode()).decode()


class Origin(fields.String):
    json_schema: ClassVar = {**Url.json_schema, "maxLength": _MAX_ORIGIN}

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("Must be a string.")
        if len(value) > _MAX_ORIGIN:  # the line of a request holds 8190
            raise ValidationError(f"Longer than {_MAX_ORIGIN} characters.")
        try:
            url = ascii_url(value)
            check_url(url)
        except ValueError as error:
            raise ValidationError(str(error)) from None
        return url


class Filters(Schema):
    status = fields.Enum(Status, by_value=True)
    tag = Tag()
    destination = Origin(metadata={"description": "a URL; timers of its scheme, host and port"})
    due_after = Moment(metadata={"description": "this moment or later"})
    due_before = Moment(metadata={"description": "earlier than this moment"})
    cursor = Cursor(metadata={"description": "next_cursor of the page before"})


class ListIn(Filters):
    order = fields.String(validate=validate.OneOf(("asc", "desc")))
    limit = fields.Integer(validate=validate.Range(1, MOST), load_default=100)

    @post_load
    def _query(self, data: dict[str, Any], **_: Any) -> Query:
        data["after"], _began_at = data.pop("cursor", (None, 0))
        return Query(descending=data.pop("order", "asc") == "desc", **data)


class ListOut(Schema):
    data = fields.List(fields.Nested(TimerOut))
    next_cursor = fields.String(allow_none=True)
    total = fields.Integer(metadata={"description": "only where one count answers it"})


class BulkIn(Filters):
    """Either ids, or at least one filter."""

    ids = Sequence(fields.String(), MOST)
    limit = fields.Integer(strict=True, validate=validate.Range(1, MOST), load_default=MOST)

    @validates_schema(skip_on_field_errors=True)
    def _either(self, data: dict[str, Any], **_: Any) -> None:
        filters = [name for name in FILTERS if name in data]
        if "ids" in data and (filters or "cursor" in data):
            raise ValidationError("Give either ids or filters.", "ids")
        if "ids" not in data and not filters:
            raise ValidationError(f"Give ids, or at least one of {', '.join(FILTERS)}.", "ids")


class BulkOut(Schema):
    matched = fields.Integer()
    skipped = fields.Integer(metadata={"description": "unknown, or in a status that does not allow it"})
    next_cursor = fields.String(allow_none=True)


class CancelledOut(BulkOut):
    cancelled = fields.Integer()


class ReplayedOut(BulkOut):
    replayed = fields.Integer()
