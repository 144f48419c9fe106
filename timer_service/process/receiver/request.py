"""The first line and the headers of a request, as they came. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

#: Bytes of them.
HEAD_BYTES = 64 * 1024
#: Bytes of a body: four times what a timer may hold.
BODY_BYTES = 1024 * 1024

_FIRST_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S+) (HTTP/1\.[01])", re.ASCII)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_LENGTH = re.compile(r"[0-9]{1,10}", re.ASCII)


class Refused(Exception):
    """This is not served: the status to answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Head(NamedTuple):
    """One character a byte (latin-1): nothing of it is lost."""

    method: str
    target: str
    version: str
    #: In the order and spelling in which they came.
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str | None:
        """The first of this name, which is in lower case."""
        return next((value for other, value in self.headers if other.lower() == name), None)

    @property
    def length(self) -> int:
        """Bytes of the body. Raises Refused."""
        if self.header("transfer-encoding") is not None:
            raise Refused(411)
        lengths = {value for name, value in self.headers if name.lower() == "content-length"} or {"0"}
        (length, *others) = lengths
        if others or not _LENGTH.fullmatch(length):
            raise Refused(400)
        if int(length) > BODY_BYTES:
            raise Refused(413)
        return int(length)

    @property
    def closes(self) -> bool:
        """Whether no other request follows on this connection."""
        return self.version == "HTTP/1.0" or "close" in (self.header("connection") or "").lower()


def parse(head: bytes) -> Head:
    """From the first byte to the empty line. Raises Refused."""
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    found = _FIRST_LINE.fullmatch(first)
    if not found:
        raise Refused(400)
    headers = tuple(_header(line) for line in lines)
    return Head(found[1], found[2], found[3], headers)


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not (colon and _NAME.fullmatch(name)):
        raise Refused(400)
    return name, value.strip(" \t")
