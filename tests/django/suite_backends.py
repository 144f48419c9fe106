"""Stand in for Django's dummy and immediate backends in Django's own tests: ours, over a real service."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from timer_service.tasks.django import TimerBackend

#: Seconds.
_LONGEST = 120


class InNoHurry(TimerBackend):
    """Tasks wait for ever: as those of Django's DummyBackend, which never runs any."""

    def __init__(self, alias: str, params: Mapping[str, Any]) -> None:
        super().__init__(alias, params)
        self.configuration = replace(self.configuration, timer={"max_attempts": 1})
        self._ids: list[str] = []

    def _fields(self, task: Any) -> dict[str, Any]:
        fields = super()._fields(task)
        fields.pop("delay", None)
        return {**fields, "due_at": datetime(2126, 1, 1, tzinfo=UTC)}

    def enqueue(self, task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        result = super().enqueue(task, args, kwargs)
        self._ids.append(result.id)
        return result

    @property
    def results(self) -> list[Any]:
        return [self.get_result(id) for id in self._ids]

    def clear(self) -> None:
        self._ids.clear()


class AtOnce(InNoHurry):
    """enqueue() returns once the service has called the task: as with Django's ImmediateBackend."""

    def enqueue(self, task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        result = super().enqueue(task, args, kwargs)
        self._client.fire(result.id)
        until = time.monotonic() + _LONGEST
        while not result.is_finished:
            assert time.monotonic() < until, result
            time.sleep(0.02)
            result.refresh()
        return result
