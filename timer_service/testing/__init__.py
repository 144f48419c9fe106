"""For tests of programs that set timers: a service whose clock can be turned, and tasks that run without one.

    pytest_plugins = "timer_service.testing"        # in the conftest.py of your root folder

gives the fixture `timer_service`. It has to be asked for: an entry point of pytest's would be loaded by every run of
pytest wherever the client is installed, and have pytest rewrite the asserts of all our modules. Celery took its own
away. Importing this loads nothing but itself; what has a name here is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timer_service.testing.at_once import eager
    from timer_service.testing.capturing import Captured, captured
    from timer_service.testing.received import Answer, Received
    from timer_service.testing.runs import Call, Run
    from timer_service.testing.service import TimerService

#: Read by pytest, where this is named as a plugin.
pytest_plugins = ["timer_service.testing.fixtures"]

_FOUND_IN = {
    "Answer": "received",
    "Call": "runs",
    "Captured": "capturing",
    "Received": "received",
    "Run": "runs",
    "TimerService": "service",
    "captured": "capturing",
    "eager": "at_once",
}

__all__ = ["Answer", "Call", "Captured", "Received", "Run", "TimerService", "captured", "eager", "pytest_plugins"]


def __getattr__(name: str) -> Any:
    if name not in _FOUND_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_FOUND_IN[name]}"), name)
    except ModuleNotFoundError as error:
        from timer_service.extras import what_to_install

        if (advice := what_to_install(error, name, "testing")) is None:
            raise
        raise ModuleNotFoundError(advice, name=error.name) from None
