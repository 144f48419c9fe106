"""When something is to be, as people type it: a moment or a length of time. Pure."""

from __future__ import annotations

import re

from scheduler import duration, rfc3339
from timer_service.web.problems import Problem

#: A moment as people write it; without a zone it is UTC.
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?( ?UTC|Z|z|[+-]\d\d:\d\d)?", re.ASCII)


def when(text: str) -> dict[str, str | float]:
    """The field of the API that says when, of what was typed."""
    text = text.strip()
    if found := _MOMENT.fullmatch(text):
        zone = found[4] or "Z"
        return {"due_at": f"{found[1]}T{found[2]}{found[3] or ':00'}{'Z' if 'UTC' in zone else zone}"}
    if re.fullmatch(r"\d{4}-.*", text, re.ASCII | re.DOTALL):
        return {"due_at": text}
    try:
        duration.parse(text)
    except ValueError:
        raise Problem(
            422,
            "When is not understood.",
            errors=[("/delay", "A moment as 2026-03-01 09:00:00, in UTC unless it says another zone, or 10m, 1h30m.")],
        ) from None
    return {"delay": text}


def until_when(text: str, now: int) -> int:
    """ms, later than `now`. Raises ValueError."""
    try:
        said = when(text)
    except Problem as problem:
        raise ValueError(next(detail for _, detail in problem.errors)) from None
    at = rfc3339.parse(str(said["due_at"])) if "due_at" in said else now + duration.parse(str(said["delay"]))
    if not now < at <= rfc3339.LATEST:
        raise ValueError("Must be later than now, and before the year 10000.")
    return at
