"""The nodes of a real cluster: slots that move, nodes that are frozen."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import partial

import pytest
from redis.crc import key_slot

from scheduler import Doorbell, Draft, Durability, Poller, Query, Settings, Store, StoreUnavailable, Timer, Webhook
from scheduler.store import keys
from tests.bench.cluster import Cluster, Node
from tests.bench.processes import wait_until
from tests.bench.rowed import Rowed
from tests.bench.transports import HandTransport
from timer_service.process.recorder import Recorder

PARTITION = 3
DAY = 86_400_000


@pytest.fixture
def store(cluster: Cluster) -> Iterator[Store]:
    cluster.flush()
    it = Store(Settings(redis_url=cluster.url, store_timeout=3))
    assert it.link.partitions == 16
    yield it
    it.close()


def draft(partition: int) -> Draft:
    return Draft(id=keys.id_in(partition), webhook=Webhook(url="http://localhost:2/"), delay_ms=3_600_000)


def node_of(cluster: Cluster, store: Store, partition: int) -> Node:
    place = store.link.server_of(keys.root(partition)).name
    return next(it for it in cluster.masters if it.address == place)


def test_partitions_lie_on_all_nodes_and_each_call_goes_to_its_own(cluster: Cluster, store: Store) -> None:
    shares = store.link.by_server()
    assert sorted(len(partitions) for _, partitions in shares) == [5, 5, 6]
    store.timers.set(*map(draft, range(16)))
    assert len(store.listing.page(Query()).timers) == 16
    assert store.timers.stats().scheduled == 16
    assert store.health.check().refused == ()
    assert dict(store.link.failures) == {}


def test_a_virtual_clock_is_turned_in_the_partitions_of_all_nodes(cluster: Cluster) -> None:
    cluster.flush()
    it = Store(Settings(redis_url=cluster.url, store_timeout=3, clock="virtual"))
    assert it.clock is not None
    before = it.clock.now()
    assert it.clock.advance_by(DAY).stopped_by is None
    assert all(now - before >= DAY for now, *_ in it.link.run_each("pollers", [(each, []) for each in range(16)]))
    it.close()
    cluster.flush()


def test_a_slot_that_has_moved_is_found_again_by_the_call_that_meets_it(cluster: Cluster, store: Store) -> None:
    store.timers.set(draft(0))
    slot, source = key_slot(keys.root(PARTITION).encode()), node_of(cluster, store, PARTITION)
    target = next(it for it in cluster.masters if it is not source)
    cluster.flush()  # an empty slot moves at once
    try:
        for it in (target, source, *cluster.masters):
            it.ask("CLUSTER SETSLOT", slot, "NODE", target.id())
        (timer,) = store.timers.set(draft(PARTITION))
        assert node_of(cluster, store, PARTITION) is target
        assert store.timers.get(timer.id).id == timer.id
        assert dict(store.link.failures) == {}
    finally:
        cluster.flush()
        for it in (source, target, *cluster.masters):
            it.ask("CLUSTER SETSLOT", slot, "NODE", source.id())


def test_while_a_node_is_frozen_its_partitions_alone_are_refused(cluster: Cluster, store: Store) -> None:
    timers = store.timers.set(*map(draft, range(16)))
    store.unread.begin()
    store.timers.cancel_each([it.id for it in store.timers.set(*map(draft, range(16)))])
    history = Rowed()
    frozen = node_of(cluster, store, PARTITION)
    elsewhere = [it for it in range(16) if node_of(cluster, store, it) is not frozen]
    frozen.signal(signal.SIGSTOP)
    try:
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                store.timers.set(draft(PARTITION))
            store.timers.set(*map(draft, elsewhere))
            assert store.timers.get(timers[elsewhere[0]].id).id == timers[elsewhere[0]].id
        with pytest.raises(StoreUnavailable):
            store.listing.page(Query())
        report = store.health.check()
        assert [frozen.address in it for it in report.warnings].count(True) == 1
        batch = store.claims("one", share=10).claim(10)
        assert set(batch.waits) == set(elsewhere)
        with pytest.raises(StoreUnavailable):
            Recorder(store.unread, history, keep=60).pass_once()
        assert {keys.partition_of(timer_id, 16) for timer_id in history.rows} == set(elsewhere)
    finally:
        frozen.signal(signal.SIGCONT)
        wait_until(cluster.agrees, 20, "the cluster to be whole")
    wait_until(lambda: sets(store, PARTITION), 20, "the node to be used again")
    Recorder(store.unread, history, keep=60).pass_once()
    assert {keys.partition_of(timer_id, 16) for timer_id in history.rows} == set(range(16))
    assert store.unread.backlog().unread == 0


@pytest.mark.parametrize("half_done", ["ended", "to be given back"])
def test_a_poller_that_a_frozen_node_leaves_with_work_half_done_goes_on_elsewhere(
    cluster: Cluster, store: Store, half_done: str
) -> None:
    transport = HandTransport(slots=9)
    poller = Poller(store.claims("one", share=9), transport, name="one", lease=30, grace=0)

    def is_sent(timer: Timer) -> bool:
        poller.rang(keys.partition_of(timer.id, 16) or 0)
        poller.run_once()
        return any(it.id == timer.id for it in transport.sent)

    def set_due(partition: int) -> Timer:
        (timer,) = store.timers.set(draft(partition)._replace(delay_ms=0))
        return timer

    first = set_due(PARTITION)
    wait_until(lambda: is_sent(first), 20, "the first attempt")
    frozen = node_of(cluster, store, PARTITION)
    elsewhere = [it for it in range(16) if node_of(cluster, store, it) is not frozen]
    frozen.signal(signal.SIGSTOP)
    try:
        transport.end(transport.sent[0]) if half_done == "ended" else transport.hand_back(transport.sent[0])
        poller._collect(transport.wait(0))
        for timer in map(set_due, elsewhere[:4]):
            wait_until(partial(is_sent, timer), 20, "an attempt elsewhere")
            transport.end(transport.sent[-1])
            poller._collect(transport.wait(0))
            poller.run_once()
    finally:
        frozen.signal(signal.SIGCONT)


def test_the_doorbell_hears_every_partition_also_one_that_has_moved(cluster: Cluster, store: Store) -> None:
    rang: set[int] = set()
    bell = Doorbell(store.link, lambda: None, rang=rang.add)
    slot, source = key_slot(keys.root(PARTITION).encode()), node_of(cluster, store, PARTITION)
    target = next(it for it in cluster.masters if it is not source)
    bell.start()
    try:
        wait_until(lambda: rang == set(range(16)), 20, "all subscriptions")
        assert bell.subscriptions == 3
        rang.clear()
        store.timers.set(*map(draft, range(16)))
        wait_until(lambda: rang == set(range(16)), 20, "all rings")
        cluster.flush()
        for it in (target, source, *cluster.masters):
            it.ask("CLUSTER SETSLOT", slot, "NODE", target.id())
        wait_until(lambda: bell.subscriptions >= 5, 20, "subscriptions where the slot is now")
        rang.clear()
        store.timers.set(draft(PARTITION))
        wait_until(lambda: PARTITION in rang, 20, "a ring from where the slot is now")
    finally:
        bell.stop()
        cluster.flush()
        for it in (source, target, *cluster.masters):
            it.ask("CLUSTER SETSLOT", slot, "NODE", source.id())


def test_a_durable_batch_waits_for_the_disk_of_every_node_that_has_a_part_of_it(cluster: Cluster, store: Store) -> None:
    for node in cluster.masters:
        node.ask("CONFIG SET appendfsync always")
    try:
        with store.writes(Durability(fsync=True)) as writes:
            writes.timers.set(*map(draft, range(16)))
            receipt = writes.receipt()
        assert receipt is not None
        assert receipt.is_met
    finally:
        for node in cluster.masters:
            node.ask("CONFIG SET appendfsync everysec")
    with store.writes(Durability(replicas=1)) as writes:
        writes.timers.set(*map(draft, range(16)))
        receipt = writes.receipt()
    assert receipt is not None
    assert (receipt.is_met, receipt.replicas) == (False, 0)


def test_a_durable_write_finds_a_slot_that_has_moved(cluster: Cluster, store: Store) -> None:
    store.timers.set(draft(0))
    slot, source = key_slot(keys.root(PARTITION).encode()), node_of(cluster, store, PARTITION)
    target = next(it for it in cluster.masters if it is not source)
    cluster.flush()
    try:
        for it in (target, source, *cluster.masters):
            it.ask("CLUSTER SETSLOT", slot, "NODE", target.id())
        with store.writes(Durability(replicas=1)) as writes:
            (timer,) = writes.timers.set(draft(PARTITION))
            receipt = writes.receipt()
        assert receipt is not None
        assert (node_of(cluster, store, PARTITION), receipt.replicas) == (target, 0)
        assert store.timers.get(timer.id).id == timer.id
        assert dict(store.link.failures) == {}
    finally:
        cluster.flush()
        for it in (source, target, *cluster.masters):
            it.ask("CLUSTER SETSLOT", slot, "NODE", source.id())


def sets(store: Store, partition: int) -> bool:
    try:
        store.timers.set(draft(partition))
    except StoreUnavailable:
        return False
    return True


def test_a_store_of_which_no_node_answers_is_away_and_each_call_says_so(cluster: Cluster) -> None:
    store = Store(Settings(redis_url="redis+cluster://127.0.0.1:1,127.0.0.1:2", store_timeout=0.2))
    with pytest.raises(StoreUnavailable) as raised:
        store.timers.set(draft(0))
    assert raised.value.kind == "away"
    with pytest.raises(StoreUnavailable):
        store.health.check()
    store.close()
