"""Makes methods of clients out of calls that are described as functions: of both clients the same, but for the wait."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from timer_service.client.call import Calls, Walk

A = ParamSpec("A")
T = TypeVar("T")


def blocking(describe: Callable[A, Calls[T]]) -> Callable[Concatenate[Any, A], T]:
    """A method that makes the calls and returns what they answer."""

    @wraps(describe)
    def method(client: Any, /, *args: A.args, **kwargs: A.kwargs) -> T:
        answer: T = client._wire.run(describe(*args, **kwargs))
        return answer

    return _as_method(method, describe, "{}")


def awaited(describe: Callable[A, Calls[T]]) -> Callable[Concatenate[Any, A], Coroutine[Any, Any, T]]:
    """The same as a coroutine."""

    @wraps(describe)
    async def method(client: Any, /, *args: A.args, **kwargs: A.kwargs) -> T:
        answer: T = await client._wire.run(describe(*args, **kwargs))
        return answer

    return _as_method(method, describe, "{}")


def iterating(describe: Callable[A, Walk[Any, T]]) -> Callable[Concatenate[Any, A], Iterator[T]]:
    """A method that returns an iterator over all pages; each is asked for when the one before is used up."""

    @wraps(describe)
    def method(client: Any, /, *args: A.args, **kwargs: A.kwargs) -> Iterator[T]:
        walk, cursor = describe(*args, **kwargs), None
        while True:
            page = client._wire.run(walk.page(cursor))
            yield from walk.items(page)
            cursor = page.next_cursor
            if cursor is None:
                return

    return _as_method(method, describe, "Iterator[{}]")


def async_iterating(describe: Callable[A, Walk[Any, T]]) -> Callable[Concatenate[Any, A], AsyncIterator[T]]:
    """The same for `async for`."""

    @wraps(describe)
    async def method(client: Any, /, *args: A.args, **kwargs: A.kwargs) -> AsyncIterator[T]:
        walk, cursor = describe(*args, **kwargs), None
        while True:
            page = await client._wire.run(walk.page(cursor))
            for item in walk.items(page):
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    return _as_method(method, describe, "AsyncIterator[{}]")


M = TypeVar("M", bound=Callable[..., Any])


def _as_method(method: M, describe: Callable[..., Any], returns: str) -> M:
    """With the name, the parameters and the result that help() and editors show: `Call[Timer]` returns a Timer."""
    method.__name__ = method.__qualname__ = describe.__name__.rstrip("_")
    signature = inspect.signature(describe)
    result = returns.format(str(signature.return_annotation).partition("[")[2][:-1].rpartition("Page, ")[2])
    self = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [self, *signature.parameters.values()]
    method.__signature__ = signature.replace(parameters=parameters, return_annotation=result)  # type: ignore[attr-defined]
    return method
