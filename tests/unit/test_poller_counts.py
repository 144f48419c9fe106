"""What a poller counts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scheduler import Attempt, Claim, Outcome, Reason, Redelivery, Reschedule, Settlement
from scheduler.claim import reason_of
from scheduler.poller.attempt_log import _MOST_DESTINATIONS, _destinations, attempt_line
from scheduler.poller.counts import BOUNDS, Distribution, PollerCounts
from tests.bench.claims import a_claim


def attempt(**said: Any) -> Attempt:
    all_the_same: dict[str, Any] = {"number": 1, "started_at": 0, "lateness_ms": 0, "duration_ms": 0}
    return Attempt(**{"outcome": Outcome.DELIVERED, **all_the_same, **said})


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
    counts = PollerCounts()
    counts.ended(
        [
            attempt(status_code=204),
            attempt(outcome=Outcome.RETRYABLE, status_code=503, redelivery=Redelivery.RETRY),
            attempt(outcome=Outcome.RETRYABLE, error="timeout"),
            attempt(outcome=Outcome.RETRYABLE, status_code=200, error="protocol"),
            attempt(outcome=Outcome.PERMANENT, status_code=410, redelivery=Redelivery.RETRY),
        ]
    )
    assert counts.attempts == {
        ("delivered", ""): 1,
        ("retryable", "5xx"): 1,
        ("retryable", "timeout"): 1,
        ("retryable", "protocol"): 1,
        ("permanent", "4xx"): 1,
    }
    assert counts.redeliveries == {"retry": 2}


def test_an_ended_attempt_is_one_line_of_json() -> None:
    ended = attempt(number=2, started_at=999, duration_ms=1, lateness_ms=3, status_code=204, poller="p")
    assert json.loads(attempt_line(_settled(ended), _claim())) == {
        "time": "1970-01-01T00:00:01.000Z",
        "level": "info",
        "event": "attempt",
        "timer": "t",
        "attempt": 2,
        "outcome": "delivered",
        "status": 204,
        "error": None,
        "detail": None,
        "lateness_ms": 3,
        "duration_ms": 1,
        "redelivery": None,
        "poller": "p",
        "destination": "https:api.example.com:443",
        "final": True,
        "reason": "delivered",
    }


def test_so_is_one_that_was_not_the_first_and_had_no_answer() -> None:
    ended = attempt(outcome=Outcome.RETRYABLE, error="dns", redelivery=Redelivery.LEASE_EXPIRED)
    said = json.loads(attempt_line(_settled(ended), _claim()))
    assert (said["outcome"], said["status"], said["error"]) == ("retryable", None, "dns")
    assert said["redelivery"] == "lease-expired"
    assert (said["final"], said["reason"]) == (True, "attempts-exhausted")


@pytest.mark.parametrize("key", ["order-17", 'of"the\\engine\n\u2028', "straße"])
@pytest.mark.parametrize("host", ["b.example:8080", "[2001:db8::1]", 'c"\\.example'])
def test_a_line_says_where_it_went_and_whose_it_is_whatever_they_are_called(key: str, host: str) -> None:
    claim = _claim(f"http://{host}/a?b=1", tag=host, key=key)
    ended = _settled(attempt(outcome=Outcome.RETRYABLE, status_code=503, occurrence=3), retry_ms=5000)
    line = attempt_line(ended, claim)
    said = json.loads(line)
    assert "\n" not in line
    assert said["destination"] == f"http:{host}" + ("" if host[-1].isdigit() else ":80")
    assert (said["key"], said["occurrence"], said["final"], said["reason"]) == (key, 3, False, None)


def test_destinations_without_number_are_not_all_remembered() -> None:
    for n in range(_MOST_DESTINATIONS + 10):
        attempt_line(_settled(attempt()), _claim(f"http://h{n}/", tag=str(n)))
    assert len(_destinations) <= _MOST_DESTINATIONS


def test_timers_are_counted_by_why_they_ended_and_not_before() -> None:
    counts = PollerCounts()
    exhausted, blocked = attempt(outcome=Outcome.RETRYABLE), attempt(outcome=Outcome.PERMANENT, error="blocked")
    going_on = [_settled(exhausted, retry_ms=1), _settled(attempt(), reschedule=Reschedule(delay_ms=1))]
    counts.settled([_settled(attempt()), _settled(attempt()), _settled(exhausted), _settled(blocked), *going_on])
    assert counts.reasons == {Reason.DELIVERED: 2, Reason.ATTEMPTS_EXHAUSTED: 1, Reason.BLOCKED: 1, None: 2}


def _settled(it: Attempt, retry_ms: int | None = None, reschedule: Reschedule | None = None) -> Settlement:
    reason = None if retry_ms or reschedule else reason_of(it.outcome, it.error)
    return Settlement(timer_id="t", fence="f", attempt=it, retry_ms=retry_ms, reschedule=reschedule, reason=reason)


def _claim(url: str = "https://API.example.com/hook", tag: str = "tag", key: str | None = None) -> Claim:
    return a_claim(url, id="t", destination=tag, key=key)
