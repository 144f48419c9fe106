"""What the store has of schedules in the end: the counts of each, and its runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import redis

from scheduler import Query, Settings, Store
from scheduler.store import keys
from tests.faults.history import Counts, Planned, Run

_REASONS = ("overlap", "missed", "paused", "gap")


def as_stored(known: Iterable[Planned], url: str) -> Iterator[Planned]:
    """What clients know of each schedule, with what the store at this URL has of it."""
    store = Store(Settings(redis_url=url, store_timeout=10))
    for it in known:
        yield replace(it, counts=_counts(store.link.client, it.name), runs=tuple(_runs(store, it.name)))
    store.close()


def _counts(client: redis.Redis, name: str) -> Counts | None:
    """From its hash: the API tells runs of moments and those by hand in one sum."""
    fields: dict[Any, Any] = client.hgetall(f"{keys.prefix(0)}schedule:{name}")
    if not fields:
        return None
    return Counts(
        runs=int(fields.get(b"runs", 0)),
        fired=int(fields.get(b"fired", 0)),
        skipped={reason: int(fields.get(f"skipped_{reason}".encode(), 0)) for reason in _REASONS},
        has_ended=b"ended" in fields,
    )


def _runs(store: Store, name: str) -> Iterator[Run]:
    query: Query | None = Query(schedule=name, limit=1000)
    while query is not None:
        page = store.listing.page(query)
        for it in page.timers:
            yield Run(timer_id=it.id, due_at=it.due_at, status=it.status, ended_at=it.ended_at)
        query = None if page.next is None else replace(query, after=page.next)
