"""What is done with a schedule and its runs: they are listed, made by hand, paused, and deleted."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import Outcome
from tests.api.conftest import HOOK, settle
from tests.api.schedules import put
from tests.bench.store import Bench


def test_runs_are_listed_by_their_schedule_and_say_it(http: FlaskClient, bench: Bench) -> None:
    put(http, every="1m", timer=HOOK)
    put(http, "other", every="1m", timer=HOOK)
    bench.look()
    for _ in range(2):
        bench.advance(60_000)
        bench.look()
    listed = http.get("/timers?schedule=report").get_json()["data"]
    assert {it["schedule"] for it in listed} == {"report"}
    told = http.get("/schedules/report").get_json()
    assert [it["timer_id"] for it in told["previous"]] == [it["id"] for it in reversed(listed)]
    assert (told["runs"], told["previous"][0]["due_at"]) == (2, "2026-01-01T00:02:00.000Z")
    assert http.get("/timers/count?schedule=report").get_json()["count"] == 2
    assert http.get("/timers?schedule=report&status=delivered").get_json()["data"] == []
    assert http.get("/timers?schedule=report&tag=x").status_code == 422
    assert http.post("/timers", json={**HOOK, "delay": 5}).get_json()["schedule"] is None


def test_a_list_of_timers_is_of_a_schedule_or_of_a_tag_and_never_of_both(http: FlaskClient) -> None:
    for path in ("/timers", "/timers/count"):
        answer = http.get(f"{path}?schedule=report&tag=a")
        assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/tag")


def test_how_a_run_ended_is_told_among_the_previous(http: FlaskClient, bench: Bench) -> None:
    put(http)
    http.post("/schedules/report/fire")
    settle(bench, Outcome.DELIVERED)
    assert http.get("/schedules/report").get_json()["previous"][0]["status"] == "delivered"


def test_with_a_deleted_schedule_its_open_runs_are_cancelled_or_kept(http: FlaskClient) -> None:
    for name, query, status in (("a", "", "cancelled"), ("b", "?open=keep", "scheduled")):
        put(http, name)
        run = http.post(f"/schedules/{name}/fire").get_json()
        assert http.delete(f"/schedules/{name}{query}").status_code == 204
        assert http.get(f"/timers/{run['id']}").get_json()["status"] == status
        assert http.get(f"/schedules/{name}").status_code == 404
    assert http.delete("/schedules/a?open=maybe").get_json()["errors"][0]["pointer"] == "/open"


def test_a_pause_is_told_with_its_reason_and_a_resume_ends_it(http: FlaskClient) -> None:
    put(http)
    asked = {"reason": "the receiver moves", "until": "2026-01-03T00:00:00Z"}
    told = http.post("/schedules/report/pause", json=asked).get_json()
    assert (told["status"], told["next"][0]["utc"]) == ("paused", "2026-01-03T08:00:00.000Z")
    assert told["paused"] == {
        "reason": "the receiver moves",
        "by": "",
        "at": "2026-01-01T00:00:00.000Z",
        "until": "2026-01-03T00:00:00.000Z",
    }
    told = http.post("/schedules/report/resume", json={"catch_up": "all"}).get_json()
    assert (told["status"], told["paused"]) == ("active", None)


@pytest.mark.parametrize(
    ("call", "asked", "pointer"),
    [
        ("pause", {"until": "2025-01-01T00:00:00Z"}, "/until"),
        ("pause", {"reason": "x" * 501}, "/reason"),
        ("pause", {"for": "1h"}, "/for"),
        ("resume", {"catch_up": "some"}, "/catch_up"),
    ],
)
def test_a_pause_or_resume_that_makes_no_sense_is_refused(
    http: FlaskClient, call: str, asked: dict[str, Any], pointer: str
) -> None:
    put(http)
    answer = http.post(f"/schedules/report/{call}", json=asked)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, pointer)
    assert http.get("/schedules/report").get_json()["status"] == "active"


def test_a_run_by_hand_is_made_once_under_one_key(http: FlaskClient) -> None:
    put(http)
    headers = {"Idempotency-Key": "k"}
    first, again = (http.post("/schedules/report/fire", headers=headers) for _ in range(2))
    assert (first.status_code, first.get_json()["schedule"]) == (201, "report")
    assert first.headers["Location"] == again.headers["Location"] == f"/timers/{first.get_json()['id']}"
    assert again.headers["Idempotent-Replayed"] == "true"
    assert http.get("/schedules/report").get_json()["runs"] == 1
    assert http.post("/schedules/report/fire").get_json()["id"] != first.get_json()["id"]
