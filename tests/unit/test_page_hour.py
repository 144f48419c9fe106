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


def test_held_timers_stand_on_top_of_what_falls_due_and_never_above_the_drawing() -> None:
    buckets = [Bucket(_START, 50, 50), Bucket(_START + 60_000, 0, 30), Bucket(_START + 120_000, 1, 99_999)]
    it = hour(Forecast(read_at=_START, by_ms=60_000, buckets=buckets[:2], held_undated=8))
    assert re.findall(r"M\d+ (\d+)h8V(\d+)H", it.bars) == [("50", "100")]
    assert re.findall(r"M\d+ (\d+)h8V(\d+)H", it.held_bars) == [("0", "50"), ("70", "100")]
    assert (it.timers, it.held, it.most, it.least, it.busiest, it.held_undated) == (50, 80, 100, 30, buckets[0], 8)
    assert [(row.timers, row.held, row.most) for row in it.rows] == [(50, 80, 100)]
    crowded = hour(Forecast(read_at=_START, by_ms=60_000, buckets=[buckets[2]]))
    assert (crowded.bars, crowded.held_bars) == ("M1 99h8V100H1z", "M1 0h8V99H1z")
    last = hour(Forecast(read_at=_START, by_ms=60_000, buckets=[Bucket(_START, 99_999, 1)]))
    assert (last.bars, last.held_bars) == ("M1 0h8V100H1z", "M1 0h8V1H1z")


def test_an_hour_without_timers_has_no_bars() -> None:
    it = hour(of(*[0] * 60))
    assert (it.bars, it.busiest, it.timers) == ("", None, 0)
    assert [at - _START for at in it.marks] == [0, 900_000, 1_800_000, 2_700_000, 3_600_000]
