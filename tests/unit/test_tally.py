"""What a poller counts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scheduler import Attempt, Redelivery, Result, Settlement
from scheduler.ended import attempt_line
from scheduler.tally import BOUNDS, Distribution, Tally


def attempt(**said: Any) -> Attempt:
    all_the_same: dict[str, Any] = {"number": 1, "started_at": 0, "lateness_ms": 0, "duration_ms": 0}
    return Attempt(**{"outcome": Result.DELIVERED, **all_the_same, **said})


@pytest.mark.parametrize(("value", "bound"), [(0, 1), (1, 2), (2, 5), (4, 5), (3_599_999, 3_600_000)])
def test_a_value_is_counted_below_the_first_bound_that_it_is_certainly_below(value: int, bound: int) -> None:
    it = Distribution()
    it.add([value])
    assert it.counts.index(1) == BOUNDS.index(bound)


def test_what_lies_beyond_every_bound_is_counted_too() -> None:
    it = Distribution()
    it.add([3_600_000, 10**9])
    assert (it.counts[-1], it.sum) == (2, 10**9 + 3_600_000)


def test_attempts_are_counted_by_outcome_and_the_reason_of_it() -> None:
    tally = Tally()
    tally.ended(
        [
            attempt(status_code=204),
            attempt(outcome=Result.RETRYABLE, status_code=503, redelivery=Redelivery.RETRY),
            attempt(outcome=Result.RETRYABLE, error="timeout"),
            attempt(outcome=Result.RETRYABLE, status_code=200, error="protocol"),
            attempt(outcome=Result.PERMANENT, status_code=410, redelivery=Redelivery.RETRY),
        ]
    )
    assert tally.attempts == {
        ("delivered", ""): 1,
        ("retryable", "5xx"): 1,
        ("retryable", "timeout"): 1,
        ("retryable", "protocol"): 1,
        ("permanent", "4xx"): 1,
    }
    assert tally.redeliveries == {"retry": 2}


def test_an_ended_attempt_is_one_line_of_json() -> None:
    ended = attempt(number=2, started_at=999, duration_ms=1, lateness_ms=3, status_code=204, poller="p")
    assert json.loads(attempt_line(_settled(ended))) == {
        "time": "1970-01-01T00:00:01.000Z",
        "level": "info",
        "event": "attempt",
        "timer": "t",
        "attempt": 2,
        "outcome": "delivered",
        "status": 204,
        "error": None,
        "lateness_ms": 3,
        "duration_ms": 1,
        "redelivery": None,
        "poller": "p",
    }


def test_so_is_one_that_was_not_the_first_and_had_no_answer() -> None:
    ended = attempt(outcome=Result.RETRYABLE, error="dns", redelivery=Redelivery.LEASE_EXPIRED)
    said = json.loads(attempt_line(_settled(ended)))
    assert (said["outcome"], said["status"], said["error"]) == ("retryable", None, "dns")
    assert said["redelivery"] == "lease-expired"


def _settled(it: Attempt) -> Settlement:
    return Settlement(timer_id="t", fence="f", attempt=it, retry_ms=None)
