"""/schedules: what is set is told again, whole; what is wrong is pointed at."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import HOOK
from tests.api.schedules import DAILY, EVERY, WHOLE, put
from tests.bench.store import Bench


def test_a_schedule_is_set_under_its_name_and_told_with_its_next_five_runs(http: FlaskClient) -> None:
    answer = http.put("/schedules/report/", json=DAILY)
    assert (answer.status_code, answer.headers["Location"]) == (201, "/schedules/report")
    told = answer.get_json()
    assert told["next"][:2] == [
        {"utc": "2026-01-01T08:00:00.000Z", "local": "2026-01-01T09:00:00.000+01:00"},
        {"utc": "2026-01-02T08:00:00.000Z", "local": "2026-01-02T09:00:00.000+01:00"},
    ]
    assert len(told["next"]) == 5
    assert told["description"] == "at 09:00, in Europe/Berlin, from 2026-01-01T00:00:00.000Z"
    assert (told["name"], told["status"], told["created_at"]) == ("report", "active", "2026-01-01T00:00:00.000Z")
    assert (told["previous"], told["runs"], told["paused"]) == ([], 0, None)
    assert told["skipped"] == {"overlap": 0, "missed": 0, "paused": 0, "gap": 0}
    assert answer.headers["ETag"] == f'"{told["version"]}"'
    assert http.get("/schedules/report").get_json() == told


def test_every_field_is_told_as_it_was_asked_for_with_its_secrets_hidden(http: FlaskClient, bench: Bench) -> None:
    told = put(http, **WHOLE)
    headers = {"Authorization": "***", "X-Trace": "***"}
    on_failed = {"url": "https://example.com/failed", "headers": {"X-Trace": "***"}}
    assert told["timer"] == {**WHOLE["timer"], "headers": headers, "on_failed": on_failed}
    assert {name: told[name] for name in WHOLE} == {**WHOLE, "timer": told["timer"]}
    assert bench.schedules.get("report").draft.webhook.headers["Authorization"] == "Bearer abc"


def test_no_value_of_the_table_is_the_default(http: FlaskClient) -> None:
    plain = put(http)
    assert [name for name in WHOLE if name != "time_zone" and plain[name] == WHOLE[name]] == []


def test_a_put_of_the_same_changes_nothing_and_of_another_gives_another_version(http: FlaskClient) -> None:
    first = put(http, **WHOLE)
    again = http.put("/schedules/report", json=WHOLE)
    assert (again.status_code, again.get_json()) == (200, first)
    assert put(http, **{**WHOLE, "max_runs": 8})["version"] != first["version"]


def test_an_interval_is_told_as_text_whichever_way_it_was_written(http: FlaskClient) -> None:
    for written in ("90m", 5400, "PT1H30M"):
        assert put(http, every=written, timer=HOOK)["every"] == "1h30m"


def test_intervals_can_be_counted_from_the_first_moment_of_all(http: FlaskClient, bench: Bench) -> None:
    bench.advance(1)
    told = put(http, every="1d", starts_at="1970-01-01T00:00:00Z", timer=HOOK)
    assert told["next"][0]["utc"] == "2026-01-02T00:00:00.000Z"


def test_a_schedule_without_a_name_is_given_one_and_a_repeat_makes_no_other(http: FlaskClient) -> None:
    headers = {"Idempotency-Key": "k"}
    first, again = (http.post("/schedules", json=EVERY, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.get_json() == again.get_json()
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert again.headers["Location"] == f"/schedules/{first.get_json()['name']}"
    assert http.post("/schedules", json=DAILY, headers=headers).status_code == 422
    assert http.post("/schedules", json=EVERY).get_json()["name"] != first.get_json()["name"]


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"cron": "0 9 * *"}, "/cron", "4 fields; there are five: minute"),
        ({"cron": "0 0 9 * * *"}, "/cron", '`"every": "10s"` is'),
        ({"cron": "0 25 * * *"}, "/cron", "hour"),
        ({"cron": "0 0 31 4 *"}, "/cron", "month 4 has no day 31"),
        ({"cron": 5}, "/cron", "string"),
        ({"cron": None}, "/cron", "Say when"),
        ({"cron": None, "every": None}, "/cron", "Say when"),
        ({"every": "1h"}, "/every", "either"),
        ({"cron": ..., "every": "999ms"}, "/every", "Must be from 1s"),
        ({"cron": ..., "every": 0}, "/every", "Must be from 1s"),
        ({"cron": ...}, "/cron", "Say when"),
        ({"time_zone": "Berlin"}, "/time_zone", "no such time zone"),
        ({"time_zone": "europe/berlin"}, "/time_zone", "did you mean Europe/Berlin?"),
        ({"starts_at": "2027-01-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}, "/ends_at", "Earlier"),
        ({"ends_at": "2026-01-01T00:00:00Z"}, "/ends_at", "later than now"),
        ({"starts_at": "tomorrow"}, "/starts_at", "RFC 3339"),
        ({"spread": "25h"}, "/spread", "Must be from 0s to 1d."),
        ({"catch_up_window": "367d"}, "/catch_up_window", "Must be from 0s to 366d."),
        ({"max_runs": 0}, "/max_runs", "from 1"),
        ({"pause_after_failures": 1.5}, "/pause_after_failures", "whole number"),
        ({"overlap": "queue"}, "/overlap", "Must be one of"),
        ({"gap": "x"}, "/gap", "Must be one of"),
        ({"cronn": "* * * * *"}, "/cronn", "Unknown"),
        ({"timer": ...}, "/timer", "Missing"),
        ({"timer": 5}, "/timer", "object"),
        ({"timer": {}}, "/timer/url", "Missing"),
        ({"timer": {"url": "ftp://x/"}}, "/timer/url", "http"),
        ({"timer": {**HOOK, "delay": 5}}, "/timer/delay", "Unknown"),
        ({"timer": {**HOOK, "key": "k"}}, "/timer/key", "Unknown"),
        ({"timer": {**HOOK, "headers": {"Host": "x"}}}, "/timer/headers/Host", ""),
        ({"timer": {**HOOK, "headers": {"Authorization": "***"}}}, "/timer/headers/Authorization", "mark"),
    ],
)
def test_what_is_wrong_is_pointed_at_with_its_reason(
    http: FlaskClient, change: dict[str, Any], pointer: str, words: str
) -> None:
    asked = {name: value for name, value in {**DAILY, **change}.items() if value is not ...}
    answer = http.put("/schedules/report", json=asked)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    (error,) = answer.get_json()["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]
    assert http.get("/schedules/report").status_code == 404


def test_a_whole_answer_can_be_sent_back_with_one_field_changed(http: FlaskClient) -> None:
    for asked in (DAILY, EVERY):
        told = put(http, **asked)
        assert None in told.values()
        assert http.post("/schedules/report/fire").status_code == 201
        assert put(http, **told)["version"] == told["version"], "also one that is of earlier than the last run"
        told = http.post("/schedules/report/pause", json={"reason": "a release"}).get_json()
        changed = put(http, **{**told, "overlap": "skip", "paused": None, "runs": 9})
        assert {name for name in told if changed[name] != told[name]} == {"overlap", "version"}
        plan = {name: told[name] for name in ("cron", "every", "time_zone", "starts_at", "ends_at", "gap", "fold")}
        previewed = http.post("/schedules/preview", json=plan).get_json()
        assert previewed["description"] == told["description"]


def test_a_schedule_whose_end_has_passed_is_put_again_and_changed_but_not_set_anew(
    http: FlaskClient, bench: Bench
) -> None:
    asked = {**DAILY, "ends_at": "2026-01-01T00:00:01Z"}
    first = put(http, **asked)
    bench.advance(1000)
    assert put(http, **asked)["version"] == first["version"]
    assert put(http, **asked, overlap="skip")["overlap"] == "skip"
    assert http.patch("/schedules/report", json={"ends_at": "2026-01-01T00:00:00.5Z"}).status_code == 200
    for answer in (http.put("/schedules/other", json=asked), http.post("/schedules", json=asked)):
        assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/ends_at")


def test_an_answer_that_is_sent_back_under_another_name_makes_no_other_schedule(http: FlaskClient) -> None:
    told = put(http)
    for answer in (http.put("/schedules/other", json=told), http.post("/schedules", json=told)):
        assert (answer.status_code, [it["pointer"] for it in answer.get_json()["errors"]]) == (422, ["/name"])
    assert [it["name"] for it in http.get("/schedules").get_json()["data"]] == ["report"]
    del told["name"]
    assert http.put("/schedules/other", json=told).status_code == 201
    assert http.post("/schedules", json=told).status_code == 201


def test_what_is_too_large_of_its_runs_is_pointed_at(http: FlaskClient) -> None:
    put(http)
    large = {"body": "x" * 300_000}
    for answer in (
        http.put("/schedules/report", json={**DAILY, "timer": {**HOOK, **large}}),
        http.post("/schedules", json={**DAILY, "timer": {**HOOK, **large}}, headers={"Idempotency-Key": "k"}),
        http.patch("/schedules/report", json={"timer": large}),
    ):
        assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (413, "/timer/body")
    assert len(http.get("/schedules").get_json()["data"]) == 1


@pytest.mark.parametrize("name", ["a b", "a%2Fb", "..", "é", "x" * 129])
def test_a_name_has_the_characters_of_a_key(http: FlaskClient, name: str) -> None:
    answer = http.put(f"/schedules/{name}", json=DAILY)
    assert answer.status_code in (404, 422)
    if answer.status_code == 422:
        assert answer.get_json()["errors"][0]["pointer"] == "/name"


def test_an_unknown_schedule_is_a_problem_of_its_own(http: FlaskClient) -> None:
    for answer in (
        http.get("/schedules/x"),
        http.patch("/schedules/x", json={}),
        http.delete("/schedules/x"),
        http.post("/schedules/x/pause", json={}),
        http.post("/schedules/x/resume", json={}),
        http.post("/schedules/x/fire"),
    ):
        assert (answer.status_code, answer.get_json()["type"]) == (404, "/problems/unknown-schedule")
    for answer in (http.get("/schedules/x"), http.get("/schedules/a/b"), http.post("/schedules/x/run")):
        assert answer.status_code == 404
        assert "timer" not in answer.get_json()["detail"]


@pytest.mark.parametrize("sent", [b'{"body":{"n":1}}', b"[]", b"{", b"x"])
def test_a_run_by_hand_refuses_what_it_would_not_send(http: FlaskClient, sent: bytes) -> None:
    put(http)
    answer = http.post("/schedules/report/fire", data=sent, content_type="application/json")
    assert answer.status_code == (422 if sent[:1] in b"{[" and len(sent) > 1 else 400)
    assert http.post("/schedules/report/fire", data=sent).status_code == 415
    assert http.get("/schedules/report").get_json()["runs"] == 0
    for nothing in (b"", b"{}"):
        answer = http.post("/schedules/report/fire", data=nothing, content_type="application/json")
        assert answer.status_code == 201


def test_a_pause_and_its_end_need_no_body(http: FlaskClient) -> None:
    """An empty one is none; a length that is not said is not taken for it."""
    http.put("/schedules/report", json=DAILY)
    assert http.post("/schedules/report/pause").get_json()["paused"]["reason"] == ""
    assert http.post("/schedules/report/resume", data="", headers={"Content-Type": "text/plain"}).status_code == 200
    assert http.post("/schedules/report/pause", data="x").status_code == 415
    refused = http.post("/schedules/report/pause", data="x", headers={"Content-Type": "application/json"})
    assert refused.status_code == 400
