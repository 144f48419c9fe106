"""The connections of AsyncTimerClient in one event loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import httpx
from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy

from timer_service.client.environment import environment

#: Requests that are under way at once, others wait for their turn; connections that are kept for them, for 5 s.
PLACES = 100


class Connections:
    """Retired ones take no new call: they end with the last that is under way, or when the event loop ends."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self._places = asyncio.Semaphore(PLACES)
        self._under_way = 0
        self._retired = self._closing = False
        self._open = _until_closed(http)

    @classmethod
    async def open(cls, url: str) -> Connections:
        """For a service at this URL, with the proxy and the CA bundle that requests would take from the environment.

        Raises ValueError for a proxy that httpx cannot use, OSError for a bundle that is not there.
        """
        try:
            it = cls(_http(url))
        except ImportError as error:
            raise ValueError(f"the proxy of the environment cannot be used: {error}") from error
        await anext(it._open)
        return it

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """For one request. Waits here and not in httpcore's queue, which cancelled calls can leave full for ever."""
        self._under_way += 1
        try:
            async with self._places:
                yield
        finally:
            self._under_way -= 1
            await self.close_if_over()

    def retire(self) -> None:
        self._retired = True

    async def close_if_over(self) -> None:
        if self._retired and not self._under_way and not self._closing:
            self._closing = True
            # In a task of its own: the one that is here may be cancelled once more.
            await asyncio.shield(self._open.aclose())


async def _until_closed(http: httpx.AsyncClient) -> AsyncGenerator[None]:
    """asyncio.run() closes generators before it closes the loop: so nothing is left open where nobody calls close()."""
    try:
        yield
    finally:
        await http.aclose()


def _http(url: str) -> httpx.AsyncClient:
    found = environment(url)
    proxy = select_proxy(url, found.proxies)
    return httpx.AsyncClient(
        auth=found.netrc,
        proxy=f"http://{proxy}" if proxy and "://" not in proxy else proxy,
        verify=_trusting(found.ca_bundle or DEFAULT_CA_BUNDLE_PATH),
        trust_env=False,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=PLACES),
    )


@cache
def _trusting(bundle: str) -> ssl.SSLContext:
    """Reading a bundle takes some 20 ms."""
    at = Path(bundle)
    return ssl.create_default_context(capath=at) if at.is_dir() else ssl.create_default_context(cafile=at)
