"""What a store can promise of the durability of its writes, looked up now and then."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import redis

from scheduler.durability import Durability
from scheduler.errors import CannotPromise, StoreUnavailable
from scheduler.store import fsync_promise, keys, server_words
from scheduler.store.link import Link
from scheduler.store.optional import Optional
from scheduler.store.server import Server

#: Seconds for which what the store says of itself is used again.
_TOLD_FOR = 5.0


class _Refusals(NamedTuple):
    """Why it cannot, in words for a client; None where it can."""

    #: Of any durability.
    wait: str | None
    fsync: str | None


class Promises:
    """Shared by threads; owns nothing to close. Each call raises StoreUnavailable."""

    def __init__(self, link: Link, clock: Callable[[], float] = time.monotonic) -> None:
        self._link = link
        self._clock = clock
        self._config = Optional(clock)
        self._refusals = _Refusals(None, None)
        self._told_at = float("-inf")

    def check(self, asked: Durability) -> None:
        """Raises CannotPromise."""
        found = self._look()
        refusal = found.wait or (found.fsync if asked.fsync else None)
        if refusal:
            raise CannotPromise(f"{asked.word} cannot be promised: {refusal}")

    def tells_fsync(self) -> bool:
        """Whether its WAITAOF is there, and true."""
        return self._look().fsync is None

    def _look(self) -> _Refusals:
        now = self._clock()
        if now - self._told_at >= _TOLD_FOR:
            self._refusals, self._told_at = self._refusals_of_all(), now
        return self._refusals

    def _refusals_of_all(self) -> _Refusals:
        """What one of the servers cannot, the store cannot. Of one that is away the scripts, which come next, tell."""
        found, failed = list[_Refusals](), None
        for server, partitions in self._link.by_server():
            try:
                found.append(self._refusals_of(server, keys.receipts(partitions[0])))
            except StoreUnavailable as error:
                failed = error
        if failed is not None and not found:
            raise failed
        wait = next((it.wait for it in found if it.wait), None)
        return _Refusals(wait, next((it.fsync for it in found if it.fsync), None))

    def _refusals_of(self, server: Server, written: str) -> _Refusals:
        """`written`: a key that it has."""
        info = server_words.info(server)
        fsync = server_words.append_fsync(server, self._config) if info and info.get("aof_enabled") else None
        return _Refusals(
            _refused(server, "INCR", written) or _refused(server, "WAIT", 0, 1),
            fsync_promise.refusal(info, fsync) or _refused(server, "WAITAOF", 0, 0, 1),
        )


def _refused(server: Server, *command: str | int) -> str | None:
    """What it answers to a command that it does not know, or not for us. This one waits for nothing."""
    try:
        server.client.execute_command(*command)  # type: ignore[no-untyped-call]
    except redis.ResponseError as error:
        text = str(error)
        if isinstance(error, redis.exceptions.NoPermissionError) or text.lower().startswith("unknown command"):
            return f"the store refuses {command[0]}: {text}"
    except redis.RedisError:
        pass  # the script, which comes next, will tell
    return None
