"""The preview of a plan in the view Schedules."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from tests.api.page_schedules import get
from tests.bench.store import Bench


def test_a_preview_marks_a_gap_and_a_fold_and_stores_nothing(http: FlaskClient, bench: Bench) -> None:
    query = "cron=30+2+*+*+*&time_zone=Europe/Berlin&count=3&from="
    gap = get(http, f"/ui/schedules?{query}2027-03-27T00:00")
    assert "At 02:30, in Europe/Berlin" in gap
    assert "Sun 28 Mar, 03:00 +02:00" in gap
    assert "no 02:30 that dayclocks go forward from 02:00 to 03:00; runs at the first moment after" in gap
    fold = get(http, f"/ui/schedules?{query}2026-10-24T00:00")
    assert "02:30 comes twiceclocks go back from 03:00 to 02:00; runs at the first" in fold
    last = get(http, f"/ui/schedules?fold=last&{query}2026-10-24T00:00")
    assert "Sun 25 Oct, 02:30 +01:00" in last
    assert "runs at the last" in last
    both = get(http, "/ui/schedules?cron=*/30+*+*+*+*&time_zone=Australia/Lord_Howe&count=9&from=2026-04-04T13:00")
    assert "comes twiceclocks go back from 02:00 to 01:30; runs both times" in both
    assert bench.schedules.page().schedules == []


def test_a_preview_over_a_day_that_a_zone_left_out_says_its_date(http: FlaskClient) -> None:
    said = get(http, "/ui/schedules?cron=0+9+*+*+*&time_zone=Pacific/Apia&count=2&from=2011-12-29T20:00:00Z")
    assert "no 09:00 that dayclocks go forward from Fri 30 Dec, 00:00 to Sat 31 Dec, 00:00" in said


@pytest.mark.parametrize(
    ("query", "field", "error"),
    [
        ("cron=", "cron", "Say when: cron"),
        ("cron=1+2", "cron", "there are five"),
        ("cron=0+0+31+4+*", "cron", ""),
        ("cron=0+9+*+*+*&every=5m", "every", "either"),
        ("every=soon", "every", ""),
        ("every=1ms", "every", ""),
        ("every=1h&time_zone=Mars", "time_zone", "There is no such time zone"),
        ("every=1h&from=2026-02-30T00:00", "from", "There is no such moment."),
        ("every=1h&count=51", "count", "50"),
        ("every=1h&count=" + "9" * 5000, "count", "50"),
        ("every=1h&gap=x", "gap", ""),
        ("every=1h&fold=x", "fold", ""),
    ],
)
def test_a_preview_that_makes_no_sense_is_told_at_its_field(
    http: FlaskClient, query: str, field: str, error: str
) -> None:
    answer = http.get(f"/ui/schedules?{query}")
    assert answer.status_code == 422
    assert error in re.findall(rf'id="{field}-err">([^<]+)<', answer.text)[0]
    assert f'aria-describedby="{field}-err"' in answer.text


def test_a_preview_up_to_the_last_moment_there_is_ends_there(http: FlaskClient) -> None:
    said = get(http, "/ui/schedules?every=1m&time_zone=Pacific/Kiritimati&from=9999-12-31T23:58:30Z")
    assert "in the year 10000" in said
    assert "no moment is left" in get(http, "/ui/schedules?cron=0+0+*+*+*&from=9999-12-31T23:58:30Z")
