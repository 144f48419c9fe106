"""Ids name a slot, slots lie in partitions, and partitions lie evenly on the nodes of a cluster."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter

import pytest
from redis.crc import key_slot

from scheduler.store import keys

CLUSTER_SLOTS = 16_384


def test_ids_name_each_of_64_slots_and_do_not_repeat() -> None:
    ids = {keys.new_id() for _ in range(5000)}
    assert len(ids) == 5000
    assert all(len(timer_id) == 22 and timer_id.isalnum() and timer_id.isascii() for timer_id in ids)
    assert {keys.partition_of(timer_id, 64) for timer_id in ids} == set(range(64))
    assert len({timer_id[:2] for timer_id in ids}) == 64


def test_processes_that_were_one_a_moment_ago_make_other_ids() -> None:
    """As a worker is forked of gunicorn's arbiter: what they draw ids from must not go on from the same place."""
    code = """
import os
from scheduler.store import keys
keys.new_id()
if os.fork():
    os.wait()  # or their lines would mix
print(keys.new_id(), keys.id_in(0), flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    (one, in_slot), (other, other_in_slot) = (line.split() for line in done.stdout.splitlines())
    assert one != other
    assert in_slot != other_in_slot


def test_two_copies_of_one_virtual_machine_make_other_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """They draw the same, each at a moment of its own."""
    monkeypatch.setattr("ssl.RAND_bytes", lambda count: bytes(range(count)))
    one, in_slot = keys.new_id(), keys.id_in(0)
    assert keys.new_id() != one
    assert keys.id_in(0) != in_slot


@pytest.mark.parametrize("partitions", keys.PARTITIONS)
def test_an_id_is_the_same_whatever_the_partitions_and_lies_in_slot_modulo_partitions(partitions: int) -> None:
    for slot in range(keys.SLOTS):
        assert keys.partition_of(keys.id_in(slot), partitions) == slot % partitions


def test_what_is_stored_under_a_key_a_digest_or_an_id_is_found_by_every_later_version() -> None:
    """Written down, for they are stored: a change here loses timers."""
    assert keys.id_in(0)[:2] == "00"
    assert keys.id_in(63)[:2] == "11"
    assert [keys.slot_of_key(key) for key in ("order-1", "é", "")] == [47, 62, 0]
    digest = hashlib.sha256(b"seed").digest()
    assert keys.id_from(digest) == "0hBk5ecQOYZYlWOXC1Buqp"
    assert keys.idempotency(digest[:16], 16) == "timers:{13nb}:idem:19b25856e1c150ca834cffc8b59b23ad"
    assert keys.root(0) == "timers:{0}:scheduled"


def test_the_same_seed_makes_the_same_id_and_its_slot_is_the_keys_where_there_is_one() -> None:
    seeds = [hashlib.sha256(bytes([number])).digest() for number in range(200)]
    assert [keys.id_from(seed) for seed in seeds] == [keys.id_from(seed) for seed in seeds]
    assert len({keys.id_from(seed)[:2] for seed in seeds}) > 50
    assert {keys.partition_of(keys.id_from(seed, keys.slot_of_key("k")), 64) for seed in seeds} == {
        keys.partition_of_key("k", 64)
    }


@pytest.mark.parametrize(
    "timer_id", ["", "0" * 21, "0" * 23, "12" + "0" * 20, "zz" + "0" * 20, "0/" + "0" * 20, "é" * 22]
)
def test_what_names_no_slot_is_the_id_of_no_timer(timer_id: str) -> None:
    assert keys.partition_of(timer_id, 1) is keys.partition_of(timer_id, 64) is None


@pytest.mark.parametrize("partitions", [16, 32, 64])
@pytest.mark.parametrize("nodes", range(3, 9))
def test_no_node_of_a_cluster_has_more_than_one_partition_more_than_another(partitions: int, nodes: int) -> None:
    """With the ranges that `redis-cli --cluster create` gives to so many primaries."""
    first_slots = [round(node * CLUSTER_SLOTS / nodes) for node in range(nodes)]
    held = Counter(
        max(node for node in range(nodes) if first_slots[node] <= key_slot(keys.root(partition).encode()))
        for partition in range(partitions)
    )
    assert len(held) == nodes
    assert max(held.values()) - min(held.values()) <= 1


def test_all_keys_of_a_partition_lie_in_one_slot_of_a_cluster_and_no_two_partitions_share_one() -> None:
    slots = set()
    for partition in range(keys.SLOTS):
        names = [keys.root(partition), keys.waiting(partition), keys.bell(partition), keys.probe(partition)]
        assert len({key_slot(name.encode()) for name in names}) == 1
        slots.add(key_slot(names[0].encode()))
    assert len(slots) == keys.SLOTS


def test_idempotency_keys_lie_in_all_partitions_under_the_one_pattern_of_the_access_list() -> None:
    names = [keys.idempotency(hashlib.sha256(bytes([number])).digest()[:16], 16) for number in range(250)]
    assert {name.partition(":idem:")[0] + ":" for name in names} == {keys.prefix(partition) for partition in range(16)}
    assert all(name.startswith("timers:") for name in names)
