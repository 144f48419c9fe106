"""Answers about schedules become frozen data, or an error of the tree; requests go as the API takes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.client.schedule_answers import SCHEDULE
from tests.client.test_retries import TIMER, answer, answering, heads, problem
from timer_service.client import Pause, PreconditionFailed, Preview, Schedule, TimerServiceError

#: Each of them is a test of both clients.
pytestmark = pytest.mark.usefixtures("both")

FOUND = answer(200, SCHEDULE)


def test_an_answer_is_frozen_data_with_aware_moments() -> None:
    with answering(FOUND) as (client, _):
        found = client.schedule("daily-report")
    assert (found.name, found.status, found.version) == ("daily-report", "active", "1f9")
    assert found.next[0].utc == datetime(2026, 11, 27, 8, tzinfo=UTC)
    assert found.next[0].local.utcoffset() == timedelta(hours=1)
    assert [(run.timer_id, run.status) for run in found.previous] == [("00abc", "failed"), ("00abd", None)]
    assert (found.skipped.gap, found.skipped.total) == (4, 7)
    assert found.timer["url"] == "https://example.com/report"
    assert found.raw["a_field_of_tomorrow"] == 1
    assert len({found, Schedule.from_json(SCHEDULE)}) == 1
    with pytest.raises(FrozenInstanceError):
        found.name = "x"  # type: ignore[misc]


def test_a_pause_says_why_and_until_when() -> None:
    pause = Pause.from_json({"reason": "R", "by": "me", "at": "2026-11-26T12:00:00Z", "until": None})
    assert (pause.reason, pause.by, pause.at, pause.until) == ("R", "me", datetime(2026, 11, 26, 12, tzinfo=UTC), None)


def test_a_preview_has_a_note_where_a_change_of_clocks_moved_a_moment() -> None:
    raw = {"utc": "2027-03-28T01:00:00.000Z", "local": "2027-03-28T03:00:00.000+02:00", "note": "gap"}
    found = Preview.from_json({"description": "D", "moments": [raw]})
    assert [(it.note, it.local.hour) for it in found.moments] == [("gap", 3)]


@pytest.mark.parametrize("wrong", [None, [], {}, "x", 1.5, True, -1e300, [1], [{}]], ids=repr)
def test_a_field_of_another_type_is_an_error_of_the_tree(wrong: Any) -> None:
    names = [name for name in SCHEDULE if name != "a_field_of_tomorrow"]
    answers = [{**SCHEDULE, name: wrong} for name in names]
    answers += [{other: value for other, value in SCHEDULE.items() if other != name} for name in names]
    kinds = {"name": str, "version": str, "next": tuple, "runs": int, "timer": dict, "created_at": datetime}
    with answering(*(answer(200, each) for each in answers)) as (client, _):
        for _ in answers:
            try:
                found = client.schedule("a")
            except TimerServiceError:
                continue
            assert all(isinstance(getattr(found, name), kind) for name, kind in kinds.items())


def test_python_s_types_go_as_the_api_takes_them() -> None:
    with answering(FOUND) as (client, service):
        client.set_schedule(
            "a/b",
            every=timedelta(minutes=15),
            starts_at=datetime(2027, 1, 1, 9, tzinfo=timezone(timedelta(hours=1))),
            spread="5m",
            timer={"url": "http://h/", "body": b"\xff", "timeout": timedelta(seconds=2.5), "tags": ("a",)},
        )
    head, _, body = service.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /schedules/a%2Fb HTTP")
    assert json.loads(body) == {
        "every": 900.0,
        "starts_at": "2027-01-01T08:00:00Z",
        "spread": "5m",
        "timer": {"url": "http://h/", "body_base64": "/w==", "timeout": 2.5, "tags": ["a"]},
    }


def test_a_version_goes_as_if_match_and_another_one_is_an_error_of_its_own() -> None:
    refused = problem(412)
    with answering(refused, refused, refused, FOUND) as (client, service):
        calls: list[Callable[[], object]] = [
            lambda: client.set_schedule("a", if_version="1f9", cron="@daily", timer={"url": "http://h/"}),
            lambda: client.update_schedule("a", if_version="1f9", max_runs=None),
            lambda: client.delete_schedule("a", if_version="1f9"),
        ]
        for call in calls:
            with pytest.raises(PreconditionFailed):
                call()
        client.update_schedule("a", max_runs=None)
    assert [head.get("if-match") for head in heads(service)] == ['"1f9"'] * 3 + [None]
    with answering() as (client, _), pytest.raises(ValueError, match=r"^if_version: "):
        client.delete_schedule("a", if_version='1" , "2')


def test_firing_again_under_the_same_key_is_one_run_and_is_repeated_where_no_answer_came() -> None:
    with answering(problem(503), answer(201, TIMER)) as (client, service):
        client.fire_schedule("a")
    assert len({head["idempotency-key"] for head in heads(service)}) == 1


def test_setting_is_repeated_where_no_answer_came_but_not_against_a_version() -> None:
    timer: Any = {"url": "http://h/"}
    with answering(problem(503), FOUND) as (client, service):
        client.set_schedule("a", cron="@daily", timer=timer)
    assert len(service.requests) == 2
    against: list[dict[str, Any]] = [{"if_version": "1f9"}, {"only_new": True}]
    for condition in against:
        with answering(problem(503)) as (client, service), pytest.raises(TimerServiceError):
            client.set_schedule("a", cron="@daily", timer=timer, **condition)
        assert len(service.requests) == 1


def test_a_list_goes_on_until_there_is_no_cursor() -> None:
    pages = [answer(200, {"data": [SCHEDULE], "next_cursor": "a"}), answer(200, {"data": [], "next_cursor": None})]
    with answering(*pages) as (client, service):
        assert len([*client.schedules(status="active", page_size=1)]) == 1
    assert [request.split()[1] for request in service.requests] == [
        b"/schedules?limit=1&status=active",
        b"/schedules?limit=1&cursor=a&status=active",
    ]
