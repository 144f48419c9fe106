"""How far a call has turned the clock of a service that goes by a virtual one. Frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from timer_service.client.answers import aware
from timer_service.client.checked import Checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance(Checked):
    """How far it went, and what was sent on the way."""

    now: datetime
    #: What was asked for.
    to: datetime
    #: Attempts that were over meanwhile.
    attempts: int
    #: Timers that are due and that no poller has taken; those of which an attempt is under way.
    due: int
    delivering: int
    #: None if it is done; else an attempt that was not over in time, timers that no poller takes, or more to do than
    #: one call does.
    stopped_by: Literal["delivering", "due", "time"] | None
    #: The answer as it came.
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Advance:
        same = ("attempts", "due", "delivering", "stopped_by")
        return cls(now=aware(raw["now"]), to=aware(raw["to"]), raw=raw, **{name: raw[name] for name in same})
