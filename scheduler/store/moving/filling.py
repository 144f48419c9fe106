"""Writes parts into the target of a move, some of each partition in one round trip."""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.store.moving.parts import Part, Value
from scheduler.store.moving.side import Side

#: Parts, and bytes of them, that one call of a partition takes: 2 ms; and that wait to be written at most.
_PARTS, _BYTES = 100, 1024 * 1024
_WAITING = 1000


class Filling:
    """Not shared by threads. Raises MoveError, also once another move fills the target, or it is served."""

    def __init__(self, target: Side, move: str) -> None:
        self._target = target
        self._move = move
        self._waiting: list[Part] = []
        self._bytes = 0
        #: Parts that did not stand there before.
        self.written = 0

    def put(self, parts: Iterable[Part]) -> None:
        """Written by the next write(), or before."""
        for part in parts:
            self._waiting.append(part)
            self._bytes += part.size
            if len(self._waiting) >= _WAITING or self._bytes >= 4 * _BYTES:
                self.write()

    def write(self) -> None:
        calls: list[tuple[int, list[Value]]] = []
        begun: dict[int, tuple[list[Value], int, int]] = {}
        for part in self._waiting:
            args, count, size = begun.get(part.partition, ([], _PARTS, 0))
            if count >= _PARTS or size >= _BYTES:
                args, count, size = [self._move], 0, 0
                calls.append((part.partition, args))
            args += part.args()
            begun[part.partition] = args, count + 1, size + part.size
        if calls:
            self.written += sum(self._target.run_each("put_in", calls))
        self._waiting, self._bytes = [], 0
