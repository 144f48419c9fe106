"""The service without a process: its API, its store's scripts and its poller, called by the test itself, in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from scheduler import LONG_LEASE, Claim, Link, Request, Sent, Settings, Store, pass_time, send_until
from timer_service.testing.memory_store import MemoryStore
from timer_service.testing.received import Answer, Received
from timer_service.web.app import create_app

if TYPE_CHECKING:
    from flask import Flask

#: Where clients think that it is: nothing is called there.
URL = "http://127.0.0.1"
_KEPT = 3650 * 86_400.0
_SETTINGS = Settings(
    clock="virtual",
    # Nothing is sent, so that any address may be named.
    egress_allow="0.0.0.0/0,::/0",
    lease=LONG_LEASE,
    keep_delivered=_KEPT,
    keep_failed=_KEPT,
    keep_cancelled=_KEPT,
)


class MemoryService:
    """What a service with a virtual clock does, by its callers' threads, of which one sends at a time."""

    def __init__(self) -> None:
        self._redis = MemoryStore()
        link = Link(self._redis, 1, clock="virtual")
        self._app = create_app(_SETTINGS, link)
        self._store = Store(_SETTINGS, link)
        self._sending = threading.RLock()

    def session(self) -> requests.Session:
        """For a TimerClient of URL."""
        session = requests.Session()
        session.trust_env = False
        session.mount(URL, _ToApplication(self._app))
        return session

    def now(self) -> datetime:
        """By its clock, in UTC."""
        assert self._store.clock is not None
        return _moment(self._store.clock.now())

    def send_until(self, moment: datetime, send: Callable[[Received, datetime], Answer]) -> None:
        """Turn the clock to this moment, and have what falls due on the way sent by `send`, one after the other, which
        is told the time by the clock. In the place of a path stands the whole URL.

        It may be called by `send`: then what is due already is sent, and the clock is not turned.
        """

        def sent(_claim: Claim, request: Request, now: int) -> Sent:
            received = Received(
                method=request.method, path=request.url, headers=request.headers, body=request.body or b""
            )
            answer = send(received, _moment(now))
            body = answer.body.encode() if isinstance(answer.body, str) else answer.body
            return Sent(answer.status, answer.headers, body)

        with self._sending:
            send_until(self._store, round(moment.timestamp() * 1000), sent)

    def pass_time(self, length: timedelta) -> None:
        """Turn the clock while nobody sends what falls due."""
        pass_time(self._store, round(length.total_seconds() * 1000))

    def forget(self) -> None:
        """It is empty, and goes by the real clock until that is turned anew."""
        self._redis.flushall()


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


class _ToApplication(BaseAdapter):
    """Requests go to the application itself."""

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self._app = app

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        assert request.url is not None
        assert request.method is not None
        body: Any = request.body  # of a large one a file
        body = body.read() if hasattr(body, "read") else body
        answer = self._app.test_client().open(
            request.url, method=request.method, data=body, headers=[*request.headers.items()]
        )
        found = requests.Response()
        found.status_code, found.url, found.request = answer.status_code, request.url, request
        found.headers = CaseInsensitiveDict(answer.headers.items())
        found.raw = BytesIO(answer.data)
        return found

    def close(self) -> None:
        pass


#: Made before, and not in use: it takes 0.1 s to make one, and 1 ms to empty it.
_free: list[MemoryService] = []


@contextmanager
def memory_service() -> Iterator[MemoryService]:
    """An empty one of its own for each block."""
    try:
        service = _free.pop()
    except IndexError:  # asked thus, two threads never take the same last one
        service = MemoryService()
    service.forget()
    yield service
    _free.append(service)  # unless something was raised: a task that was cut may hold a claim
