"""The fields of a request that say when it is too late to send."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, validates_schema

from scheduler import duration
from timer_service.web.input.fields import Length, Moment

#: Without either there is no moment at which it is too late.
EXPIRY = ("expires_at", "max_lateness")


class Lateness(Length):
    """How late an attempt may begin; seconds inside."""

    def __init__(self) -> None:
        super().__init__(
            1000, duration.MAX_DELAY, allow_none=True, description="of an attempt; later than that it is not sent"
        )

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return super()._deserialize(value, *args, **kwargs) / 1000


class ExpiryFields(Schema):
    """Of a timer with a moment of its own; runs of a schedule have `max_lateness` alone."""

    expires_at = Moment(allow_none=True, metadata={"description": "it is not sent later than that"})

    @validates_schema
    def _one_expiry(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("expires_at") is not None and data.get("max_lateness") is not None:
            raise ValidationError("Give either expires_at or max_lateness.", "expires_at")
