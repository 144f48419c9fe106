"""A timer's moment by a clock on a wall: what it shows, and in which time zone it hangs."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import HOOK

NINE = {"local_due_at": "2027-03-01T09:00", "time_zone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("local", "zone", "fold", "due_at"),
    [
        ("2027-03-01T09:00", "Europe/Berlin", None, "2027-03-01T08:00:00.000Z"),
        ("2027-07-01T09:00:30.0001", "Europe/Berlin", None, "2027-07-01T07:00:30.001Z"),
        ("2027-03-28T02:30", "Europe/Berlin", None, "2027-03-28T01:00:00.000Z"),
        ("2027-03-28T02:30:00.5", "Europe/Berlin", "last", "2027-03-28T01:00:00.000Z"),
        ("2027-10-31T02:30", "Europe/Berlin", None, "2027-10-31T00:30:00.000Z"),
        ("2027-10-31T02:30", "Europe/Berlin", "first", "2027-10-31T00:30:00.000Z"),
        ("2027-10-31T02:30", "Europe/Berlin", "last", "2027-10-31T01:30:00.000Z"),
        ("2027-10-03T02:15", "Australia/Lord_Howe", None, "2027-10-02T15:30:00.000Z"),
        ("2028-02-29T00:00", "UTC", "last", "2028-02-29T00:00:00.000Z"),
        ("2020-01-01T00:00", "UTC", None, "2026-01-01T00:00:00.000Z"),
        ("0001-01-01T00:00", "Pacific/Kiritimati", None, "2026-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999", "Asia/Tokyo", None, "9999-12-31T14:59:59.999Z"),
    ],
)
def test_what_a_clock_shows_becomes_a_moment_of_utc(
    http: FlaskClient, local: str, zone: str, fold: str | None, due_at: str
) -> None:
    when = {"local_due_at": local, "time_zone": zone, **({"fold": fold} if fold else {})}
    answer = http.post("/timers", json={**HOOK, **when})
    assert (answer.status_code, answer.get_json()["due_at"]) == (201, due_at)
    assert not {"local_due_at", "time_zone", "fold"} & answer.get_json().keys()


@pytest.mark.parametrize(
    ("when", "pointers"),
    [
        ({"local_due_at": "2027-03-01T09:00"}, ["/time_zone"]),
        ({"time_zone": "Europe/Berlin"}, ["/time_zone"]),
        ({"time_zone": "Europe/Berlin", "fold": "last"}, ["/fold", "/time_zone"]),
        ({"seconds": 5, "time_zone": "Europe/Berlin"}, ["/time_zone"]),
        ({"seconds": 5, "fold": "first"}, ["/fold"]),
        ({"fold": "last"}, ["/fold"]),
        ({"fold": "middle"}, ["/fold"]),
        ({}, ["/delay"]),
        ({**NINE, "fold": "middle"}, ["/fold"]),
        ({**NINE, "fold": None}, ["/fold"]),
        ({**NINE, "seconds": 5}, ["/seconds"]),
        ({**NINE, "seconds": "5"}, ["/seconds"]),
        ({**NINE, "delay": "5s"}, ["/delay"]),
        ({**NINE, "due_at": "2027-03-01T09:00:00Z"}, ["/due_at"]),
        ({**NINE, "time_zone": "Mars/Olympus"}, ["/time_zone"]),
        ({**NINE, "time_zone": "europe/berlin"}, ["/time_zone"]),
        ({**NINE, "time_zone": 1}, ["/time_zone"]),
        ({**NINE, "time_zone": None}, ["/time_zone"]),
        ({**NINE, "time_zone": ["UTC"]}, ["/time_zone"]),
        ({**NINE, "time_zone": ""}, ["/time_zone"]),
        ({**NINE, "time_zone": "../../etc/passwd"}, ["/time_zone"]),
        ({**NINE, "time_zone": "/etc/localtime"}, ["/time_zone"]),
        ({**NINE, "time_zone": "UTC\0"}, ["/time_zone"]),
        ({**NINE, "time_zone": "U" * 10_000}, ["/time_zone"]),
        ({**NINE, "local_due_at": 5}, ["/local_due_at"]),
        ({**NINE, "local_due_at": ""}, ["/local_due_at"]),
        ({**NINE, "local_due_at": "2027-03-01"}, ["/local_due_at"]),
        ({**NINE, "local_due_at": "2027-02-29T09:00"}, ["/local_due_at"]),
        ({**NINE, "local_due_at": "2100-02-29T09:00"}, ["/local_due_at"]),
        ({**NINE, "local_due_at": "2027-04-31T09:00"}, ["/local_due_at"]),
        ({**NINE, "local_due_at": "0000-01-01T09:00"}, ["/local_due_at"]),
        ({**NINE, "local_due_at": "2027-03-01T24:00"}, ["/local_due_at"]),
        ({**NINE, "local_due_at": "2027-03-01T09:00Z"}, ["/local_due_at"]),
        ({**NINE, "local_due_at": "2027-03-01T09:00+01:00"}, ["/local_due_at"]),
        ({**NINE, "local_due_at": "2027-03-01T09:00\n"}, ["/local_due_at"]),
        ({**NINE, "local_due_at": "٢027-03-01T09:00"}, ["/local_due_at"]),
        ({**NINE, "local_due_at": "2027-03-01T09:00:00." + "0" * 10_000}, ["/local_due_at"]),
        ({"local_due_at": "9999-12-31T23:59", "time_zone": "Etc/GMT+12"}, ["/local_due_at"]),
    ],
)
def test_a_local_moment_that_makes_no_sense_is_refused_by_field(
    http: FlaskClient, when: dict[str, Any], pointers: list[str]
) -> None:
    answer = http.post("/timers", json={**HOOK, **when})
    assert answer.status_code == 422
    assert sorted(it["pointer"] for it in answer.get_json()["errors"]) == pointers
    assert all(len(it["detail"]) < 200 for it in answer.get_json()["errors"])


def test_a_timer_is_moved_to_a_local_moment_and_away_from_it(http: FlaskClient) -> None:
    timer = http.post("/timers", json={**HOOK, "seconds": 60}).get_json()
    path = f"/timers/{timer['id']}"
    assert http.patch(path, json={**NINE, "due_at": None}).get_json()["due_at"] == "2027-03-01T08:00:00.000Z"
    assert http.patch(path, json={"delay": "1h", "fold": None}).get_json()["due_at"] == "2026-01-01T01:00:00.000Z"
    for change, pointer in (
        ({"time_zone": "Asia/Tokyo"}, "/time_zone"),
        ({"fold": "last"}, "/fold"),
        ({"local_due_at": "2027-03-01T09:00"}, "/time_zone"),
        ({**NINE, "seconds": 5}, "/seconds"),
    ):
        answer = http.patch(path, json=change)
        assert answer.status_code == 422
        assert [it["pointer"] for it in answer.get_json()["errors"]] == [pointer]
    assert http.get(path).get_json()["due_at"] == "2026-01-01T01:00:00.000Z"


@pytest.mark.parametrize(
    ("asked", "pointer", "detail"),
    [
        ({"seconds": 5, "fold": "middle"}, "/fold", "Only with local_due_at."),
        ({"seconds": "5", "delay": 5}, "/seconds", "Say when in one way only."),
    ],
)
def test_of_a_wrong_value_in_a_field_that_is_out_of_place_the_place_is_told(
    http: FlaskClient, asked: dict[str, Any], pointer: str, detail: str
) -> None:
    answer = http.post("/timers", json={**HOOK, **asked})
    assert answer.get_json()["errors"] == [{"pointer": pointer, "detail": detail}]


def test_a_timer_by_key_and_each_of_a_batch_take_a_local_moment(http: FlaskClient) -> None:
    for due in ("2027-03-01T09:00", "2027-03-02T09:00"):
        answer = http.put("/timers/by-key/k", json={**HOOK, **NINE, "local_due_at": due})
        assert answer.get_json()["due_at"] == f"{due[:10]}T08:00:00.000Z"
    batch = [{**HOOK, **NINE}, {**HOOK, **NINE, "time_zone": "x"}, {**HOOK, "seconds": 1}]
    made, refused, other = http.post("/timers/batch", json={"timers": batch}).get_json()["results"]
    assert made["timer"]["due_at"] == "2027-03-01T08:00:00.000Z"
    assert [it["pointer"] for it in refused["problem"]["errors"]] == ["/time_zone"]
    assert other["status"] == 201
