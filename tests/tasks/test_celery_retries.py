"""retry() of a shared task: whether it is run again, and when."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from tests.tasks.celery_shop import TIMER_ID, Shop, again, declared, fails, handles, header, opened, told, waits
from timer_service.tasks.celery import MaxRetriesExceededError, NotOffered, Retry

DAY = 86_400


@pytest.fixture
def shop() -> Iterator[Shop]:
    with opened() as it:
        yield it


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, 180),
        ({"countdown": 60}, 60),
        ({"countdown": 0}, 1),
        ({"countdown": -60}, 1),
        ({"countdown": 30 * DAY}, 30 * DAY),
        ({"countdown": 2.5}, 2.5),
    ],
)
def test_retry_waits_exactly_as_long_as_it_says_but_a_second_at_least(
    shop: Shop, options: dict[str, Any], seconds: float
) -> None:
    answer = shop.run(declared(again, bind=True), **options)
    assert (answer.status, waits(answer)) == (200, seconds)


@pytest.mark.parametrize("eta", ["2030-01-01T00:00:00", "2030-01-01T00:00:00+00:00", "2030-01-01T02:00:00+02:00"])
def test_retry_at_a_moment_is_then_and_one_without_a_time_zone_is_of_utc(shop: Shop, eta: str) -> None:
    answer = shop.run(declared(again, bind=True), eta=eta)
    assert datetime.fromisoformat(header(answer, "timer-reschedule") or "") == datetime(2030, 1, 1, tzinfo=UTC)


def test_retry_at_a_naive_datetime_of_the_past_is_run_again_and_not_lost(shop: Shop) -> None:
    def late(self: Any) -> None:
        self.retry(eta=datetime(2020, 1, 1))

    assert header(shop.run(declared(late, bind=True)), "timer-reschedule") == "2020-01-01T00:00:00+00:00"


def test_the_task_sees_how_often_it_was_retried_and_its_arguments_and_its_id(shop: Shop) -> None:
    seen: list[Any] = []

    def looks(self: Any, *args: int, **kwargs: int) -> None:
        request = self.request
        seen.extend((request.retries, request.args, request.kwargs, request.id, request.called_directly))

    task = declared(looks, bind=True)
    shop.run(task, 1, occurrence=3, two=2)
    assert seen == [2, [1], {"two": 2}, TIMER_ID, False]
    shop.run(task, _celery={"id": "order-17"})
    assert seen[5:9] == [0, [], {}, "order-17"]


def test_a_request_has_the_other_fields_of_celery_and_says_what_it_has_not(shop: Shop) -> None:
    request = declared(again, bind=True).request
    assert (request.called_directly, request.id, request.root_id, request.parent_id) == (True, None, None, None)
    assert (request.get("retries"), request.get("chord", "none"), request.timelimit) == (0, "none", (None, None))
    assert request.delivery_info == {"redelivered": False, "is_eager": False}
    assert request.hostname
    with pytest.raises(NotOffered, match="request has no attribute 'chord'"):
        _ = request.chord


@pytest.mark.parametrize("task_limit", [0, 3])
def test_beyond_max_retries_the_exception_that_was_given_is_what_failed(shop: Shop, task_limit: int) -> None:
    task = declared(handles, bind=True, max_retries=task_limit)
    if task_limit:
        assert shop.run(task, occurrence=task_limit).status == 200
    answer = shop.run(task, occurrence=task_limit + 1)
    assert answer.status == 489
    assert told(answer) == {"class": "builtins.ConnectionError", "message": "the mail server is away"}


def test_beyond_max_retries_without_an_exception_it_is_the_one_of_celery(shop: Shop) -> None:
    answer = shop.run(declared(again, bind=True), occurrence=4)
    assert answer.status == 489
    assert told(answer)["class"] == f"{MaxRetriesExceededError.__module__}.MaxRetriesExceededError"
    assert told(answer)["message"] == f"Can't retry shop.again[{TIMER_ID}]"


def test_max_retries_of_one_retry_goes_before_that_of_the_task_in_both_directions(shop: Shop) -> None:
    task = declared(again, bind=True, max_retries=3)
    assert shop.run(task, occurrence=5, max_retries=10).status == 200
    assert shop.run(task, occurrence=2, max_retries=1).status == 489
    assert shop.run(task, occurrence=2, max_retries=None).status == 200


def test_a_task_without_an_end_of_retries_has_9999(shop: Shop) -> None:
    task = declared(again, bind=True, max_retries=None)
    assert shop.run(task, occurrence=9_999).status == 200
    assert shop.run(task, occurrence=10_000).status == 489


def test_retry_without_throw_lets_the_task_go_on_and_has_it_run_again_then(shop: Shop) -> None:
    went_on: list[Retry] = []

    def polite(self: Any) -> int:
        went_on.append(self.retry(countdown=5, throw=False))
        return 7

    answer = shop.run(declared(polite, bind=True))
    assert (waits(answer), len(went_on)) == (5, 1)


def test_retry_with_the_arguments_it_has_is_a_retry_and_with_others_says_what_to_do(shop: Shop) -> None:
    def changes(self: Any, number: int) -> None:
        self.retry(args=[number + 1])

    def keeps(self: Any, number: int) -> None:
        self.retry(args=(number,), kwargs={})

    assert shop.run(declared(keeps, bind=True), 1).status == 200
    answer = shop.run(declared(changes, bind=True), 1)
    assert (answer.status, "call apply_async() with them, and return" in told(answer)["message"]) == (489, True)


def test_an_option_that_a_retry_cannot_have_is_logged_and_the_task_is_not_lost(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    assert shop.run(declared(again, bind=True), queue="slow").status == 200
    assert "without queue" in caplog.text


@pytest.mark.parametrize("options", [{"countdown": "soon"}, {"eta": "soon"}, {"countdown": 10**18}])
def test_a_retry_at_no_time_at_all_fails_the_task_and_says_why(shop: Shop, options: dict[str, Any]) -> None:
    answer = shop.run(declared(again, bind=True), **options)
    assert (answer.status, told(answer)["message"].partition(":")[0]) == (489, next(iter(options)))


def test_a_task_that_has_expired_by_its_retry_is_revoked_and_not_retried(shop: Shop) -> None:
    task = declared(again, bind=True)
    until = datetime.now(UTC) + timedelta(hours=1)
    mark: dict[str, Any] = {"_celery": {"expires": until.isoformat()}}
    assert shop.run(task, countdown=60, **mark).status == 200
    options: list[dict[str, Any]] = [{"countdown": 7200}, {"eta": (until + timedelta(seconds=1)).isoformat()}]
    for late in options:
        answer = shop.run(task, **late, **mark)
        assert (answer.status, told(answer)["class"].rpartition(".")[2]) == (489, "TaskRevokedError")


def test_a_task_that_is_not_bound_can_be_retried_by_its_name(shop: Shop) -> None:
    def unbound() -> None:
        raise made.retry(countdown=7)

    made = declared(unbound)
    assert waits(shop.run(made)) == 7


def test_a_plain_call_raises_what_it_is_given_and_is_not_retried(shop: Shop) -> None:
    with pytest.raises(ConnectionError):
        declared(handles, bind=True)()
    with pytest.raises(Retry, match="Task can be retried"):
        declared(again, bind=True)()
    with pytest.raises(ConnectionError):
        declared(fails, autoretry_for=(OSError,))()


def test_a_task_that_calls_another_as_a_function_retries_itself_and_not_the_other(shop: Shop) -> None:
    def inner(self: Any) -> None:
        assert self.request.called_directly
        raise self.retry(exc=KeyError("inner"))

    def outer(self: Any) -> None:
        try:
            made()
        except KeyError:
            self.retry(countdown=9)

    made = declared(inner, bind=True)
    assert waits(shop.run(declared(outer, bind=True))) == 9


def test_threads_that_run_one_task_at_the_same_time_each_see_their_own_request(shop: Shop) -> None:
    together = Barrier(8, timeout=60)

    def looks(self: Any, number: int) -> list[int]:
        together.wait()
        return [number, self.request.retries, *self.request.args]

    task = declared(looks, bind=True)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: told(shop.run(task, n, occurrence=n + 1)), range(8)))
    assert found == [[n, n, n] for n in range(8)]
