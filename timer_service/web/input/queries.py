"""Which timers a client means: the query of a list, and the body of a bulk action."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from scheduler import Place, Query, Status
from timer_service.web.input.destination import URL_PATTERN, check_url
from timer_service.web.input.fields import HowMany, Moment, Sequence
from timer_service.web.input.hostname import ascii_url
from timer_service.web.input.limits import MOST_TIMERS
from timer_service.web.input.webhook_fields import Key, Tag, Url

_MAX_ORIGIN = 2048
#: What a destination's name, as https:api.example.com:443, lacks of a URL.
_WITHOUT_SLASHES = re.compile(r"(https?):(?!//)", re.ASCII | re.IGNORECASE)
#: In the place of a status: the list has come to what the history has.
PAST = "history"
FILTERS = ("status", "tag", "destination", "due_after", "due_before")


class Cursor(fields.Field[tuple[Place, int]]):
    """Where a page ended, and the moment at which a bulk action began."""

    json_schema: ClassVar = {"type": "string", "maxLength": 200}

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> tuple[Place, int]:
        text = value if isinstance(value, str) and len(value) <= 200 else ""
        try:
            decoded = urlsafe_b64decode(text.encode("ascii", "replace")).decode("ascii")
        except ValueError:
            decoded = ""
        match = re.fullmatch(r"(-1|\d{1,16}) (\w{22}|-) (\d{1,16})(?: ([a-z]+))?", decoded, re.ASCII)
        if not match or match[4] not in (None, *Status, PAST):
            raise ValidationError("Not a cursor of ours: send next_cursor back as it came.")
        return Place(int(match[1]), "" if match[2] == "-" else match[2], match[4] or ""), int(match[3])


def cursor(place: Place | None, began_at: int = 0) -> str | None:
    if place is None:
        return None
    text = f"{place.score} {place.id or '-'} {began_at}" + (f" {place.status}" if place.status else "")
    return urlsafe_b64encode(text.encode()).decode()


class Origin(fields.String):
    """A URL of a destination, or its name as answers tell it; a URL inside."""

    json_schema: ClassVar = {
        **Url.json_schema,
        "pattern": URL_PATTERN.replace("://", ":(//)?"),
        "maxLength": _MAX_ORIGIN,
        "examples": ["https:api.example.com:443", "https://api.example.com"],
    }

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("Must be a string.")
        if len(value) > _MAX_ORIGIN:  # the line of a request holds 8190
            raise ValidationError(f"Longer than {_MAX_ORIGIN} characters.")
        try:
            name = _WITHOUT_SLASHES.match(value)
            url = ascii_url(f"{name[1]}://{value[name.end() :]}" if name else value)
            check_url(url)
        except ValueError as error:
            raise ValidationError(str(error)) from None
        return url


class Filters(Schema):
    status = fields.Enum(Status, by_value=True)
    tag = Tag()
    destination = Origin(
        metadata={"description": "https:api.example.com:443, or a URL; timers of its scheme, host and port"}
    )
    due_after = Moment(metadata={"description": "this moment or later"})
    due_before = Moment(metadata={"description": "earlier than this moment"})
    cursor = Cursor(metadata={"description": "next_cursor of the page before"})


class AnyStatus(fields.Enum[Any]):
    """One status, or all."""

    json_schema: ClassVar = {"type": "string", "enum": [*Status, "any"]}

    def __init__(self, **options: Any) -> None:
        super().__init__(Status, by_value=True, **options)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return "any" if value == "any" else super()._deserialize(value, *args, **kwargs)


class ReadFilters(Filters):
    status = AnyStatus(metadata={"description": "`any`: delivering, scheduled, failed, delivered, cancelled, in turn"})
    schedule = Key(metadata={"description": "its runs; not beside a tag"})

    @validates_schema(skip_on_field_errors=True)
    def _one_index(self, data: dict[str, Any], **_: Any) -> None:
        if "schedule" in data and "tag" in data:
            raise ValidationError("Give either a schedule or a tag.", "tag")


class CountIn(ReadFilters):
    class Meta:
        exclude = ("cursor",)

    @post_load
    def _query(self, data: dict[str, Any], **_: Any) -> Query:
        return _query(data)


class ListIn(ReadFilters):
    order = fields.String(validate=validate.OneOf(("asc", "desc")), metadata={"default": "asc"})
    limit = HowMany(MOST_TIMERS, 100)

    @post_load
    def _query(self, data: dict[str, Any], **_: Any) -> Query:
        data["after"], _began_at = data.pop("cursor", (None, 0))
        return _query(data)


def _query(data: dict[str, Any]) -> Query:
    is_any = data.get("status") == "any"
    if is_any:
        del data["status"]
    return Query(descending=data.pop("order", "asc") == "desc", any_status=is_any, **data)


class BulkIn(Filters):
    """Either ids, or at least one filter."""

    ids = Sequence(fields.String(), MOST_TIMERS)
    limit = fields.Integer(strict=True, validate=validate.Range(1, MOST_TIMERS), load_default=MOST_TIMERS)

    @validates_schema(skip_on_field_errors=True)
    def _either(self, data: dict[str, Any], **_: Any) -> None:
        filters = [name for name in FILTERS if name in data]
        if "ids" in data and (filters or "cursor" in data):
            raise ValidationError("Give either ids or filters.", "ids")
        if "ids" not in data and not filters:
            raise ValidationError(f"Give ids, or at least one of {', '.join(FILTERS)}.", "ids")
