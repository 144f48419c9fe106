"""Lists, batches, bulk actions: many timers in one call; and idempotency keys: one timer in however many calls."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import Outcome, Repeats, Settings, StoreUnavailable, Timers
from tests.api.conftest import HOOK, settle
from tests.bench.store import Bench
from timer_service import create_app


def test_a_list_goes_page_by_page_with_a_cursor_and_a_link(http: FlaskClient, bench: Bench) -> None:
    timers = [bench.schedule(delay) for delay in (30, 10, 20)]
    first = http.get("/timers?limit=2")
    assert first.get_json()["total"] == 3
    assert [timer["id"] for timer in first.get_json()["data"]] == [timers[1].id, timers[2].id]
    link = f"/timers?limit=2&cursor={first.get_json()['next_cursor']}"
    assert first.headers["Link"].replace("%3D", "=") == f'<{link}>; rel="next"'
    rest = http.get(link)
    assert ([timer["id"] for timer in rest.get_json()["data"]], rest.get_json()["next_cursor"]) == (
        [timers[0].id],
        None,
    )
    assert "Link" not in rest.headers
    assert http.get("/timers?order=desc&limit=1").get_json()["data"][0] == http.get(f"/timers/{timers[0].id}").json


def test_a_list_filters_by_status_tag_destination_and_due(http: FlaskClient, bench: Bench) -> None:
    one = bench.schedule(10, tags=("t",), url="http://a/")
    two = bench.schedule(5000, tags=("t",), url="http://b/")
    bench.timers.cancel(two.id)

    def found(query: str) -> list[str]:
        return [timer["id"] for timer in http.get(f"/timers?{query}").get_json()["data"]]

    assert found("") == [one.id]
    assert found("tag=t") == [one.id, two.id]
    assert found("tag=t&destination=http://b:80/x") == [two.id]
    assert found("tag=t&destination=http:b:80") == [two.id]
    assert found("destination=HTTP:a:80") == [one.id]
    assert found("status=cancelled") == [two.id]
    assert found("tag=t&due_after=2026-01-01T00:00:01Z") == [two.id]
    assert found("due_before=2026-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=1001", "/limit"),
        ("limit=x", "/limit"),
        ("status=gone", "/status"),
        ("order=up", "/order"),
        ("due_after=yesterday", "/due_after"),
        ("destination=nowhere", "/destination"),
        ("destination=http:", "/destination"),
        ("destination=http:/b:80", "/destination"),
        ("destination=ftp:b:80", "/destination"),
        ("destination=https:me@b:443", "/destination"),
        ("tag=a%20b", "/tag"),
        ("cursor=abc", "/cursor"),
        ("cursor=%C3%A9", "/cursor"),
        ("colour=red", "/colour"),
        ("tag=a&tag=b", "/tag"),
        ("tag=a&tag=a", "/tag"),
        ("limit=1&limit=2", "/limit"),
        ("cursor=&cursor=", "/cursor"),
        ("status=failed&tag=t&status=failed", "/status"),
        ("colour=red&colour=blue", "/colour"),
    ],
)
def test_a_query_that_cannot_be_is_refused_with_a_pointer(http: FlaskClient, query: str, pointer: str) -> None:
    answer = http.get(f"/timers?{query}")
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.get_json()["errors"]] == [pointer]


def test_a_batch_answers_each_timer_in_order_on_its_own(http: FlaskClient, bench: Bench) -> None:
    holder = bench.schedule(5, key="k")
    good = {**HOOK, "seconds": 5}
    big = {**good, "body": "x" * 270_000}
    asked = [good, {**good, "seconds": -1}, {**good, "key": "k"}, "text", big, {**good, "tags": ["t"]}]
    answer = http.post("/timers/batch", json={"timers": asked})
    results = answer.get_json()["results"]
    assert [result["status"] for result in results] == [201, 422, 409, 422, 413, 201]
    assert results[1]["problem"]["errors"][0]["pointer"] == "/seconds"
    assert results[2]["problem"]["timer_id"] == holder.id
    assert results[5]["timer"] == http.get(f"/timers/{results[5]['timer']['id']}").json
    assert bench.timers.stats().scheduled == 3


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({}, 422, "/timers"),
        ({"timers": []}, 422, "/timers"),
        ({"timers": [{}] * 1001}, 422, "/timers"),
        ({"timers": {}}, 422, "/timers"),
        ({"timers": [{}], "more": 1}, 422, "/more"),
        ({"timers": ["x" * 9_000_000]}, 413, ""),
    ],
)
def test_a_batch_that_cannot_be_is_refused_whole(http: FlaskClient, body: Any, status: int, pointer: str) -> None:
    answer = http.post("/timers/batch", json=body)
    assert answer.status_code == status
    assert answer.get_json()["errors"][0]["pointer"] == pointer


def test_a_batch_may_be_larger_than_any_one_timer(http: FlaskClient) -> None:
    asked = [{**HOOK, "seconds": 5, "body": "x" * 200_000} for _ in range(30)]
    results = http.post("/timers/batch", json={"timers": asked}).get_json()["results"]
    assert {result["status"] for result in results} == {201}


def test_bulk_cancel_by_ids_and_by_filter_counts_what_it_did(http: FlaskClient, bench: Bench) -> None:
    ids = [bench.schedule(5).id for _ in range(3)]
    answer = http.post("/timers/cancel", json={"ids": [*ids[:2], ids[0], "0" * 22]})  # one of them twice
    assert answer.json == {"matched": 3, "cancelled": 2, "skipped": 1, "next_cursor": None}
    for _ in range(5):
        bench.schedule(9, tags=("t",))
    first = http.post("/timers/cancel", json={"tag": "t", "status": "scheduled", "limit": 3}).get_json()
    assert (first["matched"], first["cancelled"]) == (3, 3)
    more = {"tag": "t", "status": "scheduled", "limit": 3, "cursor": first["next_cursor"]}
    assert http.post("/timers/cancel", json=more).json == {
        "matched": 2,
        "cancelled": 2,
        "skipped": 0,
        "next_cursor": None,
    }
    assert http.post("/timers/cancel", json={"tag": "t"}).get_json()["cancelled"] == 0  # they are already
    assert bench.timers.stats().scheduled == 1


def test_bulk_replay_replays_no_timer_twice_however_soon_it_fails_again(http: FlaskClient, bench: Bench) -> None:
    for _ in range(5):
        bench.schedule(max_attempts=1)
    for _ in range(5):
        settle(bench, Outcome.PERMANENT)
    bench.advance(1)
    asked: dict[str, Any] = {"status": "failed", "limit": 2}
    replayed = 0
    while True:
        answer = http.post("/timers/replay", json=asked).get_json()
        replayed += answer["replayed"]
        for _ in range(answer["replayed"]):
            settle(bench, Outcome.PERMANENT)
        if answer["next_cursor"] is None:
            break
        asked["cursor"] = answer["next_cursor"]
    assert replayed == 5
    assert [len(http.get(f"/timers/{timer['id']}/attempts").get_json()["data"]) for timer in _failed(http)] == [2] * 5


def test_bulk_replay_by_ids_skips_what_has_not_ended(http: FlaskClient, bench: Bench) -> None:
    pending, done = bench.schedule(1000), bench.schedule()
    settle(bench, Outcome.DELIVERED)
    answer = http.post("/timers/replay", json={"ids": [pending.id, done.id, done.id, "x"]})
    assert answer.json == {"matched": 3, "replayed": 1, "skipped": 2, "next_cursor": None}


@pytest.mark.parametrize("body", [{}, {"limit": 5}, {"ids": []}, {"ids": ["a"], "tag": "t"}, {"ids": ["a"] * 1001}])
def test_a_bulk_action_on_everything_by_mistake_is_refused(http: FlaskClient, body: dict[str, Any]) -> None:
    for action in ("cancel", "replay"):
        answer = http.post(f"/timers/{action}", json=body)
        assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "/ids")


# Idempotency keys

KEY = {"Idempotency-Key": "order-17"}


def test_a_repeated_create_gets_the_answer_of_the_first_whatever_became_of_the_timer(
    http: FlaskClient, bench: Bench
) -> None:
    first = http.post("/timers", json={**HOOK, "seconds": 60}, headers=KEY)
    bench.advance(5000)
    http.delete(f"/timers/{first.get_json()['id']}")
    again = http.post("/timer/", json={"seconds": 60, **HOOK}, headers=KEY)
    assert (again.status_code, again.json) == (201, first.json)
    assert (again.headers["Idempotent-Replayed"], "Idempotent-Replayed" in first.headers) == ("true", False)
    assert again.headers["Location"] == first.headers["Location"]
    assert bench.timers.stats().scheduled == 0


def test_another_body_under_the_same_key_is_refused(http: FlaskClient) -> None:
    http.post("/timers", json={**HOOK, "seconds": 60}, headers=KEY)
    assert http.post("/timers", json={**HOOK, "seconds": 61}, headers=KEY).status_code == 422
    assert http.post("/timers/batch", json={"timers": [{**HOOK, "seconds": 61}]}, headers=KEY).status_code == 200


@pytest.mark.parametrize(("lost", "status"), [("set", 503), ("finish", 201)])
def test_a_repeat_after_a_crash_at_any_point_makes_one_timer(
    http: FlaskClient, bench: Bench, monkeypatch: pytest.MonkeyPatch, lost: str, status: int
) -> None:
    """Once the timer is stored it is set: a failure to keep the answer is none to tell the client of."""

    def crash(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("lost")

    kept = Timers.set_each
    with monkeypatch.context() as broken:
        if lost == "finish":
            broken.setattr(Repeats, "finish", crash)
        else:
            broken.setattr(Timers, "set_each", lambda *args: (kept(*args), crash()))
        assert http.post("/timers", json={**HOOK, "seconds": 60}, headers=KEY).status_code == status
    assert bench.timers.stats().scheduled == 1
    assert http.post("/timers", json={**HOOK, "seconds": 60}, headers=KEY).status_code == 201
    assert bench.timers.stats().scheduled == 1


def test_a_create_that_was_refused_can_be_tried_again_under_its_key(http: FlaskClient, bench: Bench) -> None:
    holder = bench.schedule(5, key="k")
    asked = {**HOOK, "seconds": 60, "key": "k"}
    assert http.post("/timers", json=asked, headers=KEY).status_code == 409
    bench.timers.cancel(holder.id)
    assert http.post("/timers", json=asked, headers=KEY).status_code == 201
    bench.check()


def test_a_repeat_that_overtakes_a_refusal_makes_the_one_timer_of_its_key(
    http: FlaskClient, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is refused; before its answer is out, the reason is gone and its repeat is granted."""
    holder = bench.schedule(60_000, key="k")
    asked = {**HOOK, "seconds": 60, "key": "k"}
    refuse, repeats = Timers.set_each, []

    def overtaken(timers: Timers, drafts: Any) -> Any:
        refusal = refuse(timers, drafts)
        monkeypatch.setattr(Timers, "set_each", refuse)
        bench.timers.cancel(holder.id)
        repeats.append(http.post("/timers", json=asked, headers=KEY))
        return refusal

    monkeypatch.setattr(Timers, "set_each", overtaken)
    assert http.post("/timers", json=asked, headers=KEY).status_code == 409
    assert repeats[0].status_code == 201
    bench.timers.cancel(repeats[0].get_json()["id"])
    again = http.post("/timers", json=asked, headers=KEY)
    assert (again.status_code, again.json) == (201, repeats[0].json)
    assert bench.timers.stats().scheduled == 0


def test_a_repeated_batch_gets_the_timers_of_the_first_and_what_was_refused_is_tried_anew(
    http: FlaskClient, bench: Bench
) -> None:
    asked = {
        "timers": [{**HOOK, "seconds": 60}, {**HOOK, "seconds": 60, "key": "k"}, {**HOOK, "seconds": 9, "key": "k"}]
    }
    first = http.post("/timers/batch", json=asked, headers=KEY)
    again = http.post("/timers/batch", json=asked, headers=KEY)
    assert [result["status"] for result in again.get_json()["results"]] == [201, 201, 409]
    assert again.get_json()["results"][:2] == first.get_json()["results"][:2]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert bench.timers.stats().scheduled == 2
    bench.timers.cancel(first.get_json()["results"][1]["timer"]["id"])
    statuses = [
        result["status"] for result in http.post("/timers/batch", json=asked, headers=KEY).get_json()["results"]
    ]
    assert statuses == [201, 201, 201]
    assert bench.timers.stats().scheduled == 2


def test_an_item_of_a_batch_that_was_refused_can_be_tried_again_under_its_key(
    bench: Bench,
) -> None:
    """As a single call can. Tried: a taken key, too many pending, both, all refused, a third time."""
    http = create_app(Settings(max_pending=3), bench.link).test_client()
    holder = bench.schedule(60_000, key="k")
    asked = {"timers": [{**HOOK, "seconds": 60}, {**HOOK, "seconds": 60, "key": "k"}, *[{**HOOK, "seconds": 60}] * 2]}

    def repeat() -> Any:
        bench.advance(1000)
        return http.post("/timers/batch", json=asked, headers=KEY)

    def statuses(answer: Any) -> list[int]:
        return [result["status"] for result in answer.get_json()["results"]]

    full = create_app(Settings(max_pending=1), bench.link).test_client()
    refused = full.post("/timers/batch", json=asked, headers=KEY)
    assert statuses(refused) == [429, 409, 429, 429]
    assert "Idempotent-Replayed" not in refused.headers
    first = repeat()
    assert statuses(first) == [201, 409, 201, 429]
    bench.timers.cancel(holder.id)
    second = repeat()
    assert statuses(second) == [201, 201, 201, 429]
    bench.timers.cancel(second.get_json()["results"][0]["timer"]["id"])
    third = repeat()
    assert statuses(third) == [201, 201, 201, 201]
    for number in (0, 2):
        assert third.get_json()["results"][number] == first.get_json()["results"][number]
    assert third.get_json()["results"][:3] == second.get_json()["results"][:3]
    assert repeat().json == third.json
    assert bench.timers.stats().scheduled == 3
    bench.check()


def test_a_repeated_batch_is_answered_also_when_other_destinations_may_be_called_by_now(
    http: FlaskClient, bench: Bench
) -> None:
    other = create_app(Settings(egress_allow="127.0.0.0/8"), bench.link).test_client()
    asked = {"timers": [{**HOOK, "url": "http://127.0.0.1:2/", "seconds": 5}, {**HOOK, "seconds": 60}]}

    def statuses(client: FlaskClient, key: str) -> list[int]:
        answer = client.post("/timers/batch", json=asked, headers={"Idempotency-Key": key})
        return [result["status"] for result in answer.get_json()["results"]]

    assert [statuses(other, "one"), statuses(http, "one")] == [[201, 201], [422, 201]]
    assert [statuses(http, "two"), statuses(other, "two")] == [[422, 201], [201, 201]]
    assert bench.timers.stats().scheduled == 4


@pytest.mark.parametrize("key", ["", "x" * 256, "clé", "a b"])
def test_an_idempotency_key_is_visible_ascii(http: FlaskClient, key: str) -> None:
    headers = {"Idempotency-Key": key.encode().decode("latin-1")}
    assert http.post("/timers", json={**HOOK, "seconds": 60}, headers=headers).status_code == 400


def _failed(http: FlaskClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = http.get("/timers?status=failed").get_json()["data"]
    return found


def test_what_is_no_object_in_a_batch_is_refused_alone(http: FlaskClient) -> None:
    items = [8794, [], "url", None, True, {"url": "http://h/", "seconds": 1}]
    answer = http.post("/timers/batch", json={"timers": items})
    assert answer.json is not None
    assert [result["status"] for result in answer.json["results"]] == [422] * 5 + [201]
