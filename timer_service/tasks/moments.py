"""Lengths of time and moments as callers give them, checked. Errors name the field."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

#: Seconds; no timer may wait longer.
LONGEST = 7_000 * 365 * 86_400


def seconds(name: str, value: float | timedelta, *, least: float = 0, most: float = LONGEST) -> float:
    """Raises TypeError for another type, ValueError for what is out of bounds or no number."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}: {value!r} is neither seconds nor a timedelta")
    if not least <= value <= most:  # of NaN too
        told = f"{value:g}" if abs(value) < 1e300 else "it"  # an integer may have more digits than a float
        raise ValueError(f"{name}: {told} is not from {least:,} to {most:,} seconds")
    return value


def milliseconds(name: str, value: float | timedelta, *, least: float = 0, most: float = LONGEST) -> int:
    """Rounded up, so that nothing is early."""
    return math.ceil(seconds(name, value, least=least, most=most) * 1000)


def moment(name: str, value: object) -> datetime:
    """In UTC. Raises TypeError for another type, ValueError without a time zone or outside of the years 1 to 9999."""
    if not isinstance(value, datetime):
        raise TypeError(f"{name}: {value!r} is no datetime")
    if value.utcoffset() is None:
        raise ValueError(f"{name}: {value!r} has no time zone; use datetime.now(UTC), or .astimezone() for local time")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name}: {value!r} is not within the years 1 to 9999 of UTC") from None
