"""What a rate means for GCRA, which permits.lua computes."""

from __future__ import annotations

from scheduler.destinations import Rate
from scheduler.rounding import ceil_div

#: us of a rate that a burst is at least: whoever asks for permits cannot do so every microsecond.
_LEAST_BURST = 10_000


def interval_us(rate: Rate) -> int:
    """us between two attempts, at least one."""
    return max(1, round(1000 * rate.per_ms / rate.requests))


def burst_of(rate: Rate) -> int:
    """Attempts at once."""
    return max(rate.burst or 1, ceil_div(_LEAST_BURST, interval_us(rate)))


def wait_ms(rate: Rate, ahead: int) -> int:
    """ms until it is the turn of a timer with so many ahead of it, if those begin now."""
    return ceil_div(max(0, ahead - burst_of(rate) + 1) * interval_us(rate), 1000)
