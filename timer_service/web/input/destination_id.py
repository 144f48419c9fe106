"""The id of a destination as a client writes it: an origin in one form alone, `https:api.example.com:443`."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from marshmallow import ValidationError, fields

from scheduler import destination
from timer_service.web.input.destination import check_url
from timer_service.web.input.hostname import HOST_PATTERN, ascii_url

#: Characters; a host has 253 at most.
_LONGEST = 300
#: With or without the slashes of a URL.
_SCHEME = re.compile(r"(https?):(?://)?", re.ASCII | re.IGNORECASE)
_LOWER_CASE_HOST = re.sub("A-(?:Z|F|WYZ)", "", HOST_PATTERN)
_HOW = "Write scheme, host and port, as https:api.example.com:443."


class DestinationId(fields.Field[str]):
    """Scheme, host in lower case, and port: whoever writes another form of the same is told this one."""

    json_schema: ClassVar = {
        "type": "string",
        "pattern": rf"^https?:{_LOWER_CASE_HOST}:[1-9][0-9]{{0,4}}$",
        "maxLength": _LONGEST,
        "examples": ["https:api.example.com:443"],
    }

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("Must be a string.")
        if len(value) > _LONGEST:
            raise ValidationError(f"Longer than {_LONGEST} characters. {_HOW}")
        scheme = _SCHEME.match(value)
        if not scheme:
            raise ValidationError(f"This is no destination. {_HOW}")
        try:
            url = ascii_url(f"{scheme[1].lower()}://{value[scheme.end() :]}")
            check_url(url)
        except ValueError as error:
            raise ValidationError(f"{error} {_HOW}") from None
        found = destination(url)
        if found != value:
            raise ValidationError(f"Write it as {found}.")
        return found
