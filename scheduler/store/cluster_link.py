"""The link to a store that stands on the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import redis
from redis.exceptions import MovedError

from scheduler.errors import StoreUnavailable
from scheduler.store import keys, layout
from scheduler.store.breaker import PAUSE
from scheduler.store.cluster_nodes import ClusterNodes
from scheduler.store.link import Link
from scheduler.store.server import Call, Server, Share, raise_first_error
from scheduler.store_address import Host

T = TypeVar("T")


class ClusterLink(Link):
    """As a link to one server, but that each call goes to the node that has its key.

    A node that says that a key has moved is believed, and the call made once more where it is now. One that says ASK,
    while a slot moves, is not followed: a script would write into both halves. Then, and while a node is away, calls
    for what lives there raise StoreUnavailable, and no others do.
    """

    AT_BIRTH = 16

    def __init__(
        self,
        seeds: Sequence[Host],
        connect: Callable[[Host], redis.Redis],
        partitions: int | None = None,
        pause: float = PAUSE,
        clock: str = layout.REAL,
    ) -> None:
        """`seeds`: nodes that tell of all others. `connect`: makes the client of a node; it does not call it yet."""
        super().__init__(connect(seeds[0]), partitions, pause, clock)
        failed_calls, expected = self._failed_calls, self._expected  # not ourselves: what nobody uses goes at once

        def open_server(host: Host, doubt: Callable[[], object]) -> Server:
            return Server(connect(host), failed_calls, pause, expected, f"{host.name}:{host.port}", doubt)

        self._nodes = ClusterNodes(seeds, open_server)

    def run_on(self, name: str, key: str, args: Sequence[str | bytes | int | float] = ()) -> Any:
        script = self._script(name)
        return self.ask(f"script {name}", key, lambda client: script(keys=[key], args=args, client=client))

    def run_on_each(self, name: str, calls: Sequence[Call]) -> list[Any]:
        """In one round trip a node."""
        script = self._script(name)
        found: dict[int, Any] = {}
        failed: StoreUnavailable | None = None
        for server, numbers in self._by_node([key for key, _ in calls]):
            try:
                with server.translated(f"script {name}"):
                    replies = server.replies(script, [calls[it] for it in numbers])
                    raise_first_error([it for it in replies if not isinstance(it, MovedError)])
                found.update(zip(numbers, replies, strict=True))
            except StoreUnavailable as error:  # what the others are asked is done all the same
                failed = error
        if failed is not None:
            raise failed
        for number, reply in found.items():
            if isinstance(reply, MovedError):
                key, args = calls[number]
                found[number] = self.run_on(name, key, args)
        return [found[number] for number in range(len(calls))]

    def run_at_once(self, name: str, args: Sequence[str | int] = ()) -> list[Any]:
        """On each partition by itself: a cluster has no transactions over several slots."""
        return self.run_on_each(name, [(keys.root(it), args) for it in range(self.partitions)])

    def ask(self, what: str, key: str, question: Callable[[redis.Redis], T]) -> T:
        server = self._nodes.of(key)
        with server.translated(what):
            try:
                return question(server.client)
            except MovedError:
                pass
        self.moved(server)
        server = self._nodes.of(key)
        with server.translated(what):
            return question(server.client)

    def servers(self) -> Sequence[Server]:
        return self._nodes.all()

    def by_server(self) -> Sequence[Share]:
        return self._by_node([keys.root(partition) for partition in range(self.partitions)])

    def server_of(self, key: str) -> Server:
        return self._nodes.of(key)

    def moved(self, server: Server) -> None:
        self._nodes.moved(server)

    def close(self) -> None:
        self.client.close()
        self._nodes.close()

    def _by_node(self, names: Sequence[str]) -> Sequence[tuple[Server, Sequence[int]]]:
        shares: dict[int, tuple[Server, list[int]]] = {}
        for place, name in enumerate(names):
            server = self._nodes.of(name)
            shares.setdefault(id(server), (server, []))[1].append(place)
        return list(shares.values())
