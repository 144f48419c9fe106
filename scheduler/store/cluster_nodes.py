"""The nodes of a cluster: a client and a breaker each, and who has which slot."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence

import redis

from scheduler.errors import StoreUnavailable
from scheduler.store.server import Server
from scheduler.store.slot_map import SlotMap, read_slots
from scheduler.store_address import Host

log = logging.getLogger(__name__)

#: Seconds between two looks at who has which slot, while something seems to have changed.
_LOOK_EVERY = 0.5
#: Seconds for which all nodes together are asked at most.
_PATIENCE = 1.0


def _nothing() -> None:
    """What is called once nobody uses the nodes any more."""


class ClusterNodes:
    """Shared by threads. One of them looks who has which slot; the others go on with what was known, if anything was.

    A node is asked as it is announced, over connections of its own; those of one that is no primary any more are
    closed once they are idle.
    """

    def __init__(self, seeds: Iterable[Host], open_server: Callable[[Host, Callable[[], object]], Server]) -> None:
        """`seeds`: who is asked first who there is. `open_server` is given what to call where keys may be elsewhere."""
        self._seeds = tuple(seeds)
        self._open_server = open_server
        weakly = weakref.WeakMethod(self.doubt)
        self._doubt = lambda: (weakly() or _nothing)()
        self._lock = threading.Lock()
        #: Grows also without the lock: copied before it is walked.
        self._servers: dict[Host, Server] = {}
        self._map: SlotMap | None = None
        self._looked_at = float("-inf")

    def of(self, key: str) -> Server:
        """The primary of this key. Raises StoreUnavailable where nobody has it."""
        found = self._known().host(key)
        if found is None:
            self.doubt()
            found = self._known().host(key)
        if found is None:
            raise StoreUnavailable("no node of the cluster has this part of the store", kind="cluster")
        return self._server(found)

    def all(self) -> list[Server]:
        """All primaries. Raises StoreUnavailable if none is known."""
        return [self._server(host) for host in self._known().hosts]

    def doubt(self) -> None:
        """Something has changed, perhaps: look again, but not more often than twice a second."""
        if self._lock.acquire(blocking=False):
            try:
                if time.monotonic() >= self._looked_at + _LOOK_EVERY:
                    self._look()
            finally:
                self._lock.release()

    def moved(self, told_by: Server) -> None:
        """A node has said that a key is elsewhere: ask it where all are now, or wait for whoever does."""
        before = self._looked_at
        with self._lock:
            if self._looked_at == before:
                self._look([host for host, server in list(self._servers.items()) if server is told_by])

    def close(self) -> None:
        for server in list(self._servers.values()):
            server.client.close()

    def _known(self) -> SlotMap:
        if self._map is None:
            with self._lock:
                if self._map is None:
                    self._look()
        if self._map is None:
            raise StoreUnavailable("the store is away: no node of the cluster tells who has which slot")
        return self._map

    def _server(self, host: Host) -> Server:
        server = self._servers.get(host)
        if server is None:
            server = self._servers.setdefault(host, self._open_server(host, self._doubt))
        return server

    def _look(self, first: Sequence[Host] = ()) -> None:
        """Ask one node after the other until one tells, healthy ones first. For whoever has the lock."""
        until = time.monotonic() + _PATIENCE
        for host in dict.fromkeys([*first, *self._likely()]):
            if time.monotonic() >= until:
                break
            try:
                found = read_slots(self._server(host).ask_shortly("CLUSTER", "SLOTS"), host)
            except redis.RedisError as error:
                log.debug("%s:%d does not tell who has which slot: %s", *host, error)
                continue
            if found.hosts:
                self._use(found)
                break
        self._looked_at = time.monotonic()

    def _likely(self) -> list[Host]:
        known = () if self._map is None else self._map.hosts
        away = [host for host in known if self._server(host).is_away]
        replicas = [it for host in known for it in (self._map.replicas[host] if self._map else ())]
        return [*(it for it in known if it not in away), *replicas, *self._seeds, *away]

    def _use(self, found: SlotMap) -> None:
        self._map = found
        for host in [it for it in list(self._servers) if it not in found.hosts]:
            # Whoever has one of its connections just now gives it back to a pool that nobody asks any more.
            self._servers.pop(host).client.connection_pool.disconnect(inuse_connections=False)
