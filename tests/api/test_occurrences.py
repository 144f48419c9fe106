"""Occurrences, ends and their reasons, as a client of the API sees them."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import Attempt, Outcome, Reschedule, Settlement
from tests.api.conftest import HOOK, settle
from tests.bench.store import LEASE, Bench


def create(http: FlaskClient, **asked: Any) -> dict[str, Any]:
    answer = http.post("/timers", json={**HOOK, "seconds": 0, **asked})
    assert answer.status_code == 201, answer.json
    return dict(answer.get_json())


def again(bench: Bench) -> None:
    """Its receiver asks for what is due to be sent again, and gets it."""
    (it,) = bench.claims.claim(1).claims
    bench.claims.settle(
        [Settlement(it.id, it.fence, Attempt(it.number, Outcome.DELIVERED), None, Reschedule(delay_ms=1000))]
    )
    bench.advance(1000)


@pytest.mark.parametrize("most", [1, 2, 10_000])
def test_how_often_a_receiver_can_be_meant_to_act_is_kept_and_told(http: FlaskClient, bench: Bench, most: int) -> None:
    """By a create, a batch, a PUT by key and a PATCH; null takes it back to 1."""
    created = create(http, max_occurrences=most)
    batch = http.post("/timers/batch", json={"timers": [{**HOOK, "seconds": 0, "max_occurrences": most}]}).get_json()
    put = http.put("/timers/by-key/k", json={**HOOK, "seconds": 0, "max_occurrences": most}).get_json()
    patched = http.patch(f"/timers/{create(http)['id']}", json={"max_occurrences": most}).get_json()
    for timer in (created, batch["results"][0]["timer"], put, patched):
        assert timer["max_occurrences"] == most
        assert http.get(f"/timers/{timer['id']}").get_json()["max_occurrences"] == most
        # What else is changed leaves it.
        other = http.patch(f"/timers/{timer['id']}", json={"timeout": 3}).get_json()
        assert other["max_occurrences"] == most
    assert http.patch(f"/timers/{created['id']}", json={"max_occurrences": None}).get_json()["max_occurrences"] == 1
    assert all(it.webhook.max_occurrences in (1, most) for it in bench.claims.claim(4).claims)


@pytest.mark.parametrize("most", [0, -1, 10_001, 1.0, "2", True, [1]])
def test_a_number_that_cannot_be_is_refused_by_its_name(http: FlaskClient, most: object) -> None:
    refused = [
        http.post("/timers", json={**HOOK, "seconds": 0, "max_occurrences": most}),
        http.put("/timers/by-key/k", json={**HOOK, "seconds": 0, "max_occurrences": most}),
        http.patch(f"/timers/{create(http)['id']}", json={"max_occurrences": most}),
    ]
    for answer in refused:
        assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/max_occurrences")


def test_at_most_once_is_one_occurrence(http: FlaskClient) -> None:
    """Also where a PATCH makes it both, from either side."""
    once = {"delivery": "at_most_once"}
    assert create(http, **once, max_occurrences=1)["max_occurrences"] == 1
    refused = [
        http.post("/timers", json={**HOOK, "seconds": 0, **once, "max_occurrences": 2}),
        http.patch(f"/timers/{create(http, **once)['id']}", json={"max_occurrences": 2}),
        http.patch(f"/timers/{create(http, max_occurrences=2)['id']}", json=once),
    ]
    for answer in refused:
        assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/max_occurrences")


def test_every_call_on_a_timer_takes_its_webhook_ids(http: FlaskClient, bench: Bench) -> None:
    timer_id = create(http, max_occurrences=9)["id"]
    again(bench)
    path = f"/timers/{timer_id}-2"
    found = http.get(path).get_json()
    assert (found["id"], found["occurrence"], found["status"]) == (timer_id, 2, "scheduled")
    assert [it["number"] for it in http.get(f"{path}/attempts").get_json()["data"]] == [1]
    assert http.patch(path, json={"seconds": 60}).get_json()["id"] == timer_id
    assert http.post(f"{path}/fire").get_json()["id"] == timer_id
    settle(bench, Outcome.DELIVERED)
    assert http.post(f"{path}/replay").get_json()["occurrence"] == 3
    assert http.get(path).get_json()["occurrence"] == 3
    assert http.delete(f"/timers/{timer_id}-3").status_code == 204
    for number in ("4", "1", "0", "02", "x", ""):
        for method, call in (("GET", ""), ("DELETE", ""), ("GET", "/attempts"), ("POST", "/fire"), ("POST", "/replay")):
            answer = http.open(f"/timers/{timer_id}-{number}{call}", method=method)
            assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
        assert http.patch(f"/timers/{timer_id}-{number}", json={}).status_code == 404


def test_what_is_sent_may_change_before_the_first_attempt_of_an_occurrence(http: FlaskClient, bench: Bench) -> None:
    timer_id = create(http, max_occurrences=9)["id"]
    again(bench)
    assert http.patch(f"/timers/{timer_id}", json={"body": 1}).status_code == 200
    settle(bench, Outcome.RETRYABLE, 700)
    assert http.patch(f"/timers/{timer_id}", json={"body": 2}).status_code == 409


@pytest.mark.parametrize(
    ("outcome", "error", "status", "reason"),
    [
        (Outcome.DELIVERED, None, "delivered", "delivered"),
        (Outcome.RETRYABLE, "timeout", "failed", "attempts-exhausted"),
        (Outcome.PERMANENT, None, "failed", "permanent"),
        (Outcome.PERMANENT, "blocked", "failed", "blocked"),
    ],
)
def test_an_ended_timer_says_when_and_why(
    http: FlaskClient, bench: Bench, outcome: Outcome, error: str | None, status: str, reason: str
) -> None:
    timer_id = create(http)["id"]
    settle(bench, outcome, error=error)
    found = http.get(f"/timers/{timer_id}").get_json()
    assert (found["status"], found["reason"], found["ended_at"]) == (status, reason, "2026-01-01T00:00:00.000Z")
    assert (found["last_attempt"]["final"], found["last_attempt"]["outcome"]) == (True, outcome)
    assert http.get(f"/timers?status={status}").get_json()["data"] == [found]
    assert http.get(f"/timers/{timer_id}/attempts").get_json()["data"] == [found["last_attempt"]]
    again = http.post(f"/timers/{timer_id}/replay").get_json()
    assert (again["reason"], again["ended_at"]) == (None, None)
    assert again["occurrence"] == (2 if reason == "delivered" else 1)


def test_a_cancelled_timer_says_so(http: FlaskClient, bench: Bench) -> None:
    timer_id = create(http, seconds=9)["id"]
    bench.advance(1500)
    http.delete(f"/timers/{timer_id}")
    found = http.get(f"/timers/{timer_id}").get_json()
    assert (found["reason"], found["ended_at"]) == ("cancelled", "2026-01-01T00:00:01.500Z")


def test_an_attempt_whose_lease_was_lost_has_no_outcome(http: FlaskClient, bench: Bench) -> None:
    timer_id = create(http)["id"]
    for _ in range(3):
        bench.claims.claim(1)
        bench.alive(LEASE)
    bench.claims.claim(1)
    found = http.get(f"/timers/{timer_id}").get_json()
    assert (found["status"], found["reason"]) == ("failed", "lease-lost")
    attempts = http.get(f"/timers/{timer_id}/attempts").get_json()["data"]
    assert [(it["outcome"], it["error"], it["final"]) for it in attempts] == [
        (None, "lease-lost", False),
        (None, "lease-lost", False),
        (None, "lease-lost", True),
    ]


def test_ends_are_counted_by_reason_and_each_reason_stands_there_from_the_start(
    http: FlaskClient, bench: Bench
) -> None:
    def ended() -> dict[str, str]:
        lines = http.get("/metrics").get_data(as_text=True).splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if line.startswith("timer_ended_total"))

    assert set(ended().values()) == {"0.0"}
    create(http)
    settle(bench, Outcome.PERMANENT, error="blocked")
    timer_id = create(http, seconds=9)["id"]
    for _ in range(2):
        http.delete(f"/timers/{timer_id}")
    counted = {name: count for name, count in ended().items() if count != "0.0"}
    assert counted == {
        'timer_ended_total{reason="blocked",status="failed"}': "1.0",
        'timer_ended_total{reason="cancelled",status="cancelled"}': "1.0",
    }
