"""A timer with all that it stands in, as one store tells it, and as it is written into another. Pure."""

from __future__ import annotations

from typing import NamedTuple

from scheduler.store import keys
from scheduler.store.moving.parts import Part, Write


class WholeRow(NamedTuple):
    """What read_whole.lua tells of each timer."""

    id: bytes
    #: b"" of one that is gone.
    record: bytes
    progress: bytes
    #: JSON of those that stand in the list.
    attempts: list[bytes]
    #: b"" for none.
    key: bytes
    #: Sorted sets, and the score in each, by turns.
    places: list[bytes]


def part_of(row: WholeRow, partitions: int) -> Part:
    """Into a store of so many. Its id is read: it names a slot."""
    name = row.id.decode()
    writes = [Write("string", f"timer:{name}", [row.record])]
    if row.progress:
        writes.append(Write("hash", "progress", [row.id, row.progress]))
    if row.attempts:
        writes.append(Write("list", f"attempts:{name}", row.attempts))
    if row.key:
        writes.append(Write("hash", "keys", [row.key, row.id]))
    for place, score in zip(row.places[::2], row.places[1::2], strict=True):
        writes.append(Write("set", place.decode(), [score, row.id]))
    partition = keys.partition_of(name, partitions)
    assert partition is not None
    return Part(partition, True, writes)
