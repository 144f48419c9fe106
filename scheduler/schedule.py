"""The nouns of schedules: frozen data, no I/O. Moments are integer ms since the epoch, by the store's clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Gap(StrEnum):
    """What becomes of a fixed local time that a change of clocks leaves out."""

    #: It runs at the first moment after the gap.
    RUN = "run"
    SKIP = "skip"


class Fold(StrEnum):
    """Which of two moments a fixed local time means that a change of clocks repeats."""

    FIRST = "first"
    LAST = "last"


class Overlap(StrEnum):
    """What becomes of a run that falls due while an earlier one is unfinished."""

    ALLOW = "allow"
    SKIP = "skip"
    #: The earlier one is cancelled if it waits for a retry; while it is in flight the new one is skipped.
    REPLACE = "replace"


class CatchUp(StrEnum):
    """Which of the moments are made up for that passed while nothing ran."""

    LAST = "last"
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Plan:
    """When: one of `cron` and `every_ms` is set. Pure data of the mathematics in scheduler/recurrence."""

    cron: str | None = None
    every_ms: int | None = None
    time_zone: str = "UTC"
    #: ms: `every` counts from here, and nothing runs before it.
    starts_at: int = 0
    #: ms: nothing runs after it.
    ends_at: int | None = None
    gap: Gap = Gap.RUN
    fold: Fold = Fold.FIRST


class Moment(NamedTuple):
    """One moment that a plan names."""

    #: ms.
    at: int
    #: Why it is not where a reader of the plan would look for it: a change of clocks, or None.
    note: str | None = None  # "gap" | "fold"
