"""The next hour as the page draws it."""

from __future__ import annotations

import re

from scheduler import Bucket, Forecast
from timer_service.web.pages.now.hour import hour

_START = 1_795_694_580_000


def of(*counts: int) -> Forecast:
    buckets = [Bucket(_START + 60_000 * number, count) for number, count in enumerate(counts)]
    return Forecast(read_at=_START + 7000, by_ms=60_000, buckets=buckets)


def test_the_busiest_minute_is_as_high_as_the_drawing_and_one_timer_is_seen_beside_a_million() -> None:
    it = hour(of(1_000_000, 1, 0, 500_000))
    assert re.findall(r"M(\d+) (\d+)h8V100H\d+z", it.bars) == [("1", "0"), ("11", "99"), ("31", "50")]
    assert (it.busiest, it.least, it.timers) == (Bucket(_START, 1_000_000), 0, 1_500_001)


def test_rows_of_ten_minutes_add_up_and_lead_to_their_timers() -> None:
    it = hour(of(*range(60)))
    assert sum(row.timers for row in it.rows) == it.timers == 1770
    assert [row.most for row in it.rows] == [9, 19, 29, 39, 49, 59]
    assert all(one.end == other.start for one, other in zip(it.rows, it.rows[1:], strict=False))
    assert "due_after=2026-11-26T12%3A03%3A00.000Z&due_before=2026-11-26T12%3A13%3A00.000Z" in it.rows[0].href


def test_an_hour_without_timers_has_no_bars() -> None:
    it = hour(of(*[0] * 60))
    assert (it.bars, it.busiest, it.timers) == ("", None, 0)
    assert [at - _START for at in it.marks] == [0, 900_000, 1_800_000, 2_700_000, 3_600_000]
