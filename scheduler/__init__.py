"""The engine of the timer service: a store, a poller, delivery. It knows Redis and HTTP, and nothing of Flask.

Its names stand in scheduler/public.py and are loaded on first use: the command line takes nothing but the modules
`duration`, `origin`, `rfc3339` and the like, and works where no Redis client is installed.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scheduler.public import *  # noqa: F403


def __getattr__(name: str) -> Any:
    # Without this look `from scheduler import duration` would load everything before the module of that name.
    if name.startswith("__") or find_spec(f"{__name__}.{name}"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("scheduler.public"), name)
