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
