"""When held timers are expected, by buckets of time: as counted one by one."""

from __future__ import annotations

from random import Random

from scheduler.hold import HeldBy, Hold
from scheduler.holds.forecast import HeldForecast
from scheduler.holds.holding import expected_at


def test_the_turns_of_a_rate_are_counted_as_one_by_one() -> None:
    chance = Random(7)
    for _ in range(300):
        now, by = chance.randrange(10_000), chance.choice([1, 7, 1000, 60_000])
        first, buckets = chance.randrange(-20_000, 20_000), chance.randrange(1, 40)
        hold = Hold(HeldBy.RATE, 0, interval=chance.choice([1, 999, 1000, 1001, 33_333, 60_000_000]))
        timers = chance.randrange(50)
        one_by_one = [0] * buckets
        for ahead in range(timers):
            at = expected_at(hold, now, ahead)
            assert at is not None
            if 0 <= (number := (at - first) // by) < buckets:
                one_by_one[number] += 1
        found = HeldForecast(now, first, by, buckets)
        found.add(hold, timers)
        assert (found.counts, found.undated) == (one_by_one, 0)
