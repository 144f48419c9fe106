"""apply() of a shared task: here and now, without a service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.tasks.celery_shop import Shop, declared, fails, opened
from timer_service.tasks.celery import Ignore, NotOffered, Retry


@pytest.fixture
def shop() -> Iterator[Shop]:
    with opened() as it:
        yield it


def test_apply_runs_a_task_here_and_its_retries_without_waiting(shop: Shop) -> None:
    tries: list[int] = []

    def third_time(self: Any, number: int) -> int:
        tries.append(self.request.retries)
        if len(tries) < 3:
            raise self.retry(countdown=3600)
        return number

    result = declared(third_time, bind=True).apply((7,))
    assert (result.get(), result.state, result.successful(), tries) == (7, "SUCCESS", True, [0, 1, 2])
    assert shop.sent == []


def test_apply_tells_a_failure_with_its_traceback_or_throws_it(shop: Shop) -> None:
    task = declared(fails)
    result = task.apply()
    assert (result.state, result.status, result.failed(), result.ready()) == ("FAILURE", "FAILURE", True, True)
    assert "the mail server is away" in (result.traceback or "")
    assert isinstance(result.get(propagate=False), ConnectionError)
    with pytest.raises(ConnectionError):
        result.get()
    with pytest.raises(ConnectionError):
        task.apply(throw=True)


def test_apply_of_a_task_that_ignores_or_postpones(shop: Shop) -> None:
    def ignores() -> None:
        raise Ignore

    def postpones(self: Any) -> int:
        retries: int = self.request.retries
        if not retries:
            self.retry(throw=False)
        return retries

    assert declared(ignores).apply(task_id="mine").state == "IGNORED"
    assert declared(postpones, bind=True).apply().get() == 1
    assert declared(postpones, bind=True).apply(retries=2).get() == 2
    with pytest.raises(NotOffered, match=r"a result\.then"):
        _ = declared(ignores).apply().then


def test_apply_ends_however_often_a_task_asks_for_a_retry(shop: Shop) -> None:
    def always() -> None:
        raise Retry

    result = declared(always).apply(retries=9_990)
    assert (result.state, type(result.result)) == ("FAILURE", Retry)
