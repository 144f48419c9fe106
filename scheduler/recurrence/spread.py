"""Spreads schedules that name the same moment: each has a fixed offset."""

from __future__ import annotations

from hashlib import sha256


def spread_offset(name: str, spread_ms: int) -> int:
    """Milliseconds, less than `spread_ms` (0 if that is 0): always the same for one name, evenly spread over names."""
    number = int.from_bytes(sha256(name.encode()).digest()[:8])
    return number * spread_ms >> 64
