"""Connections that scripts are called on: past the commands and the pool of redis-py, which cost more than the call."""

from __future__ import annotations

import os
import select
from collections.abc import Sequence
from typing import Any

import redis
from redis.commands.core import Script

from scheduler.store import kernel_timeouts
from scheduler.store.dial_again import unconnected


class _Kept:
    """A connection as the pool has made it, and as long as it holds; for one thread at a time."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._socket = connection._sock
        self._poll: select.poll | None = None
        # On TLS, with a fake and without hiredis, redis-py's own look is taken, which is slower.
        reader = getattr(connection._parser, "_reader", None) if kernel_timeouts.can_have(self._socket) else None
        if reader is not None:
            self._has_read_more = reader.has_data
            self._poll = select.poll()  # made once: redis-py's own look makes one each time
            self._poll.register(self._socket, select.POLLIN)
            kernel_timeouts.hand_over(self._socket, connection.socket_timeout)

    def ask(self, words: Sequence[Any]) -> Any:
        """What the store answers; asked twice if need be, the second time on a socket that is not kept."""
        return self.connection.retry.call_with_retry(lambda: self._once(words), lambda _: self.connection.disconnect())

    def _once(self, words: Sequence[Any]) -> Any:
        try:
            self.connection.send_command(*words)
            return self.connection.read_response()
        except redis.ConnectionError as error:
            if kernel_timeouts.is_timeout(error) and not unconnected(error):
                raise redis.TimeoutError(f"Timeout: {error}") from error
            raise

    @property
    def is_ready(self) -> bool:
        """Still connected, with nothing to read: on any other a call would be lost, and nobody could tell whether it
        was done, or it would get what was the answer to no call."""
        mine = self.connection
        if mine._sock is not self._socket or mine.pid != os.getpid() or mine.should_reconnect():
            return False
        try:
            return not (mine.can_read() if self._poll is None else self._has_read_more() or self._poll.poll(0))
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            return False


class KeptConnections:
    """Of one pool, as many as are used at once. Shared by threads, each of which has one for a call; also over a fork.

    They are the pool's: it makes them, and has back, closed, those that have broken. Kept here they are had in 2 us
    instead of 7, and called in 13 us instead of 27. Raises what redis-py does.
    """

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._pool = pool
        #: Those that nobody uses. Threads take and put in single steps of the interpreter.
        self._free: list[_Kept] = []

    def evaluate(self, script: Script, key: str, args: Sequence[str | bytes | int | float]) -> Any:
        """What a script on one key answers. It may run twice."""
        words = ("EVALSHA", script.sha, 1, key, *args)
        try:
            return self._call(words)
        except redis.exceptions.NoScriptError:
            self._call(("SCRIPT", "LOAD", script.script))
            return self._call(words)

    def give_back(self) -> None:
        """To the pool, closed, all that nobody uses."""
        while self._free:
            try:
                self._drop(self._free.pop().connection)
            except IndexError:  # another thread was faster
                return

    def _call(self, words: Sequence[Any]) -> Any:
        kept = self._take()
        try:
            answer = kept.ask(words)
        except redis.ResponseError:
            self._free.append(kept)
            raise
        except BaseException:
            self._drop(kept.connection)
            raise
        self._free.append(kept)
        return answer

    def _take(self) -> _Kept:
        try:
            kept = self._free.pop()
        except IndexError:
            return self._new()
        if kept.is_ready:
            return kept
        self._drop(kept.connection)
        return self._new()

    def _new(self) -> _Kept:
        connection = self._pool.get_connection()
        try:
            return _Kept(connection)
        except (OSError, ValueError) as error:  # whoever closes the pool has closed it meanwhile
            self._drop(connection)
            raise redis.ConnectionError(f"Error connecting to the store: {error}") from error

    def _drop(self, connection: Any) -> None:
        """Closed, for the pool's other users know nothing of the kernel's timeouts."""
        connection.disconnect()
        self._pool.release(connection)
