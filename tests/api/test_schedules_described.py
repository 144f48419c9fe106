"""Schedules in /openapi.json, and under the settings of a service."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from scheduler import Settings
from tests.api.conftest import HOOK
from tests.bench.store import Bench
from timer_service import create_app

BARE: dict[str, Any] = {"every": "1h", "timer": HOOK}


def described(http: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = http.get("/openapi.json").get_json()["components"]["schemas"]
    return found


def test_what_a_client_sends_is_a_plain_object_with_the_defaults_that_an_answer_tells(http: FlaskClient) -> None:
    schemas = described(http)
    for name in ("NewSchedule", "ScheduleChange", "RunTimer", "RunTimerChange", "PreviewIn", "PauseIn", "ResumeIn"):
        assert schemas[name]["type"] == "object"
        assert schemas[name]["additionalProperties"] is False
        assert not {"oneOf", "anyOf", "allOf", "not"} & schemas[name].keys()
    plain = http.put("/schedules/report", json=BARE).get_json()
    for name, told, required in (
        ("NewSchedule", plain, {"cron", "every", "starts_at", "timer", "durability"}),
        ("RunTimer", plain["timer"], {"url", "body", "body_base64", "max_lateness"}),
    ):
        fields = schemas[name]["properties"]
        said = {field: it["default"] for field, it in fields.items() if "default" in it}
        assert said == {field: told[field] for field in said}
        assert fields.keys() - said.keys() == required
    for name in ("ScheduleChange", "RunTimerChange"):
        assert not any("default" in it for it in schemas[name]["properties"].values())
    assert {*schemas["ScheduleOut"]["required"]} == plain.keys()
    assert {*schemas["RunTimerOut"]["required"]} == plain["timer"].keys()


def test_a_run_is_of_every_field_of_a_new_timer_but_what_a_request_says_of_one(http: FlaskClient) -> None:
    schemas = described(http)
    when = {"hours", "minutes", "seconds", "delay", "due_at", "local_due_at", "time_zone", "fold"}
    runs, timers = schemas["RunTimer"]["properties"], schemas["NewTimer"]["properties"]
    assert runs == {name: it for name, it in timers.items() if name not in {*when, "key", "expires_at", "durability"}}


def test_runs_have_the_defaults_of_the_settings_and_call_no_destination_that_these_forbid(bench: Bench) -> None:
    settings = Settings(timeout=3, max_attempts=2, on_failed="https://example.com/failed", egress_ports="443")
    http = create_app(settings, bench.link).test_client()
    answer = http.put("/schedules/report", json=BARE)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/timer/url")
    told = http.put("/schedules/report", json={**BARE, "timer": {"url": "https://example.com/"}}).get_json()["timer"]
    assert (told["timeout"], told["max_attempts"]) == (3, 2)
    assert told["on_failed"] == {"url": "https://example.com/failed", "headers": {}}


def test_a_run_is_sent_as_its_schedule_says(http: FlaskClient, bench: Bench) -> None:
    headers = {"Authorization": "Bearer abc"}
    http.put("/schedules/report", json={"every": "1m", "timer": {**HOOK, "headers": headers, "body": {"n": 1.10}}})
    bench.look()
    bench.advance(60_000)
    bench.look()
    (claim,) = bench.claims.claim(1).claims
    assert (claim.schedule, claim.webhook.headers, claim.webhook.body) == ("report", headers, b'{"n":1.1}')
    assert claim.due_at == bench.now
