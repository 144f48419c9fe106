"""What sets timers: every rule of what a client may send, and the webhook that comes of it."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, post_load

from timer_service.web.input.durability_field import DurabilityField
from timer_service.web.input.expiry_fields import ExpiryFields
from timer_service.web.input.fields import Sequence
from timer_service.web.input.limits import BATCH_BYTES, BATCH_VALUES, MOST_TIMERS
from timer_service.web.input.sent_fields import SentFields
from timer_service.web.input.webhook_fields import Key
from timer_service.web.input.when_fields import WhenFields, take_when


class NewTimer(SentFields, WhenFields, ExpiryFields):
    """What a client asks for: when, what, and how hard to try. load() gives the fields of a Draft but its id, and
    `durability` where that was said."""

    key = Key(metadata={"description": "your own name for it, unique among unfinished timers"})
    durability = DurabilityField()

    @post_load
    def _draft_fields(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        when = take_when(data)
        names: dict[str, Any] = {name: data.pop(name) for name in ("key", "tags", "durability") if name in data}
        return {"webhook": self.webhook({**data, "trace": self.rules.trace()}), **when, **names}


class RunTimer(SentFields):
    """What each run of a schedule sends. load() gives its webhook and its tags."""

    @post_load
    def _draft_fields(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        tags = data.pop("tags", ())
        return {"webhook": self.webhook({**data, "trace": self.rules.trace()}), "tags": tags}


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
    durability = DurabilityField(metadata={"description": "of all of them: one wait"})
