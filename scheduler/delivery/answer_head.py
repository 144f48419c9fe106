"""The head of an answer, read the same way whichever transport brings it. Work on it is linear, its size bounded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

#: Bytes of all heads and trailers of one answer; more is no answer. Servers' own limits for requests are 8 to 64 KiB.
MAX_HEAD = 16 * 1024

#: Version, status and reason.
STATUS_LINE = re.compile(rb"HTTP/(1\.[01])[ \t]([1-9][0-9]{2})(?:[ \t]([^\r\n]*))?\r?\n")


def fields(lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Names, as they came, and values of a head's lines, up to the blank one; what continues a line is joined to it."""
    name = value = ""
    for line in lines:
        text = line.rstrip(b"\r\n").decode("latin-1")
        if not text:
            break
        if text[0] in " \t":
            value += " " + text.strip(" \t")
            continue
        if name:
            yield name, value
        name, _, value = text.partition(":")
        value = value.strip(" \t")
    if name:
        yield name, value


def looked_at(lines: Iterable[bytes]) -> dict[str, str]:
    """Fields by their names in lower case. One given more than once is a list (RFC 9110, 5.3), joined by commas."""
    found: dict[str, list[str]] = {}
    for name, value in fields(lines):
        found.setdefault(name.lower(), []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}
