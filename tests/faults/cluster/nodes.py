"""The nodes of a cluster whose roles change, and what is done to them: killed, frozen, handed over, slots moved."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import redis

from tests.bench.cluster import HOST, NODE_TIMEOUT, Cluster, Node
from tests.bench.processes import free_port, wait_until
from tests.faults.cluster.roles import Role, read_roles

#: Seconds that anything a cluster does by itself may take, before the run is given up.
_PATIENCE = 60
#: Parts in which a slot moves, and seconds between two: it is to be half moved for a while.
_PARTS, _PACE = 20, 0.075
#: ms for which a primary answers no write before it is killed, so that its replica has all that it has answered.
_SETTLE = 500


class Nodes:
    """Used by one thread. Raises TimeoutError, or AssertionError, where a cluster does not do what it should."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._away: set[Node] = set()

    def roles(self) -> list[Role]:
        """As one of those says that are there."""
        return read_roles(self._one().ask("CLUSTER NODES").decode())

    def primaries(self) -> dict[Node, Role]:
        """Those that have slots."""
        nodes = {node.port: node for node in self.cluster.nodes}
        return {nodes[role.port]: role for role in self.roles() if role.ranges and not role.follows}

    def primary_of(self, slot: int) -> Node:
        return next(node for node, role in self.primaries().items() if role.has(slot))

    def replica_of(self, primary: Node) -> Node:
        mine = self.primaries()[primary].id
        found = next(role.port for role in self.roles() if role.follows == mine and not role.has_failed)
        return next(node for node in self.cluster.nodes if node.port == found)

    def settle(self, primary: Node) -> None:
        """Let it answer no write until its replica has all it has answered: replication is asynchronous, and what a
        primary that dies has answered in its last 0.1 ms may be lost, which is no defect of ours."""
        primary.ask("CLIENT PAUSE", _SETTLE, "WRITE")
        time.sleep(0.05)
        replica = self.replica_of(primary)
        wait_until(lambda: _offset(replica, "slave_repl_offset") >= _offset(primary, "master_repl_offset"), 5, "a copy")

    def kill(self, node: Node) -> None:
        self._away.add(node)
        node.kill()

    def freeze(self, node: Node) -> None:
        self._away.add(node)
        node.signal(signal.SIGSTOP)

    def thaw(self, node: Node) -> None:
        node.signal(signal.SIGCONT)
        self._away.discard(node)

    def restart(self, node: Node) -> None:
        node.start()
        wait_until(node.answers, _PATIENCE, "a node that was killed to start")
        self._away.discard(node)

    def replaced(self, old: Node) -> None:
        """Wait until another has the slots of this one, as all others say."""
        others = [node for node in self.cluster.nodes if node not in self._away]

        def is_replaced() -> bool:
            return all(
                not role.ranges
                for node in others
                for role in read_roles(node.ask("CLUSTER NODES").decode())
                if role.port == old.port
            )

        wait_until(is_replaced, NODE_TIMEOUT / 1000 + 20, "a replica to take over")

    def hand_over(self, primary: Node) -> None:
        """By hand: CLUSTER FAILOVER of its replica."""
        self.replica_of(primary).ask("CLUSTER FAILOVER")
        self.replaced(primary)

    def healed(self) -> None:
        """Wait until each node agrees, no slot moves, and each replica is up to date."""
        wait_until(self._is_whole, _PATIENCE, "the cluster to be whole")

    def _is_whole(self) -> bool:
        try:
            said = [read_roles(node.ask("CLUSTER NODES").decode()) for node in self.cluster.nodes]
            states = [node.ask("CLUSTER INFO") for node in self.cluster.nodes]
            links = [
                node.ask("INFO", "replication")
                for node in self.cluster.nodes
                if any(it.port == node.port and it.follows for it in said[0])
            ]
        except redis.RedisError:
            return False
        alike = {tuple(sorted((it.id, it.ranges, it.follows) for it in roles)) for roles in said}
        ok = all(b"cluster_state:ok" in it and b"cluster_slots_ok:16384" in it for it in states)
        no_failed = not any(it.has_failed for roles in said for it in roles)
        return len(alike) == 1 and ok and no_failed and all(b"master_link_status:up" in it for it in links)

    def open_slots(self) -> list[str]:
        """Slots that some node takes for moving."""
        found = []
        for node in self.cluster.nodes:
            mine = next(it for it in read_roles(node.ask("CLUSTER NODES").decode()) if it.port == node.port)
            found += [f"slot {slot} stays open at {node.address}" for slot in mine.moving]
        return found

    def close_slots(self) -> None:
        """Leave them to whoever has them now."""
        for node in self.cluster.nodes:
            mine = next(it for it in read_roles(node.ask("CLUSTER NODES").decode()) if it.port == node.port)
            for slot in mine.moving:
                node.ask("CLUSTER SETSLOT", slot, "STABLE")

    # Slots that move

    def migrate(self, slot: int, target: Node) -> None:
        """Key by key, as redis-cli does it. Raises redis.RedisError where a key is in the way, and leaves it so."""
        source = self.primary_of(slot)
        target.ask("CLUSTER SETSLOT", slot, "IMPORTING", source.id())
        source.ask("CLUSTER SETSLOT", slot, "MIGRATING", target.id())
        client = source.client()
        at_once = 1 + int(source.ask("CLUSTER COUNTKEYSINSLOT", slot)) // _PARTS
        try:
            while found := client.execute_command("CLUSTER GETKEYSINSLOT", slot, at_once):  # type: ignore[no-untyped-call]
                client.execute_command("MIGRATE", HOST, target.port, "", 0, 5000, "KEYS", *found)  # type: ignore[no-untyped-call]
                time.sleep(_PACE)
        finally:
            client.close()
        for node in (target, source, *self.primaries()):
            node.ask("CLUSTER SETSLOT", slot, "NODE", target.id())

    def migrate_at_once(self, slot: int, target: Node) -> None:
        """Valkey 9's own: the source goes on until the target has all of it."""
        source = self.primary_of(slot)
        source.ask("CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot, "NODE", target.id())
        self._until(lambda: self.primary_of(slot) is target, lambda: source.ask("CLUSTER GETSLOTMIGRATIONS").decode())

    def _until(self, is_so: Callable[[], bool], said: Callable[[], str]) -> None:
        until = time.monotonic() + _PATIENCE
        while not is_so():
            assert time.monotonic() < until, said()
            time.sleep(0.05)

    # Nodes that come and go

    def add(self) -> Node:
        """One more primary, without slots."""
        first = self.cluster.nodes[0]
        node = first.beside(free_port(), free_port())
        node.start()
        self.cluster.nodes.append(node)
        wait_until(node.answers, _PATIENCE, "a node that is added to start")
        node.ask("CLUSTER MEET", HOST, first.port, first.bus)
        count = len(self.cluster.nodes)
        wait_until(lambda: all(len(self._known_to(it)) == count for it in self.cluster.nodes), _PATIENCE, "a meeting")
        wait_until(lambda: b"cluster_state:ok" in node.ask("CLUSTER INFO"), _PATIENCE, "a node that takes part")
        return node

    def take_away(self, node: Node) -> None:
        """One that has no slots any more."""
        gone = node.id()
        self.cluster.nodes.remove(node)
        node.kill()
        for other in self.cluster.nodes:
            other.ask("CLUSTER FORGET", gone)

    def _known_to(self, node: Node) -> list[Role]:
        return [it for it in read_roles(node.ask("CLUSTER NODES").decode()) if not it.has_failed]

    def _one(self) -> Node:
        return next(node for node in self.cluster.nodes if node not in self._away)


def _offset(node: Node, name: str) -> int:
    lines = node.ask("INFO", "replication").decode().splitlines()
    return int(next(line.partition(":")[2] for line in lines if line.startswith(f"{name}:")))
