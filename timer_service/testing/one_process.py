"""One service for all tests of a process: empty for each, and started anew where one was broken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from timer_service.testing.started import NotStarted, StartedService


class OneProcess:
    """For one test at a time; close() ends it."""

    def __init__(self) -> None:
        self._started: StartedService | None = None

    @contextmanager
    def emptied_after_use(self) -> Iterator[StartedService]:
        """Raises NotStarted if it cannot be started."""
        if self._started is None or not self._started.runs():
            self.close()
            self._started = StartedService()
        try:
            yield self._started
        finally:
            try:
                self._started.empty()
            except NotStarted:  # a test may have ended it: the next one gets another
                self.close()

    def close(self) -> None:
        if self._started is not None:
            self._started.close()
            self._started = None
