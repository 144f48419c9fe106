"""Runs what may need an event loop of its own, also for a test that is a coroutine."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def outside_of_loops(run: Callable[[], T]) -> T:
    """In this thread, or in another one if a loop runs in this: a second one could not."""
    if not _loop_runs():  # asked there: what is raised here would tell of that one's exception too
        return run()
    with ThreadPoolExecutor(1) as other:
        return other.submit(contextvars.copy_context().run, run).result()


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
