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


def test_once_what_was_away_is_elsewhere_the_next_call_tries_at_once() -> None:
    breaker = Breaker(clock=lambda: 100.0)
    breaker.failed("gone")
    breaker.retry()
    breaker.check()
    with pytest.raises(StoreUnavailable):
        breaker.check()


def test_without_a_pause_every_call_is_tried() -> None:
    """A poller's: refused for a second it could not renew what has a sixth of its lease left."""
    breaker = Breaker(pause=0)
    breaker.failed("gone")
    breaker.check()
    breaker.check()


def test_a_slow_call_does_not_refuse_others_while_the_store_answers_and_one_of_a_frozen_store_does() -> None:
    now, asked = 100.0, 0
    breaker = Breaker(clock=lambda: now)

    def answers() -> bool:
        nonlocal asked
        asked += 1
        return now < 101

    breaker.slow("slow", answers)
    breaker.slow("slow", answers)  # what another thread was answered a moment ago
    breaker.check()
    assert asked == 1
    now += 1
    breaker.slow("frozen", answers)
    with pytest.raises(StoreUnavailable, match="frozen"):
        breaker.check()
    breaker.slow("frozen", answers)  # nobody asks a store that is known to be away
    assert asked == 2


def test_the_pause_begins_when_the_call_that_tried_has_timed_out() -> None:
    """Not when it began: a store that stays frozen would hold a caller for most of the time."""
    now = 100.0
    breaker = Breaker(clock=lambda: now)
    breaker.slow("frozen", lambda: False)
    now += PAUSE
    breaker.check()  # this one tries
    now += 0.8
    breaker.slow("frozen", lambda: False)
    now += PAUSE / 2
    with pytest.raises(StoreUnavailable):
        breaker.check()
