"""A body in chunks (RFC 9112, 7.1), taken apart as its bytes come."""

from __future__ import annotations

import re

#: A size of at most 15 digits, and extensions, which mean nothing to us.
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")
#: Bytes of one line, and lines behind the last chunk.
_LINE, _TRAILERS = 1024, 32
#: Chunks of one body. Each costs 2 us, so that 8 MiB in chunks of one byte would stop all others for 16 s.
_CHUNKS = 16_384


class BadChunk(Exception):
    """This is not how chunks are written."""


class TooManyBytes(Exception):
    """The body is longer than may be."""


class ChunkedBody:
    """Not to be used again after it raised."""

    def __init__(self, most: int) -> None:
        self.body = bytearray()
        self._most = most
        self._chunks = 0
        self._trailers = 0
        #: Bytes of the present chunk that have not come, its final CR LF among them.
        self._missing = 0
        self._last = False

    def take(self, data: bytearray) -> bool:
        """Moves from the front of `data` what belongs to the body; True when that was all. Raises the above."""
        at = 0
        while True:
            if self._missing:
                at += self._fill(data, at)
                if self._missing:
                    break
            end = data.find(b"\r\n", at, at + _LINE)
            if end < 0:
                if len(data) - at >= _LINE or b"\n" in data[at:]:
                    raise BadChunk
                break
            line, at = data[at:end], end + 2
            if self._last:
                if not line:
                    del data[:at]
                    return True
                self._pass_over(line)
            else:
                self._begin(line)
        del data[:at]
        return False

    def _begin(self, line: bytearray) -> None:
        found = _SIZE.fullmatch(line)
        self._chunks += 1
        if not found or self._chunks > _CHUNKS:
            raise BadChunk
        size = int(found[1], 16)
        if len(self.body) + size > self._most:
            raise TooManyBytes
        self._last = size == 0
        self._missing = size and size + 2

    def _fill(self, data: bytearray, at: int) -> int:
        """How many bytes of `data` belonged to the present chunk."""
        come = data[at : at + self._missing]
        content = max(0, self._missing - 2)
        self.body += come[:content]
        if not b"\r\n"[2 - min(2, self._missing) :].startswith(come[content:]):
            raise BadChunk
        self._missing -= len(come)
        return len(come)

    def _pass_over(self, line: bytearray) -> None:
        self._trailers += 1
        if self._trailers > _TRAILERS or not _TRAILER.fullmatch(line):
            raise BadChunk
