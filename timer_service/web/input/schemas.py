"""JSON <-> timers: every rule of what a client may send, and the shape of every answer."""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache
from operator import attrgetter
from typing import Any

from marshmallow import Schema, ValidationError, fields, missing, post_load, validate, validates_schema

from scheduler import Delivery, Reason, Result, Status, Timer, Webhook, duration, exact_numbers
from timer_service.web.answering import JsonText
from timer_service.web.input.destination import METHODS
from timer_service.web.input.fields import (
    BackoffField,
    Base64,
    Delay,
    HeaderNames,
    Headers,
    Key,
    Moment,
    Notes,
    Number,
    Sequence,
    ShownUrl,
    Tags,
    Url,
    Whole,
    refuse_unknown,
)
from timer_service.web.input.redaction import marked_headers
from timer_service.web.services import settings

#: Fields that write what they are given.
_AS_IT_IS = (fields.String, fields.Integer)

_PARTS = {"hours": 3_600_000, "minutes": 60_000, "seconds": 1000}
#: The fields that say when.
WHEN = (*_PARTS, "delay", "due_at")
#: Of one batch.
MOST_TIMERS = 1000
#: Of each a third of the longest delay, so that they may be added.
_MAX_PARTS = {name: duration.MAX_DELAY // len(_PARTS) // ms for name, ms in _PARTS.items()}


def _schema_of(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


_ANY_BODY = {
    "description": "any JSON value; absent where none was given, and once a timer of more than 1 KiB was cancelled"
}
#: Anything is taken, and what is no timer gets a 422 of its own.
_BATCH_TIMER: dict[str, Any] = {"anyOf": [_schema_of("NewTimer"), {}]}
_BATCH_ITEM = {
    "description": "in the order of the request: what became of each",
    "oneOf": [
        {
            "type": "object",
            "required": ["status", "timer"],
            "properties": {"status": {"const": 201}, "timer": _schema_of("TimerOut")},
        },
        {
            "type": "object",
            "required": ["status", "problem"],
            "properties": {"status": {"enum": [409, 413, 422, 429]}, "problem": _schema_of("Problem")},
        },
    ],
}


class NewTimer(Schema):
    """What a client asks for: when, what, and how hard to try."""

    hours = Whole(0, _MAX_PARTS["hours"])
    minutes = Whole(0, _MAX_PARTS["minutes"])
    seconds = Whole(0, _MAX_PARTS["seconds"])
    delay = Delay()
    due_at = Moment()

    url = Url(required=True)
    method = fields.String(validate=validate.OneOf(METHODS))
    headers = Headers()
    body = fields.Raw(allow_none=True, metadata={"description": "any JSON value, sent as JSON"})
    body_base64 = Base64(metadata={"description": "bytes, sent as they are"})

    timeout = Number(0.1, 300, "seconds for one attempt")
    max_attempts = Whole(1, 100)
    backoff = BackoffField()
    delivery = fields.Enum(Delivery, by_value=True)
    max_occurrences = Whole(
        1, 10_000, "how often the receiver can be meant to act, the first time included, if it asks by timer-reschedule"
    )
    metadata = Notes()
    write_only = HeaderNames()

    key = Key(metadata={"description": "your own name for it, unique among unfinished timers"})
    tags = Tags()

    def load(self, data: Any, **options: Any) -> Any:
        said = frozenset(self.fields.keys() & data.keys()) if isinstance(data, dict) else frozenset()
        if len(said) < len(data):
            refuse_unknown(data, said)
        return Schema.load(_that_looks_at(said), data, **options)

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _one_when(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> None:
        said = [name for name in ("due_at", "delay") if name in original]
        parts = [name for name in _PARTS if name in original]
        if not said and not parts:
            raise ValidationError("Say when: hours, minutes, seconds; or delay; or due_at.", "delay")
        if len(said) + bool(parts) > 1:
            raise ValidationError("Say when in one way only.", (parts or said)[0])

    @validates_schema
    def _one_body(self, data: dict[str, Any], **_: Any) -> None:
        if "body" in data and "body_base64" in data:
            raise ValidationError("Give either body or body_base64.", "body_base64")
        given = [name for name in ("body", "body_base64") if name in data]
        if given and data.get("method") == "HEAD":
            raise ValidationError("A HEAD request has no body (RFC 9110, 9.3.2).", given[0])

    @validates_schema
    def _no_mark(self, data: dict[str, Any], **_: Any) -> None:
        if marked := marked_headers(data.get("headers", {}), data.get("write_only", ())):
            errors = {name: ["This is the mark of a redacted value, not a value."] for name in marked}
            raise ValidationError({"headers": errors})

    @validates_schema
    def _one_occurrence(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("delivery") is Delivery.AT_MOST_ONCE and data.get("max_occurrences", 1) > 1:
            raise ValidationError(
                "Must be 1 with at_most_once: what is sent once is not sent again.", "max_occurrences"
            )

    @post_load
    def _asked(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """The fields of a Draft but its id."""
        due_at, delay_ms = data.pop("due_at", None), data.pop("delay", None)
        if due_at is None and delay_ms is None:
            delay_ms = sum(data.pop(name, 0) * ms for name, ms in _PARTS.items())
        if "body_base64" in data:
            data |= {"body": data.pop("body_base64"), "body_is_json": False}
        elif "body" in data:
            data["body"] = exact_numbers.dumps(data["body"]).encode()
        names: dict[str, Any] = {name: data.pop(name) for name in ("key", "tags") if name in data}
        given = settings()
        webhook = Webhook(**{"timeout": given.timeout, "max_attempts": given.max_attempts, **data})
        return {"webhook": webhook, "due_at": due_at, "delay_ms": delay_ms, **names}


class AttemptOut(Schema):
    number = fields.Integer()
    started_at = Moment(allow_none=True)
    lateness_ms = fields.Integer(allow_none=True)
    duration_ms = fields.Integer(allow_none=True)
    outcome = fields.Enum(
        Result,
        by_value=True,
        allow_none=True,
        metadata={"description": "null: its lease was lost, it may have been sent"},
    )
    status_code = fields.Integer(allow_none=True)
    response_body = fields.String(allow_none=True)
    error = fields.String(allow_none=True, metadata={"description": "a word"})
    detail = fields.String(allow_none=True, metadata={"description": "of an error: why, in a sentence"})
    redelivery = fields.String(allow_none=True)
    poller = fields.String(allow_none=True)
    next_attempt_at = Moment(allow_none=True)
    final = fields.Boolean(metadata={"description": "no other follows, unless the timer is replayed"})
    occurrence = fields.Integer()
    asked_reschedule = fields.String(
        allow_none=True,
        metadata={
            "description": "the timer-reschedule of a 2xx that was not obeyed: none was left, or it made no sense"
        },
    )


class TimerOut(Schema):
    id = fields.String()
    status = fields.Enum(Status, by_value=True)
    time_left = fields.Integer(metadata={"description": "whole seconds, rounded up; 0 once due or ended"})
    due_at = Moment()
    created_at = Moment()
    attempts = fields.Integer()
    next_attempt_at = Moment(allow_none=True, metadata={"description": "while a retry waits"})
    last_attempt = fields.Nested(AttemptOut, allow_none=True)
    occurrence = fields.Integer(
        metadata={"description": "how often the receiver is meant to have acted by now, or by the next attempt"}
    )
    ended_at = Moment(allow_none=True)
    reason = fields.Enum(Reason, by_value=True, allow_none=True, metadata={"description": "why it has ended"})

    url = ShownUrl(
        attribute="webhook.url",
        metadata={
            "description": "empty where what is stored cannot be read by this version: then the rest are defaults"
        },
    )
    method = fields.String(attribute="webhook.method")
    headers = Headers(attribute="webhook.headers")
    body = fields.Method("_body", metadata={"json_schema": _ANY_BODY})
    body_base64 = fields.Method("_body_base64", metadata={"json_schema": Base64.json_schema})
    timeout = fields.Float(attribute="webhook.timeout")
    max_attempts = fields.Integer(attribute="webhook.max_attempts")
    backoff = BackoffField(attribute="webhook.backoff")
    delivery = fields.Enum(Delivery, by_value=True, attribute="webhook.delivery")
    max_occurrences = fields.Integer(attribute="webhook.max_occurrences")
    metadata = Notes(attribute="webhook.metadata")
    write_only = HeaderNames(attribute="webhook.write_only")
    key = fields.String(allow_none=True)
    tags = fields.List(fields.String())

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._members = [
            (
                name,
                attrgetter("id" if isinstance(field, fields.Method) else field.attribute or name),
                None if type(field) in _AS_IT_IS else field._serialize,
            )
            for name, field in self.dump_fields.items()
        ]

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Of a timer nothing is ever missing or of another type: without looking, a fifth of marshmallow's own time."""
        if many:
            return [self.dump(timer) for timer in obj]
        said: dict[str, Any] = {}
        for name, read, write in self._members:
            value = read(obj) if write is None else write(read(obj), name, obj)
            if value is not missing:
                said[name] = value
        return said

    def _body(self, timer: Timer) -> Any:
        webhook = timer.webhook
        if webhook.body is None or not webhook.body_is_json:
            return missing
        return JsonText(webhook.body.decode("utf-8", "replace"))

    def _body_base64(self, timer: Timer) -> Any:
        webhook = timer.webhook
        return b64encode(webhook.body).decode() if webhook.body is not None and not webhook.body_is_json else missing


@lru_cache(256)
def _that_looks_at(said: frozenset[str]) -> NewTimer:
    """The schema of these fields and what is required: of 19 most are not said, and each costs 1 us all the same."""
    return NewTimer(only=said | {"url"})


class BatchIn(Schema):
    most_bytes = 8 * 1024 * 1024
    #: 250 for each timer, where there are 1,000 of them: parsed in 50 ms, during which nobody else is served.
    most_values = 250_000

    timers = Sequence(
        fields.Raw(allow_none=True),
        MOST_TIMERS,
        required=True,
        metadata={"json_schema": {"type": "array", "minItems": 1, "maxItems": MOST_TIMERS, "items": _BATCH_TIMER}},
    )


class BatchOut(Schema):
    results = fields.List(fields.Raw(), metadata={"json_schema": {"type": "array", "items": _BATCH_ITEM}})


class AttemptsOut(Schema):
    data = fields.List(fields.Nested(AttemptOut))


class LatenessOut(Schema):
    p50 = fields.Integer(
        allow_none=True, attribute="lateness_p50_ms", metadata={"description": "of the last 1,000 attempts"}
    )
    p99 = fields.Integer(allow_none=True, attribute="lateness_p99_ms")


_LATENESS = {
    "type": "object",
    "description": "of the last 1,000 attempts",
    "properties": {name: {"type": ["integer", "null"]} for name in ("p50", "p99")},
}


class StatsOut(Schema):
    scheduled = fields.Integer()
    overdue = fields.Integer()
    delivering = fields.Integer()
    delivered = fields.Integer()
    failed = fields.Integer()
    cancelled = fields.Integer()
    oldest_overdue_ms = fields.Integer()
    lateness_ms = fields.Function(LatenessOut().dump, metadata={"json_schema": _LATENESS})
    used_bytes = fields.Integer(allow_none=True, metadata={"description": "of the store; null if it does not say"})
    max_bytes = fields.Integer(
        allow_none=True, metadata={"description": "beyond them creates are refused; null for any number"}
    )


class HealthOut(Schema):
    status = fields.String(metadata={"enum": ["ok"]})
    warnings = fields.List(fields.String(), metadata={"description": "of /readyz: what is wrong with the store"})
