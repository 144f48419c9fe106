"""Destinations as they stand: what limits each, and what all partitions know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scheduler.destinations import Destination, DestinationState, Rule, SecretUse
from scheduler.holds.holding import standing_of
from scheduler.store.link import Link
from scheduler.store.observing import read_observed

#: Destinations that one call tells of: 1 ms.
_AT_ONCE = 200


class Row(NamedTuple):
    """What partitions know of a destination."""

    observed: bytes = b""
    waiting: int = 0
    oldest_waiting_at: int | None = None

    def joined(self, observed: bytes, waiting: int, oldest: int | None) -> Row:
        both = [it for it in (self.oldest_waiting_at, oldest) if it is not None]
        return Row(self.observed or observed, self.waiting + waiting, min(both, default=None))


def read_rows(link: Link, tags: Sequence[str]) -> Mapping[str, Row]:
    """By their tags. Raises StoreUnavailable."""
    rows = {tag: Row() for tag in tags}
    for partition in range(link.partitions if tags else 0):
        for first in range(0, len(tags), _AT_ONCE):
            share = tags[first : first + _AT_ONCE]
            values = link.run("destinations", partition, share)
            for tag, (words, count, due) in zip(share, zip(*[iter(values)] * 3, strict=True), strict=True):
                rows[tag] = rows[tag].joined(words, count, None if due < 0 else due)
    return rows


def destination_of(rule: Rule, row: Row) -> Destination:
    """Without an id where nobody has set anything, and nothing was sent."""
    seen_id, observed = read_observed(row.observed)
    standing = standing_of(rule)
    return Destination(
        id=rule.id or seen_id,
        settings=rule.settings,
        version=rule.version,
        read_at=rule.read_at,
        state=standing.state,
        since=standing.since,
        because=standing.because,
        next_at=standing.next_at,
        pause=rule.pause if standing.state is DestinationState.PAUSED else None,
        waiting=row.waiting,
        oldest_waiting_at=row.oldest_waiting_at,
        in_flight=rule.permits,
        observed=observed,
        secrets=tuple(SecretUse(it.since, it.until) for it in rule.secrets if it.signs(rule.read_at)),
    )
