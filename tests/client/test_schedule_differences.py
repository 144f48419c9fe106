"""What `apply` says that it will change."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client.schedule_answers import ASKED, SCHEDULE
from timer_service.terminal.differences import between, differences


def changed(asked: dict[str, Any] | None = None, **timer: Any) -> list[tuple[str, Any, Any]]:
    return [*map(tuple, differences({**ASKED, **(asked or {}), "timer": {**ASKED["timer"], **timer}}, SCHEDULE))]


def test_what_stands_as_it_is_asked_for_has_no_difference() -> None:
    assert changed() == []


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"cron": "0 8 * * *"}, [("cron", "0 9 * * MON-FRI", "0 8 * * *")]),
        ({"overlap": "allow"}, [("overlap", "skip", "allow")]),
        ({"spread": "5m"}, [("spread", "0s", "5m")]),
        ({"max_runs": 3}, [("max_runs", None, 3)]),
        ({"ends_at": "2027-01-01T00:00:00Z"}, [("ends_at", None, "2027-01-01T00:00:00Z")]),
        ({"no_such_field": 1}, [("no_such_field", None, 1)]),
    ],
)
def test_what_is_asked_for_otherwise_is_named_with_what_it_was(asked: dict[str, Any], found: list[Any]) -> None:
    assert changed(asked) == found


@pytest.mark.parametrize(
    "asked",
    [
        {"catch_up_window": "24h"},
        {"catch_up_window": "PT24H"},
        {"catch_up_window": 86_400},
        {"spread": 0},
        {"starts_at": "2026-11-20T13:00:00+01:00"},
    ],
    ids=str,
)
def test_another_way_to_write_the_same_is_no_difference(asked: dict[str, Any]) -> None:
    assert changed(asked) == []


def test_what_is_left_out_is_compared_with_the_default_of_the_api() -> None:
    asked = {name: value for name, value in ASKED.items() if name not in ("overlap", "time_zone")}
    timer = {name: value for name, value in ASKED["timer"].items() if name != "body"}
    assert [*map(tuple, differences({**asked, "timer": timer}, SCHEDULE))] == [
        ("time_zone", "Europe/Berlin", "UTC"),
        ("overlap", "skip", "allow"),
        ("timer.body", {"kind": "daily", "share": 1.5}, None),
    ]


def test_headers_and_metadata_are_compared_name_by_name() -> None:
    assert changed(headers={"X-Trace": "2", "X-New": ""}) == [
        ("timer.headers.X-Trace", "1", "2"),
        ("timer.headers.X-New", None, ""),
        ("timer.headers.Authorization", "***", None),
    ]


def test_a_secret_that_stands_is_not_known_to_differ_from_another() -> None:
    assert changed(headers={"Authorization": "Bearer b", "X-Trace": "1"}) == []


def test_no_secret_is_told() -> None:
    secrets = {"X-Token": "S", "Cookie": "S", "X-Mine": "S"}
    found = changed(headers={**ASKED["timer"]["headers"], **secrets}, write_only=["x-mine"])
    assert [it[2] for it in found if it[0].startswith("timer.headers.")] == ["***"] * 3
    found = changed(on_failed={"url": "http://h/", "headers": secrets})
    assert found[0][2] == {"url": "http://h/", "headers": {"X-Token": "***", "Cookie": "***", "X-Mine": "S"}}
    stands = {"url": "https://example.com/failed", "headers": {"X-Token": "***"}}
    asked = {"url": "https://example.com/failed", "headers": {"X-Token": "S"}}
    timer = {**SCHEDULE["timer"], "on_failed": stands}
    given = {**ASKED, "timer": {**ASKED["timer"], "on_failed": asked}}
    assert differences(given, {**SCHEDULE, "timer": timer}) == []


def test_what_the_settings_of_the_service_decide_is_compared_only_where_it_is_said() -> None:
    assert changed(timeout=15, max_attempts=8, on_failed="https://example.com/failed") == []
    assert changed(timeout=5) == [("timer.timeout", 15, 5)]
    assert [it[0] for it in changed(on_failed="https://example.com/other")] == ["timer.on_failed"]


def test_a_part_of_a_backoff_is_completed_as_the_service_does() -> None:
    assert changed(backoff={"factor": 3}) == []
    assert [it[0] for it in changed(backoff={"factor": 2})] == ["timer.backoff"]
    assert [it[0] for it in changed(backoff=[5, 15])] == ["timer.backoff"]


@pytest.mark.parametrize("odd", [1, [], {}, "x", True], ids=repr)
def test_what_has_another_type_is_a_difference_and_left_for_the_service_to_refuse(odd: Any) -> None:
    for name in ("cron", "every", "starts_at", "catch_up_window", "max_runs"):
        if (name, odd) == ("max_runs", True):
            continue
        assert name in [it[0] for it in changed({name: odd})], name
    assert changed(headers=odd) or odd == {}


def test_two_answers_are_compared_in_all_that_is_asked_for_and_in_nothing_else() -> None:
    after = {**SCHEDULE, "runs": 9, "version": "2", "next": [], "timer": {**SCHEDULE["timer"], "timeout": 30}}
    assert [*map(tuple, between(SCHEDULE, after))] == [("timer.timeout", 15, 30)]
