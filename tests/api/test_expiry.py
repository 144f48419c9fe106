"""`expires_at` and `max_lateness` as a client sets, changes and sees them.

Tried: create, batch, PUT by key, PATCH, fire, replay, bulk replay, a schedule and its runs; each way to say nonsense.
"""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import Outcome, rfc3339
from tests.api.conftest import HOOK, settle
from tests.bench.store import START, Bench

#: ms.
HOUR = 3_600_000


def at(ms: int) -> str:
    return rfc3339.rfc3339(START + ms)


def asked(**more: Any) -> dict[str, Any]:
    return {**HOOK, "hours": 1, **more}


def errors_of(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.get_json()
    return {it["pointer"]: it["detail"] for it in answer.get_json()["errors"]}


def expire(bench: Bench, until: int) -> None:
    """Let it be too late, and a poller find that."""
    bench.set_clock(START + until + 1)
    assert bench.claims.claim(10).claims == []


def test_what_was_asked_is_told_and_an_end_says_why(http: FlaskClient, bench: Bench) -> None:
    timer = http.post("/timers", json=asked(expires_at="2026-01-01T03:00:00+01:00")).get_json()
    assert (timer["expires_at"], timer["max_lateness"]) == (at(2 * HOUR), None)
    expire(bench, 2 * HOUR)
    ended = http.get(f"/timers/{timer['id']}").get_json()
    assert (ended["status"], ended["reason"], ended["attempts"], ended["last_attempt"]) == (
        "failed",
        "expired",
        0,
        None,
    )
    assert ended["ended_at"] == at(2 * HOUR + 1)
    assert 'timer_ended_total{reason="expired",status="failed"} 1.0' in http.get("/metrics").text
    (group,) = http.get("/failures").get_json()["data"]
    assert (group["reason"], group["error"], group["ids"]) == ("expired", None, [timer["id"]])
    assert "never sent" in http.get("/ui/failed").text
    assert "it was too late to send it" in http.get(f"/ui/timers/{timer['id']}").text


def test_null_asks_for_no_expiry_as_answers_tell_it(http: FlaskClient) -> None:
    answer = http.post("/timers", json=asked(expires_at=None, max_lateness=None))
    assert (answer.get_json()["expires_at"], answer.get_json()["max_lateness"]) == (None, None)


@pytest.mark.parametrize(("said", "told"), [(90, 90), (1.5, 1.5), ("1h30m", 5400), ("PT2S", 2), ("500d", 43_200_000)])
def test_a_lateness_is_seconds_or_text_and_told_in_seconds(http: FlaskClient, said: Any, told: float) -> None:
    timer = http.post("/timers", json=asked(max_lateness=said)).get_json()
    assert (timer["max_lateness"], timer["expires_at"]) == (told, None)
    assert http.get(f"/timers/{timer['id']}").get_json() == timer


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"max_lateness": 0}, "/max_lateness"),
        ({"max_lateness": 0.999}, "/max_lateness"),
        ({"max_lateness": -1}, "/max_lateness"),
        ({"max_lateness": "5"}, "/max_lateness"),
        ({"max_lateness": True}, "/max_lateness"),
        ({"max_lateness": 1e300}, "/max_lateness"),
        ({"expires_at": 1767225600}, "/expires_at"),
        ({"expires_at": "2026-01-01T09:00:00"}, "/expires_at"),
        ({"expires_at": "tomorrow"}, "/expires_at"),
        ({"expires_at": "2026-06-01T00:00:00Z", "max_lateness": 5}, "/expires_at"),
        ({"expires_at": "2026-01-01T01:00:00.000Z"}, "/expires_at"),  # just when it is due
        ({"expires_at": "1999-01-01T00:00:00Z"}, "/expires_at"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(
    http: FlaskClient, bench: Bench, said: dict[str, Any], pointer: str
) -> None:
    assert pointer in errors_of(http.post("/timers", json=asked(**said)))
    assert pointer in errors_of(http.put("/timers/by-key/k", json=asked(**said)))
    first, second = http.post("/timers/batch", json={"timers": [asked(**said), asked()]}).get_json()["results"]
    assert (first["status"], first["problem"]["errors"][0]["pointer"], second["status"]) == (422, pointer, 201)
    assert http.get("/timers").get_json()["total"] == 1


def test_one_that_was_due_before_must_expire_later_than_now(http: FlaskClient, bench: Bench) -> None:
    bench.advance(HOUR)
    said = {**HOOK, "due_at": at(0), "expires_at": at(HOUR)}
    assert errors_of(http.post("/timers", json=said)).keys() == {"/expires_at"}
    assert http.post("/timers", json={**said, "expires_at": at(HOUR + 1)}).status_code == 201


def test_a_patch_sets_one_in_the_place_of_the_other_and_takes_either_away(http: FlaskClient) -> None:
    path = f"/timers/{http.post('/timers', json=asked(max_lateness=60)).get_json()['id']}"

    def patched(**said: Any) -> tuple[Any, Any]:
        answer = http.patch(path, json=said).get_json()
        return answer["expires_at"], answer["max_lateness"]

    assert patched(expires_at=at(5 * HOUR)) == (at(5 * HOUR), None)
    assert patched(max_lateness="2m") == (None, 120)
    assert patched(timeout=3) == (None, 120)
    assert patched(expires_at=None) == (None, 120)
    assert patched(max_lateness=None) == (None, None)
    assert errors_of(http.patch(path, json={"expires_at": at(5 * HOUR), "max_lateness": 5})).keys() == {"/expires_at"}


def test_neither_a_moment_nor_an_expiry_can_be_moved_past_the_other(http: FlaskClient) -> None:
    path = f"/timers/{http.post('/timers', json=asked(expires_at=at(2 * HOUR))).get_json()['id']}"
    for said in ({"hours": 2}, {"due_at": at(3 * HOUR)}, {"expires_at": at(HOUR)}, {"expires_at": at(-HOUR)}):
        assert errors_of(http.patch(path, json=said)).keys() == {"/expires_at"}
    assert http.patch(path, json={"hours": 5, "expires_at": at(6 * HOUR)}).status_code == 200


def test_a_replay_after_the_moment_is_refused_and_bulk_replays_skip_it(http: FlaskClient, bench: Bench) -> None:
    gone = http.post("/timers", json=asked(expires_at=at(2 * HOUR))).get_json()["id"]
    again = http.post("/timers", json=asked(max_lateness="1h")).get_json()["id"]
    expire(bench, 2 * HOUR)
    refused = http.post(f"/timers/{gone}/replay")
    assert (refused.status_code, "expires_at" in refused.get_json()["detail"]) == (409, True)
    done = http.post("/timers/replay", json={"ids": [gone, again]}).get_json()
    assert (done["matched"], done["replayed"], done["skipped"]) == (2, 1, 1)
    settle(bench, Outcome.DELIVERED)
    assert http.get(f"/timers/{again}").get_json()["reason"] == "delivered"


def test_runs_of_a_schedule_have_a_lateness_each_and_no_moment(http: FlaskClient, bench: Bench) -> None:
    plan = {"every": "1h", "starts_at": at(HOUR), "timer": {**HOOK, "max_lateness": "10m"}}
    made = http.put("/schedules/s", json=plan).get_json()
    assert made["timer"]["max_lateness"] == 600
    assert "expires_at" not in made["timer"]
    assert http.put("/schedules/s", json=plan).get_json()["version"] == made["version"]
    timer = http.post("/schedules/s/fire").get_json()
    assert timer["max_lateness"] == 600
    expire(bench, 600_000)
    assert http.get(f"/timers/{timer['id']}").get_json()["reason"] == "expired"
    changed = http.patch("/schedules/s", json={"timer": {"max_lateness": None}}).get_json()
    assert changed["timer"]["max_lateness"] is None
    wrong = {**plan, "timer": {**HOOK, "expires_at": at(9 * HOUR)}}
    assert errors_of(http.put("/schedules/s", json=wrong)).keys() == {"/timer/expires_at"}
