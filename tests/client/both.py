"""TimerClient, and AsyncTimerClient behind the same blocking methods: what is asked of one is asked of the other."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self, cast

import requests

from timer_service.client import AsyncTimerClient, TimerClient


class Awaiting:
    """An AsyncTimerClient in an event loop of its own, in a thread; its methods block, and threads may share it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._client = AsyncTimerClient(*args, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if inspect.iscoroutinefunction(method):
            return lambda *args, **fields: self._wait(method(*args, **fields))
        return lambda *args, **fields: self._each(method(*args, **fields))

    def _wait(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _each(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        over = object()
        while (item := self._wait(_next(items, over))) is not over:
            yield item

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self._client.close())
        self._wait(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _next(items: AsyncIterator[Any], over: object) -> Any:
    return await anext(items, over)


#: Makes the client that a test is about; `as_kind` exchanges it.
_kind: Callable[..., Any] = TimerClient


@contextmanager
def as_kind(kind: Callable[..., Any]) -> Iterator[None]:
    global _kind
    before, _kind = _kind, kind
    yield
    _kind = before


def new_client(*args: Any, session: requests.Session | None = None, **options: Any) -> TimerClient:
    """A TimerClient, or what has its methods; always one where a session of requests is given."""
    if session is not None:
        return TimerClient(*args, session=session, **options)
    return cast("TimerClient", _kind(*args, **options))
