"""How far a virtual clock is to be turned: by so long, or to a moment."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, validates, validates_schema

from timer_service.web.input.fields import Delay, Moment


class AdvanceIn(Schema):
    by = Delay()
    to = Moment(metadata={"description": "instead of `by`"})

    @validates("by")
    def _forward(self, ms: int, **_: Any) -> None:
        if ms <= 0:
            raise ValidationError("Must be more than 0: the clock only goes forward.")

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _one(self, _data: dict[str, Any], original: dict[str, Any], **_: Any) -> None:
        given = [name for name in ("by", "to") if name in original]
        if not given:
            raise ValidationError("Say by how long, or to which moment: by, or to.", "by")
        if len(given) > 1:
            raise ValidationError("Say by how long or to which moment, not both.", "to")
