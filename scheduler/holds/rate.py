"""What a rate means for GCRA, which permits.lua computes."""

from __future__ import annotations

from scheduler.destinations import Rate
from scheduler.rounding import ceil_div

#: us of a rate that a burst is at least: whoever asks for permits cannot do so every microsecond.
LEAST_BURST = 10_000


def interval_us(rate: Rate) -> int:
    """us between two attempts, at least one."""
    return max(1, round(1000 * rate.per_ms / rate.requests))


def burst_of(rate: Rate) -> int:
    """Attempts at once."""
    return max(rate.burst or 1, ceil_div(LEAST_BURST, interval_us(rate)))
