"""A real cluster as a store under test, whose clock is in the test's hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import redis

from scheduler.store import keys
from scheduler.store.cluster_link import ClusterLink
from scheduler.store.server import Call
from scheduler.store_address import Host
from tests.bench.cluster import HOST, Cluster

_DESTINATION = keys.destination("")[:-2]
#: Of the key of a script in any slot: `timers:{<its hash tag>}:clock`.
_CLOCK = "'timers:' .. string.match(KEYS[1], '{.-}') .. ':clock'"


class HandSetNode(redis.Redis):
    def register_script(self, script: Any) -> Any:
        return super().register_script(script.replace("'TIME'", f"'LRANGE', {_CLOCK}, 0, 1"))


L = TypeVar("L", bound="HandSetClusterLink")


class ClusterClient(redis.RedisCluster):
    """What a test looks into the store with; the engine has a link of its own to the same nodes."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(host=HOST, port=cluster.masters[0].port)
        self._hosts = [Host(HOST, node.port) for node in cluster.masters]
        self._links: list[HandSetClusterLink] = []

    def link(self, partitions: int) -> HandSetClusterLink:
        return self.link_as(HandSetClusterLink, partitions)

    def link_as(self, kind: type[L], partitions: int) -> L:
        it = kind(self._hosts, lambda host: HandSetNode(*host, socket_timeout=10), partitions)
        self._links.append(it)
        return it

    def close_links(self) -> None:
        """Of a test that is over: where objects refer to each other in circles, sockets may be collected unclosed."""
        while self._links:
            self._links.pop().close()


class HandSetClusterLink(ClusterLink):
    """Sets the clock of a destination's slot, too, to that of the first partition, before each script there."""

    def run_on(self, name: str, key: str, args: Sequence[str | bytes | int | float] = ()) -> Any:
        self._set_clock(key)
        return super().run_on(name, key, args)

    def run_on_each(self, name: str, calls: Sequence[Call]) -> list[Any]:
        for key, _ in calls:
            self._set_clock(key)
        return super().run_on_each(name, calls)

    def _set_clock(self, key: str) -> None:
        if not key.startswith(_DESTINATION):
            return
        first = f"{keys.prefix(0)}clock"
        now: Any = self.ask("LRANGE", first, lambda client: client.lrange(first, 0, 1))
        own = f"timers:{key[key.index('{') :]}:clock"
        self.ask("LPUSH", own, lambda client: client.lpush(own, *reversed(now)))
