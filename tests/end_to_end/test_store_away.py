"""The API while its store is frozen, gone, full or without a disk."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from scheduler import Link, StoreUnavailable, connect
from tests.bench.processes import Service, wait_until
from tests.bench.receiver import Receiver

TIMER = {"hours": 1, "url": "http://localhost:2/"}


def ask(service: Service, method: str = "POST", path: str = "/timers") -> tuple[requests.Response, float]:
    begun = time.monotonic()
    answer = requests.request(method, service.url + path, json=TIMER if method == "POST" else None, timeout=30)
    return answer, time.monotonic() - begun


def refused(answer: requests.Response) -> bool:
    return (answer.status_code, answer.headers.get("Retry-After"), answer.headers["content-type"]) == (
        503,
        "1",
        "application/problem+json",
    )


@pytest.mark.clock
def test_with_a_frozen_store_eight_clients_at_once_get_503_within_2_s_and_then_at_once(service: Service) -> None:
    service.api()
    service.post(**TIMER)  # a warm connection, else the client hangs in its handshake and proves nothing
    service.store.signal(signal.SIGSTOP)
    with ThreadPoolExecutor(8) as eight:
        first = list(eight.map(lambda _: ask(service), range(8)))
        assert all(refused(answer) and seconds < 2 for answer, seconds in first), first
        again = list(eight.map(lambda _: ask(service), range(64)))
    assert all(refused(answer) and seconds < 2 for answer, seconds in again)
    assert sorted(seconds for _, seconds in again)[56] < 0.5  # all but the few that look whether it is back
    assert requests.get(f"{service.url}/livez", timeout=1).status_code == 200
    service.store.signal(signal.SIGCONT)
    wait_until(lambda: ask(service)[0].status_code == 201, 5, "a timer that is accepted")


@pytest.mark.clock
def test_without_a_store_every_route_that_needs_one_is_a_503_within_2_s(service: Service) -> None:
    service.api()
    service.store.kill()
    one = f"/timers/{'0' * 22}"
    for method, path in (
        *(("GET", path) for path in (one, f"{one}/attempts", "/timers", "/timers/count", "/stats", "/readyz")),
        *(("POST", path) for path in ("/timers", f"{one}/fire", f"{one}/replay")),
        ("DELETE", one),
    ):
        answer, seconds = ask(service, method, path)
        assert refused(answer), (method, path)
        assert seconds < 2, (method, path)


def test_a_store_that_restarts_costs_no_client_an_error_afterwards(service: Service) -> None:
    service.api()
    timer = service.post(**TIMER)
    service.store.kill()
    service.store.start()
    wait_until(lambda: ask(service, "GET", f"/timers/{timer['id']}")[0].status_code == 200, 5, "the timer")


def test_a_full_store_takes_nothing_in_but_lets_timers_fire_settle_and_be_cancelled(
    service: Service, receiver: Receiver
) -> None:
    service.api()
    ids = service.set(50, receiver.url, 2000)
    cancelled = service.post(**TIMER)["id"]
    client = service.store.client()
    # What it uses falls by up to 80 kB when buffers of its clients go.
    client.config_set("maxmemory", client.info("memory")["used_memory"] - 200_000)
    answer, _ = ask(service)
    assert refused(answer)
    assert ask(service, "GET", "/readyz")[0].status_code == 503
    assert requests.delete(f"{service.url}/timers/{cancelled}", timeout=30).status_code == 204
    service.poller()
    service.finished(50, 20)
    assert receiver.counts() == dict.fromkeys(ids, 1)
    client.config_set("maxmemory", 0)
    assert ask(service)[0].status_code == 201


def test_with_a_full_store_leases_are_renewed_claims_given_back_and_no_answers_kept(
    service: Service, receiver: Receiver
) -> None:
    poller = service.poller(TIMER_LEASE="3")
    (timer_id,) = service.set(1, f"{receiver.url}/sleep/5", 0)
    receiver.wait_for(1, 10)
    client = service.store.client()
    client.config_set("maxmemory", client.info("memory")["used_memory"] - 200_000)  # what it frees by itself
    service.poller(TIMER_LEASE="3")
    service.finished(1, 20)
    assert receiver.counts() == {timer_id: 1}
    (attempt,) = service.timers.attempts(timer_id)
    assert (attempt.status_code, attempt.response_body) == (204, None)
    assert poller.stop() == 0


@pytest.mark.clock
def test_a_store_that_turned_into_a_replica_and_back_is_used_again_and_its_bell_heard(
    service: Service, receiver: Receiver
) -> None:
    service.api()
    service.poller()
    client = service.store.client()
    client.replicaof("127.0.0.1", "1")
    wait_until(lambda: refused(ask(service)[0]), 5, "a refusal")
    time.sleep(1.5)  # the fault itself: the poller meets it too
    client.replicaof("NO", "ONE")
    wait_until(lambda: ask(service)[0].status_code == 201, 5, "a timer that is accepted")
    late = []
    for number in range(12):
        time.sleep(0.037 * (number % 5))
        begun = time.time()
        service.set(1, receiver.url, 0)
        late.append(receiver.wait_for(number + 1, 5)[-1].at - begun)
    assert sorted(late)[8] < 0.4  # without the doorbell 0.67


@pytest.mark.clock
def test_one_call_to_a_frozen_store_ends_within_one_timeout(service: Service) -> None:
    """redis-py would repeat it ten times, unless told otherwise."""
    link = Link(connect(service.store.url, 0.3))
    link.run("stats", 0)
    service.store.signal(signal.SIGSTOP)
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable):
        link.run("stats", 0)
    assert time.monotonic() - begun < 2  # ten times would be 3 s
    service.store.signal(signal.SIGCONT)


def test_a_poller_without_the_right_to_run_scripts_waits_for_it(service: Service, receiver: Receiver) -> None:
    poller = service.poller()
    (timer_id,) = service.set(1, f"{receiver.url}/sleep/1", 0)
    receiver.wait_for(1, 10)
    client = service.store.client()
    client.acl_setuser("default", enabled=True, commands=["-evalsha"])
    time.sleep(2)  # the fault itself
    client.acl_setuser("default", enabled=True, commands=["+evalsha"])
    service.finished(1, 10)
    assert receiver.counts() == {timer_id: 1}
    assert poller.stop() == 0


def test_readyz_warns_of_a_store_that_may_lose_timers(service: Service) -> None:
    service.api()
    client = service.store.client()
    assert ask(service, "GET", "/readyz")[0].json() == {"status": "ok", "warnings": []}
    client.config_set("appendonly", "no")
    (warning,) = ask(service, "GET", "/readyz")[0].json()["warnings"]
    assert "append-only" in warning
    client.config_set("maxmemory-policy", "allkeys-lru")
    assert len(ask(service, "GET", "/readyz")[0].json()["warnings"]) == 2
    client.config_set("maxmemory", 10**9)
    answer, _ = ask(service, "GET", "/readyz")
    assert answer.status_code == 503
    assert "evict" in answer.json()["detail"]


def test_a_store_that_came_back_empty_is_an_alarm(service: Service) -> None:
    service.api()
    ask(service, "GET", "/readyz")
    service.store.client().flushall()
    assert "came back empty" in ask(service, "GET", "/readyz")[0].json()["warnings"][0]


def test_a_start_with_a_store_that_may_evict_is_a_loud_warning(service: Service) -> None:
    service.store.client().config_set("maxmemory-policy", "allkeys-lru")
    for part in (service.api(), service.poller()):
        assert "WARNING" in part.output()
        assert "allkeys-lru" in part.output()
