"""Idempotency keys of a store whose clock is turned: the server forgets them by its own clock, which nobody turns.

Before the clock is turned it is noted which there are, and afterwards these are aged. What a call leaves undone that
dies between, the next one finds noted.
"""

from __future__ import annotations

import json
from typing import Any

from scheduler.store import keys
from scheduler.store.link import Link

#: Keys looked at in one call.
_AT_ONCE = 1000


def note_keys(link: Link, ahead: int) -> None:
    """Note all that there are, while the clock is so many ms ahead of the server's. Raises StoreUnavailable."""
    expire_at: dict[str, int] = {}
    with link.translated("SCAN"):
        cursor: int | None = None
        while cursor != 0:
            found: Any  # redis-py's types know no names from bytes
            cursor, found = link.client.scan(cursor or 0, match=keys.ANY_IDEMPOTENCY, count=_AT_ONCE)
            calls = link.client.pipeline(transaction=False)
            for name in found:
                calls.pttl(name)
            now = _server_ms(link)
            expire_at |= {name.decode(): now + left for name, left in zip(found, calls.execute(), strict=True)}
        link.client.set(keys.aging(), json.dumps({"ahead": ahead, "expire_at": expire_at}))


def age_noted(link: Link, ahead: int) -> None:
    """Let those that are noted go by as much sooner as the clock is further ahead by now. Raises StoreUnavailable."""
    with link.translated("PEXPIRE"):
        noted = link.client.get(keys.aging())
        if not isinstance(noted, bytes):
            return
        said = json.loads(noted)
        sooner = ahead - said["ahead"] + _server_ms(link)
        expire_at = list(said["expire_at"].items())
        for first in range(0, len(expire_at), _AT_ONCE):
            calls = link.client.pipeline(transaction=False)
            for name, ms in expire_at[first : first + _AT_ONCE]:
                # A key that goes at once: 0 deletes it. LT: one whose request was refused meanwhile goes sooner.
                calls.pexpire(name, max(0, ms - sooner), lt=True)
            calls.execute()
        link.client.delete(keys.aging())


def _server_ms(link: Link) -> int:
    seconds, us = link.client.time()
    return int(seconds) * 1000 + int(us) // 1000
