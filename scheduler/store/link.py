"""The link to the store: runs scripts, and asks what goes beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import MovedError

from scheduler.errors import StoreUnavailable
from scheduler.store import keys, layout
from scheduler.store.breaker import PAUSE
from scheduler.store.dial_again import OnceMore
from scheduler.store.dialling import pool_options
from scheduler.store.failed_calls import FailedCalls
from scheduler.store.following import FollowingPool
from scheduler.store.laying_out import Expected, look_up
from scheduler.store.packing import Packer
from scheduler.store.scripts import source
from scheduler.store.server import Call, Server, Share, raise_first_error
from scheduler.store_address import Address, Host
from scheduler.store_url import parse

T = TypeVar("T")


def connect(url: str, timeout: float) -> redis.Redis:
    """A client whose calls end within `timeout` seconds to look up and connect, and `timeout` to answer.

    A broken connection is retried once, at once: every script is repeatable. A timeout is not: the caller has waited.
    """
    address = parse(url)
    if address.kind == "sentinel":
        return redis.Redis.from_pool(FollowingPool(address, timeout, **_options()))
    return connect_to(address, next(iter(address.hosts), None), timeout)


def connect_to(address: Address, host: Host | None, timeout: float) -> redis.Redis:
    """The same for one host of an address; None for a socket."""
    options = {**pool_options(address, host), "socket_timeout": timeout, "socket_connect_timeout": timeout}
    return redis.Redis.from_pool(redis.ConnectionPool(**options, **_options()))


def _options() -> dict[str, Any]:
    """What every connection has."""
    once_more = OnceMore(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return {"retry": once_more, "command_packer": Packer()}


class Link:
    """Shared by threads. Raises StoreUnavailable for everything that trying again later may mend.

    `pause`: seconds after a lost connection for which calls are refused unasked.
    """

    #: Partitions of an empty store, unless somebody says how many.
    AT_BIRTH = 1

    def __init__(
        self,
        client: redis.Redis,
        partitions: int | None = None,
        pause: float = PAUSE,
        clock: str = layout.REAL,
    ) -> None:
        """`partitions`, `clock`: what an empty store gets, and what one that is not empty has to have. Of partitions
        it gets 1 unless said, and then may have any number."""
        #: Of the server; the engine asks through the link.
        self.client = client
        self.clock = clock
        self._asked = partitions
        self._expected = Expected(clock)
        self._failed_calls = FailedCalls()
        self._server = Server(client, self._failed_calls, pause, self._expected)
        self._scripts: dict[str, Script] = {}

    @property
    def partitions(self) -> int:
        """As the store is laid out: looked up once, for it never changes under a process that serves it.

        Raises StoreUnsuitable for a store that this version cannot serve.
        """
        found = self._expected.partitions
        if found is None:
            try:
                found = look_up(self._layout, self._lay_out, self._suitable, self._asked, self.AT_BIRTH)
            except StoreUnavailable as error:
                if error.kind != "noperm":
                    raise
                # No script of ours will do more for this user, but each says what is refused.
                return self._asked or self.AT_BIRTH
            self._expected.partitions = found
        return found

    def assume(self, partitions: int) -> None:
        """So many partitions, without a look: for whoever works on a store that nobody is to serve."""
        self._expected.partitions = partitions

    @property
    def failures(self) -> Counter[str]:
        """Calls that failed, by kind: those of refusals.KINDS."""
        return self._failed_calls.counts

    def count_failures(self, on_failure: Callable[[str], object]) -> None:
        """From now on it is called with the kind of each call that failed."""
        self._failed_calls.on_failure = on_failure

    def run(self, name: str, partition: int, args: Sequence[str | bytes | int | float] = ()) -> Any:
        """Run one script of lua/ on one partition; its contract says what comes back."""
        return self.run_on(name, keys.root(partition), args)

    def run_each(self, name: str, calls: Sequence[tuple[int, Sequence[str | bytes | int]]]) -> list[Any]:
        """The same on many partitions, each with its arguments, in one round trip a server: each one's reply, or the
        StoreUnavailable that is why there is none."""
        return self.send_each(name, calls)()

    def send_each(self, name: str, calls: Sequence[tuple[int, Sequence[str | bytes | int]]]) -> Callable[[], list[Any]]:
        """The same, sent now, to all servers before the first reply is read; what is returned is to be called once, and
        reads them."""
        script, what = self._script(name), f"script {name}"
        rooted = [(keys.root(partition), args) for partition, args in calls]
        shares = [
            (server.send(script, [rooted[it] for it in numbers], what), numbers)
            for server, numbers in self._by_node([key for key, _ in rooted])
        ]

        def replies() -> list[Any]:
            found: dict[int, Any] = {}
            for sent, numbers in shares:
                found.update(zip(numbers, sent.answers(), strict=True))
            return [
                self._reply(name, *call) if isinstance(found[number], MovedError) else found[number]
                for number, call in enumerate(calls)
            ]

        return replies

    def _reply(self, name: str, partition: int, args: Sequence[str | bytes | int]) -> Any:
        try:
            return self.run(name, partition, args)
        except StoreUnavailable as error:
            return error

    def run_on(self, name: str, key: str, args: Sequence[str | bytes | int | float] = ()) -> Any:
        """The same for a script whose one key is not that of a partition."""
        script = self._script(name)
        with self._server.translated(f"script {name}"):
            return self._server.evaluate(script, key, args)

    def run_on_each(self, name: str, calls: Sequence[Call]) -> list[Any]:
        """The same for many keys, each with its arguments, in one round trip. The script may run twice."""
        script = self._script(name)
        with self._server.translated(f"script {name}"):
            return raise_first_error(self._server.replies(script, calls))

    def run_at_once(self, name: str, args: Sequence[str | int] = ()) -> list[Any]:
        """Run one script on every partition of a server in one transaction: nobody finds one done and another not."""
        text = source(name, self.partitions, self.clock)
        with self._server.translated(f"script {name}"):
            return self._server.replies_at_once(text, [(keys.root(it), args) for it in range(self.partitions)])

    def ask(self, what: str, key: str, question: Callable[[redis.Redis], T]) -> T:
        """Ask the server that has this key, by a call of redis-py. `what`: named where that is refused."""
        with self._server.translated(what):
            return question(self._server.client)

    def servers(self) -> Sequence[Server]:
        """All that the store stands on."""
        return [self._server]

    def by_server(self) -> Sequence[Share]:
        """The same, each with its partitions."""
        return [(self._server, range(self.partitions))]

    def _by_node(self, names: Sequence[str]) -> Sequence[tuple[Server, Sequence[int]]]:
        """The places of keys in their list, by the servers that have them."""
        return [(self._server, range(len(names)))]

    def server_of(self, key: str) -> Server:
        """The one that has this key."""
        return self._server

    def moved(self, server: Server) -> None:
        """That server has said that a key is on another one by now."""

    def close(self) -> None:
        """End its connections."""
        self.client.close()

    def _script(self, name: str) -> Script:
        script = self._scripts.get(name)
        if script is None:
            script = self.client.register_script(source(name, self.partitions, self.clock))
            if self._expected.partitions is not None:
                self._scripts[name] = script
        return script

    def _layout(self, partition: int) -> bytes | None:
        name = keys.layout(partition)
        found: bytes | None = self.ask("GET", name, lambda client: client.get(name))  # type: ignore[assignment]
        return found

    def _lay_out(self, partition: int, partitions: int) -> bytes:
        text, root = source("layout", partitions, self.clock), keys.root(partition)
        found: bytes = self.ask("script layout", root, lambda client: client.register_script(text)(keys=[root]))
        return found

    def _suitable(self, raw: bytes, partitions: int | None) -> int:
        """How many partitions it says. Raises StoreUnsuitable."""
        reason = layout.refusal(raw, partitions, self.clock)
        if reason:
            raise self._failed_calls.unsuitable(reason)
        return layout.read(raw).partitions
