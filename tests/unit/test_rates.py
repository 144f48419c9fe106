"""How often a key may ask."""

from __future__ import annotations

from timer_service.web.access.rate_limit import Rates


def test_a_bucket_fills_again_at_its_rate_and_each_key_has_its_own() -> None:
    now = 100.0
    rates = Rates(2, clock=lambda: now)
    assert [rates.wait("a") for _ in range(3)] == [0, 0, 1]
    assert rates.wait("b") == 0
    now += 0.5
    assert [rates.wait("a") for _ in range(2)] == [0, 1]
    now += 60
    assert [rates.wait("a") for _ in range(3)] == [0, 0, 1]


def test_no_rate_is_no_limit() -> None:
    assert not any(Rates(0).wait("a") for _ in range(1000))
