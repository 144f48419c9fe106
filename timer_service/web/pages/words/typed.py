"""What people type into the page's fields, as the API takes it. Pure."""

from __future__ import annotations

import re
from typing import Any

from timer_service.web.input import strict_json
from timer_service.web.input.json_size import holds_more_than
from timer_service.web.input.limits import REQUEST_VALUES
from timer_service.web.problems import Problem

#: What a browser writes of a datetime-local; it has no zone, and ours is UTC.
_LOCAL = re.compile(r"(\d{4,}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?", re.ASCII)


def utc_moment(text: str) -> str:
    """A moment without a zone as RFC 3339 wants it; anything else as it came."""
    found = _LOCAL.fullmatch(text)
    return f"{found[1]}T{found[2]}{found[3] or ':00'}Z" if found else text


def as_local(ms_text: str) -> str:
    """A moment of RFC 3339 in UTC as the value of a datetime-local."""
    return ms_text.removesuffix("Z").removesuffix(".000").removesuffix(":00")


def whole_of(text: str) -> int | str:
    """A whole number; anything else as it came, for the API to refuse."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else text


def tags_of(text: str) -> list[str]:
    """With commas, blanks or line ends between them."""
    return re.findall(r"[^\s,]+", text)


def json_value(text: str) -> Any:
    """Raises ValueError."""
    raw = text.encode("utf-8", "replace")
    if holds_more_than(REQUEST_VALUES, raw):
        raise ValueError(f"At most {REQUEST_VALUES:,} JSON values.")
    try:
        return strict_json.parse(raw)
    except Problem as problem:
        (where, detail) = next(iter(problem.errors), ("", problem.detail.replace("The body", "This", 1)))
        raise ValueError(f"{where}: {detail}" if where else detail) from None


def headers_of(text: str) -> dict[str, str]:
    """One a line. Raises ValueError."""
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.split("\n"))):
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError("A header is written as `name: value`, one a line.")
        if name.strip() in found:
            raise ValueError(f"{name.strip()[:80]}: This header is given twice.")
        found[name.strip()] = value.strip()
    return found
