"""AsyncResult: how the status of a timer is told in Celery's words, and what is raised where a result is asked for."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from tests.tasks.celery_shop import TIMER_ID, Shop, declared, opened, told
from timer_service.tasks import ResultTooLarge, TaskFailed, TaskNotFound
from timer_service.tasks.celery import AsyncResult, NotOffered, TaskRevokedError, not_offered, states

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with opened() as it:
        yield it


class WantsTwo(Exception):
    """That no message alone can make anew."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one, two)


class IsAnother(Exception):
    """That makes something else than an exception of itself."""

    def __new__(cls, *_: Any) -> Any:
        return 7


def __getattr__(name: str) -> Any:
    """As of a module that imports its names on first use."""
    if name == "Lazy":
        return ValueError
    raise AttributeError(name)


def timer(status: str, **others: Any) -> Any:
    last = SimpleNamespace(outcome="delivered", asked_reschedule=others.pop("asked", None))
    return SimpleNamespace(
        **{"status": status, "occurrence": 1, "attempts": 0, "reason": None, "last_attempt": last, **others}
    )


def failure(path: str | None, message: str = "why") -> TaskFailed:
    return TaskFailed("a" * 22, "permanent", None if path is None else (path, message), "detail")


@pytest.mark.parametrize(
    ("it", "state"),
    [
        (timer("scheduled"), "PENDING"),
        (timer("scheduled", last_attempt=None), "PENDING"),
        (timer("scheduled", attempts=1), "RETRY"),
        (timer("scheduled", occurrence=2), "RETRY"),
        (timer("delivering"), "STARTED"),
        (timer("delivered", reason="delivered"), "SUCCESS"),
        (timer("delivered", reason="delivered", asked="60s"), "REVOKED"),
        (timer("cancelled", reason="cancelled"), "REVOKED"),
        (timer("failed", reason="expired"), "REVOKED"),
        (timer("failed", reason="permanent"), "FAILURE"),
        (timer("failed", reason="attempts-exhausted", last_attempt=None), "FAILURE"),
    ],
)
def test_each_status_has_a_state_of_celery(it: Any, state: str) -> None:
    assert states.state_of(it, failure("builtins.ValueError") if it.status == "failed" else None) == state
    assert (state in states.READY_STATES) == (it.status in ("delivered", "failed", "cancelled"))


def test_a_task_that_expired_before_its_retry_is_revoked() -> None:
    path = f"{TaskRevokedError.__module__}.{TaskRevokedError.__qualname__}"
    assert states.state_of(timer("failed", reason="permanent"), failure(path)) == "REVOKED"


def test_an_exception_whose_class_is_loaded_here_is_made_anew_with_its_message() -> None:
    found = states.exception_of(failure("builtins.ValueError", "no such order"))
    assert (type(found), str(found)) == (ValueError, "no such order")
    assert isinstance(found.__cause__, TaskFailed)


@pytest.mark.parametrize(
    "path",
    [
        None,
        "no_such_module.Error",
        "builtins.no_such_name",
        "builtins.print",
        "builtins.SystemExit",
        "builtins",
        "",
        f"{__name__}.WantsTwo",
        f"{__name__}.IsAnother",
        f"{__name__}.Lazy",
    ],
)
def test_what_cannot_be_made_anew_is_told_as_a_failure_and_nothing_is_imported_or_ended(path: str | None) -> None:
    it = failure(path)
    assert states.exception_of(it) is it


def test_waiting_for_a_result_within_a_task_is_refused_as_it_is_with_celery(shop: Shop) -> None:
    def waits() -> Any:
        return AsyncResult("0" * 22).get()

    answer = shop.run(declared(waits))
    assert (answer.status, told(answer)["class"]) == (489, "builtins.RuntimeError")
    assert "Never call result.get() within a task" in told(answer)["message"]


def test_a_result_says_what_it_cannot_do() -> None:
    result = AsyncResult("0" * 22)
    with pytest.raises(NotOffered, match="nothing can end a function"):
        result.revoke(terminate=True)
    for name in ("then", "forget", "children", "collect"):
        with pytest.raises(NotOffered, match=not_offered.ATTRIBUTES[name][:30]):
            getattr(result, name)


@pytest.mark.parametrize("id", [None, "", 17])
def test_what_is_no_id_is_refused(id: Any) -> None:
    with pytest.raises(ValueError, match="is no id of a task"):
        AsyncResult(id)


def test_a_result_can_be_pickled_by_its_id() -> None:
    result = AsyncResult("order-17")
    assert pickle.loads(pickle.dumps(result)) == result


# Against a service that knows what the test says.


def ended(status: str, body: str | None, **others: Any) -> Any:
    last = SimpleNamespace(asked_reschedule=None, response_body=body, status_code=200, detail=None, error=None)
    usual = {"id": TIMER_ID, "tags": (), "ended": True, "ended_at": AT, "last_attempt": last}
    return timer(status, **{**usual, **others})


def test_a_state_may_be_asked_for_twice_and_be_another(shop: Shop) -> None:
    """By type checkers too, mypy here: they take what was compared once to stay so, where a type names the states."""
    shop.timers[TIMER_ID] = timer("scheduled", ended=False)
    result = AsyncResult(TIMER_ID)
    assert result.state == "PENDING"
    shop.timers[TIMER_ID] = ended("delivered", "5", reason="delivered")
    assert result.state == "SUCCESS"


def test_a_task_that_has_ended_is_asked_for_once(shop: Shop) -> None:
    shop.timers[TIMER_ID] = ended("delivered", "[1, 2]", reason="delivered", occurrence=3)
    result = AsyncResult(TIMER_ID)
    assert (result.result, result.info, result.state) == ([1, 2], [1, 2], "SUCCESS")
    assert (result.retries, result.date_done) == (2, AT)
    assert (result.ready(), result.successful(), result.failed(), shop.looks) == (True, True, False, 1)
    assert result.get(timeout=5) == result.wait() == [1, 2]


def test_a_failure_is_raised_or_given_as_the_caller_likes(shop: Shop) -> None:
    body = '{"class": "builtins.ValueError", "message": "no such order"}'
    shop.timers[TIMER_ID] = ended("failed", body, reason="permanent")
    result = AsyncResult(TIMER_ID, app=shop)
    with pytest.raises(ValueError, match="no such order"):
        result.get(timeout=5)
    assert isinstance(result.get(timeout=5, propagate=False), ValueError)
    assert isinstance(result.result, ValueError)
    assert (result.failed(), result.traceback) == (True, None)


def test_a_result_that_was_not_kept_says_so_and_the_task_has_succeeded_all_the_same(shop: Shop) -> None:
    shop.timers[TIMER_ID] = ended("delivered", "result too large: 5000 bytes, of which", reason="delivered")
    result = AsyncResult(TIMER_ID)
    assert result.successful()
    with pytest.raises(ResultTooLarge, match="5,000 bytes"):
        result.get(timeout=5)


def test_a_task_is_found_by_the_id_that_its_caller_has_chosen_and_by_none_that_nobody_has(shop: Shop) -> None:
    shop.timers[TIMER_ID] = ended("cancelled", None, reason="cancelled", tags=("task-id:order-17",))
    result = AsyncResult("order-17")
    with pytest.raises(TaskRevokedError, match="order-17"):
        result.get(timeout=5)
    result.revoke()
    for unknown in (AsyncResult("order-18"), AsyncResult("b" * 22)):
        assert (unknown.state, unknown.result, unknown.retries, unknown.date_done) == ("PENDING", None, 0, None)
        with pytest.raises(TaskNotFound):
            unknown.get(timeout=5)
    AsyncResult("order-18").revoke()


def test_a_task_that_waits_has_no_result_and_times_out(shop: Shop) -> None:
    shop.timers[TIMER_ID] = timer("scheduled", id=TIMER_ID, tags=(), ended=False, ended_at=None)
    result = AsyncResult(TIMER_ID)
    assert (result.ready(), result.result, result.date_done) == (False, None, None)
    with pytest.raises(TimeoutError):
        result.get(timeout=0)
