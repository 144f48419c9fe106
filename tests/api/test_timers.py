"""/timers as a client sees it."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import Outcome
from tests.api.conftest import HOOK, settle
from tests.bench.store import START, Bench


def test_the_shortest_call_works_as_it_stands(http: FlaskClient) -> None:
    answer = http.post(
        "/timer",
        data='{"hours":0,"minutes":0,"seconds":5,"url":"http://localhost:9000/hook"}',
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 201
    assert answer.json is not None
    assert answer.json["time_left"] == 5
    assert answer.headers["Location"] == f"/timers/{answer.json['id']}"
    assert http.get(answer.headers["Location"]).json == answer.json


def test_an_answer_says_everything_that_was_asked_for(http: FlaskClient) -> None:
    asked: dict[str, Any] = {
        "due_at": "2026-01-01T01:00:00+01:00",
        "url": "https://example.com/hook?x=1",
        "method": "PUT",
        "headers": {"Authorization": "Bearer abc", "X-Empty": "", "X-Trace": "1"},
        "body": {"list": [], "object": {}, "null": None, "text": "é"},
        "timeout": 2.5,
        "max_attempts": 3,
        "backoff": [5, 30, 120],
        "delivery": "at_most_once",
        "metadata": {"order": 17},
        "write_only": ["X-Trace"],
        "key": "order:17",
        "tags": ["orders", "de"],
    }
    answer = http.post("/timers", json=asked).json
    assert answer is not None
    said = {name: answer.pop(name) for name in asked}
    expected = {
        "due_at": "2026-01-01T00:00:00.000Z",
        "headers": {"Authorization": "***", "X-Empty": "", "X-Trace": "***"},
    }
    assert said == {**asked, **expected}
    assert (
        answer.items()
        >= {
            "id": answer["id"],
            "status": "scheduled",
            "time_left": 0,
            "created_at": "2026-01-01T00:00:00.000Z",
            "attempts": 0,
            "last_attempt": None,
            "next_attempt_at": None,
            "max_occurrences": 1,
            "occurrence": 1,
            "ended_at": None,
            "reason": None,
        }.items()
    )


@pytest.mark.parametrize(
    ("when", "due_ms", "time_left"),
    [
        ({"seconds": 0}, 0, 0),
        ({"hours": 1, "minutes": 2, "seconds": 3}, 3_723_000, 3723),
        ({"minutes": 90}, 5_400_000, 5400),
        ({"delay": 0.0001}, 1, 1),
        ({"delay": 90}, 90_000, 90),
        ({"delay": "1h30m"}, 5_400_000, 5400),
        ({"delay": "PT30M"}, 1_800_000, 1800),
        ({"due_at": "2026-01-01T00:00:01.0001Z"}, 1001, 2),
        ({"due_at": "2020-01-01T00:00:00Z"}, 0, 0),
        ({"due_at": "9999-12-31T23:59:59.999Z"}, 253_402_300_799_999 - START, 251_635_075_200),
    ],
)
def test_when_can_be_said_in_three_ways(
    http: FlaskClient, bench: Bench, when: dict[str, Any], due_ms: int, time_left: int
) -> None:
    answer = http.post("/timers", json={**HOOK, **when}).json
    assert answer is not None
    assert bench.timers.get(answer["id"]).due_at == START + due_ms
    assert answer["time_left"] == time_left


@pytest.mark.parametrize("body", [None, True, 0, -1.5, "", "text", [], {}, [1, [2, {"three": []}]]])
def test_a_body_may_be_any_json_value(http: FlaskClient, body: Any) -> None:
    answer = http.post("/timers", json={**HOOK, "seconds": 1, "body": body}).json
    assert answer is not None
    assert answer["body"] == body
    assert "body_base64" not in answer


def test_bytes_go_in_and_come_out_as_base64(http: FlaskClient, bench: Bench) -> None:
    answer = http.post("/timers", json={**HOOK, "seconds": 1, "body_base64": "AAH/"}).json
    assert answer is not None
    assert (answer["body_base64"], "body" in answer) == ("AAH/", False)
    assert bench.timers.get(answer["id"]).webhook.body == b"\x00\x01\xff"


def test_a_waiting_retry_and_its_attempts_can_be_read(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule()
    settle(bench, Outcome.RETRYABLE, 700, started_at=START, status_code=503, response_body="later", detail="Why.")
    found = http.get(f"/timers/{timer.id}").json
    assert found is not None
    assert (found["status"], found["attempts"]) == ("scheduled", 1)
    assert found["next_attempt_at"] == "2026-01-01T00:00:00.700Z"
    assert http.get(f"/timers/{timer.id}/attempts").json == {
        "data": [
            {
                "number": 1,
                "started_at": "2026-01-01T00:00:00.000Z",
                "lateness_ms": None,
                "duration_ms": None,
                "outcome": "retryable",
                "status_code": 503,
                "response_body": "later",
                "error": None,
                "detail": "Why.",
                "redelivery": None,
                "poller": None,
                "next_attempt_at": "2026-01-01T00:00:00.700Z",
                "final": False,
                "occurrence": 1,
                "asked_reschedule": None,
            }
        ]
    }
    assert found["last_attempt"]["status_code"] == 503


def test_a_cancel_is_204_however_often_and_409_once_it_is_too_late(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule(1)
    assert [http.delete(f"/timers/{timer.id}").status_code for _ in range(2)] == [204, 204]
    bench.schedule()
    (it,) = bench.claims.claim(1).claims
    answer = http.delete(f"/timers/{it.id}")
    assert answer.status_code == 409
    assert answer.json is not None
    assert answer.json["timer_status"] == "delivering"


@pytest.mark.parametrize(
    "path", ["/timers/nobody", "/timers/nobody/attempts", f"/timers/{'0' * 22}", "/nowhere", "/timers/%00%7b%7d"]
)
def test_what_is_not_there_is_a_404_problem(http: FlaskClient, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_timer_is_the_same_resource_as_timers_and_a_trailing_slash_is_welcome(http: FlaskClient, bench: Bench) -> None:
    timer_id = bench.schedule(1).id
    for path in (f"/timer/{timer_id}", f"/timer/{timer_id}/", f"/timers/{timer_id}/", f"/timer/{timer_id}/attempts/"):
        assert http.get(path).status_code == 200
    for path in ("/timer", "/timer/", "/timers/"):
        assert http.post(path, json={**HOOK, "seconds": 1}).status_code == 201
    assert http.get("/timerx").status_code == 404


def test_stats_count_by_status(http: FlaskClient, bench: Bench) -> None:
    bench.schedule(1000)
    bench.schedule()
    settle(bench, Outcome.DELIVERED, lateness_ms=2)
    said = http.get("/stats").get_json()
    assert said.pop("used_bytes") > 100_000
    assert said == {
        "scheduled": 1,
        "overdue": 0,
        "delivering": 0,
        "delivered": 1,
        "failed": 0,
        "cancelled": 0,
        "oldest_overdue_ms": 0,
        "lateness_ms": {"p50": 2, "p99": 2},
        "max_bytes": None,
        "tried_before": 0,
        "unreadable_claims": 0,
    }
