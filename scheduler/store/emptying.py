"""Emptying a store whose clock can be turned while it is served: the next test finds nothing of the last."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from scheduler.store import keys
from scheduler.store.layout import VIRTUAL
from scheduler.store.link import Link

#: What stays of a partition: its layout; its clock, which never goes back; and by what its pollers are known, and tell
#: a call of theirs from the one before. `signing_changes` and `holds` number what has changed: they only go on.
_STAYS = re.compile(r"layout|ahead|turning|aging|seen|pollers|loads|holds|signing_changes|(lastclaim|reported):.*")
#: Where timers and schedules stand that a poller may take.
_TAKEN_FROM = ("scheduled", "waiting", "behind", "planned")
#: Keys that one call of the server is given.
_AT_ONCE = 1000
_PAUSE = 0.002
#: In `signing`, of the oldest revision: whatever is set later counts.
_NOT_ITS_OWN = b'0 {"id":"","own":null}'


def empty_store(link: Link, patience: float = 30.0) -> None:
    """Remove all timers, schedules, rules of destinations, idempotency keys and sums; the clock stays as it is.

    Attempts under way are waited for, so many seconds at most; then they are settled by nobody. Who sets timers
    meanwhile may find them gone; of several servers one is emptied after the other. Raises StoreUnavailable, and
    ValueError for a store that goes by the real clock.
    """
    if link.clock != VIRTUAL:
        raise ValueError("only a store with a virtual clock is emptied: what goes by the real one is no test")
    until = time.monotonic() + patience
    while _stop_taking(link) and time.monotonic() < until:
        time.sleep(_PAUSE)
    for server, partitions in link.by_server():
        with server.translated("DEL"):
            calls = server.client.pipeline(transaction=True)
            for gone in _names(server.client):
                calls.delete(*gone)
            for partition in partitions:
                _tell_pollers(server.client, calls, keys.prefix(partition))
            calls.execute()


def _stop_taking(link: Link) -> int:
    """Nothing is taken any more; returns how many attempts are under way."""
    found = 0
    for server, partitions in link.by_server():
        with server.translated("DEL"):
            calls = server.client.pipeline(transaction=True)
            for partition in partitions:
                prefix = keys.prefix(partition)
                calls.delete(*(f"{prefix}{name}" for name in _TAKEN_FROM))
                calls.zcard(f"{prefix}delivering")
            found += sum(calls.execute()[1::2])
    return found


def _tell_pollers(client: Any, calls: Any, prefix: str) -> None:
    """That no destination is held, and that the service's secrets sign for all: what they know is numbered."""
    holds = client.get(f"{prefix}holds")
    if holds is None:
        return
    first, _, signing = holds.partition(b"\n")
    # Of changes before this one it is not known which holds ended: who knows some forgets them.
    number = int((first or b"0").split()[0]) + 1
    text = f"{number} 0 {number}"
    if tags := client.hkeys(f"{prefix}signing"):
        signing = int(signing or 0) + 1
        calls.hset(f"{prefix}signing", mapping=dict.fromkeys(tags, _NOT_ITS_OWN))
        calls.zadd(f"{prefix}signing_changes", dict.fromkeys(tags, signing))
        text += f"\n{signing}"
    calls.set(f"{prefix}holds", text)


def _names(client: Any) -> Iterator[list[bytes]]:
    """What is to go, as many names at a time as one call takes: those of one hash tag, for a cluster."""
    gone: dict[bytes, list[bytes]] = {}
    for name in client.scan_iter(match="timers:*", count=_AT_ONCE):
        if not _STAYS.fullmatch(name.decode().partition("}:")[2]):
            gone.setdefault(name.partition(b"}")[0], []).append(name)
    for names in gone.values():
        for start in range(0, len(names), _AT_ONCE):
            yield names[start : start + _AT_ONCE]
