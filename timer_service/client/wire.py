"""Does what a call asks for, with requests: sends, waits, and hands back the answer."""

from __future__ import annotations

import os
import threading
import time
from io import BytesIO
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from timer_service.client.call import Calls
from timer_service.client.encoding import check
from timer_service.client.environment import environment
from timer_service.client.errors import NoAnswer
from timer_service.client.exchange import Answer, Done, Pause, Request, Service, steps

#: Connections kept open to the service; more threads than that still work, on connections that are not kept.
_KEPT = 32
#: Bytes of a body that a slow line takes in less than any timeout.
LARGE = 64 * 1024
_NO_ANSWER = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)

T = TypeVar("T")


class Wire:
    """Threads may share it, and so may processes that were forked; close() ends its connections.

    run() raises TimerServiceError and nothing else; the constructor ValueError for a key that cannot be.
    """

    def __init__(self, service: Service, api_key: str | None, timeout: float, session: requests.Session | None) -> None:
        self._service = service
        self._timeout = timeout
        self._auth = None if api_key is None else _Bearer(api_key)
        self._own = session is None
        self._session = session or _new_session(service.url)
        self._process = os.getpid()
        self._forked = threading.Lock()
        self._of_parents: list[requests.Session] = []

    def close(self) -> None:
        if self._own:
            self._connected().close()

    def run(self, calls: Calls[T]) -> T:
        doing = steps(calls, self._service)
        answer: Answer | NoAnswer | None = None
        while True:
            match doing.send(answer):
                case Done(value):
                    return value
                case Pause(seconds):
                    time.sleep(seconds)
                    answer = None
                case Request() as request:
                    answer = self._send(request)

    def _send(self, request: Request) -> Answer | NoAnswer:
        try:
            answer = self._connected().request(
                request.method,
                request.url,
                data=_in_pieces(request.body),
                headers=request.headers,
                auth=self._auth,
                timeout=self._timeout,
                allow_redirects=False,  # a POST would be followed by a GET, and the key left behind
            )
        except _NO_ANSWER as error:
            return _no_answer(error)
        told = answer.headers
        return Answer(answer.status_code, answer.content, told.get("Retry-After", ""), told.get("Location", ""))

    def _connected(self) -> requests.Session:
        """The session; in a process that was forked, without the connections that its parent goes on using."""
        if self._process != os.getpid():
            with self._forked:
                if self._process != os.getpid():
                    self._leave_connections()
                    self._process = os.getpid()
        return self._session

    def _leave_connections(self) -> None:
        if self._own:
            # Kept and not closed: a thread of the parent may have held a lock of it, which nobody releases here.
            self._of_parents.append(self._session)
            self._session = _new_session(self._service.url)
        else:
            for adapter in self._session.adapters.values():
                adapter.close()  # only in this process: nothing is sent to the other side


def _new_session(url: str) -> requests.Session:
    session, found = requests.Session(), environment(url)
    session.trust_env = False
    session.proxies, session.auth = found.proxies, found.netrc
    session.verify = found.ca_bundle or True
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=_KEPT))
    return session


def _in_pieces(body: bytes | None) -> bytes | BytesIO | None:
    """A large body as a file: as bytes it is sent at once, and the timeout would be for the whole of it."""
    return BytesIO(body) if body is not None and len(body) > LARGE else body


def _no_answer(error: requests.RequestException) -> NoAnswer:
    inner = error.args[0] if error.args else None
    unreached = isinstance(inner, MaxRetryError) and isinstance(inner.reason, NewConnectionError)
    return NoAnswer(
        reason=_reason(error),
        cause=error,
        never_sent=isinstance(error, requests.ConnectTimeout) or unreached,
        untrusted=isinstance(error, requests.exceptions.SSLError),
    )


def _reason(error: Exception) -> str:
    """In a few words: requests' own text is a chain of reprs."""
    if isinstance(error, requests.Timeout):
        return "it took too long"
    inner: Any = error.args[0] if error.args else error
    inner = getattr(inner, "reason", None) or inner
    if isinstance(inner, NewConnectionError) and isinstance(inner.__cause__, OSError):
        return inner.__cause__.strerror or str(inner.__cause__)
    if isinstance(inner, ProtocolError) and len(inner.args) > 1:
        inner = inner.args[1]
    return str(inner)


class _Bearer(requests.auth.AuthBase):
    """As an auth object, not a header: a header would lose to an entry in ~/.netrc."""

    def __init__(self, key: str) -> None:
        check("api_key", key)  # http.client would refuse it too, and put it into its message
        self._header = f"Bearer {key}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request
