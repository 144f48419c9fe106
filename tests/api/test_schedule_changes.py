"""A schedule is changed by a patch, and only that version which was meant."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.schedules import DAILY, EVERY, WHOLE, put
from tests.bench.store import Bench


def test_a_change_under_if_match_is_made_only_of_that_version(http: FlaskClient) -> None:
    old = put(http)
    new = put(http, **EVERY)
    stale, current = ({"If-Match": f'"{it["version"]}"'} for it in (old, new))
    for method, said in (("PUT", DAILY), ("PATCH", {"max_runs": 5}), ("DELETE", None)):
        answer = http.open("/schedules/report", method=method, json=said, headers=stale)
        assert (answer.status_code, answer.get_json()["type"]) == (412, "/problems/version-changed")
        assert http.get("/schedules/report").get_json() == new
    changed = http.patch("/schedules/report", json={"max_runs": 5}, headers=current)
    assert changed.status_code == 200
    assert http.delete("/schedules/report", headers=current).status_code == 412
    assert http.delete("/schedules/report", headers={"If-Match": changed.headers["ETag"]}).status_code == 204
    assert http.put("/schedules/report", json=DAILY, headers={"If-Match": "*"}).status_code == 412


def test_a_put_that_asks_for_a_new_one_changes_none_that_stands(http: FlaskClient) -> None:
    new = {"If-None-Match": "*"}
    first = http.put("/schedules/report", json=DAILY, headers=new)
    assert first.status_code == 201
    for asked in (DAILY, EVERY):
        answer = http.put("/schedules/report", json=asked, headers=new)
        assert (answer.status_code, answer.get_json()["type"]) == (412, "/problems/schedule-exists")
    assert http.get("/schedules/report").get_json() == first.get_json()
    both = {**new, "If-Match": first.headers["ETag"]}
    for headers in (both, {"If-None-Match": first.headers["ETag"]}):
        answer = http.put("/schedules/other", json=EVERY, headers=headers)
        assert (answer.status_code, "If-None-Match" in answer.get_json()["detail"]) == (400, True)
    assert http.get("/schedules/other").status_code == 404


def test_a_patch_changes_what_it_names_and_keeps_the_rest_secrets_included(http: FlaskClient, bench: Bench) -> None:
    before = put(http, **WHOLE)
    change = {"overlap": "allow", "max_runs": None, "timer": {"headers": {"X-Other": "3"}, "body": {"b": 2}}}
    after = http.patch("/schedules/report", json=change).get_json()
    assert (after["overlap"], after["max_runs"], after["timer"]["body"]) == ("allow", None, {"a": 1, "b": 2})
    kept = {*WHOLE} - {"overlap", "max_runs", "timer"}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    headers = bench.schedules.get("report").draft.webhook.headers
    assert headers == {"Authorization": "Bearer abc", "X-Trace": "1", "X-Other": "3"}


def test_a_patch_of_nothing_changes_nothing(http: FlaskClient) -> None:
    before = put(http, **WHOLE)
    assert http.patch("/schedules/report", json={}).get_json() == before


def test_an_interval_takes_the_place_of_a_cron_expression_and_the_other_way_round(http: FlaskClient) -> None:
    put(http, **WHOLE)
    changed = http.patch("/schedules/report", json={"every": "1h"}).get_json()
    assert (changed["cron"], changed["every"]) == (None, "1h")
    changed = http.patch("/schedules/report", json={"cron": "@daily"}).get_json()
    assert (changed["cron"], changed["every"]) == ("@daily", None)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"cron": None}, "/cron"),
        ({"timer": None}, "/timer"),
        ({"timer": {"url": None}}, "/timer/url"),
        ({"timer": {"write_only": None}}, "/timer/write_only"),
        ({"timer": {"headers": {"X-Trace": "***"}}}, "/timer/headers/X-Trace"),
        ({"end_at": None}, "/end_at"),
        ({"timer": {"expires_at": None}}, "/timer/expires_at"),
        ({"name": "other"}, "/name"),
        ({"paused": None}, "/paused"),
        ({"status": "paused", "overlap": "allow"}, "/status"),
    ],
)
def test_a_patch_to_what_could_not_be_set_is_refused(http: FlaskClient, change: dict[str, Any], pointer: str) -> None:
    before = put(http, **WHOLE)
    answer = http.patch("/schedules/report", json=change)
    assert (answer.status_code, [it["pointer"] for it in answer.get_json()["errors"]]) == (422, [pointer])
    assert http.get("/schedules/report").get_json() == before
