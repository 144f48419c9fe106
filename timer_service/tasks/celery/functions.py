"""Which functions can be tasks, and the arguments that they are sent. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from timer_service.tasks.celery.calls import MARK


def check_function(name: str, function: Any, bind: bool) -> None:
    """Raises TypeError for what cannot be a task, with its name."""
    if isinstance(function, type) or not callable(function):
        raise TypeError(f"{name}: a function is needed, not {type(function).__name__}")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError(f"{name} is no plain function; one that is `async def` can be a task by Tasks.task")
    first = next(iter(inspect.signature(function).parameters.values()), None)
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if bind and (first is None or first.kind not in (*positional, inspect.Parameter.VAR_POSITIONAL)):
        raise TypeError(f"{name}: with bind=True its first parameter is the task, and it has none")


def signature(function: Callable[..., Any], bind: bool) -> inspect.Signature:
    """That of the function, without the task that bind=True gives it, and with MARK."""
    found = inspect.signature(function)
    parameters = list(found.parameters.values())
    if bind and parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL:
        del parameters[0]
    place = len(parameters) - any(it.kind is inspect.Parameter.VAR_KEYWORD for it in parameters)
    parameters.insert(place, inspect.Parameter(MARK, inspect.Parameter.KEYWORD_ONLY, default=None))
    return found.replace(parameters=parameters)
