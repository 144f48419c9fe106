"""When a poller looks at schedules, beside the timers that it claims."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from random import random

from scheduler.errors import StoreUnavailable
from scheduler.store.plans import Plans

log = logging.getLogger(__name__)

#: Seconds after which each partition is looked at again, less up to half as jitter: another poller may have seen to its
#: next schedule and died, and a ring of the doorbell may be lost.
_LOOK_AGAIN = 1.0


class Planning:
    """Looks at schedules when the next is due: one pass a call, by the poller's loop. `look_soon` is for any thread.

    Where there are no schedules it asks each partition once a second of which nobody else tells, and else nothing. It
    raises nothing for the store's sake: a full store makes no runs, and timers go on.
    """

    def __init__(self, plans: Plans) -> None:
        self._plans = plans
        #: Per partition seconds of the monotonic clock: when to look, and when a schedule is due, if it is known.
        self._look_at: dict[int, float] = {}
        self._due_at: dict[int, float] = {}
        self._first = 0
        self._looks_soon = False
        #: Runs made so far.
        self.made = 0

    def look_soon(self) -> None:
        """A schedule was set, or changed."""
        self._looks_soon = True

    def told(self, waits: Mapping[int, float | None]) -> None:
        """What others have found in partitions just now: seconds until a schedule is to be looked at; None: none is.
        They need no look of ours for a second."""
        now = time.monotonic()
        for partition, wait in waits.items():
            self._look_at[partition] = now + _LOOK_AGAIN
            self._know(partition, wait, now)

    def run_once(self) -> float | None:
        """Look at schedules whose time has come, up to 32 of each partition.

        Returns the seconds after which to come again at the latest; None if no schedule is known to be due.
        """
        if self._looks_soon:
            self._looks_soon = False
            self._look_at.clear()
        try:
            partitions = self._plans.partitions
            self._first = (self._first + 1) % partitions
            self._look([(self._first + it) % partitions for it in range(partitions)])
        except StoreUnavailable as error:
            log.debug("no look at schedules: %s", error)
        now = time.monotonic()
        return max(0.0, min(self._due_at.values()) - now) if self._due_at else None

    def _look(self, partitions: list[int]) -> None:
        now = time.monotonic()
        asked = [it for it in partitions if now >= self._look_at.get(it, 0.0)]
        again = now + _LOOK_AGAIN * (1 - random() / 2)  # the same for all, so that they go in one round trip again
        for partition in asked:
            self._look_at[partition] = again  # should it fail, this one waits like one that has nothing due
            self._due_at.pop(partition, None)
        if not asked:
            return
        for partition, found in self._plans.look_at(asked):
            self.made += found.made
            self._know(partition, found.wait, time.monotonic())

    def _know(self, partition: int, wait: float | None, now: float) -> None:
        self._due_at.pop(partition, None)
        if wait is not None:
            self._due_at[partition] = now + wait
            self._look_at[partition] = min(self._look_at[partition], now + wait)
