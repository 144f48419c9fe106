"""One answer, read as its bytes come: what it says, where it ends, and whether it came whole (RFC 9112). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from scheduler.delivery.answer_head import MAX_HEAD, Head, end_of_lines, is_trailer, read_head
from scheduler.delivery.transport import MAX_READ

#: Bytes of all sizes of chunks: an answer in more of them is cut, like a longer one. To read one takes 1 us, and a
#: hundred receivers that send each byte by itself would take 6 s of all others.
_MOST_SIZES = 16 * 1024
#: Bytes of the longest line between two chunks.
_LONGEST_LINE = 4096
#: The size of a chunk, of 16 digits at most, which are 64 bits; and blanks and extensions, which nobody reads.
_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})([ \t]*(?:;[^\r\n\0]*)?)\r?\n")
#: Bytes of a blank line, with the end of the line before it, but for the last one.
_BLANK_LINE = 3
_LINE_END = re.compile(rb"\r?\n")
_STATUSES_WITHOUT_BODY = frozenset({101, 204, 304})


class BrokenAnswer(Exception):
    """Raised where what came is no whole answer of HTTP/1.1, or too long a head."""


class AnswerReader:
    """For one answer. Give it what comes until it says that it has ended, or end() where its connection has.

    Work on what comes is linear, and what is kept bounded by MAX_HEAD and MAX_READ.
    """

    __slots__ = (
        *("_data", "_head_bytes", "_is_head_request", "_left", "_next", "_searched", "_sizes"),
        *("body", "cut", "head", "is_kept"),
    )

    def __init__(self, method: str) -> None:
        """`method`: of the request; to a HEAD no body is answered."""
        self._is_head_request = method == "HEAD"
        #: What came and is not read yet.
        self._data = b""
        #: Of all heads and trailers, and of what chunks say beside their sizes.
        self._head_bytes = 0
        #: Bytes of the sizes of its chunks.
        self._sizes = 0
        #: Where to go on looking for the end of a head or a trailer: before it there is none.
        self._searched = 0
        #: What is to come next. No method of this reader: it would hold itself, and wait for the cyclic collector.
        self._next: Callable[[AnswerReader], bool] = AnswerReader._take_head
        #: Bytes of the body, or of its chunk, that are to come; -1: all until the connection ends.
        self._left = 0
        self.head: Head | None = None
        self.body: bytes | bytearray = b""
        #: The body was longer than what is read of one, or in too many chunks.
        self.cut = False
        #: It came whole, and its connection may carry another request.
        self.is_kept = False

    def take(self, data: bytes) -> bool:
        """Whether it has ended with that. Raises BrokenAnswer."""
        self._data = self._data + data if self._data else data
        return self._next(self)

    @property
    def has_begun(self) -> bool:
        """Whether anything has come."""
        return self.head is not None or bool(self._data) or self._head_bytes > 0

    def end(self) -> bool:
        """Its connection has ended: whether it is whole by that."""
        return self._left < 0

    def _take_head(self) -> bool:
        while True:
            data = self._data
            end = end_of_lines(data, self._searched)
            self._count(end or len(data))
            if not end:
                if data.find(b"\0", self._searched) >= 0 or data[:7] != b"HTTP/1."[: len(data)]:
                    raise BrokenAnswer
                self._head_bytes -= len(data)  # it is counted again when more has come
                self._searched = max(0, len(data) - _BLANK_LINE)
                return False
            self._searched = 0
            head = read_head(data[:end])
            if head is None:
                raise BrokenAnswer
            self._data = data[end:]
            if head.status >= 200 or head.status == 101:
                self.head = head
                return self._begin_body(head)
            if not self._data:
                return False

    def _count(self, more: int) -> None:
        self._head_bytes += more
        if self._head_bytes > MAX_HEAD:
            raise BrokenAnswer

    def _begin_body(self, head: Head) -> bool:
        if self._is_head_request or head.status in _STATUSES_WITHOUT_BODY:
            return self._ended(head)
        if not head.is_clear:
            raise BrokenAnswer
        if head.is_chunked:
            self.body = bytearray()
            self._next = AnswerReader._take_size
        else:
            self._left = -1 if head.length is None else head.length
            data = self._data
            if 0 <= self._left <= min(len(data), MAX_READ):  # as of most
                self.body, self._data = data[: self._left], data[self._left :]
                return self._ended(head)
            self.body = bytearray()
            self._next = AnswerReader._take_body
        return self._next(self)

    def _take_body(self) -> bool:
        """Of a length, or up to the connection's end."""
        data, left = self._data, self._left
        piece, self._data = (data, b"") if left < 0 else (data[:left], data[left:])
        if self._add(piece):
            return True
        if left < 0:
            return False
        self._left -= len(piece)
        return not self._left and self._ended(self.head)

    def _add(self, piece: bytes) -> bool:
        """Whether the body is longer than what is read of one by now, so that no more is."""
        assert isinstance(self.body, bytearray)
        room = MAX_READ - len(self.body)
        self.body += piece[:room]
        self.cut = len(piece) > room or (len(piece) == room and self._left > room)
        return self.cut

    def _take_size(self) -> bool:
        """Chunk after chunk, of which one piece of data may hold thousands."""
        data, at = self._data, 0
        while True:
            end = data.find(b"\n", at, at + _LONGEST_LINE) + 1
            if not end:
                if len(data) - at >= _LONGEST_LINE:
                    raise BrokenAnswer
                self._data = data[at:]
                return False
            size = _SIZE.fullmatch(data, at, end)
            if not size:
                raise BrokenAnswer
            if size[2]:
                self._count(len(size[2]))
            left = self._left = int(size[1], 16)
            self._sizes += end - at
            if not left:
                self._data, self._next = data[end:], AnswerReader._take_trailer
                return self._take_trailer()
            if self._sizes > _MOST_SIZES:
                self.cut = True
                return True
            at = end + left
            ending = data[at : at + 2]
            if ending[:1] == b"\n" or ending == b"\r\n":  # the whole chunk is there
                if self._add(data[end:at]):
                    return True
                at += 1 if ending[:1] == b"\n" else 2
                continue
            self._data, self._next = data[end:], AnswerReader._take_chunk
            return self._take_chunk()

    def _take_chunk(self) -> bool:
        """The rest of one that came in several pieces, and the end of its line."""
        if self._left:
            piece, self._data = self._data[: self._left], self._data[self._left :]
            if self._add(piece):
                return True
            self._left -= len(piece)
        if self._left or self._data in (b"", b"\r"):
            return False
        ending = self._data[:2]
        if ending[:1] != b"\n" and ending != b"\r\n":
            raise BrokenAnswer
        self._data = self._data[1 if ending[:1] == b"\n" else 2 :]
        self._next = AnswerReader._take_size
        return self._take_size()

    def _take_trailer(self) -> bool:
        data = self._data
        blank = _LINE_END.match(data)  # most have no fields
        end = blank.end() if blank else end_of_lines(data, self._searched)
        if not end:
            if self._head_bytes + len(data) > MAX_HEAD:
                raise BrokenAnswer
            self._searched = max(0, len(data) - _BLANK_LINE)
            return False
        self._count(end)
        if not is_trailer(data[:end]):
            raise BrokenAnswer
        self._data = data[end:]
        return self._ended(self.head)

    def _ended(self, head: Head | None) -> bool:
        assert head is not None
        self.is_kept = head.is_kept and not self._data and head.status != 101  # which ends HTTP on it
        return True
