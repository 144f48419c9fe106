"""Lists take turns: what one reads and writes down takes a process many times as long as a create."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from scheduler import TooManyLists
from timer_service.web.services import settings

#: At once in one process: one reads from the store while the other writes its answer down.
_AT_ONCE = 2

F = TypeVar("F", bound=Callable[..., Any])

_turns = threading.Semaphore(_AT_ONCE)


def in_turn(view: F) -> F:
    """Has a view wait for its turn, for as long as it would for the store. Raises TooManyLists."""

    @functools.wraps(view)
    def run(*args: Any, **kwargs: Any) -> Any:
        if not _turns.acquire(timeout=settings().store_timeout):
            raise TooManyLists("too many lists at once")
        try:
            return view(*args, **kwargs)
        finally:
            _turns.release()

    return run  # type: ignore[return-value]
