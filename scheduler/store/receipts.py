"""Writes that are answered only once they have reached the disk, or replicas, and what they had reached by then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import redis
from redis.commands.core import Script
from redis.exceptions import MovedError

from scheduler.durability import Durability, Receipt
from scheduler.errors import TooManyWaits
from scheduler.store import keys
from scheduler.store.held_connection import HeldConnection
from scheduler.store.link import Link
from scheduler.store.promises import Promises
from scheduler.store.scripts import source
from scheduler.store.server import Server


class _Held(NamedTuple):
    """What one server was asked, and in which of its partitions."""

    connection: HeldConnection
    partition: int


class DurableWrites:
    """Runs the scripts of one request, on one connection to each server, and waits there for what they wrote. For one
    thread.

    A durable request always writes, also when its timer stands already: else a repeat on another connection would be
    told that nothing is on every replica.
    """

    def __init__(self, receipts: Receipts, asked: Durability, tells_fsync: bool) -> None:
        """`tells_fsync`: whether the store's WAITAOF is there, and true."""
        self.asked = asked
        self._receipts = receipts
        self._tells_fsync = tells_fsync
        #: By id() of the server.
        self._held: dict[int, _Held] = {}

    @property
    def partitions(self) -> int:
        return self._receipts.link.partitions

    def run(self, name: str, partition: int, args: Sequence[str | bytes | int | float] = ()) -> Any:
        """As Link.run(); it fails as that does, and counts for the server's breaker. Never asked again by itself but of
        the node of a cluster to which the partition has moved."""
        link, script, root = self._receipts.link, self._receipts.script(name), keys.root(partition)
        server = link.server_of(root)
        with server.translated(f"script {name}"):
            try:
                return self._on(server, partition).evaluate(script, root, args)
            except MovedError:
                pass
        link.moved(server)
        server = link.server_of(root)
        with server.translated(f"script {name}"):
            return self._on(server, partition).evaluate(script, root, args)

    def _on(self, server: Server, partition: int) -> HeldConnection:
        held = self._held.get(id(server))
        if held is None:
            held = self._held[id(server)] = _Held(HeldConnection(server.client.connection_pool), partition)
        return held.connection

    def wait(self) -> Receipt:
        """Wait until what was asked for is reached by all that was written, or as long as one waits for that.

        Raises nothing: what is not known was not reached. A server's breaker is not asked: a wait is slow while it is
        well.
        """
        until = time.monotonic() + self._receipts.timeout
        reached = [self._wait_on(it, max(0.0, until - time.monotonic())) for it in self._held.values()]
        if not reached:
            return Receipt(self.asked)
        return Receipt(self.asked, all(it.fsync for it in reached), min(it.replicas for it in reached))

    def close(self) -> None:
        for held in self._held.values():
            held.connection.close()

    def _wait_on(self, held: _Held, patience: float) -> Receipt:
        commands = self._commands(held.partition, max(1, round(1000 * patience)))
        try:
            _, *replies = held.connection.replies(commands, patience)
        except redis.RedisError:
            return Receipt(self.asked)
        fsync, replicas = False, 0
        for (command, *_), reply in zip(commands[1:], replies, strict=True):
            if command == "WAITAOF":
                fsync = bool(reply[0])
            else:
                replicas = int(reply)
        return Receipt(self.asked, fsync, replicas)

    def _commands(self, partition: int, most_ms: int) -> list[tuple[str | int, ...]]:
        """A write of one's own; what waits; then what tells the rest without waiting."""
        write = ("INCR", keys.receipts(partition))
        if self.asked.fsync:
            return [write, ("WAITAOF", 1, 0, most_ms), ("WAIT", 0, 1)]
        waits: list[tuple[str | int, ...]] = [write, ("WAIT", self.asked.replicas, most_ms)]
        return [*waits, ("WAITAOF", 0, 0, 1)] if self._tells_fsync else waits


class Receipts:
    """What the store can promise, and who may wait for it. Shared by threads; owns nothing to close.

    `timeout`: seconds to wait. `threads`: those of the API, of which half may wait at once, and a quarter for their
    turn, so that all other requests go on while no wait ends.
    """

    def __init__(
        self, link: Link, timeout: float, threads: int, patience: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`patience`: seconds to wait for one's turn."""
        self.link = link
        self.timeout = timeout
        self._patience = patience
        self._turns = threading.BoundedSemaphore(max(1, threads // 2))
        self._places = threading.BoundedSemaphore(max(2, threads * 3 // 4))
        #: By their text.
        self._scripts: dict[str, Script] = {}
        self._promises = Promises(link, clock)

    @contextmanager
    def writes(self, asked: Durability) -> Iterator[DurableWrites]:
        """Raises CannotPromise or TooManyWaits before anything is stored; StoreUnavailable."""
        self._promises.check(asked)
        tells_fsync = self._promises.tells_fsync()
        with self._turn():
            writes = DurableWrites(self, asked, tells_fsync)
            try:
                yield writes
            finally:
                writes.close()

    def script(self, name: str) -> Script:
        text = source(name, self.link.partitions, self.link.clock)
        script = self._scripts.get(text)
        if script is None:
            script = self._scripts[text] = self.link.client.register_script(text)
        return script

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise TooManyWaits("too many requests wait for their durability")
        try:
            if not self._turns.acquire(timeout=self._patience):
                raise TooManyWaits("too many requests wait for their durability")
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._places.release()
