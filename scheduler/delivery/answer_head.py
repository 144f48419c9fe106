"""The head of an answer: its status, the fields that anybody looks at, and how its body ends (RFC 9112). Pure.

It forgives less than libraries do: of an answer that breaks the rules nobody can say whether it came whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

#: Bytes of all heads and trailers of one answer; more is no answer. Servers' own limits for requests are 8 to 64 KiB.
MAX_HEAD = 16 * 1024
#: Bytes of a head that is worth remembering: most receivers send the same one for a second, as its date is the same.
_SHORT = 1024

#: Version, status and reason.
_STATUS_LINE = rb"HTTP/(1\.[01])[ \t]([1-9][0-9]{2})(?:[ \t][^\r\n\0]*)?\r?\n"
#: Fields, and lines that continue them.
_FIELDS = rb"(?:(?:[^:\s\0][^:\r\n\0]*:|[ \t])[^\r\n\0]*\r?\n)*"
_HEAD = re.compile(_STATUS_LINE + rb"(" + _FIELDS + rb")\r?\n")
_TRAILER = re.compile(_FIELDS + rb"\r?\n")
_CONTINUED = rb"[^\n]*(?:\n[ \t][^\n]*)*"
_LOOKED_AT = re.compile(rb"^(?:timer-|retry-after)" + _CONTINUED, re.IGNORECASE | re.MULTILINE)
_FRAMING = re.compile(
    rb"^(content-length|transfer-encoding|connection)[ \t]*:(" + _CONTINUED + rb")", re.IGNORECASE | re.MULTILINE
)
#: What 64 bits hold: its last 18 digits. Of more than 4,300 int() raises, though they be zeros.
_LENGTH = re.compile(rb"0*[0-9]{1,18}")
_BLANK_LINE = re.compile(rb"\n\r?\n")


class Head(NamedTuple):
    """What one says."""

    status: int
    #: Those that anybody looks at, by their names in lower case; what is given more than once is joined by commas.
    headers: Mapping[str, str]
    #: Bytes of its body, if it says so.
    length: int | None
    is_chunked: bool
    #: Whether its connection may carry another request.
    is_kept: bool
    #: Whether its lengths and codings are understood; otherwise nobody knows where its body ends.
    is_clear: bool


def end_of_lines(data: bytes, start: int = 0) -> int:
    """Where the first blank line ends, whether its lines end by CRLF or LF; 0 if there is none. It is looked for from
    `start` on."""
    end = data.find(b"\r\n\r\n", start) + 4
    if end > 3 and data.find(b"\n\n", start, end) < 0 and data.find(b"\n\r\n", start, end - 2) < 0:  # as of most
        return end
    blank = _BLANK_LINE.search(data, start)
    return blank.end() if blank else 0


def read_head(raw: bytes) -> Head | None:
    """A head up to its blank line; None if it is none."""
    return _read_again(raw) if len(raw) <= _SHORT else _read(raw)


def is_trailer(raw: bytes) -> bool:
    """Whether these are the fields behind the last chunk, up to the blank line."""
    return _TRAILER.fullmatch(raw) is not None


def _read(raw: bytes) -> Head | None:
    found = _HEAD.fullmatch(raw)
    if not found:
        return None
    version, status, lines = found[1], int(found[2]), found[3]
    said: dict[bytes, list[bytes]] = {}
    for name, value in _FRAMING.findall(lines):
        said.setdefault(name.lower(), []).extend(it.strip(b" \t\r\n").lower() for it in value.split(b","))
    codings = [it for it in said.get(b"transfer-encoding", ()) if it]
    lengths = set(said.get(b"content-length", ()))
    is_chunked = codings == [b"chunked"]
    is_clear = codings in ([], [b"identity"], [b"chunked"]) and len(lengths) < 2
    is_clear = is_clear and all(map(_LENGTH.fullmatch, lengths))
    length = int(lengths.pop()[-18:]) if lengths and is_clear and not is_chunked else None
    is_kept = version == b"1.1" and b"close" not in said.get(b"connection", ())
    return Head(status, _looked_at(_LOOKED_AT.findall(lines)), length, is_chunked, is_kept, is_clear)


_read_again = lru_cache(256)(_read)


def _looked_at(found: Iterable[bytes]) -> dict[str, str]:
    headers: dict[str, list[str]] = {}
    for name, value in _fields(found):
        headers.setdefault(name, []).append(value)
    return {name: ", ".join(values) for name, values in headers.items()}  # RFC 9110, 5.3


def _fields(found: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Names in lower case, and values; what continues a line is joined to it by a blank."""
    for field in found:
        first, *others = field.decode("latin-1").split("\n")
        name, _, value = first.partition(":")
        parts = [value, *others]
        yield name.rstrip(" \t").lower(), " ".join(part.strip(" \t\r") for part in parts)
