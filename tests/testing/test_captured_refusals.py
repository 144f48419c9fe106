"""What the service refuses is refused where tasks are captured, by the same code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.testing.shop import DAY, remind, tasks
from timer_service.client import Invalid, TooLarge
from timer_service.testing import Captured, captured


@pytest.fixture
def calls() -> Iterator[Captured]:
    with captured(tasks) as it:
        yield it


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"priority": -1}, ValueError),
        ({"priority": 3601}, ValueError),
        ({"priority": True}, TypeError),
        ({"retries": -1}, ValueError),
        ({"retries": 100}, ValueError),
        ({"tags": "one"}, TypeError),
        ({"tags": ["a b"]}, Invalid),
        ({"tags": [str(n) for n in range(11)]}, Invalid),
        ({"key": "a b"}, Invalid),
        ({"key": ""}, Invalid),
        ({"countdown": -1}, ValueError),
        ({"countdown": 10, "expires": 5}, ValueError),
        ({"eta": datetime(2099, 1, 2, tzinfo=UTC), "expires": datetime(2099, 1, 1, tzinfo=UTC)}, ValueError),
        ({"eta": datetime(2099, 1, 2)}, ValueError),
        ({"no_such": 1}, TypeError),
        ({"idempotency_key": "a b"}, ValueError),
    ],
    ids=str,
)
def test_what_the_service_refuses_is_refused(calls: Captured, options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        remind.apply_async((1,), **options)
    assert len(calls) == 0
    assert calls.run_due(after=DAY) == []


def test_arguments_that_do_not_fit_are_refused(calls: Captured) -> None:
    for bad in ((), (1, 2)):
        with pytest.raises(TypeError):
            remind.apply_async(bad)
    with pytest.raises(TypeError):
        remind.delay(object())
    with pytest.raises(TooLarge):
        remind.delay("x" * 300_000)
    assert len(calls) == 0


@pytest.mark.parametrize(
    ("length", "error"),
    [(-1, ValueError), (timedelta(-1), ValueError), (float("nan"), ValueError), (1e18, ValueError), ("5", TypeError)],
)
def test_time_goes_forward_only_and_to_an_end(calls: Captured, length: Any, error: type[Exception]) -> None:
    before = calls.now()
    with pytest.raises(error, match=r"^after: "):
        calls.run_due(after=length)
    with pytest.raises(error, match=r"^length: "):
        calls.wait(length)
    assert calls.now() >= before
