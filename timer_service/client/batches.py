"""Divides many timers into calls of at most 1,000 timers and 8 MiB, as the service takes them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import TypeVar

#: Timers, or ids, of one call.
MOST_TIMERS = 1000
#: Schedules, and destinations, of one page.
MOST_SCHEDULES = MOST_DESTINATIONS = 100
#: Moments of one preview.
MOST_PREVIEWED = 50
#: Bytes of one call; the service takes 8 MiB, and the frame around the timers needs a few.
MOST_BYTES = 8 * 2**20 - 1024

T = TypeVar("T")


def groups(items: Iterable[T]) -> Iterator[list[T]]:
    """Of at most a thousand each."""
    rest = iter(items)
    while group := list(islice(rest, MOST_TIMERS)):
        yield group


def bodies(timers: Iterable[bytes], more: Mapping[str, str] = MappingProxyType({})) -> Iterator[bytes]:
    """Of timers in JSON, with other members of each call. One that is too large by itself goes alone, and is refused
    alone."""
    group: list[bytes] = []
    size = 0
    for timer in timers:
        if group and (len(group) == MOST_TIMERS or size + len(timer) + 1 > MOST_BYTES):
            yield _body(group, more)
            group, size = [], 0
        group.append(timer)
        size += len(timer) + 1
    if group:
        yield _body(group, more)


def _body(timers: list[bytes], more: Mapping[str, str]) -> bytes:
    others = b"".join(f",{json.dumps(name)}:{json.dumps(value)}".encode() for name, value in more.items())
    return b'{"timers":[' + b",".join(timers) + b"]" + others + b"}"
