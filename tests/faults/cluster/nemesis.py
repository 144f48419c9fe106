"""What goes wrong with a cluster, on a seeded schedule: one fault at a time, each healed before the next."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence

import redis

from tests.bench.cluster import Node
from tests.bench.processes import Part
from tests.faults.cluster.field import PARTITIONS, SLOT_OF, ClusterField

#: Seconds from a replica's turn until an old primary comes back.
_LINGER = 1.5


def plan(seed: int, kinds: Sequence[str]) -> Iterator[str]:
    """These in a random order, all of them, and again, for ever."""
    chance = random.Random(seed)
    while True:
        yield from chance.sample(list(kinds), len(kinds))


class Stuck(Exception):
    """A slot that cannot be moved to its end: only somebody can mend that."""


class Nemesis:
    """Works on a field with its pollers and APIs; all stay as many as they were."""

    def __init__(self, field: ClusterField, apis: Sequence[tuple[int, Part]], seed: int) -> None:
        self.field = field
        self.nodes = field.nodes
        self.chance = random.Random(seed)
        self.apis = list(apis)

    def strike(self, kind: str) -> None:
        """And wait until the cluster is whole again."""
        KINDS[kind](self)
        self.nodes.healed()

    def primary(self) -> tuple[Node, frozenset[int]]:
        """Any, and its partitions."""
        node = self.chance.choice(sorted(self.nodes.primaries(), key=lambda it: it.port))
        return node, self.field.partitions_of(node)

    def one_to_move(self) -> tuple[int, Node]:
        """A partition, and a primary that does not have it."""
        partition = self.chance.randrange(PARTITIONS)
        source = self.nodes.primary_of(SLOT_OF[partition])
        others = sorted((it for it in self.nodes.primaries() if it is not source), key=lambda it: it.port)
        return partition, self.chance.choice(others)

    def move(self, kind: str, partition: int, target: Node, *, at_once: bool) -> None:
        with self.field.fault(kind, partitions=[partition]):
            try:
                (self.nodes.migrate_at_once if at_once else self.nodes.migrate)(SLOT_OF[partition], target)
            except redis.ResponseError as error:
                self.field.misplaced.append(f"partition {partition} cannot be moved: {error}")
                raise Stuck from error


def kill_master(it: Nemesis) -> None:
    old, partitions = it.primary()
    with it.field.fault("master killed", partitions=partitions):
        it.nodes.settle(old)
        it.nodes.kill(old)
        it.nodes.replaced(old)
    time.sleep(_LINGER)
    it.nodes.restart(old)


def freeze_master(it: Nemesis) -> None:
    """Until another has its slots, and a moment longer: then it thaws, and takes itself for a primary."""
    old, partitions = it.primary()
    with it.field.fault("master frozen", partitions=partitions):
        it.nodes.settle(old)
        it.nodes.freeze(old)
        it.nodes.replaced(old)
    time.sleep(_LINGER)
    with it.field.fault("master thawed", partitions=partitions):
        it.nodes.thaw(old)
        it.nodes.healed()


def blink_master(it: Nemesis) -> None:
    """Too short for anybody to take over."""
    node, partitions = it.primary()
    with it.field.fault("master stalled", partitions=partitions):
        it.nodes.freeze(node)
        time.sleep(it.chance.uniform(0.3, 1.2))  # the fault itself
        it.nodes.thaw(node)


def hand_over(it: Nemesis) -> None:
    old, partitions = it.primary()
    with it.field.fault("handed over", partitions=partitions):
        it.nodes.hand_over(old)


def move_slots(it: Nemesis) -> None:
    for _ in range(2):
        it.move("moved by MIGRATE", *it.one_to_move(), at_once=False)


def move_slots_at_once(it: Nemesis) -> None:
    for _ in range(2):
        it.move("moved atomically", *it.one_to_move(), at_once=True)


def add_node(it: Nemesis) -> None:
    """It gets two partitions, one by each way, serves them for a while, and goes again."""
    new = it.nodes.add()
    moved = it.chance.sample(range(PARTITIONS), 2)
    sources = [it.nodes.primary_of(SLOT_OF[partition]) for partition in moved]
    for number, partition in enumerate(moved):
        it.move("node added", partition, new, at_once=bool(number))
    it.nodes.healed()
    time.sleep(3 * _LINGER)
    for number, (partition, source) in enumerate(zip(moved, sources, strict=True)):
        it.move("node removed", partition, source, at_once=not number)
    it.nodes.take_away(new)


def kill_poller(it: Nemesis) -> None:
    it.field.kill(it.chance.choice(sorted(it.field.crew)))
    it.field.join()


def freeze_poller(it: Nemesis) -> None:
    it.field.freeze(it.chance.choice(sorted(it.field.crew)), it.field.bounds.lease * it.chance.uniform(1.2, 1.8))


def kill_api(it: Nemesis) -> None:
    place = it.chance.randrange(len(it.apis))
    port, part = it.apis[place]
    with it.field.fault("API killed"):
        part.kill()
        it.apis[place] = (port, it.field.open_api(port))


KINDS: dict[str, Callable[[Nemesis], None]] = {
    "master killed": kill_master,
    "master frozen": freeze_master,
    "master stalled": blink_master,
    "handed over": hand_over,
    "moved by MIGRATE": move_slots,
    "moved atomically": move_slots_at_once,
    "node added": add_node,
    "poller killed": kill_poller,
    "poller frozen": freeze_poller,
    "API killed": kill_api,
}
