"""Eager tasks: each runs as soon as it is called, and has ended when `delay` returns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from timer_service.testing.capturing import Captured, captured

if TYPE_CHECKING:
    from timer_service.client import Timer
    from timer_service.tasks import Tasks


@contextmanager
def eager(*tasks: Tasks) -> Iterator[Captured]:
    """Within the block a task has run when `delay` or `apply_async` returns, with its retries; the virtual clock is
    turned as far as it has to wait. Of Again the first occurrence is run, `run_due` runs the others.

    Tasks that a task calls run at once if they are due, else after it. Raises TaskFailed at the end of the block if a
    task has ended without a result: `delay` raises nothing for that, as in production.
    """
    with captured(*tasks) as calls:
        calls.made = _AtOnce(calls)
        yield calls
        for call in calls:
            if calls.client.get(call.id).status == "failed":
                call.handle.get()


class _AtOnce:
    """Called with each new timer: returns once it has ended, or the task that has set it goes on."""

    def __init__(self, calls: Captured) -> None:
        self._calls = calls
        self._open: list[str] = []
        self._runs = False

    def __call__(self, timer: Timer) -> None:
        self._open.append(timer.id)
        if self._runs:
            self._calls.run_until(self._calls.now())
            return
        self._runs = True
        try:
            while self._open:
                self._run(self._open[0])
        finally:
            self._runs = False

    def _run(self, id: str) -> None:
        timer = self._calls.client.get(id)
        if timer.ended or (timer.last_attempt is not None and timer.last_attempt.outcome == "delivered"):
            self._open.remove(id)
        else:
            self._calls.run_until(timer.next_attempt_at or timer.due_at)
