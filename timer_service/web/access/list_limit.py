"""Limits how many lists one process makes at once: what one reads and writes takes many times as long as a create."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app

from scheduler import TooManyLists

#: At once in one process: one reads from the store while the other writes its answer down.
_AT_ONCE = 2

F = TypeVar("F", bound=Callable[..., Any])

_free = threading.Semaphore(_AT_ONCE)


def limit_lists(view: F) -> F:
    """Has a view wait until fewer are running, for as long as it would for the store. Raises TooManyLists."""

    @functools.wraps(view)
    def run(*args: Any, **kwargs: Any) -> Any:
        if not _free.acquire(timeout=current_app.extensions["settings"].store_timeout):
            raise TooManyLists("too many lists at once")
        try:
            return view(*args, **kwargs)
        finally:
            _free.release()

    return run  # type: ignore[return-value]
