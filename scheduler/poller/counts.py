"""What one poller counts.

Its thread adds to plain numbers, a batch at a time, and a scrape's thread reads them: 0.04 to 0.13 us a value, where a
child of prometheus-client takes 0.4 to 1.2 for its lock; four of those would be a twentieth of what an attempt costs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence

from scheduler.claim import Settlement
from scheduler.timer import Attempt, Reason

#: Upper bounds in ms, from the goal to an evening without pollers.
BOUNDS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 15_000, 60_000, 300_000, 3_600_000)


class Distribution:
    """Counts values by the bounds below which they lie: whole ms, rounded down, so that a 1 may be almost 2."""

    def __init__(self) -> None:
        #: One more than there are bounds: what lies beyond the last.
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0

    def add(self, values: Iterable[int]) -> None:
        for value in values:
            self.counts[bisect_right(BOUNDS, value)] += 1
            self.sum += value


class PollerCounts:
    """Sums since the start of a poller. Its thread adds to them, any other may read them."""

    def __init__(self) -> None:
        self.lateness = Distribution()
        self.duration = Distribution()
        #: By outcome, and why it is not `delivered`: the error's word, or the class of the status.
        self.attempts: Counter[tuple[str | None, str]] = Counter()
        self.redeliveries: Counter[str] = Counter()
        #: Timers that this poller has settled, by why they ended; None: they go on.
        self.reasons: Counter[Reason | None] = Counter()
        self.released = 0
        self.refused_settles = 0
        self.lost_leases = 0

    def ended(self, attempts: Sequence[Attempt]) -> None:
        self.lateness.add([it.lateness_ms or 0 for it in attempts])
        self.duration.add([it.duration_ms or 0 for it in attempts])
        self.attempts.update([(it.outcome, it.error or _refusal(it.status_code)) for it in attempts])
        self.redeliveries.update([it.redelivery for it in attempts if it.redelivery])

    def settled(self, settlements: Sequence[Settlement]) -> None:
        """Count why timers ended, once the store has taken their settlements."""
        self.reasons.update([it.reason for it in settlements])


def _refusal(status: int | None) -> str:
    """`5xx` and so on; nothing for a status that says yes."""
    return "" if status is None or status < 300 else f"{status // 100}xx"
