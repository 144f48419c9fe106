"""The tasks of one application: their names, where they are served, and the service that calls them."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack, overload

from timer_service.tasks import serving, wsgi
from timer_service.tasks.answers import Answer
from timer_service.tasks.body import Body
from timer_service.tasks.handle import Handle
from timer_service.tasks.names import checked_name, name_of, same_source
from timer_service.tasks.options import TaskOptions
from timer_service.tasks.outcomes import NotConfigured
from timer_service.tasks.schedules import Planned, PlanOptions, planned, sync
from timer_service.tasks.task import Task
from timer_service.webhooks import signing_keys

if TYPE_CHECKING:
    from timer_service.client import Schedule, TimerClient

P = ParamSpec("P")
R = TypeVar("R")


class Tasks:
    """Functions that run later, in a web application that serves `wsgi_app` or `asgi_app` at `tasks_url`.

    Threads may share it, and processes that fork: each makes its client at its first call. Raises NotConfigured for
    settings that cannot be.
    """

    def __init__(
        self, url: str, tasks_url: str, signing_secrets: str | Iterable[str], *, api_key: str | None = None
    ) -> None:
        """`url` is of the timer service, `tasks_url` where it finds the tasks."""
        secrets = (signing_secrets,) if isinstance(signing_secrets, str) else tuple(signing_secrets)
        try:
            signing_keys(secrets)
        except ValueError as error:
            raise NotConfigured(f"signing {error}") from None
        for name, value in (("url", url), ("tasks_url", tasks_url)):
            if not value.startswith(("http://", "https://")):
                raise NotConfigured(f"{name}: {value!r} is no http:// or https:// URL")
        self._url, self._api_key, self._secrets = url, api_key, secrets
        self.tasks_url = tasks_url
        self._registry: dict[str, Task[..., Any]] = {}
        self._planned: dict[str, Planned] = {}
        #: While another than ours makes all calls.
        self._instead: TimerClient | None = None
        self._made: tuple[int, TimerClient] | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Tasks:
        """Of TIMER_URL, TIMER_API_KEY, TIMER_TASKS_URL and TIMER_SIGNING_SECRETS; only the key may be missing."""
        found = os.environ if environ is None else environ
        missing = [name for name in ("TIMER_URL", "TIMER_TASKS_URL", "TIMER_SIGNING_SECRETS") if not found.get(name)]
        if missing:
            raise NotConfigured(f"{', '.join(missing)}: not set in the environment")
        return cls(
            found["TIMER_URL"],
            found["TIMER_TASKS_URL"],
            found["TIMER_SIGNING_SECRETS"],
            api_key=found.get("TIMER_API_KEY") or None,
        )

    @property
    def client(self) -> TimerClient:
        """Of this process."""
        if self._instead is not None:
            return self._instead
        made, pid = self._made, os.getpid()
        if made is None or made[0] != pid:
            from timer_service.client import TimerClient

            # Two threads may make one each at the same time; a lock would stay locked in a fork that meets it.
            made = self._made = (pid, TimerClient(self._url, self._api_key))
        return made[1]

    @contextmanager
    def using(
        self, client: TimerClient, *, tasks_url: str | None = None, signing_secrets: Sequence[str] | None = None
    ) -> Iterator[None]:
        """All calls are made by this client meanwhile, in all threads, to be called back at `tasks_url` by webhooks of
        these secrets, where they are others: tests put a service of their own here, or what needs none."""
        before = self._instead, self.tasks_url, self._secrets
        self._instead = client
        self.tasks_url = self.tasks_url if tasks_url is None else tasks_url
        self._secrets = self._secrets if signing_secrets is None else tuple(signing_secrets)
        try:
            yield
        finally:
            self._instead, self.tasks_url, self._secrets = before

    @overload
    def task(self, function: Callable[P, R], /) -> Task[P, R]: ...

    @overload
    def task(
        self, /, *, name: str | None = None, **options: Unpack[TaskOptions]
    ) -> Callable[[Callable[P, R]], Task[P, R]]: ...

    def task(self, function: Any = None, /, *, name: str | None = None, **options: Unpack[TaskOptions]) -> Any:
        """Make a function a task: `@tasks.task` or `@tasks.task(max_attempts=5, backoff=[5, 60], timeout=60)`.

        Its `name` is `<module>.<function>` unless said. Raises ValueError for a name that is taken, and for a function
        that has none which another process would find.
        """
        if function is None:
            return lambda it: self._add(it, name, options)
        return self._add(function, name, options)

    def _add(self, function: Callable[P, R], name: str | None, options: TaskOptions) -> Task[P, R]:
        if isinstance(function, Task):
            raise TypeError(f"{function.name} is a task already")
        task = Task(self, function, name_of(function) if name is None else checked_name(name), options)
        before = self._registry.get(task.name)
        if before is not None and not same_source(before.function, function):
            raise ValueError(f"{task.name}: there is a task of this name already; say another, with name=")
        self._registry[task.name] = task
        return task

    def every(
        self,
        plan: str | float | timedelta,
        /,
        *,
        name: str | None = None,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[PlanOptions],
    ) -> Callable[[Callable[P, R]], Task[P, R]]:
        """Plan a task, or a function that becomes one: `@tasks.every("0 9 * * MON-FRI", time_zone="Europe/Berlin")`.

        Nothing is set before sync(). The schedule has the task's name unless `name` says another; a name that is taken
        raises ValueError.
        """

        def add(function: Callable[P, R]) -> Task[P, R]:
            its_task: Any = getattr(function, "task_of", None)  # of a shared task, of timer_service.tasks.celery
            task: Task[P, R] = its_task(self) if its_task else self._task_of(function)
            it = planned(task, plan, name, args, kwargs or {}, options)
            before = self._planned.get(it.name)
            if before is not None and (before.task is task or not same_source(before.task.function, task.function)):
                raise ValueError(f"{it.name}: there is a schedule of this name already; say another, with name=")
            self._planned[it.name] = it
            given: Any = function
            kept: Task[P, R] = given if its_task else task
            return kept

        return add

    def _task_of(self, function: Callable[P, R]) -> Task[P, R]:
        return function if isinstance(function, Task) else self.task(function)

    def sync(self, *, prune: bool = False) -> list[Schedule]:
        """Set the schedules of @every, as a step of a deploy: once, where all modules with tasks are imported.

        One that stands so already is left as it is. `prune` deletes those that sync() has set for the same `tasks_url`
        and that are planned no more. Raises TimerServiceError; what was set before stays.
        """
        return sync(self.client, self.tasks_url, list(self._planned.values()), prune)

    @property
    def registry(self) -> Mapping[str, Task[..., Any]]:
        """Every task by its name."""
        return self._registry

    def send(self, task: Task[..., Any], body: Body, fields: Mapping[str, Any]) -> Handle:
        """Set the timer of one call: `fields` of a new timer, as TimerClient.create takes them."""
        timer = self.client.create(self.tasks_url, body=body.to_json(), **fields)
        return Handle(timer.id, self)

    def handle(self, id: str) -> Handle:
        """Of a task that was set before, perhaps by another process. Asks nothing."""
        return Handle(id, self)

    def serve(self, method: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What a request is answered, for a framework without an adapter. `headers` in any case of letters."""
        lower = {name.lower(): value for name, value in headers.items()}
        return _run(self._accept(method, lower, body))

    def serve_unsigned(self, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """The same, and nobody verifies a signature: only for what this process has made itself, as tests do."""
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        return _run(serving.accept_verified(self._registry, lower, body))

    def wsgi_app(self, environ: wsgi.Environ, start_response: wsgi.StartResponse) -> list[bytes]:
        """A WSGI application that calls the tasks; mount it where `tasks_url` says."""
        return wsgi.respond(self.serve, environ, start_response)

    @property
    def asgi_app(self) -> Callable[[Any, Any, Any], Coroutine[Any, Any, None]]:
        """The same for ASGI: a function, since uvicorn takes a method for an application of ASGI 2."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            from timer_service.tasks.asgi import respond  # loads asyncio, 35 ms

            await respond(self._accept, scope, receive, send)

        return app

    def _accept(self, method: str, headers: Mapping[str, str], body: bytes) -> serving.Accepted | Answer:
        return serving.accept(self._registry, self._secrets, method, headers, body)


def _run(accepted: serving.Accepted | Answer) -> Answer:
    return accepted if isinstance(accepted, Answer) else serving.run(accepted)
