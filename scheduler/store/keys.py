"""Timer ids and the partition they name; the keys of a partition are listed in lua/shared.lua."""

from __future__ import annotations

import os
import random
import string
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar
from zlib import crc32

T = TypeVar("T")

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PAIRS = [one + two for one in _DIGITS for two in _DIGITS]
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_RANDOM_DIGITS = 20

#: Two digits of an id name its partition.
MAX_PARTITIONS = len(_DIGITS) ** 2


def new_id(partitions: int = 1) -> str:
    """22 characters of [0-9A-Za-z]: a partition, chosen here and never computed again, and 119 random bits."""
    return id_in(random.randrange(partitions) if partitions > 1 else 0)


def partition_of(timer_id: str, partitions: int) -> int | None:
    """The partition an id names, or None if it is not the id of any timer of this store."""
    if not (len(timer_id) == 2 + _RANDOM_DIGITS and timer_id.isascii() and timer_id.isalnum()):
        return None
    partition = _VALUES[timer_id[0]] * len(_DIGITS) + _VALUES[timer_id[1]]
    return partition if partition < partitions else None


def id_in(partition: int) -> str:
    """A new id that names this partition."""
    return _PAIRS[partition] + _digits(os.urandom(15))


def id_from(seed: bytes, partition: int) -> str:
    """The id that is always made of the same seed of 15 bytes or more: whoever repeats himself makes nothing twice."""
    return _PAIRS[partition] + _digits(seed[:15])


def partition_of_key(key: str, partitions: int) -> int:
    """Where the timer with this key is looked up."""
    return crc32(key.encode()) % partitions


def waiting(partition: int) -> str:
    """The destinations at their share, by the tags that scripts know them by."""
    return f"timers:{{{partition}}}:waiting"


def batches(
    items: Iterable[T], timer_id: Callable[[T], str], partitions: int, most: int
) -> Iterator[tuple[int, list[T]]]:
    """Items by the partition that their timer's id names, at most so many at a time."""
    shares: dict[int, list[T]] = {}
    if partitions == 1:
        shares[0] = list(items)
    else:
        for item in items:
            shares.setdefault(partition_of(timer_id(item), partitions) or 0, []).append(item)
    for partition, share in shares.items():
        for start in range(0, len(share), most):
            yield partition, share[start : start + most]


def root(partition: int) -> str:
    """The one key every script is given; it computes the others from it."""
    return f"timers:{{{partition}}}:scheduled"


def idempotency(digest: str) -> str:
    """An idempotency key; it belongs to no partition."""
    return f"idem:{{{digest}}}"


def marker(partition: int) -> str:
    """What an installation has written: gone once its store came back empty."""
    return f"timers:{{{partition}}}:marker"


def bell(partition: int) -> str:
    """The doorbell's channel."""
    return f"timers:{{{partition}}}:bell"


def _digits(seed: bytes) -> str:
    """15 bytes as 20 digits, two at a time: half as long as one at a time."""
    number = int.from_bytes(seed)
    pairs = []
    for _ in range(_RANDOM_DIGITS // 2):
        number, value = divmod(number, MAX_PARTITIONS)
        pairs.append(_PAIRS[value])
    return "".join(reversed(pairs))
