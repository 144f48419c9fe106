"""What a timer and its attempts are as the result of a task."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import override_settings

from tests.django import project
from tests.django.shop.tasks import add
from timer_service.client import Attempt, Timer
from timer_service.tasks import ResultTooLarge, ResultUnreadable
from timer_service.tasks.django import AttemptFailed, TaskCancelled, payload, results

Status = project.tasks.TaskResultStatus
WHEN = "2026-11-27T09:00:00.000Z"


def timer(status: str, attempts: int = 0, **more: Any) -> Timer:
    plain: dict[str, Any] = {
        "id": "0UjUGzXbEciYP34tRou4st",
        "status": status,
        "attempts": attempts,
        "url": project.URL,
        "method": "POST",
        "headers": {},
        "max_attempts": 8,
        "backoff": [5],
        "delivery": "at_least_once",
        "metadata": {},
        "due_at": WHEN,
        "created_at": WHEN,
        "time_left": 0,
        "timeout": 15,
    }
    return Timer.from_json({**plain, **more})


def attempt(number: int = 1, outcome: str | None = "delivered", **more: Any) -> Attempt:
    return Attempt.from_json(
        {"number": number, "outcome": outcome, "started_at": f"2026-11-27T09:00:0{number}.000Z", "poller": "p", **more}
    )


def of(it: Timer, *attempts: Attempt) -> Any:
    asked = payload.of(project.payload("add", 2, other=3))
    return results.of_timer(it, attempts, add, asked)


def error(kind: str = "builtins.ValueError", **more: Any) -> str:
    return json.dumps({"class": kind, "message": "no", "traceback": "Traceback ...\nValueError: no\n", **more})


def test_one_that_waits_is_ready() -> None:
    found = of(timer("scheduled"))
    assert (found.status, found.attempts, found.started_at, found.errors) == (Status.READY, 0, None, [])
    assert (found.args, found.kwargs) == ([2], {"other": 3})
    with pytest.raises(ValueError, match="not finished"):
        _ = found.return_value


def test_one_that_is_called_is_running() -> None:
    found = of(timer("delivering", 2), attempt(1, "retryable", status_code=500, response_body=error()))
    assert (found.status, found.attempts, found.worker_ids) == (Status.RUNNING, 2, ["p", "?"])


def test_one_that_was_delivered_has_its_value() -> None:
    found = of(timer("delivered", 1, ended_at=WHEN), attempt(response_body="5"))
    assert (found.status, found.return_value, found.worker_ids) == (Status.SUCCESSFUL, 5, ["p"])
    assert found.finished_at == datetime(2026, 11, 27, 9, tzinfo=UTC)


def test_of_attempts_that_are_forgotten_the_number_is_known() -> None:
    found = of(timer("delivered", 5), attempt(4, "retryable"), attempt(5, response_body="5"))
    assert (found.attempts, found.worker_ids) == (5, ["?", "?", "?", "p", "p"])


def test_one_that_raised_is_failed_with_class_and_traceback() -> None:
    last = attempt(1, "permanent", status_code=489, response_body=error())
    found = of(timer("failed", 1, reason="permanent"), last)
    assert found.status == Status.FAILED
    (only,) = found.errors
    assert (only.exception_class, only.traceback) == (ValueError, "Traceback ...\nValueError: no\n")
    with pytest.raises(ValueError, match="Task failed"):
        _ = found.return_value


def test_each_attempt_that_failed_has_its_error() -> None:
    found = of(
        timer("scheduled", 3),
        attempt(1, "retryable", status_code=500, response_body=error()),
        attempt(2, "retryable", error="timeout", detail="no answer within 15 s"),
        attempt(3, "retryable", status_code=502, response_body="<h1>Bad Gateway</h1>"),
        attempt(4, "retryable", status_code=503, response_body=json.dumps({"class": "", "message": "not here"})),
        attempt(5, None, error="lease-lost"),
    )
    assert [it.exception_class for it in found.errors] == [ValueError, *[AttemptFailed] * 4]
    assert [it.traceback for it in found.errors[1:]] == [
        "Attempt 2: no answer within 15 s\n",
        "Attempt 3: the answer was 502: <h1>Bad Gateway</h1>\n",
        "Attempt 4: the answer was 503: not here\n",
        "Attempt 5: lease-lost\n",
    ]


@pytest.mark.parametrize("reason", ["expired", "blocked", "lease-lost", "outcome-unknown", "unsendable"])
def test_an_end_that_no_attempt_tells_is_an_error_too(reason: str) -> None:
    found = of(timer("failed", reason=reason))
    assert (found.errors[-1].exception_class, found.errors[-1].traceback) == (AttemptFailed, f"It ended: {reason}\n")


def test_one_that_was_cancelled_is_failed() -> None:
    found = of(timer("cancelled"))
    assert (found.status, found.errors[-1].exception_class) == (Status.FAILED, TaskCancelled)


def test_a_value_that_is_not_kept_says_so_and_the_task_has_ended_well() -> None:
    found = of(timer("delivered", 1), attempt(response_body="result too large: 9002 bytes, of which"))
    assert found.status == Status.SUCCESSFUL
    with pytest.raises(ResultTooLarge, match="9,002 bytes"):
        _ = found.return_value


@pytest.mark.parametrize("text", [None, "", "<html>"])
def test_what_something_else_has_answered_is_no_value(text: str | None) -> None:
    found = of(timer("delivered", 1), attempt(response_body=text))
    with pytest.raises(ResultUnreadable):
        _ = found.return_value


@pytest.mark.parametrize(
    ("kind", "raises"), [("no.such.Error", ImportError), ("antigravity.Error", ImportError), ("os.system", ValueError)]
)
def test_the_class_of_an_error_is_never_imported(kind: str, raises: type[Exception]) -> None:
    """Red with Django's own TaskError, which imports the module that it names."""
    found = of(timer("failed", 1), attempt(1, "permanent", response_body=error(kind)))
    with pytest.raises(raises):
        _ = found.errors[0].exception_class


@pytest.mark.parametrize("traceback", [None, 5, "", []])
def test_an_answer_with_an_odd_traceback_is_told_all_the_same(traceback: Any) -> None:
    found = of(timer("failed", 1), attempt(1, "permanent", response_body=error(traceback=traceback)))
    assert found.errors[0].traceback == "builtins.ValueError: no\n"


def test_moments_are_naive_local_ones_where_use_tz_is_off() -> None:
    with override_settings(USE_TZ=False):
        found = of(timer("delivered", 1, ended_at=WHEN), attempt(response_body="5"))
        assert found.finished_at == found.enqueued_at == datetime(2026, 11, 27, 10)
        assert found.started_at == datetime(2026, 11, 27, 10, 0, 1)


def test_a_result_can_be_pickled_where_django_can_pickle_a_task() -> None:
    if not hasattr(project.tasks.Task if hasattr(project.tasks, "Task") else object, "_reconstruct"):
        pytest.skip("Django 6.1 is the first")
    found = of(timer("delivered", 1), attempt(response_body="5"))
    assert pickle.loads(pickle.dumps(found)) == found
