"""Tasks without a service: collected, and run by the test in virtual time, as the service would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.testing.shop import (
    DAY,
    HOUR,
    SECRET,
    again,
    asks_for_time,
    calls_others,
    flaky,
    refuses,
    remind,
    seen,
    slowly,
    tasks,
)
from timer_service.client import Conflict, Invalid
from timer_service.tasks import TaskCancelled, TaskFailed, Tasks, current
from timer_service.testing import Captured, captured


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()


@pytest.fixture
def calls() -> Iterator[Captured]:
    with captured(tasks) as it:
        yield it


def args(calls: Captured) -> list[Any]:
    return [run.args[0] for run in calls.runs]


def test_a_reminder_of_three_days_comes_after_three_days(calls: Captured) -> None:
    handle = remind.apply_async((17,), {"text": "buy"}, countdown=3 * 86_400)
    assert calls.run_due(after=2 * DAY) == []
    (run,) = calls.run_due(after=DAY)
    assert (run.task, run.args, run.kwargs, run.result) == (remind.name, [17], {"text": "buy"}, "17 buy")
    assert handle.get() == "17 buy"
    assert seen == [17]
    assert run.at >= calls[0].due_at


def test_a_plain_call_is_a_plain_call_and_is_not_captured(calls: Captured) -> None:
    assert remind(3) == "3 soon"
    assert len(calls) == 0


def test_calls_are_collected_in_order_with_what_was_asked_for(calls: Captured) -> None:
    eta = datetime.now(UTC) + DAY
    remind.delay(1)
    flaky.apply_async((0,), eta=eta, retries=5, priority=30, key="invoice:17", tags=["b"])
    assert [call.task for call in calls] == [remind.name, flaky.name]
    timer = calls[1].timer
    assert (timer.max_attempts, timer.priority, timer.key, list(timer.tags)) == (6, 30, "invoice:17", ["flaky", "b"])
    assert abs(calls[1].due_at - eta) < timedelta(milliseconds=2)
    assert seen == []
    assert [call.id for call in calls[:1]] == [calls[0].id]


def test_arguments_make_the_way_through_json(calls: Captured) -> None:
    """Red with a call that gets its arguments as they were given."""
    given = {"a": [1]}
    remind.delay(given)
    given["a"].append(2)
    calls.run_due()
    assert seen == [{"a": [1]}]
    assert calls[0].args == [{"a": [1]}]
    with pytest.raises(TypeError, match="tuple"):
        remind.delay((1, 2))


def test_what_falls_due_runs_in_the_order_of_its_moments_with_its_retries(calls: Captured) -> None:
    remind.apply_async(("last",), countdown=7200)
    flaky.apply_async((2,), countdown=3600)
    remind.apply_async(("first",), countdown=60)
    runs = calls.run_due(after=DAY)
    assert [run.args[0] for run in runs] == ["first", 2, 2, 2, "last"]
    assert [run.attempt for run in runs] == [1, 1, 2, 3, 1]
    assert [run.ok for run in runs] == [True, False, False, True, True]
    assert [run.at for run in runs] == sorted(run.at for run in runs)
    assert timedelta(seconds=1) <= runs[2].at - runs[1].at < timedelta(seconds=120)
    assert calls[1].handle.get() == 3


def test_a_task_that_has_no_attempt_left_is_told_once_all_has_run(calls: Captured) -> None:
    flaky.delay(9)
    remind.apply_async((1,), countdown=3600)
    with pytest.raises(TaskFailed, match="OSError: not today"):
        calls.run_due(after=DAY)
    assert args(calls) == [9, 9, 9, 1]
    assert calls[0].handle.timer().reason == "attempts-exhausted"
    refuses.delay()
    with pytest.raises(TaskFailed, match="never"):
        calls.run_due()
    assert calls.run_due(after=DAY) == []


def test_retry_waits_as_long_as_it_asks_for(calls: Captured) -> None:
    handle = asks_for_time.delay()
    first, second = calls.run_due(after=HOUR)
    assert second.at - first.at >= timedelta(seconds=600)
    assert handle.get() == "retry"


def test_again_is_run_once_more_for_each_time_that_it_asks(calls: Captured) -> None:
    handle = again.delay()
    calls.run_due(after=3 * HOUR)
    assert seen == [1, 2, 3]
    assert handle.get() == 3


def test_of_what_is_due_already_the_one_with_a_head_start_is_first(calls: Captured) -> None:
    remind.delay("ordinary")
    remind.apply_async(("urgent",), priority=60)
    calls.run_due()
    assert seen == ["urgent", "ordinary"]


def test_what_is_too_late_is_not_run(calls: Captured) -> None:
    handle = remind.apply_async((1,), expires=60)
    in_time = remind.apply_async((2,), expires=timedelta(minutes=10))
    calls.wait(timedelta(minutes=5))
    calls.run_due()
    assert seen == [2]
    assert (handle.status(), handle.timer().reason, in_time.get()) == ("failed", "expired", "2 soon")


def test_what_was_revoked_is_not_run_and_what_was_rescheduled_at_its_new_moment(calls: Captured) -> None:
    revoked = remind.apply_async((1,), countdown=60)
    moved = remind.apply_async((2,), countdown=60)
    assert revoked.revoke()
    moved.reschedule(countdown=2 * 3600)
    assert calls.run_due(after=HOUR) == []
    calls.run_due(after=HOUR)
    assert seen == [2]
    assert not moved.revoke()
    with pytest.raises(TaskCancelled):
        revoked.get()
    with pytest.raises(Conflict):
        moved.reschedule(countdown=1)


def test_a_key_is_unique_among_what_has_not_ended(calls: Captured) -> None:
    first = remind.apply_async((1,), key="cart:17")
    with pytest.raises(Conflict) as told:
        remind.apply_async((2,), key="cart:17")
    assert told.value.timer_id == first.id
    assert len(calls) == 1
    calls.run_due()
    remind.apply_async((3,), key="cart:17")


def test_an_idempotency_key_makes_one_call_of_two_for_a_day(calls: Captured) -> None:
    first = remind.apply_async((1,), idempotency_key="once")
    assert remind.apply_async((1,), idempotency_key="once") == first
    assert len(calls) == 1
    with pytest.raises(Invalid):
        remind.apply_async((2,), idempotency_key="once")
    calls.run_due()
    assert remind.apply_async((1,), idempotency_key="once") == first
    assert seen == [1]


def test_tags_find_what_was_called(calls: Captured) -> None:
    flaky.apply_async((0,), countdown=60, tags=["b"])
    remind.delay(1)
    assert [timer.id for timer in calls.client.list(tag="b")] == [calls[0].id]


def test_schedules_run_at_their_moments_once_they_are_set() -> None:
    own = Tasks("http://timers.invalid", "https://shop.invalid/tasks", SECRET)

    @own.every("0 9 * * *", time_zone="Europe/Berlin")
    @own.task(name="daily")
    def daily() -> None:
        seen.append(current().schedule)

    with captured(own) as calls:
        assert calls.run_due(after=2 * DAY) == []
        own.sync()
        runs = calls.run_due(after=7 * DAY)
        assert len(runs) == 7
        assert seen == ["daily"] * 7
        assert len({run.at.date() for run in runs}) == 7
        assert len(calls) == 0


def test_tasks_that_are_coroutines_run_also_where_the_test_is_one() -> None:
    async def test() -> int:
        with captured(tasks) as calls:
            handle = slowly.delay(1)
            calls.run_due()
            found: int = handle.get()
            return found

    assert asyncio.run(test()) == 2


def test_what_a_task_calls_is_captured_too_and_runs_in_its_turn(calls: Captured) -> None:
    calls_others.delay()
    calls.run_due()
    assert seen == ["now"]
    calls.run_due(after=HOUR)
    assert seen == ["now", "later"]
    assert len(calls) == 3
