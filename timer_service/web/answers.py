"""The shape of every answer: timers, attempts, lists, counts, what a bulk action did."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, ClassVar

from marshmallow import Schema, fields, missing

from scheduler import Delivery, HeldBy, Outcome, Reason, Status, Timer
from timer_service.web.input.fields import Base64, JsonObject, Moment
from timer_service.web.input.webhook_fields import BackoffField, CallbackField, HeaderNames, Headers, ShownUrl
from timer_service.web.json_text import JsonText
from timer_service.web.receipt_answers import ReceiptField
from timer_service.web.timer_text import TimerText


class Part(fields.Nested):
    """Some members of the object itself, as an object of their own."""

    def get_value(self, obj: Any, *args: Any, **kwargs: Any) -> Any:
        return obj


def _schema_of(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


_ANY_BODY = {
    "description": "any JSON value; absent where none was given, and once a timer of more than 1 KiB was cancelled"
}
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
            "properties": {"status": {"enum": [409, 413, 422, 429, 503]}, "problem": _schema_of("Problem")},
        },
    ],
}


#: Of what is not read from the history it is not said.
_FROM = fields.String(
    metadata={
        "json_schema": {"type": "string", "const": "history"},
        "description": "`history`: the store has forgotten it, and so it stood when it ended; else it is not said",
    },
)


class AttemptOut(Schema):
    number = fields.Integer()
    started_at = Moment(allow_none=True)
    lateness_ms = fields.Integer(allow_none=True)
    duration_ms = fields.Integer(allow_none=True)
    outcome = fields.Enum(
        Outcome,
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


class HoldEnd(Moment):
    """When a hold ends, where that is a moment: whoever asks for permits asks at any time, which is stored as 0."""

    def _serialize(self, value: int | None, *args: Any, **kwargs: Any) -> str | None:
        return super()._serialize(value or None, *args, **kwargs)


class HeldOut(Schema):
    by = fields.Enum(HeldBy, by_value=True)
    until = HoldEnd(allow_none=True, metadata={"description": "null: nobody knows"})
    because = fields.String(metadata={"description": "in words"})


class Unreadable(fields.Boolean):
    """Told only where it is so."""

    def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return True if value else missing


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
    held = fields.Nested(
        HeldOut, allow_none=True, metadata={"description": "why its destination keeps it waiting, though it is due"}
    )
    expected_at = Moment(
        allow_none=True, metadata={"description": "when it is likely to be sent, where a hold makes that later"}
    )

    url = ShownUrl(
        attribute="webhook.url",
        metadata={
            "description": "empty where the timer is `unreadable`: then all from here to `on_failed` are defaults"
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
    priority = fields.Integer(
        attribute="webhook.priority", metadata={"description": "seconds of head start among what is due"}
    )
    expires_at = Moment(
        attribute="webhook.expires_at", allow_none=True, metadata={"description": "it is not sent later than that"}
    )
    max_lateness = fields.Float(
        attribute="webhook.max_lateness",
        allow_none=True,
        metadata={"description": "seconds; it is not sent later than so long after it is due"},
    )
    metadata = JsonObject(attribute="webhook.metadata")
    write_only = HeaderNames(attribute="webhook.write_only")
    on_delivered = CallbackField(attribute="webhook.on_delivered")
    on_failed = CallbackField(attribute="webhook.on_failed")
    key = fields.String(allow_none=True)
    tags = fields.List(fields.String())
    callback_for = fields.String(allow_none=True, metadata={"description": "the timer whose end this one tells"})
    schedule = fields.String(allow_none=True, metadata={"description": "the schedule that made it"})
    durability = ReceiptField()
    unreadable = Unreadable(
        metadata={
            "json_schema": {"type": "boolean"},
            "description": "true where this version cannot read what is stored; else it is not said",
        },
    )

    class Meta:
        include: ClassVar = {"from": _FROM}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._text = TimerText({name: field for name, field in self.dump_fields.items() if name != "from"})

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """As JSON already. Hooks and `only` are ignored, and what is missing or of another type is not looked for."""
        if many:
            return [self.dump(timer) for timer in obj]
        if isinstance(obj, JsonText):  # of the history, written when it ended
            return obj
        return self._text.of(obj)

    def _body(self, timer: Timer) -> Any:
        webhook = timer.webhook
        if webhook.body is None or not webhook.body_is_json:
            return missing
        return JsonText(webhook.body.decode("utf-8", "replace"))

    def _body_base64(self, timer: Timer) -> Any:
        webhook = timer.webhook
        return b64encode(webhook.body).decode() if webhook.body is not None and not webhook.body_is_json else missing


class CountOut(Schema):
    count = fields.Integer()
    exact = fields.Boolean(metadata={"description": "false: it stopped looking, there may be more"})


class ListOut(Schema):
    data = fields.List(fields.Nested(TimerOut))
    next_cursor = fields.String(allow_none=True)
    total = fields.Integer(metadata={"description": "only where one count answers it"})


class HistoryOut(Schema):
    data = fields.List(fields.Nested(TimerOut))
    next_cursor = fields.String(allow_none=True)


class BulkOut(Schema):
    matched = fields.Integer()
    skipped = fields.Integer(metadata={"description": "unknown, or in a status that does not allow it"})
    next_cursor = fields.String(allow_none=True)


class CancelledOut(BulkOut):
    cancelled = fields.Integer()


class ReplayedOut(BulkOut):
    replayed = fields.Integer()


class BatchOut(Schema):
    results = fields.List(fields.Raw(), metadata={"json_schema": {"type": "array", "items": _BATCH_ITEM}})


class AttemptsOut(Schema):
    data = fields.List(fields.Nested(AttemptOut))

    class Meta:
        include: ClassVar = {"from": fields.String(metadata=_FROM.metadata)}


class LatenessOut(Schema):
    p50 = fields.Integer(allow_none=True, attribute="lateness_p50_ms")
    p99 = fields.Integer(allow_none=True, attribute="lateness_p99_ms")


class StatsOut(Schema):
    scheduled = fields.Integer()
    overdue = fields.Integer()
    delivering = fields.Integer()
    delivered = fields.Integer()
    failed = fields.Integer()
    cancelled = fields.Integer()
    oldest_overdue_ms = fields.Integer()
    tried_before = fields.Integer(
        allow_none=True,
        metadata={"description": "of the scheduled, those that wait to be sent again; null if the store does not tell"},
    )
    lateness_ms = Part(LatenessOut, metadata={"description": "of the last 1,000 attempts"})
    unreadable_claims = fields.Integer(
        metadata={"description": "claims of timers that this version could not read; each is tried a minute later"}
    )
    used_bytes = fields.Integer(allow_none=True, metadata={"description": "of the store; null if it does not say"})
    max_bytes = fields.Integer(
        allow_none=True, metadata={"description": "beyond them creates are refused; null for any number"}
    )


class HealthOut(Schema):
    status = fields.String(metadata={"enum": ["ok"]})
    warnings = fields.List(fields.String(), metadata={"description": "of /readyz: what is wrong with the store"})
