"""Who has which slot of a cluster, as a node tells it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from redis.crc import key_slot

from scheduler.store import keys
from scheduler.store.slot_map import SLOTS, read_slots
from scheduler.store_address import Host

ASKED = Host("asked.test", 7000)


def node(name: bytes | None, port: int) -> list[object]:
    return [name, port, b"id", []]


def test_hosts_are_those_that_are_announced_and_one_without_a_name_is_whoever_was_asked() -> None:
    found = read_slots(
        [[0, 8191, node(b"10.0.0.1", 1), node(b"10.0.0.2", 2)], [8192, 16383, node(None, 3), node(b"", 4)]], ASKED
    )
    assert found.hosts == (Host("10.0.0.1", 1), Host("asked.test", 3))
    assert found.replicas[Host("10.0.0.1", 1)] == (Host("10.0.0.2", 2),)
    assert found.of_slot[8191] == Host("10.0.0.1", 1)
    assert found.of_slot[8192] == Host("asked.test", 3)


def test_slots_that_nobody_has_or_whose_node_is_not_known_are_nobodys() -> None:
    found = read_slots([[0, 99, node(b"?", 1)], [200, 299, node(b"a", 1)]], ASKED)
    assert found.hosts == (Host("a", 1),)
    assert [found.of_slot[slot] for slot in (0, 150, 200, SLOTS - 1)] == [None, None, Host("a", 1), None]


def test_a_key_goes_by_its_hash_tag() -> None:
    slot = key_slot(keys.root(5).encode())
    found = read_slots([[slot, slot, node(b"a", 1)]], ASKED)
    for key in (keys.root(5), keys.layout(5), keys.bell(5), keys.idempotency(b"\5" * 16, 64)):
        assert found.host(key) == Host("a", 1)
    assert found.host(keys.root(6)) is None


@pytest.mark.parametrize("partitions", [16, 32, 64])
@pytest.mark.parametrize("masters", range(3, 9))
def test_partitions_lie_evenly_on_three_to_eight_nodes(partitions: int, masters: int) -> None:
    bounds = [round(n * SLOTS / masters) for n in range(masters + 1)]
    reply = [[first, end - 1, node(b"a", number)] for number, (first, end) in enumerate(pairwise(bounds), 1)]
    found = read_slots(reply, ASKED)
    counts = [sum(found.host(keys.root(it)) == host for it in range(partitions)) for host in found.hosts]
    assert max(counts) - min(counts) <= 1
