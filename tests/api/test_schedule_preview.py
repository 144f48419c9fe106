"""/schedules/preview: the moments that a plan would name, over changes of clocks too."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.bench.store import Bench


def preview(http: FlaskClient, **asked: Any) -> dict[str, Any]:
    answer = http.post("/schedules/preview", json=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


@pytest.mark.parametrize(
    ("zone", "since", "moments"),
    [
        (
            "Europe/Berlin",
            "2027-03-27T02:00:00Z",
            [
                {"utc": "2027-03-28T01:00:00.000Z", "local": "2027-03-28T03:00:00.000+02:00", "note": "gap"},
                {"utc": "2027-03-29T00:30:00.000Z", "local": "2027-03-29T02:30:00.000+02:00", "note": None},
            ],
        ),
        (
            "America/New_York",
            "2027-11-07T00:00:00Z",
            [
                {"utc": "2027-11-07T07:30:00.000Z", "local": "2027-11-07T02:30:00.000-05:00", "note": None},
                {"utc": "2027-11-08T07:30:00.000Z", "local": "2027-11-08T02:30:00.000-05:00", "note": None},
            ],
        ),
    ],
)
def test_a_change_of_clocks_is_noted(http: FlaskClient, zone: str, since: str, moments: list[dict[str, Any]]) -> None:
    asked = {"cron": "30 2 * * *", "time_zone": zone, "from": since, "count": 2}
    assert preview(http, **asked)["moments"] == moments


def test_a_time_that_is_shown_twice_is_the_first_or_the_last_as_asked(http: FlaskClient) -> None:
    asked = {"cron": "30 2 * * *", "time_zone": "Europe/Berlin", "from": "2027-10-31T00:00:00Z", "count": 1}
    first, last = (preview(http, **asked, fold=fold)["moments"][0] for fold in ("first", "last"))
    assert (first["utc"], first["note"]) == ("2027-10-31T00:30:00.000Z", "fold")
    assert (last["utc"], last["note"]) == ("2027-10-31T01:30:00.000Z", "fold")


def test_an_interval_is_counted_from_where_it_starts_or_from_now(http: FlaskClient) -> None:
    found = preview(http, every="15m", count=2)
    assert found["description"] == "every 15 minutes from 2026-01-01T00:00:00.000Z"
    assert [it["utc"] for it in found["moments"]] == ["2026-01-01T00:15:00.000Z", "2026-01-01T00:30:00.000Z"]
    found = preview(http, every="15m", starts_at="2026-01-01T00:10:00Z", count=1)
    assert [it["utc"] for it in found["moments"]] == ["2026-01-01T00:10:00.000Z"]


def test_a_preview_tells_ten_unless_said_and_no_more_than_there_are(http: FlaskClient) -> None:
    assert len(preview(http, cron="@daily")["moments"]) == 10
    assert len(preview(http, cron="@daily", count=50)["moments"]) == 50
    assert preview(http, cron="@daily", ends_at="2026-01-03T00:00:00Z")["moments"] == [
        {"utc": f"2026-01-0{day}T00:00:00.000Z", "local": f"2026-01-0{day}T00:00:00.000+00:00", "note": None}
        for day in (2, 3)
    ]


def test_a_preview_stores_nothing(http: FlaskClient, bench: Bench) -> None:
    http.get("/schedules")  # a store is marked with its layout by whoever uses it first
    before = bench.client.keys()
    preview(http, cron="@daily")
    assert bench.client.keys() == before


def test_the_last_moments_that_can_be_written_are_previewed_in_every_zone(http: FlaskClient) -> None:
    asked = {"every": "1h", "time_zone": "Pacific/Kiritimati", "from": "9999-12-31T20:00:00Z", "count": 50}
    assert preview(http, **asked)["moments"][-1]["utc"] == "9999-12-31T23:00:00.000Z"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"count": 51}, "/count"),
        ({"count": 0}, "/count"),
        ({"from": "now"}, "/from"),
        ({"cron": "x"}, "/cron"),
        ({"time_zone": "Mars"}, "/time_zone"),
        ({"timer": {}}, "/timer"),
        ({"every": "1s"}, "/every"),
    ],
)
def test_what_is_wrong_with_a_preview_is_pointed_at(http: FlaskClient, change: dict[str, Any], pointer: str) -> None:
    answer = http.post("/schedules/preview", json={"cron": "@daily", **change})
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, pointer)


def test_no_schedule_has_the_name_of_the_preview(http: FlaskClient) -> None:
    answer = http.put("/schedules/preview", json={})
    assert (answer.status_code, {*answer.headers["Allow"].split(", ")}) == (405, {"POST", "OPTIONS"})
