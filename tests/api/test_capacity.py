"""The bytes of the store are bounded: creates are refused before the store is full, and nothing is kept of a refusal.

Tried: POST, batch, PUT new, PATCH that grows; a refused create and a refused batch under an Idempotency-Key
(503, 409); set and cancel with large bodies, headers, metadata and URLs, one by one, in bulk and by key; a user without
INFO; a store without maxmemory.
"""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from scheduler import Outcome, Settings
from scheduler.store.capacity import Capacity
from tests.api.conftest import HOOK, settle
from tests.bench.servers import Server
from tests.bench.store import Bench
from timer_service import create_app
from timer_service.process.embedded_store import EmbeddedStore

LATER = {**HOOK, "hours": 1}


@pytest.fixture
def full(bench: Bench) -> FlaskClient:
    """The API of a store that holds more than it may."""
    return create_app(Settings(max_bytes=1), bench.link).test_client()


def keys(bench: Bench) -> set[bytes]:
    return set(bench.client.scan_iter("*")) - {b"timers:{0}:clock", b"timers:{0}:layout"}


def test_what_adds_is_refused_before_the_store_is_full_and_all_else_goes_on(
    bench: Bench, http: FlaskClient, full: FlaskClient
) -> None:
    one, two = (http.post("/timers", json=LATER).get_json()["id"] for _ in range(2))
    for method, path, body in (
        ("POST", "/timers", LATER),
        ("POST", "/timers/batch", {"timers": [LATER]}),
        ("PUT", "/timers/by-key/k", LATER),
        ("PATCH", f"/timers/{one}", {"body": "x" * 1000}),
    ):
        answer = full.open(path, method=method, json=body)
        assert (answer.status_code, answer.get_json()["type"]) == (503, "/problems/store-near-capacity"), (method, path)
        assert "Retry-After" in answer.headers
    assert full.get("/problems/store-near-capacity").status_code == 200
    assert full.patch(f"/timers/{one}", json={"hours": 2}).status_code == 200
    assert full.post(f"/timers/{one}/fire").status_code == 202
    settle(bench, Outcome.PERMANENT)
    assert full.post(f"/timers/{one}/replay").status_code == 202
    assert full.delete(f"/timers/{two}").status_code == 204
    assert full.get("/timers").status_code == 200


def test_it_is_shown_in_stats_metrics_and_readyz(bench: Bench, http: FlaskClient, full: FlaskClient) -> None:
    said = full.get("/stats").get_json()
    assert (said["used_bytes"] > 100_000, said["max_bytes"]) == (True, 1)
    assert "timer_store_max_bytes 1.0" in full.get("/metrics").text
    assert "TIMER_MAX_BYTES" in full.get("/readyz").get_json()["warnings"][0]
    used = int(bench.client.info("memory")["used_memory"])
    near = create_app(Settings(max_bytes=int(used / 0.85)), bench.link).test_client()
    assert "TIMER_MAX_BYTES" in near.get("/readyz").get_json()["warnings"][0]
    assert near.post("/timers", json=LATER).status_code == 201
    unbounded = http.get("/stats").get_json()
    assert (unbounded["used_bytes"] > 100_000, unbounded["max_bytes"]) == (True, None)
    assert "TIMER_MAX_BYTES" not in http.get("/readyz").text


def test_by_default_it_is_four_fifths_of_the_stores_own_maxmemory_read_once_a_second(
    bench: Bench, valkey_server: Server
) -> None:
    now = 0.0
    capacity = Capacity(bench.link, clock=lambda: now)
    assert capacity.usage().most is None
    bench.client.config_set("maxmemory", 10**9)
    try:
        assert capacity.usage().most is None
        now += 1
        assert capacity.usage().most == 8 * 10**8
    finally:
        bench.client.config_set("maxmemory", 0)


def test_where_the_store_does_not_tell_its_bytes_it_is_used_all_the_same(
    bench: Bench, valkey_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    bench.client.acl_setuser("default", enabled=True, commands=["-info"])
    try:
        http = create_app(Settings(max_bytes=1), bench.link).test_client()
        assert http.post("/timers", json=LATER).status_code == 201
        assert http.get("/stats").get_json()["used_bytes"] is None
    finally:
        bench.client.acl_setuser("default", enabled=True, commands=["+info"])
    assert sum("TIMER_MAX_BYTES" in it.getMessage() for it in caplog.records) == 1


@pytest.mark.parametrize("path", ["/timers", "/timers/batch"])
def test_nothing_is_kept_of_a_refusal_under_an_idempotency_key(bench: Bench, full: FlaskClient, path: str) -> None:
    before = keys(bench)
    asked: Any = LATER if path == "/timers" else {"timers": [LATER] * 1000}
    assert full.post(path, json=asked, headers={"Idempotency-Key": "one"}).status_code == 503
    assert keys(bench) == before


def test_a_repeat_of_what_was_done_is_answered_also_when_nothing_may_be_added(
    http: FlaskClient, full: FlaskClient
) -> None:
    headers = {"Idempotency-Key": "one"}
    first = http.post("/timers", json=LATER, headers=headers)
    again = full.post("/timers", json=LATER, headers=headers)
    assert (again.status_code, again.get_json()["id"]) == (201, first.get_json()["id"])


@pytest.mark.parametrize("path", ["/timers", "/timers/batch"])
def test_the_key_of_a_request_that_was_refused_is_soon_gone_and_small(
    bench: Bench, http: FlaskClient, path: str
) -> None:
    taken = {**LATER, "key": "k"}
    assert http.post("/timers", json=taken).status_code == 201
    asked: Any = taken if path == "/timers" else {"timers": [taken] * 1000}
    http.post(path, json=asked, headers={"Idempotency-Key": "one"})
    (name,) = bench.client.scan_iter("timers:*:idem:*")
    assert 0 < bench.client.pttl(name) <= 60_000
    assert bench.client.strlen(name) < 300


def test_a_key_that_has_been_answered_meanwhile_is_not_let_go(bench: Bench) -> None:
    from scheduler import Repeats

    repeats = Repeats(bench.link)
    one, other = (repeats.begin("scope", "key", {}) for _ in range(2))
    repeats.finish(other, [1, 2])
    repeats.refused(one)
    assert bench.client.pttl(one.name) > 3_600_000
    assert repeats.begin("scope", "key", {}).answer == [1, 2]


@pytest.mark.parametrize(
    "large",
    [
        {"body": "x" * 200_000},
        {"body_base64": "AAAA" * 50_000},
        {"headers": {"x-a": "x" * 100_000}},
        {"metadata": {"a": "x" * 200_000}},
        {"url": "http://h/" + "x" * 8000, "body": "x" * 200_000},
        {"url": "http://h/" + "x" * 8000, "metadata": {"a": "x" * 200_000}, "method": "PUT"},
    ],
)
def test_a_cancelled_timer_is_small_and_still_says_what_it_was(bench: Bench, http: FlaskClient, large: Any) -> None:
    asked = {**LATER, "key": "k", "tags": ["t"], **large}
    for way in ("one", "bulk", "key"):
        timer = http.post("/timers", json=asked).get_json()["id"]
        if way == "bulk":
            assert http.post("/timers/cancel", json={"ids": [timer]}).get_json()["cancelled"] == 1
        else:
            assert http.delete("/timers/by-key/k" if way == "key" else f"/timers/{timer}").status_code == 204
        assert bench.client.strlen(f"timers:{{0}}:timer:{timer}") < 1500 + len(asked["url"])
        said = http.get(f"/timers/{timer}").get_json()
        assert (said["status"], said["key"], said["tags"]) == ("cancelled", "k", ["t"])
        assert (said["url"], said["method"]) == (asked["url"], asked.get("method", "POST"))
        assert not {"body", "body_base64"} & said.keys()
    assert len(http.get("/timers?tag=t").get_json()["data"]) == 3
    bench.check()


def test_a_small_cancelled_timer_shows_all_that_was_asked(http: FlaskClient) -> None:
    timer = http.post("/timers", json={**LATER, "body": {"a": 1}, "metadata": {"b": 2}}).get_json()["id"]
    http.delete(f"/timers/{timer}")
    said = http.get(f"/timers/{timer}").get_json()
    assert (said["body"], said["metadata"]) == ({"a": 1}, {"b": 2})


def test_the_embedded_store_has_a_bound_of_its_own(tmp_path: Any) -> None:
    def bound(max_bytes: int) -> int:
        words = EmbeddedStore(tmp_path, max_bytes).command()
        return int(words[words.index("--maxmemory") + 1])

    assert 10**8 < bound(0) < 10**13
    assert bound(8 * 10**8) == 10**9
