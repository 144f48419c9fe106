"""How a process shows that its loop goes on: the age of a file, which `timer-service health` reads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from scheduler import SettingsError


def beating(path: str) -> Callable[[], None]:
    """What each pass of the loop calls; without a path it does nothing. Raises SettingsError."""
    if not path:
        return lambda: None
    try:
        Path(path).touch()
    except OSError as error:
        raise SettingsError(f"TIMER_HEARTBEAT_FILE {path!r} is refused: {error.strerror}") from None

    def beat() -> None:
        with contextlib.suppress(OSError):  # a full disk is no reason to stop; the health check will tell
            os.utime(path)

    return beat
