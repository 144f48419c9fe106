"""When, how often and how soon before others: options of a call as fields of a timer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.tasks.sent import capture
from timer_service.tasks import Again, Retry, Tasks
from timer_service.tasks.options import call_fields, task_fields

NOW = datetime(2026, 11, 27, 7, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SECOND = timedelta(seconds=1)


def fields(own: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    return call_fields(options, own or {}, NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"delay": 0}),
        ({"countdown": 60}, {"delay": 60}),
        ({"countdown": timedelta(minutes=1)}, {"delay": 60.0}),
        ({"eta": LATER}, {"due_at": LATER}),
        ({"eta": LATER.astimezone(timezone(timedelta(hours=2)))}, {"due_at": LATER}),
        ({"retries": 5}, {"delay": 0, "max_attempts": 6}),
        ({"retries": 0}, {"delay": 0, "max_attempts": 1}),
        ({"priority": 30}, {"delay": 0, "priority": 30}),
        ({"key": "invoice:17"}, {"delay": 0, "key": "invoice:17"}),
        ({"tags": ["a", "b"]}, {"delay": 0, "tags": ["a", "b"]}),
        ({"tags": iter(["a", "b"])}, {"delay": 0, "tags": ["a", "b"]}),
        ({"countdown": 60, "expires": 90}, {"delay": 60, "max_lateness": 30}),
        ({"countdown": 60, "expires": NOW + 61 * SECOND}, {"delay": 60, "expires_at": NOW + 61 * SECOND}),
        ({"eta": LATER, "expires": 3601}, {"due_at": LATER, "expires_at": LATER + SECOND}),
        ({"eta": LATER, "expires": LATER + SECOND}, {"due_at": LATER, "expires_at": LATER + SECOND}),
        ({"expires": 10, "idempotency_key": "k"}, {"delay": 0, "max_lateness": 10, "idempotency_key": "k"}),
        ({"countdown": None, "eta": None, "expires": None, "key": None, "retries": None}, {"delay": 0}),
    ],
)
def test_options_of_a_call_are_fields_of_a_timer(options: dict[str, Any], expected: dict[str, Any]) -> None:
    assert fields(**options) == expected


@pytest.mark.parametrize(
    ("options", "kind", "why"),
    [
        ({"countdown": -1}, ValueError, "countdown: -1 is not from 0 to"),
        ({"countdown": float("nan")}, ValueError, "countdown: it is not|countdown: nan"),
        ({"countdown": float("inf")}, ValueError, "countdown: "),
        ({"countdown": 1e18}, ValueError, "countdown: 1e\\+18 is not"),
        ({"countdown": 10**5000}, ValueError, "countdown: "),
        ({"countdown": "60"}, TypeError, "countdown: '60' is neither seconds nor a timedelta"),
        ({"countdown": True}, TypeError, "countdown: True"),
        ({"countdown": timedelta.max}, ValueError, "countdown: "),
        ({"countdown": 1, "eta": LATER}, TypeError, "countdown: give either countdown or eta"),
        ({"eta": datetime(2026, 1, 1)}, ValueError, "eta: .* has no time zone"),
        ({"eta": 1764226800}, TypeError, "eta: 1764226800 is no datetime"),
        ({"eta": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))}, ValueError, "eta: .* years 1 to 9999"),
        ({"eta": LATER, "expires": LATER}, ValueError, "expires: it is not after"),
        ({"eta": LATER, "expires": 3600}, ValueError, "expires: it is not after `eta`"),
        ({"eta": LATER, "expires": datetime(2027, 1, 1)}, ValueError, "expires: .* has no time zone"),
        ({"countdown": 60, "expires": 60}, ValueError, "expires: it is not 1 s or more after `countdown`"),
        ({"countdown": 60, "expires": NOW}, ValueError, "expires: it is not after"),
        ({"countdown": 2e11, "expires": NOW}, ValueError, "expires: it is not after"),
        ({"expires": 0}, ValueError, "expires: "),
        ({"eta": LATER, "expires": 7200, "idempotency_key": "k"}, ValueError, "expires: with eta and idempotency_key"),
        ({"priority": 3601}, ValueError, "priority: it is not from 0 to 3,600"),
        ({"priority": 1.5}, TypeError, "priority: 1.5 is no integer"),
        ({"retries": -1}, ValueError, "retries: it is not from 0 to 99"),
        ({"retries": 10**5000}, ValueError, "retries: it is not from 0 to 99"),
        ({"retries": True}, TypeError, "retries: True is no integer"),
        ({"tags": "urgent"}, TypeError, "tags: a list of texts is needed"),
        ({"tags": [1]}, TypeError, "tags: a list of texts is needed"),
        ({"tags": 1}, TypeError, "tags: a list of texts is needed"),
        ({"queue": "fast"}, TypeError, "queue: a call has no such option"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(options: dict[str, Any], kind: type[Exception], why: str) -> None:
    with pytest.raises(kind, match=f"^{why}"):
        fields(**options)


def test_a_call_made_again_under_its_idempotency_key_is_the_same() -> None:
    options: Any = {"countdown": 60, "expires": 90, "idempotency_key": "k"}
    assert call_fields(options, {}, NOW) == call_fields(options, {}, LATER)


def test_a_call_adds_to_the_tags_of_its_task_and_overrides_the_rest() -> None:
    own = task_fields({"max_attempts": 3, "priority": 5, "tags": ["shop"], "backoff": [5, 60], "timeout": 60})
    found = fields(own, retries=5, priority=0, tags=["shop", "now"])
    assert found == {
        "delay": 0,
        "max_attempts": 6,
        "priority": 0,
        "tags": ["shop", "now"],
        "backoff": [5, 60],
        "timeout": 60,
    }


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"max_attempts": 0}, "max_attempts: it is not from 1 to 100"),
        ({"timeout": 0}, "timeout: 0 is not from 0.1 to 300 seconds"),
        ({"timeout": timedelta(hours=1)}, "timeout: 3600 is not"),
        ({"max_occurrences": 10_001}, "max_occurrences: it is not from 1 to 10,000"),
        ({"retries": 5}, "retries: a task has no such option"),
    ],
)
def test_options_of_a_task_are_checked_where_it_is_written(tasks: Tasks, options: Any, why: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{why}"):
        tasks.task(name="f", **options)(lambda: None)


def test_delay_sends_the_options_of_the_task(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = capture(tasks, monkeypatch)
    tasks.task(name="f", max_attempts=5, backoff=[5, 60], timeout=timedelta(seconds=60))(lambda: None).delay()
    (call,) = sent.calls
    assert {name: call[name] for name in ("max_attempts", "backoff", "timeout", "delay")} == {
        "max_attempts": 5,
        "backoff": [5, 60],
        "timeout": 60,
        "delay": 0,
    }


@pytest.mark.parametrize(
    ("make", "kind", "why"),
    [
        (lambda: Again(in_=1e12), ValueError, r"in_: 1e\+12 is not from 1 to"),
        (lambda: Again(in_=0.5), ValueError, "in_: 0.5 is not from 1 to"),
        (
            lambda: Again(in_="60"),  # type: ignore[arg-type]
            TypeError,
            "in_: '60' is neither",
        ),
        (lambda: Again(at=datetime(2027, 1, 1)), ValueError, "at: .* has no time zone"),
        (lambda: Again(), TypeError, "Again: give either in_ or at"),
        (lambda: Again(in_=60, at=LATER), TypeError, "Again: give either in_ or at"),
        (lambda: Retry(60), TypeError, "Retry: 60 is no message; to wait so long is after=60"),  # type: ignore[arg-type]
        (lambda: Retry(timedelta(minutes=1)), TypeError, "Retry: .* is no message"),  # type: ignore[arg-type]
        (lambda: Retry(after=-1), ValueError, "after: -1 is not from 0 to 3,600"),
        (lambda: Retry(after=1e18), ValueError, r"after: 1e\+18 is not"),
        (lambda: Retry(after=timedelta(hours=2)), ValueError, "after: 7200 is not from 0 to 3,600"),
    ],
)
def test_what_a_task_may_ask_for_is_bounded(make: Any, kind: type[Exception], why: str) -> None:
    with pytest.raises(kind, match=f"^{why}"):
        make()
