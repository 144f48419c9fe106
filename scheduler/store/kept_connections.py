"""Connections that scripts are called on: past the commands and the pool of redis-py, which cost more than the call."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import redis
from redis.commands.core import Script


class KeptConnections:
    """Of one pool, as many as are used at once. Shared by threads, each of which has one for a call; also over a fork.

    They are the pool's: it makes them, connects again those that have broken meanwhile, and closes them. Kept here
    they are had in 2 us instead of 7, and called in 13 us instead of 27. Raises what redis-py does.
    """

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._pool = pool
        #: Those that nobody uses. Threads take and put in single steps of the interpreter.
        self._free: list[Any] = []

    def evaluate(self, script: Script, key: str, args: Sequence[str | bytes | int | float]) -> Any:
        """What a script on one key answers. It may run twice."""
        words = ("EVALSHA", script.sha, 1, key, *args)
        try:
            return self._call(words)
        except redis.exceptions.NoScriptError:
            self._call(("SCRIPT", "LOAD", script.script))
            return self._call(words)

    def give_back(self) -> None:
        """To the pool, all that nobody uses."""
        while self._free:
            try:
                self._pool.release(self._free.pop())
            except IndexError:  # another thread was faster
                return

    def _call(self, words: Sequence[Any]) -> Any:
        connection = self._take()

        def ask() -> Any:
            connection.send_command(*words)
            return connection.read_response()

        try:
            answer = connection.retry.call_with_retry(ask, lambda _: connection.disconnect())
        except BaseException:
            self._pool.release(connection)
            raise
        self._free.append(connection)
        return answer

    def _take(self) -> Any:
        """One that is ready: on any other the call would be lost, and nobody could tell whether it was done."""
        try:
            connection = self._free.pop()
        except IndexError:
            return self._pool.get_connection()
        try:
            is_ready = connection.pid == os.getpid() and not (connection.should_reconnect() or connection.can_read())
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            is_ready = False
        if is_ready:
            return connection
        self._pool.release(connection)
        return self._pool.get_connection()
