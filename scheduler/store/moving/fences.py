"""What a move writes into layouts: the words by which nobody serves one store any more, and nobody yet the other.

The first partition of the store that is moved decides for all: while it says `moving=`, the move can be given up and
the other store is closed; once it says `move=` it cannot, and the other store may be opened. Versions that know nothing
of moves refuse both stores: one says `moved=`, and the layout of the other begins unlike that of any that is served.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from scheduler.store import layout
from scheduler.store.layout import Layout

_FENCE = re.compile(rb" (moved|moving|move|there)=\S*")
_MOVING = re.compile(rb" moving=(\S+)")
_FILLING = re.compile(rb" filling=(\S+)")


def fenced(raw: bytes, partitions: int, where: str, move: str) -> bytes:
    """Of a partition of the store that is moved, from now on; `raw`: b"" of one that was never used."""
    whole = raw or f"{layout.begins(partitions)}born=0".encode()
    return lifted(whole) + f" moved={where} moving={move}".encode()


def lifted(raw: bytes) -> bytes:
    """As it was before it was fenced."""
    return _FENCE.sub(b"", raw)


def moved(raw: bytes, there: str) -> bytes:
    """Of the same partition for good. `there`: when the other store was born, by which it is known again."""
    return _MOVING.sub(b" move=\\1 there=" + there.encode(), raw)


def filling(partitions: int, born: int, where: str, move: str, found: Iterable[bytes]) -> bytes:
    """Of a partition of the other store while it is filled. `found`: the layouts of all that is copied into it."""
    words = {word for raw in found for word in raw.split() if word in (b"prior=1", b"history=1", b"history=0")}
    if b"history=1" in words:
        words.discard(b"history=0")
    begun = f"format={layout.FORMAT} filling={move} partitions={partitions} born={born} from={where}".encode()
    return b" ".join([begun, *sorted(words)])


def opened(raw: bytes) -> bytes:
    """Of the same partition once it is served."""
    found = _FILLING.search(raw)
    return raw if found is None else _FILLING.sub(b"", raw) + b" move=" + found[1]


def read(raw: bytes | None) -> Layout | None:
    """None of a partition that was never used. Raises ValueError for what is no layout."""
    return layout.read(raw) if raw else None
