"""Writes that are answered only once they have reached the disk, or replicas, and what they had reached by then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.commands.core import Script

from scheduler.durability import Durability, Receipt
from scheduler.errors import TooManyWaits
from scheduler.store import keys
from scheduler.store.held_connection import HeldConnection
from scheduler.store.link import Link
from scheduler.store.promises import Promises
from scheduler.store.scripts import source


class DurableWrites:
    """Runs the scripts of one request on one connection, and waits there for what they wrote. For one thread.

    A durable request always writes, also when its timer stands already: else a repeat on another connection would be
    told that nothing is on every replica.
    """

    def __init__(self, receipts: Receipts, asked: Durability, tells_fsync: bool) -> None:
        """`tells_fsync`: whether the store's WAITAOF is there, and true."""
        self.asked = asked
        self._receipts = receipts
        self._tells_fsync = tells_fsync
        self._connection = HeldConnection(receipts.link.client.connection_pool)
        self._partition = 0

    @property
    def partitions(self) -> int:
        return self._receipts.link.partitions

    def run(self, name: str, partition: int, args: Sequence[str | bytes | int | float] = ()) -> Any:
        """As Link.run(); it fails as that does, and counts for the link's breaker. Never asked again by itself."""
        script = self._receipts.script(name)
        self._partition = partition
        with self._receipts.link.translated(f"script {name}"):
            return self._connection.evaluate(script, keys.root(partition), args)

    def wait(self) -> Receipt:
        """Wait until what was asked for is reached, or as long as one waits for that. Raises nothing: what is not known
        was not reached. The link's breaker is not asked: a wait is slow while the store is well."""
        commands = self._commands()
        try:
            _, *replies = self._connection.replies(commands, self._receipts.timeout)
        except redis.RedisError:
            return Receipt(self.asked)
        fsync, replicas = False, 0
        for (command, *_), reply in zip(commands[1:], replies, strict=True):
            if command == "WAITAOF":
                fsync = bool(reply[0])
            else:
                replicas = int(reply)
        return Receipt(self.asked, fsync, replicas)

    def close(self) -> None:
        self._connection.close()

    def _commands(self) -> list[tuple[str | int, ...]]:
        """A write of one's own; what waits; then what tells the rest without waiting."""
        most = round(1000 * self._receipts.timeout)
        write = ("INCR", keys.receipts(self._partition))
        if self.asked.fsync:
            return [write, ("WAITAOF", 1, 0, most), ("WAIT", 0, 1)]
        waits: list[tuple[str | int, ...]] = [write, ("WAIT", self.asked.replicas, most)]
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
