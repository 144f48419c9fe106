"""One connection to the store for one request: WAIT and WAITAOF count the writes of their own connection only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.commands.core import Script

#: Seconds by which the store may be late with the answer to a wait: a timeout there overshoots by up to 0.1 s.
_LATE = 1.0


class HeldConnection:
    """Taken from a pool when the first script runs, and given back by close(). For one thread.

    It never connects again: after that a wait would tell of another connection, perhaps of another server. Raises what
    redis-py does.
    """

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._pool = pool
        self._connection: Any = None
        self._is_lost = False

    def evaluate(self, script: Script, key: str, args: Sequence[str | bytes | int | float]) -> Any:
        words = ("EVALSHA", script.sha, 1, key, *args)
        try:
            return self._call(*words)
        except redis.exceptions.NoScriptError:
            self._call("SCRIPT", "LOAD", script.script)
            return self._call(*words)

    def replies(self, commands: Sequence[tuple[str | int, ...]], patience: float) -> list[Any]:
        """What the store answers to all of these, sent at once, of which one waits for `patience` seconds at most.

        Raises the error of the first that is refused.
        """
        until = time.monotonic() + patience + _LATE
        with self._in_use() as connection:
            connection.send_packed_command(connection.pack_commands(commands))
            replies = []
            for _ in commands:
                if not connection.can_read(timeout=max(0.0, until - time.monotonic())):
                    raise redis.TimeoutError("no answer to a wait")
                replies.append(connection.read_response())
            return replies

    def close(self) -> None:
        if self._connection is not None:
            self._pool.release(self._connection)
            self._connection = None

    def _call(self, *words: Any) -> Any:
        with self._in_use() as connection:
            connection.send_command(*words)
            return connection.read_response()

    @contextmanager
    def _in_use(self) -> Iterator[Any]:
        """Whatever is raised ends it: replies may be left in it, or it leads to a server that is a replica by now."""
        if self._is_lost:
            raise redis.ConnectionError("the connection was lost in the middle of a request")
        if self._connection is None:
            self._connection = self._pool.get_connection()
        try:
            yield self._connection
        except (redis.exceptions.NoScriptError, redis.exceptions.MovedError):
            raise  # nothing was done
        except BaseException:
            self._is_lost = True
            self._connection.disconnect()
            raise
