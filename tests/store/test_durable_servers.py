"""Receipts of real servers: a Valkey that syncs its file always, with a replica; one that does not; Redis 7.0.

What each setting survives is measured by `python -m tests.faults.receipts`; docs/guarantees.md has the table.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient

from scheduler import Link, Settings, connect
from scheduler.store import keys
from tests.bench.processes import wait_until
from tests.bench.replication import Pair, replicated
from tests.bench.servers import BINARIES, Server
from timer_service import create_app

TIMER = {"url": "http://localhost:9000/hook", "hours": 1}
#: Seconds; a wait that is to time out.
SHORT = 0.3
#: Seconds; one that is to end by itself, however busy the machine is.
LONG = 30.0


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    assert BINARIES["valkey"] is not None
    with replicated(BINARIES["valkey"], "--appendfsync", "always") as it:
        yield it


@pytest.fixture
def whole(pair: Pair) -> Iterator[Pair]:
    """The pair, its replica thawed again when the test has ended."""
    yield pair
    pair.replica.signal(signal.SIGCONT)
    pair.wait_until_replicated()


#: Of the APIs of the test under way.
_clients: list[redis.Redis] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """What a test has connected is closed when it has ended."""
    yield
    while _clients:
        client = _clients.pop()
        client.connection_pool.disconnect()
        client.close()


def api(server: Server, timeout: float = LONG, **settings: Any) -> FlaskClient:
    made = Settings(redis_url=server.url, store_timeout=10, durability_timeout=timeout, **settings)
    _clients.append(connect(server.url, 10))
    return create_app(made, Link(_clients[-1])).test_client()


def timers(server: Server) -> set[Any]:
    """The names of what it has stored of them."""
    client = server.client()
    found = set(client.scan_iter("*timer:*"))
    client.close()
    return found


def receipts(server: Server) -> int:
    """How often somebody waited."""
    client = server.client()
    found: Any = client.get(keys.receipts(0))
    client.close()
    return int(found or 0)


def test_fsync_and_replicas_are_reached_and_told(whole: Pair) -> None:
    http = api(whole.primary)
    made = http.post("/timers", json={**TIMER, "durability": "replicas:1"})
    assert made.status_code == 201
    assert made.get_json()["durability"] == {"asked": "replicas:1", "reached": {"fsync": True, "replicas": 1}}
    told = http.post("/timers", json={**TIMER, "durability": "fsync"}).get_json()["durability"]
    assert (told["asked"], told["reached"]["fsync"]) == ("fsync", True)
    assert "durability" not in http.get(f"/timers/{made.get_json()['id']}").get_json()


def test_without_durability_nothing_is_waited_for_and_the_answer_is_as_it_was(whole: Pair) -> None:
    http, client = api(whole.primary), whole.primary.client()
    before = client.info("commandstats")
    for said in ({}, {"durability": "memory"}):
        assert "durability" not in http.post("/timers", json={**TIMER, **said}).get_json()
    after = client.info("commandstats")
    client.close()
    for command in ("cmdstat_wait", "cmdstat_waitaof", "cmdstat_incr"):
        assert after.get(command) == before.get(command)


def test_the_setting_asks_for_those_that_do_not_say(whole: Pair) -> None:
    http = api(whole.primary, durability="replicas:1")
    assert http.post("/timers", json=TIMER).get_json()["durability"]["asked"] == "replicas:1"
    assert "durability" not in http.post("/timers", json={**TIMER, "durability": "memory"}).get_json()


def test_a_frozen_replica_is_a_503_with_the_id_of_a_timer_that_stands_and_a_repeat_asks_again_truly(
    whole: Pair,
) -> None:
    whole.replica.signal(signal.SIGSTOP)
    headers = {"Idempotency-Key": "frozen"}
    fields = {**TIMER, "durability": "replicas:1"}
    refused = [api(whole.primary, SHORT).post("/timers", json=fields, headers=headers) for _ in range(2)]
    for it in refused:
        problem = it.get_json()
        assert (it.status_code, it.headers["Retry-After"]) == (503, "1")
        assert problem["type"] == "/problems/not-durable"
        assert problem["durability"] == {"asked": "replicas:1", "reached": {"fsync": True, "replicas": 0}}
        assert api(whole.primary).get(f"/timers/{problem['timer_id']}").get_json()["status"] == "scheduled"
    assert len({it.get_json()["timer_id"] for it in refused}) == 1
    whole.replica.signal(signal.SIGCONT)
    again = api(whole.primary).post("/timers", json=fields, headers=headers)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.get_json()["id"] == refused[0].get_json()["timer_id"]
    assert again.get_json()["durability"]["reached"] == {"fsync": True, "replicas": 1}


@pytest.mark.clock
def test_while_waits_time_out_other_creates_go_on(whole: Pair) -> None:
    http = api(whole.primary, 1.0)
    whole.replica.signal(signal.SIGSTOP)
    statuses: list[int] = []

    def wait() -> None:
        fields = {**TIMER, "durability": "replicas:1"}
        statuses.append(http.application.test_client().post("/timers", json=fields).status_code)

    began = time.monotonic()
    waiting = [threading.Thread(target=wait) for _ in range(8)]
    for it in waiting:
        it.start()
    slowest = 0.0
    while any(it.is_alive() for it in waiting):
        start = time.monotonic()
        assert http.post("/timers", json=TIMER).status_code == 201
        slowest = max(slowest, time.monotonic() - start)
    assert statuses == [503] * 8
    assert 1 <= time.monotonic() - began < 3
    assert slowest < 0.5


def test_of_fifty_durable_creates_at_once_no_more_wait_than_half_of_the_threads(whole: Pair) -> None:
    client = whole.primary.client()

    def create(http: FlaskClient) -> int:
        fields = {**TIMER, "durability": "replicas:1"}
        return http.application.test_client().post("/timers", json=fields).status_code

    with ThreadPoolExecutor(50) as pool:
        made = list(pool.map(create, [api(whole.primary, api_threads=8)] * 50))
        assert set(made) <= {201, 429}
        assert 201 in made
        whole.replica.signal(signal.SIGSTOP)
        waiting = [pool.submit(create, it) for it in [api(whole.primary, 1.0, api_threads=8)] * 50]
        most = 0
        while not all(it.done() for it in waiting):
            most = max(most, client.info("clients")["blocked_clients"])
    client.close()
    assert 503 in {it.result() for it in waiting} <= {503, 429}
    assert most <= 4


def test_a_batch_waits_once_and_tells_of_each(whole: Pair) -> None:
    http = api(whole.primary)
    before = receipts(whole.primary)
    timers = [{**TIMER, "hours": n} for n in range(1, 301)] + [{"url": "no", "hours": 1}]
    made = http.post("/timers/batch", json={"timers": timers, "durability": "replicas:1"})
    results = made.get_json()["results"]
    assert [it["status"] for it in results] == [201] * 300 + [422]
    assert {it["timer"]["durability"]["reached"]["replicas"] for it in results[:300]} == {1}
    assert receipts(whole.primary) - before == 1 + 1, "one wait, and one look whether it can be asked for"


def test_of_a_batch_that_was_not_reached_each_is_a_503_of_its_own_and_its_repeat_asks_for_all(whole: Pair) -> None:
    whole.replica.signal(signal.SIGSTOP)
    body = {"timers": [TIMER, {**TIMER, "durability": "fsync"}, TIMER], "durability": "replicas:1"}
    headers = {"Idempotency-Key": "batch"}
    first, item, last = (
        api(whole.primary, SHORT).post("/timers/batch", json=body, headers=headers).get_json()["results"]
    )
    assert (first["status"], item["status"], last["status"]) == (503, 422, 503)
    assert first["problem"]["type"] == "/problems/not-durable"
    assert item["problem"]["errors"][0]["pointer"] == "/durability"
    whole.replica.signal(signal.SIGCONT)
    again = api(whole.primary).post("/timers/batch", json=body, headers=headers).get_json()["results"]
    assert [it["status"] for it in again] == [201, 422, 201]
    assert again[0]["timer"]["id"] == first["problem"]["timer_id"]


def test_a_put_by_key_waits_whether_it_makes_or_replaces(whole: Pair) -> None:
    http = api(whole.primary)
    fields = {**TIMER, "durability": "replicas:1"}
    for status in (201, 200):
        done = http.put("/timers/by-key/debounce", json=fields)
        assert (done.status_code, done.get_json()["durability"]["reached"]["replicas"]) == (status, 1)
    whole.replica.signal(signal.SIGSTOP)
    refused = api(whole.primary, SHORT).put("/timers/by-key/debounce", json=fields)
    assert refused.status_code == 503
    assert refused.get_json()["timer_id"] == done.get_json()["id"]


def test_a_schedule_waits_also_where_it_stands_so_already(whole: Pair) -> None:
    http = api(whole.primary)
    schedule = {"every": "1h", "timer": {"url": TIMER["url"]}, "durability": "replicas:1"}
    for status in (201, 200):
        done = http.put("/schedules/nightly", json=schedule)
        assert (done.status_code, done.get_json()["durability"]["reached"]["replicas"]) == (status, 1)
    assert http.put("/schedules/nightly", json=done.get_json()).status_code == 200, "an answer can be sent back"
    made = http.post("/schedules", json=schedule, headers={"Idempotency-Key": "schedule"})
    assert made.get_json()["durability"]["reached"]["replicas"] == 1
    whole.replica.signal(signal.SIGSTOP)
    refused = api(whole.primary, SHORT).put("/schedules/nightly", json=schedule)
    assert (refused.status_code, refused.get_json()["schedule"]) == (503, "nightly")


def test_a_repeat_of_what_is_not_there_any_more_gets_no_receipt(whole: Pair) -> None:
    http = api(whole.primary)
    fields, headers = {**TIMER, "durability": "replicas:1"}, {"Idempotency-Key": "gone"}
    made = http.post("/timers", json=fields, headers=headers).get_json()
    client = whole.primary.client()
    client.delete(keys.root(0), *client.scan_iter(f"*timer:{made['id']}"))
    client.close()
    refused = http.post("/timers", json=fields, headers=headers)
    assert (refused.status_code, refused.get_json()["timer_id"]) == (503, made["id"])
    assert refused.get_json()["type"] == "/problems/not-durable"


def test_a_patch_has_no_durability(whole: Pair) -> None:
    http = api(whole.primary)
    made = http.post("/timers", json=TIMER).get_json()
    for path in (f"/timers/{made['id']}", "/schedules/any"):
        refused = http.patch(path, json={"durability": "fsync"})
        assert (refused.status_code, refused.get_json()["errors"][0]["pointer"]) == (422, "/durability")


def test_a_store_killed_while_it_is_waited_for_is_a_503_that_says_so(own_server: Server) -> None:
    http = api(own_server)
    answer: list[Any] = []
    waiting = threading.Thread(
        target=lambda: answer.append(http.post("/timers", json={**TIMER, "durability": "replicas:1"}))
    )
    waiting.start()
    client = own_server.client()
    wait_until(lambda: client.info("clients")["blocked_clients"] == 1, 60, "the request waits")
    client.close()
    own_server.kill()
    waiting.join(60)
    problem = answer[0].get_json()
    assert (answer[0].status_code, problem["type"]) == (503, "/problems/not-durable")
    own_server.start()
    assert http.get(f"/timers/{problem['timer_id']}").get_json()["status"] == "scheduled"


def test_what_the_store_cannot_promise_is_a_422_and_nothing_is_stored(own_server: Server, redis_server: Server) -> None:
    client = own_server.client()
    for server, why in ((own_server, "redis#13793"), (redis_server, "no WAITAOF")):
        before = timers(server)
        for method, path, body in (
            ("POST", "/timers", TIMER),
            ("POST", "/timers/batch", {"timers": [TIMER]}),
            ("PUT", "/timers/by-key/a", TIMER),
            ("PUT", "/schedules/a", {"every": "1h", "timer": {"url": TIMER["url"]}}),
        ):
            refused = api(server).open(path, method=method, json={**body, "durability": "fsync"})
            assert refused.status_code == 422
            (error,) = refused.get_json()["errors"]
            assert error["pointer"] == "/durability"
            assert why in error["detail"]
        assert timers(server) == before
    client.config_set("appendonly", "no")
    refused = api(own_server).post("/timers", json={**TIMER, "durability": "fsync"})
    assert "no append-only file" in refused.get_json()["errors"][0]["detail"]
    client.close()


def test_redis_7_0_can_wait_for_its_replicas_and_tells_nothing_of_its_disk(redis_server: Server) -> None:
    refused = api(redis_server, SHORT).post("/timers", json={**TIMER, "durability": "replicas:1"})
    assert refused.status_code == 503
    assert refused.get_json()["durability"]["reached"] == {"fsync": False, "replicas": 0}
