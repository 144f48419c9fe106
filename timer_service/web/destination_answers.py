"""The shape of answers about destinations."""

from __future__ import annotations

from marshmallow import Schema, fields

from scheduler import BreakerMode, DestinationState, Signing
from timer_service.web.answers import Part
from timer_service.web.input.fields import Moment
from timer_service.web.schedule_answers import Lasting, PausedOut

#: The version of a destination for which nothing was ever set.
UNSET = "0"


class RateOut(Schema):
    requests = fields.Integer()
    per = Lasting(attribute="per_ms")
    burst = fields.Integer(allow_none=True)


class BreakerOut(Schema):
    mode = fields.Enum(BreakerMode, by_value=True, attribute="settings.breaker")


class SecretUseOut(Schema):
    since = Moment(metadata={"description": "when it was made"})
    until = Moment(allow_none=True, metadata={"description": "when it ends; null of the newest"})


class NewSecretOut(Schema):
    secret = fields.String(
        attribute="secret.value", metadata={"description": "`whsec_...`, told by this answer and by no other"}
    )
    signing = fields.Enum(Signing, by_value=True, metadata={"description": "`service`: it signs nothing yet"})
    old_until = Moment(
        allow_none=True, metadata={"description": "until when those before it are in use too; null where none is"}
    )


class DestinationOut(Schema):
    id = fields.String(metadata={"examples": ["https:api.example.com:443"]})
    state = fields.Enum(DestinationState, by_value=True)
    since = Moment(allow_none=True, metadata={"description": "when it came to stand so; null where nobody noted it"})
    because = fields.String(allow_none=True, metadata={"description": "why it stands so, in words"})
    next_at = Moment(allow_none=True, metadata={"description": "when that changes by itself, or is tried"})
    paused = fields.Nested(PausedOut, allow_none=True, attribute="pause")
    version = fields.Function(
        lambda it: it.version or UNSET,
        metadata={"json_schema": {"type": "string"}, "description": "of what was set; the ETag"},
    )

    rate = fields.Nested(RateOut, allow_none=True, attribute="settings.rate")
    concurrency = fields.Integer(allow_none=True, attribute="settings.concurrency")
    breaker = Part(BreakerOut)
    signing = fields.Enum(Signing, by_value=True, attribute="settings.signing")
    secrets = fields.List(
        fields.Nested(SecretUseOut),
        metadata={"description": "its own that are in use, the newest first; never what they are"},
    )

    waiting = fields.Integer(metadata={"description": "due timers that wait behind it"})
    oldest_waiting_at = Moment(allow_none=True, metadata={"description": "when the oldest of them was due"})
    in_flight = fields.Function(
        lambda it: it.in_flight if it.settings.concurrency is not None else None,
        metadata={
            "json_schema": {"type": ["integer", "null"]},
            "description": "attempts under way; null of one without a concurrency, where nobody counts them",
        },
    )
    attempts = fields.Integer(attribute="observed.attempts", metadata={"description": "made so far"})
    failures = fields.Integer(attribute="observed.failures", metadata={"description": "of them, those that failed"})
    duration_ms = fields.Integer(attribute="observed.duration_ms", metadata={"description": "of all attempts together"})
    last_attempt_at = Moment(attribute="observed.last_at", allow_none=True)
    last_error = fields.String(
        attribute="observed.last_error",
        allow_none=True,
        metadata={"description": "a word, or the status, of the last attempt that failed"},
    )
    last_error_at = Moment(attribute="observed.last_error_at", allow_none=True)


class DestinationsOut(Schema):
    data = fields.List(fields.Nested(DestinationOut))
    next_cursor = fields.String(allow_none=True)
