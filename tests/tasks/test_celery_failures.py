"""How a shared task that ends is told to the service: with a result, or failed for good."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.tasks.celery_shop import Shop, declared, fails, header, opened, told, waits
from timer_service.tasks import Again as CoreAgain
from timer_service.tasks.celery import Ignore, Reject, Retry


@pytest.fixture
def shop() -> Iterator[Shop]:
    with opened() as it:
        yield it


def test_a_task_that_raises_is_not_run_again_and_its_exception_is_told(shop: Shop) -> None:
    answer = shop.run(declared(fails))
    assert answer.status == 489
    assert told(answer) == {"class": "builtins.ConnectionError", "message": "the mail server is away"}


def test_what_a_task_returns_is_its_result_with_lists_for_tuples(shop: Shop) -> None:
    answer = shop.run(declared(lambda: (1, (2, {"three": (3,)}))))
    assert (answer.status, told(answer)) == (200, [1, [2, {"three": [3]}]])


def test_a_result_without_a_form_in_json_fails_the_task_and_does_not_run_it_again(shop: Shop) -> None:
    answer = shop.run(declared(lambda: {1, 2}))
    assert (answer.status, told(answer)["class"]) == (489, "builtins.TypeError")


def test_a_result_that_is_ignored_is_not_kept_whatever_it_is(shop: Shop) -> None:
    task = declared(lambda: {1, 2}, ignore_result=True)
    assert told(shop.run(task)) is None
    other = declared(_seven)
    assert told(shop.run(other, _celery={"ignore_result": True})) is None
    assert told(shop.run(other)) == 7


def _seven() -> int:
    return 7


def test_ignore_ends_a_task_without_a_result(shop: Shop) -> None:
    def gives_up() -> None:
        raise Ignore

    answer = shop.run(declared(gives_up))
    assert (answer.status, told(answer)) == (200, None)


@pytest.mark.parametrize(("requeue", "status"), [(False, 489), (True, 503)])
def test_reject_fails_a_task_and_with_requeue_has_it_run_again_soon(shop: Shop, requeue: bool, status: int) -> None:
    def rejects() -> None:
        raise Reject("not mine", requeue=requeue)

    answer = shop.run(declared(rejects))
    assert (answer.status, told(answer)["message"]) == (status, "not mine")
    assert header(answer, "retry-after") == ("1" if requeue else None)


def test_what_tasks_raise_that_are_none_of_celerys_means_what_it_means_there(shop: Shop) -> None:
    def asks() -> None:
        raise CoreAgain(in_=5)

    assert waits(shop.run(declared(asks))) == 5


def test_an_exception_that_is_expected_is_logged_without_a_traceback(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "timer_service.tasks")
    shop.run(declared(fails, throws=(ConnectionError,)))
    assert not [it for it in caplog.records if it.exc_info or it.levelno >= logging.ERROR]
    with opened() as other:
        other.run(declared(fails))
    assert [it.levelname for it in caplog.records if it.exc_info] == ["ERROR"]


@pytest.mark.parametrize("when", [3, None, datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 1), -5])
def test_a_retry_that_a_task_raises_itself_has_it_run_again(shop: Shop, when: Any) -> None:
    def raises() -> None:
        raise Retry(when=when)

    asked = {3: "3000ms", None: "180000ms", -5: "1000ms"}.get(when, "2030-01-01T00:00:00+00:00")
    assert header(shop.run(declared(raises)), "timer-reschedule") == asked


@pytest.mark.parametrize("when", ["soon", float("nan")])
def test_a_retry_at_no_time_at_all_fails_the_task(shop: Shop, when: Any) -> None:
    def raises() -> None:
        raise Retry(when=when)

    assert shop.run(declared(raises)).status == 489


@pytest.mark.parametrize("mark", ["text", [1], {"expires": "soon"}, {"expires": 5}])
def test_a_mark_that_is_none_fails_the_task_and_does_not_run_it(shop: Shop, mark: Any) -> None:
    answer = shop.run(declared(_seven), _celery=mark)
    assert answer.status == 489
