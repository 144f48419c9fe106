"""Fields of marshmallow for what a webhook is made of: its URL, its headers, its key and tags, its backoff."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields

from scheduler import Backoff, Callback, Guard
from timer_service.web.input import destination, redaction
from timer_service.web.input.fields import MAX_UNKNOWN, number, refuse_unknown
from timer_service.web.input.hostname import ascii_url

MAX_TAGS = 10
#: Not `.` or `..`, which clients take out of a path.
_KEY = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._:@~-]{1,128}", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9._:@~-]{1,64}", re.ASCII)


class Url(fields.String):
    #: Which destinations may be called; set by the schema that the field is in.
    guard = Guard()
    json_schema: ClassVar = {
        "type": "string",
        "format": "uri",
        "pattern": destination.URL_PATTERN,
        "maxLength": destination.MAX_URL,
        "examples": ["https://example.com/hook"],
    }

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("Must be a string.")
        try:
            url = ascii_url(value)
            host, port = destination.check_url(url)
        except ValueError as error:
            raise ValidationError(str(error)) from None
        if redaction.is_marked(url):
            raise ValidationError("In its query is the mark of a redacted value, not a value.")
        if not self.guard.permits_url(host, port):
            raise ValidationError(self.guard.refusal(host, port))
        return url


class ShownUrl(fields.String):
    """On the way out."""

    def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return redaction.shown_url(value)


class Headers(fields.Field[dict[str, str]]):
    """Sent as given; secrets are redacted on the way out."""

    json_schema: ClassVar = {
        "type": "object",
        "description": "sent as given; those that frame the message or belong to the service are refused",
        "maxProperties": destination.MAX_HEADERS,
        "propertyNames": {"pattern": destination.OWN_NAME_PATTERN},
        "additionalProperties": {"type": "string", "pattern": destination.VALUE_PATTERN},
        "examples": [{"X-Trace": "17"}],
    }

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> dict[str, str]:
        return redaction.shown_headers(value, obj.webhook.write_only) if value else {}

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> dict[str, str]:
        if not isinstance(value, dict):
            raise ValidationError("Must be an object of strings.")
        if len(value) > destination.MAX_HEADERS:
            raise ValidationError(f"At most {destination.MAX_HEADERS} headers.")
        errors: dict[str, list[str]] = {}
        seen: set[str] = set()
        for name, text in value.items():
            if len(errors) == MAX_UNKNOWN:
                break
            try:
                destination.check_header(name, text)
                if name.lower() in seen:
                    raise ValueError("This header is given twice.")
            except ValueError as error:
                errors[name] = [str(error)]
            seen.add(name.lower())
        if errors:
            raise ValidationError(errors)
        return value


class CallbackField(fields.Field[Callback]):
    """{url, headers}, or a URL; null for none."""

    json_schema: ClassVar = {
        "description": "a URL, or {url, headers}, that is called when the timer has ended so; null for none",
        "anyOf": [
            Url.json_schema,
            {
                "type": "object",
                "required": ["url"],
                "additionalProperties": False,
                "properties": {"url": Url.json_schema, "headers": Headers.json_schema},
            },
            {"type": "null"},
        ],
        "examples": ["https://example.com/ended", {"url": "https://example.com/ended", "headers": {"X-Trace": "17"}}],
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_none=True, **options)
        self.url = Url()
        #: What a new timer has that does not say it, by field of a Callback.
        self.defaults: Mapping[str, Any] = {}
        self._headers = Headers()

    def _serialize(self, value: Callback | None, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if value is None:
            return None
        headers = redaction.shown_headers(value.headers, obj.webhook.write_only)
        return {"url": redaction.shown_url(value.url), "headers": headers}

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Callback:
        if isinstance(value, str):
            return Callback(**{**self.defaults, "url": self.url.deserialize(value)})
        if not isinstance(value, dict):
            raise ValidationError("Must be a URL, or {url, headers}.")
        refuse_unknown(value, ("url", "headers"))
        if "url" not in value:
            raise ValidationError({"url": ["Missing data for required field."]})
        found: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for name, read in (("url", self.url), ("headers", self._headers)):
            try:
                if name in value:
                    found[name] = read.deserialize(value[name])
            except ValidationError as error:
                errors[name] = error.messages
        if errors:
            raise ValidationError(errors)
        return Callback(**{**self.defaults, **found})


class HeaderNames(fields.Field[tuple[str, ...]]):
    json_schema: ClassVar = {
        "type": "array",
        "description": "headers whose values no answer tells, as those whose names speak of secrets",
        "items": {"type": "string", "pattern": destination.NAME_PATTERN},
        "maxItems": destination.MAX_HEADERS,
        "examples": [["X-Customer"]],
    }

    def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> list[str]:
        return list(value)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or len(value) > destination.MAX_HEADERS:
            raise ValidationError(f"Must be a list of at most {destination.MAX_HEADERS} names of headers.")
        for index, name in enumerate(value):
            if not destination.is_header_name(name):
                raise ValidationError({index: ["Not a header name (RFC 9110)."]})
        return tuple(dict.fromkeys(value))


class Key(fields.String):
    json_schema: ClassVar = {"type": "string", "pattern": f"^{_KEY.pattern}$", "examples": ["order-17"]}

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or not _KEY.fullmatch(value):
            raise ValidationError("Must be 1 to 128 of the characters A-Z a-z 0-9 . _ : @ ~ - and not . or ..")
        return value


class Tag(fields.String):
    json_schema: ClassVar = {"type": "string", "pattern": f"^{_TAG.pattern}$", "examples": ["newsletter"]}

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or not _TAG.fullmatch(value):
            raise ValidationError("Must be 1 to 64 of the characters A-Z a-z 0-9 . _ : @ ~ -")
        return value


class Tags(fields.Field[tuple[str, ...]]):
    json_schema: ClassVar = {"type": "array", "items": Tag.json_schema, "maxItems": MAX_TAGS}
    _tags = fields.List(Tag())

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or len(value) > MAX_TAGS:
            raise ValidationError(f"Must be a list of at most {MAX_TAGS} tags.")
        return tuple(dict.fromkeys(map(str, self._tags.deserialize(value))))  # once each


#: Seconds, but for the factor.
_BACKOFF_RANGES: Mapping[Any, tuple[float, float]] = {"initial": (0, 86_400), "factor": (1, 100), "max": (0, 604_800)}


def _range(low: float, high: float) -> dict[str, Any]:
    return {"type": "number", "minimum": low, "maximum": high}


class BackoffField(fields.Field[Backoff]):
    """An object {initial, factor, max} or a list of seconds whose last repeats."""

    json_schema: ClassVar = {
        "description": "seconds: growing by a factor up to a maximum, or a list whose last repeats",
        "oneOf": [
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {name: _range(*it) for name, it in _BACKOFF_RANGES.items()},
            },
            {"type": "array", "minItems": 1, "maxItems": 100, "items": _range(*_BACKOFF_RANGES["max"])},
        ],
        "examples": [{"initial": 5, "factor": 3, "max": 3600}, [5, 30, 120]],
    }

    def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return list(value.steps) or {name: getattr(value, name) for name in _BACKOFF_RANGES}

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Backoff:
        if isinstance(value, list) and 1 <= len(value) <= 100:
            ranges = dict.fromkeys(range(len(value)), _BACKOFF_RANGES["max"])
            return Backoff(steps=tuple(_numbers(dict(enumerate(value)), ranges).values()))
        if isinstance(value, dict):
            refuse_unknown(value, _BACKOFF_RANGES)
            numbers: dict[str, Any] = _numbers(value, _BACKOFF_RANGES)
            return Backoff(**numbers)
        raise ValidationError("Must be {initial, factor, max} or a list of 1 to 100 seconds.")


def _numbers(values: Mapping[Any, Any], ranges: Mapping[Any, tuple[float, float]]) -> dict[Any, float]:
    found: dict[Any, float] = {}
    errors = {}
    for name, value in values.items():
        try:
            found[name] = number(value, *ranges[name])
        except ValidationError as error:
            errors[name] = error.messages
    if errors:
        raise ValidationError(errors)
    return found
