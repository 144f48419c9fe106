"""One server that a store stands on: what it is asked, and every failure of Redis as one of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import MovedError
from redis.retry import Retry

from scheduler.errors import StoreUnavailable, StoreUnsuitable
from scheduler.store import refusals
from scheduler.store.breaker import Breaker
from scheduler.store.dial_again import asked_before, unconnected
from scheduler.store.failed_calls import FailedCalls
from scheduler.store.following import FollowingPool
from scheduler.store.kept_connections import KeptConnections
from scheduler.store.laying_out import Expected
from scheduler.store.sent import Sent

#: The servers that have what the scripts need, in words.
OLDEST = "Redis 7.0 or Valkey 7.2, or later,"
#: Seconds for which a store that did not answer a call in time is given to answer a PING.
_PING_PATIENCE = 0.5
#: Kinds of failures after which a key may be elsewhere.
_DOUBTFUL = ("away", "cluster", "readonly", "replica", "loading")

#: A key, and the arguments of a script on it.
Call = tuple[str, Sequence[str | bytes | int]]


def _nobody_looks() -> None:
    """What is called where there is no other place to look at."""


class Server:
    """Shared by threads. Raises StoreUnavailable for everything that trying again later may mend; its breaker knows of
    no other server."""

    def __init__(
        self,
        client: redis.Redis,
        failed_calls: FailedCalls,
        pause: float,
        expected: Expected,
        name: str = "",
        doubt: Callable[[], object] = _nobody_looks,
    ) -> None:
        """`pause`: seconds after a lost connection for which calls are refused unasked. `expected`: how our caller has
        found the store laid out. `name`: of one of several. `doubt`: to be called when it is away, or says that what it
        was asked for is elsewhere."""
        self.client = client
        self.name = name
        self.doubt = doubt
        self._failed_calls = failed_calls
        self._expected = expected
        self._breaker = Breaker(pause)
        self._kept = KeptConnections(client.connection_pool)
        if isinstance(client.connection_pool, FollowingPool):
            client.connection_pool.on_move.append(self._breaker.retry)

    @property
    def is_away(self) -> bool:
        """As far as is known from the last call."""
        return self._breaker.is_open

    def info(self) -> dict[str, Any]:
        with self.translated("INFO"):
            return dict(self.client.info())

    def evaluate(self, script: Script, key: str, args: Sequence[str | bytes | int | float]) -> Any:
        """Of one script on one key. It may run twice. Raises redis.RedisError."""
        return self._kept.evaluate(script, key, args)

    def replies(self, script: Script, calls: Sequence[Call]) -> list[Any]:
        """Of one script on many keys in one round trip, errors among them. The script may run twice.

        Raises redis.RedisError.
        """
        replies = self._replies(script, calls)
        if any(isinstance(it, redis.exceptions.NoScriptError) for it in replies):
            # Not as redis-py's pipelines do it: they ask with SCRIPT EXISTS, which few access lists allow.
            self.client.script_load(script.script)
            replies = self._replies(script, calls)
        return replies

    def _replies(self, script: Script, calls: Sequence[Call]) -> list[Any]:
        pipeline = self.client.pipeline(transaction=False)
        for key, args in calls:
            pipeline.evalsha(script.sha, 1, key, *args)
        return pipeline.execute(raise_on_error=False)

    def answers(self, script: Script, calls: Sequence[Call], what: str) -> list[Any]:
        """The same, each reply or why there is none: a redis.exceptions.MovedError, or StoreUnavailable. Raises
        nothing."""
        try:
            with self.translated(what):
                replies = self.replies(script, calls)
        except StoreUnavailable as error:
            return [error] * len(calls)
        return self.judged(replies, what)

    def send(self, script: Script, calls: Sequence[Call], what: str) -> Sent:
        """The same, sent now, whose answers are read later."""
        return Sent(self, script, calls, what)

    def judged(self, replies: Sequence[Any], what: str) -> list[Any]:
        """Replies, each error of Redis among them but MovedError as one of ours."""
        return [
            self.failure(it, what) if isinstance(it, redis.RedisError) and not isinstance(it, MovedError) else it
            for it in replies
        ]

    def replies_at_once(self, text: str, calls: Sequence[Call]) -> list[Any]:
        """Of one script on many keys, in one transaction. Raises redis.RedisError."""
        pipeline = self.client.pipeline(transaction=True)
        for key, args in calls:
            pipeline.eval(text, 1, key, *args)
        return raise_first_error(pipeline.execute(raise_on_error=False))

    @contextmanager
    def translated(self, what: str) -> Iterator[None]:
        """`what` is asked of the store: named where it is refused."""
        try:
            self._breaker.check()
        except StoreUnavailable:
            self.doubt()
            raise
        try:
            yield
        except redis.RedisError as error:
            raise self.failure(error, what) from error
        self._breaker.succeeded()

    def failure(self, error: redis.RedisError, what: str) -> StoreUnavailable:
        """What to raise for an answer to `what`; it is counted and told here."""
        if refusals.is_of_layout(error):
            reason = self._expected.refusal(str(error).partition("LAYOUT ")[2].encode())
            return self._failed_calls.unsuitable(reason or "the store was laid out anew: start this process anew")
        kind = refusals.kind(error)
        is_refusal = kind != "other" or not isinstance(error, redis.ConnectionError | redis.TimeoutError)
        if not is_refusal:
            kind = "away"
        self._failed_calls.add(kind)
        if kind in _DOUBTFUL:
            self.doubt()
        if not is_refusal:
            reason = f"the store is away: {_one_line(error)}"
            if isinstance(error, redis.TimeoutError) and not unconnected(error):
                self._breaker.slow(reason, self._answers)
            else:
                self._breaker.failed(reason)
            return StoreUnavailable(reason, maybe_done=not unconnected(error) or asked_before(error))
        # Busy, full, read-only, no permission, a script killed: none lasts for ever.
        reason = f"the store refuses {what}: {_one_line(error)}"
        if refusals.is_of_password(error):  # the server does not say where a password would be told
            reason = f"{reason.rstrip('.')}; its URL must name a user or a password that it knows"
        self._failed_calls.tell(kind, reason)
        if kind in ("readonly", "replica"):
            # Pooled connections would stay on the demoted node (redis-py #460); one in use is its user's to close.
            # New ones go where the name leads by now, or ask the sentinels.
            self._kept.give_back()
            self.client.connection_pool.disconnect(inuse_connections=False)
        if kind == "unsuitable":
            return StoreUnsuitable(f"the store is too old to run our scripts; {OLDEST} is needed")
        return StoreUnavailable(reason, maybe_done=refusals.may_have_run(error) or asked_before(error), kind=kind)

    def _answers(self) -> bool:
        """Whether the store answers a PING."""
        try:
            self.ask_shortly("PING")
        except redis.ResponseError:
            return True
        except redis.RedisError:
            return False
        return True

    def ask_shortly(self, *command: str) -> Any:
        """The raw answer to a command on a connection of its own, within half the time that a call has, and past the
        breaker. Raises redis.RedisError."""
        pool = self.client.connection_pool
        patience = min(_PING_PATIENCE, (pool.connection_kwargs.get("socket_timeout") or 1.0) / 2)
        options = {**pool.connection_kwargs, "socket_timeout": patience, "socket_connect_timeout": patience}
        connection = pool.connection_class(**{**options, "retry": Retry(NoBackoff(), 0)})
        try:
            connection.connect()
            connection.send_command(*command)
            return connection.read_response()
        finally:
            connection.disconnect()


#: A server, and its partitions of a store.
Share = tuple[Server, Sequence[int]]


def raise_first_error(replies: list[Any]) -> list[Any]:
    """Replies of a pipeline, none of them an error. Raises redis.RedisError."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
