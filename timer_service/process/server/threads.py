"""Threads that take one piece of work after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

Work = TypeVar("Work")


class Threads(Generic[Work]):
    """Started one by one, as they are needed; they end with the process."""

    def __init__(self, most: int, run: Callable[[Threads[Work], Work], None]) -> None:
        """`run` is told by whose thread it is run, and raises nothing."""
        self._most = most
        self._run = run
        self._queue: SimpleQueue[Work] = SimpleQueue()
        self._free: set[int] = set()
        self._started = 0
        self._starting = threading.Lock()

    def put(self, work: Work) -> None:
        if self._started < self._most and len(self._free) <= self._queue.qsize():
            with self._starting:
                if self._started < self._most:
                    self._started += 1
                    threading.Thread(target=self._serve, daemon=True).start()
        self._queue.put(work)

    @property
    def has_room(self) -> bool:
        """Whether new work would begin at once."""
        return self._started - len(self._free) < self._most and self._queue.empty()

    def _serve(self) -> None:
        me = threading.get_ident()
        while True:
            self._free.add(me)
            work = self._queue.get()
            self._free.discard(me)
            self._run(self, work)
