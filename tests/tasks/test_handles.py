"""What a handle tells of its task: result, failure, or why there is neither."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.tasks.sent import timer
from timer_service.client import Conflict, NotFound, Unavailable
from timer_service.client.answers import Timer
from timer_service.tasks import (
    Handle,
    ResultTimeout,
    ResultTooLarge,
    ResultUnreadable,
    TaskCancelled,
    TaskError,
    TaskFailed,
    TaskNotFound,
    Tasks,
)

ID = "A" * 22


class Answers:
    """A client whose answers are given; the last again and again. Exceptions are raised."""

    def __init__(self, *given: Timer | Exception) -> None:
        self.given: Iterator[Any] = iter([*given[:-1], *[given[-1]] * 1000])
        self.asked: list[Any] = []

    def get(self, id: str) -> Any:
        return self._next(id)

    def cancel(self, id: str) -> Any:
        return self._next(id)

    def reschedule(self, id: str, **when: Any) -> Any:
        return self._next({id: when})

    def _next(self, asked: Any) -> Any:
        self.asked.append(asked)
        found = next(self.given)
        if isinstance(found, Exception):
            raise found
        return found


def handle(tasks: Tasks, monkeypatch: pytest.MonkeyPatch, *given: Timer | Exception) -> Handle:
    client = Answers(*given)
    monkeypatch.setattr(Tasks, "client", property(lambda _: client))
    return tasks.handle(ID)


def ended(status: str, text: str | None = None, reason: str | None = None, **attempt: Any) -> Timer:
    last = {"outcome": "delivered", "status_code": 200, "response_body": text, **attempt}
    return timer(status=status, reason=reason or status, ended_at="2026-11-27T07:00:01.000Z", last=last)


@pytest.mark.parametrize("value", [5, None, "x", [1], {"class": "a", "message": "b"}, 0.1, False])
def test_the_result_is_what_the_task_returned(tasks: Tasks, monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    assert handle(tasks, monkeypatch, ended("delivered", json.dumps(value))).get() == value


def test_it_waits_less_and_less_often_until_the_task_has_ended(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("timer_service.tasks.handle.time.sleep", waits.append)
    assert handle(tasks, monkeypatch, *[timer()] * 16, ended("delivered", "5")).get() == 5
    assert waits == sorted(waits)
    assert (waits[0], waits[-1], len(waits)) == (0.02, 2.0, 16)


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ({"outcome": "retryable", "status_code": 307}, "; attempt 1 failed: the answer was 307"),
        ({"outcome": "retryable", "error": "connect", "detail": "refused"}, "; attempt 1 failed: refused"),
        (
            {"outcome": "retryable", "status_code": 401, "response_body": '{"class":"","message":"no signature"}'},
            "; attempt 1 failed: no signature",
        ),
        ({"outcome": "delivered", "status_code": 200}, ""),
    ],
)
def test_what_went_wrong_so_far_is_told_by_a_timeout(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch, last: dict[str, Any], told: str
) -> None:
    with pytest.raises(TimeoutError) as raised:
        handle(tasks, monkeypatch, timer(last=last)).get(0)
    assert str(raised.value) == f"task {ID} is scheduled after 0 s{told}"


@pytest.mark.parametrize(("timeout", "told"), [(0, "0"), (0.05, "0.05"), (timedelta(seconds=0.05), "0.05")])
def test_a_task_that_has_not_ended_in_time_is_a_timeout(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch, timeout: Any, told: str
) -> None:
    it = handle(tasks, monkeypatch, timer(status="delivering"))
    with pytest.raises(TimeoutError, match=f"^task {ID} is delivering after {told} s$") as raised:
        it.get(timeout)
    assert isinstance(raised.value, ResultTimeout)
    assert isinstance(raised.value, TaskError)


@pytest.mark.parametrize(("timeout", "kind"), [(-1, ValueError), ("1", TypeError), (1e18, ValueError)])
def test_a_timeout_that_cannot_be_is_refused_by_name(tasks: Tasks, timeout: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^timeout: "):
        tasks.handle(ID).get(timeout)


@pytest.mark.parametrize("id", ["", ".", "..", "\ud800"])
def test_an_id_that_no_url_can_name_is_one_that_nobody_knows(tasks: Tasks, id: str) -> None:
    it = tasks.handle(id)
    for ask in (it.get, it.status, it.revoke, lambda: it.reschedule(countdown=1)):
        with pytest.raises(TaskNotFound):
            ask()


def test_an_exception_of_the_task_is_told_as_text_and_never_imported(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = json.dumps({"class": "antigravity.Fallen", "message": "no 17 left"})
    it = handle(tasks, monkeypatch, ended("failed", text, "attempts-exhausted", status_code=500, outcome="retryable"))
    with pytest.raises(TaskFailed) as raised:
        it.get()
    assert str(raised.value) == f"task {ID}: antigravity.Fallen: no 17 left (attempts-exhausted)"
    assert (raised.value.exception_class, raised.value.exception_message) == ("antigravity.Fallen", "no 17 left")
    assert (raised.value.reason, raised.value.id) == ("attempts-exhausted", ID)
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    ("failed", "why"),
    [
        (ended("failed", "<html>", "attempts-exhausted", status_code=502), "the answer was 502 (attempts-exhausted)"),
        (ended("failed", '{"class":"","message":"there is no task"}', "x", status_code=503), "there is no task (x)"),
        (ended("failed", None, "x", status_code=None, error="connect", detail="refused"), "refused (x)"),
        (ended("failed", None, "x", status_code=None, error="timeout"), "timeout (x)"),
        (timer(status="failed", reason="expired"), "it was never called (expired)"),
        (ended("failed", "[" * 4000, "x", status_code=500), "the answer was 500 (x)"),
    ],
)
def test_a_task_that_failed_without_an_exception_says_how(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch, failed: Timer, why: str
) -> None:
    with pytest.raises(TaskFailed) as raised:
        handle(tasks, monkeypatch, failed).get()
    assert str(raised.value) == f"task {ID}: {why}"
    assert (raised.value.exception_class, raised.value.exception_message) == (None, None)


def test_a_task_that_was_revoked_has_no_result(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TaskCancelled):
        handle(tasks, monkeypatch, timer(status="cancelled")).get()


def test_a_result_that_is_not_kept_says_how_large_it_was(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'result too large: 51234 bytes, of which these are the first: ["a'
    with pytest.raises(ResultTooLarge, match="its result takes 51,234 bytes, and 4,096") as raised:
        handle(tasks, monkeypatch, ended("delivered", text)).get()
    assert raised.value.size == 51234


@pytest.mark.parametrize("text", ["<html>", "", None, "result too large", "[" * 4000])
def test_an_answer_that_is_of_no_task_is_no_result(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    with pytest.raises(ResultUnreadable, match="what answered is no task of this library"):
        handle(tasks, monkeypatch, ended("delivered", text)).get()


def test_an_id_that_is_unknown_or_forgotten_is_told(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    it = handle(tasks, monkeypatch, NotFound("no such timer"))
    for call in (it.get, it.status, it.revoke, it.timer, lambda: it.reschedule(countdown=1)):
        with pytest.raises(LookupError, match=f"there is no task '{ID}', or no longer") as raised:
            call()
        assert isinstance(raised.value, TaskNotFound)


def test_a_service_that_does_not_answer_is_told(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable):
        handle(tasks, monkeypatch, Unavailable("no answer")).get(timeout=1)


def test_revoke_tells_whether_it_came_in_time(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    assert handle(tasks, monkeypatch, timer()).revoke() is True
    assert handle(tasks, monkeypatch, Conflict("delivering")).revoke() is False


def test_reschedule_moves_it(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    it = handle(tasks, monkeypatch, timer())
    it.reschedule(countdown=60)
    assert tasks.client.asked == [{ID: {"delay": 60}}]  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="give either countdown or eta"):
        it.reschedule()


def test_a_handle_is_its_id(tasks: Tasks) -> None:
    assert tasks.handle(ID) == tasks.handle(ID)
    assert repr(tasks.handle("a")) == "Handle(id='a')"
    assert len({tasks.handle(ID), tasks.handle(ID)}) == 1
