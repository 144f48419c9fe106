"""The link to the store: runs scripts, and translates every failure of Redis into one of ours, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from scheduler.errors import StoreUnavailable, StoreUnsuitable
from scheduler.store import keys, layout, refusals
from scheduler.store.breaker import PAUSE, Breaker
from scheduler.store.dialling import pool_options
from scheduler.store.following import FollowingPool
from scheduler.store.packing import Packer
from scheduler.store.scripts import source
from scheduler.store_address import Address, Host
from scheduler.store_url import parse

#: The servers that have what the scripts need, in words.
OLDEST = "Redis 7.0 or Valkey 7.2, or later,"
#: Seconds for which a store that did not answer a call in time is given to answer a PING.
_PING_PATIENCE = 0.5


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
    once_more = _OnceMore(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    return {"retry": once_more, "command_packer": Packer()}


class _OnceMore(Retry):
    """Notes on what it raises whether an earlier try was sent: its reply was lost, so the store may have done it.

    Without that the error tells of the last try alone, which a store that is gone by then, or full, did not do.
    """

    NOTE = "an earlier try was sent"

    def call_with_retry(self, do: Callable[[], Any], fail: Callable[..., Any], *args: Any, **options: Any) -> Any:
        sent = False

        def failed(error: Exception, *count: int) -> None:
            nonlocal sent
            sent = sent or not (_unconnected(error) or _is_proof(error))
            fail(error, *count)

        try:
            return super().call_with_retry(do, failed, *args, **options)
        except redis.RedisError as error:
            if sent:
                error.add_note(self.NOTE)
            raise


class Link:
    """Shared by threads. Raises StoreUnavailable for everything that trying again later may mend.

    `pause`: seconds after a lost connection for which calls are refused unasked.
    """

    def __init__(
        self,
        client: redis.Redis,
        partitions: int | None = None,
        pause: float = PAUSE,
        clock: str = layout.REAL,
    ) -> None:
        """`partitions`, `clock`: what an empty store gets, and what one that is not empty has to have. Of partitions
        it gets 1 unless said, and then may have any number."""
        self.client = client
        self.clock = clock
        self._asked = partitions
        self._partitions: int | None = None
        self._breaker = Breaker(pause)
        if isinstance(client.connection_pool, FollowingPool):
            client.connection_pool.on_move.append(self._breaker.retry)
        self._refusals = refusals.RefusalLog()
        #: Calls that failed, by kind: those of refusals.KINDS.
        self.failures: Counter[str] = Counter()
        #: Called with the kind of each call that failed.
        self.on_failure: Callable[[str], object] = _nobody_counts
        self._scripts: dict[str, Script] = {}

    @property
    def partitions(self) -> int:
        """As the store is laid out: looked up once, for it never changes under a process that serves it.

        Raises StoreUnsuitable for a store that this version cannot serve.
        """
        if self._partitions is None:
            try:
                self._partitions = self._look_up_layout()
            except StoreUnavailable as error:
                if error.kind != "noperm":
                    raise
                return self._asked or 1  # no script of ours will do more for this user, but each says what is refused
        return self._partitions

    def run(self, name: str, partition: int, args: Sequence[str | bytes | int | float] = ()) -> Any:
        """Run one script of lua/ on one partition; its contract says what comes back."""
        return self.run_on(name, keys.root(partition), args)

    def run_on(self, name: str, key: str, args: Sequence[str | bytes | int | float] = ()) -> Any:
        """The same for a script whose one key is not that of a partition."""
        script = self._script(name)
        with self.translated(f"script {name}"):
            return script(keys=[key], args=args)

    def run_on_each(self, name: str, calls: Sequence[tuple[str, Sequence[str | int]]]) -> list[Any]:
        """The same for many keys, each with its arguments, in one round trip. The script may run twice."""
        script = self._script(name)
        with self.translated(f"script {name}"):
            replies = self._replies(script, calls)
            if any(isinstance(it, redis.exceptions.NoScriptError) for it in replies):
                # Not as redis-py's pipelines do it: they ask with SCRIPT EXISTS, which few access lists allow.
                self.client.script_load(script.script)
                replies = self._replies(script, calls)
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
        return replies

    def _replies(self, script: Script, calls: Sequence[tuple[str, Sequence[str | int]]]) -> list[Any]:
        pipeline = self.client.pipeline(transaction=False)
        for key, args in calls:
            pipeline.evalsha(script.sha, 1, key, *args)
        return pipeline.execute(raise_on_error=False)

    def _script(self, name: str) -> Script:
        script = self._scripts.get(name)
        if script is None:
            script = self.client.register_script(source(name, self.partitions, self.clock))
            if self._partitions is not None:
                self._scripts[name] = script
        return script

    def run_at_once(self, name: str, args: Sequence[str | bytes | int | float] = ()) -> list[Any]:
        """Run one script on every partition, in one transaction: nobody finds one done and another not."""
        text = source(name, self.partitions, self.clock)
        with self.translated(f"script {name}"):
            calls = self.client.pipeline(transaction=True)
            for partition in range(self.partitions):
                calls.eval(text, 1, keys.root(partition), *args)
            replies = calls.execute(raise_on_error=False)
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
            return replies

    def _look_up_layout(self) -> int:
        """The partitions of the store; those that are empty are laid out like the others, or as we were asked to."""
        first = next(filter(None, map(self._layout, range(keys.SLOTS))), None)
        partitions = self._asked or 1 if first is None else self._suitable(first, self._asked)
        script = self.client.register_script(source("layout", partitions, self.clock))
        for partition in range(partitions):
            found = self._layout(partition)
            if found is None:
                with self.translated("script layout"):
                    found = script(keys=[keys.root(partition)])
            self._suitable(found, partitions)
        return partitions

    def _layout(self, partition: int) -> bytes | None:
        with self.translated("GET"):
            found: bytes | None = self.client.get(keys.layout(partition))  # type: ignore[assignment]
        return found

    def _suitable(self, raw: bytes, partitions: int | None) -> int:
        """How many partitions it says. Raises StoreUnsuitable."""
        reason = layout.refusal(raw, partitions, self.clock)
        if reason:
            raise self._unsuitable(reason)
        return layout.read(raw).partitions

    def _unsuitable(self, reason: str) -> StoreUnsuitable:
        self.failures["unsuitable"] += 1
        self.on_failure("unsuitable")
        self._refusals.tell(reason, reason)
        return StoreUnsuitable(reason)

    def info(self) -> dict[str, Any]:
        with self.translated("INFO"):
            return dict(self.client.info())

    @contextmanager
    def translated(self, what: str) -> Iterator[None]:
        """`what` is asked of the store: named where it is refused."""
        self._breaker.check()
        try:
            yield
        except redis.RedisError as error:
            raise self._failed(error, what) from error
        self._breaker.succeeded()

    def _failed(self, error: redis.RedisError, what: str) -> StoreUnavailable:
        if refusals.is_of_layout(error):
            found = str(error).partition("LAYOUT ")[2].encode()
            reason = layout.refusal(found, self._partitions, self.clock)
            return self._unsuitable(reason or "the store was laid out anew: start this process anew")
        kind = refusals.kind(error)
        is_refusal = kind != "other" or not isinstance(error, redis.ConnectionError | redis.TimeoutError)
        if not is_refusal:
            kind = "away"
        self.failures[kind] += 1
        self.on_failure(kind)
        if not is_refusal:
            reason = f"the store is away: {_one_line(error)}"
            if isinstance(error, redis.TimeoutError) and not _unconnected(error):
                self._breaker.slow(reason, self._answers)
            else:
                self._breaker.failed(reason)
            return StoreUnavailable(reason, maybe_done=not _unconnected(error) or _asked_before(error))
        # Busy, full, read-only, no permission, a script killed: none lasts for ever.
        reason = f"the store refuses {what}: {_one_line(error)}"
        self._refusals.tell(kind, reason)
        if kind in ("readonly", "replica"):
            # Pooled connections would stay on the demoted node (redis-py #460); one in use is its user's to close.
            # New ones go where the name leads by now, or ask the sentinels.
            self.client.connection_pool.disconnect(inuse_connections=False)
        if kind == "unsuitable":
            return StoreUnsuitable(f"the store is too old to run our scripts; {OLDEST} is needed")
        return StoreUnavailable(reason, maybe_done=refusals.may_have_run(error) or _asked_before(error), kind=kind)

    def _answers(self) -> bool:
        """Whether the store answers a PING on a connection of its own, within half the time that a call has."""
        pool = self.client.connection_pool
        patience = min(_PING_PATIENCE, (pool.connection_kwargs.get("socket_timeout") or 1.0) / 2)
        options = {**pool.connection_kwargs, "socket_timeout": patience, "socket_connect_timeout": patience}
        connection = pool.connection_class(**{**options, "retry": Retry(NoBackoff(), 0)})
        try:
            connection.connect()
            connection.send_command("PING")
            connection.read_response()
        except redis.ResponseError:
            return True
        except redis.RedisError:
            return False
        finally:
            connection.disconnect()
        return True


def _nobody_counts(_kind: str) -> None:
    """What is called with each failure unless somebody counts them."""


def _unconnected(error: Exception) -> bool:
    """Whether nothing was sent: redis-py's own words for a connection that was never made."""
    return "connecting to" in str(error)


def _is_proof(error: Exception) -> bool:
    """Whether the store answered that it had not begun."""
    return isinstance(error, redis.RedisError) and not refusals.may_have_run(error)


def _asked_before(error: Exception) -> bool:
    return _OnceMore.NOTE in getattr(error, "__notes__", ())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
