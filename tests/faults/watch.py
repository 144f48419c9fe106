"""Looks at the whole store every so often while faults go on, and keeps what it must not have seen."""

from __future__ import annotations

import threading

import redis

from tests.faults.checker import one_place
from tests.faults.field import Field


class Watch:
    """A thread from start() to stop()."""

    def __init__(self, field: Field, every: float) -> None:
        """`every`: seconds."""
        self._field = field
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        #: Looks that saw the store, and those that found it away.
        self.taken = self.missed = 0
        self._failure: Exception | None = None

    def start(self) -> Watch:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Raises what ended the thread before its time, and AssertionError if most of the looks saw nothing."""
        self._over.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        assert self.taken > self.missed, f"the store was away in {self.missed} of {self.taken + self.missed} looks"

    def _run(self) -> None:
        try:
            while not self._over.wait(self._every):
                self.look()
        except Exception as error:  # of another thread: stop() raises it where somebody sees it
            self._failure = error

    def look(self) -> None:
        """Keep a snapshot only if something is wrong with it."""
        try:
            snapshot = self._field.snapshot()
        except (redis.ConnectionError, redis.TimeoutError):
            self.missed += 1
            return
        self.taken += 1
        if any(one_place(snapshot)):
            self._field.record.snapshots.append(snapshot)
