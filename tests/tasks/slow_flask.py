"""The Flask example with a task that can be met in its midst."""

from __future__ import annotations

import time

from examples.flask_app import app, tasks
from tests.tasks.first_time import LONG, first_time

__all__ = ["app"]


@tasks.task(name="slow_add", backoff=[1])
def slow_add(a: int, b: int, mark: str) -> int:
    if first_time(mark):
        time.sleep(LONG)
    return a + b
