"""One client's connection: what it is doing, and how long it may do so."""

from __future__ import annotations

import socket
import time
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from timer_service.process.server.limits import Limits
from timer_service.process.server.request_reader import Incoming, RequestReader

#: Bytes of one read; more where more is known to come.
_READ = 64 * 1024
_READ_LARGE = 512 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes on the wire, and whether the connection ends with it."""

    pieces: list[bytes]
    closes: bool


class Doing(Enum):
    """What the client does, as far as we can tell."""

    #: Nothing: between two requests, or before the first.
    WAITING = auto()
    #: Sending us a request.
    ASKING = auto()
    #: Waiting for a thread, or for what it does.
    SERVED = auto()
    #: Taking an answer.
    TAKING = auto()
    #: Told that this is the end.
    LEAVING = auto()
    #: It has gone, as a thread noticed.
    GONE = auto()


class Connection:
    """A client's connection, from its first byte to its last.

    It belongs to one thread at a time: the loop's, or the one that serves it. Its socket is the caller's to close.
    Methods that read or send raise OSError once the client has gone.
    """

    __slots__ = (
        "_answer_ends",
        "_closes",
        "_limits",
        "_reader",
        "_said_continue",
        "_unsent",
        "address",
        "deadline",
        "doing",
        "in_thread",
        "peer",
        "server",
        "since",
        "sock",
        "thrown_away",
        "unsent_bytes",
    )

    def __init__(self, sock: socket.socket, address: Any, server: Any, cfg: Any, limits: Limits) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.address = address
        self.peer = peer_of(address)
        #: Where we listen, as the application is told.
        self.server = server
        #: A thread serves it: the loop leaves it alone.
        self.in_thread = False
        self._limits = limits
        self._reader = RequestReader(cfg, address, limits)
        self._unsent: deque[memoryview] = deque()
        self.unsent_bytes = 0
        self._closes = False
        self._said_continue = False
        self._answer_ends = 0.0
        self.thrown_away = 0
        self.wait()

    def fileno(self) -> int:
        return self.sock.fileno()

    @property
    def held(self) -> int:
        """Bytes that are kept for it."""
        return self._reader.held + self.unsent_bytes

    def wait(self) -> None:
        """For its next request, of which a part may have come already."""
        self.since = time.monotonic()
        if self._reader.begun:
            self.doing, self.deadline = Doing.ASKING, self.since + self._limits.request
        else:
            self.doing, self.deadline = Doing.WAITING, self.since + self._limits.idle

    def receive(self) -> bytes:
        """What has come now. Raises Refused, BlockingIOError, or EOFError."""
        data = self.sock.recv(_READ_LARGE if self._reader.expects_more > _READ else _READ)
        if not data:
            self._reader.end()
            raise EOFError
        return data

    def take(self, data: bytes = b"") -> Incoming | None:
        """The next request, if it is whole with these bytes. Raises Refused."""
        request = self._reader.take(data)
        if request is not None:
            self.doing = Doing.SERVED
            self._said_continue = False
            return request
        if self._reader.begun:
            if self.doing is not Doing.ASKING:
                self.wait()
            self.deadline = self.since + self._limits.request + self.held / self._limits.bytes_a_second
        if not self._said_continue and self._reader.expects_continue():
            self._said_continue = True
            self.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return None

    def begin(self, answer: Answer) -> None:
        self._unsent.extend(memoryview(piece) for piece in answer.pieces if piece)  # or sending it would never end
        self.unsent_bytes = sum(map(len, answer.pieces))
        self._closes = answer.closes
        if answer.closes:
            self._reader.clear()
        self.doing = Doing.TAKING
        self.since = time.monotonic()
        self._answer_ends = self.since + self._limits.answer

    def send(self) -> bool:
        """As much of the answer as the client takes now; whether that was all. Raises OSError."""
        while self._unsent:
            try:
                sent = self.sock.sendmsg(list(self._unsent)[:16])
            except BlockingIOError:
                self.deadline = min(self._answer_ends, time.monotonic() + self._limits.answer_pause)
                return False
            self.unsent_bytes -= sent
            while sent:
                if sent < len(self._unsent[0]):
                    self._unsent[0] = self._unsent[0][sent:]
                    break
                sent -= len(self._unsent.popleft())
        if self._closes:
            self.leave()
        else:
            self.wait()
        return True

    def leave(self) -> None:
        """No answer follows. To close at once would reset the connection of a client that sends: no answer for it."""
        self.doing = Doing.LEAVING
        self.deadline = time.monotonic() + self._limits.goodbye
        self.sock.shutdown(socket.SHUT_WR)

    def throw_away(self) -> bool:
        """What a leaving client sends; True once it has gone, or sent too much. Raises OSError."""
        come = len(self.sock.recv(_READ_LARGE))
        self.thrown_away += come
        return not come or self.thrown_away > self._limits.goodbye_bytes


def peer_of(address: Any) -> Any:
    """Whose connection it is: an IPv4 address, or a /64 of IPv6, in which one client has any number of them."""
    if not isinstance(address, tuple):
        return ""
    host = address[0]
    if ":" not in host or host.startswith("::"):
        return host
    return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:8]
