"""The fields of schedules in Python's types. The names are those of the API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Required, TypedDict

from timer_service.client.request_fields import RequestOptions, Seconds

ScheduleStatus = Literal["active", "paused", "ended"]
Overlap = Literal["allow", "skip", "replace"]
CatchUp = Literal["last", "all", "none"]
Gap = Literal["run", "skip"]
Fold = Literal["first", "last"]


class RunOptions(RequestOptions, total=False):
    """What each run of a schedule sends."""

    url: Required[str]


class Plan(TypedDict, total=False):
    """When: exactly one of `cron` and `every`. None, here and below, is the same as leaving it out."""

    #: Five fields, such as `"0 9 * * MON-FRI"`, or a word such as `"@daily"`.
    cron: str | None
    #: A timedelta, seconds, or text with units: `"15m"`. Counted from `starts_at`.
    every: Seconds | str | None
    #: A name of the IANA list, such as `"Europe/Berlin"`; UTC unless said.
    time_zone: str
    starts_at: datetime | str
    ends_at: datetime | str | None
    #: What becomes of a fixed time that a change of clocks leaves out.
    gap: Gap
    #: Which of two moments is meant, where a change of clocks repeats a fixed time.
    fold: Fold


class ScheduleOptions(Plan, total=False):
    max_runs: int | None
    #: What becomes of a run that falls due while an earlier one is unfinished.
    overlap: Overlap
    #: Which moments are made up for that passed while nothing ran, and how old they may be.
    catch_up: CatchUp
    catch_up_window: Seconds | str
    #: All runs are due later than their moments by an offset below this, which the name gives.
    spread: Seconds | str
    #: So many runs in a row that ended failed pause it.
    pause_after_failures: int | None


class NewSchedule(ScheduleOptions, total=False):
    timer: Required[RunOptions]


class ScheduleChanges(TypedDict, total=False):
    """What is given is replaced, mappings name by name; None takes back to the default."""

    cron: str | None
    every: Seconds | str | None
    time_zone: str | None
    starts_at: datetime | str | None
    ends_at: datetime | str | None
    gap: Gap | None
    fold: Fold | None
    max_runs: int | None
    overlap: Overlap | None
    catch_up: CatchUp | None
    catch_up_window: Seconds | str | None
    spread: Seconds | str | None
    pause_after_failures: int | None
    timer: Mapping[str, Any]


class ScheduleFilters(TypedDict, total=False):
    status: ScheduleStatus
    #: Of its runs.
    tag: str
