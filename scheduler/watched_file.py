"""The value of a setting that stands in a file, read anew when another file stands there, without a restart.

Kubernetes changes a mounted secret by a symbolic link that it swaps, people by a file that they rename: both put
another file behind the same path.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from scheduler.errors import SettingsError

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds between two looks at the file.
_LOOK_EVERY = 1.0
#: Seconds since the last write to the file: one that is younger may be half written, and is left for a later look.
_SETTLED = 0.5
_MOST_BYTES = 2**20


class WatchedFile(Generic[T]):
    """What a file says. Shared by threads, and by processes that are forked after it was made; owns nothing to close.

    It is looked at when somebody asks, at most once a second: what is changed counts within 2 s. Once a file was read,
    one that is gone or says something else than it must changes nothing: what was read before stands.
    """

    def __init__(
        self,
        variable: str,
        path: str,
        read: Callable[[str], T],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`read` makes the value of the entries, comma separated, or raises ValueError with what they must be.

        Raises SettingsError, whose message holds nothing of the file.
        """
        self.variable = variable
        self._path = path
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._problem = ""
        try:
            self._seen = _identity(os.stat(path))
            self._value = read(_entries(path))
        except (OSError, ValueError) as error:
            raise SettingsError(f"{variable} {path!r} is refused: {_why(error)}") from None
        self._look_at = clock() + _LOOK_EVERY

    def value(self) -> T:
        """What the file says now, or said last."""
        if self._clock() >= self._look_at and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._look_at = self._clock() + _LOOK_EVERY
                self._lock.release()
        return self._value

    def problem(self) -> str:
        """A sentence about why the file that stands there now is not read; empty if it is."""
        self.value()
        return self._problem

    def _look(self) -> None:
        try:
            found = os.stat(self._path)
            if (identity := _identity(found)) == self._seen or 0 <= time.time() - found.st_mtime < _SETTLED:
                return
            self._value = self._read(_entries(self._path))
        except (OSError, ValueError) as error:
            # One that says something wrong is not read again until it is another; one that could not be read is.
            self._seen = identity if isinstance(error, ValueError) else ()
            self._say(_why(error))
            return
        self._seen = identity
        self._problem = ""
        log.info("%s was read anew", self.variable)

    def _say(self, why: str) -> None:
        problem = f"{self.variable} is not read: {why}; what was read before stands"
        if problem != self._problem:
            log.warning("%s is not read: %s; what was read before stands", self.variable, why)
        self._problem = problem


def _identity(found: os.stat_result) -> tuple[int, ...]:
    """Another one where another file stands at the same path, or the same one was written to."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _entries(path: str) -> str:
    """Those of a file, one a line or comma separated, without comments, which begin with #; comma separated.

    Raises OSError, or ValueError with what the file must be.
    """
    # What is no file could block: a pipe that nobody writes to.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("a file")
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"at most {_MOST_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("text in UTF-8") from None
    lines = (line.partition("#")[0] for line in text.splitlines())
    entries = [entry.strip() for line in lines for entry in line.split(",") if entry.strip()]
    if not entries:
        raise ValueError("a file with at least one entry")
    return ",".join(entries)


def _why(error: OSError | ValueError) -> str:
    """Nothing of what the file holds."""
    return f"{error.strerror}" if isinstance(error, OSError) else f"it must be {error}"
