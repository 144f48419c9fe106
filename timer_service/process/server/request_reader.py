"""Makes whole requests of the bytes of a connection. Knows no socket and no clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gunicorn.http import errors
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from timer_service.process.server.chunks import BadChunk, ChunkedBody, TooManyBytes
from timer_service.process.server.limits import Limits

#: What gunicorn's parser refuses; every other of its ParseExceptions is a 400.
_STATUSES = {
    errors.ExpectationFailed: 417,
    errors.LimitRequestHeaders: 431,
    errors.LimitRequestLine: 414,
    errors.UnsupportedTransferCoding: 501,
}
#: A name or an address, and perhaps a port: no user, no path, no list (RFC 9112, 3.2).
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::[0-9]{0,5})?", re.ASCII)
_LONE_NEWLINE = re.compile(rb"(?<!\r)\n")


class Refused(Exception):
    """What has come cannot be given to the application: this status, and the end of the connection."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request that has come whole."""

    #: gunicorn's: method, path, headers, should_close().
    head: Any
    #: The head as it came.
    raw: bytes
    body: bytes


class RequestReader:
    """Reads the requests of one connection. Not shared by threads; not to be used again after it raised Refused."""

    def __init__(self, cfg: Any, peer: Any, limits: Limits) -> None:
        self._cfg = cfg
        self._peer = peer
        self._limits = limits
        self._data = bytearray()
        #: So many of these hold no end of a head.
        self._looked_at = 0
        self._head: Any = None
        self._raw = b""
        self._length = 0
        self._chunked: ChunkedBody | None = None
        #: Whether a byte of the next request has come; empty lines before it are none.
        self.begun = False

    @property
    def held(self) -> int:
        """Bytes that wait here for others."""
        return len(self._data) + (len(self._chunked.body) if self._chunked else 0)

    @property
    def expects_more(self) -> int:
        """Bytes that are known to be missing."""
        return self._length - len(self._data) if self._head is not None else 0

    def take(self, data: bytes) -> Incoming | None:
        """The next request, if it is whole with these bytes. Raises Refused."""
        self._data += data
        if self._head is None:
            self._begin()
            if not self._read_head():
                return None
        body = self._read_body()
        if body is None:
            return None
        found = Incoming(self._head, self._raw, body)
        self._head = self._chunked = None
        self._length = self._looked_at = 0
        self._begin()
        return found

    def end(self) -> None:
        """No more bytes will come. Raises Refused if they ended within a request."""
        if self.begun:
            raise Refused(400, "ended in the middle")

    def clear(self) -> None:
        """Nothing more will be taken."""
        self._data.clear()
        self._head = self._chunked = None
        self.begun = False

    def expects_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body."""
        return self._head is not None and self._head.version >= (1, 1) and _has(self._head, "EXPECT")

    def _begin(self) -> None:
        """Passes over empty lines: old clients send one after a body (RFC 9112, 2.2), and then nothing for long."""
        data = self._data
        while data.startswith(b"\r\n"):
            del data[:2]
            self._looked_at = 0
        self.begun = bool(data) and data != b"\r"

    def _read_head(self) -> bool:
        data = self._data
        end = data.find(b"\r\n\r\n", max(0, self._looked_at - 3))
        if end < 0 or end > self._limits.head:
            if len(data) > self._limits.head:
                raise Refused(431 if b"\r\n" in data[: self._cfg.limit_request_line + 16] else 414, "too long a head")
            if _LONE_NEWLINE.search(data, self._looked_at):
                raise Refused(400, "a line that does not end in CR LF")
            self._looked_at = len(data)
            return False
        raw = bytes(data[: end + 4])
        del data[: end + 4]
        try:
            self._head, self._raw = Request(self._cfg, IterUnreader([raw]), self._peer), raw
        except errors.ParseException as error:
            raise Refused(_STATUSES.get(type(error), 400), type(error).__name__) from None
        _check_host(self._head)
        if _says_close(self._head):
            self._head.force_close()
        framing = self._head.body.reader
        if isinstance(framing, ChunkedReader):
            _check_codings(self._head)
            self._chunked = ChunkedBody(self._limits.body)
        elif isinstance(framing, LengthReader):
            self._length = framing.length
            if self._length > self._limits.body:
                raise Refused(413, "too long a body")
        return True

    def _read_body(self) -> bytes | None:
        data = self._data
        if self._chunked is not None:
            try:
                return bytes(self._chunked.body) if self._chunked.take(data) else None
            except BadChunk:
                raise Refused(400, "malformed chunk") from None
            except TooManyBytes:
                raise Refused(413, "too long a body") from None
        if len(data) < self._length:
            return None
        body = bytes(data[: self._length])
        del data[: self._length]
        return body


def _check_host(head: Any) -> None:
    """Raises Refused unless there is a usable one; HTTP/1.0 may leave it out. Two are refused by gunicorn."""
    hosts = [value for name, value in head.headers if name == "HOST"]
    if not hosts and head.version >= (1, 1):
        raise Refused(400, "no Host")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise Refused(400, "not a Host")


def _check_codings(head: Any) -> None:
    """Raises Refused for what would have to be unpacked: gunicorn lets it through, packed as it is."""
    said = [coding for name, value in head.headers if name == "TRANSFER-ENCODING" for coding in value.split(",")]
    if not {coding.strip(" \t").lower() for coding in said} <= {"chunked", "identity"}:
        raise Refused(501, "a transfer coding that is not ours")


def _says_close(head: Any) -> bool:
    """Also among other options (RFC 9112, 9.6): gunicorn knows it alone."""
    said = [option for name, value in head.headers if name == "CONNECTION" for option in value.lower().split(",")]
    return any(option.strip(" \t") == "close" for option in said)


def _has(head: Any, name: str) -> bool:
    return any(name == other for other, _ in head.headers)
