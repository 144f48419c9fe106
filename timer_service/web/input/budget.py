"""A number of bytes that threads share."""

from __future__ import annotations

import threading

#: Threads that wait at once. The others are told so immediately: whoever asks for much must not get all threads.
MAX_WAITING = 4


class Budget:
    """Threads share it; what one has taken it gives back itself. Raises nothing."""

    def __init__(self, total: int, patience: float) -> None:
        """`patience`: seconds for which take() waits."""
        self._patience = patience
        self._free = total
        self._waiting = 0
        self._changed = threading.Condition()

    def take(self, count: int) -> bool:
        """Whether `count` bytes are the caller's now: they were free, or became so while it waited."""
        with self._changed:
            if self._free < count and self._waiting < MAX_WAITING:
                self._waiting += 1
                self._changed.wait_for(lambda: self._free >= count, self._patience)
                self._waiting -= 1
            granted = self._free >= count
            self._free -= count if granted else 0
            return granted

    def give_back(self, count: int) -> None:
        with self._changed:
            self._free += count
            self._changed.notify_all()
