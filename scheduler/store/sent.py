"""Scripts that a server was told to run, and whose replies are read later: meanwhile there is something else to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import redis
from redis.commands.core import Script

from scheduler.errors import StoreUnavailable

if TYPE_CHECKING:
    from scheduler.store.server import Call, Server


class Sent:
    """One script on many keys, in one round trip. For one thread.

    Every script is repeatable: where they could not be sent, or their replies are lost, they are run once more, and
    waited for.
    """

    def __init__(self, server: Server, script: Script, calls: Sequence[Call], what: str) -> None:
        """`what`: they are for, named where that is refused."""
        self._server = server
        self._script = script
        self._calls = calls
        self._what = what
        self._pool = server.client.connection_pool
        #: Why there is no connection, which was tried twice.
        self._refused: redis.RedisError | None = None
        self._connection = None if server.is_away else self._send()

    def answers(self) -> list[Any]:
        """Each reply or why there is none: a redis.exceptions.MovedError, or StoreUnavailable. To be called once."""
        connection, self._connection = self._connection, None
        if self._refused is not None:
            return self._server.judged([self._refused] * len(self._calls), self._what)
        if connection is None:
            return self._server.answers(self._script, self._calls, self._what)
        try:
            replies = self._read(connection)
        finally:
            self._pool.release(connection)
        if replies is None:
            return _maybe_done(self._server.answers(self._script, self._calls, self._what))
        return self._server.judged(replies, self._what)

    def _send(self) -> Any:
        """The connection on which they are under way, or None."""
        words = [("EVALSHA", self._script.sha, 1, key, *args) for key, args in self._calls]
        try:
            connection: Any = self._pool.get_connection()
        except redis.RedisError as error:
            self._refused = error
            return None
        try:
            connection.send_packed_command(connection.pack_commands(words))
        except redis.RedisError:
            self._pool.release(connection)
            return None
        return connection

    def _read(self, connection: Any) -> list[Any] | None:
        """None if they are to be run once more. A store that does not answer in time is not asked again."""
        try:
            replies = [_reply(connection) for _ in self._calls]
        except redis.TimeoutError as error:
            return [error] * len(self._calls)
        except redis.RedisError:
            return None
        return None if any(isinstance(it, redis.exceptions.NoScriptError) for it in replies) else replies


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except redis.ResponseError as error:
        return error


def _maybe_done(answers: list[Any]) -> list[Any]:
    """Of what was sent before, whatever its last try says."""
    for it in answers:
        if isinstance(it, StoreUnavailable):
            it.maybe_done = True
    return answers
