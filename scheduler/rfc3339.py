"""Moments as RFC 3339 writes them; inside they are integer milliseconds since the epoch, rounded up."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

#: 9999-12-31T23:59:59.999Z, the last that RFC 3339 can write.
LATEST = 253_402_300_799_999

_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,30}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse(text: str) -> int:
    """Raises ValueError with words for the client. A leap second is refused: the clock that decides has none."""
    match = _RFC_3339.fullmatch(text)
    if not match:
        raise ValueError("Not a moment of RFC 3339 with an offset, such as 2026-03-01T09:00:00Z.")
    *date, fraction, sign, hours, minutes = match.groups()
    try:
        local = datetime(*map(int, date), tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        raise ValueError("There is no such moment.") from None
    seconds = (local - _EPOCH).days * 86_400 + (local - _EPOCH).seconds
    if sign:
        offset = int(hours) * 3600 + int(minutes) * 60
        seconds -= offset if sign == "+" else -offset
    digits = (fraction or "").ljust(3, "0")
    ms = seconds * 1000 + int(digits[:3]) + (1 if digits[3:].strip("0") else 0)
    if ms > LATEST:
        raise ValueError("Later than 9999-12-31T23:59:59.999Z.")
    return max(0, ms)


@lru_cache(1024)  # at full rate ten timers are due, and ten attempts end, in the same millisecond
def rfc3339(ms: int) -> str:
    """UTC with milliseconds."""
    seconds, fraction = divmod(ms, 1000)
    return f"{_to_the_second(seconds)}.{fraction:03d}Z"


@lru_cache(1024)  # what a poller sends at full rate is due in the same few seconds: 2 us less each
def _to_the_second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
