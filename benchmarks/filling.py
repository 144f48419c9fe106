"""A store full of pending timers that look like those of users: URLs of 60 bytes, bodies of 150, none compressible."""

from __future__ import annotations

import os
import string
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

from scheduler import Draft, Settings, Store, Timers, Webhook

#: One script call sets so many.
BATCH = 200
DAY_MS = 86_400_000

_URL_BYTES, _BODY_BYTES = 60, 150
_PLAIN = (string.ascii_letters + string.digits).encode()
# What JSON writes as it is: 6.5 bits a character.
_PRINTABLE = bytes(sorted(set(range(33, 127)) - set(b'"\\')))
_TO_PLAIN = (_PLAIN * 5)[:256]
_TO_PRINTABLE = (_PRINTABLE * 3)[:256]


def webhook(hook: str, **more: Any) -> Webhook:
    path = os.urandom(_URL_BYTES - len(hook) - 1).translate(_TO_PLAIN).decode()
    body = os.urandom(_BODY_BYTES - 2).translate(_TO_PRINTABLE)
    return Webhook(url=f"{hook}/{path}", body=b'"' + body + b'"', **more)


def opened(url: str) -> Timers:
    return Store(Settings(redis_url=url, store_timeout=30)).timers


def fill(url: str, hook: str, count: int, due_at: int, spread_ms: int = 0, *, tags: int = 0) -> None:
    """Timers that fall due from `due_at` on, evenly over `spread_ms`, each with a key and one of `tags` tags, if any.

    From a process for each core: making the timers costs more than storing them.
    """
    processes = os.cpu_count() or 1
    one = partial(_fill, url, hook, due_at, spread_ms / count, tags)
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(one, (range(first, count, processes) for first in range(processes))))


def draft(timers: Timers, hook: str, due_at: int, tag: str = "") -> Draft:
    timer_id = timers.new_id()
    who: dict[str, Any] = {"tags": (tag,), "key": f"order-{timer_id}"} if tag else {}
    return Draft(id=timer_id, webhook=webhook(hook), due_at=due_at, **who)


def set_all(timers: Timers, drafts: Sequence[Draft]) -> set[str]:
    """In calls of BATCH; returns their ids."""
    for start in range(0, len(drafts), BATCH):
        timers.set(*drafts[start : start + BATCH])
    return {it.id for it in drafts}


def _fill(url: str, hook: str, due_at: int, gap_ms: float, tags: int, numbers: range) -> None:
    timers = opened(url)
    for start in range(0, len(numbers), BATCH):
        timers.set(
            *(
                draft(timers, hook, due_at + int(number * gap_ms), f"tenant-{number % tags:03}" if tags else "")
                for number in numbers[start : start + BATCH]
            )
        )
