"""Where a cluster goes wrong: 3 masters with a replica each, APIs, pollers, a sink, and the record of what is done."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot

from scheduler import Draft, Settings, Status, Store, StoreUnavailable, Webhook
from scheduler.store import keys
from tests.bench.cluster import Cluster, Node
from tests.bench.processes import COMMAND, Part, Service, free_port
from tests.bench.servers import BINARIES
from tests.faults import places
from tests.faults.cluster.nodes import Nodes
from tests.faults.field import Record
from tests.faults.history import Bounds, Create, Fault, History, Snapshot, Verdict
from tests.faults.received import Received, secret_of

#: Of a store in a cluster, unless something else is said at its birth.
PARTITIONS = 16
#: The slot of each partition.
SLOT_OF = tuple(key_slot(keys.root(partition).encode()) for partition in range(PARTITIONS))
#: Seconds within which all that has ended must be forgotten, once nothing is kept.
_FORGOTTEN = 120.0
_ENDS = ("delivered", "failed", "cancelled")


class ClusterField(Service):
    def __init__(
        self, folder: Path, bounds: Bounds, replicas: int = 1, environs: Mapping[int, dict[str, str]] | None = None
    ) -> None:
        """`replicas`: of each master; `environs`: what masters are told beside, by their numbers."""
        assert BINARIES["valkey"] is not None
        # A primary that gives its last slot away stays one: it may get others.
        cluster = Cluster(BINARIES["valkey"], 3, replicas, "--cluster-allow-replica-migration", "no")
        for number, environ in (environs or {}).items():
            cluster.nodes[number].environ = environ
        super().__init__(folder, cluster.start(), TIMER_LEASE=str(bounds.lease), TIMER_KEEP_FINISHED="10000000")
        self.timers.stats()  # makes the store, while every slot has its place
        self.nodes = Nodes(cluster)
        self.bounds = bounds
        self.record = Record()
        self.crew: dict[str, Part] = {}
        #: There are no wires that we could cut: nodes are spoken to as they are announced.
        self.net = None
        self.misplaced: list[str] = []
        self.received = Received(folder, PARTITIONS)
        self.url_of, self.arrived = self.received.url_of, self.received.arrived

    def processes(self) -> Iterator[tuple[int, frozenset[str]]]:
        """Each with the names of the pollers that wait where it gets no CPU."""
        for name, part in list(self.crew.items()):
            yield part.process.pid, frozenset({name})
        for pid in (self.received.pid, *(node.pid for node in self.nodes.cluster.nodes)):
            yield pid, frozenset()

    def join(self, bug: str = "") -> str:
        """One more poller; its name."""
        name = self.received.sign_as_next()
        self.crew[name] = self.poller(command=command(bug), TIMER_SIGNING_SECRETS=secret_of(name))
        return name

    def open_api(self, port: int = 0, bug: str = "") -> Part:
        return self.api(command=command(bug), TIMER_PORT=str(port or free_port()))

    def set_timer(self, delay: float, hold_ms: int = 0, partition: int | None = None) -> None:
        """A timer straight into the store, in the record like any create. Its moment is of a node whose clock may be
        wrong: the client's own counts."""
        number = len(self.record.creates)
        webhook = Webhook(url=self.url_of(number, hold_ms, host=number))
        timer_id = self.timers.new_id() if partition is None else keys.id_in(partition)
        start = time.time()
        self.timers.set(Draft(id=timer_id, webhook=webhook, delay_ms=round(1000 * delay)))
        self.record.creates.append(
            Create(number=number, start=start, end=time.time(), verdict=Verdict.OK, delay=delay, timer_id=timer_id)
        )

    def partitions_of(self, node: Node) -> frozenset[int]:
        """As the nodes say now."""
        role = self.nodes.primaries().get(node)
        return frozenset(it for it in range(PARTITIONS) if role is not None and role.has(SLOT_OF[it]))

    @contextmanager
    def fault(
        self,
        kind: str,
        *,
        names: Collection[str] = (),
        partitions: Iterable[int] | None = None,
        excuses: bool = False,
    ) -> Iterator[None]:
        """Record what is done meanwhile, also where it fails. Pollers that were cut off from partitions for longer than
        half a lease may send again what they had of these, and say so."""
        start = time.time()
        try:
            yield
        finally:
            cut_off = partitions is not None and time.time() - start > self.bounds.lease / 2
            self.record.faults.append(
                Fault(
                    kind=kind,
                    start=start,
                    end=time.time(),
                    pollers=frozenset(names),
                    excuses=excuses or cut_off,
                    partitions=None if partitions is None else frozenset(partitions),
                )
            )

    def kill(self, name: str) -> None:
        with self.fault("poller killed", names=[name], excuses=True):
            self.crew.pop(name).kill()

    def freeze(self, name: str, seconds: float) -> None:
        with self.fault("poller frozen", names=[name], excuses=True):
            self.crew[name].signal(signal.SIGSTOP)
            time.sleep(seconds)  # the fault itself
            self.crew[name].signal(signal.SIGCONT)

    # What happened

    def settled(self, seconds: float) -> bool:
        """Wait until no timer is left that has not ended; says whether it came to that."""

        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(StoreUnavailable):  # a slot that stays open: the record says so
                stats = self.timers.stats()
                if stats.scheduled + stats.delivering == 0:
                    return True
            time.sleep(0.1)
        return False

    def history(self) -> History:
        """Of what has been recorded, once all is over and the cluster is whole."""
        record = self.record
        self.misplaced += [*self.nodes.open_slots(), *self._strangers()]
        self.nodes.close_slots()
        last = self.snapshot()
        record.snapshots.append(last)
        failed = last.places.get(Status.FAILED, ())
        return History(
            bounds=self.bounds,
            creates=tuple(record.creates),
            cancels=tuple(record.cancels),
            hits=tuple(self.received.hits()),
            faults=tuple(record.faults),
            snapshots=tuple(record.snapshots),
            ends={timer_id: place.partition(":")[0] for place, ids in last.places.items() for timer_id in ids},
            reasons={timer_id: self._reason(timer_id) for timer_id in failed},
            deaths=tuple(
                f"{name}: {code}, {part.output()[-500:]}"
                for name, part in self.crew.items()
                if (code := part.process.poll()) is not None
            ),
            left=None if self.misplaced else self._left(),
            partitions=PARTITIONS,
            misplaced=tuple(self.misplaced),
        )

    def _reason(self, timer_id: str) -> str:
        """Why it failed; "" where nobody can be asked."""
        with suppress(StoreUnavailable):
            return str(self.timers.get(timer_id).reason or "")
        return ""

    def snapshot(self) -> Snapshot:
        """Of all partitions, one after the other."""
        found = [self._ask(it, places.snapshot) for it in range(PARTITIONS)]
        together: dict[str, tuple[str, ...]] = {}
        for one in found:
            for place, ids in one.places.items():
                together[place] = together.get(place, ()) + ids
        return Snapshot(
            at=found[0].at,
            places=together,
            records=frozenset().union(*(one.records for one in found)),
            claimed=frozenset().union(*(one.claimed for one in found)),
        )

    def _ask(self, partition: int, question: Any) -> Any:
        client = self.nodes.primary_of(SLOT_OF[partition]).client()
        try:
            return question(client, keys.root(partition))
        finally:
            client.close()

    def _strangers(self) -> Iterator[str]:
        """Keys at a primary whose slot is another's."""
        for node, role in self.nodes.primaries().items():
            for key in _keys(node):
                if not role.has(key_slot(key)):
                    yield f"{key.decode()} at {node.address}"

    def _left(self) -> tuple[str, ...]:
        """The keys that remain once every finished timer is forgotten."""
        kept = {"keep_delivered": 0.0, "keep_failed": 0.0, "keep_finished": 0}
        store = Store(Settings(redis_url=self.store.url, store_timeout=10, lease=1, **kept))  # type: ignore[arg-type]
        claims = store.claims("forgetful", share=1)
        until = time.monotonic() + _FORGOTTEN
        while any(self._ask(it, _ended) for it in range(PARTITIONS)) and time.monotonic() < until:
            claims.claim(256, ())
        store.close()
        return tuple(sorted({key.decode() for node in self.nodes.primaries() for key in _keys(node)}))

    def remove(self) -> None:
        for node in self.nodes.cluster.nodes:
            node.kill()  # before their clients, which would ask each of them for long
        super().remove()
        self.received.close()


def command(bug: str = "") -> tuple[str, ...]:
    """The product's own, or with a planted bug."""
    return (sys.executable, "-m", "tests.faults.cluster.planted", bug) if bug else (COMMAND,)


def _ended(client: redis.Redis, root: str) -> int:
    prefix = root.removesuffix("scheduled")
    return sum(int(client.zcard(prefix + end)) for end in _ENDS)


def _keys(node: Node) -> list[bytes]:
    client = node.client()
    try:
        return list(client.scan_iter(count=1000))
    finally:
        client.close()
