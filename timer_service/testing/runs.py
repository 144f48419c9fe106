"""A task that was to run later, and one attempt of it, as tests see them. Frozen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from timer_service.testing.received import Received

if TYPE_CHECKING:
    from timer_service.client import Timer
    from timer_service.tasks import Handle


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One `delay` or `apply_async`, with its arguments as JSON has brought them."""

    task: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    #: As the service answered it: when it is due, its key, tags, priority and so on.
    timer: Timer = field(repr=False)
    handle: Handle = field(repr=False)

    @property
    def id(self) -> str:
        return self.timer.id

    @property
    def due_at(self) -> datetime:
        """In UTC."""
        return self.timer.due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt."""

    task: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    #: Of the call: what `Handle.id` is.
    id: str
    #: By the virtual clock, in UTC.
    at: datetime
    #: 1 is the first; and which time the task is meant to act, from 1, if it asks for another by Again.
    attempt: int
    occurrence: int
    #: The schedule whose run it is.
    schedule: str | None
    #: What the service was answered: 2xx is a result, all else an exception.
    status_code: int
    answer: bytes = field(repr=False)

    @property
    def result(self) -> Any:
        """What it has returned. Raises ValueError of one that has raised."""
        if not self.ok:
            raise ValueError(f"{self.task} has returned nothing: {self.answer.decode(errors='replace')}")
        return json.loads(self.answer)

    @property
    def ok(self) -> bool:
        """Whether it has returned, and not raised."""
        return 200 <= self.status_code < 300


def read_call(body: Mapping[str, Any], timer: Timer, handle: Handle) -> Call:
    """`body` is what its webhook will have."""
    return Call(**_told(json.loads(json.dumps(body))), timer=timer, handle=handle)


def read_run(request: Received, at: datetime, status_code: int, answer: bytes) -> Run:
    return Run(
        **_told(request.json),
        id=request.timer_id,
        at=at,
        attempt=request.attempt,
        occurrence=request.occurrence,
        schedule=request.headers.get("timer-schedule"),
        status_code=status_code,
        answer=answer,
    )


def _told(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in ("task", "args", "kwargs")}
