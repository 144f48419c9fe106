"""Idempotency keys of a store whose clock is turned: the server forgets them by its own clock, which nobody turns.

Before the clock is turned it is noted which there are, and afterwards these are aged. What a call leaves undone that
dies between, the next one finds noted.
"""

from __future__ import annotations

import json
from typing import Any

from scheduler.store import keys
from scheduler.store.link import Link
from scheduler.store.server import Server

#: Keys looked at in one call.
_AT_ONCE = 1000


def note_keys(link: Link, ahead: int) -> None:
    """Note all that there are, while the clock is so many ms ahead of the server's. Raises StoreUnavailable."""
    expire_at: dict[str, int] = {}
    for server in link.servers():
        with server.translated("SCAN"):
            expire_at |= _expiries(server.client)
    name, noted = keys.aging(), json.dumps({"ahead": ahead, "expire_at": expire_at})
    link.ask("SET", name, lambda client: client.set(name, noted))


def _expiries(client: Any) -> dict[str, int]:
    """When each idempotency key of a server goes, ms by its own clock."""
    found: dict[str, int] = {}
    cursor: int | None = None
    while cursor != 0:
        names: list[bytes]
        cursor, names = client.scan(cursor or 0, match=keys.ANY_IDEMPOTENCY, count=_AT_ONCE)
        calls = client.pipeline(transaction=False)
        for name in names:
            calls.pttl(name)
        now = _server_ms(client)
        found |= {name.decode(): now + left for name, left in zip(names, calls.execute(), strict=True)}
    return found


def age_noted(link: Link, ahead: int) -> None:
    """Let those that are noted go by as much sooner as the clock is further ahead by now. Raises StoreUnavailable."""
    name = keys.aging()
    noted = link.ask("GET", name, lambda client: client.get(name))
    if not isinstance(noted, bytes):
        return
    said = json.loads(noted)
    shares: dict[int, tuple[Server, list[tuple[str, int]]]] = {}
    for key, ms in said["expire_at"].items():
        server = link.server_of(key)
        shares.setdefault(id(server), (server, []))[1].append((key, ms))
    for server, share in shares.values():
        with server.translated("PEXPIRE"):
            _age(server.client, share, ahead - said["ahead"])
    link.ask("DEL", name, lambda client: client.delete(name))


def _age(client: Any, expire_at: list[tuple[str, int]], sooner: int) -> None:
    """Keys of one server, and ms by its clock."""
    sooner += _server_ms(client)
    for first in range(0, len(expire_at), _AT_ONCE):
        calls = client.pipeline(transaction=False)
        for name, ms in expire_at[first : first + _AT_ONCE]:
            # A key that goes at once: 0 deletes it. LT: one whose request was refused meanwhile goes sooner.
            calls.pexpire(name, max(0, ms - sooner), lt=True)
        calls.execute()


def _server_ms(client: Any) -> int:
    seconds, us = client.time()
    return int(seconds) * 1000 + int(us) // 1000
