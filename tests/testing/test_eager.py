"""Tasks that run as they are called, without a service."""

from __future__ import annotations

import pytest

from tests.testing.shop import DAY, HOUR, again, calls_others, flaky, refuses, remind, seen, slowly, tasks
from timer_service.tasks import TaskFailed
from timer_service.testing import eager


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()


def test_an_eager_task_has_run_when_delay_returns_with_its_retries_and_waits() -> None:
    with eager(tasks) as calls:
        assert remind.delay(3).get() == "3 soon"
        assert flaky.delay(2).get() == 3
        assert slowly.delay(1).get() == 2
        begun = calls.now()
        assert remind.apply_async((4,), countdown=86_400).status() == "delivered"
        assert calls.now() - begun >= DAY
        assert seen == [3, 4]
        assert len(calls) == 4


def test_what_an_eager_task_calls_has_run_too() -> None:
    with eager(tasks) as calls:
        assert calls_others.delay().get() == "done"
        assert seen == ["now", "later"]
        assert [call.handle.status() for call in calls] == ["delivered"] * 3


def test_an_eager_task_that_fails_is_told_at_the_end_of_the_block() -> None:
    """`delay` itself raises nothing: code that calls it is in production not told either."""

    def block() -> None:
        with eager(tasks):
            assert refuses.delay().status() == "failed"
            remind.delay(1)

    with pytest.raises(TaskFailed, match="never"):
        block()
    assert seen == [1]


def test_an_eager_task_that_asks_for_another_time_has_run_once() -> None:
    with eager(tasks) as calls:
        handle = again.delay()
        assert (seen, handle.status()) == ([1], "scheduled")
        calls.run_due(after=3 * HOUR)
        assert handle.get() == 3
