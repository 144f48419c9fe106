"""Each block of captured tasks stands by itself; threads share one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.testing.shop import DAY, HOUR, remind, seen, tasks
from timer_service.client import TimerClient
from timer_service.testing import Captured, captured


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()


@pytest.fixture
def calls() -> Iterator[Captured]:
    with captured(tasks) as it:
        yield it


def test_each_block_begins_empty_at_the_real_time_and_leaves_the_tasks_as_they_were() -> None:
    client = tasks.client
    with captured(tasks) as one:
        remind.apply_async((1,), countdown=86_400, key="k")
        one.run_due(after=30 * DAY)
        with captured(tasks) as two:
            remind.apply_async((2,), countdown=86_400, key="k")
            assert abs(two.now() - datetime.now(UTC)) < HOUR
            assert len(one) == len(two) == 1
        remind.delay(3)
        assert len(one) == 2
    with captured(tasks) as three:
        assert len(three) == 0
        assert list(three.client.list(status="any")) == []
        assert abs(three.now() - datetime.now(UTC)) < HOUR
        remind.apply_async((4,), key="k")
    assert tasks.client is client
    with pytest.raises(RuntimeError), captured(tasks):
        raise RuntimeError
    assert tasks.client is client


def test_threads_may_call_tasks(calls: Captured) -> None:
    threads = [threading.Thread(target=lambda n=n: [remind.delay(n) for _ in range(5)]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    calls.run_due()
    assert len(calls) == len(seen) == 40


def test_what_is_sent_to_others_than_the_tasks_is_kept(calls: Captured) -> None:
    calls.client.create("https://crm.invalid/hook", delay="1h", body={"a": 1})
    calls.run_due(after=HOUR)
    (sent,) = calls.received
    assert (sent.path, sent.json, sent.attempt) == ("https://crm.invalid/hook", {"a": 1}, 1)


def test_a_task_that_takes_long_keeps_its_claim() -> None:
    """Red with the service's lease: whoever stops in a debugger would have it run twice."""
    with captured(tasks) as calls:
        remind.delay(1)
        assert isinstance(calls.client, TimerClient)
        assert calls._service._store._settings.lease > 86_400


def test_no_tasks_are_an_error() -> None:
    with pytest.raises(ValueError, match="tasks"), captured():
        pass
