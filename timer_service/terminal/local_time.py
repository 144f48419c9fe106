"""Moments as people write them, by the clock on this machine's wall."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

#: 2026-12-01T09:00, and as we print moments: 2026-11-25 11:39:56 CET.
_MOMENT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[ Tt](?P<time>\d{1,2}:\d\d(:\d\d)?)( (?P<zone>[A-Za-z]{2,6}|[+-]\d\d(\d\d)?))?", re.ASCII
)
_DAY = re.compile(r"(?P<day>today|tomorrow)( at)? (?P<time>\d{1,2}:\d\d(:\d\d)?)", re.ASCII | re.IGNORECASE)


def parse(text: str, now: datetime) -> datetime | None:
    """With its offset; None for what is no such moment, and for a zone that is neither ours nor UTC.

    `now` is naive, of the local clock. An hour that the clock goes through twice is the first, unless the zone's name
    says which; one that it leaves out is as long after the gap.
    """
    if day := _DAY.fullmatch(text.strip()):
        date = now.date() + timedelta(days=day["day"].lower() == "tomorrow")
        return _local(f"{date.isoformat()} {day['time']}", None)
    moment = _MOMENT.fullmatch(text.strip())
    return _local(f"{moment['date']} {moment['time']}", moment["zone"]) if moment else None


def _local(text: str, zone: str | None) -> datetime | None:
    try:
        naive = datetime.strptime(text, "%Y-%m-%d %H:%M:%S" if text.count(":") == 2 else "%Y-%m-%d %H:%M")
        readings = [naive.replace(fold=fold).astimezone() for fold in (0, 1)]
    except (ValueError, OverflowError):
        return None
    if zone is None:
        is_left_out = readings[0].replace(tzinfo=None) != naive
        return max(readings) if is_left_out else readings[0]
    if zone in ("UTC", "GMT", "Z"):
        return naive.replace(tzinfo=UTC)
    return next((reading for reading in readings if reading.tzname() == zone), None)
