"""What the receiver of `up` got: read from its process, at most twice a second for all who look."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, Generic, TypeVar

from timer_service.inbox_address import HOST, TOKEN_HEADER, InboxAddress

T = TypeVar("T")

#: Seconds that a view waits for each part of the answer; the receiver takes one or two ms.
_PATIENCE = 0.5
#: Seconds that it waits for all of them.
_WHOLE = 2.0
#: Seconds for which what was read is shown again.
_FRESH = 0.5
#: Seconds for which it is good enough for those who come while the next is read.
_GOOD_ENOUGH = 3.0
#: Bytes: it tells 5 MiB at most.
_MOST_BYTES = 8 * 1024 * 1024
#: Bytes of one read.
_READ = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request as it came. Whatever calls the receiver has written it: nothing of it is to be believed."""

    number: int
    #: Unix seconds.
    at: float
    #: From the moment that the timer was due; None for a request of no timer.
    late_ms: float | None
    timer_id: str
    attempt: str
    redelivery: str
    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    #: None if it is no text.
    body: str | None
    body_base64: str
    #: Of the whole.
    body_bytes: int
    #: Whether nothing of it is left out here.
    is_whole: bool
    #: Whether its signature is right; None where there are no secrets.
    verified: bool | None
    #: The name of what was answered, and its status.
    answer: str
    status: int


@dataclass(frozen=True, slots=True)
class Inbox:
    #: Since the receiver started, those that are not kept any more among them.
    arrived: int
    #: The name of what is answered to the next request.
    next_answer: str
    #: Newest first, the beginning of each.
    arrivals: list[Arrival]


class Fresh(Generic[T]):
    """Reads for all who ask within half a second of each other, one at a time. Shared by threads.

    Who comes while another reads is given what was read last, and waits only where that is old or was never read: what
    does not answer holds one thread, not all of them.
    """

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._reading = threading.Lock()
        #: When it was read.
        self._last: tuple[float, T] | None = None

    def get(self) -> T:
        last = self._last
        if not self._reading.acquire(blocking=last is None or time.monotonic() - last[0] > _GOOD_ENOUGH):
            assert last is not None
            return last[1]
        try:
            last = self._last
            if last is None or time.monotonic() - last[0] > _FRESH:
                value = self._read()
                last = self._last = time.monotonic(), value
            return last[1]
        finally:
            self._reading.release()

    def forget(self) -> None:
        with self._reading:
            self._last = None


class InboxReader:
    """Shared by threads. Raises nothing: an inbox that does not answer is None."""

    def __init__(self, address: InboxAddress) -> None:
        self.address = address
        self._latest = Fresh(lambda: _inbox(self._ask("GET", "/")))

    def latest(self) -> Inbox | None:
        return self._latest.get()

    def whole(self, number: int) -> Arrival | None:
        """With all that is kept of it; None if it is not any more, or if nobody answers."""
        return _arrival(self._ask("GET", f"/{number}"))

    def choose(self, answer: str) -> bool:
        """What is answered to the next request; False if there is no such answer, or if nobody answers."""
        found = self._ask("POST", "/next", answer.encode())
        self._latest.forget()
        return found is not None

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        """None for whatever is no answer of ours."""
        try:
            return json.loads(self._read(method, path, body))
        except (OSError, HTTPException, ValueError):
            return None

    def _read(self, method: str, path: str, body: bytes | None) -> bytes:
        """Asks without any proxy of the environment. Raises TimeoutError for an answer that comes drop by drop."""
        connection = HTTPConnection(HOST, self.address.port, timeout=_PATIENCE)
        try:
            connection.request(method, path, body, {TOKEN_HEADER: self.address.token, "connection": "close"})
            answer = HTTPResponse(_Come(_all_of(connection.sock)))  # type: ignore[arg-type]  # it calls makefile() only
            answer.begin()
            return answer.read(_MOST_BYTES)
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class _Come:
    """An answer that has come whole, read as from its socket."""

    data: bytes

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


def _all_of(sock: socket.socket) -> bytes:
    """What comes until it hangs up. Raises OSError; TimeoutError is one."""
    until, data = time.monotonic() + _WHOLE, bytearray()
    while len(data) <= _MOST_BYTES and (more := sock.recv(_READ)):
        data += more
        if time.monotonic() > until:
            raise TimeoutError
    return bytes(data)


def _inbox(found: Any) -> Inbox | None:
    try:
        arrivals = [it for each in found["arrivals"] if (it := _arrival(each))]
        return Inbox(found["arrived"], found["next_answer"], arrivals)
    except (TypeError, KeyError):
        return None


def _arrival(found: Any) -> Arrival | None:
    try:
        return Arrival(**{**found, "headers": [(name, value) for name, value in found["headers"]]})
    except (TypeError, KeyError, ValueError):
        return None
