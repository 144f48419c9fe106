"""An answer as http.client reads it, less what that forgives: whether a broken answer came whole, nobody can say.

libcurl refuses nearly all of it by itself; without this, what is a failure there would be delivered here.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from http.client import BadStatusLine, HTTPException, HTTPMessage, HTTPResponse, RemoteDisconnected
from io import BufferedReader
from typing import Any

from urllib3 import HTTPHeaderDict

from scheduler.delivery.answer_head import MAX_HEAD, STATUS_LINE, fields

#: Bytes of the longest line between two chunks.
_LONGEST = 4096
_LINE = re.compile(rb"[^\r\n\0]*\r?\n")
#: A field, what continues one, or the end of the head.
_FIELD = re.compile(rb"[^:\s][^:]*:.*\n|[ \t].*\n|\r?\n")
#: 16 digits are 64 bits. int() would also take "-1": everything up to the end, however much that is.
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;.*)?\r?\n")
_BLANK = (b"\r\n", b"\n")
#: What 64 bits hold, as libcurl takes it.
_LENGTH = re.compile("0*[0-9]{1,18}")


class _Lines(BufferedReader):
    #: Bytes that may yet come of heads and trailers.
    left = MAX_HEAD

    def line(self, most: int = _LONGEST) -> bytes:
        """A line with its end, or nothing at the end of the connection."""
        line = self.readline(most)
        if line and not _LINE.fullmatch(line):
            raise HTTPException(f"a broken line: {line[:40]!r}")
        return line

    def head_line(self) -> bytes:
        line = self.line(self.left + 1)
        self.left -= len(line)
        if self.left < 0:
            raise HTTPException("a head without an end")
        return line

    def fields(self) -> Iterator[bytes]:
        """The lines of a head behind its first, or of a trailer, with the blank one that ends them."""
        while True:
            line = self.head_line()
            if not _FIELD.fullmatch(line):
                raise HTTPException(f"a broken head: {line[:40]!r}")
            yield line
            if line in _BLANK:
                return


class StrictResponse(HTTPResponse):
    """The names with an underscore are http.client's own: test_hostile_answers.py tells if one of them changes."""

    chunk_left: int | None
    _method: str | None

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._sock = sock
        self._lines = _Lines(self.fp.detach())
        self.fp = self._lines

    def begin(self) -> None:
        """As http.client's, but for its parser, which is that of e-mail: it takes a second for some heads of 64 KiB."""
        version, self.status, self.reason = self._read_status()
        self.code = self.status
        self.version = 10 if version == "1.0" else 11
        self.headers = self.msg = HTTPMessage()
        for name, value in fields(self._lines.fields()):
            self.headers[name] = value
        self.chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        self.chunk_left = None
        self.will_close = self._check_close()  # type: ignore[attr-defined]
        length = self.headers.get("content-length", "")
        self.length = int(length) if _LENGTH.fullmatch(length) and not self.chunked else None
        if self.status in (204, 304) or self.status < 200 or self._method == "HEAD":
            self.length, self.chunked = 0, False  # whatever it says: it would be waited for
        if not self.chunked and self.length is None:
            self.will_close = True

    def _close_conn(self) -> None:
        """The answer has ended. A connection that has brought more already is not used again; libcurl thinks so too."""
        # What is in the buffer, and nothing from the socket: to ask that too would cost a tenth of an attempt.
        self._lines.raw.readinto = _nothing  # type: ignore[method-assign]
        if not self.will_close and self._lines.peek(1):
            with suppress(OSError):  # cut meanwhile
                self._sock.shutdown(socket.SHUT_RDWR)  # by which the pool knows it
        super()._close_conn()  # type: ignore[misc]

    def _read_status(self) -> tuple[str, int, str]:
        """Any 1xx but 101 is followed by the answer (RFC 9110, 15.2); http.client knows that only of 100."""
        while line := self._lines.head_line():
            found = STATUS_LINE.fullmatch(line)
            if not found:
                raise BadStatusLine(repr(line[:40]))
            version, status, reason = found[1].decode(), int(found[2]), (found[3] or b"").decode("latin-1")
            if status == 101 or status >= 200:
                return version, status, reason.strip()
            self._skip_fields()
        raise RemoteDisconnected("closed before an answer")

    def _get_chunk_left(self) -> int | None:
        """Bytes left of a chunk, the next one's if none are; None after the last."""
        if not self.chunk_left:
            if self.chunk_left == 0 and self._lines.line() not in _BLANK:
                raise HTTPException("a chunk without an end")
            line = self._lines.line()
            size = _CHUNK.fullmatch(line)
            if not size:
                raise HTTPException(f"no size of a chunk: {line[:40]!r}")
            self.chunk_left = int(size[1], 16)
            if self.chunk_left == 0:
                self._skip_fields()
                self._close_conn()
                self.chunk_left = None
        return self.chunk_left

    def _skip_fields(self) -> None:
        for _ in self._lines.fields():
            pass


def _nothing(_: object) -> None:
    """What a raw stream says that has nothing to read just now."""


def tells_its_end(headers: HTTPHeaderDict) -> bool:
    """Of lengths and codings that it does not understand http.client makes: all that comes is the body."""
    codings = [coding.strip().lower() for coding in ",".join(headers.getlist("transfer-encoding")).split(",")]
    if [coding for coding in codings if coding] not in ([], ["identity"], ["chunked"]):
        return False
    lengths = {length.strip() for value in headers.getlist("content-length") for length in value.split(",")}
    return len(lengths) < 2 and all(_LENGTH.fullmatch(length) for length in lengths)
