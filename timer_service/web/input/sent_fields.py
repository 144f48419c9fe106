"""The fields of a request that say what is sent, and how hard to try: of a timer, and of each run of a schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self

from marshmallow import Schema, ValidationError, decorators, fields, missing, post_load, validate, validates_schema

from scheduler import Callback, Delivery, Guard, Webhook, exact_numbers
from timer_service.web.input.destination import METHODS
from timer_service.web.input.expiry_fields import Lateness
from timer_service.web.input.fields import Base64, JsonObject, Number, Whole, refuse_unknown
from timer_service.web.input.redaction import marked_headers
from timer_service.web.input.webhook_fields import BackoffField, CallbackField, HeaderNames, Headers, Tags, Url


@dataclass(frozen=True, slots=True)
class WebhookRules:
    """What the settings of a service say of each new timer."""

    #: Which destinations may be called, as far as the URL tells.
    guard: Guard = field(default_factory=Guard)
    #: By field of a Webhook, what a timer has that does not say it.
    defaults: Mapping[str, Any] = field(default_factory=dict)
    #: The `traceparent` of the request under way, "" where nobody traces.
    trace: Callable[[], str] = str


class SentFields(Schema):
    """Threads may share it."""

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
    priority = Whole(0, 3600, "seconds of head start among what is due")
    max_lateness = Lateness()
    metadata = JsonObject()
    write_only = HeaderNames()
    on_delivered = CallbackField()
    on_failed = CallbackField()
    tags = Tags()

    def __init__(self, rules: WebhookRules | None = None, **options: Any) -> None:
        self.rules = rules or WebhookRules()
        super().__init__(**options)
        self._schema_for = lru_cache(256)(self._limited_to)
        self._readers = [(name, it.deserialize) for name, it in self.load_fields.items()]
        self._checks = [
            (getattr(self, name), options.get("pass_original", False))
            for name, _, options in self._hooks[decorators.VALIDATES_SCHEMA]
        ]

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
        schema = self._schema_for(present)
        if present and not options:
            try:
                return schema._load_valid(data)
            except ValidationError:
                pass  # it is all told below, and not only what was found first
        return Schema.load(schema, data, **options)

    def _load_valid(self, data: Mapping[str, Any]) -> Any:
        """What Schema.load() gives, in half its time: it collects no errors. Raises ValidationError."""
        read = {name: deserialize(data.get(name, missing), name, data) for name, deserialize in self._readers}
        for check, takes_original in self._checks:
            if takes_original:
                check(read, data)
            else:
                check(read)
        return self._draft_fields(read)

    @post_load
    def _draft_fields(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """The fields of a Draft."""
        raise NotImplementedError

    def _limited_to(self, present: frozenset[str]) -> Self:
        """This schema with the fields that are given, and the one that must be: validating an absent one costs 1 us,
        and of 21 most are absent."""
        return type(self)(self.rules, only=present | {"url"})

    @validates_schema
    def _one_body(self, data: dict[str, Any], **_: Any) -> None:
        if "body" in data and "body_base64" in data:
            raise ValidationError("Give either body or body_base64.", "body_base64")
        given = [name for name in ("body", "body_base64") if name in data]
        if given and data.get("method") == "HEAD":
            raise ValidationError("A HEAD request has no body (RFC 9110, 9.3.2).", given[0])

    @validates_schema
    def _no_mark(self, data: dict[str, Any], **_: Any) -> None:
        headers = data.get("headers")
        if headers and (marked := marked_headers(headers, data.get("write_only", ()))):
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

    def webhook(self, data: dict[str, Any]) -> Webhook:
        """Of what was read, less what is not of a webhook."""
        if "body_base64" in data:
            data = {**data, "body": data["body_base64"], "body_is_json": False}
            del data["body_base64"]
        elif "body" in data:
            data = {**data, "body": exact_numbers.dumps(data["body"]).encode()}
        return Webhook(**{**self.rules.defaults, **data})
