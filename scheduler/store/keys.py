"""Timer ids and the partition they name; the keys of a partition are listed in lua/shared.lua."""

from __future__ import annotations

import os
import random
import string

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_RANDOM_DIGITS = 20

#: Two digits of an id name its partition.
MAX_PARTITIONS = len(_DIGITS) ** 2


def new_id(partitions: int = 1) -> str:
    """22 characters of [0-9A-Za-z]: a partition, chosen here and never computed again, and 119 random bits."""
    return _digits(random.randrange(partitions), 2) + _digits(int.from_bytes(os.urandom(15)), _RANDOM_DIGITS)


def partition_of(timer_id: str, partitions: int) -> int | None:
    """The partition an id names, or None if it is not the id of any timer of this store."""
    if not (len(timer_id) == 2 + _RANDOM_DIGITS and timer_id.isascii() and timer_id.isalnum()):
        return None
    partition = _VALUES[timer_id[0]] * len(_DIGITS) + _VALUES[timer_id[1]]
    return partition if partition < partitions else None


def root(partition: int) -> str:
    """The one key every script is given; it computes the others from it."""
    return f"timers:{{{partition}}}:scheduled"


def bell(partition: int) -> str:
    """The doorbell's channel."""
    return f"timers:{{{partition}}}:bell"


def _digits(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, value = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[value])
    return "".join(reversed(digits))
