"""JSON <-> timers: every rule of what a client may send, and the shape of every answer."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from marshmallow import Schema, ValidationError, fields, missing, post_load, validate, validates_schema

from scheduler import Delivery, Result, Status, Timer, Webhook, duration
from timer_service.destination import METHODS
from timer_service.fields import BackoffField, Base64, Delay, Headers, Key, Moment, Number, Tags, Url, Whole
from timer_service.parts import settings

_PARTS = {"hours": 3_600_000, "minutes": 60_000, "seconds": 1000}
#: The fields that say when.
WHEN = (*_PARTS, "delay", "due_at")
_MAX_PART = duration.MAX_DELAY // 1000


class NewTimer(Schema):
    """What a client asks for: when, what, and how hard to try."""

    hours = Whole(0, _MAX_PART)
    minutes = Whole(0, _MAX_PART)
    seconds = Whole(0, _MAX_PART)
    delay = Delay(metadata={"description": "seconds, or 500ms, 1h30m, 1d, PT30M"})
    due_at = Moment(metadata={"format": "date-time"})

    url = Url(required=True)
    method = fields.String(validate=validate.OneOf(METHODS))
    headers = Headers()
    body = fields.Raw(allow_none=True, metadata={"description": "any JSON value, sent as JSON"})
    body_base64 = Base64(metadata={"description": "bytes, sent as they are"})

    timeout = Number(0.1, 300, "seconds for one attempt")
    max_attempts = Whole(1, 100)
    backoff = BackoffField()
    delivery = fields.Enum(Delivery, by_value=True)
    metadata = fields.Dict(keys=fields.String())

    key = Key(metadata={"description": "your own name for it, unique among unfinished timers"})
    tags = Tags()

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _one_when(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> None:
        said = [name for name in ("due_at", "delay") if name in original]
        parts = [name for name in _PARTS if name in original]
        if not said and not parts:
            raise ValidationError("Say when: hours, minutes, seconds; or delay; or due_at.", "delay")
        if len(said) + bool(parts) > 1:
            raise ValidationError("Say when in one way only.", (parts or said)[0])
        if sum(data.get(name, 0) * _PARTS[name] for name in parts) > duration.MAX_DELAY:
            raise ValidationError(f"Must be at most {duration.MAX_DELAY // 86_400_000} days.", parts[0])

    @validates_schema
    def _one_body(self, data: dict[str, Any], **_: Any) -> None:
        if "body" in data and "body_base64" in data:
            raise ValidationError("Give either body or body_base64.", "body_base64")

    @post_load
    def _asked(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """The fields of a Draft but its id."""
        due_at, delay_ms = data.pop("due_at", None), data.pop("delay", None)
        if due_at is None and delay_ms is None:
            delay_ms = sum(data.pop(name, 0) * ms for name, ms in _PARTS.items())
        if "body_base64" in data:
            data |= {"body": data.pop("body_base64"), "body_is_json": False}
        elif "body" in data:
            data["body"] = json.dumps(data["body"], ensure_ascii=False, separators=(",", ":")).encode()
        names: dict[str, Any] = {name: data.pop(name) for name in ("key", "tags") if name in data}
        defaults = {"timeout": settings().timeout, "max_attempts": settings().max_attempts}
        webhook = Webhook(**{**defaults, **data})
        return {"webhook": webhook, "due_at": due_at, "delay_ms": delay_ms, **names}


class AttemptOut(Schema):
    number = fields.Integer()
    started_at = Moment()
    lateness_ms = fields.Integer()
    duration_ms = fields.Integer()
    outcome = fields.Enum(Result, by_value=True)
    status_code = fields.Integer()
    response_body = fields.String()
    error = fields.String()
    redelivery = fields.String()
    poller = fields.String()
    next_attempt_at = Moment()


class TimerOut(Schema):
    id = fields.String()
    status = fields.Enum(Status, by_value=True)
    time_left = fields.Integer(metadata={"description": "whole seconds, rounded up; 0 once due or ended"})
    due_at = Moment()
    created_at = Moment()
    attempts = fields.Integer()
    next_attempt_at = Moment(metadata={"description": "while a retry waits"})
    last_attempt = fields.Nested(AttemptOut)

    url = fields.String(attribute="webhook.url")
    method = fields.String(attribute="webhook.method")
    headers = Headers(attribute="webhook.headers")
    body = fields.Method("_body", metadata={"description": "absent where none was given"})
    body_base64 = fields.Method("_body_base64")
    timeout = fields.Float(attribute="webhook.timeout")
    max_attempts = fields.Integer(attribute="webhook.max_attempts")
    backoff = BackoffField(attribute="webhook.backoff")
    delivery = fields.Enum(Delivery, by_value=True, attribute="webhook.delivery")
    metadata = fields.Dict(attribute="webhook.metadata")
    key = fields.String(allow_none=True)
    tags = fields.List(fields.String())

    def _body(self, timer: Timer) -> Any:
        webhook = timer.webhook
        return json.loads(webhook.body) if webhook.body is not None and webhook.body_is_json else missing

    def _body_base64(self, timer: Timer) -> Any:
        webhook = timer.webhook
        return b64encode(webhook.body).decode() if webhook.body is not None and not webhook.body_is_json else missing


class BatchIn(Schema):
    most_bytes = 8 * 1024 * 1024

    timers = fields.List(fields.Raw(), required=True, validate=validate.Length(1, 1000))


class BatchOut(Schema):
    results = fields.List(fields.Raw(), metadata={"description": "in order: a status, and the timer or the problem"})


class AttemptsOut(Schema):
    data = fields.List(fields.Nested(AttemptOut))


class LatenessOut(Schema):
    p50 = fields.Integer(attribute="lateness_p50_ms", metadata={"description": "of the last 1,000 attempts"})
    p99 = fields.Integer(attribute="lateness_p99_ms")


class StatsOut(Schema):
    scheduled = fields.Integer()
    overdue = fields.Integer()
    delivering = fields.Integer()
    delivered = fields.Integer()
    failed = fields.Integer()
    cancelled = fields.Integer()
    oldest_overdue_ms = fields.Integer()
    lateness_ms = fields.Function(LatenessOut().dump)
