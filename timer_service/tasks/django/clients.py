"""One client of the timer service for each process: Django makes a backend for each thread, and these share it."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from timer_service.client import TimerClient


def client_of(service: str, api_key: str | None) -> TimerClient:
    """Its connections are no other process's: one that forks shares none with its parent."""
    return _made(os.getpid(), service, api_key)


@lru_cache(maxsize=32)
def _made(_pid: int, service: str, api_key: str | None) -> TimerClient:
    from timer_service.client import TimerClient

    return TimerClient(service, api_key)
