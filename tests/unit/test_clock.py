"""The store's time between two calls."""

from __future__ import annotations

import pytest

from scheduler import StoreClock


def test_it_goes_on_by_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 5.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    clock = StoreClock()
    clock.observe(1_000_000)
    assert clock.now_us() == 1_000_000
    now = 7.5
    assert clock.now_us() == 3_500_000
    clock.observe(2_000_000)  # the store's clock was set back: it is the one that counts
    assert clock.now_us() == 2_000_000


def test_each_partition_has_the_clock_of_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a timer of one whose clock is behind is said to be sent before it is due."""
    now = 5.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    clock = StoreClock()
    clock.observe(9_000_000, 1)
    clock.observe(1_000_000, 2)
    now = 6.0
    assert [clock.now_us(it) for it in (1, 2)] == [10_000_000, 2_000_000]
    assert clock.now_us(3) == clock.now_us() == 2_000_000  # of one that has not answered yet, the last


def test_a_reply_that_waited_to_be_read_corrects_it_by_no_more_than_what_is_certain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Red with a clock that takes what such a reply says for the time at which it is read: it would be behind."""
    now = 5.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    clock = StoreClock()
    clock.observe(1_000_000, asked_at=4.0)
    assert clock.now_us() == 1_000_000  # of nothing else known
    now = 6.0
    clock.observe(1_900_000, asked_at=5.875)
    assert clock.now_us() == 2_000_000  # the store may have said so an eighth of a second ago
    clock.observe(2_250_000, asked_at=5.875)
    assert clock.now_us() == 2_250_000  # it is not before what it says
    clock.observe(1_000_000, asked_at=5.875)
    assert clock.now_us() == 1_125_000  # and was set back: no later than had it said so when it was asked
