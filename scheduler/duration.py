"""Lengths of time as people write them: `90`, `500ms`, `1h30m`, `1d`, `PT30M`."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal

#: Milliseconds; with it the latest moment is still one that can be written.
MAX_DELAY = 7_000 * 365 * 86_400_000

_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_NUMBER = r"\d{1,15}(?:\.\d{1,9})?"
_SHORT = re.compile(r"".join(rf"(?:(?P<{unit}>{_NUMBER}){unit}(?![a-z]))?" for unit in _UNITS), re.ASCII)
_ISO = re.compile(
    rf"P(?:(?P<w>{_NUMBER})W)?(?:(?P<d>{_NUMBER})D)?"
    rf"(?:T(?=\d)(?:(?P<h>{_NUMBER})H)?(?:(?P<m>{_NUMBER})M)?(?:(?P<s>{_NUMBER})S)?)?",
    re.ASCII,
)
_ISO_UNITS = {**_UNITS, "w": 7 * 86_400_000}


#: What parse() takes, as JSON Schema can say it; with fewer digits, so that all it describes is below MAX_DELAY.
_FEW = r"[0-9]{1,6}(\.[0-9]{1,9})?"
PATTERN = (
    f"^(?=[0-9])({_FEW}d)?({_FEW}h)?({_FEW}m)?({_FEW}s)?({_FEW}ms)?$"
    f"|^P(?=[0-9T])({_FEW}W)?({_FEW}D)?(T(?=[0-9])({_FEW}H)?({_FEW}M)?({_FEW}S)?)?$"
)


def from_seconds(seconds: int | float) -> int:
    """Milliseconds, rounded up, so that nothing is ever early. `seconds` is finite and not negative."""
    return 1000 * seconds if isinstance(seconds, int) else _whole(Decimal(repr(seconds)) * 1000)


def parse(text: str) -> int:
    """Milliseconds, rounded up, of `1h30m`-like or ISO 8601 text (no months, no years: their length varies).

    Raises ValueError for everything else, a bare number included: its unit would be a guess.
    """
    for pattern, units in ((_SHORT, _UNITS), (_ISO, _ISO_UNITS)):
        match = pattern.fullmatch(text)
        if match and any(match.groupdict().values()):
            parts = ((Decimal(number), units[unit]) for unit, number in match.groupdict().items() if number)
            return _whole(sum((number * unit for number, unit in parts), Decimal()))
    raise ValueError("not a duration such as 500ms, 1h30m, 1d or PT30M")


def _whole(milliseconds: Decimal) -> int:
    return int(milliseconds.to_integral_value(ROUND_CEILING))


def text(milliseconds: int) -> str:
    """What parse() reads as so many."""
    said, left = "", milliseconds
    for unit, size in _UNITS.items():
        count, left = divmod(left, size)
        said += f"{count}{unit}" if count else ""
    return said or "0s"
