"""The field of a request that says how durable its write is to be before it is answered."""

from __future__ import annotations

from typing import Any, ClassVar

from marshmallow import ValidationError, fields

from scheduler import Durability, durability


class DurabilityField(fields.Field[Durability]):
    json_schema: ClassVar = {
        "type": "string",
        "pattern": f"^({durability.PATTERN})$",
        "description": "what must be reached before the answer; TIMER_DURABILITY unless said",
        "examples": ["memory", "fsync", "replicas:1"],
    }

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Durability:
        try:
            return durability.parse(value if isinstance(value, str) else "")
        except ValueError as error:
            raise ValidationError(f"Must be {error}.") from None
