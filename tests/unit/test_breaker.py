"""Failing fast while the store is away."""

from __future__ import annotations

import pytest

from scheduler import StoreUnavailable
from scheduler.store.breaker import PAUSE, Breaker


def test_after_a_failure_calls_fail_at_once_and_one_tries_when_the_pause_is_over() -> None:
    now = 100.0
    breaker = Breaker(clock=lambda: now)
    breaker.check()
    breaker.failed("gone")
    with pytest.raises(StoreUnavailable, match="gone"):
        breaker.check()
    now += PAUSE
    breaker.check()  # this one tries
    with pytest.raises(StoreUnavailable):
        breaker.check()  # the others do not wait for it
    breaker.succeeded()
    breaker.check()
    breaker.check()


def test_without_a_pause_every_call_is_tried() -> None:
    """A poller's: refused for a second it could not renew what has a sixth of its lease left."""
    breaker = Breaker(pause=0)
    breaker.failed("gone")
    breaker.check()
    breaker.check()
