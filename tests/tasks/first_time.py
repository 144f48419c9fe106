"""A file by which a task that is called again knows that it was called before, and a test that it has begun."""

from __future__ import annotations

from pathlib import Path

#: Seconds; more than any test waits, so that only a second attempt comes to an end.
LONG = 600


def first_time(mark: str) -> bool:
    try:
        Path(mark).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
