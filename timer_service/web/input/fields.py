"""Fields of marshmallow for what JSON has no types for: bounded numbers, delays, moments, bytes. Each says what it
refuses, in words."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import islice
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate

from scheduler import duration, exact_numbers, rfc3339
from timer_service.web.json_text import JsonText

#: Unknown members of one object that are told.
MAX_UNKNOWN = 10
_DIGITS = re.compile("[0-9]{1,18}")


def number(value: object, low: float, high: float) -> float:
    """A JSON number in a range; true and false are none. Raises ValidationError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValidationError(f"Must be a number from {low:.15g} to {high:.15g}.")
    return float(value) if isinstance(value, float) else int(value)


def refuse_unknown(given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raises ValidationError that tells some of the members that nobody knows, however many there are."""
    unknown = islice((name for name in given if name not in known), MAX_UNKNOWN)
    if errors := {name: ["Unknown field."] for name in unknown}:
        raise ValidationError(errors)


class Sequence(fields.List[Any]):
    """An array whose length is looked at before its items are."""

    def __init__(self, item: fields.Field[Any], most: int, **options: Any) -> None:
        super().__init__(item, validate=validate.Length(1, most), **options)
        self._most = most

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self._most:
            raise ValidationError(f"At most {self._most} items.")
        return super()._deserialize(value, *args, **kwargs)


class Whole(fields.Integer):
    """An integer of JSON: no 5.0, no "5", no true."""

    def __init__(self, low: int, high: int, description: str = "", *, allow_none: bool = False) -> None:
        given: dict[str, Any] = {"description": description} if description else {}
        if allow_none:
            given["default"] = None
        super().__init__(strict=True, metadata={"minimum": low, "maximum": high, **given}, allow_none=allow_none)
        self._low, self._high = low, high

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not self._low <= value <= self._high:
            raise ValidationError(f"Must be a whole number from {self._low} to {self._high}.")
        return int(value)


class HowMany(fields.Integer):
    """A whole number of a query, from 1: digits alone, where Python reads `5_0`, ` 5` and those of every script."""

    def __init__(self, most: int, unless_said: int, description: str = "") -> None:
        given = {"description": description} if description else {}
        super().__init__(metadata={"minimum": 1, "maximum": most, **given}, load_default=unless_said)
        self._most = most

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        found = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else 0
        if not 1 <= found <= self._most:
            raise ValidationError(f"Must be a whole number from 1 to {self._most}.")
        return found


class Number(fields.Float):
    def __init__(self, low: float, high: float, description: str) -> None:
        super().__init__(metadata={"minimum": low, "maximum": high, "description": description})
        self._low, self._high = low, high

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> float:
        return number(value, self._low, self._high)


class Delay(fields.Field[int]):
    """Seconds as a number, or text with units; milliseconds inside."""

    json_schema: ClassVar = {
        "description": "seconds, or text with units",
        "oneOf": [
            {"type": "number", "minimum": 0, "maximum": duration.MAX_DELAY // 1000},
            {"type": "string", "pattern": duration.PATTERN},
        ],
        "examples": [30, "500ms", "1h30m", "1d", "PT30M"],
    }

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        if isinstance(value, str):
            try:
                ms = duration.parse(value)
            except ValueError:
                raise ValidationError(
                    "Must be seconds as a number, or text with units: 500ms, 1h30m, 1d, PT30M."
                ) from None
        else:
            ms = duration.from_seconds(number(value, 0, duration.MAX_DELAY // 1000))
        if ms > duration.MAX_DELAY:
            raise ValidationError(f"Must be at most {duration.MAX_DELAY // 86_400_000} days.")
        return ms


class Length(Delay):
    """A length of time between two others."""

    def __init__(self, low: int, high: int, *, allow_none: bool = False, **given: str) -> None:
        """`given`: its description, and its default as a client writes it."""
        self._low, self._high = low, high
        numbers: dict[str, Any] = {"type": "number", "minimum": low // 1000, "maximum": high // 1000}
        either = {"oneOf": [numbers, Delay.json_schema["oneOf"][1]]}
        own = {**Delay.json_schema, **either, "examples": ["1h30m"]}
        super().__init__(allow_none=allow_none, metadata={"json_schema": own, **given})

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        ms = super()._deserialize(value, *args, **kwargs)
        if not self._low <= ms <= self._high:
            raise ValidationError(f"Must be from {duration.text(self._low)} to {duration.text(self._high)}.")
        return ms


class Choice(fields.Enum[Any]):
    """One of a few words."""

    def __init__(self, words: type[StrEnum], *, allow_none: bool = False, **given: str) -> None:
        """`given`: its description, and its default."""
        super().__init__(words, by_value=True, allow_none=allow_none, metadata=given)


class Moment(fields.Field[int]):
    """RFC 3339; milliseconds inside."""

    json_schema: ClassVar = {"type": "string", "format": "date-time", "examples": ["2026-03-01T09:00:00.000Z"]}

    def _serialize(self, value: int | None, *args: Any, **kwargs: Any) -> str | None:
        return None if value is None else rfc3339.rfc3339(value)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        if not isinstance(value, str):
            raise ValidationError("Must be a string of RFC 3339.")
        try:
            return rfc3339.parse(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class JsonObject(fields.Dict):
    """An object of JSON, kept as it was written."""

    def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return JsonText(exact_numbers.dumps(value)) if exact_numbers.has_written(value) else dict(value)


class Base64(fields.Field[bytes]):
    json_schema: ClassVar = {
        "type": "string",
        "contentEncoding": "base64",
        "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?$",
    }

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> bytes:
        if not isinstance(value, str):
            raise ValidationError("Must be a string.")
        try:
            return b64decode(value, validate=True)
        except (Base64Error, ValueError):
            raise ValidationError("Not base64 (RFC 4648, section 4, with padding).") from None
