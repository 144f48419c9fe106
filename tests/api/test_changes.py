"""PATCH, PUT by key, fire, replay: what is scheduled changes in place, what has ended can be sent again."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import Outcome, Settings
from tests.api.conftest import HOOK, settle
from tests.bench.store import Bench
from timer_service import create_app


def create(http: FlaskClient, **asked: Any) -> dict[str, Any]:
    answer = http.post("/timers", json={**HOOK, "seconds": 60, **asked})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def patch(http: FlaskClient, timer: dict[str, Any], **change: Any) -> Any:
    return http.patch(f"/timers/{timer['id']}", json=change)


@pytest.mark.parametrize(
    ("when", "due_at"),
    [
        ({"minutes": 5}, "2026-01-01T00:05:00.000Z"),
        ({"delay": "1.5s"}, "2026-01-01T00:00:01.500Z"),
        ({"due_at": "2026-02-01T00:00:00Z"}, "2026-02-01T00:00:00.000Z"),
        ({"due_at": "2020-01-01T00:00:00Z"}, "2026-01-01T00:00:00.000Z"),
    ],
)
def test_a_patch_says_when_in_the_same_three_ways(http: FlaskClient, when: dict[str, Any], due_at: str) -> None:
    timer = create(http)
    answer = patch(http, timer, **when)
    assert answer.status_code == 200
    assert answer.json == {**timer, "due_at": due_at, "time_left": answer.json["time_left"]}


def test_a_patch_changes_what_it_names_and_keeps_the_rest_secrets_included(http: FlaskClient, bench: Bench) -> None:
    headers = {"Authorization": "Bearer abc", "X-Old": "1", "X-Gone": "1"}
    timer = create(http, headers=headers, body={"a": {"b": 1, "c": 2}}, metadata={"m": 1}, tags=["x"], key="k")
    change = {
        "headers": {"X-Old": "2", "X-Gone": None},
        "body": {"a": {"b": None, "d": 3}},
        "timeout": 3,
        "tags": ["y"],
    }
    answer = patch(http, timer, **change).json
    assert answer["headers"] == {"Authorization": "***", "X-Old": "2"}
    assert answer["body"] == {"a": {"c": 2, "d": 3}}
    assert (answer["timeout"], answer["tags"], answer["key"], answer["metadata"]) == (3, ["y"], "k", {"m": 1})
    assert answer["due_at"] == timer["due_at"]
    assert bench.timers.get(timer["id"]).webhook.headers["Authorization"] == "Bearer abc"
    bench.check()


@pytest.mark.parametrize(
    ("change", "headers"),
    [
        ({"x-a": None}, {"X-B": "2"}),
        ({"x-A": "3"}, {"X-B": "2", "x-A": "3"}),
        ({"x-a": None, "X-B": None}, {}),
        ({"x-c": None}, {"X-A": "1", "X-B": "2"}),
        ({"x-a": None, "X-a": "3"}, {"X-B": "2", "X-a": "3"}),
        ({}, {"X-A": "1", "X-B": "2"}),
        (None, {}),
    ],
)
def test_a_patch_names_a_header_in_any_case(http: FlaskClient, change: Any, headers: dict[str, str]) -> None:
    timer = create(http, headers={"X-A": "1", "X-B": "2"})
    assert patch(http, timer, headers=change).json["headers"] == headers


def test_a_patch_that_names_a_header_in_two_ways_is_refused(http: FlaskClient) -> None:
    timer = create(http, headers={"X-A": "1"})
    answer = patch(http, timer, headers={"x-a": "2", "X-a": "3"})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/headers/X-a")


def test_a_body_given_in_one_form_takes_the_place_of_the_other(http: FlaskClient) -> None:
    timer = create(http, body={"a": 1})
    answer = patch(http, timer, body_base64="AAH/").json
    assert ("body" in answer, answer["body_base64"]) == (False, "AAH/")
    answer = patch(http, timer, body=[1]).json
    assert ("body_base64" in answer, answer["body"]) == (False, [1])
    assert "body" not in patch(http, timer, body=None).json


def test_a_null_takes_away_its_own_member_and_no_other(http: FlaskClient) -> None:
    timer, bytes_too = create(http, body={"a": 1}), create(http, body_base64="AAH/")
    for given, name in ((timer, "body_base64"), (bytes_too, "body"), (timer, "delay"), (timer, "hours")):
        answer = patch(http, given, **{name: None})
        assert (answer.status_code, answer.json) == (200, given)
    assert patch(http, timer, due_at=None, seconds=90).json == {
        **timer,
        "due_at": "2026-01-01T00:01:30.000Z",
        "time_left": 90,
    }


def test_backoff_in_one_form_takes_the_place_of_the_other(http: FlaskClient) -> None:
    timer = create(http, backoff=[1, 2])
    answer = patch(http, timer, backoff={"initial": 2})
    assert answer.json["backoff"] == {"initial": 2, "factor": 3, "max": 3600}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"seconds": -1}, "/seconds"),
        ({"due_at": None}, "/delay"),
        ({"url": "ftp://h/"}, "/url"),
        ({"headers": {"authorization": "***"}}, "/headers/authorization"),
        ({"headers": {"Host": "x"}}, "/headers/Host"),
        ({"unknown": 1}, "/unknown"),
        ({"expire_at": None}, "/expire_at"),
        ({"held": None}, "/held"),
        ({"key": "other"}, "/key"),
        ({"tags": ["no blanks"]}, "/tags/0"),
        ({"seconds": 1, "delay": 1}, "/seconds"),
    ],
)
def test_a_patch_that_makes_no_good_timer_is_refused_with_a_pointer(
    http: FlaskClient, change: dict[str, Any], pointer: str
) -> None:
    timer = create(http)
    answer = patch(http, timer, **change)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert http.get(f"/timers/{timer['id']}").json == timer


@pytest.mark.parametrize("body", ["[]", "1", "null"])
def test_a_patch_is_an_object(http: FlaskClient, body: str) -> None:
    path = f"/timers/{create(http)['id']}"
    assert http.patch(path, data=body, content_type="application/json").status_code == 422
    assert http.patch(path, data="{}", content_type="text/plain").status_code == 415
    assert http.patch(path, data="{}", content_type="application/merge-patch+json").status_code == 200


def test_a_patch_comes_too_late_once_a_poller_has_the_timer(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule()
    bench.claims.claim(1)
    answer = http.patch(f"/timers/{timer.id}", json={"seconds": 5})
    assert (answer.status_code, answer.get_json()["timer_status"]) == (409, "delivering")
    assert http.patch(f"/timers/{'0' * 22}", json={}).status_code == 404


def test_what_was_sent_already_stays_as_it_is(http: FlaskClient, bench: Bench) -> None:
    timer = bench.schedule()
    settle(bench, Outcome.RETRYABLE, 700)
    assert http.patch(f"/timers/{timer.id}", json={"body": 1}).status_code == 409
    answer = http.patch(f"/timers/{timer.id}", json={"seconds": 30, "max_attempts": 2}).get_json()
    assert (answer["due_at"], answer["next_attempt_at"]) == ("2026-01-01T00:00:30.000Z", None)


def test_put_by_key_sets_then_replaces_and_delete_disarms(http: FlaskClient, bench: Bench) -> None:
    path = "/timers/by-key/cart:17"
    first = http.put(path, json={**HOOK, "minutes": 30})
    assert first.status_code == 201
    again = http.put(path, json={**HOOK, "minutes": 40, "tags": ["t"]})
    assert (again.status_code, again.get_json()["id"]) == (200, first.get_json()["id"])
    assert again.get_json()["due_at"] == "2026-01-01T00:40:00.000Z"
    assert http.get(path).json == again.json
    assert first.headers["Location"] == f"/timers/{first.get_json()['id']}"
    assert [http.delete(path).status_code, http.delete(path).status_code, http.get(path).status_code] == [204, 404, 404]
    assert http.put(path, json={**HOOK, "minutes": 30}).status_code == 201
    bench.check()


def test_put_by_key_while_delivering_is_a_409_to_try_again(http: FlaskClient, bench: Bench) -> None:
    bench.schedule(key="k")
    bench.claims.claim(1)
    answer = http.put("/timers/by-key/k", json={**HOOK, "seconds": 1})
    assert (answer.status_code, answer.headers["Retry-After"]) == (409, "1")
    assert http.get("/timers/by-key/k").get_json()["status"] == "delivering"


def test_the_key_of_the_path_is_the_one_that_counts(http: FlaskClient) -> None:
    for path, body, pointer in (
        ("a b", {}, "/key"),
        ("%2e%2e", {}, "/key"),
        ("x" * 129, {}, "/key"),
        ("k", {"key": "other"}, "/key"),
    ):
        answer = http.put(f"/timers/by-key/{path}", json={**HOOK, "seconds": 1, **body})
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["pointer"] == pointer
    assert http.put("/timers/by-key/k", json={**HOOK, "seconds": 1, "key": "k"}).status_code == 201


def test_a_taken_key_is_a_409_that_names_its_timer(http: FlaskClient) -> None:
    timer = create(http, key="k")
    answer = http.post("/timers", json={**HOOK, "seconds": 1, "key": "k"})
    assert (answer.status_code, answer.get_json()["timer_id"]) == (409, timer["id"])


def test_fire_makes_it_due_now_and_replay_sends_it_once_more(http: FlaskClient, bench: Bench) -> None:
    timer = create(http, key="k")
    fired = http.post(f"/timers/{timer['id']}/fire")
    assert (fired.status_code, fired.get_json()["due_at"]) == (202, "2026-01-01T00:00:00.000Z")
    assert http.post(f"/timers/{timer['id']}/replay").status_code == 409
    settle(bench, Outcome.DELIVERED)
    assert http.post(f"/timers/{timer['id']}/fire").status_code == 409
    replayed = http.post(f"/timers/{timer['id']}/replay")
    assert (replayed.status_code, replayed.get_json()["status"]) == (202, "scheduled")
    settle(bench, Outcome.DELIVERED)
    assert http.get(f"/timers/{timer['id']}").get_json()["attempts"] == 2
    create(http, key="k")
    taken = http.post(f"/timers/{timer['id']}/replay")
    assert (taken.status_code, "timer_id" in taken.get_json()) == (409, True)
    bench.check()


@pytest.mark.parametrize("action", ["fire", "replay"])
def test_nobody_can_be_neither_fired_nor_replayed(http: FlaskClient, action: str) -> None:
    assert http.post(f"/timers/{'0' * 22}/{action}").status_code == 404
    timer = create(http)
    http.delete(f"/timers/{timer['id']}")
    assert http.post(f"/timers/{timer['id']}/{action}").get_json()["timer_status"] == "cancelled"


def test_a_limit_on_pending_timers_is_a_429(bench: Bench) -> None:
    http = create_app(Settings(max_pending=1), bench.link).test_client()
    create(http)
    answer = http.post("/timers", json={**HOOK, "seconds": 1})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")


@pytest.mark.parametrize(
    ("before", "change", "pointer"),
    [
        ({"body": 1}, {"method": "HEAD"}, "/body"),
        ({"body_base64": "AAH/"}, {"method": "HEAD"}, "/body_base64"),
        ({"method": "HEAD"}, {"body": {"a": 1}}, "/body"),
        ({"method": "HEAD"}, {"body_base64": ""}, "/body_base64"),
        ({"body": 1}, {"method": "HEAD", "body": None}, None),
        ({"method": "HEAD"}, {"method": "GET", "body": {"a": 1}}, None),
    ],
)
def test_a_head_request_gets_no_body_by_a_patch_or_a_put(
    http: FlaskClient, before: dict[str, Any], change: dict[str, Any], pointer: str | None
) -> None:
    """A body of any other method is sent, DELETE and GET included: tests/delivery/test_wire.py."""
    answer = patch(http, create(http, **before), **change)
    assert [error["pointer"] for error in answer.json.get("errors", [])] == ([pointer] if pointer else [])
    assert answer.status_code == (422 if pointer else 200)
    put = http.put("/timers/by-key/k", json={**HOOK, "seconds": 60, "method": "HEAD", "body": []})
    assert (put.status_code, put.get_json()["errors"][0]["pointer"]) == (422, "/body")
    batch = http.post("/timers/batch", json={"timers": [{**HOOK, "seconds": 60, "method": "HEAD", "body": []}]})
    assert batch.get_json()["results"][0]["problem"]["errors"][0]["pointer"] == "/body"
