"""How late attempts were, counted by bounds: what a minute keeps of them (lua/shared/minutes.lua). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.rounding import ceil_div

#: ms, up to a day. An attempt is counted at the first that is not less; what is told is at most half as much again.
BOUNDS: tuple[int, ...] = (
    *(0, 1, 2, 3, 4, 5, 7),
    *(part * 10**power for power in range(7) for part in (10, 15, 20, 30, 50, 70)),
    86_400_000,
)


def percentile(counts: Sequence[int], percent: int, worst: int) -> int | None:
    """Nearest rank: the bound that it lies at, or the worst if that is less. `counts`: by bound, and beyond."""
    rank = ceil_div(sum(counts) * percent, 100)
    if not rank:
        return None
    for bound, count in zip(BOUNDS, counts, strict=False):
        rank -= count
        if rank <= 0:
            return min(bound, worst)
    return worst
