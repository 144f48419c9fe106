"""A function that can run later."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, Unpack

from timer_service.tasks.body import Body, check
from timer_service.tasks.options import CallOptions, TaskOptions, call_fields, task_fields

if TYPE_CHECKING:
    from timer_service.tasks.handle import Handle
    from timer_service.tasks.tasks import Tasks

P = ParamSpec("P")
R = TypeVar("R")


class Task(Generic[P, R]):
    """Called, it is its function. `delay` and `apply_async` set a timer that calls it in the web application.

    Threads may share it. Raises TypeError for a function that cannot run later, and for options that cannot be.
    """

    def __init__(self, tasks: Tasks, function: Callable[P, R], name: str, options: TaskOptions) -> None:
        if not callable(function):
            raise TypeError(f"{function!r} is no function")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{name} is a generator, which has no result: return a list")
        functools.update_wrapper(self, function)
        self._tasks = tasks
        self.function = function
        self.name = name
        self.signature = inspect.signature(function)
        if next(iter(self.signature.parameters), "") == "self":
            raise TypeError(f"{name} is a method: nothing here has its object; make it a function or a staticmethod")
        self.is_async = inspect.iscoroutinefunction(function)
        #: As fields of a new timer.
        self.fields: Mapping[str, Any] = task_fields(options)

    @property
    def timeout(self) -> float | None:
        """Seconds of one attempt, if the task says."""
        return self.fields.get("timeout")

    @property
    def max_occurrences(self) -> int:
        found: int = self.fields.get("max_occurrences", 1)
        return found

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> Handle:
        """Have it called with these arguments, soon: one request to the service, which keeps it.

        Raises TypeError for arguments that do not fit, or have no form in JSON, before anything is sent; else what
        TimerClient.create raises.
        """
        return self._tasks.send(self, self.body(args, kwargs), call_fields({}, self.fields, _EPOCH))

    def apply_async(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> Handle:
        """The same with options: `apply_async((17,), {"remind": True}, countdown=3600, retries=5)`.

        Raises Conflict, with the `timer_id` that has it, if its `key` is taken by a task that has not ended.
        """
        if isinstance(args, str) or not isinstance(args, Sequence):
            raise TypeError(f"{self.name}: args: a list or tuple of arguments is needed, not {type(args).__name__}")
        body = self.body(args, {} if kwargs is None else kwargs)
        return self._tasks.send(self, body, call_fields(options, self.fields, datetime.now(UTC)))

    def body(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Body:
        """Raises TypeError or ValueError for arguments that do not fit, or that JSON has no form for."""
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}: {error}") from None
        for name, value in bound.arguments.items():
            kind = self.signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                for number, each in enumerate(value):
                    check(f"{self.name}: argument {name}[{number}]", each)
            elif kind is inspect.Parameter.VAR_KEYWORD:
                for inner, each in value.items():
                    check(f"{self.name}: argument {inner!r}", each)
            else:
                check(f"{self.name}: argument {name!r}", value)
        return Body(self.name, list(args), dict(kwargs))

    def call(self, body: Body) -> Any:
        """With the arguments of a webhook: its result, or an awaitable of it."""
        try:
            self.signature.bind(*body.args, **body.kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}: {error}; it was called by other code than runs here") from None
        function: Any = self.function
        return function(*body.args, **body.kwargs)


#: For a call whose fields do not depend on the time.
_EPOCH = datetime.fromtimestamp(0, UTC)
