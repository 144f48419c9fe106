"""What a store can promise of the durability of its writes, looked up now and then."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import redis

from scheduler.durability import Durability
from scheduler.errors import CannotPromise, StoreUnavailable
from scheduler.store import fsync_promise, keys
from scheduler.store.link import Link
from scheduler.store.optional import Optional

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
            fsync = self._fsync_refusal()
            self._refusals, self._told_at = _Refusals(self._wait_refusal(), fsync), now
        return self._refusals

    def _wait_refusal(self) -> str | None:
        return self._refused("INCR", keys.receipts(0)) or self._refused("WAIT", 0, 1)

    def _fsync_refusal(self) -> str | None:
        info = self._info()
        fsync = self._append_fsync() if info and info.get("aof_enabled") else None
        return fsync_promise.refusal(info, fsync) or self._refused("WAITAOF", 0, 0, 1)

    def _refused(self, *command: str | int) -> str | None:
        """What it answers to a command that it does not know, or not for us. This one waits for nothing."""
        try:
            self._link.client.execute_command(*command)  # type: ignore[no-untyped-call]
        except redis.ResponseError as error:
            text = str(error)
            if isinstance(error, redis.exceptions.NoPermissionError) or text.lower().startswith("unknown command"):
                return f"the store refuses {command[0]}: {text}"
        except redis.RedisError:
            pass  # the script, which comes next, will tell
        return None

    def _info(self) -> dict[str, Any] | None:
        """None if the store refuses to tell."""
        try:
            return self._link.info()
        except StoreUnavailable as error:
            if error.kind != "noperm":
                raise
            return None

    def _append_fsync(self) -> str | None:
        """No part of INFO."""
        said: Any = self._config.ask(lambda: self._link.client.config_get("appendfsync"))
        return said.get("appendfsync") if said else None
