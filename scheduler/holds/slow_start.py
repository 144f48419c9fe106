"""How fast a destination goes on that was paused or broken: one attempt a second, then twice as many each second."""

from __future__ import annotations

#: Seconds after which it is over: then 32,768 a second would follow, more than two pollers send. With 10 s, in the last
#: of which 512 went, ten thousand that had waited were sent 4,559 in the next.
SECONDS = 15


def interval_us(elapsed_ms: int) -> int | None:
    """us between two attempts so many ms after the start; None once it is over, or if it is to begin in the future, for
    then the clock has been set back."""
    if not -1000 <= elapsed_ms < 1000 * SECONDS:
        return None
    return 1_000_000 >> max(0, elapsed_ms) // 1000
