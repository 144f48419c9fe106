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

from scheduler.errors import StoreUnavailable
from scheduler.store import keys
from scheduler.store.breaker import PAUSE, Breaker
from scheduler.store.scripts import source


def connect(url: str, timeout: float) -> redis.Redis:
    """A client whose calls end within `timeout` seconds to connect and `timeout` to answer.

    A broken connection is retried once, at once: every script is repeatable. A timeout is not: the caller has waited.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=_OnceMore(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )


class _OnceMore(Retry):
    """Notes on what it raises whether an earlier try was sent: its reply was lost, so the store may have done it.

    Without that the error tells of the last try alone, which a store that is gone by then, or full, did not do.
    """

    NOTE = "an earlier try was sent"

    def call_with_retry(self, do: Callable[[], Any], fail: Callable[..., Any], *args: Any, **options: Any) -> Any:
        sent = False

        def failed(error: Exception, *count: int) -> None:
            nonlocal sent
            sent = sent or not _unconnected(error)
            fail(error, *count)

        try:
            return super().call_with_retry(do, failed, *args, **options)
        except redis.RedisError as error:
            if sent:
                error.add_note(self.NOTE)
            raise


class Link:
    """Shared by threads. Raises StoreUnavailable for everything that trying again later may mend.

    `pause`: seconds after a failure for which calls are refused unasked.
    """

    def __init__(self, client: redis.Redis, partitions: int = 1, pause: float = PAUSE) -> None:
        self.client = client
        self.partitions = partitions
        self._breaker = Breaker(pause)
        #: Calls that failed: the store was `away`, or `refused`.
        self.failures: Counter[str] = Counter()
        self._scripts: dict[str, Script] = {}

    def run(self, name: str, partition: int, args: Sequence[str | bytes | int | float] = ()) -> Any:
        """Run one script of lua/ on one partition; its contract says what comes back."""
        script = self._scripts.get(name)
        if script is None:
            script = self._scripts[name] = self.client.register_script(source(name))
        with self.translated():
            return script(keys=[keys.root(partition)], args=args)

    def info(self) -> dict[str, Any]:
        with self.translated():
            return dict(self.client.info())

    @contextmanager
    def translated(self) -> Iterator[None]:
        self._breaker.check()
        try:
            yield
        except (redis.ConnectionError, redis.TimeoutError) as error:
            reason = f"the store is away: {_one_line(error)}"
            self._breaker.failed(reason)
            self.failures["away"] += 1
            raise StoreUnavailable(reason, maybe_done=not _unconnected(error) or _asked_before(error)) from error
        except redis.RedisError as error:
            self.failures["refused"] += 1
            # All else that it may answer: busy, full, read-only, no permission, a script killed. None lasts for ever.
            if isinstance(error, redis.exceptions.ReadOnlyError):
                # Pooled connections would stay on the demoted node (redis-py #460); one in use is its user's to close.
                self.client.connection_pool.disconnect(inuse_connections=False)
            raise StoreUnavailable(f"the store refuses: {_one_line(error)}", maybe_done=_asked_before(error)) from error
        self._breaker.succeeded()


def _unconnected(error: Exception) -> bool:
    """Whether nothing was sent: redis-py's own words for a connection that was never made."""
    return "connecting to" in str(error)


def _asked_before(error: Exception) -> bool:
    return _OnceMore.NOTE in getattr(error, "__notes__", ())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
