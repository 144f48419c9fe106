"""TimerBackend: `TASKS = {"default": {"BACKEND": "timer_service.tasks.django.TimerBackend"}}`."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from timer_service.tasks import body
from timer_service.tasks.body import Body, NotATask
from timer_service.tasks.django import configuration, lookup, moments, payload, results, served_here
from timer_service.tasks.django.clients import client_of
from timer_service.tasks.django.framework import (
    BaseTaskBackend,
    InvalidTask,
    Task,
    TaskResultDoesNotExist,
    normalize_json,
    task_enqueued,
)
from timer_service.tasks.django.payload import Payload
from timer_service.tasks.django.stored import TimerResult

if TYPE_CHECKING:
    from timer_service.client import Attempt, Timer, TimerClient

#: On each timer that is a task of Django's.
TAG = "django-task"
_ID = re.compile(r"[0-9A-Za-z]{1,64}(-[0-9]{1,9})?")


class TimerBackend(BaseTaskBackend):
    """Sets a timer for each task that is enqueued. The timer service calls `run_task` when it is due, which runs it.

    Django makes one for each thread. Beside what Django documents, enqueue() and get_result() raise TimerServiceError
    where the service does not take the call, ImproperlyConfigured without TIMER_TASKS_URL.
    """

    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: Mapping[str, Any]) -> None:
        super().__init__(alias, params)
        self.configuration = configuration.read(self.options, os.environ)

    def enqueue(self, task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> TimerResult:
        """At once, also within a transaction: the task may run before it is committed. See transaction.on_commit().

        Raises InvalidTask, and TypeError or ValueError for arguments that do not fit or have no form in JSON.
        """
        self.validate_task(task)
        asked = Payload(
            body=_call(task, args, kwargs),
            backend=self.alias,
            queue=task.queue_name,
            priority=task.priority,
            run_after=task.run_after,
            enqueued_at=timezone.now(),
        )
        timer = self._client.create(self._tasks_url, body=asked.to_json(), **self._fields(task))
        result = results.of_timer(timer, [], task, asked)
        task_enqueued.send(type(self), task_result=result)
        return result

    def get_result(self, result_id: str) -> TimerResult:
        """As the service knows it now, which forgets it some days after it has ended: TaskResultDoesNotExist then.

        So too for a timer that is none of this backend's, and for a task that this project does not have. Imports
        nothing because a timer names it: see lookup.py.
        """
        from timer_service.client import NotFound

        if not isinstance(result_id, str) or not _ID.fullmatch(result_id):
            raise TaskResultDoesNotExist(result_id)
        tasks_url = self._tasks_url
        try:
            timer = self._client.get(result_id)
            attempts = self._attempts(timer)
        except NotFound:
            raise TaskResultDoesNotExist(result_id) from None
        asked = self._asked(timer, tasks_url)
        if asked is None:
            raise TaskResultDoesNotExist(result_id)
        try:
            task = self.task_of(asked)
        except (lookup.NoSuchTask, InvalidTask) as error:
            raise TaskResultDoesNotExist(f"{result_id}: {error}") from None
        return results.of_timer(timer, attempts, task, asked)

    def check(self, **kwargs: Any) -> Iterable[CheckMessage]:
        for problem in [
            *configuration.problems(self.options, self.configuration),
            *served_here.problems(self.configuration.tasks_url),
        ]:
            yield problem.message(self.alias)

    def task_of(self, asked: Payload) -> Task:
        """As it was enqueued. Raises NoSuchTask, and InvalidTask for a queue that the settings no longer have."""
        task = lookup.find(asked.body.task, self.configuration.modules)
        return task.using(
            priority=asked.priority, queue_name=asked.queue, run_after=asked.run_after, backend=self.alias
        )

    @property
    def _client(self) -> TimerClient:
        return client_of(self.configuration.service, self.configuration.api_key)

    @property
    def _tasks_url(self) -> str:
        if not self.configuration.tasks_url:
            raise ImproperlyConfigured(f"TASKS[{self.alias!r}]: TIMER_TASKS_URL is in neither OPTIONS nor environment")
        return self.configuration.tasks_url

    def _fields(self, task: Task) -> dict[str, Any]:
        """Of the timer, beside its URL and body. Django's priority p, -100 to 100, is p + 100 s of head start."""
        when = {"delay": 0} if task.run_after is None else {"due_at": moments.for_service(task.run_after)}
        tags = [TAG, *self.configuration.timer.get("tags", ())]
        return {**self.configuration.timer, "tags": tags, "priority": task.priority + 100, **when}

    def _attempts(self, timer: Timer) -> list[Attempt]:
        """Without a call where there was none or one."""
        if timer.attempts > 1:
            return self._client.attempts(timer.id)
        return [] if timer.last_attempt is None else [timer.last_attempt]

    def _asked(self, timer: Timer, tasks_url: str) -> Payload | None:
        """What this backend has set it for, if it has."""
        if TAG not in timer.tags or timer.method != "POST" or not _same(timer.url, tasks_url):
            return None
        try:
            asked = payload.of(timer.body)
        except NotATask:
            return None
        return asked if asked.backend == self.alias else None


def _call(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Body:
    path = task.module_path
    try:
        found = lookup.find(path, ())
    except lookup.NoSuchTask:
        found = None
    if found is None or found.func is not task.func:
        raise InvalidTask(f"Another process would not find this task: {path!r} is not it.")
    call = Body(path, normalize_json(list(args)), normalize_json(dict(kwargs)))
    body.check(f"{path}: the arguments", [call.args, call.kwargs])
    try:
        inspect.signature(task.func).bind(*([None] if task.takes_context else []), *call.args, **call.kwargs)
    except TypeError as error:
        raise TypeError(f"{path}: {error}") from None
    return call


def _same(one: str, other: str) -> bool:
    """But for the query, whose values read `***` for a key that may only read."""
    return urlsplit(one)._replace(query="") == urlsplit(other)._replace(query="")
