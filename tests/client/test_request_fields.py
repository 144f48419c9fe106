"""From Python's types into JSON, and back."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.client.test_retries import CREATED, TIMER, answer, answering
from timer_service.client import Attempt, Stats, Timer, TimerServiceError
from timer_service.client.batches import MOST_BYTES, MOST_TIMERS, bodies, groups
from timer_service.client.request_fields import to_json

#: Each of them is a test of both clients.
pytestmark = pytest.mark.usefixtures("both")

BERLIN = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"delay": timedelta(minutes=10)}, {"delay": 600.0}),
        ({"delay": timedelta(milliseconds=1)}, {"delay": 0.001}),
        ({"delay": 5}, {"delay": 5}),
        ({"delay": "1h30m"}, {"delay": "1h30m"}),
        ({"due_at": datetime(2026, 3, 1, 9, tzinfo=BERLIN)}, {"due_at": "2026-03-01T08:00:00Z"}),
        ({"due_at": datetime(2026, 3, 1, 9, 0, 0, 1, tzinfo=UTC)}, {"due_at": "2026-03-01T09:00:00.000001Z"}),
        ({"due_at": "2026-03-01T09:00:00+01:00"}, {"due_at": "2026-03-01T09:00:00+01:00"}),
        ({"local_due_at": datetime(2027, 3, 28, 2, 30)}, {"local_due_at": "2027-03-28T02:30:00"}),
        ({"local_due_at": "2027-03-28T02:30", "fold": "last"}, {"local_due_at": "2027-03-28T02:30", "fold": "last"}),
        ({"body": None}, {"body": None}),
        ({"body": [1, {"a": "é"}]}, {"body": [1, {"a": "é"}]}),
        ({"body": b"\xff"}, {"body_base64": "/w=="}),
        ({"body": bytearray(b"a")}, {"body_base64": "YQ=="}),
        ({"timeout": timedelta(seconds=2.5)}, {"timeout": 2.5}),
        ({"backoff": [1, timedelta(minutes=1)]}, {"backoff": [1, 60.0]}),
        (
            {"backoff": {"initial": timedelta(seconds=1), "factor": 2, "max": 60}},
            {"backoff": {"initial": 1.0, "factor": 2, "max": 60}},
        ),
        ({"tags": ("a", "b")}, {"tags": ["a", "b"]}),
        ({"headers": None, "metadata": {"a": 1}}, {"headers": None, "metadata": {"a": 1}}),
    ],
)
def test_each_type_a_person_would_use_has_one_form_in_json(given: dict[str, Any], sent: dict[str, Any]) -> None:
    assert to_json(given) == sent


@pytest.mark.parametrize("name", ["due_at", "due_after", "due_before"])
def test_a_datetime_without_a_time_zone_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: .* has no time zone; use datetime.now"):
        to_json({name: datetime(2026, 3, 1)})


def test_what_a_clock_shows_has_no_time_zone_of_its_own() -> None:
    with pytest.raises(ValueError, match=r"^local_due_at: .* has a time zone of its own; use due_at"):
        to_json({"local_due_at": datetime(2026, 3, 1, tzinfo=UTC), "time_zone": "UTC"})


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, "\udcff", {"a": datetime(2026, 3, 1, tzinfo=UTC)}])
def test_what_json_cannot_say_is_refused_before_anything_is_sent(value: Any) -> None:
    with answering() as (client, service), pytest.raises((ValueError, TypeError)):
        client.create("http://receiver/", delay=1, body=value)
    assert not service.requests


def test_an_answer_is_frozen_data_with_moments_in_utc() -> None:
    with answering(CREATED) as (client, service):
        timer = client.create("http://receiver/", delay=timedelta(minutes=1), key="k", tags=["a"])
    sent = json.loads(service.requests[0].partition(b"\r\n\r\n")[2])
    assert sent == {"url": "http://receiver/", "delay": 60.0, "key": "k", "tags": ["a"]}
    assert timer.due_at == datetime(2026, 1, 1, 0, 1, 0, 500_000, UTC)
    assert (timer.time_left, timer.timeout) == (timedelta(minutes=1), timedelta(seconds=15))
    assert (timer.body, timer.key, timer.tags, timer.ended) == (None, None, (), False)
    assert timer.raw["a_field_of_tomorrow"] == 1
    with pytest.raises(FrozenInstanceError):
        timer.id = "another"  # type: ignore[misc]


def test_bytes_that_were_given_come_back_as_bytes() -> None:
    assert Timer.from_json({**TIMER, "body_base64": "/w=="}).body == b"\xff"
    assert Timer.from_json({**TIMER, "body": {"a": 1}, "body_base64": None}).body == {"a": 1}


def test_what_an_attempt_does_not_know_is_none() -> None:
    attempt = Attempt.from_json({"number": 1, "outcome": "retryable", "lateness_ms": 3})
    assert (attempt.lateness, attempt.duration, attempt.started_at) == (timedelta(milliseconds=3), None, None)


def test_stats_without_any_attempt_have_no_lateness() -> None:
    counts = dict.fromkeys(("scheduled", "overdue", "delivering", "delivered", "failed", "cancelled"), 0)
    stats = Stats.from_json({**counts, "oldest_overdue_ms": 1500, "lateness_ms": {"p50": None, "p99": None}})
    assert (stats.oldest_overdue, stats.lateness_p50) == (timedelta(seconds=1.5), None)


def test_a_batch_is_cut_at_a_thousand_timers_and_at_eight_mebibytes() -> None:
    small = list(bodies(b"1" for _ in range(2 * MOST_TIMERS + 1)))
    assert [len(json.loads(body)["timers"]) for body in small] == [MOST_TIMERS, MOST_TIMERS, 1]
    third = b'"%s"' % (b"a" * (MOST_BYTES // 3))
    large = list(bodies([third] * 5))
    assert [len(json.loads(body)["timers"]) for body in large] == [2, 2, 1]
    assert all(len(body) <= 8 * 2**20 for body in large)
    assert list(bodies([])) == []
    assert [len(group) for group in groups(range(2001))] == [1000, 1000, 1]


def test_one_timer_too_large_for_any_call_goes_alone() -> None:
    assert len(list(bodies([b"1", b"2" * 9 * 2**20, b"3"]))) == 3


def test_the_calls_of_one_batch_have_keys_of_their_own_that_a_repetition_has_again() -> None:
    many = [{"url": "http://receiver/", "delay": 1} for _ in range(MOST_TIMERS + 1)]
    keys = []
    for _ in range(2):
        with answering(*[answer(200, {"results": []})] * 2) as (client, service):
            client.create_many(many, idempotency_key="mine")  # type: ignore[arg-type]
        lines = [line for request in service.requests for line in request.split(b"\r\n")]
        keys.append([line for line in lines if line.startswith(b"Idempotency-Key")])
    assert keys[0] == keys[1] == [b"Idempotency-Key: mine.0", b"Idempotency-Key: mine.1"]


def test_an_item_that_was_refused_is_its_error_in_its_place() -> None:
    refused = {"status": 422, "problem": {"detail": "D", "errors": [{"pointer": "/url", "detail": "No."}]}}
    results = answer(200, {"results": [{"status": 201, "timer": TIMER}, refused]})
    with answering(results) as (client, _):
        made, error = client.create_many([{"url": "http://receiver/", "delay": 1}, {"url": "x"}])
    assert isinstance(made, Timer)
    assert isinstance(error, TimerServiceError)
    assert str(error) == "/url: No."


def test_a_list_goes_on_after_an_empty_page_until_there_is_no_cursor() -> None:
    pages = [([TIMER], "a"), ([], "b"), ([TIMER, TIMER], None)]
    answers = [answer(200, {"data": data, "next_cursor": cursor}) for data, cursor in pages]
    with answering(*answers) as (client, service):
        timers = client.list(tag="t", page_size=2, due_before=datetime(2026, 3, 1, tzinfo=UTC))
        assert service.requests == []
        assert len(list(timers)) == 3
    targets = [request.split()[1].decode() for request in service.requests]
    same = "limit=2&tag=t&due_before=2026-03-01T00%3A00%3A00Z"
    assert targets == [
        f"/timers?{same}",
        f"/timers?limit=2&cursor=a&{same[8:]}",
        f"/timers?limit=2&cursor=b&{same[8:]}",
    ]


def test_a_bulk_call_goes_where_its_cursors_lead_and_adds_up() -> None:
    counts = {"matched": 1000, "replayed": 999, "skipped": 1}
    answers = [answer(200, {**counts, "next_cursor": "a"}), answer(200, {**counts, "next_cursor": None})]
    with answering(*answers) as (client, service):
        changed = client.replay_many(tag="t")
    assert (changed.matched, changed.changed, changed.skipped) == (2000, 1998, 2)
    sent = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in service.requests]
    assert sent == [{"tag": "t"}, {"tag": "t", "cursor": "a"}]


def test_ids_are_given_a_thousand_a_call_and_none_at_all_is_no_call() -> None:
    counts = {"matched": 1, "cancelled": 1, "skipped": 0, "next_cursor": None}
    with answering(*[answer(200, counts)] * 2) as (client, service):
        assert client.cancel_many(str(number) for number in range(MOST_TIMERS + 1)).matched == 2
        assert client.cancel_many([]).matched == 0
        with pytest.raises(ValueError, match="not both"):
            client.cancel_many(["a"], tag="t")
    assert len(service.requests) == 2
