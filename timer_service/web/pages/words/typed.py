"""What people type into the page's fields, as the API takes it. Pure."""

from __future__ import annotations

import re

#: What a browser writes of a datetime-local; it has no zone, and ours is UTC.
_LOCAL = re.compile(r"(\d{4,}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?", re.ASCII)


def utc_moment(text: str) -> str:
    """A moment without a zone as RFC 3339 wants it; anything else as it came."""
    found = _LOCAL.fullmatch(text)
    return f"{found[1]}T{found[2]}{found[3] or ':00'}Z" if found else text


def as_local(ms_text: str) -> str:
    """A moment of RFC 3339 in UTC as the value of a datetime-local."""
    return ms_text.removesuffix("Z").removesuffix(".000").removesuffix(":00")
