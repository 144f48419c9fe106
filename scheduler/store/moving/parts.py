"""What is written into a store that is filled: parts, each in one partition and in one breath. Pure.

A write is what put_in.lua makes of it: `string`, `passing` (a string, and ms until it goes), `hash` (fields and
values), `set` (scores and members) or `list`. Keys are without what all keys of a partition begin with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

#: An argument of a script, or what a server has told.
Value = str | bytes | int
#: What one command takes: Lua unpacks some thousand at most.
_AT_ONCE = 1000


class Write(NamedTuple):
    kind: str
    key: str
    values: Sequence[Value]


class Part(NamedTuple):
    """Written whole, or not at all if it `is_new` and the first key stands already."""

    partition: int
    is_new: bool
    writes: Sequence[Write]

    @property
    def size(self) -> int:
        """Bytes, about."""
        return sum(
            len(value) if isinstance(value, str | bytes) else 20 for write in self.writes for value in write.values
        )

    def args(self) -> list[Value]:
        found: list[Value] = ["new" if self.is_new else "any", len(self.writes)]
        for kind, key, values in self.writes:
            found += [kind, key, len(values), *values]
        return found


def whole(partition: int, kind: str, key: str, values: Sequence[Value]) -> Iterator[Part]:
    """A hash or a set of any size; what stands there already is written over."""
    for first in range(0, len(values), _AT_ONCE):
        yield Part(partition, False, [Write(kind, key, values[first : first + _AT_ONCE])])
