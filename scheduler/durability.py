"""How durable a write is to be before it is answered, and what it has reached: frozen data, no I/O."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

#: Replicas that can be asked for: a number that is mistyped should not wait for ever in vain.
MOST_REPLICAS = 16
#: How it is written.
PATTERN = r"memory|fsync|replicas:(?:[1-9]|1[0-6])"


class Durability(NamedTuple):
    """What is asked for. Neither: the store has it in memory, which is all that its answer says by itself."""

    #: The store's own append-only file is on the disk.
    fsync: bool = False
    #: So many replicas have it in memory.
    replicas: int = 0

    @property
    def word(self) -> str:
        """As a client writes it."""
        if self.fsync:
            return "fsync"
        return f"replicas:{self.replicas}" if self.replicas else "memory"


MEMORY = Durability()


class Receipt(NamedTuple):
    """What a write had reached when it was answered. Of a failover later on it says nothing."""

    asked: Durability
    #: False also where the store cannot tell.
    fsync: bool = False
    #: Replicas that are known to have it; with `fsync` nobody waits for one.
    replicas: int = 0

    @property
    def is_met(self) -> bool:
        return self.fsync >= self.asked.fsync and self.replicas >= self.asked.replicas


@lru_cache(64)  # each request asks for one
def parse(text: str) -> Durability:
    """Raises ValueError for what is no durability."""
    if not re.fullmatch(PATTERN, text, re.ASCII):
        raise ValueError(f"memory, fsync, or replicas: and a number from 1 to {MOST_REPLICAS}")
    word, _, replicas = text.partition(":")
    return Durability(fsync=word == "fsync", replicas=int(replicas or 0))
