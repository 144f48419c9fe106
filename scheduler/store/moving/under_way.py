"""Attempts that were begun in the source of a move, and may go on."""

from __future__ import annotations

from scheduler.store import keys
from scheduler.store.moving.side import Side


def under_way(source: Side, lease_ms: int) -> int:
    """How many claims have a lease that has not ended, or ended less than `lease_ms` ago. Raises MoveError."""
    return sum(_leases(source, partition, source.now_ms() - lease_ms) for partition in range(source.partitions))


def _leases(source: Side, partition: int, after: int) -> int:
    name = f"{keys.prefix(partition)}delivering"
    return source.call(
        lambda: int(source.link.ask("ZCOUNT", name, lambda client: client.zcount(name, f"({after}", "+inf")))
    )
