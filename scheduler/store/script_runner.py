"""What runs the scripts of the store for those who only need that: the link itself, or one connection of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class ScriptRunner(Protocol):
    @property
    def partitions(self) -> int: ...

    def run(self, name: str, partition: int, args: Sequence[str | bytes | int | float] = ()) -> Any:
        """Run one script of lua/ on one partition. Raises StoreUnavailable."""
