"""Does what a call asks for, with httpx: sends, waits, and hands back the answer. Needs the extra `async`."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Generator, Iterator
from typing import TypeVar

import httpx

from timer_service.client.async_connections import Connections
from timer_service.client.call import Calls
from timer_service.client.encoding import check
from timer_service.client.errors import NoAnswer
from timer_service.client.exchange import Answer, Done, Pause, Request, Service, steps
from timer_service.client.wire import LARGE

#: What a connection can end with. TLS that breaks off in between comes as it is, and ssl.SSLError is an OSError.
_NO_ANSWER = (httpx.TransportError, httpx.DecodingError, OSError)

T = TypeVar("T")


class AsyncWire:
    """Tasks may share it, and so may event loops, one after the other or in several threads: each loop has connections
    of its own, which end with it. close() ends those of the loop that it is called in.

    run() raises TimerServiceError and nothing else; the constructor ValueError for a key that cannot be.
    """

    def __init__(
        self, service: Service, api_key: str | None, timeout: float, session: httpx.AsyncClient | None
    ) -> None:
        self._service = service
        self._timeout = httpx.Timeout(timeout, pool=None)
        self._auth = None if api_key is None else _Bearer(api_key)
        self._session = session
        self._connections: dict[asyncio.AbstractEventLoop, Connections] = {}

    async def close(self) -> None:
        connections = self._connections.pop(asyncio.get_running_loop(), None)
        if connections is not None:
            connections.retire()
            await connections.close_if_over()

    async def run(self, calls: Calls[T]) -> T:
        doing = steps(calls, self._service)
        answer: Answer | NoAnswer | None = None
        while True:
            match doing.send(answer):
                case Done(value):
                    return value
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                    answer = None
                case Request() as request:
                    answer = await self._send(request)

    async def _send(self, request: Request) -> Answer | NoAnswer:
        try:
            answer = await self._answer(request)
        except httpx.InvalidURL as error:
            raise ValueError(f"no URL that httpx takes: {error}") from error
        except _NO_ANSWER as error:
            return _no_answer(error)
        told = answer.headers
        return Answer(answer.status_code, answer.content, told.get("Retry-After", ""), told.get("Location", ""))

    async def _answer(self, request: Request) -> httpx.Response:
        if self._session is not None:
            return await self._request(self._session, request)
        loop = asyncio.get_running_loop()
        connections = self._connections.get(loop)
        if connections is None:
            for other in [it for it in self._connections if it.is_closed()]:
                self._connections.pop(other, None)
            connections = self._connections[loop] = await Connections.open(self._service.url)
        async with connections.place():
            try:
                return await self._request(connections.http, request)
            except asyncio.CancelledError:
                # httpcore may hold for ever what was being opened for it (its issue 1093): later calls get new ones.
                connections.retire()
                if self._connections.get(loop) is connections:
                    del self._connections[loop]
                raise

    async def _request(self, http: httpx.AsyncClient, request: Request) -> httpx.Response:
        headers = request.headers
        body: bytes | AsyncIterator[bytes] | None = request.body
        if request.body is not None and len(request.body) > LARGE:
            headers = {**headers, "Content-Length": str(len(request.body))}
            body = _in_pieces(request.body)
        return await http.request(
            request.method,
            request.url,
            content=body,
            headers=headers,
            auth=self._auth or httpx.USE_CLIENT_DEFAULT,
            timeout=self._timeout,
            follow_redirects=False,  # a POST would be followed by a GET, and the key left behind
        )


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """A large body piece by piece: whole, the timeout would be for the whole of it."""
    for start in range(0, len(body), LARGE):
        yield body[start : start + LARGE]


def _no_answer(error: Exception) -> NoAnswer:
    untrusted = any(isinstance(it, ssl.SSLError) for it in _causes(error))
    return NoAnswer(
        reason=_reason(error),
        cause=error,
        never_sent=isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) and not untrusted,
        untrusted=untrusted,
    )


def _reason(error: Exception) -> str:
    """In a few words; the innermost is what the operating system said."""
    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    said = [text for it in _causes(error) if isinstance(it, OSError) and (text := _said(it))]
    return said[-1] if said else str(error) or type(error).__name__


def _said(error: OSError) -> str:
    """Without the address, which asyncio puts in place of the system's words. TLS and look-ups have words of theirs."""
    if error.errno and error.errno > 0 and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno)
    return error.strerror or ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """It, what it was raised for, and so on, also where httpcore hides that. Of several addresses, the first tried."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause.__cause__ or cause.__context__


class _Bearer(httpx.Auth):
    """As an auth object, not a header: a header would lose to a user name in the URL."""

    def __init__(self, key: str) -> None:
        check("api_key", key)  # h11 would refuse it too, and put it into its message
        self._header = f"Bearer {key}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._header
        yield request
