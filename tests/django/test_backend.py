"""Each promise of the backend over a real service: tasks are enqueued, called, and their results asked for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from tests.bench.processes import wait_until
from tests.django import project
from tests.django.conftest import Shop
from tests.django.project import signals
from tests.django.shop import tasks as shop_tasks
from timer_service.client import TooLarge
from timer_service.tasks import ResultTooLarge
from timer_service.tasks.django import AttemptFailed, TaskCancelled
from timer_service.tasks.django.framework import InvalidTask, TaskResultDoesNotExist

Status = project.tasks.TaskResultStatus
FAR = timedelta(days=30)


def finished(result: Any, seconds: float = 20) -> Any:
    def ended() -> bool:
        result.refresh()
        return bool(result.is_finished)

    wait_until(ended, seconds, f"the end of {result}")
    return result


def in_a_month(task: Any) -> Any:
    return task.using(run_after=timezone.now() + FAR)


# A task and its result.


@pytest.mark.usefixtures("shop")
def test_a_task_is_enqueued_called_and_its_value_read() -> None:
    result = shop_tasks.add.enqueue(2, other=3)
    assert (result.status, result.attempts, result.is_finished) == (Status.READY, 0, False)
    finished(result)
    assert (result.status, result.return_value, result.attempts) == (Status.SUCCESSFUL, 5, 1)
    assert result.enqueued_at <= result.started_at <= result.finished_at
    assert shop_tasks.add.get_result(result.id) == result


@pytest.mark.usefixtures("shop")
def test_the_same_in_coroutines_with_a_task_that_is_one() -> None:
    async def whole() -> Any:
        result = await shop_tasks.later.aenqueue([1, None, "é"])
        for _ in range(2000):
            await result.arefresh()
            if result.is_finished:
                break
            await asyncio.sleep(0.05)
        assert await shop_tasks.later.aget_result(result.id) == result
        return result.return_value

    assert asyncio.run(whole()) == [1, None, "é"]


@pytest.mark.usefixtures("shop")
def test_the_flags_of_django_are_all_true() -> None:
    """Each is proven below and above: run_after, coroutines, results, priorities."""
    names = ("supports_defer", "supports_async_task", "supports_get_result", "supports_priority")
    assert [getattr(project.backend(), name) for name in names] == [True] * 4


@pytest.mark.usefixtures("shop")
def test_a_task_that_raises_is_failed_with_its_error() -> None:
    result = finished(shop_tasks.raises.enqueue("broken"))
    assert (result.status, result.attempts) == (Status.FAILED, 1)
    (error,) = result.errors
    assert error.exception_class is ValueError
    assert error.traceback.startswith("Traceback")
    assert error.traceback.endswith("ValueError: broken\n")


def test_an_exception_is_tried_again_where_the_options_say_so(shop: Shop, tmp_path: Path) -> None:
    told = {**shop.options, "retry_exceptions": 3, "backoff": [1]}
    with override_settings(TASKS={"default": {"BACKEND": project.BACKEND, "OPTIONS": told, "QUEUES": []}}):
        result = finished(shop_tasks.fails_first.enqueue(str(tmp_path / "file")))
    assert (result.status, result.return_value, result.attempts) == (Status.SUCCESSFUL, "at last", 2)
    assert [it.exception_class for it in result.errors] == [ConnectionError]


@pytest.fixture
def held() -> Iterator[None]:
    """`waits` goes on once the test sets `go_on`, and at its end."""
    shop_tasks.seen.clear()
    shop_tasks.go_on.clear()
    yield
    shop_tasks.go_on.set()


@pytest.mark.usefixtures("shop", "held")
def test_a_task_that_takes_too_long_is_failed_and_goes_on_in_its_server() -> None:
    """Nothing stops a thread of Python: what the service gives up is the wait for its answer."""
    result = finished(shop_tasks.waits.using(backend="other").enqueue())
    assert (result.status, result.errors[0].exception_class) == (Status.FAILED, AttemptFailed)
    shop_tasks.go_on.set()
    wait_until(lambda: shop_tasks.seen == ["begun", "ended"], 20, "the end of the task itself")


@pytest.mark.usefixtures("shop", "held")
def test_one_that_is_being_called_is_running() -> None:
    result = shop_tasks.waits.enqueue()

    def running() -> bool:
        result.refresh()
        return bool(result.status == Status.RUNNING)

    wait_until(running, 20, "that it runs")
    assert result.attempts == 1
    shop_tasks.go_on.set()
    assert finished(result).status == Status.SUCCESSFUL


def test_one_that_was_cancelled_is_failed(shop: Shop) -> None:
    result = in_a_month(shop_tasks.add).enqueue(1)
    shop.client.cancel(result.id)
    result.refresh()
    assert (result.status, result.errors[0].exception_class) == (Status.FAILED, TaskCancelled)


@pytest.mark.usefixtures("shop")
def test_a_value_that_the_service_does_not_keep_says_so() -> None:
    result = finished(shop_tasks.returns.enqueue("big"))
    assert result.status == Status.SUCCESSFUL
    with pytest.raises(ResultTooLarge):
        _ = result.return_value


@pytest.mark.usefixtures("shop")
def test_the_task_and_its_result_speak_of_one_id() -> None:
    result = finished(shop_tasks.told.enqueue(7))
    assert result.return_value == {"id": result.id, "attempt": 1, "status": "RUNNING", "more": [7]}


# When, and in which order.


def test_a_task_with_run_after_is_due_then(shop: Shop) -> None:
    when = datetime(2126, 3, 4, 5, 6, 7, 891234, tzinfo=UTC)
    result = shop_tasks.add.using(run_after=when).enqueue(1)
    assert shop.client.get(result.id).due_at == when.replace(microsecond=892000)  # never early
    assert shop_tasks.add.get_result(result.id).task.run_after == when
    assert result.status == Status.READY


def test_a_naive_run_after_is_local_time_where_use_tz_is_off(shop: Shop) -> None:
    with override_settings(USE_TZ=False):
        result = shop_tasks.add.using(run_after=datetime(2126, 7, 1, 12)).enqueue(1)
        assert result.task.run_after == shop_tasks.add.get_result(result.id).task.run_after == datetime(2126, 7, 1, 12)
        assert result.enqueued_at.tzinfo is None
    assert shop.client.get(result.id).due_at == datetime(2126, 7, 1, 10, tzinfo=UTC)


@pytest.mark.usefixtures("shop")
def test_a_naive_run_after_is_refused_where_use_tz_is_on() -> None:
    with pytest.raises(InvalidTask, match="aware"):
        shop_tasks.add.using(run_after=datetime(2126, 7, 1, 12))


@pytest.mark.usefixtures("shop")
def test_a_run_after_that_is_past_is_now() -> None:
    result = shop_tasks.add.using(run_after=datetime(2001, 1, 1, tzinfo=UTC)).enqueue(1)
    assert finished(result).return_value == 1


@pytest.mark.parametrize("priority", [-100, -1, 0, 1, 100])
def test_a_priority_is_seconds_of_head_start_and_comes_back(priority: int, shop: Shop) -> None:
    result = in_a_month(shop_tasks.add).using(priority=priority).enqueue(1)
    assert shop.client.get(result.id).priority == priority + 100
    assert shop_tasks.add.get_result(result.id).task.priority == priority


def test_what_is_more_urgent_is_called_first(shop: Shop) -> None:
    """Of what is due alike: both wait for a pause of their destination to end."""
    there = shop.options["TIMER_TASKS_URL"].removesuffix("/timer-tasks/").replace("http://", "http:")
    finished(shop_tasks.add.enqueue(1))  # a destination exists once it was called
    shop.client.pause_destination(there, reason="the test")
    try:
        due = timezone.now()
        tasks = [shop_tasks.add.using(run_after=due, priority=it).enqueue(1) for it in (-100, 0, 100)]
        shop.client.update_destination(there, concurrency=1)
    finally:
        shop.client.resume_destination(there, at="full")
    begun = [finished(it).started_at for it in tasks]
    shop.client.update_destination(there, concurrency=None)
    assert begun == sorted(begun, reverse=True)


def test_the_name_of_a_queue_comes_back_and_one_that_is_not_set_up_is_refused(shop: Shop) -> None:
    result = in_a_month(shop_tasks.slow_queue).enqueue()
    assert shop_tasks.slow_queue.get_result(result.id).task.queue_name == "slow"
    with pytest.raises(InvalidTask, match="nobody's"):
        shop_tasks.add.using(queue_name="nobody's")
    with (
        override_settings(TASKS={"default": {"BACKEND": project.BACKEND, "OPTIONS": shop.options}}),
        pytest.raises(InvalidTask, match="slow"),
    ):
        shop_tasks.slow_queue.enqueue()


def test_the_fields_of_the_options_are_those_of_the_timer(shop: Shop) -> None:
    told = {**shop.options, "timeout": 60, "max_attempts": 3, "backoff": [1, 2], "tags": ["shop"]}
    with override_settings(TASKS={"default": {"BACKEND": project.BACKEND, "OPTIONS": told}}):
        timer = shop.client.get(in_a_month(shop_tasks.add).enqueue(1).id)
    assert (timer.timeout, timer.max_attempts, timer.backoff) == (timedelta(minutes=1), 3, [1, 2])
    assert timer.tags == ("django-task", "shop")


# Arguments.


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ([object()], TypeError),
        ([datetime(2027, 1, 1)], TypeError),
        ([{1: 2}], TypeError),
        ([float("nan")], ValueError),
        (["\ud800"], ValueError),
        ([b"\xff"], ValueError),
        ([10**400], ValueError),
        ([], TypeError),
        ([1, 2, 3], TypeError),
        (["x" * 300_000], TooLarge),
    ],
)
def test_arguments_that_json_or_the_function_does_not_take_are_refused_at_the_call(
    args: list[Any], error: type[Exception], shop: Shop
) -> None:
    before = shop.client.count(status="any").count
    with pytest.raises(error):
        in_a_month(shop_tasks.add).enqueue(*args)
    assert shop.client.count(status="any").count == before


@pytest.mark.usefixtures("shop")
def test_arguments_are_made_json_as_django_says() -> None:
    result = in_a_month(shop_tasks.add).enqueue((1, b"\xc3\xa9"), other={"a": (2,)})
    assert (result.args, result.kwargs) == ([[1, "é"]], {"other": {"a": [2]}})
    assert shop_tasks.add.get_result(result.id) == result


@pytest.mark.usefixtures("shop")
def test_a_function_that_no_other_process_would_find_is_refused() -> None:
    for function in (shop_tasks.add.func, test_the_flags_of_django_are_all_true):
        task = project.tasks.task(function)
        if function is shop_tasks.add.func:
            assert task.using(run_after=timezone.now() + FAR).enqueue(1).status == Status.READY
        else:
            with pytest.raises(InvalidTask, match="would not find"):
                task.enqueue()


# Results that are none.


@pytest.mark.parametrize(
    "id",
    ["123", "", ".", "../stats", "by-key/x", "?status=any", "0" * 22, "0" * 100, "é", 5, None, "x" * 99_999, "a\nb"],
)
def test_an_id_that_is_unknown_or_none_has_no_result(id: Any, shop: Shop) -> None:
    with pytest.raises(TaskResultDoesNotExist):
        project.backend().get_result(id)


def hostile(shop: Shop, **more: Any) -> str:
    """A timer like one of ours, but for what is given."""
    body = {**project.payload("add", 2), **more.pop("said", {})}
    asked = {"delay": FAR, "body": body, "tags": ["django-task"], **more}
    return shop.client.create(asked.pop("url", shop.options["TIMER_TASKS_URL"]), **asked).id


def test_a_timer_that_is_like_ours_has_a_result(shop: Shop) -> None:
    """So that those below fail for their own reason."""
    assert project.backend().get_result(hostile(shop)).args == [2]


@pytest.mark.parametrize(
    "more",
    [
        {"url": "http://127.0.0.1:9000/elsewhere"},
        {"tags": []},
        {"method": "PUT"},
        {"body": None},
        {"body": []},
        {"body": "text"},
        {"body": {"task": "tests.django.shop.tasks.add", "args": [], "kwargs": {}, "v": 1}},
        {"said": {"v": 2}},
        {"said": {"task": 5}},
        {"said": {"task": "os.system", "args": ["true"]}},
        {"said": {"task": "antigravity.fly"}},
        {"said": {"task": "tests.django.shop.tasks.not_a_task"}},
        {"said": {"django": {**project.payload("add")["django"], "backend": "other"}}},
        {"said": {"django": {**project.payload("add")["django"], "queue": "gone"}}},
        {"said": {"django": {**project.payload("add")["django"], "priority": 101}}},
        {"said": {"django": {**project.payload("add")["django"], "run_after": "2026-01-01T00:00:00"}}},
    ],
)
def test_a_timer_that_is_not_ours_has_no_result_and_imports_nothing(more: dict[str, Any], shop: Shop) -> None:
    import sys

    with pytest.raises(TaskResultDoesNotExist):
        project.backend().get_result(hostile(shop, **more))
    assert "antigravity" not in sys.modules


@pytest.mark.usefixtures("shop")
def test_a_result_of_another_task_is_a_mismatch() -> None:
    result = in_a_month(shop_tasks.add).enqueue(1)
    with pytest.raises(Exception, match="Task does not match"):
        shop_tasks.told.get_result(result.id)


# Signals, transactions, threads.


@pytest.mark.usefixtures("shop")
def test_a_signal_tells_what_was_enqueued_and_what_has_ended() -> None:
    told: list[Any] = []
    kinds = ("enqueued", "started", "finished")
    heard = [
        (getattr(signals, f"task_{kind}"), lambda kind=kind, task_result=None, **_: told.append((kind, task_result.id)))
        for kind in kinds
    ]
    for signal, receiver in heard:
        signal.connect(receiver)
    try:
        result = finished(shop_tasks.add.enqueue(1))
        wait_until(lambda: len(told) >= 3, 20, "three signals")
    finally:
        for signal, receiver in heard:
            signal.disconnect(receiver)
    assert sorted(told) == sorted((kind, result.id) for kind in kinds)


def test_a_task_is_set_at_once_also_within_a_transaction(shop: Shop, tmp_path: Path) -> None:
    """As Django's own backends do; transaction.on_commit() is for what must wait."""
    from django.db import connection, transaction

    connection.settings_dict["NAME"] = str(tmp_path / "shop.sqlite")
    later: list[Any] = []
    try:
        with transaction.atomic():
            result = in_a_month(shop_tasks.add).enqueue(1)
            assert shop.client.get(result.id).status == "scheduled"
            transaction.on_commit(lambda: later.append(in_a_month(shop_tasks.add).enqueue(2)))
            assert later == []
        assert shop.client.get(later[0].id).status == "scheduled"
        with transaction.atomic():
            transaction.on_commit(lambda: later.append("never"))
            transaction.set_rollback(True)
        assert len(later) == 1
    finally:
        connection.close()


@pytest.mark.usefixtures("shop")
def test_threads_that_enqueue_share_one_client() -> None:
    results: list[Any] = []
    threads = [threading.Thread(target=lambda n=n: results.append(shop_tasks.add.enqueue(n))) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(finished(it).return_value for it in results) == list(range(16))
