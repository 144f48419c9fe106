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
