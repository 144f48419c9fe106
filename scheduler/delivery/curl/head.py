"""What the heads of an answer say, as libcurl hands them over. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from scheduler.delivery.answer_head import MAX_HEAD, STATUS_LINE, looked_at

#: Bytes of heads that are worth remembering.
_SHORT = 1024
_BLANK_LINE = re.compile(rb"\n\r?\n")
#: Bytes of a body beyond 64 bits.
_TOO_LONG = re.compile(rb"\ncontent-length:[ \t]*[0-9]{19}", re.IGNORECASE)
#: With the lines that continue them.
_LOOKED_AT = re.compile(rb"^(?:timer-|retry-after)[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE)
_CODINGS = re.compile(rb"\ntransfer-encoding:([^\r\n]*)", re.IGNORECASE)


class Head(NamedTuple):
    """What the last head of an answer says; those of interim answers before it are dropped."""

    #: None if it has no status line.
    status: int | None
    #: Those that anybody looks at, by their names in lower case.
    headers: Mapping[str, str]
    #: It ends with a blank line, and each of its fields has a name.
    is_whole: bool
    #: Trailers included.
    raw: bytes

    @property
    def tells_where_its_body_ends(self) -> bool:
        """Whether the end of its body can be known though libcurl knows no length.

        libcurl is content with codings that it does not know, and with a length too long for it, as if it were none.
        """
        if _TOO_LONG.search(self.raw):
            return False
        codings = b",".join(_CODINGS.findall(_BLANK_LINE.split(self.raw, 1)[0])).lower().split(b",")
        return [coding.strip() for coding in codings if coding.strip()] in ([], [b"identity"], [b"chunked"])


def read(heads: bytes) -> Head:
    """The head of the answer among all its heads and trailers; one without a status if they are too long."""
    if len(heads) <= _SHORT:
        return _read_again(heads)
    return _read(heads if len(heads) <= MAX_HEAD else b"")


def _read(heads: bytes) -> Head:
    head = _last(heads)
    first = STATUS_LINE.match(head)
    if not first:
        return Head(None, {}, False, head)
    # libcurl is content with a head that broke off, and with a field without a name. Trailers may stand behind it.
    is_whole = (head.endswith(b"\r\n\r\n") or _BLANK_LINE.search(head) is not None) and b"\n:" not in head
    return Head(int(first[2]), _headers(head), is_whole, head)


#: A receiver's answers of the same second often have the same head: 2 us less each.
_read_again = lru_cache(256)(_read)


def _last(heads: bytes) -> bytes:
    """Drop the heads of interim answers: of any 1xx but 101 (RFC 9110, 15.2)."""
    start = 0
    while (found := STATUS_LINE.match(heads, start)) and found[2][:1] == b"1" and found[2] != b"101":
        blank = _BLANK_LINE.search(heads, found.end() - 1)
        if not blank:
            break
        start = blank.end()
    return heads[start:]


def _headers(head: bytes) -> dict[str, str]:
    if b"timer-" not in (lower := head.lower()) and b"retry-after" not in lower:
        return {}
    lines = _LOOKED_AT.findall(_BLANK_LINE.split(head, 1)[0])  # trailers are no headers
    return looked_at(b"\n".join(lines).split(b"\n"))
