"""The service on a real cluster of 3 masters and 3 replicas, while nodes die and slots move."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from redis.crc import key_slot

from scheduler import Draft, Settings, Store, StoreUnavailable, Webhook
from scheduler.store import keys
from tests.bench.cluster import Cluster, running
from tests.bench.processes import Service, wait_until
from tests.bench.receiver import Receiver


@pytest.fixture(scope="module")
def replicated() -> Iterator[Cluster]:
    with running("valkey", masters=3, replicas=1) as it:
        yield it


@pytest.fixture
def on_cluster(replicated: Cluster, tmp_path: Path) -> Iterator[Service]:
    it = Service(tmp_path, store=replicated)
    yield it
    for part in it.parts:
        part.kill()


def test_timers_are_set_listed_and_delivered(on_cluster: Service, receiver: Receiver) -> None:
    on_cluster.api()
    on_cluster.poller()
    ids = {on_cluster.post(seconds=1, url=receiver.url, tags=["all"])["id"] for _ in range(40)}
    found = requests.get(f"{on_cluster.url}/timers?tag=all&limit=100", timeout=30).json()["data"]
    assert {it["id"] for it in found} == ids
    assert {hit.timer_id for hit in receiver.wait_for(40, 20)} == ids
    wait_until(lambda: requests.get(f"{on_cluster.url}/readyz", timeout=30).status_code == 200, 10, "readiness")


def test_what_lies_in_a_slot_that_moves_is_refused_and_never_written_to_where_it_moves(replicated: Cluster) -> None:
    """A script that follows ASK writes a part of its keys to a node that has none of the others."""
    store = Store(Settings(redis_url=replicated.url))
    try:
        timer_id = keys.id_in(0)
        store.timers.set(Draft(id=timer_id, webhook=Webhook(url="http://localhost:2/"), delay_ms=3_600_000))
        slot, place = key_slot(keys.root(0).encode()), store.link.server_of(keys.root(0)).name
        source = next(it for it in replicated.masters if it.address == place)
        target = next(it for it in replicated.masters if it is not source)
        target.ask("CLUSTER SETSLOT", slot, "IMPORTING", source.id())
        source.ask("CLUSTER SETSLOT", slot, "MIGRATING", target.id())
        try:
            new = Draft(id=keys.id_in(0), webhook=Webhook(url="http://localhost:2/"), delay_ms=60_000)
            source.ask("DEL", keys.root(0))  # as it is once it has moved: the source says ASK for it
            with pytest.raises(StoreUnavailable) as refused:
                store.timers.set(new)
            assert refused.value.kind == "cluster"
            assert target.ask("CLUSTER COUNTKEYSINSLOT", slot) == b"0"
            other = Draft(id=keys.id_in(1), webhook=Webhook(url="http://localhost:2/"), delay_ms=3_600_000)
            assert store.timers.set(other)
            store.timers.cancel(other.id)
        finally:
            for node in (source, target):
                node.ask("CLUSTER SETSLOT", slot, "STABLE")
    finally:
        store.close()


def in_history(service: Service) -> set[str]:
    answer = requests.get(f"{service.url}/history?limit=100", timeout=30)
    return {it["id"] for it in answer.json()["data"]} if answer.status_code == 200 else set()


def test_a_history_has_what_ended_on_every_node(on_cluster: Service, receiver: Receiver, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/history.sqlite"
    on_cluster.api(TIMER_HISTORY_URL=url)
    on_cluster.poller(TIMER_KEEP_FINISHED="0")
    process = on_cluster.start("history", TIMER_HISTORY_URL=url)
    store = Store(Settings(redis_url=on_cluster.store.url))
    wait_until(lambda: store.unread.backlog().is_noted, 20, "a history that has begun")
    ids = {on_cluster.post(seconds=0, url=receiver.url)["id"] for _ in range(100)}
    try:
        assert len({store.link.server_of(keys.root(keys.partition_of(it, 16) or 0)).name for it in ids}) == 3
        wait_until(lambda: in_history(on_cluster) >= ids, 30, "rows of all timers")
        assert process.stop() == 0
    finally:
        store.unread.end()
        store.close()


# The last, for it leaves the cluster with a master less.
def test_a_master_dies_and_nothing_is_lost_once_its_replica_has_taken_over(
    replicated: Cluster, on_cluster: Service, receiver: Receiver
) -> None:
    on_cluster.api()
    on_cluster.poller()
    on_cluster.poller()
    ids = [on_cluster.post(seconds=2 + number % 8, url=receiver.url)["id"] for number in range(120)]
    dead = replicated.masters[0]
    wait_until(replicated.is_replicated, 20, "the replicas to have all of it")
    dead.kill()
    answers = {201: 0, 503: 0}
    until = time.monotonic() + 60
    while time.monotonic() < until and not (answers[201] and answers[503]):
        answer = requests.post(f"{on_cluster.url}/timers", json={"seconds": 1, "url": receiver.url}, timeout=30)
        answers[answer.status_code] += 1
        if answer.status_code == 201:
            ids.append(answer.json()["id"])
    assert answers[201]  # what lives on other nodes
    assert answers[503]
    wait_until(lambda: requests.get(f"{on_cluster.url}/stats", timeout=30).status_code == 200, 20, "the replica's turn")
    wait_until(lambda: set(ids) <= set(receiver.counts()), 30, "all to be delivered")
