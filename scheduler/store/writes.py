"""What stores timers and schedules for one request, and tells what these writes have reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scheduler.durability import Receipt
from scheduler.store.changes import Changes
from scheduler.store.schedules import Schedules
from scheduler.store.timers import Timers


@dataclass(frozen=True, slots=True)
class Writes:
    timers: Timers
    changes: Changes
    schedules: Schedules
    #: Waits, once all is written; None where nothing was asked for. Raises nothing.
    receipt: Callable[[], Receipt | None]


def no_receipt() -> None:
    """What is in memory is answered at once."""
