"""Shared tasks of a test: sent to a service that only takes notes, and run as its webhooks would have them run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from timer_service.client import NotFound
from timer_service.tasks import Answer, Tasks
from timer_service.tasks.celery import SharedTask, registry, shared_task
from timer_service.tasks.celery.calls import MARK
from timer_service.tasks.schedules import Planned

_SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
TIMER_ID = "0" * 21 + "a"


class Shop(Tasks):
    """Tasks of a service that keeps what it is told in `sent`, newest last."""

    def __init__(self) -> None:
        super().__init__("http://timers.invalid", "http://shop.invalid/tasks", _SECRET)
        self.sent: list[dict[str, Any]] = []
        #: What the service knows of: id -> a timer.
        self.timers: dict[str, Any] = {}
        self.looks = 0

    @property
    def client(self) -> Any:
        return SimpleNamespace(create=self._create, get=self._get, list=self._list, cancel=self._get)

    def _create(self, url: str, **fields: Any) -> Any:
        self.sent.append({"url": url, **fields})
        return SimpleNamespace(id=TIMER_ID)

    def _get(self, id: str) -> Any:
        self.looks += 1
        if id not in self.timers:
            raise NotFound("no such timer")
        return self.timers[id]

    def _list(self, *, tag: str, status: str) -> Iterator[Any]:
        assert status == "any"
        return (it for it in self.timers.values() if tag in it.tags)

    @property
    def last(self) -> dict[str, Any]:
        return self.sent[-1]

    @property
    def planned(self) -> list[Planned]:
        return list(self._planned.values())

    def mark(self) -> Mapping[str, Any]:
        """What went with the arguments of the last call."""
        found: Mapping[str, Any] = self.last["body"]["kwargs"].get(MARK, {})
        return found

    def run(self, task: SharedTask[Any], *args: Any, occurrence: int = 1, **kwargs: Any) -> Answer:
        """As a webhook has it run: the nth time that it is meant to act."""
        headers = {"timer-id": TIMER_ID, "webhook-id": TIMER_ID}
        if occurrence > 1:
            headers |= {"timer-occurrence": str(occurrence), "timer-redelivery": "rescheduled"}
        body = {"task": task.name, "args": list(args), "kwargs": kwargs, "v": 1}
        return self.serve_unsigned(json.dumps(body).encode(), headers)

    def task(self, function: Any = None, /, **options: Any) -> Any:
        return super().task(function, **options)


def declared(function: Callable[..., Any], **options: Any) -> SharedTask[Any]:
    """A shared task of a function that may stand inside of a test."""
    made: SharedTask[Any] = shared_task(name=f"shop.{function.__name__}", **options)(function)
    return made


@contextmanager
def opened() -> Iterator[Shop]:
    """With no other shared tasks than those that are declared meanwhile."""
    shop = Shop()
    with patch.multiple(registry, _declared={}, _tasks=None):
        registry.use(shop)
        yield shop


def told(answer: Answer) -> Any:
    return json.loads(answer.body)


def header(answer: Answer, name: str) -> str | None:
    return dict(answer.headers).get(name)


# Functions to make tasks of.


def fails(*_: Any) -> None:
    raise ConnectionError("the mail server is away")


def again(self: Any, **options: Any) -> None:
    self.retry(**options)


def handles(self: Any, **options: Any) -> None:
    try:
        fails()
    except ConnectionError as error:
        raise self.retry(exc=error, **options) from None


def waits(answer: Any) -> float:
    """Seconds that the service is asked to wait."""
    text = header(answer, "timer-reschedule")
    assert text is not None
    assert text.endswith("ms")
    return int(text.removesuffix("ms")) / 1000
