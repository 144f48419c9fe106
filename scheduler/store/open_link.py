"""The link to the store that the settings name: to one server, or to the nodes of a cluster."""

from __future__ import annotations

from scheduler.settings import Settings
from scheduler.store.breaker import PAUSE
from scheduler.store.cluster_link import ClusterLink
from scheduler.store.link import Link, connect, connect_to
from scheduler.store_url import parse


def open_link(settings: Settings, pause: float = PAUSE, node_pause: float = PAUSE) -> Link:
    """Made without a call to any server. `pause`: seconds after a lost connection for which calls are refused;
    `node_pause`: the same of one node of a cluster, while others may go on."""
    address, timeout, partitions = parse(settings.redis_url), settings.store_timeout, settings.partitions or None
    if address.kind == "cluster":
        return ClusterLink(
            address.hosts, lambda host: connect_to(address, host, timeout), partitions, node_pause, settings.clock
        )
    return Link(connect(settings.redis_url, timeout), partitions, pause, settings.clock)
