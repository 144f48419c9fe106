"""What sets timers: every rule of what a client may send, and the webhook that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from scheduler import Callback, Delivery, Fold, Guard, Webhook, duration, exact_numbers
from timer_service.web.input.destination import METHODS
from timer_service.web.input.fields import Base64, Delay, JsonObject, Moment, Number, Sequence, Whole, refuse_unknown
from timer_service.web.input.limits import BATCH_BYTES, BATCH_VALUES, MOST_TIMERS
from timer_service.web.input.local_fields import LocalTime, TimeZone, due_at_of
from timer_service.web.input.redaction import marked_headers
from timer_service.web.input.webhook_fields import BackoffField, CallbackField, HeaderNames, Headers, Key, Tags, Url

_PARTS = {"hours": 3_600_000, "minutes": 60_000, "seconds": 1000}
#: What says nothing without local_due_at.
_OF_LOCAL = ("time_zone", "fold")
#: The fields that say when.
WHEN = (*_PARTS, "delay", "due_at", "local_due_at", *_OF_LOCAL)
#: Of each a third of the longest delay, so that they may be added.
_MAX_PARTS = {name: duration.MAX_DELAY // len(_PARTS) // ms for name, ms in _PARTS.items()}


@dataclass(frozen=True, slots=True)
class WebhookRules:
    """What the settings of a service say of each new timer."""

    #: Which destinations may be called, as far as the URL tells.
    guard: Guard = field(default_factory=Guard)
    #: By field of a Webhook, what a timer has that does not say it.
    defaults: Mapping[str, Any] = field(default_factory=dict)


class NewTimer(Schema):
    """What a client asks for: when, what, and how hard to try.

    load() gives the fields of a Draft but its id. Threads may share it.
    """

    hours = Whole(0, _MAX_PARTS["hours"])
    minutes = Whole(0, _MAX_PARTS["minutes"])
    seconds = Whole(0, _MAX_PARTS["seconds"])
    delay = Delay()
    due_at = Moment()
    local_due_at = LocalTime()
    time_zone = TimeZone()
    fold = fields.Enum(
        Fold, by_value=True, metadata={"description": "which of two moments, where the clock shows local_due_at twice"}
    )

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
    metadata = JsonObject()
    write_only = HeaderNames()
    on_delivered = CallbackField()
    on_failed = CallbackField()

    key = Key(metadata={"description": "your own name for it, unique among unfinished timers"})
    tags = Tags()

    def __init__(self, rules: WebhookRules | None = None, **options: Any) -> None:
        self.rules = rules or WebhookRules()
        super().__init__(**options)
        self._schema_for = lru_cache(256)(self._limited_to)

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        if isinstance(field_obj, Url):
            field_obj.guard = self.rules.guard
        if isinstance(field_obj, CallbackField):
            field_obj.url.guard = self.rules.guard
            field_obj.defaults = {name: it for name, it in self.rules.defaults.items() if name in Callback._fields}

    def load(self, data: Any, **options: Any) -> Any:
        present = frozenset(self.fields.keys() & data.keys()) if isinstance(data, dict) else frozenset()
        if len(present) < len(data):
            refuse_unknown(data, present)
        return Schema.load(self._schema_for(present), data, **options)

    def _limited_to(self, present: frozenset[str]) -> NewTimer:
        """This schema with the fields that are given, and the one that must be: validating an absent one costs 1 us,
        and of 21 most are absent."""
        return NewTimer(self.rules, only=present | {"url"})

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _one_when(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> None:
        given = [name for name in ("due_at", "delay", "local_due_at") if name in original]
        parts = [name for name in _PARTS if name in original]
        if not given and not parts:
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
        for name in ("on_delivered", "on_failed"):
            callback = data.get(name)
            if callback and (marked := marked_headers(callback.headers, data.get("write_only", ()))):
                errors = {it: ["This is the mark of a redacted value, not a value."] for it in marked}
                raise ValidationError({name: {"headers": errors}})

    @validates_schema
    def _one_occurrence(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("delivery") is Delivery.AT_MOST_ONCE and data.get("max_occurrences", 1) > 1:
            raise ValidationError(
                "Must be 1 with at_most_once: what is sent once is not sent again.", "max_occurrences"
            )

    @post_load
    def _draft_fields(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """The fields of a Draft but its id."""
        due_at, delay_ms = data.pop("due_at", None), data.pop("delay", None)
        local, zone, fold = (data.pop(name, None) for name in ("local_due_at", *_OF_LOCAL))
        if local is not None:
            due_at = due_at_of(local, zone, fold or Fold.FIRST)
        if due_at is None and delay_ms is None:
            delay_ms = sum(data.pop(name, 0) * ms for name, ms in _PARTS.items())
        if "body_base64" in data:
            data |= {"body": data.pop("body_base64"), "body_is_json": False}
        elif "body" in data:
            data["body"] = exact_numbers.dumps(data["body"]).encode()
        names: dict[str, Any] = {name: data.pop(name) for name in ("key", "tags") if name in data}
        webhook = Webhook(**{**self.rules.defaults, **data})
        return {"webhook": webhook, "due_at": due_at, "delay_ms": delay_ms, **names}


#: Anything is taken, and what is no timer gets a 422 of its own.
_BATCH_TIMER: dict[str, Any] = {"anyOf": [{"$ref": "#/components/schemas/NewTimer"}, {}]}


class BatchIn(Schema):
    most_bytes = BATCH_BYTES
    most_values = BATCH_VALUES

    timers = Sequence(
        fields.Raw(allow_none=True),
        MOST_TIMERS,
        required=True,
        metadata={"json_schema": {"type": "array", "minItems": 1, "maxItems": MOST_TIMERS, "items": _BATCH_TIMER}},
    )
